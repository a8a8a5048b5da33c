//! Solidity on disk: a file, a folder, an archive, or the compiler's standard JSON input.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};

use scorpius_scan::source::{ARCHIVE_BYTES_MAX, FILE_BYTES_MAX, FILES_MAX, Project};

/// Folders that hold what tools made, or what is read only when it is imported.
const NOT_WALKED: [&str; 10] = [
    "node_modules",
    "lib",
    "dependencies",
    "out",
    "artifacts",
    "cache",
    "target",
    "build",
    "coverage",
    "typechain",
];
/// Files that mark the folder that imports are seen from.
const MARKS: [&str; 7] = [
    "foundry.toml",
    "remappings.txt",
    "hardhat.config.js",
    "hardhat.config.ts",
    "truffle-config.js",
    "package.json",
    ".git",
];
/// How deep folders are walked.
const DEPTH_MAX: usize = 32;
/// Bytes of a settings file.
const SETTINGS_BYTES_MAX: u64 = 256 << 10;

/// The project that `input` names; `None` when it names nothing that holds Solidity.
pub(super) fn project(input: &Path) -> Result<Option<Project>, Box<dyn Error>> {
    if input.is_dir() {
        return Ok(Some(folder(&input.canonicalize()?)?));
    }
    let ending = input.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if !input.is_file() || !["sol", "zip", "json"].contains(&ending) {
        return Ok(None);
    }
    let size = input.metadata()?.len();
    if size > ARCHIVE_BYTES_MAX as u64 {
        return Err(
            format!("{} has {size} bytes; at most {ARCHIVE_BYTES_MAX} are read", input.display()).into()
        );
    }
    Ok(Some(match ending {
        "zip" => Project::from_zip(&std::fs::read(input)?)?,
        "json" => Project::from_standard_input(&serde_json::from_slice(&std::fs::read(input)?)?)?,
        _ => one_file(&input.canonicalize()?)?,
    }))
}

fn one_file(file: &Path) -> Result<Project, Box<dyn Error>> {
    let folder = file.parent().unwrap_or(file);
    let marked =
        folder.ancestors().take(DEPTH_MAX).find(|it| MARKS.iter().any(|mark| it.join(mark).exists()));
    let mut tree = Tree::new(marked.unwrap_or(folder))?;
    tree.take(file)?;
    tree.finish()
}

fn folder(root: &Path) -> Result<Project, Box<dyn Error>> {
    let mut tree = Tree::new(root)?;
    tree.walk(root, 0)?;
    if tree.files.is_empty() {
        // A folder of packages alone: then they are what is asked for.
        tree.packages_too = true;
        tree.walk(root, 0)?;
    }
    if tree.files.is_empty() {
        return Err(format!("{} holds no Solidity", root.display()).into());
    }
    tree.finish()
}

/// Files below one folder.
struct Tree {
    root: PathBuf,
    files: BTreeMap<String, String>,
    remappings: Vec<String>,
    packages_too: bool,
}

impl Tree {
    fn new(root: &Path) -> Result<Self, Box<dyn Error>> {
        let remappings = remappings(root)?;
        Ok(Self { root: root.to_owned(), files: BTreeMap::new(), remappings, packages_too: false })
    }

    /// Sorted, so that the same folder is the same project; links are not followed.
    fn walk(&mut self, folder: &Path, depth: usize) -> Result<(), Box<dyn Error>> {
        let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let (path, kind) = (entry.path(), entry.file_type()?);
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if kind.is_dir() && depth < DEPTH_MAX {
                let skipped =
                    NOT_WALKED.contains(&name.as_ref()) && !self.packages_too || name.starts_with('.');
                if !skipped {
                    self.walk(&path, depth + 1)?;
                }
            } else if kind.is_file() && name.ends_with(".sol") && !is_of_forge(&name) {
                self.take(&path)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path) -> Result<(), Box<dyn Error>> {
        let inside = path.strip_prefix(&self.root)?;
        let name =
            inside.components().map(|it| it.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        if self.files.len() >= FILES_MAX {
            return Err(format!("more than {FILES_MAX} Solidity files; scan a part of them").into());
        }
        let size = path.metadata()?.len();
        if size > FILE_BYTES_MAX as u64 {
            return Err(format!("{name} has {size} bytes; at most {FILE_BYTES_MAX} are read").into());
        }
        let text = String::from_utf8(std::fs::read(path)?).map_err(|_| format!("{name} is not UTF-8"))?;
        self.files.insert(name, text);
        Ok(())
    }

    /// Adds what is imported from packages, and what that imports.
    fn finish(mut self) -> Result<Project, Box<dyn Error>> {
        // The project reads remappings; it also says which of them are none.
        let parsed = Project::new([("a.sol".to_owned(), String::new())], self.remappings.clone())?;
        let mut open: Vec<String> = self.files.keys().cloned().collect();
        let mut asked = BTreeSet::new();
        while let Some(from) = open.pop() {
            let imports =
                self.files.get(&from).map(|text| scorpius_source::imports_of(text)).unwrap_or_default();
            for import in imports {
                let places = scorpius_source::candidates(&from, &import, parsed.remappings());
                if places.iter().any(|place| self.files.contains_key(place))
                    || !asked.insert((from.clone(), import))
                {
                    continue;
                }
                let found = places.into_iter().find(|place| self.is_inside(place));
                if let Some(found) = found {
                    self.take(&self.root.join(&found))?;
                    open.push(found);
                }
            }
        }
        Ok(Project::new(self.files, self.remappings)?)
    }

    /// Whether there is such a file, and no link leads it out of the root.
    fn is_inside(&self, place: &str) -> bool {
        let real = self.root.join(place).canonicalize();
        real.is_ok_and(|real| real.is_file() && real.starts_with(&self.root))
    }
}

/// Foundry's tests and scripts: nobody deploys them. Named by itself, such a file is scanned.
fn is_of_forge(name: &str) -> bool {
    name.ends_with(".t.sol") || name.ends_with(".s.sol")
}

/// From `remappings.txt`, and from the list in `foundry.toml`.
fn remappings(root: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let read = |name: &str| -> Result<String, Box<dyn Error>> {
        let path = root.join(name);
        match path.metadata() {
            Ok(about) if about.is_file() && about.len() <= SETTINGS_BYTES_MAX => {
                Ok(std::fs::read_to_string(path)?)
            }
            Ok(about) if about.is_file() => Err(format!("{name} has {} bytes", about.len()).into()),
            _ => Ok(String::new()),
        }
    };
    let listed = read("remappings.txt")?;
    let mut all: Vec<String> = listed
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let settings = read("foundry.toml")?;
    if let Some((_, rest)) = settings.split_once("remappings")
        && let Some((list, _)) = rest.split_once('[').and_then(|(_, rest)| rest.split_once(']'))
    {
        let quoted = list.split(['"', '\'']).skip(1).step_by(2);
        all.extend(quoted.filter(|text| text.contains('=')).map(str::to_owned));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_with_what_it_imports_from_packages() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        };
        put("foundry.toml", "[profile.default]\nremappings = [\n  \"@own/=lib/own/src/\",\n]\n");
        put("src/A.sol", "import \"@own/B.sol\";\nimport \"@x/c/D.sol\";\ncontract A {}");
        put("lib/own/src/B.sol", "import \"./C.sol\";");
        put("lib/own/src/C.sol", "");
        put("lib/own/src/Unused.sol", "");
        put("node_modules/@x/c/D.sol", "");
        put("out/A.sol", "no");
        put("test/A.t.sol", "contract T {}");
        let project = project(folder.path()).expect("a project").expect("Solidity");
        let paths: Vec<&str> = project.files().map(|(path, _)| path).collect();
        assert_eq!(paths, ["lib/own/src/B.sol", "lib/own/src/C.sol", "node_modules/@x/c/D.sol", "src/A.sol"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_nowhere() {
        let (folder, other) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        std::fs::write(other.path().join("S.sol"), "contract Secret {}").expect("a file");
        std::fs::write(folder.path().join("A.sol"), "import \"./linked/S.sol\";\nimport \"./L.sol\";")
            .expect("a file");
        std::os::unix::fs::symlink(other.path(), folder.path().join("linked")).expect("a link");
        std::os::unix::fs::symlink(other.path().join("S.sol"), folder.path().join("L.sol")).expect("a link");
        let project = project(folder.path()).expect("a project").expect("Solidity");
        assert_eq!(project.files().map(|(path, _)| path).collect::<Vec<_>>(), ["A.sol"]);
    }
}

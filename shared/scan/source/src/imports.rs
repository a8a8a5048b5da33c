//! Which file an import means: the compiler's own rules, and the layouts of Foundry and Hardhat.

use std::collections::HashMap;

use scorpius_scan::source::{Project, Remapping};

/// Where packages lie in a project.
const ROOTS: [&str; 6] = ["", "node_modules/", "lib/", "src/", "contracts/", "dependencies/"];

/// Finds files of one project.
pub(crate) struct Resolver<'p> {
    paths: Vec<&'p str>,
    by_path: HashMap<&'p str, u32>,
    project: &'p Project,
}

impl<'p> Resolver<'p> {
    pub(crate) fn new(project: &'p Project) -> Self {
        let paths: Vec<&str> = project.files().map(|(path, _)| path).collect();
        let by_path = paths.iter().copied().zip(0u32..).collect();
        Self { paths, by_path, project }
    }

    /// The file that `import` in `file` means.
    pub(crate) fn resolve(&self, file: u32, import: &str) -> Option<u32> {
        let from = self.paths.get(file as usize)?;
        let likely = candidates(from, import, self.project.remappings());
        likely
            .iter()
            .find_map(|path| self.by_path.get(path.as_str()).copied())
            .or_else(|| self.only_ending(import))
    }

    /// The only file whose path ends like this: a package that lies where nobody said.
    fn only_ending(&self, import: &str) -> Option<u32> {
        let ending = format!("/{import}");
        let mut all = self.paths.iter().zip(0u32..).filter(|(path, _)| path.ends_with(&ending));
        let (_, first) = all.next()?;
        all.next().is_none().then_some(first)
    }
}

/// Where a file that `from` imports may lie, the likeliest first; all of them inside of the project.
#[must_use]
pub fn candidates(from: &str, import: &str, remappings: &[Remapping]) -> Vec<String> {
    if import.starts_with("./") || import.starts_with("../") {
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        return joined(folder, import).into_iter().collect();
    }
    let mut all = Vec::new();
    // The longest prefix wins.
    let fits = remappings.iter().filter(|it| import.starts_with(&it.prefix));
    if let Some(best) = fits.max_by_key(|it| it.prefix.len()) {
        let rest = import.get(best.prefix.len()..).unwrap_or_default();
        all.push(format!("{}{rest}", best.target));
    }
    all.extend(ROOTS.iter().map(|root| format!("{root}{import}")));
    // Foundry's own guess: `name/rest` is `lib/name/src/rest`; `@openzeppelin/contracts/x` is in the folder that the
    // package's repository has.
    if let Some((package, rest)) = import.split_once('/') {
        let name = package.trim_start_matches('@');
        let short = rest.strip_prefix("contracts/").unwrap_or(rest);
        for folder in ["src", "contracts"] {
            all.push(format!("lib/{package}/{folder}/{rest}"));
            all.push(format!("lib/{name}-contracts/{folder}/{short}"));
        }
    }
    all.iter().filter_map(|path| joined("", path)).collect()
}

/// `path` seen from `folder`; `None` when it leaves the project.
fn joined(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_lead_where_the_compiler_and_the_layouts_say() {
        let paths = [
            "src/A.sol",
            "src/sub/B.sol",
            "lib/solmate/src/tokens/ERC20.sol",
            "node_modules/@openzeppelin/contracts/access/Ownable.sol",
            "vendor/oz/token/ERC721.sol",
            "elsewhere/deep/Odd.sol",
        ];
        let files = paths.iter().map(|path| ((*path).to_owned(), String::new()));
        let project = Project::new(files, ["@oz/=vendor/oz/".to_owned()]).expect("a project");
        let resolver = Resolver::new(&project);
        let at = |from: &str, import: &str| {
            let file = resolver.by_path[from];
            resolver.resolve(file, import).map(|found| resolver.paths[found as usize])
        };
        for (from, import, expected) in [
            ("src/sub/B.sol", "../A.sol", Some("src/A.sol")),
            ("src/A.sol", "./sub/B.sol", Some("src/sub/B.sol")),
            ("src/A.sol", "src/sub/B.sol", Some("src/sub/B.sol")),
            ("src/A.sol", "sub/B.sol", Some("src/sub/B.sol")),
            ("src/A.sol", "solmate/tokens/ERC20.sol", Some("lib/solmate/src/tokens/ERC20.sol")),
            (
                "src/A.sol",
                "@openzeppelin/contracts/access/Ownable.sol",
                Some("node_modules/@openzeppelin/contracts/access/Ownable.sol"),
            ),
            ("src/A.sol", "@oz/token/ERC721.sol", Some("vendor/oz/token/ERC721.sol")),
            ("src/A.sol", "deep/Odd.sol", Some("elsewhere/deep/Odd.sol")),
            ("src/A.sol", "../../../etc/passwd", None),
            ("src/A.sol", "nothing/there.sol", None),
        ] {
            assert_eq!(at(from, import), expected, "{from}: {import}");
        }
    }
}

//! Files as they are handed in: bounded, and with paths that stay inside.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Files of a project.
pub const FILES_MAX: usize = 2_000;
/// Bytes of one file. The largest contracts on chains have a tenth of it.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Bytes of all files.
pub(super) const PROJECT_BYTES_MAX: usize = 20 << 20;
/// Bytes of a path.
const PATH_BYTES_MAX: usize = 300;
/// Remappings.
const REMAPPINGS_MAX: usize = 200;

/// `prefix=target`: imports that begin with the one are looked for at the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remapping {
    /// What imports begin with.
    pub prefix: String,
    /// Where that is.
    pub target: String,
}

/// Solidity files by path, sorted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    files: BTreeMap<String, String>,
    remappings: Vec<Remapping>,
}

/// What is no project.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAProject {
    /// No file.
    #[error("a project without a Solidity file")]
    Empty,
    /// Too many.
    #[error("a project of more than {FILES_MAX} files")]
    TooManyFiles,
    /// One file is too long.
    #[error("`{0}` has more than {FILE_BYTES_MAX} bytes")]
    FileTooLong(String),
    /// All are.
    #[error("a project of more than {PROJECT_BYTES_MAX} bytes")]
    TooLong,
    /// A path that leaves the project, or is none.
    #[error("not a path inside of a project: `{0}`")]
    BadPath(String),
    /// The same path twice, once it is normalised.
    #[error("`{0}` is there twice")]
    Twice(String),
    /// A remapping that is none, or too many.
    #[error("not a remapping, or more than {REMAPPINGS_MAX}: `{0}`")]
    BadRemapping(String),
    /// Not the compiler's standard input.
    #[error("not the compiler's standard JSON input: {0}")]
    NotStandardInput(&'static str),
    /// A file that has to be fetched.
    #[error("`{0}` has no `content`; nothing is fetched from `urls`")]
    NoContent(String),
}

impl Project {
    /// From paths and texts. Remappings are written as the compiler takes them.
    ///
    /// # Errors
    /// What is over a limit, and paths that lead out.
    pub fn new<F, R>(files: F, remappings: R) -> Result<Self, NotAProject>
    where
        F: IntoIterator<Item = (String, String)>,
        R: IntoIterator<Item = String>,
    {
        let mut project = Self { files: BTreeMap::new(), remappings: Vec::new() };
        let mut size = 0usize;
        for (path, text) in files {
            let inside = normal_path(&path).ok_or_else(|| NotAProject::BadPath(cut(&path)))?;
            if text.len() > FILE_BYTES_MAX {
                return Err(NotAProject::FileTooLong(cut(&path)));
            }
            size += text.len();
            if size > PROJECT_BYTES_MAX {
                return Err(NotAProject::TooLong);
            }
            if project.files.len() >= FILES_MAX {
                return Err(NotAProject::TooManyFiles);
            }
            if project.files.insert(inside, text).is_some() {
                return Err(NotAProject::Twice(cut(&path)));
            }
        }
        if project.files.is_empty() {
            return Err(NotAProject::Empty);
        }
        for text in remappings {
            let parsed = remapping(&text);
            match parsed {
                Some(parsed) if project.remappings.len() < REMAPPINGS_MAX => project.remappings.push(parsed),
                _ => return Err(NotAProject::BadRemapping(cut(&text))),
            }
        }
        Ok(project)
    }

    /// From the compiler's standard JSON input: `sources` with `content`, and `settings.remappings`.
    ///
    /// # Errors
    /// What is no such input, and what [`Project::new`] refuses.
    pub fn from_standard_input(input: &Value) -> Result<Self, NotAProject> {
        if input["language"].as_str().is_some_and(|language| language != "Solidity") {
            return Err(NotAProject::NotStandardInput("`language` is not `Solidity`"));
        }
        let sources =
            input["sources"].as_object().ok_or(NotAProject::NotStandardInput("`sources` is no object"))?;
        if sources.len() > FILES_MAX {
            return Err(NotAProject::TooManyFiles);
        }
        let mut files = Vec::with_capacity(sources.len());
        for (path, source) in sources {
            let content = source["content"].as_str().ok_or_else(|| NotAProject::NoContent(cut(path)))?;
            files.push((path.clone(), content.to_owned()));
        }
        let remappings = match &input["settings"]["remappings"] {
            Value::Null => Vec::new(),
            Value::Array(all) if all.len() <= REMAPPINGS_MAX => {
                let texts: Option<Vec<_>> = all.iter().map(|it| it.as_str().map(str::to_owned)).collect();
                texts.ok_or(NotAProject::NotStandardInput("a remapping is no text"))?
            }
            _ => return Err(NotAProject::NotStandardInput("`settings.remappings` is no list, or too long")),
        };
        Self::new(files, remappings)
    }

    /// Paths and texts, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// How imports are renamed.
    #[must_use]
    pub fn remappings(&self) -> &[Remapping] {
        &self.remappings
    }

    /// Whether a file is a package that the project uses: it lies where package managers put them, and not
    /// everything does.
    #[must_use]
    pub fn is_dependency(&self, path: &str) -> bool {
        is_package(path) && !self.files.keys().all(|path| is_package(path))
    }

    /// Bytes of all files.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.files.values().map(String::len).sum()
    }

    /// The same bytes for the same project.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Maps of texts and lists of texts: nothing of it can fail to be JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Back from [`Project::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// SHA-256 of [`Project::to_bytes`], in hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(self.to_bytes()))
    }
}

/// The path with `/`, without `.` and without a step up; `None` when it is none that stays inside.
fn normal_path(path: &str) -> Option<String> {
    if path.is_empty() || path.len() > PATH_BYTES_MAX || path.chars().any(char::is_control) {
        return None;
    }
    // An absolute path, a drive, and a scheme such as `https://` all are refused by their first part.
    if path.starts_with('/') || path.contains('\\') || path.contains(':') {
        return None;
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            ".." => return None,
            "" | "." => {}
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Whether the path is one where package managers put packages.
fn is_package(path: &str) -> bool {
    let first = ["node_modules/", "lib/", "dependencies/"].iter().any(|folder| path.starts_with(folder));
    first || path.contains("/node_modules/")
}

/// `context:prefix=target`; the context is not looked at.
fn remapping(text: &str) -> Option<Remapping> {
    let (from, target) = text.split_once('=')?;
    let prefix = from.rsplit_once(':').map_or(from, |(_, prefix)| prefix);
    let fine = !prefix.is_empty() && text.len() <= 2 * PATH_BYTES_MAX && !text.chars().any(char::is_control);
    let target = target.trim_start_matches("./").to_owned();
    fine.then(|| Remapping { prefix: prefix.to_owned(), target })
}

fn cut(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(paths: &[&str]) -> Result<Project, NotAProject> {
        Project::new(paths.iter().map(|path| ((*path).to_owned(), "contract A {}".to_owned())), [])
    }

    #[test]
    fn paths_stay_inside_of_a_project() {
        for path in ["a.sol", "./src/A.sol", "@lib/a/b.sol", "src//A.sol", "a b.sol"] {
            assert!(of(&[path]).is_ok(), "{path}");
        }
        let long = "a".repeat(PATH_BYTES_MAX + 1);
        for path in
            ["", "/etc/a.sol", "../a.sol", "src/../../a.sol", "a\\b.sol", "C:/a.sol", "a\0.sol", ".", &long]
        {
            assert!(matches!(of(&[path]), Err(NotAProject::BadPath(_))), "{path}");
        }
        assert_eq!(of(&["src/A.sol", "./src//A.sol"]), Err(NotAProject::Twice("./src//A.sol".to_owned())));
    }

    #[test]
    fn what_is_too_much_is_refused_and_named() {
        let text = |size: usize| "x".repeat(size);
        let one = Project::new([("a.sol".to_owned(), text(FILE_BYTES_MAX + 1))], []);
        assert_eq!(one, Err(NotAProject::FileTooLong("a.sol".to_owned())));
        let many = Project::new((0..=FILES_MAX).map(|it| (format!("{it}.sol"), String::new())), []);
        assert_eq!(many, Err(NotAProject::TooManyFiles));
        let all = Project::new((0..21).map(|it| (format!("{it}.sol"), text(FILE_BYTES_MAX))), []);
        assert_eq!(all, Err(NotAProject::TooLong));
        assert_eq!(Project::new([], []), Err(NotAProject::Empty));
    }

    #[test]
    fn the_compilers_input_is_a_project() {
        let input = serde_json::json!({
            "language": "Solidity",
            "sources": {"src/A.sol": {"content": "contract A {}"}},
            "settings": {"remappings": ["ctx:@x/=lib/x/src/"]},
        });
        let project = Project::from_standard_input(&input).expect("an input");
        assert_eq!(project.files().next(), Some(("src/A.sol", "contract A {}")));
        assert_eq!(project.remappings()[0].prefix, "@x/");
        assert_eq!(Project::from_bytes(&project.to_bytes()), Some(project));
        for (input, error) in [
            (serde_json::json!({}), NotAProject::NotStandardInput("`sources` is no object")),
            (
                serde_json::json!({"language": "Yul", "sources": {}}),
                NotAProject::NotStandardInput("`language` is not `Solidity`"),
            ),
            (
                serde_json::json!({"sources": {"a.sol": {"urls": ["https://a"]}}}),
                NotAProject::NoContent("a.sol".to_owned()),
            ),
        ] {
            assert_eq!(Project::from_standard_input(&input), Err(error));
        }
    }

    proptest! {
        #[test]
        fn no_path_that_is_taken_leads_out(path in ".{0,60}") {
            if let Ok(project) = of(&[&path]) {
                for (inside, _) in project.files() {
                    prop_assert!(!inside.starts_with('/'));
                    prop_assert!(inside.split('/').all(|part| part != ".." && !part.is_empty()));
                }
            }
        }
    }
}

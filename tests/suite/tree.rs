//! Reading the repository's own files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the repository is.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests' crate is in the repository").to_owned()
}

/// A file's text; `path` counts from the root.
#[track_caller]
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Whether there is such a file or folder.
pub(crate) fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// All files below `folder`, sorted, as paths from the root. Build output and hidden folders are left out.
pub(crate) fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for (name, is_folder) in entries(&folder) {
            let path = format!("{folder}/{name}");
            match is_folder {
                true if name == "target" || name == "node_modules" || name.starts_with('.') => {}
                true => open.push(path),
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

/// Names of the folders in `folder`, sorted.
pub(crate) fn folders(folder: &str) -> Vec<String> {
    let mut names: Vec<_> =
        entries(folder).into_iter().filter(|(_, is_folder)| *is_folder).map(|(name, _)| name).collect();
    names.sort();
    names
}

fn entries(folder: &str) -> Vec<(String, bool)> {
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return Vec::new() };
    entries
        .map(|entry| {
            let entry = entry.expect("a folder of the repository can be read");
            let is_folder = entry.file_type().expect("a file has a type").is_dir();
            (entry.file_name().to_string_lossy().into_owned(), is_folder)
        })
        .collect()
}

/// The crates that are linked for the features that are really used, with their depth.
pub(crate) fn cargo_tree(arguments: &[&str]) -> Vec<(usize, String)> {
    let lines = cargo_tree_lines(&[&["--prefix", "depth", "--format", " {p}"], arguments].concat());
    let named = lines.iter().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.parse().ok()?, words.next()?.to_owned()))
    });
    named.collect()
}

/// Cargo, as whoever runs the tests would start it. What it tells a test of its package is not passed on:
/// build scripts that look at it would run again, and what hangs on them be built again, each time.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(of_package) {
            command.env_remove(name);
        }
    }
    command
}

/// What `cargo tree` prints. Nothing is fetched when the workspace was built before.
pub(crate) fn cargo_tree_lines(arguments: &[&str]) -> Vec<String> {
    let output = cargo()
        .current_dir(root())
        .args(["tree", "--locked", "--quiet"])
        .args(arguments)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    printed.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

//! Detectors from a folder.

use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};

use scorpius_scan::engine::query::{DETECTORS_MAX, Detector, DetectorSet, SOURCE_BYTES_MAX};

/// How files of detectors end.
const EXTENSION: &str = "det";

/// The detectors of `folder`: every file `*.det` directly in it.
pub(super) fn read(folder: &Path) -> Result<DetectorSet, Box<dyn Error>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == EXTENSION) {
            if paths.len() == DETECTORS_MAX {
                return Err(format!("{}: more than {DETECTORS_MAX} detectors", folder.display()).into());
            }
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(format!("{}: no file `*.{EXTENSION}` in it", folder.display()).into());
    }
    paths.sort();
    let detectors = paths.iter().map(|path| detector(path)).collect::<Result<Vec<_>, _>>()?;
    Ok(DetectorSet::of(detectors, Vec::new()).map_err(|error| format!("{}: {error}", folder.display()))?)
}

fn detector(path: &Path) -> Result<Detector, Box<dyn Error>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    // One byte more than fits: the parser says that it is too long.
    file.take(SOURCE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{}: not UTF-8", path.display()))?;
    Ok(Detector::parse(&text).map_err(|bad| format!("{}: {bad}", path.display()))?)
}

//! Solidity out of a zip archive. What an archive says of itself is not believed: every size is counted.

use std::io::Read;

use super::project::{NotAProject, PROJECT_BYTES_MAX, Project};

/// Bytes of an archive.
pub const ARCHIVE_BYTES_MAX: usize = 50 << 20;
/// Entries that are looked at.
const ENTRIES_MAX: usize = 20_000;
/// Bytes of `remappings.txt`.
const REMAPPINGS_BYTES_MAX: usize = 64 << 10;
/// The end record and the longest comment behind it.
const END_BYTES_MAX: usize = 22 + 65_535;

/// An archive that is none, or holds no project.
#[derive(Debug, thiserror::Error)]
pub enum NotAnArchive {
    /// Its bytes do not fit together.
    #[error("not a zip archive: {0}")]
    Broken(&'static str),
    /// Too long, or more in it than is taken.
    #[error(
        "an archive of more than {ARCHIVE_BYTES_MAX} bytes, {ENTRIES_MAX} entries or {PROJECT_BYTES_MAX} bytes of Solidity"
    )]
    TooMuch,
    /// A text that is none.
    #[error("`{0}` is not UTF-8")]
    NotText(String),
    /// What is in it is no project.
    #[error(transparent)]
    NotAProject(#[from] NotAProject),
}

impl Project {
    /// From a zip archive: its `.sol` files, and `remappings.txt` at the top. A folder that everything lies in is
    /// left out of the paths. Links are not followed.
    ///
    /// # Errors
    /// What is no archive, is over a limit, or is refused by [`Project::new`].
    pub fn from_zip(bytes: &[u8]) -> Result<Self, NotAnArchive> {
        if bytes.len() > ARCHIVE_BYTES_MAX {
            return Err(NotAnArchive::TooMuch);
        }
        let mut files = Vec::new();
        let mut remappings = Vec::new();
        let mut left = PROJECT_BYTES_MAX;
        let entries = entries(bytes)?;
        let top = common_folder(&entries);
        for entry in &entries {
            let path = entry.path.strip_prefix(top.as_str()).unwrap_or(&entry.path);
            let limit = match path {
                "remappings.txt" => left.min(REMAPPINGS_BYTES_MAX),
                path if path.ends_with(".sol") && !entry.is_link => left,
                _ => continue,
            };
            let content = unpacked(bytes, entry, limit)?;
            left -= content.len();
            let text = String::from_utf8(content)
                .map_err(|_| NotAnArchive::NotText(path.chars().take(80).collect()))?;
            match path {
                "remappings.txt" => remappings.extend(lines(&text)),
                path => files.push((path.to_owned(), text)),
            }
        }
        Ok(Self::new(files, remappings)?)
    }
}

/// The lines of `remappings.txt`.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned)
}

struct Entry {
    path: String,
    method: usize,
    packed: usize,
    offset: usize,
    is_link: bool,
}

fn number(bytes: &[u8], at: usize, width: usize) -> Option<usize> {
    let part = bytes.get(at..at.checked_add(width)?)?;
    Some(part.iter().rev().fold(0usize, |sum, &byte| (sum << 8) | usize::from(byte)))
}

/// The central directory (APPNOTE 6.3.10, sections 4.3.12 and 4.3.16).
fn entries(bytes: &[u8]) -> Result<Vec<Entry>, NotAnArchive> {
    let broken = NotAnArchive::Broken;
    let from = bytes.len().saturating_sub(END_BYTES_MAX);
    let tail = bytes.get(from..).unwrap_or_default();
    let end =
        tail.windows(4).rposition(|four| four == b"PK\x05\x06").ok_or(broken("it has no end record"))? + from;
    let read = |at: usize, width: usize| number(bytes, at, width).ok_or(broken("it is cut short"));
    let (count, mut at) = (read(end + 10, 2)?, read(end + 16, 4)?);
    if count == 0xffff || at == 0xffff_ffff {
        return Err(broken("zip64 is not read"));
    }
    if count > ENTRIES_MAX {
        return Err(NotAnArchive::TooMuch);
    }
    let mut all = Vec::new();
    for _ in 0..count {
        if bytes.get(at..at + 4) != Some(b"PK\x01\x02") {
            return Err(broken("its directory is not where the end record says"));
        }
        let (flags, method, packed) = (read(at + 8, 2)?, read(at + 10, 2)?, read(at + 20, 4)?);
        let (name, extra, comment) = (read(at + 28, 2)?, read(at + 30, 2)?, read(at + 32, 2)?);
        let (mode, offset) = (read(at + 38, 4)? >> 16, read(at + 42, 4)?);
        let path = bytes.get(at + 46..at + 46 + name).ok_or(broken("it is cut short"))?;
        let path = String::from_utf8_lossy(path).into_owned();
        if flags & 1 == 1 && path.ends_with(".sol") {
            return Err(broken("it is encrypted"));
        }
        // Unix keeps the kind of a file in the upper bits.
        let is_link = mode & 0o170_000 == 0o120_000;
        all.push(Entry { path, method, packed, offset, is_link });
        at += 46 + name + extra + comment;
    }
    Ok(all)
}

/// The folder that all entries lie in, with its slash, as in archives that code hosts make; else nothing.
fn common_folder(entries: &[Entry]) -> String {
    let first =
        entries.first().and_then(|entry| entry.path.split_once('/')).map(|(folder, _)| format!("{folder}/"));
    // `src/` and its like mean something in imports.
    let telling = ["src/", "contracts/", "lib/", "node_modules/", "../", "./"];
    match first {
        Some(folder)
            if !telling.contains(&folder.as_str())
                && entries.iter().all(|it| it.path.starts_with(&folder)) =>
        {
            folder
        }
        _ => String::new(),
    }
}

/// The content of one entry; more than `limit` bytes are refused before they are kept.
fn unpacked(bytes: &[u8], entry: &Entry, limit: usize) -> Result<Vec<u8>, NotAnArchive> {
    let broken = NotAnArchive::Broken;
    let at = entry.offset;
    if bytes.get(at..at.saturating_add(4)) != Some(b"PK\x03\x04") {
        return Err(broken("an entry is not where the directory says"));
    }
    let read = |at: usize, width: usize| number(bytes, at, width).ok_or(broken("it is cut short"));
    let start = at + 30 + read(at + 26, 2)? + read(at + 28, 2)?;
    let packed = bytes.get(start..start.saturating_add(entry.packed)).ok_or(broken("it is cut short"))?;
    let mut content = Vec::new();
    let most = limit as u64 + 1;
    let done = match entry.method {
        0 => packed.take(most).read_to_end(&mut content),
        8 => flate2::read::DeflateDecoder::new(packed).take(most).read_to_end(&mut content),
        _ => return Err(broken("an entry is packed in a way that is not read")),
    };
    done.map_err(|_| broken("an entry cannot be unpacked"))?;
    match content.len() > limit {
        true => Err(NotAnArchive::TooMuch),
        false => Ok(content),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// An archive as common tools write it.
    fn zip(files: &[(&str, &[u8], u32)]) -> Vec<u8> {
        let mut all = Vec::new();
        let mut directory = Vec::new();
        for (path, content, mode) in files {
            let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
            packer.write_all(content).expect("memory");
            let packed = packer.finish().expect("memory");
            let offset = u32::try_from(all.len()).expect("small");
            let (size, whole) = (packed.len() as u32, content.len() as u32);
            let name = path.len() as u16;
            let mut common = Vec::new();
            for two in [20u16, 0, 8, 0, 0] {
                common.extend(two.to_le_bytes());
            }
            for four in [0u32, size, whole] {
                common.extend(four.to_le_bytes());
            }
            all.extend(b"PK\x03\x04");
            all.extend(&common);
            all.extend(name.to_le_bytes());
            all.extend(0u16.to_le_bytes());
            all.extend(path.as_bytes());
            all.extend(&packed);
            directory.extend(b"PK\x01\x02\x14\x03");
            directory.extend(&common);
            directory.extend(name.to_le_bytes());
            directory.extend([0; 8]);
            directory.extend((mode << 16).to_le_bytes());
            directory.extend(offset.to_le_bytes());
            directory.extend(path.as_bytes());
        }
        let (count, size, at) = (files.len() as u16, directory.len() as u32, all.len() as u32);
        all.extend(&directory);
        all.extend(b"PK\x05\x06\0\0\0\0");
        all.extend(count.to_le_bytes());
        all.extend(count.to_le_bytes());
        all.extend(size.to_le_bytes());
        all.extend(at.to_le_bytes());
        all.extend([0, 0]);
        all
    }

    const FILE: u32 = 0o100_644;

    #[test]
    fn solidity_comes_out_of_an_archive() {
        let archive = zip(&[
            ("repo-1/src/A.sol", b"contract A {}", FILE),
            ("repo-1/remappings.txt", b"# ours\n@x/=lib/x/\n", FILE),
            ("repo-1/README.md", b"no", FILE),
            ("repo-1/src/link.sol", b"/etc/passwd", 0o120_777),
        ]);
        let project = Project::from_zip(&archive).expect("a project");
        assert_eq!(project.files().collect::<Vec<_>>(), [("src/A.sol", "contract A {}")]);
        assert_eq!(project.remappings()[0].target, "lib/x/");
    }

    #[test]
    fn archives_that_lie_or_lead_out_are_refused() {
        let out = Project::from_zip(&zip(&[("../a.sol", b"contract A {}", FILE)]));
        assert!(matches!(out, Err(NotAnArchive::NotAProject(NotAProject::BadPath(_)))), "{out:?}");
        let bomb = Project::from_zip(&zip(&[("a.sol", &vec![b' '; PROJECT_BYTES_MAX + 1], FILE)]));
        assert!(matches!(bomb, Err(NotAnArchive::TooMuch)), "{bomb:?}");
        let none = Project::from_zip(&zip(&[("a.txt", b"", FILE)]));
        assert!(matches!(none, Err(NotAnArchive::NotAProject(NotAProject::Empty))), "{none:?}");
        for broken in [&b""[..], b"PK\x05\x06", &[0; 100]] {
            assert!(matches!(Project::from_zip(broken), Err(NotAnArchive::Broken(_))));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(at in 0usize..400, byte in any::<u8>(), cut in 0usize..400) {
            let mut archive = zip(&[("src/A.sol", b"contract A {}", FILE), ("b.sol", b"contract B {}", FILE)]);
            if let Some(place) = archive.get_mut(at) {
                *place = byte;
            }
            archive.truncate(archive.len().saturating_sub(cut));
            let _ignored = Project::from_zip(&archive).is_ok();
        }
    }
}

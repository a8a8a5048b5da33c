//! C2SP tlog-tiles: how a tree lies in files. <https://c2sp.org/tlog-tiles>

use std::fmt;
use std::str::FromStr;

/// Hashes of a full tile.
pub const TILE_WIDTH: u16 = 256;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Hashes of the tree at height 8 × this, 0 to 63.
    Hashes(u8),
    /// The entries themselves.
    Entries,
}

/// A tile's name: `tile/<L>/<N>[.p/<W>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileName {
    level: Level,
    index: u64,
    width: u16,
}

/// Not the name of a tile.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a tile's name: `{0}`")]
pub struct NotATile(String);

impl TileName {
    /// The `index`-th tile of `level` with `width` hashes or entries.
    ///
    /// # Errors
    /// For a level over 63 or a width outside 1 to 256.
    pub fn new(level: Level, index: u64, width: u16) -> Result<Self, NotATile> {
        let name = Self { level, index, width };
        let fine = (1..=TILE_WIDTH).contains(&width) && !matches!(level, Level::Hashes(64..));
        if fine { Ok(name) } else { Err(NotATile(name.to_string())) }
    }

    /// What it holds.
    #[must_use]
    pub fn level(self) -> Level {
        self.level
    }

    /// Which tile of its level, from 0.
    #[must_use]
    pub fn index(self) -> u64 {
        self.index
    }

    /// Hashes or entries in it, 1 to 256.
    #[must_use]
    pub fn width(self) -> u16 {
        self.width
    }

    /// The same place with 256: where a partial tile's content is once the tile is full.
    #[must_use]
    pub fn full(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }
}

impl fmt::Display for TileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Level::Hashes(level) => write!(f, "tile/{level}/")?,
            Level::Entries => f.write_str("tile/entries/")?,
        }
        // Groups of three digits, all but the last marked with `x`: 1234067 is x001/x234/067.
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups.iter().skip(1).rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", self.index % 1000)?;
        match self.width {
            TILE_WIDTH => Ok(()),
            width => write!(f, ".p/{width}"),
        }
    }
}

impl FromStr for TileName {
    type Err = NotATile;

    fn from_str(text: &str) -> Result<Self, NotATile> {
        let bad = || NotATile(text.chars().take(60).collect());
        let name = parse(text).ok_or_else(bad)?;
        // A name has one spelling: no leading zeros, no `x000` in front, no `.p/256`.
        if name.to_string() == text { Ok(name) } else { Err(bad()) }
    }
}

fn parse(text: &str) -> Option<TileName> {
    // `tile/entries/`, seven groups of five bytes for 2^64, `.p/255`.
    let rest = text.strip_prefix("tile/").filter(|rest| rest.len() <= 64)?;
    let (level, rest) = rest.split_once('/')?;
    let level = match level {
        "entries" => Level::Entries,
        digits => Level::Hashes(digits.parse().ok()?),
    };
    let (groups, width) = match rest.split_once(".p/") {
        Some((groups, width)) => (groups, width.parse().ok()?),
        None => (rest, TILE_WIDTH),
    };
    let mut index = 0_u64;
    for group in groups.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let group: u64 = (digits.len() == 3).then(|| digits.parse().ok())??;
        index = index.checked_mul(1000)?.checked_add(group)?;
    }
    TileName::new(level, index, width).ok()
}

/// The content of an entries tile: each entry after its length as two bytes, big-endian.
///
/// # Panics
/// When an entry is over 65,535 bytes; ours have 32.
#[must_use]
pub fn encode_entries<E: AsRef<[u8]>>(entries: &[E]) -> Vec<u8> {
    let mut tile = Vec::with_capacity(entries.iter().map(|entry| 2 + entry.as_ref().len()).sum());
    for entry in entries.iter().map(AsRef::as_ref) {
        let length = u16::try_from(entry.len()).expect("entries of the ledger have 32 bytes");
        tile.extend_from_slice(&length.to_be_bytes());
        tile.extend_from_slice(entry);
    }
    tile
}

/// The entries in `tile`, exactly `width` of them; `None` for anything else.
#[must_use]
pub fn decode_entries(mut tile: &[u8], width: u16) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::with_capacity(usize::from(width.min(TILE_WIDTH)));
    for _ in 0..width {
        let (length, rest) = tile.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        tile = rest;
    }
    tile.is_empty().then_some(entries)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(level: Level, index: u64, width: u16, path: &str) {
        let name = TileName::new(level, index, width).expect("a tile");
        assert_eq!(name.to_string(), path);
        assert_eq!(path.parse(), Ok(name));
    }

    // The path grammar of c2sp.org/tlog-tiles, with its own example 1234067.
    #[test]
    fn a_tile_s_path_is_the_specification_s() {
        check(Level::Hashes(0), 0, 256, "tile/0/000");
        check(Level::Hashes(0), 0, 1, "tile/0/000.p/1");
        check(Level::Hashes(0), 999, 256, "tile/0/999");
        check(Level::Hashes(0), 1000, 256, "tile/0/x001/000");
        check(Level::Hashes(1), 1_067, 256, "tile/1/x001/067");
        check(Level::Hashes(0), 1_234_067, 17, "tile/0/x001/x234/067.p/17");
        check(Level::Hashes(63), 0, 1, "tile/63/000.p/1");
        check(Level::Entries, 1_234_067, 256, "tile/entries/x001/x234/067");
        check(Level::Entries, 5, 3, "tile/entries/005.p/3");
        check(Level::Entries, u64::MAX, 255, "tile/entries/x018/x446/x744/x073/x709/x551/615.p/255");
    }

    #[test]
    fn what_is_not_a_tile_s_path_is_refused() {
        for bad in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/x001",
            "tile/00/001",
            "tile/+1/001",
            "tile/64/001",
            "tile/0/001.p/0",
            "tile/0/001.p/256",
            "tile/0/001.p/01",
            "tile/0/001.p/+1",
            "tile/0/001.p/",
            "tile/8/0/001",
            "tile/data/001",
            "/tile/0/001",
            "tile/0/+01",
            "tile/0/001.p/1/",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/x-01/001",
        ] {
            assert!(bad.parse::<TileName>().is_err(), "{bad}");
        }
        assert!(TileName::new(Level::Hashes(64), 0, 1).is_err());
        assert!(TileName::new(Level::Entries, 0, 0).is_err());
        assert!(TileName::new(Level::Entries, 0, 257).is_err());
    }

    #[test]
    fn entries_come_back_as_they_were_put() {
        let tile = encode_entries(&[b"ab".as_slice(), b"", b"c"]);
        assert_eq!(tile, b"\0\x02ab\0\0\0\x01c");
        assert_eq!(decode_entries(&tile, 3), Some(vec![b"ab".as_slice(), b"", b"c"]));
        assert_eq!(decode_entries(&tile, 2), None);
        assert_eq!(decode_entries(&tile, 4), None);
        assert_eq!(decode_entries(b"\0\x02a", 1), None);
        assert_eq!(decode_entries(b"", u16::MAX), None);
    }

    proptest! {
        #[test]
        fn names_survive_their_spelling(level in 0_u8..64, index: u64, width in 1_u16..=256, entries: bool) {
            let level = if entries { Level::Entries } else { Level::Hashes(level) };
            let name = TileName::new(level, index, width).expect("a tile");
            prop_assert_eq!(name.to_string().parse(), Ok(name));
            prop_assert!(crate::log::LogName::Shared.blob(&name.to_string()).is_ok_and(|blob| blob.as_str().starts_with("ledger/tile/")));
        }

        #[test]
        fn arbitrary_text_never_panics(text in "(tile/)?[0-9a-z/.p+x]{0,80}", bytes: Vec<u8>, width: u16) {
            if let Ok(name) = text.parse::<TileName>() {
                prop_assert_eq!(name.to_string(), text);
            }
            if let Some(entries) = decode_entries(&bytes, width) {
                prop_assert_eq!(encode_entries(&entries), bytes);
            }
        }
    }
}

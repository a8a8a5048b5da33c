//! Source maps as `solc` writes them: `s:l:f:j:m` for each instruction, between `;`.
//!
//! A field that is empty or left out is that of the entry before
//! (<https://docs.soliditylang.org/en/latest/internals/source_mappings.html>).

use crate::engine::CODE_BYTES_MAX;

/// Bytes of a map: 60 for each instruction of the longest code.
const MAP_BYTES_MAX: usize = 60 * CODE_BYTES_MAX;
/// Characters of what is wrong that are shown.
const SHOWN_CHARS_MAX: usize = 40;

/// Which text one instruction is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The first byte in the file; `None` is written as -1, here and below.
    pub(super) start: Option<usize>,
    /// Bytes.
    pub(super) length: Option<usize>,
    /// The file, by its id in the output; `None` is code of the compiler's own.
    pub(super) file: Option<u64>,
    /// Whether it is a jump into a function or out of it.
    pub(super) jump: Jump,
    /// Modifiers around it.
    pub(super) modifiers: u64,
}

/// What a jump is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Jump {
    /// `i`: into a function.
    Into,
    /// `o`: out of one.
    Out,
    /// `-`: neither.
    Regular,
}

/// Text that is no source map.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotASourceMap {
    /// More than any contract has.
    #[error("more than {MAP_BYTES_MAX} bytes, or an entry for more than {CODE_BYTES_MAX} instructions")]
    TooLong,
    /// An entry with more than five fields, or with one that is none.
    #[error("entry {entry} is not `s:l:f:j:m`: `{shown}`")]
    BadEntry {
        /// Which one, from 0.
        entry: usize,
        /// It, cut.
        shown: String,
    },
}

/// The entries of a map, one an instruction. An empty map has none.
pub(super) fn decode(map: &str) -> Result<Vec<Entry>, NotASourceMap> {
    if map.len() > MAP_BYTES_MAX {
        return Err(NotASourceMap::TooLong);
    }
    let mut entries = Vec::new();
    if map.is_empty() {
        return Ok(entries);
    }
    // What the compiler compares its first entry with.
    let mut entry = Entry { start: None, length: None, file: None, jump: Jump::Regular, modifiers: 0 };
    for text in map.split(';') {
        if entries.len() >= CODE_BYTES_MAX {
            return Err(NotASourceMap::TooLong);
        }
        entry = follow(entry, text).ok_or_else(|| NotASourceMap::BadEntry {
            entry: entries.len(),
            shown: text.chars().filter(|letter| !letter.is_control()).take(SHOWN_CHARS_MAX).collect(),
        })?;
        entries.push(entry);
    }
    Ok(entries)
}

/// The entry that `text` makes of the one before.
fn follow(mut entry: Entry, text: &str) -> Option<Entry> {
    for (place, field) in text.split(':').enumerate() {
        if field.is_empty() && place < 5 {
            continue;
        }
        match place {
            0 => entry.start = number(field)?,
            1 => entry.length = number(field)?,
            2 => entry.file = number(field)?,
            3 => {
                entry.jump = match field {
                    "i" => Jump::Into,
                    "o" => Jump::Out,
                    "-" => Jump::Regular,
                    _ => return None,
                }
            }
            4 => entry.modifiers = digits(field)?,
            _ => return None,
        }
    }
    Some(entry)
}

/// A number, or -1 for none.
#[expect(clippy::option_option, reason = "the outer one is that it is no number")]
fn number<N: std::str::FromStr>(text: &str) -> Option<Option<N>> {
    match text {
        "-1" => Some(None),
        _ => digits(text).map(Some),
    }
}

/// Digits and nothing else: `FromStr` would take a sign.
fn digits<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the compiler writes it: what is as before is left out, from the end too.
    fn encode(entries: &[Entry]) -> String {
        let (mut texts, mut before) = (Vec::new(), None::<[String; 5]>);
        for entry in entries {
            let number = |number: Option<u64>| number.map_or_else(|| "-1".to_owned(), |it| it.to_string());
            let jump = match entry.jump {
                Jump::Into => "i",
                Jump::Out => "o",
                Jump::Regular => "-",
            };
            let fields = [
                number(entry.start.map(|it| it as u64)),
                number(entry.length.map(|it| it as u64)),
                number(entry.file),
                jump.to_owned(),
                entry.modifiers.to_string(),
            ];
            let same = |place: usize| before.as_ref().is_some_and(|it| it[place] == fields[place]);
            let written = (0..5).rev().find(|&place| !same(place)).map_or(0, |last| last + 1);
            let texts_of = (0..written).map(|it| if same(it) { "" } else { fields[it].as_str() });
            texts.push(texts_of.collect::<Vec<_>>().join(":"));
            before = Some(fields);
        }
        texts.join(";")
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let jump = prop_oneof![Just(Jump::Into), Just(Jump::Out), Just(Jump::Regular)];
        let number = || prop::option::of(0_usize..4);
        (number(), prop::option::of(any::<usize>()), prop::option::of(0_u64..3), jump, 0_u64..3)
            .prop_map(|(start, length, file, jump, modifiers)| Entry { start, length, file, jump, modifiers })
    }

    #[test]
    fn fields_that_are_left_out_are_those_before() {
        let entries = decode("1:2:1;:9;2:1:2;;;-1:-1:-1:o:3").expect("a map");
        let short = |entry: &Entry| (entry.start, entry.length, entry.file);
        let all: Vec<_> = entries.iter().map(short).collect();
        let said = [(1, 2, 1), (1, 9, 1), (2, 1, 2), (2, 1, 2), (2, 1, 2)];
        let mut expected: Vec<_> = said.map(|(s, l, f)| (Some(s), Some(l), Some(f))).to_vec();
        expected.push((None, None, None));
        assert_eq!(all, expected);
        assert_eq!(entries.last().map(|it| (it.jump, it.modifiers)), Some((Jump::Out, 3)));
        assert_eq!(decode(""), Ok(Vec::new()));
        assert_eq!(decode(";").map(|it| it.len()), Ok(2));
    }

    #[test]
    fn what_is_no_map_is_told_with_its_entry() {
        for (map, entry) in [
            ("a", 0),
            ("1:2:3:-:0:", 0),
            ("1:2:3:-:0;1:2:3:x", 1),
            (";;-2", 2),
            ("+1", 0),
            ("1:2:3:-:-1", 0),
            ("99999999999999999999999", 0),
            ("1: 2", 0),
            ("ü", 0),
        ] {
            let bad = decode(map).expect_err(map);
            assert!(matches!(bad, NotASourceMap::BadEntry { entry: at, .. } if at == entry), "{map}: {bad}");
        }
        assert_eq!(decode(&";".repeat(CODE_BYTES_MAX)), Err(NotASourceMap::TooLong));
        assert_eq!(decode(&"1".repeat(MAP_BYTES_MAX + 1)), Err(NotASourceMap::TooLong));
    }

    proptest! {
        #[test]
        fn a_written_map_is_read_as_it_was(entries in proptest::collection::vec(entry(), 0..40)) {
            prop_assert_eq!(decode(&encode(&entries)), Ok(entries));
        }

        #[test]
        fn no_text_breaks_the_decoder(text in "[0-9:;io\\-xü]{0,120}", any in ".{0,60}") {
            for map in [text, any] {
                if let Ok(entries) = decode(&map) {
                    prop_assert_eq!(entries.is_empty(), map.is_empty());
                }
            }
        }
    }
}

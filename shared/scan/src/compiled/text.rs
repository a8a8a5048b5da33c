//! Bytes of a text as lines and columns.

use std::collections::{BTreeMap, BTreeSet};

/// Characters of a line that are shown.
const EXCERPT_CHARS_MAX: usize = 200;

/// Line and column of `offsets`, from 1, columns in characters. What is past the end or inside a character has none.
pub(super) fn positions(text: &str, offsets: &BTreeSet<usize>) -> BTreeMap<usize, (usize, usize)> {
    let mut found = BTreeMap::new();
    let mut offsets = offsets.iter().copied().peekable();
    let (mut line, mut column) = (1, 1);
    let letters = text.char_indices().map(|(at, letter)| (at, Some(letter)));
    for (at, letter) in letters.chain([(text.len(), None)]) {
        while offsets.next_if(|&offset| offset < at).is_some() {}
        if offsets.next_if_eq(&at).is_some() {
            found.insert(at, (line, column));
        }
        if offsets.peek().is_none() {
            break;
        }
        (line, column) = if letter == Some('\n') { (line + 1, 1) } else { (line, column + 1) };
    }
    found
}

/// `line` without what surrounds it, cut at 200 characters.
pub(super) fn excerpt(line: &str) -> String {
    line.trim().chars().filter(|letter| !letter.is_control()).take(EXCERPT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str, offset: usize) -> Option<(usize, usize)> {
        positions(text, &BTreeSet::from([offset])).get(&offset).copied()
    }

    #[test]
    fn columns_count_characters() {
        let text = "aü\n\u{1F600}b\r\n";
        for (offset, expected) in [
            (0, Some((1, 1))),
            (1, Some((1, 2))),
            (2, None),
            (3, Some((1, 3))),
            (4, Some((2, 1))),
            (6, None),
            (8, Some((2, 2))),
            (11, Some((3, 1))),
            (12, None),
            (usize::MAX, None),
        ] {
            assert_eq!(of(text, offset), expected, "{offset}");
        }
        assert_eq!(of("", 0), Some((1, 1)));
    }

    proptest! {
        #[test]
        fn every_border_of_characters_has_its_place_and_nothing_else_has(text in "[aü\n]{0,40}") {
            let all: BTreeSet<usize> = (0..text.len() + 3).collect();
            let found = positions(&text, &all);
            for offset in all {
                let expected = text.get(..offset).map(|before| {
                    let start = before.rfind('\n').map_or(0, |at| at + 1);
                    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
                });
                prop_assert_eq!(found.get(&offset).copied(), expected);
            }
        }
    }
}

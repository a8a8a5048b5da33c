//! Passwords that others know: the common ones, and those that are made of what everybody sees.

use sha2::{Digest, Sha256};

/// Bytes of a mark.
const MARK: usize = 4;
/// How `data/README.md` says: the first bytes of the SHA-256 of each common password, sorted.
const MARKS: &[u8] = include_bytes!("../data/common-passwords.bin");
/// Rows that fingers run along.
const ROWS: [&str; 5] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
];
/// Of a piece of a row: fewer characters happen by chance.
const RUN_MIN: usize = 4;
/// Of a word of the place: with fewer characters it is part of too many others.
const WORD_MIN: usize = 3;
/// Letters and digits that a password has beside what everybody knows.
const REST_MIN: usize = 6;

/// Why a password is one that others know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Known {
    /// It is on the lists.
    #[error("this password is among those that are tried first")]
    Common,
    /// One thing again and again, or a row of the alphabet or the keyboard.
    #[error("this password is a repetition or a row of characters")]
    Pattern,
    /// The person's own name or address, their tenant's name, the platform's host, or ours, with little else.
    #[error("this password is little more than a name that everybody can see")]
    Named,
}

/// Whether `password` is one that others know; `names` are what everybody at the place knows: the person's address and
/// name, the name of their tenant, and the platform's host. ASVS 5.0, 6.1.2.
#[must_use]
pub(crate) fn known(password: &str, names: &[&str]) -> Option<Known> {
    let lower = password.to_lowercase();
    if is_listed(&lower) {
        return Some(Known::Common);
    }
    let unit = unit(&lower);
    if is_row(&lower)
        || (unit.len() < lower.len() && (unit.chars().count() < 8 || is_listed(unit) || is_row(unit)))
    {
        return Some(Known::Pattern);
    }
    // `password2026!!!` and `1234567password` are `password`.
    let bare = lower.trim_matches(|c: char| !c.is_alphabetic());
    if let (Some((before, after)), true) = (lower.split_once(bare), is_listed(bare))
        && says(before) + says(after) < REST_MIN
    {
        return Some(Known::Common);
    }
    let words = names
        .iter()
        .flat_map(|name| name.split(|c: char| !c.is_alphanumeric()))
        .chain(["scorpius", "password"]);
    let mut rest = lower.clone();
    for word in words.map(str::to_lowercase).filter(|word| word.chars().count() >= WORD_MIN) {
        rest = rest.replace(&word, "");
    }
    (rest.len() < lower.len() && says(&rest) < REST_MIN).then_some(Known::Named)
}

/// How many characters of `text` say something: none of a row, and one of a character that is repeated.
fn says(text: &str) -> usize {
    let plain: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    match is_row(&plain) {
        true => 0,
        false => unit(&plain).chars().count(),
    }
}

fn is_listed(lower: &str) -> bool {
    let digest = Sha256::digest(lower.as_bytes());
    let (marks, _) = MARKS.as_chunks::<MARK>();
    marks.binary_search_by(|mark| mark.as_slice().cmp(&digest[..MARK])).is_ok()
}

/// The shortest text whose repetition `text` is, cut off anywhere: `abc` of `abcabcab`.
fn unit(text: &str) -> &str {
    let ends = text.char_indices().map(|(at, _)| at).skip(1);
    ends.take_while(|end| *end <= text.len() / 2)
        .find(|end| {
            text.as_bytes().iter().skip(*end).zip(text.as_bytes()).all(|(later, earlier)| later == earlier)
        })
        .map_or(text, |end| &text[..end])
}

/// Whether it runs along the alphabet, the digits or the keyboard, in pieces of at least four, either way.
fn is_row(text: &str) -> bool {
    let rows: Vec<String> =
        ROWS.iter().flat_map(|row| [(*row).to_owned(), row.chars().rev().collect()]).collect();
    let mut rest = text;
    while !rest.is_empty() {
        let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8());
        let run =
            ends.take_while(|end| rows.iter().any(|row| row.contains(&rest[..*end]))).last().unwrap_or(0);
        if run < RUN_MIN.min(rest.len()) || run == 0 {
            return false;
        }
        rest = &rest[run..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(password: &str, expected: Option<Known>) {
        assert_eq!(
            known(
                password,
                &[
                    "ada.lovelace@analytical.example",
                    "Ada Lovelace",
                    "Acme Pension Fund",
                    "scorpius.acme.example"
                ]
            ),
            expected,
            "{password}"
        );
    }

    #[test]
    fn what_others_know_is_refused() {
        for common in
            ["password1234", "Password", "QWERTYUIOP", "iloveyou", "football1", "starwars", "princess"]
        {
            check(common, Some(Known::Common));
        }
        for common in ["sunshine2026!", "Football!!!", "1superman", "password1234567", "0000000princess"] {
            check(common, Some(Known::Common));
        }
        for pattern in [
            "aaaaaaaaaaaaaaa",
            "abcabcabcabcabca",
            "trustno1trustno1trustno1",
            "qwertyuiopasdfghjkl",
            "0123456789012345",
            "zyxwvutsrqponmlk",
            "abcdefgh12345678",
            "passwordpassword",
        ] {
            assert!(known(pattern, &[]).is_some(), "{pattern}");
        }
        check("lovelace-analytical", Some(Known::Named));
        check("Scorpius-Password", Some(Known::Named));
        check("ada-lovelace-42", Some(Known::Named));
        // Words of the place: the tenant's name, the address's local part however short, the host, the product.
        for named in
            ["acme-pension-fund-2026", "AdaAdaAdaAda!!42", "Fund.Acme.Ada.26", "scorpius@acme.example"]
        {
            check(named, Some(Known::Named));
        }
    }

    #[test]
    fn what_they_do_not_know_is_taken() {
        for fine in [
            "correct horse battery staple",
            "gr8 weather in Uppsala",
            "xK4-q9Zt-73fW-mm2p",
            "grüne Äpfel im Dezember",
            "lovelace rides a purple bus",
            "a pension of purple herons",
            "トーフとねぎのみそしる",
        ] {
            check(fine, None);
        }
    }

    #[test]
    fn the_marks_are_sorted_and_whole() {
        let (marks, rest) = MARKS.as_chunks::<MARK>();
        assert!(rest.is_empty() && marks.is_sorted() && marks.len() > 20_000);
    }
}

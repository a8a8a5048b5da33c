//! As much of CBOR (RFC 8949) as authenticators use: definite lengths, no tags, no floats (CTAP 2, section 8).

/// Nesting: an attestation object has its statement, and that has certificates in lists.
const DEPTH_MAX: usize = 5;

/// One data item, borrowed from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cbor<'a> {
    /// A whole number.
    Int(i128),
    /// Bytes.
    Bytes(&'a [u8]),
    /// UTF-8.
    Text(&'a str),
    /// A list.
    List(Vec<Cbor<'a>>),
    /// No key is in it twice.
    Map(Vec<(Cbor<'a>, Cbor<'a>)>),
    /// `false`, `true`, `null`.
    Simple(u8),
}

impl<'a> Cbor<'a> {
    /// The member of a map.
    pub(crate) fn get(&self, key: &Cbor<'_>) -> Option<&Cbor<'a>> {
        match self {
            Self::Map(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The member of a map under a number.
    pub(crate) fn at(&self, key: i128) -> Option<&Cbor<'a>> {
        self.get(&Cbor::Int(key))
    }
}

/// The one item that `bytes` are, of at most `max` bytes.
pub(crate) fn whole(bytes: &[u8], max: usize) -> Option<Cbor<'_>> {
    let mut rest = bytes;
    let item = (bytes.len() <= max).then(|| one(&mut rest))??;
    rest.is_empty().then_some(item)
}

/// The next item of `bytes`, which then begin after it.
pub(crate) fn one<'a>(bytes: &mut &'a [u8]) -> Option<Cbor<'a>> {
    item(bytes, 0)
}

fn item<'a>(bytes: &mut &'a [u8], depth: usize) -> Option<Cbor<'a>> {
    if depth > DEPTH_MAX {
        return None;
    }
    let (&head, rest) = bytes.split_first()?;
    *bytes = rest;
    if head >> 5 == 7 {
        return matches!(head & 0x1f, 20..=22).then(|| Cbor::Simple(head & 0x1f));
    }
    let number = argument(bytes, head & 0x1f)?;
    Some(match head >> 5 {
        0 => Cbor::Int(number.into()),
        1 => Cbor::Int(-1 - i128::from(number)),
        2 => Cbor::Bytes(take(bytes, number)?),
        3 => Cbor::Text(std::str::from_utf8(take(bytes, number)?).ok()?),
        4 => {
            // Each item has a byte at least, so what is promised is bounded by what is there.
            let mut items = Vec::new();
            for _ in 0..bounded(bytes, number)? {
                items.push(item(bytes, depth + 1)?);
            }
            Cbor::List(items)
        }
        5 => {
            let mut members: Vec<(Cbor<'_>, Cbor<'_>)> = Vec::new();
            for _ in 0..bounded(bytes, number)? {
                let name = item(bytes, depth + 1)?;
                if members.iter().any(|(known, _)| *known == name) {
                    return None;
                }
                members.push((name, item(bytes, depth + 1)?));
            }
            Cbor::Map(members)
        }
        _ => return None,
    })
}

fn argument(bytes: &mut &[u8], short: u8) -> Option<u64> {
    let length = match short {
        0..=23 => return Some(short.into()),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    Some(take(bytes, length)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(taken)
}

fn bounded(bytes: &[u8], number: u64) -> Option<u64> {
    usize::try_from(number).ok().filter(|number| *number <= bytes.len()).map(|_| number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(hex: &str, expected: Option<Cbor<'_>>) {
        let bytes = hex::decode(hex).expect("hex");
        assert_eq!(whole(&bytes, 100), expected, "{hex}");
    }

    #[test]
    fn items_are_those_of_the_rfc() {
        // RFC 8949, appendix A.
        check("00", Some(Cbor::Int(0)));
        check("1818", Some(Cbor::Int(24)));
        check("1bffffffffffffffff", Some(Cbor::Int(u64::MAX.into())));
        check("3bffffffffffffffff", Some(Cbor::Int(-18_446_744_073_709_551_616)));
        check("3903e7", Some(Cbor::Int(-1_000)));
        check("4401020304", Some(Cbor::Bytes(&[1, 2, 3, 4])));
        check("6449455446", Some(Cbor::Text("IETF")));
        check("83010203", Some(Cbor::List(vec![Cbor::Int(1), Cbor::Int(2), Cbor::Int(3)])));
        check(
            "a201020304",
            Some(Cbor::Map(vec![(Cbor::Int(1), Cbor::Int(2)), (Cbor::Int(3), Cbor::Int(4))])),
        );
        check("f5", Some(Cbor::Simple(21)));
    }

    #[test]
    fn what_authenticators_never_say_is_refused() {
        for bad in [
            "",
            "18",
            "42aa",
            "61ff",
            "0000",
            "9f01ff",
            "5f42010243030405ff",
            "c000",
            "f90000",
            "f7",
            "a201020103",
            "9bffffffffffffffff",
            "bb7fffffffffffffff",
            "818181818181818100",
            "1c",
        ] {
            check(bad, None);
        }
        assert_eq!(whole(&[0x58, 100], 1), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(item) = whole(&bytes, 200) {
                let shown = format!("{item:?}");
                prop_assert!(shown.len() < 100_000);
            }
        }
    }
}

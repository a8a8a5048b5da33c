//! How deep Ion is nested, found without nesting: readers recurse, and what nobody vouches for must not decide how far.

/// Levels that a block may have. A document of QLDB's had at most 30 or so in practice.
pub(crate) const DEPTH_MAX: usize = 128;

const BINARY_MARK: [u8; 4] = [0xe0, 0x01, 0x00, 0xea];

/// Digits of a symbol's number, as in `$10`: the reader panics at more than a machine's word has, and journals have names instead.
const SYMBOL_DIGITS_MAX: usize = 9;
/// After the dollar: what switches to a version that has numbers in more places. QLDB wrote 1.0.
const NEXT_VERSION: &[u8] = b"ion_1_1";

/// Whether `bytes`, Ion text or binary, are nested at most `DEPTH_MAX` deep; and text is UTF-8 without long numbers of symbols, at
/// which the reader panics.
pub(crate) fn is_shallow(bytes: &[u8]) -> bool {
    match bytes.starts_with(&BINARY_MARK) {
        true => binary_is_shallow(bytes),
        false => std::str::from_utf8(bytes).is_ok() && text_is_shallow(bytes),
    }
}

/// Brackets in text, outside strings. What is in comments counts as well, so that at worst it says no.
fn text_is_shallow(bytes: &[u8]) -> bool {
    let (mut depth, mut quote, mut at) = (0_usize, None, 0);
    while let Some(&byte) = bytes.get(at) {
        let long = bytes.get(at..at + 3) == Some(b"'''");
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(Quote::Long), b'\'') if long => {
                quote = None;
                at += 2;
            }
            (Some(Quote::One(open)), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'\'') if long => {
                quote = Some(Quote::Long);
                at += 2;
            }
            (None, b'"' | b'\'') => quote = Some(Quote::One(byte)),
            (None, b'$') if !is_plain_symbol(bytes.get(at + 1..).unwrap_or_default()) => return false,
            (None, b'{' | b'[' | b'(') => depth += 1,
            (None, b'}' | b']' | b')') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        if depth > DEPTH_MAX {
            return false;
        }
        at += 1;
    }
    true
}

/// What comes after a dollar outside of strings.
fn is_plain_symbol(rest: &[u8]) -> bool {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits <= SYMBOL_DIGITS_MAX && !rest.starts_with(NEXT_VERSION)
}

#[derive(Clone, Copy)]
enum Quote {
    One(u8),
    Long,
}

/// Containers of Ion 1.0 binary: types 11 to 13, and annotations, type 14. What is malformed is left to the reader.
fn binary_is_shallow(bytes: &[u8]) -> bool {
    let mut ends: Vec<usize> = Vec::new();
    let mut at = 0;
    // A struct's members have a name before each value.
    let mut in_struct: Vec<bool> = Vec::new();
    while at < bytes.len() {
        while ends.last().is_some_and(|end| *end <= at) {
            ends.pop();
            in_struct.pop();
        }
        if bytes.get(at..at + 4) == Some(&BINARY_MARK) {
            at += 4;
            continue;
        }
        if in_struct.last() == Some(&true) {
            let Some((_, next)) = var_uint(bytes, at) else { return true };
            at = next;
        }
        let Some(&head) = bytes.get(at) else { return true };
        at += 1;
        let (kind, low) = (head >> 4, head & 0x0f);
        let is_null_or_bool = low == 15 || kind == 1;
        let sorted_struct = kind == 13 && low == 1;
        let length = match low {
            _ if is_null_or_bool => 0,
            14 => match var_uint(bytes, at) {
                Some((length, next)) => {
                    at = next;
                    length
                }
                None => return true,
            },
            _ if sorted_struct => match var_uint(bytes, at) {
                Some((length, next)) => {
                    at = next;
                    length
                }
                None => return true,
            },
            low => usize::from(low),
        };
        match kind {
            11..=13 => {
                ends.push(at.saturating_add(length));
                in_struct.push(kind == 13);
            }
            14 => {
                ends.push(at.saturating_add(length));
                in_struct.push(false);
                // The annotations' own names come before the value.
                let Some((names, next)) = var_uint(bytes, at) else { return true };
                at = next.saturating_add(names);
            }
            _ => at = at.saturating_add(length),
        }
        if ends.len() > DEPTH_MAX {
            return false;
        }
    }
    true
}

fn var_uint(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    loop {
        let byte = *bytes.get(at)?;
        at += 1;
        value = value.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
        if byte & 0x80 != 0 {
            return Some((value, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use ion_rs::{Element, v1_0};
    use proptest::prelude::*;

    use super::*;

    fn nested(levels: usize) -> String {
        "[".repeat(levels) + &"]".repeat(levels)
    }

    #[test]
    fn text_and_binary_are_as_deep_as_they_are() {
        for (levels, shallow) in [(1, true), (DEPTH_MAX, true), (DEPTH_MAX + 1, false)] {
            let text = nested(levels);
            assert_eq!(is_shallow(text.as_bytes()), shallow, "{levels}");
            if levels <= DEPTH_MAX + 1 {
                let binary =
                    Element::read_one(text.as_bytes()).and_then(|value| value.encode_as(v1_0::Binary));
                assert_eq!(is_shallow(&binary.expect("it is encoded")), shallow, "{levels}, binary");
            }
        }
        // A megabyte of brackets is refused without being read.
        assert!(!is_shallow(nested(500_000).as_bytes()));
    }

    /// Found by fuzzing.
    #[test]
    fn text_that_is_no_text_is_not_handed_to_the_reader() {
        let bytes = [b"{a: \"{b:{{lu4".as_slice(), &[0xd4, 0xca], b"W}}\"}"].concat();
        assert!(!is_shallow(&bytes));
        assert!(crate::hash::proof_of_ion(&bytes).is_err());
    }

    /// Found by fuzzing.
    #[test]
    fn numbers_of_symbols_that_no_word_holds_are_not_handed_to_the_reader() {
        let number = "1".repeat(53);
        for text in [format!("do(${number}titadapa)"), format!("${number}"), format!("{{a:${number}::1}}")] {
            assert!(!is_shallow(text.as_bytes()), "{text}");
            assert!(crate::hash::proof_of_ion(text.as_bytes()).is_err());
            assert!(crate::StoredBlock::of_text(&text).is_err() && crate::Address::of_ion(&text).is_err());
        }
        assert!(!is_shallow(b"$ion_1_1 (:11111111111111111111111111)"));
        for text in [format!("\"${number}\""), number, "$10".to_owned(), "$ion_1_0 {a:$4}".to_owned()] {
            assert!(is_shallow(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        let many = "[".repeat(1_000);
        for text in
            [format!("\"{many}\""), format!("'{many}'"), format!("'''{many}'''"), format!(r#""\"{many}""#)]
        {
            assert!(is_shallow(text.as_bytes()), "{}", &text[..8]);
        }
        assert!(!is_shallow(format!("\"x\" {many}").as_bytes()));
    }

    #[test]
    fn binary_values_of_every_kind_are_stepped_over() {
        let text = "{a:[1,2.5,3d2,null.list,true,\"long long long string\",{{AAAA}}],b:x::y::(2020-01-01T),c:{d:{e:[]}}}";
        let value = Element::read_one(text).expect("Ion");
        let binary = value.encode_as(v1_0::Binary).expect("it is encoded");
        assert!(is_shallow(&binary));
        let deep = format!("{{a:{}}}", nested(DEPTH_MAX));
        let deep = Element::read_one(deep.as_bytes()).and_then(|value| value.encode_as(v1_0::Binary));
        assert!(!is_shallow(&deep.expect("it is encoded")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_stepped_over(bytes: Vec<u8>) {
            is_shallow(&bytes);
            is_shallow(&[BINARY_MARK.as_slice(), &bytes].concat());
        }
    }
}

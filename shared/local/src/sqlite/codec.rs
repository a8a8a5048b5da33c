//! How a record's attributes are kept in one BLOB.
//!
//! `1`, then for each attribute, by name: length and name, kind, length and value. Lengths are u32,
//! little endian.

use scorpius_core::{Attributes, Value};

const FORMAT: u8 = 1;
const TEXT: u8 = 0;
const INT: u8 = 1;
const BYTES: u8 = 2;
const BOOL: u8 = 3;

/// A BLOB that no `encode` wrote.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record's attributes are damaged")]
pub(crate) struct Damaged;

/// Attributes as bytes.
pub(crate) fn encode(attributes: &Attributes) -> Vec<u8> {
    let mut out = vec![FORMAT];
    for (name, value) in &attributes.0 {
        put(&mut out, name.as_bytes());
        match value {
            Value::Text(text) => put_kind(&mut out, TEXT, text.as_bytes()),
            Value::Int(number) => put_kind(&mut out, INT, &number.to_le_bytes()),
            Value::Bytes(bytes) => put_kind(&mut out, BYTES, bytes),
            Value::Bool(yes) => put_kind(&mut out, BOOL, &[u8::from(*yes)]),
        }
    }
    out
}

fn put_kind(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    out.push(kind);
    put(out, bytes);
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("a record is checked to be far below 4 GB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}

/// What `encode` was given.
pub(crate) fn decode(mut bytes: &[u8]) -> Result<Attributes, Damaged> {
    let mut attributes = Attributes::new();
    if take(&mut bytes, 1)? != [FORMAT] {
        return Err(Damaged);
    }
    while !bytes.is_empty() {
        let name = text(part(&mut bytes)?)?;
        let kind = take(&mut bytes, 1)?[0];
        let value = part(&mut bytes)?;
        let value = match kind {
            TEXT => Value::Text(text(value)?),
            INT => Value::Int(i64::from_le_bytes(value.try_into().map_err(|_| Damaged)?)),
            BYTES => Value::Bytes(value.to_vec()),
            BOOL if value == [0] => Value::Bool(false),
            BOOL if value == [1] => Value::Bool(true),
            _ => return Err(Damaged),
        };
        attributes.0.insert(name, value);
    }
    Ok(attributes)
}

fn text(bytes: &[u8]) -> Result<String, Damaged> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Damaged)
}

fn part<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Damaged> {
    let length = take(bytes, 4)?.try_into().map_err(|_| Damaged)?;
    take(bytes, usize::try_from(u32::from_le_bytes(length)).map_err(|_| Damaged)?)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], Damaged> {
    let (head, rest) = bytes.split_at_checked(count).ok_or(Damaged)?;
    *bytes = rest;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<String>().prop_map(Value::Text),
            any::<i64>().prop_map(Value::Int),
            any::<Vec<u8>>().prop_map(Value::Bytes),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Text(String::new())),
        ]
    }

    proptest! {
        #[test]
        fn attributes_come_back_as_they_were(map in proptest::collection::btree_map(any::<String>(), value(), 0..8)) {
            let attributes = Attributes(map);
            prop_assert_eq!(decode(&encode(&attributes)), Ok(attributes));
        }

        #[test]
        fn arbitrary_bytes_are_decoded_or_refused(mut bytes: Vec<u8>) {
            bytes.insert(0, FORMAT);
            if let Ok(attributes) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&attributes)), Ok(attributes));
            }
        }
    }
}

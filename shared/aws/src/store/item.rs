//! A record as a DynamoDB item.
//!
//! `pk` and `sk` are the key, `v` the version, `x` the moment of expiry (ms), `ttl` the same in
//! seconds for DynamoDB's own deletion, `c` the commit that put it. A record's own attributes are
//! top-level ones after `@`, so that `ADD` reaches them whether or not the item exists.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use scorpius_core::{Attributes, CommitId, Key, Record, UnixMillis, Value};

pub(super) const PARTITION: &str = "pk";
pub(super) const SORT: &str = "sk";
pub(super) const VERSION: &str = "v";
pub(super) const EXPIRES: &str = "x";
pub(super) const TTL: &str = "ttl";
pub(super) const COMMIT: &str = "c";
const OWN: char = '@';

/// `x` of what never expires: above every `u64`, and a single digit to DynamoDB, which trims zeros.
/// It is a number and not an absence, so that `if_not_exists` can tell a new item from an old one.
const NEVER: &str = "100000000000000000000";
/// `ttl` of what never expires: the year 5138.
const TTL_NEVER: &str = "100000000000";

pub(super) type Item = HashMap<String, AttributeValue>;

/// An item that no store of ours has written.
#[derive(Debug, thiserror::Error)]
#[error("the item has no usable attribute `{0}`")]
pub(super) struct NotARecord(String);

pub(super) fn key(key: &Key) -> Item {
    HashMap::from([
        (PARTITION.to_owned(), AttributeValue::S(key.partition.clone())),
        (SORT.to_owned(), AttributeValue::S(key.sort.clone())),
    ])
}

/// The name under which a record's attribute is stored.
pub(super) fn own(name: &str) -> String {
    format!("{OWN}{name}")
}

pub(super) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn expires(at: Option<UnixMillis>) -> AttributeValue {
    at.map_or_else(|| AttributeValue::N(NEVER.to_owned()), |at| number(at.0))
}

/// Rounded up: DynamoDB never deletes what reads still see.
pub(super) fn ttl(at: Option<UnixMillis>) -> AttributeValue {
    at.map_or_else(|| AttributeValue::N(TTL_NEVER.to_owned()), |at| number(at.0.div_ceil(1000)))
}

pub(super) fn encode(
    at: &Key,
    attributes: &Attributes,
    expires_at: Option<UnixMillis>,
    version: u64,
    commit: CommitId,
) -> Item {
    let mut item = key(at);
    item.insert(VERSION.to_owned(), number(version));
    item.insert(EXPIRES.to_owned(), expires(expires_at));
    item.insert(TTL.to_owned(), ttl(expires_at));
    item.insert(COMMIT.to_owned(), AttributeValue::S(commit.to_string()));
    item.extend(attributes.0.iter().map(|(name, value)| (own(name), encode_value(value))));
    item
}

fn encode_value(value: &Value) -> AttributeValue {
    match value {
        Value::Text(text) => AttributeValue::S(text.clone()),
        Value::Int(int) => number(int),
        Value::Bytes(bytes) => AttributeValue::B(Blob::new(bytes.clone())),
        Value::Bool(yes) => AttributeValue::Bool(*yes),
    }
}

pub(super) fn decode(item: &Item) -> Result<Record, NotARecord> {
    let text = |name: &str| match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text.clone()),
        _ => Err(NotARecord(name.to_owned())),
    };
    let version = match item.get(VERSION) {
        Some(AttributeValue::N(number)) => number.parse().map_err(|_| NotARecord(VERSION.to_owned()))?,
        _ => return Err(NotARecord(VERSION.to_owned())),
    };
    Ok(Record {
        key: Key::new(text(PARTITION)?, text(SORT)?),
        version,
        attributes: decode_attributes(item)?,
        expires_at: expires_at(item),
    })
}

pub(super) fn decode_attributes(item: &Item) -> Result<Attributes, NotARecord> {
    let mut attributes = Attributes::new();
    for (stored, value) in item {
        if let Some(name) = stored.strip_prefix(OWN) {
            let value = decode_value(value).ok_or_else(|| NotARecord(stored.clone()))?;
            attributes.0.insert(name.to_owned(), value);
        }
    }
    Ok(attributes)
}

fn decode_value(value: &AttributeValue) -> Option<Value> {
    match value {
        AttributeValue::S(text) => Some(Value::Text(text.clone())),
        // DynamoDB counts to 38 digits: what has left our range reads as its end.
        AttributeValue::N(number) => number.parse::<i128>().ok().map(|wide| {
            Value::Int(i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX }))
        }),
        AttributeValue::B(bytes) => Some(Value::Bytes(bytes.as_ref().to_vec())),
        AttributeValue::Bool(yes) => Some(Value::Bool(*yes)),
        _ => None,
    }
}

/// When the item expires; `None` is never.
pub(super) fn expires_at(item: &Item) -> Option<UnixMillis> {
    match item.get(EXPIRES) {
        Some(AttributeValue::N(number)) => number.parse().ok().map(UnixMillis),
        _ => None,
    }
}

pub(super) fn is_expired(item: &Item, now: UnixMillis) -> bool {
    expires_at(item).is_some_and(|at| at <= now)
}

/// Whether `commit` put this item.
pub(super) fn is_put_by(item: &Item, commit: CommitId) -> bool {
    matches!(item.get(COMMIT), Some(AttributeValue::S(id)) if *id == commit.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scorpius_core::{ManualClock, UnixMillis};

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<String>().prop_map(Value::Text),
            any::<i64>().prop_map(Value::Int),
            any::<Vec<u8>>().prop_map(Value::Bytes),
            any::<bool>().prop_map(Value::Bool),
        ]
    }

    proptest! {
        #[test]
        fn a_record_comes_back_from_its_item(
            partition in ".{1,40}", sort in ".{1,40}", version in any::<u64>(),
            attributes in proptest::collection::btree_map(any::<String>(), value(), 0..8),
            expires_at in proptest::option::of(any::<u64>().prop_map(UnixMillis)),
        ) {
            let record = Record { key: Key::new(partition, sort), version, attributes: Attributes(attributes), expires_at };
            let commit = CommitId::new(&ManualClock::at(UnixMillis(1)));
            let item = encode(&record.key, &record.attributes, expires_at, version, commit);
            prop_assert!(is_put_by(&item, commit));
            prop_assert_eq!(decode(&item).expect("a record"), record);
        }
    }

    #[test]
    fn numbers_beyond_our_range_read_as_its_ends() {
        let read = |text: &str| decode_value(&AttributeValue::N(text.to_owned()));
        assert_eq!(read("99999999999999999999"), Some(Value::Int(i64::MAX)));
        assert_eq!(read("-99999999999999999999"), Some(Value::Int(i64::MIN)));
        assert_eq!(read("1.5"), None);
        assert_eq!(decode_value(&AttributeValue::Null(true)), None);
    }

    #[test]
    fn dynamodb_never_deletes_what_reads_still_see() {
        assert_eq!(ttl(Some(UnixMillis(1_001))), number(2));
        assert!(!is_expired(&Item::from([(EXPIRES.to_owned(), expires(None))]), UnixMillis(u64::MAX)));
        assert!(is_expired(&Item::from([(EXPIRES.to_owned(), number(5))]), UnixMillis(5)));
        assert!(!is_expired(&Item::from([(EXPIRES.to_owned(), number(5))]), UnixMillis(4)));
    }

    #[test]
    fn a_foreign_item_is_no_record() {
        assert!(decode(&Item::new()).is_err());
        let mut item = key(&Key::new("p", "s"));
        item.insert(VERSION.to_owned(), number("1.5"));
        assert!(decode(&item).is_err());
    }
}

//! The limits of the store, which both adapters hold to before anything is sent.

use std::collections::BTreeMap;

use super::{Key, ListQuery, StoreError, Write};
use crate::event::EVENT_BYTES_MAX;

/// Writes of one commit, `Emit` included. DynamoDB takes 100 in a transaction.
pub const WRITES_MAX: usize = 100;
/// Bytes of one commit: all keys, attributes and events. DynamoDB takes 4 MB.
pub const COMMIT_BYTES_MAX: usize = 4_000_000;
/// Bytes of one record, key and attributes. DynamoDB takes 400 KB; the rest is for its own fields.
pub const RECORD_BYTES_MAX: usize = 350_000;
/// Bytes of a partition key and of a sort key, each at least 1.
pub const KEY_BYTES_MAX: usize = 1_000;
/// Bytes of an attribute's name. DynamoDB's expressions take no longer ones.
pub const ATTRIBUTE_NAME_BYTES_MAX: usize = 255;
/// Attributes that one `Add` changes. DynamoDB's expressions are at most 4 KB.
pub const ADDITIONS_MAX: usize = 50;
/// Records of one page of `list` or `scan`, and keys of one `get_many`.
pub const PAGE_MAX: usize = 200;

/// The limits that both adapters enforce before anything is sent.
///
/// # Errors
/// `Limit` or `SameKeyTwice`.
pub fn check_commit(writes: &[Write]) -> Result<(), StoreError> {
    limit("writes in a commit", WRITES_MAX, writes.len())?;
    let mut seen = BTreeMap::new();
    let mut total = 0;
    for (index, write) in writes.iter().enumerate() {
        let key = write.key();
        check_key(&key)?;
        let size = key.partition.len() + key.sort.len() + write.size_bytes();
        limit("bytes in a record", RECORD_BYTES_MAX, size)?;
        match write {
            Write::Emit(event) => limit("bytes in an event", EVENT_BYTES_MAX, event.size_bytes())?,
            Write::Put { attributes, .. } => check_names(attributes.0.keys().map(String::as_str))?,
            Write::Add { deltas, .. } => check_add(deltas.iter().map(|(name, _)| name.as_str()))?,
            Write::Delete { .. } | Write::Check { .. } => {}
        }
        total += size;
        if let Some(first) = seen.insert(key, index) {
            return Err(StoreError::SameKeyTwice { first, second: index });
        }
    }
    limit("bytes in a commit", COMMIT_BYTES_MAX, total)
}

/// The limit on a key's two parts.
///
/// # Errors
/// `Limit`.
pub fn check_key(key: &Key) -> Result<(), StoreError> {
    for part in [&key.partition, &key.sort] {
        if part.is_empty() {
            return Err(StoreError::Limit {
                what: "bytes in a key (at least 1)",
                max: KEY_BYTES_MAX,
                asked: 0,
            });
        }
        limit("bytes in a key", KEY_BYTES_MAX, part.len())?;
    }
    Ok(())
}

/// The limits on the attributes that one `Add` names.
///
/// # Errors
/// `Limit`.
pub fn check_add<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> Result<(), StoreError> {
    limit("attributes in an addition", ADDITIONS_MAX, names.len())?;
    check_names(names)
}

fn check_names<'a>(mut names: impl Iterator<Item = &'a str>) -> Result<(), StoreError> {
    names.try_for_each(|name| limit("bytes in an attribute's name", ATTRIBUTE_NAME_BYTES_MAX, name.len()))
}

/// The limits on a page.
///
/// # Errors
/// `Limit`.
pub fn check_list(query: &ListQuery) -> Result<(), StoreError> {
    check_key(&Key::new(query.partition.as_str(), "-"))?;
    for bound in [&query.from, &query.until].into_iter().flatten() {
        // A prefix of the longest key, and what `ListQuery::prefix` puts after it.
        limit("bytes in a bound of a list", KEY_BYTES_MAX + 4, bound.len())?;
    }
    if query.limit == 0 {
        return Err(StoreError::Limit { what: "records in a page (at least 1)", max: PAGE_MAX, asked: 0 });
    }
    limit("records in a page", PAGE_MAX, query.limit)
}

/// `Limit` when `asked` is over `max`.
///
/// # Errors
/// `Limit`.
pub fn limit(what: &'static str, max: usize, asked: usize) -> Result<(), StoreError> {
    match asked <= max {
        true => Ok(()),
        false => Err(StoreError::Limit { what, max, asked }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Attributes, Condition, Value};

    fn put(sort: &str, bytes: usize) -> Write {
        let attributes = Attributes::new().with("b", Value::Bytes(vec![0; bytes]));
        let key = Key::new("p", sort);
        Write::Put { key, attributes, expires_at: None, condition: Condition::Always }
    }

    #[test]
    fn a_commit_is_held_to_its_limits() {
        let many: Vec<_> = (0..101).map(|n| put(&n.to_string(), 1)).collect();
        assert!(check_commit(&many[..100]).is_ok());
        assert!(matches!(check_commit(&many), Err(StoreError::Limit { asked: 101, .. })));
        assert!(matches!(
            check_commit(&[put("a", 1), put("b", 1), put("a", 2)]),
            Err(StoreError::SameKeyTwice { first: 0, second: 2 })
        ));
        assert!(check_commit(&[put("a", RECORD_BYTES_MAX)]).is_err());
        let heavy: Vec<_> = (0..12).map(|n| put(&n.to_string(), 340_000)).collect();
        assert!(check_commit(&heavy[..11]).is_ok());
        assert!(check_commit(&heavy).is_err());
        assert!(check_commit(&[put("", 1)]).is_err());
        assert!(check_commit(&[put(&"k".repeat(1001), 1)]).is_err());
    }
}

//! Cursors: where a page ended, bound to the query that it was a page of.

use scorpius_core::{Key, ListQuery};
use sha2::{Digest, Sha256};

/// Hex digits of the mark that binds a cursor to its query.
const MARK_LENGTH: usize = 16;

/// The cursor after the record at `sort`.
pub(super) fn seal_list(query: &ListQuery, sort: &str) -> String {
    format!("{}{sort}", list_mark(query))
}

/// The sort key in a list's cursor; `None` when `cursor` is not one of this query's.
pub(super) fn open_list<'c>(query: &ListQuery, cursor: &'c str) -> Option<&'c str> {
    let sort = cursor.strip_prefix(list_mark(query).as_str())?;
    let after_from = query.from.as_deref().is_none_or(|from| sort >= from);
    let before_until = query.until.as_deref().is_none_or(|until| sort < until);
    (!sort.is_empty() && after_from && before_until).then_some(sort)
}

/// The cursor after the record at `key` in a scan.
pub(super) fn seal_scan(segment: u32, of: u32, key: &Key) -> String {
    format!("{}{}:{}{}", scan_mark(segment, of), key.partition.len(), key.partition, key.sort)
}

/// The key in a scan's cursor; `None` when `cursor` is not of this segment.
pub(super) fn open_scan(segment: u32, of: u32, cursor: &str) -> Option<Key> {
    let (length, rest) = cursor.strip_prefix(scan_mark(segment, of).as_str())?.split_once(':')?;
    let (partition, sort) = rest.split_at_checked(length.parse().ok()?)?;
    (!partition.is_empty() && !sort.is_empty()).then(|| Key::new(partition, sort))
}

fn list_mark(query: &ListQuery) -> String {
    let from = query.from.as_deref().unwrap_or_default();
    let until = query.until.as_deref();
    let descending = [u8::from(query.descending), u8::from(until.is_some())];
    mark(&[
        b"list",
        query.partition.as_bytes(),
        from.as_bytes(),
        until.unwrap_or_default().as_bytes(),
        &descending,
    ])
}

fn scan_mark(segment: u32, of: u32) -> String {
    mark(&[b"scan", &segment.to_be_bytes(), &of.to_be_bytes()])
}

fn mark(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut digits = hex::encode(hash.finalize());
    digits.truncate(MARK_LENGTH);
    digits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(from: &str, descending: bool) -> ListQuery {
        ListQuery { from: Some(from.to_owned()), descending, ..ListQuery::all("p") }
    }

    #[test]
    fn a_cursor_belongs_to_one_query() {
        let cursor = seal_list(&query("a", false), "b");
        assert_eq!(open_list(&query("a", false), &cursor), Some("b"));
        assert_eq!(open_list(&query("a", true), &cursor), None);
        assert_eq!(open_list(&query("b", false), &cursor), None);
        assert_eq!(open_list(&query("b", false), &seal_list(&query("b", false), "a")), None);
        assert_eq!(open_list(&ListQuery::all("p"), &seal_list(&ListQuery::all("p"), "")), None);
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_cursor(text in any::<String>(), length in any::<u64>()) {
            let list = ListQuery::all("p");
            prop_assert_eq!(open_list(&list, &text), None);
            prop_assert_eq!(open_scan(0, 1, &text), None);
            let _ignored = open_scan(0, 1, &format!("{}{length}:{text}", scan_mark(0, 1)));
        }

        #[test]
        fn a_scan_s_cursor_holds_a_key(partition in "\\PC{1,20}", sort in "\\PC{1,20}") {
            let key = Key::new(partition, sort);
            prop_assert_eq!(open_scan(3, 8, &seal_scan(3, 8, &key)), Some(key.clone()));
            prop_assert_eq!(open_scan(3, 9, &seal_scan(3, 8, &key)), None);
        }
    }
}

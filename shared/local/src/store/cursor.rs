//! Where a page ended, as text that only the same query takes back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scorpius_core::store::KEY_BYTES_MAX;
use scorpius_core::{ListQuery, StoreError};
use sha2::{Digest, Sha256};

/// Bytes of the query's hash in a cursor: enough to tell mistakes, and a cursor is no secret.
const MARK_BYTES: usize = 12;
/// The longest cursor: two keys and what is around them.
const CURSOR_BYTES_MAX: usize = (2 * KEY_BYTES_MAX + MARK_BYTES + 4) * 4 / 3 + 4;

/// What a cursor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark([u8; MARK_BYTES]);

impl Mark {
    pub(super) fn of_list(query: &ListQuery) -> Self {
        let mut hash = Sha256::new();
        for part in [Some(query.partition.as_str()), query.from.as_deref(), query.until.as_deref()] {
            let length = part.map_or(u64::MAX, |text| text.len() as u64);
            hash.update(length.to_be_bytes());
            hash.update(part.unwrap_or_default());
        }
        hash.update([u8::from(query.descending)]);
        Self::from_digest(&hash.finalize())
    }

    pub(super) fn of_scan(segment: u32, of: u32) -> Self {
        let mut hash = Sha256::new_with_prefix("scan");
        hash.update(segment.to_be_bytes());
        hash.update(of.to_be_bytes());
        Self::from_digest(&hash.finalize())
    }

    fn from_digest(digest: &[u8]) -> Self {
        let mut mark = [0; MARK_BYTES];
        mark.copy_from_slice(&digest[..MARK_BYTES]);
        Self(mark)
    }

    /// A cursor of this query that ends at `place`.
    pub(super) fn write(self, place: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode([&self.0, place].concat())
    }

    /// The place that `write` was given.
    pub(super) fn read(self, cursor: &str) -> Result<Vec<u8>, StoreError> {
        if cursor.len() > CURSOR_BYTES_MAX {
            return Err(StoreError::BadCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::BadCursor)?;
        match bytes.strip_prefix(&self.0) {
            Some(place) if !place.is_empty() => Ok(place.to_vec()),
            _ => Err(StoreError::BadCursor),
        }
    }
}

/// Two parts of a key as one place.
pub(super) fn join(partition: &[u8], sort: &[u8]) -> Vec<u8> {
    let length = u32::try_from(partition.len()).expect("a key is at most 1,000 bytes");
    [&length.to_be_bytes(), partition, sort].concat()
}

/// What `join` was given.
pub(super) fn split(place: &[u8]) -> Result<(&[u8], &[u8]), StoreError> {
    let (length, rest) = place.split_first_chunk().ok_or(StoreError::BadCursor)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| StoreError::BadCursor)?;
    rest.split_at_checked(length).ok_or(StoreError::BadCursor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_by_its_own_query_only(place in proptest::collection::vec(0u8.., 1..2000)) {
            let (mark, other) = (Mark::of_scan(0, 2), Mark::of_scan(1, 2));
            let cursor = mark.write(&place);
            prop_assert_eq!(mark.read(&cursor).ok(), Some(place));
            prop_assert_eq!(other.read(&cursor).ok(), None);
        }

        #[test]
        fn arbitrary_text_is_no_cursor(text: String, bytes: Vec<u8>) {
            prop_assert_eq!(Mark::of_scan(0, 1).read(&text).ok(), None);
            if let Ok((partition, sort)) = split(&bytes) {
                prop_assert_eq!(join(partition, sort), bytes.clone());
            }
        }
    }
}

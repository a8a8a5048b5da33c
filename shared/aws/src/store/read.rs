//! Reads. All are strongly consistent, and none shows an expired record.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use scorpius_core::store::{PAGE_MAX, check_key, limit};
use scorpius_core::{Key, ListQuery, Page, Record, StoreError, UnixMillis};

use super::item::{self, Item, PARTITION, SORT};
use super::{DynamoStore, cursor, port};
use crate::fault::{Fault, Patience, fault};

/// Keys of one `BatchGetItem`.
const BATCH_MAX: usize = 100;
/// Requests of one page: what is expired or over 1 MB makes a page take several.
const ROUNDS_MAX: usize = 10;
/// Parts of one scan.
const SEGMENTS_MAX: u32 = 1_000;

/// Sends until there is an answer; a read may always be tried again.
macro_rules! read {
    ($store:expr, $request:expr) => {{
        let mut patience = Patience::new(&*$store.clock);
        loop {
            match $request.clone().send().await {
                Ok(answer) => break Ok(answer),
                Err(error) => match fault(&error) {
                    Fault::Refused => break Err(port(error)),
                    Fault::Busy | Fault::Unclear if patience.wait().await => {}
                    Fault::Busy => break Err(StoreError::Busy),
                    Fault::Unclear => break Err(port(error)),
                },
            }
        }
    }};
}

impl DynamoStore {
    pub(super) async fn read_one(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let table = self.tables.of(&key.partition);
        let request =
            self.client.get_item().table_name(table).set_key(Some(item::key(key))).consistent_read(true);
        let answer = read!(self, request)?;
        answer.item.map_or(Ok(None), |item| alive(&item, self.clock.now()))
    }

    pub(super) async fn read_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        limit("keys in one read", PAGE_MAX, keys.len())?;
        keys.iter().try_for_each(check_key)?;
        // DynamoDB refuses a batch that names a key twice.
        let distinct: Vec<_> = keys.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut found = HashMap::new();
        for batch in distinct.chunks(BATCH_MAX) {
            self.read_batch(batch, &mut found).await?;
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn read_batch(&self, keys: &[&Key], found: &mut HashMap<Key, Record>) -> Result<(), StoreError> {
        let mut wanted = HashMap::new();
        for key in keys {
            let table = self.tables.of(&key.partition).to_owned();
            wanted.entry(table).or_insert_with(Vec::new).push(item::key(key));
        }
        let mut asked = HashMap::new();
        for (table, keys) in wanted {
            let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            asked.insert(table, keys.map_err(port)?);
        }
        let mut patience = Patience::new(&*self.clock);
        loop {
            let request = self.client.batch_get_item().set_request_items(Some(asked));
            let answer = read!(self, request)?;
            let items: Vec<_> = answer.responses.unwrap_or_default().into_values().flatten().collect();
            for item in &items {
                if let Some(record) = alive(item, self.clock.now())? {
                    found.insert(record.key.clone(), record);
                }
            }
            // What did not fit in 16 MB, or was throttled.
            asked = answer.unprocessed_keys.unwrap_or_default();
            match asked.is_empty() {
                true => return Ok(()),
                false if !items.is_empty() => {}
                false if patience.wait().await => {}
                false => return Err(StoreError::Busy),
            }
        }
    }

    pub(super) async fn read_list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        let Some(range) = Range::of(query) else { return Ok(Page::default()) };
        let mut start = match &query.cursor {
            Some(text) => Some(cursor::open_list(query, text).ok_or(StoreError::BadCursor)?.to_owned()),
            None => None,
        };
        let now = self.clock.now();
        let mut records = Vec::new();
        for _ in 0..ROUNDS_MAX {
            // One more than wanted tells whether there is a page after this one; one more is `until` itself.
            let wanted = i32::try_from(query.limit - records.len() + 2).unwrap_or(i32::MAX);
            let request = range
                .apply(self.client.query().table_name(self.tables.of(&query.partition)))
                .scan_index_forward(!query.descending)
                .set_exclusive_start_key(
                    start.as_deref().map(|sort| item::key(&Key::new(&*query.partition, sort))),
                )
                .consistent_read(true)
                .limit(wanted);
            let answer = read!(self, request)?;
            let is_heavy = answer.scanned_count < wanted;
            for item in answer.items.unwrap_or_default() {
                match alive(&item, now)? {
                    Some(record) if query.until.as_ref().is_none_or(|until| record.key.sort < *until) => {
                        records.push(record);
                    }
                    _ => {}
                }
            }
            if records.len() > query.limit {
                records.truncate(query.limit);
                let cursor = records.last().map(|last| cursor::seal_list(query, &last.key.sort));
                return Ok(Page { records, cursor });
            }
            start = answer.last_evaluated_key.as_ref().and_then(sort_of);
            if start.is_none() {
                return Ok(Page { records, cursor: None });
            }
            // DynamoDB stops at 1 MB, and so does a page.
            if is_heavy && !records.is_empty() {
                break;
            }
        }
        // A heavy page, or many expired records in a row: the caller goes on from here.
        let cursor = start.map(|sort| cursor::seal_list(query, &sort));
        Ok(Page { records, cursor })
    }

    pub(super) async fn read_segment(
        &self,
        segment: u32,
        of: u32,
        cursor: Option<&str>,
    ) -> Result<Page, StoreError> {
        limit("segments of a scan", SEGMENTS_MAX as usize, of as usize)?;
        limit("a scan's segment", (of as usize).saturating_sub(1), segment as usize)?;
        let start = match cursor {
            Some(text) => Some(cursor::open_scan(segment, of, text).ok_or(StoreError::BadCursor)?),
            None => None,
        };
        let request = self
            .client
            .scan()
            .table_name(&self.tables.records)
            .segment(i32::try_from(segment).unwrap_or(i32::MAX))
            .total_segments(i32::try_from(of.max(1)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start.as_ref().map(item::key))
            .consistent_read(true)
            .limit(i32::try_from(PAGE_MAX).unwrap_or(i32::MAX));
        let answer = read!(self, request)?;
        let now = self.clock.now();
        let mut records = Vec::new();
        for item in answer.items.unwrap_or_default() {
            records.extend(alive(&item, now)?);
        }
        let last = answer.last_evaluated_key.as_ref().and_then(|key| {
            let partition = key.get(PARTITION)?.as_s().ok()?;
            Some(Key::new(partition, sort_of(key)?))
        });
        Ok(Page { records, cursor: last.map(|key| cursor::seal_scan(segment, of, &key)) })
    }
}

/// The record in `item`, unless it is expired.
fn alive(item: &Item, now: UnixMillis) -> Result<Option<Record>, StoreError> {
    match item::is_expired(item, now) {
        true => Ok(None),
        false => item::decode(item).map(Some).map_err(port),
    }
}

fn sort_of(key: &Item) -> Option<String> {
    key.get(SORT).and_then(|value| value.as_s().ok()).cloned()
}

/// The key condition of a list. DynamoDB takes one condition on the sort key, and its `BETWEEN`
/// includes both ends: `until` itself is left out by whoever reads.
#[derive(Debug, PartialEq)]
struct Range<'q> {
    partition: &'q str,
    from: Option<&'q str>,
    until: Option<&'q str>,
}

impl<'q> Range<'q> {
    /// `None` when nothing can be in it.
    fn of(query: &'q ListQuery) -> Option<Self> {
        // No sort key is empty, and DynamoDB compares with no empty one.
        let from = query.from.as_deref().filter(|from| !from.is_empty());
        let until = query.until.as_deref();
        let empty = match (from, until) {
            (_, Some("")) => true,
            (Some(from), Some(until)) => from >= until,
            _ => false,
        };
        (!empty).then_some(Self { partition: &query.partition, from, until })
    }

    fn condition(&self) -> &'static str {
        match (self.from, self.until) {
            (None, None) => "#pk = :pk",
            (Some(_), None) => "#pk = :pk AND #sk >= :from",
            (None, Some(_)) => "#pk = :pk AND #sk < :until",
            (Some(_), Some(_)) => "#pk = :pk AND #sk BETWEEN :from AND :until",
        }
    }

    fn apply(&self, mut request: QueryFluentBuilder) -> QueryFluentBuilder {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        request = request
            .key_condition_expression(self.condition())
            .expression_attribute_names("#pk", PARTITION)
            .expression_attribute_values(":pk", text(self.partition));
        if self.from.is_some() || self.until.is_some() {
            request = request.expression_attribute_names("#sk", SORT);
        }
        if let Some(from) = self.from {
            request = request.expression_attribute_values(":from", text(from));
        }
        if let Some(until) = self.until {
            request = request.expression_attribute_values(":until", text(until));
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: Option<&str>, until: Option<&str>, expected: Option<&str>) {
        let query = ListQuery {
            from: from.map(str::to_owned),
            until: until.map(str::to_owned),
            ..ListQuery::all("p")
        };
        assert_eq!(Range::of(&query).map(|range| range.condition()), expected);
    }

    #[test]
    fn a_range_is_one_condition_on_the_sort_key() {
        check(None, None, Some("#pk = :pk"));
        check(Some(""), None, Some("#pk = :pk"));
        check(Some("a"), None, Some("#pk = :pk AND #sk >= :from"));
        check(None, Some("b"), Some("#pk = :pk AND #sk < :until"));
        check(Some("a"), Some("b"), Some("#pk = :pk AND #sk BETWEEN :from AND :until"));
    }

    #[test]
    fn an_empty_range_asks_nobody() {
        check(Some("b"), Some("b"), None);
        check(Some("c"), Some("b"), None);
        check(None, Some(""), None);
    }
}

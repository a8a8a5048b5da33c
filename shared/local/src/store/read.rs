//! What is asked of the store.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use rusqlite::{Connection, OptionalExtension, Row};
use scorpius_core::store::PAGE_MAX;
use scorpius_core::{Key, ListQuery, Page, PortError, Record, StoreError, UnixMillis};

use super::cursor::{Mark, join, split};
use crate::sqlite::{Table, decode, store_error};

/// Bytes of attributes and keys after which a page ends. DynamoDB ends a page at 1 MB.
const PAGE_BYTES_MAX: usize = 1_000_000;
/// Rows that one page of a scan looks at, so that a part without rows does not hold a reader for long.
const SCANNED_MAX: usize = 20_000;
/// Above every sort key: UTF-8 has no such byte.
const ABOVE_ALL: &[u8] = &[0xff];

/// Waits while a commit to both files becomes visible.
pub(super) fn pass(gate: &RwLock<()>) -> RwLockReadGuard<'_, ()> {
    gate.read().unwrap_or_else(PoisonError::into_inner)
}

/// One record as it is at this moment.
pub(super) fn get(connection: &Connection, key: &Key, now: UnixMillis) -> Result<Option<Record>, StoreError> {
    Ok(get_raw(connection, key)?.filter(|record| is_live(record.expires_at, now)))
}

/// One record, even when it has expired.
pub(super) fn get_raw(connection: &Connection, key: &Key) -> Result<Option<Record>, StoreError> {
    let sql = Table::of(&key.partition).sql().get;
    let row = connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement
                .query_row((key.partition.as_bytes(), key.sort.as_bytes()), |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?))
                })
                .optional()
        })
        .map_err(store_error)?;
    row.map(|(version, expires_at, attributes)| record(key.clone(), version, expires_at, &attributes))
        .transpose()
}

/// Whether reads see a record with this end.
pub(super) fn is_live(expires_at: Option<UnixMillis>, now: UnixMillis) -> bool {
    expires_at.is_none_or(|end| end > now)
}

fn record(key: Key, version: i64, expires_at: Option<i64>, attributes: &[u8]) -> Result<Record, StoreError> {
    let attributes = decode(attributes).map_err(|error| PortError::new("store", error))?;
    let expires_at = expires_at.map(|end| UnixMillis(end.cast_unsigned()));
    Ok(Record { key, version: version.cast_unsigned(), attributes, expires_at })
}

fn record_of_row(row: &Row<'_>) -> Result<(Record, usize), StoreError> {
    let blob = |index| row.get_ref(index).and_then(|value| Ok(value.as_blob()?)).map_err(store_error);
    let text = |index| {
        let bytes: &[u8] = blob(index)?;
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|error| StoreError::from(PortError::new("store", error)))
    };
    let key = Key { partition: text(0)?, sort: text(1)? };
    let version = row.get(2).map_err(store_error)?;
    let expires_at = row.get(3).map_err(store_error)?;
    let attributes = blob(4)?;
    let size = key.partition.len() + key.sort.len() + attributes.len();
    Ok((record(key, version, expires_at, attributes)?, size))
}

/// One page of a partition.
pub(super) fn list(connection: &Connection, query: &ListQuery, now: UnixMillis) -> Result<Page, StoreError> {
    let mark = Mark::of_list(query);
    let mut from = query.from.clone().unwrap_or_default().into_bytes();
    let mut until = query.until.as_ref().map_or(ABOVE_ALL, |until| until.as_bytes()).to_vec();
    if let Some(cursor) = &query.cursor {
        let last = mark.read(cursor)?;
        if query.descending {
            until = last;
        } else {
            // The least key after `last`.
            from = [&last[..], &[0]].concat();
        }
    }
    let sql = Table::of(&query.partition).sql();
    let sql = if query.descending { sql.down } else { sql.up };
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let more = i64::try_from(query.limit + 1).unwrap_or(i64::MAX);
    let mut rows = statement
        .query((query.partition.as_bytes(), from, until, now.0.cast_signed(), more))
        .map_err(store_error)?;
    let mut page = Page::default();
    let mut bytes = 0;
    while let Some(row) = rows.next().map_err(store_error)? {
        if let Some(last) = page.records.last()
            && (page.records.len() == query.limit || bytes >= PAGE_BYTES_MAX)
        {
            let last: &Record = last;
            page.cursor = Some(mark.write(last.key.sort.as_bytes()));
            break;
        }
        let (record, size) = record_of_row(row)?;
        bytes += size;
        page.records.push(record);
    }
    Ok(page)
}

const SCAN: &str = "SELECT partition, sort, version, expires_at, attributes FROM main.records
    WHERE (partition, sort) > (?1, ?2) ORDER BY partition, sort";

/// One page of a part of the records table.
pub(super) fn scan(
    connection: &Connection,
    (segment, of): (u32, u32),
    cursor: Option<&str>,
    now: UnixMillis,
) -> Result<Page, StoreError> {
    let mark = Mark::of_scan(segment, of);
    let place = cursor.map(|cursor| mark.read(cursor)).transpose()?;
    let (partition, sort) = match &place {
        Some(place) => split(place)?,
        None => (&[][..], &[][..]),
    };
    let mut statement = connection.prepare_cached(SCAN).map_err(store_error)?;
    let mut rows = statement.query((partition, sort)).map_err(store_error)?;
    let mut page = Page::default();
    let (mut bytes, mut looked_at) = (0, 0);
    let mut last = None;
    while let Some(row) = rows.next().map_err(store_error)? {
        if page.records.len() == PAGE_MAX || bytes >= PAGE_BYTES_MAX || looked_at == SCANNED_MAX {
            page.cursor = last.map(|last: Vec<u8>| mark.write(&last));
            break;
        }
        looked_at += 1;
        let partition = row.get_ref(0).and_then(|value| Ok(value.as_blob()?)).map_err(store_error)?;
        let sort = row.get_ref(1).and_then(|value| Ok(value.as_blob()?)).map_err(store_error)?;
        last = Some(join(partition, sort));
        if fnv(partition) % of != segment {
            continue;
        }
        let (record, size) = record_of_row(row)?;
        if is_live(record.expires_at, now) {
            bytes += size;
            page.records.push(record);
        }
    }
    Ok(page)
}

/// FNV-1a, 32 bits: which part of a scan a partition is in.
fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

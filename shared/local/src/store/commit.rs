//! Applying one commit inside the writer's transaction.

use rusqlite::OptionalExtension;
use scorpius_core::store::{RECORD_BYTES_MAX, limit};
use scorpius_core::{
    Attributes, Chained, CommitId, Condition, Key, Link, PortError, Record, StoreError, UnixMillis, Value,
    Write,
};

use super::read::{get_raw, is_live};
use crate::sqlite::{Table, Transaction, encode, store_error};

/// An `Add` to what cannot be added to.
#[derive(Debug, thiserror::Error)]
enum CannotAdd {
    #[error("attribute `{0}` is not a whole number")]
    NotANumber(String),
    #[error("attribute `{0}` would leave the range of 64 bits")]
    Overflow(String),
}

impl From<CannotAdd> for StoreError {
    fn from(error: CannotAdd) -> Self {
        PortError::new("store", error).into()
    }
}

/// What a write comes to, given what is there.
enum Change {
    Nothing,
    Put { key: Key, attributes: Attributes, expires_at: Option<UnixMillis> },
    Delete { key: Key, version: u64 },
}

/// About how many bytes `writes` take in the writer's queue.
pub(crate) fn size_bytes(writes: &[Write]) -> usize {
    let attributes = |attributes: &Attributes| -> usize {
        attributes.0.iter().map(|(name, value)| name.len() + 24 + value_bytes(value)).sum()
    };
    let one = |write: &Write| match write {
        Write::Put { attributes: all, .. } => attributes(all),
        Write::Add { deltas, .. } => deltas.iter().map(|(name, _)| name.len() + 24).sum(),
        Write::Delete { .. } | Write::Check { .. } => 0,
        Write::Emit(event) => event.to_json().len(),
    };
    writes.iter().map(|write| 64 + one(write)).sum()
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Int(_) | Value::Bool(_) => 8,
    }
}

/// Whether `writes` touch no other table than that of the counters.
pub(super) fn counters_only(writes: &[Write]) -> bool {
    writes.iter().all(|write| Table::of(&write.key().partition) == Table::Counters)
}

/// The version that the commit with this id gave to what it put in the synced file, if it was applied.
pub(crate) fn applied(transaction: &Transaction<'_>, id: CommitId) -> Result<Option<u64>, StoreError> {
    remembered(transaction, Table::Records, id).map_err(store_error)
}

/// Applies `writes` unless `id` was applied before; answers with the version of what was put.
pub(crate) fn apply(
    transaction: &mut Transaction<'_>,
    id: CommitId,
    now: UnixMillis,
    writes: Vec<Write>,
) -> Result<u64, StoreError> {
    let memory = if counters_only(&writes) { Table::Counters } else { Table::Records };
    if let Some(version) = remembered(transaction, memory, id).map_err(store_error)? {
        return Ok(version);
    }
    let emits = writes.iter().any(|write| matches!(write, Write::Emit(_)));
    let (version, changes) = decide(transaction, id, writes)?;
    write(transaction, version, &changes)?;
    remember(transaction, memory, id, now, version).map_err(store_error)?;
    transaction.effects.emitted |= emits;
    Ok(version)
}

/// Applies links until one cannot be applied, which leaves nothing.
pub(super) fn apply_chain(
    transaction: &mut Transaction<'_>,
    now: UnixMillis,
    key: &Key,
    links: Vec<Link>,
) -> Result<Chained, StoreError> {
    let connection = transaction.connection;
    let execute = |sql| {
        let executed = connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        executed.map(drop).map_err(store_error)
    };
    let mut chained = Chained::default();
    for mut link in links {
        link.follows(key, chained.versions.last().copied());
        execute("SAVEPOINT link")?;
        match apply(transaction, link.id, now, link.writes) {
            Ok(version) => chained.versions.push(version),
            Err(error) => {
                // Where SQLite gave up the whole transaction, there is nothing to go back to, and all of it fails.
                execute("ROLLBACK TO link")?;
                chained.stopped = Some(error);
            }
        }
        execute("RELEASE link")?;
        if chained.stopped.is_some() {
            break;
        }
    }
    Ok(chained)
}

/// Applies the one `Add` in `writes`; answers with what the record holds afterwards.
pub(super) fn add(
    transaction: &mut Transaction<'_>,
    id: CommitId,
    writes: Vec<Write>,
) -> Result<Attributes, StoreError> {
    let (version, mut changes) = decide(transaction, id, writes)?;
    write(transaction, version, &changes)?;
    match changes.pop() {
        Some(Change::Put { attributes, .. }) => Ok(attributes),
        Some(Change::Delete { .. } | Change::Nothing) | None => Ok(Attributes::new()),
    }
}

/// Judges all conditions before anything is written: one write per key, so that none sees another.
fn decide(
    transaction: &Transaction<'_>,
    id: CommitId,
    writes: Vec<Write>,
) -> Result<(u64, Vec<Change>), StoreError> {
    let mut version = id.version().max(transaction.unused_version());
    let mut changes = Vec::with_capacity(writes.len());
    for (index, write) in writes.into_iter().enumerate() {
        let old = get_raw(transaction.connection, &write.key())?;
        if let Some(old) = &old {
            version = version.max(old.version + 1);
        }
        let change = judge(write, old, id.made_at())?.ok_or(StoreError::Conflict { index })?;
        changes.push(change);
    }
    Ok((version, changes))
}

/// What `write` does to `old`; `None` when its condition does not hold.
fn judge(write: Write, old: Option<Record>, at: UnixMillis) -> Result<Option<Change>, StoreError> {
    let old_version = old.as_ref().map(|old| old.version);
    let live = old.filter(|old| is_live(old.expires_at, at));
    let holds = |condition: &Condition| match condition {
        Condition::Always => true,
        Condition::Absent => live.is_none(),
        Condition::Present => live.is_some(),
        Condition::VersionIs(version) => live.as_ref().is_some_and(|live| live.version == *version),
    };
    let change = match write {
        Write::Put { key, attributes, expires_at, condition } => {
            holds(&condition).then_some(Change::Put { key, attributes, expires_at })
        }
        Write::Delete { key, condition } => holds(&condition).then_some(match old_version {
            Some(version) => Change::Delete { key, version },
            None => Change::Nothing,
        }),
        Write::Check { condition, .. } => holds(&condition).then_some(Change::Nothing),
        Write::Add { key, deltas, only_if, expires_at } => {
            let (attributes, expires_at) = match live {
                Some(live) => (live.attributes, live.expires_at),
                None => (Attributes::new(), expires_at),
            };
            let attributes = sum(attributes, &deltas)?;
            let over = only_if.as_ref().is_some_and(|(name, max)| attributes.int(name) > *max);
            (!over).then_some(Change::Put { key, attributes, expires_at })
        }
        Write::Emit(event) => {
            let (key, attributes) = event.outbox_row();
            Some(Change::Put { key, attributes, expires_at: None })
        }
    };
    Ok(change)
}

fn sum(mut attributes: Attributes, deltas: &[(String, i64)]) -> Result<Attributes, CannotAdd> {
    for (name, delta) in deltas {
        let value = attributes.0.entry(name.clone()).or_insert(Value::Int(0));
        let Value::Int(number) = value else { return Err(CannotAdd::NotANumber(name.clone())) };
        *number = number.checked_add(*delta).ok_or_else(|| CannotAdd::Overflow(name.clone()))?;
    }
    Ok(attributes)
}

fn write(transaction: &mut Transaction<'_>, version: u64, changes: &[Change]) -> Result<(), StoreError> {
    for change in changes {
        match change {
            Change::Nothing => {}
            Change::Put { key, attributes, expires_at } => {
                let table = Table::of(&key.partition);
                transaction.touch(table);
                let attributes = encode(attributes);
                // Only an `Add` of ever more attributes can come to this.
                limit("bytes in a record", 2 * RECORD_BYTES_MAX, attributes.len())?;
                let expires_at = expires_at.map(|end| i64::try_from(end.0).unwrap_or(i64::MAX));
                let (partition, sort) = (key.partition.as_bytes(), key.sort.as_bytes());
                let row = (partition, sort, version.cast_signed(), expires_at, attributes);
                let mut put = transaction.connection.prepare_cached(table.sql().put).map_err(store_error)?;
                put.execute(row).map_err(store_error)?;
            }
            Change::Delete { key, version } => {
                let table = Table::of(&key.partition);
                transaction.touch(table);
                transaction.raise_floor(table, *version).map_err(store_error)?;
                let mut delete =
                    transaction.connection.prepare_cached(table.sql().delete).map_err(store_error)?;
                delete.execute((key.partition.as_bytes(), key.sort.as_bytes())).map_err(store_error)?;
            }
        }
    }
    Ok(())
}

fn remembered(transaction: &Transaction<'_>, memory: Table, id: CommitId) -> rusqlite::Result<Option<u64>> {
    let sql = match memory {
        Table::Counters => "SELECT version FROM counters.commits WHERE id = ?1",
        Table::Records | Table::Outbox => "SELECT version FROM main.commits WHERE id = ?1",
    };
    let mut statement = transaction.connection.prepare_cached(sql)?;
    statement.query_row([id.to_string()], |row| row.get::<_, i64>(0).map(i64::cast_unsigned)).optional()
}

fn remember(
    transaction: &mut Transaction<'_>,
    memory: Table,
    id: CommitId,
    now: UnixMillis,
    version: u64,
) -> rusqlite::Result<()> {
    transaction.touch(memory);
    let sql = match memory {
        Table::Counters => "INSERT INTO counters.commits (id, at_ms, version) VALUES (?1, ?2, ?3)",
        Table::Records | Table::Outbox => "INSERT INTO main.commits (id, at_ms, version) VALUES (?1, ?2, ?3)",
    };
    let row = (id.to_string(), now.0.cast_signed(), version.cast_signed());
    transaction.connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

//! The statements on messages and dead letters.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Result};
use scorpius_core::{QueueDepth, UnixMillis};

use super::DeadLetter;

pub(super) fn enqueue(connection: &Connection, queue: &str, now: UnixMillis, body: &[u8]) -> Result<()> {
    let sql = "INSERT INTO messages (queue, visible_at, first_enqueued_at, receives, reason, body)
        VALUES (?1, ?2, ?2, 0, '', ?3)";
    connection.prepare_cached(sql)?.execute((queue, now.0.cast_signed(), body)).map(drop)
}

/// Messages that may be handed out: id, body, and how often they were.
pub(super) fn due(
    connection: &Connection,
    queue: &str,
    now: UnixMillis,
    max: u32,
) -> Result<Vec<(i64, Bytes, u32)>> {
    let sql = "SELECT id, body, receives FROM messages WHERE queue = ?1 AND visible_at <= ?2
        ORDER BY visible_at, id LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map((queue, now.0.cast_signed(), max), |row| {
        Ok((row.get(0)?, Bytes::from(row.get::<_, Vec<u8>>(1)?), row.get(2)?))
    })?;
    rows.collect()
}

pub(super) fn next_due(connection: &Connection, queue: &str) -> Result<Option<UnixMillis>> {
    let sql = "SELECT min(visible_at) FROM messages WHERE queue = ?1";
    let due: Option<i64> = connection.prepare_cached(sql)?.query_row([queue], |row| row.get(0))?;
    Ok(due.map(|at| UnixMillis(at.cast_unsigned())))
}

pub(super) fn hand_out(connection: &Connection, id: i64, until: UnixMillis) -> Result<()> {
    let sql = "UPDATE messages SET visible_at = ?2, receives = receives + 1, handed_out = 1 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute((id, until.0.cast_signed())).map(drop)
}

/// Sets when the message is due; answers with its queue when there is such a message. With a reason it
/// is out of its worker's hands.
pub(super) fn delay(
    connection: &Connection,
    id: i64,
    due: UnixMillis,
    reason: Option<&str>,
) -> Result<Option<String>> {
    let sql =
        "UPDATE messages SET visible_at = ?2, handed_out = iif(?3 IS NULL, handed_out, 0), reason = coalesce(?3, reason)
        WHERE id = ?1 RETURNING queue";
    connection.prepare_cached(sql)?.query_row((id, due.0.cast_signed(), reason), |row| row.get(0)).optional()
}

pub(super) fn forget(connection: &Connection, id: i64) -> Result<()> {
    connection.prepare_cached("DELETE FROM messages WHERE id = ?1")?.execute([id]).map(drop)
}

/// Moves the message to the dead letters, with the reason given or the last one it was retried for.
pub(super) fn bury(connection: &Connection, id: i64, now: UnixMillis, reason: Option<&str>) -> Result<()> {
    let sql = "INSERT INTO dead_letters (queue, died_at, first_enqueued_at, receives, reason, body)
        SELECT queue, ?2, first_enqueued_at, receives,
            coalesce(?3, 'handed out ' || receives || ' times' || iif(reason = '', '', ': ' || reason)), body
        FROM messages WHERE id = ?1";
    connection.prepare_cached(sql)?.execute((id, now.0.cast_signed(), reason))?;
    forget(connection, id)
}

pub(super) fn dead_letters(connection: &Connection, queue: &str, max: u32) -> Result<Vec<DeadLetter>> {
    let sql = "SELECT body, reason, receives, first_enqueued_at FROM dead_letters WHERE queue = ?1
        ORDER BY id LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map((queue, max), |row| {
        Ok(DeadLetter {
            body: Bytes::from(row.get::<_, Vec<u8>>(0)?),
            reason: row.get(1)?,
            receives: row.get(2)?,
            first_enqueued: UnixMillis(row.get::<_, i64>(3)?.cast_unsigned()),
        })
    })?;
    rows.collect()
}

pub(super) fn redrive(connection: &Connection, queue: &str, now: UnixMillis, max: u32) -> Result<u32> {
    let ids: Vec<i64> = connection
        .prepare_cached("SELECT id FROM dead_letters WHERE queue = ?1 ORDER BY id LIMIT ?2")?
        .query_map((queue, max), |row| row.get(0))?
        .collect::<Result<_>>()?;
    let sql = "INSERT INTO messages (queue, visible_at, first_enqueued_at, receives, reason, body)
        SELECT queue, ?2, first_enqueued_at, 0, '', body FROM dead_letters WHERE id = ?1";
    for id in &ids {
        connection.prepare_cached(sql)?.execute((id, now.0.cast_signed()))?;
        connection.prepare_cached("DELETE FROM dead_letters WHERE id = ?1")?.execute([id])?;
    }
    Ok(u32::try_from(ids.len()).unwrap_or(max))
}

pub(super) fn depth(connection: &Connection, queue: &str, now: UnixMillis) -> Result<QueueDepth> {
    let sql = "SELECT count(*), min(first_enqueued_at) FROM messages WHERE queue = ?1";
    let (messages, oldest): (i64, Option<i64>) =
        connection.prepare_cached(sql)?.query_row([queue], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sql = "SELECT count(*) FROM dead_letters WHERE queue = ?1";
    let dead_letters: i64 = connection.prepare_cached(sql)?.query_row([queue], |row| row.get(0))?;
    Ok(QueueDepth {
        queue: queue.to_owned(),
        messages: messages.cast_unsigned(),
        dead_letters: dead_letters.cast_unsigned(),
        oldest_age_s: Some(oldest.map_or(0, |at| now.since_ms(UnixMillis(at.cast_unsigned())) / 1000)),
    })
}

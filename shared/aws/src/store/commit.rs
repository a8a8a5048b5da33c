//! Commits: one transaction with a token, or one conditional put.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_sdk_dynamodb::types::{CancellationReason, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use scorpius_core::{CommitId, Condition, Key, StoreError, UnixMillis, Write};

use super::expression::{Addition, Expression};
use super::item::{self, Item};
use super::memory::Known;
use super::{DynamoStore, Tables, port};
use crate::fault::{Fault, Patience, fault, is_busy};

/// Why a commit's fate is not told.
#[derive(Debug, thiserror::Error)]
enum InDoubt {
    /// A lone write got no answer, and somebody has written over its record since.
    #[error("the write was sent, and whether it was applied cannot be told any more")]
    Overwritten,
    /// DynamoDB remembers another request under this id.
    #[error("the commit's id was used for other writes")]
    OtherWrites,
    /// DynamoDB cancelled for a reason that is not ours to retry.
    #[error("the transaction was cancelled: {0}")]
    Cancelled(String),
}

/// The version of everything that this commit puts: above what it replaces, even where clocks disagree.
pub(super) fn version(id: CommitId, writes: &[Write]) -> u64 {
    let replaced = writes.iter().filter_map(|write| match write {
        Write::Put { condition: Condition::VersionIs(version), .. } => Some(version.saturating_add(1)),
        _ => None,
    });
    replaced.fold(id.version(), u64::max)
}

/// Where versions are at `now`, as `CommitId::version` counts.
pub(super) fn first_version(now: UnixMillis) -> u64 {
    now.0 << 12
}

impl DynamoStore {
    /// A retry after the answer was lost finds the commit's id in the item: the version that was to
    /// be replaced is gone for good, so the put cannot be applied twice.
    pub(super) async fn put_alone(
        &self,
        id: CommitId,
        key: &Key,
        item: Item,
        condition: Condition,
    ) -> Result<(), StoreError> {
        if self.memory.of(id) == Some(Known::Applied) {
            return Ok(());
        }
        let expression = Expression::condition(condition, id.made_at());
        let request = self
            .client
            .put_item()
            .table_name(self.tables.of(&key.partition))
            .set_item(Some(item))
            .set_condition_expression(expression.condition.clone())
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values_on_condition_check_failure(AllOld);
        let mut patience = Patience::new(&*self.clock);
        loop {
            let error = match request.clone().send().await {
                Ok(_) => {
                    self.memory.keep(id, Known::Applied);
                    return Ok(());
                }
                Err(error) => error,
            };
            if let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() {
                return self.refused(id, refused.item());
            }
            match fault(&error) {
                Fault::Busy if patience.wait().await => {}
                Fault::Busy => return Err(StoreError::Busy),
                Fault::Unclear => {
                    self.memory.keep(id, Known::Sent);
                    if !patience.wait().await {
                        return Err(port(error));
                    }
                }
                Fault::Refused => return Err(port(error)),
            }
        }
    }

    fn refused(&self, id: CommitId, found: Option<&Item>) -> Result<(), StoreError> {
        if found.is_some_and(|item| item::is_put_by(item, id)) {
            self.memory.keep(id, Known::Applied);
            return Ok(());
        }
        match self.memory.of(id) {
            Some(_) => Err(port(InDoubt::Overwritten)),
            None => Err(StoreError::Conflict { index: 0 }),
        }
    }

    /// One transaction. DynamoDB remembers its token, the commit's id, for ten minutes.
    pub(super) async fn transact(
        &self,
        id: CommitId,
        version: u64,
        writes: &[Write],
    ) -> Result<(), StoreError> {
        let Prepared { items, indexes } = prepare(&self.tables, id, version, writes)?;
        if items.is_empty() {
            return Ok(());
        }
        let request = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .client_request_token(id.to_string());
        let mut patience = Patience::new(&*self.clock);
        loop {
            let Err(error) = request.clone().send().await else { return Ok(()) };
            match judge(&error, writes, &indexes, id.made_at()) {
                Verdict::Conflict(index) => return Err(StoreError::Conflict { index }),
                Verdict::Expired(keys) => {
                    for key in &keys {
                        self.bury(key, id.made_at()).await?;
                    }
                    if !patience.spend() {
                        return Err(StoreError::Busy);
                    }
                }
                Verdict::Busy if patience.wait().await => {}
                Verdict::Busy => return Err(StoreError::Busy),
                Verdict::Unclear if patience.wait().await => {}
                Verdict::Unclear => return Err(port(error)),
                Verdict::Failed(Some(why)) => return Err(port(why)),
                Verdict::Failed(None) => return Err(port(error)),
            }
        }
    }
}

/// What is sent, and which write each item is.
#[derive(Debug)]
struct Prepared {
    items: Vec<TransactWriteItem>,
    indexes: Vec<usize>,
}

/// The same id and writes make the same items: DynamoDB compares what comes under one token.
fn prepare(tables: &Tables, id: CommitId, version: u64, writes: &[Write]) -> Result<Prepared, StoreError> {
    let mut prepared =
        Prepared { items: Vec::with_capacity(writes.len()), indexes: Vec::with_capacity(writes.len()) };
    for (index, write) in writes.iter().enumerate() {
        let item = match write {
            Write::Put { key, attributes, expires_at, condition } => {
                let item = item::encode(key, attributes, *expires_at, version, id);
                put(tables, key, item, &Expression::condition(*condition, id.made_at()))?
            }
            Write::Emit(event) => {
                let (key, attributes) = event.outbox_row();
                put(tables, &key, item::encode(&key, &attributes, None, version, id), &Expression::default())?
            }
            Write::Delete { key, condition } => {
                let expression = Expression::condition(*condition, id.made_at());
                let delete = Delete::builder()
                    .table_name(tables.of(&key.partition))
                    .set_key(Some(item::key(key)))
                    .set_condition_expression(expression.condition.clone())
                    .set_expression_attribute_names(expression.names())
                    .set_expression_attribute_values(expression.values());
                TransactWriteItem::builder().delete(delete.build().map_err(port)?).build()
            }
            // Nothing to ask.
            Write::Check { condition: Condition::Always, .. } => continue,
            Write::Check { key, condition } => {
                let expression = Expression::condition(*condition, id.made_at());
                let check = ConditionCheck::builder()
                    .table_name(tables.of(&key.partition))
                    .set_key(Some(item::key(key)))
                    .set_condition_expression(expression.condition.clone())
                    .set_expression_attribute_names(expression.names())
                    .set_expression_attribute_values(expression.values());
                TransactWriteItem::builder().condition_check(check.build().map_err(port)?).build()
            }
            Write::Add { key, deltas, only_if, expires_at } => {
                let addition = Addition {
                    deltas: deltas.iter().map(|(name, delta)| (name.as_str(), *delta)).collect(),
                    only_if: only_if.as_ref().map(|(name, max)| (name.as_str(), *max)),
                    expires_at: *expires_at,
                    base_version: id.version(),
                };
                let expression = Expression::addition(&addition, id.made_at());
                let update = Update::builder()
                    .table_name(tables.of(&key.partition))
                    .set_key(Some(item::key(key)))
                    .set_update_expression(expression.update.clone())
                    .set_condition_expression(expression.condition.clone())
                    .set_expression_attribute_names(expression.names())
                    .set_expression_attribute_values(expression.values())
                    .return_values_on_condition_check_failure(AllOld);
                TransactWriteItem::builder().update(update.build().map_err(port)?).build()
            }
        };
        prepared.items.push(item);
        prepared.indexes.push(index);
    }
    Ok(prepared)
}

fn put(
    tables: &Tables,
    key: &Key,
    item: Item,
    expression: &Expression,
) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(tables.of(&key.partition))
        .set_item(Some(item))
        .set_condition_expression(expression.condition.clone())
        .set_expression_attribute_names(expression.names())
        .set_expression_attribute_values(expression.values());
    Ok(TransactWriteItem::builder().put(put.build().map_err(port)?).build())
}

/// What a failed transaction means.
#[derive(Debug)]
enum Verdict {
    /// This write's condition does not hold.
    Conflict(usize),
    /// These records are expired, and in the way of an `Add`.
    Expired(Vec<Key>),
    /// Somebody else is at the same records, or there is too much to do.
    Busy,
    /// No answer.
    Unclear,
    /// It will not succeed; with a reason where the error itself has none.
    Failed(Option<InDoubt>),
}

fn judge(
    error: &SdkError<TransactWriteItemsError>,
    writes: &[Write],
    indexes: &[usize],
    now: UnixMillis,
) -> Verdict {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            judge_reasons(cancelled.cancellation_reasons(), writes, indexes, now)
        }
        Some(TransactWriteItemsError::IdempotentParameterMismatchException(_)) => {
            Verdict::Failed(Some(InDoubt::OtherWrites))
        }
        _ => match fault(error) {
            Fault::Busy => Verdict::Busy,
            Fault::Unclear => Verdict::Unclear,
            Fault::Refused => Verdict::Failed(None),
        },
    }
}

/// Whether an `Add` keeps to its limit where there is no record: if not, an expired one is not what is in its way.
fn fits_alone(write: &Write) -> bool {
    let Write::Add { deltas, only_if: Some((limited, max)), .. } = write else { return true };
    let sum: i128 =
        deltas.iter().filter(|(name, _)| name == limited).map(|(_, delta)| i128::from(*delta)).sum();
    sum <= i128::from(*max)
}

/// One reason for each item, in order; `None` for those that were not in the way.
fn judge_reasons(
    reasons: &[CancellationReason],
    writes: &[Write],
    indexes: &[usize],
    now: UnixMillis,
) -> Verdict {
    let (mut expired, mut busy, mut others) = (Vec::new(), false, Vec::new());
    for (reason, &index) in reasons.iter().zip(indexes) {
        match (reason.code().unwrap_or("None"), writes.get(index)) {
            ("None", _) => {}
            ("ConditionalCheckFailed", Some(write @ Write::Add { key, .. }))
                if reason.item().is_some_and(|item| item::is_expired(item, now)) && fits_alone(write) =>
            {
                expired.push(key.clone());
            }
            ("ConditionalCheckFailed", _) => return Verdict::Conflict(index),
            (code, _) if is_busy(code) => busy = true,
            (code, _) => others.push(code),
        }
    }
    match (others.first(), expired.is_empty(), busy) {
        (Some(code), ..) => Verdict::Failed(Some(InDoubt::Cancelled((*code).to_owned()))),
        (None, false, _) => Verdict::Expired(expired),
        (None, true, true) => Verdict::Busy,
        (None, true, false) => Verdict::Failed(Some(InDoubt::Cancelled("without a reason".to_owned()))),
    }
}

#[cfg(test)]
mod tests {
    use scorpius_core::{Attributes, ManualClock};

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_254_040_000);

    fn writes() -> Vec<Write> {
        let key = |sort: &str| Key::new("p", sort);
        vec![
            Write::Check { key: key("a"), condition: Condition::Always },
            Write::Put {
                key: key("b"),
                attributes: Attributes::new(),
                expires_at: None,
                condition: Condition::VersionIs(u64::MAX - 1),
            },
            Write::Add { key: key("c"), deltas: vec![("n".to_owned(), 1)], only_if: None, expires_at: None },
        ]
    }

    fn reason(code: &str) -> CancellationReason {
        CancellationReason::builder().code(code).build()
    }

    #[track_caller]
    fn check(reasons: &[CancellationReason], expected: &str) {
        assert_eq!(format!("{:?}", judge_reasons(reasons, &writes(), &[1, 2], NOW)), expected);
    }

    #[test]
    fn a_cancellation_is_judged_by_all_its_reasons() {
        let none = reason("None");
        let failed = reason("ConditionalCheckFailed");
        check(&[failed.clone(), none.clone()], "Conflict(1)");
        check(&[reason("TransactionConflict"), failed.clone()], "Conflict(2)");
        check(&[reason("TransactionConflict"), none.clone()], "Busy");
        check(&[none.clone(), reason("ThrottlingError")], "Busy");
        check(&[none.clone(), reason("ValidationError")], "Failed(Some(Cancelled(\"ValidationError\")))");
        check(&[], "Failed(Some(Cancelled(\"without a reason\")))");
        let expired = CancellationReason::builder()
            .code("ConditionalCheckFailed")
            .item(item::EXPIRES, item::number(NOW.0))
            .build();
        check(&[none, expired.clone()], "Expired([Key { partition: \"p\", sort: \"c\" }])");
        check(&[failed, expired.clone()], "Conflict(1)");
        // What is over its limit by itself is not tried again without the expired record.
        let mut over = writes();
        let Some(Write::Add { only_if, .. }) = over.get_mut(2) else { panic!("an addition") };
        *only_if = Some(("n".to_owned(), 0));
        let judged = judge_reasons(&[reason("None"), expired], &over, &[1, 2], NOW);
        assert_eq!(format!("{judged:?}"), "Conflict(2)");
    }

    #[test]
    fn a_commit_makes_the_same_items_each_time_and_skips_what_asks_nothing() {
        let id = CommitId::new(&ManualClock::at(NOW));
        let writes = writes();
        let version = version(id, &writes);
        assert_eq!(version, u64::MAX);
        let tables = Tables::with_prefix("t");
        let first = prepare(&tables, id, version, &writes).expect("items");
        let second = prepare(&tables, id, version, &writes).expect("items");
        assert_eq!(first.items, second.items);
        assert_eq!(first.indexes, [1, 2]);
    }

    #[test]
    fn a_put_s_version_is_above_what_it_replaces() {
        let id = CommitId::new(&ManualClock::at(NOW));
        assert_eq!(version(id, &[]), id.version());
        assert!(id.version() >= first_version(NOW));
        let put = |condition| Write::put(Key::new("p", "s"), &1, condition);
        assert_eq!(version(id, &[put(Condition::VersionIs(5))]), id.version());
        assert_eq!(version(id, &[put(Condition::VersionIs(id.version()))]), id.version() + 1);
    }
}

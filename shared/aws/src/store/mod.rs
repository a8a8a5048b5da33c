//! `Store` on three DynamoDB tables.
//!
//! ```text
//! commit ─> lone Put of a known version ─> PutItem          (its retry finds the commit in the item)
//!        └> everything else            ─> TransactWriteItems (its retry carries the same token)
//! ```

mod commit;
mod cursor;
mod expression;
mod item;
mod memory;
mod read;
mod tables;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValue;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use scorpius_core::store::{check_add, check_commit, check_key, check_list};
use scorpius_core::{
    Attributes, Clock, CommitId, Condition, Key, ListQuery, Page, PortError, Record, Store, StoreError,
    UnixMillis, Write,
};

use crate::fault::{Fault, Patience, fault};
use expression::{Addition, Expression};
use memory::Memory;
pub use tables::Tables;

/// The store on DynamoDB.
pub struct DynamoStore {
    client: Client,
    tables: Tables,
    clock: Arc<dyn Clock>,
    memory: Memory,
}

impl DynamoStore {
    /// Over tables that exist. `client` must not retry by itself: what may be tried again differs
    /// by call, and is decided here.
    #[must_use]
    pub fn new(client: Client, tables: Tables, clock: Arc<dyn Clock>) -> Self {
        Self { client, tables, clock, memory: Memory::default() }
    }

    /// Deletes the record if it is expired, which no reader can tell from before.
    async fn bury(&self, key: &Key, now: UnixMillis) -> Result<(), StoreError> {
        let expression = Expression::is_expired(now);
        let sent = self
            .client
            .delete_item()
            .table_name(self.tables.of(&key.partition))
            .set_key(Some(item::key(key)))
            .set_condition_expression(expression.condition.clone())
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => Ok(()),
                _ if fault(&error) == Fault::Busy => Ok(()),
                _ => Err(port(error)),
            },
        }
    }
}

/// The store's one error for what is not its caller's doing.
fn port(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    PortError::new("store", error).into()
}

#[async_trait]
impl Store for DynamoStore {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        check_key(key)?;
        self.read_one(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        self.read_many(keys).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        check_list(query)?;
        self.read_list(query).await
    }

    async fn scan(&self, segment: u32, of: u32, cursor: Option<&str>) -> Result<Page, StoreError> {
        self.read_segment(segment, of, cursor).await
    }

    async fn commit(&self, id: CommitId, writes: &[Write]) -> Result<u64, StoreError> {
        check_commit(writes)?;
        let version = commit::version(id, writes);
        match writes {
            [Write::Put { key, attributes, expires_at, condition: condition @ Condition::VersionIs(_) }] => {
                let item = item::encode(key, attributes, *expires_at, version, id);
                self.put_alone(id, key, item, *condition).await?;
            }
            _ => self.transact(id, version, writes).await?,
        }
        Ok(version)
    }

    async fn add(
        &self,
        key: &Key,
        deltas: &[(&str, i64)],
        only_if: Option<(&str, i64)>,
        expires_at: Option<UnixMillis>,
    ) -> Result<Attributes, StoreError> {
        check_key(key)?;
        check_add(deltas.iter().map(|(name, _)| *name))?;
        let now = self.clock.now();
        let addition = Addition {
            deltas: deltas.to_vec(),
            only_if,
            expires_at,
            base_version: commit::first_version(now),
        };
        let expression = Expression::addition(&addition, now);
        let request = self
            .client
            .update_item()
            .table_name(self.tables.of(&key.partition))
            .set_key(Some(item::key(key)))
            .set_update_expression(expression.update.clone())
            .set_condition_expression(expression.condition.clone())
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(AllOld);
        let mut patience = Patience::new(&*self.clock);
        loop {
            let error = match request.clone().send().await {
                Ok(answer) => {
                    return item::decode_attributes(&answer.attributes.unwrap_or_default()).map_err(port);
                }
                Err(error) => error,
            };
            if let Some(
                aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(
                    refused,
                ),
            ) = error.as_service_error()
            {
                let expired = refused.item().is_some_and(|item| item::is_expired(item, now));
                if !expired {
                    return Err(StoreError::Conflict { index: 0 });
                }
                self.bury(key, now).await?;
                if !patience.spend() {
                    return Err(StoreError::Busy);
                }
                continue;
            }
            match fault(&error) {
                Fault::Busy if patience.wait().await => {}
                Fault::Busy => return Err(StoreError::Busy),
                // Not again: an answer that is lost may have counted.
                Fault::Unclear | Fault::Refused => return Err(port(error)),
            }
        }
    }
}

//! The step of tenants' own logs: as many an hour as there is time for, each in its turn.

use std::sync::Arc;

use futures::future::join_all;
use scorpius_core::{Attributes, CommitId, Condition, Key, StoreError, TenantId, UnixMillis, Value, Write};
use scorpius_edge::idempotency::commit_with_retry;

use super::{AnchorError, Anchorer};
use crate::log::OwnLogs;

/// Logs that take their step at the same time.
const AT_ONCE: usize = 8;
/// How long a run begins with more of them, in milliseconds: the function has 120 s, and the last ones need some.
const BEGINS_MS: u64 = 60_000;
/// Logs of one run, whatever the clock says.
const LOGS_MAX: usize = 2_000;
/// The tenant after whom the next run goes on.
const AFTER: &str = "after";

impl Anchorer {
    /// From the log after the last one that had its turn, and from the first again after the end; each at most once.
    pub(super) async fn step_own(&self) -> Result<(), AnchorError> {
        let store = &*self.alarms.store;
        let began = self.clock.now();
        let record = store.get(&cursor()).await?;
        let start = record.as_ref().and_then(|record| record.attributes.text(AFTER)).map(str::to_owned);
        let own = self.own_logs();
        let (mut after, mut is_around) = (start.clone(), false);
        let (mut steps, mut first) = (0, Ok(()));
        while steps < LOGS_MAX && self.has_time(began) {
            let (mut tenants, last) = own.page(after.as_deref(), AT_ONCE, began).await?;
            if is_around {
                tenants.retain(|tenant| start.as_deref().is_none_or(|start| tenant.as_str() <= start));
            }
            steps += tenants.len();
            for stepped in join_all(tenants.into_iter().map(|tenant| self.step_of(tenant))).await {
                first = first.and(stepped);
            }
            let had_all = match &last {
                Some(last) => is_around && start.as_ref().is_none_or(|start| last >= start),
                None => is_around || start.is_none(),
            };
            let next = last.filter(|_| !had_all);
            // At once: a run that is ended before its time keeps no log from its turn.
            if next != after {
                self.remember(next.as_deref()).await?;
            }
            if had_all {
                break;
            }
            is_around |= next.is_none();
            after = next;
        }
        first
    }

    /// A clock that stepped back ends the run, too.
    fn has_time(&self, began: UnixMillis) -> bool {
        let now = self.clock.now();
        now >= began && now.since_ms(began) < BEGINS_MS
    }

    /// Which tenants have one.
    pub(crate) fn own_logs(&self) -> OwnLogs {
        OwnLogs::new(Arc::clone(&self.alarms.store))
    }

    async fn step_of(&self, tenant: TenantId) -> Result<(), AnchorError> {
        self.of_tenant(tenant)?.step().await.map(drop)
    }

    /// Two runs at once cost each other a turn, and no log its anchor: the later record counts.
    async fn remember(&self, after: Option<&str>) -> Result<(), AnchorError> {
        let write = match after {
            Some(after) => Write::Put {
                key: cursor(),
                attributes: Attributes::new().with(AFTER, Value::Text(after.to_owned())),
                expires_at: None,
                condition: Condition::Always,
            },
            None => Write::Delete { key: cursor(), condition: Condition::Always },
        };
        let store = &*self.alarms.store;
        match commit_with_retry(store, CommitId::new(&*self.clock), &[write]).await {
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn cursor() -> Key {
    Key::new("ledger#anchoring", "own")
}

#[cfg(test)]
mod tests;

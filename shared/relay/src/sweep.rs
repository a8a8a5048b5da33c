//! Finding what nobody relayed: a dead stream loses nothing.

use scorpius_core::store::{OUTBOX_PARTITIONS, PAGE_MAX};
use scorpius_core::{Event, ListQuery, Record, StoreError, UnixMillis};
use scorpius_edge::queue::{AuditBatch, BATCH_EVENTS_MAX};

use crate::relay::{BATCHES, Relay, RelayError, Relayed};

/// What one sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// What was carried on.
    pub relayed: Relayed,
    /// Batches that were recorded and are sent again.
    pub resent: usize,
    /// Rows that hold no event of ours: a defect, logged each time.
    pub unreadable: usize,
    /// Whether rows of that age were left for the next sweep.
    pub more: bool,
    /// Age of the oldest row found, for the alarm.
    pub oldest_age_ms: u64,
}

impl Swept {
    /// Whether another sweep at once would find more to carry: rows that cannot be read do not count.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.more && self.relayed.published + self.resent > 0
    }
}

impl Relay {
    /// Relays all rows that are at least `age_ms` old, oldest first, and sends recorded batches of that
    /// age again. At most `rows_max` rows a call.
    ///
    /// # Errors
    /// When a port fails; the next sweep finds what is left.
    pub async fn sweep(&self, age_ms: u64, rows_max: usize) -> Result<Swept, RelayError> {
        let now = self.clock.now();
        let until = UnixMillis(now.0.saturating_sub(age_ms).saturating_add(1));
        let mut swept = Swept::default();
        self.resend(until, &mut swept).await?;

        let mut events = Vec::new();
        for shard in 0..OUTBOX_PARTITIONS {
            let wanted = rows_max.saturating_sub(events.len()).min(PAGE_MAX);
            if wanted == 0 {
                swept.more = true;
                break;
            }
            let query = ListQuery {
                until: Some(sort_before("evt", until)),
                limit: wanted,
                ..ListQuery::all(format!("outbox#{shard}"))
            };
            let page = self.store.list(&query).await?;
            swept.more |= page.cursor.is_some();
            for row in &page.records {
                match read(row) {
                    Some(event) => events.push(event),
                    None => swept.unreadable += 1,
                }
            }
        }
        events.sort_by(|a, b| a.id.cmp(&b.id));
        if let Some(made) = events.first().and_then(|event| event.time.parse::<UnixMillis>().ok()) {
            swept.oldest_age_ms = now.since_ms(made);
        }
        for chunk in events.chunks(BATCH_EVENTS_MAX) {
            let relayed = self.relay(chunk).await?;
            swept.relayed.published += relayed.published;
            swept.relayed.claimed += relayed.claimed;
            swept.relayed.batches += relayed.batches;
        }
        Ok(swept)
    }

    async fn resend(&self, until: UnixMillis, swept: &mut Swept) -> Result<(), RelayError> {
        let query = ListQuery { until: Some(sort_before("bat", until)), ..ListQuery::all(BATCHES) };
        let page = self.store.list(&query).await?;
        for record in &page.records {
            let batch: AuditBatch = record.document().map_err(StoreError::from)?;
            self.send(&batch).await?;
            swept.resent += 1;
        }
        swept.more |= page.cursor.is_some();
        Ok(())
    }
}

fn read(row: &Record) -> Option<Event> {
    let event: Result<Event, _> = row.document();
    if let Err(error) = &event {
        tracing::error!(partition = row.key.partition, sort = row.key.sort, %error, "an outbox row holds no event");
    }
    event.ok()
}

/// The sort key before which lie all ids made before `until`: a UUIDv7 begins with 48 bits of milliseconds.
fn sort_before(prefix: &str, until: UnixMillis) -> String {
    format!("{prefix}_{:012x}", until.0)
}

#[cfg(test)]
mod tests {
    use scorpius_core::{Clock, ManualClock, new_id};

    use super::*;

    #[test]
    fn ids_sort_around_the_moment_they_were_made() {
        let clock = ManualClock::at(UnixMillis(1_795_254_040_000));
        let id = new_id("evt", &clock);
        assert!(id < sort_before("evt", clock.now().plus_ms(1)));
        assert!(id >= sort_before("evt", clock.now()));
    }
}

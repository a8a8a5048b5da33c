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
    /// Rows that hold no event of ours: a defect, logged each time. They stay, and grow old.
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
    /// One run of the schedule: sweeps, and writes the line that the alarms watch, however it ends.
    ///
    /// # Errors
    /// As `sweep`.
    pub async fn tick(&self, age_ms: u64, rows_max: usize) -> Result<(), RelayError> {
        let mut swept = Swept::default();
        let done = self.sweep_into(&mut swept, age_ms, rows_max).await;
        let Swept { relayed: Relayed { published, claimed, batches, stuck }, .. } = swept;
        let Swept { resent, unreadable, more, oldest_age_ms, .. } = swept;
        let ok = done.is_ok();
        tracing::info!(
            target: "scorpius::sweep",
            oldest_age_ms, stuck, unreadable, published, claimed, batches, resent, more, ok, "swept"
        );
        done
    }

    /// Relays all rows that are at least `age_ms` old, oldest first, and sends recorded batches of that
    /// age again. At most `rows_max` rows a call.
    ///
    /// # Errors
    /// When a port fails; the next sweep finds what is left.
    pub async fn sweep(&self, age_ms: u64, rows_max: usize) -> Result<Swept, RelayError> {
        let mut swept = Swept::default();
        self.sweep_into(&mut swept, age_ms, rows_max).await?;
        Ok(swept)
    }

    async fn sweep_into(&self, swept: &mut Swept, age_ms: u64, rows_max: usize) -> Result<(), RelayError> {
        let now = self.clock.now();
        let until = UnixMillis(now.0.saturating_sub(age_ms).saturating_add(1));
        let mut events = Vec::new();
        let mut oldest = now;
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
                // A row without a time is as old as what is looked for.
                oldest = oldest.min(made_at(&row.key.sort).unwrap_or(until));
                match read(row) {
                    Some(event) => events.push(event),
                    None => swept.unreadable += 1,
                }
            }
        }
        swept.oldest_age_ms = now.since_ms(oldest);
        // After the look, so that the alarm hears of old rows whatever fails here.
        self.resend(until, swept).await?;
        events.sort_by(|a, b| a.id.cmp(&b.id));
        self.carry_chunks(&events, swept).await
    }

    /// A chunk that fails does not keep the others back; when none goes, the first failure is the answer.
    async fn carry_chunks(&self, events: &[Event], swept: &mut Swept) -> Result<(), RelayError> {
        let mut failed = None;
        for chunk in events.chunks(BATCH_EVENTS_MAX) {
            match self.relay(chunk).await {
                Ok(relayed) => {
                    swept.relayed.published += relayed.published;
                    swept.relayed.claimed += relayed.claimed;
                    swept.relayed.batches += relayed.batches;
                    swept.relayed.stuck += relayed.stuck;
                }
                Err(error) if failed.is_none() => {
                    swept.relayed.stuck += chunk.len();
                    failed = Some(error);
                }
                // A second one: the ports are down, and the time is not spent on asking them again.
                Err(_) => break,
            }
        }
        match failed {
            Some(error) if swept.relayed.published == 0 => Err(error),
            Some(error) => {
                let error = scorpius_core::error::chain(&error);
                tracing::error!(error, "rows of the outbox were not relayed");
                Ok(())
            }
            None => Ok(()),
        }
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

/// When the event of a row was made, by its id.
fn made_at(sort: &str) -> Option<UnixMillis> {
    let digits = sort.strip_prefix("evt_")?.get(..12)?;
    u64::from_str_radix(digits, 16).ok().map(UnixMillis)
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
        assert_eq!(made_at(&id), Some(clock.now()));
        assert_eq!(made_at("evt_x"), None);
        assert_eq!(made_at("a row of nobody"), None);
    }
}

//! Permits of one window, leased from the store in blocks.
//!
//! A counter of the store says how many permits of a window were leased by all processes together; it never
//! passes the limit, since each lease is one `add` under that maximum. What a process has leased and does not use
//! is lost with the window: fewer are let through than could be, and never more. Blocks double while a process
//! is busy, so that a window costs about the logarithm of its requests.

use scorpius_core::{Key, Store, StoreError, UnixMillis};

/// Requests for a lease within one call; after that the call is refused and the next one asks again.
const ATTEMPTS_MAX: u32 = 4;
/// No block is larger than this part of the limit: so much may a process keep from others.
const BLOCKS_MIN: u32 = 8;
/// Who finds that others have all but such a part of the limit leaves them the rest: asking for it costs more calls
/// than it would let through.
const SCRAPS: u32 = 32;
/// What a counter counts.
const LEASED: &str = "leased";

/// One limit for one party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    /// As `RateLimit` names it.
    pub(super) name: &'static str,
    /// Whose: an id, or a pseudonym.
    pub(super) of: String,
    /// Requests a window.
    pub(super) limit: u32,
    /// Seconds of a window, which begins at a multiple of this.
    pub(super) window_s: u32,
}

impl Quota {
    /// When the window of `now` begins, in seconds.
    fn window(&self, now: UnixMillis) -> u64 {
        now.as_s() - now.as_s() % u64::from(self.window_s)
    }

    /// Seconds until the next window, at least 1.
    pub(super) fn reset_s(&self, now: UnixMillis) -> u32 {
        let past = u32::try_from(now.as_s() % u64::from(self.window_s)).unwrap_or(0);
        self.window_s - past
    }

    fn counter(&self, window: u64) -> Key {
        Key::new(format!("counter#rate#{}#{}", self.name, self.of), format!("{window:012}"))
    }
}

/// What one process has of one quota.
#[derive(Debug, Default)]
pub(super) struct Lease {
    window: u64,
    limit: u32,
    /// Leased and not used.
    free: u32,
    /// Used in this window.
    used: u32,
    /// What to ask for next.
    block: u32,
    /// What was left for everybody when this process last looked.
    left: u32,
    /// Nothing is left, and nothing will be in this window.
    exhausted: bool,
}

impl Lease {
    /// Uses one permit, and leases more where there is none. `None`: there is none to be had.
    ///
    /// # Errors
    /// What the store says.
    pub(super) async fn take(
        &mut self,
        quota: &Quota,
        store: &dyn Store,
        now: UnixMillis,
    ) -> Result<Option<u32>, StoreError> {
        self.turn(quota, now);
        if self.free == 0 && !self.exhausted {
            self.lease(quota, store).await?;
        }
        if self.free == 0 {
            return Ok(None);
        }
        self.free -= 1;
        self.used += 1;
        Ok(Some(self.free.saturating_add(self.left).min(self.limit)))
    }

    /// Gives back the permit that was taken at `now`: something else refused the request.
    pub(super) fn give_back(&mut self, quota: &Quota, now: UnixMillis) {
        if self.window == quota.window(now) && self.used > 0 {
            self.free += 1;
            self.used -= 1;
        }
    }

    /// Whether it is of use at `now`, for a window of `window_s`.
    pub(super) fn is_current(&self, window_s: u32, now: UnixMillis) -> bool {
        self.window.saturating_add(u64::from(window_s)) > now.as_s()
    }

    /// Begins the window of `now`. Permits are for their own window only, also when the clock steps back.
    fn turn(&mut self, quota: &Quota, now: UnixMillis) {
        let window = quota.window(now);
        if self.window == window && self.limit == quota.limit {
            return;
        }
        // Whoever was busy is likely to be so again.
        let busy = if self.window + u64::from(quota.window_s) == window { self.used } else { 0 };
        let block = (busy / 2).clamp(1, block_max(quota.limit));
        *self = Self { window, limit: quota.limit, block, left: quota.limit, ..Self::default() };
    }

    async fn lease(&mut self, quota: &Quota, store: &dyn Store) -> Result<(), StoreError> {
        let counter = quota.counter(self.window);
        // A window longer than it lasts, for processes whose clocks are late.
        let expires_at = UnixMillis(self.window.saturating_mul(1_000)).plus_s(2 * u64::from(quota.window_s));
        let limit = i64::from(quota.limit);
        let mut wanted = self.block.clamp(1, self.left.max(1));
        for _ in 0..ATTEMPTS_MAX {
            let more = [(LEASED, i64::from(wanted))];
            match store.add(&counter, &more, Some((LEASED, limit)), Some(expires_at)).await {
                Ok(counted) => {
                    self.left = left(limit, counted.int(LEASED));
                    self.exhausted = self.left == 0;
                    self.free += wanted;
                    self.block = self.block.saturating_mul(2).min(block_max(quota.limit));
                    return Ok(());
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
            let counted = store.get(&counter).await?.map_or(0, |record| record.attributes.int(LEASED));
            self.left = left(limit, counted);
            if self.left <= quota.limit / SCRAPS {
                self.exhausted = true;
                return Ok(());
            }
            // Others want the rest, too.
            wanted = (wanted / 2).clamp(1, self.left);
        }
        Ok(())
    }
}

fn left(limit: i64, counted: i64) -> u32 {
    u32::try_from(limit.saturating_sub(counted)).unwrap_or(0)
}

fn block_max(limit: u32) -> u32 {
    (limit / BLOCKS_MIN).max(1)
}

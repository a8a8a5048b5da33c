//! One endpoint: whether it may be asked.

use std::sync::Mutex;

use scorpius_core::UnixMillis;

/// Failures in a row after which an endpoint rests.
const FAILURES_MAX: u32 = 3;
/// The first rest; each failure after it doubles the rest.
const REST_MS: u64 = 2_000;
/// The longest rest.
const REST_MS_MAX: u64 = 60_000;

/// A circuit breaker: closed, open until a moment, then one question decides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    rests_until: UnixMillis,
}

impl Breaker {
    pub(crate) fn rests(&self, now: UnixMillis) -> bool {
        now < self.rests_until
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn failed(&mut self, now: UnixMillis) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES_MAX {
            let doublings = (self.failures - FAILURES_MAX).min(5);
            self.rests_until = now.plus_ms((REST_MS << doublings).min(REST_MS_MAX));
        }
    }

    /// Takes the turn of whoever asks first after a rest: the others wait for what it finds.
    pub(crate) fn admit(&mut self, now: UnixMillis) -> bool {
        if self.rests(now) {
            return false;
        }
        if self.failures >= FAILURES_MAX {
            self.rests_until = now.plus_ms(REST_MS);
        }
        true
    }
}

/// An endpoint of one chain.
pub(crate) struct Endpoint {
    /// May hold a credential: never logged, never in an error.
    pub(crate) url: String,
    state: Mutex<State>,
}

/// Calls in one request. Hosted nodes allow from ten to a thousand.
const BATCH_MAX: usize = 100;

struct State {
    breaker: Breaker,
    serves_its_chain: bool,
    batch_max: usize,
}

impl Default for State {
    fn default() -> Self {
        Self { breaker: Breaker::default(), serves_its_chain: false, batch_max: BATCH_MAX }
    }
}

impl Endpoint {
    pub(crate) fn new(url: String) -> Self {
        Self { url, state: Mutex::default() }
    }

    pub(crate) fn admit(&self, now: UnixMillis) -> bool {
        self.with(|state| state.breaker.admit(now))
    }

    pub(crate) fn succeeded(&self) {
        self.with(|state| state.breaker.succeeded());
    }

    pub(crate) fn failed(&self, now: UnixMillis) {
        self.with(|state| state.breaker.failed(now));
    }

    pub(crate) fn serves_its_chain(&self) -> bool {
        self.with(|state| state.serves_its_chain)
    }

    pub(crate) fn served_its_chain(&self) {
        self.with(|state| state.serves_its_chain = true);
    }

    /// Calls that it takes in one request, as far as is known.
    pub(crate) fn batch_max(&self) -> usize {
        self.with(|state| state.batch_max)
    }

    /// It refused twice as many.
    pub(crate) fn takes_at_most(&self, calls: usize) {
        self.with(|state| state.batch_max = calls.max(1).min(state.batch_max));
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // Nothing that holds this lock can leave the state half changed.
        change(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> UnixMillis {
        UnixMillis(1_000_000 + ms)
    }

    #[test]
    fn an_endpoint_rests_after_three_failures_and_longer_each_time() {
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            breaker.failed(at(0));
            assert!(breaker.admit(at(0)));
        }
        breaker.failed(at(0));
        assert!(breaker.rests(at(1_999)) && !breaker.rests(at(2_000)));
        breaker.failed(at(2_000));
        assert!(breaker.rests(at(5_999)) && !breaker.rests(at(6_000)));
        for _ in 0..100 {
            breaker.failed(at(6_000));
        }
        assert!(breaker.rests(at(65_999)) && !breaker.rests(at(66_000)));
        breaker.succeeded();
        assert!(!breaker.rests(at(6_000)));
    }

    #[test]
    fn after_a_rest_one_question_decides() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            breaker.failed(at(0));
        }
        assert!(!breaker.admit(at(0)));
        assert!(breaker.admit(at(2_000)));
        assert!(!breaker.admit(at(2_000)));
        breaker.succeeded();
        assert!(breaker.admit(at(2_000)));
    }
}

//! What a failed call means, and how long to keep trying.

use std::time::Duration;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use scorpius_core::Clock;

/// Attempts of one call, the first included.
const TRIES_MAX: u32 = 8;
/// The longest first pause; it doubles with each attempt.
const PAUSE_FIRST_MS: u64 = 20;
/// The longest pause of all.
const PAUSE_MAX_MS: u64 = 1_000;

/// What a failed call means for whoever made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not done: too much at once, or somebody else is at the same record.
    Busy,
    /// Perhaps done: no answer, or one that does not say.
    Unclear,
    /// Not done, and it will not be.
    Refused,
}

/// The codes are those of the services' API references, "Common Errors" and each operation's own.
pub(crate) fn fault<E: ProvideErrorMetadata>(error: &SdkError<E, Response>) -> Fault {
    match error {
        SdkError::ConstructionFailure(_) => Fault::Refused,
        SdkError::ServiceError(answer) => match answer.err().code() {
            Some(code) if is_busy(code) => Fault::Busy,
            _ if answer.raw().status().as_u16() == 429 => Fault::Busy,
            _ if answer.raw().status().is_server_error() => Fault::Unclear,
            _ => Fault::Refused,
        },
        // Timeouts, broken connections, answers that are not the service's.
        _ => Fault::Unclear,
    }
}

/// Whether `code` says that nothing was done and that it may be tried again.
pub(crate) fn is_busy(code: &str) -> bool {
    matches!(
        code,
        "ProvisionedThroughputExceeded"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "SlowDown"
            | "Throttling"
            | "ThrottlingError"
            | "ThrottlingException"
            | "TransactionConflict"
            | "TransactionConflictException"
            | "TransactionInProgressException"
    )
}

/// A bounded number of attempts with growing, jittered pauses between them.
pub(crate) struct Patience<'c> {
    clock: &'c dyn Clock,
    tried: u32,
}

impl<'c> Patience<'c> {
    pub(crate) fn new(clock: &'c dyn Clock) -> Self {
        Self { clock, tried: 1 }
    }

    /// Counts one more attempt; false when there is none left.
    pub(crate) fn spend(&mut self) -> bool {
        self.tried += 1;
        self.tried <= TRIES_MAX
    }

    /// Pauses before the next attempt; false, at once, when there is none left.
    pub(crate) async fn wait(&mut self) -> bool {
        let most = (PAUSE_FIRST_MS << (self.tried - 1).min(10)).min(PAUSE_MAX_MS);
        if !self.spend() {
            return false;
        }
        let mut random = [0; 8];
        self.clock.fill_random(&mut random);
        // Full jitter: those that collided do not collide again in step.
        tokio::time::sleep(Duration::from_millis(u64::from_le_bytes(random) % (most + 1))).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use scorpius_core::{ManualClock, UnixMillis};

    use super::*;

    #[tokio::test]
    async fn patience_ends() {
        let clock = ManualClock::at(UnixMillis(0));
        let mut patience = Patience::new(&clock);
        let started = tokio::time::Instant::now();
        let mut waits = 0;
        while patience.wait().await {
            waits += 1;
        }
        assert_eq!(waits, TRIES_MAX - 1);
        assert!(started.elapsed() <= Duration::from_secs(4));
    }
}

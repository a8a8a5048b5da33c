//! Refresh tokens: each is used once, and the session knows when one comes again.
//!
//! ```text
//! r1 ──used──> r2 ──used──> r3            a session, from its start to its end
//!  └─again within the grace──> r2'        two pages at once, or an answer that was lost
//!  └─again later──> the session ends      somebody else has r1
//! ```
//!
//! Every token that was ever given out is a record until its session's end, so that a used one is told
//! apart from noise: a made-up token ends nobody's session.

use scorpius_core::{Key, TenantId, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::session::Session;
use crate::settings::SessionLimits;

/// Times that one token may come again within its grace. Fifty pages at once are still one person's.
pub const RETRIES_MAX: i64 = 100;

/// One refresh token as stored, under its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshRecord {
    /// When it was given out.
    pub issued_at: UnixMillis,
    /// The idle limit: from then on it does not count.
    pub idle_until: UnixMillis,
    /// When it was first used.
    pub used_at: Option<UnixMillis>,
}

impl RefreshRecord {
    /// A token that is given out now.
    #[must_use]
    pub fn issued(now: UnixMillis, session: &Session, limits: &SessionLimits) -> Self {
        Self { issued_at: now, idle_until: now.plus_s(limits.idle_s).min(session.ends_at), used_at: None }
    }

    /// Where the token with this hash is.
    #[must_use]
    pub fn at(tenant: &TenantId, session: &str, hash: &str) -> Key {
        Key::new(format!("{tenant}#refresh#{session}"), hash)
    }

    /// Where its retries are counted.
    #[must_use]
    pub fn retries(tenant: &TenantId, session: &str, hash: &str) -> Key {
        Key::new(format!("{tenant}#refresh#{session}"), format!("{hash}#retries"))
    }
}

/// What a token that was presented is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The first use.
    First,
    /// The same client again, within the grace.
    Retry,
    /// Too late, or from another program: the session must end.
    Reuse {
        /// Since its first use.
        after_s: u64,
        /// Whether the program describes itself otherwise.
        other_program: bool,
    },
    /// It was not used in time.
    Idle,
}

/// What the use of `record` by a program `agent` at `now` is. The grace is counted from the first use, so
/// that retries do not prolong it.
#[must_use]
pub fn judge(record: &RefreshRecord, session: &Session, agent: &str, grace_s: u64, now: UnixMillis) -> Use {
    let Some(used_at) = record.used_at else {
        return if record.idle_until <= now { Use::Idle } else { Use::First };
    };
    let (after_ms, other_program) = (now.since_ms(used_at), !session.is_of_agent(agent));
    match after_ms <= grace_s.saturating_mul(1_000) && !other_program {
        true => Use::Retry,
        false => Use::Reuse { after_s: after_ms / 1_000, other_program },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scorpius_edge::{Assurance, Factor};

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_254_040_000);

    fn session() -> Session {
        Session {
            id: "ses_1".to_owned(),
            tenant: "ten_00000000000000000000000000000001".parse().expect("a tenant"),
            user: "usr_1".to_owned(),
            acr: Assurance::Aal1,
            amr: vec![Factor::Pwd],
            proved_at: NOW,
            started_at: NOW,
            ends_at: NOW.plus_s(86_400),
            used_at: NOW,
            network: "192.0.2.7".to_owned(),
            agent: "browser".to_owned(),
            csrf_sha256: None,
            dpop_jkt: None,
            ended: None,
            events: 1,
        }
    }

    #[track_caller]
    fn check(used_ago_ms: Option<u64>, agent: &str, expected: Use) {
        let later = NOW.plus_s(3_600);
        let mut record = RefreshRecord::issued(NOW, &session(), &SessionLimits::default());
        record.used_at = used_ago_ms.map(|ago| UnixMillis(later.0 - ago));
        assert_eq!(judge(&record, &session(), agent, 30, later), expected);
    }

    #[test]
    fn a_used_token_is_a_retry_within_the_grace_and_for_the_same_program_only() {
        check(None, "browser", Use::First);
        check(None, "anything", Use::First);
        check(Some(0), "browser", Use::Retry);
        check(Some(30_000), "browser", Use::Retry);
        check(Some(30_001), "browser", Use::Reuse { after_s: 30, other_program: false });
        check(Some(0), "curl", Use::Reuse { after_s: 0, other_program: true });
        check(Some(60_000), "curl", Use::Reuse { after_s: 60, other_program: true });
    }

    #[test]
    fn an_unused_token_counts_up_to_the_idle_limit_and_the_session_s_end() {
        let limits = SessionLimits { idle_s: 60, ..SessionLimits::default() };
        let record = RefreshRecord::issued(NOW, &session(), &limits);
        assert_eq!(judge(&record, &session(), "browser", 30, NOW.plus_ms(59_999)), Use::First);
        assert_eq!(judge(&record, &session(), "browser", 30, NOW.plus_s(60)), Use::Idle);
        let limits = SessionLimits { idle_s: 1_000_000, ..limits };
        assert_eq!(RefreshRecord::issued(NOW, &session(), &limits).idle_until, session().ends_at);
    }

    proptest! {
        #[test]
        fn whoever_waits_longer_is_never_judged_more_kindly(used in 0_u64..100_000, wait in 0_u64..100_000, more in 0_u64..100_000) {
            let mut record = RefreshRecord::issued(NOW, &session(), &SessionLimits::default());
            record.used_at = Some(NOW.plus_ms(used));
            let at = |ms| judge(&record, &session(), "browser", 30, NOW.plus_ms(used + ms));
            if at(wait) != Use::Retry {
                prop_assert_ne!(at(wait + more), Use::Retry);
            }
        }
    }
}

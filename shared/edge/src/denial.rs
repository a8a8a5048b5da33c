//! What callers were refused, as events: told of once it is sensitive or comes again, and so seldom that nobody can
//! fill the ledger by asking for what they may not have.
//!
//! ```text
//! 403 ─> count of subject and minute ─┬─ first, and sensitive ──┐
//!                                     └─ fifth in the minute ───┴─> one event a minute and subject, 120 an hour and tenant
//! ```
//!
//! Every single refusal is in the log. Who is not known is in no tenant, so that there is no event of theirs.

use schemars::JsonSchema;
use scorpius_core::{Actor, Clock, CommitId, Event, Fact, Key, Store, StoreError, TenantId, Write, new_id};
use serde::{Deserialize, Serialize};

use crate::idempotency::commit_with_retry;
use crate::principal::Principal;

/// Refusals of one subject in one minute that are told of, where none was sensitive.
const REPEATED: i64 = 5;
/// Events of one tenant in one hour: more is counted, and in the log.
const TOLD_MAX: i64 = 120;
/// Policies that an event names.
const POLICIES_MAX: usize = 10;
const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 3_600;
/// What counters count.
const DENIED: &str = "denied";
const TOLD: &str = "told";

/// What decides who may do what, what is kept of whom, and what leaves the tenant: a single attempt is worth knowing of.
const SENSITIVE: [&str; 13] = [
    "admin:read",
    "admin:write",
    "audit:erase",
    "audit:hold",
    "audit:separate",
    "elevation:approve",
    "elevation:write",
    "key:write",
    "policy:write",
    "role:delegate",
    "tenant:export",
    "token:introspect",
    "user:write",
];

/// Why it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// No policy permits it.
    NoPermission,
    /// A policy forbids it.
    Policy,
    /// The door's own rule: such as giving away more than one has.
    Rule,
}

/// A known caller was refused. Aggregate: the denial; sequence 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct AccessDenied {
    /// `den_…`.
    pub denial_id: String,
    /// Who: `usr_…` or `key_…`.
    pub subject: String,
    /// What it would have taken: `<capability>:<verb>`.
    pub action: String,
    /// Which operation was asked.
    pub operation: String,
    /// Why.
    pub reason: Refused,
    /// The policies that forbid it, by id; at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// Refusals of this subject in this minute until now; further ones in it are told of in the next event.
    pub in_this_minute: u32,
    /// Refusals of this subject in the minute before.
    pub in_the_minute_before: u32,
}

impl Fact for AccessDenied {
    const TYPE: &'static str = "scorpius.policy.access_denied.v1";
    const MEANING: &'static str = "A known caller was refused something sensitive, or refused again and again; at most one a minute and subject.";
}

/// One refusal.
#[derive(Debug)]
pub(crate) struct Denial<'a> {
    /// Who asked.
    pub(crate) principal: &'a Principal,
    /// As events name them.
    pub(crate) actor: &'a Actor,
    /// What it would have taken.
    pub(crate) action: &'a str,
    /// Which operation was asked.
    pub(crate) operation: &'a str,
    /// Why.
    pub(crate) reason: Refused,
    /// The policies that forbid it.
    pub(crate) policies: Vec<String>,
}

impl Denial<'_> {
    /// Whether it is told of at once.
    fn is_sensitive(&self) -> bool {
        self.reason != Refused::NoPermission || SENSITIVE.contains(&self.action)
    }
}

/// Counts refusals and tells of them.
pub(crate) struct Denials<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) clock: &'a dyn Clock,
}

impl Denials<'_> {
    /// Counts `denial`, and tells of it if it is to be told.
    ///
    /// # Errors
    /// What the store says. The refusal stands all the same; the next one of the minute is told of instead.
    pub(crate) async fn tell(&self, denial: &Denial<'_>) -> Result<(), StoreError> {
        let (tenant, subject) = (&denial.principal.tenant, denial.principal.subject.as_str());
        let minute = self.clock.now().as_s() / MINUTE_S;
        let at = of_minute(tenant, minute, subject);
        let ends = Some(self.clock.now().plus_s(2 * HOUR_S));
        let counted = self.store.add(&at, &[(DENIED, 1)], None, ends).await?;
        let count = counted.int(DENIED);
        if counted.int(TOLD) > 0 || (count < REPEATED && !denial.is_sensitive()) {
            return Ok(());
        }
        let before = self.store.get(&of_minute(tenant, minute.saturating_sub(1), subject)).await?;
        let before = before.map_or(0, |record| record.attributes.int(DENIED));
        let id = new_id("den", self.clock);
        let fact = AccessDenied {
            denial_id: id.clone(),
            subject: subject.to_owned(),
            action: denial.action.to_owned(),
            operation: denial.operation.to_owned(),
            reason: denial.reason,
            policies: denial.policies.iter().take(POLICIES_MAX).cloned().collect(),
            in_this_minute: u32::try_from(count).unwrap_or(u32::MAX),
            in_the_minute_before: u32::try_from(before).unwrap_or(u32::MAX),
        };
        let once = |key, max| Write::Add {
            key,
            deltas: vec![(TOLD.to_owned(), 1)],
            only_if: Some((TOLD.to_owned(), max)),
            expires_at: ends,
        };
        let writes = [
            once(at, 1),
            once(of_hour(tenant, self.clock.now().as_s() / HOUR_S), TOLD_MAX),
            Write::emit(Event::of(&fact, &id, 1, tenant, denial.actor, self.clock)),
        ];
        match commit_with_retry(self.store, CommitId::new(self.clock), &writes).await {
            // Somebody told of this minute at this very moment, or enough was told in this hour.
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn of_minute(tenant: &TenantId, minute: u64, subject: &str) -> Key {
    Key::new(format!("counter#denied#{tenant}"), format!("minute#{minute:010}#{subject}"))
}

fn of_hour(tenant: &TenantId, hour: u64) -> Key {
    Key::new(format!("counter#denied#{tenant}"), format!("hour#{hour:08}"))
}

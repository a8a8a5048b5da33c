//! Erasing a person.
//!
//! Erasing is one commit: the person's secret is replaced by the moment at which it was destroyed, and the event
//! that says so is emitted. Other processes remember the secret for five minutes more, and backups of the store keep
//! it for as long as they are kept, and deliveries to webhooks the events: the answer says when the last copy is gone.

use std::sync::Arc;

use schemars::JsonSchema;
use scorpius_core::{Actor, Clock, CommitId, Event, Store, StoreError, TenantId, UnixMillis, Write, hold};
use scorpius_edge::idempotency::commit_with_retry;
use serde::{Deserialize, Serialize};

use crate::facts::SubjectErased;
use crate::keys::REMEMBERED_MS;
use crate::payloads::Payloads;
use crate::subjects::{ReadSubject, Subjects};

/// How long DynamoDB's point-in-time recovery keeps what is no more, at most.
pub const RECOVERY_S: u64 = 35 * 86_400;
/// How long events' own copies are kept besides the ledger: deliveries to webhooks, for 30 days.
const COPIES_S: u64 = 30 * 86_400;
/// How often a change that others make at the same time is tried again.
pub(crate) const RACES_MAX: u32 = 4;

/// What became of a person's part in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Erased {
    /// The person's pseudonym in entries, 64 hex digits: these stay.
    pub subject: String,
    /// When the secret was destroyed, RFC 3339; asked again, the first time counts.
    pub erased_at: String,
    /// From when on nobody can open a payload of theirs, in any process.
    pub closed_at: String,
    /// From when on no copy of the events and no backup of the secret is left.
    pub effective_at: String,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ErasureError {
    /// There is nothing to erase or to hold.
    #[error("the ledger says nothing of such a person; what was done in the last seconds is on its way")]
    Unknown,
    /// There is a hold.
    #[error("a legal hold keeps this person from being erased")]
    Held,
    /// There is a hold on more than persons.
    #[error(
        "a legal hold on the tenant, a resource or a stretch of time keeps persons from being erased: what it covers may name this one"
    )]
    HeldBesides,
    /// There is none.
    #[error("there is no such hold")]
    NotHeld,
    /// More are not read before something ends.
    #[error(
        "a tenant has at most {} legal holds at once: one on the tenant holds all of it",
        hold::HOLDS_MAX
    )]
    TooManyHolds,
    /// It cannot be held any more.
    #[error("this person is erased already")]
    AlreadyErased,
    /// The store said no.
    #[error("the ledger's records could not be read or changed")]
    Store(#[from] StoreError),
}

/// Erases and holds.
pub(crate) struct Erasure<'a> {
    pub(crate) store: &'a Arc<dyn Store>,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) payloads: &'a Payloads,
    /// How long backups of the store are kept, in seconds.
    pub(crate) backups_s: u64,
}

impl Erasure<'_> {
    /// The person's pseudonym, and what there is of them.
    pub(crate) async fn known(
        &self,
        tenant: &TenantId,
        person: &str,
    ) -> Result<(String, ReadSubject), ErasureError> {
        let key = self.payloads.tenant_keys.get(tenant).await?.ok_or(ErasureError::Unknown)?;
        let subject = key.subject_ref(tenant, person);
        let read = self.payloads.subjects.read(tenant, &subject).await?.ok_or(ErasureError::Unknown)?;
        Ok((subject, read))
    }

    /// Destroys the person's secret. Done before, it is answered as it was then.
    pub(crate) async fn erase(
        &self,
        tenant: &TenantId,
        person: &str,
        actor: &Actor,
    ) -> Result<Erased, ErasureError> {
        for _ in 0..RACES_MAX {
            let (subject, read) = self.known(tenant, person).await?;
            if let Some(at) = read.erased_at {
                return Ok(self.erased(subject, at));
            }
            let now = self.clock.now();
            let erased = self.erased(subject.clone(), now);
            let fact = SubjectErased { subject: subject.clone(), effective_at: erased.effective_at.clone() };
            let event = Event::of(&fact, &aggregate(&subject), 1, tenant, actor, &**self.clock);
            let writes = [
                hold::none_on(tenant, person),
                hold::none_wide(tenant),
                Subjects::put_erased(tenant, &subject, &read, now),
                Write::emit(event),
            ];
            match commit_with_retry(&**self.store, CommitId::new(&**self.clock), &writes).await {
                Ok(_) => {
                    self.payloads.subjects.forget(tenant, &subject);
                    return Ok(erased);
                }
                Err(StoreError::Conflict { index: 0 }) => return Err(ErasureError::Held),
                Err(StoreError::Conflict { index: 1 }) => return Err(ErasureError::HeldBesides),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Busy.into())
    }

    fn erased(&self, subject: String, at: UnixMillis) -> Erased {
        let effective = at.plus_s(COPIES_S).plus_s(self.backups_s);
        Erased {
            subject,
            erased_at: at.to_string(),
            closed_at: at.plus_ms(REMEMBERED_MS).to_string(),
            effective_at: effective.to_string(),
        }
    }
}

fn aggregate(subject: &str) -> String {
    format!("subject_{subject}")
}

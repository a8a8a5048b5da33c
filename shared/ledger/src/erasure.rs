//! Erasing a person, and holding that back.
//!
//! Erasing is one commit: the person's secret is replaced by the moment at which it was destroyed, and the event
//! that says so is emitted. Other processes remember the secret for five minutes more, and backups of the store keep
//! it for as long as they are kept, and deliveries to webhooks the events: the answer says when the last copy is gone.

use std::sync::Arc;

use schemars::JsonSchema;
use scorpius_core::{
    Actor, Clock, CommitId, Condition, Event, ListQuery, PortError, Record, Store, StoreError, TenantId,
    UnixMillis, Write, hold, new_id,
};
use scorpius_edge::idempotency::commit_with_retry;
use serde::{Deserialize, Serialize};

use crate::facts::{HoldLifted, HoldPlaced, SubjectErased};
use crate::keys::REMEMBERED_MS;
use crate::payloads::Payloads;
use crate::subjects::{ReadSubject, Subjects};

/// How long DynamoDB's point-in-time recovery keeps what is no more, at most.
pub const RECOVERY_S: u64 = 35 * 86_400;
/// How long events' own copies are kept besides the ledger: deliveries to webhooks, for 30 days.
const COPIES_S: u64 = 30 * 86_400;
/// How often a change that others make at the same time is tried again.
const RACES_MAX: u32 = 4;

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

/// A legal hold: until it is lifted the person is not erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// `hld_…`.
    pub id: String,
    /// Who is held.
    pub person: String,
    /// The person's pseudonym in entries.
    pub subject: String,
    /// Why, in the tenant's words. In no event.
    pub reason: String,
    /// Who placed it.
    pub placed_by: String,
    /// When, RFC 3339.
    pub placed_at: String,
    /// How often it was placed: placed again it has the later reason.
    pub placed: u64,
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
    /// There is none.
    #[error("there is no hold on this person")]
    NotHeld,
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
    async fn known(&self, tenant: &TenantId, person: &str) -> Result<(String, ReadSubject), ErasureError> {
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
                Subjects::put_erased(tenant, &subject, &read, now),
                Write::emit(event),
            ];
            match commit_with_retry(&**self.store, CommitId::new(&**self.clock), &writes).await {
                Ok(_) => {
                    self.payloads.subjects.forget(tenant, &subject);
                    return Ok(erased);
                }
                Err(StoreError::Conflict { index: 0 }) => return Err(ErasureError::Held),
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

    /// Keeps the person from being erased. A hold that is there already is placed again.
    pub(crate) async fn hold(
        &self,
        tenant: &TenantId,
        person: &str,
        reason: &str,
        actor: &Actor,
    ) -> Result<Hold, ErasureError> {
        for _ in 0..RACES_MAX {
            let (subject, read) = self.known(tenant, person).await?;
            if read.erased_at.is_some() {
                return Err(ErasureError::AlreadyErased);
            }
            let (before, condition) = match self.find(tenant, person).await? {
                Some((hold, version)) => (Some(hold), Condition::VersionIs(version)),
                None => (None, Condition::Absent),
            };
            let (id, placed) = match before {
                Some(before) => (before.id, before.placed + 1),
                None => (new_id("hld", &**self.clock), 1),
            };
            let hold = Hold {
                id,
                person: person.to_owned(),
                subject: subject.clone(),
                reason: reason.to_owned(),
                placed_by: actor.name.clone(),
                placed_at: self.clock.now().to_string(),
                placed,
            };
            let fact = HoldPlaced { subject: subject.clone() };
            let mut writes = vec![
                Write::put(hold::at(tenant, person), &hold, condition),
                Write::emit(Event::of(&fact, &hold.id, placed, tenant, actor, &**self.clock)),
                // Whoever erases meanwhile changes this record.
                Write::Check {
                    key: Subjects::key(tenant, &subject),
                    condition: Condition::VersionIs(read.version),
                },
            ];
            if placed == 1 {
                writes.push(hold::counted(tenant, 1));
                writes.push(hold::changed());
            }
            match commit_with_retry(&**self.store, CommitId::new(&**self.clock), &writes).await {
                Ok(_) => return Ok(hold),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Busy.into())
    }

    /// Lifts the person's hold.
    pub(crate) async fn lift(
        &self,
        tenant: &TenantId,
        person: &str,
        actor: &Actor,
    ) -> Result<(), ErasureError> {
        let (subject, _) = self.known(tenant, person).await?;
        let Some((held, version)) = self.find(tenant, person).await? else {
            return Err(ErasureError::NotHeld);
        };
        let fact = HoldLifted { subject: subject.clone() };
        let writes = [
            Write::Delete { key: hold::at(tenant, person), condition: Condition::VersionIs(version) },
            Write::emit(Event::of(&fact, &held.id, held.placed + 1, tenant, actor, &**self.clock)),
            hold::counted(tenant, -1),
        ];
        match commit_with_retry(&**self.store, CommitId::new(&**self.clock), &writes).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { .. }) => Err(ErasureError::NotHeld),
            Err(error) => Err(error.into()),
        }
    }

    async fn find(&self, tenant: &TenantId, person: &str) -> Result<Option<(Hold, u64)>, StoreError> {
        let Some(record) = self.store.get(&hold::at(tenant, person)).await? else { return Ok(None) };
        Ok(Some((hold_of(&record)?, record.version)))
    }

    /// A page of holds, in the order of persons' ids, and where to go on.
    pub(crate) async fn holds(
        &self,
        tenant: &TenantId,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<(Vec<Hold>, Option<String>), StoreError> {
        let query = ListQuery { limit, cursor, ..ListQuery::all(hold::partition(tenant)) };
        let page = self.store.list(&query).await?;
        let holds = page.records.iter().map(hold_of).collect::<Result<_, _>>()?;
        Ok((holds, page.cursor))
    }
}

pub(crate) fn hold_of(record: &Record) -> Result<Hold, PortError> {
    record.document().map_err(|error| PortError::new("store", error))
}

fn aggregate(subject: &str) -> String {
    format!("subject_{subject}")
}

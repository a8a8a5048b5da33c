//! Legal holds: on a person, on the tenant as a whole, on a resource, and on a stretch of time.
//!
//! ```text
//! usr_… key_…    a person        not erased; entries that name them do not end
//! ten_…          the tenant      nobody of it is erased, it is not deleted, none of its entries ends
//! resource:scn_… a resource      entries of events about it do not end
//! FROM--TO       a time          entries of events of that time do not end (ISO 8601's interval, as file names have it)
//! ```
//!
//! Each is placed and lifted in one commit with its event. Whoever destroys anything has a condition in the same commit that no hold was
//! placed since it read them.

mod covers;

use schemars::JsonSchema;
use scorpius_core::{
    Actor, CommitId, Condition, Event, Key, ListQuery, PortError, Record, StoreError, TenantId, UnixMillis,
    Write, hold, id, new_id,
};
use scorpius_edge::idempotency::commit_with_retry;
use serde::{Deserialize, Serialize};

use crate::entry::is_personal;
use crate::erasure::{Erasure, ErasureError, RACES_MAX};
use crate::facts::{HoldLifted, HoldPlaced};
use crate::subjects::Subjects;

pub(crate) use covers::HeldOf;

/// How long it is remembered that a hold was lifted, and why.
const LIFTED_S: u64 = 400 * 86_400;
/// What the name of a hold on a resource begins with: whatever else is misspelt is refused, and no hold on nothing.
const RESOURCE: &str = "resource:";
/// Characters of a resource's own name.
const RESOURCE_CHARS: std::ops::RangeInclusive<usize> = 1..=200;

/// What a hold is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldScope {
    /// A person.
    #[default]
    Person,
    /// The tenant as a whole.
    Tenant,
    /// What events are about: a scan, a wallet, a policy.
    Resource,
    /// A stretch of time.
    Period,
}

/// A legal hold: until it is lifted, what it is on is neither erased nor let end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// `hld_…`.
    pub id: String,
    /// What it is on.
    #[serde(default)]
    pub scope: HoldScope,
    /// Who is held; of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The person's pseudonym in entries; of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What is held; of a resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The first moment that is held, RFC 3339; of a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The first moment that is held no more, RFC 3339; of a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why, in the tenant's words. In no event.
    pub reason: String,
    /// Who placed it.
    pub placed_by: String,
    /// When, RFC 3339.
    pub placed_at: String,
    /// How often it was placed: placed again it has the later reason.
    pub placed: u64,
    /// That it was lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Lifted>,
}

/// By whom a hold was lifted, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lifted {
    /// When, RFC 3339.
    pub at: String,
    /// Who lifted it.
    pub by: String,
    /// Why, in the tenant's words, where they said it. In no event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What can be held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// `usr_…` or `key_…`.
    Person(String),
    /// All of the tenant.
    Tenant,
    /// What is the aggregate of events.
    Resource(String),
    /// Events of these moments: from the first, to before the second.
    Period(UnixMillis, UnixMillis),
}

/// Why a text names nothing that can be held.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotHoldable {
    /// There is none of this name here.
    #[error("no such tenant")]
    OtherTenant,
    /// No name.
    #[error(
        "what can be held is a person (`usr_…`, `key_…`), the tenant (its id), a resource (`resource:` and its id), or a time (`FROM--TO`)"
    )]
    Name,
    /// No moments, or none that follow each other.
    #[error(
        "a time is two moments in RFC 3339, UTC, the earlier first: `2026-01-01T00:00:00Z--2026-02-01T00:00:00Z`"
    )]
    Period,
}

impl Held {
    /// What `text` names for `tenant`.
    pub(crate) fn parse(tenant: &TenantId, text: &str) -> Result<Self, NotHoldable> {
        if is_personal(text) {
            return Ok(Self::Person(text.to_owned()));
        }
        if id::is_id("ten", text) {
            return if text == tenant.as_str() { Ok(Self::Tenant) } else { Err(NotHoldable::OtherTenant) };
        }
        if let Some(resource) = text.strip_prefix(RESOURCE) {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.:#@".contains(c);
            return match RESOURCE_CHARS.contains(&resource.len()) && resource.chars().all(is_plain) {
                true => Ok(Self::Resource(resource.to_owned())),
                false => Err(NotHoldable::Name),
            };
        }
        let (from, to) = text.split_once("--").ok_or(NotHoldable::Name)?;
        let moments = from.parse().and_then(|from| Ok((from, to.parse()?)));
        match moments {
            Ok((from, to)) if from < to => Ok(Self::Period(from, to)),
            Ok(_) | Err(_) => Err(NotHoldable::Period),
        }
    }

    /// Where the hold on it is: one of each, however it was written.
    fn at(&self, tenant: &TenantId) -> Key {
        match self {
            Self::Person(name) => hold::at(tenant, name),
            Self::Resource(name) => hold::at(tenant, &format!("{RESOURCE}{name}")),
            Self::Tenant => hold::at(tenant, tenant.as_str()),
            Self::Period(from, to) => hold::at(tenant, &format!("{from}--{to}")),
        }
    }

    fn counted(&self, tenant: &TenantId, delta: i64) -> Write {
        match self {
            Self::Person(_) => hold::counted(tenant, delta),
            Self::Tenant | Self::Resource(_) | Self::Period(..) => hold::counted_wide(tenant, delta),
        }
    }
}

impl Erasure<'_> {
    /// Keeps this from being erased, and from ending. A hold that is there already is placed again.
    pub(crate) async fn hold(
        &self,
        tenant: &TenantId,
        held: &Held,
        reason: &str,
        actor: &Actor,
    ) -> Result<Hold, ErasureError> {
        for _ in 0..RACES_MAX {
            let known = match held {
                Held::Person(person) => Some(self.known(tenant, person).await?),
                Held::Tenant | Held::Resource(_) | Held::Period(..) => None,
            };
            if known.as_ref().is_some_and(|(_, read)| read.erased_at.is_some()) {
                return Err(ErasureError::AlreadyErased);
            }
            let (before, condition) = match self.find(tenant, held).await? {
                Some((hold, version)) => (Some(hold), Condition::VersionIs(version)),
                None => (None, Condition::Absent),
            };
            let (id, placed) = match before {
                Some(before) => (before.id, before.placed + 1),
                None => (new_id("hld", &**self.clock), 1),
            };
            let mut hold = Hold {
                id,
                scope: HoldScope::Person,
                person: None,
                subject: None,
                resource: None,
                from: None,
                to: None,
                reason: reason.to_owned(),
                placed_by: actor.name.clone(),
                placed_at: self.clock.now().to_string(),
                placed,
                lifted: None,
            };
            match held {
                Held::Person(person) => {
                    hold.person = Some(person.clone());
                    hold.subject = known.as_ref().map(|(subject, _)| subject.clone());
                }
                Held::Tenant => hold.scope = HoldScope::Tenant,
                Held::Resource(resource) => {
                    (hold.scope, hold.resource) = (HoldScope::Resource, Some(resource.clone()));
                }
                Held::Period(from, to) => {
                    hold.scope = HoldScope::Period;
                    (hold.from, hold.to) = (Some(from.to_string()), Some(to.to_string()));
                }
            }
            let mut writes = Vec::with_capacity(5);
            if placed == 1 {
                // First, so that its conflict is known from the others.
                writes.push(held.counted(tenant, 1));
                writes.push(hold::changed());
            }
            writes.push(Write::put(held.at(tenant), &hold, condition));
            writes.push(Write::emit(Event::of(
                &placed_fact(&hold),
                &hold.id,
                placed,
                tenant,
                actor,
                &**self.clock,
            )));
            if let Some((subject, read)) = &known {
                // Whoever erases meanwhile changes this record.
                let condition = Condition::VersionIs(read.version);
                writes.push(Write::Check { key: Subjects::key(tenant, subject), condition });
            }
            match commit_with_retry(&**self.store, CommitId::new(&**self.clock), &writes).await {
                Ok(_) => return Ok(hold),
                Err(StoreError::Conflict { index: 0 }) if placed == 1 => {
                    return Err(ErasureError::TooManyHolds);
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Busy.into())
    }

    /// Lifts the hold on this. That it was is remembered for a while.
    pub(crate) async fn lift(
        &self,
        tenant: &TenantId,
        held: &Held,
        reason: Option<&str>,
        actor: &Actor,
    ) -> Result<(), ErasureError> {
        let Some((mut hold, version)) = self.find(tenant, held).await? else {
            return Err(ErasureError::NotHeld);
        };
        let now = self.clock.now();
        let reason = reason.map(str::to_owned);
        hold.lifted = Some(Lifted { at: now.to_string(), by: actor.name.clone(), reason });
        let HoldPlaced { subject, scope, resource, from, to } = placed_fact(&hold);
        let fact = HoldLifted { subject, scope, resource, from, to };
        let mut remembered =
            Write::put(Key::new(lifted_of(tenant), hold.id.clone()), &hold, Condition::Absent);
        if let Write::Put { expires_at, .. } = &mut remembered {
            *expires_at = Some(now.plus_s(LIFTED_S));
        }
        let writes = [
            Write::Delete { key: held.at(tenant), condition: Condition::VersionIs(version) },
            Write::emit(Event::of(&fact, &hold.id, hold.placed + 1, tenant, actor, &**self.clock)),
            held.counted(tenant, -1),
            remembered,
        ];
        match commit_with_retry(&**self.store, CommitId::new(&**self.clock), &writes).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { .. }) => Err(ErasureError::NotHeld),
            Err(error) => Err(error.into()),
        }
    }

    async fn find(&self, tenant: &TenantId, held: &Held) -> Result<Option<(Hold, u64)>, StoreError> {
        let Some(record) = self.store.get(&held.at(tenant)).await? else { return Ok(None) };
        Ok(Some((hold_of(&record)?, record.version)))
    }

    /// A page of holds, in the order of the names of what is held, and where to go on. Those that were lifted are in the order in which
    /// they were placed.
    pub(crate) async fn holds(
        &self,
        tenant: &TenantId,
        is_lifted: bool,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<(Vec<Hold>, Option<String>), StoreError> {
        let partition = if is_lifted { lifted_of(tenant) } else { hold::partition(tenant) };
        let page = self.store.list(&ListQuery { limit, cursor, ..ListQuery::all(partition) }).await?;
        let holds = page.records.iter().map(hold_of).collect::<Result<_, _>>()?;
        Ok((holds, page.cursor))
    }
}

/// The partition of the holds that were lifted.
fn lifted_of(tenant: &TenantId) -> String {
    format!("{tenant}#ledger-holds-lifted")
}

/// The hold in a record.
pub(crate) fn hold_of(record: &Record) -> Result<Hold, PortError> {
    record.document().map_err(|error| PortError::new("store", error))
}

fn placed_fact(hold: &Hold) -> HoldPlaced {
    HoldPlaced {
        subject: hold.subject.clone(),
        scope: hold.scope,
        resource: hold.resource.clone(),
        from: hold.from.clone(),
        to: hold.to.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{PERSON, tenant};

    #[test]
    fn what_is_held_is_told_from_its_name() {
        let whose = tenant(1);
        let parse = |text: &str| Held::parse(&whose, text);
        assert_eq!(parse(PERSON), Ok(Held::Person(PERSON.to_owned())));
        assert_eq!(parse(whose.as_str()), Ok(Held::Tenant));
        assert_eq!(parse(tenant(2).as_str()), Err(NotHoldable::OtherTenant));
        for resource in ["scn_019aa5d8a4c87e5f9d2b3c4d5e6f7a8b", "intel", PERSON, "a:b.c#d@e"] {
            let held = parse(&format!("resource:{resource}")).expect("a resource");
            assert_eq!(held, Held::Resource(resource.to_owned()));
            assert_ne!(held.at(&whose), Held::Person(resource.to_owned()).at(&whose));
        }
        let (from, to) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00.000Z");
        let moments = (from.parse().expect("a time"), to.parse().expect("a time"));
        let period = parse(&format!("{from}--{to}")).expect("a period");
        assert_eq!(period, Held::Period(moments.0, moments.1));
        // However it is written, it is one hold.
        assert_eq!(
            period.at(&whose),
            parse("2026-01-01T00:00:00.0Z--2026-02-01T00:00:00Z").expect("one").at(&whose)
        );
        for bad in [format!("{to}--{from}"), format!("{from}--{from}"), format!("{from}--"), "--".to_owned()]
        {
            assert_eq!(parse(&bad), Err(NotHoldable::Period), "{bad}");
        }
        let long = format!("resource:{}", "a".repeat(201));
        let event = "evt_00000000000000000000000000000001";
        for bad in [
            "",
            "usr_1",
            "key",
            "KEY_1",
            event,
            "ten_1",
            "scn_1",
            "resource:",
            "resource:a b",
            "resource:ä",
            &long,
        ] {
            assert_eq!(parse(bad), Err(NotHoldable::Name), "{bad}");
        }
    }
}

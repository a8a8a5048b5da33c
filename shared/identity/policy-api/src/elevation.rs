//! Break glass: a request for a role, and who agreed.

use std::sync::Arc;

use schemars::JsonSchema;
use scorpius_core::{
    Attributes, Condition, Key, ListQuery, Page, Record, Store, StoreError, TenantId, UnixMillis, Write,
};
use serde::{Deserialize, Serialize};

/// How long people have to agree.
pub(crate) const OPEN_S: u64 = 3_600;
/// How long a request is kept; the ledger has its events for good.
const KEPT_S: u64 = 90 * 86_400;
/// Requests of a tenant in a day: more is noise that hides the one that matters.
pub(crate) const A_DAY_MAX: i64 = 50;

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// People may agree.
    Open,
    /// Enough did; the role is had until its time is over.
    Granted,
}

/// One person who agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Approval {
    /// `usr_…`: whoever is behind the credential.
    pub(crate) person: String,
    /// The credential's subject.
    pub(crate) subject: String,
    pub(crate) at: UnixMillis,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Elevation {
    pub(crate) id: String,
    /// Who asks, and would have the role.
    pub(crate) subject: String,
    /// The person behind them, if there is one.
    pub(crate) person: Option<String>,
    pub(crate) role: String,
    pub(crate) minutes: u32,
    pub(crate) reason: String,
    pub(crate) needed: u8,
    pub(crate) approvers: Vec<String>,
    pub(crate) approvals: Vec<Approval>,
    pub(crate) state: State,
    pub(crate) asked_at: UnixMillis,
    /// Until when people may agree.
    pub(crate) open_until: UnixMillis,
    /// When the role ends, once it is granted.
    pub(crate) until: Option<UnixMillis>,
    /// Events so far, its `sequence`.
    pub(crate) events: u64,
}

/// Why somebody's agreement does not count.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotCounted {
    #[error("no person is behind this credential")]
    Nobody,
    #[error("you are not among those who may agree")]
    NotAnApprover,
    #[error("whoever asks does not agree to it themselves")]
    Own,
    #[error("the time to agree is over")]
    Late,
}

impl Elevation {
    /// Where the request `id` of `tenant` is.
    pub(crate) fn at(tenant: &TenantId, id: &str) -> Key {
        Key::new(format!("{tenant}#elevations"), id)
    }

    /// Puts it, on condition that it is as it was read.
    pub(crate) fn put(&self, tenant: &TenantId, condition: Condition) -> Write {
        let (key, attributes) = (Self::at(tenant, &self.id), Attributes::document(self));
        Write::Put { key, attributes, expires_at: Some(self.asked_at.plus_s(KEPT_S)), condition }
    }

    /// Counts one request of the day of `now`.
    pub(crate) fn counting(tenant: &TenantId, now: UnixMillis) -> Write {
        Write::Add {
            key: Key::new(format!("{tenant}#elevation-count"), (now.as_s() / 86_400).to_string()),
            deltas: vec![("asked".to_owned(), 1)],
            only_if: Some(("asked".to_owned(), A_DAY_MAX)),
            expires_at: Some(now.plus_s(2 * 86_400)),
        }
    }

    /// The same request once `person` agreed; unchanged when they had already, with whatever credential.
    pub(crate) fn agreed(
        mut self,
        person: Option<&str>,
        subject: &str,
        now: UnixMillis,
    ) -> Result<Self, NotCounted> {
        let person = person.ok_or(NotCounted::Nobody)?;
        if self.person.as_deref() == Some(person) || self.subject == subject {
            return Err(NotCounted::Own);
        }
        if !self.approvers.iter().any(|approver| approver == person) {
            return Err(NotCounted::NotAnApprover);
        }
        if self.state == State::Granted || self.approvals.iter().any(|approval| approval.person == person) {
            return Ok(self);
        }
        if now >= self.open_until {
            return Err(NotCounted::Late);
        }
        self.approvals.push(Approval { person: person.to_owned(), subject: subject.to_owned(), at: now });
        if self.approvals.len() >= usize::from(self.needed) {
            self.state = State::Granted;
            self.until = Some(now.plus_s(u64::from(self.minutes) * 60));
        }
        Ok(self)
    }
}

/// All tenants' requests.
pub(crate) struct Elevations(pub(crate) Arc<dyn Store>);

impl Elevations {
    /// One request, with the version of its record.
    pub(crate) async fn find(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<(Elevation, u64)>, StoreError> {
        match self.0.get(&Elevation::at(tenant, id)).await? {
            Some(record) => Ok(Some((record.document()?, record.version))),
            None => Ok(None),
        }
    }

    /// A page of requests, newest first.
    pub(crate) async fn page(
        &self,
        tenant: &TenantId,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<(Vec<Elevation>, Page), StoreError> {
        let mut query = ListQuery::all(format!("{tenant}#elevations"));
        (query.limit, query.cursor, query.descending) = (limit, cursor, true);
        let page = self.0.list(&query).await?;
        let elevations = page.records.iter().map(Record::document).collect::<Result<_, _>>()?;
        Ok((elevations, page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_254_040_000);

    fn asked(needed: u8) -> Elevation {
        Elevation {
            id: "elv_1".to_owned(),
            subject: "key_1".to_owned(),
            person: Some("usr_1".to_owned()),
            role: "admin".to_owned(),
            minutes: 30,
            reason: "the pager".to_owned(),
            needed,
            approvers: ["usr_1", "usr_2", "usr_3", "usr_4"].map(str::to_owned).to_vec(),
            approvals: Vec::new(),
            state: State::Open,
            asked_at: NOW,
            open_until: NOW.plus_s(OPEN_S),
            until: None,
            events: 1,
        }
    }

    #[test]
    fn one_person_counts_once_with_two_sessions_and_two_keys() {
        let mut elevation = asked(2);
        for subject in ["usr_2", "usr_2", "key_of_2", "another_key_of_2"] {
            elevation = elevation.agreed(Some("usr_2"), subject, NOW).expect("an approver");
            assert_eq!((elevation.approvals.len(), elevation.state), (1, State::Open), "{subject}");
        }
        let granted = elevation.agreed(Some("usr_3"), "usr_3", NOW.plus_s(60)).expect("another");
        assert_eq!((granted.approvals.len(), granted.state), (2, State::Granted));
        assert_eq!(granted.until, Some(NOW.plus_s(60 + 30 * 60)));
        let later = granted.clone().agreed(Some("usr_4"), "usr_4", NOW.plus_s(120)).expect("a third");
        assert_eq!(later, granted, "the end does not move");
    }

    #[test]
    fn whoever_asks_or_is_not_named_or_is_late_does_not_count() {
        let refused = |person, subject, now| asked(1).agreed(person, subject, now).expect_err("not counted");
        assert_eq!(refused(Some("usr_1"), "usr_1", NOW), NotCounted::Own);
        assert_eq!(refused(Some("usr_1"), "another_key_of_1", NOW), NotCounted::Own);
        assert_eq!(refused(Some("usr_2"), "key_1", NOW), NotCounted::Own, "the same credential");
        assert_eq!(refused(Some("usr_9"), "usr_9", NOW), NotCounted::NotAnApprover);
        assert_eq!(refused(None, "key_9", NOW), NotCounted::Nobody);
        assert_eq!(refused(Some("usr_2"), "usr_2", NOW.plus_s(OPEN_S)), NotCounted::Late);
    }
}

//! A session begins.

use scorpius_core::{
    Actor, Attributes, CommitId, Condition, Event, ListQuery, PortError, StoreError, Write, new_id,
};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::{Assurance, Factor};
use zeroize::Zeroizing;

use super::{Granted, Sessions};
use crate::access::sign;
use crate::claims::Claims;
use crate::facts::{SessionEnded, SessionStarted};
use crate::gate::Permit;
use crate::opaque::{OpaqueToken, Purpose};
use crate::refresh::RefreshRecord;
use crate::session::{EndReason, Session, sha256_hex, shown_agent};
use crate::user::User;

/// How a session begins.
#[derive(Clone, Debug)]
pub struct Beginning<'a> {
    /// The level that was proved.
    pub acr: Assurance,
    /// How.
    pub amr: &'a [Factor],
    /// The caller's address.
    pub network: &'a str,
    /// The program, as it describes itself.
    pub agent: &'a str,
    /// Whether the tokens go into cookies, so that a page must show its intent.
    pub cookies: bool,
    /// The key that refreshes are to be proved with.
    pub dpop_jkt: Option<String>,
    /// Whether the user has not signed in from such a program before.
    pub new_device: bool,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// One of the caller's own writes conflicts: what it decided on has changed.
    #[error("what the sign-in was decided on has changed")]
    Changed {
        /// Among the caller's writes.
        index: usize,
    },
    /// The store.
    #[error(transparent)]
    Store(StoreError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] PortError),
}

impl Sessions {
    /// Begins a session of `user`, in one commit with `others`; the oldest session over the user's limit ends.
    ///
    /// # Errors
    /// `BeginError`.
    pub async fn begin(
        &self,
        permit: &Permit,
        user: &User,
        how: Beginning<'_>,
        actor: &Actor,
        others: Vec<Write>,
    ) -> Result<Granted, BeginError> {
        let (session, csrf_token) = self.fresh(permit, user, &how);
        let refresh = OpaqueToken::generate(
            Purpose::Refresh,
            &session.tenant,
            &session.user,
            &session.id,
            &*self.clock,
        );
        let claims = Claims::of_session(&self.settings, permit, &user.roles, &session, &*self.clock);
        let access_token = Zeroizing::new(sign(&*self.keys, permit, &claims).await?);

        let own = others.len();
        let mut writes = others;
        writes.push(put_session(&session, Condition::Absent));
        writes.push(self.put_refresh(&session, &refresh));
        let fact = SessionStarted {
            session_id: session.id.clone(),
            user_id: user.id.clone(),
            acr: session.acr,
            amr: session.amr.clone(),
            new_device: how.new_device,
            ends_at: session.ends_at.to_string(),
        };
        let event = Event::of(&fact, &session.id, session.events, &session.tenant, actor, &*self.clock);
        writes.push(Write::emit(event));
        writes.extend(self.displaced(user, actor).await.map_err(BeginError::Store)?);
        match commit_with_retry(&*self.store, CommitId::new(&*self.clock), &writes).await {
            Ok(_) => {}
            Err(StoreError::Conflict { index }) if index < own => return Err(BeginError::Changed { index }),
            Err(error) => return Err(BeginError::Store(error)),
        }
        let refresh_token = Zeroizing::new(refresh.reveal().to_owned());
        Ok(Granted { session, claims, access_token, refresh_token, csrf_token })
    }

    fn fresh(
        &self,
        permit: &Permit,
        user: &User,
        how: &Beginning<'_>,
    ) -> (Session, Option<Zeroizing<String>>) {
        let now = self.clock.now();
        let csrf_token = how.cookies.then(|| {
            let mut random = Zeroizing::new([0; 32]);
            self.clock.fill_random(&mut *random);
            Zeroizing::new(hex::encode(*random))
        });
        let session = Session {
            id: new_id("ses", &*self.clock),
            tenant: permit.tenant().clone(),
            user: user.id.clone(),
            acr: how.acr,
            amr: how.amr.to_vec(),
            proved_at: now,
            started_at: now,
            ends_at: now.plus_s(self.limits.absolute_s),
            used_at: now,
            network: how.network.chars().take(64).collect(),
            agent: shown_agent(how.agent),
            csrf_sha256: csrf_token.as_deref().map(|token| sha256_hex(token)),
            dpop_jkt: how.dpop_jkt.clone(),
            ended: None,
            events: 1,
        };
        (session, csrf_token)
    }

    pub(super) fn put_refresh(&self, session: &Session, token: &OpaqueToken) -> Write {
        let record = RefreshRecord::issued(self.clock.now(), session, &self.limits);
        Write::Put {
            key: RefreshRecord::at(&session.tenant, &session.id, &token.hash()),
            attributes: Attributes::document(&record),
            expires_at: Some(session.ends_at),
            condition: Condition::Absent,
        }
    }

    /// The writes that end the oldest live session when the user has as many as they may have.
    async fn displaced(&self, user: &User, actor: &Actor) -> Result<Vec<Write>, StoreError> {
        // Ids rise with time, so the first is the oldest; what is over leaves the partition within a day.
        let query = ListQuery::all(Session::partition(&user.tenant, &user.id));
        let mut live = Vec::new();
        for record in self.store.list(&query).await?.records {
            let session: Session = record.document()?;
            if session.is_live(user, self.clock.now()) {
                live.push((session, record.version));
            }
        }
        match live.len() >= self.limits.of_user_max {
            false => Ok(Vec::new()),
            true => {
                let (oldest, version) = live.swap_remove(0);
                Ok(self.ending(oldest, version, EndReason::Displaced, actor))
            }
        }
    }

    /// The writes that end `session`, whose record is still at `version`.
    pub(super) fn ending(
        &self,
        mut session: Session,
        version: u64,
        reason: EndReason,
        actor: &Actor,
    ) -> Vec<Write> {
        session.ended = Some(reason);
        session.events += 1;
        let fact = SessionEnded { session_id: session.id.clone(), user_id: session.user.clone(), reason };
        let event = Event::of(&fact, &session.id, session.events, &session.tenant, actor, &*self.clock);
        vec![put_session(&session, Condition::VersionIs(version)), Write::emit(event)]
    }
}

/// Puts `session`; with its end the record is invisible.
pub(super) fn put_session(session: &Session, condition: Condition) -> Write {
    Write::Put {
        key: Session::at(&session.tenant, &session.user, &session.id),
        attributes: Attributes::document(session),
        expires_at: Some(session.ends_at),
        condition,
    }
}

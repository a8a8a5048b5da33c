//! Within a session its person proves again who they are.

use scorpius_core::{Actor, CommitId, Condition, Event, StoreError, Write};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::{Assurance, Factor};
use zeroize::Zeroizing;

use super::begin::put_session;
use super::{BeginError, Sessions};
use crate::access::sign;
use crate::claims::Claims;
use crate::facts::SessionProved;
use crate::gate::Permit;
use crate::session::Session;
use crate::user::User;

/// What was proved.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// The level that it is worth within this session.
    pub acr: Assurance,
    /// How.
    pub amr: &'a [Factor],
}

/// A session that was proved again, and the access token that says so. Its refresh tokens stay as they are.
pub struct Raised {
    /// The session as it is now.
    pub session: Session,
    /// What the access token says.
    pub claims: Claims,
    /// The access token.
    pub access_token: Zeroizing<String>,
}

impl Sessions {
    /// Records that `session`, whose record is at `version`, was proved now, in one commit with `others`.
    ///
    /// # Errors
    /// `BeginError`; `Changed` with the number of `others` when the session itself has changed.
    pub async fn prove(
        &self,
        permit: &Permit,
        user: &User,
        (session, version): (Session, u64),
        proof: Proof<'_>,
        actor: &Actor,
        others: Vec<Write>,
    ) -> Result<Raised, BeginError> {
        let mut session = session.proved(proof.acr, proof.amr, self.clock.now());
        session.events += 1;
        let claims = Claims::of_session(&self.settings, permit, &user.roles, &session, &*self.clock);
        let access_token = Zeroizing::new(sign(&*self.keys, permit, &claims).await?);
        let fact = SessionProved {
            session_id: session.id.clone(),
            user_id: user.id.clone(),
            acr: session.acr,
            amr: session.amr.clone(),
        };
        let event = Event::of(&fact, &session.id, session.events, &session.tenant, actor, &*self.clock);
        let mut writes = others;
        writes.push(put_session(&session, Condition::VersionIs(version)));
        writes.push(Write::emit(event));
        match commit_with_retry(&*self.store, CommitId::new(&*self.clock), &writes).await {
            Ok(_) => Ok(Raised { session, claims, access_token }),
            Err(StoreError::Conflict { index }) => Err(BeginError::Changed { index }),
            Err(error) => Err(BeginError::Store(error)),
        }
    }
}

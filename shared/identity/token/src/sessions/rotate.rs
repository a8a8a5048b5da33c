//! A refresh token is exchanged for the next one.

use scorpius_core::{
    Actor, Attributes, CommitId, Condition, Event, PortError, Record, StoreError, UnixMillis, Write,
};
use scorpius_edge::idempotency::commit_with_retry;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::begin::put_session;
use super::{Granted, Sessions};
use crate::access::sign;
use crate::claims::Claims;
use crate::facts::{RefreshTokenReused, Severity, TokenRefreshed};
use crate::gate::{Method, Permit, Refused, Who, may_issue};
use crate::opaque::{OpaqueToken, Purpose};
use crate::refresh::{RETRIES_MAX, RefreshRecord, Use, judge};
use crate::session::{EndReason, Session, sha256_hex};
use crate::tenant::Tenant;
use crate::user::User;

/// Looks at a token that others use at the same moment. Each look finds it used, so the second decides;
/// more are for sessions that change meanwhile.
const ATTEMPTS_MAX: u32 = 16;

/// What comes with a refresh token.
#[derive(Clone, Debug)]
pub struct Presented<'a> {
    /// The token.
    pub token: &'a str,
    /// The program, as it describes itself.
    pub agent: &'a str,
    /// Who asks as far as events are concerned; the name is replaced by the session's user.
    pub actor: &'a Actor,
    /// The caller's address.
    pub network: &'a str,
    /// What a page showed; needed when the token came in a cookie.
    pub csrf: Option<&'a str>,
    /// Whether it came in a cookie.
    pub in_cookie: bool,
    /// The key that the request was proved with (RFC 9449), already checked.
    pub dpop_jkt: Option<&'a str>,
}

/// Why there is no next token.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// It is no refresh token of ours, or its session is over.
    #[error("the refresh token does not count")]
    Invalid,
    /// It was not used in time, or its session's time is over.
    #[error("the session has expired")]
    Expired,
    /// It came again after its time. Its session is over now.
    #[error("the refresh token was used before; its session has ended")]
    Reused,
    /// It came in a cookie without what the page must show.
    #[error("a cookie counts only together with its `X-CSRF-Token`")]
    NoCsrfToken,
    /// The session's tokens are bound to a key, and the request is not proved with it.
    #[error("this session needs a `DPoP` proof by its key")]
    NoProof,
    /// The gate.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] PortError),
}

/// All that a refresh is decided on, as it is now.
struct Found {
    token: OpaqueToken,
    record: RefreshRecord,
    record_version: u64,
    session: Session,
    session_version: u64,
    user: User,
    tenant: Tenant,
}

impl Sessions {
    /// Exchanges a refresh token. Of several at once with the same token all are answered, with tokens of the
    /// same session; one that comes after the grace ends the session for everybody.
    ///
    /// # Errors
    /// `RotateError`.
    pub async fn rotate(&self, presented: Presented<'_>) -> Result<Granted, RotateError> {
        for _ in 0..ATTEMPTS_MAX {
            let found = self.find(presented.token).await?;
            let now = self.clock.now();
            let permit = self.admit(&found, &presented, now)?;
            let actor = Actor { name: found.user.id.clone(), ..presented.actor.clone() }
                .proved(found.session.acr.as_str(), Some(found.tenant.network_tag(presented.network)));
            let outcome =
                match judge(&found.record, &found.session, presented.agent, self.limits.grace_s, now) {
                    Use::Idle => return Err(RotateError::Expired),
                    Use::First => self.next(&permit, found, &actor, false).await,
                    Use::Retry => self.next(&permit, found, &actor, true).await,
                    Use::Reuse { after_s, other_program } => {
                        self.kill(found, (after_s, other_program), &actor).await
                    }
                };
            match outcome {
                // Somebody else used it or changed the session at this moment: look again.
                Err(RotateError::Store(StoreError::Conflict { .. })) => {}
                other => return other,
            }
        }
        Err(RotateError::Store(StoreError::Busy))
    }

    /// One request for all four records.
    async fn find(&self, text: &str) -> Result<Found, RotateError> {
        let token = OpaqueToken::parse(Purpose::Refresh, text).ok_or(RotateError::Invalid)?;
        let asked = [
            RefreshRecord::at(&token.tenant, &token.thing, &token.hash()),
            Session::at(&token.tenant, &token.user, &token.thing),
            User::at(&token.tenant, &token.user),
            Tenant::at(&token.tenant),
        ];
        let records = self.store.get_many(&asked).await?;
        let [Some(record), Some(session), Some(user), Some(tenant)] = records.as_slice() else {
            return Err(RotateError::Invalid);
        };
        let read = |record: &Record| record.version;
        let (record_version, session_version) = (read(record), read(session));
        Ok(Found {
            token,
            record: record.document().map_err(StoreError::from)?,
            record_version,
            session: session.document().map_err(StoreError::from)?,
            session_version,
            user: user.document().map_err(StoreError::from)?,
            tenant: tenant.document().map_err(StoreError::from)?,
        })
    }

    fn admit(
        &self,
        found: &Found,
        presented: &Presented<'_>,
        now: UnixMillis,
    ) -> Result<Permit, RotateError> {
        let who = Who::User { user: Some(&found.user), locked_until: None };
        let permit = may_issue(Some(&found.tenant), who, Method::Refresh, now)?;
        if !found.session.is_live(&found.user, now) {
            return Err(RotateError::Invalid);
        }
        if presented.in_cookie && !shows_intent(&found.session, presented.csrf) {
            return Err(RotateError::NoCsrfToken);
        }
        // A token that was bound is of no use without the key, whoever has it.
        if found.session.dpop_jkt.as_deref().is_some_and(|jkt| presented.dpop_jkt != Some(jkt)) {
            return Err(RotateError::NoProof);
        }
        Ok(permit)
    }

    async fn next(
        &self,
        permit: &Permit,
        found: Found,
        actor: &Actor,
        retried: bool,
    ) -> Result<Granted, RotateError> {
        let Found { token, mut record, record_version, mut session, session_version, user, .. } = found;
        let now = self.clock.now();
        let next = OpaqueToken::generate(
            Purpose::Refresh,
            &session.tenant,
            &session.user,
            &session.id,
            &*self.clock,
        );
        let mut writes = Vec::with_capacity(5);
        if retried {
            writes.push(Write::Check {
                key: Session::at(&session.tenant, &session.user, &session.id),
                condition: Condition::VersionIs(session_version),
            });
            writes.push(Write::Add {
                key: RefreshRecord::retries(&session.tenant, &session.id, &token.hash()),
                deltas: vec![("retries".to_owned(), 1)],
                only_if: Some(("retries".to_owned(), RETRIES_MAX)),
                expires_at: Some(session.ends_at),
            });
        } else {
            session.used_at = now;
            record.used_at = Some(now);
            writes.push(put_session(&session, Condition::VersionIs(session_version)));
            writes.push(Write::Put {
                key: RefreshRecord::at(&session.tenant, &session.id, &token.hash()),
                attributes: Attributes::document(&record),
                expires_at: Some(session.ends_at),
                condition: Condition::VersionIs(record_version),
            });
        }
        writes.push(self.put_refresh(&session, &next));
        let claims = Claims::of_session(&self.settings, permit, &user.roles, &session, &*self.clock);
        let fact = TokenRefreshed { token_id: claims.jti.clone(), session_id: session.id.clone(), retried };
        writes.push(Write::emit(Event::of(&fact, &claims.jti, 1, &session.tenant, actor, &*self.clock)));
        let access_token = Zeroizing::new(sign(&*self.keys, permit, &claims).await?);
        commit_with_retry(&*self.store, CommitId::new(&*self.clock), &writes).await?;
        let refresh_token = Zeroizing::new(next.reveal().to_owned());
        Ok(Granted { session, claims, access_token, refresh_token, csrf_token: None })
    }

    async fn kill(
        &self,
        found: Found,
        (after_s, other_program): (u64, bool),
        actor: &Actor,
    ) -> Result<Granted, RotateError> {
        let Found { session, session_version, .. } = found;
        let alert = RefreshTokenReused {
            session_id: session.id.clone(),
            user_id: session.user.clone(),
            severity: Severity::High,
            after_s,
            other_program,
        };
        let (tenant, id, events) = (session.tenant.clone(), session.id.clone(), session.events);
        let mut session = session;
        session.events += 1;
        let mut writes = self.ending(session, session_version, EndReason::TokenReused, actor);
        writes.push(Write::emit(Event::of(&alert, &id, events + 1, &tenant, actor, &*self.clock)));
        commit_with_retry(&*self.store, CommitId::new(&*self.clock), &writes).await?;
        Err(RotateError::Reused)
    }
}

/// Whether a page that has the session's cookies also knows what only its own script can read.
pub(crate) fn shows_intent(session: &Session, csrf: Option<&str>) -> bool {
    match (&session.csrf_sha256, csrf) {
        (Some(expected), Some(shown)) => sha256_hex(shown).as_bytes().ct_eq(expected.as_bytes()).into(),
        _ => false,
    }
}

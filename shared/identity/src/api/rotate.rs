//! `POST /v1/auth/api-keys/{id}/rotate`: another secret for the same key, and the one before for a while.

use std::sync::Arc;

use http::StatusCode;
use scorpius_core::id::is_id;
use scorpius_core::{Condition, Event, StoreError, UnixMillis, Write};
use scorpius_edge::idempotency::Once;
use scorpius_edge::problem::{CONFLICT, FORBIDDEN, INVALID_REQUEST, NOT_FOUND, UNAUTHENTICATED};
use scorpius_edge::{Principal, Problem, Request, Response};

use super::maker::{Maker, NoMaker};
use super::signing;
use super::{App, RotateApiKey, RotatedApiKey, ShownApiKey};
use crate::facts::ApiKeyRotated;
use crate::keys::{ApiKey, ApiKeys, KeyState, rotated};
use crate::power::Power;
use crate::secret::ApiSecret;

/// A day: long enough to roll a secret out, short enough that nobody forgets that there are two.
const OVERLAP_S: u64 = 86_400;
/// A week.
const OVERLAP_S_MAX: u64 = 7 * 86_400;

/// Where the key is put, and where whoever asks is checked, among the commit's writes.
const KEY_AT: usize = 0;
const MAKER_AT: usize = 2;

#[derive(Debug, thiserror::Error)]
enum RotateError {
    #[error("`overlap_s` is 0 to {OVERLAP_S_MAX}")]
    Overlap,
    #[error("no such key")]
    Unknown,
    #[error("the key does not count any more; make another")]
    Over,
    #[error("that key may do more than you")]
    Stronger,
    #[error("that key ends later than the key that asks, or is limited less")]
    Outlives,
    #[error("the key that asks does not count any more")]
    MakerGone,
    #[error("the key was changed meanwhile; look at it again")]
    Changed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) async fn rotate(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: RotateApiKey =
        if request.body.is_empty() { RotateApiKey::default() } else { request.json()? };
    let once = Once::of(request)?;
    if let Some(answer) = once.answered_sealed(&*app.store, &*app.keys).await? {
        return Ok(answer);
    }
    let (principal, id) = (request.principal()?, request.parameter("id")?);
    let now = request.received_at;
    let (key, version, maker) = allowed(app, principal, id, now).await.map_err(problem)?;
    let overlap_s = asked.overlap_s.unwrap_or(OVERLAP_S);
    if overlap_s > OVERLAP_S_MAX {
        return Err(problem(RotateError::Overlap));
    }
    let secret = ApiSecret::generate(key.kind, &key.tenant, &key.id, &*app.clock);
    let (signing, aws) = signing::another(app, &key).await?;
    let shown = (&secret, signing, principal.subject.as_str());
    let key = rotated(key, shown, now.plus_s(overlap_s), now);

    let until = key.previous.as_ref().map(|previous| previous.until.to_string());
    let fact = ApiKeyRotated { key_id: key.id.clone(), previous_valid_until: until };
    let event = Event::of(&fact, &key.id, key.events, &key.tenant, &request.actor()?, &*app.clock);
    let put = Write::put(ApiKey::at(&key.tenant, &key.id), &key, Condition::VersionIs(version));
    let mut writes = vec![put, Write::emit(event)];
    if !maker.is_key(&key.id) {
        writes.push(maker.check());
    }
    let answer = RotatedApiKey { api_key: secret.reveal().to_owned(), aws, key: ShownApiKey::from(key) };
    let response = Response::json(StatusCode::OK, &answer);
    once.commit_sealed(&*app.store, &*app.clock, &*app.keys, writes, response, |index| match index {
        KEY_AT => Some(problem(RotateError::Changed)),
        MAKER_AT => Some(problem(RotateError::MakerGone)),
        _ => None,
    })
    .await
}

/// The key `id`, when `principal` may have its secret: it gets all that the key may do, so it must have that already.
async fn allowed(
    app: &App,
    principal: &Principal,
    id: &str,
    now: UnixMillis,
) -> Result<(ApiKey, u64, Maker), RotateError> {
    if !is_id("key", id) {
        return Err(RotateError::Unknown);
    }
    let maker = Maker::of(app, principal, now).await.map_err(|none| match none {
        NoMaker::Gone => RotateError::MakerGone,
        NoMaker::Store(error) => RotateError::Store(error),
    })?;
    let keys = ApiKeys(Arc::clone(&app.store));
    let (key, version) = keys.get(&principal.tenant, id).await?.ok_or(RotateError::Unknown)?;
    if key.state(now) != KeyState::Active {
        return Err(RotateError::Over);
    }
    // Of a key's own token, too, which may be cut down further than its key.
    if !Power::of(principal).covers(&key.power()) {
        return Err(RotateError::Stronger);
    }
    let later = maker.ends_at().is_some_and(|end| key.expires_at.is_none_or(|at| at > end));
    let faster = maker.rate_limit().is_some_and(|limit| key.rate_limit.is_none_or(|at| at > limit));
    if later || faster {
        return Err(RotateError::Outlives);
    }
    Ok((key, version, maker))
}

fn problem(error: RotateError) -> Problem {
    match error {
        RotateError::Overlap => INVALID_REQUEST.because(&error).at("/overlap_s", &error),
        RotateError::Unknown => NOT_FOUND.because(error),
        RotateError::Over | RotateError::Changed => CONFLICT.because(error),
        RotateError::Stronger | RotateError::Outlives => FORBIDDEN.because(error),
        RotateError::MakerGone => UNAUTHENTICATED.because(error),
        RotateError::Store(error) => error.into(),
    }
}

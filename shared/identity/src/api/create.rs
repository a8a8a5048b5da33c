//! `POST /v1/auth/api-keys`.

use http::StatusCode;
use scorpius_core::clock::NotATime;
use scorpius_core::{UnixMillis, Write, new_id};
use scorpius_edge::idempotency::Once;
use scorpius_edge::problem::{FORBIDDEN, INVALID_REQUEST, UNAUTHENTICATED};
use scorpius_edge::{Principal, Problem, Request, Response};
use scorpius_token::tenant::{NAME_CHARS_MAX, is_name};

use super::maker::{Maker, NoMaker};
use super::signing;
use super::{App, CreateApiKey, CreatedApiKey, ShownApiKey, TOO_MANY_API_KEYS};
use crate::keys::{ApiKey, KEYS_MAX, created, creation};
use crate::power::{GrantError, Power};
use crate::secret::{ApiSecret, KeyKind};

/// Requests a minute that a key can be limited to.
const RATE_LIMIT_MAX: u32 = 1_000_000;

/// Where `creation` counts, and where the maker's own key is checked, among the commit's writes.
const COUNT_AT: usize = 1;
const MAKER_AT: usize = 2;

#[derive(Debug, thiserror::Error)]
enum CreateError {
    #[error("a name is 1 to {NAME_CHARS_MAX} characters without control characters")]
    Name,
    #[error("`rate_limit` is 1 to {RATE_LIMIT_MAX} requests a minute")]
    RateLimit,
    #[error("a key is limited at least as much as the key that makes it, to {0} requests a minute")]
    FasterThanMaker(u32),
    #[error(transparent)]
    Time(#[from] NotATime),
    #[error("`expires_at` is in the past")]
    Past,
    #[error("a key ends no later than the key that makes it, at {0}")]
    OutlivesMaker(UnixMillis),
    #[error("a restricted key names its permissions")]
    Unrestricted,
    #[error(transparent)]
    Grant(#[from] GrantError),
    #[error("whoever asks does not count any more")]
    MakerGone,
}

pub(super) async fn create(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: CreateApiKey = request.json()?;
    let once = Once::of(request)?;
    if let Some(answer) = once.answered_sealed(&*app.store, &*app.keys).await? {
        return Ok(answer);
    }
    let principal = request.principal()?;
    let maker = Maker::of(app, principal, request.received_at).await.map_err(|none| match none {
        NoMaker::Gone => problem(CreateError::MakerGone),
        NoMaker::Store(error) => error.into(),
    })?;
    let signs = asked.aws_signature;
    let (secret, mut key) = decide(app, principal, &maker, asked, request.received_at).map_err(problem)?;
    let aws = match signs {
        true => Some(signing::issue(app, &mut key).await?),
        false => None,
    };

    let mut writes = creation(&key).to_vec();
    writes.push(maker.check());
    writes.push(Write::emit(created(&key, &request.actor()?, &*app.clock)));
    let answer = CreatedApiKey { api_key: secret.reveal().to_owned(), aws, key: ShownApiKey::from(key) };
    let response = Response::json(StatusCode::CREATED, &answer);
    once.commit_sealed(&*app.store, &*app.clock, &*app.keys, writes, response, |index| match index {
        COUNT_AT => Some(TOO_MANY_API_KEYS.because(format_args!("a tenant has at most {KEYS_MAX} API keys"))),
        MAKER_AT => Some(problem(CreateError::MakerGone)),
        _ => None,
    })
    .await
}

fn decide(
    app: &App,
    principal: &Principal,
    maker: &Maker,
    asked: CreateApiKey,
    now: UnixMillis,
) -> Result<(ApiSecret, ApiKey), CreateError> {
    if !is_name(&asked.name) {
        return Err(CreateError::Name);
    }
    if asked.rate_limit.is_some_and(|limit| !(1..=RATE_LIMIT_MAX).contains(&limit)) {
        return Err(CreateError::RateLimit);
    }
    let rate_limit = limit(maker, asked.rate_limit)?;
    let expires_at = end(maker, asked.expires_at.as_deref(), now)?;
    let power = Power::of(principal).grant(asked.roles.as_deref(), asked.permissions.as_deref())?;
    let kind = match (asked.kind, &power.permissions) {
        (Some(KeyKind::Restricted), None) => return Err(CreateError::Unrestricted),
        (Some(kind), _) => kind,
        (None, Some(_)) => KeyKind::Restricted,
        (None, None) => KeyKind::Live,
    };
    let id = new_id("key", &*app.clock);
    let secret = ApiSecret::generate(kind, &principal.tenant, &id, &*app.clock);
    let key = ApiKey {
        id,
        tenant: principal.tenant.clone(),
        name: asked.name,
        kind,
        sha256: hex::encode(secret.hash()),
        roles: power.roles,
        permissions: power.permissions,
        rate_limit,
        expires_at,
        created_at: now,
        created_by: principal.subject.clone(),
        shown_to: None,
        revoked_at: None,
        rotated_at: None,
        previous: None,
        signing: None,
        events: 1,
    };
    Ok((secret, key))
}

/// What the key is limited to: as asked, or as its maker, and never to more than that.
fn limit(maker: &Maker, asked: Option<u32>) -> Result<Option<u32>, CreateError> {
    match (asked, maker.rate_limit()) {
        (None, makers) => Ok(makers),
        (Some(limit), Some(makers)) if limit > makers => Err(CreateError::FasterThanMaker(makers)),
        (Some(limit), _) => Ok(Some(limit)),
    }
}

/// When the key ends: as asked, or with its maker, and never later than that.
fn end(maker: &Maker, asked: Option<&str>, now: UnixMillis) -> Result<Option<UnixMillis>, CreateError> {
    let asked: Option<UnixMillis> = asked.map(str::parse).transpose()?;
    match (asked, maker.ends_at()) {
        (None, maker_end) => Ok(maker_end),
        (Some(end), _) if end <= now => Err(CreateError::Past),
        (Some(end), Some(maker_end)) if end > maker_end => Err(CreateError::OutlivesMaker(maker_end)),
        (Some(end), _) => Ok(Some(end)),
    }
}

fn problem(error: CreateError) -> Problem {
    let at = |pointer: &str, error: CreateError| INVALID_REQUEST.because(&error).at(pointer, &error);
    match error {
        CreateError::Name => at("/name", error),
        CreateError::RateLimit => at("/rate_limit", error),
        CreateError::Time(_) | CreateError::Past => at("/expires_at", error),
        CreateError::Unrestricted => at("/permissions", error),
        CreateError::OutlivesMaker(_) | CreateError::FasterThanMaker(_) => FORBIDDEN.because(error),
        CreateError::Grant(refused) => grant_problem(&refused),
        CreateError::MakerGone => UNAUTHENTICATED.because(error),
    }
}

/// What a door answers when more was asked than can be given.
pub(super) fn grant_problem(refused: &GrantError) -> Problem {
    match refused {
        GrantError::NoRole => INVALID_REQUEST.because(refused).at("/roles", refused),
        GrantError::NoPermission | GrantError::Unknown(_) | GrantError::Twice(_) => {
            INVALID_REQUEST.because(refused).at("/permissions", refused)
        }
        GrantError::Operator | GrantError::RoleNotHeld(_) | GrantError::PermissionNotHeld(_) => {
            FORBIDDEN.because(refused)
        }
    }
}

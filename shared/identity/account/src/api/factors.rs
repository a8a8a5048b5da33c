//! One-time codes and recovery codes are set up and taken away. Whoever does so has just proved who they are.

use http::StatusCode;
use scorpius_core::{Actor, Condition, Write};
use scorpius_edge::idempotency::Once;
use scorpius_edge::{Problem, Request, Response};
use scorpius_letter::posting;

use super::account::{own, whole};
use super::documents::{ConfirmTotp, RecoveryCodes, TotpOffer};
use super::step_up::fresh;
use super::{App, NO_SUCH_OFFER, SHORT_PASSWORD, sealed};
use crate::facts::{FactorAdded, FactorRemoved, RecoveryCodesMade, SecondFactor};
use crate::login::{Login, PendingTotp, Totp};
use crate::person::{Known, Names, about};
use crate::recovery;
use crate::totp;

/// How long a secret waits for its confirmation.
const OFFER_S: u64 = 600;

/// `POST /v1/account/totp`.
pub(super) async fn offer_totp(app: &App, request: &Request) -> Result<Response, Problem> {
    let once = Once::of(request)?;
    if let Some(answer) = once.answered_sealed(app.store(), app.keys()).await? {
        return Ok(answer);
    }
    let person = own(app, request).await?;
    let known = whole(&person)?;
    fresh(request, request.principal()?, &known)?;
    if known.login.totp.is_some() {
        return Err(NO_SUCH_OFFER.because("one-time codes are set up already; remove them first"));
    }
    let key = app.data_keys.of(&known.tenant.id).await.map_err(sealed)?;
    let names = Names::of(known.user, &key).map_err(sealed)?;
    let secret = totp::secret(app.clock());
    let until = app.clock().now().plus_s(OFFER_S);
    let mut login = known.login.clone();
    let kept = key.seal(&about(&known.user.id, "totp"), &*secret, app.clock());
    login.totp_pending = Some(PendingTotp { sealed: kept, until });
    let offer = TotpOffer {
        secret: totp::base32(&*secret),
        uri: totp::uri(&*secret, &names.email),
        expires_at: until.to_string(),
    };
    let response = Response::json(StatusCode::CREATED, &offer);
    once.commit_sealed(app.store(), app.clock(), app.keys(), vec![known.put(&login)], response, |_| None)
        .await
}

/// `POST /v1/account/totp/confirm`.
pub(super) async fn confirm_totp(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: ConfirmTotp = request.json()?;
    let once = Once::of(request)?;
    if let Some(answer) = once.answered_sealed(app.store(), app.keys()).await? {
        return Ok(answer);
    }
    let person = own(app, request).await?;
    let known = whole(&person)?;
    fresh(request, request.principal()?, &known)?;
    let now = app.clock().now();
    let none = || NO_SUCH_OFFER.because("there is no secret that waits for this code; ask for one again");
    let pending = known.login.totp_pending.as_ref().filter(|pending| pending.until > now).ok_or_else(none)?;
    let key = app.data_keys.of(&known.tenant.id).await.map_err(sealed)?;
    let secret = key.open(&about(&known.user.id, "totp"), &pending.sealed).map_err(sealed)?;
    // The person's own new secret: a wrong code is a mistake, and guessing it would open nothing.
    let step = totp::step_of(&secret, &asked.code, 0, now).ok_or_else(none)?;
    let mut login = known.login.clone();
    login.totp = Some(Totp { sealed: pending.sealed.clone(), last_step: step, since: now });
    login.totp_pending = None;
    let said = "One-time codes were added to your account. A sign-in asks for one from now on.";
    let added = Change::Added(SecondFactor::Totp);
    let (codes, writes) = changing(app, &known, login, added, said, &request.actor()?).await?;
    let response = Response::json(StatusCode::OK, &RecoveryCodes { recovery_codes: codes });
    once.commit_sealed(app.store(), app.clock(), app.keys(), writes, response, |_| None).await
}

/// `DELETE /v1/account/totp`; again is fine.
pub(super) async fn remove_totp(app: &App, request: &Request) -> Result<Response, Problem> {
    let person = own(app, request).await?;
    let known = whole(&person)?;
    fresh(request, request.principal()?, &known)?;
    if known.login.totp.is_some() {
        let mut login = known.login.clone();
        login.totp = None;
        suffices_alone(&login)?;
        let said = "One-time codes were removed from your account.";
        let removed = Change::Removed(SecondFactor::Totp);
        let (_, writes) = changing(app, &known, login, removed, said, &request.actor()?).await?;
        app.commit(&writes).await?;
    }
    Ok(Response::new(StatusCode::NO_CONTENT))
}

/// `POST /v1/account/recovery-codes`.
pub(super) async fn make_codes(app: &App, request: &Request) -> Result<Response, Problem> {
    let once = Once::of(request)?;
    if let Some(answer) = once.answered_sealed(app.store(), app.keys()).await? {
        return Ok(answer);
    }
    let person = own(app, request).await?;
    let known = whole(&person)?;
    fresh(request, request.principal()?, &known)?;
    if !known.login.has_second_factor() {
        return Err(NO_SUCH_OFFER.because("there is no second factor that codes could stand in for"));
    }
    let (codes, kept) = recovery::codes(app.clock());
    let mut login = known.login.clone();
    login.recovery = kept;
    let said = "New recovery codes were made for your account. Earlier ones do not count any more.";
    let (_, writes) = changing(app, &known, login, Change::Codes, said, &request.actor()?).await?;
    let response = Response::json(StatusCode::OK, &RecoveryCodes { recovery_codes: codes });
    once.commit_sealed(app.store(), app.clock(), app.keys(), writes, response, |_| None).await
}

/// What is done to somebody's factors.
pub(super) enum Change {
    Added(SecondFactor),
    Removed(SecondFactor),
    Codes,
}

/// The writes of a change to `login`, with event and letter; and the recovery codes that come with a first second
/// factor. With the last one the codes go.
pub(super) async fn changing(
    app: &App,
    known: &Known<'_>,
    mut login: Login,
    change: Change,
    said: &str,
    actor: &Actor,
) -> Result<(Vec<String>, Vec<Write>), Problem> {
    let tenant = &known.tenant.id;
    let mut user = known.user.clone();
    let user_id = user.id.clone();
    let mut writes = Vec::new();
    let mut codes = Vec::new();
    if login.has_second_factor() && !known.login.has_second_factor() {
        (codes, login.recovery) = recovery::codes(app.clock());
    }
    if !login.has_second_factor() {
        login.recovery.clear();
    }
    user.second_factor = login.has_second_factor();
    user.events += 1;
    writes.push(match &change {
        Change::Added(factor) => {
            let fact = FactorAdded { user_id: user_id.clone(), factor: *factor };
            app.emit(&fact, (&user_id, user.events), tenant, actor)
        }
        Change::Removed(factor) => {
            let fact = FactorRemoved { user_id: user_id.clone(), factor: *factor };
            app.emit(&fact, (&user_id, user.events), tenant, actor)
        }
        Change::Codes => {
            let fact = RecoveryCodesMade { user_id: user_id.clone(), count: login.recovery.len() };
            app.emit(&fact, (&user_id, user.events), tenant, actor)
        }
    });
    if !codes.is_empty() {
        user.events += 1;
        let fact = RecoveryCodesMade { user_id: user_id.clone(), count: codes.len() };
        writes.push(app.emit(&fact, (&user_id, user.events), tenant, actor));
    }
    writes.push(known.put(&login));
    writes.push(Write::put(known.at(), &user, Condition::VersionIs(known.user_version)));
    let key = app.data_keys.of(tenant).await.map_err(sealed)?;
    let names = Names::of(known.user, &key).map_err(sealed)?;
    writes.extend(posting(app.post(&names.email).factor_changed(said), tenant, &key, actor, app.clock()));
    Ok((codes, writes))
}

/// Whether the password is long enough for what is left beside it.
pub(super) fn suffices_alone(login: &Login) -> Result<(), Problem> {
    match login.password_is_short && !login.has_second_factor() {
        true => Err(SHORT_PASSWORD.because("set a longer password before the last second factor goes")),
        false => Ok(()),
    }
}

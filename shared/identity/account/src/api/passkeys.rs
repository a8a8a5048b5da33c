//! One's own passkeys: made, shown, removed.

use http::StatusCode;
use scorpius_core::id::is_id;
use scorpius_core::{Condition, StoreError, Write};
use scorpius_edge::idempotency::Once;
use scorpius_edge::problem::{INVALID_REQUEST, NOT_FOUND};
use scorpius_edge::{Problem, Request, Response};
use scorpius_token::tenant::{NAME_CHARS_MAX, is_name};

use super::account::{own, whole};
use super::documents::{AddPasskey, AddedPasskey, PasskeyList, ShownPasskey};
use super::factors::{Change, changing, suffices_alone};
use super::step_up::fresh;
use super::{App, PASSKEY_REFUSED, TOO_MANY_PASSKEYS, sealed};
use crate::challenge;
use crate::facts::SecondFactor;
use crate::passkey::{
    CreationOptions, Descriptor, KeyKind, PASSKEYS_MAX, Party, PartyUser, Passkey, Selection, client,
    handle_of, id_of,
};
use crate::person::Names;
use crate::webauthn::{ALGORITHMS, Ceremony, Refusal, base64url, made};

/// Ways that browsers name for reaching an authenticator; they may name new ones.
const TRANSPORTS_MAX: usize = 8;
const TRANSPORT_BYTES_MAX: usize = 32;

/// What the challenge of a new passkey is for.
fn about(user: &str) -> String {
    format!("register#{user}")
}

/// `POST /v1/account/passkeys/options`.
pub(super) async fn offer(app: &App, request: &Request) -> Result<Response, Problem> {
    let person = own(app, request).await?;
    let known = whole(&person)?;
    fresh(request, request.principal()?, &known)?;
    let (tenant, user) = (&known.tenant.id, known.user.id.as_str());
    let key = app.data_keys.of(tenant).await.map_err(sealed)?;
    let names = Names::of(known.user, &key).map_err(sealed)?;
    let there = Passkey::all(app.store(), tenant, user).await?;
    let options = CreationOptions {
        challenge: challenge::issue(&app.pepper, &about(user), app.clock()).await?,
        rp: Party { id: app.party.id.clone(), name: "Scorpius" },
        user: PartyUser {
            id: handle_of(tenant, user).ok_or_else(|| NOT_FOUND.because("there is no such account"))?,
            name: names.email,
            display_name: names.name,
        },
        pub_key_cred_params: ALGORITHMS.map(|alg| KeyKind { r#type: "public-key", alg }).into(),
        exclude_credentials: there.into_iter().map(Descriptor::of).collect(),
        authenticator_selection: Selection {
            resident_key: "required",
            require_resident_key: true,
            user_verification: "required",
        },
        attestation: "none",
        timeout: challenge::LIFE_S * 1_000,
    };
    Ok(Response::json(StatusCode::OK, &options))
}

/// `POST /v1/account/passkeys`.
pub(super) async fn add(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: AddPasskey = request.json()?;
    if !is_name(&asked.name) {
        let said = format!("a name is 1 to {NAME_CHARS_MAX} characters without control characters");
        return Err(INVALID_REQUEST.because(&said).at("/name", &said));
    }
    let once = Once::of(request)?;
    if let Some(answer) = once.answered_sealed(app.store(), app.keys()).await? {
        return Ok(answer);
    }
    let person = own(app, request).await?;
    let known = whole(&person)?;
    fresh(request, request.principal()?, &known)?;
    if known.login.passkeys >= PASSKEYS_MAX {
        return Err(TOO_MANY_PASSKEYS.because(format_args!("a user has at most {PASSKEYS_MAX} passkeys")));
    }
    let (tenant, user) = (&known.tenant.id, known.user.id.as_str());
    let refused = |why: Refusal| PASSKEY_REFUSED.because(why);
    let response = &asked.credential.response;
    let checked = client(&response.client_data_json, Ceremony::Create, &app.party).map_err(refused)?;
    let attestation =
        base64url(&response.attestation_object).ok_or_else(|| refused(Refusal::AuthenticatorData))?;
    let made = made(&attestation, &app.party).map_err(refused)?;
    if base64url(&asked.credential.id).as_deref() != Some(made.id.as_slice()) {
        return Err(refused(Refusal::AuthenticatorData));
    }
    let now = app.clock().now();
    let spent = challenge::spend(&app.pepper, &about(user), &checked.challenge, now).await?;
    let spent = spent.ok_or_else(|| refused(Refusal::ClientData))?;
    let mut transports = response.transports.clone();
    transports.retain(|it| it.len() <= TRANSPORT_BYTES_MAX && it.bytes().all(|b| b.is_ascii_graphic()));
    transports.truncate(TRANSPORTS_MAX);
    let passkey = Passkey {
        id: id_of(&made.id),
        credential: asked.credential.id,
        key: made.key,
        counter: made.counter,
        name: asked.name,
        backed_up: made.backed_up,
        transports,
        created_at: now,
        used_at: None,
    };
    let mut login = known.login.clone();
    login.passkeys += 1;
    let said = "A passkey was added to your account. It signs you in by itself, and beside the password.";
    let added = Change::Added(SecondFactor::Passkey);
    let (codes, writes) = changing(app, &known, login, added, said, &request.actor()?).await?;
    let mut all = vec![spent, passkey.put(tenant, user, Condition::Absent)];
    all.extend(writes);
    let answer = AddedPasskey { passkey: shown(passkey), recovery_codes: codes };
    let answer = Response::json(StatusCode::CREATED, &answer);
    let conflict = |index: usize| match index {
        0 => Some(PASSKEY_REFUSED.because("the challenge was used before; ask for options again")),
        1 => Some(PASSKEY_REFUSED.because("this passkey is there already")),
        _ => None,
    };
    once.commit_sealed(app.store(), app.clock(), app.keys(), all, answer, conflict).await
}

fn shown(passkey: Passkey) -> ShownPasskey {
    ShownPasskey {
        passkey_id: passkey.id,
        name: passkey.name,
        backed_up: passkey.backed_up,
        created_at: passkey.created_at.to_string(),
        used_at: passkey.used_at.map(|at| at.to_string()),
    }
}

/// `GET /v1/account/passkeys`.
pub(super) async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let principal = request.principal()?;
    let passkeys = Passkey::all(app.store(), &principal.tenant, &principal.subject).await?;
    let list = PasskeyList { passkeys: passkeys.into_iter().map(shown).collect() };
    Ok(Response::json(StatusCode::OK, &list))
}

/// `DELETE /v1/account/passkeys/{id}`.
pub(super) async fn remove(app: &App, request: &Request) -> Result<Response, Problem> {
    let id = request.parameter("id")?;
    let unknown = || NOT_FOUND.because("no such passkey");
    if !is_id("psk", id) {
        return Err(unknown());
    }
    let person = own(app, request).await?;
    let known = whole(&person)?;
    fresh(request, request.principal()?, &known)?;
    let key = Passkey::at(&known.tenant.id, &known.user.id, id);
    let record = app.store().get(&key).await?.ok_or_else(unknown)?;
    let mut login = known.login.clone();
    login.passkeys = login.passkeys.saturating_sub(1);
    suffices_alone(&login)?;
    let passkey: Passkey = record.document().map_err(StoreError::from)?;
    let said = format!("The passkey `{}` was removed from your account.", passkey.name);
    let removed = Change::Removed(SecondFactor::Passkey);
    let (_, mut writes) = changing(app, &known, login, removed, &said, &request.actor()?).await?;
    writes.push(Write::Delete { key, condition: Condition::VersionIs(record.version) });
    app.commit(&writes).await?;
    Ok(Response::new(StatusCode::NO_CONTENT))
}

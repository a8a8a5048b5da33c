//! A second factor is shown: at a sign-in, and within a session.

use scorpius_core::{Actor, Condition, StoreError, Write, new_id};
use scorpius_edge::problem::INVALID_REQUEST;
use scorpius_edge::{Factor, Problem};
use scorpius_letter::posting;

use super::{App, sealed};
use crate::challenge;
use crate::facts::{PasskeyCloned, RecoveryCodeUsed};
use crate::passkey::{AuthenticationResponse, Passkey, client, id_of};
use crate::person::{Known, Names, about};
use crate::recovery;
use crate::totp;
use crate::webauthn::{Ceremony, Refusal, Use, base64url, used};

/// What was shown.
pub(super) enum Shown {
    Code(String),
    RecoveryCode(String),
    Passkey(Box<AuthenticationResponse>),
}

impl Shown {
    /// The one of the three that is there.
    pub(super) fn one_of(
        code: Option<String>,
        recovery_code: Option<String>,
        credential: Option<AuthenticationResponse>,
    ) -> Result<Self, Problem> {
        match (code, recovery_code, credential) {
            (Some(code), None, None) => Ok(Self::Code(code)),
            (None, Some(code), None) => Ok(Self::RecoveryCode(code)),
            (None, None, Some(credential)) => Ok(Self::Passkey(Box::new(credential))),
            _ => Err(INVALID_REQUEST.because("show exactly one of `code`, `recovery_code` and `credential`")),
        }
    }

    /// By its name in RFC 8176.
    pub(super) fn factor(&self) -> Factor {
        match self {
            Self::Code(_) | Self::RecoveryCode(_) => Factor::Otp,
            Self::Passkey(_) => Factor::Pop,
        }
    }
}

/// What was right, and the writes that use it up.
pub(super) struct Passed {
    pub(super) amr: Vec<Factor>,
    pub(super) writes: Vec<Write>,
}

/// Looks at `shown`; a passkey's challenge must be one for `purpose`. `None` is wrong.
pub(super) async fn pass(
    app: &App,
    known: &Known<'_>,
    shown: &Shown,
    purpose: &str,
    actor: &Actor,
) -> Result<Option<Passed>, Problem> {
    match shown {
        Shown::Code(code) => by_code(app, known, code).await,
        Shown::RecoveryCode(code) => by_recovery_code(app, known, code, actor).await,
        Shown::Passkey(credential) => by_passkey(app, known, credential, purpose, actor).await,
    }
}

async fn by_code(app: &App, known: &Known<'_>, code: &str) -> Result<Option<Passed>, Problem> {
    let Some(totp) = &known.login.totp else { return Ok(None) };
    let key = app.data_keys.of(&known.tenant.id).await.map_err(sealed)?;
    let secret = key.open(&about(&known.user.id, "totp"), &totp.sealed).map_err(sealed)?;
    let Some(step) = totp::step_of(&secret, code, totp.last_step, app.clock().now()) else { return Ok(None) };
    let mut login = known.login.clone();
    if let Some(totp) = &mut login.totp {
        totp.last_step = step;
    }
    Ok(Some(Passed { amr: vec![Factor::Otp], writes: vec![known.put(&login)] }))
}

async fn by_recovery_code(
    app: &App,
    known: &Known<'_>,
    code: &str,
    actor: &Actor,
) -> Result<Option<Passed>, Problem> {
    let (tenant, user) = (&known.tenant.id, &known.user.id);
    let hash = recovery::hash(code);
    let mut login = known.login.clone();
    login.recovery.retain(|kept| *kept != hash);
    if login.recovery.len() == known.login.recovery.len() {
        return Ok(None);
    }
    let left = login.recovery.len();
    let attempt = new_id("att", app.clock());
    let fact = RecoveryCodeUsed { attempt_id: attempt.clone(), user_id: user.clone(), left };
    let mut writes = vec![known.put(&login), app.emit(&fact, (&attempt, 1), tenant, actor)];
    let key = app.data_keys.of(tenant).await.map_err(sealed)?;
    let names = Names::of(known.user, &key).map_err(sealed)?;
    let said = format!("A recovery code was used to sign in to your account. {left} are left.");
    writes.extend(posting(app.post(&names.email).factor_changed(&said), tenant, &key, actor, app.clock()));
    Ok(Some(Passed { amr: vec![Factor::Otp], writes }))
}

async fn by_passkey(
    app: &App,
    known: &Known<'_>,
    credential: &AuthenticationResponse,
    purpose: &str,
    actor: &Actor,
) -> Result<Option<Passed>, Problem> {
    let (tenant, user) = (&known.tenant.id, known.user.id.as_str());
    let Some(id) = base64url(&credential.id).map(|credential| id_of(&credential)) else { return Ok(None) };
    let response = &credential.response;
    let bytes = (base64url(&response.authenticator_data), base64url(&response.signature));
    let (Ok(checked), (Some(data), Some(signature))) =
        (client(&response.client_data_json, Ceremony::Get, &app.party), bytes)
    else {
        return Ok(None);
    };
    let now = app.clock().now();
    let spent = challenge::spend(&app.pepper, purpose, &checked.challenge, now).await?;
    let record = app.store().get(&Passkey::at(tenant, user, &id)).await?;
    let (Some(spent), Some(record)) = (spent, record) else { return Ok(None) };
    let mut passkey: Passkey = record.document().map_err(StoreError::from)?;
    let it = Use { client: &checked, authenticator_data: &data, signature: &signature };
    match used(&it, &passkey.key, passkey.counter, &app.party) {
        Ok(used) => {
            (passkey.counter, passkey.backed_up, passkey.used_at) = (used.counter, used.backed_up, Some(now));
            let put = passkey.put(tenant, user, Condition::VersionIs(record.version));
            let amr = vec![Factor::Pop, Factor::User];
            Ok(Some(Passed { amr, writes: vec![known.unchanged(), put, spent] }))
        }
        Err(Refusal::Counter) => {
            // The signature is right, and so is every copy's.
            let attempt = new_id("att", app.clock());
            let fact =
                PasskeyCloned { attempt_id: attempt.clone(), user_id: user.to_owned(), passkey_id: id };
            match app.commit(&[spent, app.emit(&fact, (&attempt, 1), tenant, actor)]).await {
                // The challenge was spent before: this very answer came twice, which says nothing about a copy.
                Ok(()) | Err(StoreError::Conflict { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            }
        }
        Err(
            Refusal::ClientData
            | Refusal::Origin
            | Refusal::AuthenticatorData
            | Refusal::RelyingParty
            | Refusal::NotVerified
            | Refusal::Key
            | Refusal::Signature,
        ) => Ok(None),
    }
}

//! `POST /v1/auth/step-up`: within a session somebody proves again, or more strongly, who they are (RFC 9470).

use http::StatusCode;
use scorpius_edge::problem::{INVALID_REQUEST, STEP_UP_REQUIRED, UNAUTHENTICATED};
use scorpius_edge::{Assurance, Demand, Factor, Principal, Problem, Request, Response, SignIn};
use scorpius_token::Method;
use scorpius_token::api::access_cookie;
use scorpius_token::sessions::{BeginError, Proof};

use super::App;
use super::documents::{RaisedToken, StepUp};
use super::factor::{self, Passed, Shown};
use super::sign_in::{permit, refusal, refused, throttle};
use crate::challenge;
use crate::facts::level_of;
use crate::guess::{self, Try};
use crate::passkey::{Passkey, RequestOptions};
use crate::password::{Password, Verdict};
use crate::person::{Known, Person, agent};

/// How fresh a proof must be for whatever changes how one signs in, in seconds.
pub(super) const FRESH_S: u64 = 600;

enum Asked {
    Password(Password),
    Factor(Shown),
}

/// `POST /v1/auth/step-up/options`: for whoever has passkeys.
pub(super) async fn offer(app: &App, request: &Request) -> Result<Response, Problem> {
    let (principal, session) = (request.principal()?, sign_in(request)?);
    let challenge = challenge::issue(&app.pepper, &about(&session.session), app.clock()).await?;
    let passkeys = Passkey::all(app.store(), &principal.tenant, &principal.subject).await?;
    Ok(Response::json(StatusCode::OK, &RequestOptions::new(&app.party, challenge, passkeys)))
}

fn about(session: &str) -> String {
    format!("step-up#{session}")
}

pub(super) async fn step_up(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: StepUp = request.json()?;
    let asked = match (asked.password, asked.code, asked.recovery_code, asked.credential) {
        (Some(password), None, None, None) => Asked::Password(password),
        (Some(_), ..) => {
            return Err(INVALID_REQUEST.because("show a password or another factor, and not both"));
        }
        (None, code, recovery_code, credential) => {
            Asked::Factor(Shown::one_of(code, recovery_code, credential)?)
        }
    };
    let (principal, session_id) = (request.principal()?, sign_in(request)?.session.as_str());
    let (tenant, user) = (&principal.tenant, principal.subject.as_str());
    let network = throttle(app, request).await?;
    let person = Person::by_id(app, tenant, user, agent(request)).await?;
    let session = app.sessions.get(tenant, user, session_id).await?;
    let (Some(known), Some((session, version))) = (person.known(), session) else { return Err(refusal()) };
    // A password alone is a fresh proof only where there is nothing stronger to show.
    if matches!(asked, Asked::Password(_)) && known.login.has_second_factor() {
        return Err(demanded(Assurance::Aal2));
    }
    let tried = guess::count(app.store(), app.clock(), &person.email_hash).await?;
    let permit = permit(app, &person, Method::StepUp, &tried);
    let factor = match &asked {
        Asked::Password(_) => Factor::Pwd,
        Asked::Factor(shown) => shown.factor(),
    };
    let (Ok(permit), Try::Counted(_)) = (permit, tried) else {
        return Err(refused(app, request, &person, factor, &tried, &network).await?);
    };
    let actor = request.actor()?;
    let passed = match &asked {
        Asked::Password(password) => by_password(app, &known, password).await?,
        Asked::Factor(shown) => factor::pass(app, &known, shown, &about(&session.id), &actor).await?,
    };
    let Some(Passed { amr, mut writes }) = passed else {
        return Err(refused(app, request, &person, factor, &tried, &network).await?);
    };
    writes.push(guess::forgotten(&person.email_hash));
    let cookies = session.csrf_sha256.is_some();
    let together = [session.amr.as_slice(), &amr].concat();
    let proof = Proof { acr: level_of(&together), amr: &amr };
    let raised = app.sessions.prove(&permit, known.user, (session, version), proof, &actor, writes).await;
    let raised = raised.map_err(|error| match error {
        BeginError::Changed { .. } => refusal(),
        BeginError::Store(error) => error.into(),
        BeginError::Keys(error) => error.into(),
    })?;
    let expires_in = raised.claims.exp.saturating_sub(raised.claims.iat);
    let body = RaisedToken {
        access_token: (!cookies).then(|| raised.access_token.to_string()),
        token_type: "Bearer",
        expires_in,
        session_id: raised.session.id,
        acr: raised.session.acr,
        amr: raised.session.amr,
    };
    let response = Response::json(StatusCode::OK, &body);
    Ok(match cookies {
        true => response.with_header("set-cookie", &access_cookie(&raised.access_token, expires_in)),
        false => response,
    })
}

async fn by_password(app: &App, known: &Known<'_>, password: &Password) -> Result<Option<Passed>, Problem> {
    match app.hasher.verify(password, known.login.password.as_ref()).await {
        Verdict::Right(_) => Ok(Some(Passed { amr: vec![Factor::Pwd], writes: vec![known.unchanged()] })),
        Verdict::Wrong => Ok(None),
    }
}

/// The session that asks.
///
/// # Errors
/// 401 for whoever is no person.
pub(super) fn sign_in(request: &Request) -> Result<&SignIn, Problem> {
    let sign_in = request.principal()?.sign_in.as_ref();
    sign_in.ok_or_else(|| UNAUTHENTICATED.because("this is for people who signed in"))
}

/// Whether `principal` proved lately all that they can prove: two factors, where there is a second one.
///
/// # Errors
/// 401 that says what is needed.
pub(super) fn fresh(request: &Request, principal: &Principal, known: &Known<'_>) -> Result<(), Problem> {
    let acr = if known.login.has_second_factor() { Assurance::Aal2 } else { Assurance::Aal1 };
    let demand = Demand { acr, max_age_s: FRESH_S };
    match demand.is_met_by(principal, request.received_at) {
        true => Ok(()),
        false => Err(demanded(acr)),
    }
}

fn demanded(acr: Assurance) -> Problem {
    let acr = acr.as_str();
    STEP_UP_REQUIRED
        .because(format_args!(
            "this needs `{acr}`, proved in the last {FRESH_S} s; see `POST /v1/auth/step-up`"
        ))
        .challenging(format!(
            "error=\"insufficient_user_authentication\", acr_values=\"{acr}\", max_age=\"{FRESH_S}\""
        ))
}

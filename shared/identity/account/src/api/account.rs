//! One's own account.

use http::StatusCode;
use scorpius_core::{Condition, Write};
use scorpius_edge::problem::{INVALID_REQUEST, NOT_FOUND};
use scorpius_edge::{Problem, Request, Response};
use scorpius_token::tenant::{NAME_CHARS_MAX, is_name};

use super::documents::{Account, Rename};
use super::{App, sealed};
use crate::facts::UserChanged;
use crate::person::{Known, Names, Person, about, agent};

/// The person that asks. A session without credentials of this crate is nobody's account.
pub(super) async fn own(app: &App, request: &Request) -> Result<Person, Problem> {
    let principal = request.principal()?;
    Ok(Person::by_id(app, &principal.tenant, &principal.subject, agent(request)).await?)
}

/// All of them.
pub(super) fn whole(person: &Person) -> Result<Known<'_>, Problem> {
    person.known().ok_or_else(|| NOT_FOUND.because("there is no such account"))
}

/// `GET /v1/account`.
pub(super) async fn get(app: &App, request: &Request) -> Result<Response, Problem> {
    let person = own(app, request).await?;
    let known = whole(&person)?;
    let key = app.data_keys.of(&known.tenant.id).await.map_err(sealed)?;
    let Names { email, name } = Names::of(known.user, &key).map_err(sealed)?;
    let account = Account {
        user_id: known.user.id.clone(),
        tenant_id: known.tenant.id.to_string(),
        email,
        email_verified: known.login.email_verified_at.is_some(),
        name,
        roles: known.user.roles.clone(),
        totp: known.login.totp.is_some(),
        passkeys: known.login.passkeys,
        recovery_codes: known.login.recovery.len(),
        password_set_at: known.login.password_set_at.map(|at| at.to_string()),
        created_at: known.user.created_at.to_string(),
    };
    Ok(Response::json(StatusCode::OK, &account))
}

/// `PATCH /v1/account`.
pub(super) async fn rename(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: Rename = request.json()?;
    if !is_name(&asked.name) {
        let said = format!("a name is 1 to {NAME_CHARS_MAX} characters without control characters");
        return Err(INVALID_REQUEST.because(&said).at("/name", &said));
    }
    let person = own(app, request).await?;
    let known = whole(&person)?;
    let key = app.data_keys.of(&known.tenant.id).await.map_err(sealed)?;
    let mut user = known.user.clone();
    user.name = key.seal(&about(&user.id, "name"), asked.name.as_bytes(), app.clock());
    user.events += 1;
    let fact = UserChanged { user_id: user.id.clone(), roles: user.roles.clone(), status: user.status };
    let told = app.emit(&fact, (&user.id, user.events), &user.tenant, &request.actor()?);
    app.commit(&[Write::put(known.at(), &user, Condition::VersionIs(known.user_version)), told]).await?;
    Ok(Response::new(StatusCode::NO_CONTENT))
}

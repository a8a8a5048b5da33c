//! A tenant's users, for its administrators.

use http::StatusCode;
use scorpius_core::id::is_id;
use scorpius_core::{Actor, Condition, ListQuery, Record, StoreError, TenantId, UnixMillis, Write, hold};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::problem::{FORBIDDEN, INVALID_REQUEST, LEGAL_HOLD, NOT_FOUND, PRECONDITION_FAILED};
use scorpius_edge::{Problem, Request, Response};
use scorpius_identity::end_keys_of;
use scorpius_letter::DataKey;
use scorpius_token::{User, UserStatus};

use super::documents::{ChangeUser, Erased, ErasedUser, ShownUser, UserList};
use super::join::{may_give, users_count};
use super::{App, sealed};
use crate::facts::{UserChanged, UserErased};
use crate::login::{Login, Owner};
use crate::passkey::Passkey;
use crate::person::{Names, Person, agent, document, versioned};

/// How long the records table's point-in-time recovery reaches back.
const RECOVERY_S: u64 = 35 * 86_400;

pub(super) fn shown(user: User, key: &DataKey) -> Result<ShownUser, Problem> {
    let Names { email, name } = Names::of(&user, key).map_err(sealed)?;
    Ok(ShownUser {
        user_id: user.id,
        email,
        name,
        roles: user.roles,
        status: user.status,
        second_factor: user.second_factor,
        created_at: user.created_at.to_string(),
    })
}

/// From when on no backup has what is deleted `now`.
pub(super) fn erased(now: UnixMillis) -> Erased {
    Erased { erased_from_backups_at: now.plus_s(RECOVERY_S).to_string() }
}

pub(super) fn user_id(request: &Request) -> Result<&str, Problem> {
    let id = request.parameter("id")?;
    match is_id("usr", id) {
        true => Ok(id),
        false => Err(unknown()),
    }
}

fn unknown() -> Problem {
    NOT_FOUND.because("no such user")
}

/// `GET /v1/users`.
pub(super) async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let tenant = request.tenant()?;
    let mut query = ListQuery::all(format!("{tenant}#user"));
    (query.limit, query.cursor) = (request.limit()?, cursor::open("users", request)?);
    let page = app.store().list(&query).await?;
    let found: Vec<User> =
        page.records.iter().map(Record::document).collect::<Result<_, _>>().map_err(StoreError::from)?;
    let mut users = Vec::with_capacity(found.len());
    if !found.is_empty() {
        let key = app.data_keys.of(tenant).await.map_err(sealed)?;
        users = found.into_iter().map(|user| shown(user, &key)).collect::<Result<_, _>>()?;
    }
    let list = UserList { users, pagination: Pagination::after("users", &page) };
    Ok(Response::json(StatusCode::OK, &list))
}

/// `GET /v1/users/{id}`.
pub(super) async fn get(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, id) = (request.tenant()?, user_id(request)?);
    let (user, version): (User, u64) =
        versioned(app.store().get(&User::at(tenant, id)).await?)?.ok_or_else(unknown)?;
    let key = app.data_keys.of(tenant).await.map_err(sealed)?;
    Ok(Response::json(StatusCode::OK, &shown(user, &key)?).with_header("etag", &etag(version)))
}

fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// `PATCH /v1/users/{id}`.
pub(super) async fn change(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: ChangeUser = request.json()?;
    let (principal, id) = (request.principal()?, user_id(request)?);
    if asked.roles.is_none() && asked.status.is_none() {
        return Err(INVALID_REQUEST.because("name `roles` or `status`"));
    }
    if let Some(roles) = &asked.roles {
        may_give(principal, roles)?;
    }
    if principal.subject == id {
        return Err(FORBIDDEN.because("nobody changes their own roles or status; ask another administrator"));
    }
    let place = User::at(&principal.tenant, id);
    let (mut user, version): (User, u64) = versioned(app.store().get(&place).await?)?.ok_or_else(unknown)?;
    if request.headers.get("if-match").is_some_and(|wanted| *wanted != etag(version)) {
        return Err(PRECONDITION_FAILED.because("the user was changed meanwhile; read it again"));
    }
    let actor = request.actor()?;
    user.roles = asked.roles.unwrap_or(user.roles);
    user.status = asked.status.unwrap_or(user.status);
    user.events += 1;
    let fact = UserChanged { user_id: user.id.clone(), roles: user.roles.clone(), status: user.status };
    let told = app.emit(&fact, (&user.id, user.events), &user.tenant, &actor);
    let (user, mut writes) = match user.status {
        // ASVS 5.0, 7.4.2: with the account every session goes.
        UserStatus::Disabled => app.sessions.ending_all(user, version, &actor),
        UserStatus::Active => {
            let put = Write::put(place, &user, Condition::VersionIs(version));
            (user, vec![put])
        }
    };
    writes.push(told);
    let key = app.data_keys.of(&principal.tenant).await.map_err(sealed)?;
    let shown = shown(user, &key)?;
    app.commit(&writes).await?;
    Ok(Response::json(StatusCode::OK, &shown))
}

/// `DELETE /v1/users/{id}`: all that is stored about a person.
pub(super) async fn erase(app: &App, request: &Request) -> Result<Response, Problem> {
    let (principal, id) = (request.principal()?, user_id(request)?);
    if principal.subject == id {
        return Err(FORBIDDEN.because("nobody erases themselves; ask another administrator"));
    }
    let (tenant, actor) = (&principal.tenant, request.actor()?);
    // Whoever is disabled is shown no more secrets, and keeps none of those that they were shown.
    let person = Person::by_id(app, tenant, id, agent(request)).await?;
    let (user, version) = person.user.ok_or_else(unknown)?;
    if user.status == UserStatus::Active {
        commit_unless_held(app, tenant, id, disabling(app, user, version, &actor)).await?;
    }
    let revoked_keys = end_keys_of(app.store(), app.clock(), (tenant, id), &actor).await?;
    let person = Person::by_id(app, tenant, id, agent(request)).await?;
    let (user, version) = person.user.as_ref().ok_or_else(unknown)?;
    let fact = UserErased { user_id: id.to_owned() };
    let mut writes = vec![
        Write::Delete { key: User::at(tenant, id), condition: Condition::VersionIs(*version) },
        users_count(tenant, -1),
        app.emit(&fact, (id, user.events + 1), tenant, &actor),
    ];
    writes.extend(erasing(app, tenant, id, person.login.as_ref()).await?);
    commit_unless_held(app, tenant, id, writes).await?;
    let Erased { erased_from_backups_at } = erased(app.clock().now());
    Ok(Response::json(StatusCode::OK, &ErasedUser { erased_from_backups_at, revoked_keys }))
}

/// The writes that disable `user` and end every session of theirs.
fn disabling(app: &App, mut user: User, version: u64, actor: &Actor) -> Vec<Write> {
    user.status = UserStatus::Disabled;
    user.events += 1;
    let fact = UserChanged { user_id: user.id.clone(), roles: user.roles.clone(), status: user.status };
    let told = app.emit(&fact, (&user.id, user.events), &user.tenant, actor);
    let (_, mut writes) = app.sessions.ending_all(user, version, actor);
    writes.push(told);
    writes
}

/// Commits `writes` unless there is a legal hold on the user `id` at that moment.
async fn commit_unless_held(
    app: &App,
    tenant: &TenantId,
    id: &str,
    writes: Vec<Write>,
) -> Result<(), Problem> {
    let unheld = vec![hold::none_on(tenant, id), hold::none_on_all(tenant)];
    match app.commit(&[unheld, writes].concat()).await {
        Err(StoreError::Conflict { index: 0 }) => {
            Err(LEGAL_HOLD.because("a legal hold keeps this person from being erased"))
        }
        Err(StoreError::Conflict { index: 1 }) => {
            Err(LEGAL_HOLD.because("a legal hold on the tenant keeps its persons from being erased"))
        }
        done => Ok(done?),
    }
}

/// The writes that remove what hangs on a user: the address, the credentials, the passkeys. What is left expires by
/// itself: sessions within a day, devices within half a year, both under ids that mean nothing any more.
async fn erasing(
    app: &App,
    tenant: &TenantId,
    id: &str,
    login: Option<&(Login, u64)>,
) -> Result<Vec<Write>, StoreError> {
    let gone = |key| Write::Delete { key, condition: Condition::Always };
    let mut writes = Vec::new();
    if let Some((login, _)) = login {
        writes.push(gone(Owner::at(&login.email_hash)));
        writes.push(gone(Login::at(tenant, id)));
    }
    for passkey in Passkey::all(app.store(), tenant, id).await? {
        writes.push(gone(Passkey::at(tenant, id, &passkey.id)));
    }
    Ok(writes)
}

/// Removes a page of users of a tenant whose keys are destroyed; whether there may be more.
pub(super) async fn purge(app: &App, tenant: &TenantId) -> Result<bool, StoreError> {
    let page = app.store().list(&ListQuery::all(format!("{tenant}#user"))).await?;
    for record in &page.records {
        let login: Option<Login> = document(app.store().get(&Login::at(tenant, &record.key.sort)).await?)?;
        let login = login.map(|login| (login, 0));
        let mut writes = vec![Write::Delete { key: record.key.clone(), condition: Condition::Always }];
        writes.extend(erasing(app, tenant, &record.key.sort, login.as_ref()).await?);
        app.commit(&writes).await?;
    }
    Ok(page.cursor.is_some())
}

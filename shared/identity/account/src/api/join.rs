//! From an invitation to an account whose address is known.

use http::StatusCode;
use scorpius_core::id::is_id;
use scorpius_core::{
    Actor, Condition, Key, ListQuery, Record, StoreError, TenantId, UnixMillis, Write, new_id,
};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::idempotency::Once;
use scorpius_edge::problem::{FORBIDDEN, INVALID_REQUEST, NOT_FOUND};
use scorpius_edge::{Principal, Problem, Request, Response, Role};
use scorpius_letter::{DataKey, posting};
use scorpius_token::tenant::{NAME_CHARS_MAX, is_name};
use scorpius_token::{OpaqueToken, Purpose, Tenant, TenantStatus, User, UserStatus};
use serde::{Deserialize, Serialize};

use super::documents::{InvitationList, Invite, Invited, Register, Registered, VerifyEmail};
use super::{ADDRESS_TAKEN, App, TOKEN_OVER, TOO_MANY_USERS, parse_email, sealed};
use crate::device;
use crate::email::Email;
use crate::facts::{EmailVerified, InvitationRevoked, UserInvited, UserJoined};
use crate::invitation::{CHECK_S, INVITATION_S, Invitation, opened, partition, place, thing, waiting};
use crate::login::{Login, Owner};
use crate::person::{Known, Names, Person, about, agent, document};

/// Users of a tenant.
const USERS_MAX: i64 = 1_000;

/// Where a tenant's users are counted.
pub(super) fn users_count(tenant: &TenantId, delta: i64) -> Write {
    Write::Add {
        key: Key::new(format!("{tenant}#counts"), "users"),
        deltas: vec![("live".to_owned(), delta)],
        only_if: (delta > 0).then(|| ("live".to_owned(), USERS_MAX)),
        expires_at: None,
    }
}

/// An invitation that is being made.
pub(super) struct Inviting {
    pub(super) writes: Vec<Write>,
    pub(super) shown: Invited,
}

/// Invites `email` to `tenant`. Whether the address has an account anywhere is not looked at.
pub(super) fn inviting(
    app: &App,
    tenant: &Tenant,
    key: &DataKey,
    email: &Email,
    (roles, by_letter): (Vec<Role>, bool),
    actor: &Actor,
) -> Inviting {
    let (user, id) = (new_id("usr", app.clock()), thing(Purpose::Invitation, app.clock()));
    let invitation = Invitation {
        id: id.clone(),
        email: key.seal(&about(&user, "email"), email.as_str().as_bytes(), app.clock()),
        user: user.clone(),
        roles: roles.clone(),
        by_letter,
        by: actor.name.clone(),
        at: app.clock().now(),
    };
    let ids = (&tenant.id, user.as_str(), id.as_str());
    let waits = waiting(Purpose::Invitation, ids, &invitation, INVITATION_S, app.clock());
    let fact = UserInvited { invitation_id: id.clone(), user_id: user, roles, by_letter };
    let mut writes = vec![waits.write, app.emit(&fact, (&id, 1), &tenant.id, actor)];
    if by_letter {
        let draft = app.post(email.as_str()).invitation(&tenant.name, waits.token.reveal());
        writes.extend(posting(draft, &tenant.id, key, actor, app.clock()));
    }
    let mut shown = shown(invitation, email.as_str().to_owned());
    shown.invitation_token = (!by_letter).then(|| waits.token.reveal().to_owned());
    Inviting { writes, shown }
}

fn shown(invitation: Invitation, email: String) -> Invited {
    Invited {
        invitation_id: invitation.id,
        user_id: invitation.user,
        email,
        roles: invitation.roles,
        by_letter: invitation.by_letter,
        created_at: invitation.at.to_string(),
        created_by: invitation.by,
        invitation_token: None,
    }
}

/// Whether `principal` may make somebody `roles`.
///
/// # Errors
/// 400 for a list that makes no sense, 403 for more than the giver has.
pub(super) fn may_give(principal: &Principal, roles: &[Role]) -> Result<(), Problem> {
    let twice = roles.iter().enumerate().any(|(at, role)| roles[..at].contains(role));
    if roles.is_empty() || twice {
        let said = "a user has at least one role, and none twice";
        return Err(INVALID_REQUEST.because(said).at("/roles", said));
    }
    if roles.contains(&Role::Operator) {
        return Err(FORBIDDEN.because("no door gives the role `operator`"));
    }
    // A person is cut down by nothing, so whoever is cut down would give away more than they have.
    let holds = |role: &Role| principal.roles.contains(&Role::Admin) || principal.roles.contains(role);
    match principal.scopes.is_none() && roles.iter().all(holds) {
        true => Ok(()),
        false => {
            Err(FORBIDDEN.because("a credential that is cut down, or has less, cannot give these roles"))
        }
    }
}

/// `POST /v1/users/invitations`.
pub(super) async fn invite(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: Invite = request.json()?;
    let email = parse_email(&asked.email, "/email")?;
    let principal = request.principal()?;
    may_give(principal, &asked.roles)?;
    let once = Once::of(request)?;
    if let Some(answer) = once.answered_sealed(app.store(), app.keys()).await? {
        return Ok(answer);
    }
    let tenant = tenant_of(app, &principal.tenant).await?;
    let key = app.data_keys.of(&tenant.id).await.map_err(sealed)?;
    let how = (asked.roles, asked.by_letter);
    let inviting = inviting(app, &tenant, &key, &email, how, &request.actor()?);
    let response = Response::json(StatusCode::CREATED, &inviting.shown);
    once.commit_sealed(app.store(), app.clock(), app.keys(), inviting.writes, response, |_| None).await
}

pub(super) async fn tenant_of(app: &App, id: &TenantId) -> Result<Tenant, Problem> {
    let tenant: Option<Tenant> = document(app.store().get(&Tenant::at(id)).await?)?;
    tenant.ok_or_else(|| NOT_FOUND.because("there is no such tenant"))
}

/// `GET /v1/users/invitations`.
pub(super) async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let tenant = request.tenant()?;
    let mut query = ListQuery::all(partition(tenant, Purpose::Invitation));
    (query.limit, query.cursor) = (request.limit()?, cursor::open("invitations", request)?);
    let page = app.store().list(&query).await?;
    let found: Vec<Invitation> =
        page.records.iter().map(Record::document).collect::<Result<_, _>>().map_err(StoreError::from)?;
    let mut invitations = Vec::with_capacity(found.len());
    if !found.is_empty() {
        let key = app.data_keys.of(tenant).await.map_err(sealed)?;
        for invitation in found {
            let email =
                key.open_text(&about(&invitation.user, "email"), &invitation.email).map_err(sealed)?;
            invitations.push(shown(invitation, email));
        }
    }
    let list = InvitationList { invitations, pagination: Pagination::after("invitations", &page) };
    Ok(Response::json(StatusCode::OK, &list))
}

/// `DELETE /v1/users/invitations/{id}`.
pub(super) async fn revoke(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, id) = (request.tenant()?, request.parameter("id")?);
    let unknown = || NOT_FOUND.because("no such invitation");
    if !is_id("inv", id) {
        return Err(unknown());
    }
    let key = Key::new(partition(tenant, Purpose::Invitation), id);
    let record = app.store().get(&key).await?.ok_or_else(unknown)?;
    let fact = InvitationRevoked { invitation_id: id.to_owned() };
    let told = app.emit(&fact, (id, 2), tenant, &request.actor()?);
    app.commit(&[Write::Delete { key, condition: Condition::VersionIs(record.version) }, told]).await?;
    Ok(Response::new(StatusCode::NO_CONTENT))
}

fn over() -> Problem {
    TOKEN_OVER.because("the token was used, is too old, or was never given out")
}

/// Where `register` looks for an address that is taken, and counts, among the commit's writes.
const OWNER_AT: usize = 1;
const COUNT_AT: usize = 2;

/// `POST /v1/auth/register`.
pub(super) async fn register(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: Register = request.json()?;
    if !is_name(&asked.name) {
        let said = format!("a name is 1 to {NAME_CHARS_MAX} characters without control characters");
        return Err(INVALID_REQUEST.because(&said).at("/name", &said));
    }
    let token = OpaqueToken::parse(Purpose::Invitation, &asked.invitation_token).ok_or_else(over)?;
    let places = [place(Purpose::Invitation, &token), Tenant::at(&token.tenant)];
    let mut records = app.store().get_many(&places).await?.into_iter();
    let (record, tenant) = (records.next().flatten(), records.next().flatten());
    let (invitation, used): (Invitation, Write) = opened(&token, record.as_ref())?.ok_or_else(over)?;
    let tenant: Tenant = document(tenant)?.ok_or_else(over)?;
    if tenant.status != TenantStatus::Active || invitation.user != token.user {
        return Err(over());
    }
    let key = app.data_keys.of(&tenant.id).await.map_err(sealed)?;
    let email = key.open_text(&about(&invitation.user, "email"), &invitation.email).map_err(sealed)?;
    let password_check = app.fit(&asked.password, (&tenant, [&email, &asked.name]), false).await?;
    let address = parse_email(&email, "/invitation_token")?;
    let email_hash = app.pepper.email(&address).await?;

    let (now, id) = (app.clock().now(), invitation.user.clone());
    let login = Login {
        email_hash: email_hash.clone(),
        email_verified_at: invitation.by_letter.then_some(now),
        password: Some(app.hasher.hash(&asked.password).await),
        password_set_at: Some(now),
        ..Login::default()
    };
    let user = User {
        id: id.clone(),
        tenant: tenant.id.clone(),
        email: invitation.email.clone(),
        name: key.seal(&about(&id, "name"), asked.name.as_bytes(), app.clock()),
        roles: invitation.roles.clone(),
        status: UserStatus::Active,
        second_factor: false,
        sessions_from: UnixMillis(0),
        created_at: now,
        created_by: invitation.by.clone(),
        events: 1,
    };
    let actor = request.visitor(&id, Some(tenant.network_tag(&request.network)));
    let fact = UserJoined {
        user_id: id.clone(),
        invitation_id: invitation.id,
        roles: invitation.roles,
        email_verified: invitation.by_letter,
        password_check,
    };
    let owner = Owner { tenant: tenant.id.clone(), user: id.clone() };
    let mut writes = vec![
        used,
        Write::put(Owner::at(&email_hash), &owner, Condition::Absent),
        users_count(&tenant.id, 1),
        Write::put(User::at(&tenant.id, &id), &user, Condition::Absent),
        login.put(&tenant.id, &id, Condition::Absent),
        device::seen(&tenant.id, &id, agent(request), now),
        app.emit(&fact, (&id, 1), &tenant.id, &actor),
    ];
    if !invitation.by_letter {
        writes.extend(checking(app, (&user, &key), &email, None, &actor));
    }
    match app.commit(&writes).await {
        Ok(()) => {}
        Err(StoreError::Conflict { index: OWNER_AT }) => {
            return Err(ADDRESS_TAKEN.because("whoever holds this address has an account already"));
        }
        Err(StoreError::Conflict { index: COUNT_AT }) => {
            return Err(TOO_MANY_USERS.because(format_args!("a tenant has at most {USERS_MAX} users")));
        }
        Err(StoreError::Conflict { .. }) => return Err(over()),
        Err(error) => return Err(error.into()),
    }
    let registered = Registered {
        user_id: id,
        tenant_id: tenant.id.to_string(),
        email_verified: login.email_verified_at.is_some(),
    };
    Ok(Response::json(StatusCode::CREATED, &registered))
}

/// What waits for an address to be confirmed.
#[derive(Serialize, Deserialize)]
struct Check {
    /// When it was asked for. Once the password was changed it does not count any more: whoever asked may not have
    /// been the person.
    at: UnixMillis,
    /// The address that takes the place of the present one, sealed; `None`: the present one itself.
    email: Option<String>,
    /// What the address is found by.
    email_hash: Option<String>,
}

/// The writes that have `to` confirmed by letter; `changed` is the address's hash when it is a new one.
pub(super) fn checking(
    app: &App,
    (user, key): (&User, &DataKey),
    to: &str,
    changed: Option<String>,
    actor: &Actor,
) -> Vec<Write> {
    let id = thing(Purpose::Email, app.clock());
    let email = changed.as_ref().map(|_| key.seal(&about(&user.id, "email"), to.as_bytes(), app.clock()));
    let check = Check { at: app.clock().now(), email, email_hash: changed };
    let waits = waiting(Purpose::Email, (&user.tenant, &user.id, &id), &check, CHECK_S, app.clock());
    let draft = app.post(to).email_check(waits.token.reveal());
    let mut writes = vec![waits.write];
    writes.extend(posting(draft, &user.tenant, key, actor, app.clock()));
    writes
}

/// `POST /v1/auth/verify-email`.
pub(super) async fn verify_email(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: VerifyEmail = request.json()?;
    let token = OpaqueToken::parse(Purpose::Email, &asked.token).ok_or_else(over)?;
    let record = app.store().get(&place(Purpose::Email, &token)).await?;
    let (check, used): (Check, Write) = opened(&token, record.as_ref())?.ok_or_else(over)?;
    let person = Person::by_id(app, &token.tenant, &token.user, agent(request)).await?;
    let counts =
        |known: &Known<'_>| known.tenant.status == TenantStatus::Active && known.login.is_as_of(check.at);
    let known = person.known().filter(counts).ok_or_else(over)?;
    let actor = request.visitor(&token.user, Some(known.tenant.network_tag(&request.network)));
    let (mut login, mut user) = (known.login.clone(), known.user.clone());
    login.email_verified_at = Some(app.clock().now());
    user.events += 1;
    let changed = check.email.is_some();
    let mut writes = vec![used];
    if let (Some(email), Some(email_hash)) = (check.email, check.email_hash) {
        let key = app.data_keys.of(&token.tenant).await.map_err(sealed)?;
        let old = Names::of(known.user, &key).map_err(sealed)?;
        let owner = Owner { tenant: token.tenant.clone(), user: token.user.clone() };
        writes.push(Write::put(Owner::at(&email_hash), &owner, Condition::Absent));
        writes.push(Write::Delete { key: Owner::at(&login.email_hash), condition: Condition::Always });
        writes.extend(posting(
            app.post(&old.email).email_changed(),
            &token.tenant,
            &key,
            &actor,
            app.clock(),
        ));
        (login.email_hash, user.email) = (email_hash, email);
    }
    writes.push(known.put(&login));
    writes.push(Write::put(known.at(), &user, Condition::VersionIs(known.user_version)));
    let fact = EmailVerified { user_id: user.id.clone(), changed };
    writes.push(app.emit(&fact, (&user.id, user.events), &user.tenant, &actor));
    match app.commit(&writes).await {
        Ok(()) => Ok(Response::new(StatusCode::NO_CONTENT)),
        Err(StoreError::Conflict { index: OWNER_AT }) if changed => {
            Err(ADDRESS_TAKEN.because("whoever holds this address has an account already"))
        }
        Err(error) => Err(error.into()),
    }
}

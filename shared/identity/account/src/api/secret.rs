//! Passwords and addresses are changed.

use http::StatusCode;
use scorpius_core::{Attributes, Condition, Key, StoreError, UnixMillis, Write};
use scorpius_edge::problem::CONFLICT;
use scorpius_edge::{Factor, Problem, Request, Response};
use scorpius_letter::posting;
use scorpius_token::api::without_cookies;
use scorpius_token::{Method, OpaqueToken, Purpose, TenantStatus, UserStatus};

use super::documents::{Accepted, ChangeEmail, ChangePassword, RequestReset, Reset};
use super::join::checking;
use super::sign_in::{permit, refusal, refused, throttle};
use super::step_up::fresh;
use super::{App, TOKEN_OVER, parse_email, sealed};
use crate::facts::{PasswordChanged, PasswordResetRequested};
use crate::guess::{self, Try};
use crate::invitation::{LETTERS_MAX, RESET_S, opened, place, thing, waiting};
use crate::password::{Password, Verdict};
use crate::person::{Known, Names, Person, agent, versioned};

/// What a letter with which a password is set anew is about. Once the password was changed, letters of before do
/// not count any more.
#[derive(serde::Serialize, serde::Deserialize)]
struct Wanted {
    at: UnixMillis,
}

/// Letters that an address was sent on anybody's wish.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Letters {
    sent: u32,
}

/// `POST /v1/auth/password/reset`. Whoever asks learns nothing: an address that is nobody's costs the same reads and
/// one commit as well.
pub(super) async fn request_reset(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: RequestReset = request.json()?;
    let email = parse_email(&asked.email, "/email")?;
    throttle(app, request).await?;
    let person = Person::by_email(app, &email, agent(request)).await?;
    let at = Key::new(format!("email#{}", person.email_hash), "letters");
    let kept: Option<(Letters, u64)> = versioned(app.store().get(&at).await?)?;
    let (letters, condition) = kept.map_or((Letters::default(), Condition::Absent), |(letters, version)| {
        (letters, Condition::VersionIs(version))
    });
    let accepted = Accepted { message: "if the address is somebody's, a letter is on its way" };
    let answer = Response::json(StatusCode::ACCEPTED, &accepted);
    if letters.sent >= LETTERS_MAX {
        return Ok(answer);
    }
    let mut writes = vec![Write::Put {
        key: at,
        attributes: Attributes::document(&Letters { sent: letters.sent + 1 }),
        expires_at: Some(app.clock().now().plus_s(3_600)),
        condition,
    }];
    let may = |known: &Known<'_>| {
        known.tenant.status == TenantStatus::Active
            && known.user.status == UserStatus::Active
            && known.login.email_verified_at.is_some()
    };
    if let Some(known) = person.known().filter(may) {
        let (tenant, user) = (&known.tenant.id, known.user.id.as_str());
        let id = thing(Purpose::Reset, app.clock());
        let wanted = Wanted { at: app.clock().now() };
        let waits = waiting(Purpose::Reset, (tenant, user, &id), &wanted, RESET_S, app.clock());
        let actor = request.visitor("anonymous", Some(known.tenant.network_tag(&request.network)));
        let fact = PasswordResetRequested { request_id: id.clone(), user_id: user.to_owned() };
        let key = app.data_keys.of(tenant).await.map_err(sealed)?;
        let draft = app.post(email.as_str()).password_reset(waits.token.reveal());
        writes.push(waits.write);
        writes.push(app.emit(&fact, (&id, 1), tenant, &actor));
        writes.extend(posting(draft, tenant, &key, &actor, app.clock()));
    }
    match app.commit(&writes).await {
        // Somebody else asked for the same at this moment.
        Ok(()) | Err(StoreError::Conflict { .. }) => Ok(answer),
        Err(error) => Err(error.into()),
    }
}

/// `POST /v1/auth/password/reset/confirm`. It signs nobody in, and takes no second factor away.
pub(super) async fn reset(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: Reset = request.json()?;
    let over = || TOKEN_OVER.because("the token was used, is too old, or was never given out");
    let token = OpaqueToken::parse(Purpose::Reset, &asked.token).ok_or_else(over)?;
    let record = app.store().get(&place(Purpose::Reset, &token)).await?;
    let (wanted, used): (Wanted, Write) = opened(&token, record.as_ref())?.ok_or_else(over)?;
    let person = Person::by_id(app, &token.tenant, &token.user, agent(request)).await?;
    let known = person.known().filter(|known| {
        known.tenant.status == TenantStatus::Active && known.user.status == UserStatus::Active
    });
    let known = known.filter(|known| known.login.is_as_of(wanted.at)).ok_or_else(over)?;
    let actor = request.visitor(&token.user, Some(known.tenant.network_tag(&request.network)));
    let writes = setting(app, &known, &asked.password, true, &actor).await?;
    match app.commit(&[writes, vec![used]].concat()).await {
        Ok(()) => Ok(Response::new(StatusCode::NO_CONTENT)),
        Err(error) => Err(error.into()),
    }
}

/// `POST /v1/account/password`.
pub(super) async fn change(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: ChangePassword = request.json()?;
    let principal = request.principal()?;
    let network = throttle(app, request).await?;
    let person = Person::by_id(app, &principal.tenant, &principal.subject, agent(request)).await?;
    let Some(known) = person.known() else { return Err(refusal()) };
    let tried = guess::count(app.store(), app.clock(), &person.email_hash).await?;
    let stored = match tried {
        Try::Counted(_) => known.login.password.as_ref(),
        Try::Locked(_) => None,
    };
    let verdict = app.hasher.verify(&asked.current_password, stored).await;
    let permit = permit(app, &person, Method::StepUp, &tried);
    let (Verdict::Right(_), Ok(_), Try::Counted(counted)) = (verdict, permit, tried) else {
        return Err(refused(app, request, &person, Factor::Pwd, &tried, &network).await?);
    };
    // Whoever has two factors shows both before one of them is replaced.
    let set = match fresh(request, principal, &known) {
        Ok(()) => setting(app, &known, &asked.password, false, &request.actor()?).await,
        Err(problem) => Err(problem),
    };
    match set {
        Ok(writes) => {
            app.commit(&writes).await?;
            Ok(without_cookies(Response::new(StatusCode::NO_CONTENT)))
        }
        Err(problem) => {
            // The guess was right; it is the new password, or the session, that is not.
            guess::take_back(app.store(), app.clock(), &person.email_hash, counted).await?;
            Err(problem)
        }
    }
}

/// The writes that make `password` the password, end every session, and tell the person by letter.
async fn setting(
    app: &App,
    known: &Known<'_>,
    password: &Password,
    by_letter: bool,
    actor: &scorpius_core::Actor,
) -> Result<Vec<Write>, Problem> {
    let tenant = &known.tenant.id;
    let key = app.data_keys.of(tenant).await.map_err(sealed)?;
    let names = Names::of(known.user, &key).map_err(sealed)?;
    let beside = known.login.has_second_factor();
    let password_check = app.fit(password, (known.tenant, names.all()), beside).await?;
    let mut login = known.login.clone();
    login.password = Some(app.hasher.hash(password).await);
    login.password_is_short = password.is_short();
    login.password_set_at = Some(app.clock().now());
    let mut user = known.user.clone();
    user.events += 1;
    let fact = PasswordChanged { user_id: user.id.clone(), by_letter, password_check };
    let told = app.emit(&fact, (&user.id, user.events), tenant, actor);
    let (_, mut writes) = app.sessions.ending_all(user, known.user_version, actor);
    writes.push(known.put(&login));
    writes.push(told);
    writes.push(guess::forgotten(&login.email_hash));
    writes.extend(posting(
        app.post(&names.email).password_changed(by_letter),
        tenant,
        &key,
        actor,
        app.clock(),
    ));
    Ok(writes)
}

/// `POST /v1/account/email`. The address is one's own once its letter has come.
pub(super) async fn change_email(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: ChangeEmail = request.json()?;
    let email = parse_email(&asked.email, "/email")?;
    let principal = request.principal()?;
    let person = Person::by_id(app, &principal.tenant, &principal.subject, agent(request)).await?;
    let Some(known) = person.known() else { return Err(refusal()) };
    fresh(request, principal, &known)?;
    let hash = app.pepper.email(&email).await?;
    let changed = (hash != known.login.email_hash).then_some(hash);
    if changed.is_none() && known.login.email_verified_at.is_some() {
        return Err(CONFLICT.because("this is the address already"));
    }
    let key = app.data_keys.of(&principal.tenant).await.map_err(sealed)?;
    let writes = checking(app, (known.user, &key), email.as_str(), changed, &request.actor()?);
    app.commit(&writes).await?;
    let accepted = Accepted { message: "a letter with a token is on its way to the address" };
    Ok(Response::json(StatusCode::ACCEPTED, &accepted))
}

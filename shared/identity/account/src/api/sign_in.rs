//! The doors by which a session begins.

use http::StatusCode;
use scorpius_core::{Attributes, Condition, Key, Write, new_id};
use scorpius_edge::problem::TOO_MANY_REQUESTS;
use scorpius_edge::{Factor, Problem, Request, Response};
use scorpius_letter::posting;
use scorpius_token::api::{granted, proof};
use scorpius_token::sessions::{BeginError, Beginning};
use scorpius_token::{Method, OpaqueToken, Permit, Purpose, Refused, Who, may_issue};

use super::documents::{LogIn, OfferedFactor, SecondFactorNeeded, ShowFactor, SignInWithPasskey};
use super::factor::{self, Shown};
use super::{App, SIGN_IN_REFUSED, TOKEN_OVER, parse_email, sealed};
use crate::challenge;
use crate::device;
use crate::facts::{SecondFactorAsked, SignInFailed, level_of};
use crate::guess::{self, Guesses, OF_NETWORK_MAX, Try, WINDOW_S};
use crate::invitation::{opened, place, thing, waiting};
use crate::passkey::{Passkey, RequestOptions, owner_of};
use crate::password::Verdict;
use crate::pending::{LIFE_S, Pending};
use crate::person::{Known, Names, Person, agent};

/// How the tokens of a session are to be handed out.
pub(super) struct How<'a> {
    pub(super) amr: &'a [Factor],
    pub(super) cookies: bool,
    pub(super) dpop_jkt: Option<String>,
}

/// `POST /v1/auth/login`.
pub(super) async fn log_in(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: LogIn = request.json()?;
    let email = parse_email(&asked.email, "/email")?;
    let dpop_jkt = proof(&app.sessions, request).await?;
    let network = throttle(app, request).await?;
    let person = Person::by_email(app, &email, agent(request)).await?;
    let tried = guess::count(app.store(), app.clock(), &person.email_hash).await?;
    let stored = match tried {
        Try::Counted(_) => person.login.as_ref().and_then(|(login, _)| login.password.as_ref()),
        Try::Locked(_) => None,
    };
    let verdict = app.hasher.verify(&asked.password, stored).await;
    let permit = permit(app, &person, Method::SignIn, &tried);
    let (Some(known), Verdict::Right(again), Ok(permit), Try::Counted(counted)) =
        (person.known(), verdict, permit, tried)
    else {
        return Err(refused(app, request, &person, Factor::Pwd, &tried, &network).await?);
    };
    let login = match again {
        Some(again) => {
            let mut login = known.login.clone();
            login.password = Some(again);
            known.put(&login)
        }
        None => known.unchanged(),
    };
    if known.login.has_second_factor() {
        guess::take_back(app.store(), app.clock(), &person.email_hash, counted).await?;
        return ask_for_more(
            app,
            request,
            &known,
            Pending { at: app.clock().now(), cookies: asked.cookies, dpop_jkt },
            login,
        )
        .await;
    }
    let how = How { amr: &[Factor::Pwd], cookies: asked.cookies, dpop_jkt };
    begin(app, request, &person, permit, how, vec![login]).await
}

/// The answer that asks for the second factor.
async fn ask_for_more(
    app: &App,
    request: &Request,
    known: &Known<'_>,
    pending: Pending,
    login: Write,
) -> Result<Response, Problem> {
    let (tenant, user) = (&known.tenant.id, known.user.id.as_str());
    let id = thing(Purpose::SignIn, app.clock());
    let waits = waiting(Purpose::SignIn, (tenant, user, &id), &pending, LIFE_S, app.clock());
    let actor = request.visitor(user, Some(known.tenant.network_tag(&request.network)));
    let fact = SecondFactorAsked { sign_in_id: id.clone(), user_id: user.to_owned() };
    let told = app.emit(&fact, (&id, 1), tenant, &actor);
    app.commit(&[waits.write, login, told]).await?;

    let mut factors = Vec::new();
    if known.login.totp.is_some() {
        factors.push(OfferedFactor::Code);
    }
    if !known.login.recovery.is_empty() {
        factors.push(OfferedFactor::RecoveryCode);
    }
    let passkey = match known.login.passkeys {
        0 => None,
        _ => {
            factors.push(OfferedFactor::Passkey);
            let challenge = challenge::issue(&app.pepper, &about(&id), app.clock()).await?;
            let passkeys = Passkey::all(app.store(), tenant, user).await?;
            Some(RequestOptions::new(&app.party, challenge, passkeys))
        }
    };
    let needed = SecondFactorNeeded {
        sign_in_token: waits.token.reveal().to_owned(),
        factors,
        passkey,
        expires_at: app.clock().now().plus_s(LIFE_S).to_string(),
    };
    Ok(Response::json(StatusCode::ACCEPTED, &needed))
}

/// What the challenge of a sign-in's second factor is for.
fn about(sign_in: &str) -> String {
    format!("second#{sign_in}")
}

/// `POST /v1/auth/login/factor`.
pub(super) async fn show_factor(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: ShowFactor = request.json()?;
    let shown = Shown::one_of(asked.code, asked.recovery_code, asked.credential)?;
    let over =
        || TOKEN_OVER.because("the sign-in took too long, or was ended; begin again with the password");
    let token = OpaqueToken::parse(Purpose::SignIn, &asked.sign_in_token).ok_or_else(over)?;
    let network = throttle(app, request).await?;
    let record = app.store().get(&place(Purpose::SignIn, &token)).await?;
    let (pending, spent): (Pending, Write) = opened(&token, record.as_ref())?.ok_or_else(over)?;
    let person = Person::by_id(app, &token.tenant, &token.user, agent(request)).await?;
    // A password that was changed meanwhile was not the one that was shown.
    if !person.login.as_ref().is_some_and(|(login, _)| login.is_as_of(pending.at)) {
        return Err(over());
    }
    let tried = guess::count(app.store(), app.clock(), &person.email_hash).await?;
    let permit = permit(app, &person, Method::SignIn, &tried);
    let (Some(known), Ok(permit), Try::Counted(_)) = (person.known(), permit, tried) else {
        return Err(refused(app, request, &person, shown.factor(), &tried, &network).await?);
    };
    let actor = request.visitor(&token.user, Some(known.tenant.network_tag(&request.network)));
    let Some(mut passed) = factor::pass(app, &known, &shown, &about(&token.thing), &actor).await? else {
        return Err(refused(app, request, &person, shown.factor(), &tried, &network).await?);
    };
    passed.writes.push(spent);
    passed.amr.push(Factor::Pwd);
    passed.amr.sort_unstable();
    let how = How { amr: &passed.amr, cookies: pending.cookies, dpop_jkt: pending.dpop_jkt };
    begin(app, request, &person, permit, how, passed.writes).await
}

/// `POST /v1/auth/passkeys/options`. It says the same to everybody.
pub(super) async fn offer(app: &App) -> Result<Response, Problem> {
    let challenge = challenge::issue(&app.pepper, "sign-in", app.clock()).await?;
    Ok(Response::json(StatusCode::OK, &RequestOptions::new(&app.party, challenge, Vec::new())))
}

/// `POST /v1/auth/passkeys/sign-in`. A signature is no guess; a locked address waits all the same.
pub(super) async fn by_passkey(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: SignInWithPasskey = request.json()?;
    let dpop_jkt = proof(&app.sessions, request).await?;
    let network = throttle(app, request).await?;
    let owner = asked.credential.response.user_handle.as_deref().and_then(owner_of);
    let Some((tenant, user)) = owner else {
        return Err(refusal());
    };
    let person = Person::by_id(app, &tenant, &user, agent(request)).await?;
    let (guesses, _) = match person.email_hash.as_str() {
        "" => (Guesses::default(), Condition::Absent),
        hash => Guesses::of(app.store().get(&Guesses::at(hash)).await?.as_ref())?,
    };
    let now = app.clock().now();
    let who =
        Who::User { user: person.user.as_ref().map(|(user, _)| user), locked_until: guesses.locked(now) };
    let permit = may_issue(person.tenant.as_ref(), who, Method::SignIn, now);
    let tried = Try::Locked(guesses.locked_until);
    let (Some(known), Ok(permit)) = (person.known(), permit) else {
        return Err(refused(app, request, &person, Factor::Pop, &tried, &network).await?);
    };
    let shown = Shown::Passkey(Box::new(asked.credential));
    let actor = request.visitor(&user, Some(known.tenant.network_tag(&request.network)));
    match factor::pass(app, &known, &shown, "sign-in", &actor).await? {
        Some(passed) => {
            let how = How { amr: &passed.amr, cookies: asked.cookies, dpop_jkt };
            begin(app, request, &person, permit, how, passed.writes).await
        }
        None => Err(refused(app, request, &person, Factor::Pop, &tried, &network).await?),
    }
}

/// Begins the session, in one commit with `writes`, which hold what it was decided on.
async fn begin(
    app: &App,
    request: &Request,
    person: &Person,
    permit: Permit,
    how: How<'_>,
    mut writes: Vec<Write>,
) -> Result<Response, Problem> {
    let Some(known) = person.known() else { return Err(refusal()) };
    let (tenant, user) = (&known.tenant.id, known.user);
    let acr = level_of(how.amr);
    let tag = known.tenant.network_tag(&request.network);
    let actor = request.visitor(&user.id, None).proved(acr.as_str(), Some(tag));
    let now = app.clock().now();
    writes.push(guess::forgotten(&person.email_hash));
    writes.push(device::seen(tenant, &user.id, agent(request), now));
    if !person.knows_device {
        let key = app.data_keys.of(tenant).await.map_err(sealed)?;
        let names = Names::of(user, &key).map_err(sealed)?;
        let agent = scorpius_token::session::shown_agent(agent(request));
        let draft = app.post(&names.email).new_device(&agent, &request.network, &now.to_string());
        writes.extend(posting(draft, tenant, &key, &actor, app.clock()));
    }
    let beginning = Beginning {
        acr,
        amr: how.amr,
        network: &request.network,
        agent: agent(request),
        cookies: how.cookies,
        dpop_jkt: how.dpop_jkt,
        new_device: !person.knows_device,
    };
    match app.sessions.begin(&permit, user, beginning, &actor, writes).await {
        Ok(tokens) => Ok(granted(StatusCode::OK, &tokens, how.cookies)),
        // The code was used, or the password was changed, at this very moment.
        Err(BeginError::Changed { .. }) => Err(refusal()),
        Err(BeginError::Store(error)) => Err(error.into()),
        Err(BeginError::Keys(error)) => Err(error.into()),
    }
}

/// The gate, for a guess that was counted or not.
pub(super) fn permit(app: &App, person: &Person, method: Method, tried: &Try) -> Result<Permit, Refused> {
    let locked_until = match tried {
        Try::Counted(_) => None,
        Try::Locked(until) => Some(*until),
    };
    let who = Who::User { user: person.user.as_ref().map(|(user, _)| user), locked_until };
    may_issue(person.tenant.as_ref(), who, method, app.clock().now())
}

/// What the network is counted under, unless too much that was wrong came from it.
pub(super) async fn throttle(app: &App, request: &Request) -> Result<String, Problem> {
    let network = app.pepper.network(&request.network).await?;
    let now = app.clock().now();
    let record = app.store().get(&guess::of_network(&network, now)).await?;
    match record.map_or(0, |record| record.attributes.int("wrong")) >= OF_NETWORK_MAX {
        true => {
            let left_s = WINDOW_S - now.as_s() % WINDOW_S;
            let problem = TOO_MANY_REQUESTS.because("too much that was wrong came from this network");
            Err(problem.retry_after_s(u32::try_from(left_s).unwrap_or(u32::MAX)))
        }
        false => Ok(network),
    }
}

/// Counts what was wrong, tells of it, and answers the one problem there is.
pub(super) async fn refused(
    app: &App,
    request: &Request,
    person: &Person,
    factor: Factor,
    tried: &Try,
    network: &str,
) -> Result<Problem, Problem> {
    let now = app.clock().now();
    let ends = Some(now.plus_s(2 * WINDOW_S));
    app.store().add(&guess::of_network(network, now), &[("wrong", 1)], None, ends).await?;
    let mut writes = Vec::new();
    if !person.email_hash.is_empty() {
        // The same commit for an address that is nobody's.
        writes.push(Write::Put {
            key: Key::new(format!("email#{}", person.email_hash), "refused"),
            attributes: Attributes::document(&now),
            expires_at: Some(now.plus_s(86_400)),
            condition: Condition::Always,
        });
    }
    if let (Some(tenant), Some((user, _))) = (&person.tenant, &person.user) {
        let attempt = new_id("att", app.clock());
        let (in_a_row, locked_until) = match tried {
            Try::Counted(it) => (it.after.in_a_row, it.after.locked(now)),
            Try::Locked(until) => (0, (*until > now).then_some(*until)),
        };
        let fact = SignInFailed {
            attempt_id: attempt.clone(),
            user_id: user.id.clone(),
            factor,
            in_a_row,
            locked_until: locked_until.map(|until| until.to_string()),
        };
        let actor = request.visitor("anonymous", Some(tenant.network_tag(&request.network)));
        writes.push(app.emit(&fact, (&attempt, 1), &tenant.id, &actor));
    }
    if !writes.is_empty() {
        app.commit(&writes).await?;
    }
    Ok(refusal())
}

/// The same for every reason: it tells nobody who has an account.
pub(super) fn refusal() -> Problem {
    SIGN_IN_REFUSED.because(
        "what was shown is wrong, or there were too many attempts; wait some minutes, or set a new password by letter",
    )
}

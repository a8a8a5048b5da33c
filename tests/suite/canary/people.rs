//! Whatever people do with what they prove who they are with, rightly and wrongly.

use scorpius_edge::HttpAnswer;
use serde_json::{Value, json};

use super::{SEEN_IN_LOGS, Secrets, passkey};
use crate::desk::{Desk, Said};
use crate::people::{JSON, Program, ask, ask_as, token};

const ADA: &str = "ada@example.com";
/// Passwords that are found by themselves.
const FIRST: &str = "canary one: herons over wet slate";
const SECOND: &str = "canary two: a lamp in the gravel pit";
const THIRD: &str = "canary three: no ferry before noon";
const WRONG: &str = "canary four: nobody has this password";
const KNOWN: &str = "password password password";

/// Doors that anybody may ask, and the member of each that takes a secret.
const PUBLIC: [(&str, &str); 7] = [
    ("/v1/auth/register", "invitation_token"),
    ("/v1/auth/verify-email", "token"),
    ("/v1/auth/password/reset/confirm", "token"),
    ("/v1/auth/login/factor", "sign_in_token"),
    ("/v1/auth/refresh", "refresh_token"),
    ("/v1/auth/revoke", "token"),
    ("/v1/auth/login", "password"),
];

/// As text, in the wrong place of a body, cut off, twice, in a list, with an unknown member beside it, and with a
/// type that is not taken: what parsers like to repeat in what they say.
async fn misplaced(desk: &Desk, secret: &str) {
    let logged = ("x-request-id", SEEN_IN_LOGS);
    for (path, member) in PUBLIC {
        for body in [
            json!({member: [secret]}).to_string(),
            json!({member: {secret: secret}}).to_string(),
            json!({member: secret, secret: 1}).to_string(),
            format!("{{\"{member}\": \"{secret}\", \"{member}\": \"{secret}\"}}"),
            format!("{{\"{member}\": \"{secret}"),
            format!("\"{secret}\""),
            secret.to_owned(),
        ] {
            let said = desk.ask("POST", path, &[JSON, logged], body.as_bytes()).await;
            assert!((400..500).contains(&said.status), "{path}: {}", said.answer.body);
        }
        let form = [("content-type", "application/x-www-form-urlencoded"), logged];
        desk.ask("POST", path, &form, format!("{member}={secret}").as_bytes()).await.expect(415);
    }
}

/// Keeps what is handed out in cookies, and answers the `Cookie` header that sends it back.
fn keep_cookies(answer: &HttpAnswer, secrets: &mut Secrets) -> String {
    let pairs = answer.cookies.iter().map(|cookie| cookie.split(';').next().expect("a pair").to_owned());
    let pairs: Vec<_> = pairs.collect();
    for pair in &pairs {
        secrets.keep("a person's cookie", pair.split_once('=').expect("a name and a value").1);
    }
    pairs.join("; ")
}

fn keep_tokens(said: &Said, secrets: &mut Secrets) -> (String, String) {
    let access = secrets.keep("a signed-in person's token", said.text("access_token"));
    (access, secrets.keep("a signed-in person's refresh token", said.text("refresh_token")))
}

/// A letter's token, kept.
async fn in_letter(desk: &Desk, secrets: &mut Secrets, prefix: &str) -> String {
    let text = token(desk, ADA, prefix).await;
    secrets.keep("a letter's token", &text)
}

/// Everything from the invitation to the last sign-in.
pub(super) async fn journeys(desk: &Desk, secrets: &mut Secrets) {
    for password in [FIRST, SECOND, THIRD, WRONG, KNOWN] {
        secrets.keep("a password", password);
    }
    join(desk, secrets).await;
    let access = sign_in(desk, secrets).await;
    let access = factors(desk, secrets, &access).await;
    passkeys(desk, secrets, &access).await;
    for secret in secrets.texts() {
        // Passkeys' material is JSON within Base64 and has doors of its own.
        if secret.len() <= 2_000 {
            misplaced(desk, &secret).await;
        }
    }
    change(desk, secrets).await;
}

async fn join(desk: &Desk, secrets: &mut Secrets) {
    let handed = json!({"email": "bob@example.com", "roles": ["viewer"], "by_letter": false});
    for _ in 0..2 {
        let made = desk.post_once("/v1/users/invitations", "canary-invitation", &handed).await;
        secrets.keep("an invitation that is handed over", made.text("invitation_token"));
    }
    let bob = desk.post_once("/v1/users/invitations", "canary-invitation", &handed).await;
    let bob = json!({"invitation_token": bob.text("invitation_token"), "name": "Bob", "password": FIRST});
    ask(desk, "/v1/auth/register", &bob).await.expect(201);

    desk.post("/v1/users/invitations", &json!({"email": ADA, "roles": ["viewer"]})).await.expect(201);
    let invited = in_letter(desk, secrets, "sci_").await;
    let mut body = json!({"invitation_token": invited, "name": "Ada", "password": KNOWN});
    ask(desk, "/v1/auth/register", &body).await.expect(400);
    body["password"] = FIRST.into();
    ask(desk, "/v1/auth/register", &body).await.expect(201);
    ask(desk, "/v1/auth/register", &body).await.expect(410);
}

/// By password, wrong and right, as a program and as a browser; the token.
async fn sign_in(desk: &Desk, secrets: &mut Secrets) -> String {
    let log_in = async |email: &str, password: &str, cookies: bool| {
        let body = json!({"email": email, "password": password, "cookies": cookies});
        ask(desk, "/v1/auth/login", &body).await
    };
    for (email, password) in [(ADA, WRONG), ("nobody@example.com", WRONG), (ADA, KNOWN)] {
        log_in(email, password, false).await.expect(401);
    }
    // Where somebody types the password into the wrong field.
    log_in(FIRST, ADA, false).await.expect(400);
    let browser = log_in(ADA, FIRST, true).await;
    let cookies = keep_cookies(&browser.answer, secrets);
    let csrf = cookies.split("__Host-scorpius-csrf=").nth(1).and_then(|rest| rest.split(';').next());
    let csrf = csrf.expect("what the page sends").to_owned();
    browser.expect(200);
    let page = [("cookie", cookies.as_str()), ("x-csrf-token", csrf.as_str()), JSON];
    desk.browse("GET", "/v1/account", &page, &Value::Null).await.expect(200);
    desk.browse("POST", "/v1/account/email", &page, &json!({"email": csrf})).await.expect(400);
    desk.browse("POST", "/v1/account/email", &[page[0], JSON], &json!({"email": ADA})).await.expect(401);
    desk.browse("POST", "/v1/auth/logout", &page, &json!({})).await.expect(204);
    let program = log_in(ADA, FIRST, false).await;
    let (_, refresh) = keep_tokens(&program, secrets);
    let body = json!({"refresh_token": refresh});
    let refreshed = ask(desk, "/v1/auth/refresh", &body).await;
    keep_tokens(&refreshed, secrets).0
}

/// One-time codes and recovery codes; a token of a session that proved two factors.
async fn factors(desk: &Desk, secrets: &mut Secrets, access: &str) -> String {
    let offer = ask_as(desk, access, "POST", "/v1/account/totp", &Value::Null).await.expect(201);
    secrets.keep("a secret of one-time codes", offer["secret"].as_str().expect("a secret"));
    secrets.keep("a URI of one-time codes", offer["uri"].as_str().expect("a URI"));
    let program = Program::scan(&offer);
    secrets.keep_bytes("the bytes of a secret of one-time codes", program.secret());
    let confirm = "/v1/account/totp/confirm";
    ask_as(desk, access, "POST", confirm, &json!({"code": "000000"})).await.expect(409);
    let code = secrets.keep_code(program.code(desk));
    let made = ask_as(desk, access, "POST", confirm, &json!({"code": code})).await.expect(200);
    let codes: Vec<String> = serde_json::from_value(made["recovery_codes"].clone()).expect("codes");
    for code in &codes {
        secrets.keep_code(code.clone());
        secrets.keep_code(code.replace('-', ""));
    }

    let body = json!({"email": ADA, "password": FIRST});
    let half = async |secrets: &mut Secrets| {
        let said = ask(desk, "/v1/auth/login", &body).await;
        secrets.keep("a sign-in's token", said.text("sign_in_token"))
    };
    let show = async |token: &str, member: &str, value: &str| {
        ask(desk, "/v1/auth/login/factor", &json!({"sign_in_token": token, member: value})).await
    };
    let token = half(secrets).await;
    desk.clock.advance_ms(30_000);
    let code = secrets.keep_code(program.code(desk));
    show(&token, "recovery_code", &format!("{} 0", codes[1])).await.expect(401);
    show(&token, "recovery_code", &code).await.expect(401);
    show(&token, "code", &codes[1]).await.expect(401);
    show(&token, "code", &code).await.expect(200);
    show(&token, "code", &code).await.expect(410);
    let token = half(secrets).await;
    let said = show(&token, "recovery_code", &codes[0]).await;
    let (access, _) = keep_tokens(&said, secrets);
    desk.clock.advance_ms(30_000);
    let code = secrets.keep_code(program.code(desk));
    let step_up = async |body: Value| ask_as(desk, &access, "POST", "/v1/auth/step-up", &body).await;
    step_up(json!({"password": FIRST})).await.expect(401);
    step_up(json!({"password": FIRST, "code": code})).await.expect(400);
    step_up(json!({"code": "000000"})).await.expect(401);
    let raised = step_up(json!({"code": code})).await;
    let access = secrets.keep("a raised token", raised.text("access_token"));
    raised.expect(200);
    let new = ask_as(desk, &access, "POST", "/v1/account/recovery-codes", &Value::Null).await.expect(200);
    for code in serde_json::from_value::<Vec<String>>(new["recovery_codes"].clone()).expect("codes") {
        secrets.keep_code(code.replace('-', ""));
        secrets.keep_code(code);
    }
    access
}

/// A passkey, made and used, with an answer for another challenge and a wrong signature between.
async fn passkeys(desk: &Desk, secrets: &mut Secrets, access: &str) {
    let mut authenticator = passkey::Authenticator::new(desk);
    let offer = async |secrets: &mut Secrets| {
        let options = "/v1/account/passkeys/options";
        let options = ask_as(desk, access, "POST", options, &Value::Null).await.expect(200);
        secrets.keep("a challenge", options["challenge"].as_str().expect("a challenge"));
        options
    };
    let (old, options) = (offer(secrets).await, offer(secrets).await);
    let made = authenticator.made(&options, secrets);
    let mut foreign = authenticator.made(&old, secrets);
    foreign["response"]["attestationObject"] = made["response"]["clientDataJSON"].clone();
    let add = async |credential: &Value| {
        let body = json!({"name": "canary", "credential": credential});
        ask_as(desk, access, "POST", "/v1/account/passkeys", &body).await
    };
    add(&foreign).await.expect(400);
    add(&made).await.expect(201);
    add(&made).await.expect(400);

    let sign_in = async |credential: &Value| {
        ask(desk, "/v1/auth/passkeys/sign-in", &json!({"credential": credential})).await
    };
    let options = ask(desk, "/v1/auth/passkeys/options", &json!({})).await.expect(200);
    secrets.keep("a challenge", options["challenge"].as_str().expect("a challenge"));
    let mut wrong = authenticator.used(&options, secrets);
    wrong["response"]["signature"] = wrong["response"]["clientDataJSON"].clone();
    sign_in(&wrong).await.expect(401);
    let right = authenticator.used(&options, secrets);
    let said = sign_in(&right).await;
    keep_tokens(&said, secrets);
    said.expect(200);
    sign_in(&right).await.expect(401);
    let said = ask(desk, "/v1/auth/login", &json!({"email": ADA, "password": FIRST})).await;
    let token = secrets.keep("a sign-in's token", said.text("sign_in_token"));
    secrets.keep("a challenge", said.json["passkey"]["challenge"].as_str().expect("a challenge"));
    let second = authenticator.used(&said.json["passkey"], secrets);
    let body = json!({"sign_in_token": token, "credential": second});
    ask(desk, "/v1/auth/login/factor", &body).await.expect(200);
}

/// The password and the address are changed, by whoever knows the old one and by letter.
async fn change(desk: &Desk, secrets: &mut Secrets) {
    desk.clock.advance_ms(3_600_000);
    let wanted = json!({"email": ADA});
    ask(desk, "/v1/auth/password/reset", &wanted).await.expect(202);
    let letter = in_letter(desk, secrets, "scp_").await;
    let confirm = async |password: &str| {
        let body = json!({"token": letter, "password": password});
        ask(desk, "/v1/auth/password/reset/confirm", &body).await
    };
    confirm(KNOWN).await.expect(400);
    confirm(SECOND).await.expect(204);
    confirm(SECOND).await.expect(410);

    // Bob has no second factor, so that a password is all there is to show.
    let bob = json!({"email": "bob@example.com", "password": FIRST});
    let (access, _) = keep_tokens(&ask(desk, "/v1/auth/login", &bob).await, secrets);
    let password = async |access: &str, old: &str, new: &str| {
        let body = json!({"current_password": old, "password": new});
        ask_as(desk, access, "POST", "/v1/account/password", &body).await
    };
    let email = json!({"email": "robert@example.com"});
    ask_as(desk, &access, "POST", "/v1/account/email", &email).await.expect(202);
    let letter = token(desk, "robert@example.com", "sce_").await;
    let letter = json!({"token": secrets.keep("a letter's token", &letter)});
    ask(desk, "/v1/auth/verify-email", &letter).await.expect(204);
    ask(desk, "/v1/auth/verify-email", &letter).await.expect(410);
    password(&access, WRONG, THIRD).await.expect(401);
    password(&access, FIRST, "short").await.expect(400);
    password(&access, FIRST, THIRD).await.expect(204);
    password(&access, FIRST, THIRD).await.expect(401);
    // With the old password went every session of that millisecond.
    desk.clock.advance_ms(1);
    let bob = json!({"email": "robert@example.com", "password": THIRD});
    let (access, _) = keep_tokens(&ask(desk, "/v1/auth/login", &bob).await, secrets);
    let account = ask_as(desk, &access, "GET", "/v1/account", &Value::Null).await.expect(200);
    let sessions = format!("/v1/users/{}/sessions", account["user_id"].as_str().expect("an id"));
    let seen = desk.get(&sessions).await.expect(200);
    let one = format!("{sessions}/{}", seen["sessions"][0]["session_id"].as_str().expect("a session"));
    for path in [one, sessions] {
        desk.ask("DELETE", &path, &[("x-api-key", &desk.api_key)], b"").await.expect(204);
    }
}

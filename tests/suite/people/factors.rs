//! Second factors by code: set up, asked for, lost, removed.

use scorpius_account::totp;
use scorpius_core::Clock;
use serde_json::{Value, json};

use super::{PASSWORD, ask, ask_as, joined, letters, log_in, signed_in, told};
use crate::desk::{Desk, Said};

const ADA: &str = "ada@example.com";

/// An authenticator program.
pub(crate) struct Program {
    secret: Vec<u8>,
}

impl Program {
    /// Reads what the offer shows.
    pub(crate) fn scan(offer: &Value) -> Self {
        let text = offer["secret"].as_str().expect("a secret");
        assert!(offer["uri"].as_str().expect("a URI").contains(&format!("secret={text}&")));
        let mut bits = text.bytes().flat_map(|letter| {
            let five =
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|it| *it == letter).expect("Base32");
            (0..5).rev().map(move |bit| five >> bit & 1)
        });
        let byte =
            |bits: &mut dyn Iterator<Item = usize>| bits.take(8).fold(0, |byte, bit| byte << 1 | bit) as u8;
        Self { secret: (0..totp::SECRET_BYTES).map(|_| byte(&mut bits)).collect() }
    }

    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }

    pub(crate) fn code(&self, desk: &Desk) -> String {
        totp::code(&self.secret, desk.clock.now().as_s() / totp::STEP_S)
    }
}

/// Ada with one-time codes: her program, her recovery codes, and the token of the session that set them up.
async fn with_codes(desk: &Desk) -> (Program, Vec<String>, String) {
    joined(desk, ADA, "viewer").await;
    let access = signed_in(desk, ADA).await;
    let offer = ask_as(desk, &access, "POST", "/v1/account/totp", &Value::Null).await.expect(201);
    let program = Program::scan(&offer);
    let wrong = ask_as(desk, &access, "POST", "/v1/account/totp/confirm", &json!({"code": "000000"})).await;
    assert_eq!(wrong.text("code"), "no-such-offer");
    let code = json!({"code": program.code(desk)});
    let made = ask_as(desk, &access, "POST", "/v1/account/totp/confirm", &code).await.expect(200);
    let codes: Vec<String> = serde_json::from_value(made["recovery_codes"].clone()).expect("codes");
    assert_eq!(codes.len(), 10);
    (program, codes, access)
}

/// The token that asks for a second factor.
async fn half(desk: &Desk) -> String {
    let said = log_in(desk, ADA, PASSWORD).await;
    assert_eq!(said.status, 202, "{}", said.answer.body);
    said.text("sign_in_token").to_owned()
}

async fn show(desk: &Desk, token: &str, member: &str, value: &str) -> Said {
    ask(desk, "/v1/auth/login/factor", &json!({"sign_in_token": token, member: value})).await
}

#[tokio::test]
async fn a_code_is_asked_for_after_the_password_and_counts_once() {
    let desk = Desk::open().await;
    let (program, ..) = with_codes(&desk).await;
    let token = half(&desk).await;
    // The code that confirmed the secret was used.
    show(&desk, &token, "code", &program.code(&desk)).await.expect(401);
    desk.clock.advance_ms(30_000);
    let code = program.code(&desk);
    let tokens = show(&desk, &token, "code", &code).await.expect(200);
    assert_eq!((&tokens["acr"], &tokens["amr"]), (&json!("aal2"), &json!(["pwd", "otp"])));
    show(&desk, &token, "code", &code).await.expect(410);
    let again = half(&desk).await;
    show(&desk, &again, "code", &code).await.expect(401);
    desk.clock.advance_ms(300_000);
    show(&desk, &again, "code", &program.code(&desk)).await.expect(410);
    ask(&desk, "/v1/auth/login/factor", &json!({"sign_in_token": again})).await.expect(400);
}

#[tokio::test]
async fn of_many_at_once_with_one_code_one_is_signed_in() {
    let desk = std::sync::Arc::new(Desk::open().await);
    let (program, ..) = with_codes(&desk).await;
    desk.clock.advance_ms(30_000);
    let mut tokens = Vec::new();
    for _ in 0..5 {
        tokens.push(half(&desk).await);
    }
    let code = program.code(&desk);
    let tasks: Vec<_> = tokens
        .into_iter()
        .map(|token| {
            let (desk, code) = (desk.clone(), code.clone());
            tokio::spawn(async move { show(&desk, &token, "code", &code).await.status })
        })
        .collect();
    let mut said = Vec::new();
    for task in tasks {
        said.push(task.await.expect("it ends"));
    }
    assert_eq!(said.iter().filter(|status| **status == 200).count(), 1, "{said:?}");
}

#[tokio::test]
async fn a_password_that_was_set_by_letter_does_not_go_around_the_second_factor() {
    let desk = Desk::open().await;
    let (program, ..) = with_codes(&desk).await;
    ask(&desk, "/v1/auth/password/reset", &json!({"email": ADA})).await.expect(202);
    let letter = super::token(&desk, ADA, "scp_").await;
    let reset = json!({"token": letter, "password": "eleven purple buses sing"});
    let said = ask(&desk, "/v1/auth/password/reset/confirm", &reset).await;
    assert!(said.answer.body.is_empty() && said.answer.cookies.is_empty(), "it signs nobody in");
    said.expect(204);
    desk.clock.advance_ms(30_000);
    let said = log_in(&desk, ADA, "eleven purple buses sing").await;
    assert_eq!(said.status, 202);
    let token = said.text("sign_in_token").to_owned();
    show(&desk, &token, "code", "000000").await.expect(401);
    let tokens = show(&desk, &token, "code", &program.code(&desk)).await.expect(200);
    assert_eq!(tokens["acr"], "aal2");
}

#[tokio::test]
async fn guessing_codes_is_as_slow_as_guessing_passwords() {
    let desk = Desk::open().await;
    let (program, ..) = with_codes(&desk).await;
    desk.clock.advance_ms(30_000);
    // A right password in between takes nothing back.
    for _ in 0..6 {
        let token = half(&desk).await;
        show(&desk, &token, "code", "000000").await.expect(401);
    }
    log_in(&desk, ADA, PASSWORD).await.expect(401);
    desk.clock.advance_ms(30_000);
    let token = half(&desk).await;
    show(&desk, &token, "code", &program.code(&desk)).await.expect(200);
}

#[tokio::test]
async fn a_recovery_code_stands_in_once_and_is_told_of() {
    let desk = Desk::open().await;
    let (_, codes, _) = with_codes(&desk).await;
    let token = half(&desk).await;
    desk.settle().await;
    show(&desk, &token, "recovery_code", "0000-0000-0000-0000").await.expect(401);
    let typed = codes[3].to_lowercase().replace('-', " ");
    show(&desk, &token, "recovery_code", &typed).await.expect(200);
    assert_eq!(told(&desk, "recovery_code_used").await[0]["data"]["left"], 9);
    let again = half(&desk).await;
    show(&desk, &again, "recovery_code", &codes[3]).await.expect(401);
    show(&desk, &again, "recovery_code", &codes[4]).await.expect(200);
    let letters = letters(&desk, ADA).await;
    assert!(letters.iter().any(|(_, text)| text.contains("8 are left")), "{letters:?}");
}

#[tokio::test]
async fn whoever_has_a_second_factor_shows_it_before_changing_how_they_sign_in() {
    let desk = Desk::open().await;
    let (program, _, first) = with_codes(&desk).await;
    // The session that set the codes up had proved a password only.
    let remove = async |token: &str| ask_as(&desk, token, "DELETE", "/v1/account/totp", &Value::Null).await;
    assert_eq!(remove(&first).await.text("code"), "step-up-required");
    let new = ask_as(&desk, &first, "POST", "/v1/account/recovery-codes", &Value::Null).await;
    assert!(new.answer.headers["www-authenticate"].contains("acr_values=\"aal2\""));
    let password = json!({"current_password": PASSWORD, "password": "eleven purple buses sing"});
    let change = ask_as(&desk, &first, "POST", "/v1/account/password", &password).await;
    assert_eq!(change.text("code"), "step-up-required");
    let step_up = async |body: Value| ask_as(&desk, &first, "POST", "/v1/auth/step-up", &body).await;
    assert_eq!(step_up(json!({"password": PASSWORD})).await.text("code"), "step-up-required");
    step_up(json!({})).await.expect(400);
    step_up(json!({"password": PASSWORD, "code": "000000"})).await.expect(400);
    step_up(json!({"code": "000000"})).await.expect(401);
    desk.clock.advance_ms(30_000);
    let raised = step_up(json!({"code": program.code(&desk)})).await.expect(200);
    assert_eq!((&raised["acr"], &raised["amr"]), (&json!("aal2"), &json!(["pwd", "otp"])));
    let access = raised["access_token"].as_str().expect("a token");
    let again = ask_as(&desk, access, "POST", "/v1/account/totp", &Value::Null).await;
    assert_eq!(again.text("code"), "no-such-offer", "one secret at a time");
    let codes = ask_as(&desk, access, "POST", "/v1/account/recovery-codes", &Value::Null).await.expect(200);
    assert_eq!(codes["recovery_codes"].as_array().map(Vec::len), Some(10));
    // Ten minutes later it is not fresh any more; the token itself is over then.
    desk.clock.advance_ms(540_000);
    remove(access).await.expect(204);
    remove(access).await.expect(204);
    log_in(&desk, ADA, PASSWORD).await.expect(200);
    let account = ask_as(&desk, access, "GET", "/v1/account", &Value::Null).await.expect(200);
    assert_eq!((&account["totp"], &account["recovery_codes"]), (&json!(false), &json!(0)));
}

#[tokio::test]
async fn a_short_password_is_taken_beside_a_second_factor_and_not_left_alone() {
    let desk = Desk::open().await;
    let (program, _, first) = with_codes(&desk).await;
    desk.clock.advance_ms(30_000);
    let code = json!({"code": program.code(&desk)});
    let raised = ask_as(&desk, &first, "POST", "/v1/auth/step-up", &code).await.expect(200);
    let access = raised["access_token"].as_str().expect("a token");
    let short = json!({"current_password": PASSWORD, "password": "xk4-q9Zt"});
    ask_as(&desk, access, "POST", "/v1/account/password", &short).await.expect(204);
    desk.clock.advance_ms(30_000);
    let said = log_in(&desk, ADA, "xk4-q9Zt").await;
    let tokens = show(&desk, said.text("sign_in_token"), "code", &program.code(&desk)).await.expect(200);
    let access = tokens["access_token"].as_str().expect("a token");
    let remove = ask_as(&desk, access, "DELETE", "/v1/account/totp", &Value::Null).await;
    assert_eq!(remove.text("code"), "short-password");
}

#[tokio::test]
async fn an_offered_secret_is_shown_again_for_the_same_key_and_ends_in_ten_minutes() {
    let desk = Desk::open().await;
    joined(&desk, ADA, "viewer").await;
    let access = signed_in(&desk, ADA).await;
    let bearer = format!("Bearer {access}");
    let offer = async || {
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k-1")];
        desk.ask("POST", "/v1/account/totp", &headers, b"").await.expect(201)
    };
    let first = offer().await;
    assert_eq!(first, offer().await);
    let program = Program::scan(&first);
    desk.clock.advance_ms(600_000);
    let access = signed_in(&desk, ADA).await;
    let late = json!({"code": program.code(&desk)});
    let late = ask_as(&desk, &access, "POST", "/v1/account/totp/confirm", &late).await;
    assert_eq!(late.text("code"), "no-such-offer");
    log_in(&desk, ADA, PASSWORD).await.expect(200);
}

//! Passwords, wrong ones too, and what sessions of people are.

use serde_json::{Value, json};

use super::{AGENT, PASSWORD, ask, ask_as, ask_from, joined, letters, log_in, signed_in, token, told};
use crate::desk::{Desk, Said};

const ADA: &str = "ada@example.com";
const NEW_PASSWORD: &str = "eleven purple buses sing";

/// Status, headers and body of an answer, without the request's id.
fn bytes(said: &Said) -> String {
    let id = said.answer.headers.get("x-request-id").cloned().unwrap_or_default();
    format!("{:?}", said.answer).replace(&id, "req")
}

#[tokio::test]
async fn nobody_can_tell_whose_address_has_an_account() {
    let desk = Desk::open().await;
    joined(&desk, ADA, "viewer").await;
    let unknown = log_in(&desk, "nobody@example.com", PASSWORD).await;
    let wrong = log_in(&desk, ADA, "another horse battery staple").await;
    assert_eq!(unknown.status, 401);
    assert_eq!(bytes(&unknown), bytes(&wrong));
    let resets = [
        ask(&desk, "/v1/auth/password/reset", &json!({"email": "nobody@example.com"})).await,
        ask(&desk, "/v1/auth/password/reset", &json!({"email": ADA})).await,
    ];
    assert_eq!(resets[0].status, 202);
    assert_eq!(bytes(&resets[0]), bytes(&resets[1]));
    // Both wait alike after the same number of guesses, and the right password does not help meanwhile.
    for address in [ADA, "nobody@example.com"] {
        for _ in 0..6 {
            log_in(&desk, address, "another horse battery staple").await.expect(401);
        }
    }
    let (unknown, right) =
        (log_in(&desk, "nobody@example.com", PASSWORD).await, log_in(&desk, ADA, PASSWORD).await);
    assert_eq!(bytes(&unknown), bytes(&right));
    desk.clock.advance_ms(60_000);
    log_in(&desk, ADA, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn wrong_passwords_make_an_account_wait_longer_and_longer_and_are_told_of() {
    let desk = Desk::open().await;
    let user = joined(&desk, ADA, "viewer").await;
    desk.settle().await;
    for _ in 0..5 {
        log_in(&desk, ADA, "another horse battery staple").await.expect(401);
    }
    log_in(&desk, ADA, PASSWORD).await.expect(200);
    for wait_ms in [30_000, 60_000, 120_000] {
        let tries = if wait_ms == 30_000 { 6 } else { 1 };
        for _ in 0..tries {
            log_in(&desk, ADA, "another horse battery staple").await.expect(401);
        }
        desk.clock.advance_ms(wait_ms - 1);
        log_in(&desk, ADA, PASSWORD).await.expect(401);
        desk.clock.advance_ms(1);
    }
    log_in(&desk, ADA, PASSWORD).await.expect(200);
    let failed = told(&desk, "sign_in_failed").await;
    assert_eq!(failed.len(), 5 + 8 + 3);
    assert!(
        failed.iter().all(|event| event["data"]["user_id"] == user.as_str() && event["strength"] == "none")
    );
    let locked = failed.iter().filter(|event| event["data"]["locked_until"].is_string()).count();
    assert_eq!(locked, 3 + 3);
}

#[tokio::test]
async fn too_much_that_is_wrong_from_one_network_makes_that_network_wait() {
    let desk = Desk::open().await;
    joined(&desk, ADA, "viewer").await;
    for n in 0..100 {
        log_in(&desk, &format!("nobody-{n}@example.com"), PASSWORD).await.expect(401);
    }
    let said = log_in(&desk, ADA, PASSWORD).await;
    assert_eq!((said.status, said.text("code")), (429, "too-many-requests"));
    let wait: u64 = said.answer.headers["retry-after"].parse().expect("seconds");
    assert!((1..=600).contains(&wait));
    desk.clock.advance_ms(wait * 1_000);
    log_in(&desk, ADA, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn every_way_to_a_token_waits_while_an_address_is_locked_and_a_session_goes_on() {
    let desk = Desk::open().await;
    joined(&desk, ADA, "viewer").await;
    let tokens = log_in(&desk, ADA, PASSWORD).await.expect(200);
    let access = tokens["access_token"].as_str().expect("a token");
    for _ in 0..6 {
        log_in(&desk, ADA, "another horse battery staple").await.expect(401);
    }
    log_in(&desk, ADA, PASSWORD).await.expect(401);
    let proof = json!({"password": PASSWORD});
    let step_up = ask_as(&desk, access, "POST", "/v1/auth/step-up", &proof).await;
    assert_eq!((step_up.status, step_up.text("code")), (401, "sign-in-refused"));
    let change = json!({"current_password": PASSWORD, "password": NEW_PASSWORD});
    let change = ask_as(&desk, access, "POST", "/v1/account/password", &change).await;
    assert_eq!((change.status, change.text("code")), (401, "sign-in-refused"));
    let refresh = json!({"refresh_token": tokens["refresh_token"]});
    ask(&desk, "/v1/auth/refresh", &refresh).await.expect(200);
    desk.clock.advance_ms(30_000);
    ask_as(&desk, access, "POST", "/v1/auth/step-up", &proof).await.expect(200);
}

#[tokio::test]
async fn a_password_is_changed_by_whoever_knows_it_and_every_session_ends() {
    let desk = Desk::open().await;
    joined(&desk, ADA, "viewer").await;
    let (here, there) = (signed_in(&desk, ADA).await, signed_in(&desk, ADA).await);
    let change = async |current: &str, new: &str| {
        let body = json!({"current_password": current, "password": new});
        ask_as(&desk, &here, "POST", "/v1/account/password", &body).await
    };
    assert_eq!(change("wrong horse battery staple", NEW_PASSWORD).await.text("code"), "sign-in-refused");
    assert_eq!(change(PASSWORD, "too short").await.text("code"), "unfit-password");
    change(PASSWORD, NEW_PASSWORD).await.expect(204);
    for token in [&here, &there] {
        ask_as(&desk, token, "GET", "/v1/account", &Value::Null).await.expect(401);
    }
    desk.clock.advance_ms(1_000);
    log_in(&desk, ADA, PASSWORD).await.expect(401);
    log_in(&desk, ADA, NEW_PASSWORD).await.expect(200);
    let (subject, _) = letters(&desk, ADA).await.pop().expect("a letter");
    assert_eq!(subject, "Scorpius: your password was changed");
}

#[tokio::test]
async fn a_password_is_set_anew_by_letter_once_and_within_ten_minutes() {
    let desk = Desk::open().await;
    joined(&desk, ADA, "viewer").await;
    let access = signed_in(&desk, ADA).await;
    let ask_for = async || ask(&desk, "/v1/auth/password/reset", &json!({"email": ADA})).await.expect(202);
    let set = async |token: &str, password: &str| {
        ask(&desk, "/v1/auth/password/reset/confirm", &json!({"token": token, "password": password})).await
    };
    ask_for().await;
    let late = token(&desk, ADA, "scp_").await;
    desk.clock.advance_ms(600_000);
    set(&late, NEW_PASSWORD).await.expect(410);
    ask_for().await;
    let letter = token(&desk, ADA, "scp_").await;
    assert_eq!(set(&letter, "password1234567").await.text("code"), "unfit-password");
    set(&letter, NEW_PASSWORD).await.expect(204);
    set(&letter, NEW_PASSWORD).await.expect(410);
    ask_as(&desk, &access, "GET", "/v1/account", &Value::Null).await.expect(401);
    desk.clock.advance_ms(1_000);
    log_in(&desk, ADA, PASSWORD).await.expect(401);
    log_in(&desk, ADA, NEW_PASSWORD).await.expect(200);
    // Nobody fills a mailbox with letters: three an hour.
    let before = letters(&desk, ADA).await.len();
    for _ in 0..5 {
        ask_for().await;
    }
    assert_eq!(letters(&desk, ADA).await.len(), before + 1);
}

#[tokio::test]
async fn what_was_begun_with_the_old_password_ends_with_it() {
    let desk = Desk::open().await;
    joined(&desk, ADA, "viewer").await;
    let access = signed_in(&desk, ADA).await;
    // Somebody who was in for a moment has the address changed to theirs, and a letter on its way.
    let theirs = json!({"email": "mallory@example.com"});
    ask_as(&desk, &access, "POST", "/v1/account/email", &theirs).await.expect(202);
    ask(&desk, "/v1/auth/password/reset", &json!({"email": ADA})).await.expect(202);
    let (check, reset) = (token(&desk, "mallory@example.com", "sce_").await, token(&desk, ADA, "scp_").await);
    desk.clock.advance_ms(1_000);
    let access = signed_in(&desk, ADA).await;
    let change = json!({"current_password": PASSWORD, "password": NEW_PASSWORD});
    ask_as(&desk, &access, "POST", "/v1/account/password", &change).await.expect(204);
    ask(&desk, "/v1/auth/verify-email", &json!({"token": check})).await.expect(410);
    let set = json!({"token": reset, "password": PASSWORD});
    ask(&desk, "/v1/auth/password/reset/confirm", &set).await.expect(410);
}

#[tokio::test]
async fn a_browser_gets_cookies_and_a_page_of_elsewhere_can_do_nothing_with_them() {
    let desk = Desk::open().await;
    joined(&desk, ADA, "viewer").await;
    let body = json!({"email": ADA, "password": PASSWORD, "cookies": true});
    let said = ask(&desk, "/v1/auth/login", &body).await;
    assert_eq!(said.status, 200);
    assert!(said.json["access_token"].is_null() && said.json["refresh_token"].is_null());
    let cookies: Vec<_> =
        said.answer.cookies.iter().map(|it| it.split(';').next().expect("a pair")).collect();
    let cookies = cookies.join("; ");
    assert!(cookies.contains("__Host-scorpius-access=") && cookies.contains("__Host-scorpius-refresh="));
    let csrf = cookies
        .split("__Host-scorpius-csrf=")
        .nth(1)
        .and_then(|rest| rest.split(';').next())
        .expect("a token");
    let step_up = async |headers: &[(&str, &str)]| {
        let own = [("cookie", cookies.as_str()), super::JSON, ("user-agent", AGENT)];
        let all = [own.as_slice(), headers].concat();
        desk.browse("POST", "/v1/auth/step-up", &all, &json!({"password": PASSWORD})).await
    };
    assert_eq!(step_up(&[]).await.status, 401, "without the page's token");
    let raised = step_up(&[("x-csrf-token", csrf)]).await;
    assert_eq!(raised.status, 200, "{}", raised.answer.body);
    assert!(raised.json["access_token"].is_null());
    assert!(raised.answer.cookies[0].starts_with("__Host-scorpius-access="));
}

#[tokio::test]
async fn a_sign_in_from_a_program_that_was_not_seen_before_is_told_to_its_person() {
    let desk = Desk::open().await;
    joined(&desk, ADA, "viewer").await;
    desk.settle().await;
    log_in(&desk, ADA, PASSWORD).await.expect(200);
    let body = json!({"email": ADA, "password": PASSWORD});
    ask_from(&desk, "curl/8.5.0", "/v1/auth/login", &body).await.expect(200);
    ask_from(&desk, "curl/8.5.0", "/v1/auth/login", &body).await.expect(200);
    let started = told(&desk, "session_started").await;
    let mut new: Vec<_> = started.iter().map(|event| event["data"]["new_device"] == true).collect();
    new.sort_unstable();
    assert_eq!(new, [false, false, true]);
    let letters = letters(&desk, ADA).await;
    let said: Vec<_> = letters.iter().filter(|(subject, _)| subject == "Scorpius: a new sign-in").collect();
    let [(_, text)] = said.as_slice() else { panic!("one letter: {letters:?}") };
    assert!(
        text.contains("curl/8.5.0") && text.contains("192.0.2.7") && text.contains("2026-11-21T"),
        "{text}"
    );
    // Half a year without it, and it is new again.
    desk.clock.advance_ms(181 * 86_400_000);
    ask_from(&desk, "curl/8.5.0", "/v1/auth/login", &body).await.expect(200);
    assert_eq!(told(&desk, "session_started").await[0]["data"]["new_device"], true);
}

//! A service of breached passwords, on loopback: what it is told, what its word does, and what happens without it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use scorpius::host::{Host, HostError, Settings};
use scorpius_egress::AllowedTarget;
use serde_json::{Value, json};

use super::{PASSWORD, ask, ask_as, invite, log_in, signed_in, token, told};
use crate::desk::Desk;

const ADA: &str = "ada@example.com";
/// What `PASSWORD`'s SHA-1 begins and ends with.
const STOLEN: (&str, &str) = ("ABF7A", "AD6438836DBE526AA231ABDE2D0EEF74D42");
const OTHER: &str = "eleven purple buses sing";

/// How it answers.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Fine,
    /// What was asked for is there as padding.
    Padding,
    Refusing,
    Talking,
    Endless,
    Silent,
}

struct Service {
    mood: Mutex<Mood>,
    asked: Mutex<Vec<(String, Option<String>)>>,
}

async fn range(
    State(service): State<Arc<Service>>,
    Path(prefix): Path<String>,
    headers: HeaderMap,
) -> (StatusCode, String) {
    let padding = headers.get("add-padding").and_then(|value| value.to_str().ok()).map(str::to_owned);
    service.asked.lock().expect("a lock").push((prefix.clone(), padding));
    let mood = *service.mood.lock().expect("a lock");
    let mut lines: Vec<_> = (0..800).map(|n| format!("{n:035X}:{}", n % 7)).collect();
    match mood {
        Mood::Fine if prefix == STOLEN.0 => lines.push(format!("{}:4711", STOLEN.1)),
        Mood::Padding => lines.push(format!("{}:0", STOLEN.1)),
        Mood::Fine => {}
        Mood::Refusing => return (StatusCode::SERVICE_UNAVAILABLE, String::new()),
        Mood::Talking => return (StatusCode::OK, "<html>come in</html>".to_owned()),
        Mood::Endless => return (StatusCode::OK, "0".repeat(2_000_000)),
        Mood::Silent => std::future::pending().await,
    }
    (StatusCode::OK, lines.join("\r\n"))
}

/// The service, its URL, and a platform that asks it.
async fn open() -> (Arc<Service>, Desk) {
    let service = Arc::new(Service { mood: Mutex::new(Mood::Fine), asked: Mutex::default() });
    let routes = Router::new().route("/range/{prefix}", get(range)).with_state(Arc::clone(&service));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let desk = Desk::open_with(|settings| {
        settings.egress_allow = vec![AllowedTarget { host: "127.0.0.1".to_owned(), port }];
        settings.breached_passwords = Some(format!("http://127.0.0.1:{port}/range/"));
    })
    .await;
    (service, desk)
}

async fn register(desk: &Desk, invited: &str, password: &str) -> crate::desk::Said {
    let body = json!({"invitation_token": invited, "name": "Ada", "password": password});
    ask(desk, "/v1/auth/register", &body).await
}

/// How the last password was looked for, by the events of `kind`.
async fn checks(desk: &Desk, kind: &str) -> Vec<Value> {
    told(desk, kind).await.iter().map(|event| event["data"]["password_check"].clone()).collect()
}

#[tokio::test]
async fn a_stolen_password_is_refused_and_the_service_learns_five_digits() {
    let (service, desk) = open().await;
    invite(&desk, ADA, "viewer").await;
    let invited = token(&desk, ADA, "sci_").await;
    // What our own list refuses is told to nobody.
    register(&desk, &invited, "password password password").await.expect(400);
    assert_eq!(service.asked.lock().expect("a lock").len(), 0);
    let refused = register(&desk, &invited, PASSWORD).await;
    assert_eq!((refused.status, refused.text("code")), (400, "unfit-password"));
    assert!(refused.text("detail").contains("4711 times"), "{}", refused.text("detail"));
    let asked = service.asked.lock().expect("a lock").clone();
    assert_eq!(asked, [(STOLEN.0.to_owned(), Some("true".to_owned()))]);
    register(&desk, &invited, OTHER).await.expect(201);
    assert_eq!(checks(&desk, "user_joined").await, [json!("service")]);
    // The token was not used up by a refusal, and whoever has one already signs in with it.
    log_in(&desk, ADA, OTHER).await.expect(200);
    let access = log_in(&desk, ADA, OTHER).await.text("access_token").to_owned();
    let change = json!({"current_password": OTHER, "password": PASSWORD});
    ask_as(&desk, &access, "POST", "/v1/account/password", &change).await.expect(400);
    *service.mood.lock().expect("a lock") = Mood::Padding;
    ask_as(&desk, &access, "POST", "/v1/account/password", &change).await.expect(204);
    signed_in(&desk, ADA).await;
}

#[tokio::test]
async fn without_an_answer_our_own_list_decides_and_the_event_says_so() {
    let (service, desk) = open().await;
    invite(&desk, ADA, "viewer").await;
    register(&desk, &token(&desk, ADA, "sci_").await, OTHER).await.expect(201);
    let mut present = OTHER.to_owned();
    for (n, mood) in [Mood::Refusing, Mood::Talking, Mood::Endless, Mood::Silent].into_iter().enumerate() {
        *service.mood.lock().expect("a lock") = mood;
        desk.settle().await;
        desk.clock.advance_ms(1_000);
        let access = log_in(&desk, ADA, &present).await.text("access_token").to_owned();
        let set = async |password: &str| {
            let body = json!({"current_password": present, "password": password});
            ask_as(&desk, &access, "POST", "/v1/account/password", &body).await
        };
        set("qwertyuiopasdfghjkl").await.expect(400);
        let next = format!("{n} herons over wet slate");
        set(&next).await.expect(204);
        assert_eq!(checks(&desk, "password_changed").await, [json!("service_unavailable")], "{mood:?}");
        present = next;
    }
}

#[tokio::test]
async fn a_platform_without_such_a_service_says_so_and_one_that_cannot_be_called_is_no_setting() {
    let desk = Desk::open().await;
    invite(&desk, ADA, "viewer").await;
    register(&desk, &token(&desk, ADA, "sci_").await, OTHER).await.expect(201);
    assert_eq!(checks(&desk, "user_joined").await, [json!("list")]);
    for url in ["http://api.example.com/range/", "file:///etc/passwd", "https://127.0.0.1/range/", "x"] {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::in_folder(folder.path().to_owned());
        let opened = Host::open(Settings { breached_passwords: Some(url.to_owned()), ..settings }).await;
        assert!(matches!(opened, Err(HostError::BreachedPasswords(_))), "{url}");
    }
}

#[tokio::test]
async fn the_words_of_the_place_are_no_password() {
    let desk = Desk::open().await;
    let tenant = json!({"name": "Acme Pension", "administrator": "eve@example.com"});
    desk.post("/v1/admin/tenants", &tenant).await.expect(201);
    let invited = token(&desk, "eve@example.com", "sci_").await;
    for words in
        ["acme-pension-acme-2026", "eve eve eve eve eve!", "Scorpius.Eve.Acme.26", "localhost-Eve-12345"]
    {
        let body = json!({"invitation_token": invited, "name": "Eve", "password": words});
        let refused = ask(&desk, "/v1/auth/register", &body).await;
        assert_eq!((refused.status, refused.text("code")), (400, "unfit-password"), "{words}");
    }
    let body = json!({"invitation_token": invited, "name": "Eve", "password": "a pension of purple herons"});
    ask(&desk, "/v1/auth/register", &body).await.expect(201);
}

//! People on the real host: from the letter that invites them to their last sign-in, and past it.

mod breached;
mod erasing;
mod factors;
mod joining;
mod passkeys;
mod pyotp;
mod sessions;
mod signing_in;
mod tenants;
mod timing;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::desk::{Desk, Said};
pub(crate) use factors::Program;

/// A password that nobody else has.
const PASSWORD: &str = "correct horse battery staple";
/// What the browser of these tests calls itself.
const AGENT: &str = "browser/1.0";
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// Asks a public door, from a browser.
pub(crate) async fn ask(desk: &Desk, path: &str, body: &Value) -> Said {
    ask_from(desk, AGENT, path, body).await
}

async fn ask_from(desk: &Desk, agent: &str, path: &str, body: &Value) -> Said {
    desk.ask("POST", path, &[JSON, ("user-agent", agent)], body.to_string().as_bytes()).await
}

/// Asks as whoever holds `token`.
pub(crate) async fn ask_as(desk: &Desk, token: &str, method: &str, path: &str, body: &Value) -> Said {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), JSON, ("user-agent", AGENT)];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    desk.ask(method, path, &headers, body.as_bytes()).await
}

/// The letters to `address` that were written, oldest first: subject and text.
async fn letters(desk: &Desk, address: &str) -> Vec<(String, String)> {
    desk.settle().await;
    let Ok(folder) = std::fs::read_dir(desk.host.local.mail.folder()) else { return Vec::new() };
    let mut files: Vec<_> = folder.map(|entry| entry.expect("a file").path()).collect();
    files
        .sort_by_key(|file| std::fs::metadata(file).and_then(|it| it.modified()).expect("a file has a time"));
    let files = files.iter().filter(|file| file.extension().is_some_and(|it| it == "eml"));
    let read = files.map(|file| std::fs::read_to_string(file).expect("a letter"));
    read.filter(|letter| letter.contains(&format!("\r\nTo: {address}\r\n")))
        .map(|letter| {
            let (head, body) = letter.split_once("\r\n\r\n").expect("head and body");
            let subject = head.split("Subject: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let body = STANDARD.decode(body.replace("\r\n", "")).expect("Base64");
            (subject.expect("a subject").to_owned(), String::from_utf8(body).expect("text"))
        })
        .collect()
}

/// The token that begins with `prefix` in the last letter to `address`.
pub(crate) async fn token(desk: &Desk, address: &str, prefix: &str) -> String {
    let letters = letters(desk, address).await;
    let mut words = letters.iter().rev().flat_map(|(_, text)| text.split_whitespace());
    words
        .find(|word| word.starts_with(prefix))
        .unwrap_or_else(|| panic!("no `{prefix}…` in {letters:?}"))
        .to_owned()
}

async fn invite(desk: &Desk, address: &str, role: &str) -> Value {
    desk.post("/v1/users/invitations", &json!({"email": address, "roles": [role]})).await.expect(201)
}

/// Somebody who was invited and has registered; answers their id.
async fn joined(desk: &Desk, address: &str, role: &str) -> String {
    invite(desk, address, role).await;
    let token = token(desk, address, "sci_").await;
    let body = json!({"invitation_token": token, "name": "Ada Lovelace", "password": PASSWORD});
    ask(desk, "/v1/auth/register", &body).await.expect(201)["user_id"].as_str().expect("an id").to_owned()
}

async fn log_in(desk: &Desk, address: &str, password: &str) -> Said {
    ask(desk, "/v1/auth/login", &json!({"email": address, "password": password})).await
}

/// The access token of a sign-in that takes no second factor.
async fn signed_in(desk: &Desk, address: &str) -> String {
    log_in(desk, address, PASSWORD).await.expect(200)["access_token"].as_str().expect("a token").to_owned()
}

/// Everything that is stored, events included, as text.
async fn everything(desk: &Desk) -> String {
    use scorpius_core::{ListQuery, Store};
    let store = &desk.host.local.store;
    let (mut text, mut cursor) = (String::new(), None);
    loop {
        let page = store.scan(0, 1, cursor.as_deref()).await.expect("a scan");
        text += &format!("{:?}", page.records);
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    for shard in 0..scorpius_core::store::OUTBOX_PARTITIONS {
        let page = store.list(&ListQuery::all(format!("outbox#{shard}"))).await.expect("a list");
        text += &format!("{:?}", page.records);
    }
    text
}

/// The events of a type that wait in the outbox. `desk` must not have settled since.
async fn told(desk: &Desk, kind: &str) -> Vec<Value> {
    use scorpius_core::{ListQuery, Store};
    let mut found = Vec::new();
    for shard in 0..scorpius_core::store::OUTBOX_PARTITIONS {
        let page =
            desk.host.local.store.list(&ListQuery::all(format!("outbox#{shard}"))).await.expect("a list");
        let events = page.records.iter().map(|record| record.document::<Value>().expect("an event"));
        found.extend(events.filter(|event| event["type"] == format!("scorpius.identity.{kind}.v1")));
    }
    found
}

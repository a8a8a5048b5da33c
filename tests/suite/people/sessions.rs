//! What an administrator does with other people's sessions.

use serde_json::{Value, json};

use super::{PASSWORD, ask, ask_as, joined, log_in, told};
use crate::desk::{Desk, Said};

const ADA: &str = "ada@example.com";
const ROOT: &str = "root@example.com";

/// Somebody's session: its id, its access token and its refresh token.
struct Held {
    id: String,
    access: String,
    refresh: String,
}

impl Held {
    async fn by(desk: &Desk, address: &str) -> Self {
        let said = log_in(desk, address, PASSWORD).await.expect(200);
        let text = |name: &str| said[name].as_str().expect("a text").to_owned();
        Self { id: text("session_id"), access: text("access_token"), refresh: text("refresh_token") }
    }

    async fn asks(&self, desk: &Desk, method: &str, path: &str) -> Said {
        ask_as(desk, &self.access, method, path, &Value::Null).await
    }

    /// Whether it counts: both tokens, or neither.
    async fn lives(&mut self, desk: &Desk) -> bool {
        let seen = self.asks(desk, "GET", "/v1/account").await.status;
        let next = ask(desk, "/v1/auth/refresh", &json!({"refresh_token": self.refresh})).await;
        match (seen, next.status) {
            (200, 200) => {
                self.access = next.text("access_token").to_owned();
                self.refresh = next.text("refresh_token").to_owned();
                true
            }
            (401, 401) => false,
            other => panic!("a session of two minds: {other:?}"),
        }
    }
}

fn ids(list: &Value) -> Vec<&str> {
    let sessions = list["sessions"].as_array().expect("a list");
    sessions.iter().map(|session| session["session_id"].as_str().expect("an id")).collect()
}

/// The one event of `kind` that waits: its actor and its data.
async fn only(desk: &Desk, kind: &str) -> (Value, Value) {
    let events = told(desk, kind).await;
    let [event] = events.as_slice() else { panic!("one event: {events:?}") };
    (event["actor"].clone(), event["data"].clone())
}

#[tokio::test]
async fn an_administrator_sees_and_ends_another_s_sessions_at_once() {
    let desk = Desk::open().await;
    let (ada, root) = (joined(&desk, ADA, "viewer").await, joined(&desk, ROOT, "admin").await);
    desk.settle().await;
    let (mut first, as_root) = (Held::by(&desk, ADA).await, Held::by(&desk, ROOT).await);
    desk.clock.advance_ms(1_000);
    let mut second = Held::by(&desk, ADA).await;
    let all = format!("/v1/users/{ada}/sessions");

    let list = as_root.asks(&desk, "GET", &all).await.expect(200);
    assert_eq!(ids(&list), [second.id.as_str(), first.id.as_str()]);
    let shown = &list["sessions"][1];
    assert_eq!((&shown["agent"], &shown["acr"]), (&json!(super::AGENT), &json!("aal1")));
    assert_eq!(shown.get("network"), None, "the address that it began from is for its user alone");
    let page = as_root.asks(&desk, "GET", &format!("{all}?limit=1")).await.expect(200);
    assert_eq!(ids(&page), [second.id.as_str()]);
    let cursor = page["pagination"]["next_cursor"].as_str().expect("there is more");
    let page = as_root.asks(&desk, "GET", &format!("{all}?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!(ids(&page), [first.id.as_str()]);
    as_root.asks(&desk, "GET", &format!("/v1/users/{root}/sessions?cursor={cursor}")).await.expect(400);

    let one = format!("{all}/{}", first.id);
    for _ in 0..2 {
        as_root.asks(&desk, "DELETE", &one).await.expect(204);
    }
    assert!(!first.lives(&desk).await);
    assert!(second.lives(&desk).await);
    let data = json!({"session_id": first.id, "user_id": ada, "reason": "revoked"});
    assert_eq!(only(&desk, "session_ended").await, (json!(root), data));
    assert_eq!(ids(&as_root.asks(&desk, "GET", &all).await.expect(200)), [second.id.as_str()]);

    as_root.asks(&desk, "DELETE", &all).await.expect(204);
    assert!(!second.lives(&desk).await);
    let (actor, data) = only(&desk, "sessions_ended").await;
    assert_eq!((actor, &data["user_id"]), (json!(root), &json!(ada)));
    assert!(ids(&as_root.asks(&desk, "GET", &all).await.expect(200)).is_empty());
    // Nothing else is taken from her.
    desk.clock.advance_ms(1_000);
    assert!(Held::by(&desk, ADA).await.lives(&desk).await);
    // A key of the tenant's administrators does the same.
    desk.ask("DELETE", &all, &[("x-api-key", &desk.api_key)], b"").await.expect(204);
    assert!(ids(&desk.get(&all).await.expect(200)).is_empty());
}

#[tokio::test]
async fn nobody_ends_a_session_that_is_not_theirs_to_end() {
    let desk = Desk::open().await;
    let (ada, root) = (joined(&desk, ADA, "viewer").await, joined(&desk, ROOT, "admin").await);
    let bob = joined(&desk, "bob@example.com", "auditor").await;
    let (mut as_ada, mut as_root) = (Held::by(&desk, ADA).await, Held::by(&desk, ROOT).await);
    let as_bob = Held::by(&desk, "bob@example.com").await;
    let of = |user: &str| format!("/v1/users/{user}/sessions");
    let one = format!("{}/{}", of(&ada), as_ada.id);

    // Who may not.
    as_ada.asks(&desk, "GET", &of(&root)).await.expect(403);
    as_bob.asks(&desk, "GET", &of(&ada)).await.expect(200);
    for path in [&of(&ada), &one] {
        as_ada.asks(&desk, "DELETE", path).await.expect(403);
        as_bob.asks(&desk, "DELETE", path).await.expect(403);
    }
    // Another tenant finds nobody.
    let other = desk.second_tenant().await;
    for (method, path) in [("GET", &of(&ada)), ("DELETE", &of(&ada)), ("DELETE", &one)] {
        desk.ask(method, path, &[("x-api-key", &other)], b"").await.expect(404);
    }
    // What is not there, and what is somebody else's.
    let stranger = "usr_019ab5d2a0007c3e8f2b6a51d4e09c77";
    for (method, path) in [
        ("GET", of(stranger)),
        ("DELETE", of(stranger)),
        ("DELETE", format!("{}/{}", of(stranger), as_ada.id)),
        ("DELETE", format!("{}/{}", of(&bob), as_ada.id)),
        ("DELETE", format!("{}/ses_019ab5d2a0007c3e8f2b6a51d4e09c77", of(&ada))),
        ("DELETE", format!("{}/{ada}", of(&ada))),
        ("DELETE", of("root")),
    ] {
        as_root.asks(&desk, method, &path).await.expect(404);
    }
    // One's own have doors of their own, which take cookies back, too.
    assert_eq!(ids(&as_root.asks(&desk, "GET", &of(&root)).await.expect(200)), [as_root.id.as_str()]);
    as_root.asks(&desk, "DELETE", &of(&root)).await.expect(403);
    as_root.asks(&desk, "DELETE", &format!("{}/{}", of(&root), as_root.id)).await.expect(403);

    // Whose proof is old proves again.
    for _ in 0..2 {
        desk.clock.advance_ms(360_000);
        assert!(as_root.lives(&desk).await);
        assert!(as_ada.lives(&desk).await);
    }
    as_root.asks(&desk, "GET", &of(&ada)).await.expect(200);
    for path in [&of(&ada), &one] {
        assert_eq!(as_root.asks(&desk, "DELETE", path).await.text("code"), "step-up-required");
    }
    assert!(as_ada.lives(&desk).await, "through all of it");
    let proof = json!({"password": PASSWORD});
    let raised = ask_as(&desk, &as_root.access, "POST", "/v1/auth/step-up", &proof).await;
    as_root.access = raised.text("access_token").to_owned();
    as_root.asks(&desk, "DELETE", &one).await.expect(204);
    assert!(!as_ada.lives(&desk).await);
}

#[tokio::test]
async fn sessions_of_whoever_was_erased_are_nobody_s() {
    let desk = Desk::open().await;
    let ada = joined(&desk, ADA, "viewer").await;
    let mut as_ada = Held::by(&desk, ADA).await;
    let key = [("x-api-key", desk.api_key.as_str())];
    desk.ask("DELETE", &format!("/v1/users/{ada}"), &key, b"").await.expect(200);
    assert!(!as_ada.lives(&desk).await);
    let all = format!("/v1/users/{ada}/sessions");
    for (method, path) in
        [("GET", all.clone()), ("DELETE", all.clone()), ("DELETE", format!("{all}/{}", as_ada.id))]
    {
        desk.ask(method, &path, &key, b"").await.expect(404);
    }
}

//! Everybody who could ask.

use scorpius_core::{CommitId, Condition, Key, Store, Write};
use scorpius_edge::Role;
use scorpius_identity::ApiSecret;
use scorpius_token::{User, UserStatus};
use serde_json::{Value, json};

use crate::desk::Desk;

/// What somebody sends to be known.
pub(crate) type Headers = Vec<(&'static str, String)>;

/// With an API key.
pub(crate) fn by_key(key: &str) -> Headers {
    vec![("x-api-key", key.to_owned())]
}

/// With a token.
pub(crate) fn by_token(token: &str) -> Headers {
    vec![("authorization", format!("Bearer {token}"))]
}

/// A key of the first tenant with one role, cut down to `permissions`.
pub(crate) async fn key(desk: &Desk, role: Role, permissions: Option<&[&str]>) -> String {
    let named = if role == Role::Operator { Role::Admin } else { role };
    let mut asked = json!({"name": "matrix", "roles": [named]});
    if let Some(permissions) = permissions {
        asked["permissions"] = json!(permissions);
    }
    let made = desk.post("/v1/auth/api-keys", &asked).await;
    let key = made.text("api_key").to_owned();
    // No door gives this role, so the record is changed.
    if role == Role::Operator {
        change(desk, &key, |record| record["roles"] = json!(["operator"])).await;
    }
    key
}

/// Cuts the stored key down to `permission`, which need not be one that a door gives.
pub(crate) async fn cut_down(desk: &Desk, key: &str, role: Role, permission: &str) {
    change(desk, key, |record| {
        record["roles"] = json!([role]);
        record["permissions"] = json!([permission]);
    })
    .await;
}

async fn change(desk: &Desk, key: &str, change: impl FnOnce(&mut Value)) {
    let secret: ApiSecret = key.parse().expect("a key");
    let at = Key::new(format!("{}#apikey", secret.tenant()), secret.key_id());
    let store = &desk.host.local.store;
    let record = store.get(&at).await.expect("a store").expect("a key");
    let mut document: Value = record.document().expect("a key");
    change(&mut document);
    let put = Write::put(at, &document, Condition::Always);
    store.commit(CommitId::new(&*desk.clock), &[put]).await.expect("a commit");
}

/// A person who has just signed in.
pub(crate) async fn person(desk: &Desk, role: Role) -> Headers {
    by_token(&desk.person(role).await.access_token)
}

/// A person who was disabled since.
pub(crate) async fn disabled(desk: &Desk, role: Role) -> Headers {
    let person = desk.person(role).await;
    let at = User::at(&person.session.tenant, &person.session.user);
    let store = &desk.host.local.store;
    let user: User = store.get(&at).await.expect("a store").expect("a user").document().expect("a user");
    let put = Write::put(at, &User { status: UserStatus::Disabled, ..user }, Condition::Always);
    store.commit(CommitId::new(&*desk.clock), &[put]).await.expect("a commit");
    by_token(&person.access_token)
}

/// Tokens that counted once: of a key that was revoked, and of a session that was ended.
pub(crate) async fn stale(desk: &Desk) -> [Headers; 2] {
    let key = desk.post("/v1/auth/api-keys", &json!({"name": "stale", "roles": ["admin"]})).await;
    let headers = [("x-api-key", key.text("api_key"))];
    let token = desk.ask("POST", "/v1/auth/token", &headers, b"").await;
    desk.ask("DELETE", &format!("/v1/auth/api-keys/{}", key.text("key_id")), &[], b"").await.expect(204);
    let person = person(desk, Role::Admin).await;
    let headers: Vec<_> = person.iter().map(|(name, value)| (*name, value.as_str())).collect();
    desk.ask("POST", "/v1/auth/logout", &headers, b"").await.expect(204);
    [by_token(token.text("access_token")), person]
}

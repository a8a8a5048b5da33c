//! What people hold between requests, on the real host: sessions, their tokens, and how they end.

use scorpius_core::{CommitId, Condition, Store, Write};
use scorpius_edge::Role;
use scorpius_token::{Tenant, TenantStatus, User, UserStatus};
use serde_json::{Value, json};

use crate::desk::{Desk, Said};

const JSON: (&str, &str) = ("content-type", "application/json");

/// Someone with a bearer token.
struct Signed<'d> {
    desk: &'d Desk,
    bearer: String,
}

impl Signed<'_> {
    async fn ask(&self, method: &str, path: &str, body: Value) -> Said {
        let headers = [("authorization", self.bearer.as_str()), JSON];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.desk.ask(method, path, &headers, body.as_bytes()).await
    }

    async fn status(&self) -> u16 {
        self.ask("GET", "/v1/auth/sessions", Value::Null).await.status
    }
}

fn signed<'d>(desk: &'d Desk, token: &str) -> Signed<'d> {
    Signed { desk, bearer: format!("Bearer {token}") }
}

async fn refresh(desk: &Desk, token: &str) -> Said {
    desk.post("/v1/auth/refresh", &json!({"refresh_token": token})).await
}

#[tokio::test]
async fn a_person_sees_and_ends_their_own_sessions_and_nobody_else_s() {
    let desk = Desk::open().await;
    let (ada, bob) = (desk.person(Role::Viewer).await, desk.person(Role::Admin).await);
    let (as_ada, as_bob) = (signed(&desk, &ada.access_token), signed(&desk, &bob.access_token));
    let mine = as_ada.ask("GET", "/v1/auth/sessions", Value::Null).await.expect(200);
    let [only] = mine["sessions"].as_array().expect("a list").as_slice() else { panic!("{mine}") };
    assert_eq!((&only["session_id"], &only["current"]), (&json!(ada.session.id), &json!(true)));
    // Another's session is not there, for an administrator too.
    let path = format!("/v1/auth/sessions/{}", ada.session.id);
    as_bob.ask("DELETE", &path, Value::Null).await.expect(404);
    // A key is nobody who could have sessions.
    desk.get("/v1/auth/sessions").await.expect(403);
    let next = refresh(&desk, &ada.refresh_token).await.expect(200);
    assert_eq!(next["session_id"], json!(ada.session.id));
    as_ada.ask("POST", "/v1/auth/logout", Value::Null).await.expect(204);
    assert_eq!(as_ada.status().await, 401, "at once");
    refresh(&desk, next["refresh_token"].as_str().expect("a token")).await.expect(401);
    assert_eq!(as_bob.status().await, 200);
    as_bob.ask("DELETE", "/v1/auth/sessions", Value::Null).await.expect(204);
    assert_eq!(as_bob.status().await, 401);
}

#[tokio::test]
async fn a_disabled_person_or_a_suspended_tenant_is_shut_out_at_once_on_every_path() {
    let desk = Desk::open().await;
    let ada = desk.person(Role::Security).await;
    let as_ada = signed(&desk, &ada.access_token);
    let store = &desk.host.local.store;
    let (user_at, tenant_at) =
        (User::at(&ada.session.tenant, &ada.session.user), Tenant::at(&ada.session.tenant));
    let user: User = store.get(&user_at).await.expect("a store").expect("a user").document().expect("a user");
    let tenant: Tenant =
        store.get(&tenant_at).await.expect("a store").expect("a tenant").document().expect("a tenant");
    let put = async |write: Write| {
        store.commit(CommitId::new(&*desk.clock), &[write]).await.expect("a commit");
    };
    let disabled = User { status: UserStatus::Disabled, ..user.clone() };
    let suspended = Tenant { status: TenantStatus::Suspended, ..tenant.clone() };
    for (out, back) in [
        (
            Write::put(user_at.clone(), &disabled, Condition::Always),
            Write::put(user_at.clone(), &user, Condition::Always),
        ),
        (
            Write::put(tenant_at.clone(), &suspended, Condition::Always),
            Write::put(tenant_at.clone(), &tenant, Condition::Always),
        ),
    ] {
        assert_eq!(as_ada.status().await, 200);
        put(out).await;
        assert_eq!(as_ada.status().await, 401);
        refresh(&desk, &ada.refresh_token).await.expect(401);
        put(back).await;
    }
    // What was refused was not used up.
    refresh(&desk, &ada.refresh_token).await.expect(200);
    // The exchange of a key asks the same gate.
    let suspended = Tenant { status: TenantStatus::Suspended, ..tenant };
    put(Write::put(tenant_at, &suspended, Condition::Always)).await;
    desk.post("/v1/auth/token", &json!({})).await.expect(401);
}

#[tokio::test]
async fn a_refresh_token_that_comes_again_too_late_ends_the_session_and_tells_the_webhooks() {
    let desk = Desk::open().await;
    let ada = desk.person(Role::Security).await;
    let hook =
        json!({"url": "https://hooks.example.com/", "events": ["scorpius.identity.refresh_token_reused.v1"]});
    let hook = desk.post("/v1/config/webhooks", &hook).await.expect(201);
    let next = refresh(&desk, &ada.refresh_token).await.expect(200);
    desk.clock.advance_ms(31_000);
    let refused = refresh(&desk, &ada.refresh_token).await;
    assert_eq!((refused.status, refused.text("code")), (401, "session-over"));
    refresh(&desk, next["refresh_token"].as_str().expect("a token")).await.expect(401);
    assert_eq!(signed(&desk, next["access_token"].as_str().expect("a token")).status().await, 401);
    desk.settle().await;
    let path = format!("/v1/config/webhooks/{}/deliveries", hook["id"].as_str().expect("an id"));
    let deliveries = desk.get(&path).await.expect(200);
    assert_eq!(deliveries["deliveries"].as_array().map(Vec::len), Some(1), "{deliveries}");
}

#[tokio::test]
async fn whatever_a_token_stands_for_can_be_revoked_by_whoever_holds_it() {
    let desk = Desk::open().await;
    let revoke = async |token: &str| {
        desk.post("/v1/auth/revoke", &json!({"token": token})).await.expect(204);
    };
    let (ada, bob) = (desk.person(Role::Viewer).await, desk.person(Role::Viewer).await);
    revoke(&ada.refresh_token).await;
    assert_eq!(signed(&desk, &ada.access_token).status().await, 401);
    revoke(&bob.access_token).await;
    refresh(&desk, &bob.refresh_token).await.expect(401);
    // A key's token alone: the key and its other tokens count still.
    let (one, two) =
        (desk.post("/v1/auth/token", &json!({})).await, desk.post("/v1/auth/token", &json!({})).await);
    for _ in 0..2 {
        revoke(one.text("access_token")).await;
    }
    let list = async |token: &str| {
        let bearer = format!("Bearer {token}");
        desk.ask("GET", "/v1/auth/api-keys", &[("authorization", &bearer)], b"").await.status
    };
    assert_eq!(list(one.text("access_token")).await, 401);
    assert_eq!(list(two.text("access_token")).await, 200);
    for nonsense in ["", "x", "scr_", "a.b.c"] {
        revoke(nonsense).await;
    }
}

#[tokio::test]
async fn introspection_tells_of_the_own_tenant_s_tokens_that_count_and_of_nothing_else() {
    let desk = Desk::open().await;
    let ada = desk.person(Role::Viewer).await;
    let look =
        async |token: &str| desk.post("/v1/auth/introspect", &json!({"token": token})).await.expect(200);
    let inactive = json!({"active": false});
    let access = look(&ada.access_token).await;
    assert_eq!(
        (&access["active"], &access["sub"], &access["acr"]),
        (&json!(true), &json!(ada.session.user), &json!("aal1"))
    );
    let before = look(&ada.refresh_token).await;
    assert_eq!((&before["active"], &before["token_type"]), (&json!(true), &json!("refresh_token")));
    refresh(&desk, &ada.refresh_token).await.expect(200);
    assert_eq!(look(&ada.refresh_token).await, inactive, "it was used");
    assert_eq!(look("a.b.c").await, inactive);
    let other = desk.second_tenant().await;
    let body = json!({"token": ada.access_token.as_str()}).to_string();
    let asked =
        desk.ask("POST", "/v1/auth/introspect", &[("x-api-key", &other), JSON], body.as_bytes()).await;
    assert_eq!(asked.expect(200), inactive);
    signed(&desk, &ada.access_token).ask("POST", "/v1/auth/logout", Value::Null).await.expect(204);
    assert_eq!(look(&ada.access_token).await, inactive);
}

#[tokio::test]
async fn clients_find_keys_and_doors_by_the_discovery_documents() {
    let desk = Desk::open().await;
    let server = desk.get("/.well-known/oauth-authorization-server").await.expect(200);
    let issuer = server["issuer"].as_str().expect("an issuer");
    let jwks = server["jwks_uri"].as_str().and_then(|uri| uri.strip_prefix(issuer)).expect("a path");
    let keys = desk.get(jwks).await.expect(200);
    let resource = desk.get("/.well-known/oauth-protected-resource").await.expect(200);
    assert_eq!(resource["authorization_servers"], json!([issuer]));
    for door in ["token_endpoint", "revocation_endpoint", "introspection_endpoint"] {
        let path = server[door].as_str().and_then(|uri| uri.strip_prefix(issuer)).expect("a path");
        assert!(desk.host.manifest.routes().any(|(_, route, _)| route == format!("POST {path}")), "{path}");
    }
    let token = desk.post("/v1/auth/token", &json!({})).await;
    let header = token.text("access_token").split('.').next().expect("a header").to_owned();
    let header = String::from_utf8(base64_url(&header)).expect("JSON");
    let header: Value = serde_json::from_str(&header).expect("JSON");
    assert_eq!(header["kid"], keys["keys"][0]["kid"]);
}

fn base64_url(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).expect("Base64url")
}

use scorpius_core::{Attributes, Condition, Key, Write};
use scorpius_edge::{Anonymous, Caller, Role, Strength};
use serde_json::{Value, json};

use super::*;
use crate::bootstrap::{BootstrapError, bootstrap, recover};
use crate::keys::KEYS_MAX;
use crate::testing::{World, json};

const KEYS: &str = "POST /v1/auth/api-keys";
const LIST: &str = "GET /v1/auth/api-keys";
const REVOKE: &str = "DELETE /v1/auth/api-keys/{id}";
const TOKEN: &str = "POST /v1/auth/token";

#[tokio::test]
async fn of_two_first_starts_at_once_one_makes_the_key() {
    let world = World::new().await;
    let store = scorpius_local::SqliteStore::in_memory(world.clock.clone()).expect("a store");
    let starts = [bootstrap(&store, &*world.clock, "a"), bootstrap(&store, &*world.clock, "b")];
    let [first, second] = starts;
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_ok() != second.is_ok());
    let lost = first.err().or(second.err()).expect("one lost");
    assert!(matches!(lost, BootstrapError::AlreadyDone));
    assert!(matches!(bootstrap(&store, &*world.clock, "c").await, Err(BootstrapError::AlreadyDone)));
    assert!(matches!(bootstrap(&store, &*world.clock, "\n").await, Err(BootstrapError::Name)));
}

#[tokio::test]
async fn whoever_holds_the_store_gets_back_in() {
    let world = World::new().await;
    world.suspend(&world.first.tenant).await;
    let revoked = Caller::Anonymous(Anonymous::RevokedCredential);
    assert_eq!(world.caller(&[("x-api-key", &world.first.api_key)]).await, revoked);
    let again = recover(&*world.store, &*world.clock, "after an accident", None).await.expect("a key");
    assert_eq!(again.tenant, world.first.tenant);
    let Caller::Known(principal) = world.caller(&[("x-api-key", &again.api_key)]).await else {
        panic!("the new key counts")
    };
    assert_eq!(principal.roles, [Role::Admin, Role::Operator]);
    let empty = scorpius_local::SqliteStore::in_memory(world.clock.clone()).expect("a store");
    assert!(matches!(recover(&empty, &*world.clock, "x", None).await, Err(BootstrapError::NotDone)));
}

#[tokio::test]
async fn a_key_is_shown_once_and_stored_as_a_hash() {
    let world = World::new().await;
    let body = json!({"name": "scanner in CI", "permissions": ["scan:*"], "rate_limit": 60,
        "expires_at": "2027-01-01T00:00:00Z"});
    let answer = world.ask(KEYS, ("x-api-key", &world.first.api_key), &body).await;
    assert_eq!(answer.status_code, 201);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let mut made = json(&answer);
    let secret = made["api_key"].take();
    let secret = secret.as_str().expect("a secret");
    let key_id = made["key_id"].take();
    assert!(secret.starts_with("sk_rest_"));
    assert_eq!(
        made,
        json!({"api_key": null, "key_id": null, "name": "scanner in CI", "kind": "restricted", "roles": ["admin"],
            "permissions": ["scan:*"], "rate_limit": 60, "held_by": world.first.key_id, "created_at": "2026-11-21T09:40:40.000Z",
            "expires_at": "2027-01-01T00:00:00.000Z"})
    );
    let Caller::Known(principal) = world.caller(&[("x-api-key", secret)]).await else { panic!("it counts") };
    assert_eq!(principal.subject, key_id);
    assert_eq!(principal.strength, Strength::ApiKey);
    assert_eq!(principal.scopes, Some(vec!["scan:*".to_owned()]));

    let list = world.ask(LIST, ("x-api-key", &world.first.api_key), &Value::Null).await;
    assert_eq!(json(&list)["api_keys"][1]["key_id"], key_id);
    let (records, outbox) = world.everything().await;
    for text in [records.as_str(), outbox.as_str(), list.body.as_str()] {
        assert!(!text.contains(secret) && !text.contains(&secret[52..]));
    }
    assert!(!outbox.contains("scanner in CI"), "names of keys do not travel");
    assert_eq!(outbox.matches("scorpius.identity.api_key_created.v1").count(), 2);
}

#[tokio::test]
async fn the_same_idempotency_key_gets_the_same_secret_and_the_store_never_has_it_in_clear() {
    let world = World::new().await;
    let headers = [("x-api-key", world.first.api_key.as_str()), ("idempotency-key", "once-1")];
    for (route, secret_at, body) in
        [(KEYS, "api_key", json!({"name": "a"})), (TOKEN, "access_token", json!({}))]
    {
        let first = world.ask_with(route, &headers, "", &body).await;
        let again = world.ask_with(route, &headers, "", &body).await;
        assert_eq!((first.status_code, &first.body), (again.status_code, &again.body));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        let (records, outbox) = world.everything().await;
        let secret = json(&first)[secret_at].as_str().expect("a secret").to_owned();
        assert!(!records.contains(&secret) && !outbox.contains(&secret));
    }
    let other = world.ask_with(KEYS, &headers, "", &json!({"name": "b"})).await;
    assert_eq!(other.status_code, 409);
    let list = world.ask(LIST, headers[0], &Value::Null).await;
    assert_eq!(json(&list)["api_keys"].as_array().expect("keys").len(), 2);
}

#[tokio::test]
async fn revoking_ends_a_key_and_its_tokens_at_once_and_again_is_fine() {
    let world = World::new().await;
    let admin = ("x-api-key", world.first.api_key.as_str());
    let (id, key) = world.make_key(admin.1, json!({"name": "a"})).await;
    let bearer = format!("Bearer {}", world.token(&key).await);
    assert!(matches!(world.caller(&[("authorization", &bearer)]).await, Caller::Known(_)));
    for _ in 0..2 {
        let answer = world.ask_with(REVOKE, &[admin], &id, &Value::Null).await;
        assert_eq!((answer.status_code, answer.body.as_str()), (204, ""));
    }
    let revoked = Caller::Anonymous(Anonymous::RevokedCredential);
    assert_eq!(world.caller(&[("x-api-key", &key)]).await, revoked);
    assert_eq!(world.caller(&[("authorization", &bearer)]).await, revoked);
    let (_, outbox) = world.everything().await;
    assert_eq!(outbox.matches("scorpius.identity.api_key_revoked.v1").count(), 1);
    assert_eq!(outbox.matches("scorpius.identity.token_issued.v1").count(), 1);
    let list = world.ask(LIST, admin, &Value::Null).await;
    assert_eq!(json(&list)["api_keys"][1]["revoked_at"], "2026-11-21T09:40:40.000Z");
}

#[tokio::test]
async fn two_revocations_at_once_are_one() {
    let world = World::new().await;
    let admin = [("x-api-key", world.first.api_key.as_str())];
    let (id, _) = world.make_key(admin[0].1, json!({"name": "a"})).await;
    let (one, two) = tokio::join!(
        world.ask_with(REVOKE, &admin, &id, &Value::Null),
        world.ask_with(REVOKE, &admin, &id, &Value::Null)
    );
    assert_eq!((one.status_code, two.status_code), (204, 204));
    let (_, outbox) = world.everything().await;
    assert_eq!(outbox.matches("scorpius.identity.api_key_revoked.v1").count(), 1);
}

#[tokio::test]
async fn another_tenant_s_key_does_not_exist() {
    let world = World::new().await;
    let (_, other_id, other_key) = world.other_tenant().await;
    let admin = [("x-api-key", world.first.api_key.as_str())];
    for id in [other_id.as_str(), "key_1", "", "key_00000000000000000000000000000000", "../x", "é"] {
        let answer = world.ask_with(REVOKE, &admin, id, &Value::Null).await;
        assert_eq!((answer.status_code, json(&answer)["code"].clone()), (404, json!("not-found")), "{id}");
    }
    assert!(matches!(world.caller(&[("x-api-key", &other_key)]).await, Caller::Known(_)));
    let list = world.ask(LIST, ("x-api-key", &other_key), &Value::Null).await;
    let keys = json(&list)["api_keys"].clone();
    assert_eq!((keys.as_array().expect("keys").len(), &keys[0]["key_id"]), (1, &json!(other_id)));
}

#[tokio::test]
async fn no_key_is_made_with_more_than_its_maker_has() {
    let world = World::new().await;
    let narrow =
        json!({"name": "n", "permissions": ["key:*", "risk:read"], "expires_at": "2026-12-01T00:00:00Z"});
    let (_, narrow) = world.make_key(&world.first.api_key, narrow).await;
    let token = format!("Bearer {}", world.token(&narrow).await);
    for credential in [("x-api-key", narrow.as_str()), ("authorization", token.as_str())] {
        for (body, status) in [
            (json!({"name": "x", "permissions": ["risk:read"]}), 201),
            (json!({"name": "x", "roles": ["viewer"]}), 201),
            (json!({"name": "x"}), 201),
            (json!({"name": "x", "permissions": ["risk:score"]}), 403),
            (json!({"name": "x", "permissions": ["risk:*"]}), 403),
            (json!({"name": "x", "roles": ["operator"]}), 403),
            (json!({"name": "x", "expires_at": "2026-12-01T00:00:00.001Z"}), 403),
            (json!({"name": "x", "roles": []}), 400),
            (json!({"name": "x", "roles": ["root"]}), 400),
            (json!({"name": "x", "permissions": []}), 400),
            (json!({"name": "x", "permissions": ["admin:read"]}), 400),
            (json!({"name": "x", "permissions": ["*"]}), 400),
            (json!({"name": "x", "rate_limit": 0}), 400),
            (json!({"name": "x", "expires_at": "2026-11-21T09:40:40Z"}), 400),
            (json!({"name": "x", "expires_at": "tomorrow"}), 400),
            (json!({"name": ""}), 400),
            (json!({"name": "a\nb"}), 400),
            (json!({"name": "x".repeat(101)}), 400),
            (json!({"name": "x", "tenant": "ten_1"}), 400),
        ] {
            let answer = world.ask(KEYS, credential, &body).await;
            assert_eq!(answer.status_code, status, "{body} {}", answer.body);
            if status == 201 {
                let made = json(&answer);
                assert_eq!(made["expires_at"], "2026-12-01T00:00:00.000Z", "it ends with its maker");
                assert_eq!(made["kind"], "restricted", "what the maker lacks is not given by silence");
            }
        }
    }
    let unrestricted = json!({"name": "x", "kind": "restricted"});
    assert_eq!(world.ask(KEYS, ("x-api-key", &world.first.api_key), &unrestricted).await.status_code, 400);
}

#[tokio::test]
async fn a_key_revokes_itself_but_none_that_may_do_more() {
    let world = World::new().await;
    let body = json!({"name": "n", "permissions": ["key:write"]});
    let (id, key) = world.make_key(&world.first.api_key, body).await;
    let headers = [("x-api-key", key.as_str())];
    let answer = world.ask_with(REVOKE, &headers, &world.first.key_id, &Value::Null).await;
    assert_eq!(answer.status_code, 403);
    assert_eq!(world.ask_with(REVOKE, &headers, &id, &Value::Null).await.status_code, 204);
    assert_eq!(world.ask_with(REVOKE, &headers, &id, &Value::Null).await.status_code, 401);
}

#[tokio::test]
async fn a_token_is_as_strong_as_its_key_or_weaker_and_is_not_exchanged_again() {
    let world = World::new().await;
    let token = world.token(&world.first.api_key).await;
    let bearer = format!("bearer {token}");
    let Caller::Known(principal) = world.caller(&[("authorization", &bearer)]).await else { panic!("known") };
    assert_eq!(
        (principal.tenant, principal.subject),
        (world.first.tenant.clone(), world.first.key_id.clone())
    );
    assert_eq!((principal.roles, principal.scopes), (vec![Role::Admin, Role::Operator], None));
    assert_eq!(principal.strength, Strength::Token);
    assert_eq!(world.ask(TOKEN, ("authorization", &bearer), &Value::Null).await.status_code, 403);

    let body = json!({"permissions": ["risk:*", "key:read"]});
    let answer = world.ask(TOKEN, ("x-api-key", &world.first.api_key), &body).await;
    let narrow = json(&answer);
    assert_eq!((&narrow["token_type"], &narrow["expires_in"]), (&json!("Bearer"), &json!(600)));
    assert_eq!(narrow["scope"], "risk:* key:read");
    let bearer = format!("Bearer {}", narrow["access_token"].as_str().expect("a token"));
    assert_eq!(world.ask(LIST, ("authorization", &bearer), &Value::Null).await.status_code, 200);
    assert_eq!(world.ask(KEYS, ("authorization", &bearer), &json!({"name": "x"})).await.status_code, 403);
    let (_, key) =
        world.make_key(&world.first.api_key, json!({"name": "v", "permissions": ["risk:read"]})).await;
    let body = json!({"permissions": ["risk:score"]});
    assert_eq!(world.ask(TOKEN, ("x-api-key", &key), &body).await.status_code, 403);
}

#[tokio::test]
async fn a_token_ends_with_its_key() {
    let world = World::new().await;
    let body = json!({"name": "short", "expires_at": "2026-11-21T09:41:40Z"});
    let (_, key) = world.make_key(&world.first.api_key, body).await;
    let answer = world.ask(TOKEN, ("x-api-key", &key), &json!({})).await;
    assert_eq!(json(&answer)["expires_in"], 60);
    let bearer = format!("Bearer {}", json(&answer)["access_token"].as_str().expect("a token"));
    world.clock.advance_ms(60_000);
    let expired = Caller::Anonymous(Anonymous::ExpiredCredential);
    assert_eq!(world.caller(&[("x-api-key", &key)]).await, expired);
    assert_eq!(world.caller(&[("authorization", &bearer)]).await, expired);
}

#[tokio::test]
async fn a_tenant_has_a_bounded_number_of_keys_and_revoking_makes_room() {
    let world = World::new().await;
    let admin = ("x-api-key", world.first.api_key.as_str());
    let (id, _) = world.make_key(admin.1, json!({"name": "a"})).await;
    let count = Key::new(format!("{}#apikey-count", world.first.tenant), "live");
    world.store.add(&count, &[("live", KEYS_MAX - 2)], None, None).await.expect("a count");
    let answer = world.ask(KEYS, admin, &json!({"name": "b"})).await;
    assert_eq!((answer.status_code, json(&answer)["code"].clone()), (409, json!("too-many-api-keys")));
    assert_eq!(world.ask_with(REVOKE, &[admin], &id, &Value::Null).await.status_code, 204);
    assert_eq!(world.ask(KEYS, admin, &json!({"name": "b"})).await.status_code, 201);
}

#[tokio::test]
async fn the_list_goes_on_where_it_ended() {
    let world = World::new().await;
    let admin = ("x-api-key", world.first.api_key.as_str());
    for name in ["a", "b"] {
        world.clock.advance_ms(1);
        world.make_key(admin.1, json!({"name": name})).await;
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = json(&world.ask(&format!("{LIST}?limit=1{cursor}"), admin, &Value::Null).await);
        let keys = page["api_keys"].as_array().expect("keys").iter();
        names.extend(keys.map(|key| key["name"].as_str().expect("a name").to_owned()));
        match page["pagination"]["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["first administrator", "a", "b"]);
    for query in ["limit=0", "limit=201", "limit=x", "cursor=AAAA", "cursor=%"] {
        let answer = world.ask(&format!("{LIST}?{query}"), admin, &Value::Null).await;
        assert_eq!(answer.status_code, 400, "{query}");
    }
}

#[tokio::test]
async fn the_public_key_is_there_for_everyone() {
    let world = World::new().await;
    let answer = world.ask("GET /.well-known/jwks.json", ("accept", "*/*"), &Value::Null).await;
    assert_eq!((answer.status_code, answer.headers["cache-control"].as_str()), (200, "public, max-age=600"));
    let jwk = scorpius_token::jwk::Jwk::ed25519(&world.public_key().await);
    let expected =
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": jwk.x, "kid": jwk.kid});
    assert_eq!(json(&answer), json!({"keys": [expected]}));
}

#[tokio::test]
async fn a_maker_that_is_revoked_meanwhile_makes_nothing() {
    let world = World::new().await;
    let (id, key) = world.make_key(&world.first.api_key, json!({"name": "a"})).await;
    // What the authorizer said before the revocation.
    let Caller::Known(principal) = world.caller(&[("x-api-key", &key)]).await else { panic!("known") };
    let admin = [("x-api-key", world.first.api_key.as_str())];
    assert_eq!(world.ask_with(REVOKE, &admin, &id, &Value::Null).await.status_code, 204);
    for (operation, body) in [("createApiKey", json!({"name": "b"})), ("issueToken", json!({}))] {
        let request = Request {
            operation,
            path: "/".to_owned(),
            parameters: std::collections::BTreeMap::new(),
            query: std::collections::BTreeMap::new(),
            headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
            body: body.to_string().into(),
            caller: Caller::Known(principal.clone()),
            request_id: "req_1".to_owned(),
            network: String::new(),
            received_at: world.clock.now(),
            judge: scorpius_edge::Judge::absent(),
        };
        assert_eq!(handle(&world.auth(), request).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn what_is_stored_and_is_no_key_is_an_error_and_not_a_stranger() {
    let world = World::new().await;
    let key: crate::ApiSecret = world.first.api_key.parse().expect("a key");
    let at = crate::keys::ApiKey::at(key.tenant(), key.key_id());
    let attributes = Attributes::new();
    let broken = Write::Put { key: at, attributes, expires_at: None, condition: Condition::Always };
    world.commit(&[broken]).await;
    let event = scorpius_edge::gateway::AuthorizerEvent {
        headers: [("x-api-key".to_owned(), world.first.api_key.clone())].into(),
        ..Default::default()
    };
    assert!(crate::authorizer::handle(&world.authorizer(), event).await.is_err());
}

#[tokio::test]
async fn every_door_answers_its_example() {
    let world = World::new().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/auth");
    let mut seen = Vec::new();
    for file in std::fs::read_dir(folder).expect("examples") {
        let json = std::fs::read_to_string(file.expect("a file").path()).expect("text");
        let event: scorpius_edge::HttpEvent = serde_json::from_str(&json).expect("an event");
        let route = event.route_key.clone();
        let answer = world.serve(event).await;
        // The example's key is in no store: who may list and look gets an answer, who would change is refused.
        let expected = match route.as_str() {
            LIST | "POST /v1/auth/introspect" => 200,
            known if known.starts_with("GET /.well-known/") => 200,
            "POST /v1/auth/revoke" | "POST /v1/auth/api-keys/leaked" => 204,
            // The token, or the person behind it, is nowhere.
            KEYS | TOKEN | "POST /v1/auth/refresh" | "POST /v1/auth/api-keys/{id}/rotate" => 401,
            "GET /v1/auth/sessions" | "DELETE /v1/auth/sessions" => 401,
            REVOKE | "DELETE /v1/auth/sessions/{id}" | "POST /v1/auth/logout" => 404,
            "PUT /v1/admin/tenants/{id}/tier" => 404,
            other => panic!("no door {other}"),
        };
        assert_eq!(answer.status_code, expected, "{route}");
        seen.push(route);
    }
    for operation in operations() {
        assert!(seen.iter().any(|route| route == operation.route), "no example for {}", operation.route);
    }
}

#[tokio::test]
async fn the_authorizer_answers_its_examples() {
    let world = World::new().await;
    for (file, expected) in [
        ("api-key", Anonymous::InvalidCredential),
        ("bearer", Anonymous::InvalidCredential),
        ("no-credential", Anonymous::NoCredential),
    ] {
        let path = format!("{}/../../events/authorizer/{file}.json", env!("CARGO_MANIFEST_DIR"));
        let json = std::fs::read_to_string(path).expect("text");
        let event: scorpius_edge::gateway::AuthorizerEvent = serde_json::from_str(&json).expect("an event");
        if let Some(key) = event.headers.get("x-api-key") {
            key.parse::<crate::ApiSecret>().expect("a well-formed key of nobody");
        }
        let answer = crate::authorizer::handle(&world.authorizer(), event).await.expect("the store answers");
        let caller: Caller = serde_json::from_str(&answer.context.caller).expect("a caller");
        assert_eq!(caller, Caller::Anonymous(expected));
    }
}

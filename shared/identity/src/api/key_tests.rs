//! Keys as they are used, rotated and lost.

use std::sync::Arc;

use scorpius_core::{Condition, Event, ListQuery, UnixMillis, Write};
use scorpius_edge::gateway::{AuthorizerAnswerContext, AuthorizerContext, HttpEvent};
use scorpius_edge::{Anonymous, Assurance, Caller, Factor, HttpAnswer, Principal, Role, SignIn, Strength};
use scorpius_local::{Asked, ScriptedStore};
use scorpius_token::{User, UserStatus};
use serde_json::{Value, json};

use crate::LastUsed;
use crate::authorizer;
use crate::testing::{NOW, World, json};

const KEYS: &str = "POST /v1/auth/api-keys";
const LIST: &str = "GET /v1/auth/api-keys";
const REVOKE: &str = "DELETE /v1/auth/api-keys/{id}";
const ROTATE: &str = "POST /v1/auth/api-keys/{id}/rotate";
const LEAKED: &str = "POST /v1/auth/api-keys/leaked";

async fn counts(world: &World, key: &str) -> bool {
    matches!(world.caller(&[("x-api-key", key)]).await, Caller::Known(_))
}

async fn rotate(world: &World, by: &str, id: &str, body: &Value) -> HttpAnswer {
    world.ask_with(ROTATE, &[("x-api-key", by)], id, body).await
}

async fn rotated(world: &World, by: &str, id: &str, body: &Value) -> String {
    let answer = rotate(world, by, id, body).await;
    assert_eq!(answer.status_code, 200, "{}", answer.body);
    json(&answer)["api_key"].as_str().expect("a secret").to_owned()
}

async fn report(world: &World, text: &str) -> HttpAnswer {
    world.ask(LEAKED, ("accept", "*/*"), &json!({"api_key": text})).await
}

/// Types and sequences of the events about `id`, in their order.
async fn told(world: &World, id: &str) -> Vec<(String, u64)> {
    let mut events = Vec::new();
    for shard in 0..scorpius_core::store::OUTBOX_PARTITIONS {
        let rows =
            world.store.list(&ListQuery::all(format!("outbox#{shard}"))).await.expect("a list").records;
        events.extend(rows.iter().map(|row| row.document::<Event>().expect("an event")));
    }
    events.retain(|event| event.aggregate == id);
    events.sort_by_key(|event| event.sequence);
    let short = |kind: &str| kind.replace("scorpius.identity.api_key_", "").replace(".v1", "");
    events.iter().map(|event| (short(&event.kind), event.sequence)).collect()
}

#[tokio::test]
async fn a_rotated_key_has_two_secrets_for_its_overlap_and_then_one() {
    let world = World::new().await;
    let admin = world.first.api_key.as_str();
    let (id, old) = world.make_key(admin, json!({"name": "a", "permissions": ["risk:read"]})).await;
    let answer = rotate(&world, admin, &id, &json!({"overlap_s": 3_600})).await;
    assert_eq!((answer.status_code, answer.headers["cache-control"].as_str()), (200, "no-store"));
    let mut said = json(&answer);
    let new = said["api_key"].take().as_str().expect("a secret").to_owned();
    assert_eq!(
        said,
        json!({"api_key": null, "key_id": id, "name": "a", "kind": "restricted", "roles": ["admin"],
            "permissions": ["risk:read"], "held_by": world.first.key_id, "created_at": "2026-11-21T09:40:40.000Z",
            "rotated_at": "2026-11-21T09:40:40.000Z", "previous_valid_until": "2026-11-21T10:40:40.000Z"})
    );
    assert!(old != new && new.starts_with("sk_rest_"));
    assert!(counts(&world, &old).await && counts(&world, &new).await);
    world.clock.advance_ms(3_600_000 - 1);
    assert!(counts(&world, &old).await);
    world.clock.advance_ms(1);
    assert!(!counts(&world, &old).await && counts(&world, &new).await);

    let (records, outbox) = world.everything().await;
    for secret in [&old, &new] {
        assert!(!records.contains(secret.as_str()) && !outbox.contains(secret.as_str()));
    }
    // At once, and the one before the last does not come back.
    let newest = rotated(&world, admin, &id, &json!({"overlap_s": 0})).await;
    assert!(!counts(&world, &old).await && !counts(&world, &new).await && counts(&world, &newest).await);
    assert_eq!(world.ask_with(REVOKE, &[("x-api-key", admin)], &id, &Value::Null).await.status_code, 204);
    let facts = [("created", 1), ("rotated", 2), ("rotated", 3), ("revoked", 4)];
    assert_eq!(told(&world, &id).await, facts.map(|(kind, sequence)| (kind.to_owned(), sequence)));
}

#[tokio::test]
async fn a_key_has_at_most_two_secrets() {
    let world = World::new().await;
    let admin = world.first.api_key.as_str();
    let (id, first) = world.make_key(admin, json!({"name": "a"})).await;
    let second = rotated(&world, admin, &id, &Value::Null).await;
    let third = rotated(&world, admin, &id, &json!({})).await;
    assert!(!counts(&world, &first).await && counts(&world, &second).await && counts(&world, &third).await);
    world.clock.advance_ms(86_400_000);
    assert!(!counts(&world, &second).await && counts(&world, &third).await, "a day, unless said");
    assert_eq!(world.ask_with(REVOKE, &[("x-api-key", &third)], &id, &Value::Null).await.status_code, 204);
    assert!(!counts(&world, &third).await);
    assert_eq!(rotate(&world, admin, &id, &Value::Null).await.status_code, 409, "what is over stays over");
}

#[tokio::test]
async fn the_same_idempotency_key_rotates_once() {
    let world = World::new().await;
    let (id, _) = world.make_key(&world.first.api_key, json!({"name": "a"})).await;
    let headers = [("x-api-key", world.first.api_key.as_str()), ("idempotency-key", "rotate-1")];
    let first = world.ask_with(ROTATE, &headers, &id, &json!({})).await;
    let again = world.ask_with(ROTATE, &headers, &id, &json!({})).await;
    assert_eq!((first.status_code, &first.body), (200, &again.body));
    assert_eq!(told(&world, &id).await.len(), 2);
}

#[tokio::test]
async fn nobody_is_given_the_secret_of_a_key_that_may_do_more() {
    let world = World::new().await;
    let admin = world.first.api_key.clone();
    let (_, other_id, _) = world.other_tenant().await;
    let make = async |body: Value| world.make_key(&admin, body).await;
    let (weak_id, weak) = make(json!({"name": "w", "permissions": ["key:write"]})).await;
    let (_, short) = make(json!({"name": "s", "expires_at": "2026-11-22T00:00:00Z"})).await;
    let (slow_id, slow) = make(json!({"name": "l", "rate_limit": 10})).await;
    let (strong_id, _) = make(json!({"name": "t"})).await;
    let (reader_id, reader) = make(json!({"name": "r", "permissions": ["risk:read"]})).await;
    for (by, id, body, status) in [
        (&weak, &strong_id, json!({}), 403),
        (&weak, &reader_id, json!({}), 403),
        (&weak, &weak_id, json!({}), 200),
        // It would outlive the key that asked for it, or be limited less.
        (&short, &strong_id, json!({}), 403),
        (&slow, &strong_id, json!({}), 403),
        (&slow, &slow_id, json!({}), 200),
        (&reader, &reader_id, json!({}), 403),
        (&admin, &other_id, json!({}), 404),
        (&admin, &"key_1".to_owned(), json!({}), 404),
        (&admin, &strong_id, json!({"overlap_s": 604_801}), 400),
        (&admin, &strong_id, json!({"overlap_s": -1}), 400),
        (&admin, &strong_id, json!({"overlap": 1}), 400),
        (&admin, &strong_id, json!({"overlap_s": 604_800}), 200),
    ] {
        let answer = rotate(&world, by, id, &body).await;
        assert_eq!(answer.status_code, status, "{id} {body} {}", answer.body);
    }
    // Its own token, cut down, is not its key.
    let cut = json!({"permissions": ["key:write"]});
    let token = json(&world.ask("POST /v1/auth/token", ("x-api-key", &admin), &cut).await);
    let bearer = format!("Bearer {}", token["access_token"].as_str().expect("a token"));
    let own = world.first.key_id.clone();
    let answer = world.ask_with(ROTATE, &[("authorization", &bearer)], &own, &Value::Null).await;
    assert_eq!(answer.status_code, 403);
    let faster = json!({"name": "x", "rate_limit": 11});
    assert_eq!(world.ask(KEYS, ("x-api-key", &slow), &faster).await.status_code, 403);
    let made = world.ask(KEYS, ("x-api-key", &slow), &json!({"name": "x"})).await;
    assert_eq!(json(&made)["rate_limit"], 10, "what the maker is limited to is not lifted by silence");
}

#[tokio::test]
async fn whoever_shows_a_key_s_text_ends_it_and_learns_nothing() {
    let world = World::new().await;
    let admin = world.first.api_key.as_str();
    let (id, key) = world.make_key(admin, json!({"name": "a"})).await;
    let (_, other) = world.make_key(admin, json!({"name": "b"})).await;
    let bearer = format!("Bearer {}", world.token(&key).await);
    let expected = report(&world, "sk_live_nonsense").await;
    assert_eq!((expected.status_code, expected.body.as_str()), (204, ""));
    let secret: crate::ApiSecret = key.parse().expect("a key");
    let guess = crate::ApiSecret::generate(secret.kind(), secret.tenant(), secret.key_id(), &*world.clock);
    let nobody = "sk_test_0351MgALSSzqNXlXD2UyFV0351MgALSSzqNXlXD2UyFW00000000000000000000000000000000000000001DA015yv4";
    for text in [guess.reveal(), nobody, "", &key[..90], &"x".repeat(10_000)] {
        let mut answer = report(&world, text).await;
        answer.headers.insert("x-request-id".to_owned(), expected.headers["x-request-id"].clone());
        assert_eq!(
            (answer.status_code, &answer.headers, &answer.body),
            (204, &expected.headers, &expected.body)
        );
    }
    assert!(counts(&world, &key).await, "a guess ends nothing");

    for _ in 0..2 {
        assert_eq!(report(&world, &key).await.status_code, 204);
    }
    let revoked = Caller::Anonymous(Anonymous::RevokedCredential);
    assert_eq!(world.caller(&[("x-api-key", &key)]).await, revoked);
    assert_eq!(world.caller(&[("authorization", &bearer)]).await, revoked);
    assert!(counts(&world, &other).await);
    let facts = [("created", 1), ("revoked", 2), ("leaked", 3)];
    assert_eq!(told(&world, &id).await, facts.map(|(kind, sequence)| (kind.to_owned(), sequence)));
    let (_, outbox) = world.everything().await;
    assert!(!outbox.contains(&key) && outbox.contains("\\\"reason\\\":\\\"leaked\\\""), "{outbox}");
    assert_eq!(report(&world, "\u{0}").await.status_code, 204);
    let unknown = json!({"api_key": "x", "tenant": "y"});
    assert_eq!(world.ask(LEAKED, ("accept", "*/*"), &unknown).await.status_code, 400);
}

#[tokio::test]
async fn a_secret_that_was_replaced_ends_alone_when_it_is_found() {
    let world = World::new().await;
    let admin = world.first.api_key.as_str();
    let (id, old) = world.make_key(admin, json!({"name": "a"})).await;
    let new = rotated(&world, admin, &id, &Value::Null).await;
    for _ in 0..2 {
        assert_eq!(report(&world, &old).await.status_code, 204);
    }
    assert!(!counts(&world, &old).await && counts(&world, &new).await);
    let facts = [("created", 1), ("rotated", 2), ("leaked", 3)];
    assert_eq!(told(&world, &id).await, facts.map(|(kind, sequence)| (kind.to_owned(), sequence)));
}

#[tokio::test]
async fn the_last_use_of_a_key_is_written_once_an_hour_and_shown_to_the_hour() {
    let world = World::new().await;
    let admin = world.first.api_key.as_str();
    let (id, key) = world.make_key(admin, json!({"name": "a"})).await;
    let store = Arc::new(ScriptedStore::over(world.store.clone()));
    // Two processes, each with its own memory.
    let processes = [(); 2].map(|()| authorizer::App {
        store: store.clone(),
        keys: world.keys.clone(),
        clock: world.clock.clone(),
        settings: world.settings(),
        used: LastUsed::default(),
    });
    let shown = async || {
        let list = json(&world.ask(LIST, ("x-api-key", admin), &Value::Null).await);
        let keys = list["api_keys"].as_array().expect("keys").clone();
        keys.into_iter().find(|one| one["key_id"] == id).expect("the key")["last_used_at"].clone()
    };
    assert_eq!(shown().await, Value::Null);
    let event = authorizer_event(&key);
    let (mut reads, mut added) = (Vec::new(), 0);
    for minutes in [0_u64, 10, 30, 40] {
        for process in &processes {
            world.clock.advance_ms(1);
            authorizer::handle(process, event.clone()).await.expect("the store answers");
            let asked = store.asked();
            let of = |it: &Asked| if let Asked::GetMany(keys) = it { *keys } else { 0 };
            reads.push(asked.iter().map(of).sum::<usize>());
            added += asked.iter().filter(|it| **it == Asked::Add).count();
        }
        let expected = if minutes < 30 { "2026-11-21T09:00:00.000Z" } else { "2026-11-21T10:00:00.000Z" };
        assert_eq!(shown().await, expected, "after {minutes} minutes");
        world.clock.advance_ms(10 * 60_000);
    }
    assert_eq!(added, 2, "one hour, one write");
    assert_eq!(reads, [3, 3, 2, 2, 3, 3, 2, 2], "one more record for each process and hour");
    // A wrong secret is no use.
    let secret: crate::ApiSecret = key.parse().expect("a key");
    let guess = crate::ApiSecret::generate(secret.kind(), secret.tenant(), secret.key_id(), &*world.clock);
    world.clock.advance_ms(3_600_000);
    authorizer::handle(&processes[0], authorizer_event(guess.reveal())).await.expect("the store answers");
    assert!(!store.asked().contains(&Asked::Add));
}

fn authorizer_event(key: &str) -> scorpius_edge::gateway::AuthorizerEvent {
    scorpius_edge::gateway::AuthorizerEvent {
        headers: [("x-api-key".to_owned(), key.to_owned())].into(),
        ..Default::default()
    }
}

/// A person's request, as the authorizer passes them on.
async fn as_person(world: &World, route: &str, id: &str, age_ms: u64, body: &Value) -> HttpAnswer {
    let caller = Caller::Known(Principal {
        tenant: world.first.tenant.clone(),
        subject: "usr_00000000000000000000000000000001".to_owned(),
        roles: vec![Role::Admin],
        scopes: None,
        strength: Strength::Token,
        sign_in: Some(SignIn {
            session: "ses_1".to_owned(),
            acr: Assurance::Aal1,
            amr: vec![Factor::Pwd],
            at: UnixMillis(NOW.0 - age_ms),
        }),
        network_tag: None,
        standing: Default::default(),
        allowance: scorpius_edge::Allowance::default(),
    });
    let mut event = HttpEvent {
        route_key: route.to_owned(),
        path_parameters: Some([("id".to_owned(), id.to_owned())].into()),
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        ..HttpEvent::default()
    };
    event.set_body(body.to_string().as_bytes());
    let caller = serde_json::to_string(&caller).expect("a caller");
    event.request_context.authorizer = Some(AuthorizerContext { lambda: AuthorizerAnswerContext { caller } });
    world.serve(event).await
}

#[tokio::test]
async fn a_person_makes_and_rotates_keys_while_their_proof_is_fresh_and_they_count() {
    let world = World::new().await;
    let mut user = User {
        id: "usr_00000000000000000000000000000001".to_owned(),
        tenant: world.first.tenant.clone(),
        email: "a@example.com".to_owned(),
        name: "a".to_owned(),
        roles: vec![Role::Admin],
        status: UserStatus::Active,
        second_factor: false,
        sessions_from: UnixMillis(0),
        created_at: NOW,
        created_by: "system:test".to_owned(),
        events: 0,
    };
    let at = User::at(&user.tenant, &user.id);
    world.commit(&[Write::put(at.clone(), &user, Condition::Absent)]).await;
    let made = as_person(&world, KEYS, "", 0, &json!({"name": "a"})).await;
    assert_eq!(made.status_code, 201, "{}", made.body);
    let id = json(&made)["key_id"].as_str().expect("an id").to_owned();
    assert!(counts(&world, json(&made)["api_key"].as_str().expect("a secret")).await);
    assert_eq!(as_person(&world, ROTATE, &id, 0, &json!({})).await.status_code, 200);
    for (route, id) in [(KEYS, ""), (ROTATE, id.as_str())] {
        let stale = as_person(&world, route, id, 900_001, &json!({"name": "b"})).await;
        assert_eq!((stale.status_code, json(&stale)["code"].clone()), (401, json!("step-up-required")));
    }
    user.status = UserStatus::Disabled;
    world.commit(&[Write::put(at, &user, Condition::Present)]).await;
    assert_eq!(as_person(&world, KEYS, "", 0, &json!({"name": "b"})).await.status_code, 401);
    assert_eq!(as_person(&world, ROTATE, &id, 0, &json!({})).await.status_code, 401);
}

//! What callers are refused, as events: soon, with what decided, and never so many that they fill the ledger.

use scorpius_core::store::OUTBOX_PARTITIONS;
use scorpius_edge::Role;
use scorpius_edge::denial::AccessDenied;
use serde_json::{Value, json};

use crate::authorization::callers::{by_key, key};
use crate::authorization::policies::{ask, put};
use crate::desk::Desk;
use crate::entries::all;

const KIND: &str = <AccessDenied as scorpius_core::Fact>::TYPE;

/// The denials that wait in the outbox, oldest first.
pub(crate) async fn told(desk: &Desk) -> Vec<Value> {
    let mut found = Vec::new();
    for shard in 0..OUTBOX_PARTITIONS {
        for row in all(&desk.host.local.store, &format!("outbox#{shard}")).await {
            let event: Value = row.document().expect("an event");
            if event["type"] == KIND {
                found.push(event);
            }
        }
    }
    found.sort_by_key(|event| event["id"].to_string());
    found
}

#[tokio::test]
async fn what_is_sensitive_is_told_of_at_once_and_once_a_minute() {
    let desk = Desk::open().await;
    let person = desk.person(Role::Viewer).await;
    let bearer = format!("Bearer {}", person.access_token.as_str());
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/json"), ("traceparent", trace)];
    for _ in 0..10 {
        desk.ask("POST", "/v1/auth/api-keys", &headers, b"{\"name\": \"mine\"}").await.expect(403);
    }
    let events = told(&desk).await;
    let [event] = events.as_slice() else { panic!("one event: {events:?}") };
    let user = &person.session.user;
    let data = json!({
        "denial_id": event["aggregate"], "subject": user, "action": "key:write", "operation": "createApiKey",
        "reason": "no_permission", "in_this_minute": 1, "in_the_minute_before": 0
    });
    assert_eq!(event["data"], data);
    assert_eq!(
        (&event["actor"], &event["strength"], &event["traceparent"], &event["sequence"]),
        (&json!(user), &json!("aal1"), &json!(trace), &json!(1))
    );
    assert!(event["network"].is_string());

    desk.clock.advance_ms(60_000);
    desk.ask("POST", "/v1/auth/api-keys", &headers, b"{\"name\": \"mine\"}").await.expect(403);
    let events = told(&desk).await;
    assert_eq!((events.len(), &events[1]["data"]["in_the_minute_before"]), (2, &json!(10)));
    // It is in the ledger, as everything is that happens.
    desk.settle().await;
    let ledger = crate::entries::ledger(&desk.host).await;
    let entries: Vec<_> = ledger.values().filter(|entry| entry["type"] == KIND).collect();
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|entry| entry["payload"].to_string().contains("key:write")));
}

#[tokio::test]
async fn what_does_no_harm_is_told_of_when_it_comes_again_and_again() {
    let desk = Desk::open().await;
    let viewer = by_key(&key(&desk, Role::Viewer, None).await);
    let users = async || ask(&desk, &viewer, "GET", "/v1/users", &Value::Null).await.expect(403);
    for _ in 0..4 {
        users().await;
    }
    assert_eq!(told(&desk).await.len(), 0);
    for _ in 0..4 {
        users().await;
    }
    let events = told(&desk).await;
    assert_eq!((events.len(), &events[0]["data"]["in_this_minute"]), (1, &json!(5)));
    // Four a minute are nothing, however long.
    for _ in 0..5 {
        desk.clock.advance_ms(60_000);
        for _ in 0..4 {
            users().await;
        }
    }
    assert_eq!(told(&desk).await.len(), 1);
    // Neither who is not known, nor what is somebody else's and so not there, nor what is wrong otherwise.
    for _ in 0..10 {
        desk.ask("GET", "/v1/users", &[("x-api-key", "sk_live_nobody")], b"").await.expect(401);
        desk.ask("GET", "/v1/users", &[("authorization", "Bearer nobody")], b"").await.expect(401);
        ask(&desk, &viewer, "GET", "/v1/scans/scn_1", &Value::Null).await.expect(404);
    }
    assert_eq!(told(&desk).await.len(), 1);
}

#[tokio::test]
async fn an_event_names_the_policy_that_forbids_and_the_rule_of_a_door() {
    let desk = Desk::open().await;
    let viewer = by_key(&key(&desk, Role::Viewer, None).await);
    let closed = "forbid (principal in Role::\"viewer\", action == Action::\"scan:read\", resource is Scan);";
    put(&desk, &json!({"policies": [{"id": "no-scans", "text": closed}]})).await.expect(200);
    let scan = desk.post("/v1/scans", &json!({"bytecode": "0x600035ff"})).await;
    let path = format!("/v1/scans/{}", scan.text("id"));
    // A single thing is forbidden, where the whole is not.
    ask(&desk, &viewer, "GET", "/v1/scans", &Value::Null).await.expect(200);
    ask(&desk, &viewer, "GET", &path, &Value::Null).await.expect(403);
    let of_policy = told(&desk).await;
    let [event] = of_policy.as_slice() else { panic!("one event: {of_policy:?}") };
    assert_eq!(
        (&event["data"]["reason"], &event["data"]["policies"], &event["data"]["operation"]),
        (&json!("policy"), &json!(["no-scans"]), &json!("getScan"))
    );
    // An administrator whose key is cut down gives no roles away.
    let cut = by_key(&key(&desk, Role::Admin, Some(&["user:write"])).await);
    let more = json!({"email": "eve@example.com", "roles": ["admin"]});
    ask(&desk, &cut, "POST", "/v1/users/invitations", &more).await.expect(403);
    let events = told(&desk).await;
    let event = events.last().expect("an event");
    assert_eq!(
        (events.len(), &event["data"]["reason"], &event["data"]["action"]),
        (2, &json!("rule"), &json!("user:write"))
    );
    assert!(event["data"]["policies"].is_null());
}

#[tokio::test]
async fn nobody_fills_the_ledger_with_refusals() {
    let desk = Desk::open().await;
    let mut keys = Vec::new();
    for _ in 0..25 {
        keys.push(by_key(&key(&desk, Role::Viewer, None).await));
    }
    let other = by_key(&desk.second_tenant().await);
    // Of each key two a minute for ten minutes: 500 refusals, 250 that would be told of.
    let ten_minutes = async || {
        for _ in 0..10 {
            for viewer in keys.iter().chain(&keys) {
                ask(&desk, viewer, "POST", "/v1/tenant/export", &json!({})).await.expect(403);
            }
            desk.clock.advance_ms(60_000);
        }
    };
    // Twenty minutes before a full hour, so that all of it is in one.
    ten_minutes().await;
    assert_eq!(told(&desk).await.len(), 120);
    // One tenant's flood keeps no other tenant's event back.
    ask(&desk, &other, "GET", "/v1/admin/queues", &Value::Null).await.expect(403);
    assert_eq!(told(&desk).await.len(), 121);
    desk.clock.advance_ms(3_600_000);
    ask(&desk, &keys[0], "POST", "/v1/tenant/export", &json!({})).await.expect(403);
    assert_eq!(told(&desk).await.len(), 122);
}

use std::collections::BTreeSet;

use proptest::prelude::*;
use scorpius_core::{Record, Value as Attribute};
use serde_json::json;

use super::*;
use crate::testing::{Asked, OTHER_TENANT, TOPIC, World, json_of, tenant};

const BODY: &str =
    r#"{"url":"https://hooks.example.com/in?token=t0k","events":["scorpius.scan.*","scorpius.scan.*"]}"#;

fn create_asked(key: Option<&str>) -> Asked<'_> {
    Asked { key, body: BODY.to_owned(), ..Asked::of("createWebhook") }
}

#[tokio::test]
async fn a_webhook_is_shown_with_its_secret_once() {
    let world = World::new();
    let made = world.ask(create_asked(None)).await;
    let shown = json_of(&made);
    assert_eq!(made.status, 201);
    let secret = shown["secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("whsec_"));
    let id = shown["id"].as_str().expect("an id").to_owned();
    let expected = json!({
        "id": id, "url": "https://hooks.example.com/in?token=t0k", "events": ["scorpius.scan.*"],
        "active": true, "created_at": "2026-11-21T09:40:40.000Z",
    });
    let listed = json_of(&world.ask(Asked::of("listWebhooks")).await);
    assert_eq!(listed, json!({"webhooks": [expected], "pagination": {}}));
}

#[tokio::test]
async fn the_same_request_under_the_same_key_shows_the_same_secret() {
    let world = World::new();
    let first = world.ask(create_asked(Some("k1"))).await;
    let again = world.ask(create_asked(Some("k1"))).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    let listed = json_of(&world.ask(Asked::of("listWebhooks")).await);
    assert_eq!(listed["webhooks"].as_array().map(Vec::len), Some(1));

    let other = Asked { body: BODY.replace("t0k", "t1k"), ..create_asked(Some("k1")) };
    let refused = world.ask(other).await;
    assert_eq!((refused.status.as_u16(), refused.problem), (409, Some("idempotency-conflict")));
}

#[tokio::test]
async fn who_loses_a_race_under_one_key_gets_the_winner_s_secret() {
    let world = World::new();
    let first = world.ask(create_asked(Some("k1"))).await;
    // The second one did not see the first one's answer before its own commit.
    let once = Once::of(&Request {
        operation: "createWebhook",
        path: "/v1/config/webhooks".to_owned(),
        parameters: Default::default(),
        query: Default::default(),
        headers: [("idempotency-key".to_owned(), "k1".to_owned())].into(),
        body: BODY.into(),
        caller: scorpius_edge::Caller::Known(scorpius_edge::Principal {
            tenant: tenant(),
            subject: "key_1".to_owned(),
            roles: Vec::new(),
            scopes: None,
            strength: scorpius_edge::Strength::ApiKey,
            sign_in: None,
            network_tag: None,
            standing: Default::default(),
            allowance: scorpius_edge::Allowance::default(),
        }),
        request_id: "req_2".to_owned(),
        network: String::new(),
        received_at: world.clock.now(),
        judge: scorpius_edge::Judge::absent(),
    })
    .expect("a key");
    let mine = Response::json(StatusCode::CREATED, &json!({"secret": "whsec_mine"}));
    let answer = once
        .commit_sealed(
            world.store.as_ref(),
            world.clock.as_ref(),
            world.keys.as_ref(),
            Vec::new(),
            mine,
            |_| None,
        )
        .await
        .expect("the winner's answer");
    assert_eq!(answer.body, first.body);
    let unsealed = once.answered(world.store.as_ref()).await.expect_err("keys are needed");
    assert_eq!(unsealed.kind.code, "internal");
}

#[tokio::test]
async fn no_secret_is_in_the_store_in_clear() {
    let world = World::new();
    let made = json_of(&world.ask(create_asked(Some("k1"))).await);
    let shown = made["secret"].as_str().expect("a secret").strip_prefix("whsec_").expect("the prefix");
    let raw = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, shown).expect("Base64");
    let page = world.store.scan(0, 1, None).await.expect("the records");
    assert!(page.records.len() >= 3, "the webhook, the count and the remembered answer");
    let holds = |record: &Record, needle: &[u8]| {
        record.attributes.0.values().any(|value| match value {
            Attribute::Text(text) => text.as_bytes().windows(needle.len()).any(|part| part == needle),
            Attribute::Bytes(bytes) => bytes.windows(needle.len()).any(|part| part == needle),
            Attribute::Int(_) | Attribute::Bool(_) => false,
        })
    };
    for record in &page.records {
        assert!(!holds(record, shown.as_bytes()) && !holds(record, &raw), "{:?}", record.key);
    }
}

#[tokio::test]
async fn a_tenant_has_at_most_fifty_webhooks() {
    let world = World::new();
    let mut ids = BTreeSet::new();
    for _ in 0..50 {
        ids.insert(world.webhook(&["*"]).await.0);
    }
    assert_eq!(ids.len(), 50);
    let refused = world.ask(create_asked(None)).await;
    assert_eq!((refused.status.as_u16(), refused.problem), (409, Some("too-many-webhooks")));
    let id = ids.first().expect("fifty");
    let removed = world.ask(Asked { id: Some(id), ..Asked::of("deleteWebhook") }).await;
    assert_eq!(removed.status, 204);
    assert_eq!(world.ask(create_asked(None)).await.status, 201);
    let other = Asked { tenant: OTHER_TENANT, ..create_asked(None) };
    assert_eq!(world.ask(other).await.status, 201);
}

#[tokio::test]
async fn bad_requests_are_named_and_change_nothing() {
    let world = World::new();
    let with = |url: &str, events: serde_json::Value| json!({"url": url, "events": events}).to_string();
    let good = "https://hooks.example.com/";
    for (body, pointer) in [
        (with("http://hooks.example.com/", json!(["*"])), "/url"),
        (with("https://127.0.0.1/", json!(["*"])), "/url"),
        (with("https://a:b@hooks.example.com/", json!(["*"])), "/url"),
        (with("https://2130706433/", json!(["*"])), "/url"),
        (with(good, json!([])), "/events"),
        (with(good, json!(vec!["*"; 51])), "/events"),
        (with(good, json!(["*", "wallet.threat_detected"])), "/events/1"),
        (json!({"url": good, "events": ["*"], "description": "a".repeat(201)}).to_string(), "/description"),
        (json!({"url": good, "events": ["*"], "description": "a\nb"}).to_string(), "/description"),
        (json!({"events": ["*"]}).to_string(), "/url"),
        (json!({"url": good, "topic": TOPIC, "events": ["*"]}).to_string(), "/url"),
        (json!({"topic": format!("{TOPIC}x"), "events": ["*"]}).to_string(), "/topic"),
    ] {
        let answer = world.ask(Asked { body: body.clone(), ..Asked::of("createWebhook") }).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(json_of(&answer)["errors"][0]["pointer"], pointer, "{body}");
    }
    for body in [
        "",
        "{}",
        "[]",
        r#"{"url":1,"events":["*"]}"#,
        r#"{"url":"https://a.example","events":["*"],"secret":"x"}"#,
    ] {
        let answer = world.ask(Asked { body: body.to_owned(), ..Asked::of("createWebhook") }).await;
        assert_eq!(answer.status, 400, "{body}");
    }
    assert!(world.emitted("").await.is_empty());
    assert!(world.store.scan(0, 1, None).await.expect("the records").records.is_empty());
}

#[tokio::test]
async fn a_topic_is_taken_from_the_tenant_that_it_is_allowed_to() {
    let world = World::new();
    let body = json!({"topic": TOPIC, "events": ["*"]}).to_string();
    let made = world.ask(Asked { body: body.clone(), ..Asked::of("createWebhook") }).await;
    let shown = json_of(&made);
    assert_eq!((made.status.as_u16(), &shown["topic"], shown.get("url")), (201, &json!(TOPIC), None));
    let told = &world.emitted("scorpius.notify.webhook_created.v1").await[0];
    assert!(!told.to_json().contains(TOPIC) && told.data["host_sha256"].as_str().map(str::len) == Some(64));

    let refused = world.ask(Asked { body, tenant: OTHER_TENANT, ..Asked::of("createWebhook") }).await;
    let said = json_of(&refused);
    assert_eq!((refused.status.as_u16(), &said["errors"][0]["pointer"]), (400, &json!("/topic")));
    assert_eq!(said["detail"], "`topic` may not be published to: not this tenant's");
}

/// A record that was written before there were topics.
#[test]
fn a_webhook_s_target_is_a_member_of_its_record() {
    let record = |target: &str| json!({"id": "whk_1", "events": ["*"], "active": true, "created_at": 1, "secret": "s", target: "x"});
    for (name, target) in [("url", Target::Url("x".to_owned())), ("topic", Target::Topic("x".to_owned()))] {
        let webhook: Webhook = serde_json::from_value(record(name)).expect("a webhook");
        assert_eq!(webhook.target, target);
        assert_eq!(serde_json::to_value(&webhook).expect("JSON"), record(name));
    }
    assert!(serde_json::from_value::<Webhook>(record("queue")).is_err());
}

#[tokio::test]
async fn another_tenant_s_webhook_does_not_exist() {
    let world = World::new();
    let (id, _) = world.webhook(&["*"]).await;
    for operation in ["deleteWebhook", "listWebhookDeliveries"] {
        for id in [id.as_str(), "whk_1", "whk_00000000000000000000000000000000", "../x", ""] {
            let asked = Asked { tenant: OTHER_TENANT, id: Some(id), ..Asked::of(operation) };
            assert_eq!(world.ask(asked).await.status, 404, "{operation} {id}");
        }
    }
    let listed = world.ask(Asked { tenant: OTHER_TENANT, ..Asked::of("listWebhooks") }).await;
    assert_eq!(json_of(&listed)["webhooks"], json!([]));
    assert_eq!(world.ask(Asked { id: Some(&id), ..Asked::of("deleteWebhook") }).await.status, 204);
    assert_eq!(world.ask(Asked { id: Some(&id), ..Asked::of("deleteWebhook") }).await.status, 404);
}

#[tokio::test]
async fn events_tell_of_a_webhook_without_its_url_or_secret() {
    let world = World::new();
    let made = json_of(&world.ask(create_asked(None)).await);
    let id = made["id"].as_str().expect("an id");
    world.ask(Asked { id: Some(id), ..Asked::of("deleteWebhook") }).await;
    let events = world.emitted("").await;
    let told: Vec<_> = events.iter().map(|event| (event.kind.as_str(), event.sequence)).collect();
    assert_eq!(told, [("scorpius.notify.webhook_created.v1", 1), ("scorpius.notify.webhook_deleted.v1", 2)]);
    for event in events {
        let json = event.to_json();
        assert!(
            !json.contains("hooks.example.com") && !json.contains("t0k") && !json.contains("whsec"),
            "{json}"
        );
        assert_eq!(event.aggregate, id);
    }
}

#[tokio::test]
async fn lists_have_pages() {
    let world = World::new();
    let mut made = Vec::new();
    for _ in 0..5 {
        world.clock.advance_ms(1);
        made.push(world.webhook(&["*"]).await.0);
    }
    let (mut listed, mut cursor) = (Vec::new(), None::<String>);
    for _ in 0..5 {
        let mut query = vec![("limit", "2")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = json_of(&world.ask(Asked { query: &query, ..Asked::of("listWebhooks") }).await);
        let ids = page["webhooks"].as_array().expect("a list").iter();
        listed.extend(ids.map(|webhook| webhook["id"].as_str().expect("an id").to_owned()));
        cursor = page["pagination"]["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, made);
    let foreign = Asked { query: &[("cursor", "AAAA")], ..Asked::of("listWebhooks") };
    assert_eq!(world.ask(foreign).await.status, 400);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn arbitrary_bodies_are_refused_and_never_a_server_s_fault(text in any::<String>(), url in any::<String>(), pattern in any::<String>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let world = World::new();
        for body in [text.clone(), json!({"url": url, "events": [pattern]}).to_string()] {
            let answer = runtime.block_on(world.ask(Asked { body, ..Asked::of("createWebhook") }));
            prop_assert!(answer.status.is_client_error());
        }
    }
}

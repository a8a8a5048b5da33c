use std::collections::BTreeSet;

use scorpius_core::PortError;
use scorpius_local::Fate;
use serde_json::{Value, json};

use super::*;
use crate::ladder::LADDER_MS;
use crate::testing::{Asked, NOW, Requested, SCANNED, TENANT, TOPIC, World, json_of, message};

async fn work(world: &World, requested: &Requested, receives: u32) -> Outcome {
    handle(&world.deliver(), &message(&requested.request, receives)).await
}

fn header<'a>(request: &'a EgressRequest, name: &str) -> &'a str {
    let found = request.headers.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str()).expect("the header is there")
}

#[track_caller]
fn check_signature(request: &EgressRequest, secret: &str) {
    let receiver = standardwebhooks::Webhook::new(secret).expect("a secret");
    let timestamp = header(request, "webhook-timestamp").parse().expect("seconds");
    let expected = receiver.sign(header(request, "webhook-id"), timestamp, &request.body).expect("UTF-8");
    assert_eq!(header(request, "webhook-signature"), expected);
}

#[tokio::test]
async fn a_delivery_is_signed_sent_and_recorded_once() {
    let world = World::new();
    let requested = world.requested().await;
    assert_eq!(work(&world, &requested, 1).await, Outcome::Done);
    assert_eq!(work(&world, &requested, 2).await, Outcome::Done);

    let sent = world.egress.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].method, sent[0].url.as_str()), ("POST", "https://hooks.example.com/in"));
    assert_eq!(sent[0].body, requested.event.to_json());
    assert_eq!(header(&sent[0], "webhook-id"), requested.event.id);
    assert_eq!(header(&sent[0], "webhook-timestamp"), NOW.as_s().to_string());
    assert_eq!(header(&sent[0], "content-type"), "application/cloudevents+json; charset=utf-8");
    check_signature(&sent[0], &requested.secret);

    let delivery = &world.deliveries(&requested.webhook).await[0];
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("delivered"), &json!(1)));
    let told = world.emitted("scorpius.notify.delivered.v1").await;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].sequence, told[0].hops), (2, 2));
    assert_eq!(told[0].data["status"], 204);
}

/// An event on its way to the topic of `TENANT`.
async fn to_topic(world: &World) -> Requested {
    let body = json!({"topic": TOPIC, "events": ["*"]}).to_string();
    let made = json_of(&world.ask(Asked { body, ..Asked::of("createWebhook") }).await);
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    let event = world.event(SCANNED);
    let asked = crate::fanout::handle(&world.fanout(), &message(&event, 1)).await;
    assert_eq!(asked, Outcome::Done);
    let request = world.emitted("scorpius.notify.delivery_requested.v1").await.pop().expect("a request");
    Requested { event, request, webhook: text("id"), secret: text("secret") }
}

#[tokio::test]
async fn a_topic_gets_the_event_with_what_its_readers_check_and_filter_by() {
    let world = World::new();
    let requested = to_topic(&world).await;
    assert_eq!(work(&world, &requested, 1).await, Outcome::Done);
    assert_eq!(work(&world, &requested, 2).await, Outcome::Done);
    let sent = world.topics.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].topic.as_str(), &sent[0].id), (TOPIC, &requested.event.id));
    assert_eq!(sent[0].body, requested.event.to_json());
    let attribute = |name: &str| {
        let found = sent[0].attributes.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.clone()).expect("it is there")
    };
    assert_eq!((attribute("event-type").as_str(), attribute("tenant-id").as_str()), (SCANNED, TENANT));
    assert_eq!(attribute("webhook-id"), requested.event.id);
    let receiver = standardwebhooks::Webhook::new(&requested.secret).expect("a secret");
    let signed = receiver.sign(&attribute("webhook-id"), NOW.as_s() as i64, sent[0].body.as_bytes());
    assert_eq!(attribute("webhook-signature"), signed.expect("UTF-8"));
    assert!(world.egress.sent().is_empty());

    let delivery = &world.deliveries(&requested.webhook).await[0];
    assert_eq!((&delivery["state"], &delivery["answer"]), (&json!("delivered"), &json!("published-1")));
    assert_eq!(world.emitted("scorpius.notify.delivered.v1").await[0].data["status"], 200);
}

#[tokio::test]
async fn a_topic_that_refuses_is_tried_again_and_one_that_is_no_longer_allowed_is_not() {
    let world = World::new();
    let requested = to_topic(&world).await;
    let refused = || TopicError::Refused { status: 403, code: "AuthorizationError".to_owned() };
    world.topics.will(Err(refused()));
    assert!(matches!(work(&world, &requested, 1).await, Outcome::Retry { .. }));
    let delivery = &world.deliveries(&requested.webhook).await[0];
    assert_eq!((&delivery["state"], &delivery["history"][0]["status"]), (&json!("pending"), &json!(403)));
    assert_eq!(delivery["answer"], "AuthorizationError");

    world.clock.advance_ms(60_000);
    world.topics.will(Err(PortError::new("topics", "no answer").into()));
    assert!(matches!(work(&world, &requested, 2).await, Outcome::Retry { .. }));
    assert_eq!(world.deliveries(&requested.webhook).await[0]["history"][1]["error"], "connection");

    world.clock.advance_ms(3_600_000);
    world.topics.will(Err(TopicError::NotAllowed { reason: "taken back" }));
    assert!(matches!(work(&world, &requested, 3).await, Outcome::Reject { .. }));
    let delivery = &world.deliveries(&requested.webhook).await[0];
    assert_eq!((&delivery["state"], &delivery["reason"]), (&json!("failed"), &json!("blocked")));
}

/// The whole ladder on a clock that stands still between the steps.
#[tokio::test]
async fn a_failing_receiver_is_tried_along_the_ladder_and_then_given_up() {
    let world = World::new();
    let requested = world.requested().await;
    let mut receives = 0;
    let mut waited_ms = Vec::new();
    let last = loop {
        world.egress.will_answer(503);
        receives += 1;
        assert!(receives <= 12, "the queue hands a message out 12 times");
        match work(&world, &requested, receives).await {
            Outcome::Retry { after: Some(after), .. } => {
                let pending = &world.deliveries(&requested.webhook).await[0];
                let due: UnixMillis =
                    pending["next_attempt_at"].as_str().expect("due").parse().expect("a time");
                let wait_ms = due.since_ms(world.clock.now());
                assert_eq!(after.as_secs(), wait_ms.div_ceil(1000));
                waited_ms.push(wait_ms);

                world.clock.advance_ms(wait_ms - 1);
                let early = work(&world, &requested, receives).await;
                assert_eq!(
                    early,
                    Outcome::retry_after(Duration::from_secs(1), "the next attempt is not due")
                );
                world.clock.advance_ms(1);
            }
            other => break other,
        }
    };

    assert_eq!(last, Outcome::reject("given up after 8 attempts: answered 503"));
    assert_eq!(waited_ms.len(), LADDER_MS.len());
    for (waited, rung) in waited_ms.iter().zip(LADDER_MS) {
        assert!((rung..=rung + rung / 10).contains(waited), "{waited} for {rung}");
    }
    let sent = world.egress.sent();
    assert_eq!(sent.len(), 8);
    let ids: BTreeSet<_> = sent.iter().map(|request| header(request, "webhook-id")).collect();
    assert_eq!(ids, BTreeSet::from([requested.event.id.as_str()]));
    let mut at = NOW;
    for (attempt, request) in sent.iter().enumerate() {
        assert_eq!(header(request, "webhook-timestamp"), at.as_s().to_string());
        assert_eq!(request.body, sent[0].body);
        check_signature(request, &requested.secret);
        at = at.plus_ms(waited_ms.get(attempt).copied().unwrap_or_default());
    }

    let delivery = &world.deliveries(&requested.webhook).await[0];
    assert_eq!((&delivery["state"], &delivery["reason"]), (&json!("failed"), &json!("exhausted")));
    assert_eq!(delivery["history"].as_array().map(Vec::len), Some(8));
    let told = world.emitted("scorpius.notify.delivery_failed.v1").await;
    assert_eq!(told.len(), 1);
    let data = &told[0].data;
    assert_eq!(
        (&data["reason"], &data["attempts"], &data["last_status"]),
        (&json!("exhausted"), &json!(8), &json!(503))
    );
    // The answer to the queue was lost: the message stays dead, and nothing is sent.
    assert_eq!(work(&world, &requested, receives + 1).await, Outcome::reject("given up before"));
    assert_eq!(world.egress.sent().len(), 8);
}

#[tokio::test]
async fn a_dead_letter_that_is_put_back_to_work_begins_again() {
    let world = World::new();
    let requested = world.requested().await;
    world.egress.will(Err(EgressError::Blocked { reason: "the address is not on the public Internet" }));
    let outcome = work(&world, &requested, 1).await;
    assert_eq!(
        outcome,
        Outcome::reject("the target may not be called: the address is not on the public Internet")
    );
    let delivery = &world.deliveries(&requested.webhook).await[0];
    assert_eq!((&delivery["state"], &delivery["reason"]), (&json!("failed"), &json!("blocked")));

    world.egress.will_answer(500);
    assert!(matches!(work(&world, &requested, 1).await, Outcome::Retry { .. }));
    world.clock.advance_ms(6_000);
    assert_eq!(work(&world, &requested, 2).await, Outcome::Done);
    let delivery = &world.deliveries(&requested.webhook).await[0];
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("delivered"), &json!(3)));
    let sequences: Vec<_> =
        world.emitted("scorpius.notify.deliver").await.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_not_asked_again() {
    let world = World::new();
    let requested = world.requested().await;
    world.egress.will_answer(410);
    assert_eq!(work(&world, &requested, 1).await, Outcome::Done);
    assert_eq!(work(&world, &requested, 1).await, Outcome::Done);
    assert_eq!(world.egress.sent().len(), 1);
    let listed = json_of(&world.ask(Asked::of("listWebhooks")).await);
    assert_eq!(
        (&listed["webhooks"][0]["active"], &listed["webhooks"][0]["gone_at"]),
        (&json!(false), &json!(NOW.to_string()))
    );
    let told = world.emitted("scorpius.notify.delivery_failed.v1").await;
    assert_eq!((&told[0].data["reason"], &told[0].data["webhook_disabled"]), (&json!("gone"), &json!(true)));

    let next = world.event(crate::testing::SCANNED);
    assert_eq!(crate::fanout::handle(&world.fanout(), &message(&next, 1)).await, Outcome::Done);
    assert_eq!(world.emitted("scorpius.notify.delivery_requested.v1").await.len(), 1);
}

#[tokio::test]
async fn a_delivery_to_a_webhook_that_was_removed_is_given_up_unsent() {
    let world = World::new();
    let requested = world.requested().await;
    let removed = world.ask(Asked { id: Some(&requested.webhook), ..Asked::of("deleteWebhook") }).await;
    assert_eq!(removed.status, 204);
    assert_eq!(work(&world, &requested, 1).await, Outcome::Done);
    assert_eq!(work(&world, &requested, 2).await, Outcome::Done);
    assert!(world.egress.sent().is_empty());
    let told = world.emitted("scorpius.notify.delivery_failed.v1").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].data["reason"], "webhook_off");
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let world = World::new();
    let requested = world.requested().await;
    let headers = vec![("retry-after".to_owned(), "120".to_owned())];
    world.egress.will(Ok(EgressResponse { status: 429, headers, body: Bytes::new() }));
    let Outcome::Retry { after: Some(after), .. } = work(&world, &requested, 1).await else {
        panic!("again later")
    };
    assert!((120..=132).contains(&after.as_secs()), "{after:?}");
}

#[tokio::test]
async fn what_is_no_success_is_tried_again() {
    let port = || EgressError::Port(PortError::new("egress", "connection refused"));
    let failures: [(Result<u16, EgressError>, &str); 8] = [
        (Ok(301), "status"),
        (Ok(400), "status"),
        (Ok(401), "status"),
        (Ok(404), "status"),
        (Ok(500), "status"),
        (Err(EgressError::TimedOut), "timeout"),
        (Err(EgressError::TooLong), "answer_too_long"),
        (Err(port()), "connection"),
    ];
    for (failure, expected) in failures {
        let world = World::new();
        let requested = world.requested().await;
        world.egress.will(failure.map(|status| EgressResponse {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }));
        assert!(matches!(work(&world, &requested, 1).await, Outcome::Retry { .. }), "{expected}");
        let delivery = &world.deliveries(&requested.webhook).await[0];
        assert_eq!(
            (&delivery["state"], &delivery["history"][0]["error"]),
            (&json!("pending"), &json!(expected))
        );
    }
}

#[tokio::test]
async fn one_kilobyte_of_an_answer_is_kept() {
    let world = World::new();
    let requested = world.requested().await;
    let body = Bytes::from(format!("{}{}", "a".repeat(1_024), "secret"));
    world.egress.will(Ok(EgressResponse { status: 200, headers: Vec::new(), body }));
    assert_eq!(work(&world, &requested, 1).await, Outcome::Done);
    let delivery = &world.deliveries(&requested.webhook).await[0];
    assert_eq!(delivery["answer"], Value::from("a".repeat(1_024)));
}

#[tokio::test]
async fn an_attempt_that_could_not_be_recorded_is_repeated_under_the_same_id() {
    let world = World::new();
    let requested = world.requested().await;
    let lost = || Fate::Fails(StoreError::Port(PortError::new("store", "gone")));
    world.store.will([lost(), lost()]);
    assert!(matches!(work(&world, &requested, 1).await, Outcome::Retry { .. }));
    assert_eq!(work(&world, &requested, 2).await, Outcome::Done);
    let sent = world.egress.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(header(&sent[0], "webhook-id"), header(&sent[1], "webhook-id"));
    assert_eq!(sent[0].body, sent[1].body);
    assert_eq!(world.emitted("scorpius.notify.delivered.v1").await.len(), 1);
}

#[tokio::test]
async fn who_records_second_leaves_the_first_one_s_record() {
    let world = World::new();
    let requested = world.requested().await;
    world.store.will([Fate::Fails(StoreError::Conflict { index: 0 })]);
    assert!(matches!(work(&world, &requested, 1).await, Outcome::Retry { .. }));
    assert_eq!(world.deliveries(&requested.webhook).await[0]["state"], "pending");
}

#[tokio::test]
async fn a_secret_of_another_webhook_does_not_sign() {
    let world = World::new();
    let requested = world.requested().await;
    let (other, _) = world.webhook(&["scorpius.risk.*"]).await;
    let tenant = crate::testing::tenant();
    let read = |id: String| {
        let (store, tenant) = (Arc::clone(&world.store), tenant.clone());
        async move { store.get(&Webhook::key(&tenant, &id)).await.expect("read").expect("there") }
    };
    let theirs: Webhook = read(other).await.document().expect("a webhook");
    let mine: Webhook = read(requested.webhook.clone()).await.document().expect("a webhook");
    let swapped = Webhook { secret: theirs.secret, ..mine };
    let write = Write::put(Webhook::key(&tenant, &swapped.id), &swapped, Condition::Present);
    world.store.commit(CommitId::new(world.clock.as_ref()), &[write]).await.expect("written");
    assert!(matches!(work(&world, &requested, 1).await, Outcome::Retry { .. }));
    assert!(world.egress.sent().is_empty());
}

#[tokio::test]
async fn a_delivery_that_has_expired_is_rejected() {
    let world = World::new();
    let requested = world.requested().await;
    world.clock.advance_ms(31 * 86_400_000);
    assert_eq!(work(&world, &requested, 1).await, Outcome::reject("the delivery has expired"));
}

#[tokio::test]
async fn what_is_no_request_for_a_delivery_is_rejected() {
    let world = World::new();
    let mut requested = world.requested().await;
    let not_ours = handle(&world.deliver(), &message(&requested.event, 1)).await;
    assert_eq!(not_ours, Outcome::reject("not a request for a delivery"));
    requested.request.data = json!({"delivery_id": 1});
    assert!(matches!(work(&world, &requested, 1).await, Outcome::Reject { .. }));
    let garbage = Message { id: "1".to_owned(), body: Bytes::from_static(b"\xff{"), receives: 1 };
    assert!(matches!(handle(&world.deliver(), &garbage).await, Outcome::Reject { .. }));
}

//! `AwsBus` on ministack: events to queues, messages, dead letters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use scorpius_aws::Aws;
use scorpius_aws::lambda::SqsEvent;
use scorpius_core::{Actor, Bus, Event, Fact, QueueDepth, SystemClock, TenantId};
use scorpius_edge::{Message, Outcome};
use serde::Serialize;
use serde_json::Value;

use super::emulated;

#[derive(Debug, Serialize, JsonSchema)]
struct Told {
    text: String,
}

impl Fact for Told {
    const TYPE: &'static str = "scorpius.test.told.v1";
    const MEANING: &'static str = "A test told something.";
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_reaches_its_queue_as_it_was_published() {
    let Some(world) = emulated().await else { return };
    world.aws.make_bus("contract").await.expect("a bus");
    let queue = world.aws.make_queue("told", 3).await.expect("a queue");
    world.aws.subscribe("contract", "scorpius.test.", &queue).await.expect("a subscription");
    let bus = world.aws.bus_of(Some("contract".to_owned()), [("told".to_owned(), queue.clone())]);

    let tenant = TenantId::new(&SystemClock);
    let event = |n: usize| {
        let fact = Told { text: format!("{n} ü \"\\ \u{10ffff}") };
        Event::of(&fact, "agg", n as u64, &tenant, &Actor::request("usr_1", None), &SystemClock)
    };
    let mut other = event(99);
    other.kind = "scorpius.else.told.v1".to_owned();
    let mut events: Vec<_> = (0..23).map(event).collect();
    events.push(other);
    bus.publish(&events).await.expect("the bus takes them");
    events.pop();

    let mut came = BTreeSet::new();
    for record in drain(&world.aws, &queue.live).await {
        let body = record["body"].as_str().expect("a body");
        let event = Event::parse(body.as_bytes()).expect("the message is the event");
        assert!(events.contains(&event), "{event:?}");
        came.insert(event.id);
    }
    assert_eq!(came.len(), 23);
}

/// Every message that is visible, each taken out for good.
async fn drain(aws: &Aws, url: &str) -> Vec<Value> {
    let mut drained = Vec::new();
    loop {
        let event = aws.hand_out(url).await.expect("the queue answers");
        let records = event["Records"].as_array().expect("records");
        if records.is_empty() {
            return drained;
        }
        for record in records {
            aws.forget(url, record["receiptHandle"].as_str().expect("a receipt"))
                .await
                .expect("it is taken out");
        }
        drained.extend(records.iter().cloned());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_of_a_batch_has_its_own_end() {
    let Some(world) = emulated().await else { return };
    let urls = world.aws.make_queue("batch", 5).await.expect("a queue");
    let bus = world.aws.bus_of(None, [("batch".to_owned(), urls.clone())]);
    for body in ["done", "again", "later", "never", "panic"] {
        bus.send("batch", body.as_bytes()).await.expect("it is sent");
    }
    let queue = world.aws.queue_at("test", urls.clone());
    let handed_out = world.aws.hand_out(&urls.live).await.expect("the queue answers");
    let names: BTreeMap<_, _> = handed_out["Records"]
        .as_array()
        .expect("records")
        .iter()
        .map(|record| (record["body"].as_str().expect("a body").to_owned(), record["messageId"].clone()))
        .collect();
    assert_eq!(names.len(), 5);

    let event: SqsEvent = serde_json::from_value(handed_out).expect("an event");
    let handle = async |message: Message| match &message.body[..] {
        b"again" => Outcome::retry_after(Duration::ZERO, "not yet"),
        b"later" => Outcome::retry_after(Duration::from_secs(100_000), "not today"),
        b"never" => Outcome::reject("it is\nno \u{1} event"),
        b"panic" => panic!("poison"),
        _ => Outcome::Done,
    };
    let answer = queue.handle(&event, Instant::now() + Duration::from_secs(30), &handle).await;
    let failed: BTreeSet<_> =
        answer.batch_item_failures.into_iter().map(|item| item.item_identifier).collect();
    let expected = ["again", "later", "panic"].map(|body| names[body].as_str().expect("an id").to_owned());
    assert_eq!(failed, BTreeSet::from(expected));

    // What came back at once is there; what was put off is not.
    let visible = drain(&world.aws, &urls.live).await;
    let bodies: Vec<_> = visible.iter().filter_map(|record| record["body"].as_str()).collect();
    assert!(bodies.contains(&"again") && !bodies.contains(&"later"), "{bodies:?}");
    let dead = drain(&world.aws, &urls.dead.expect("dead letters")).await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0]["body"], "never");
    assert_eq!(dead[0]["messageAttributes"]["reason"]["stringValue"], "it is no   event");
    assert_eq!(dead[0]["messageAttributes"]["function"]["stringValue"], "test");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_counted_and_put_back_to_work() {
    let Some(world) = emulated().await else { return };
    let queue = world.aws.make_queue("work", 3).await.expect("a queue");
    let bus = world.aws.bus_of(None, [("work".to_owned(), queue.clone())]);
    let depth = |messages, dead_letters| QueueDepth {
        queue: "work".to_owned(),
        messages,
        dead_letters,
        oldest_age_s: None,
    };
    assert_eq!(bus.depths().await.expect("it answers"), [depth(0, 0)]);
    bus.send("work", b"{}").await.expect("it is sent");
    assert!(bus.send("else", b"{}").await.is_err());
    assert!(bus.send("work", b"\xff").await.is_err());

    // The dead letters, as a queue of their own.
    let dead = scorpius_aws::QueueUrls { live: queue.dead.clone().expect("dead letters"), dead: None };
    let graveyard = world.aws.bus_of(None, [("dead".to_owned(), dead)]);
    for n in 0..13 {
        graveyard.send("dead", format!("{n}").as_bytes()).await.expect("it is sent");
    }
    assert_eq!(bus.depths().await.expect("it answers"), [depth(1, 13)]);
    assert_eq!(bus.redrive("work", 12).await.expect("it answers"), 12);
    assert_eq!(bus.depths().await.expect("it answers"), [depth(13, 1)]);
    assert_eq!(bus.redrive("work", 100).await.expect("it answers"), 1);
    assert_eq!(bus.redrive("work", 100).await.expect("it answers"), 0);
    assert_eq!(bus.depths().await.expect("it answers"), [depth(14, 0)]);
    assert!(bus.publish(&[]).await.is_err(), "there is no bus in these settings");
}

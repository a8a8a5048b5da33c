//! `SnsTopics` on ministack: what a subscriber gets, and what nobody gets.

use std::collections::BTreeMap;

use scorpius_aws::AllowedTopics;
use scorpius_core::{SystemClock, TenantId, TopicError, TopicMessage, Topics};

use super::emulated;

fn message(topic: &str) -> TopicMessage {
    TopicMessage {
        topic: topic.to_owned(),
        id: "evt_1".to_owned(),
        body: "{\"text\": \"ü \u{10ffff}\"}".to_owned(),
        attributes: vec![
            ("webhook-id", "evt_1".to_owned()),
            ("event-type", "scorpius.scan.completed.v1".to_owned()),
        ],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_gets_what_was_published_as_it_was() {
    let Some(world) = emulated().await else { return };
    let queue = world.aws.make_queue("subscriber", 3).await.expect("a queue");
    let topic = world.aws.make_topic("alerts", &queue).await.expect("a topic");
    let tenant = TenantId::new(&SystemClock);
    let allowed = AllowedTopics::parse(&format!("{tenant}={topic}")).expect("a list");
    let topics = world.aws.topics_allowed(allowed);
    topics.check(&tenant, &topic).expect("it is allowed");
    let id = topics.publish(&tenant, message(&topic)).await.expect("it is published");
    assert!(!id.is_empty());

    let came = world.aws.hand_out(&queue.live).await.expect("the queue answers");
    let came = came["Records"].as_array().expect("records");
    assert_eq!(came.len(), 1);
    assert_eq!(came[0]["body"], message(&topic).body);
    let attributes: BTreeMap<_, _> = message(&topic).attributes.into_iter().collect();
    for (name, value) in attributes {
        assert_eq!(came[0]["messageAttributes"][name]["stringValue"], value);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_to_another_tenant_s_topic_and_a_topic_that_is_gone_is_named() {
    let Some(world) = emulated().await else { return };
    let queue = world.aws.make_queue("subscriber", 3).await.expect("a queue");
    let topic = world.aws.make_topic("alerts", &queue).await.expect("a topic");
    let (tenant, other) = (TenantId::new(&SystemClock), TenantId::new(&SystemClock));
    let gone = format!("{topic}-gone");
    let allowed = AllowedTopics::parse(&format!("{tenant}={topic},{tenant}={gone}")).expect("a list");
    let topics = world.aws.topics_allowed(allowed);
    for (asked, named) in [(&other, topic.as_str()), (&tenant, "arn:aws:sns:eu-west-1:000000000000:else")] {
        let refused = topics.publish(asked, message(named)).await.expect_err("it is not allowed");
        assert!(matches!(refused, TopicError::NotAllowed { .. }), "{refused:?}");
        assert!(topics.check(asked, named).is_err());
    }
    let refused = topics.publish(&tenant, message(&gone)).await.expect_err("it is not there");
    assert!(
        matches!(&refused, TopicError::Refused { status: 404, code } if code == "NotFound"),
        "{refused:?}"
    );
    let long = TopicMessage { body: "a".repeat(240_001), ..message(&topic) };
    let refused = topics.publish(&tenant, long).await.expect_err("it is too long");
    assert!(matches!(refused, TopicError::Port(_)), "{refused:?}");
    let came = world.aws.hand_out(&queue.live).await.expect("the queue answers");
    assert_eq!(came["Records"], serde_json::json!([]));
}

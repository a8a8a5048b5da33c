//! The record of calls to AWS: each call once, with the permissions that it needs and nothing of its content.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use scorpius_aws::lambda::SqsEvent;
use scorpius_aws::{AllowedTopics, Aws, QueueUrls, Tables};
use scorpius_core::{
    Blobs, Bus, CommitId, Condition, Key, KeyName, Keys, Store, SystemClock, TenantId, TopicMessage, Topics,
    WrapContext, Write,
};
use scorpius_edge::Outcome;
use serde_json::{Value, json};

use super::runtime_api::{Heard, RuntimeApi};

const SECRET: &str = "nobody-may-read-this";

/// What a line says is needed, as `dynamodb:PutItem contract-records`.
fn needed(line: &str) -> BTreeSet<String> {
    let call: Value = serde_json::from_str(line).expect("a line is a JSON document");
    let needs = call["needs"].as_array().expect("a list").iter();
    let text = |need: &Value, name: &str| need[name].as_str().expect("a text").to_owned();
    needs.map(|need| format!("{} {}", text(need, "action"), text(need, "resource"))).collect()
}

/// Uses every adapter. The stub answers nothing of use, so what comes back is not looked at.
async fn work(aws: &Aws, stub: &str) {
    let store = aws.store_on(Tables::with_prefix("contract"));
    let key = |partition: &str| Key::new(partition, "a");
    store.get(&key("t#secrets")).await.map(drop).unwrap_or_default();
    store.get_many(&[key("t#a"), key("t#b")]).await.map(drop).unwrap_or_default();
    let put = |partition: &str| Write::put(key(partition), &json!({"it": SECRET}), Condition::Absent);
    let id = || CommitId::new(&SystemClock);
    store.commit(id(), &[put("t#lone")]).await.map(drop).unwrap_or_default();
    store.commit(id(), &[put("t#a"), put("t#b")]).await.map(drop).unwrap_or_default();

    let blobs = aws.blobs_in("blobs".to_owned());
    let name = "code/0a1b".parse().expect("a name");
    blobs.put(&name, Bytes::from_static(SECRET.as_bytes())).await.unwrap_or_default();
    blobs.sign_get(&name, Duration::from_secs(60)).await.map(drop).unwrap_or_default();

    let keys = aws.keys_named("token".to_owned(), "ledger".to_owned(), "wrap".to_owned());
    keys.sign(KeyName::Ledger, SECRET.as_bytes()).await.map(drop).unwrap_or_default();
    keys.wrap(SECRET.as_bytes(), &WrapContext::new()).await.map(drop).unwrap_or_default();

    let urls = QueueUrls { live: format!("{stub}/live"), dead: Some(format!("{stub}/dead")) };
    let bus = aws.bus_of(Some("events".to_owned()), [("q".to_owned(), urls.clone())]);
    bus.send("q", SECRET.as_bytes()).await.unwrap_or_default();
    let (tenant, topic) = (TenantId::new(&SystemClock), "arn:aws:sns:eu-west-1:000000000000:alerts");
    let allowed = AllowedTopics::parse(&format!("{tenant}={topic}")).expect("a list");
    let body = SECRET.to_owned();
    let message = TopicMessage { topic: topic.to_owned(), id: "1".to_owned(), body, attributes: Vec::new() };
    aws.topics_allowed(allowed).publish(&tenant, message).await.map(drop).unwrap_or_default();

    let poison = json!({"Records": [{"messageId": "m", "receiptHandle": "r", "body": SECRET}]});
    let poison: SqsEvent = serde_json::from_value(poison).expect("a batch");
    let long = std::time::Instant::now() + Duration::from_secs(60);
    aws.queue_at("test", urls).handle(&poison, long, &async |_| Outcome::reject("poison")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_is_recorded_with_what_it_needs_and_without_what_it_says() {
    let stub = RuntimeApi::with(String::new());
    let url = format!("http://{}", stub.address);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("calls.jsonl");
    work(&Aws::emulated(&url, Arc::new(SystemClock)).recording_to(file.clone()), &url).await;

    let record = std::fs::read_to_string(&file).expect("calls were recorded");
    assert!(!record.contains(SECRET) && !record.contains("c2VjcmV0"), "{record}");
    let lines: Vec<_> = record.lines().map(needed).collect();
    let one = |need: &str| BTreeSet::from([need.to_owned()]);
    let wanted = [
        one("dynamodb:GetItem contract-records"),
        one("dynamodb:BatchGetItem contract-records"),
        one("dynamodb:PutItem contract-records"),
        one("dynamodb:PutItem contract-records"),
        one("s3:PutObject blobs/code"),
        one("s3:GetObject blobs/code"),
        one("kms:Sign ledger"),
        one("kms:Encrypt wrap"),
        one(&format!("sqs:SendMessage {url}/live")),
        one("sns:Publish arn:aws:sns:eu-west-1:000000000000:alerts"),
        one(&format!("sqs:SendMessage {url}/dead")),
    ];
    assert_eq!(lines, wanted);
    // A signed URL is made without a call; everything else went over the wire once.
    let called = stub.heard().iter().filter(|heard| matches!(heard, Heard::Call(_))).count();
    assert_eq!(called, lines.len() - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_cannot_be_recorded_is_not_made() {
    let stub = RuntimeApi::with(String::new());
    let url = format!("http://{}", stub.address);
    let folder = tempfile::tempdir().expect("a folder");
    let aws = Aws::emulated(&url, Arc::new(SystemClock)).recording_to(folder.path().to_owned());
    let keys = aws.keys_named("token".to_owned(), "ledger".to_owned(), "wrap".to_owned());
    assert!(keys.sign(KeyName::Ledger, b"x").await.is_err());
    assert!(stub.heard().is_empty());
}

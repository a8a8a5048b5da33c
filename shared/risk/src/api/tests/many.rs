//! Batches and disputes.

use super::*;
use crate::events::{Claim, Disputed};

fn items(count: usize) -> Value {
    let item = |n: usize| match n % 4 {
        0 => json!({"kind": "address", "chain": "ethereum", "address": RONIN_EXPLOITER}),
        1 => json!({"kind": "transaction", "chain": "ethereum", "to": USDC, "value": "0"}),
        2 => json!({"kind": "domain", "domain": "metamask.io"}),
        _ => json!({"kind": "signature", "chain": "ethereum", "message": "hello"}),
    };
    json!({"items": (0..count).map(item).collect::<Vec<_>>()})
}

fn ids(answer: &Value) -> Vec<&str> {
    let results = answer["results"].as_array().expect("results").iter();
    results.filter_map(|result| result["verdict"]["id"].as_str()).collect()
}

#[tokio::test]
async fn a_batch_is_judged_item_by_item_and_each_verdict_is_kept_and_told() {
    let bench = bench();
    let (status, answer, _) = bench.ask(ask("scoreBatch", &items(100))).await;
    assert_eq!(status, 200, "{answer}");
    let ids = ids(&answer);
    assert_eq!(ids.len(), 100);
    assert_eq!(answer["results"][0]["verdict"]["level"], "critical");
    assert_eq!(answer["results"][2]["verdict"]["level"], "safe");
    let told: std::collections::BTreeSet<_> = bench
        .events()
        .await
        .iter()
        .map(|event| event.fact::<Scored>().expect("its data").expect("its type").verdict_id)
        .collect();
    assert_eq!(told, ids.iter().map(|id| (*id).to_owned()).collect());
    for id in [ids[0], ids[57], ids[99]] {
        let (status, replayed, _) = bench.ask(about("replayVerdict", id)).await;
        assert_eq!((status, &replayed["same"]), (200, &json!(true)));
    }
}

#[tokio::test]
async fn an_item_that_cannot_be_judged_is_a_problem_at_its_place() {
    let bench = bench();
    let asked = json!({"items": [
        {"kind": "address", "chain": "ethereum", "address": "0x1"},
        {"kind": "address", "chain": "ethereum", "address": USDC},
        {"kind": "address", "chain": "atlantis", "address": USDC},
        {"kind": "weather"},
        {},
        {"kind": "domain", "domain": "metamask.io", "more": 1},
        {"kind": "transaction", "chain": "ethereum", "to": USDC, "value": "-1"},
    ]});
    let (status, answer, _) = bench.ask(ask("scoreBatch", &asked)).await;
    assert_eq!(status, 200, "{answer}");
    let code = |place: usize| answer["results"][place]["problem"]["code"].as_str();
    let codes: Vec<_> = (0..7).map(code).collect();
    assert_eq!(
        codes,
        [
            Some("invalid-address"),
            None,
            Some("unsupported-chain"),
            Some("invalid-request"),
            Some("invalid-request"),
            Some("invalid-request"),
            Some("invalid-transaction"),
        ]
    );
    assert_eq!(answer["results"][1]["verdict"]["level"], "safe");
    assert_eq!(bench.events().await.len(), 1);
}

#[tokio::test]
async fn a_batch_has_a_size() {
    let bench = bench();
    for (asked, code) in [
        (items(101), (413, "too-large")),
        (items(0), (400, "invalid-request")),
        (json!({"items": [1]}), (400, "invalid-request")),
        (json!({}), (400, "invalid-request")),
    ] {
        let (status, problem, _) = bench.ask(ask("scoreBatch", &asked)).await;
        assert_eq!((status, problem["code"].as_str()), (code.0, Some(code.1)), "{problem}");
    }
    assert!(bench.events().await.is_empty());
}

#[tokio::test]
async fn a_batch_that_is_asked_again_is_answered_from_memory_and_finished_where_it_broke_off() {
    let bench = bench();
    let with_key = |key, asked: &Value| Ask { key: Some(key), ..ask("scoreBatch", asked) };
    let (_, first, _) = bench.ask(with_key("one", &items(60))).await;
    let (_, again, _) = bench.ask(with_key("one", &items(60))).await;
    assert_eq!(ids(&first), ids(&again));
    assert_eq!(bench.events().await.len(), 60, "nothing was judged twice");
    let (status, problem, _) = bench.ask(with_key("one", &items(59))).await;
    assert_eq!((status, &problem["code"]), (409, &json!("idempotency-conflict")));

    // A crash after the first chunk: its memory is there, the others are not.
    let query = scorpius_core::ListQuery::all(format!("{}#idempotency", tenant(1)));
    let memories = bench.app.verdicts.store.list(&query).await.expect("a page").records;
    let mut later: Vec<_> = memories.iter().filter(|record| !record.key.sort.ends_with("-0")).collect();
    assert!(!later.is_empty(), "60 items are several chunks");
    let gone = |record: &scorpius_core::Record| Write::Delete {
        key: record.key.clone(),
        condition: scorpius_core::Condition::Present,
    };
    let writes: Vec<_> = later.drain(..).map(gone).collect();
    bench
        .app
        .verdicts
        .store
        .commit(scorpius_core::CommitId::new(&*bench.clock), &writes)
        .await
        .expect("deleted");
    let (_, finished, _) = bench.ask(with_key("one", &items(60))).await;
    let (before, after) = (ids(&first), ids(&finished));
    assert_eq!((before[0], after.len()), (after[0], 60));
    assert_ne!(before[59], after[59]);

    let long = "k".repeat(101);
    let long: &'static str = Box::leak(long.into_boxed_str());
    let (status, ..) = bench.ask(with_key(long, &items(1))).await;
    assert_eq!(status, 400, "a key that is none alone is none here");
}

#[tokio::test]
async fn a_verdict_is_disputed_once_by_each_caller_and_the_reason_is_not_told() {
    let bench = bench();
    let (_, verdict, response) = bench.ask(ask("scoreAddress", &address_of(RONIN_EXPLOITER))).await;
    let id = verdict["id"].as_str().expect("an id");
    let reason = "This is our own treasury.";
    let dispute = |tenant| Ask {
        body: json!({"claim": "false_alarm", "reason": reason}).to_string(),
        tenant,
        ..about("disputeVerdict", id)
    };
    let (status, made, _) = bench.ask(dispute(1)).await;
    assert_eq!((status, &made["verdict_id"], &made["subject"]), (201, &json!(id), &json!("key_1")), "{made}");
    let events = bench.events().await;
    let fact = events.iter().find_map(|event| event.fact::<Disputed>().ok().flatten());
    let fact = fact.expect("it is told");
    assert_eq!((fact.claim, fact.verdict_sha256), (Claim::FalseAlarm, sha256(&response.body)));
    assert_eq!(fact.reason_sha256, sha256(reason.as_bytes()));
    assert!(events.iter().all(|event| !event.to_json().contains("treasury")));

    let (status, problem, _) = bench.ask(dispute(1)).await;
    assert_eq!((status, &problem["code"]), (409, &json!("already-disputed")));
    let (status, ..) = bench.ask(dispute(2)).await;
    assert_eq!(status, 404, "another tenant's verdict");
    for reason in [" ".to_owned(), "x".repeat(2_001)] {
        let asked = Ask {
            body: json!({"claim": "missed", "reason": reason}).to_string(),
            ..about("disputeVerdict", id)
        };
        assert_eq!(bench.ask(asked).await.0, 400);
    }
    let (_, shown, _) = bench.ask(about("getVerdict", id)).await;
    assert_eq!(shown["score"], verdict["score"], "the verdict stays as it is");
}

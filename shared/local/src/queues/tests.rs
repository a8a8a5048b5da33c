use scorpius_core::{Actor, Clock, ManualClock, TenantId};
use serde_json::json;

use super::*;

const TERM: Duration = Duration::from_secs(30);

struct World {
    clock: Arc<ManualClock>,
    queues: SqliteQueues,
}

fn queue(name: &str, patterns: &[&str]) -> QueueSpec {
    let patterns = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    QueueSpec { name: name.to_owned(), patterns, receives_max: 2 }
}

fn specs() -> Vec<QueueSpec> {
    vec![
        queue("audit", &[]),
        queue("notify", &["scorpius.scan.*"]),
        queue("scan", &["scorpius.scan.requested.v1"]),
    ]
}

fn world() -> World {
    let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
    let store = SqliteStore::in_memory(clock.clone()).expect("there is room for a store");
    World { clock, queues: SqliteQueues::beside(&store, specs()) }
}

pub(crate) fn event(kind: &str, clock: &dyn Clock) -> Event {
    let actor = Actor::request("usr_1", None);
    Event {
        specversion: "1.0".to_owned(),
        id: scorpius_core::new_id("evt", clock),
        source: "/scorpius/scan".to_owned(),
        kind: kind.to_owned(),
        subject: "scn_1".to_owned(),
        time: clock.now().to_string(),
        datacontenttype: "application/json".to_owned(),
        tenantid: TenantId::new(clock),
        actor: actor.name,
        strength: None,
        network: None,
        traceparent: None,
        aggregate: "scn_1".to_owned(),
        sequence: 1,
        hops: 0,
        data: json!({}),
    }
}

#[tokio::test]
async fn an_event_comes_to_each_queue_that_wants_its_type() {
    let World { clock, queues } = world();
    let requested = event("scorpius.scan.requested.v1", &*clock);
    let completed = event("scorpius.scan.completed.v1", &*clock);
    let scored = event("scorpius.risk.scored.v1", &*clock);
    queues.publish(&[requested.clone(), completed.clone(), scored]).await.expect("it is durable");
    let bodies = async |queue| {
        let received = queues.receive(queue, 10, TERM).await.expect("the queue answers");
        received
            .into_iter()
            .map(|message| Event::parse(&message.body).expect("an event").id)
            .collect::<Vec<_>>()
    };
    assert_eq!(bodies("notify").await, [requested.id.clone(), completed.id]);
    assert_eq!(bodies("scan").await, [requested.id]);
    assert_eq!(bodies("audit").await, [""; 0]);
}

#[tokio::test]
async fn a_message_is_handed_out_again_when_its_term_is_over() {
    let World { clock, queues } = world();
    queues.send("audit", b"one").await.expect("it is durable");
    let first = queues.receive("audit", 10, TERM).await.expect("the queue answers");
    assert_eq!((first.len(), first[0].receives, &first[0].body[..]), (1, 1, &b"one"[..]));
    assert_eq!(queues.receive("audit", 10, TERM).await.expect("the queue answers"), []);
    queues.extend(&first[0].id, TERM * 2).await.expect("the term begins again");
    clock.advance_ms(30_001);
    assert_eq!(queues.receive("audit", 10, TERM).await.expect("the queue answers"), []);
    clock.advance_ms(30_000);
    let second = queues.receive("audit", 10, TERM).await.expect("the queue answers");
    assert_eq!((&second[0].id, second[0].receives), (&first[0].id, 2));
    queues.done(&second[0].id).await.expect("it is forgotten");
    queues.done(&second[0].id).await.expect("forgetting twice is fine");
    clock.advance_ms(60_000);
    assert_eq!(queues.receive("audit", 10, TERM).await.expect("the queue answers"), []);
}

#[tokio::test]
async fn a_message_that_fails_too_often_is_a_dead_letter_and_may_be_put_back_to_work() {
    let World { clock, queues } = world();
    let sent = clock.now();
    queues.send("audit", b"poison").await.expect("it is durable");
    for receives in 1..=2 {
        let received = queues.receive("audit", 1, TERM).await.expect("the queue answers");
        assert_eq!(received[0].receives, receives);
        let again = Duration::from_secs(1);
        queues.retry(&received[0].id, again, "no answer").await.expect("it is to be tried again");
        assert_eq!(queues.receive("audit", 1, TERM).await.expect("the queue answers"), []);
        clock.advance_ms(1_000);
    }
    assert_eq!(queues.receive("audit", 1, TERM).await.expect("the queue answers"), []);
    let letter = DeadLetter {
        body: Bytes::from_static(b"poison"),
        reason: "handed out 2 times: no answer".to_owned(),
        receives: 2,
        first_enqueued: sent,
    };
    assert_eq!(queues.dead_letters("audit", 10).await.expect("the queue answers"), [letter]);
    let depth = |messages, dead_letters, oldest_age_s| QueueDepth {
        queue: "audit".to_owned(),
        messages,
        dead_letters,
        oldest_age_s: Some(oldest_age_s),
    };
    assert_eq!(queues.depths().await.expect("the queues answer")[0], depth(0, 1, 0));
    assert_eq!(queues.redrive("audit", 10).await.expect("it goes back"), 1);
    assert_eq!(queues.depths().await.expect("the queues answer")[0], depth(1, 0, 2));
    let received = queues.receive("audit", 1, TERM).await.expect("the queue answers");
    assert_eq!((received[0].receives, &received[0].body[..]), (1, &b"poison"[..]));
    queues.reject(&received[0].id, "never").await.expect("it is given up on");
    assert_eq!(queues.dead_letters("audit", 10).await.expect("the queue answers")[0].reason, "never");
}

#[tokio::test]
async fn whoever_waits_is_woken_by_what_arrives() {
    let World { queues, .. } = world();
    let waiting = tokio::spawn({
        let queues = queues.clone();
        async move { queues.receive_within(&["audit"], 1, TERM, Duration::from_secs(60)).await }
    });
    tokio::task::yield_now().await;
    queues.send("audit", b"wake").await.expect("it is durable");
    let received = waiting.await.expect("the waiter lives").expect("the queue answers");
    assert_eq!(&received[0].body[..], b"wake");
    let none = queues.receive_within(&["audit"], 1, TERM, Duration::from_millis(5)).await;
    assert_eq!(none.expect("the queue answers"), []);
}

#[tokio::test]
async fn what_no_queue_can_take_is_refused() {
    let World { queues, .. } = world();
    assert!(queues.send("nowhere", b"").await.is_err());
    assert!(queues.receive("nowhere", 1, TERM).await.is_err());
    assert!(queues.redrive("nowhere", 1).await.is_err());
    assert!(queues.send("audit", &vec![0; BODY_BYTES_MAX + 1]).await.is_err());
    assert!(queues.send("audit", &vec![0; BODY_BYTES_MAX]).await.is_ok());
    assert!(queues.done("x").await.is_err());
}

#[tokio::test]
async fn messages_outlive_the_process_and_come_back_from_its_hands_but_waits_go_on() {
    let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = || {
        let store = SqliteStore::open(folder.path(), clock.clone()).expect("the folder opens");
        SqliteQueues::beside(&store, specs())
    };
    let queues = open();
    for body in [b"1", b"2", b"3"] {
        queues.send("audit", body).await.expect("it is durable");
    }
    let in_hand = queues.receive("audit", 2, TERM).await.expect("the queue answers");
    queues.retry(&in_hand[1].id, TERM, "later").await.expect("it is told");
    drop(queues);

    let queues = open();
    let found = queues.receive("audit", 10, TERM).await.expect("the queue answers");
    let found: Vec<_> = found.iter().map(|message| (&message.body[..], message.receives)).collect();
    assert_eq!(found, [(&b"1"[..], 2), (&b"3"[..], 1)], "the first again, the second waits, the third");
    clock.advance_ms(30_000);
    let late = queues.receive("audit", 10, TERM).await.expect("the queue answers");
    assert!(late.iter().any(|message| &message.body[..] == b"2"));
}

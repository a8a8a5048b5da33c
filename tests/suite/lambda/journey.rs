//! From a request to its proof through the real zips, on ministack: gateway, authorizer, door, stream, relay,
//! bus and queues, consumers, ledger, and a check that needs none of them. What it took is counted.

use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use scorpius_core::{Actor, BlobName, Blobs, Event, SystemClock, TenantId, new_id};
use scorpius_edge::queue::AuditBatch;
use scorpius_relay::api::RedriveRequested;
use serde_json::{Value, json};

use super::costs::Bill;
use super::stage::{EARLY, FirstStart, Stage, counted, until};
use crate::aws::tools::say;
use crate::platform::program;
use crate::terraform::difference;

/// How long the way from a commit to the ledger may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(300);
/// A schedule of one minute, and the time to notice.
const MINUTES: Duration = Duration::from_secs(400);
/// Verdicts that are counted, one after the other and then at once.
const VERDICTS: usize = 8;
const AT_ONCE: usize = 40;
/// PUSH1 0 CALLDATALOAD SELFDESTRUCT: a contract that anyone may destroy.
const OPEN_TO_ALL: &str = "0x600035ff";

fn address(number: usize) -> Value {
    json!({"chain": "eip155:1", "address": format!("0x{number:040x}")})
}

/// Scores an address, and answers the verdict's id.
#[track_caller]
fn scored(stage: &Stage, key: &str, number: usize) -> String {
    let verdict = stage.ask("POST", "/v1/risk/address", key, &address(number)).expect(200);
    verdict["id"].as_str().expect("an id").to_owned()
}

/// The id of a verdict's event, once the ledger covers it.
pub(super) fn included(stage: &Stage, key: &str, verdict: &str) -> Option<String> {
    let shown = stage.ask("GET", &format!("/v1/verdicts/{verdict}"), key, &Value::Null).expect(200);
    let proof = &shown["proof"];
    (proof["status"] == "included").then(|| proof["event_id"].as_str().expect("an event").to_owned())
}

#[test]
fn a_request_becomes_a_proof_through_the_real_zips() {
    let Some(stage) = Stage::open() else { return };
    for line in &stage.deployment.made_up {
        say(line);
    }
    let first = stage.first_start();
    let again = stage.invoke("bootstrap", &json!({}));
    assert_eq!((&again["status"], again.get("api_key")), (&json!("already_done"), None));

    smoke(&stage, &first);
    let events = measured(&stage, &first.api_key);
    let poison = partial_batch(&stage, &first);
    proved_offline(&stage, &first, &events);
    scanned(&stage, &first.api_key);
    poison.ends(&stage, &first.api_key);
    let swept = until("the schedule starts the sweep", MINUTES, || swept(&stage));
    say(&format!("the schedule started the sweep: {swept}"));
    as_allowed(&stage);
}

/// Functions did what their roles allow, and each thing that roles allow beside that has its reason.
fn as_allowed(stage: &Stage) {
    let found = difference(&stage.deployment.state, &stage.record());
    assert_eq!((&found.beyond, &found.unused), (&vec![], &vec![]));
    let calls = stage.calls().len();
    say(&format!(
        "{calls} calls to AWS, each allowed; {} permissions that no call used, each with its reason",
        found.excused
    ));
}

/// What a user runs after the first deploy says that all is well.
fn smoke(stage: &Stage, first: &FirstStart) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ledger.vkey");
    std::fs::write(&file, &first.ledger_key).expect("a file");
    let mut command = Command::new(program());
    command.args(["smoke", "--url", &stage.deployment.api_url, "--key-env", "SMOKE_KEY", "--ledger-key"]);
    let ended = command.arg(&file).env("SMOKE_KEY", &first.api_key).output().expect("it runs");
    let said = String::from_utf8_lossy(&[&ended.stdout[..], &ended.stderr[..]].concat()).into_owned();
    assert!(ended.status.success(), "{said}");
    say(&format!("$ scorpius smoke --url {} --ledger-key ledger.vkey\n{said}", stage.deployment.api_url));
}

/// Counts what verdicts cost, and answers the ids of their events.
fn measured(stage: &Stage, key: &str) -> Vec<String> {
    let (events, _) = counting(stage, key, "one after the other", || {
        (1..=VERDICTS).map(|number| scored(stage, key, number)).collect()
    });
    counting(stage, key, "eight at a time", || {
        std::thread::scope(|scope| {
            let askers: Vec<_> = (0..8)
                .map(|asker| {
                    let numbers = (0..AT_ONCE / 8).map(move |number| 1_000 + asker * 100 + number);
                    scope.spawn(move || numbers.map(|number| scored(stage, key, number)).collect::<Vec<_>>())
                })
                .collect();
            askers.into_iter().flat_map(|asker| asker.join().expect("it does not panic")).collect()
        })
    });
    events
}

/// Asks for verdicts, and says what they took: at the door, and from the outbox to the ledger. Answers the
/// ids of their events, and the bills.
fn counting(
    stage: &Stage,
    key: &str,
    how: &str,
    ask: impl FnOnce() -> Vec<String>,
) -> (Vec<String>, [Bill; 2]) {
    until("the outbox is empty", PATIENCE, || (stage.outbox_rows() == 0).then_some(()));
    let (before, invoked) = (stage.calls().len(), stage.all_invocations());
    let verdicts = ask();
    let asked = stage.calls().split_off(before);
    let covered = |id: &String| until("the ledger covers it", PATIENCE, || included(stage, key, id));
    let events = verdicts.iter().map(covered).collect();
    until("the outbox is empty", PATIENCE, || (stage.outbox_rows() == 0).then_some(()));
    let carried = stage.calls().split_off(before);
    let invocations = |function: &str| stage.invocations(function) - invoked[function];

    let number = verdicts.len();
    let (door, back) = (["authorizer", "risk-score"], ["outbox-relay", "audit-append"]);
    let of = |calls: &'_ [Value], functions: [&str; 2]| -> Vec<Value> {
        let names = functions.map(|function| stage.name(function));
        calls.iter().filter(|call| names.iter().any(|name| call["function"] == **name)).cloned().collect()
    };
    let (at_door, behind) = (of(&asked, door), of(&carried, back));
    let mut verdict = Bill::of_calls(&at_door);
    verdict.add("HTTP API requests", number as f64);
    verdict.add("Lambda invocations", 2.0 * number as f64);
    let mut event = Bill::of_calls(&behind);
    let batches = invocations("audit-append");
    event.add("Lambda invocations", (invocations("outbox-relay") + batches) as f64);
    // What Lambda asks SQS for itself: a batch taken, and a batch deleted.
    event.add("SQS requests", 2.0 * batches as f64);

    say(&format!(
        "\n{number} verdicts, {how}: outbox-relay ran {} times, audit-append {batches}",
        invocations("outbox-relay")
    ));
    let kinds = at_door.iter().chain(&behind).map(|call| {
        let text = |name: &str| call[name].as_str().unwrap_or("?").to_owned();
        format!("{} {} {}", text("function"), text("service"), text("operation"))
    });
    for (kind, count) in counted(kinds) {
        say(&format!("  {count:>5} {kind}"));
    }
    let bills = [verdict.over(number), event.over(number)];
    for (what, bill) in
        ["a verdict at its door", "its event, from the outbox to the proof"].iter().zip(&bills)
    {
        say(&format!("| {what} | each | $ for a million | $ |"));
        bill.lines().iter().for_each(|line| say(line));
    }
    let [verdict, event] = &bills;
    assert!(event.count("KMS requests, asymmetric") > 0.0, "no checkpoint was signed by KMS: {event:?}");
    assert!(
        verdict.count("DynamoDB write units") >= 2.0,
        "a verdict and its event are one transaction: {verdict:?}"
    );
    (events, bills)
}

/// Evidence that is checked with the program alone.
fn proved_offline(stage: &Stage, first: &FirstStart, events: &[String]) {
    let folder = tempfile::tempdir().expect("a folder");
    let (bundle, key) = (folder.path().join("evidence.json"), folder.path().join("ledger.vkey"));
    let answer = stage.ask("POST", "/v1/audit/bundles", &first.api_key, &json!({"event_ids": events}));
    answer.expect(200);
    std::fs::write(&bundle, &answer.body).expect("a file");
    std::fs::write(&key, &first.ledger_key).expect("a file");
    let verify = |file: &std::path::Path| {
        let ended = Command::new(program()).arg("verify").arg(file).arg("--key").arg(&key).output();
        let ended = ended.expect("it runs");
        (ended.status.code(), String::from_utf8_lossy(&ended.stdout).into_owned())
    };
    let (code, said) = verify(&bundle);
    assert_eq!(code, Some(0), "{said}");
    say(&format!("$ scorpius verify evidence.json --key ledger.vkey\n{said}"));

    let mut forged: Value = serde_json::from_slice(&answer.body).expect("a document");
    forged["entries"][0]["index"] = json!(forged["entries"][0]["index"].as_u64().expect("an index") + 1);
    std::fs::write(&bundle, forged.to_string()).expect("a file");
    assert_eq!(verify(&bundle).0, Some(1), "a forged file is refused");
    // The key that signs has never left KMS: the public half of it is what the evidence was checked with.
    let asked = json!({"KeyId": stage.output("keys", "/ledger")});
    let public = stage.call("kms", "TrentService.GetPublicKey", &asked);
    assert_eq!(public["SigningAlgorithms"], json!(["ED25519_SHA_512", "ED25519_PH_SHA_512"]), "{public}");
}

/// A request that goes over the bus and a queue to a worker.
fn scanned(stage: &Stage, key: &str) {
    let scan = stage.ask("POST", "/v1/scans", key, &json!({"bytecode": OPEN_TO_ALL})).expect(202);
    let path = format!("/v1/scans/{}", scan["id"].as_str().expect("an id"));
    let done = until("the scan is done", PATIENCE, || {
        let scan = stage.ask("GET", &path, key, &Value::Null).expect(200);
        (scan["status"] == "completed").then_some(scan)
    });
    let findings = done["report"]["findings"].as_array().expect("findings");
    assert!(findings.iter().any(|finding| finding["swc"] == 106), "{done}");
    let fanned_out = until("the notifier hears of it", PATIENCE, || {
        (stage.invocations("notifier") > 0).then(|| stage.invocations("notifier"))
    });
    say(&format!("a scan went through bus and queues; the notifier was started {fanned_out} times"));
}

/// A batch of messages of which some are not done.
struct PartialBatch {
    good: String,
    missing: String,
}

/// Hands `audit-append` three messages at once: one that it can never take, one whose blob is not there, and a
/// good one.
fn partial_batch(stage: &Stage, first: &FirstStart) -> PartialBatch {
    let fact = RedriveRequested { queue: "audit".to_owned(), max: 1 };
    let tenant: TenantId = first.tenant.parse().expect("a tenant");
    let actor = Actor::request("usr_1", None);
    let event = Event::of(&fact, &new_id("rdr", &SystemClock), 1, &tenant, &actor, &SystemClock);
    let body = serde_json::to_vec(&[&event]).expect("JSON");
    let blob = BlobName::of_content("audit-batches", &body);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let bucket = stage.output("bucket", "");
    let blobs = stage.aws().blobs_in(bucket);
    runtime.block_on(blobs.put_if_absent(&blob, Bytes::from(body))).expect("it is stored");

    let batch = |blob: &BlobName| {
        let sha256 = blob.as_str().rsplit('/').next().expect("a digest").to_owned();
        let batch_id = new_id("bat", &SystemClock);
        AuditBatch { batch_id, blob: blob.to_string(), sha256, count: 1 }
    };
    let good = serde_json::to_string(&batch(&blob)).expect("JSON");
    let nowhere = BlobName::of_content("audit-batches", b"nobody wrote this");
    let missing = serde_json::to_string(&batch(&nowhere)).expect("JSON");
    stage.gives_up_early("audit");
    let bodies = ["not a batch".to_owned(), missing.clone(), good];
    let entries: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| json!({"Id": format!("m{number}"), "MessageBody": body}))
        .collect();
    let asked = json!({"QueueUrl": stage.queue("audit", "live"), "Entries": entries});
    stage.call("sqs", "AmazonSQS.SendMessageBatch", &asked);
    PartialBatch { good: event.id, missing }
}

impl PartialBatch {
    /// The good one stands in the ledger, the other two lie among the dead letters, each as it should.
    fn ends(self, stage: &Stage, key: &str) {
        let path = format!("/v1/audit/proofs?event_id={}", self.good);
        until("the good message is in the ledger", PATIENCE, || {
            (stage.ask("GET", &path, key, &Value::Null).status == 200).then_some(())
        });
        let dead = stage.queue("audit", "dead");
        until("both others are dead letters", PATIENCE, || (stage.visible(&dead) == 2).then_some(()));
        let asked = json!({
            "QueueUrl": dead, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0, "MessageAttributeNames": ["All"]
        });
        let letters = stage.call("sqs", "AmazonSQS.ReceiveMessage", &asked);
        let letters = letters["Messages"].as_array().expect("messages");
        let of = |body: &str| {
            letters.iter().find(|letter| letter["Body"] == *body).unwrap_or_else(|| panic!("{letters:#?}"))
        };
        let rejected = of("not a batch");
        let reason = rejected["MessageAttributes"]["reason"]["StringValue"].as_str().expect("a reason");
        assert!(reason.starts_with("not an audit batch"), "{reason}");
        // SQS itself gave this one up.
        let given_up = of(&self.missing);
        let outcomes = stage.said("audit-append");
        let tries = outcomes
            .iter()
            .filter(|line| line["outcome"] == "retry" && line["message_id"] == given_up["MessageId"]);
        let tries = tries.count();
        assert_eq!(tries, EARLY as usize);
        say(&format!("of one batch: 1 done, 1 rejected ({reason}), 1 given up after {tries} hand-outs"));
    }
}

/// The line of a sweep that the schedule started.
fn swept(stage: &Stage) -> Option<Value> {
    stage.said("outbox-sweep").into_iter().find(|line| line["message"] == "swept")
}

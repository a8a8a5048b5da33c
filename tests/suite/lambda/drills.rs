//! What fails and how it ends, on ministack with the real zips: nothing is lost, and an alarm of Terraform's
//! would sound.

use std::time::Duration;

use serde_json::{Value, json};

use super::alarms::alarm;
use super::journey::included;
use super::stage::{FirstStart, Stage, until};
use crate::aws::tools::say;
use crate::terraform::difference;

/// How long a drill's step may take here.
const PATIENCE: Duration = Duration::from_secs(300);
/// The sweep is started each minute, and leaves a minute to the stream.
const MINUTES: Duration = Duration::from_secs(600);

fn scored(stage: &Stage, first: &FirstStart, number: usize) -> String {
    let body = json!({"chain": "eip155:1", "address": format!("0x{number:040x}")});
    let verdict = stage.ask("POST", "/v1/risk/address", &first.api_key, &body).expect(200);
    verdict["id"].as_str().expect("an id").to_owned()
}

#[track_caller]
fn sounds(stage: &Stage, ending: &str) {
    let alarm = until(&format!("the alarm `{ending}` sounds"), PATIENCE, || {
        Some(alarm(stage, ending)).filter(|alarm| alarm.sounds())
    });
    say(&format!("  alarm {}: {} is above {}", alarm.name, alarm.value, alarm.threshold));
}

#[track_caller]
fn is_quiet(stage: &Stage, ending: &str) {
    let alarm = alarm(stage, ending);
    assert!(!alarm.sounds(), "{alarm:?}");
}

/// Puts dead letters back to work, as an operator does.
#[track_caller]
fn redriven(stage: &Stage, first: &FirstStart, queue: &str) {
    let path = format!("/v1/admin/queues/{queue}/redrive");
    stage.ask("POST", &path, &first.api_key, &json!({})).expect(202);
}

#[test]
fn a_relay_that_fails_for_good_and_a_poison_row_lose_nothing() {
    let Some(stage) = Stage::open() else { return };
    let first = stage.first_start();
    is_quiet(&stage, "outbox-age.outbox");

    say("drill: a new version of outbox-relay does not start, and a row of the outbox holds no event");
    let before = stage.releases_without("outbox-relay", "BUS");
    // Ten minutes old, so that it is the first that every sweep finds.
    let row = poison(&stage, 600_000);
    let verdict = scored(&stage, &first, 1);
    sounds(&stage, "function-errors.outbox-relay");
    assert_eq!(included(&stage, &first.api_key, &verdict), None, "nobody carried it yet");

    until("the sweep carries it", MINUTES, || included(&stage, &first.api_key, &verdict));
    say("  the sweep carried what the stream did not");
    sounds(&stage, "outbox-age.outbox");
    let swept = stage.said("outbox-sweep").into_iter().rfind(|line| line["message"] == "swept");
    let swept = swept.expect("the sweep has told");
    assert_eq!((&swept["unreadable"], &swept["ok"]), (&json!(1), &json!(true)), "{swept}");
    assert_eq!(stage.outbox_rows(), 1, "the row that holds no event is still there");

    // Somebody looks at it, and writes the event that it was to be.
    let event = row.mended(&stage, &first);
    stage.invoke("outbox-sweep", &json!({}));
    let path = format!("/v1/audit/proofs?event_id={event}");
    until("the mended row is in the ledger", PATIENCE, || {
        (stage.ask("GET", &path, &first.api_key, &Value::Null).status == 200).then_some(())
    });
    assert_eq!(stage.outbox_rows(), 0);

    stage.goes_back("outbox-relay", &before);
    let verdict = scored(&stage, &first, 2);
    until("the stream is back", PATIENCE, || included(&stage, &first.api_key, &verdict));
    say("  back to the version before: the stream carries again, and the mended row is proved");

    let found = difference(&stage.deployment.state, &stage.record());
    assert_eq!(found.beyond, [""; 0], "nobody does more than their role allows");
}

#[test]
fn a_consumer_that_throws_and_a_key_that_does_not_sign_lose_nothing() {
    let Some(stage) = Stage::open() else { return };
    let first = stage.first_start();
    for queue in ["audit", "scan"] {
        is_quiet(&stage, &format!("dead-letters.{queue}"));
        // As declared a failed message is hidden for six times the function's timeout.
        let asked = json!({"QueueUrl": stage.queue(queue, "live"), "Attributes": {"VisibilityTimeout": "1"}});
        stage.call("sqs", "AmazonSQS.SetQueueAttributes", &asked);
    }
    stage.gives_up_early("audit");

    say("drill: a new version of scan-job does not start");
    let before = stage.releases_without("scan-job", "BUCKET");
    let scan = stage.ask("POST", "/v1/scans", &first.api_key, &json!({"bytecode": "0x600035ff"})).expect(202);
    let path = format!("/v1/scans/{}", scan["id"].as_str().expect("an id"));

    say("drill: KMS does not sign checkpoints");
    let key = json!({"KeyId": stage.output("keys", "/ledger")});
    stage.call("kms", "TrentService.DisableKey", &key);
    let verdict = scored(&stage, &first, 1);

    sounds(&stage, "function-errors.scan-job");
    sounds(&stage, "dead-letters.scan");
    assert_eq!(stage.ask("GET", &path, &first.api_key, &Value::Null).expect(200)["status"], "queued");
    sounds(&stage, "dead-letters.audit");
    let told = stage.said("audit-append").iter().filter(|line| line["MessagesRetried"] == 1.0).count();
    assert!(told > 0, "the function's own metric counts what is tried again");
    assert_eq!(included(&stage, &first.api_key, &verdict), None);
    stage.goes_back("scan-job", &before);
    stage.call("kms", "TrentService.EnableKey", &key);
    redriven(&stage, &first, "scan");
    redriven(&stage, &first, "audit");
    until("the scan is done", PATIENCE, || {
        let scan = stage.ask("GET", &path, &first.api_key, &Value::Null).expect(200);
        (scan["status"] == "completed").then_some(())
    });
    until("the verdict is proved", PATIENCE, || included(&stage, &first.api_key, &verdict));
    for queue in ["audit", "scan"] {
        is_quiet(&stage, &format!("dead-letters.{queue}"));
    }
    say("  mended and redriven: the scan is done, and the verdict is proved");
}

/// A row of the outbox that holds no event.
pub(super) struct Poison {
    partition: String,
    sort: String,
}

pub(super) fn poison(stage: &Stage, age_ms: u64) -> Poison {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let made = u64::try_from(now.as_millis()).expect("before the year 500 million") - age_ms;
    let row =
        Poison { partition: "outbox#0".to_owned(), sort: format!("evt_{made:012x}70008000000000000001") };
    row.write(stage, "{\"specversion\":");
    row
}

impl Poison {
    /// As `DynamoStore` writes a row: key, version, commit, no end, document.
    fn write(&self, stage: &Stage, document: &str) {
        let item = json!({
            "pk": {"S": self.partition}, "sk": {"S": self.sort}, "v": {"N": "1"},
            "x": {"N": "100000000000000000000"}, "ttl": {"N": "100000000000"},
            "c": {"S": "019a0000-0000-7000-8000-000000000001"}, "@doc": {"S": document},
        });
        let asked = json!({"TableName": stage.output("tables", "/outbox"), "Item": item});
        stage.call("dynamodb", "DynamoDB_20120810.PutItem", &asked);
    }

    /// Puts an event in its place, whose id is the row's; answers it.
    pub(super) fn mended(&self, stage: &Stage, first: &FirstStart) -> String {
        // An aggregate whose events lie in this partition.
        let aggregate = (0..).map(|n| format!("rdr_mended{n}")).find(|name| shard(name) == self.partition);
        let aggregate = aggregate.expect("one in sixteen does");
        let event = json!({
            "specversion": "1.0", "id": self.sort, "source": "/scorpius/admin",
            "type": "scorpius.admin.redrive_requested.v1", "subject": aggregate,
            "time": "2026-11-21T09:40:40.000Z", "datacontenttype": "application/json",
            "tenantid": first.tenant, "actor": "usr_1", "aggregate": aggregate, "sequence": 1, "hops": 0,
            "data": {"queue": "audit", "max": 1},
        });
        self.write(stage, &event.to_string());
        self.sort.clone()
    }
}

/// The partition that an aggregate's events are in.
fn shard(aggregate: &str) -> String {
    let event = json!({
        "specversion": "1.0", "id": "evt_1", "source": "/scorpius/test", "type": "scorpius.test.told.v1",
        "subject": aggregate, "time": "2026-11-21T09:40:40.000Z", "datacontenttype": "application/json",
        "tenantid": scorpius_core::TenantId::new(&scorpius_core::SystemClock), "actor": "usr_1",
        "aggregate": aggregate, "sequence": 1, "hops": 0, "data": {},
    });
    let event: scorpius_core::Event = serde_json::from_value(event).expect("an event");
    event.outbox_key().partition
}

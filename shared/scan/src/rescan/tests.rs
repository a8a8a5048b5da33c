//! Schedules over a store in memory, a chain in memory, and a store that fails as told.

use scorpius_edge::{Outcome, Request, Response};
use scorpius_local::{Fate, ScriptedStore};
use serde_json::{Value, json};

use super::*;
use crate::deployed::tests::Memory;
use crate::proxy::places;
use crate::testing::{NOW, OTHER_TENANT, TENANT, World, get, json as body_of, post};
use crate::{api, worker};

const HOUR_MS: u64 = 3_600_000;
/// `selfdestruct(caller)`, which anybody may call.
const OPEN: [u8; 2] = [0x33, 0xff];
/// `stop`.
const CLOSED: [u8; 1] = [0x00];
const AT: &str = "0x2222222222222222222222222222222222222222";

fn lost() -> StoreError {
    StoreError::Port(PortError::new("store", "connection reset"))
}

/// A tick whose node has `code` at the address.
fn tick(world: &World, code: &[u8], is_down: bool, fates: Vec<Fate>) -> Rescans {
    let codes = [([0x22; 20], code.to_vec())].into_iter().filter(|(_, code)| !code.is_empty());
    tick_at(world, Memory { codes: codes.collect(), is_down, ..Memory::default() }, fates)
}

fn tick_at(world: &World, node: Memory, fates: Vec<Fate>) -> Rescans {
    let store = Arc::new(ScriptedStore::over(Arc::clone(&world.store)));
    store.will(fates);
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    Rescans::new(store, Arc::clone(&world.blobs), clock, Some(Arc::new(node)))
}

async fn stands(world: &World, status: &str) {
    let tenant = TENANT.parse().expect("a tenant");
    let record = Write::put(tenant_at(&tenant), &json!({"status": status}), Condition::Always);
    world.store.commit(CommitId::new(&*world.clock), &[record]).await.expect("a store");
}

fn deployed(hours: u32) -> Value {
    let target = json!({"chain": "ethereum", "address": AT});
    json!({"deployed": target, "interval_hours": hours, "budget": "quick", "label": "ours"})
}

/// A world with an active tenant and a schedule.
async fn scheduled(asked: &Value) -> (World, String) {
    let world = World::new();
    stands(&world, "active").await;
    let made = asking(&world, post("createScanSchedule", asked)).await;
    assert_eq!(made.status.as_u16(), 201, "{made:?}");
    let id = body_of(&made)["id"].as_str().expect("an id").to_owned();
    (world, id)
}

async fn asking(world: &World, request: Request) -> Response {
    world.ask(Request { received_at: world.clock.now(), ..request }).await
}

async fn schedule(world: &World, id: &str) -> Value {
    body_of(&asking(world, get("getScanSchedule", TENANT, Some(id))).await)
}

/// The ids of scans that were asked for, oldest first.
async fn asked_for(world: &World) -> Vec<String> {
    let events = world.emitted().await.into_iter();
    events.filter(|it| it.kind.ends_with("requested.v1")).map(|it| it.aggregate).collect()
}

/// Works on the newest scan, and gives it as it then is.
async fn worked(world: &World) -> Value {
    let id = asked_for(world).await.pop().expect("a scan");
    assert_eq!(worker::handle(&world.worker, &world.message(&id).await).await, Outcome::Done);
    body_of(&world.ask(get("getScan", TENANT, Some(&id))).await)
}

async fn run(rescans: Rescans) -> (usize, usize, usize) {
    let Ran { started, missed, failed } = rescans.run().await.expect("it can be told what is due");
    (started, missed, failed)
}

#[tokio::test]
async fn a_target_is_scanned_once_a_period_and_what_changes_is_told() {
    let (world, id) = scheduled(&deployed(2)).await;
    assert_eq!(run(tick(&world, &OPEN, false, vec![])).await, (1, 0, 0));
    assert_eq!(run(tick(&world, &OPEN, false, vec![])).await, (0, 0, 0));
    let first = worked(&world).await;
    assert_eq!((&first["status"], &first["priority"]), (&"completed".into(), &"low".into()));
    assert_eq!((&first["label"], &first["deployed"]["address"]), (&"ours".into(), &AT.into()));
    assert_eq!(first["rescan"], json!({"schedule_id": id}));
    let seen = schedule(&world, &id).await;
    assert_eq!((&seen["runs"], &seen["last_scan_id"]), (&1.into(), &first["id"]));

    // The same again: nothing is told but that the scan has a report.
    world.clock.advance_ms(2 * HOUR_MS);
    assert_eq!(run(tick(&world, &OPEN, false, vec![])).await, (1, 0, 0));
    let second = worked(&world).await;
    assert_eq!(second["rescan"]["previous_scan_id"], first["id"]);
    let changed = async || {
        let events = world.emitted().await.into_iter();
        events.filter(|it| it.kind == "scorpius.scan.changed.v1").collect::<Vec<_>>()
    };
    assert_eq!(changed().await.len(), 0);

    // Other code, which has no finding. Three periods late is one scan.
    world.clock.advance_ms(7 * HOUR_MS);
    assert_eq!(run(tick(&world, &CLOSED, false, vec![])).await, (1, 0, 0));
    let third = worked(&world).await;
    let told = changed().await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0].aggregate, told[0].sequence), (&third["id"].as_str().expect("an id").to_owned(), 3));
    let none = json!({"critical": 0, "high": 0, "medium": 0, "low": 0, "info": 0});
    assert_eq!(
        told[0].data,
        json!({
            "scan_id": third["id"], "previous_scan_id": second["id"], "schedule_id": id,
            "code_changed": true, "implementation_changed": false, "engine_changed": false,
            "new": none, "fixed": {"critical": 1, "high": 0, "medium": 0, "low": 0, "info": 0},
            "incomplete": false,
        })
    );
    let next: UnixMillis =
        schedule(&world, &id).await["next_at"].as_str().expect("a time").parse().expect("one");
    assert!(next > world.clock.now() && (next.0 - NOW.0).is_multiple_of(2 * HOUR_MS));
}

/// The last word of a change.
async fn change(world: &World) -> Value {
    let mut events = world.emitted().await.into_iter();
    events.rfind(|it| it.kind == "scorpius.scan.changed.v1").expect("word of a change").data
}

#[tokio::test]
async fn a_proxy_that_leads_elsewhere_or_has_another_administrator_is_told_also_where_the_code_is_the_same() {
    let (world, _) = scheduled(&deployed(1)).await;
    // A beacon's proxy, and two contracts of the same code.
    let node = |logic: u8, admin: u8| {
        let word = |last: u8| [[0; 12].as_slice(), &[last; 20]].concat();
        let slot =
            |place: usize, last: u8| (([0x22; 20], places()[place]), word(last).try_into().expect("a word"));
        Memory {
            codes: [([0x22; 20], vec![0x00]), ([7; 20], OPEN.to_vec()), ([8; 20], OPEN.to_vec())].into(),
            slots: [slot(1, admin), slot(2, 0xbe)].into(),
            answers: [([0xbe; 20], word(logic))].into(),
            ..Memory::default()
        }
    };
    let none = json!({"critical": 0, "high": 0, "medium": 0, "low": 0, "info": 0});
    run(tick_at(&world, node(7, 1), vec![])).await;
    worked(&world).await;
    for (logic, admin) in [(8, 1), (8, 2)] {
        world.clock.advance_ms(HOUR_MS);
        assert_eq!(run(tick_at(&world, node(logic, admin), vec![])).await, (1, 0, 0));
        let scan = worked(&world).await;
        let told = change(&world).await;
        assert_eq!(told["scan_id"], scan["id"]);
        assert_eq!(
            (&told["code_changed"], &told["implementation_changed"], &told["new"], &told["fixed"]),
            (&false.into(), &true.into(), &none, &none)
        );
    }
}

#[tokio::test]
async fn findings_of_a_detector_that_was_put_meanwhile_are_told_as_another_engine_s() {
    let (world, _) = scheduled(&deployed(1)).await;
    run(tick(&world, &OPEN, false, vec![])).await;
    worked(&world).await;
    let text = "detector \"open-end\" { title \"Somebody ends it\" severity low cwe 284 message \"It ends.\" \
                fix \"Do not.\" find end in selfdestructs where end.open report end }";
    let mut put = post("putDetector", &json!({"source": text}));
    put.parameters.insert("detector".to_owned(), "open-end".to_owned());
    let answer = asking(&world, put).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    world.clock.advance_ms(HOUR_MS);
    run(tick(&world, &OPEN, false, vec![])).await;
    worked(&world).await;
    let told = change(&world).await;
    assert_eq!(
        (&told["code_changed"], &told["engine_changed"], &told["new"]["low"]),
        (&false.into(), &true.into(), &1.into())
    );
}

#[tokio::test]
async fn a_chain_that_does_not_answer_holds_nobody_up() {
    let (world, id) = scheduled(&deployed(1)).await;
    let mut silent = tick_at(&world, Memory { is_silent: true, ..Memory::default() }, vec![]);
    silent.read_max = Duration::from_millis(1);
    assert_eq!(run(silent).await, (0, 1, 0));
    assert_eq!(schedule(&world, &id).await["missed"], "chain_unreachable");
}

#[tokio::test]
async fn a_scan_that_was_called_off_is_passed_over_when_scans_are_compared() {
    let (world, _) = scheduled(&deployed(1)).await;
    run(tick(&world, &OPEN, false, vec![])).await;
    let first = worked(&world).await;
    world.clock.advance_ms(HOUR_MS);
    run(tick(&world, &OPEN, false, vec![])).await;
    let id = asked_for(&world).await.pop().expect("a scan");
    let answer = world.ask(get("cancelScan", TENANT, Some(&id))).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    world.clock.advance_ms(HOUR_MS);
    run(tick(&world, &CLOSED, false, vec![])).await;
    worked(&world).await;
    assert_eq!(change(&world).await["previous_scan_id"], first["id"]);
}

#[tokio::test]
async fn whoever_is_killed_between_neither_loses_nor_doubles_a_scan() {
    // `commit_with_retry` asks twice: two faults are a process that ended.
    let (before, after) = (|| Fate::Fails(lost()), || Fate::Lost(lost()));
    let cases: [(Vec<Fate>, (usize, usize, usize)); 4] = [
        (vec![before()], (1, 0, 0)),
        (vec![after()], (1, 0, 0)),
        (vec![before(), before()], (0, 0, 1)),
        (vec![after(), before()], (0, 0, 1)),
    ];
    for (fates, first) in cases {
        let (world, id) = scheduled(&deployed(1)).await;
        assert_eq!(run(tick(&world, &OPEN, false, fates)).await, first);
        run(tick(&world, &OPEN, false, vec![])).await;
        run(tick(&world, &OPEN, false, vec![])).await;
        assert_eq!(asked_for(&world).await.len(), 1);
        assert_eq!(schedule(&world, &id).await["runs"], 1);
    }
}

#[tokio::test]
async fn two_ticks_at_once_start_one_scan() {
    let (world, id) = scheduled(&deployed(1)).await;
    let both = tokio::join!(run(tick(&world, &OPEN, false, vec![])), run(tick(&world, &OPEN, false, vec![])));
    assert_eq!(both.0.0 + both.1.0, 1, "{both:?}");
    assert_eq!(asked_for(&world).await.len(), 1);
    assert_eq!(schedule(&world, &id).await["runs"], 1);
}

#[tokio::test]
async fn a_tenant_that_is_suspended_is_not_scanned_and_one_that_is_gone_has_no_schedule() {
    let (world, id) = scheduled(&deployed(1)).await;
    stands(&world, "suspended").await;
    assert_eq!(run(tick(&world, &OPEN, false, vec![])).await, (0, 1, 0));
    assert_eq!(schedule(&world, &id).await["missed"], "suspended");
    world.clock.advance_ms(HOUR_MS);
    stands(&world, "active").await;
    assert_eq!(run(tick(&world, &OPEN, false, vec![])).await, (1, 0, 0));
    assert_eq!(schedule(&world, &id).await.get("missed"), None);
    world.clock.advance_ms(HOUR_MS);
    stands(&world, "deleted").await;
    assert_eq!(run(tick(&world, &OPEN, false, vec![])).await, (0, 1, 0));
    assert_eq!(run(tick(&world, &OPEN, false, vec![])).await, (0, 0, 0));
    assert_eq!(asking(&world, get("getScanSchedule", TENANT, Some(&id))).await.status.as_u16(), 404);
}

#[tokio::test]
async fn a_turn_without_a_scan_says_why_and_one_of_a_silent_chain_is_tried_again_soon() {
    for (code, is_down, why, again_ms) in [
        (&OPEN[..], true, "chain_unreachable", AGAIN_MS),
        (&[], false, "no_contract", 3 * HOUR_MS),
        (&[0; 200_000], false, "bad_code", 3 * HOUR_MS),
    ] {
        let (world, id) = scheduled(&deployed(3)).await;
        assert_eq!(run(tick(&world, code, is_down, vec![])).await, (0, 1, 0));
        let seen = schedule(&world, &id).await;
        assert_eq!(seen["missed"], why);
        world.clock.advance_ms(again_ms - 10);
        assert_eq!(run(tick(&world, &OPEN, false, vec![])).await, (0, 0, 0), "{why}: {seen}");
        world.clock.advance_ms(20);
        assert_eq!(run(tick(&world, &OPEN, false, vec![])).await, (1, 0, 0), "{why}: {seen}");
    }
}

#[tokio::test]
async fn what_was_handed_in_once_is_scanned_again_and_compared_with_its_scan() {
    let world = World::new();
    stands(&world, "active").await;
    let map = json!({"object": "33ff", "sourceMap": "0:6:0;"});
    let output =
        json!({"contracts": {"A.sol": {"A": {"evm": {"deployedBytecode": map}}}}, "sourceList": ["A.sol"]});
    let compiled = json!({"output": output, "sources": {"A.sol": "end();"}});
    let asked = json!({"bytecode": "0x33ff", "budget": "quick", "compiled": compiled});
    let first = body_of(&asking(&world, post("createScan", &asked)).await);
    let first = first["id"].as_str().expect("an id").to_owned();
    worked(&world).await;
    let made =
        asking(&world, post("createScanSchedule", &json!({"scan_id": first, "interval_hours": 1}))).await;
    assert_eq!(made.status.as_u16(), 201, "{made:?}");
    assert_eq!(run(tick(&world, &[], false, vec![])).await, (0, 0, 0), "the scan itself was just made");
    world.clock.advance_ms(HOUR_MS);
    assert_eq!(run(tick(&world, &[], false, vec![])).await, (1, 0, 0));
    let again = worked(&world).await;
    assert_eq!(
        (&again["status"], &again["rescan"]["previous_scan_id"]),
        (&"completed".into(), &first.into())
    );
    // The code is the same, and so are its lines.
    assert_eq!(again["report"]["findings"][0]["origin"]["place"]["line"], 1, "{again}");
}

#[tokio::test]
async fn a_schedule_is_one_tenant_s_bounded_and_can_be_ended() {
    let (world, id) = scheduled(&deployed(720)).await;
    for (bad, at) in [
        (json!({"interval_hours": 1}), ""),
        (
            json!({"scan_id": "scn_1", "deployed": {"chain": "ethereum", "address": AT}, "interval_hours": 1}),
            "",
        ),
        (deployed(0), "/interval_hours"),
        (deployed(721), "/interval_hours"),
        (json!({"deployed": {"chain": "moon", "address": AT}, "interval_hours": 1}), "/deployed/chain"),
        (
            json!({"deployed": {"chain": "ethereum", "address": "0x1"}, "interval_hours": 1}),
            "/deployed/address",
        ),
    ] {
        let answer = asking(&world, post("createScanSchedule", &bad)).await;
        assert_eq!(answer.status.as_u16(), 400, "{bad}");
        assert_eq!(body_of(&answer)["errors"][0]["pointer"], at, "{bad}: {}", body_of(&answer));
    }
    let unknown =
        asking(&world, post("createScanSchedule", &json!({"scan_id": "scn_1", "interval_hours": 1}))).await;
    assert_eq!(unknown.status.as_u16(), 404);
    for operation in ["getScanSchedule", "deleteScanSchedule"] {
        assert_eq!(asking(&world, get(operation, OTHER_TENANT, Some(&id))).await.status.as_u16(), 404);
        assert_eq!(asking(&world, get(operation, TENANT, Some("rsc_1"))).await.status.as_u16(), 404);
    }
    for _ in 1..crate::schedules::SCHEDULES_MAX {
        assert_eq!(asking(&world, post("createScanSchedule", &deployed(1))).await.status.as_u16(), 201);
    }
    let one_more = asking(&world, post("createScanSchedule", &deployed(1))).await;
    assert_eq!(body_of(&one_more)["code"], "too-many-scan-schedules");
    let list = body_of(&asking(&world, get("listScanSchedules", TENANT, None)).await);
    assert_eq!(list["schedules"].as_array().map(Vec::len), Some(50));
    // A scan of it is started at the same moment.
    let store = Arc::new(ScriptedStore::over(Arc::clone(&world.store)));
    store.will([Fate::Fails(StoreError::Conflict { index: 0 })]);
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let doors = api::App::new(store, Arc::clone(&world.blobs), clock);
    let lost = api::handle(&doors, get("deleteScanSchedule", TENANT, Some(&id))).await;
    assert_eq!((lost.status.as_u16(), &body_of(&lost)["code"]), (409, &"conflict".into()));
    assert_eq!(asking(&world, get("deleteScanSchedule", TENANT, Some(&id))).await.status.as_u16(), 204);
    assert_eq!(asking(&world, get("deleteScanSchedule", TENANT, Some(&id))).await.status.as_u16(), 404);
    assert_eq!(asking(&world, post("createScanSchedule", &deployed(1))).await.status.as_u16(), 201);
    // What is ended is not due any more: the first of the fifty is not among those that start.
    assert_eq!(run(tick(&world, &OPEN, false, vec![])).await, (50, 0, 0));
}

#[tokio::test]
async fn high_priority_is_bounded_by_the_hour() {
    let world = World::new();
    let high = json!({"bytecode": "0x33ff", "budget": "quick", "priority": "high"});
    for _ in 0..priority::HIGH_IN_HOUR_MAX {
        assert_eq!(asking(&world, post("createScan", &high)).await.status.as_u16(), 202);
    }
    let refused = asking(&world, post("createScan", &high)).await;
    assert_eq!((refused.status.as_u16(), &body_of(&refused)["code"]), (429, &"too-many-requests".into()));
    assert!(refused.headers.iter().any(|(name, value)| name == "retry-after" && value != "0"), "{refused:?}");
    let events = world.emitted().await;
    assert!(events.iter().all(|it| it.kind == "scorpius.scan.high_requested.v1"));
    let normal = json!({"bytecode": "0x33ff", "budget": "quick"});
    assert_eq!(asking(&world, post("createScan", &normal)).await.status.as_u16(), 202);
    world.clock.advance_ms(HOUR_MS);
    assert_eq!(asking(&world, post("createScan", &high)).await.status.as_u16(), 202);
}

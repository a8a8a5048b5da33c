//! A tenant whose entries are in two logs.

use scorpius_core::CommitId;

use super::*;
use crate::alarm::AlarmRaised;
use crate::log::{LogName, put_beginning};
use crate::policy::Policy;
use crate::testing::told;

/// Six entries of tenant 1 in the shared log, and then four in its own.
async fn split() -> World {
    let world = World::new();
    let begin = put_beginning(&tenant(1), NOW.0);
    world.store.commit(CommitId::new(&SystemClock), &[begin]).await.expect("begun");
    let shared: Vec<_> = (0..6).map(event).collect();
    world.sequencer().append("bat_1", &shared).await.expect("appended");
    let all: Vec<_> = (6..10).map(event).collect();
    own(&world).sequencer().append("bat_2", &all).await.expect("appended");
    world
}

fn own(world: &World) -> World {
    World { log: LogName::Own(tenant(1)), ..world.clone() }
}

async fn asked(world: &World, operation: &'static str, query: &[(&str, &str)]) -> Response {
    let mut asked = request(operation, &tenant(1));
    asked.query.extend(query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    handle(&app(world), asked).await
}

#[tokio::test]
async fn a_bundle_of_both_logs_is_proved_by_both_and_by_neither_alone() {
    let world = split().await;
    let ids: Vec<_> = [7, 2, 9].map(|number| event(number).id).to_vec();
    let bundle = ask_bundle(&world, &tenant(1), json!({"event_ids": ids})).await;
    let (shared, own) = (world.trusted().await, own(&world).trusted().await);
    let both = [shared[0].clone(), own[0].clone()];
    let report = verify::bundle(&bundle.body, &both);
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    let text = report.to_string();
    assert!(text.contains("log        example.com/audit\n"), "{text}");
    assert!(text.contains(&format!("log        example.com/audit/{}\n", tenant(1))), "{text}");
    let scope = serde_json::to_value(report.scope()).expect("JSON");
    assert_eq!((&scope["size"], &scope["own"]["size"]), (&json!(6), &json!(4)));
    for (alone, part) in [(&shared[..], "the part `own`, of"), (&own[..], "the first part, of")] {
        let report = verify::bundle(&bundle.body, alone);
        assert_eq!(report.verdict, Verdict::Refused);
        let why = report.scope().refusal.expect("a refusal");
        assert!(
            why.starts_with(part) && why.ends_with("no trusted key of this log signed the checkpoint"),
            "{why}"
        );
    }
    // The key of one log is not the other's, though both are one public key.
    let document = body(&bundle);
    assert_eq!(document["format"], "scorpius-evidence/3");
    assert!(document["own"]["entries"][0].get("entry_key").is_none());
    for change in [
        |document: &mut Value| document["own"]["entries"][1]["entry"]["sequence"] = json!(2),
        |document: &mut Value| document["own"]["entries"][0]["index"] = json!(2),
        |document: &mut Value| document["own"]["entries"][0]["entry_key"] = json!("00".repeat(32)),
        |document: &mut Value| document["entries"][0]["entry"]["sequence"] = json!(2),
        |document: &mut Value| {
            let (shared, own) = (document["entries"].take(), document["own"]["entries"].take());
            (document["entries"], document["own"]["entries"]) = (own, shared);
        },
    ] {
        let mut forged = document.clone();
        change(&mut forged);
        let report = verify::bundle(forged.to_string().as_bytes(), &both);
        assert_eq!(report.verdict, Verdict::Failed, "{report}");
        assert!(report.to_string().ends_with("FAILED\n"));
    }
    for change in [
        |document: &mut Value| document["format"] = json!("scorpius-evidence/2"),
        |document: &mut Value| document["own"]["entries"] = json!([]),
        |document: &mut Value| document["own"]["origin"] = document["origin"].clone(),
    ] {
        let mut bad = document.clone();
        change(&mut bad);
        assert_eq!(verify::bundle(bad.to_string().as_bytes(), &both).verdict, Verdict::Refused);
    }
    // The door knows both, for this tenant alone.
    for (of, verdict) in [(1, "verified"), (2, "refused")] {
        let mut asked = request("verifyEvidence", &tenant(of));
        asked.body = json!({ "bundle": document }).to_string().into();
        assert_eq!(body(&handle(&app(&world), asked).await)["verdict"], verdict);
    }
}

#[tokio::test]
async fn a_bundle_and_a_proof_of_the_own_log_alone_need_no_entry_key() {
    let world = split().await;
    let id = event(8).id;
    let bundle = ask_bundle(&world, &tenant(1), json!({"event_ids": [id]})).await;
    let trusted = own(&world).trusted().await;
    assert_eq!(verify::bundle(&bundle.body, &trusted).verdict, Verdict::Verified);
    let document = body(&bundle);
    assert_eq!(document["origin"], format!("example.com/audit/{}", tenant(1)));
    assert!(document.get("own").is_none());
    let mut asked = request("getEventProof", &tenant(1));
    asked.parameters.insert("id".to_owned(), id.clone());
    asked.headers.insert("accept".to_owned(), "text/plain".to_owned());
    let proof = String::from_utf8(handle(&app(&world), asked).await.body.to_vec()).expect("text");
    let policy = Policy::of_logs(&trusted);
    assert_eq!(verify::tlog_proof(&proof, None, &policy).verdict, Verdict::Verified);
    // To whoever has the entry's bytes it is a proof of C2SP like any other.
    let proved = body(&ask_proof(&world, &tenant(1), &id).await);
    let entry = STANDARD.decode(proved["leaf"].as_str().expect("text")).expect("Base64");
    assert_eq!(verify::tlog_proof(&proof, Some(&entry), &policy).verdict, Verdict::Verified);
    assert_eq!(ask_proof(&world, &tenant(2), &id).await.status.as_u16(), 404);
}

#[tokio::test]
async fn a_search_finds_the_entries_of_both_logs_in_one_order_and_says_where_each_is() {
    let world = split().await;
    // Ids of these events begin in 1970; their times do not, and are what is asked for.
    let store = world.store.clone();
    let search = crate::search::Search { ascending: true, ..Default::default() };
    let whose = tenant(1);
    let mut states = crate::proofs::States::new(&store, &whose);
    let wide = crate::search::Search { until: scorpius_core::UnixMillis(1 << 47), ..search };
    let found = wide.page(&mut states, None, 50, None).await.expect("a page");
    let places: Vec<_> = found.hits.iter().map(|hit| (hit.kind, hit.index)).collect();
    let expected = (0..6).map(|at| (LogKind::Shared, at)).chain((0..4).map(|at| (LogKind::Own, at)));
    assert_eq!(places, expected.collect::<Vec<_>>());
    for kind in LogKind::BOTH {
        assert!(states.of(kind).await.expect("a state").covers(3));
        assert!(!states.of(kind).await.expect("a state").covers(6));
    }
}

#[tokio::test]
async fn consistency_and_checkpoints_are_of_the_log_that_is_asked_for() {
    let world = split().await;
    let own = own(&world);
    own.sequencer().append("bat_3", &[event(10)]).await.expect("appended");
    for (log, size, key) in [("shared", 6, world.trusted().await), ("own", 5, own.trusted().await)] {
        let note = asked(&world, "getCheckpoint", &[("log", log)]).await;
        let kept = verify::checkpoint(&note.body, &key);
        assert_eq!(kept.believed.expect("believed").checkpoint.size, size);
        let proof = body(&asked(&world, "getConsistency", &[("log", log), ("from", "4")]).await);
        assert_eq!((&proof["from"], &proof["to"]), (&json!(4), &json!(size)));
    }
    assert_eq!(asked(&world, "getCheckpoint", &[("log", "mine")]).await.status.as_u16(), 400);
    let mut other = request("getConsistency", &tenant(2));
    other.query = [("log".to_owned(), "own".to_owned()), ("from".to_owned(), "0".to_owned())].into();
    assert_eq!(handle(&app(&world), other).await.status.as_u16(), 404);
    // A kept checkpoint is held against that of the same log, in a bundle of both.
    let kept = String::from_utf8(asked(&world, "getCheckpoint", &[("log", "own")]).await.body.to_vec());
    own.sequencer().append("bat_4", &[event(11)]).await.expect("appended");
    let ids = [event(1).id, event(11).id];
    let bundle = body(&ask_bundle(&world, &tenant(1), json!({ "event_ids": ids })).await);
    let mut check = request("verifyEvidence", &tenant(1));
    check.body = json!({"bundle": bundle, "kept": kept.expect("text")}).to_string().into();
    let said = body(&handle(&app(&world), check).await);
    assert_eq!((&said["verdict"], &said["own"]["consistent_with"]), (&json!("verified"), &json!(5)));
}

async fn judged(world: &World, asked: Value) -> Value {
    let mut check = request("verifyEvidence", &tenant(1));
    check.body = asked.to_string().into();
    let answer = handle(&app(world), check).await;
    assert_eq!(answer.status.as_u16(), 200, "{:?}", answer.body);
    body(&answer)
}

#[tokio::test]
async fn what_was_kept_of_one_log_is_held_against_no_other() {
    let world = split().await;
    let mut notes = Vec::new();
    for log in ["shared", "own"] {
        let note = asked(&world, "getCheckpoint", &[("log", log)]).await;
        notes.push(String::from_utf8(note.body.to_vec()).expect("text"));
    }
    for (id, at) in [(event(1).id, 0), (event(8).id, 1)] {
        let bundle = body(&ask_bundle(&world, &tenant(1), json!({ "event_ids": [id] })).await);
        let said = judged(&world, json!({"bundle": bundle, "kept": notes[at]})).await;
        assert_eq!(said["verdict"], "verified", "{said}");
        let said = judged(&world, json!({"bundle": bundle, "kept": notes[1 - at]})).await;
        let why = "the checkpoint that you kept is of another log than the evidence";
        assert_eq!((&said["verdict"], &said["refusal"]), (&json!("refused"), &json!(why)));
    }
    assert!(told::<AlarmRaised>(&*world.store).await.is_empty());
}

#[tokio::test]
async fn false_evidence_of_the_own_log_is_told_for_what_it_is() {
    let world = split().await;
    let old = asked(&world, "getCheckpoint", &[("log", "own")]).await;
    let old = String::from_utf8(old.body.to_vec()).expect("text");
    let ids = [event(1).id, event(8).id];
    let stale = body(&ask_bundle(&world, &tenant(1), json!({ "event_ids": ids })).await);
    own(&world).sequencer().append("bat_3", &[event(10)]).await.expect("appended");
    let new = asked(&world, "getCheckpoint", &[("log", "own")]).await;
    let new = String::from_utf8(new.body.to_vec()).expect("text");
    assert_eq!(judged(&world, json!({"bundle": stale, "kept": old})).await["verdict"], "verified");
    assert_eq!(judged(&world, json!({"bundle": stale, "kept": new})).await["verdict"], "failed");
    let mut forged = stale.clone();
    forged["own"]["entries"][0]["entry"]["sequence"] = json!(2);
    assert_eq!(judged(&world, json!({ "bundle": forged })).await["verdict"], "failed");
    let told = told::<AlarmRaised>(&*world.store).await.into_iter();
    let told: BTreeMap<_, _> = told.map(|(_, alarm)| (alarm.kind.name(), alarm)).collect();
    assert_eq!(told.keys().copied().collect::<Vec<_>>(), ["stale_checkpoint", "tampered_evidence"]);
    assert_eq!((told["stale_checkpoint"].known, told["stale_checkpoint"].found), (Some(5), Some(4)));
    assert_eq!(told["tampered_evidence"].what, Some(event(8).id));
}

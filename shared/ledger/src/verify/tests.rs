use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::compliance::ControlReport;
use crate::testing::{bundle_of, event};

fn three() -> (Bundle, VerifierKey) {
    bundle_of(&[event(1), event(2), event(3)])
}

fn bytes(bundle: &Bundle) -> Vec<u8> {
    serde_json::to_vec(bundle).expect("JSON")
}

#[track_caller]
fn judged(change: impl FnOnce(&mut Value)) -> Report {
    let (good, key) = three();
    let mut document = serde_json::to_value(&good).expect("JSON");
    change(&mut document);
    bundle(document.to_string().as_bytes(), &[key])
}

#[track_caller]
fn not_included(change: impl FnOnce(&mut Value), why: NotIncluded) {
    let report = judged(|document| change(&mut document["entries"][1]));
    assert_eq!(report.verdict, Verdict::Failed);
    let findings: Vec<_> = report.entries.iter().map(|entry| entry.included).collect();
    assert_eq!(findings, [Ok(()), Err(why), Ok(())]);
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Value), refusal: Refusal) {
    let report = judged(change);
    assert_eq!((report.verdict, report.refusal), (Verdict::Refused, Some(refusal)));
}

#[track_caller]
fn not_a_bundle(change: impl FnOnce(&mut Value), detail: &str) {
    match judged(change).refusal {
        Some(Refusal::NotABundle(said)) => assert!(said.contains(detail), "{said}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bundle_is_verified_with_the_log_s_key() {
    let report = judged(|_| {});
    assert_eq!(report.verdict, Verdict::Verified);
    assert_eq!(report.verdict.exit_code(), 0);
    assert!(report.entries.iter().all(|entry| entry.data == Data::Matches));
}

#[test]
fn a_report_says_what_was_found_and_what_was_not_looked_for() {
    let (good, key) = bundle_of(&[event(1), event(2)]);
    let mut withheld = good.clone();
    withheld.entries.remove(1);
    withheld.entries[0].payload = None;
    let root =
        Checkpoint::open(good.checkpoint.as_bytes(), std::slice::from_ref(&key)).expect("a checkpoint").root;
    let expected = format!(
        "log        example.com/audit\n\
         checkpoint 2 entries, root {}, signed by the log's key\n\
         witnessed  by 0 of 0\n\
         included: evt_00000000000000000000000000000001 at index 0, scorpius.risk.scored.v1 of 2026-11-21T09:40:40.001Z\n\
         its payload is not shown\n\
         unchecked  that others were shown the same log: no trusted witness cosigned this checkpoint\n\
         unchecked  that the log continues what you saw before: no kept checkpoint was given\n\
         unchecked  that these are all entries of their tenant\n\
         unchecked  that what an entry says is true: the log shows only what was said, and in which order\n\
         unchecked  the payload of 1 entries, which is not shown\n\
         VERIFIED\n",
        hash::to_text(&root)
    );
    assert_eq!(bundle(&bytes(&withheld), &[key]).to_string(), expected);
}

#[test]
fn of_a_whole_log_it_is_said_what_was_not_looked_for() {
    let (good, key) = bundle_of(&[event(1)]);
    let believed = checkpoint(good.checkpoint.as_bytes(), &[key]).believed.expect("believed");
    let of = |kept| Scope::of_log(&believed, None, kept);
    let (without, with) = (of(None), of(Some(1)));
    assert_eq!((without.consistent_with, with.consistent_with), (None, Some(1)));
    assert_eq!(with.findings, ["consistent with the checkpoint of 1 entries that you kept"]);
    let missing = |scope: &Scope, what: &str| scope.not_checked.iter().any(|it| it.contains(what));
    assert!(missing(&without, "no kept checkpoint was given") && !missing(&with, "no kept checkpoint"));
    assert!([without, with].iter().all(|scope| missing(scope, "all in this log")));
}

#[test]
fn a_changed_entry_key_index_or_proof_is_not_included() {
    not_included(|entry| entry["entry"]["subjects"] = json!([]), NotIncluded::Proof);
    not_included(|entry| entry["entry"]["sequence"] = json!(2), NotIncluded::Proof);
    not_included(|entry| entry["entry"]["sequence"] = json!(1_u64 << 53), NotIncluded::Entry);
    not_included(|entry| entry["entry"]["v"] = json!(1), NotIncluded::Entry);
    not_included(|entry| entry["index"] = json!(0), NotIncluded::Proof);
    not_included(|entry| entry["index"] = json!(3), NotIncluded::Index);
    not_included(|entry| entry["index"] = json!(u64::MAX), NotIncluded::Index);
    not_included(|entry| entry["entry_key"] = json!("00".repeat(32)), NotIncluded::Proof);
    not_included(|entry| entry["entry_key"] = json!("00"), NotIncluded::Spelling);
    not_included(|entry| entry["proof"] = json!([]), NotIncluded::Proof);
    not_included(|entry| entry["proof"][0] = json!("AA=="), NotIncluded::Spelling);
    not_included(
        |entry| entry["proof"] = json!(vec![hash::to_text(&Hash([0; 32])); 49]),
        NotIncluded::Spelling,
    );
}

#[test]
fn data_that_the_entry_does_not_commit_to_fails() {
    for other in [json!({"level": "danger", "number": 2}), json!({"level": "safe", "number": 2.5}), json!(7)]
    {
        let report = judged(|document| document["entries"][1]["payload"]["data"] = other);
        assert_eq!(report.verdict, Verdict::Failed);
        assert_eq!(report.entries[1].included, Ok(()));
        assert_eq!(report.entries[1].data, Data::Differs);
    }
}

#[test]
fn a_number_that_canonical_json_rounds_to_another_is_not_taken_for_it() {
    let mut large = event(1);
    large.data = json!({"n": 9_007_199_254_740_992_u64});
    let (mut bundle_, key) = bundle_of(&[large]);
    assert_eq!(bundle(&bytes(&bundle_), std::slice::from_ref(&key)).verdict, Verdict::Verified);
    bundle_.entries[0].payload.as_mut().expect("shown").data = json!({"n": 9_007_199_254_740_993_u64});
    assert_eq!(bundle(&bytes(&bundle_), &[key]).verdict, Verdict::Failed);
}

#[test]
fn keys_come_from_elsewhere() {
    let (good, key) = three();
    assert_eq!(bundle(&bytes(&good), &[]).refusal, Some(Refusal::NoTrustedKey));
    not_a_bundle(
        |document| document["verifier_key"] = json!(key.to_string()),
        "unknown field `verifier_key`",
    );
    not_a_bundle(|document| document["entries"][0]["entry"]["key"] = json!(1), "unknown field `key`");
    let stranger: Checkpoint = Checkpoint::open(good.checkpoint.as_bytes(), &[key]).expect("a checkpoint");
    let stranger = VerifierKey::new(&stranger.origin, &[0x58; 32]);
    let stranger =
        stranger.or_else(|_| "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse());
    let report = bundle(&bytes(&good), &[stranger.expect("a key")]);
    assert_eq!(report.refusal, Some(Refusal::Checkpoint(NoteError::Unsigned)));
    assert_eq!(report.verdict.exit_code(), 2);
}

#[test]
fn a_bundle_claims_nothing_that_is_not_checked() {
    refused(|document| document["format"] = json!("scorpius-evidence/1"), Refusal::UnknownFormat);
    refused(|document| document["origin"] = json!("example.com/other"), Refusal::OtherOrigin);
    refused(|document| document["entries"] = json!([]), Refusal::Entries(0));
    not_a_bundle(|document| document["witnesses"] = json!({"k": 1, "n": 1}), "unknown field `witnesses`");
    refused(|document| document["checkpoint"] = json!("x"), Refusal::Checkpoint(NoteError::NotANote));
    not_a_bundle(|document| document["entries"][0]["index"] = json!(-1), "invalid value");
    let report = bundle(&vec![b' '; BUNDLE_BYTES_MAX + 1], &[three().1]);
    assert_eq!(report.refusal, Some(Refusal::TooLarge));
}

#[test]
fn a_member_that_is_given_twice_is_refused() {
    let (good, key) = three();
    let text = String::from_utf8(bytes(&good)).expect("JSON");
    let twice = text.replacen("{\"format\"", "{\"origin\":\"example.com/audit\",\"format\"", 1);
    let report = bundle(twice.as_bytes(), std::slice::from_ref(&key));
    assert!(
        matches!(report.refusal, Some(Refusal::NotABundle(said)) if said.contains("duplicate key `origin`"))
    );
    // Also inside the data, where a reader could take either for the one that was hashed.
    let twice = text.replacen("\"level\":\"safe\"", "\"level\":\"danger\",\"level\":\"safe\"", 1);
    assert_eq!(bundle(twice.as_bytes(), &[key]).verdict, Verdict::Refused);
}

#[test]
fn a_checkpoint_alone_is_judged_too() {
    let (good, key) = three();
    let report = checkpoint(good.checkpoint.as_bytes(), std::slice::from_ref(&key));
    assert_eq!(report.verdict, Verdict::Verified);
    assert_eq!(report.believed.map(|believed| believed.checkpoint.size), Some(3));
    let cut = good.checkpoint.trim_end();
    assert_eq!(checkpoint(cut.as_bytes(), &[key]).refusal, Some(Refusal::Checkpoint(NoteError::NotANote)));
}

/// A change is caught, or it is one of spelling: the reader sees what was signed.
#[track_caller]
fn caught_or_harmless(original: &Bundle, changed: &[u8], key: &VerifierKey) {
    if bundle(changed, std::slice::from_ref(key)).verdict == Verdict::Verified {
        let read: Bundle = serde_json::from_slice(changed).expect("a verified bundle is JSON");
        assert_eq!(read, *original, "{}", String::from_utf8_lossy(changed));
    }
}

#[test]
fn a_flip_of_any_byte_is_caught() {
    let (good, key) = three();
    let original = bytes(&good);
    for at in 0..original.len() {
        for bit in [at % 8, 0, 5] {
            let mut changed = original.clone();
            changed[at] ^= 1 << bit;
            caught_or_harmless(&good, &changed, &key);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_that_are_cut_swapped_or_put_in_are_caught(from: prop::sample::Index, length in 0_usize..40, put in prop::collection::vec(any::<u8>(), 0..8)) {
        let (good, key) = three();
        let mut changed = bytes(&good);
        let from = from.index(changed.len());
        let until = (from + length).min(changed.len());
        changed.splice(from..until, put);
        caught_or_harmless(&good, &changed, &key);
    }

    #[test]
    fn arbitrary_bundles_never_panic(bytes: Vec<u8>, text in "\\PC{0,200}") {
        let key = three().1;
        for given in [bytes.as_slice(), text.as_bytes()] {
            prop_assert_eq!(bundle(given, std::slice::from_ref(&key)).verdict, Verdict::Refused);
            prop_assert_eq!(checkpoint(given, std::slice::from_ref(&key)).verdict, Verdict::Refused);
        }
    }
}

/// A report of two events, under the bundle that proves three.
fn report_of_two() -> (ComplianceReport, VerifierKey) {
    let (bundle, key) = three();
    let kind = bundle.entries[0].entry.kind.clone();
    let control = |id: &str, evidence: &[usize]| ControlReport {
        id: id.to_owned(),
        asks: "Something.".to_owned(),
        events: [(kind.clone(), 2)].into(),
        evidence: evidence.iter().map(|at| bundle.entries[*at].entry.id.clone()).collect(),
    };
    let report = ComplianceReport {
        format: REPORT_FORMAT.to_owned(),
        framework: "sox".to_owned(),
        edition: "by COBIT 2019".to_owned(),
        tenant: bundle.entries[0].entry.tenant.clone(),
        from: "2026-11-21T00:00:00.000Z".to_owned(),
        to: "2026-11-22T00:00:00.000Z".to_owned(),
        complete: true,
        read: 3,
        controls: vec![control("1", &[0, 1]), control("2", &[1])],
        bundle: Some(bundle.clone()),
    };
    (report, key)
}

#[track_caller]
fn judged_report(change: impl FnOnce(&mut ComplianceReport)) -> Report {
    let (mut report, key) = report_of_two();
    change(&mut report);
    bundle(&serde_json::to_vec(&report).expect("JSON"), &[key])
}

#[test]
fn a_report_is_verified_when_its_bundle_proves_what_it_names() {
    let report = judged_report(|_| {});
    assert_eq!((report.verdict, report.evidence.as_deref()), (Verdict::Verified, Some([].as_slice())));
    assert!(report.not_checked().iter().any(|missing| missing.contains("counts")));
}

#[test]
fn a_report_that_names_what_it_does_not_prove_fails() {
    let failed = |change: fn(&mut ComplianceReport), said: &str| {
        let report = judged_report(change);
        assert_eq!(report.verdict, Verdict::Failed);
        let faults = report.evidence.unwrap_or_default();
        assert!(faults.iter().any(|fault| fault.contains(said)), "{faults:?}");
    };
    failed(|report| report.controls[0].evidence.push(event(9).id), "brings no proof");
    failed(|report| report.controls[1].events.clear(), "not one that was counted");
    failed(|report| report.to = report.from.clone(), "another time");
    failed(|report| report.tenant = crate::testing::tenant(2).to_string(), "another tenant's");
    let broken = judged_report(|report| {
        if let Some(bundle) = &mut report.bundle {
            bundle.entries[0].index = 1;
        }
    });
    assert_eq!(broken.verdict, Verdict::Failed);
    let empty = judged_report(|report| report.bundle = None);
    assert_eq!((empty.verdict, empty.refusal), (Verdict::Refused, Some(Refusal::Entries(0))));
}

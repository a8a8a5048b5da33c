//! Bad input at every door: refused with a problem, without a trace in the store.
//!
//! Requests are thrown from a seed, which is printed; `SCORPIUS_SEED` throws the same ones again, and
//! `SCORPIUS_BAD_REQUESTS` says how many of each kind of test go to each door.

mod bodies;
mod case;
mod dice;
mod heads;
mod unchanged;

use std::collections::BTreeMap;

use scorpius::host::Host;
use scorpius_core::store::OUTBOX_PARTITIONS;
use scorpius_core::{Bus, Clock, Fact, Key, Record, Store, SystemClock};
use scorpius_edge::denial::AccessDenied;
use scorpius_edge::{Access, HttpAnswer, Role, body};
use scorpius_ledger::alarm::AlarmRaised;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::entries::all;
use crate::say;
use case::Case;
pub(crate) use case::Target;
pub(crate) use dice::Dice;
use unchanged::Watched;

/// Requests of which each is wrong for a known reason, for each door, unless `SCORPIUS_BAD_REQUESTS` says more.
const BAD_PER_DOOR: usize = 1_000;
/// Requests with some bytes changed, which may still be right, for each door with a body; likewise.
const MUTATED_PER_DOOR: usize = 200;

/// `usual`, or what `SCORPIUS_BAD_REQUESTS` says, when that is more.
fn per_door(usual: usize) -> usize {
    match std::env::var("SCORPIUS_BAD_REQUESTS") {
        Ok(text) => text.parse::<usize>().expect("`SCORPIUS_BAD_REQUESTS` is a number").max(usual),
        Err(_) => usual,
    }
}

/// Subjects that are refused something in these tests: the two weak keys. Of each an event tells, once a minute.
const REFUSED_MAX: usize = 2;

/// Everything that is stored, but for what tells of refusals: records, outbox rows, and how many messages wait.
type Everything = (BTreeMap<(String, String), Record>, u64);

struct Range {
    desk: Desk,
    targets: Vec<Target>,
    /// Keys that may do one thing each.
    weak: Vec<(&'static str, String)>,
    /// What a person sends, for the doors that are for people only.
    bearer: String,
}

impl Range {
    async fn new() -> Self {
        let desk = Desk::open().await;
        let mut real = real_things(&desk).await;
        let person = desk.person(Role::Admin).await;
        let bearer = format!("Bearer {}", person.access_token.as_str());
        real.insert("/v1/auth/sessions/{id}", format!("/v1/auth/sessions/{}", person.session.id));
        let openapi: Value = serde_json::from_str(&scorpius::doors::openapi()).expect("JSON");
        let operations = scorpius::doors::operations();
        let targets: Vec<_> =
            operations.values().flatten().map(|operation| Target::of(operation, &openapi, &real)).collect();
        let routes = desk.host.manifest.routes().count();
        assert_eq!(targets.len(), routes, "every route of the manifest is a target");
        let mut weak = Vec::new();
        for permission in ["risk:read", "scan:read"] {
            let asked = json!({"name": "weak", "roles": ["viewer"], "permissions": [permission]});
            let made = desk.post("/v1/auth/api-keys", &asked).await;
            weak.push((permission, made.text("api_key").to_owned()));
        }
        desk.settle().await;
        Self { desk, targets, weak, bearer }
    }
}

/// One thing of each kind that paths are about, so that only what is broken is wrong.
pub(crate) async fn real_things(desk: &Desk) -> BTreeMap<&'static str, String> {
    let event = "evt_019ab5d2a0007c3e8f2b6a51d4e09c77";
    let mut real = BTreeMap::from([
        ("{queue}", "scan".to_owned()),
        ("{path+}", "entries/067".to_owned()),
        ("{name}", "audit".to_owned()),
        ("/v1/elevations/{id}", "/v1/elevations/elv_019ab5d2a0007c3e8f2b6a51d4e09c77".to_owned()),
        ("/v1/audit/events/{id}", format!("/v1/audit/events/{event}")),
        // Of nobody here: these doors have the same to say about these as about any others.
        ("/v1/findings/{fingerprint}", "/v1/findings/00112233445566778899aabbccddeeff".to_owned()),
        ("/v1/detectors/{detector}", "/v1/detectors/no-such-detector".to_owned()),
        ("{session}", "ses_019ab5d2a0007c3e8f2b6a51d4e09c77".to_owned()),
        ("/v1/users/{id}", "/v1/users/usr_019ab5d2a0007c3e8f2b6a51d4e09c77".to_owned()),
        ("/v1/account/passkeys/{id}", "/v1/account/passkeys/psk_019ab5d2a0007c3e8f2b6a51d4e09c77".to_owned()),
    ]);
    real.insert("{list}", "allow".to_owned());
    real.insert("{address}", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359".to_owned());
    let wallet = json!({
        "address": "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "chain": "ethereum", "name": "Vault",
    });
    let hook = json!({"url": "https://hooks.example.com/", "events": ["scorpius.scan.failed.v1"]});
    let address = json!({"chain": "ethereum", "address": "0x098B716B8Aaf21512996dC57EB0615e2383E2f96"});
    let invited = json!({"email": "eve@example.com", "roles": ["viewer"]});
    let tenant = json!({"name": "a", "administrator": "eve@example.com"});
    for (base, post, asked, name) in [
        ("/v1/auth/api-keys/{id}", "/v1/auth/api-keys", json!({"name": "a"}), "key_id"),
        ("/v1/verdicts/{id}", "/v1/risk/address", address.clone(), "id"),
        ("/v1/scans/{id}", "/v1/scans", json!({"bytecode": "0x600035ff"}), "id"),
        (
            "/v1/scan-schedules/{id}",
            "/v1/scan-schedules",
            json!({"deployed": address.clone(), "interval_hours": 1}),
            "id",
        ),
        ("/v1/config/webhooks/{id}", "/v1/config/webhooks", hook, "id"),
        ("/v1/wallets/{id}", "/v1/wallets/protect", wallet, "wallet_id"),
        ("/v1/users/invitations/{id}", "/v1/users/invitations", invited, "invitation_id"),
        ("/v1/admin/tenants/{id}", "/v1/admin/tenants", tenant, "tenant_id"),
    ] {
        let made = desk.post(post, &asked).await;
        real.insert(base, base.replace("{id}", made.text(name)));
        if name == "key_id" {
            for base in ["/v1/audit/holds/{id}", "/v1/audit/subjects/{id}"] {
                real.insert(base, base.replace("{id}", made.text(name)));
            }
        }
    }
    // One alert: its own wallet gives everything to an account without code.
    let sent = json!({
        "to": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "value": "0",
        "data": format!("0x095ea7b3{:0>64}{}", "fb6916095ca1df60bb79ce92ce3ea74c37c5d359", "f".repeat(64)),
        "accounts": [{"address": "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", "code": "none"}],
    });
    let analyze = format!("{}/analyze-transaction", real["/v1/wallets/{id}"]);
    desk.post(&analyze, &json!({"transaction": sent})).await.expect(200);
    let alerts = desk.get("/v1/alerts").await.expect(200);
    real.insert(
        "/v1/alerts/{id}",
        format!("/v1/alerts/{}", alerts["alerts"][0]["alert_id"].as_str().expect("an alert")),
    );
    // That tenant has the tier of the example already; one's own is to stay unlimited.
    let tier = format!("{}/tier", real["/v1/admin/tenants/{id}"]);
    let body = br#"{"tier": "professional"}"#;
    desk.ask("PUT", &tier, &[("content-type", "application/json")], body).await.expect(200);
    real
}

/// A fresh seed, or the one that is asked for.
pub(crate) fn seed(name: &str) -> u64 {
    let mut bytes = [0; 8];
    SystemClock.fill_random(&mut bytes);
    let fresh = u64::from_le_bytes(bytes);
    let seed = std::env::var("SCORPIUS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(fresh);
    say(&format!("{name}: SCORPIUS_SEED={seed}"));
    seed
}

/// The break and the broken request.
fn broken(range: &Range, target: &Target, dice: &mut Dice) -> (&'static str, Case) {
    let mut case = Case::of(target, &range.desk.api_key, &range.bearer);
    if let (Some(example), true) = (&target.example, dice.one_in(2) || target.is_public()) {
        let (name, how) = dice.pick(&bodies::BREAKS);
        how(target, example, dice, &mut case);
        return (name, with_odd_headers(case, dice));
    }
    if let (Some(key), true) = (heads::too_weak(target, &range.weak), dice.one_in(12)) {
        case.headers[0].1 = key.to_owned();
        case.allowed = &[403];
        return ("too weak a key", with_odd_headers(case, dice));
    }
    let mut breaks = heads::ANY.to_vec();
    let query = &target.operation.query;
    let groups = [
        (!target.is_public(), &heads::CLOSED[..]),
        (target.operation.method() == "POST" && !target.is_public(), &heads::ONCE[..]),
        (target.operation.path().contains('{'), &heads::OPEN_PATH[..]),
        (query.iter().any(|parameter| parameter.name == "cursor"), &heads::PAGED[..]),
        (query.iter().any(|parameter| parameter.required), &heads::ASKING[..]),
    ];
    for (applies, group) in groups {
        if applies {
            breaks.extend_from_slice(group);
        }
    }
    let (name, how) = dice.pick(&breaks);
    how(target, dice, &mut case);
    (name, with_odd_headers(case, dice))
}

fn with_odd_headers(mut case: Case, dice: &mut Dice) -> Case {
    if dice.one_in(3) {
        let odd = heads::odd(dice);
        case.headers.push(odd);
    }
    case
}

/// Why `answer` is not a proper refusal with one of `allowed`; `None` when it is.
fn improper(answer: &HttpAnswer, allowed: &[u16]) -> Option<String> {
    if !allowed.contains(&answer.status_code) {
        return Some(format!("answered {} instead of {allowed:?}", answer.status_code));
    }
    if answer.headers.get("content-type").map(String::as_str) != Some("application/problem+json") {
        return Some("not a problem document".to_owned());
    }
    let problem: Value = serde_json::from_str(&answer.body).ok()?;
    let (code, id) = (problem["code"].as_str().unwrap_or_default(), &problem["request_id"]);
    let fine = !code.is_empty()
        && problem["type"] == format!("/problems/{code}")
        && problem["status"] == answer.status_code
        && problem["title"].is_string()
        && id
            .as_str()
            .is_some_and(|id| answer.headers.get("x-request-id").is_some_and(|header| header == id));
    (!fine).then(|| "a problem without code, type, title, status or request_id".to_owned())
}

/// How many questions of a batch were judged, where each that is refused has a problem of its own.
fn judged_in_part(target: &Target, answer: &HttpAnswer) -> Option<usize> {
    if target.operation.id != "scoreBatch" || answer.status_code != 200 {
        return None;
    }
    let answer: Value = serde_json::from_str(&answer.body).ok()?;
    let results = answer["results"].as_array().filter(|results| !results.is_empty())?;
    let refused =
        |result: &&Value| (400..500).contains(&result["problem"]["status"].as_u64().unwrap_or_default());
    let judged = results.iter().filter(|result| result["verdict"]["id"].is_string()).count();
    (judged + results.iter().filter(refused).count() == results.len()).then_some(judged)
}

/// What is kept of wrong guesses, by the hash of an address, so that there are not too many; and the secret that
/// makes such hashes. A request that is refused may leave these, and nothing else.
fn is_a_guess(key: &Key) -> bool {
    let kept = ["guesses", "refused", "letters"];
    key.partition == "platform#pepper"
        || key.partition.starts_with("email#") && kept.contains(&key.sort.as_str())
}

fn is_a_denial(row: &Record) -> bool {
    let event: Value = row.document().expect("an event");
    event["type"] == AccessDenied::TYPE
}

async fn everything(host: &Host) -> Everything {
    let mut records = Vec::new();
    let mut cursor = None;
    loop {
        let page = host.local.store.scan(0, 1, cursor.as_deref()).await.expect("a scan");
        records.extend(page.records.into_iter().filter(|record| !is_a_guess(&record.key)));
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    for shard in 0..OUTBOX_PARTITIONS {
        let rows = all(&host.local.store, &format!("outbox#{shard}")).await;
        records.extend(rows.into_iter().filter(|row| !is_a_denial(row)));
    }
    let depths = host.local.queues.depths().await.expect("the queues answer");
    let waiting = depths.iter().map(|queue| queue.messages + queue.dead_letters).sum();
    let by_key =
        records.into_iter().map(|record| ((record.key.partition.clone(), record.key.sort.clone()), record));
    (by_key.collect(), waiting)
}

#[tokio::test]
async fn a_thousand_bad_requests_at_every_door_are_refused_and_leave_nothing() {
    let seed = seed("bad input");
    let range = Range::new().await;
    let mut before = everything(&range.desk.host).await;
    let (mut asked, mut kinds, mut wrong) = (0, BTreeMap::<&str, usize>::new(), Vec::new());
    for (number, target) in range.targets.iter().enumerate() {
        // Each door has its own dice, so that a new door changes no other door's requests.
        let mut dice = Dice::new(seed ^ (number as u64) << 32);
        for _ in 0..per_door(BAD_PER_DOOR) {
            let (name, case) = broken(&range, target, &mut dice);
            let answer = range.desk.host.ask(case.request()).await;
            if judged_in_part(target, &answer) == Some(0) {
                *kinds.entry("refused one by one").or_default() += 1;
            } else if let Some(why) = improper(&answer, case.allowed) {
                wrong.push(format!("{name}: {why}\n{}\n-> {}", case.shown(), answer.body));
            }
            asked += 1;
            *kinds.entry(name).or_default() += 1;
        }
        let after = everything(&range.desk.host).await;
        if before != after {
            let new: Vec<_> = after.0.keys().filter(|key| !before.0.contains_key(key)).collect();
            wrong.push(format!("{} left something behind: {new:?}", target.operation.route));
            before = after;
        }
    }
    let doors = range.targets.len();
    say(&format!("bad input: {asked} requests at {doors} doors: {kinds:?}"));
    let denials = crate::denials::told(&range.desk).await.len();
    assert!(
        (1..=REFUSED_MAX).contains(&denials),
        "{denials} events tell of {} refusals",
        kinds["too weak a key"]
    );
    let shown: Vec<_> = wrong.iter().take(20).map(String::as_str).collect();
    assert!(wrong.is_empty(), "seed {seed}: {} answered wrongly:\n{}", wrong.len(), shown.join("\n\n"));
}

#[tokio::test]
async fn a_request_with_changed_bytes_is_done_whole_or_not_at_all() {
    let seed = seed("changed bytes");
    let (mut taken, mut refused, mut doors) = (0, 0, 0);
    let operations = scorpius::doors::operations();
    for (number, operation) in operations.values().flatten().enumerate() {
        let Some(example) = operation.example else { continue };
        // Each door has a platform of its own: what others took would only make the comparisons slow.
        let range = Range::new().await;
        let mut dice = Dice::new(seed ^ (number as u64) << 32);
        let mut state = Watched::new(&range.desk).await;
        doors += 1;
        for _ in 0..per_door(MUTATED_PER_DOOR) {
            let body = mutated(reread(example), &mut dice);
            match changed(&range, &range.targets[number], body, &mut state, seed).await {
                true => taken += 1,
                false => refused += 1,
            }
        }
    }
    say(&format!(
        "changed bytes: {} requests at {doors} doors, {taken} taken, {refused} refused",
        taken + refused
    ));
    assert!(taken > 0 && refused > 0);
}

/// Asks `target` with `body`, and whether it was taken.
async fn changed(range: &Range, target: &Target, body: Vec<u8>, state: &mut Watched, seed: u64) -> bool {
    let mut case = Case::of(target, &range.desk.api_key, &range.bearer);
    case.body = body;
    let answer = range.desk.host.ask(case.request()).await;
    let shown = || format!("seed {seed}: {}\n-> {} {}", case.shown(), answer.status_code, answer.body);
    let after = state.look(&range.desk).await;
    if !(200..300).contains(&answer.status_code) {
        assert!((400..500).contains(&answer.status_code), "{}", shown());
        let problem = improper(&answer, &[answer.status_code]);
        assert!(problem.is_none(), "{problem:?} {}", shown());
        assert!(after.is_none(), "it left something behind: {}", shown());
        return false;
    }
    let read = body::json::<Value>(Some("application/json"), &case.body);
    assert!(read.is_ok_and(|body| body.is_object()), "{}", shown());
    // A change and its event are one commit; a door that emits nothing changes nothing.
    let may_tell = target.operation.id == MAY_TELL;
    match (emits(&range.desk.host, target), after) {
        (false, Some((before, after))) if may_tell => {
            assert!(events(&after) > events(&before), "an event: {}", shown());
        }
        (true, Some((before, after))) => assert!(events(&after) > events(&before), "an event: {}", shown()),
        (true, None) if judged_in_part(target, &answer) == Some(0) => return false,
        (true, None) => panic!("an event: {}", shown()),
        (false, after) => assert!(after.is_none(), "it changes nothing: {}", shown()),
    }
    true
}

/// Without the spaces that people read by.
fn reread(example: &str) -> Vec<u8> {
    let example: Value = serde_json::from_str(example).expect("examples are JSON");
    example.to_string().into_bytes()
}

fn events(all: &Everything) -> usize {
    all.0.keys().filter(|(partition, _)| partition.starts_with("outbox#")).count()
}

/// Operations that answer with success and change nothing when there is nothing to change.
const QUIET: [&str; 14] = [
    "checkDetector",
    "checkPolicies",
    "explainPolicies",
    // Going on with an export is no fact any more.
    "exportTenant",
    // What is read, and a digest that covers no more than the one before.
    "getQldbBlock",
    "getQldbDigest",
    "getQldbRevision",
    "introspectToken",
    "reportLeakedApiKey",
    "requestPasswordReset",
    "revokeToken",
    "searchThreats",
    "setTenantTier",
    "whoMay",
];

/// Reads, and raises an alarm when what it is handed is false; of the same falsehood once an hour.
const MAY_TELL: &str = "verifyEvidence";

/// Whether the function behind `target` tells of what it does, by the manifest.
fn emits(host: &Host, target: &Target) -> bool {
    let route = target.operation.route;
    let function =
        host.manifest.routes().find(|(_, known, _)| *known == route).map(|(function, ..)| function);
    let function = function.expect("a route of the manifest");
    let emits = &host.manifest.functions[function].emits;
    let says = |kind: &String| kind != AccessDenied::TYPE && kind != AlarmRaised::TYPE;
    !QUIET.contains(&target.operation.id) && emits.iter().any(says)
}

fn mutated(mut body: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    for _ in 0..=dice.below(3) {
        let at = dice.below(body.len());
        match dice.below(5) {
            0 => body[at] ^= 1 << dice.below(8),
            1 => body[at] = dice.throw() as u8,
            2 => {
                body.remove(at);
            }
            3 => body.insert(at, dice.pick(b"0a\"{}[],:\\ \n\x00\xff-+.eE")),
            _ => {
                let from = dice.below(body.len());
                let piece = body[from..(from + 8).min(body.len())].to_vec();
                body.splice(at..at, piece);
            }
        }
        if body.is_empty() {
            body.push(b'{');
        }
    }
    body
}

/// Public doors at which the credential is in the body, or in its cookie.
const BY_TOKEN: [&str; 7] = [
    "refreshToken",
    "registerUser",
    "reportLeakedApiKey",
    "resetPassword",
    "revokeToken",
    "showSecondFactor",
    "verifyEmail",
];
/// Public doors that take a guess, which they count; and those that store nothing, or nothing but such a count.
const BY_GUESS: [&str; 4] = ["logIn", "offerPasskeySignIn", "requestPasswordReset", "signInWithPasskey"];

#[test]
fn public_doors_change_nothing_for_whoever_has_no_token() {
    for operation in scorpius::doors::operations().values().flatten() {
        let fine = operation.access != Access::Public
            || operation.method() == "GET"
            || BY_TOKEN.contains(&operation.id)
            || BY_GUESS.contains(&operation.id);
        assert!(fine, "{}", operation.route);
    }
}

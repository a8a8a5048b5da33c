//! What `infra/stack.json` must keep to. Each rule answers with what is wrong, so that planted
//! manifests show that it is found.

use std::collections::{BTreeMap, BTreeSet};

use scorpius_core::Fact;
use scorpius_core::event::matches_kind;
use scorpius_edge::denial::AccessDenied;
use scorpius_edge::manifest::{Function, Manifest, Queue, Trigger, Uses};
use scorpius_edge::{Access, Operation};
use scorpius_ledger::alarm::AlarmRaised;

/// Signing and wrapping that `uses.keys` may name.
const KEYS: [&str; 6] = ["public:ledger", "public:token", "sign:ledger", "sign:token", "unwrap", "wrap"];

/// Emitted type -> queue -> consuming function, for every emitter.
fn arrows(manifest: &Manifest) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (emitter, function) in &manifest.functions {
        let reached = arrows.entry(emitter).or_default();
        for queue in function.emits.iter().flat_map(|kind| manifest.subscribers(kind)) {
            reached.extend(consumers(manifest, queue));
        }
    }
    arrows
}

pub(crate) fn consumers<'a>(manifest: &'a Manifest, queue: &str) -> Vec<&'a str> {
    let consumes = |function: &Function| function.trigger.queues().iter().any(|consumed| consumed == queue);
    manifest
        .functions
        .iter()
        .filter(|(_, function)| consumes(function))
        .map(|(name, _)| name.as_str())
        .collect()
}

/// Functions that can be reached from themselves: their events would go round until their hops end.
pub(crate) fn cycles(manifest: &Manifest) -> Vec<String> {
    let arrows = arrows(manifest);
    let mut found = Vec::new();
    for start in arrows.keys() {
        let mut open: Vec<&str> = arrows[start].iter().copied().collect();
        let mut seen = BTreeSet::new();
        while let Some(function) = open.pop() {
            if seen.insert(function) {
                open.extend(arrows.get(function).into_iter().flatten());
            }
        }
        if seen.contains(start) {
            found.push(format!("events of `{start}` lead back to it"));
        }
    }
    found
}

/// Queues that nobody empties or that several do, and subscriptions that match nothing or what may not be asked for.
pub(crate) fn bad_queues(manifest: &Manifest) -> Vec<String> {
    let emitted: BTreeSet<&str> =
        manifest.functions.values().flat_map(|function| &function.emits).map(String::as_str).collect();
    let mut wrong = Vec::new();
    for (name, queue) in &manifest.queues {
        match consumers(manifest, name)[..] {
            [_] => {}
            [] => wrong.push(format!("queue `{name}` has no consumer")),
            _ => wrong.push(format!("queue `{name}` has several consumers, which would share its messages")),
        }
        for pattern in patterns(queue) {
            if pattern.starts_with("scorpius.ledger") || matches_kind(pattern, "scorpius.ledger.any.v1") {
                wrong.push(format!("queue `{name}` subscribes to the ledger's own facts"));
            } else if !emitted.iter().any(|kind| matches_kind(pattern, kind)) {
                wrong.push(format!("queue `{name}` subscribes to `{pattern}`, which nobody emits"));
            }
        }
    }
    wrong
}

pub(crate) fn patterns(queue: &Queue) -> &[String] {
    match &queue.from {
        scorpius_edge::manifest::From::Events(patterns) => patterns,
        scorpius_edge::manifest::From::Relay(_) => &[],
    }
}

/// Capabilities that are told their own facts. A request to itself (`requested`, `…_requested`) is the exception.
pub(crate) fn own_facts(
    manifest: &Manifest,
    capabilities: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (emitter, function) in &manifest.functions {
        for kind in &function.emits {
            let mut parts = kind.split('.').skip(1);
            let (capability, fact) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            if fact == "requested" || fact.ends_with("_requested") {
                continue;
            }
            let told = manifest.subscribers(kind).flat_map(|queue| consumers(manifest, queue));
            for consumer in told
                .filter(|consumer| capabilities.get(*consumer).is_some_and(|uses| uses.contains(capability)))
            {
                wrong
                    .push(format!("`{consumer}` is told `{kind}` of `{emitter}`, its own capability's fact"));
            }
        }
    }
    wrong
}

/// Routes with two functions behind them, and names and sentences that are not of the agreed form.
pub(crate) fn bad_entries(manifest: &Manifest) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut routes: BTreeMap<&str, &str> = BTreeMap::new();
    for (function, route, action) in manifest.routes() {
        if let Some(first) = routes.insert(route, function) {
            wrong.push(format!("`{route}` leads to `{first}` and to `{function}`"));
        }
        let known = action == "public"
            || action.split_once(':').is_some_and(|(of, verb)| is_name(of) && is_name(verb));
        if !known {
            wrong.push(format!("`{route}` needs `{action}`, which is not `<capability>:<verb>`"));
        }
    }
    for (name, function) in &manifest.functions {
        let Function { purpose, trigger, uses, emits, .. } = function;
        let Uses { store, keys, .. } = uses;
        if !purpose.ends_with('.') || purpose.len() < 10 || purpose.len() > 256 {
            wrong.push(format!("`{name}` has no one-sentence purpose"));
        }
        // What doors tell of by themselves, and what is wrong with the ledger, is committed with counters alone.
        let of_doors = uses.counters
            && store.is_some()
            && emits.iter().all(|kind| kind == AccessDenied::TYPE || kind == AlarmRaised::TYPE);
        if !emits.is_empty() && !of_doors && *store != Some(scorpius_edge::manifest::Level::ReadWrite) {
            wrong.push(format!("`{name}` emits and cannot commit"));
        }
        wrong.extend(
            keys.iter()
                .filter(|key| !KEYS.contains(&key.as_str()))
                .map(|key| format!("`{name}` uses key `{key}`")),
        );
        if let Trigger::Schedule(schedule) = trigger
            && !is_schedule(schedule)
        {
            wrong.push(format!("`{name}` runs at `{schedule}`"));
        }
    }
    let names = manifest.functions.keys().chain(manifest.queues.keys());
    wrong.extend(names.filter(|name| !is_name(name)).map(|name| format!("`{name}` is not a name")));
    wrong
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

// EventBridge's rate expressions: one `minute`, several `minutes`.
fn is_schedule(text: &str) -> bool {
    let rate = text.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')'));
    let Some((number, unit)) = rate.and_then(|rate| rate.split_once(' ')) else { return false };
    match number.parse::<u32>() {
        Ok(1) => matches!(unit, "minute" | "hour" | "day"),
        Ok(2..) => matches!(unit, "minutes" | "hours" | "days"),
        _ => false,
    }
}

/// Routes and actions of the manifest that the doors do not have, and the reverse.
pub(crate) fn bad_routes(manifest: &Manifest, doors: &BTreeMap<String, Vec<Operation>>) -> Vec<String> {
    let wired: BTreeSet<_> = manifest
        .routes()
        .map(|(function, route, action)| (function.to_owned(), route.to_owned(), action.to_owned()))
        .collect();
    let offered: BTreeSet<_> = doors
        .iter()
        .flat_map(|(function, operations)| {
            operations.iter().map(move |operation| {
                let action = match operation.access {
                    Access::Public => "public",
                    Access::Action(action) => action,
                };
                (function.clone(), operation.route.to_owned(), action.to_owned())
            })
        })
        .collect();
    let text =
        |(function, route, action): &(String, String, String)| format!("`{function}`: {route} ({action})");
    let unwired = offered.difference(&wired).map(|route| format!("{} is not in the manifest", text(route)));
    let closed = wired.difference(&offered).map(|route| format!("{} has no door", text(route)));
    unwired.chain(closed).collect()
}

/// Functions that limit their callers and do not say that they count them, or that they tell of refusals.
pub(crate) fn uncounted(manifest: &Manifest, doors: &BTreeMap<String, Vec<Operation>>) -> Vec<String> {
    let limits = |function: &String| doors.get(function).is_some_and(|all| all.iter().any(|one| one.limited));
    let counts = |function: &Function| function.uses.counters && function.uses.store.is_some();
    let wrong = manifest.functions.iter().filter(|(name, function)| limits(name) && !counts(function));
    let mut wrong: Vec<_> =
        wrong.map(|(name, _)| format!("`{name}` limits callers and does not use `counters`")).collect();
    let refuses = |function: &String| {
        let closed = |operation: &Operation| operation.access != Access::Public;
        doors.get(function).is_some_and(|all| all.iter().any(closed))
    };
    let tells = |function: &Function| function.emits.iter().any(|kind| kind == AccessDenied::TYPE);
    let silent = manifest.functions.iter().filter(|(name, function)| refuses(name) && !tells(function));
    wrong.extend(silent.map(|(name, _)| format!("`{name}` refuses callers and does not tell of it")));
    wrong
}

/// Types that are emitted and not declared, and the reverse.
pub(crate) fn bad_events(manifest: &Manifest, declared: &[&str]) -> Vec<String> {
    let emitted: BTreeSet<&str> =
        manifest.functions.values().flat_map(|function| &function.emits).map(String::as_str).collect();
    let unique: BTreeSet<&str> = declared.iter().copied().collect();
    let mut wrong: Vec<_> =
        emitted.difference(&unique).map(|kind| format!("`{kind}` is not declared in code")).collect();
    wrong
        .extend(unique.difference(&emitted).map(|kind| format!("`{kind}` is not in any function's `emits`")));
    if unique.len() < declared.len() {
        wrong.push("a type is declared twice".to_owned());
    }
    for kind in unique {
        let parts: Vec<_> = kind.split('.').collect();
        if !matches!(parts[..], ["scorpius", capability, fact, "v1"] if is_name(capability) && is_name(&fact.replace('_', "-")))
        {
            wrong.push(format!("`{kind}` is not `scorpius.<capability>.<fact>.v1`"));
        }
    }
    wrong
}

mod planted {
    use super::*;

    fn none() -> Vec<String> {
        Vec::new()
    }

    fn manifest(functions: &str, queues: &str) -> Manifest {
        let json = format!(r#"{{"functions": {{{functions}}}, "queues": {{{queues}}}}}"#);
        Manifest::parse(&json).expect("well-formed, though wrong")
    }

    fn function(name: &str, trigger: &str, emits: &str) -> String {
        format!(
            r#""{name}": {{"purpose": "Stands for one.", "trigger": {trigger}, "emits": [{emits}],
               "uses": {{"store": "read-write"}}, "memory_mb": 128, "timeout_s": 5}}"#
        )
    }

    #[track_caller]
    fn refused(json: &str, why: &str) {
        let error = Manifest::parse(json).expect_err("refused");
        let said = scorpius_core::error::chain(&error);
        assert!(said.contains(why), "{said}");
    }

    fn one(entry: &str) -> String {
        format!(r#"{{"functions": {{"f": {{"purpose": "Stands.", {entry}}}}}, "queues": {{}}}}"#)
    }

    #[test]
    fn a_manifest_of_another_shape_is_refused() {
        let http = r#""trigger": {"http": {}}"#;
        refused(
            &one(&format!(r#"{http}, "memory_mb": 128, "timeout_s": 5, "region": "eu-west-1""#)),
            "unknown field `region`",
        );
        refused(&one(&format!(r#"{http}, "memory_mb": 128, "timeout_s": 30"#)), "timeout of 1 to 29 s");
        refused(&one(&format!(r#"{http}, "memory_mb": 128, "timeout_s": 0"#)), "timeout of 1 to 29 s");
        refused(&one(r#""trigger": {"stream": "outbox"}, "memory_mb": 128, "timeout_s": 901"#), "1 to 900 s");
        refused(&one(&format!(r#"{http}, "memory_mb": 64, "timeout_s": 5"#)), "128 to 3008 MB");
        refused(
            &one(r#""trigger": {"queue": "mail"}, "memory_mb": 128, "timeout_s": 5"#),
            "`mail`, which is no queue",
        );
        for nothing in ["authorizer", "invoke"] {
            refused(
                &one(&format!(r#""trigger": {{"{nothing}": false}}, "memory_mb": 128, "timeout_s": 5"#)),
                "is started by nothing",
            );
        }
        refused(
            &one(r#""trigger": {"pigeon": "mail"}, "memory_mb": 128, "timeout_s": 5"#),
            "unknown variant `pigeon`",
        );
        refused(
            &one(&format!(r#"{http}, "uses": {{"store": "write"}}, "memory_mb": 128, "timeout_s": 5"#)),
            "unknown variant `write`",
        );
        refused(r#"{"functions": {}, "queues": {"q": {"from": "stork"}}}"#, "`stork`, not by `relay`");
        refused(r#"{"functions": {}, "queues": {}, "topics": {}}"#, "unknown field `topics`");
    }

    #[test]
    fn a_circle_of_events_is_found() {
        let functions = [
            function("ask", r#"{"queue": "answers"}"#, r#""scorpius.talk.asked.v1""#),
            function("answer", r#"{"queue": "questions"}"#, r#""scorpius.talk.answered.v1""#),
            function("listen", r#"{"queue": "all"}"#, ""),
        ];
        let queues = r#""answers": {"from": ["scorpius.talk.answered.v1"]}, "questions": {"from": ["scorpius.talk.asked.*"]},
                        "all": {"from": ["scorpius.*"]}"#;
        let circle = manifest(&functions.join(","), queues);
        assert_eq!(
            cycles(&circle),
            ["events of `answer` lead back to it", "events of `ask` lead back to it"]
        );
        assert_eq!(bad_queues(&circle), ["queue `all` subscribes to the ledger's own facts"]);
    }

    #[test]
    fn a_function_that_wakes_itself_is_found() {
        let functions = function("echo", r#"{"queue": "q"}"#, r#""scorpius.echo.sounded.v1""#);
        let echo = manifest(&functions, r#""q": {"from": ["scorpius.echo.*"]}"#);
        assert_eq!(cycles(&echo), ["events of `echo` lead back to it"]);
        let capabilities = BTreeMap::from([("echo".to_owned(), BTreeSet::from(["echo".to_owned()]))]);
        assert_eq!(
            own_facts(&echo, &capabilities),
            ["`echo` is told `scorpius.echo.sounded.v1` of `echo`, its own capability's fact"]
        );
    }

    #[test]
    fn a_request_to_oneself_is_no_own_fact() {
        let functions = [
            function("scan", r#"{"http": {}}"#, r#""scorpius.scan.requested.v1""#),
            function("scan-job", r#"{"queue": "scan"}"#, ""),
        ];
        let asked = manifest(&functions.join(","), r#""scan": {"from": ["scorpius.scan.requested.v1"]}"#);
        let capabilities =
            ["scan", "scan-job"].map(|name| (name.to_owned(), BTreeSet::from(["scan".to_owned()])));
        assert_eq!(own_facts(&asked, &capabilities.into()), none());
        assert_eq!((cycles(&asked), bad_queues(&asked), bad_entries(&asked)), (none(), none(), none()));
    }

    #[test]
    fn a_queue_without_consumer_or_source_is_found() {
        let functions = [function("a", r#"{"queue": "two"}"#, ""), function("b", r#"{"queue": "two"}"#, "")];
        let queues = r#""lost": {"from": "relay"}, "two": {"from": ["scorpius.none.such.v1"]}"#;
        assert_eq!(
            bad_queues(&manifest(&functions.join(","), queues)),
            [
                "queue `lost` has no consumer",
                "queue `two` has several consumers, which would share its messages",
                "queue `two` subscribes to `scorpius.none.such.v1`, which nobody emits",
            ]
        );
    }

    #[test]
    fn a_route_or_an_event_on_one_side_only_is_found() {
        let door = Operation::new("GET /a", "getA", "Gets a.", Access::Action("a:read"));
        let doors = BTreeMap::from([("a".to_owned(), vec![door])]);
        let wired =
            manifest(&function("a", r#"{"http": {"GET /a": "public"}}"#, r#""scorpius.a.made.v1""#), "");
        assert_eq!(
            bad_routes(&wired, &doors),
            ["`a`: GET /a (a:read) is not in the manifest", "`a`: GET /a (public) has no door"]
        );
        assert_eq!(
            uncounted(&wired, &doors),
            ["`a` limits callers and does not use `counters`", "`a` refuses callers and does not tell of it"]
        );
        assert_eq!(
            bad_events(&wired, &["scorpius.a.done"]),
            [
                "`scorpius.a.made.v1` is not declared in code",
                "`scorpius.a.done` is not in any function's `emits`",
                "`scorpius.a.done` is not `scorpius.<capability>.<fact>.v1`",
            ]
        );
    }

    #[test]
    fn a_careless_entry_is_found() {
        let json = r#"{"functions": {
            "a": {"purpose": "Does what it does.", "trigger": {"http": {"GET /x": "read"}}, "memory_mb": 128, "timeout_s": 5},
            "B": {"purpose": "todo", "trigger": {"http": {"GET /x": "x:read"}}, "memory_mb": 128, "timeout_s": 5,
                  "emits": ["scorpius.b.done.v1"], "uses": {"keys": ["sign:all"]}},
            "c": {"purpose": "Runs at times.", "trigger": {"schedule": "rate(1 minutes)"}, "memory_mb": 128, "timeout_s": 5}
        }, "queues": {}}"#;
        assert_eq!(
            bad_entries(&Manifest::parse(json).expect("well-formed")),
            [
                "`GET /x` leads to `B` and to `a`",
                "`GET /x` needs `read`, which is not `<capability>:<verb>`",
                "`B` has no one-sentence purpose",
                "`B` emits and cannot commit",
                "`B` uses key `sign:all`",
                "`c` runs at `rate(1 minutes)`",
                "`B` is not a name",
            ]
        );
    }
}

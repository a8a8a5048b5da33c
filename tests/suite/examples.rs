//! `events/<function>/<case>.json`: at least one real payload per function, of its trigger's form.

use scorpius::doors;
use scorpius_core::Event;
use scorpius_edge::HttpEvent;
use scorpius_edge::body;
use scorpius_edge::gateway::AuthorizerEvent;
use scorpius_edge::manifest::{From, Function, Manifest, Trigger};
use scorpius_edge::queue::AuditBatch;
use scorpius_identity::first_start::FirstStart;
use serde_json::Value;

use crate::tree;

/// Examples of what a worker must refuse, by design.
const REFUSED: [&str; 1] = ["events/audit-append/no-batch.json"];

/// Why `json` is not a payload that starts `function`.
fn wrong(manifest: &Manifest, function: &Function, json: &str) -> Option<String> {
    let payload: Value = match body::json(Some("application/json"), json.as_bytes()) {
        Ok(payload) => payload,
        Err(problem) => return problem.detail,
    };
    match &function.trigger {
        Trigger::Http(routes) => wrong_request(routes.keys().map(String::as_str).collect(), payload),
        Trigger::Queue(queues) => wrong_messages(manifest, queues, &payload),
        Trigger::Authorizer(_) => match serde_json::from_value::<AuthorizerEvent>(payload) {
            Ok(event) if event.route_key.contains(" /") => None,
            Ok(_) => Some("no `routeKey`".to_owned()),
            Err(error) => Some(error.to_string()),
        },
        Trigger::Invoke(_) => {
            serde_json::from_value::<FirstStart>(payload).err().map(|error| error.to_string())
        }
        // EventBridge's scheduled event.
        Trigger::Schedule(_) => (payload["source"] != "aws.events" && payload["source"] != "aws.scheduler")
            .then(|| "`source` is not a scheduler's".to_owned()),
        // A DynamoDB stream's records.
        Trigger::Stream(_) => {
            let records = payload["Records"].as_array().map(Vec::as_slice).unwrap_or_default();
            let fine = |record: &Value| {
                record["eventSource"] == "aws:dynamodb" && record["dynamodb"]["Keys"].is_object()
            };
            (records.is_empty() || !records.iter().all(fine)).then(|| "no records of a stream".to_owned())
        }
    }
}

fn wrong_request(routes: Vec<&str>, payload: Value) -> Option<String> {
    let event: HttpEvent = match serde_json::from_value(payload) {
        Ok(event) => event,
        Err(error) => return Some(error.to_string()),
    };
    if event.version != "2.0" {
        return Some("`version` is not `2.0`".to_owned());
    }
    if !routes.contains(&event.route_key.as_str()) {
        return Some(format!("`{}` is not its route", event.route_key));
    }
    let method = &event.request_context.http.method;
    if !event.route_key.starts_with(&format!("{method} "))
        || event.raw_path != event.request_context.http.path
    {
        return Some("method or path differ from the route's".to_owned());
    }
    let (_, template) = event.route_key.split_once(' ')?;
    let parameters = event.path_parameters.clone().unwrap_or_default();
    let filled = parameters.iter().fold(template.to_owned(), |path, (name, value)| {
        path.replace(&format!("{{{name}}}"), value).replace(&format!("{{{name}+}}"), value)
    });
    (filled != event.raw_path).then(|| format!("the path is `{}`, the route says `{filled}`", event.raw_path))
}

fn wrong_messages(manifest: &Manifest, queues: &[String], payload: &Value) -> Option<String> {
    let records = payload["Records"].as_array().map(Vec::as_slice).unwrap_or_default();
    if records.is_empty() {
        return Some("no records".to_owned());
    }
    records.iter().find_map(|record| {
        let from = record["eventSourceARN"].as_str().unwrap_or_default();
        let named = queues.iter().find(|queue| from.rsplit(':').next() == Some(queue.as_str()));
        let Some(queue) = named.filter(|_| record["eventSource"] == "aws:sqs") else {
            return Some(format!("not from queue `{}`: `{from}`", queues.join("` or `")));
        };
        let message = record["body"].as_str().unwrap_or_default();
        match &manifest.queues.get(queue)?.from {
            From::Relay(_) => {
                serde_json::from_str::<AuditBatch>(message).err().map(|error| error.to_string())
            }
            From::Events(patterns) => match Event::parse(message.as_bytes()) {
                Err(error) => Some(scorpius_core::error::chain(&error)),
                Ok(event) if patterns.iter().any(|pattern| event.matches(pattern)) => None,
                Ok(event) => Some(format!("`{}` does not go to `{queue}`", event.kind)),
            },
        }
    })
}

#[test]
fn every_function_has_examples_that_start_it() {
    let manifest = doors::manifest();
    let mut found = Vec::new();
    for (name, function) in &manifest.functions {
        let files = tree::files(&format!("events/{name}"));
        let files: Vec<_> = files
            .iter()
            .filter(|file| file.ends_with(".json") && !REFUSED.contains(&file.as_str()))
            .collect();
        if files.is_empty() {
            found.push(format!("events/{name} has no example"));
        }
        for file in files {
            found.extend(wrong(&manifest, function, &tree::read(file)).map(|why| format!("{file}: {why}")));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn an_example_that_is_to_be_refused_is_there_and_wrong() {
    let manifest = doors::manifest();
    for file in REFUSED {
        let function = file.split('/').nth(1).expect("events/<function>/<case>.json");
        assert!(wrong(&manifest, &manifest.functions[function], &tree::read(file)).is_some(), "{file}");
    }
}

#[test]
fn every_folder_of_examples_is_a_function_s() {
    let manifest = doors::manifest();
    let strangers: Vec<_> =
        tree::folders("events").into_iter().filter(|name| !manifest.functions.contains_key(name)).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}

#[test]
fn a_payload_that_would_not_start_the_function_is_found() {
    let manifest = doors::manifest();
    #[track_caller]
    fn check(manifest: &Manifest, function: &str, json: &str, why: &str) {
        let said = wrong(manifest, &manifest.functions[function], json).expect("something is wrong");
        assert!(said.contains(why), "{said}");
    }
    check(&manifest, "scan", "{", "EOF");
    check(&manifest, "scan", r#"{"routeKey": "GET /v1/scans", "routeKey": "GET /v1/scans"}"#, "routeKey");
    check(&manifest, "scan", r#"{"version": "2.0", "routeKey": "GET /v1/else"}"#, "is not its route");
    check(&manifest, "scan", r#"{"version": "1.0", "routeKey": "GET /v1/scans"}"#, "`version`");
    check(&manifest, "scan", r#"{"version": "2.0", "routeKey": "GET /v1/scans"}"#, "method or path");
    check(&manifest, "scan-job", r#"{"Records": []}"#, "no records");
    let from_audit = r#"{"Records": [{"eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:0:audit", "body": "{}"}]}"#;
    check(&manifest, "scan-job", from_audit, "not from queue `scan-high` or `scan` or `scan-low`");
    check(&manifest, "audit-append", from_audit, "missing field");
    check(&manifest, "outbox-sweep", "{}", "scheduler");
    check(
        &manifest,
        "outbox-relay",
        r#"{"Records": [{"eventSource": "aws:sqs"}]}"#,
        "no records of a stream",
    );
    check(&manifest, "authorizer", "{}", "routeKey");
    check(&manifest, "bootstrap", r#"{"tenant": "misspelt"}"#, "unknown field `tenant`");
}

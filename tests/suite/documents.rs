//! The documents that are made from code are as the code is, and those written by hand name what exists.

use std::collections::{BTreeMap, BTreeSet};

use scorpius::doors;
use scorpius_core::EventSchema;
use scorpius_edge::manifest::Function;
use serde_json::Value;

use crate::tree;

#[track_caller]
fn fresh(path: &str, made: &str, command: &str) {
    let committed = tree::read(path);
    if committed != made {
        let line = committed.lines().zip(made.lines()).position(|(old, new)| old != new);
        panic!(
            "{path} is stale from line {:?} on: `cargo run -- {command} > {path}`",
            line.map(|line| line + 1)
        );
    }
}

#[test]
fn the_committed_openapi_document_is_what_the_doors_say() {
    fresh("docs/openapi.json", &doors::openapi(), "openapi");
}

#[test]
fn the_committed_asyncapi_document_is_what_the_events_say() {
    fresh("docs/asyncapi.json", &doors::asyncapi(), "asyncapi");
}

#[test]
fn the_committed_schema_of_policies_names_the_manifest_s_actions() {
    fresh("docs/policies/schema.cedarschema", &doors::policy_schema(), "policy-schema");
}

/// Every `$ref` of a document, wherever it is.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What is wrong with an OpenAPI document, by rules that the specification and its readers agree on.
fn lint(document: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut found = Vec::new();
    references(document, &mut found);
    let dangling = found.iter().filter(|reference| {
        reference.strip_prefix('#').is_none_or(|pointer| document.pointer(pointer).is_none())
    });
    wrong.extend(dangling.map(|reference| format!("`{reference}` leads nowhere")));
    let used: BTreeSet<_> =
        found.iter().filter_map(|found| found.strip_prefix("#/components/schemas/")).collect();
    let schemas = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
    wrong.extend(
        schemas
            .keys()
            .filter(|name| !used.contains(name.as_str()))
            .map(|name| format!("nobody uses schema `{name}`")),
    );
    let tags: BTreeSet<_> =
        document["tags"].as_array().into_iter().flatten().filter_map(|tag| tag["name"].as_str()).collect();
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let complain = |text: &str| format!("{method} {path}: {text}");
            let id = operation["operationId"].as_str().unwrap_or_default();
            if id.is_empty() || !ids.insert(id) {
                wrong.push(complain("no operationId of its own"));
            }
            if !operation["summary"].as_str().is_some_and(|text| text.ends_with('.')) {
                wrong.push(complain("no sentence says what it does"));
            }
            if !operation["tags"]
                .as_array()
                .is_some_and(|used| used.iter().all(|tag| tag.as_str().is_some_and(|tag| tags.contains(tag))))
            {
                wrong.push(complain("a tag that is not declared"));
            }
            let named: BTreeSet<_> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            let parameters: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
            let declared: BTreeSet<_> = parameters
                .iter()
                .filter(|one| one["in"] == "path")
                .filter_map(|one| one["name"].as_str())
                .collect();
            if named != declared {
                wrong.push(complain("its path parameters are not those of its path"));
            }
            let responses = operation["responses"].as_object().cloned().unwrap_or_default();
            if !responses.keys().any(|status| status.starts_with('2') || status.starts_with('3')) {
                wrong.push(complain("never succeeds"));
            }
            if operation["security"] != serde_json::json!([])
                && !(responses.contains_key("401") && responses.contains_key("403"))
            {
                wrong.push(complain("needs a credential and does not say 401 and 403"));
            }
            if operation["requestBody"].is_object() {
                let media = &operation["requestBody"]["content"]["application/json"];
                if media["example"].is_null() {
                    wrong.push(complain("no example of its body"));
                }
                if !responses.contains_key("400") || !responses.contains_key("415") {
                    wrong.push(complain("takes a body and does not say 400 and 415"));
                }
            }
        }
    }
    wrong
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

#[test]
fn the_openapi_document_keeps_to_its_specification() {
    assert_eq!(lint(&parsed(&doors::openapi())), Vec::<String>::new());
}

#[test]
fn a_careless_openapi_document_is_found() {
    let document = parsed(
        r##"{"openapi": "3.1.0", "tags": [{"name": "a"}], "components": {"schemas": {"Lost": {}}},
        "paths": {"/a/{id}": {"get": {"operationId": "a", "summary": "Gets.", "tags": ["b"], "responses": {"404": {}}},
        "post": {"operationId": "a", "summary": "posts", "tags": ["a"], "security": [], "responses": {"200": {}},
        "parameters": [{"in": "path", "name": "id"}],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/None"}}}}}}}}"##,
    );
    assert_eq!(
        lint(&document),
        [
            "`#/components/schemas/None` leads nowhere",
            "nobody uses schema `Lost`",
            "get /a/{id}: a tag that is not declared",
            "get /a/{id}: its path parameters are not those of its path",
            "get /a/{id}: never succeeds",
            "get /a/{id}: needs a credential and does not say 401 and 403",
            "post /a/{id}: no operationId of its own",
            "post /a/{id}: no sentence says what it does",
            "post /a/{id}: no example of its body",
            "post /a/{id}: takes a body and does not say 400 and 415",
        ]
    );
}

#[test]
fn the_asyncapi_document_has_every_event_and_queue_and_no_dangling_reference() {
    let document = parsed(&doors::asyncapi());
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for event in doors::events() {
        assert!(document["channels"][event.kind].is_object(), "{}", event.kind);
    }
    for queue in doors::manifest().queues.keys() {
        assert!(document["operations"][format!("receive.{queue}")].is_object(), "{queue}");
    }
}

/// Codes of the problem types that the sources define, each with the file.
fn problem_codes() -> BTreeMap<String, String> {
    let mut codes = BTreeMap::new();
    for file in tree::files("shared").into_iter().chain(tree::files("infra/scorpius")) {
        if !file.ends_with(".rs") {
            continue;
        }
        let source = tree::read(&file);
        // Tests define problems of their own, and stand at a file's end.
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        for definition in source.split("ProblemType {").skip(1) {
            let definition = definition.split('}').next().unwrap_or_default();
            let code = definition.split("code: \"").nth(1).and_then(|rest| rest.split('"').next());
            codes.extend(code.map(|code| (code.to_owned(), file.clone())));
        }
    }
    codes
}

#[test]
fn every_problem_has_a_row_that_says_what_to_do_and_no_row_is_left_over() {
    let codes = problem_codes();
    assert!(codes.len() >= scorpius_edge::problem::GENERAL.len(), "{codes:?}");
    let page = tree::read("docs/problems.md");
    let rows: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let missing: Vec<_> = codes.iter().filter(|(code, _)| !rows.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "docs/problems.md has no row for {missing:?}");
    let left: Vec<_> = rows.iter().filter(|row| !codes.contains_key(**row)).collect();
    assert!(left.is_empty(), "docs/problems.md has rows for no problem: {left:?}");
}

#[test]
fn the_status_of_a_problem_is_the_one_in_its_row() {
    let page = tree::read("docs/problems.md");
    let mut kinds: Vec<_> = scorpius_edge::problem::GENERAL.to_vec();
    kinds.extend(doors::operations().into_values().flatten().flat_map(|operation| operation.problems));
    for kind in kinds {
        let row = format!("| `{}` | {} |", kind.code, kind.status.as_u16());
        assert!(page.contains(&row), "docs/problems.md does not say `{row}`");
    }
}

/// The rows of `docs/events.md`, as the events and the manifest say.
fn event_rows() -> Vec<String> {
    let manifest = doors::manifest();
    let mut events = doors::events();
    events.sort_by_key(|event| event.kind);
    let row = |event: &EventSchema| {
        let emits = |function: &Function| function.emits.iter().any(|kind| kind == event.kind);
        let emitters =
            manifest.functions.iter().filter(|(_, function)| emits(function)).map(|(name, _)| name.as_str());
        let queues: Vec<_> = manifest.subscribers(event.kind).collect();
        let queues = if queues.is_empty() { "-".to_owned() } else { queues.join(", ") };
        let emitters: Vec<_> = emitters.collect();
        format!("| `{}` | {} | {} | {queues} |", event.kind, event.meaning, emitters.join(", "))
    };
    events.iter().map(row).collect()
}

#[test]
fn the_page_of_events_has_each_event_as_the_code_says() {
    let page = tree::read("docs/events.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows, event_rows());
}

/// Partitions that the sources name: `{tenant}#webhooks`, `ledger#log`.
#[test]
fn each_control_s_evidence_is_an_event_that_somebody_emits() {
    let kinds: Vec<_> = doors::events().into_iter().map(|event| event.kind).collect();
    for framework in scorpius_ledger::compliance::frameworks() {
        for control in &framework.controls {
            for pattern in &control.events {
                assert!(
                    kinds.iter().any(|kind| scorpius_core::event::matches_kind(pattern, kind)),
                    "{} {}: nobody emits `{pattern}`",
                    framework.id,
                    control.id
                );
            }
        }
    }
}

fn partitions() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in tree::files("shared")
        .into_iter()
        .filter(|file| file.contains("/src/") && file.ends_with(".rs") && !file.contains("test"))
    {
        let source = tree::read(&file);
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        for text in source.split('"').skip(1).step_by(2) {
            let mut parts = text.split('#');
            let (Some(first), Some(second)) = (parts.next(), parts.next()) else { continue };
            let is_word =
                |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            if (first == "{tenant}" || is_word(first)) && is_word(second) && text.len() < 60 {
                found.insert(format!("{first}#{second}"));
            }
        }
    }
    found
}

#[test]
fn every_partition_has_its_reads_written_down() {
    let partitions = partitions();
    assert!(partitions.contains("{tenant}#webhooks") && partitions.contains("ledger#log"), "{partitions:?}");
    let page = tree::read("docs/access-patterns.md");
    let missing: Vec<_> = partitions.iter().filter(|partition| !page.contains(partition.as_str())).collect();
    assert!(missing.is_empty(), "docs/access-patterns.md does not say who reads {missing:?}");
}

#[test]
fn every_link_in_a_document_leads_somewhere() {
    let mut pages: Vec<_> = tree::files("docs").into_iter().filter(|file| file.ends_with(".md")).collect();
    pages.extend(
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"].map(str::to_owned),
    );
    let mut wrong = Vec::new();
    for page in pages {
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in tree::read(&page).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.starts_with("mailto:");
            if !target.is_empty()
                && !elsewhere
                && !tree::exists(format!("{folder}/{target}").trim_start_matches('/'))
            {
                wrong.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Files and folders that ARCHITECTURE.md puts in backquotes.
#[test]
fn every_path_that_the_architecture_names_exists() {
    let page = tree::read("ARCHITECTURE.md");
    let named: BTreeSet<&str> = page.split('`').skip(1).step_by(2).collect();
    let roots = ["shared/", "functions/", "infra/", "tests/", "docs/", "events/"];
    let paths = named.into_iter().filter(|name| roots.iter().any(|root| name.starts_with(root)));
    let missing: Vec<_> =
        paths.filter(|path| !path.contains(['<', '*', '{', ' ']) && !tree::exists(path)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

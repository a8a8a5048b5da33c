//! AsyncAPI 3.0 from the events that the code declares and the queues of the manifest.

use std::collections::BTreeMap;

use scorpius_core::EventSchema;
use serde_json::{Map, Value, json};

use crate::manifest::{From, Manifest};
use crate::queue::AuditBatch;

const SCHEMAS: &str = "#/components/schemas/";
const MESSAGES: &str = "#/components/messages/";
/// The message on a queue that the relay fills.
const BATCH: &str = "audit-batch";

/// The document: one channel per type of event, one per queue; who sends, and which queue receives.
#[must_use]
pub fn document(events: &[EventSchema], manifest: &Manifest) -> Value {
    let events: BTreeMap<&str, &EventSchema> = events.iter().map(|event| (event.kind, event)).collect();
    let mut schemas = Map::from_iter([("Event".to_owned(), envelope()), (BATCH.to_owned(), batch())]);
    let mut messages = Map::from_iter([(
        BATCH.to_owned(),
        json!({
            "summary": "Events that the ledger takes in one step; their bodies are in the blob.",
            "contentType": "application/json",
            "payload": {"$ref": format!("{SCHEMAS}{BATCH}")},
        }),
    )]);
    let (mut channels, mut operations) = (Map::new(), Map::new());
    for event in events.values() {
        hoist(event, &mut schemas);
        messages.insert(event.kind.to_owned(), message(event));
        channels.insert(event.kind.to_owned(), channel(event.kind, event.meaning, &[event.kind]));
        operations.insert(
            format!("send.{}", event.kind),
            json!({
                "action": "send",
                "summary": event.meaning,
                "channel": {"$ref": format!("#/channels/{}", event.kind)},
                "x-scorpius-functions": emitters(manifest, event.kind),
            }),
        );
    }
    for (name, queue) in &manifest.queues {
        let (what, carried) = match &queue.from {
            From::Relay(_) => ("Audit batches, from the relay.", vec![BATCH]),
            From::Events(_) => ("Events, from the bus.", carried(manifest, name, &events)),
        };
        let channel_name = format!("queue.{name}");
        channels.insert(channel_name.clone(), channel(name, what, &carried));
        operations.insert(
            format!("receive.{name}"),
            json!({
                "action": "receive",
                "summary": what,
                "channel": {"$ref": format!("#/channels/{channel_name}")},
                "messages": references(&format!("#/channels/{channel_name}/messages/"), &carried),
                "x-scorpius-functions": consumers(manifest, name),
                "x-scorpius-receives-max": queue.receives_max,
            }),
        );
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Scorpius events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every fact that Scorpius records, as CloudEvents 1.0 JSON. Delivered at least \
                            once and in no order: `id` tells events apart, `sequence` orders those of an \
                            `aggregate`.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    })
}

fn channel(address: &str, description: &str, carried: &[&str]) -> Value {
    let messages: Map<String, Value> = carried
        .iter()
        .map(|kind| ((*kind).to_owned(), json!({"$ref": format!("{MESSAGES}{kind}")})))
        .collect();
    json!({"address": address, "description": description, "messages": messages})
}

fn references(base: &str, names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!({"$ref": format!("{base}{name}")})).collect()
}

fn message(event: &EventSchema) -> Value {
    json!({
        "name": event.kind,
        "summary": event.meaning,
        "contentType": "application/cloudevents+json",
        "payload": {
            "allOf": [
                {"$ref": format!("{SCHEMAS}Event")},
                {"properties": {
                    "type": {"const": event.kind},
                    "data": {"$ref": format!("{SCHEMAS}{}", event.kind)},
                }},
            ],
        },
    })
}

fn emitters<'a>(manifest: &'a Manifest, kind: &str) -> Vec<&'a str> {
    let emits = |emitted: &Vec<String>| emitted.iter().any(|known| known == kind);
    let functions = manifest.functions.iter().filter(|(_, function)| emits(&function.emits));
    functions.map(|(name, _)| name.as_str()).collect()
}

fn consumers<'a>(manifest: &'a Manifest, queue: &str) -> Vec<&'a str> {
    let functions = manifest
        .functions
        .iter()
        .filter(|(_, function)| function.trigger.queues().iter().any(|consumed| consumed == queue));
    functions.map(|(name, _)| name.as_str()).collect()
}

fn carried<'a>(
    manifest: &Manifest,
    queue: &str,
    events: &BTreeMap<&'a str, &'a EventSchema>,
) -> Vec<&'a str> {
    events
        .keys()
        .copied()
        .filter(|kind| manifest.subscribers(kind).any(|subscriber| subscriber == queue))
        .collect()
}

/// Puts the schema of an event's data among the components. Its definitions get the event's name
/// before their own, so that two capabilities may use one name for two things.
fn hoist(event: &EventSchema, schemas: &mut Map<String, Value>) {
    let mut schema = event.schema.as_value().clone();
    let mut definitions = Map::new();
    if let Some(members) = schema.as_object_mut() {
        members.remove("$schema");
        if let Some(Value::Object(found)) = members.remove("$defs") {
            definitions = found;
        }
    }
    let base = format!("{SCHEMAS}{}.", event.kind);
    for (name, mut definition) in definitions {
        repoint(&mut definition, &base);
        schemas.insert(format!("{}.{name}", event.kind), definition);
    }
    repoint(&mut schema, &base);
    schemas.insert(event.kind.to_owned(), schema);
}

/// Lets references to `#/$defs/X` lead to `<base>X`. A schema made from our types is not deep.
fn repoint(schema: &mut Value, base: &str) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(name) = reference.strip_prefix("#/$defs/")
            {
                *reference = format!("{base}{name}");
            }
            members.values_mut().for_each(|member| repoint(member, base));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| repoint(item, base)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The CloudEvents 1.0 attributes and our extensions, as `scorpius_core::Event` has them.
fn envelope() -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    json!({
        "type": "object",
        "description": "CloudEvents 1.0, JSON format.",
        "required": [
            "specversion", "id", "source", "type", "subject", "time", "datacontenttype",
            "tenantid", "actor", "aggregate", "sequence", "hops", "data",
        ],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text("`evt_` and a UUIDv7."),
            "source": text("`/scorpius/<capability>`."),
            "type": text("`scorpius.<capability>.<fact>.v1`."),
            "subject": text("What it is about."),
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "tenantid": text("Whose it is."),
            "actor": text("Who caused it: a subject, or `system:<function>`."),
            "strength": text("How the subject had proved who it is: `api_key`, `aal1` or `aal2`; absent for functions."),
            "network": text("A pseudonym of the network of the request: the same network of one tenant has the same."),
            "traceparent": text("W3C Trace Context; absent when the request had none."),
            "aggregate": text("What `sequence` counts within."),
            "sequence": {"type": "integer", "minimum": 1},
            "hops": {
                "type": "integer", "minimum": 0, "maximum": scorpius_core::event::HOPS_MAX,
                "description": "How many events lie between the request and this one.",
            },
            "data": {"description": "The fact."},
        },
    })
}

/// Without the draft that it follows, which AsyncAPI says itself.
fn batch() -> Value {
    let mut schema = schemars::schema_for!(AuditBatch);
    schema.remove("$schema");
    schema.into()
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use scorpius_core::Fact;
    use serde::Serialize;

    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Grade {
        points: u8,
    }

    #[derive(Serialize, JsonSchema)]
    struct Graded {
        grades: Vec<Grade>,
    }

    impl Fact for Graded {
        const TYPE: &'static str = "scorpius.school.graded.v1";
        const MEANING: &'static str = "A pupil was graded.";
    }

    const MANIFEST: &str = r#"{
        "functions": {
            "teacher": {"purpose": "Grades.", "trigger": {"http": {}}, "memory_mb": 128, "timeout_s": 1,
                        "emits": ["scorpius.school.graded.v1"]},
            "parents": {"purpose": "Reads.", "trigger": {"queue": "letters"}, "memory_mb": 128, "timeout_s": 1}
        },
        "queues": {"letters": {"from": ["scorpius.school.*"]}, "audit": {"from": "relay"}}
    }"#;

    fn made() -> Value {
        let manifest = Manifest::parse(MANIFEST).expect("a small manifest");
        document(&[EventSchema::of::<Graded>()], &manifest)
    }

    #[test]
    fn a_queue_receives_the_events_that_it_subscribed_to() {
        let receive = &made()["operations"]["receive.letters"];
        assert_eq!(receive["x-scorpius-functions"], json!(["parents"]));
        assert_eq!(
            receive["messages"],
            json!([{"$ref": "#/channels/queue.letters/messages/scorpius.school.graded.v1"}])
        );
        let send = &made()["operations"]["send.scorpius.school.graded.v1"];
        assert_eq!(send["x-scorpius-functions"], json!(["teacher"]));
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn visit(value: &Value, root: &Value, seen: &mut usize) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(reference)) = members.get("$ref") {
                        let pointer = reference.strip_prefix('#').expect("a reference within");
                        assert!(root.pointer(pointer).is_some(), "{reference}");
                        *seen += 1;
                    }
                    members.values().for_each(|member| visit(member, root, seen));
                }
                Value::Array(items) => items.iter().for_each(|item| visit(item, root, seen)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let document = made();
        let mut seen = 0;
        visit(&document, &document, &mut seen);
        assert!(seen > 8, "{seen}");
        assert!(document["components"]["schemas"]["scorpius.school.graded.v1.Grade"].is_object());
    }

    #[test]
    fn the_envelope_names_every_member_of_an_event() {
        let tenant = scorpius_core::TenantId::new(&scorpius_core::SystemClock);
        let actor = scorpius_core::Actor::request("usr_1", Some("00-a-b-01".to_owned()))
            .proved("aal2", Some("net_1".to_owned()));
        let fact = Graded { grades: vec![Grade { points: 1 }] };
        let event = scorpius_core::Event::of(&fact, "cls_1", 1, &tenant, &actor, &scorpius_core::SystemClock);
        let json: Value = serde_json::from_str(&event.to_json()).expect("an event's JSON");
        let members = json.as_object().expect("an object").keys().collect::<Vec<_>>();
        let envelope = envelope();
        let described = envelope["properties"].as_object().expect("an object").keys().collect::<Vec<_>>();
        let (mut members, mut described) = (members, described);
        members.sort();
        described.sort();
        assert_eq!(members, described);
    }
}

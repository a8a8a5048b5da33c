//! OpenAPI 3.1 from the doors' own descriptions.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::operation::{Access, Operation};
use crate::problem::{self, ProblemType};

/// The document for all doors: functions by name, each with its operations.
#[must_use]
pub fn document(functions: &BTreeMap<String, Vec<Operation>>) -> Value {
    // JSON Schema 2020-12, which is OpenAPI 3.1's dialect, with definitions where OpenAPI keeps them.
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut tags = Vec::new();
    for (function, operations) in functions {
        if !operations.is_empty() {
            tags.push(json!({"name": function}));
        }
        for operation in operations {
            let described = describe(&mut generator, function, operation);
            paths
                // OpenAPI has no sign for a parameter that takes the rest of a path.
                .entry(operation.path().replace("+}", "}"))
                .or_default()
                .insert(operation.method().to_ascii_lowercase(), described);
        }
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".to_owned(), problem_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Scorpius",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "An open, self-hosted, serverless security platform for blockchains.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This host."}],
        "security": [{"api_key": []}, {"bearer": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    })
}

fn describe(generator: &mut SchemaGenerator, function: &str, operation: &Operation) -> Value {
    let mut parameters: Vec<_> = path_parameters(operation.path())
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    parameters.extend(operation.query.iter().map(|parameter| {
        json!({
            "name": parameter.name, "in": "query", "required": parameter.required,
            "description": parameter.meaning, "schema": {"type": "string"},
        })
    }));
    if operation.method() == "POST" && operation.access != Access::Public {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "The same key and body get the same answer for 24 hours; another body is a 409.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 100},
        }));
    }
    let mut responses = Map::new();
    for answer in &operation.answers {
        let media = match answer.schema {
            Some(schema) => json!({"schema": schema(generator)}),
            None => json!({}),
        };
        let mut response = json!({"description": answer.meaning});
        if !answer.content_type.is_empty() {
            response["content"] = json!({answer.content_type: media});
        }
        responses.insert(answer.status.to_string(), response);
    }
    for (status, kinds) in problems(operation) {
        let codes: Vec<_> = kinds.iter().map(|kind| format!("`{}`", kind.code)).collect();
        responses.entry(status.to_string()).or_insert_with(|| {
            json!({
                "description": codes.join(", "),
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            })
        });
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [function],
        "responses": responses,
    });
    if !parameters.is_empty() {
        described["parameters"] = Value::from(parameters);
    }
    match operation.access {
        Access::Public => described["security"] = json!([]),
        Access::Action(action) => described["x-scorpius-action"] = Value::from(action),
    }
    if let Some(demand) = operation.demand {
        described["x-scorpius-step-up"] = json!({"acr": demand.acr.as_str(), "max_age_s": demand.max_age_s});
    }
    if let Some(body) = operation.body {
        let mut media = json!({"schema": body(generator)});
        if let Some(example) = operation.example.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            media["example"] = example;
        }
        described["requestBody"] = json!({"required": true, "content": {"application/json": media}});
    }
    described
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|segment| Some(segment.strip_prefix('{')?.strip_suffix('}')?.trim_end_matches('+')))
}

fn problems(operation: &Operation) -> BTreeMap<u16, Vec<&'static ProblemType>> {
    let mut all = operation.problems.clone();
    all.push(&problem::TOO_LARGE);
    all.push(&problem::UNAVAILABLE);
    if operation.limited {
        all.push(&problem::TOO_MANY_REQUESTS);
    }
    if operation.body.is_some() {
        all.extend([&problem::INVALID_REQUEST, &problem::UNSUPPORTED_MEDIA_TYPE]);
    } else if !operation.query.is_empty() {
        all.push(&problem::INVALID_REQUEST);
    }
    if operation.access != Access::Public {
        all.extend([&problem::UNAUTHENTICATED, &problem::FORBIDDEN]);
        if operation.method() == "POST" {
            all.push(&problem::IDEMPOTENCY_CONFLICT);
        }
    }
    if operation.path().contains('{') {
        all.push(&problem::NOT_FOUND);
    }
    let mut by_status: BTreeMap<u16, Vec<&'static ProblemType>> = BTreeMap::new();
    for kind in all {
        let kinds = by_status.entry(kind.status.as_u16()).or_default();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    by_status
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457. `code` and `type` say which kind; docs/problems.md says what to do.",
        "required": ["type", "title", "status", "code", "request_id"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string"},
            "request_id": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
                },
            },
        },
    })
}

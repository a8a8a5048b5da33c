//! A request that is to be broken, and the broken one.

use std::collections::BTreeMap;

use scorpius::host::gateway::WireRequest;
use scorpius_edge::principal::OWN_ACCOUNT;
use scorpius_edge::{Access, Operation};
use serde_json::Value;

/// What a broken request is usually refused with.
pub(crate) const INVALID: &[u16] = &[400];

/// One operation, as somebody would ask it rightly.
pub(crate) struct Target {
    pub(crate) operation: Operation,
    /// With the ids of real things.
    pub(crate) path: String,
    /// Its members that must be there, from the published schema.
    pub(crate) required: Vec<String>,
    /// A body that is taken.
    pub(crate) example: Option<Value>,
}

impl Target {
    pub(crate) fn of(operation: &Operation, openapi: &Value, real: &BTreeMap<&str, String>) -> Self {
        let mut path = operation.path().to_owned();
        for (open, closed) in real {
            path = path.replace(open, closed);
        }
        assert!(!path.contains('{'), "no real thing for `{}`", operation.route);
        let method = operation.method().to_ascii_lowercase();
        let described = &openapi["paths"][operation.path()][&method]["requestBody"]["content"];
        let schema = &described["application/json"]["schema"];
        let schema = match schema["$ref"].as_str() {
            Some(reference) => openapi.pointer(&reference[1..]).expect("the schema is in the document"),
            None => schema,
        };
        let mut example: Option<Value> =
            operation.example.map(|text| serde_json::from_str(text).expect("examples are JSON"));
        // One question: of several, one that is refused would leave the others to be answered.
        if let (Some(items), "scoreBatch") =
            (example.as_mut().and_then(|body| body.get_mut("items")?.as_array_mut()), operation.id)
        {
            items.truncate(1);
        }
        let required = schema["required"].as_array().into_iter().flatten();
        Self {
            path,
            required: required.filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            example,
            operation: operation.clone(),
        }
    }

    pub(crate) fn is_public(&self) -> bool {
        self.operation.access == Access::Public
    }

    /// Whether only a person who signed in may ask.
    pub(crate) fn is_of_people(&self) -> bool {
        self.operation.access == Access::Action(OWN_ACCOUNT)
    }

    /// Its query, where the request fails without one.
    pub(crate) fn query(&self) -> String {
        let required = self.operation.query.iter().filter(|parameter| parameter.required);
        required.map(|parameter| format!("{}=evt_1", parameter.name)).collect::<Vec<_>>().join("&")
    }
}

/// One broken request, and the statuses that are right for it.
pub(crate) struct Case {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) allowed: &'static [u16],
}

impl Case {
    /// The right request; `allowed` is for the break that follows.
    pub(crate) fn of(target: &Target, api_key: &str, bearer: &str) -> Self {
        let credential = match target.is_of_people() {
            false => ("X-API-Key".to_owned(), api_key.to_owned()),
            true => ("Authorization".to_owned(), bearer.to_owned()),
        };
        let mut headers = vec![credential];
        if target.example.is_some() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        Self {
            method: target.operation.method(),
            path: target.path.clone(),
            query: target.query(),
            headers,
            body: target.example.as_ref().map(|example| example.to_string().into_bytes()).unwrap_or_default(),
            allowed: INVALID,
        }
    }

    pub(crate) fn request(&self) -> WireRequest {
        WireRequest {
            method: self.method.to_owned(),
            path: self.path.clone(),
            query: self.query.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
            source_ip: "192.0.2.7".to_owned(),
        }
    }

    /// For people, when it was answered wrongly.
    pub(crate) fn shown(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let body: String = body.chars().take(600).collect();
        let headers: String = format!("{:?}", self.headers).chars().take(600).collect();
        let (path, query): (String, String) =
            (self.path.chars().take(200).collect(), self.query.chars().take(200).collect());
        format!("{} {path}?{query}\n{headers}\n{} bytes: {body}", self.method, self.body.len())
    }
}

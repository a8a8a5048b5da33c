//! Who may do what, on the real host: every operation for every kind of caller, tenants apart, and policies.

pub(crate) mod callers;
mod elevation;
mod isolation;
mod matrix;
pub(crate) mod policies;

use std::collections::BTreeMap;

use scorpius::host::gateway::WireRequest;
use serde_json::Value;

use crate::bad_input::{Target, real_things};
use crate::desk::Desk;

/// Every operation, with the ids of things of the first tenant in its path.
async fn targets(desk: &Desk) -> Vec<Target> {
    let mut real = real_things(desk).await;
    real.entry("/v1/auth/sessions/{id}")
        .or_insert_with(|| "/v1/auth/sessions/ses_019ab5d2a0007c3e8f2b6a51d4e09c77".to_owned());
    let openapi: Value = serde_json::from_str(&scorpius::doors::openapi()).expect("JSON");
    let operations = scorpius::doors::operations();
    operations.values().flatten().map(|operation| Target::of(operation, &openapi, &real)).collect()
}

/// `target` as `headers` ask it.
fn request(target: &Target, path: &str, headers: &[(&str, String)]) -> WireRequest {
    let mut all: BTreeMap<String, String> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    if target.example.is_some() {
        all.insert("content-type".to_owned(), "application/json".to_owned());
    }
    WireRequest {
        method: target.operation.method().to_owned(),
        path: path.to_owned(),
        query: target.query(),
        headers: all.into_iter().collect(),
        body: target.example.as_ref().map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        source_ip: "192.0.2.7".to_owned(),
    }
}

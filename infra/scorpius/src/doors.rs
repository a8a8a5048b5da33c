//! What all functions offer and emit, by the function's name in the manifest.

use std::collections::BTreeMap;

use scorpius_core::EventSchema;
use scorpius_edge::Operation;
use scorpius_edge::manifest::Manifest;

/// The manifest that this program was built with.
pub const STACK: &str = include_str!("../../stack.json");

/// The wiring.
///
/// # Panics
/// When `infra/stack.json` is not a manifest; a test holds that it is.
#[must_use]
pub fn manifest() -> Manifest {
    Manifest::parse(STACK).expect("infra/stack.json was checked by the tests")
}

/// The operations of each function that has doors.
#[must_use]
pub fn operations() -> BTreeMap<String, Vec<Operation>> {
    [
        ("admin", scorpius_relay::api::operations()),
        ("audit", scorpius_ledger::api::operations()),
        ("audit-custody", scorpius_ledger::custody::operations()),
        ("auth", scorpius_identity::api::operations()),
        ("health", scorpius_edge::health::operations()),
        ("policy", scorpius_policy_api::api::operations()),
        ("qldb", scorpius_qldb_api::api::operations()),
        ("risk-score", scorpius_risk::api::operations()),
        ("scan", scorpius_scan::api::operations()),
        ("users", scorpius_account::api::operations()),
        ("wallet-guard", scorpius_wallets::api::operations()),
        ("webhooks", scorpius_notify::api::operations()),
    ]
    .into_iter()
    .map(|(function, operations)| (function.to_owned(), operations))
    .collect()
}

/// Every type of event that code emits.
#[must_use]
pub fn events() -> Vec<EventSchema> {
    let mut events = scorpius_edge::events();
    events.extend(scorpius_identity::events());
    events.extend(scorpius_feeds::events());
    events.extend(scorpius_ledger::events());
    events.extend(scorpius_account::events());
    events.extend(scorpius_notify::events());
    events.extend(scorpius_policy_api::events());
    events.extend(scorpius_qldb_api::events());
    events.extend(scorpius_relay::events());
    events.extend(scorpius_risk::events());
    events.extend(scorpius_scan::events());
    events.extend(scorpius_wallets::events());
    events
}

/// `openapi.json`, as served and as committed.
///
/// # Panics
/// Never: the document has string keys only.
#[must_use]
pub fn openapi() -> String {
    pretty(scorpius_edge::openapi::document(&operations()))
}

/// `schema.cedarschema`, as committed: what policies can name.
#[must_use]
pub fn policy_schema() -> String {
    scorpius_policy::schema::text(&scorpius_policy::schema::actions(&manifest()))
}

/// In the order of names, so that the committed document changes only where something changes.
fn pretty(mut document: serde_json::Value) -> String {
    document.sort_all_objects();
    serde_json::to_string_pretty(&document).expect("string keys only") + "\n"
}

/// `asyncapi.json`, as committed.
///
/// # Panics
/// Never: the document has string keys only.
#[must_use]
pub fn asyncapi() -> String {
    pretty(scorpius_edge::asyncapi::document(&events(), &manifest()))
}

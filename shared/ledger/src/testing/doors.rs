//! Somebody who asks a door of this room, and what the room tells of.

use std::collections::BTreeMap;

use bytes::Bytes;
use scorpius_core::store::OUTBOX_PARTITIONS;
use scorpius_core::{Event, Fact, ListQuery, Store, TenantId};
use scorpius_edge::{Caller, Principal, Request, Response, Role, Strength};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::NOW;

/// A request of somebody of `tenant` with this role, with no body yet.
pub(crate) fn request(operation: &'static str, tenant: &TenantId, role: Role) -> Request {
    Request {
        operation,
        path: "/v1/audit".to_owned(),
        parameters: BTreeMap::new(),
        query: BTreeMap::new(),
        headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
        body: Bytes::new(),
        caller: Caller::Known(Principal {
            tenant: tenant.clone(),
            subject: "key_1".to_owned(),
            roles: vec![role],
            scopes: None,
            strength: Strength::ApiKey,
            sign_in: None,
            network_tag: None,
            standing: Default::default(),
            allowance: scorpius_edge::Allowance::default(),
        }),
        request_id: "req_test".to_owned(),
        network: "127.0.0.1".to_owned(),
        received_at: NOW,
        judge: scorpius_edge::Judge::absent(),
    }
}

/// What a door answered.
pub(crate) fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("JSON")
}

/// The facts of this type whose events wait in the outbox.
pub(crate) async fn told<F: Fact + DeserializeOwned>(store: &dyn Store) -> Vec<(Event, F)> {
    let mut told = Vec::new();
    for partition in 0..OUTBOX_PARTITIONS {
        let page = store.list(&ListQuery::all(format!("outbox#{partition}"))).await.expect("a page");
        for row in &page.records {
            let event: Event = row.document().expect("an event");
            if let Some(fact) = event.fact::<F>().expect("a fact") {
                told.push((event, fact));
            }
        }
    }
    told
}

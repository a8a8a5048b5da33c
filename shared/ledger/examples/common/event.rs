//! What the examples put into a ledger.

use scorpius_core::{Event, TenantId};
use serde_json::json;

/// A verdict's event, about 300 bytes as canonical JSON.
pub(crate) fn event(number: u64, tenant: &TenantId) -> Event {
    Event {
        specversion: "1.0".to_owned(),
        id: format!("evt_{number:032x}"),
        source: "/scorpius/risk".to_owned(),
        kind: "scorpius.risk.scored.v1".to_owned(),
        subject: format!("vrd_{number:032x}"),
        time: "2026-11-21T09:40:40.123Z".to_owned(),
        datacontenttype: "application/json".to_owned(),
        tenantid: tenant.clone(),
        actor: "key_019ab5d2a0007c3e8f2b6a51d4e09c77".to_owned(),
        strength: Some("api_key".to_owned()),
        network: None,
        traceparent: None,
        aggregate: format!("vrd_{number:032x}"),
        sequence: 1,
        hops: 0,
        data: json!({"level": "caution", "score": 41}),
    }
}

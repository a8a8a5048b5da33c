//! A tenant's own policies: written, checked, tried, put, rolled back; roles lent; glass broken by agreement.
//!
//! ```text
//! draft ──> check (limits, syntax, Cedar's validator, would it lock its author out?) ──> version n+1
//!              └──> explain, who: the same decision as a door's, for somebody else or by a draft
//! request ──> approvals of k people ──> version n+1 with a grant that ends by itself
//! ```
//!
//! Each change is one commit: the document, which is written once, the tenant's pointer to it, and the event.

pub mod api;
mod check;
mod elevation;
pub mod facts;
mod people;
mod versions;

use scorpius_core::EventSchema;

/// Every type of event of this capability.
#[must_use]
pub fn events() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<facts::PoliciesChanged>(),
        EventSchema::of::<facts::RoleDelegated>(),
        EventSchema::of::<facts::ElevationRequested>(),
        EventSchema::of::<facts::ElevationApproved>(),
        EventSchema::of::<facts::ElevationGranted>(),
    ]
}

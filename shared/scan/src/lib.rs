//! Scans contracts: bytecode in, findings with evidence out.
//!
//! ```text
//! POST /v1/scans ─> code blob + record + `scan.requested` ─> queue `scan` ─> worker: engine ─> report blob
//!                                                                              └─> record + `scan.completed`
//! GET /v1/scans/{id} · /sarif <─ record + report
//! ```

pub mod engine;
mod engines;
pub mod evaluation;
pub mod external;
pub mod proxy;
pub mod sarif;
pub mod sketch;
pub mod source;

pub mod api;
mod bytecode;
pub mod deployed;
mod facts;
mod scans;
mod triage;
pub mod worker;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod testing;

pub use bytecode::{Bytecode, NotBytecode};
pub use engines::{BytecodeEngine, Engines};
pub use facts::{
    FailureReason, FindingCounts, FindingTriaged, ScanCancelled, ScanCompleted, ScanFailed, ScanRequested,
};
pub use scans::{Input, ScanRecord, Scans, Status};
pub use triage::{Decision, State};

/// The events that scanning emits.
#[must_use]
pub fn events() -> Vec<scorpius_core::EventSchema> {
    use scorpius_core::EventSchema;
    vec![
        EventSchema::of::<ScanRequested>(),
        EventSchema::of::<ScanCompleted>(),
        EventSchema::of::<ScanFailed>(),
        EventSchema::of::<ScanCancelled>(),
        EventSchema::of::<FindingTriaged>(),
    ]
}

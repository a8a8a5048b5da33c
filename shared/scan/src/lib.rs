//! Scans contracts: bytecode in, findings with evidence out.
//!
//! ```text
//! POST /v1/scans ─> code blob + record + `scan.requested` ─> queue `scan` ─> worker: engine ─> report blob
//!                                                                              └─> record + `scan.completed`
//! GET /v1/scans/{id} · /sarif <─ record + report + lines, if a compiler's output came along
//! ```

pub mod compiled;
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
mod changes;
pub mod deployed;
mod detectors;
mod facts;
mod priority;
mod progress;
pub mod rescan;
mod scans;
mod schedules;
mod triage;
pub mod worker;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod testing;

pub use bytecode::{Bytecode, NotBytecode};
pub use detectors::{ActiveError, DetectorRecord, Detectors};
pub use engines::{BytecodeEngine, Engines};
pub use facts::{
    DetectorPut, DetectorRemoved, FailureReason, FindingCounts, FindingTriaged, HighScanRequested,
    LowScanRequested, ScanCancelled, ScanChanged, ScanCompleted, ScanFailed, ScanRequested, ScheduleCreated,
    ScheduleDeleted,
};
pub use priority::Priority;
pub use progress::Progress;
pub use rescan::Rescans;
pub use scans::{CompiledAs, Input, ScanRecord, Scans, Status};
pub use schedules::{GivenOnce, Missed, Schedule, Target};
pub use triage::{Decision, State};

/// The events that scanning emits.
#[must_use]
pub fn events() -> Vec<scorpius_core::EventSchema> {
    use scorpius_core::EventSchema;
    vec![
        EventSchema::of::<ScanRequested>(),
        EventSchema::of::<HighScanRequested>(),
        EventSchema::of::<LowScanRequested>(),
        EventSchema::of::<ScanCompleted>(),
        EventSchema::of::<ScanFailed>(),
        EventSchema::of::<ScanCancelled>(),
        EventSchema::of::<FindingTriaged>(),
        EventSchema::of::<ScanChanged>(),
        EventSchema::of::<ScheduleCreated>(),
        EventSchema::of::<ScheduleDeleted>(),
        EventSchema::of::<DetectorPut>(),
        EventSchema::of::<DetectorRemoved>(),
    ]
}

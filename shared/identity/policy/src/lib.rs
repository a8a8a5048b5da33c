//! Who may do what: Cedar policies, decided in the door's own process.
//!
//! ```text
//! base.cedar ─────────────┐
//!                         ├─> PolicySet ─> decide(who, action, thing, moment) ─> allowed?, by which policies
//! a tenant's document vN ─┘   (kept by tenant and version; decisions are not kept)
//! ```
//!
//! A document is immutable, and a tenant's current version comes with each request, so that a change binds the
//! next one. A tenant at version 0 has the base policies, and no door reads anything for it.
//! Only the evaluator is linked here: what checks policies against the schema is in `policy-api`.

mod decide;
pub mod document;
mod gate;
pub mod schema;
mod set;

pub use document::{Assignment, Attributes, BreakGlass, CustomRole, Document, Policy, Source};
pub use gate::CedarGate;
pub use set::{BadPolicy, PolicySet};

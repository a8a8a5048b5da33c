//! What all doors share, between the gateway's event and a capability's rule.
//!
//! ```text
//! HttpEvent ─> serve ─> Request + Caller ─> limit ─> authorize ─> capability ─> Response | Problem ─> HttpAnswer
//! Message   ─> worker ─> capability ─> Done | Retry | Reject
//! ```

pub mod asyncapi;
pub mod authorize;
pub mod body;
pub mod cursor;
pub mod denial;
pub mod etag;
pub mod gateway;
pub mod health;
pub mod idempotency;
pub mod limit;
pub mod manifest;
pub mod openapi;
pub mod operation;
pub mod principal;
pub mod problem;
pub mod queue;
pub mod request;
pub mod response;
pub mod serve;
pub mod signatures;
pub mod telemetry;

pub use authorize::{Authorize, Decision, Judge, Kind, Question, Thing};
pub use gateway::{HttpAnswer, HttpEvent};
pub use limit::{Allowance, Limiter, Tier};
pub use operation::{Access, Answer, Operation, Parameter};
pub use principal::{
    Anonymous, Assurance, Caller, Demand, Factor, Principal, Role, SignIn, Standing, Strength,
};
pub use problem::{Problem, ProblemType};
pub use queue::{Message, Outcome};
pub use request::Request;
pub use response::Response;
pub use serve::serve;
pub use signatures::Signatures;

/// Every type of event that doors tell of by themselves.
#[must_use]
pub fn events() -> Vec<scorpius_core::EventSchema> {
    vec![scorpius_core::EventSchema::of::<denial::AccessDenied>()]
}

//! The functions as AWS Lambda runs them: built for its machines, zipped, and asked by its Runtime API; and
//! the whole of them on an emulator.

mod alarms;
mod calls;
mod costs;
mod drills;
mod journey;
mod local;
mod measures;
mod routes;
mod runtime_api;
mod sam;
mod smoke;
mod stage;
mod start;
mod wire;
pub(crate) mod zips;

//! The functions as AWS Lambda runs them: built for its machines, zipped, and asked by its Runtime API.

mod calls;
mod measures;
mod routes;
mod runtime_api;
mod smoke;
mod start;
pub(crate) mod zips;

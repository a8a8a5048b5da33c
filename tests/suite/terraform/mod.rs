//! Terraform's own commands on the repository's modules, on a provider that stands in for AWS's.

mod alarms;
mod bench;
mod bootstrap;
mod commands;
mod permissions;
mod planted;
mod rules;
mod stacks;
mod state;
mod tools;

pub(crate) use bench::{Deployment, deployed};
pub(crate) use permissions::difference;

//! `scorpius eval`: measures what the product says on labelled sets, offline. No label is read while measuring.

mod corpus;
mod scan;
mod scan_score;

use clap::{Args, Subcommand};

use super::Done;

/// Measure on labelled sets, offline.
#[derive(Args)]
pub struct Eval {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Scan every contract of a set; one JSON line a contract.
    Scan(scan::EvalScan),
}

impl Eval {
    pub(crate) fn run(self) -> Done {
        match self.what {
            What::Scan(scan) => scan.run(),
        }
    }
}

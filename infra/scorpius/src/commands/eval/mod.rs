//! `scorpius eval`: measures what the product says on labelled sets, offline. No label is read while measuring.

pub(crate) mod corpus;
mod ledger;
mod risk;
mod risk_score;
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
    /// Judge every address, domain, wallet request or payment of a set; one JSON line each.
    Risk(Box<risk::EvalRisk>),
    /// Run what other implementations made, accept or refuse against the ledger: logs, proofs, notes, journals of QLDB.
    Ledger(ledger::EvalLedger),
}

impl Eval {
    pub(crate) fn run(self) -> Done {
        match self.what {
            What::Scan(scan) => scan.run(),
            What::Risk(risk) => risk.run(),
            What::Ledger(ledger) => ledger.run(),
        }
    }
}

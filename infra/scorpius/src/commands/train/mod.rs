//! `scorpius train`: learns from labelled sets and feedback, offline. Nothing that it writes counts before a release has it.

mod risk;

use clap::{Args, Subcommand};

use super::Done;

/// Learn from labelled sets, offline.
#[derive(Args)]
pub struct Train {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Weights of evidence and small trees for the risk engine, with their measures.
    Risk(risk::TrainRisk),
}

impl Train {
    pub(crate) fn run(self) -> Done {
        match self.what {
            What::Risk(risk) => risk.run(),
        }
    }
}

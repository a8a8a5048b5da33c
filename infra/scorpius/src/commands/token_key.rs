//! `scorpius token-key`: rotates the key that signs access tokens, step by step.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use scorpius_core::SystemClock;
use scorpius_local::{FileKeys, TokenKeyStep};

use super::{Done, Verdict};
use crate::terminal::Terminal;

/// Take the next step of rotating the key that signs access tokens. The host takes it over when it starts next.
#[derive(Args)]
pub struct TokenKey {
    /// Which step.
    #[arg(value_enum)]
    step: Step,
    /// The folder with all state.
    #[arg(long, default_value = ".scorpius", value_name = "DIR")]
    data: PathBuf,
}

/// The steps, in their order. Leave ten minutes and a restart of the host between two.
#[derive(Clone, Copy, ValueEnum)]
enum Step {
    /// Make the next key, which is published and does not sign yet.
    Prepare,
    /// Sign with the next key; the one before is believed still.
    Activate,
    /// Believe the key before no more.
    Retire,
}

impl TokenKey {
    pub(crate) fn run(self) -> Done {
        let (step, next) = match self.step {
            Step::Prepare => (TokenKeyStep::Prepare, "restart the host, and activate after ten minutes"),
            Step::Activate => (TokenKeyStep::Activate, "restart the host, and retire after eleven minutes"),
            Step::Retire => (TokenKeyStep::Retire, "restart the host; the rotation is done"),
        };
        FileKeys::rotate_token_key(&self.data, step, &SystemClock)?;
        Terminal::default().line(format!("done; next: {next}"));
        Ok(Verdict::Fine)
    }
}

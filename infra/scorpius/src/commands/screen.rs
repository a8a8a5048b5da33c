//! `scorpius screen`: the risk engine without a server.

use clap::Args;
use scorpius_core::{Clock, SystemClock, new_id};
use scorpius_risk::engine;
use scorpius_risk::engine::inputs::{Inputs, Question};
use scorpius_risk::engine::rules::RuleSet;
use scorpius_risk::engine::verdict::Level;
use scorpius_risk::lists::Lists;

use super::{Done, Verdict};
use crate::terminal::Terminal;

/// Score an address, without a server. Exit code 1: danger or critical.
#[derive(Args)]
pub struct Screen {
    /// `0x` and 40 hex digits, in EIP-55's case or in one case.
    address: String,
    /// CAIP-2 or a name.
    #[arg(long, default_value = "eip155:1")]
    chain: String,
    /// Print the verdict as JSON.
    #[arg(long)]
    json: bool,
}

impl Screen {
    pub(crate) fn run(self) -> Done {
        let question = Question::Address { chain: self.chain.parse()?, address: self.address.parse()? };
        let inputs =
            Inputs::gather(question, &[], &Lists::seed(), new_id("vrd", &SystemClock), SystemClock.now());
        let verdict = engine::decide(&inputs, RuleSet::base());
        let terminal = Terminal::default();
        if self.json {
            terminal.text(&(serde_json::to_string_pretty(&verdict)? + "\n"));
        } else {
            terminal.line(format!(
                "{} {}/100, probability {} in [{}, {}]",
                verdict.level.name(),
                verdict.score,
                verdict.probability,
                verdict.interval[0],
                verdict.interval[1]
            ));
            for signal in &verdict.signals {
                let evidence = signal.evidence.to_string();
                terminal.line(format!(
                    "{:>7}  {:<24} {} ({})",
                    signal.contribution, signal.id, evidence, signal.source
                ));
            }
            terminal.line(&verdict.advice);
        }
        Ok(match verdict.level {
            Level::Danger | Level::Critical => Verdict::NotFine,
            Level::Safe | Level::Unknown | Level::Caution => Verdict::Fine,
        })
    }
}

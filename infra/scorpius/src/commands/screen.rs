//! `scorpius screen`: the risk engine without a server.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::Args;
use scorpius_core::{Clock, SystemClock, new_id};
use scorpius_risk::address::{Account, ChainId};
use scorpius_risk::engine;
use scorpius_risk::engine::inputs::{Inputs, Question};
use scorpius_risk::engine::rules::RuleSet;
use scorpius_risk::engine::verdict::{Level, Subject, Verdict as Judged};
use scorpius_risk::foreign::{ForeignAccount, Network};
use scorpius_risk::intel::Indicator;
use scorpius_risk::likelihood::{Likelihood, PriorSource, Priors, Unsaid};
use scorpius_risk::lists::Lists;
use scorpius_risk::request;

use super::{Done, Verdict};
use crate::terminal::Terminal;

/// Bytes of a file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Score an address, a site, or what a wallet is asked to sign, without a server. Exit code 1: danger or critical.
#[derive(Args)]
pub struct Screen {
    /// An address (`0x` and 40 hex digits, or of Bitcoin, Solana or Tron), the name of a site, or a JSON file: a
    /// transaction, typed data (EIP-712), or a JSON-RPC request with `method` and `params`.
    subject: String,
    /// CAIP-2 or a name; of other addresses than `0x…` it is told by their form, save Solana's.
    #[arg(long, default_value = "eip155:1")]
    chain: String,
    /// Addresses that you have dealt with: what an imitation would imitate.
    #[arg(long, num_args = 1..)]
    history: Vec<Account>,
    /// Print the verdict as JSON.
    #[arg(long)]
    json: bool,
}

impl Screen {
    pub(crate) fn run(self) -> Done {
        let question = question(&self.subject, &self.chain)?;
        let id = new_id("vrd", &SystemClock);
        let priors = Priors::default();
        let inputs = Inputs::gather(question, &self.history, &Lists::seed(), id, SystemClock.now());
        let inputs = inputs.likely(&priors);
        let verdict = engine::decide(&inputs, inputs.rules());
        let terminal = Terminal::default();
        match self.json {
            true => terminal.text(&(serde_json::to_string_pretty(&verdict)? + "\n")),
            false => explain(&verdict, &terminal),
        }
        Ok(match verdict.level {
            Level::Danger | Level::Critical => Verdict::NotFine,
            Level::Safe | Level::Unknown | Level::Caution => Verdict::Fine,
        })
    }
}

fn question(subject: &str, chain: &str) -> Result<Question, Box<dyn std::error::Error>> {
    if let Ok(network) = chain.parse::<Network>() {
        return Ok(Question::ForeignAddress { account: ForeignAccount::parse(network, subject)? });
    }
    let chain: ChainId = chain.parse()?;
    if subject.starts_with("0x") {
        return Ok(Question::Address { chain, address: subject.parse()? });
    }
    if let Ok(account @ (Indicator::Bitcoin(_) | Indicator::Tron(_))) = Indicator::guess(subject) {
        return Ok(Question::ForeignAddress { account: account.try_into()? });
    }
    if !subject.ends_with(".json") && !Path::new(subject).is_file() {
        return Ok(Question::Domain { domain: subject.parse()?, age_days: None });
    }
    let mut text = String::new();
    let read = File::open(subject)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(format!("`{subject}` is larger than {FILE_BYTES_MAX} bytes").into());
    }
    Ok(request::read_document(chain, &serde_json::from_str(&text)?)?)
}

/// How likely harm is, for people.
fn in_words(likelihood: &Likelihood) -> String {
    let estimate = match likelihood {
        Likelihood::Measured(estimate) | Likelihood::PartlyMeasured(estimate) => estimate,
        Likelihood::None { reason } => {
            let why = match reason {
                Unsaid::NoLabelledData => "no labelled set is about such a question",
                Unsaid::HardRule => "a rule decided alone, which is a fact and no estimate",
                Unsaid::OtherRules => "the calibration was made for other rules",
            };
            return format!("how likely harm is, is not said: {why}");
        }
    };
    let [low, high] = &estimate.interval;
    let by = match estimate.prior.source {
        PriorSource::Default => "the platform's",
        PriorSource::Policy => "the policy's",
    };
    let by_hand = match estimate.by_hand.as_slice() {
        [] => String::new(),
        names => format!("; set by hand and not measured: {}", names.join(", ")),
    };
    let of = |share: &str| format!("{} %", percent(share));
    format!(
        "of what looks like this, {} are harmful ({} to {}), when {} of all are ({by} prior){by_hand}",
        of(&estimate.likelihood),
        of(low),
        of(high),
        of(&format!("0.{:06}", estimate.prior.per_million)),
    )
}

/// `0.019996` as `2.0`: more digits towards either end.
fn percent(share: &str) -> String {
    let percent = 100.0 * share.parse::<f64>().unwrap_or_default();
    let digits = match percent {
        ..0.1 | 99.9.. => 4,
        ..10.0 | 90.0.. => 1,
        _ => 0,
    };
    format!("{percent:.digits$}")
}

/// For people: what it is, what counts for and against it, and what to do.
fn explain(verdict: &Judged, terminal: &Terminal) {
    terminal.line(format!(
        "{} {}/100, probability {} in [{}, {}]",
        verdict.level.name(),
        verdict.score,
        verdict.probability,
        verdict.interval[0],
        verdict.interval[1]
    ));
    if let Some(likelihood) = &verdict.likelihood {
        terminal.line(in_words(likelihood));
    }
    if let Subject::Signature { scheme, primary_type, hash, .. } = &verdict.subject {
        let of = primary_type.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
        terminal.line(format!("signs {scheme}{of}, hash {hash}"));
    }
    let rules = RuleSet::known(&verdict.rules_sha256);
    for signal in &verdict.signals {
        let mut signals = rules.iter().flat_map(|rules| &rules.signals);
        let rule = signals.find(|(id, _)| id.name() == signal.id).map(|(_, rule)| rule);
        let meaning = rule.map_or("Where counting starts.", |rule| rule.meaning.as_str());
        terminal.line(format!("{:>+7}  {}: {meaning} ({})", signal.contribution, signal.id, signal.source));
        for found in signal.evidence["found"].as_array().into_iter().flatten() {
            let found: String = found.to_string().chars().take(400).collect();
            terminal.line(format!("{:>9}{found}", ""));
        }
    }
    terminal.line(&verdict.advice);
}

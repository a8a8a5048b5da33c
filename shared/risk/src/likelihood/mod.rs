//! How likely harm is among what is asked about: what the evidence was worth on labelled sets, moved to a prior that is told.
//!
//! ```text
//! contributions ─> curve of the class (labelled sets) ─> evidence ─┐
//! share of what is asked about that is harmful ─> prior ───────────┴─> likelihood, with an interval
//! ```
//!
//! A curve says by how much log-odds move, and not where they begin: the share of harmful rows of a set is no share of
//! anything that is asked about. Evidence that the set had too few rows of counts by the weight that the rules give it, and
//! the answer names it; the interval reaches to where it counts nothing. A class without a curve gets no likelihood, and
//! neither does what a rule decides alone.

mod curve;
mod prior;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::inputs::{Inputs, Question};
use crate::message::Reading;

pub use curve::{BadCalibration, Calibration, Curve, Measured, Step};
pub use prior::{BadPrior, PER_MILLION_MAX, Prior, PriorSource, Priors, policy_key};

/// What a curve is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A site, by its name.
    Domain,
    /// A transaction that pays somebody coins or tokens, and nothing else.
    Payment,
}

impl Class {
    /// Every class that can have a curve.
    pub const ALL: [Self; 2] = [Self::Domain, Self::Payment];

    /// As documents name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Payment => "payment",
        }
    }

    /// Of a question, where it is of any.
    #[must_use]
    pub fn of(question: &Question, reading: &Reading) -> Option<Self> {
        match question {
            Question::Domain { .. } => Some(Self::Domain),
            Question::Transaction { .. } => reading.calls.is_payment().then_some(Self::Payment),
            Question::Address { .. }
            | Question::ForeignAddress { .. }
            | Question::Token { .. }
            | Question::Signature { .. } => None,
        }
    }
}

/// By what a verdict's likelihood is made: part of its inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// SHA-256 of the calibration's canonical JSON, in hex.
    pub calibration_sha256: String,
    /// Where counting begins; absent for a question of no class that has a curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<Prior>,
}

impl Inputs {
    /// Asks for the likelihood too, by the calibration of this release and by what `priors` say.
    #[must_use]
    pub fn likely(self, priors: &Priors) -> Self {
        let class = Class::of(&self.question, &self.question.read());
        let asked = Asked {
            calibration_sha256: Calibration::current_sha256().to_owned(),
            prior: class.map(|class| priors.of(class)),
        };
        Self { likelihood: Some(asked), ..self }
    }
}

/// How likely harm is, or why that is not said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "basis", rename_all = "snake_case")]
pub enum Likelihood {
    /// All evidence was measured on labelled sets.
    Measured(Estimate),
    /// Some of the evidence, `by_hand`, counts by the weight that the rules give it.
    PartlyMeasured(Estimate),
    /// It is not said.
    None {
        /// Why.
        reason: Unsaid,
    },
}

/// Why there is no likelihood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unsaid {
    /// No labelled set is about such a question, or it has too few rows of one kind.
    NoLabelledData,
    /// A rule decided alone: a sanction, say. It is a fact, and no estimate.
    HardRule,
    /// The calibration was not made for these rules.
    OtherRules,
}

/// A share of what is asked about, with what it is made of. Shares have six digits: `0.019996`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// Of what looks like this, so many are harmful.
    pub likelihood: String,
    /// Where that may lie: by the sets' size and by how they differ, by what was not looked at, and by what was set by hand.
    /// What was measured takes a payment's lower end no lower than the prior.
    pub interval: [String; 2],
    /// Where counting begins.
    pub prior: Prior,
    /// What the measured evidence moves, in thousandths of log-odds.
    pub evidence: i64,
    /// Rows of the sets that looked like this: harmful, harmless.
    pub rows: [u64; 2],
    /// Evidence that was not measured, by signal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<String>,
    /// SHA-256 of the calibration, in hex: `GET /v1/risk/models` shows it.
    pub calibration_sha256: String,
}

impl Likelihood {
    /// The estimate, where there is one.
    #[must_use]
    pub fn estimate(&self) -> Option<&Estimate> {
        match self {
            Self::Measured(estimate) | Self::PartlyMeasured(estimate) => Some(estimate),
            Self::None { .. } => None,
        }
    }
}

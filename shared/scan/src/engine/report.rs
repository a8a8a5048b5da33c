//! What a scan says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::Shape;
use super::deadline::Budget;
use super::query::{DetectorAbout, DetectorSet};
use crate::compiled::{CalledFrom, Origin};
use crate::source::Place;

/// Which engine made a report; changes whenever a report for the same bytes may.
pub const ENGINE: &str = concat!("scorpius-scan/", env!("CARGO_PKG_VERSION"), "+4");

/// One contract's report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Which engine made it.
    pub engine: String,
    /// How much it was allowed to cost.
    pub budget: Budget,
    /// What the bytes are.
    pub code: Shape,
    /// The contract's functions, by selector.
    pub functions: Vec<Function>,
    /// How much of the code was followed.
    pub coverage: Coverage,
    /// What evmole, a second opinion on control flow, says.
    pub cross_check: CrossCheck,
    /// Whether something was not explored. A report without findings then says little.
    pub incomplete: bool,
    /// Whether time ran out, so that another run of the same scan may see more.
    pub stopped_by_time: bool,
    /// What was not explored, and why; empty when the exploration is complete.
    pub not_explored: Vec<NotExplored>,
    /// Worst first, then in the order of the code; at most 100 of the platform's detectors and 40 of others.
    pub findings: Vec<Finding>,
    /// Which detectors were asked besides the platform's own, if any were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detectors: Option<DetectorsAsked>,
}

/// Detectors that were asked besides the platform's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DetectorsAsked {
    /// SHA-256 over their ids and texts and the language: the same for the same set.
    pub sha256: String,
    /// They, by id.
    pub detectors: Vec<DetectorAbout>,
}

impl DetectorsAsked {
    /// Those of `set`; `None` without one.
    #[must_use]
    pub fn of(set: &DetectorSet) -> Option<Self> {
        let detectors = set.detectors().iter().map(|detector| detector.about().clone()).collect();
        set.sha256().map(|sha256| Self { sha256: sha256.to_owned(), detectors })
    }
}

/// One function that callers can choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Function {
    /// `0x` and 8 hex digits.
    pub selector: String,
    /// Where it starts.
    pub pc: usize,
    /// Whether our own exploration reached it.
    pub explored: bool,
    /// Whether evmole lists it; `None` when evmole gave no answer.
    pub known_to_evmole: Option<bool>,
}

/// How much of the code was followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Basic blocks that a path reached.
    pub blocks: usize,
    /// States of paths, a block counted once for each function, return address and guard.
    pub states: usize,
    /// Instructions run.
    pub steps: u64,
    /// Jumps that a path reached.
    pub jumps: usize,
    /// Of these, how many have a known destination on every path.
    pub jumps_resolved: usize,
    /// Of the resolved ones, how many only evmole could resolve.
    pub jumps_recovered: usize,
    /// `jumps_resolved` of `jumps`, in thousandths; 1,000 when there is none.
    pub jumps_resolved_permille: usize,
}

/// How two ways to recover control flow compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum CrossCheck {
    /// evmole answered.
    Compared {
        /// Blocks that both reach.
        blocks_shared: usize,
        /// Blocks that only our exploration reaches.
        blocks_only_here: usize,
        /// Blocks that only evmole reaches: mostly branches that constants rule out.
        blocks_only_evmole: usize,
        /// Selectors that only evmole lists.
        selectors_only_evmole: Vec<String>,
    },
    /// evmole did not answer.
    Unavailable {
        /// Why.
        reason: String,
    },
}

/// Something that was not explored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct NotExplored {
    /// `code`, `jump`, `block`, `function`, `findings`, `delegatecall_target` or `detector`.
    pub what: String,
    /// Where, if it has a place.
    pub pc: Option<usize>,
    /// Why not.
    pub why: String,
}

/// How bad it is if it is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Costs little.
    Low,
    /// Costs some users something.
    Medium,
    /// Costs users what they put in, under conditions.
    High,
    /// Costs everybody everything.
    Critical,
}

impl Severity {
    /// As in the report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// How sure the engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A path shows it, and something on the path was not followed or depends on the contract's state.
    Possible,
    /// A path shows it from the first instruction to the last.
    Likely,
}

impl Confidence {
    /// As in the report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Which rule: `unguarded-selfdestruct`, ...; of a detector that is not the platform's, `tenant/` and its id.
    pub detector: String,
    /// The rule in a few words.
    pub title: String,
    /// The category of the DASP ten, such as `access_control`; `other`, or `honeypot` for traps.
    pub category: String,
    /// Smart contract weakness, where the registry has one: 106 is SWC-106.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swc: Option<u16>,
    /// Common weakness enumeration: 284 is CWE-284.
    pub cwe: u16,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// Where in the code.
    pub pc: usize,
    /// What that is made of, where a compiler's output says so. No engine sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Where it is called from: the nearest line that somebody wrote, where the code itself is none of theirs. No engine
    /// sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_from: Option<CalledFrom>,
    /// The function through which it is reached; `None` is the fallback or code before any function.
    pub selector: Option<String>,
    /// All functions through which it is reached, at most 50.
    pub selectors: Vec<String>,
    /// What it means here, in one or two sentences.
    pub summary: String,
    /// What shows it.
    pub evidence: Evidence,
    /// Stays the same when code elsewhere moves or metadata changes.
    pub fingerprint: String,
    /// Transactions that show it, where some were found and run. Their absence says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
}

impl Finding {
    /// The text that it is made of or, where nobody wrote that, that it is called from; as far as a compiler's output says so.
    #[must_use]
    pub fn written_at(&self) -> Option<&Place> {
        match (&self.origin, &self.called_from) {
            (Some(Origin::Source { place, .. }), _) => Some(place),
            (_, called_from) => called_from.as_ref().map(|it| &it.place),
        }
    }
}

/// What shows a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The blocks of one path to the finding, by their start; the last 200.
    pub path: Vec<usize>,
    /// The branches on that path; the last 50.
    pub conditions: Vec<Branch>,
    /// Where the calls of the contract's own functions begin that the path is in there, the nearest first; at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callers: Vec<usize>,
    /// Guards on the way to this instruction: those that do not protect it, and those of other paths.
    pub guards: Vec<GuardSeen>,
    /// The beneficiary, the target or the comparison.
    pub subject: String,
}

/// One branch of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Branch {
    /// Start of the block that it ends.
    pub block: usize,
    /// The `JUMPI`.
    pub pc: usize,
    /// The text that it is made of, where a compiler's output says so. No engine sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Its condition.
    pub condition: String,
    /// Whether the condition is non-zero on the path.
    pub holds: bool,
}

/// One guard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuardSeen {
    /// The `JUMPI`.
    pub pc: usize,
    /// `caller`, `origin`, `lookup` or `signature`.
    pub kind: String,
    /// What it compares.
    pub condition: String,
    /// Whether it is on the reported path.
    pub on_path: bool,
    /// Why it protects nothing: who may write what it trusts.
    pub void_because: Option<String>,
}

/// Transactions that show a finding: each was run by an EVM, over a contract of this code and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FindingReplay")]
pub struct Replay {
    /// The rules under which they ran, and the effect counts: `osaka`.
    pub fork: String,
    /// What was there before.
    pub given: Given,
    /// In order, each in a block of its own; at most 8.
    pub steps: Vec<Step>,
    /// What they did.
    pub effect: Effect,
}

/// What was there before a replay. Addresses stand for others: put yours in their place, in `data` too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReplayGiven")]
pub struct Given {
    /// The contract.
    pub contract: String,
    /// Its wei, paid in by others; decimal.
    pub contract_wei: String,
    /// Its storage, as if `owner` were the account that it trusts: word by slot, both `0x` and 64 hex digits. The rest is zero.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storage: BTreeMap<String, String>,
    /// Who attacks: any account.
    pub attacker: String,
    /// Where the first contract of the attacker is, if a step creates one: it follows from the attacker's nonce, 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attacker_contract: Option<String>,
    /// Whom the contract trusts, where it trusts somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// One transaction of a replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReplayStep")]
pub struct Step {
    /// Who signs.
    pub from: String,
    /// Whom it calls; absent where it creates a contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Wei; decimal.
    pub value: String,
    /// Calldata or creation code, hex after `0x`.
    pub data: String,
    /// What it is for.
    pub explain: String,
}

/// What a replay showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ReplayEffectKind")]
pub enum EffectKind {
    /// The attacker has more ether than before.
    EtherTaken,
    /// The contract ran SELFDESTRUCT.
    Destroyed,
    /// The contract trusts the attacker.
    OwnerTaken,
    /// The attacker's code ran on the contract's storage.
    ForeignCodeRan,
    /// The attacker wrote a word of storage that it chose, at a place that it chose.
    StorageWritten,
    /// Who got a call by the trusted account got in.
    LetIn,
    /// A sum, product or difference wrapped, and the contract stored or paid something afterwards.
    Wrapped,
    /// A call failed, and the transaction went through.
    FailureSwallowed,
}

/// What the steps of a replay did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReplayEffect")]
pub struct Effect {
    /// Which kind.
    pub kind: EffectKind,
    /// In a sentence.
    pub summary: String,
    /// Wei that the attacker and its contract have more than before; 0 where they have less.
    pub gained_wei: String,
    /// The contract's wei afterwards.
    pub contract_wei: String,
    /// The contract's storage that is otherwise than before; at most 16 words.
    pub storage: Vec<Change>,
}

/// One word of storage, before and after; `0x` and 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "StorageChange")]
pub struct Change {
    /// Where.
    pub slot: String,
    /// Before.
    pub before: String,
    /// After.
    pub after: String,
}

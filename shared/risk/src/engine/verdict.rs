//! The one shape of every verdict.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::guard::Decision;
use crate::likelihood::Likelihood;
use crate::lists::ListRef;

/// What to think of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Looked at, and nothing was found.
    Safe,
    /// Too little was looked at to say safe.
    Unknown,
    /// Look again.
    Caution,
    /// More likely harmful than not.
    Danger,
    /// Near certain, or forbidden.
    Critical,
}

impl Level {
    /// Every level.
    pub const ALL: [Self; 5] = [Self::Safe, Self::Unknown, Self::Caution, Self::Danger, Self::Critical];

    /// As verdicts name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Unknown => "unknown",
            Self::Caution => "caution",
            Self::Danger => "danger",
            Self::Critical => "critical",
        }
    }
}

/// What was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Subject {
    /// An address.
    Address {
        /// CAIP-2, `eip155:1`.
        chain: String,
        /// In EIP-55's case, or in the form of another kind of chain.
        address: String,
    },
    /// A token.
    Token {
        /// CAIP-2, `eip155:1`.
        chain: String,
        /// Its contract, in EIP-55's case.
        address: String,
    },
    /// A transaction that is not signed yet.
    Transaction {
        /// CAIP-2, `eip155:1`.
        chain: String,
        /// Who would sign it, in EIP-55's case.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// Whom it calls or pays, in EIP-55's case.
        to: String,
        /// Wei, a decimal number.
        value: String,
        /// SHA-256 of the calldata, in hex.
        data_sha256: String,
        /// Bytes of the calldata.
        data_bytes: usize,
    },
    /// A message to be signed.
    Signature {
        /// CAIP-2, `eip155:1`.
        chain: String,
        /// Who would sign it, in EIP-55's case.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// The site that asks for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<String>,
        /// `eip191`, `eip712`, `eip7702` or `hash`.
        scheme: String,
        /// Of typed data: its type.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        primary_type: Option<String>,
        /// The contract that checks it, in EIP-55's case.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        contract: Option<String>,
        /// The 32 bytes that the key signs, hex after `0x`: compare them with what the signing device shows.
        hash: String,
    },
    /// A site.
    Domain {
        /// Its name as resolvers see it, `xn--…` where it is not ASCII.
        domain: String,
        /// Its name as people see it.
        unicode: String,
    },
}

impl Subject {
    /// `address`, `token`, `transaction`, `signature` or `domain`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Address { .. } => "address",
            Self::Token { .. } => "token",
            Self::Transaction { .. } => "transaction",
            Self::Signature { .. } => "signature",
            Self::Domain { .. } => "domain",
        }
    }

    /// CAIP-2; a site is on no chain.
    #[must_use]
    pub fn chain(&self) -> Option<&str> {
        match self {
            Self::Address { chain, .. }
            | Self::Token { chain, .. }
            | Self::Transaction { chain, .. }
            | Self::Signature { chain, .. } => Some(chain),
            Self::Domain { .. } => None,
        }
    }
}

/// One reason, with its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// Its name in the rule set; `prior` is where counting starts.
    pub id: String,
    /// 1: it was found.
    pub value: i64,
    /// Log-odds in thousandths for a value of 1.
    pub weight: i64,
    /// `value` times `weight`. All contributions of a verdict add up to its log-odds in thousandths.
    pub contribution: i64,
    /// What was found: `count`, and the first of them under `found`.
    pub evidence: Value,
    /// Where it comes from: `rules`, `request`, `calldata`, `message`, `name`, `history`, `accounts`, `dealings`, `chain`, `simulation`, `scan`,
    /// `wallet`, `policy` or `list:<name>`.
    pub source: String,
    /// Of when that is.
    pub as_of: String,
}

/// A judgement that explains itself and can be made again from the same inputs.
///
/// `log-odds = sum of all contributions`, in thousandths; `probability = 1 / (1 + e^(-log-odds / 1000))`;
/// `score = 100 * probability`, rounded. Canonical JSON (RFC 8785) of this document is what is stored,
/// hashed and answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// `vrd_…`.
    pub id: String,
    /// What was judged.
    pub subject: Subject,
    /// 0 to 100.
    pub score: u8,
    /// What to think of it.
    pub level: Level,
    /// Of harm, six digits: `0.019996`.
    pub probability: String,
    /// Where the probability may lie, given what was not looked at.
    pub interval: [String; 2],
    /// The prior, then the reasons by weight.
    pub signals: Vec<Signal>,
    /// Which engine judged; replaying needs the same.
    pub engine: String,
    /// SHA-256 of the rule set, in hex.
    pub rules_sha256: String,
    /// The lists that were looked at.
    pub lists: Vec<ListRef>,
    /// The block at which the chain was read; `null` when it was not.
    pub block: Option<Block>,
    /// SHA-256 of the canonical inputs, in hex.
    pub inputs_sha256: String,
    /// What to do.
    pub advice: String,
    /// How likely harm is among what is asked about; the probability is what the rules' weights say. Absent where it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likelihood: Option<Likelihood>,
    /// What the guard of the wallet decides whose transaction it is; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// A block by number and hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Height.
    pub number: u64,
    /// 32 bytes in hex, with `0x`.
    pub hash: String,
}

impl Verdict {
    /// RFC 8785 bytes.
    ///
    /// # Panics
    /// Never: a verdict has string keys and whole numbers only.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(self).expect("a verdict has string keys and whole numbers only")
    }
}

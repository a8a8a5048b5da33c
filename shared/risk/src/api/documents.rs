//! What the doors read and write beside verdicts.

use schemars::JsonSchema;
use scorpius_edge::Request;
use scorpius_edge::problem::{Problem, TOO_LARGE};
use scorpius_ledger::ProofDocument;
use serde::{Deserialize, Serialize};

use crate::address::{Account, BadAddress, ChainId};
use crate::api::{Asked, INVALID_ADDRESS, INVALID_TRANSACTION, UNSUPPORTED_ADDRESS, UNSUPPORTED_CHAIN};
use crate::engine::inputs::{HISTORY_MAX, Question};
use crate::engine::verdict::Verdict;

/// Asks about an address.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressRequest {
    /// `ethereum`, another known name, or `eip155:` and the chain's number.
    pub chain: String,
    /// `0x` and 40 hex digits; in mixed case the EIP-55 checksum must be right.
    pub address: String,
    /// Addresses that you have dealt with, at most 1,000: what an imitation would imitate.
    #[serde(default)]
    pub history: Vec<String>,
}

/// Asks about a transaction that is not signed yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransactionRequest {
    /// `ethereum`, another known name, or `eip155:` and the chain's number.
    pub chain: String,
    /// Who would sign it.
    #[serde(default)]
    pub from: Option<String>,
    /// Whom it calls or pays.
    pub to: String,
    /// Wei, a decimal number.
    pub value: String,
    /// Calldata, hex after `0x`, at most 128 KB.
    #[serde(default = "no_data")]
    pub data: String,
    /// Addresses that you have dealt with, at most 1,000: what an imitation would imitate.
    #[serde(default)]
    pub history: Vec<String>,
}

fn no_data() -> String {
    "0x".to_owned()
}

/// Whether the ledger has the event that told of a verdict.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Proof {
    /// No signed checkpoint covers it yet; ask again.
    Pending {
        /// `evt_…`.
        event_id: String,
    },
    /// A signed checkpoint covers it, and this is the path to it.
    Included(Box<ProofDocument>),
}

/// A verdict with its proof. Without `proof`, in canonical JSON (RFC 8785), it is what was answered and hashed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProvedVerdict {
    /// The verdict as it was answered.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Whether the ledger has it.
    pub proof: Proof,
}

/// What came out when a verdict was made again.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Replay {
    /// Whether both are the same bytes.
    pub same: bool,
    /// Which engine judged, then and now.
    pub engine: String,
    /// SHA-256 of the stored verdict, in hex.
    pub stored_sha256: String,
    /// SHA-256 of the verdict that was made now, in hex.
    pub replayed_sha256: String,
    /// The verdict that was made now.
    pub verdict: Verdict,
}

pub(super) fn address(request: &Request) -> Result<Asked, Problem> {
    let asked: AddressRequest = request.json()?;
    let chain = chain(&asked.chain)?;
    let address = account("/address", &asked.address)?;
    Ok((Question::Address { chain, address }, history(&asked.history)?))
}

pub(super) fn transaction(request: &Request) -> Result<Asked, Problem> {
    let asked: TransactionRequest = request.json()?;
    let chain = chain(&asked.chain)?;
    let from = asked.from.as_deref().map(|from| account("/from", from)).transpose()?;
    let to = account("/to", &asked.to)?;
    let value = asked.value.try_into().map_err(|error| {
        INVALID_TRANSACTION.because("`value` is not an amount of wei").at("/value", error)
    })?;
    let data = asked
        .data
        .try_into()
        .map_err(|error| INVALID_TRANSACTION.because("`data` is not calldata").at("/data", error))?;
    Ok((Question::Transaction { chain, from, to, value, data }, history(&asked.history)?))
}

fn chain(text: &str) -> Result<ChainId, Problem> {
    text.parse().map_err(|error| UNSUPPORTED_CHAIN.because(&error).at("/chain", &error))
}

fn account(pointer: &str, text: &str) -> Result<Account, Problem> {
    text.parse().map_err(|error| {
        let kind = match &error {
            BadAddress::OtherKind(_) => &UNSUPPORTED_ADDRESS,
            BadAddress::Form(_) | BadAddress::Checksum(_) => &INVALID_ADDRESS,
        };
        kind.because(&error).at(pointer, &error)
    })
}

fn history(texts: &[String]) -> Result<Vec<Account>, Problem> {
    if texts.len() > HISTORY_MAX {
        return Err(TOO_LARGE
            .because(format_args!("`history` has more than {HISTORY_MAX} addresses"))
            .at("/history", format_args!("more than {HISTORY_MAX} items")));
    }
    texts.iter().enumerate().map(|(index, text)| account(&format!("/history/{index}"), text)).collect()
}

//! What the doors read and write beside verdicts.

use std::collections::BTreeMap;

use bytes::Bytes;
use schemars::JsonSchema;
use scorpius_edge::Request;
use scorpius_edge::problem::{Problem, TOO_LARGE};
use scorpius_evm::State;
use scorpius_ledger::ProofDocument;
use scorpius_scan::engine::CODE_BYTES_MAX;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::{Account, BadAddress, ChainId};
use crate::api::{
    Asked, INVALID_ADDRESS, INVALID_CODE, INVALID_DOMAIN, INVALID_MESSAGE, INVALID_TRANSACTION, Run,
    UNSUPPORTED_ADDRESS, UNSUPPORTED_CHAIN,
};
use crate::engine::exposure::{DEALINGS_MAX, Dealing};
use crate::engine::inputs::{ACCOUNTS_MAX, AccountState, Calldata, Code, HISTORY_MAX, Question, Wei};
use crate::engine::verdict::Verdict;
use crate::foreign::{ForeignAccount, Network};
use crate::message::{Hash, Message, TEXT_BYTES_MAX};
use crate::typed::TypedDocument;

/// Characters of a site's name, scheme and path included.
const ORIGIN_CHARS_MAX: usize = 2_048;

/// Asks about an address.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressRequest {
    /// `ethereum`, another known name, or `eip155:` and the chain's number; `bitcoin`, `solana`, `tron` or their CAIP-2 ids,
    /// where lists are all that is asked.
    pub chain: String,
    /// `0x` and 40 hex digits, in mixed case with the right EIP-55 checksum; or in the other chain's own form.
    pub address: String,
    /// Addresses that you have dealt with, at most 1,000: what an imitation would imitate.
    #[serde(default)]
    pub history: Vec<String>,
    /// Who sent to whom, as far as you know, at most 2,000: the address itself, and others around it. Lists are asked about
    /// everybody within three steps.
    #[serde(default)]
    pub dealings: Vec<DealingRequest>,
    /// Its deployed code, hex after `0x`, at most 128 KiB, which is not checked: compared with code that lists report.
    #[serde(default)]
    pub code: Option<String>,
    /// Whether a node of the chain is asked for the code. That takes as long as the node takes; where none is configured, or none
    /// answers, `no_chain_data` says so and the verdict is not `safe`.
    #[serde(default)]
    pub read_code: bool,
}

/// Something was sent. It is not checked; the verdict says who told it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DealingRequest {
    /// Who sent.
    pub from: String,
    /// Who got it.
    pub to: String,
}

/// Asks about a token.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// `ethereum`, another known name, or `eip155:` and the chain's number.
    pub chain: String,
    /// Its contract.
    pub address: String,
    /// Its deployed code, hex after `0x`, at most 128 KiB, which is not checked. Without it a node of the chain is asked,
    /// where one is configured, and then for what the token says of itself, too.
    #[serde(default)]
    pub code: Option<String>,
    /// What you know of the token's contract otherwise: its age, for one.
    #[serde(default)]
    pub accounts: Vec<AccountRequest>,
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
    /// What you know of the state of accounts in it, at most 64: a spender, for one.
    #[serde(default)]
    pub accounts: Vec<AccountRequest>,
    /// Gas that it may use. Without it, as much as a transaction may have.
    #[serde(default)]
    pub gas_limit: Option<u64>,
    /// Wei per gas that it would pay, a decimal number. Without it, the base fee and one gwei.
    #[serde(default)]
    pub gas_price: Option<String>,
    /// State to simulate it over, which is not checked: `chain_id`, `rules` (`cancun`, `prague`, `osaka`), `block` (`number`,
    /// `hash`, `timestamp`, `coinbase`, `prevrandao`, `base_fee`, `gas_limit`), `accounts` by address with `balance`, `nonce`,
    /// `code` and `storage`, and `whole`, if what is not in it is empty. Without it, a node of the chain is asked, where one
    /// is configured.
    #[serde(default)]
    pub state: Option<BTreeMap<String, Value>>,
}

/// Asks about a message before it is signed: exactly one of `typed_data`, `message`, `authorization` and `hash`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignatureRequest {
    /// `ethereum`, another known name, or `eip155:` and the chain's number: where the wallet is now.
    pub chain: String,
    /// Who would sign it.
    #[serde(default)]
    pub from: Option<String>,
    /// The site that asks for it: a host name or a URL.
    #[serde(default)]
    pub origin: Option<String>,
    /// The document of `eth_signTypedData_v4` (EIP-712), at most 256 KB. Numbers above 2^64 are decimal text.
    #[serde(default)]
    pub typed_data: Option<BTreeMap<String, Value>>,
    /// What `personal_sign` takes (EIP-191): hex after `0x`, else text; at most 128 KB.
    #[serde(default)]
    pub message: Option<String>,
    /// A delegation of the account to a contract's code (EIP-7702).
    #[serde(default)]
    pub authorization: Option<AuthorizationRequest>,
    /// What `eth_sign` takes: 32 bytes in hex after `0x`.
    #[serde(default)]
    pub hash: Option<String>,
    /// Addresses that you have dealt with, at most 1,000: what an imitation would imitate.
    #[serde(default)]
    pub history: Vec<String>,
    /// What you know of the state of accounts in it, at most 64: a spender, for one.
    #[serde(default)]
    pub accounts: Vec<AccountRequest>,
}

/// Asks about a site.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DomainRequest {
    /// A host name or a URL, in any script or as `xn--…`.
    pub domain: String,
    /// Days since it was registered, if you know.
    #[serde(default)]
    pub age_days: Option<u32>,
}

/// An authorization of EIP-7702.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationRequest {
    /// The chain's number; 0 is every chain.
    pub chain_id: u64,
    /// Whose code the account would run.
    pub address: String,
    /// The account's nonce.
    pub nonce: u64,
}

/// What the asker knows of an account's state. It is not checked; the verdict says who told it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRequest {
    /// Which account.
    pub address: String,
    /// `none`: a key's account; `contract`; `delegated`: a key's account with a contract's code.
    #[serde(default)]
    pub code: Option<Code>,
    /// Days since it was first seen, or deployed.
    #[serde(default)]
    pub age_days: Option<u32>,
    /// Whether its source is published and matches.
    #[serde(default)]
    pub verified: Option<bool>,
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
    /// The operator keeps the ledger's entries for so long and no longer.
    Gone {
        /// `evt_…`.
        event_id: String,
        /// Entries below this index are gone.
        minimum_index: u64,
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
    let question = match asked.chain.parse::<Network>() {
        Ok(network) => {
            let account = ForeignAccount::parse(network, &asked.address)
                .map_err(|error| INVALID_ADDRESS.because(&error).at("/address", &error))?;
            Question::ForeignAddress { account }
        }
        Err(_) => {
            Question::Address { chain: chain(&asked.chain)?, address: account("/address", &asked.address)? }
        }
    };
    let (history, dealings) = (history(&asked.history)?, dealings(&asked.dealings)?);
    let run = Run { code: code(asked.code)?, is_code_read: asked.read_code, ..Run::default() };
    Ok(Asked { history, dealings, run, ..Asked::alone(question) })
}

fn code(text: Option<String>) -> Result<Option<Bytes>, Problem> {
    let code = text.map(|text| {
        let bad = |error: &dyn std::fmt::Display| {
            INVALID_CODE.because("`code` is not deployed code").at("/code", error)
        };
        if text.len() > 2 + 2 * CODE_BYTES_MAX {
            return Err(bad(&format_args!("more than {CODE_BYTES_MAX} bytes")));
        }
        let digits = text.strip_prefix("0x").ok_or_else(|| bad(&"not hex after `0x`"))?;
        hex::decode(digits).map(Bytes::from).map_err(|error| bad(&error))
    });
    code.transpose()
}

pub(super) fn token(request: &Request) -> Result<Asked, Problem> {
    let asked: TokenRequest = request.json()?;
    let (chain, address) = (chain(&asked.chain)?, account("/address", &asked.address)?);
    let run = Run { code: code(asked.code)?, ..Run::default() };
    let accounts = accounts(&asked.accounts)?;
    Ok(Asked { accounts, run, ..Asked::alone(Question::Token { chain, address }) })
}

pub(super) fn transaction(request: &Request) -> Result<Asked, Problem> {
    transaction_asked(request.json()?)
}

pub(super) fn transaction_asked(asked: TransactionRequest) -> Result<Asked, Problem> {
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
    let run = run(asked.state, asked.gas_limit, asked.gas_price, chain, from.is_some())?;
    let question = Question::Transaction { chain, from, to, value, data, irregular: Vec::new() };
    let (history, accounts) = (history(&asked.history)?, accounts(&asked.accounts)?);
    Ok(Asked { history, accounts, run, ..Asked::alone(question) })
}

/// How a transaction is to be run.
fn run(
    state: Option<BTreeMap<String, Value>>,
    gas_limit: Option<u64>,
    gas_price: Option<String>,
    chain: ChainId,
    has_sender: bool,
) -> Result<Run, Problem> {
    let bad = |pointer: &str, error: &dyn std::fmt::Display| {
        INVALID_TRANSACTION.because(format_args!("`{}` is not of its form", &pointer[1..])).at(pointer, error)
    };
    if gas_limit.is_some_and(|gas| gas > ChainId::MAX) {
        return Err(bad("/gas_limit", &"a number above 2^53 - 1"));
    }
    let gas_price = gas_price.map(Wei::try_from).transpose().map_err(|error| bad("/gas_price", &error))?;
    let state = state.map(|members| {
        let state: State =
            serde_json::from_value(members.into_iter().collect()).map_err(|error| bad("/state", &error))?;
        state.check().map_err(|error| bad("/state", &error))?;
        if state.chain_id != chain.number() {
            return Err(bad("/state/chain_id", &"another chain than the transaction's"));
        }
        if !has_sender {
            return Err(bad("/from", &"it is needed to simulate a transaction"));
        }
        Ok(state)
    });
    let gas_price = gas_price.map(|price| price.amount());
    Ok(Run { state: state.transpose()?, gas_limit, gas_price, ..Run::default() })
}

pub(super) fn signature(request: &Request) -> Result<Asked, Problem> {
    let asked: SignatureRequest = request.json()?;
    let chain = chain(&asked.chain)?;
    let from = asked.from.as_deref().map(|from| account("/from", from)).transpose()?;
    let origin = asked.origin.as_deref().map(host).transpose()?;
    let (history, accounts) = (history(&asked.history)?, accounts(&asked.accounts)?);
    let message = message(asked)?;
    let question = Question::Signature { chain, from, origin, message };
    Ok(Asked { history, accounts, ..Asked::alone(question) })
}

pub(super) fn domain(request: &Request) -> Result<Asked, Problem> {
    let asked: DomainRequest = request.json()?;
    let domain = asked.domain.parse().map_err(|error| INVALID_DOMAIN.because(error).at("/domain", error))?;
    let question = Question::Domain { domain, age_days: asked.age_days };
    Ok(Asked::alone(question))
}

fn message(asked: SignatureRequest) -> Result<Message, Problem> {
    let bad =
        |pointer: &str, error: &dyn std::fmt::Display| INVALID_MESSAGE.because(error).at(pointer, error);
    match (asked.typed_data, asked.message, asked.authorization, asked.hash) {
        (Some(document), None, None, None) => {
            let text = serde_json::to_string(&document).map_err(|error| bad("/typed_data", &error))?;
            let document = TypedDocument::try_from(text).map_err(|error| bad("/typed_data", &error))?;
            Ok(Message::Eip712 { document })
        }
        (None, Some(text), None, None) => {
            let bytes = text_bytes(&text).map_err(|error| bad("/message", &error))?;
            Ok(Message::Eip191 { bytes })
        }
        (None, None, Some(asked), None) => {
            let address = account("/authorization/address", &asked.address)?;
            if asked.chain_id > ChainId::MAX || asked.nonce > ChainId::MAX {
                return Err(bad("/authorization", &"a number above 2^53 - 1"));
            }
            Ok(Message::Eip7702 { chain_id: asked.chain_id, address, nonce: asked.nonce })
        }
        (None, None, None, Some(hash)) => {
            let hash = Hash::try_from(hash).map_err(|error| bad("/hash", &error))?;
            Ok(Message::Hash { hash })
        }
        _ => Err(bad("", &"give exactly one of `typed_data`, `message`, `authorization` and `hash`")),
    }
}

/// As `personal_sign` takes it: hex after `0x`, and whatever is none is text.
fn text_bytes(text: &str) -> Result<Calldata, String> {
    let hex = text.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
    let bytes = hex.unwrap_or_else(|| text.as_bytes().to_vec());
    Calldata::of(bytes).map_err(|_| format!("more than {TEXT_BYTES_MAX} bytes"))
}

/// The host of a site, as browsers write it.
fn host(text: &str) -> Result<String, Problem> {
    let bad = || INVALID_MESSAGE.because("`origin` is no site").at("/origin", "not a host name or a URL");
    if text.chars().count() > ORIGIN_CHARS_MAX {
        return Err(bad());
    }
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split(':').next().unwrap_or_default().to_lowercase();
    let plain =
        !host.is_empty() && host.len() <= 253 && !host.chars().any(|c| c.is_whitespace() || c.is_control());
    if plain { Ok(host) } else { Err(bad()) }
}

fn accounts(asked: &[AccountRequest]) -> Result<Vec<AccountState>, Problem> {
    if asked.len() > ACCOUNTS_MAX {
        return Err(TOO_LARGE
            .because(format_args!("`accounts` has more than {ACCOUNTS_MAX} items"))
            .at("/accounts", format_args!("more than {ACCOUNTS_MAX} items")));
    }
    let state = |(index, asked): (usize, &AccountRequest)| {
        let address = account(&format!("/accounts/{index}/address"), &asked.address)?;
        let AccountRequest { code, age_days, verified, .. } = *asked;
        Ok(AccountState { address, code, age_days, verified })
    };
    asked.iter().enumerate().map(state).collect()
}

/// The chain that `/chain` names.
///
/// # Errors
/// 400.
pub fn chain(text: &str) -> Result<ChainId, Problem> {
    text.parse().map_err(|error| UNSUPPORTED_CHAIN.because(&error).at("/chain", &error))
}

/// The account at `pointer`.
///
/// # Errors
/// 400.
pub fn account(pointer: &str, text: &str) -> Result<Account, Problem> {
    text.parse().map_err(|error| {
        let kind = match &error {
            BadAddress::OtherKind(_) => &UNSUPPORTED_ADDRESS,
            BadAddress::Form(_) | BadAddress::Checksum(_) => &INVALID_ADDRESS,
        };
        kind.because(&error).at(pointer, &error)
    })
}

fn dealings(told: &[DealingRequest]) -> Result<Vec<Dealing>, Problem> {
    if told.len() > DEALINGS_MAX {
        return Err(TOO_LARGE
            .because(format_args!("`dealings` has more than {DEALINGS_MAX} items"))
            .at("/dealings", format_args!("more than {DEALINGS_MAX} items")));
    }
    let dealing = |(index, told): (usize, &DealingRequest)| {
        let end = |name: &str, text: &str| account(&format!("/dealings/{index}/{name}"), text);
        Ok(Dealing { from: end("from", &told.from)?, to: end("to", &told.to)? })
    };
    told.iter().enumerate().map(dealing).collect()
}

fn history(texts: &[String]) -> Result<Vec<Account>, Problem> {
    if texts.len() > HISTORY_MAX {
        return Err(TOO_LARGE
            .because(format_args!("`history` has more than {HISTORY_MAX} addresses"))
            .at("/history", format_args!("more than {HISTORY_MAX} items")));
    }
    texts.iter().enumerate().map(|(index, text)| account(&format!("/history/{index}"), text)).collect()
}

//! What a message asks for when it is signed: text, typed data, a delegation, or a bare hash.
//!
//! ```text
//! personal_sign ─> text (EIP-191, EIP-4361) ─┐
//! eth_signTypedData_v4 ─> typed data ────────┼─> Reading: calls with their effects, notes, the hash that is signed
//! EIP-7702 authorization ────────────────────┘
//! ```

mod orders;
mod permissions;
mod text;
mod wallets;

use alloy_primitives::{U256, keccak256};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::address::{Account, ChainId};
use crate::calldata::{Call, Calls, Effect, Form, Role};
use crate::engine::inputs::Calldata;
use crate::engine::rules::SignalId;
use crate::typed::{Node, TypedData, TypedDocument};

/// Bytes of a text that is signed.
pub const TEXT_BYTES_MAX: usize = 131_072;
/// Levels of a message that a verdict shows.
const SHOWN_DEPTH: usize = 4;

/// 32 bytes, in JSON hex after `0x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

/// Not a hash.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not `0x` and 64 hex digits")]
pub struct BadHash;

impl TryFrom<String> for Hash {
    type Error = BadHash;

    fn try_from(text: String) -> Result<Self, BadHash> {
        let digits = text.strip_prefix("0x").ok_or(BadHash)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| BadHash)?;
        Ok(Self(bytes))
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        format!("0x{}", hex::encode(hash.0))
    }
}

/// What is to be signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "lowercase", deny_unknown_fields)]
pub enum Message {
    /// `personal_sign`: bytes after EIP-191's prefix.
    Eip191 {
        /// Which.
        bytes: Calldata,
    },
    /// `eth_signTypedData_v4`.
    Eip712 {
        /// The document's text.
        document: TypedDocument,
    },
    /// An authorization that gives the account a contract's code.
    Eip7702 {
        /// On which chain; 0 is every chain.
        chain_id: u64,
        /// Whose code.
        address: Account,
        /// The account's nonce at which it holds.
        nonce: u64,
    },
    /// `eth_sign`: a hash, of whatever it may be.
    Hash {
        /// Which.
        hash: Hash,
    },
}

/// Something found while reading that is no call's effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which signal it is.
    pub id: SignalId,
    /// What was found.
    pub evidence: Value,
}

/// What was read of a question.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Calls, and what each would change.
    pub calls: Calls,
    /// What else was found.
    pub notes: Vec<Note>,
    /// The contract that will check the signature, or that is called.
    pub target: Option<(Role, Account)>,
    /// Accounts that are the asker's own beside the one who signs: a Safe, for one.
    pub own: Vec<Account>,
    /// What is signed, for a message.
    pub signed: Option<Signed>,
}

/// A message as a verdict names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// `eip191`, `eip712`, `eip7702` or `hash`.
    pub scheme: &'static str,
    /// Of typed data.
    pub primary_type: Option<String>,
    /// The hash that the key signs.
    pub hash: [u8; 32],
}

impl Message {
    /// Reads the message; `origin` is the site that asks for the signature.
    #[must_use]
    pub fn read(&self, chain: ChainId, origin: Option<&str>) -> Reading {
        match self {
            Self::Eip191 { bytes } => text::read(bytes.bytes(), chain, origin),
            Self::Eip712 { document } => typed(document.read(), chain),
            Self::Eip7702 { chain_id, address, nonce } => delegation(*chain_id, *address, *nonce, chain),
            Self::Hash { hash } => {
                let evidence = json!({"hash": String::from(*hash)});
                Reading {
                    notes: vec![Note { id: SignalId::RawHash, evidence }],
                    signed: Some(Signed { scheme: "hash", primary_type: None, hash: hash.0 }),
                    ..Reading::default()
                }
            }
        }
    }
}

fn typed(data: &TypedData, chain: ChainId) -> Reading {
    let contract = data.domain.address("verifyingContract");
    let mut reading = Reading {
        target: contract.map(|contract| (Role::Target, contract)),
        signed: Some(Signed {
            scheme: "eip712",
            primary_type: Some(data.primary_type.clone()),
            hash: data.hash,
        }),
        ..Reading::default()
    };
    notes_of_form(data, chain, &mut reading.notes);
    // A domain without contract is nobody's: the zero account stands for it, and is no party.
    let at = contract.unwrap_or(Account::ZERO);
    let known = permissions::read(data, at)
        .or_else(|| orders::read(data))
        .or_else(|| wallets::read(data, at, &mut reading));
    let effects = match known {
        Some(effects) => effects,
        None => {
            let evidence = json!({"primary_type": shown(&data.primary_type)});
            reading.notes.push(Note { id: SignalId::UnknownTypedData, evidence });
            permissions::guess(data, at)
        }
    };
    let evidence = json!({
        "primary_type": shown(&data.primary_type),
        "domain": data.domain.shown(1),
        "message": data.message.shown(SHOWN_DEPTH),
    });
    reading.notes.push(Note { id: SignalId::DecodedMessage, evidence });
    reading.calls.calls.insert(0, step("message", at, effects));
    reading
}

fn notes_of_form(data: &TypedData, chain: ChainId, notes: &mut Vec<Note>) {
    for oddity in &data.oddities {
        let evidence = json!({"at": oddity.path, "what": oddity.what});
        notes.push(Note { id: SignalId::IrregularValue, evidence });
    }
    for path in &data.unsigned {
        notes.push(Note { id: SignalId::UnsignedMember, evidence: json!({"at": path}) });
    }
    if data.domain_unsigned {
        notes.push(Note { id: SignalId::DomainUnsigned, evidence: json!({}) });
    }
    if let Some(other) = data.domain.uint("chainId")
        && other != U256::from(chain.number())
    {
        let evidence = json!({"signed_for": other.to_string(), "asked_on": chain.number().to_string()});
        notes.push(Note { id: SignalId::ChainMismatch, evidence });
    }
}

fn delegation(chain_id: u64, address: Account, nonce: u64, chain: ChainId) -> Reading {
    // EIP-7702: keccak256(0x05 ‖ rlp([chain_id, address, nonce])).
    let mut list = rlp_number(chain_id);
    list.push(0x80 + 20);
    list.extend_from_slice(address.bytes());
    list.extend(rlp_number(nonce));
    // At most 9 + 21 + 9 bytes, so that the length fits the short form.
    let mut signed = vec![0x05, 0xc0 + u8::try_from(list.len()).unwrap_or(55)];
    signed.extend(list);
    let mut notes = Vec::new();
    if chain_id != 0 && chain_id != chain.number() {
        let evidence = json!({"signed_for": chain_id.to_string(), "asked_on": chain.number().to_string()});
        notes.push(Note { id: SignalId::ChainMismatch, evidence });
    }
    let mut reading = Reading {
        notes,
        signed: Some(Signed { scheme: "eip7702", primary_type: None, hash: keccak256(&signed).0 }),
        ..Reading::default()
    };
    let effect = match address == Account::ZERO {
        true => Effect::Undelegate,
        false => Effect::Delegate { to: address, every_chain: chain_id == 0 },
    };
    reading.calls.calls.push(step("message", address, vec![effect]));
    reading
}

fn rlp_number(number: u64) -> Vec<u8> {
    let bytes: Vec<u8> = number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    match bytes.as_slice() {
        [] => vec![0x80],
        [one] if *one < 0x80 => bytes,
        _ => [vec![0x80 + u8::try_from(bytes.len()).unwrap_or(8)], bytes].concat(),
    }
}

/// A part of a message as a call that nobody makes: it carries effects only.
fn step(path: &str, target: Account, effects: Vec<Effect>) -> Call {
    Call {
        path: path.to_owned(),
        target,
        selector: Vec::new(),
        function: None,
        arguments: Map::new(),
        effects,
        form: Form::Plain,
        size_bytes: 0,
    }
}

/// The calls that `data` to `to` would make, as a part of a message.
fn inner_calls(reading: &mut Reading, to: Account, data: &[u8]) {
    let Calls { calls, incomplete } = crate::calldata::read(to, data);
    reading.calls.incomplete |= incomplete;
    reading.calls.calls.extend(calls);
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The first of `names` that is an address.
fn first_address(node: &Node, names: &[&str]) -> Option<Account> {
    names.iter().find_map(|name| node.address(name))
}

#[cfg(test)]
mod tests;

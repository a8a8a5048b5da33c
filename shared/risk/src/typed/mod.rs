//! EIP-712 typed data: read within limits, hashed, and kept as a tree that readers ask by name.
//!
//! ```text
//! JSON text ─> Schema (types, no cycles) ─> Node tree + hash
//!                                      └─> oddities: values that wallets take and honest programs do not write
//! ```
//!
//! Where wallets differ, this reads as MetaMask's `eth-sig-util` (version 4) does, because what matters is
//! what the signature will say: members that no type names are not signed, a struct that is absent is zero,
//! and without a type `EIP712Domain` the domain is not signed at all.

mod schema;
mod value;

use alloy_primitives::{U256, keccak256};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::address::Account;
use schema::Schema;
use value::Reader;

/// Bytes of one document.
pub const DOCUMENT_BYTES_MAX: usize = 262_144;
/// Types of one document.
pub const TYPES_MAX: usize = 64;
/// Members of one type.
pub const MEMBERS_MAX: usize = 64;
/// Structs within structs, and lists within lists.
pub const DEPTH_MAX: usize = 24;
/// Values of one document, lists' items included.
pub const VALUES_MAX: usize = 20_000;
/// Characters of a name that an error repeats.
const SHOWN_CHARS_MAX: usize = 60;

/// A value that was read by its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Members in the type's order.
    Struct(Vec<(String, Node)>),
    /// Items.
    List(Vec<Node>),
    /// `address`.
    Address(Account),
    /// `uintN`.
    Uint(U256),
    /// `intN`, in two's complement of 256 bits.
    Int(U256),
    /// `bool`.
    Bool(bool),
    /// `bytes` and `bytesN`.
    Bytes(Vec<u8>),
    /// `string`.
    Text(String),
    /// A struct that is not there: signed as zero.
    Absent,
}

/// A value in a form that honest programs do not write: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// `message.spender`.
    pub path: String,
    /// In words.
    pub what: &'static str,
}

/// Typed data that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedData {
    /// Which type the message is of.
    pub primary_type: String,
    /// Who asks for the signature.
    pub domain: Node,
    /// What is signed.
    pub message: Node,
    /// What is signed in the end: `keccak256(0x1901 ‖ domain ‖ message)`.
    pub hash: [u8; 32],
    /// Values of an odd form.
    pub oddities: Vec<Oddity>,
    /// Members of domain and message that no type names: shown, perhaps, and not signed.
    pub unsigned: Vec<String>,
    /// Whether the type `EIP712Domain` names no member, so that the signature is good anywhere.
    pub domain_unsigned: bool,
}

/// Text that is no typed data that a wallet would sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTypedData {
    /// Not JSON, or nested too deep for the JSON reader.
    #[error("not a JSON document")]
    Json,
    /// Over a limit.
    #[error("more than {limit} {of}")]
    TooLarge {
        /// How many there may be.
        limit: usize,
        /// Of what.
        of: &'static str,
    },
    /// A part is missing or of another shape.
    #[error("`{at}` is not {expected}")]
    Shape {
        /// Where.
        at: String,
        /// What should be there.
        expected: &'static str,
    },
    /// A type is not one that EIP-712 has, or not in the document.
    #[error("there is no type `{0}`")]
    UnknownType(String),
    /// A type that contains itself: no value of it ends.
    #[error("type `{0}` contains itself")]
    Cyclic(String),
    /// A value that its type cannot hold.
    #[error("`{at}` is no value of type `{kind}`")]
    Value {
        /// Where.
        at: String,
        /// Of which type it should be.
        kind: String,
    },
}

impl BadTypedData {
    fn shape(at: impl Into<String>, expected: &'static str) -> Self {
        Self::Shape { at: cut(&at.into()), expected }
    }
}

/// Text as far as an error repeats it.
fn cut(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

impl TypedData {
    /// Reads the document of `eth_signTypedData_v4`.
    ///
    /// # Errors
    /// `BadTypedData`.
    pub fn parse(text: &str) -> Result<Self, BadTypedData> {
        if text.len() > DOCUMENT_BYTES_MAX {
            return Err(BadTypedData::TooLarge { limit: DOCUMENT_BYTES_MAX, of: "bytes" });
        }
        let document: Value = serde_json::from_str(text).map_err(|_| BadTypedData::Json)?;
        let part = |name: &'static str| document.get(name);
        let object = |name: &'static str| {
            part(name).and_then(Value::as_object).ok_or_else(|| BadTypedData::shape(name, "an object"))
        };
        let primary_type = part("primaryType")
            .and_then(Value::as_str)
            .ok_or_else(|| BadTypedData::shape("primaryType", "the name of a type"))?;
        let schema = Schema::parse(object("types")?)?;
        let (domain, message) = (object("domain")?, object("message")?);
        Self::of(&schema, primary_type, domain, message)
    }

    fn of(
        schema: &Schema,
        primary_type: &str,
        domain: &Map<String, Value>,
        message: &Map<String, Value>,
    ) -> Result<Self, BadTypedData> {
        let mut reader = Reader::new(schema);
        let (domain, domain_hash) = reader.object("EIP712Domain", domain, "domain")?;
        let domain_unsigned = matches!(&domain, Node::Struct(members) if members.is_empty());
        let mut signed = b"\x19\x01".to_vec();
        signed.extend_from_slice(&domain_hash);
        // A document whose primary type is the domain signs the domain alone.
        let message = match primary_type {
            "EIP712Domain" => Node::Struct(Vec::new()),
            _ => {
                let (message, hash) = reader.object(primary_type, message, "message")?;
                signed.extend_from_slice(&hash);
                message
            }
        };
        Ok(Self {
            primary_type: primary_type.to_owned(),
            domain,
            message,
            hash: keccak256(&signed).0,
            oddities: reader.oddities,
            unsigned: reader.unsigned,
            domain_unsigned,
        })
    }
}

impl Node {
    /// The member of this name; nothing where this is no struct.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(members) => members.iter().find(|(other, _)| other == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The member's address.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<Account> {
        match self.get(name)? {
            Self::Address(account) => Some(*account),
            _ => None,
        }
    }

    /// The member's number.
    #[must_use]
    pub fn uint(&self, name: &str) -> Option<U256> {
        match self.get(name)? {
            Self::Uint(number) => Some(*number),
            _ => None,
        }
    }

    /// The member's bytes.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        match self.get(name)? {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The member's text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list, or this alone.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// This and everything below that is a struct, outer before inner.
    #[must_use]
    pub fn structs(&self) -> Vec<&Self> {
        let (mut found, mut open) = (Vec::new(), vec![self]);
        while let Some(node) = open.pop() {
            match node {
                Self::Struct(members) => {
                    found.push(node);
                    open.extend(members.iter().rev().map(|(_, member)| member));
                }
                Self::List(items) => open.extend(items.iter().rev()),
                _ => {}
            }
        }
        found
    }

    /// As a reader is shown it: numbers as decimal text, lists and text cut.
    #[must_use]
    pub fn shown(&self, depth: usize) -> Value {
        const ITEMS_MAX: usize = 8;
        const CHARS_MAX: usize = 120;
        match self {
            Self::Struct(_) | Self::List(_) if depth == 0 => Value::from("…"),
            Self::Struct(members) => {
                let shown = members.iter().take(MEMBERS_MAX);
                Value::Object(shown.map(|(name, node)| (name.clone(), node.shown(depth - 1))).collect())
            }
            Self::List(items) => {
                Value::Array(items.iter().take(ITEMS_MAX).map(|item| item.shown(depth - 1)).collect())
            }
            Self::Address(account) => Value::from(account.checksummed()),
            Self::Uint(number) => Value::from(number.to_string()),
            Self::Int(number) => match number.bit(255) {
                true => Value::from(format!("-{}", U256::ZERO.wrapping_sub(*number))),
                false => Value::from(number.to_string()),
            },
            Self::Bool(yes) => Value::from(*yes),
            Self::Bytes(bytes) if bytes.len() > CHARS_MAX => Value::from(format!("{} bytes", bytes.len())),
            Self::Bytes(bytes) => Value::from(format!("0x{}", hex::encode(bytes))),
            Self::Text(text) => Value::from(text.chars().take(CHARS_MAX).collect::<String>()),
            Self::Absent => Value::Null,
        }
    }
}

/// A document's text with what was read of it; in JSON the text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TypedDocument {
    text: String,
    read: TypedData,
}

impl TypedDocument {
    /// What was read.
    #[must_use]
    pub fn read(&self) -> &TypedData {
        &self.read
    }
}

impl PartialEq for TypedDocument {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TypedDocument {}

impl TryFrom<String> for TypedDocument {
    type Error = BadTypedData;

    fn try_from(text: String) -> Result<Self, BadTypedData> {
        Ok(Self { read: TypedData::parse(&text)?, text })
    }
}

impl From<TypedDocument> for String {
    fn from(document: TypedDocument) -> Self {
        document.text
    }
}

#[cfg(test)]
mod tests;

//! One block of a journal, from Ion or from the JSON that Ion was converted to.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ion_rs::{Element, Sequence, Struct};
use serde_json::Value;

use crate::hash::{self, Hash};

/// Hashes of one block's list, and revisions of one block.
const MEMBERS_MAX: usize = 100_000;

/// A block, as far as its hashes need it. Hashes are as the block says them.
#[derive(Clone, Debug)]
pub struct Block {
    /// The journal's strand; there was only ever one.
    pub strand: String,
    /// Its place, from 0.
    pub sequence_no: u64,
    /// The transaction's id.
    pub transaction_id: String,
    /// When it was committed, RFC 3339 as far as QLDB wrote it so.
    pub timestamp: String,
    /// Over `entries_hash` and `previous_block_hash`.
    pub block_hash: Hash,
    /// Over `entries_hash_list`.
    pub entries_hash: Hash,
    /// Of the block before; empty in the first one.
    pub previous_block_hash: Hash,
    /// What was committed: the transaction, revisions, and what QLDB never explained.
    pub entries: Vec<Hash>,
    /// Documents as they are since this transaction.
    pub revisions: Vec<Revision>,
    /// Ion hash of the transaction's description; absent for blocks that the system wrote.
    pub transaction_info: Option<Hash>,
    /// Ion hash of the description of a redaction.
    pub redaction_info: Option<Hash>,
    /// Statements whose digest is not that of their text: must be none.
    pub wrong_statements: usize,
    /// Statements whose digest was compared.
    pub statements: usize,
    /// Ion hash of the whole block; `None` when it was read from JSON.
    pub ion_hash: Option<Hash>,
}

/// A document's revision in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// As the block says.
    pub hash: Hash,
    /// As its metadata and data make it; `None` for system revisions, of which only the hash was exported, and
    /// for JSON, which lost the types that are hashed.
    pub computed: Option<Hash>,
    /// Whether its data was redacted: then the hash of the data stands in its place.
    pub redacted: bool,
}

/// Not a block of a journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotABlock {
    /// Not Ion, or not JSON.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// A member is missing or of another type.
    #[error("`{0}` is missing or no {1}")]
    Member(&'static str, &'static str),
    /// Neither 32 bytes nor none.
    #[error("`{0}` is a hash of {1} bytes")]
    Length(&'static str, usize),
    /// A member that blocks do not have: perhaps one that they have, renamed so that it is not looked at.
    #[error("`{0}` is no member of a block's")]
    Unknown(String),
    /// More members than a block can have.
    #[error("`{0}` has more than {MEMBERS_MAX} members")]
    TooMany(&'static str),
}

/// Members of a block, as exports had them.
const MEMBERS: [&str; 10] = [
    "blockAddress",
    "transactionId",
    "blockTimestamp",
    "blockHash",
    "entriesHash",
    "previousBlockHash",
    "entriesHashList",
    "transactionInfo",
    "redactionInfo",
    "revisions",
];
/// Members of a revision.
const OF_REVISIONS: [&str; 5] = ["blockAddress", "hash", "data", "dataHash", "metadata"];

fn known<'a>(mut names: impl Iterator<Item = Option<&'a str>>, members: &[&str]) -> Result<(), NotABlock> {
    match names.find(|name| name.is_none_or(|name| !members.contains(&name))) {
        Some(name) => Err(NotABlock::Unknown(name.unwrap_or("$0").chars().take(60).collect())),
        None => Ok(()),
    }
}

fn unreadable(error: impl std::fmt::Display) -> NotABlock {
    NotABlock::Unreadable(error.to_string().chars().take(200).collect())
}

fn sized(name: &'static str, bytes: &[u8]) -> Result<Hash, NotABlock> {
    match bytes.len() {
        0 | 32 => Ok(bytes.to_vec()),
        other => Err(NotABlock::Length(name, other)),
    }
}

impl Block {
    /// Reads a block of an export as Ion.
    ///
    /// # Errors
    /// `NotABlock`.
    pub fn of_ion(value: &Element) -> Result<Self, NotABlock> {
        let block = value.as_struct().ok_or(NotABlock::Member("block", "struct"))?;
        known(block.fields().map(|(name, _)| name.text()), &MEMBERS)?;
        let address = block.get("blockAddress").and_then(Element::as_struct);
        let address = address.ok_or(NotABlock::Member("blockAddress", "struct"))?;
        let mut read = Self {
            strand: text(address, "strandId")?,
            sequence_no: number(address, "sequenceNo")?,
            transaction_id: text(block, "transactionId")?,
            timestamp: match block.get("blockTimestamp").filter(|at| !at.is_null()) {
                Some(at) => at.as_timestamp().map(|at| at.to_string()),
                None => None,
            }
            .ok_or(NotABlock::Member("blockTimestamp", "timestamp"))?,
            block_hash: blob(block, "blockHash")?,
            entries_hash: blob(block, "entriesHash")?,
            previous_block_hash: blob(block, "previousBlockHash")?,
            entries: Vec::new(),
            revisions: Vec::new(),
            transaction_info: None,
            redaction_info: None,
            wrong_statements: 0,
            statements: 0,
            ion_hash: Some(hash::of_ion(value).map_err(unreadable)?),
        };
        for entry in list(block, "entriesHashList")?.ok_or(NotABlock::Member("entriesHashList", "list"))? {
            let bytes = entry.as_blob().ok_or(NotABlock::Member("entriesHashList", "list of blobs"))?;
            read.entries.push(sized("entriesHashList", bytes)?);
        }
        if let Some(info) = present(block, "transactionInfo") {
            read.transaction_info = Some(hash::of_ion(info).map_err(unreadable)?);
            read.read_statements(info)?;
        }
        if let Some(info) = present(block, "redactionInfo") {
            read.redaction_info = Some(hash::of_ion(info).map_err(unreadable)?);
        }
        for revision in list(block, "revisions")?.into_iter().flatten() {
            read.revisions.push(revision_of(revision)?);
        }
        Ok(read)
    }

    fn read_statements(&mut self, info: &Element) -> Result<(), NotABlock> {
        let Some(info) = info.as_struct() else { return Ok(()) };
        for statement in list(info, "statements")?.into_iter().flatten() {
            let statement =
                statement.as_struct().ok_or(NotABlock::Member("statements", "list of structs"))?;
            let (Some(text), Some(digest)) = (statement.get("statement"), statement.get("statementDigest"))
            else {
                continue;
            };
            let digest = digest.as_blob().ok_or(NotABlock::Member("statementDigest", "blob"))?;
            self.statements += 1;
            if hash::of_ion(text).map_err(unreadable)? != digest {
                self.wrong_statements += 1;
            }
        }
        Ok(())
    }

    /// Reads a block of an export as JSON. Types are lost, so that nothing but the chain of hashes can be checked.
    ///
    /// # Errors
    /// `NotABlock`.
    pub fn of_json(value: &Value) -> Result<Self, NotABlock> {
        let members = value.as_object().ok_or(NotABlock::Member("block", "object"))?;
        known(members.keys().map(|name| Some(name.as_str())), &MEMBERS)?;
        let address = &value["blockAddress"];
        let text = |value: &Value, name: &'static str| {
            value[name].as_str().map(str::to_owned).ok_or(NotABlock::Member(name, "string"))
        };
        let decoded = |value: &Value, name: &'static str| {
            let text = value.as_str().ok_or(NotABlock::Member(name, "string of Base64"))?;
            let bytes = STANDARD.decode(text).map_err(|_| NotABlock::Member(name, "string of Base64"))?;
            sized(name, &bytes)
        };
        let members = |name: &'static str| match &value[name] {
            Value::Array(members) if members.len() > MEMBERS_MAX => Err(NotABlock::TooMany(name)),
            Value::Array(members) => Ok(members.as_slice()),
            Value::Null => Ok(&[][..]),
            _ => Err(NotABlock::Member(name, "array")),
        };
        let revision = |revision: &Value| {
            let hash = decoded(&revision["hash"], "hash")?;
            Ok(Revision { hash, computed: None, redacted: revision.get("dataHash").is_some() })
        };
        Ok(Self {
            strand: text(address, "strandId")?,
            sequence_no: address["sequenceNo"]
                .as_u64()
                .ok_or(NotABlock::Member("sequenceNo", "whole number"))?,
            transaction_id: text(value, "transactionId")?,
            timestamp: text(value, "blockTimestamp")?,
            block_hash: decoded(&value["blockHash"], "blockHash")?,
            entries_hash: decoded(&value["entriesHash"], "entriesHash")?,
            previous_block_hash: decoded(&value["previousBlockHash"], "previousBlockHash")?,
            entries: members("entriesHashList")?
                .iter()
                .map(|entry| decoded(entry, "entriesHashList"))
                .collect::<Result<_, _>>()?,
            revisions: members("revisions")?.iter().map(revision).collect::<Result<_, NotABlock>>()?,
            transaction_info: None,
            redaction_info: None,
            wrong_statements: 0,
            statements: 0,
            ion_hash: None,
        })
    }
}

/// `hash` is `dot` of the hashes of metadata and data; a redacted revision has its data's hash in place of the data.
fn revision_of(value: &Element) -> Result<Revision, NotABlock> {
    let revision = value.as_struct().ok_or(NotABlock::Member("revisions", "list of structs"))?;
    known(revision.fields().map(|(name, _)| name.text()), &OF_REVISIONS)?;
    let said = blob(revision, "hash")?;
    let data_hash = present(revision, "dataHash").map(|_| blob(revision, "dataHash")).transpose()?;
    let data = present(revision, "data").map(hash::of_ion).transpose().map_err(unreadable)?;
    let metadata = present(revision, "metadata").map(hash::of_ion).transpose().map_err(unreadable)?;
    let redacted = data_hash.is_some();
    let computed = match (metadata, data_hash.or(data)) {
        (Some(metadata), Some(data)) => Some(hash::dot(&metadata, &data)),
        _ => None,
    };
    Ok(Revision { hash: said, computed, redacted })
}

fn present<'a>(of: &'a Struct, name: &str) -> Option<&'a Element> {
    of.get(name).filter(|value| !value.is_null())
}

fn text(of: &Struct, name: &'static str) -> Result<String, NotABlock> {
    let text = present(of, name).and_then(Element::as_text);
    text.map(str::to_owned).ok_or(NotABlock::Member(name, "string"))
}

fn number(of: &Struct, name: &'static str) -> Result<u64, NotABlock> {
    let number = present(of, name).and_then(Element::as_i64);
    number.and_then(|number| u64::try_from(number).ok()).ok_or(NotABlock::Member(name, "whole number"))
}

fn blob(of: &Struct, name: &'static str) -> Result<Hash, NotABlock> {
    let bytes = present(of, name).and_then(Element::as_blob).ok_or(NotABlock::Member(name, "blob"))?;
    sized(name, bytes)
}

fn list<'a>(of: &'a Struct, name: &'static str) -> Result<Option<&'a Sequence>, NotABlock> {
    let Some(value) = present(of, name) else { return Ok(None) };
    let list = value.as_list().ok_or(NotABlock::Member(name, "list"))?;
    match list.len() > MEMBERS_MAX {
        true => Err(NotABlock::TooMany(name)),
        false => Ok(Some(list)),
    }
}

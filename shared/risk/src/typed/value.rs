//! Values by their type, each with its 32 bytes as EIP-712 encodes them.

use alloy_primitives::{U256, keccak256};
use serde_json::{Map, Value};

use super::schema::{Kind, Schema};
use super::{BadTypedData, DEPTH_MAX, Node, Oddity, VALUES_MAX, cut};
use crate::address::{Account, BadAddress};

/// Oddities, and members that are not signed, that are told.
const TOLD_MAX: usize = 16;

type Word = [u8; 32];

pub(super) struct Reader<'a> {
    schema: &'a Schema,
    values: usize,
    pub(super) oddities: Vec<Oddity>,
    pub(super) unsigned: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(schema: &'a Schema) -> Self {
        Self { schema, values: 0, oddities: Vec::new(), unsigned: Vec::new() }
    }

    pub(super) fn object(
        &mut self,
        kind: &str,
        value: &Map<String, Value>,
        path: &str,
    ) -> Result<(Node, Word), BadTypedData> {
        self.structure(kind, value, path, 0)
    }

    /// EIP-712, `hashStruct`.
    fn structure(
        &mut self,
        kind: &str,
        value: &Map<String, Value>,
        path: &str,
        depth: usize,
    ) -> Result<(Node, Word), BadTypedData> {
        let schema = self.schema;
        let (members, hash) = schema.members(kind).ok_or_else(|| BadTypedData::UnknownType(cut(kind)))?;
        for name in value.keys() {
            if !members.iter().any(|member| member.name == *name) && self.unsigned.len() < TOLD_MAX {
                self.unsigned.push(format!("{path}.{}", cut(name)));
            }
        }
        let mut encoded = hash.to_vec();
        let mut read = Vec::with_capacity(members.len());
        for member in members {
            let path = format!("{path}.{}", member.name);
            let value = value.get(&member.name).unwrap_or(&Value::Null);
            let (node, word) = self.value(&member.kind, value, &path, depth + 1)?;
            encoded.extend_from_slice(&word);
            read.push((member.name.clone(), node));
        }
        Ok((Node::Struct(read), keccak256(&encoded).0))
    }

    fn value(
        &mut self,
        kind: &Kind,
        value: &Value,
        path: &str,
        depth: usize,
    ) -> Result<(Node, Word), BadTypedData> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(BadTypedData::TooLarge { limit: VALUES_MAX, of: "values" });
        }
        if depth > DEPTH_MAX * 2 {
            return Err(BadTypedData::TooLarge { limit: DEPTH_MAX * 2, of: "values within values" });
        }
        let bad = || BadTypedData::Value { at: cut(path), kind: kind.name() };
        let whole = |node: Node, bytes: &[u8]| (node, keccak256(bytes).0);
        Ok(match kind {
            Kind::Struct(_) if value.is_null() => (Node::Absent, [0; 32]),
            Kind::Struct(name) => self.structure(name, value.as_object().ok_or_else(bad)?, path, depth)?,
            Kind::List(inner, count) => {
                let items = value.as_array().ok_or_else(bad)?;
                if count.is_some_and(|count| count != items.len()) {
                    return Err(bad());
                }
                let (mut nodes, mut encoded) = (Vec::new(), Vec::new());
                for (index, item) in items.iter().enumerate() {
                    let (node, word) = self.value(inner, item, &format!("{path}[{index}]"), depth + 1)?;
                    nodes.push(node);
                    encoded.extend_from_slice(&word);
                }
                whole(Node::List(nodes), &encoded)
            }
            Kind::Address => {
                let (account, odd) = address(value).ok_or_else(bad)?;
                self.tell(path, odd);
                (Node::Address(account), right(account.bytes()))
            }
            Kind::Bool => {
                let yes = value.as_bool().ok_or_else(bad)?;
                (Node::Bool(yes), right(&[u8::from(yes)]))
            }
            Kind::Uint(bits) => {
                let number = uint(value).filter(|number| number.bit_len() <= *bits).ok_or_else(bad)?;
                (Node::Uint(number), number.to_be_bytes())
            }
            Kind::Int(bits) => {
                let number = int(value, *bits).ok_or_else(bad)?;
                (Node::Int(number), number.to_be_bytes())
            }
            Kind::FixedBytes(size) => {
                let (mut bytes, odd) = bytes(value).ok_or_else(bad)?;
                if bytes.len() > *size {
                    return Err(bad());
                }
                let short = (bytes.len() < *size).then_some("shorter than its type");
                self.tell(path, odd.or(short));
                bytes.resize(*size, 0);
                let mut word = [0; 32];
                word.iter_mut().zip(&bytes).for_each(|(to, from)| *to = *from);
                (Node::Bytes(bytes), word)
            }
            Kind::Bytes => {
                let (bytes, odd) = bytes(value).ok_or_else(bad)?;
                self.tell(path, odd);
                let hash = keccak256(&bytes).0;
                (Node::Bytes(bytes), hash)
            }
            Kind::Text => {
                let text = value.as_str().ok_or_else(bad)?;
                whole(Node::Text(text.to_owned()), text.as_bytes())
            }
        })
    }

    fn tell(&mut self, path: &str, odd: Option<&'static str>) {
        if let Some(what) = odd
            && self.oddities.len() < TOLD_MAX
        {
            self.oddities.push(Oddity { path: cut(path), what });
        }
    }
}

/// Bytes at the right of a word.
fn right(bytes: &[u8]) -> Word {
    let mut word = [0; 32];
    word.iter_mut().rev().zip(bytes.iter().rev()).for_each(|(to, from)| *to = *from);
    word
}

/// An address in any form that a wallet takes, and what is odd about the form.
fn address(value: &Value) -> Option<(Account, Option<&'static str>)> {
    let text = match value {
        Value::String(text) => text.as_str(),
        Value::Number(number) => {
            let number = match (number.as_u64(), number.as_f64()) {
                (Some(number), _) => U256::from(number),
                (None, Some(number)) => whole_double(number)?,
                (None, None) => return None,
            };
            return Some((low_160(number)?, Some("an address as a number")));
        }
        _ => return None,
    };
    match text.parse::<Account>() {
        Ok(account) => return Some((account, None)),
        Err(BadAddress::Checksum(_)) => {
            return Some((text.to_ascii_lowercase().parse().ok()?, Some("an address with a wrong checksum")));
        }
        Err(BadAddress::Form(_) | BadAddress::OtherKind(_)) => {}
    }
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return Some((low_160(hex_number(digits)?)?, Some("an address that has not 40 digits")));
    }
    if !text.is_empty() && text.len() <= 49 && text.bytes().all(|b| b.is_ascii_digit()) && text.len() != 40 {
        return Some((
            low_160(U256::from_str_radix(text, 10).ok()?)?,
            Some("an address as a decimal number"),
        ));
    }
    match text.len() {
        40 => Some((low_160(hex_number(text)?)?, Some("an address without 0x"))),
        _ => None,
    }
}

fn hex_number(digits: &str) -> Option<U256> {
    let plain = (1..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| U256::from_str_radix(digits, 16).ok())?
}

fn low_160(number: U256) -> Option<Account> {
    let bytes: [u8; 32] = number.to_be_bytes();
    let (head, tail) = bytes.split_at(12);
    let is_address = head.iter().all(|byte| *byte == 0);
    is_address.then(|| tail.try_into().ok().map(Account::new))?
}

/// A whole number that JSON readers keep as a double, exactly as that double.
fn whole_double(number: f64) -> Option<U256> {
    let bits = number.to_bits();
    let exponent = usize::try_from((bits >> 52) & 0x7ff).ok()?.checked_sub(1075)?;
    let whole = number.is_finite() && number >= 0.0 && exponent < 256;
    whole.then(|| U256::from((bits & ((1 << 52) - 1)) | (1 << 52)) << exponent)
}

fn uint(value: &Value) -> Option<U256> {
    match value {
        Value::Number(number) => number.as_u64().map(U256::from),
        Value::String(text) => match text.strip_prefix("0x") {
            Some(digits) => hex_number(digits),
            None => decimal(text),
        },
        _ => None,
    }
}

fn decimal(text: &str) -> Option<U256> {
    let plain = (1..=78).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| U256::from_str_radix(text, 10).ok())?
}

/// Two's complement of 256 bits.
fn int(value: &Value, bits: usize) -> Option<U256> {
    let text = match value {
        Value::Number(number) => number.as_i64().map(|number| number.to_string())?,
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let half = U256::from(1) << (bits - 1);
    match text.strip_prefix('-') {
        Some(digits) => {
            let number = decimal(digits).filter(|number| *number <= half)?;
            Some(U256::ZERO.wrapping_sub(number))
        }
        None => uint(&Value::from(text)).filter(|number| *number < half),
    }
}

fn bytes(value: &Value) -> Option<(Vec<u8>, Option<&'static str>)> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    match digits.len().is_multiple_of(2) {
        true => Some((hex::decode(digits).ok()?, None)),
        false => Some((hex::decode(format!("0{digits}")).ok()?, Some("an odd number of hex digits"))),
    }
}

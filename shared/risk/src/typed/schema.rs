//! The types of a document.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::keccak256;
use serde_json::{Map, Value};

use super::{BadTypedData, DEPTH_MAX, MEMBERS_MAX, TYPES_MAX, cut};

/// Characters of a name.
const NAME_CHARS_MAX: usize = 128;

/// A member's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Address,
    Bool,
    Uint(usize),
    Int(usize),
    FixedBytes(usize),
    Bytes,
    Text,
    /// Items, and how many when the type says so.
    List(Box<Kind>, Option<usize>),
    Struct(String),
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// As it is written in the document, and so hashed.
    spelled: String,
}

#[derive(Debug)]
pub(super) struct Schema {
    types: BTreeMap<String, Vec<Member>>,
    hashes: BTreeMap<String, [u8; 32]>,
}

impl Schema {
    pub(super) fn parse(types: &Map<String, Value>) -> Result<Self, BadTypedData> {
        if types.len() > TYPES_MAX {
            return Err(BadTypedData::TooLarge { limit: TYPES_MAX, of: "types" });
        }
        let mut read = BTreeMap::new();
        for (name, members) in types {
            if !is_name(name) {
                return Err(BadTypedData::shape(format!("types.{}", cut(name)), "the name of a type"));
            }
            read.insert(name.clone(), parse_members(name, members)?);
        }
        // As wallets do: a domain without type has no member that is signed.
        read.entry("EIP712Domain".to_owned()).or_default();
        let mut schema = Self { types: read, hashes: BTreeMap::new() };
        for name in schema.types.keys() {
            schema.check(name, &mut Vec::new(), &mut BTreeSet::new())?;
        }
        schema.hashes =
            schema.types.keys().map(|name| (name.clone(), keccak256(schema.encode(name)).0)).collect();
        Ok(schema)
    }

    pub(super) fn members(&self, name: &str) -> Option<(&[Member], [u8; 32])> {
        Some((self.types.get(name)?, *self.hashes.get(name)?))
    }

    /// Every struct that is named is there, and none contains itself.
    fn check<'a>(
        &'a self,
        name: &'a str,
        open: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Result<(), BadTypedData> {
        if open.contains(&name) {
            return Err(BadTypedData::Cyclic(cut(name)));
        }
        if open.len() >= DEPTH_MAX {
            return Err(BadTypedData::TooLarge { limit: DEPTH_MAX, of: "types within types" });
        }
        if done.contains(name) {
            return Ok(());
        }
        let members = self.types.get(name).ok_or_else(|| BadTypedData::UnknownType(cut(name)))?;
        open.push(name);
        for inner in members.iter().filter_map(|member| member.kind.struct_name()) {
            self.check(inner, open, done)?;
        }
        open.pop();
        done.insert(name);
        Ok(())
    }

    /// EIP-712, `encodeType`: the type, then those that it uses, by name.
    fn encode(&self, name: &str) -> String {
        let (mut used, mut open) = (BTreeSet::new(), vec![name]);
        while let Some(next) = open.pop() {
            let members = self.types.get(next).map(Vec::as_slice).unwrap_or_default();
            for inner in members.iter().filter_map(|member| member.kind.struct_name()) {
                if inner != name && used.insert(inner) {
                    open.push(inner);
                }
            }
        }
        std::iter::once(name).chain(used).map(|name| self.encode_one(name)).collect()
    }

    fn encode_one(&self, name: &str) -> String {
        let members = self.types.get(name).map(Vec::as_slice).unwrap_or_default();
        let members: Vec<_> =
            members.iter().map(|member| format!("{} {}", member.spelled, member.name)).collect();
        format!("{name}({})", members.join(","))
    }
}

fn parse_members(of: &str, members: &Value) -> Result<Vec<Member>, BadTypedData> {
    let at = || format!("types.{}", cut(of));
    let members = members.as_array().ok_or_else(|| BadTypedData::shape(at(), "a list of members"))?;
    if members.len() > MEMBERS_MAX {
        return Err(BadTypedData::TooLarge { limit: MEMBERS_MAX, of: "members of one type" });
    }
    let mut seen = BTreeSet::new();
    let read = |member: &Value| {
        let text = |name: &str| member.get(name).and_then(Value::as_str);
        let (Some(name), Some(spelled)) = (text("name"), text("type")) else {
            return Err(BadTypedData::shape(at(), "a list of objects with `name` and `type`"));
        };
        if !is_name(name) {
            return Err(BadTypedData::shape(format!("{}.{}", at(), cut(name)), "the name of a member"));
        }
        let kind = Kind::parse(spelled, 0).ok_or_else(|| BadTypedData::UnknownType(cut(spelled)))?;
        Ok(Member { name: name.to_owned(), kind, spelled: spelled.to_owned() })
    };
    let members = members.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    match members.iter().find(|member| !seen.insert(member.name.as_str())) {
        None => Ok(members),
        Some(twice) => Err(BadTypedData::shape(format!("{}.{}", at(), cut(&twice.name)), "there once")),
    }
}

fn is_name(text: &str) -> bool {
    let first = text.bytes().next();
    (1..=NAME_CHARS_MAX).contains(&text.len())
        && first.is_some_and(|b| !b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$')
}

impl Kind {
    fn parse(text: &str, depth: usize) -> Option<Self> {
        if depth > DEPTH_MAX {
            return None;
        }
        if let Some(open) = text.strip_suffix(']') {
            let (inner, count) = open.rsplit_once('[')?;
            let count = match count {
                "" => None,
                digits if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
                _ => return None,
            };
            return Some(Self::List(Box::new(Self::parse(inner, depth + 1)?), count));
        }
        let bits = |digits: &str| match digits {
            // The ABI's short names.
            "" => Some(256),
            digits => {
                let bits: usize = digits.parse().ok().filter(|_| !digits.starts_with(['0', '+']))?;
                ((8..=256).contains(&bits) && bits.is_multiple_of(8)).then_some(bits)
            }
        };
        Some(match text {
            "address" => Self::Address,
            "bool" => Self::Bool,
            "bytes" => Self::Bytes,
            "string" => Self::Text,
            _ => {
                let numbered = |name| {
                    text.strip_prefix(name).filter(|rest: &&str| rest.bytes().all(|b| b.is_ascii_digit()))
                };
                if let Some(digits) = numbered("uint") {
                    Self::Uint(bits(digits)?)
                } else if let Some(digits) = numbered("int") {
                    Self::Int(bits(digits)?)
                } else if let Some(digits) = numbered("bytes") {
                    let size: usize = digits.parse().ok().filter(|_| !digits.starts_with('0'))?;
                    (1..=32).contains(&size).then_some(Self::FixedBytes(size))?
                } else if is_name(text) {
                    Self::Struct(text.to_owned())
                } else {
                    return None;
                }
            }
        })
    }

    fn struct_name(&self) -> Option<&str> {
        match self {
            Self::Struct(name) => Some(name),
            Self::List(inner, _) => inner.struct_name(),
            _ => None,
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Address => "address".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Uint(bits) => format!("uint{bits}"),
            Self::Int(bits) => format!("int{bits}"),
            Self::FixedBytes(size) => format!("bytes{size}"),
            Self::Bytes => "bytes".to_owned(),
            Self::Text => "string".to_owned(),
            Self::List(inner, None) => format!("{}[]", inner.name()),
            Self::List(inner, Some(count)) => format!("{}[{count}]", inner.name()),
            Self::Struct(name) => cut(name),
        }
    }
}

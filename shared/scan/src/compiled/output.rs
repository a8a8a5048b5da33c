//! The compiler's standard JSON output, as far as it is read, and whose code a contract of it has.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NotCompiled, shown};
use crate::engine::{CODE_BYTES_MAX, instructions_end};

/// Contracts of an output.
const CONTRACTS_MAX: usize = 5_000;
/// Stretches of one contract's code that are filled in when it is deployed.
const STRETCHES_MAX: usize = 10_000;
/// Contracts that are named where several have the code.
const NAMED_MAX: usize = 5;
/// `PUSH20`.
const PUSH20: u8 = 0x73;

/// The compiler's standard JSON output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompilerOutput {
    /// Contracts by file and name.
    #[serde(default)]
    pub contracts: BTreeMap<String, BTreeMap<String, CompiledContract>>,
    /// Files by path.
    #[serde(default)]
    pub sources: BTreeMap<String, CompiledFile>,
    /// Files in the order of their ids, where `sources` gives none.
    #[serde(default, rename = "sourceList", alias = "source_list", skip_serializing_if = "Vec::is_empty")]
    pub source_list: Vec<String>,
}

/// One file of an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompiledFile {
    /// What source maps call it.
    pub id: u64,
}

/// One contract of an output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompiledContract {
    /// Code.
    #[serde(default)]
    pub evm: CompiledCode,
    /// The compiler's metadata, JSON as text: with it, texts are held to the hashes that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

/// A contract's code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompiledCode {
    /// What is there once it is deployed.
    #[serde(default)]
    pub deployed_bytecode: DeployedBytecode,
}

/// Code as it is once it is deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeployedBytecode {
    /// Hex, with or without `0x`; empty for interfaces.
    #[serde(default)]
    pub object: String,
    /// `s:l:f:j:m` for each instruction.
    #[serde(default)]
    pub source_map: String,
    /// Where addresses of libraries go, by file and name.
    #[serde(default)]
    pub link_references: BTreeMap<String, BTreeMap<String, Vec<Stretch>>>,
    /// Where immutable variables go, by their declaration.
    #[serde(default)]
    pub immutable_references: BTreeMap<String, Vec<Stretch>>,
    /// Text that the compiler wrote itself.
    #[serde(default)]
    pub generated_sources: Vec<CompiledFile>,
}

/// Bytes of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CodeStretch")]
pub struct Stretch {
    /// The first one.
    pub start: usize,
    /// How many: 1 to 32.
    pub length: usize,
}

impl CompilerOutput {
    /// The contract that has `code`, and its name, `path:Name`.
    pub(super) fn find(
        &self,
        code: &[u8],
        name: Option<&str>,
    ) -> Result<(String, &str, &CompiledContract), NotCompiled> {
        if self.contracts.values().map(BTreeMap::len).sum::<usize>() > CONTRACTS_MAX {
            return Err(NotCompiled::TooMuch(format!("more than {CONTRACTS_MAX} contracts")));
        }
        let end = instructions_end(code);
        let all = self.contracts.iter().flat_map(|(path, contracts)| {
            contracts.iter().map(move |(name, contract)| (format!("{path}:{name}"), path.as_str(), contract))
        });
        if let Some(name) = name {
            let found = all.into_iter().find(|(known, ..)| known == name);
            let (name, path, contract) = found.ok_or_else(|| NotCompiled::UnknownContract(shown(name)))?;
            return match contract.evm.deployed_bytecode.compare(code, end) {
                Ok(()) => Ok((name, path, contract)),
                Err(Other::Broken(why)) => Err(NotCompiled::BadCode { contract: shown(&name), why }),
                Err(Other::At(at)) => Err(NotCompiled::OtherCode { contract: shown(&name), at }),
            };
        }
        let mut having: Vec<_> = all
            .filter(|(_, _, contract)| contract.evm.deployed_bytecode.compare(code, end).is_ok())
            .collect();
        match (having.len(), having.pop()) {
            (1, Some(found)) => Ok(found),
            (0, _) | (_, None) => Err(NotCompiled::NoMatch),
            (_, Some(last)) => {
                having.push(last);
                let names = having.iter().take(NAMED_MAX).map(|(name, ..)| format!("`{}`", shown(name)));
                Err(NotCompiled::Several(names.collect::<Vec<_>>().join(", ")))
            }
        }
    }

    /// The path of each file by its id.
    pub(super) fn paths(&self) -> BTreeMap<u64, &str> {
        let listed = (0..).zip(&self.source_list).map(|(id, path)| (id, path.as_str()));
        listed.chain(self.sources.iter().map(|(path, file)| (file.id, path.as_str()))).collect()
    }
}

/// How a contract has other code.
enum Other {
    /// It is no code, and why.
    Broken(&'static str),
    /// From this byte on.
    At(usize),
}

impl DeployedBytecode {
    /// Whether this is `code`, whose instructions end at `end`: all but metadata and what is filled in at deployment.
    fn compare(&self, code: &[u8], end: usize) -> Result<(), Other> {
        let (mut ours, stretches) = self.bytes().map_err(Other::Broken)?;
        let mut theirs = code.to_vec();
        for stretch in &stretches {
            for bytes in [&mut ours, &mut theirs] {
                if let Some(bytes) = bytes.get_mut(stretch.start..stretch.start + stretch.length) {
                    bytes.fill(0);
                }
            }
        }
        let differs = ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs);
        let at = differs.unwrap_or_else(|| ours.len().min(theirs.len()));
        if at < end {
            return Err(Other::At(at));
        }
        // What looks alike so far may go on: other metadata is no other code, other instructions are.
        match instructions_end(&ours) == end {
            true => Ok(()),
            false => Err(Other::At(end)),
        }
    }

    /// The code with zeroes where something is filled in, and where that is.
    fn bytes(&self) -> Result<(Vec<u8>, Vec<Stretch>), &'static str> {
        let digits = self.object.strip_prefix("0x").unwrap_or(&self.object).as_bytes();
        if digits.is_empty() {
            return Err("it has no `evm.deployedBytecode.object`");
        }
        if digits.len() > 2 * CODE_BYTES_MAX {
            return Err("its code is longer than any contract");
        }
        let links = self.link_references.values().flat_map(BTreeMap::values).flatten();
        let all = links.chain(self.immutable_references.values().flatten());
        let mut stretches: Vec<Stretch> = all.take(STRETCHES_MAX + 1).copied().collect();
        if stretches.len() > STRETCHES_MAX {
            return Err("it has more references to libraries and immutable variables than any contract");
        }
        let mut digits = digits.to_vec();
        for stretch in &stretches {
            let range = stretch.start.checked_mul(2).zip(stretch.start.checked_add(stretch.length));
            let range = range.and_then(|(start, end)| Some(start..end.checked_mul(2)?));
            let within = range.and_then(|range| digits.get_mut(range));
            match within {
                Some(within) if (1..=32).contains(&stretch.length) => within.fill(b'0'),
                _ => return Err("a reference to a library or an immutable variable is outside of its code"),
            }
        }
        let bytes = hex::decode(&digits).map_err(|_| "its code is not hex")?;
        // A library's own address, which its code begins with, is put in when it is deployed.
        if bytes.first() == Some(&PUSH20) && bytes.get(1..21) == Some(&[0; 20]) {
            stretches.push(Stretch { start: 1, length: 20 });
        }
        Ok((bytes, stretches))
    }
}

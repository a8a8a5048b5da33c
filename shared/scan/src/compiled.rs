//! What a compiler said of code: which line of which file each instruction is made of.
//!
//! ```text
//! output ─> the contract with this code ─> source map ─> instruction ─> pc ──┐
//! sources ─> lines and columns ──────────────────────────────────────────────┴─> Lines ─> places of findings
//! ```

mod lines;
mod output;
mod sourcemap;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::keccak256;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::source::{FILE_BYTES_MAX, FILES_MAX};

pub use lines::{CalledFrom, Lines, LinesFile, Origin};
pub use output::{CompiledCode, CompiledContract, CompiledFile, CompilerOutput, DeployedBytecode, Stretch};
pub use sourcemap::NotASourceMap;

/// Bytes of all texts.
const TEXT_BYTES_MAX: usize = 20 << 20;
/// Bytes of a path.
const PATH_BYTES_MAX: usize = 300;

/// What the compiler said of the code, and the files that it read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compiled {
    /// The compiler's standard JSON output with `evm.deployedBytecode` of each contract.
    pub output: CompilerOutput,
    /// The files that were compiled.
    pub sources: CompiledSources,
    /// Which contract it is, `path:Name`; may be left out where one only has this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
}

/// Texts by path, as the output names them, or the standard JSON input that holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "`sources` is neither texts by path nor a standard JSON input")]
pub enum CompiledSources {
    /// Texts by path.
    Texts(BTreeMap<String, String>),
    /// The standard JSON input.
    Input(CompilerInput),
}

/// The compiler's standard JSON input, as far as it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompilerInput {
    /// Files by path.
    pub sources: BTreeMap<String, InputFile>,
}

/// A file of a standard JSON input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CompilerInputFile")]
pub struct InputFile {
    /// Its text. Nothing is fetched: a file without it has no lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// Why no line can be told.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCompiled {
    /// More than is taken.
    #[error("{0}")]
    TooMuch(String),
    /// No contract of this name.
    #[error("the output has no contract `{0}`")]
    UnknownContract(String),
    /// The named contract is another.
    #[error("`{contract}` has other code, from byte {at} on")]
    OtherCode {
        /// `path:Name`.
        contract: String,
        /// The first byte that differs.
        at: usize,
    },
    /// None is this one.
    #[error("no contract of the output has this code")]
    NoMatch,
    /// More than one is this one.
    #[error("more than one contract of the output has this code: {0}; `contract` is to name one")]
    Several(String),
    /// The named contract has no code that can be read.
    #[error("`{contract}`: {why}")]
    BadCode {
        /// `path:Name`.
        contract: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Its source map cannot be read.
    #[error("the source map of `{contract}`: {error}")]
    BadMap {
        /// `path:Name`.
        contract: String,
        /// What is wrong.
        error: NotASourceMap,
    },
    /// It has none.
    #[error("`{0}` has no `evm.deployedBytecode.sourceMap`")]
    NoMap(String),
    /// Its metadata is none.
    #[error("the `metadata` of `{0}` is not JSON")]
    BadMetadata(String),
    /// The contract's own file is missing.
    #[error("the text of `{0}` is not among the sources")]
    NoText(String),
    /// The file is not the one that was compiled.
    #[error("the text of `{0}` is not the one that was compiled: its hash is another in the metadata")]
    OtherText(String),
    /// A path that is none.
    #[error("not a path: `{0}`")]
    BadPath(String),
}

impl Compiled {
    /// Which line each instruction of `code` is made of. Files without a text have none.
    ///
    /// # Errors
    /// `NotCompiled`.
    pub fn lines(&self, code: &[u8]) -> Result<Lines, NotCompiled> {
        let texts = self.sources.texts()?;
        let (name, path, contract) = self.output.find(code, self.contract.as_deref())?;
        let bytecode = &contract.evm.deployed_bytecode;
        if bytecode.source_map.is_empty() {
            return Err(NotCompiled::NoMap(shown(&name)));
        }
        let entries = sourcemap::decode(&bytecode.source_map)
            .map_err(|error| NotCompiled::BadMap { contract: shown(&name), error })?;
        if !texts.contains_key(path) {
            return Err(NotCompiled::NoText(shown(path)));
        }
        if let Some(metadata) = contract.metadata.as_deref().filter(|text| !text.is_empty()) {
            let metadata = serde_json::from_str::<Value>(metadata);
            held_to(&metadata.map_err(|_| NotCompiled::BadMetadata(shown(&name)))?, &texts)?;
        }
        let texts = self.output.paths().into_iter().filter_map(|(id, path)| {
            let text = texts.get(path)?;
            Some((id, (path, *text)))
        });
        let generated: BTreeSet<u64> = bytecode.generated_sources.iter().map(|file| file.id).collect();
        Ok(Lines::of(name, code, &entries, &texts.collect(), &generated))
    }
}

impl CompiledSources {
    /// Texts by path, within limits.
    fn texts(&self) -> Result<BTreeMap<&str, &str>, NotCompiled> {
        let texts: BTreeMap<&str, &str> = match self {
            Self::Texts(texts) => texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect(),
            Self::Input(input) => {
                let files = input.sources.iter();
                files.filter_map(|(path, file)| Some((path.as_str(), file.content.as_deref()?))).collect()
            }
        };
        if texts.len() > FILES_MAX {
            return Err(NotCompiled::TooMuch(format!("more than {FILES_MAX} files")));
        }
        let mut size_bytes = 0_usize;
        for (path, text) in &texts {
            if path.is_empty() || path.len() > PATH_BYTES_MAX || path.chars().any(char::is_control) {
                return Err(NotCompiled::BadPath(shown(path)));
            }
            size_bytes = size_bytes.saturating_add(text.len());
            if text.len() > FILE_BYTES_MAX || size_bytes > TEXT_BYTES_MAX {
                return Err(NotCompiled::TooMuch(format!(
                    "a file of more than {FILE_BYTES_MAX} bytes, or more than {TEXT_BYTES_MAX} together"
                )));
            }
        }
        Ok(texts)
    }
}

/// Whether texts are those that the compiler hashed, as far as `metadata` says.
fn held_to(metadata: &Value, texts: &BTreeMap<&str, &str>) -> Result<(), NotCompiled> {
    let hashed = metadata["sources"].as_object().into_iter().flatten();
    for (path, source) in hashed {
        let (Some(text), Some(hash)) = (texts.get(path.as_str()), source["keccak256"].as_str()) else {
            continue;
        };
        if !hash.eq_ignore_ascii_case(&keccak256(text.as_bytes()).to_string()) {
            return Err(NotCompiled::OtherText(shown(path)));
        }
    }
    Ok(())
}

/// A name in a message.
fn shown(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(PATH_BYTES_MAX).collect()
}

#[cfg(test)]
mod tests;

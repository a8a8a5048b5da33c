//! What other implementations made, accept or refuse, run against this one: `scorpius eval ledger`, and the tests.
//!
//! Each function takes the text of one file and tells what agrees and what does not; nothing in a file is believed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tlog_tiles::{Hash, check_record, check_tree, record_hash};

use crate::cosignature::{WitnessKey, cosigned};
use crate::hash;
use crate::note::{Checkpoint, VerifierKey};
use crate::policy::Policy;
use crate::tile::{Level, TileName};
use crate::tree::Edge;
use crate::verify;

/// How many cases of one kind agree, and what of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Of which kind.
    pub what: &'static str,
    /// Cases that agree.
    pub right: usize,
    /// Cases that do not, by name.
    pub wrong: Vec<String>,
}

impl Tally {
    /// None yet.
    #[must_use]
    pub fn of(what: &'static str) -> Self {
        Self { what, ..Self::default() }
    }

    /// One case more.
    pub fn case(&mut self, name: impl Into<String>, right: bool) {
        match right {
            true => self.right += 1,
            false => self.wrong.push(name.into()),
        }
    }
}

/// A file that is not of the form that it should have.
#[derive(Debug, thiserror::Error)]
pub enum NotVectors {
    /// Not JSON, or of other types.
    #[error("not the vectors that these should be")]
    Json(#[from] serde_json::Error),
    /// A member is missing or of another type.
    #[error("`{0}` is missing, or of another type")]
    Member(&'static str),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inclusion {
    name: String,
    leaf_idx: u64,
    tree_size: u64,
    root: Option<String>,
    leaf_hash: Option<String>,
    proof: Option<Vec<String>>,
    want_err: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consistency {
    name: String,
    size1: u64,
    size2: u64,
    root1: Option<String>,
    root2: Option<String>,
    proof: Option<Vec<String>>,
    want_err: bool,
}

#[derive(Deserialize)]
struct Probes {
    inclusion: Vec<Inclusion>,
    consistency: Vec<Consistency>,
}

/// A hash that a claim names: none at all makes it wrong, and one of another length makes it no claim of ours.
enum Named {
    Hash(Hash),
    Missing,
    OtherLength,
}

fn named(text: Option<&String>) -> Named {
    match text.filter(|text| !text.is_empty()) {
        None => Named::Missing,
        Some(text) => hash::from_text(text).map_or(Named::OtherLength, Named::Hash),
    }
}

/// `None` for what our types cannot even say.
fn hashes(proof: Option<&Vec<String>>) -> Option<Vec<Hash>> {
    proof.into_iter().flatten().map(|text| hash::from_text(text)).collect()
}

fn included(probe: &Inclusion) -> Option<bool> {
    let proof = hashes(probe.proof.as_ref())?;
    match (named(probe.root.as_ref()), named(probe.leaf_hash.as_ref())) {
        (Named::OtherLength, _) | (_, Named::OtherLength) => None,
        (Named::Hash(root), Named::Hash(leaf)) => {
            Some(check_record(&proof, probe.tree_size, root, probe.leaf_idx, leaf).is_ok())
        }
        _ => Some(false),
    }
}

fn consistent(probe: &Consistency) -> Option<bool> {
    let proof = hashes(probe.proof.as_ref())?;
    match (named(probe.root1.as_ref()), named(probe.root2.as_ref())) {
        (Named::OtherLength, _) | (_, Named::OtherLength) => None,
        (Named::Hash(old), Named::Hash(new)) => {
            Some(check_tree(&proof, probe.size2, new, probe.size1, old).is_ok())
        }
        _ => Some(false),
    }
}

/// What became of claims of inclusion and consistency, right and wrong ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Of inclusion, of consistency, and of those whose hashes have not 32 bytes: refused before there is a claim, whether or
    /// not they should be.
    pub tallies: [Tally; 3],
    /// Accepted by this implementation.
    pub accepted: usize,
}

/// Claims that somebody else's tests must accept or refuse.
///
/// # Errors
/// `NotVectors`.
pub fn probes(json: &str) -> Result<Probed, NotVectors> {
    let probes: Probes = serde_json::from_str(json)?;
    let [mut inclusion, mut consistency, mut unparsed] =
        ["inclusion probes", "consistency probes", "probes refused at parsing"].map(Tally::of);
    let mut accepted = 0;
    let of_inclusion = probes.inclusion.iter().map(|probe| (0, &probe.name, included(probe), probe.want_err));
    let of_consistency =
        probes.consistency.iter().map(|probe| (1, &probe.name, consistent(probe), probe.want_err));
    for (kind, name, said, must_fail) in of_inclusion.chain(of_consistency) {
        accepted += usize::from(said == Some(true));
        match said {
            // No claim about SHA-256: also what may pass elsewhere, with roots of 12 bytes, cannot be said here.
            None => unparsed.case(name.clone(), true),
            Some(said) => {
                let tally = if kind == 0 { &mut inclusion } else { &mut consistency };
                tally.case(name.clone(), said != must_fail);
            }
        }
    }
    Ok(Probed { tallies: [inclusion, consistency, unparsed], accepted })
}

/// RFC 6962's example tree: roots, and all proofs.
///
/// # Errors
/// `NotVectors`.
pub fn rfc_6962(json: &str) -> Result<Vec<Tally>, NotVectors> {
    let vectors: Value = serde_json::from_str(json)?;
    let bytes = |value: &Value| value.as_str().and_then(|text| hex::decode(text).ok());
    let one = |value: &Value| bytes(value).and_then(|bytes| bytes.try_into().ok()).map(Hash);
    let list = |value: &Value| value.as_array()?.iter().map(one).collect::<Option<Vec<_>>>();
    let leaves = vectors["leaves_hex"].as_array().and_then(|list| list.iter().map(bytes).collect());
    let leaves: Vec<Vec<u8>> = leaves.ok_or(NotVectors::Member("leaves_hex"))?;
    let roots = list(&vectors["roots_hex_by_size"]).ok_or(NotVectors::Member("roots_hex_by_size"))?;
    let mut trees = Tally::of("roots of RFC 6962");
    for (size, root) in roots.iter().enumerate() {
        let mut edge = Edge::empty();
        edge.append(leaves.get(..size).ok_or(NotVectors::Member("leaves_hex"))?);
        trees.case(format!("size {size}"), edge.root() == *root);
    }
    let root_of = |size: u64| usize::try_from(size).ok().and_then(|size| roots.get(size)).copied();
    let number = |value: &Value, name: &'static str| value[name].as_u64().ok_or(NotVectors::Member(name));
    let proof_of = |case: &Value| list(&case["proof_hex"]).ok_or(NotVectors::Member("proof_hex"));
    let (mut inclusion, mut consistency) =
        (Tally::of("inclusion proofs of RFC 6962"), Tally::of("consistency proofs of RFC 6962"));
    for case in cases(&vectors, "inclusion")? {
        let (index, size, proof) = (number(case, "index")?, number(case, "size")?, proof_of(case)?);
        let leaf = usize::try_from(index).ok().and_then(|index| leaves.get(index));
        let (leaf, root) = leaf.zip(root_of(size)).ok_or(NotVectors::Member("index"))?;
        let right = check_record(&proof, size, root, index, record_hash(leaf)).is_ok();
        inclusion.case(format!("{index} in {size}"), right);
    }
    for case in cases(&vectors, "consistency")? {
        let (old, size, proof) = (number(case, "old")?, number(case, "new")?, proof_of(case)?);
        let (then, now) = root_of(old).zip(root_of(size)).ok_or(NotVectors::Member("old"))?;
        consistency.case(format!("{old} in {size}"), check_tree(&proof, size, now, old, then).is_ok());
    }
    Ok(vec![trees, inclusion, consistency])
}

/// A log that others read, made again from its entries: roots, files, notes, cosignature, proof, and what must be refused.
///
/// # Errors
/// `NotVectors`.
pub fn log(json: &str) -> Result<Vec<Tally>, NotVectors> {
    let log: Value = serde_json::from_str(json)?;
    let text = |name: &'static str| log[name].as_str().ok_or(NotVectors::Member(name));
    let key: VerifierKey = text("log_vkey")?.parse().map_err(|_| NotVectors::Member("log_vkey"))?;
    let witness: WitnessKey =
        text("witness_vkey")?.parse().map_err(|_| NotVectors::Member("witness_vkey"))?;
    let size = log["size"].as_u64().filter(|size| *size <= 10_000).ok_or(NotVectors::Member("size"))?;
    let entries: Vec<_> = (0..size).map(|number| format!("{{\"i\":{number}}}")).collect();

    let mut trees = Tally::of("roots of the log");
    for (then, root) in log["roots_b64"].as_object().ok_or(NotVectors::Member("roots_b64"))? {
        let count = then.parse().ok().and_then(|count: usize| entries.get(..count));
        let mut edge = Edge::empty();
        edge.append(count.ok_or(NotVectors::Member("roots_b64"))?);
        trees.case(then.clone(), root.as_str() == Some(hash::to_text(&edge.root()).as_str()));
    }
    let mut files = Tally::of("files of the log");
    let made = made_files(&entries);
    for (path, digest) in log["objects_sha256"].as_object().ok_or(NotVectors::Member("objects_sha256"))? {
        let made = made.get(path).map(|bytes| hex::encode(Sha256::digest(bytes)));
        let right = made.as_deref() == digest.as_str();
        files.case(path.clone(), right);
    }
    let mut notes = Tally::of("notes that must pass");
    let keys = std::slice::from_ref(&key);
    for name in ["checkpoint", "checkpoint_cosigned"] {
        let opened = Checkpoint::open(text(name)?.as_bytes(), keys);
        notes.case(name, opened.is_ok_and(|checkpoint| checkpoint.size == size));
    }
    let witnesses = std::slice::from_ref(&witness);
    let seen = cosigned(text("checkpoint_cosigned")?.as_bytes(), witnesses);
    notes.case("cosignature", seen.is_ok_and(|seen| seen.len() == 1));
    let mut refused = Tally::of("notes that must be refused");
    for bad in cases(&log, "must_fail")? {
        let note = bad["checkpoint"].as_str().ok_or(NotVectors::Member("checkpoint"))?;
        let opened = Checkpoint::open(note.as_bytes(), keys).is_ok();
        let seen = cosigned(note.as_bytes(), witnesses).is_ok_and(|seen| !seen.is_empty());
        let claims_a_witness = note.contains(witness.name());
        refused.case(bad["what"].as_str().unwrap_or_default(), !opened || (claims_a_witness && !seen));
    }
    let mut proofs = Tally::of("proofs as C2SP writes them");
    let policy = Policy::of_logs(keys);
    let verdict = |entry: &str| {
        let report = verify::tlog_proof(
            text("tlog_proof_index_123").unwrap_or_default(),
            Some(entry.as_bytes()),
            &policy,
        );
        report.verdict == verify::Verdict::Verified
    };
    proofs.case("entry 123", verdict(text("entry_123")?));
    proofs.case("another entry in its place", !verdict("{\"i\":124}"));
    Ok(vec![trees, files, notes, refused, proofs])
}

/// All files of the log with these entries, by path, save the checkpoint.
fn made_files(entries: &[String]) -> BTreeMap<String, Vec<u8>> {
    let mut edge = Edge::empty();
    let mut tiles = edge.append(entries);
    tiles.extend(edge.partial_tiles(0));
    let bundles = (0..).zip(entries.chunks(256)).filter_map(|(index, chunk)| {
        let width = u16::try_from(chunk.len()).ok()?;
        let name = TileName::new(Level::Entries, index, width).ok()?;
        Some((name, crate::tile::encode_entries(chunk)))
    });
    tiles.into_iter().chain(bundles).map(|(name, bytes)| (name.to_string(), bytes)).collect()
}

/// Names of tiles, and which tiles a tree of some size has.
///
/// # Errors
/// `NotVectors`.
pub fn paths(json: &str) -> Result<Vec<Tally>, NotVectors> {
    let vectors: Value = serde_json::from_str(json)?;
    let number = |value: &Value, name: &'static str| value[name].as_u64().ok_or(NotVectors::Member(name));
    let mut names = Tally::of("paths of tiles");
    for case in cases(&vectors, "index_paths")? {
        let level = case["level"].as_u64().and_then(|level| u8::try_from(level).ok());
        let level = level.map_or(Level::Entries, Level::Hashes);
        let width = u16::try_from(number(case, "width")?).map_err(|_| NotVectors::Member("width"))?;
        let name = TileName::new(level, number(case, "index")?, width);
        let path = case["path"].as_str().ok_or(NotVectors::Member("path"))?;
        let right = name.is_ok_and(|name| name.to_string() == path && path.parse() == Ok(name));
        names.case(path, right);
    }
    let mut counts = Tally::of("levels of trees");
    for case in cases(&vectors, "counts")? {
        let size = number(case, "size")?;
        let partial: BTreeMap<_, _> = Edge::tiles_of(size)
            .into_iter()
            .map(|name| (name.to_string().split('/').nth(1).map(str::to_owned), u64::from(name.width())))
            .collect();
        for tiles in cases(case, "tiles")? {
            let level = number(tiles, "level")?;
            let width = partial.get(&Some(level.to_string())).copied().unwrap_or(0);
            let shift = u32::try_from(8 * (level + 1)).unwrap_or(u32::MAX);
            let full = size.checked_shr(shift).unwrap_or(0);
            let right = width == number(tiles, "partial")? && full == number(tiles, "full")?;
            counts.case(format!("{size} at {level}"), right);
        }
    }
    Ok(vec![names, counts])
}

fn cases<'a>(value: &'a Value, name: &'static str) -> Result<&'a Vec<Value>, NotVectors> {
    value[name].as_array().ok_or(NotVectors::Member(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(tallies: &[Tally]) -> Vec<usize> {
        for tally in tallies {
            assert_eq!(tally.wrong, Vec::<String>::new(), "{}", tally.what);
        }
        tallies.iter().map(|tally| tally.right).collect()
    }

    #[test]
    fn vectors_that_are_wrong_are_told() {
        let wrong = r#"{"inclusion": [{"name": "a", "leafIdx": 0, "treeSize": 1,
            "root": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "leafHash": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "proof": null, "wantErr": true}], "consistency": []}"#;
        assert_eq!(probes(wrong).expect("probes").tallies[0].wrong, ["a"]);
        let paths_json = r#"{"index_paths": [{"level": 0, "index": 0, "width": 256, "path": "tile/0/001"}],
            "counts": [{"size": 256, "tiles": [{"level": 0, "full": 2, "partial": 0}]}]}"#;
        let told: Vec<_> = paths(paths_json).expect("paths").into_iter().map(|tally| tally.wrong).collect();
        assert_eq!(told, [vec!["tile/0/001".to_owned()], vec!["256 at 0".to_owned()]]);
        for bad in ["", "{}", "[]", r#"{"size": 1}"#] {
            assert!(
                probes(bad).is_err() && rfc_6962(bad).is_err() && log(bad).is_err() && paths(bad).is_err()
            );
        }
    }

    #[test]
    fn everything_that_others_made_agrees() {
        let probed = probes(crate::vectors::PROBES).expect("probes");
        assert_eq!(right(&probed.tallies), [83, 71, 42]);
        assert_eq!(probed.accepted, 11);
        assert_eq!(right(&rfc_6962(crate::vectors::RFC_6962).expect("vectors")), [9, 36, 36]);
        assert_eq!(right(&log(crate::vectors::LOG).expect("a log"))[2..], [3, 6, 2]);
        right(&paths(crate::vectors::PATHS).expect("paths"));
    }
}

//! What other implementations made, accept or refuse: `fixtures/README.md` says whose it is.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tlog_tiles::{Hash, check_record, check_tree, record_hash};

use crate::cosignature::{WitnessKey, cosigned};
use crate::hash;
use crate::note::{Checkpoint, VerifierKey};
use crate::tile::{Level, TileName};
use crate::tree::Edge;

const PROBES: &str = include_str!("../fixtures/rfc6962-probes.json");
const RFC_6962: &str = include_str!("../fixtures/rfc6962.json");
const LOG: &str = include_str!("../fixtures/tlog.json");
const PATHS: &str = include_str!("../fixtures/tlog-tiles-paths.json");

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

/// `None`: something is no hash, which our types cannot even say.
fn hashes(proof: Option<&Vec<String>>) -> Option<Vec<Hash>> {
    proof.into_iter().flatten().map(|text| hash::from_text(text)).collect()
}

fn one(text: Option<&String>) -> Option<Hash> {
    hash::from_text(text?)
}

fn included(probe: &Inclusion) -> Option<bool> {
    let (root, leaf) = (one(probe.root.as_ref())?, one(probe.leaf_hash.as_ref())?);
    let proof = hashes(probe.proof.as_ref())?;
    Some(check_record(&proof, probe.tree_size, root, probe.leaf_idx, leaf).is_ok())
}

fn consistent(probe: &Consistency) -> Option<bool> {
    let (old, new) = (one(probe.root1.as_ref())?, one(probe.root2.as_ref())?);
    let proof = hashes(probe.proof.as_ref())?;
    Some(check_tree(&proof, probe.size2, new, probe.size1, old).is_ok())
}

/// How many probes were accepted, refused, and refused at parsing already.
pub(crate) fn probe() -> (usize, usize, usize) {
    let probes: Probes = serde_json::from_str(PROBES).expect("the probes are JSON");
    let judged = probes.inclusion.iter().map(|probe| (&probe.name, included(probe), probe.want_err));
    let judged =
        judged.chain(probes.consistency.iter().map(|probe| (&probe.name, consistent(probe), probe.want_err)));
    let (mut accepted, mut refused, mut unparsed) = (0, 0, 0);
    for (name, said, must_fail) in judged {
        match said {
            Some(true) => accepted += 1,
            Some(false) => refused += 1,
            None => unparsed += 1,
        }
        assert!(!(must_fail && said == Some(true)), "{name} was accepted");
        // The one that must pass and has roots of 12 bytes is no claim about SHA-256.
        let fine =
            must_fail || said == Some(true) || name.ends_with("sizes-are-equal-one-and-proof-is-empty.json");
        assert!(fine, "{name} was refused");
    }
    (accepted, refused, unparsed)
}

/// The notes that must fail: how many there are, each of them refused.
pub(crate) fn bad_notes() -> usize {
    let log: Value = serde_json::from_str(LOG).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let key: VerifierKey = text(&log["log_vkey"]).parse().expect("a key");
    let witness: WitnessKey = text(&log["witness_vkey"]).parse().expect("a key");
    let notes = log["must_fail"].as_array().expect("a list");
    for bad in notes {
        let note = text(&bad["checkpoint"]);
        let opened = Checkpoint::open(note.as_bytes(), std::slice::from_ref(&key)).is_ok();
        let seen =
            cosigned(note.as_bytes(), std::slice::from_ref(&witness)).is_ok_and(|seen| !seen.is_empty());
        let claims_a_witness = note.contains(witness.name());
        assert!(!opened || (claims_a_witness && !seen), "{}", bad["what"]);
    }
    notes.len()
}

#[test]
fn of_196_probes_the_184_that_must_fail_do() {
    // 11 of the 12 that must pass pass; the twelfth has roots of 12 bytes.
    let (accepted, refused, unparsed) = probe();
    assert_eq!((accepted, accepted + refused + unparsed), (11, 196));
}

#[test]
fn every_note_that_must_fail_fails() {
    assert_eq!(bad_notes(), 6);
}

#[test]
fn every_proof_of_rfc_6962_s_example_is_accepted_and_made() {
    let vectors: Value = serde_json::from_str(RFC_6962).expect("JSON");
    let hex = |value: &Value| hex::decode(value.as_str().expect("text")).expect("hex");
    let hash = |value: &Value| Hash(hex(value).try_into().expect("32 bytes"));
    let list = |value: &Value| value.as_array().expect("a list").iter().map(hash).collect::<Vec<_>>();
    let leaves: Vec<_> = vectors["leaves_hex"].as_array().expect("a list").iter().map(hex).collect();
    let roots = list(&vectors["roots_hex_by_size"]);
    let number = |value: &Value| value.as_u64().expect("a number");
    let mut seen = (0, 0);
    for case in vectors["inclusion"].as_array().expect("a list") {
        let (index, size) = (number(&case["index"]), number(&case["size"]));
        let leaf_hash = record_hash(&leaves[index as usize]);
        check_record(&list(&case["proof_hex"]), size, roots[size as usize], index, leaf_hash)
            .expect("included");
        seen.0 += 1;
    }
    for case in vectors["consistency"].as_array().expect("a list") {
        let (old, size) = (number(&case["old"]), number(&case["new"]));
        let proof = list(&case["proof_hex"]);
        check_tree(&proof, size, roots[size as usize], old, roots[old as usize]).expect("consistent");
        seen.1 += 1;
    }
    assert_eq!(seen, (36, 36));
}

#[test]
fn the_log_of_600_entries_is_the_one_that_others_read() {
    let log: Value = serde_json::from_str(LOG).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let mut edge = Edge::empty();
    for size in 0_u64..=600 {
        if let Some(root) = log["roots_b64"][size.to_string()].as_str() {
            assert_eq!(hash::to_text(&edge.root()), root, "{size}");
        }
        edge.append(&[format!("{{\"i\":{size}}}")]);
    }
    let key: VerifierKey = text(&log["log_vkey"]).parse().expect("a key");
    let witness: WitnessKey = text(&log["witness_vkey"]).parse().expect("a key");
    let note = text(&log["checkpoint_cosigned"]);
    assert_eq!(Checkpoint::open(note.as_bytes(), &[key]).expect("a checkpoint").size, 600);
    assert_eq!(cosigned(note.as_bytes(), &[witness]).expect("a note").len(), 1);
}

#[test]
fn paths_and_tiles_are_the_specification_s() {
    let paths: Value = serde_json::from_str(PATHS).expect("JSON");
    for case in paths["index_paths"].as_array().expect("a list") {
        let level = match case["level"].as_u64() {
            Some(level) => Level::Hashes(level as u8),
            None => Level::Entries,
        };
        let width = case["width"].as_u64().expect("a width") as u16;
        let name = TileName::new(level, case["index"].as_u64().expect("an index"), width).expect("a tile");
        assert_eq!(Value::from(name.to_string()), case["path"]);
        assert_eq!(name.to_string().parse(), Ok(name));
    }
    for case in paths["counts"].as_array().expect("a list") {
        let size = case["size"].as_u64().expect("a size");
        let partial: BTreeMap<_, _> = Edge::tiles_of(size)
            .into_iter()
            .map(|name| (name.to_string().split('/').nth(1).map(str::to_owned), u64::from(name.width())))
            .collect();
        for tiles in case["tiles"].as_array().expect("a list") {
            let level = tiles["level"].as_u64().expect("a level");
            let width = partial.get(&Some(level.to_string())).copied().unwrap_or(0);
            assert_eq!(Some(width), tiles["partial"].as_u64(), "{size} at {level}");
            assert_eq!(Some(size >> (8 * (level + 1))), tiles["full"].as_u64(), "{size} at {level}");
        }
    }
}

//! What QLDB itself and other implementations of its hashes made, run against this one: `scorpius eval ledger`, and the tests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ion_rs::Element;
use serde_json::Value;

use crate::depth;
use crate::hash::{self, Hash};
use crate::prove::StoredBlock;

/// How many cases of one kind agree, and what of the others: kind, cases that agree, names of those that do not.
pub type Tally = (&'static str, usize, Vec<String>);

/// A file that is not of the form that it should have.
#[derive(Debug, thiserror::Error)]
pub enum NotVectors {
    /// Not JSON.
    #[error("not the vectors that these should be")]
    Json(#[from] serde_json::Error),
    /// A member is missing or of another type.
    #[error("`{0}` is missing, or of another type")]
    Member(&'static str),
}

fn tally(what: &'static str, cases: impl Iterator<Item = (String, bool)>) -> Tally {
    let (right, wrong): (Vec<_>, Vec<_>) = cases.partition(|(_, right)| *right);
    (what, right.len(), wrong.into_iter().map(|(name, _)| name).collect())
}

fn list<'a>(value: &'a Value, name: &'static str) -> Result<&'a Vec<Value>, NotVectors> {
    value[name].as_array().ok_or(NotVectors::Member(name))
}

fn text<'a>(value: &'a Value, name: &'static str) -> Result<&'a str, NotVectors> {
    value[name].as_str().ok_or(NotVectors::Member(name))
}

fn base64(value: &Value) -> Option<Hash> {
    STANDARD.decode(value.as_str()?).ok()
}

/// Ion values and their hashes.
///
/// # Errors
/// `NotVectors`.
pub fn ion_hashes(json: &str) -> Result<Tally, NotVectors> {
    let vectors: Value = serde_json::from_str(json)?;
    let mut cases = Vec::new();
    for case in list(&vectors, "cases")? {
        let ion = text(case, "ion")?;
        let value = depth::is_shallow(ion.as_bytes()).then(|| Element::read_one(ion).ok()).flatten();
        let made = value.and_then(|value| hash::of_ion(&value).ok()).map(hex::encode);
        cases.push((ion.to_owned(), made.as_deref() == Some(text(case, "sha256_hex")?)));
    }
    Ok(tally("Ion hashes", cases.into_iter()))
}

/// A block that the service made, its hashes and proofs, the same block changed, and the rules of hashing.
///
/// # Errors
/// `NotVectors`.
pub fn block(json: &str) -> Result<Vec<Tally>, NotVectors> {
    let vectors: Value = serde_json::from_str(json)?;
    let original = text(&vectors, "block_ion_text")?;
    let stored = StoredBlock::of_text(original).map_err(|_| NotVectors::Member("block_ion_text"))?;
    let (block, expected) = (&stored.block, &vectors["expected"]);
    let is = |name: &str, made: Option<&Hash>| {
        (name.to_owned(), made.is_some() && made == base64(&expected[name]).as_ref())
    };
    let revision = block.revisions.first();
    let of_block = [
        is("block_hash", Some(&block.block_hash)),
        is("entries_hash", Some(&hash::merkle(&block.entries))),
        is("revision_hash", revision.and_then(|revision| revision.computed.as_ref())),
        is("transaction_info_hash", block.transaction_info.as_ref()),
        ("statements".to_owned(), block.statements == 1 && block.wrong_statements == 0),
        ("sound".to_owned(), block.check(None).faults.is_empty()),
    ];
    let leads = |name: &'static str| {
        let proved = &vectors[name];
        let proof = hash::proof_of_ion(text(proved, "proof_ion_text")?.as_bytes());
        let leads = |leaf: &Hash| {
            proof.as_ref().is_ok_and(|proof| Some(hash::fold(leaf, proof)) == base64(&proved["digest"]))
        };
        let leaf = base64(&proved["leaf"]).ok_or(NotVectors::Member("leaf"))?;
        let mut other = leaf.clone();
        other.iter_mut().for_each(|byte| *byte ^= 1);
        Ok::<_, NotVectors>([
            (name.to_owned(), leads(&leaf)),
            (format!("{name} of another leaf"), !leads(&other)),
        ])
    };
    let proofs = [leads("get_revision")?, leads("get_block")?];
    // One digit of a hash, a word of a document, and a statement: each is found.
    let changed =
        ["blockHash:{{", "previousBlockHash:{{", "entriesHashList:[{{", "FirstName:\"", "statement:\""];
    let changed = changed.iter().filter_map(|at| Some((*at, original.find(at)? + at.len() + 3)));
    let found = changed.map(|(name, at)| {
        let mut text = original.to_owned().into_bytes();
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
        let read = String::from_utf8(text).ok().and_then(|text| StoredBlock::of_text(&text).ok());
        (name.to_owned(), read.is_none_or(|read| !read.block.check(None).faults.is_empty()))
    });
    let (mut dots, none) = (Vec::new(), Vec::new());
    for case in vectors["dot"].as_array().unwrap_or(&none) {
        let [a, b, out] = ["a", "b", "out"].map(|name| base64(&case[name]));
        let right = a.zip(b).zip(out).is_some_and(|((a, b), out)| hash::dot(&a, &b) == out);
        dots.push((case["note"].as_str().unwrap_or_default().to_owned(), right));
    }
    let mut trees = Vec::new();
    for case in vectors["merkle"].as_array().unwrap_or(&none) {
        let leaves: Option<Vec<_>> = list(case, "leaves")?.iter().map(base64).collect();
        let leaves = leaves.ok_or(NotVectors::Member("leaves"))?;
        trees
            .push((format!("{} leaves", leaves.len()), Some(hash::merkle(&leaves)) == base64(&case["root"])));
    }
    Ok(vec![
        tally("a block that QLDB made", of_block.into_iter()),
        tally("proofs of QLDB's form", proofs.into_iter().flatten()),
        tally("that block, changed", found),
        tally("dots of two hashes", dots.into_iter()),
        tally("trees of dots", trees.into_iter()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_s_block_agrees_and_what_does_not_is_told() {
        let fixture = include_str!("../fixtures/block-2019.json");
        let mut vectors: Value = serde_json::from_str(fixture).expect("JSON");
        for (what, right, wrong) in block(fixture).expect("vectors") {
            assert_eq!(wrong, Vec::<String>::new(), "{what}");
            assert!(right >= 4 || what.contains("dots"), "{what}: {right}");
        }
        vectors["expected"]["block_hash"] = "AAAA".into();
        vectors["get_block"]["digest"] = "AAAA".into();
        let told: Vec<_> = block(&vectors.to_string())
            .expect("vectors")
            .into_iter()
            .flat_map(|(_, _, wrong)| wrong)
            .collect();
        assert_eq!(told, ["block_hash", "get_block"]);
        assert!(block("{}").is_err() && ion_hashes("{}").is_err() && ion_hashes("").is_err());
    }

    #[test]
    fn ion_hashes_are_counted() {
        let cases = r#"{"cases": [
            {"ion": "null", "sha256_hex": "0fb06b6183c21379529fdd45d6af4aba731ac6f081ef9e6c1c94b1fb26177304"},
            {"ion": "7", "sha256_hex": "0fb06b6183c21379529fdd45d6af4aba731ac6f081ef9e6c1c94b1fb26177304"},
            {"ion": "[", "sha256_hex": ""}]}"#;
        assert_eq!(
            ion_hashes(cases).expect("vectors"),
            ("Ion hashes", 1, vec!["7".to_owned(), "[".to_owned()])
        );
    }
}

//! QLDB's hashes, as its documentation and sample programs had them.

use ion_rs::{Element, ion_hash};
use sha2::{Digest, Sha256};

use crate::depth;

/// 32 bytes, or none: the hash of nothing.
pub type Hash = Vec<u8>;

/// Two hashes as one, whichever comes first: SHA-256 of both, the smaller before. Bytes are compared from the
/// last to the first, as signed numbers. Nothing beside a hash is that hash.
#[must_use]
pub fn dot(a: &[u8], b: &[u8]) -> Hash {
    if a.is_empty() || b.is_empty() {
        return [a, b].concat();
    }
    let signed = |bytes: &[u8]| bytes.iter().rev().map(|byte| byte.cast_signed()).collect::<Vec<_>>();
    let (small, large) = if signed(a) <= signed(b) { (a, b) } else { (b, a) };
    Sha256::new().chain_update(small).chain_update(large).finalize().to_vec()
}

/// The root over `leaves`: neighbours are dotted, an odd one goes up as it is. Of nothing it is nothing.
#[must_use]
pub fn merkle(leaves: &[Hash]) -> Hash {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = above(&level);
    }
    level.into_iter().next().unwrap_or_default()
}

/// The hashes beside the way from leaf `index` of `merkle(leaves)` up to its root, nearest first. What stands beside
/// nothing is left out, as `dot` leaves it out.
#[must_use]
pub fn path(leaves: &[Hash], mut index: usize) -> Vec<Hash> {
    let (mut level, mut path) = (leaves.to_vec(), Vec::new());
    while level.len() > 1 {
        path.extend(level.get(index ^ 1).filter(|sibling| !sibling.is_empty()).cloned());
        level = above(&level);
        index >>= 1;
    }
    path
}

fn above(level: &[Hash]) -> Vec<Hash> {
    let pair = |pair: &[Hash]| match pair {
        [a, b] => dot(a, b),
        rest => rest.concat(),
    };
    level.chunks(2).map(pair).collect()
}

/// What a proof of `GetRevision` or `GetBlock` leads to from its leaf: the digest, if it is one.
#[must_use]
pub fn fold(leaf: &[u8], proof: &[Hash]) -> Hash {
    proof.iter().fold(leaf.to_vec(), |at, sibling| dot(&at, sibling))
}

/// A proof as `GetRevision` and `GetBlock` gave it: Ion, a list of blobs.
///
/// # Errors
/// For anything else.
pub fn proof_of_ion(bytes: &[u8]) -> Result<Vec<Hash>, NotAProof> {
    if !depth::is_shallow(bytes) {
        return Err(NotAProof);
    }
    let value = Element::read_one(bytes).map_err(|_| NotAProof)?;
    let hashes = value.as_list().ok_or(NotAProof)?.elements();
    hashes
        .map(|hash| hash.as_blob().filter(|hash| hash.len() == 32).map(<[u8]>::to_vec).ok_or(NotAProof))
        .collect()
}

/// Not a proof of QLDB's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a proof: a list of blobs of 32 bytes, as Ion")]
pub struct NotAProof;

/// Amazon Ion Hash with SHA-256.
///
/// # Errors
/// What the library says; none is known for a value that was read.
pub fn of_ion(value: &Element) -> Result<Hash, ion_rs::IonError> {
    Ok(ion_hash::sha256(value)?.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hash(byte: u8) -> Hash {
        Sha256::digest([byte]).to_vec()
    }

    fn with(at: usize, byte: u8) -> Hash {
        let mut hash = vec![0; 32];
        hash[at] = byte;
        hash
    }

    #[test]
    fn bytes_are_signed_and_the_last_counts_most() {
        // 0x80 is -128: it goes first.
        let (low, high) = (with(31, 0x80), with(31, 0x7f));
        assert_eq!(dot(&high, &low), Sha256::digest([low, high].concat()).to_vec());
        // The first byte decides only after 31 equal ones.
        let (low, high) = (with(0, 0xff), with(0, 0x01));
        assert_eq!(dot(&high, &low), Sha256::digest([low, high].concat()).to_vec());
        let mut ends_lower = with(31, 1);
        ends_lower[0] = 0x7f;
        let higher = with(31, 2);
        assert_eq!(dot(&higher, &ends_lower), Sha256::digest([ends_lower, higher].concat()).to_vec());
    }

    #[test]
    fn nothing_is_neutral_and_an_odd_one_goes_up() {
        assert_eq!(dot(&[], &hash(1)), hash(1));
        assert_eq!(dot(&hash(1), &[]), hash(1));
        assert_eq!(merkle(&[]), Vec::<u8>::new());
        assert_eq!(merkle(&[hash(1)]), hash(1));
        let three = merkle(&[hash(1), hash(2), hash(3)]);
        assert_eq!(three, dot(&dot(&hash(1), &hash(2)), &hash(3)));
        let five: Vec<_> = (1..=5).map(hash).collect();
        let four = dot(&dot(&hash(1), &hash(2)), &dot(&hash(3), &hash(4)));
        assert_eq!(merkle(&five), dot(&four, &hash(5)));
    }

    proptest! {
        #[test]
        fn dot_does_not_care_which_comes_first(a: [u8; 32], b: [u8; 32]) {
            prop_assert_eq!(dot(&a, &b), dot(&b, &a));
        }

        #[test]
        fn each_leaf_s_path_leads_to_the_root(count in 1_usize..40, at: prop::sample::Index) {
            let leaves: Vec<_> = (0..count).map(|number| hash(number as u8)).collect();
            let at = at.index(count);
            // The siblings on the way up.
            let (mut level, mut place, mut proof) = (leaves.clone(), at, Vec::new());
            while level.len() > 1 {
                proof.extend(level.get(place ^ 1).cloned());
                level = level.chunks(2).map(merkle).collect();
                place /= 2;
            }
            prop_assert_eq!(fold(&leaves[at], &proof), merkle(&leaves));
        }
    }
}

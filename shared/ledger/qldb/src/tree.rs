//! The tree from blocks to a digest: `hash::merkle` over all block hashes, kept in tiles of 256 so that neither a digest nor
//! a proof reads more than a few.
//!
//! ```text
//! level 0: block hashes      tile n holds 256n to 256n + 255
//! level 1: roots of full tiles of level 0, and so on
//! ```
//!
//! QLDB never published the shape of its own. Whoever checks a proof folds it with `dot`, which any tree of `dot` satisfies.

use std::collections::{BTreeMap, BTreeSet};

use crate::hash::{Hash, dot, merkle};

/// Hashes of a full tile.
pub const WIDTH: u64 = 256;
/// Levels of tiles: 256^6 blocks are more than anybody has.
const LEVELS_MAX: u32 = 6;

/// Level and number of a tile.
pub type TileAt = (u32, u64);
/// Tiles, each with the hashes that it has so far.
pub type Tiles = BTreeMap<TileAt, Vec<Hash>>;

/// Tiles that appending to a tree of `size` leaves needs: the partial one of each level.
#[must_use]
pub fn edge(size: u64) -> Vec<TileAt> {
    let at = |level: u32| (level, size >> (8 * level));
    (0..LEVELS_MAX)
        .map(at)
        .filter(|&(_, nodes)| nodes % WIDTH > 0)
        .map(|(level, nodes)| (level, nodes / WIDTH))
        .collect()
}

/// Appends `leaves` to the tree of `size` leaves whose edge is in `tiles`; answers the tiles that changed. `None` when
/// the edge is not that of such a tree.
#[must_use]
pub fn append(size: u64, tiles: &Tiles, leaves: &[Hash]) -> Option<Tiles> {
    let mut changed = Tiles::new();
    for at in edge(size) {
        let has = u64::try_from(tiles.get(&at)?.len()).ok()?;
        if has != (size >> (8 * at.0)) % WIDTH {
            return None;
        }
    }
    for (number, leaf) in (size..).zip(leaves) {
        let (mut hash, mut level, mut place) = (leaf.clone(), 0, number);
        loop {
            let at = (level, place / WIDTH);
            let tile = changed.entry(at).or_insert_with(|| match place % WIDTH {
                0 => Vec::new(),
                _ => tiles.get(&at).cloned().unwrap_or_default(),
            });
            tile.push(hash);
            if tile.len() < WIDTH as usize {
                break;
            }
            (hash, level, place) = (merkle(tile), level + 1, place / WIDTH);
            if level >= LEVELS_MAX {
                return None;
            }
        }
    }
    Some(changed)
}

/// Tiles that the root over `size` leaves needs, and with `index` the proof of that leaf.
#[must_use]
pub fn needed(size: u64, index: Option<u64>) -> BTreeSet<TileAt> {
    let mut needed = BTreeSet::new();
    let mut note = |at: TileAt, _: u64, _: u64| {
        needed.insert(at);
        Some(vec![0; 32])
    };
    match index {
        Some(index) => drop(path(0, size, index, &mut note)),
        None => drop(root_of(0, size, &mut note)),
    }
    needed
}

/// The root over the first `size` leaves: a digest. Empty for none; `None` when a tile lacks what it should have.
#[must_use]
pub fn root(size: u64, tiles: &Tiles) -> Option<Hash> {
    match size {
        0 => Some(Hash::new()),
        _ => root_of(0, size, &mut |at, from, count| node(tiles, at, from, count)),
    }
}

/// The hashes beside the way from leaf `index` to the root over the first `size` leaves, nearest first.
#[must_use]
pub fn prove(size: u64, index: u64, tiles: &Tiles) -> Option<Vec<Hash>> {
    if index >= size {
        return None;
    }
    path(0, size, index, &mut |at, from, count| node(tiles, at, from, count))
}

fn node(tiles: &Tiles, at: TileAt, from: u64, count: u64) -> Option<Hash> {
    let (from, count) = (usize::try_from(from).ok()?, usize::try_from(count).ok()?);
    tiles.get(&at)?.get(from..from + count).map(merkle)
}

/// Gives the root over `count` hashes of a tile, from `from` on.
type Node<'a> = dyn FnMut(TileAt, u64, u64) -> Option<Hash> + 'a;

/// The root over leaves `from` to `until`, of which `from` is a multiple of the largest power of two that fits.
fn root_of(from: u64, until: u64, node: &mut Node<'_>) -> Option<Hash> {
    let count = until - from;
    if count.is_power_of_two() {
        // All of it is in one tile: of level `bits / 8`, a part of `2^(bits % 8)` hashes.
        let bits = count.trailing_zeros();
        let (level, width) = (bits / 8, 1 << (bits % 8));
        let place = from >> (8 * level);
        return node((level, place / WIDTH), place % WIDTH, width);
    }
    let middle = from + split(count);
    let left = root_of(from, middle, node)?;
    Some(dot(&left, &root_of(middle, until, node)?))
}

fn path(from: u64, until: u64, index: u64, node: &mut Node<'_>) -> Option<Vec<Hash>> {
    if until - from == 1 {
        return Some(Vec::new());
    }
    let middle = from + split(until - from);
    let (mut path, beside) = match index < middle {
        true => (path(from, middle, index, node)?, root_of(middle, until, node)?),
        false => (path(middle, until, index, node)?, root_of(from, middle, node)?),
    };
    path.push(beside);
    Some(path)
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (63 - (count - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::hash::fold;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|number| Sha256::digest(number.to_be_bytes()).to_vec()).collect()
    }

    /// A tree that grew in these steps, as a store keeps it.
    fn grown(steps: &[u64]) -> (u64, Tiles) {
        let all = leaves(steps.iter().sum());
        let (mut size, mut tiles) = (0, Tiles::new());
        for step in steps {
            let new = &all[size as usize..(size + step) as usize];
            let has: Tiles = edge(size).into_iter().map(|at| (at, tiles[&at].clone())).collect();
            tiles.extend(append(size, &has, new).expect("its edge"));
            size += step;
        }
        (size, tiles)
    }

    #[test]
    fn a_tree_in_tiles_has_the_root_and_the_proofs_of_one_in_a_list() {
        let (size, tiles) = grown(&[1, 2, 253, 1, 300, 65_000, 500]);
        let all = leaves(size);
        for count in [1, 2, 3, 255, 256, 257, 511, 512, 600, 4_097, 65_535, 65_536, 65_537, size] {
            let only = |index: Option<u64>| -> Tiles {
                needed(count, index)
                    .into_iter()
                    .filter_map(|at| Some((at, tiles.get(&at)?.clone())))
                    .collect()
            };
            let root_in_tiles = root(count, &only(None)).expect("enough tiles");
            assert_eq!(root_in_tiles, merkle(&all[..count as usize]), "{count}");
            for index in [0, 1, count / 3, count / 2, count - 1].into_iter().filter(|index| *index < count) {
                let proof = prove(count, index, &only(Some(index))).expect("enough tiles");
                assert_eq!(fold(&all[index as usize], &proof), root_in_tiles, "{index} of {count}");
                assert!(proof.len() <= 17 && only(Some(index)).len() <= 8, "{index} of {count}");
            }
            assert_eq!(prove(count, count, &tiles), None);
        }
        assert_eq!(root(0, &tiles), Some(Hash::new()));
        assert_eq!(root(size + 1, &tiles), None, "more than there is");
    }

    #[test]
    fn an_edge_that_is_not_the_tree_s_is_refused() {
        let (size, mut tiles) = grown(&[300]);
        assert_eq!(edge(size), [(0, 1), (1, 0)]);
        assert!(append(size, &tiles, &leaves(1)).is_some());
        tiles.get_mut(&(0, 1)).expect("a tile").pop();
        assert_eq!(append(size, &tiles, &leaves(1)), None);
        assert_eq!(append(size, &Tiles::new(), &leaves(1)), None);
    }

    proptest! {
        #[test]
        fn however_it_grows_the_root_is_the_same(steps in prop::collection::vec(0_u64..700, 1..6), at in 0_u64..4_000) {
            let (size, tiles) = grown(&steps);
            prop_assert_eq!(root(size, &tiles), Some(merkle(&leaves(size))));
            if at < size {
                let proof = prove(size, at, &tiles).expect("a proof");
                prop_assert_eq!(fold(&leaves(size)[at as usize], &proof), merkle(&leaves(size)));
            }
        }
    }
}

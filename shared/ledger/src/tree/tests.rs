use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2_oracle::Sha256;
use tlog_tiles::{check_record, check_tree, prove_record, prove_tree};

use super::*;
use crate::hash::{sha256_hex, to_text};
use crate::tile::encode_entries;

// The leaves and roots that RFC 6962 implementations share (certificate-transparency's own tests).
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn roots_are_those_of_rfc_6962() {
    let mut edge = Edge::empty();
    assert_eq!(hex::encode(edge.root().0), ROOTS[0]);
    for (leaf, root) in LEAVES.iter().zip(&ROOTS[1..]) {
        edge.append(&[hex::decode(leaf).expect("hex")]);
        assert_eq!(hex::encode(edge.root().0), *root);
    }
}

// A log of 600 entries `{"i":0}`, … that Go's `sumdb/tlog` read: SHA-256 of each of its files.
const FILES: [(&str, &str); 7] = [
    ("tile/0/000", "b1fa87cf7378285eabf4d3044cffd5d0d55a2a66982c37ce8d0a3955df5de929"),
    ("tile/0/001", "0e96d0bc06deeaf36981085dc0b4f4de02e2279f883b351b8a1508fad8142516"),
    ("tile/0/002.p/88", "8e644117ab1807e7de2f6ed87a41892768461ed777b426b6e2dd7340e24c5d76"),
    ("tile/1/000.p/2", "0a1bce7ef6198674979612ed2a75cca1d89c90fca5e79a5daed8a06ec1be6870"),
    ("tile/entries/000", "c601ae162cd3351bb410f1f47cf5264a20f5dc9e27f6cf272f337803d1f72871"),
    ("tile/entries/001", "b708bbd13644cad7f5bac887823816e5c7ab548a4caa27cd87fe36110dd0718f"),
    ("tile/entries/002.p/88", "23a1b3fdf8f1879219347c22ce4546a1ae5e4d8ce89bf0f71d7f0d877b9980ed"),
];

#[test]
fn files_are_those_that_another_implementation_reads() {
    let entries: Vec<_> = (0..600).map(|i| format!("{{\"i\":{i}}}")).collect();
    let mut edge = Edge::empty();
    let hashes = edge.append(&entries).into_iter().chain(edge.partial_tiles(0));
    let mut files: BTreeMap<_, _> =
        hashes.map(|(name, bytes)| (name.to_string(), sha256_hex(&bytes))).collect();
    for (index, chunk) in (0..).zip(entries.chunks(256)) {
        let name = TileName::new(Level::Entries, index, chunk.len() as u16).expect("a tile");
        files.insert(name.to_string(), sha256_hex(&encode_entries(chunk)));
    }
    let expected = FILES.iter().map(|(name, hash)| (name.to_string(), hash.to_string())).collect();
    assert_eq!(files, expected);
    assert_eq!(to_text(&edge.root()), "6nELmYhcIzZScdG8PTtk0coA1J6rYor7U4TaSpvddD4=");
}

/// A tree as its log keeps it: every tile of every size that was reached.
#[derive(Default)]
struct Log {
    edge: Edge,
    tiles: BTreeMap<TileName, Bytes>,
    oracle: MemoryBackedTree<Sha256, Vec<u8>>,
    roots: Vec<Hash>,
}

impl Log {
    fn of(batches: &[usize]) -> Self {
        let mut log = Self::default();
        log.roots.push(log.edge.root());
        for &batch in batches {
            let old = log.edge.size();
            let leaves: Vec<_> = (old..old + batch as u64).map(|i| i.to_be_bytes().to_vec()).collect();
            for leaf in &leaves {
                log.oracle.push(leaf.clone());
                log.roots.push(Hash(log.oracle.root().as_bytes().as_slice().try_into().expect("32 bytes")));
            }
            let full = log.edge.append(&leaves);
            for (name, bytes) in full.into_iter().chain(log.edge.partial_tiles(old)) {
                log.tiles.insert(name, bytes.into());
            }
            log.edge = Edge::load(log.edge.size(), &log.edge.root(), &log.tiles).expect("its own tiles");
        }
        log
    }

    /// What a reader fetches: these names and no other tile.
    fn fetch(&self, names: &[TileName]) -> BTreeMap<TileName, Bytes> {
        names
            .iter()
            .map(|name| (*name, self.tiles.get(name).unwrap_or_else(|| panic!("no {name}")).clone()))
            .collect()
    }

    fn check_inclusion(&self, index: u64) {
        let (size, root) = (self.edge.size(), self.edge.root());
        let tiles = self.fetch(&tiles_of_inclusion(size, index));
        let proof = prove_record(size, index, &Tiles(&tiles)).expect("all hashes are in these tiles");
        let leaf_hash = record_hash(&index.to_be_bytes());
        check_record(&proof, size, root, index, leaf_hash).expect("a proof");
        let theirs = self.oracle.prove_inclusion(index as usize);
        let ours: Vec<u8> = proof.iter().flat_map(|hash| hash.0).collect();
        assert_eq!(theirs.as_bytes(), ours);
    }

    fn check_consistency(&self, old: u64) {
        let (size, root) = (self.edge.size(), self.edge.root());
        let tiles = self.fetch(&tiles_of_consistency(size, old));
        let proof = prove_tree(size, old, &Tiles(&tiles)).expect("all hashes are in these tiles");
        check_tree(&proof, size, root, old, self.roots[old as usize]).expect("a proof");
        let theirs = self.oracle.prove_consistency((size - old) as usize);
        let ours: Vec<u8> = proof.iter().flat_map(|hash| hash.0).collect();
        assert_eq!(theirs.as_bytes(), ours);
    }
}

#[test]
fn a_log_across_three_levels_of_tiles_is_the_oracle_s() {
    // 65,536 entries fill the first tile of level 1; 66,000 leave a partial one on each level.
    let batches: Vec<_> = std::iter::repeat_n(1000, 66).collect();
    let mut edge = Edge::empty();
    let mut tiles = BTreeMap::new();
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for (at, &batch) in batches.iter().enumerate() {
        let leaves: Vec<_> = (0..batch).map(|i| (at * 1000 + i).to_be_bytes().to_vec()).collect();
        leaves.iter().for_each(|leaf| oracle.push(leaf.clone()));
        let old = edge.size();
        tiles.extend(edge.append(&leaves).into_iter().map(|(name, bytes)| (name, Bytes::from(bytes))));
        tiles.extend(edge.partial_tiles(old).into_iter().map(|(name, bytes)| (name, Bytes::from(bytes))));
    }
    assert_eq!(edge.root().0.as_slice(), oracle.root().as_bytes().as_slice());
    let names: Vec<_> = Edge::tiles_of(66_000).iter().map(ToString::to_string).collect();
    assert_eq!(names, ["tile/0/257.p/208", "tile/1/001.p/1", "tile/2/000.p/1"]);
    for index in [0, 1, 255, 256, 65_535, 65_536, 65_791, 65_999] {
        let found =
            tiles_of_inclusion(66_000, index).iter().map(|name| (*name, tiles[name].clone())).collect();
        let proof = prove_record(66_000, index, &Tiles(&found)).expect("all hashes are in these tiles");
        let leaf = record_hash(&(index as usize).to_be_bytes());
        check_record(&proof, 66_000, edge.root(), index, leaf).expect("a proof");
    }
}

#[test]
fn an_edge_is_believed_only_with_its_root() {
    let log = Log::of(&[300]);
    let (size, root) = (log.edge.size(), log.edge.root());
    assert_eq!(Edge::load(size, &root, &log.tiles), Ok(log.edge.clone()));
    assert!(Edge::load(size, &log.roots[299], &log.tiles).is_err());
    assert!(Edge::load(size - 1, &root, &log.tiles).is_err());
    assert!(Edge::load(size, &root, &BTreeMap::new()).is_err());
    for name in Edge::tiles_of(size) {
        let mut tiles = log.tiles.clone();
        let mut bytes = tiles[&name].to_vec();
        bytes[5] ^= 1;
        tiles.insert(name, bytes.into());
        assert!(Edge::load(size, &root, &tiles).is_err(), "{name}");
    }
    assert!(Edge::load(u64::MAX, &root, &log.tiles).is_err());
}

#[test]
fn the_tiles_that_a_batch_writes_are_the_specification_s() {
    let written = |old: u64, new: u64| -> Vec<String> {
        let mut edge = Edge::empty();
        let leaves: Vec<_> = (0..new).map(u64::to_be_bytes).collect();
        edge.append(&leaves[..old as usize]);
        let full = edge.append(&leaves[old as usize..]);
        full.into_iter().chain(edge.partial_tiles(old)).map(|(name, _)| name.to_string()).collect()
    };
    assert_eq!(written(0, 1), ["tile/0/000.p/1"]);
    assert_eq!(written(0, 256), ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(written(256, 257), ["tile/0/001.p/1"]);
    assert_eq!(written(255, 513), ["tile/0/000", "tile/0/001", "tile/0/002.p/1", "tile/1/000.p/2"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn proofs_from_tiles_are_the_oracle_s(batches in prop::collection::vec(1_usize..200, 1..8), at: prop::sample::Index) {
        let log = Log::of(&batches);
        let size = log.edge.size();
        prop_assert_eq!(log.edge.root(), *log.roots.last().expect("a root"));
        for index in [0, at.index(size as usize) as u64, size - 1] {
            log.check_inclusion(index);
            log.check_consistency(index + 1);
        }
    }

    #[test]
    fn batches_of_any_size_make_the_same_full_tiles(batches in prop::collection::vec(1_usize..300, 1..6)) {
        let (split, whole) = (Log::of(&batches), Log::of(&[batches.iter().sum()]));
        for (name, tile) in &whole.tiles {
            if name.width() == TILE_WIDTH || Edge::tiles_of(whole.edge.size()).contains(name) {
                prop_assert_eq!(split.tiles.get(name), Some(tile));
            }
        }
        prop_assert_eq!(&split.edge, &whole.edge);
    }

    #[test]
    fn tiles_of_any_bytes_never_panic(size in 0..=SIZE_MAX, index: u64, bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let tiles: BTreeMap<_, _> = tiles_of_inclusion(size, index.min(size)).into_iter()
            .map(|name| (name, Bytes::from(bytes.clone()))).collect();
        prop_assert!(Edge::load(size, &Hash([0; 32]), &tiles).is_err());
        if index < size {
            // Tiles of any bytes make some proof, or none; it leads to another root.
            let proof = prove_record(size, index, &Tiles(&tiles)).unwrap_or_default();
            prop_assert!(check_record(&proof, size, Hash([0; 32]), index, Hash([1; 32])).is_err());
        }
    }
}

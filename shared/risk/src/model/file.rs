//! A model's file: checked once, so that evaluating it cannot fail.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{Class, Said};

/// Bytes of a file.
const BYTES_MAX: usize = 2_000_000;
/// Trees of a model.
const TREES_MAX: usize = 500;
/// Nodes of all trees together.
const NODES_MAX: usize = 20_000;
/// Any number of a node: sums of all trees stay far from the limits of 64 bits.
const NUMBER_MAX: u64 = 1_000_000_000_000;
/// What a model may add: from the prior of two percent it does not reach `danger` alone.
const UP_MAX: i64 = 4_000;
/// What a model may take away: no report, imitation or trap is outweighed by it.
const DOWN_MAX: i64 = 1_000;
/// A scale of one.
const SCALE_ONE: i64 = 1_000;

/// One node of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Thousandths of log-odds that are expected here; of a leaf, what it says.
    pub value: i64,
    /// The question; a leaf has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
}

/// A question about one feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Which feature, by its place.
    pub feature: usize,
    /// At most so much goes left.
    pub at_most: i64,
    /// Where it goes on, behind this node.
    pub left: usize,
    /// Where it goes on otherwise, behind this node.
    pub right: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// 1.
    schema: u32,
    name: String,
    class: Class,
    /// By name, in their order.
    features: Vec<String>,
    /// Where each tree begins.
    roots: Vec<usize>,
    nodes: Vec<Node>,
    /// Thousandths by which the trees' sum is taken.
    scale: i64,
    /// What is counted at most, upwards.
    up_max: i64,
    /// And downwards.
    down_max: i64,
    /// What it was made of.
    data_sha256: String,
    /// From which it can be made again.
    seed: u64,
    /// Cross-validated, in millionths.
    measures: BTreeMap<String, i64>,
}

/// Bytes that are no model.
#[derive(Debug, thiserror::Error)]
pub enum BadModel {
    /// Over a limit.
    #[error("a model has at most {BYTES_MAX} bytes, {TREES_MAX} trees and {NODES_MAX} nodes")]
    TooLarge,
    /// Not JSON of a model's form.
    #[error("not a model")]
    Form(#[from] serde_json::Error),
    /// Its features are not those of its class in this release.
    #[error("the features are not those of this release")]
    Features,
    /// A tree leads nowhere, back, or twice to one node.
    #[error("node {0} is not part of one tree")]
    Tree(usize),
    /// A number is over its limit.
    #[error("{0}")]
    Number(&'static str),
}

/// A model that can be asked.
#[derive(Clone, Debug)]
pub struct Model {
    file: File,
    sha256: String,
}

/// What a model is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub class: Class,
    /// Where each tree begins.
    pub roots: Vec<usize>,
    /// All nodes; a parent is before its children.
    pub nodes: Vec<Node>,
    /// Thousandths by which the trees' sum is taken.
    pub scale: i64,
    /// What is counted at most, upwards and downwards.
    pub bounds: (i64, i64),
    /// SHA-256 of what it was learned from, in hex.
    pub data_sha256: String,
    /// The seed of the training.
    pub seed: u64,
    /// Cross-validated, in millionths.
    pub measures: BTreeMap<String, i64>,
}

impl Model {
    /// Reads a model's JSON and checks it. Its name is the hash of its canonical JSON (RFC 8785), not of its layout.
    ///
    /// # Errors
    /// `BadModel`.
    pub fn parse(json: &[u8]) -> Result<Self, BadModel> {
        if json.len() > BYTES_MAX {
            return Err(BadModel::TooLarge);
        }
        Self::of_file(serde_json::from_slice(json)?)
    }

    /// Of what a training made.
    ///
    /// # Errors
    /// `BadModel`.
    pub fn of(parts: Parts) -> Result<Self, BadModel> {
        let (up_max, down_max) = parts.bounds;
        Self::of_file(File {
            schema: 1,
            name: parts.name,
            class: parts.class,
            features: parts.class.features(),
            roots: parts.roots,
            nodes: parts.nodes,
            scale: parts.scale,
            up_max,
            down_max,
            data_sha256: parts.data_sha256,
            seed: parts.seed,
            measures: parts.measures,
        })
    }

    fn of_file(file: File) -> Result<Self, BadModel> {
        check(&file)?;
        let canonical = serde_json_canonicalizer::to_vec(&file)?;
        Ok(Self { file, sha256: hex::encode(Sha256::digest(canonical)) })
    }

    /// RFC 8785 bytes.
    ///
    /// # Errors
    /// Never for a model that was checked.
    pub fn canonical(&self) -> Result<Vec<u8>, BadModel> {
        Ok(serde_json_canonicalizer::to_vec(&self.file)?)
    }

    /// SHA-256 of the canonical JSON, in hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// What it is about.
    #[must_use]
    pub fn class(&self) -> Class {
        self.file.class
    }

    /// SHA-256 of what it was learned from, in hex.
    #[must_use]
    pub fn data_sha256(&self) -> &str {
        &self.file.data_sha256
    }

    /// Cross-validated measures, in millionths.
    #[must_use]
    pub fn measures(&self) -> &BTreeMap<String, i64> {
        &self.file.measures
    }

    /// What it counts at most, upwards, in thousandths of log-odds.
    #[must_use]
    pub fn up_max(&self) -> i64 {
        self.file.up_max
    }

    /// The name of a feature.
    #[must_use]
    pub fn feature(&self, place: usize) -> &str {
        self.file.features.get(place).map_or("", String::as_str)
    }

    /// What it says of `features`; `None` when they are not as many as it has.
    #[must_use]
    pub fn say(&self, features: &[i64]) -> Option<Said> {
        if features.len() != self.file.features.len() {
            return None;
        }
        let (mut start, mut moved) = (0, BTreeMap::new());
        for root in &self.file.roots {
            let mut node = self.file.nodes.get(*root)?;
            start += node.value;
            // INVARIANT: children are behind their parent, so that this ends.
            while let Some(split) = node.split {
                let goes_left = *features.get(split.feature)? <= split.at_most;
                let child = self.file.nodes.get(if goes_left { split.left } else { split.right })?;
                *moved.entry(split.feature).or_insert(0) += child.value - node.value;
                node = child;
            }
        }
        moved.retain(|_, by| *by != 0);
        let sum = start + moved.values().sum::<i64>();
        // Rounds towards zero.
        let scaled = sum * self.file.scale / SCALE_ONE;
        let counted = scaled.clamp(-self.file.down_max, self.file.up_max);
        Some(Said { start, moved, scaled: scaled - sum, bounded: counted - scaled })
    }
}

fn check(file: &File) -> Result<(), BadModel> {
    if file.roots.len() > TREES_MAX || file.nodes.len() > NODES_MAX {
        return Err(BadModel::TooLarge);
    }
    if file.schema != 1 || file.features != file.class.features() {
        return Err(BadModel::Features);
    }
    let number = |holds: bool, what: &'static str| if holds { Ok(()) } else { Err(BadModel::Number(what)) };
    number((0..=2 * SCALE_ONE).contains(&file.scale), "the scale is from 0 to 2,000 thousandths")?;
    number((0..=UP_MAX).contains(&file.up_max), "what a model adds is bounded")?;
    number((0..=DOWN_MAX).contains(&file.down_max), "what a model takes away is bounded")?;
    let mut reached = vec![0_u32; file.nodes.len()];
    let mut reach = |place: usize| match reached.get_mut(place) {
        Some(times) => {
            *times += 1;
            Ok(())
        }
        None => Err(BadModel::Tree(place)),
    };
    file.roots.iter().try_for_each(|root| reach(*root))?;
    for (place, node) in file.nodes.iter().enumerate() {
        number(node.value.unsigned_abs() <= NUMBER_MAX, "a value is at most a million millions")?;
        let Some(split) = node.split else { continue };
        number(split.at_most.unsigned_abs() <= NUMBER_MAX, "a threshold is at most a million millions")?;
        if split.left <= place || split.right <= place || split.feature >= file.features.len() {
            return Err(BadModel::Tree(place));
        }
        reach(split.left)?;
        reach(split.right)?;
    }
    match reached.iter().position(|times| *times != 1) {
        Some(place) => Err(BadModel::Tree(place)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaf(value: i64) -> Node {
        Node { value, split: None }
    }

    fn split(value: i64, feature: usize, at_most: i64, left: usize, right: usize) -> Node {
        Node { value, split: Some(Split { feature, at_most, left, right }) }
    }

    fn parts(nodes: Vec<Node>, roots: Vec<usize>) -> Parts {
        Parts {
            name: "synthetic".to_owned(),
            class: Class::Domain,
            roots,
            nodes,
            scale: 800,
            bounds: (3_000, 1_000),
            data_sha256: "00".repeat(32),
            seed: 1,
            measures: BTreeMap::new(),
        }
    }

    fn two_trees() -> Model {
        let nodes = vec![
            split(100, 0, 10, 1, 2),
            leaf(-400),
            split(900, 1, 0, 3, 4),
            leaf(300),
            leaf(2_000),
            split(-50, 1, 2, 6, 7),
            leaf(-60),
            leaf(700),
        ];
        Model::of(parts(nodes, vec![0, 5])).expect("a model")
    }

    fn features(first: i64, second: i64) -> Vec<i64> {
        let mut all = vec![0; Class::Domain.features().len()];
        (all[0], all[1]) = (first, second);
        all
    }

    #[test]
    fn each_feature_gets_what_it_moved() {
        let said = two_trees().say(&features(11, 3)).expect("features");
        assert_eq!((said.start, &said.moved), (50, &BTreeMap::from([(0, 800), (1, 1_850)])));
        assert_eq!((said.scaled, said.bounded, said.total()), (-540, 0, 2_160));
        let low = two_trees().say(&features(0, 0)).expect("features");
        assert_eq!(low.total(), -368);
        assert!(two_trees().say(&[0]).is_none());
    }

    #[test]
    fn a_model_is_its_content_and_reads_what_it_wrote() {
        let model = two_trees();
        let again = Model::parse(&model.canonical().expect("JSON")).expect("a model");
        assert_eq!(model.sha256(), again.sha256());
        let spaced = String::from_utf8(model.canonical().expect("JSON")).expect("text").replace(':', ": ");
        assert_eq!(Model::parse(spaced.as_bytes()).expect("a model").sha256(), model.sha256());
    }

    #[test]
    fn trees_that_are_none_are_refused() {
        for nodes in [
            vec![split(0, 0, 0, 0, 1), leaf(0)],
            vec![split(0, 0, 0, 1, 1), leaf(0)],
            vec![split(0, 0, 0, 1, 9), leaf(0)],
            vec![split(0, 99, 0, 1, 2), leaf(0), leaf(0)],
            vec![leaf(0), leaf(0)],
        ] {
            assert!(matches!(Model::of(parts(nodes.clone(), vec![0])), Err(BadModel::Tree(_))), "{nodes:?}");
        }
        let over = Parts { bounds: (UP_MAX + 1, 0), ..parts(vec![leaf(0)], vec![0]) };
        assert!(matches!(Model::of(over), Err(BadModel::Number(_))));
        for number in [i64::MIN, -1 - NUMBER_MAX as i64, 1 + NUMBER_MAX as i64, i64::MAX] {
            let value = Model::of(parts(vec![leaf(number)], vec![0]));
            let threshold = Model::of(parts(vec![split(0, 0, number, 1, 2), leaf(0), leaf(0)], vec![0]));
            assert!(matches!(value, Err(BadModel::Number(_))), "{number}");
            assert!(matches!(threshold, Err(BadModel::Number(_))), "{number}");
        }
        assert!(matches!(Model::parse(b"{}"), Err(BadModel::Form(_))));
    }

    proptest! {
        #[test]
        fn what_is_listed_adds_up_and_stays_in_its_bounds(first in any::<i64>(), second in any::<i64>()) {
            let said = two_trees().say(&features(first, second)).expect("features");
            let listed = said.start + said.moved.values().sum::<i64>() + said.scaled + said.bounded;
            prop_assert_eq!(listed, said.total());
            prop_assert!((-1_000..=3_000).contains(&said.total()));
        }
    }
}

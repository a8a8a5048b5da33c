//! The models of this release: which there are, what they measured, and for which rules they count.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Serialize;

use crate::engine::rules::RuleSet;
use crate::likelihood::{Calibration, Curve};
use crate::model::Model;

/// One model of this release.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What it is about: `contract` or `domain`.
    pub class: &'static str,
    /// SHA-256 of its canonical JSON, in hex: as verdicts and rule sets name it.
    pub sha256: String,
    /// SHA-256 of what it was learned from, in hex.
    pub data_sha256: String,
    /// Whether the rules of this release count it.
    pub active: bool,
    /// Cross-validated measures, in millionths, by name.
    pub measures: BTreeMap<String, i64>,
}

/// The models of this release.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Registry {
    /// By name.
    pub models: Vec<Listed>,
    /// By what the likelihood of verdicts is made.
    pub calibration: ListedCalibration,
}

/// The calibration that counts.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ListedCalibration {
    /// Its name.
    pub name: String,
    /// SHA-256 of its canonical JSON, in hex: as verdicts name it.
    pub sha256: String,
    /// By class; what is not here has no likelihood.
    pub classes: BTreeMap<&'static str, ListedCurve>,
}

/// What evidence is worth on the questions of one class.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ListedCurve {
    /// What the sets are, and what they cannot tell.
    pub about: String,
    /// SHA-256 of the rows that it was made from, in hex.
    pub data_sha256: String,
    /// The signals that were measured.
    pub signals: Vec<String>,
    /// Cross-validated measures, in millionths, by name.
    pub measures: BTreeMap<String, i64>,
}

/// As JSON, each from one file of `models/`.
const FILES: [&str; 1] = [include_str!("../../models/domain-2026-11.json")];

static SHIPPED: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let read = |file: &&str| Model::parse(file.as_bytes()).expect("a test of this crate reads every model");
    FILES.iter().map(read).collect()
});

impl Model {
    /// The model with this hash, if this release has it.
    #[must_use]
    pub fn shipped(sha256: &str) -> Option<&'static Self> {
        SHIPPED.iter().find(|model| model.sha256() == sha256)
    }
}

/// What models this release has, with hash, measures and whether they count.
#[must_use]
pub fn listed() -> Registry {
    let counts = |model: &Model| {
        let of = RuleSet::all().into_iter().filter_map(|rules| rules.model(model.class()));
        of.into_iter().any(|counted| counted.sha256() == model.sha256())
    };
    let mut models: Vec<_> = SHIPPED
        .iter()
        .map(|model| Listed {
            name: model.name().to_owned(),
            class: model.class().name(),
            sha256: model.sha256().to_owned(),
            data_sha256: model.data_sha256().to_owned(),
            active: counts(model),
            measures: model.measures().clone(),
        })
        .collect();
    models.sort_by(|one, two| one.name.cmp(&two.name));
    let calibration = Calibration::current();
    let curve = |curve: &Curve| ListedCurve {
        about: curve.about.clone(),
        data_sha256: curve.data_sha256.clone(),
        signals: curve.signals.iter().map(|id| id.name()).collect(),
        measures: curve.measures.clone(),
    };
    let classes = calibration.curves().iter().map(|(class, of)| (class.name(), curve(of))).collect();
    let calibration = ListedCalibration {
        name: calibration.name().to_owned(),
        sha256: calibration.sha256().to_owned(),
        classes,
    };
    Registry { models, calibration }
}

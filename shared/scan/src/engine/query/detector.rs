//! Detectors and sets of them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::BadDetector;
use super::limits::DETECTORS_MAX;
use super::parse;
use super::program::{Query, Sure};
use crate::engine::report::{Confidence, Severity};

/// Which language texts are read as; changes whenever a text may find something else.
const LANGUAGE: &str = "scorpius-detector/1";
/// Stands before the id of a detector that does not come with the platform.
pub const PREFIX: &str = "tenant/";

/// What a detector says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DetectorAbout {
    /// As in findings: with `tenant/` before what its text says.
    pub id: String,
    /// In a few words.
    pub title: String,
    /// A category of the DASP ten, or another; `other` unless said.
    pub category: String,
    /// Smart contract weakness, where the registry has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swc: Option<u16>,
    /// Common weakness enumeration.
    pub cwe: u16,
    /// How bad its findings are at worst.
    pub severity: Severity,
    /// How sure they are.
    pub confidence: Confident,
    /// What is wrong, and why that is bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
}

/// How sure the findings of a detector are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confident {
    /// Always possible.
    Possible,
    /// Always likely.
    Likely,
    /// The one or the other.
    ByPath,
}

impl Confident {
    pub(super) fn of(said: impl Iterator<Item = Sure>) -> Self {
        let said: Vec<Sure> = said.collect();
        let always = |wanted| said.iter().all(|it| *it == Sure::Always(wanted));
        match (always(Confidence::Possible), always(Confidence::Likely)) {
            (true, _) => Self::Possible,
            (_, true) => Self::Likely,
            _ => Self::ByPath,
        }
    }
}

/// One detector, parsed and checked.
pub struct Detector {
    pub(super) about: DetectorAbout,
    pub(super) queries: Vec<Query>,
    source_sha256: String,
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").field("about", &self.about).finish_non_exhaustive()
    }
}

impl Detector {
    /// The detector that `text` is.
    ///
    /// # Errors
    /// The first thing that is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, BadDetector> {
        let (mut about, queries) = parse::detector(text)?;
        about.id = format!("{PREFIX}{}", about.id);
        Ok(Self { about, queries, source_sha256: hex::encode(Sha256::digest(text)) })
    }

    /// What it says of itself.
    #[must_use]
    pub fn about(&self) -> &DetectorAbout {
        &self.about
    }

    /// Its id, as its text says it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.about.id.strip_prefix(PREFIX).unwrap_or(&self.about.id)
    }

    /// SHA-256 of its text, in hex.
    #[must_use]
    pub fn source_sha256(&self) -> &str {
        &self.source_sha256
    }
}

/// Detectors that come with the platform and are written in the language.
pub(crate) fn shipped() -> &'static [Detector] {
    static SHIPPED: LazyLock<Vec<Detector>> = LazyLock::new(|| {
        let texts = [
            include_str!("../../../detectors/tx-origin-authentication.det"),
            include_str!("../../../detectors/unchecked-call.det"),
        ];
        let read = |text: &str| {
            let (about, queries) = parse::detector(text).expect("tests read every text that is shipped");
            Detector { about, queries, source_sha256: hex::encode(Sha256::digest(text)) }
        };
        texts.into_iter().map(read).collect()
    });
    &SHIPPED
}

/// Detectors that are asked besides those of the platform, by id.
#[derive(Debug, Default)]
pub struct DetectorSet {
    detectors: Vec<Detector>,
    /// Ids of detectors whose text could not be read.
    unreadable: Vec<String>,
    sha256: Option<String>,
}

/// What is no set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotASet {
    /// Two of one id.
    #[error("two detectors are called `{0}`")]
    Twice(String),
    /// Too many.
    #[error("more than {DETECTORS_MAX} detectors")]
    TooMany,
}

impl DetectorSet {
    /// The set without a detector.
    #[must_use]
    pub fn none() -> &'static Self {
        static NONE: LazyLock<DetectorSet> = LazyLock::new(DetectorSet::default);
        &NONE
    }

    /// The set of `detectors`, in any order. Of each of `unreadable`, ids as texts say them, a report says that it was not
    /// asked.
    ///
    /// # Errors
    /// Two of one id, or too many.
    pub fn of(mut detectors: Vec<Detector>, mut unreadable: Vec<String>) -> Result<Self, NotASet> {
        if detectors.len() + unreadable.len() > DETECTORS_MAX {
            return Err(NotASet::TooMany);
        }
        detectors.sort_by(|a, b| a.about.id.cmp(&b.about.id));
        unreadable.sort_unstable();
        let names = detectors.iter().map(Detector::name).chain(unreadable.iter().map(String::as_str));
        let mut told = BTreeSet::new();
        if let Some(twice) = names.into_iter().find(|name| !told.insert(*name)) {
            return Err(NotASet::Twice(twice.to_owned()));
        }
        if detectors.is_empty() && unreadable.is_empty() {
            return Ok(Self::default());
        }
        let mut hash = Sha256::new();
        hash.update(LANGUAGE);
        for detector in &detectors {
            hash.update(format!("\n{} {}", detector.about.id, detector.source_sha256));
        }
        for id in &unreadable {
            hash.update(format!("\n{PREFIX}{id} unreadable"));
        }
        Ok(Self { detectors, unreadable, sha256: Some(hex::encode(hash.finalize())) })
    }

    /// Its detectors, by id.
    #[must_use]
    pub fn detectors(&self) -> &[Detector] {
        &self.detectors
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sha256.is_none()
    }

    /// Of its detectors' ids and texts, and of the language, in hex; `None` without a detector.
    #[must_use]
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    pub(crate) fn unreadable(&self) -> &[String] {
        &self.unreadable
    }
}

//! A calibration's file: checked once, so that reading from it cannot fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Class;
use crate::engine::rules::{RuleSet, SignalId};

/// Bytes of a file.
const BYTES_MAX: usize = 500_000;
/// Steps of a curve.
const STEPS_MAX: usize = 1_000;
/// What a step may move, in thousandths of log-odds.
const EVIDENCE_MAX: i64 = 40_000;

/// A calibration of this release. It is read when it is first used: most questions ask for its hash alone.
struct Shipped {
    sha256: &'static str,
    calibration: LazyLock<Calibration>,
}

/// Each from one file of `models/`. The last one is what questions are asked by; the others are for replays.
static SHIPPED: [Shipped; 1] = [Shipped {
    sha256: "f0474a713b927a6c2f013a038c7be9ed8063a426ced99dce5bbc67b6b76f2134",
    calibration: LazyLock::new(|| read(include_str!("../../models/calibration-2026-11.json"))),
}];

fn read(file: &str) -> Calibration {
    Calibration::parse(file.as_bytes()).expect("a test of this crate reads every calibration")
}

/// One step: from here on, up to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Sum of the measured contributions, in thousandths of log-odds.
    pub from: i64,
    /// What such a sum moves, in thousandths of log-odds.
    pub evidence: i64,
    /// At least.
    pub low: i64,
    /// At most.
    pub high: i64,
    /// Rows of the sets with such a sum that were harmful.
    pub harmful: u64,
    /// And those that were not.
    pub harmless: u64,
}

/// Cross-validated measures, in millionths.
pub type Measured = BTreeMap<String, i64>;

/// What evidence is worth on the questions of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// What the sets are, and what they cannot tell.
    pub about: String,
    /// The signals that were measured.
    pub signals: BTreeSet<SignalId>,
    /// By `from`, which rises, as `evidence`, `low` and `high` do or stay.
    pub steps: Vec<Step>,
    /// SHA-256 of the rows that it was made from, in hex.
    pub data_sha256: String,
    /// Cross-validated, in millionths.
    pub measures: Measured,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// 1.
    schema: u32,
    name: String,
    /// Hashes of the rule sets whose contributions it reads.
    rules_sha256: BTreeSet<String>,
    curves: BTreeMap<Class, Curve>,
}

/// Bytes that are no calibration.
#[derive(Debug, thiserror::Error)]
pub enum BadCalibration {
    /// Over a limit.
    #[error("a calibration has at most {BYTES_MAX} bytes and {STEPS_MAX} steps a class")]
    TooLarge,
    /// Not JSON of a calibration's form.
    #[error("not a calibration")]
    Form(#[from] serde_json::Error),
    /// Steps that fall, or do not hold their estimate.
    #[error("the curve of `{0}` falls, or has no steps")]
    Curve(&'static str),
}

/// Curves by class, and the rules that they are for.
#[derive(Clone, Debug)]
pub struct Calibration {
    file: File,
    sha256: String,
}

impl Calibration {
    /// What questions are asked by.
    #[must_use]
    pub fn current() -> &'static Self {
        let [.., last] = &SHIPPED;
        &last.calibration
    }

    /// Its hash, for whoever needs no more.
    #[must_use]
    pub fn current_sha256() -> &'static str {
        let [.., last] = &SHIPPED;
        last.sha256
    }

    /// The calibration with this hash, if this release has it.
    #[must_use]
    pub fn shipped(sha256: &str) -> Option<&'static Self> {
        SHIPPED.iter().find(|shipped| shipped.sha256 == sha256).map(|shipped| &*shipped.calibration)
    }

    /// Reads and checks a calibration's JSON. Its hash is that of its canonical JSON (RFC 8785), not of its layout.
    ///
    /// # Errors
    /// `BadCalibration`.
    pub fn parse(json: &[u8]) -> Result<Self, BadCalibration> {
        if json.len() > BYTES_MAX {
            return Err(BadCalibration::TooLarge);
        }
        Self::of_file(serde_json::from_slice(json)?)
    }

    /// Of what a training made, for all rules of this release.
    ///
    /// # Errors
    /// `BadCalibration`.
    pub fn of(name: String, curves: BTreeMap<Class, Curve>) -> Result<Self, BadCalibration> {
        let rules_sha256 = RuleSet::all().into_iter().map(|rules| rules.sha256().to_owned()).collect();
        Self::of_file(File { schema: 1, name, rules_sha256, curves })
    }

    fn of_file(file: File) -> Result<Self, BadCalibration> {
        for (class, curve) in &file.curves {
            check(*class, curve)?;
        }
        let canonical = serde_json_canonicalizer::to_vec(&file)?;
        Ok(Self { file, sha256: hex::encode(Sha256::digest(canonical)) })
    }

    /// RFC 8785 bytes.
    ///
    /// # Errors
    /// Never for a calibration that was checked.
    pub fn canonical(&self) -> Result<Vec<u8>, BadCalibration> {
        Ok(serde_json_canonicalizer::to_vec(&self.file)?)
    }

    /// SHA-256 of its canonical JSON, in hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// Its curves.
    #[must_use]
    pub fn curves(&self) -> &BTreeMap<Class, Curve> {
        &self.file.curves
    }

    /// Whether it reads what these rules count.
    #[must_use]
    pub fn is_for(&self, rules: &RuleSet) -> bool {
        self.file.rules_sha256.contains(rules.sha256())
    }
}

impl Curve {
    /// The step of a sum of measured contributions; what is below the first step is on it.
    #[must_use]
    pub fn at(&self, sum: i64) -> Option<&Step> {
        let behind = self.steps.partition_point(|step| step.from <= sum);
        self.steps.get(behind.saturating_sub(1))
    }
}

fn check(class: Class, curve: &Curve) -> Result<(), BadCalibration> {
    if curve.steps.len() > STEPS_MAX {
        return Err(BadCalibration::TooLarge);
    }
    let holds = |step: &Step| {
        (-EVIDENCE_MAX..=step.evidence).contains(&step.low)
            && (step.evidence..=EVIDENCE_MAX).contains(&step.high)
    };
    let rises = curve.steps.windows(2).all(|two| match two {
        [one, two] => {
            one.from < two.from && one.low <= two.low && one.evidence <= two.evidence && one.high <= two.high
        }
        _ => true,
    });
    match !curve.steps.is_empty() && curve.steps.iter().all(holds) && rises {
        true => Ok(()),
        false => Err(BadCalibration::Curve(class.name())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(from: i64, evidence: i64) -> Step {
        Step { from, evidence, low: evidence - 100, high: evidence + 100, harmful: 1, harmless: 1 }
    }

    fn curve(steps: Vec<Step>) -> BTreeMap<Class, Curve> {
        let curve = Curve {
            about: "Made here.".to_owned(),
            signals: BTreeSet::new(),
            steps,
            data_sha256: "00".repeat(32),
            measures: Measured::new(),
        };
        BTreeMap::from([(Class::Domain, curve)])
    }

    #[test]
    fn every_calibration_of_the_release_is_read_and_the_current_one_is_for_its_rules() {
        for Shipped { sha256, calibration } in &SHIPPED {
            assert_eq!(calibration.sha256(), *sha256);
        }
        let current = Calibration::current();
        for rules in RuleSet::all() {
            assert!(current.is_for(rules), "train again: the rules `{}` have changed", rules.name);
        }
        assert!(Calibration::shipped(current.sha256()).is_some() && Calibration::shipped("00").is_none());
        let again = Calibration::parse(&current.canonical().expect("JSON")).expect("a calibration");
        assert_eq!(again.sha256(), current.sha256());
    }

    #[test]
    fn a_sum_is_on_the_last_step_that_begins_at_or_below_it() {
        let calibration =
            Calibration::of("made".to_owned(), curve(vec![step(0, -500), step(1_000, 700)])).expect("one");
        let curve = &calibration.curves()[&Class::Domain];
        let said = |sum: i64| curve.at(sum).map(|step| step.evidence);
        assert_eq!([-9, 0, 999, 1_000, i64::MAX].map(said), [-500, -500, -500, 700, 700].map(Some));
    }

    #[test]
    fn curves_that_fall_or_do_not_hold_their_estimate_are_refused() {
        let outside = Step { low: 1, ..step(0, 0) };
        let far = Step { high: EVIDENCE_MAX + 1, ..step(0, 0) };
        for steps in
            [vec![], vec![step(0, 5), step(0, 6)], vec![step(0, 5), step(1, 4)], vec![outside], vec![far]]
        {
            let refused = Calibration::of("made".to_owned(), curve(steps.clone()));
            assert!(matches!(refused, Err(BadCalibration::Curve("domain"))), "{steps:?}");
        }
        let many = (0..=STEPS_MAX as i64).map(|from| step(from, from)).collect();
        assert!(matches!(Calibration::of("made".to_owned(), curve(many)), Err(BadCalibration::TooLarge)));
        assert!(matches!(Calibration::parse(b"{}"), Err(BadCalibration::Form(_))));
    }
}

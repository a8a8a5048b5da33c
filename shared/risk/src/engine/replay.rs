//! Making a verdict again from its inputs, with nothing else.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::engine::inputs::{BadInputs, Inputs};
use crate::engine::rules::RuleSet;
use crate::engine::verdict::Verdict;
use crate::engine::{ENGINE, decide};
use crate::likelihood::Calibration;

/// A verdict that was made again.
#[derive(Debug)]
pub struct Replayed {
    /// Whether both are the same bytes.
    pub same: bool,
    /// RFC 8785 bytes of the verdict that was made now.
    pub bytes: Vec<u8>,
    /// The same, read.
    pub verdict: Verdict,
}

/// Why a verdict was not made again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// What was kept is no verdict.
    #[error("not a verdict")]
    Form(#[from] serde_json::Error),
    /// Another engine made it.
    #[error("the verdict was made by `{made_by}`, and this is `{ENGINE}`")]
    OtherEngine {
        /// Which.
        made_by: String,
    },
    /// It was made by rules that this release does not have.
    #[error("this release does not have the rule set `{sha256}`")]
    OtherRules {
        /// Which.
        sha256: String,
    },
    /// It was made by a calibration that this release does not have.
    #[error("this release does not have the calibration `{sha256}`")]
    OtherCalibration {
        /// Which.
        sha256: String,
    },
    /// The inputs are not those that the verdict names.
    #[error("the inputs have the hash `{found}`, and the verdict names `{named}`")]
    OtherInputs {
        /// SHA-256 of what was given, in hex.
        found: String,
        /// What the verdict says.
        named: String,
    },
    /// They are no inputs.
    #[error(transparent)]
    Inputs(#[from] BadInputs),
}

/// One verdict with all that it was made from: a line of an export.
#[derive(Debug, Serialize)]
pub struct Exported<'a> {
    /// The event that told of it; an evidence bundle proves that the ledger has it.
    pub event_id: &'a str,
    /// RFC 8785 text of the inputs.
    pub inputs: &'a serde_json::value::RawValue,
    /// RFC 8785 text of the verdict, as it was answered.
    pub verdict: &'a serde_json::value::RawValue,
}

/// Makes `verdict` again from `inputs`, both as they were kept, and compares.
///
/// # Errors
/// `ReplayError`.
pub fn replay(verdict: &str, inputs: &[u8]) -> Result<Replayed, ReplayError> {
    let stored: Verdict = serde_json::from_str(verdict)?;
    if stored.engine != ENGINE {
        return Err(ReplayError::OtherEngine { made_by: stored.engine });
    }
    let rules = RuleSet::known(&stored.rules_sha256)
        .ok_or_else(|| ReplayError::OtherRules { sha256: stored.rules_sha256.clone() })?;
    let found = hex::encode(Sha256::digest(inputs));
    if found != stored.inputs_sha256 {
        return Err(ReplayError::OtherInputs { found, named: stored.inputs_sha256 });
    }
    let inputs = Inputs::parse(inputs)?;
    let calibration = inputs.likelihood.as_ref().map(|asked| &asked.calibration_sha256);
    if let Some(sha256) = calibration.filter(|sha256| Calibration::shipped(sha256).is_none()) {
        return Err(ReplayError::OtherCalibration { sha256: sha256.clone() });
    }
    let verdict_now = decide(&inputs, rules);
    let bytes = verdict_now.canonical();
    Ok(Replayed { same: bytes == verdict.as_bytes(), bytes, verdict: verdict_now })
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::engine::tests::golden;

    #[test]
    fn a_verdict_is_made_again_byte_for_byte() {
        let [inputs, verdict] = golden("simulated");
        assert!(replay(&verdict, inputs.as_bytes()).expect("a replay").same);
        let other = verdict.replacen("\"score\":", "\"score\": ", 1);
        assert!(!replay(&other, inputs.as_bytes()).expect("a replay").same);
    }

    #[test]
    fn every_changed_byte_of_the_inputs_is_noticed() {
        let [inputs, verdict] = golden("simulated");
        for at in (0..inputs.len()).step_by(97) {
            let mut changed = inputs.clone().into_bytes();
            changed[at] ^= 1;
            let error = replay(&verdict, &changed).expect_err("other inputs");
            assert!(matches!(error, ReplayError::OtherInputs { .. }), "byte {at}: {error}");
        }
    }

    #[test]
    fn other_engines_and_rules_are_named_and_not_imitated() {
        let [inputs, verdict] = golden("simulated");
        let with = |from: &str, to: &str| {
            replay(&verdict.replace(from, to), inputs.as_bytes()).expect_err("another")
        };
        let other = with(ENGINE, "scorpius-risk/1");
        assert!(matches!(other, ReplayError::OtherEngine { made_by } if made_by == "scorpius-risk/1"));
        let other = with(RuleSet::base().sha256(), &"0".repeat(64));
        assert!(matches!(other, ReplayError::OtherRules { .. }));
    }
}

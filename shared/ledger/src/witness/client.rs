//! A log's end: every witness of the policy is asked for its cosignature.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use scorpius_core::error::chain;
use scorpius_core::{Clock, Egress, EgressRequest, EgressResponse, UnixMillis};
use tlog_tiles::Hash;

use super::request::AddCheckpoint;
use crate::cosignature::lines_of;
use crate::files::LogFiles;
use crate::note::{Checkpoint, NOTE_BYTES_MAX, Origin, body_of};
use crate::policy::{NotAPolicy, Policy, TrustedWitness};
use crate::read::{ReadError, prove_consistency};
use crate::tlog_proof::decimal;

/// How long one witness may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of an answer: some lines.
const ANSWER_BYTES_MAX: usize = 20_000;
/// How long a witness that did not answer is left alone, where the policy can do without it.
const REST_MS: u64 = 30_000;
/// Witnesses that are left alone at once, counted for each log.
const RESTING_MAX: usize = 10_000;

/// Asks witnesses.
pub struct WitnessClient {
    egress: Arc<dyn Egress>,
    clock: Arc<dyn Clock>,
    policy: Policy,
    silent_until: Mutex<HashMap<String, UnixMillis>>,
}

/// What became of asking.
#[derive(Debug, Default)]
pub struct Asked {
    /// Cosignature lines, checked.
    pub lines: Vec<String>,
    /// A witness that has cosigned more entries than the log has: the log was rolled back. Its name and that size.
    pub ahead: Option<(String, u64)>,
    /// Witnesses that have cosigned another history of this log.
    pub conflicts: Vec<String>,
    /// Why others did not cosign, by name.
    pub refused: Vec<(String, String)>,
}

/// One witness's answer.
enum One {
    Line(Vec<String>),
    Ahead(u64),
    Conflict(String),
    No(String),
}

impl WitnessClient {
    /// Asks the witnesses of `policy` that have a URL.
    #[must_use]
    pub fn new(egress: Arc<dyn Egress>, clock: Arc<dyn Clock>, policy: Policy) -> Self {
        Self { egress, clock, policy, silent_until: Mutex::default() }
    }

    /// Asks the witnesses of a setting, a policy file's text, if there is one. The way out is made only then.
    ///
    /// # Errors
    /// `NotAPolicy`, before anything is sent.
    pub fn configured(
        egress: impl FnOnce() -> Arc<dyn Egress>,
        clock: Arc<dyn Clock>,
        policy: Option<&str>,
    ) -> Result<Option<Self>, NotAPolicy> {
        let policy = policy.map(|text| Policy::parse(text.as_bytes())).transpose()?;
        Ok(policy.map(|policy| Self::new(egress(), clock, policy)))
    }

    /// Whose cosignatures count, and how many are needed.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Asks all witnesses at once for `note`, the checkpoint of `checkpoint`; they most likely cosigned the tree of
    /// `old` entries last. Where nobody's cosignature is needed, who did not answer for this log is left alone for a while.
    pub async fn ask(
        &self,
        files: &dyn LogFiles,
        checkpoint: &Checkpoint,
        note: &str,
        old: u64,
        is_needed: bool,
    ) -> Asked {
        let origin = &checkpoint.origin;
        let is_called = |witness: &&TrustedWitness| self.is_called(origin, witness, is_needed);
        let called: Vec<_> = self.policy.witnesses().iter().filter(is_called).collect();
        let asking = called.iter().map(|witness| self.ask_one(files, checkpoint, note, old, witness));
        let mut asked = Asked::default();
        for (witness, one) in called.iter().zip(join_all(asking).await) {
            match one {
                One::Line(lines) => asked.lines.extend(lines),
                One::Ahead(size) => asked.ahead = Some((witness.name.clone(), size)),
                One::Conflict(why) => {
                    asked.conflicts.push(witness.name.clone());
                    asked.refused.push((witness.name.clone(), why));
                }
                One::No(why) => {
                    self.rest(origin, witness);
                    asked.refused.push((witness.name.clone(), why));
                }
            }
        }
        asked
    }

    fn is_called(&self, log: &Origin, witness: &TrustedWitness, is_needed: bool) -> bool {
        let silent = self.silent_until.lock().unwrap_or_else(PoisonError::into_inner);
        let rests = silent.get(&resting(log, witness)).is_some_and(|until| self.clock.now() < *until);
        witness.url.is_some() && (is_needed || !rests)
    }

    fn rest(&self, log: &Origin, witness: &TrustedWitness) {
        let mut silent = self.silent_until.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if silent.len() >= RESTING_MAX {
            silent.retain(|_, until| now < *until);
        }
        // Over the limit they are asked again all the same.
        if silent.len() < RESTING_MAX {
            silent.insert(resting(log, witness), now.plus_ms(REST_MS));
        }
    }

    /// Twice at most: a witness whose last size was guessed wrong says which it is.
    async fn ask_one(
        &self,
        files: &dyn LogFiles,
        checkpoint: &Checkpoint,
        note: &str,
        mut old: u64,
        witness: &TrustedWitness,
    ) -> One {
        for _ in 0..2 {
            let proof = match proof(files, checkpoint, old).await {
                Ok(proof) => proof,
                Err(error) => return One::No(chain(&error)),
            };
            let request = AddCheckpoint { old, proof, note: note.to_owned() };
            let answer = match self.send(witness, request.to_string()).await {
                Ok(answer) => answer,
                Err(why) => return One::No(why),
            };
            match (answer.status, size_of(&answer)) {
                (200, _) => return lines(&answer, note, witness),
                (409, Some(size)) if size > checkpoint.size => return One::Ahead(size),
                (409, Some(size)) if size != old => old = size,
                (409, _) => return One::Conflict("it has cosigned another root at this size".to_owned()),
                // From a size that it named itself, or from the empty tree.
                (422, _) => return One::Conflict("what it has cosigned does not lead to this".to_owned()),
                (status, _) => return One::No(format!("it answered {status}")),
            }
        }
        One::No("it names another size each time".to_owned())
    }

    async fn send(&self, witness: &TrustedWitness, body: String) -> Result<EgressResponse, String> {
        let url = witness.url.as_deref().unwrap_or_default().trim_end_matches('/');
        let request = EgressRequest {
            method: "POST",
            url: format!("{url}/add-checkpoint"),
            headers: vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())],
            body: body.into(),
            deadline: DEADLINE,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        self.egress.send(request).await.map_err(|error| chain(&error))
    }
}

/// What is remembered of a witness, for each log: one may know of one log and not of another.
fn resting(log: &Origin, witness: &TrustedWitness) -> String {
    format!("{log} {}", witness.name)
}

async fn proof(files: &dyn LogFiles, checkpoint: &Checkpoint, old: u64) -> Result<Vec<Hash>, ReadError> {
    match old {
        0 => Ok(Vec::new()),
        old if old == checkpoint.size => Ok(Vec::new()),
        old => prove_consistency(files, checkpoint.size, old).await,
    }
}

fn lines(answer: &EgressResponse, note: &str, witness: &TrustedWitness) -> One {
    let Some(body) = body_of(note).filter(|body| body.len() < NOTE_BYTES_MAX) else {
        return One::No("the checkpoint is no note".to_owned());
    };
    match lines_of(&answer.body, body, std::slice::from_ref(&witness.key)) {
        Ok(lines) if lines.is_empty() => One::No("its answer has no line of its key".to_owned()),
        Ok(lines) => One::Line(lines),
        Err(error) => One::No(error.to_string()),
    }
}

fn size_of(answer: &EgressResponse) -> Option<u64> {
    let text = std::str::from_utf8(&answer.body).ok()?;
    decimal(text.strip_suffix('\n')?)
}

#[cfg(test)]
mod tests {
    use scorpius_core::SystemClock;

    use super::*;

    #[test]
    fn a_setting_s_policy_is_read_before_a_way_out_is_made() {
        let configured = |policy| {
            let nobody = || -> Arc<dyn Egress> { panic!("nobody is to be asked") };
            WitnessClient::configured(nobody, Arc::new(SystemClock), policy)
        };
        assert!(matches!(configured(None), Ok(None)));
        assert!(configured(Some("witness w1 no-key https://witness.example\nquorum w1\n")).is_err());
    }
}

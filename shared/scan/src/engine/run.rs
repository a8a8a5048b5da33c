//! One run of an engine, as whoever waits for it sees it: how far it is, and that it shall stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Nothing: it waits for its turn.
    Queued,
    /// What was handed in is read.
    Fetching,
    /// The engine looks for findings.
    Engine,
    /// Findings are tried on an EVM.
    Replay,
    /// The report is stored.
    Storing,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What is being done.
    pub stage: Stage,
    /// Steps of this stage that are done.
    pub done: u32,
    /// Steps of this stage that are known so far: the engine finds more on its way. 0 where a stage has no steps.
    pub known: u32,
}

/// Shared between an engine and whoever waits for it.
#[derive(Debug, Default)]
pub struct Run {
    /// Stage, done and known in one word, so that nobody sees the steps of one stage under another.
    seen: AtomicU64,
    /// The file or contract, where the engine says so.
    at_work: Mutex<String>,
    stopped: AtomicBool,
}

/// Bits of each count of steps; more steps than fit are shown as so many.
const STEP_BITS: u32 = 28;
/// The most steps that are told.
const STEPS_MAX: u64 = (1 << STEP_BITS) - 1;

const STAGES: [Stage; 5] = [Stage::Queued, Stage::Fetching, Stage::Engine, Stage::Replay, Stage::Storing];

impl Run {
    /// Says how far the run is.
    pub fn tell(&self, stage: Stage, done: usize, known: usize) {
        let steps = |count: usize| u64::try_from(count).unwrap_or(STEPS_MAX).min(STEPS_MAX);
        let number = STAGES.iter().position(|it| *it == stage).unwrap_or_default() as u64;
        let word = number << (2 * STEP_BITS) | steps(done) << STEP_BITS | steps(known.max(done));
        self.seen.store(word, Ordering::Relaxed);
    }

    /// How far it is.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let word = self.seen.load(Ordering::Relaxed);
        let steps = |bits: u64| u32::try_from(bits & STEPS_MAX).unwrap_or(u32::MAX);
        let number = usize::try_from(word >> (2 * STEP_BITS)).unwrap_or_default();
        let stage = STAGES.get(number).copied().unwrap_or(Stage::Queued);
        Seen { stage, done: steps(word >> STEP_BITS), known: steps(word) }
    }

    /// Says which file or contract is being looked at.
    pub fn works_at(&self, name: &str) {
        name.clone_into(&mut self.at_work.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Which file or contract is being looked at; empty where the engine does not say.
    #[must_use]
    pub fn at_work(&self) -> String {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the run at its next look: nobody wants what comes out.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether it was stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_seen() {
        let run = Run::default();
        assert_eq!(run.seen(), Seen { stage: Stage::Queued, done: 0, known: 0 });
        for (at, stage) in STAGES.into_iter().enumerate() {
            run.tell(stage, at, 2 * at);
            let (done, known) = (at as u32, 2 * at as u32);
            assert_eq!(run.seen(), Seen { stage, done, known });
        }
        assert_eq!(run.at_work(), "");
        run.works_at("A.sol");
        assert_eq!(run.at_work(), "A.sol");
        // More is done than was known, and more than fits.
        run.tell(Stage::Replay, 7, 3);
        assert_eq!(run.seen(), Seen { stage: Stage::Replay, done: 7, known: 7 });
        run.tell(Stage::Engine, usize::MAX, 1);
        let most = u32::try_from(STEPS_MAX).expect("28 bits");
        assert_eq!(run.seen(), Seen { stage: Stage::Engine, done: most, known: most });
    }
}

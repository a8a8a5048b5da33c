//! When a scan has to end, finished or not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::run::{Run, Stage};

/// How much a scan may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Budget {
    /// While somebody waits: 1 s.
    Quick,
    /// The usual: 10 s.
    #[default]
    Standard,
    /// For a report: 60 s.
    Deep,
}

impl Budget {
    /// `quick`, `standard`, `deep`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Standard => "standard",
            Self::Deep => "deep",
        }
    }

    /// The longest that a scan takes.
    #[must_use]
    pub fn time(self) -> Duration {
        match self {
            Self::Quick => Duration::from_secs(1),
            Self::Standard => Duration::from_secs(10),
            Self::Deep => Duration::from_secs(60),
        }
    }

    pub(crate) fn limits(self) -> Limits {
        let (states, visits_of_block, expressions) = match self {
            Self::Quick => (10_000, 64, 400_000),
            Self::Standard => (60_000, 256, 2_000_000),
            // About 1 GB at worst.
            Self::Deep => (200_000, 2_048, 4_000_000),
        };
        Limits { states, visits_of_block, steps: states as u64 * 400, expressions, words: states * 128 }
    }
}

/// What bounds a scan besides time: the same for the same bytes on every machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Distinct states of paths.
    pub(crate) states: usize,
    /// Distinct states at one block in one function.
    pub(crate) visits_of_block: u32,
    /// Instructions run.
    pub(crate) steps: u64,
    /// Distinct expressions.
    pub(crate) expressions: usize,
    /// Words on the stacks and in the memories of all states.
    pub(crate) words: usize,
}

/// A moment after which a scan gives what it has: a time, or whoever waits for it says so.
// The one place that reads the machine's clock: how long a computation took is no business of the `Clock` port.
#[derive(Clone, Debug)]
pub struct Deadline {
    until: Option<Instant>,
    run: Option<Arc<Run>>,
}

impl Deadline {
    /// `time` from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self { until: Instant::now().checked_add(time), run: None }
    }

    /// None: limits of work alone end it, and it does not ask whom only time ends.
    #[must_use]
    pub fn never() -> Self {
        Self { until: None, run: None }
    }

    /// Whether time ends it.
    #[must_use]
    pub(crate) fn is_timed(&self) -> bool {
        self.until.is_some()
    }

    /// `time` from now, or the moment at which `run` is stopped.
    #[must_use]
    pub fn watched(time: Duration, run: &Arc<Run>) -> Self {
        Self { run: Some(Arc::clone(run)), ..Self::after(time) }
    }

    /// A moment that is earlier by `time`.
    #[must_use]
    pub fn earlier(&self, time: Duration) -> Self {
        let until = self.until.map(|until| until.checked_sub(time).unwrap_or(until));
        Self { until, run: self.run.clone() }
    }

    /// Whether the moment is past.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.is_stopped())
            || self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Time until the moment.
    #[must_use]
    pub fn left(&self) -> Duration {
        match self.run.as_ref().is_some_and(|run| run.is_stopped()) {
            true => Duration::ZERO,
            false => {
                self.until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()))
            }
        }
    }

    /// Tells whoever watches which file or contract is being looked at.
    pub fn works_at(&self, name: &str) {
        if let Some(run) = &self.run {
            run.works_at(name);
        }
    }

    /// Tells whoever watches that `done` steps of `known` ones of `stage` are done.
    pub fn tell(&self, stage: Stage, done: usize, known: usize) {
        if let Some(run) = &self.run {
            run.tell(stage, done, known);
        }
    }
}

//! Looking for calls that show a finding: solve, run, look, and go back for what a call before has to write.

use std::collections::BTreeSet;

use scorpius_evm::sandbox::{Allowance, Fork, Outcome, Sandbox, Sent};
use scorpius_evm::{Account, Address, Bytes, U256};
use scorpius_scan::engine::{Attempt, Budget, Deadline, Finding, Paths, Replay, Wanted};

use crate::agent::{self, Call};
use crate::kind::{By, Kind};
use crate::show::{Case, shown};
use crate::stage::{ATTACKER, CONTRACT, ETHER, OWNER, Scene, Seen, agent};

/// Calls before the last one.
const DEPTH_MAX: usize = 2;
/// Blocks in which luck is tried.
const BLOCKS_MAX: usize = 64;
/// Wishes for storage that are followed from one place.
const WANTED_MAX: usize = 6;
/// Functions that are called without a reason, to see what they change.
const FUNCTIONS_MAX: usize = 24;
/// Replays of one finding that are run from the start.
const SHOWN_MAX: u32 = 24;
/// What solving once costs, in runs.
const SOLVING: u32 = 6;

/// What one transaction of a search may use.
pub(crate) const ALLOWANCE: Allowance = Allowance { gas_max: 3_000_000, steps_max: 50_000 };

/// The search in one contract.
pub(crate) struct Search<'a> {
    scene: &'a Scene,
    paths: &'a Paths,
    deadline: &'a Deadline,
    /// Transactions that may still be run for this contract.
    left: u32,
    /// Transactions for one finding.
    each: u32,
    late: bool,
}

/// One finding that is looked at.
struct Job<'a> {
    number: usize,
    case: Case<'a>,
    fills: Vec<U256>,
    left: u32,
    shown_left: u32,
}

impl<'a> Search<'a> {
    pub(crate) fn new(scene: &'a Scene, paths: &'a Paths, budget: Budget, deadline: &'a Deadline) -> Self {
        let each = if budget == Budget::Deep { 4_000 } else { 480 };
        Self { scene, paths, deadline, left: 5 * each, each, late: false }
    }

    /// Whether time, and not the number of tries, ended something.
    pub(crate) fn is_late(&self) -> bool {
        self.late
    }

    /// Transactions that show the finding, if some are found.
    pub(crate) fn replay(&mut self, number: usize, finding: &Finding, kind: Kind) -> Option<Replay> {
        let case = Case { scene: self.scene, finding, kind };
        // Many sums may wrap and few can be made to: what works there works early.
        let each = if kind == Kind::Arithmetic { self.each / 2 } else { self.each };
        let left = each.min(self.left);
        let mut job = Job { number, case, fills: kind.fills(), left, shown_left: SHOWN_MAX };
        let mut start = self.scene.sandbox(Fork::Osaka);
        let code = match kind.by() {
            By::Attacker if kind == Kind::ForeignCode => agent::foreign(),
            By::Attacker => Vec::new(),
            By::Agent | By::LuredOwner => agent::forwarder(),
        };
        if !code.is_empty() {
            start.put(agent(), Account { nonce: 1, code: Bytes::from(code), ..Account::default() });
        }
        let depth = if kind.by() == By::LuredOwner { 0 } else { DEPTH_MAX };
        let mut calls = Vec::new();
        let found = self.look(&mut job, &start, &mut calls, depth);
        let found = found.or_else(|| match depth {
            0 => None,
            _ => self.blindly(&mut job, &start),
        });
        self.left = self.left.saturating_sub(left.saturating_sub(job.left));
        let calls = found?;
        shortened(&job.case, calls)
    }

    /// Whether nothing more may be tried.
    fn is_over(&mut self, job: &mut Job<'_>, cost: u32) -> bool {
        self.late |= self.deadline.passed();
        let over = self.late || job.left < cost;
        job.left = job.left.saturating_sub(cost);
        over
    }

    fn run(&self, job: &Job<'_>, sandbox: &Sandbox, call: &Call) -> (Sandbox, Outcome) {
        let mut after = sandbox.clone();
        let (from, to) = match job.case.kind.by() {
            By::Attacker => (ATTACKER, CONTRACT),
            By::Agent => (ATTACKER, agent()),
            By::LuredOwner => (OWNER, agent()),
        };
        let sent = Sent { from, to: Some(to), value: call.value, data: Bytes::copy_from_slice(&call.data) };
        let outcome = after.send(&sent, ALLOWANCE, &|| self.deadline.passed());
        (after, outcome)
    }

    /// Calls from `sandbox` on that show it, `calls` having led there.
    fn look(
        &mut self,
        job: &mut Job<'_>,
        sandbox: &Sandbox,
        calls: &mut Vec<Call>,
        depth: usize,
    ) -> Option<Vec<Call>> {
        let (caller, origin) = who(job.case.kind);
        let mut wanted: Vec<Wanted> = Vec::new();
        for goal in job.case.kind.goals(self.scene) {
            if self.is_over(job, SOLVING) {
                return None;
            }
            let seen = Seen { sandbox, caller, origin };
            for attempt in self.paths.attempts(job.number, goal, &job.fills, &seen) {
                let Attempt { value, data, wanted: wishes, .. } = attempt;
                for wish in wishes {
                    if !wanted.contains(&wish) && wanted.len() < WANTED_MAX {
                        wanted.push(wish);
                    }
                }
                if let Some(found) = self.tried(job, sandbox, calls, Call { value, data }) {
                    return Some(found);
                }
            }
        }
        if depth == 0 {
            return None;
        }
        let mut known = BTreeSet::new();
        for wish in &wanted {
            if self.is_over(job, SOLVING) {
                return None;
            }
            let seen = Seen { sandbox, caller, origin };
            for setup in self.paths.setups(wish, &job.fills, &seen) {
                let call = Call { value: setup.value, data: setup.data };
                if !known.insert((call.value, call.data.clone())) || self.is_over(job, 1) {
                    continue;
                }
                let (after, outcome) = self.run(job, sandbox, &call);
                let word = |sandbox: &Sandbox| sandbox.storage(CONTRACT, wish.slot);
                if outcome.status.is_success() && word(sandbox) != word(&after) {
                    calls.push(call);
                    let found = self.look(job, &after, calls, depth - 1);
                    calls.pop();
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        None
    }

    /// Whether the call shows it, after `calls`.
    fn tried(
        &mut self,
        job: &mut Job<'_>,
        sandbox: &Sandbox,
        calls: &[Call],
        call: Call,
    ) -> Option<Vec<Call>> {
        let blocks = if job.case.kind == Kind::Chance { BLOCKS_MAX } else { 1 };
        let mut sandbox = sandbox.clone();
        for _ in 0..blocks {
            if self.is_over(job, 1) {
                return None;
            }
            let (after, outcome) = self.run(job, &sandbox, &call);
            if job.case.looks_right(&sandbox, &after, &outcome) && job.shown_left > 0 {
                job.shown_left -= 1;
                let all: Vec<Call> = calls.iter().cloned().chain([call]).collect();
                return shown(&job.case, &all).map(|_| all);
            }
            sandbox.mine();
        }
        None
    }

    /// Calls every function once, and looks again where that changed something.
    fn blindly(&mut self, job: &mut Job<'_>, start: &Sandbox) -> Option<Vec<Call>> {
        let functions: Vec<u32> = self.paths.functions().take(FUNCTIONS_MAX).collect();
        let fills = job.fills.clone();
        for value in [U256::ZERO, U256::from(ETHER)] {
            for &fill in fills.iter().take(2) {
                for selector in functions.iter().copied().map(Some).chain([None]) {
                    let mut data = selector.map(|it| it.to_be_bytes().to_vec()).unwrap_or_default();
                    if selector.is_some() {
                        (0..4).for_each(|_| data.extend(fill.to_be_bytes::<32>()));
                    }
                    if self.is_over(job, 1) {
                        return None;
                    }
                    let call = Call { value, data };
                    let (after, outcome) = self.run(job, start, &call);
                    if outcome.status.is_success() && (!outcome.happened.is_empty() || value > U256::ZERO) {
                        let found = self.look(job, &after, &mut vec![call], 0);
                        if found.is_some() {
                            return found;
                        }
                    }
                }
            }
        }
        None
    }
}

/// Who calls the contract, and who signed.
fn who(kind: Kind) -> (Address, Address) {
    match kind.by() {
        By::Attacker => (ATTACKER, ATTACKER),
        By::Agent => (agent(), ATTACKER),
        By::LuredOwner => (agent(), OWNER),
    }
}

/// The replay with as few arguments as will do: compilers leave no reason for the others.
fn shortened(case: &Case<'_>, mut calls: Vec<Call>) -> Option<Replay> {
    for at in 0..calls.len() {
        let Some(whole) = calls.get(at).map(|call| call.data.clone()) else { continue };
        for length in (4..whole.len()).step_by(32) {
            if let Some(call) = calls.get_mut(at) {
                call.data = whole.get(..length).map(<[u8]>::to_vec).unwrap_or_default();
            }
            if shown(case, &calls).is_some() {
                break;
            }
            if let Some(call) = calls.get_mut(at) {
                call.data.clone_from(&whole);
            }
        }
    }
    shown(case, &calls)
}

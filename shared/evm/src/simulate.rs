//! All runs of a transaction, and what differs between them.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, U256};
use revm::context::result::{ExecutionResult, HaltReason};
use revm::state::Account as EvmAccount;
use serde::Serialize;

use crate::context::{Axis, CONTEXTS, Known, RELAYER, Strength, Surroundings};
use crate::database::Prepared;
use crate::event::{self, Asset, Event};
use crate::execute::{Executed, Executor};
use crate::probe::Probe;
use crate::reason;
use crate::run::{Approval, Change, Run, Status};
use crate::state::{BadState, Need, State};
use crate::transaction::Transaction;
use crate::watch::Watch;
use crate::words::Delta;

/// What a simulation may use. Limits are part of what a result is made from: others may give another result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Gas of one run.
    pub gas_max: u64,
    /// Instructions of one run.
    pub steps_max: u64,
    /// Calls inside calls. The EVM itself has 1,024.
    pub depth_max: usize,
    /// Calls that are shown of a run.
    pub calls_max: usize,
    /// Events, changes and approvals that are shown of a run, each.
    pub shown_max: usize,
    /// Questions to tokens after a run.
    pub probes_max: usize,
}

impl Limits {
    /// What verdicts are made with. Replaying one needs the same, so a change here is another engine.
    #[must_use]
    pub const fn standard() -> Self {
        Self {
            // EIP-7825: no transaction has more.
            gas_max: 16_777_216,
            steps_max: 2_000_000,
            depth_max: 128,
            calls_max: 256,
            shown_max: 256,
            probes_max: 48,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::standard()
    }
}

/// Why a simulation ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// More instructions than allowed.
    Steps,
    /// Deeper calls than allowed.
    Depth,
    /// The caller said so: a deadline.
    Stopped,
}

/// What differs from the run in the next block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// One went through and the other did not, or not for the same reason.
    Status,
    /// Other events of tokens.
    Transfers,
    /// Other rights over tokens.
    Approvals,
    /// Other control over contracts.
    Control,
    /// Other balances.
    Balances,
}

/// A run that differs, and in which surroundings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InContext {
    /// Which of the contexts.
    pub context: &'static str,
    /// What is otherwise in it.
    pub axis: Axis,
    /// What that says.
    pub strength: Strength,
    /// What differs.
    pub differs: BTreeSet<Difference>,
    /// What happened there; its calls are left out.
    pub run: Run,
}

/// What a transaction would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Simulation {
    /// In the next block.
    pub run: Run,
    /// Contexts that it was run in besides.
    pub contexts_run: usize,
    /// Those in which something else happened.
    pub differing: Vec<InContext>,
    /// What was asked for and not known. If there is anything, nothing above can be relied on.
    pub missing: Vec<Need>,
    /// Why it ended early. If it did, what differs is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// Instructions in all.
    pub steps: u64,
}

impl Simulation {
    /// Whether every run was run to its end over known state.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.cut.is_none()
    }
}

/// Runs `transaction` over `state`, in the next block and in every other context. `stop` is asked now and then.
///
/// # Errors
/// `BadState`.
pub fn simulate(
    state: &State,
    transaction: &Transaction,
    limits: &Limits,
    stop: &dyn Fn() -> bool,
) -> Result<Simulation, BadState> {
    state.check()?;
    let prepared = Prepared::of(state);
    let next = Surroundings::next(state, transaction, limits.gas_max);
    let first = run(&prepared, transaction, &next, limits, stop);
    let known = Known { transaction, gas_spent: first.gas_spent, gas_max: limits.gas_max };
    let mut missing = first.missing;
    let mut simulation = Simulation {
        run: first.run,
        contexts_run: 0,
        differing: Vec::new(),
        missing: Vec::new(),
        cut: first.cut,
        steps: first.steps,
    };
    for context in &CONTEXTS {
        // What is missing is missing in all: the others would only find it again.
        if simulation.cut.is_some() || !missing.is_empty() {
            break;
        }
        if stop() {
            simulation.cut = Some(Cut::Stopped);
            break;
        }
        let mut surroundings = next.clone();
        (context.change)(&mut surroundings, &known);
        let there = run(&prepared, transaction, &surroundings, limits, stop);
        simulation.steps = simulation.steps.saturating_add(there.steps);
        simulation.contexts_run += 1;
        simulation.cut = there.cut;
        missing.extend(there.missing);
        let differs = differences(&simulation.run, &there.run);
        if !differs.is_empty() {
            simulation.differing.push(InContext {
                context: context.name,
                axis: context.axis,
                strength: context.axis.strength(),
                differs,
                run: Run { calls: Vec::new(), ..there.run },
            });
        }
    }
    simulation.missing = missing.into_iter().collect();
    Ok(simulation)
}

struct Ran {
    run: Run,
    gas_spent: u64,
    missing: BTreeSet<Need>,
    cut: Option<Cut>,
    steps: u64,
}

fn run(
    prepared: &Prepared<'_>,
    transaction: &Transaction,
    surroundings: &Surroundings,
    limits: &Limits,
    stop: &dyn Fn() -> bool,
) -> Ran {
    let mut watch = Watch::new(limits, stop, surroundings.relayed.then_some(transaction.from));
    let mut executor = Executor::new(prepared, transaction.from, surroundings);
    let Executed { result, state } = executor.run(transaction, &mut watch);
    let mut before = Executor::new(prepared, transaction.from, surroundings);
    let coin = |(address, account): (&Address, &EvmAccount)| {
        let after = if account.is_selfdestructed() { U256::ZERO } else { account.info.balance };
        (*address, Delta::between(before.ground.balance_before(address), after))
    };
    let coins = state.iter().filter(|(address, _)| **address != RELAYER).map(coin).collect();
    let (status, gas_used, gas_spent, logs) = ending(result);
    let mut events: Vec<_> = logs
        .iter()
        .flat_map(|log| event::read(log.address, log.topics(), &log.data.data))
        .take(limits.shown_max + 1)
        .collect();
    let mut shortened = events.len() > limits.shown_max;
    events.truncate(limits.shown_max);

    let (mut changes, mut approvals) = told(&events, &coins);
    // Who signs comes first, so that a limit cuts others.
    changes.sort_by_key(|change| (change.account != transaction.from, change.account, change.asset));
    shortened |= changes.len() > limits.shown_max || approvals.len() > limits.shown_max;
    changes.truncate(limits.shown_max);
    approvals.truncate(limits.shown_max);
    if watch.cut.is_none() {
        let mut questions = Questions { before: &mut before, after: &mut executor, left: limits.probes_max };
        for change in &mut changes {
            questions.measure(change);
        }
        for approval in &mut approvals {
            questions.measure_approval(approval);
        }
        shortened |= questions.left == 0;
    }
    let wrapped = |change: &Change| match change.asset {
        Asset::Token { token } => !only_wraps(&events, token, change.account) || change.measured.is_some(),
        Asset::Coin | Asset::Item { .. } => true,
    };
    changes.retain(|change| !change.delta().is_zero() || change.is_contradictory());
    changes.retain(wrapped);
    let mut missing = executor.ground.into_missing();
    missing.extend(before.ground.into_missing());
    Ran {
        run: Run {
            status,
            gas_used,
            events,
            changes,
            approvals,
            calls: watch.calls,
            calls_count: watch.calls_count,
            shortened,
        },
        gas_spent,
        missing,
        cut: watch.cut,
        steps: watch.steps,
    }
}

type Logs = Vec<revm::primitives::Log>;

fn ending(result: Result<ExecutionResult<HaltReason>, String>) -> (Status, u64, u64, Logs) {
    match result {
        Ok(ExecutionResult::Success { gas, logs, .. }) => {
            (Status::Success, gas.tx_gas_used(), gas.total_gas_spent(), logs)
        }
        Ok(ExecutionResult::Revert { gas, output, .. }) => {
            let status = Status::Reverted { reason: reason::of_revert(&output) };
            (status, gas.tx_gas_used(), gas.total_gas_spent(), Vec::new())
        }
        Ok(ExecutionResult::Halt { reason, gas, .. }) => {
            let status = Status::Halted { reason: format!("{reason:?}") };
            (status, gas.tx_gas_used(), gas.total_gas_spent(), Vec::new())
        }
        Err(reason) => (Status::Rejected { reason }, 0, 0, Vec::new()),
    }
}

/// What the events tell of balances and rights, and what the state shows of the coin.
fn told(events: &[Event], coins: &BTreeMap<Address, Delta>) -> (Vec<Change>, Vec<Approval>) {
    let mut flows: BTreeMap<(Address, Asset), (U256, U256)> = BTreeMap::new();
    let mut rights: BTreeMap<(Address, Asset, Address, Option<Address>), Approval> = BTreeMap::new();
    let mut flow = |account: Address, asset: Asset, gone: U256, come: U256| {
        if account != Address::ZERO {
            let (all_gone, all_come) = flows.entry((account, asset)).or_default();
            *all_gone = all_gone.saturating_add(gone);
            *all_come = all_come.saturating_add(come);
        }
    };
    for event in events {
        match *event {
            Event::Transfer { asset, from, to, amount } => {
                flow(from, asset, amount, U256::ZERO);
                flow(to, asset, U256::ZERO, amount);
            }
            Event::Wrap { token, account, unwrapped, amount } => {
                let (gone, come) = if unwrapped { (amount, U256::ZERO) } else { (U256::ZERO, amount) };
                flow(account, Asset::Token { token }, gone, come);
            }
            Event::Approval { asset, owner, spender, amount, through, expires } => {
                let (before, after) = (None, None);
                let approval = Approval { owner, spender, asset, through, amount, before, after, expires };
                rights.insert((owner, asset, spender, through), approval);
            }
            Event::Control { .. } | Event::Other { .. } => {}
        }
    }
    let of_tokens = flows.into_iter().map(|((account, asset), (gone, come))| Change {
        account,
        asset,
        by_events: Delta::between(gone, come),
        measured: None,
    });
    let of_coins = coins.iter().filter(|(_, delta)| !delta.is_zero()).map(|(account, delta)| Change {
        account: *account,
        asset: Asset::Coin,
        by_events: *delta,
        measured: None,
    });
    (of_coins.chain(of_tokens).collect(), rights.into_values().collect())
}

/// Whether nothing but wraps speaks of `account` and `token`.
fn only_wraps(events: &[Event], token: Address, account: Address) -> bool {
    !events.iter().any(|event| match event {
        Event::Transfer { asset: Asset::Token { token: moved }, from, to, .. } => {
            *moved == token && (*from == account || *to == account)
        }
        _ => false,
    })
}

/// Questions before and after a run, as many as are left.
struct Questions<'q, 'a, 's> {
    before: &'q mut Executor<'a, 's>,
    after: &'q mut Executor<'a, 's>,
    left: usize,
}

impl Questions<'_, '_, '_> {
    fn ask(&mut self, probe: Probe) -> Option<(U256, U256)> {
        self.left = self.left.checked_sub(1)?;
        let after = probe.ask(self.after)?;
        Some((probe.ask(self.before)?, after))
    }

    fn measure(&mut self, change: &mut Change) {
        if let Asset::Token { token } = change.asset {
            let asked = self.ask(Probe::Balance { token, account: change.account });
            change.measured = asked.map(|(before, after)| Delta::between(before, after));
        }
    }

    fn measure_approval(&mut self, approval: &mut Approval) {
        let Approval { owner, spender, asset: Asset::Token { token }, through, .. } = *approval else {
            return;
        };
        let probe = match through {
            Some(keeper) => Probe::AllowanceThrough { keeper, token, owner, spender },
            None => Probe::Allowance { token, owner, spender },
        };
        if let Some((before, after)) = self.ask(probe) {
            (approval.before, approval.after) = (Some(before), Some(after));
        }
    }
}

fn differences(one: &Run, two: &Run) -> BTreeSet<Difference> {
    let of = |run: &Run, wanted: fn(&Event) -> bool| -> Vec<Event> {
        run.events.iter().filter(|event| wanted(event)).cloned().collect()
    };
    let differs = |wanted: fn(&Event) -> bool| of(one, wanted) != of(two, wanted);
    let balances = |run: &Run| -> Vec<_> {
        run.changes.iter().map(|change| (change.account, change.asset, change.delta().to_string())).collect()
    };
    let rights = |run: &Run| -> Vec<_> {
        let right =
            |approval: &Approval| (approval.owner, approval.asset, approval.spender, approval.allowed());
        run.approvals.iter().map(right).collect()
    };
    let found = [
        (Difference::Status, one.status != two.status),
        (
            Difference::Transfers,
            differs(|event| matches!(event, Event::Transfer { .. } | Event::Wrap { .. })),
        ),
        (Difference::Approvals, rights(one) != rights(two)),
        (Difference::Control, differs(|event| matches!(event, Event::Control { .. }))),
        (Difference::Balances, balances(one) != balances(two)),
    ];
    found.into_iter().filter(|(_, differs)| *differs).map(|(difference, _)| difference).collect()
}

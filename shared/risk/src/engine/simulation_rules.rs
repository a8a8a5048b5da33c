//! What a simulation shows.

use std::collections::{BTreeMap, BTreeSet};

use scorpius_evm::event::Control;
use scorpius_evm::{
    Address, Approval, Asset, Axis, Change, Difference, Event, InContext, Run, Simulation, Status, Strength,
};
use serde_json::{Value, json};

use crate::address::Account;
use crate::engine::findings::Findings;
use crate::engine::ground::{Ground, NodeSaid, NotSimulated, account};
use crate::engine::inputs::{Code, Inputs, Question};
use crate::engine::party_rules::Known;
use crate::engine::rules::SignalId;
use crate::message::Reading;

/// Changes and rights that a verdict shows; their counts say how many there are.
const SHOWN_MAX: usize = 16;
/// Balances may differ from events by this share, 1 in so many: tokens that rebase round.
const ROUNDING: u64 = 1_000;

/// Looks at what the transaction does, if it is simulated, and answers with that.
pub(super) fn look(
    reading: &Reading,
    inputs: &Inputs,
    known: &Known<'_>,
    findings: &mut Findings,
) -> Option<Simulation> {
    let (Some(ground), Question::Transaction { from, to, data, .. }) = (&inputs.simulation, &inputs.question)
    else {
        return None;
    };
    let simulation = match ground.simulate(inputs) {
        Ok(simulation) => simulation,
        Err(why) => {
            findings.add(SignalId::NotSimulated, known.asked("simulation", evidence_of(why)));
            return None;
        }
    };
    if ground.node_agrees(&simulation.run) == Some(false) {
        let evidence = json!({"node": ground.node, "ours": NodeSaid::of_run(&simulation.run)});
        findings.add(SignalId::NodeDisagrees, known.asked("simulation", evidence));
    }
    let from = (*from)?;
    let rules = SimulationRules { reading, ground, known, from, to: *to, calls: !data.bytes().is_empty() };
    rules.look(&simulation, findings);
    Some(simulation)
}

fn evidence_of(why: NotSimulated) -> Value {
    match why {
        NotSimulated::Unread(unread) => json!({"why": unread}),
        NotSimulated::Missing(count) => json!({"why": "state_missing", "missing": count}),
        NotSimulated::Cut(cut) => json!({"why": "too_much", "limit": cut}),
        NotSimulated::Unfit => json!({"why": "not_a_state"}),
    }
}

struct SimulationRules<'a> {
    reading: &'a Reading,
    ground: &'a Ground,
    known: &'a Known<'a>,
    from: Account,
    to: Account,
    /// Whether there is calldata. A payment has none, and says itself whom it pays.
    calls: bool,
}

impl SimulationRules<'_> {
    fn look(&self, simulation: &Simulation, findings: &mut Findings) {
        let mut add = |id, mut evidence: Value| {
            evidence["state_told_by"] = Value::from(self.ground.told_by());
            findings.add(id, self.known.asked("simulation", evidence));
        };
        self.look_at_run(&simulation.run, "next_block", &mut add);
        for there in &simulation.differing {
            if self.is_excused(&simulation.run, &there.run, there.axis)
                || !self.matters(&simulation.run, there)
            {
                continue;
            }
            let id = match there.strength {
                Strength::Strong => SignalId::SurroundingsMatter,
                Strength::Weak => SignalId::MomentOrSenderMatters,
            };
            add(id, self.difference(&simulation.run, there));
            // A trap is judged by what it does when nobody looks, whichever surroundings show that.
            if there.strength == Strength::Strong {
                self.look_at_run(&there.run, there.context, &mut add);
            }
        }
        add(SignalId::Simulated, self.shown(simulation));
    }

    fn look_at_run(&self, run: &Run, context: &str, add: &mut impl FnMut(SignalId, Value)) {
        if !run.status.is_success() && context == "next_block" {
            let mut evidence = json!({"gas_used": run.gas_used});
            merge(&mut evidence, &run.status);
            add(SignalId::SimulatedFailure, evidence);
        }
        self.look_at_flows(run, context, add);
        for approval in run.approvals.iter().filter(|approval| self.is_hidden(approval)) {
            let mut evidence = right(approval);
            evidence["context"] = Value::from(context);
            add(SignalId::HiddenApproval, evidence);
        }
        for change in self.own(run).filter(|change| contradicts(change)) {
            let mut evidence = moved(change);
            evidence["by_events"] = Value::from(change.by_events.to_string());
            evidence["context"] = Value::from(context);
            add(SignalId::EventsContradictBalances, evidence);
        }
        for event in &run.events {
            // A contract that is made in the transaction gets its owner in it: that is no change.
            if let Event::Control { contract, what, to } = event
                && self.existed(*contract)
                && !(*what == Control::Owner && account(*to) == self.from)
            {
                let evidence = json!({
                    "contract": account(*contract).checksummed(), "what": what,
                    "to": account(*to).checksummed(), "context": context,
                });
                add(SignalId::ControlChanged, evidence);
            }
        }
    }

    fn look_at_flows(&self, run: &Run, context: &str, add: &mut impl FnMut(SignalId, Value)) {
        let lost: Vec<_> = self.own(run).filter(|change| change.delta().is_loss()).collect();
        let gains = self.own(run).any(|change| change.delta().is_gain());
        if lost.is_empty() || gains || !self.calls {
            return;
        }
        let named = self.named();
        let gets = |change: &&Change| change.delta().is_gain() && account(change.account) != self.from;
        let lost_assets: BTreeSet<_> = lost.iter().map(|change| change.asset).collect();
        let mut taken = false;
        for change in run.changes.iter().filter(gets) {
            let who = account(change.account);
            if self.known.is_well_known(&who) || !self.is_somebodys(&who) {
                continue;
            }
            let mut evidence = moved(change);
            evidence["context"] = Value::from(context);
            match (lost_assets.contains(&change.asset), named.contains(&who)) {
                (true, false) => {
                    taken = true;
                    add(SignalId::OutflowToAccount, evidence);
                }
                (false, _) => {
                    taken = true;
                    add(SignalId::ProceedsElsewhere, evidence);
                }
                // A transfer to whom it names.
                (true, true) => taken = true,
            }
        }
        let is_transfer =
            |change: &&&Change| change.asset.contract().is_some_and(|token| account(token) == self.to);
        let by_contract: Vec<_> = lost.iter().filter(|change| !is_transfer(change)).collect();
        if !taken && !by_contract.is_empty() && !self.known.is_well_known(&self.to) {
            for change in by_contract {
                let mut evidence = moved(change);
                evidence["context"] = Value::from(context);
                add(SignalId::OutflowForNothing, evidence);
            }
        }
    }

    /// What changes for the signer.
    fn own<'r>(&self, run: &'r Run) -> impl Iterator<Item = &'r Change> + use<'r> {
        run.changes_of(crate::engine::ground::address(&self.from))
    }

    /// Everyone whom the calldata shows.
    fn named(&self) -> BTreeSet<Account> {
        let parties = self.reading.calls.calls.iter().flat_map(|call| &call.effects);
        let parties = parties.flat_map(|effect| effect.parties()).map(|(_, account)| account);
        parties.chain([self.to]).collect()
    }

    /// A person's account: no code, or a delegation.
    fn is_somebodys(&self, who: &Account) -> bool {
        matches!(self.ground.code(who), Some(Code::None | Code::Delegated))
    }

    fn existed(&self, contract: Address) -> bool {
        self.ground.code(&account(contract)) == Some(Code::Contract)
    }

    fn is_hidden(&self, approval: &Approval) -> bool {
        let spender = account(approval.spender);
        account(approval.owner) == self.from
            && approval.is_grant()
            && !self.known.is_well_known(&spender)
            && !self.named().contains(&spender)
    }

    /// Whether something else happens to the signer, or to control.
    fn matters(&self, here: &Run, there: &InContext) -> bool {
        let own = |run: &Run| -> BTreeMap<Asset, String> {
            self.own(run).map(|change| (change.asset, change.delta().to_string())).collect()
        };
        own(here) != own(&there.run)
            || here.status.is_success() != there.run.status.is_success()
            || there.differs.contains(&Difference::Approvals)
            || there.differs.contains(&Difference::Control)
    }

    /// Too little gas, or too little coin, is nobody's trap.
    fn is_excused(&self, here: &Run, there: &Run, axis: Axis) -> bool {
        let short = |run: &Run, of: &str| matches!(&run.status, Status::Halted { reason } | Status::Rejected { reason } if reason.contains(of));
        match axis {
            Axis::GasLimit => [here, there]
                .into_iter()
                .any(|run| short(run, "OutOfGas") || matches!(run.status, Status::Rejected { .. })),
            Axis::CallerBalance => [here, there].into_iter().any(|run| short(run, "OutOfFunds")),
            _ => false,
        }
    }

    fn difference(&self, here: &Run, there: &InContext) -> Value {
        let side = |run: &Run| {
            let changes: Vec<_> = self.own(run).take(SHOWN_MAX).map(moved).collect();
            let mut side = json!({"signer": changes});
            merge(&mut side, &run.status);
            side
        };
        json!({
            "context": there.context, "axis": there.axis, "differs": there.differs,
            "next_block": side(here), "there": side(&there.run),
        })
    }

    fn shown(&self, simulation: &Simulation) -> Value {
        let run = &simulation.run;
        let changes: Vec<_> = run.changes.iter().take(SHOWN_MAX).map(moved).collect();
        let approvals: Vec<_> = run.approvals.iter().take(SHOWN_MAX).map(right).collect();
        let mut shown = json!({
            "gas_used": run.gas_used,
            "changes": changes, "changes_count": run.changes.len(),
            "approvals": approvals, "approvals_count": run.approvals.len(),
            "events_count": run.events.len(), "calls_count": run.calls_count,
            "contexts": simulation.contexts_run + 1, "contexts_differing": simulation.differing.len(),
        });
        merge(&mut shown, &run.status);
        if run.shortened {
            shown["shortened"] = Value::from(true);
        }
        if let Some(agrees) = self.ground.node_agrees(run) {
            shown["node_agrees"] = Value::from(agrees);
        }
        shown
    }
}

fn merge(evidence: &mut Value, status: &Status) {
    let (name, reason) = match status {
        Status::Success => ("success", None),
        Status::Reverted { reason } => ("reverted", Some(reason)),
        Status::Halted { reason } => ("halted", Some(reason)),
        Status::Rejected { reason } => ("rejected", Some(reason)),
    };
    evidence["status"] = Value::from(name);
    if let Some(reason) = reason {
        evidence["reason"] = Value::from(reason.as_str());
    }
}

fn asset(asset: &Asset) -> Value {
    match asset {
        Asset::Coin => json!({"kind": "coin"}),
        Asset::Token { token } => json!({"kind": "token", "token": account(*token).checksummed()}),
        Asset::Item { token, id } => {
            json!({"kind": "item", "token": account(*token).checksummed(), "id": id.to_string()})
        }
    }
}

fn moved(change: &Change) -> Value {
    json!({
        "account": account(change.account).checksummed(),
        "asset": asset(&change.asset),
        "change": change.delta().to_string(),
        "measured": change.measured.is_some() || change.asset == Asset::Coin,
    })
}

fn right(approval: &Approval) -> Value {
    let mut evidence = json!({
        "owner": account(approval.owner).checksummed(),
        "spender": account(approval.spender).checksummed(),
        "asset": asset(&approval.asset),
        "allowed": approval.allowed().to_string(),
    });
    if let Some(keeper) = approval.through {
        evidence["through"] = Value::from(account(keeper).checksummed());
    }
    evidence
}

/// Whether the events tell of more for the signer, or of less lost, than the balances show.
fn contradicts(change: &Change) -> bool {
    let Some(measured) = change.measured else { return false };
    let told = change.by_events;
    if told == measured {
        return false;
    }
    let (told_amount, amount) = (told.amount(), measured.amount());
    match (told.is_gain(), measured.is_gain(), measured.is_loss()) {
        (true, false, _) | (false, true, _) => true,
        // Both gain, or both lose: more than rounding apart.
        _ => {
            let apart = told_amount.abs_diff(amount);
            apart > told_amount.max(amount) / scorpius_evm::U256::from(ROUNDING)
        }
    }
}

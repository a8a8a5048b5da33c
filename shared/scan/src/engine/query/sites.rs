//! Where the things are that queries go through.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::facts::{Site, What, effects};
use super::limits::SITES_MAX;
use super::schema::Entity;
use crate::engine::contract::Contract;
use crate::engine::expr::Id;
use crate::engine::machine::Effect;

/// The things of one kind; one more than are gone through, where there are more.
pub(super) fn of(contract: &Contract<'_>, entity: Entity) -> Vec<Site> {
    match entity {
        Entity::Functions => functions(contract),
        Entity::Calls => calls(contract),
        Entity::Writes => writes(contract),
        Entity::Reads => reads(contract),
        Entity::Branches => branches(contract),
        Entity::Guards => guards(contract),
        Entity::Selfdestructs | Entity::Creations | Entity::Logs => of_effects(contract, entity),
    }
}

fn functions(contract: &Contract<'_>) -> Vec<Site> {
    let mut sites = Vec::new();
    let mut told = BTreeSet::new();
    for (visit, seen) in contract.visits().iter().enumerate() {
        let Some(selector) = seen.state.selector.filter(|selector| told.insert(*selector)) else { continue };
        // The comparison that chose the function: the nearest branch on the way to its first state.
        let mut at = seen.parent;
        let mut chosen = None;
        while let (Some((parent, taken)), None) = (at, chosen) {
            chosen = taken.map(|taken| taken.condition);
            at = contract.visits().get(parent).and_then(|visit| visit.parent);
        }
        let pc = contract.explored.functions.get(&selector).copied().unwrap_or(seen.state.pc);
        sites.push(Site { visit, place: 0, pc, subject: chosen, what: What::Function });
        if sites.len() > SITES_MAX {
            break;
        }
    }
    sites
}

fn calls(contract: &Contract<'_>) -> Vec<Site> {
    let mut told = BTreeSet::new();
    let once = contract.calls.iter().filter(|site| {
        // The first round of a loop is a state of its own, outside of the circle.
        let loops = contract.graph.circle(site.visit).is_some();
        told.insert((site.call.pc, contract.selector(site.visit), loops))
    });
    once.map(|site| Site {
        visit: site.visit,
        place: site.place,
        pc: site.call.pc,
        subject: Some(site.call.target),
        what: What::Call(Rc::clone(&site.call)),
    })
    .collect()
}

fn writes(contract: &Contract<'_>) -> Vec<Site> {
    let site = |write: &crate::engine::contract::WriteSite| Site {
        visit: write.visit,
        place: write.place,
        pc: write.pc,
        subject: Some(write.slot),
        what: What::Write { slot: write.slot, value: write.value },
    };
    contract.writes.iter().map(site).collect()
}

/// Who uses which words, where.
fn uses(contract: &Contract<'_>) -> Vec<(usize, usize, usize, &'static str, Vec<Id>)> {
    let mut all = Vec::new();
    for (visit, seen) in contract.visits().iter().enumerate().filter(|&(index, _)| contract.graph.kept(index))
    {
        for (place, effect) in seen.effects.iter().enumerate() {
            match effect {
                Effect::Write { pc, slot, value } => {
                    all.push((visit, place, *pc, "write", vec![*slot, *value]))
                }
                Effect::Call(call) => {
                    let words = [call.target, call.gas].into_iter().chain(call.value);
                    let words = words.chain(call.arguments.iter().map(|&(_, word)| word));
                    all.push((visit, place, call.pc, "call", words.collect()));
                }
                Effect::SelfDestruct { pc, beneficiary } => {
                    all.push((visit, place, *pc, "selfdestruct", vec![*beneficiary]));
                }
                Effect::Delegate { .. } | Effect::Log | Effect::Lock | Effect::Create { .. } => {}
            }
        }
        if let Some(branch) = &seen.branch {
            all.push((visit, usize::MAX, branch.pc, "branch", vec![branch.condition]));
        }
        if all.len() > SITES_MAX {
            break;
        }
    }
    all
}

fn reads(contract: &Contract<'_>) -> Vec<Site> {
    let mut sites = Vec::new();
    for (visit, place, pc, used_by, words) in uses(contract) {
        let mut slots: Vec<Id> =
            words.into_iter().flat_map(|word| contract.arena().slots_read(word)).collect();
        slots.sort_unstable();
        slots.dedup();
        let site = |slot| Site { visit, place, pc, subject: Some(slot), what: What::Read { slot, used_by } };
        sites.extend(slots.into_iter().map(site));
        if sites.len() > SITES_MAX {
            break;
        }
    }
    sites
}

fn branches(contract: &Contract<'_>) -> Vec<Site> {
    let visits = contract.visits().iter().enumerate();
    let site = |(visit, seen): (usize, &crate::engine::explore::Visit)| {
        let branch = seen.branch.as_ref()?;
        let what = What::Branch { condition: branch.condition };
        contract.graph.kept(visit).then_some(Site {
            visit,
            place: usize::MAX,
            pc: branch.pc,
            subject: Some(branch.condition),
            what,
        })
    };
    visits.filter_map(site).take(SITES_MAX + 1).collect()
}

fn guards(contract: &Contract<'_>) -> Vec<Site> {
    let mut sites = Vec::new();
    let mut told = BTreeSet::new();
    for (visit, seen) in contract.visits().iter().enumerate() {
        if !contract.graph.kept(visit) || !seen.keeps && seen.effects.is_empty() {
            continue;
        }
        for &number in &seen.state.guards {
            let Some(guard) = contract.explored.guards.get(number as usize) else { continue };
            if told.insert((number, seen.state.selector)) {
                let subject = Some(guard.fact.condition);
                sites.push(Site { visit, place: 0, pc: guard.pc, subject, what: What::Guard(number) });
            }
        }
        if sites.len() > SITES_MAX {
            break;
        }
    }
    sites
}

fn of_effects(contract: &Contract<'_>, entity: Entity) -> Vec<Site> {
    let site = |(visit, place, effect): (usize, usize, &Effect)| {
        let start = contract.visit(visit).state.pc;
        let (pc, subject, what) = match (entity, effect) {
            (Entity::Selfdestructs, &Effect::SelfDestruct { pc, beneficiary }) => {
                (pc, Some(beneficiary), What::Selfdestruct { beneficiary })
            }
            (Entity::Creations, &Effect::Create { value }) => (start, Some(value), What::Creation { value }),
            (Entity::Logs, Effect::Log) => (start, None, What::Log),
            _ => return None,
        };
        Some(Site { visit, place, pc, subject, what })
    };
    effects(contract).filter_map(site).take(SITES_MAX + 1).collect()
}

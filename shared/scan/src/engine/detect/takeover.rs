//! Who may write what guards trust, and places of storage that nobody meant.

use std::collections::BTreeSet;

use super::Candidate;
use crate::engine::contract::{Contract, WriteSite};
use crate::engine::expr::{Expr, Id, render};
use crate::engine::guard::Kind;
use crate::engine::opcode::{ADD, LT};
use crate::engine::report::{Confidence, Severity};
use crate::engine::rules;
use crate::engine::taint::Taint;

/// `initialize()`, `initialize(address)`, `init()`, `init(address)`, `initialize(address,address)`,
/// `initialize(address,uint256)`: names under which proxies' implementations are set up.
const INITIALIZERS: [u32; 6] = [0x8129_fc1c, 0xc4d6_6de8, 0xe1c7_392a, 0x19ab_453c, 0x485c_c955, 0xcd6d_c687];

pub(super) fn find(contract: &Contract<'_>) -> Vec<Candidate> {
    let mut candidates = owner_changes(contract);
    let mut told = BTreeSet::new();
    for write in &contract.writes {
        if contract.open(write.visit) && told.insert((write.pc, contract.selector(write.visit))) {
            candidates.extend(storage_write(contract, write));
        }
    }
    candidates.extend(replays(contract));
    candidates
}

/// Guards on the caller whose trusted slot anyone may write.
fn owner_changes(contract: &Contract<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for (number, guard) in contract.explored.guards.iter().enumerate() {
        if !matches!(guard.fact.kind, Kind::Caller | Kind::Origin) {
            continue;
        }
        let Some(writer) = contract.writers.voids(contract.explored, number as u32) else { continue };
        let of_one = guard.fact.trusts.iter().any(|&slot| contract.arena().as_const(slot).is_some());
        let write = contract
            .writes
            .iter()
            .find(|write| write.pc == writer.pc && contract.selector(write.visit) == writer.selector);
        let (true, Some(write)) = (of_one, write) else { continue };
        let initializes = writer.selector.is_some_and(|selector| INITIALIZERS.contains(&selector));
        candidates.push(Candidate {
            rule: if initializes { &rules::INITIALIZER } else { &rules::OWNER_CHANGE },
            pc: write.pc,
            visit: write.visit,
            subject: guard.fact.condition,
            severity: Severity::Critical,
            confidence: Confidence::Likely,
            summary: format!(
                "Any caller can write what the guard at {:#x} trusts (`{}`), and pass it afterwards.",
                guard.pc,
                render(contract.arena(), guard.fact.condition)
            ),
        });
    }
    candidates
}

/// A write whose place the caller decides.
fn storage_write(contract: &Contract<'_>, write: &WriteSite) -> Option<Candidate> {
    let arena = contract.arena();
    if !contract.is_chosen(write.slot) || matches!(arena.expr(write.slot), Expr::Hash(_)) {
        return None;
    }
    // A member of a mapping's element: the hash decides, and nobody chooses hashes.
    let inside = contract.inside(write.slot);
    let is_hashed = |part: &&Id| matches!(arena.expr(**part), Expr::Hash(words) if words.len() > 1);
    let atoms: Vec<Id> =
        inside.iter().copied().filter(|&part| matches!(arena.expr(part), Expr::CallData(_))).collect();
    if atoms.is_empty() || inside.iter().any(|part| is_hashed(&part)) {
        return None;
    }
    let length = index(contract, write.slot).and_then(|(start, _)| length_slot(contract, start));
    let bounded = contract.known(write.visit).iter().any(|known| {
        contract.comparisons(known.condition).iter().any(|&part| {
            arena.as_op(part, LT).is_some() && contract.inside(part).iter().any(|word| atoms.contains(word))
        })
    });
    let why = match (bounded, length) {
        (true, Some(length)) if shrinks_below_zero(contract, length) => {
            "the array's length can be made to fall below zero, so that its bound ends nowhere"
        }
        (true, _) => return None,
        (false, Some(_)) => "the index into the array has no bound",
        (false, None) => "the place is what the caller passes",
    };
    Some(Candidate {
        rule: &rules::ARBITRARY_STORAGE_WRITE,
        pc: write.pc,
        visit: write.visit,
        subject: write.slot,
        severity: Severity::Critical,
        confidence: contract.certainty(write.visit),
        summary: format!("Any caller can write any word of storage: {why}."),
    })
}

/// Start and index of an array's element: `keccak(slot) + index`.
fn index(contract: &Contract<'_>, slot: Id) -> Option<(Id, Id)> {
    let arena = contract.arena();
    let [a, b] = arena.as_op(slot, ADD)?;
    match (contract.is_start_of_array(a), contract.is_start_of_array(b)) {
        (true, _) => Some((a, b)),
        (_, true) => Some((b, a)),
        _ => None,
    }
}

/// The slot of the length of the array that starts at `start`.
fn length_slot(contract: &Contract<'_>, start: Id) -> Option<Id> {
    match contract.arena().expr(start) {
        Expr::Hash(words) => words.first().copied(),
        _ => None,
    }
}

/// Whether anyone can lower the length without a look at it.
fn shrinks_below_zero(contract: &Contract<'_>, length: Id) -> bool {
    let arena = contract.arena();
    contract.writes.iter().any(|write| {
        let lowers = arena.as_op(write.value, ADD).is_some_and(|[by, old]| {
            arena.as_const(by).is_some_and(|by| by.bit(255)) && contract.slot_of(old) == Some(length)
        });
        lowers
            && write.slot == length
            && contract.open(write.visit)
            && !contract.slots_decided_on(&contract.known(write.visit)).contains(&length)
    })
}

/// Functions that a signature opens and that remember nothing of it.
fn replays(contract: &Contract<'_>) -> Vec<Candidate> {
    let arena = contract.arena();
    let mut candidates = Vec::new();
    let mut told = BTreeSet::new();
    let signed = |visit: usize| {
        contract.visit(visit).state.guards.iter().any(|&number| {
            contract.explored.guards.get(number as usize).is_some_and(|g| g.fact.kind == Kind::Signature)
        })
    };
    let sites = contract
        .calls
        .iter()
        .filter(|site| contract.sends_ether(&site.call))
        .map(|site| (site.visit, site.call.pc, site.call.value.unwrap_or(site.call.target)));
    for (visit, pc, subject) in sites {
        if !signed(visit) || !told.insert(pc) {
            continue;
        }
        let decided = contract.slots_decided_on(&contract.known(visit));
        let function = contract.selector(visit);
        let remembers = contract.writes.iter().any(|write| {
            contract.selector(write.visit) == function
                && (decided.iter().any(|&slot| contract.same_variable(slot, write.slot))
                    || contract
                        .inside(write.value)
                        .iter()
                        .any(|&part| contract.slot_of(part) == Some(write.slot)))
        });
        if !remembers && arena.taint(subject).has(Taint::CHOSEN | Taint::BALANCE) {
            candidates.push(Candidate {
                rule: &rules::SIGNATURE_REPLAY,
                pc,
                visit,
                subject,
                severity: Severity::High,
                confidence: Confidence::Possible,
                summary: "A signature pays its bearer, and nothing remembers that it was used.".to_owned(),
            });
        }
    }
    candidates
}

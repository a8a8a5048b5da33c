//! A replay from its start: the steps as an engineer would send them, and whether they had the effect.

use std::collections::BTreeMap;

use scorpius_evm::run::CallKind;
use scorpius_evm::sandbox::{Done, Fork, Happened, Outcome, Sandbox, Sent};
use scorpius_evm::{Address, Bytes, U256};
use scorpius_scan::engine::{Change, Effect, Finding, Given, Replay, Step};

use crate::agent::{self, Call, MARK, Reaction};
use crate::kind::{By, Kind};
use crate::search::ALLOWANCE;
use crate::stage::{ATTACKER, CONTRACT, OWNER, Scene, agent, paid_in, wealth, word};

/// Words of storage that are told.
const CHANGES_MAX: usize = 16;
/// Blocks in which a game is tried until it is won.
const GAMES_MAX: usize = 200;

/// One finding, and what it is about.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) finding: &'a Finding,
    pub(crate) kind: Kind,
}

impl Case<'_> {
    /// Whether the last call may have done what the finding says.
    pub(crate) fn looks_right(&self, before: &Sandbox, after: &Sandbox, outcome: &Outcome) -> bool {
        let happened = &outcome.happened;
        let here = |it: &&Happened| it.contract == CONTRACT && it.pc == self.finding.pc;
        outcome.status.is_success()
            && match self.kind {
                Kind::Selfdestruct => {
                    happened.iter().filter(here).any(|it| matches!(it.done, Done::Destroyed { .. }))
                }
                Kind::Withdrawal | Kind::Chance => wealth(after) > wealth(before),
                Kind::Owner => self.taken_slot(after).is_some(),
                Kind::ForeignCode => after.storage(CONTRACT, MARK) == MARK,
                Kind::StorageWrite => happened.iter().filter(here).any(|it| self.is_chosen(&it.done)),
                Kind::Origin => happened.iter().any(is_deed),
                Kind::Reentrancy => happened.iter().filter(here).any(|it| match it.done {
                    Done::Called { to, value, ok, .. } => ok && to == agent() && value > U256::ZERO,
                    _ => false,
                }),
                Kind::UncheckedCall => happened
                    .iter()
                    .filter(here)
                    .any(|it| matches!(it.done, Done::Called { to, .. } if to == agent())),
                Kind::Arithmetic => wrapped(happened, self.finding.pc).is_some(),
            }
    }

    /// A word of storage that the contract trusts, and that names the attacker.
    fn taken_slot(&self, after: &Sandbox) -> Option<U256> {
        let names = |word: U256| {
            let bytes = word.to_be_bytes::<32>();
            bytes.windows(20).any(|window| window == ATTACKER.as_slice())
        };
        self.scene.storage.keys().copied().find(|&slot| names(after.storage(CONTRACT, slot)))
    }

    /// Whether place and word are those that were wished for.
    fn is_chosen(&self, done: &Done) -> bool {
        let Done::Stored { slot, word: stored } = *done else { return false };
        (slot, stored) == (MARK, MARK)
            || stored == word(ATTACKER) && self.scene.storage.keys().next() == Some(&slot)
    }
}

/// What a contract does that counts: it stores, pays, calls or ends.
fn is_deed(it: &Happened) -> bool {
    it.contract == CONTRACT
        && match it.done {
            Done::Stored { .. } | Done::Destroyed { .. } => true,
            Done::Called { kind, value, ok, .. } => ok && kind == CallKind::Call && value > U256::ZERO,
            Done::Wrapped { .. } => false,
        }
}

/// The operation at `pc` that wrapped, where the contract did something afterwards.
fn wrapped(happened: &[Happened], pc: usize) -> Option<&Done> {
    let at = happened
        .iter()
        .position(|it| it.code == CONTRACT && it.pc == pc && matches!(it.done, Done::Wrapped { .. }))?;
    let later = happened.get(at..).unwrap_or_default();
    later.iter().any(is_deed).then(|| happened.get(at).map(|it| &it.done)).flatten()
}

/// Transactions, what they led to, and what the last one did.
struct Played {
    sent: Vec<Sent>,
    before: Sandbox,
    after: Sandbox,
    last: Outcome,
}

/// The replay that the calls make; `None` if it does not have the effect.
pub(crate) fn shown(case: &Case<'_>, calls: &[Call]) -> Option<Replay> {
    let (played, how) = match case.kind {
        Kind::Reentrancy => reentered(case, calls)?,
        Kind::UncheckedCall => refused(case, calls)?,
        Kind::Origin => lured(case, calls)?,
        Kind::Chance => won(case, calls)?,
        Kind::ForeignCode => {
            let creation = sent(None, U256::ZERO, agent::creation(&agent::foreign()));
            let all: Vec<Sent> = [creation].into_iter().chain(calls.iter().map(direct)).collect();
            let played = played(case, Fork::Osaka, all)?;
            case.looks_right(&played.before, &played.after, &played.last).then(|| {
                (
                    played,
                    "The attacker's code ran on the contract's storage and could do anything with it."
                        .to_owned(),
                )
            })?
        }
        Kind::Selfdestruct | Kind::Withdrawal | Kind::Owner | Kind::StorageWrite | Kind::Arithmetic => {
            let all: Vec<Sent> = calls.iter().map(direct).collect();
            let played = played(case, Fork::Osaka, all)?;
            let right = case.looks_right(&played.before, &played.after, &played.last);
            let how = right.then(|| said(case, &played)).flatten()?;
            (played, how)
        }
    };
    Some(replay(case, &played, how))
}

fn said(case: &Case<'_>, played: &Played) -> Option<String> {
    Some(match case.kind {
        Kind::Selfdestruct => {
            let gone = self::played(case, Fork::Shanghai, played.sent.clone())
                .is_some_and(|before| before.after.code_size(CONTRACT) == 0);
            let code = if gone { "; before the Cancun fork its code is gone too" } else { "" };
            format!("The contract destroyed itself and its ether is gone{code}.")
        }
        Kind::Withdrawal => "The attacker has ether that others paid in.".to_owned(),
        Kind::Owner => {
            let slot = case.taken_slot(&played.after)?;
            format!("Storage {slot:#x}, which the contract compares callers with, names the attacker.")
        }
        Kind::StorageWrite => "The attacker wrote a word of its choice to a place of its choice.".to_owned(),
        // Points that are sent to oneself wrap twice, and nothing is otherwise.
        Kind::Arithmetic if changes(played).is_empty() && gained(played).is_zero() => return None,
        Kind::Arithmetic => match wrapped(&played.last.happened, case.finding.pc)? {
            Done::Wrapped { op, a, b, result } => {
                format!("{op} of {a} and {b} wrapped to {result}, and the contract went on with it.")
            }
            _ => return None,
        },
        Kind::ForeignCode | Kind::Origin | Kind::Reentrancy | Kind::UncheckedCall | Kind::Chance => {
            return None;
        }
    })
}

/// Sets an agent to work that makes the last call again while the first is still running.
fn reentered(case: &Case<'_>, calls: &[Call]) -> Option<(Played, String)> {
    let with = |reaction| played(case, Fork::Osaka, set_to_work(calls, reaction, false, ATTACKER));
    let again = with(Reaction::Reenter(1))?;
    let once = with(Reaction::Accept);
    let gain = gained(&again);
    // What is gained without entering twice is not gained by it.
    let by_itself = once.as_ref().map(gained).unwrap_or_default();
    let put_in: U256 = calls.iter().map(|call| call.value).fold(U256::ZERO, U256::saturating_add);
    (gain > by_itself).then(|| {
        let how = format!("Entering twice took {gain} wei more out than the {put_in} wei that were put in.");
        (again, how)
    })
}

/// Sets an agent to work that fails when it is called.
fn refused(case: &Case<'_>, calls: &[Call]) -> Option<(Played, String)> {
    let all = set_to_work(calls, Reaction::Refuse, false, ATTACKER);
    let played = played(case, Fork::Osaka, all)?;
    let failed = played.last.happened.iter().any(|it| {
        it.contract == CONTRACT
            && it.pc == case.finding.pc
            && matches!(it.done, Done::Called { to, ok: false, .. } if to == agent())
    });
    failed.then(|| (played, "The call failed, and the contract went on as if it had not.".to_owned()))
}

/// Has the trusted account call an agent, which calls on.
fn lured(case: &Case<'_>, calls: &[Call]) -> Option<(Played, String)> {
    let with = |signer| played(case, Fork::Osaka, set_to_work(calls, Reaction::Accept, false, signer));
    let by_owner = with(OWNER)?;
    let deeds = |played: &Played| played.last.happened.iter().any(is_deed);
    let by_attacker = with(ATTACKER).is_some_and(|played| deeds(&played));
    (deeds(&by_owner) && !by_attacker).then(|| {
        let how = "The owner called the attacker's contract, which was let in where the attacker is not."
            .to_owned();
        (by_owner, how)
    })
}

/// Sets an agent to work in one block after the other; it takes everything back unless it gains.
fn won(case: &Case<'_>, calls: &[Call]) -> Option<(Played, String)> {
    let all = set_to_work(calls, Reaction::Accept, true, ATTACKER);
    let before = case.scene.sandbox(Fork::Osaka);
    let mut after = before.clone();
    let (last, creation) = all.split_last()?;
    for step in creation {
        after.send(step, ALLOWANCE, &|| false).status.is_success().then_some(())?;
    }
    for lost in 0..GAMES_MAX {
        let outcome = after.send(last, ALLOWANCE, &|| false);
        if outcome.status.is_success() {
            let how = format!(
                "A contract that plays only where it wins won; in {lost} blocks before it took everything back."
            );
            return Some((Played { sent: all.clone(), before, after, last: outcome }, how));
        }
    }
    None
}

fn direct(call: &Call) -> Sent {
    sent(Some(CONTRACT), call.value, call.data.clone())
}

fn sent(to: Option<Address>, value: U256, data: Vec<u8>) -> Sent {
    Sent { from: ATTACKER, to, value, data: Bytes::from(data) }
}

/// The attacker creates an agent, and `signer` sets it to work.
fn set_to_work(calls: &[Call], reaction: Reaction, only_if_won: bool, signer: Address) -> Vec<Sent> {
    let value = calls.iter().fold(U256::ZERO, |sum, call| sum.saturating_add(call.value));
    let creation = sent(None, U256::ZERO, agent::creation(&agent::code(calls, reaction, only_if_won)));
    vec![creation, Sent { from: signer, ..sent(Some(agent()), value, Vec::new()) }]
}

/// Runs the transactions from the start; `None` if one does not go through.
fn played(case: &Case<'_>, fork: Fork, all: Vec<Sent>) -> Option<Played> {
    let before = case.scene.sandbox(fork);
    let mut after = before.clone();
    let mut last = None;
    for step in &all {
        let outcome = after.send(step, ALLOWANCE, &|| false);
        if !outcome.status.is_success() {
            return None;
        }
        last = Some(outcome);
    }
    Some(Played { sent: all, before, after, last: last? })
}

fn gained(played: &Played) -> U256 {
    wealth(&played.after).saturating_sub(wealth(&played.before))
}

fn replay(case: &Case<'_>, played: &Played, summary: String) -> Replay {
    let creates = played.sent.iter().any(|sent| sent.to.is_none());
    let lured = case.kind.by() == By::LuredOwner;
    let steps = played.sent.iter().enumerate();
    let last = played.sent.len().saturating_sub(1);
    Replay {
        fork: Fork::Osaka.name().to_owned(),
        given: Given {
            contract: address(CONTRACT),
            contract_wei: paid_in().to_string(),
            storage: case.scene.storage.iter().map(|(slot, word)| (hex32(*slot), hex32(*word))).collect(),
            attacker: address(ATTACKER),
            attacker_contract: creates.then(|| address(agent())),
            owner: (lured || !case.scene.storage.is_empty()).then(|| address(OWNER)),
        },
        steps: steps
            .map(|(at, sent)| Step {
                from: address(sent.from),
                to: sent.to.map(address),
                value: sent.value.to_string(),
                data: format!("0x{}", hex::encode(&sent.data)),
                explain: explained(case.kind, sent, at == last),
            })
            .collect(),
        effect: Effect {
            kind: case.kind.effect(),
            summary,
            gained_wei: gained(played).to_string(),
            contract_wei: played.after.balance(CONTRACT).to_string(),
            storage: changes(played),
        },
    }
}

fn explained(kind: Kind, sent: &Sent, is_last: bool) -> String {
    if sent.to.is_none() {
        return match kind {
            Kind::ForeignCode => "Creates code that marks storage and sends the balance to the attacker.",
            Kind::Reentrancy => "Creates a contract that makes its last call again when it is paid.",
            Kind::UncheckedCall => "Creates a contract that fails when it is called back.",
            Kind::Chance => "Creates a contract that takes everything back where it does not win.",
            _ => "Creates a contract that calls on to the contract.",
        }
        .to_owned();
    }
    if sent.to != Some(CONTRACT) {
        return match kind {
            Kind::Chance => "Sets it to work; send it again, a block later, until it goes through.",
            Kind::Origin => "The trusted account calls it, for whatever reason it was given.",
            _ => "Sets it to work.",
        }
        .to_owned();
    }
    let function = match sent.data.get(..4) {
        Some(selector) => format!("function 0x{}", hex::encode(selector)),
        None => "the fallback".to_owned(),
    };
    match is_last {
        true => format!("Calls {function}: this has the effect."),
        false => format!("Calls {function}: this writes the storage that a later step needs."),
    }
}

fn changes(played: &Played) -> Vec<Change> {
    let after: BTreeMap<U256, U256> = played.after.slots(CONTRACT).collect();
    let slots: BTreeMap<U256, U256> = played.before.slots(CONTRACT).chain(after).collect();
    slots
        .keys()
        .map(|&slot| (slot, played.before.storage(CONTRACT, slot), played.after.storage(CONTRACT, slot)))
        .filter(|(_, before, after)| before != after)
        .take(CHANGES_MAX)
        .map(|(slot, before, after)| Change { slot: hex32(slot), before: hex32(before), after: hex32(after) })
        .collect()
}

fn address(address: Address) -> String {
    format!("0x{}", hex::encode(address))
}

fn hex32(word: U256) -> String {
    format!("0x{}", hex::encode(word.to_be_bytes::<32>()))
}

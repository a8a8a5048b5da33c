//! Chance, time, exact balances and prices that others can move.

use std::collections::BTreeSet;

use scorpius_scan::engine::Severity;

use super::{Case, Hit, once};
use crate::syntax::ast::Operator;
use crate::walk::facts::{Event, What};
use crate::walk::value::{Source, Test, Val};

pub(super) fn detect(case: &Case<'_>, hits: &mut Vec<Hit>) {
    let mut seen = BTreeSet::new();
    for event in &case.facts.events {
        match &event.what {
            What::Arithmetic { operator: Operator::Mod, left, assembly: false, .. }
                if is_chance(left) && once(&mut seen, event.span) =>
            {
                randomness(event, hits);
            }
            What::Condition(condition) => draws(event, &condition.test, hits),
            What::Compare { operator, left, right, .. } => compare(event, *operator, left, right, hits),
            What::Write { value, .. } if is_drawn(value) && once(&mut seen, event.span) => {
                randomness(event, hits);
            }
            _ => {}
        }
    }
    quotes(case, hits);
}

/// What is known of the block before it is made: a hash of it, or the rest of a division.
fn is_chance(value: &Val) -> bool {
    value.has(Source::Chance)
        || value.has(Source::Drawn)
        || value.any(|it| matches!(it, Source::Time | Source::Number)) && value.exact.is_some()
}

fn is_drawn(value: &Val) -> bool {
    value.has(Source::Drawn) && !value.has(Source::Signer)
}

fn randomness(event: &Event, hits: &mut Vec<Hit>) {
    let what = "This draws lots from what the block's maker and every contract in the block know beforehand.";
    hits.push(Hit::at("weak-randomness", Severity::Medium, event, what));
}

/// `blockhash(..) == guess`
fn draws(event: &Event, test: &Test, hits: &mut Vec<Hit>) {
    if test.sources().contains(&Source::Chance) {
        randomness(event, hits);
    }
}

fn compare(event: &Event, operator: Operator, left: &Val, right: &Val, hits: &mut Vec<Hit>) {
    let either = |source: Source| left.has(source) || right.has(source);
    if matches!(operator, Operator::Eq | Operator::Ne) {
        let exact = |value: &Val| {
            (value.has(Source::OwnEther) || value.has(Source::Holding))
                && !value.has(Source::Hash)
                && !value.any(|it| matches!(it, Source::Quotient(_)))
        };
        // Twice the same question is a check that nothing moved; zero asks whether there is anything.
        let both = exact(left) && exact(right);
        if (exact(left) || exact(right)) && !both && !left.is_zero() && !right.is_zero() {
            let what = "Anyone can send a little more, and the balance is never exactly this again.";
            hits.push(Hit::at("strict-balance-equality", Severity::Medium, event, what));
        }
        // `time == 0` asks whether it was set.
        let unset = [(left, right), (right, left)].iter().any(|(a, b)| a.is_zero() && b.exact.is_some());
        if either(Source::Time) && !unset {
            let what = "The block's time is compared for equality: whoever makes the block decides.";
            hits.push(Hit::at("timestamp-dependence", Severity::Low, event, what));
        }
    } else if either(Source::Time) {
        let what =
            "Whoever makes the block has some seconds of choice about its time, which is compared here.";
        hits.push(Hit::at("timestamp-dependence", Severity::Info, event, what));
    }
}

/// A price of this very moment decides how much is paid, minted or lent.
fn quotes(case: &Case<'_>, hits: &mut Vec<Hit>) {
    let mut seen = BTreeSet::new();
    for event in &case.facts.events {
        let quoted = match &event.what {
            What::Write { value, .. } => value.has(Source::Quote) || divides_holdings(case, value),
            // A bound that the caller sets for himself is no price that decides.
            What::Compare { left, right, .. } => {
                [(left, right), (right, left)].iter().any(|(price, other)| {
                    let scaled =
                        price.any(|it| matches!(it, Source::Param(_) | Source::Var(_) | Source::Value));
                    price.has(Source::Quote) && scaled && !other.has(Source::Quote) && !other.is_zero()
                })
            }
            What::Call(call) => {
                !call.reads_only
                    && call
                        .args
                        .iter()
                        .chain(&call.value)
                        .any(|it| it.has(Source::Quote) || divides_holdings(case, it))
            }
            _ => false,
        };
        if quoted && !case.guards.authorized(case.facts, event) && once(&mut seen, event.span) {
            let what = "The amount depends on a pool's state of this moment, which one transaction can move.";
            hits.push(Hit::at("spot-price", Severity::Medium, event, what).possible());
        }
    }
}

/// A quotient of what two accounts other than the contract's own hold.
fn divides_holdings(case: &Case<'_>, value: &Val) -> bool {
    value.from.iter().any(|source| {
        let Source::Quotient(at) = source else { return false };
        let Some(What::Arithmetic { left, right, .. }) =
            case.facts.events.get(*at as usize).map(|it| &it.what)
        else {
            return false;
        };
        left.has(Source::Holding)
            && right.has(Source::Holding)
            && !own_books(case, left)
            && !own_books(case, right)
    })
}

/// `token.balanceOf(address(this))`: the contract's own.
fn own_books(case: &Case<'_>, value: &Val) -> bool {
    value.from.iter().any(|source| {
        let Source::Returned(at) = source else { return false };
        case.facts.call(*at).is_some_and(|(_, call)| {
            call.method == "balanceOf" && call.args.first().is_some_and(|it| it.exact == Some(Source::This))
        })
    })
}

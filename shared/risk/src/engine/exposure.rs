//! Whom an address dealt with, and whom they dealt with: how near it is to those whom lists name.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::address::Account;
use crate::engine::findings::Findings;
use crate::engine::inputs::{Inputs, Question, Says};
use crate::engine::party_rules::Known;
use crate::engine::rules::SignalId;

/// Dealings that are told.
pub const DEALINGS_MAX: usize = 2_000;
/// Steps that are followed.
const HOPS_MAX: usize = 3;

/// Something was sent, as the asker tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dealing {
    /// Who sent.
    pub from: Account,
    /// Who got it.
    pub to: Account,
}

/// Who is within reach of `start`, by account: how many steps away, and through whom. Nobody is followed on through whom
/// `ends` names: everybody deals with a well-known contract.
fn reach(
    start: Account,
    dealings: &[Dealing],
    ends: impl Fn(&Account) -> bool,
) -> BTreeMap<Account, (usize, Account)> {
    let mut beside: BTreeMap<Account, BTreeSet<Account>> = BTreeMap::new();
    for Dealing { from, to } in dealings {
        beside.entry(*from).or_default().insert(*to);
        beside.entry(*to).or_default().insert(*from);
    }
    let mut found = BTreeMap::new();
    let mut edge = BTreeSet::from([start]);
    for hops in 1..=HOPS_MAX {
        let mut next = BTreeSet::new();
        for at in &edge {
            for other in beside.get(at).into_iter().flatten() {
                if *other != start && !found.contains_key(other) {
                    found.insert(*other, (hops, *at));
                    if !ends(other) {
                        next.insert(*other);
                    }
                }
            }
        }
        edge = next;
    }
    found
}

/// Everybody within reach of the address that is asked about, whom lists are to be asked about as well.
#[must_use]
pub fn reached(question: &Question, dealings: &[Dealing]) -> Vec<Account> {
    let Question::Address { address, .. } = question else { return Vec::new() };
    reach(*address, dealings, |_| false).into_keys().collect()
}

pub(super) fn look(inputs: &Inputs, known: &Known<'_>, findings: &mut Findings) {
    let Question::Address { address, .. } = inputs.question else { return };
    for (account, (hops, through)) in reach(address, &inputs.dealings, |other| known.is_well_known(other)) {
        let id = match hops {
            1 => SignalId::ExposureDirect,
            2 => SignalId::ExposureNear,
            _ => SignalId::ExposureFar,
        };
        for fact in known.listed_as(&account, &[Says::Sanctioned, Says::Threat]) {
            let evidence = json!({
                "address": account.checksummed(),
                "hops": hops,
                "through": (hops > 1).then(|| through.checksummed()),
                "list": fact.list,
                "name": fact.row.name,
                "said_by": fact.row.source,
                "said_on": fact.row.date,
                "told_by": "asker",
            });
            findings.add(id, known.asked("dealings", evidence));
        }
    }
}

#[cfg(test)]
mod tests {
    use scorpius_core::UnixMillis;

    use super::*;
    use crate::engine::decide;
    use crate::engine::rules::RuleSet;
    use crate::engine::verdict::{Level, Verdict};
    use crate::lists::Lists;

    const RONIN_EXPLOITER: &str = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96";
    const USDC: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";

    fn account(text: &str) -> Account {
        text.parse().expect("an address")
    }

    fn nobody(number: u8) -> Account {
        Account::new([number; 20])
    }

    fn judge(dealings: &[(Account, Account)]) -> Verdict {
        let lists = Lists::seed();
        let chain = "ethereum".parse().expect("a chain");
        let question = Question::Address { chain, address: nobody(1) };
        let dealings: Vec<_> = dealings.iter().map(|&(from, to)| Dealing { from, to }).collect();
        let id = "vrd_00000000000000000000000000000001".to_owned();
        let inputs = Inputs::gather(question, &[], &lists, id, UnixMillis(1_795_254_040_000));
        let inputs = inputs.dealt(&dealings, &lists);
        let verdict = decide(&inputs, RuleSet::base());
        let again = Inputs::parse(&inputs.canonical()).expect("its own canonical form");
        assert_eq!(decide(&again, RuleSet::base()).canonical(), verdict.canonical());
        verdict
    }

    fn exposure(verdict: &Verdict) -> Vec<(&str, u64)> {
        let exposed = verdict.signals.iter().filter(|signal| signal.source == "dealings");
        exposed
            .map(|signal| (signal.id.as_str(), signal.evidence["count"].as_u64().expect("a count")))
            .collect()
    }

    #[test]
    fn who_dealt_with_the_listed_is_suspicious_and_less_so_from_afar() {
        let thief = account(RONIN_EXPLOITER);
        let direct = judge(&[(thief, nobody(1))]);
        assert_eq!((direct.level, exposure(&direct)), (Level::Caution, vec![("exposure_direct", 1)]));
        let near = judge(&[(nobody(1), nobody(2)), (nobody(2), thief)]);
        assert_eq!((near.level, exposure(&near)), (Level::Unknown, vec![("exposure_near", 1)]));
        let far = judge(&[(nobody(1), nobody(2)), (nobody(2), nobody(3)), (thief, nobody(3))]);
        assert_eq!(exposure(&far), [("exposure_far", 1)]);
        let chain: Vec<_> = (1..5).map(|n| (nobody(n), nobody(n + 1))).chain([(nobody(5), thief)]).collect();
        assert_eq!(exposure(&judge(&chain)), []);
        // The nearest way counts.
        let both = judge(&[(nobody(1), nobody(2)), (nobody(2), thief), (nobody(1), thief)]);
        assert_eq!(exposure(&both), [("exposure_direct", 1)]);
    }

    #[test]
    fn nobody_is_suspicious_for_a_contract_that_everybody_uses() {
        let thief = account(RONIN_EXPLOITER);
        assert_eq!(exposure(&judge(&[(nobody(1), account(USDC)), (thief, account(USDC))])), []);
        assert_eq!(exposure(&judge(&[(nobody(1), nobody(1)), (nobody(2), thief)])), []);
    }
}

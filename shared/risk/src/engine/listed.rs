//! What the lists of a snapshot add to the inputs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::address::{Account, ChainId};
use crate::engine::inputs::Inputs;
use crate::intel::{Answers, Indicator, Listed};
use crate::lists::{List, ListKind, ListRef, Lists, Row};

/// What a list says of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// It is sanctioned.
    Sanctioned,
    /// It was reported as a threat.
    Threat,
    /// It was, and is not any more.
    Delisted,
    /// It is well known on this chain.
    WellKnown,
    /// It has the ends of a well-known address, and is another.
    Imitates,
    /// It calls itself what a well-known token of this chain is called, and is another.
    Namesake,
}

/// One answer of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// Who was asked about.
    pub account: Account,
    /// What the list says.
    pub says: Says,
    /// Which list.
    pub list: String,
    /// The list's row.
    pub row: Row,
}

/// One answer of a list about a site, or about an account of a chain that is not an EVM chain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteFact {
    /// What the list says.
    pub says: Says,
    /// Which list.
    pub list: String,
    /// The list's row: of the site itself or of a name above it.
    pub row: Listed,
}

impl Says {
    /// What a row means on a list of this kind.
    fn of(kind: ListKind, delisted: bool) -> Self {
        match (kind, delisted) {
            (ListKind::Sanctions, false) => Self::Sanctioned,
            (ListKind::Threats, false) => Self::Threat,
            (ListKind::Sanctions | ListKind::Threats, true) => Self::Delisted,
            (ListKind::Registry, _) => Self::WellKnown,
            // Of an account or a site: a list of code says nothing about either.
            (ListKind::BadCode, _) => Self::Delisted,
        }
    }
}

impl Inputs {
    /// With what the lists of a snapshot said. A list of the program by the same name is not asked then: the
    /// snapshot's is newer.
    #[must_use]
    pub fn listed(mut self, answers: &Answers) -> Self {
        let replaced = |name: &str| answers.lists.iter().any(|list| list.name == name);
        self.lists.retain(|list| !replaced(&list.name));
        self.facts.retain(|fact| fact.says == Says::Imitates || !replaced(&fact.list));
        self.lists.extend(answers.lists.iter().map(ListRef::from));
        self.lists.sort();
        let chain = self.question.chain();
        for (list, row) in &answers.rows {
            let says = Says::of(list.kind, row.delisted.is_some());
            match (&row.indicator, chain) {
                (Indicator::Evm(account), Some(chain)) => {
                    let fact = Fact {
                        account: *account,
                        says,
                        list: list.name.clone(),
                        row: row.of_account(*account),
                    };
                    if fact.row.holds_on(chain) {
                        self.facts.push(fact);
                    }
                }
                (Indicator::Evm(_), None) | (Indicator::Code { .. }, _) => {}
                _ => {
                    self.sites.push(SiteFact { says, list: list.name.clone(), row: row.clone() });
                }
            }
        }
        // Who is well known imitates nobody, whichever list says so.
        let known: BTreeSet<_> =
            self.facts.iter().filter(|fact| fact.says == Says::WellKnown).map(|fact| fact.account).collect();
        self.facts.retain(|fact| fact.says != Says::Imitates || !known.contains(&fact.account));
        self.facts.sort_by_key(|fact| fact.account);
        self.sites.sort();
        self
    }
}

/// What the lists of the program say.
pub(super) fn facts(account: &Account, chain: ChainId, lists: &Lists) -> Vec<Fact> {
    let fact = |says, list: &List, row: &Row| Fact {
        account: *account,
        says,
        list: list.reference().name.clone(),
        row: row.clone(),
    };
    let mut facts: Vec<_> = lists
        .iter()
        .filter_map(|list| {
            let row = list.row(account).filter(|row| row.holds_on(chain))?;
            Some(fact(Says::of(list.kind(), row.delisted.is_some()), list, row))
        })
        .collect();
    let known = facts.iter().any(|fact| fact.says == Says::WellKnown);
    if let (false, Some((list, row))) = (known, lists.imitated_by(account)) {
        facts.push(fact(Says::Imitates, list, row));
    }
    facts
}

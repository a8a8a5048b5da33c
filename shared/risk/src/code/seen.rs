//! Code that was looked at, and what lists say of it.

use scorpius_scan::sketch::Sketch;
use serde::{Deserialize, Serialize};

use crate::address::Account;
use crate::code::features;
use crate::engine::ground::Teller;
use crate::intel::{Answers, CodePart, Indicator, Listed};
use crate::lists::ListKind;
use crate::token::{CodeSeen, ScanSeen};

/// Rows about one account's code that are kept.
const ROWS_MAX: usize = 16;

/// One account's code, as far as a verdict needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Looked {
    /// Whose code.
    pub account: Account,
    /// Who told it.
    pub told_by: Teller,
    /// Which code: the account's own, or the one that its proxy runs.
    pub code: CodeSeen,
    /// What a model is asked about, where it is what the question is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<i64>,
    /// What lists say of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<CodeSays>,
}

/// One answer of a list about code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeSays {
    /// Which part of the code is on it: `whole`, or a function by its selector.
    pub part: String,
    /// Which list.
    pub list: String,
    /// The list's row.
    pub row: Listed,
}

/// A print of some account's code, and which part it is of.
pub type Part = (String, Indicator);

/// What lists are asked about `sketch`: nothing for code that is too short to be told from other code.
#[must_use]
pub fn indicators(sketch: &Sketch) -> Vec<Part> {
    let part = |(selector, print): (Option<u32>, scorpius_scan::sketch::Print)| {
        let (name, part) = match selector {
            None => ("whole".to_owned(), CodePart::Whole),
            Some(selector) => (format!("{selector:#010x}"), CodePart::Function),
        };
        (name, Indicator::Code { part, print: hex::encode(print.0) })
    };
    sketch.prints().map(part).collect()
}

impl Looked {
    /// Whether it is what a model is asked about `account`.
    #[must_use]
    pub fn is_of(&self, account: &Account) -> bool {
        self.account == *account && !self.features.is_empty()
    }

    /// With what the lists of code say of its `parts`. What was taken back is not told.
    #[must_use]
    pub fn listed(mut self, parts: &[Part], answers: &Answers) -> Self {
        let rows = answers
            .rows
            .iter()
            .filter(|(list, row)| list.kind == ListKind::BadCode && row.delisted.is_none());
        for (list, row) in rows {
            let of = parts.iter().filter(|(_, indicator)| *indicator == row.indicator);
            let says = of.map(|(part, _)| CodeSays {
                part: part.clone(),
                list: list.name.clone(),
                row: row.clone(),
            });
            self.listed.extend(says);
        }
        self.listed.sort();
        self.listed.dedup();
        self.listed.truncate(ROWS_MAX);
        self
    }
}

/// `code` of `account`, of which nothing is known yet; with features where the scanner looked at it.
#[must_use]
pub fn look(account: Account, told_by: Teller, code: &[u8], scan: Option<&ScanSeen>) -> (Looked, Vec<Part>) {
    let sketch = Sketch::of(code);
    let features = scan.map(|scan| features::of(&sketch, scan)).unwrap_or_default();
    let looked = Looked { account, told_by, code: CodeSeen::of(code), features, listed: Vec::new() };
    (looked, indicators(&sketch))
}

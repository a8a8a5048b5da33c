//! Rows to learn from, by class: what the engine finds, what a model sees, what was true.

use std::collections::{BTreeMap, BTreeSet};

use scorpius_risk::code;
use scorpius_risk::engine::ground::Teller;
use scorpius_risk::engine::inputs::{Inputs, Question};
use scorpius_risk::engine::rules::{Class, RuleSet, SignalId};
use scorpius_risk::engine::{ENGINE, decide};
use scorpius_risk::likelihood;
use scorpius_risk::lists::{List, ListKind, Lists};
use scorpius_risk::model;
use scorpius_risk::token::{CodeSeen, TokenSeen, scan_whole};
use scorpius_risk::{code::features::only_for_harm, domain};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::cases::{inputs, label, question, trap};

/// Rows of all classes together.
const ROWS_MAX: usize = 200_000;
/// Hex digits of code that are read.
const CODE_DIGITS_MAX: usize = 2 * 128 * 1_024 + 2;

/// What a set is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Code: whether it is a trap.
    Contract,
    /// Names of sites.
    Domain,
    /// Payments, by coins or by one transfer of tokens.
    Payment,
    /// What else wallets are asked to sign.
    Request,
}

impl Kind {
    /// As documents name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Domain => "domain",
            Self::Payment => "payment",
            Self::Request => "request",
        }
    }

    /// What its model would be about.
    #[must_use]
    pub fn model(self) -> Option<model::Class> {
        match self {
            Self::Contract => Some(model::Class::Contract),
            Self::Domain => Some(model::Class::Domain),
            Self::Payment | Self::Request => None,
        }
    }

    /// The class of verdicts whose likelihood it teaches, and the signal that its model is.
    #[must_use]
    pub fn likelihood(self) -> Option<(likelihood::Class, Option<SignalId>)> {
        match self {
            Self::Domain => Some((likelihood::Class::Domain, Some(SignalId::NameModel))),
            Self::Payment => Some((likelihood::Class::Payment, None)),
            Self::Contract | Self::Request => None,
        }
    }

    /// Of a transaction or a message.
    fn of_request(question: &Question) -> Self {
        let class = likelihood::Class::of(question, &question.read());
        if class == Some(likelihood::Class::Payment) { Self::Payment } else { Self::Request }
    }
}

/// One labelled thing.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its id in its set.
    pub id: String,
    /// What must not be on both sides of a split: code's skeleton, a registered name, the account that is imitated.
    pub group: String,
    /// Which set says so.
    pub source: String,
    /// What was true.
    pub harmful: bool,
    /// What the engine finds that speaks for or against harm.
    pub signals: BTreeSet<SignalId>,
    /// What the engine's rules make of it, without where they begin, in thousandths of log-odds.
    pub contributions: i64,
    /// What a model sees.
    pub features: Vec<i64>,
}

/// All rows of one class, by id.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// What they are about.
    pub kind: Kind,
    /// By id, each once.
    pub rows: Vec<Row>,
}

/// Why lines are no set.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// Not JSON.
    #[error("not JSON")]
    Json(#[from] serde_json::Error),
    /// Over the limit.
    #[error("more than {ROWS_MAX} rows")]
    TooMany,
    /// A line of feedback that is none.
    #[error("a line of feedback: {0}")]
    Feedback(String),
}

impl DataSet {
    /// SHA-256 of the rows as canonical JSON lines (RFC 8785), in hex.
    ///
    /// # Errors
    /// Never: rows have string keys and whole numbers only.
    pub fn sha256(&self) -> Result<String, SetError> {
        let mut hash = Sha256::new();
        hash.update(self.kind.name());
        for row in &self.rows {
            hash.update(serde_json_canonicalizer::to_vec(row)?);
            hash.update(b"\n");
        }
        Ok(hex::encode(hash.finalize()))
    }

    /// Of which features more may only speak for harm.
    #[must_use]
    pub fn rising(&self) -> Vec<bool> {
        let names = self.kind.model().map(model::Class::features).unwrap_or_default();
        names.iter().map(|name| only_for_harm(name)).collect()
    }

    /// How many rows of each source are harmful, and how many are not.
    #[must_use]
    pub fn sources(&self) -> BTreeMap<&str, (usize, usize)> {
        let mut sources: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for row in &self.rows {
            let (harmful, harmless) = sources.entry(&row.source).or_default();
            *(if row.harmful { harmful } else { harmless }) += 1;
        }
        sources
    }
}

/// Collects rows from lines.
pub struct Builder {
    /// Registries alone: a list that knows who is bad would be asked about what it says itself.
    registries: Lists,
    rows: BTreeMap<(Kind, String), Row>,
    /// Two sets said different things of these.
    contradicted: BTreeSet<(Kind, String)>,
    skipped: BTreeMap<&'static str, u64>,
}

impl Builder {
    /// Nothing is read yet.
    ///
    /// # Panics
    /// Never: the lists in the program have names of their own.
    #[must_use]
    pub fn new() -> Self {
        let registries = List::seeds().filter(|list| list.kind() == ListKind::Registry).collect();
        let registries = Lists::of(registries).expect("the lists in the program have names of their own");
        Self { registries, rows: BTreeMap::new(), contradicted: BTreeSet::new(), skipped: BTreeMap::new() }
    }

    /// Takes one line of the set `source`; what is of no class, or without a label, is counted.
    ///
    /// # Errors
    /// `SetError`.
    pub fn line(&mut self, source: &str, line: &str) -> Result<(), SetError> {
        let case: Value = serde_json::from_str(line)?;
        if case.get("runtime_bytecode").is_some() {
            return self.contract(source, &case);
        }
        let Ok(asked) = question(&case) else { return self.skip("no question") };
        let payee = match (&asked.0, asked.1.first()) {
            (Question::Transaction { from: Some(from), .. }, Some(intended)) => Some((*from, *intended)),
            _ => None,
        };
        let Some(harmful) = label(&case) else { return self.skip("no label") };
        let id = case.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        match &asked.0 {
            Question::Address { .. } | Question::ForeignAddress { .. } => {
                self.skip("addresses: lists alone know them")
            }
            Question::Domain { domain, .. } => {
                let (group, id) = (domain.registered().to_owned(), domain.ascii().to_owned());
                let features = domain::features::of(domain);
                self.judged(
                    Kind::Domain,
                    source,
                    (id, group, harmful),
                    features,
                    &inputs(asked, &self.registries),
                )
            }
            Question::Token { .. } => self.skip("no code"),
            Question::Transaction { .. } | Question::Signature { .. } => {
                let group = payee.map_or_else(|| id.clone(), |(_, intended)| intended.to_string());
                let kind = Kind::of_request(&asked.0);
                let made = inputs(asked, &self.registries);
                self.judged(kind, source, (id.clone(), group, harmful), Vec::new(), &made)?;
                match payee {
                    Some((from, to)) if harmful => {
                        self.honest(source, &id, &case, &[from.to_string(), to.to_string()])
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// Whoever was robbed meant to pay somebody: the payment that was meant is a harmless row. It is made, not observed.
    fn honest(
        &mut self,
        source: &str,
        id: &str,
        case: &Value,
        [from, to]: &[String; 2],
    ) -> Result<(), SetError> {
        let mut meant = case.clone();
        meant["recipient"] = json!(to);
        meant["sender"] = json!(from);
        let Ok(asked) = question(&meant) else { return self.skip("no question") };
        let kind = Kind::of_request(&asked.0);
        let made = inputs(asked, &self.registries);
        let row = (format!("{id}/meant"), to.clone(), false);
        self.judged(kind, &format!("{source} (made)"), row, Vec::new(), &made)
    }

    fn contract(&mut self, source: &str, case: &Value) -> Result<(), SetError> {
        let text = |name: &str| case.get(name).and_then(Value::as_str);
        let Some(harmful) = trap(case) else { return self.skip("no label") };
        let (Some(id), Some(digits)) = (text("id"), text("runtime_bytecode")) else {
            return self.skip("no code");
        };
        let code = hex::decode(digits.get(..CODE_DIGITS_MAX).unwrap_or(digits).trim_start_matches("0x"));
        let Some(code) = code.ok().filter(|code| !code.is_empty()) else { return self.skip("no code") };
        let group = text("group").unwrap_or(id).to_owned();
        let (features, inputs) = self.code(&code);
        self.judged(Kind::Contract, source, (id.to_owned(), group, harmful), features, &inputs)
    }

    /// As `POST /v1/risk/token` would see code that it is told.
    fn code(&self, code: &[u8]) -> (Vec<i64>, Inputs) {
        let scanned = scan_whole(code);
        let account = scorpius_risk::address::Account::new([0x70; 20]);
        let (looked, _) = code::look(account, Teller::Asker, code, Some(&scanned));
        let chain = "eip155:1".parse().unwrap_or_else(|_| unreachable!("Ethereum is a known chain"));
        let question = Question::Token { chain, address: account };
        let seen = TokenSeen {
            told_by: Teller::Asker,
            unread: None,
            code: Some(CodeSeen::of(code)),
            proxy: None,
            answers: None,
            scan: Some(scanned),
        };
        let inputs = inputs((question, Vec::new()), &self.registries).seen(seen, None, &self.registries);
        (looked.features, inputs)
    }

    fn judged(
        &mut self,
        kind: Kind,
        source: &str,
        (id, group, harmful): (String, String, bool),
        features: Vec<i64>,
        inputs: &Inputs,
    ) -> Result<(), SetError> {
        let rules = RuleSet::base();
        let verdict = decide(inputs, rules);
        let weighed = verdict.signals.iter().filter_map(|signal| {
            let id: SignalId = serde_json::from_value(Value::from(signal.id.as_str())).ok()?;
            let is_weighed =
                matches!(rules.signals.get(&id)?.class, Class::Evidence | Class::Novelty | Class::Trust);
            is_weighed.then_some((id, signal.contribution))
        });
        let weighed: BTreeMap<_, _> = weighed.collect();
        let row = Row {
            id: id.clone(),
            group,
            source: source.to_owned(),
            harmful,
            contributions: weighed.values().sum(),
            signals: weighed.into_keys().collect(),
            features,
        };
        self.keep(kind, id, row)
    }

    /// The first set that has a row keeps it; what two say differently of is left out.
    fn keep(&mut self, kind: Kind, id: String, row: Row) -> Result<(), SetError> {
        let key = (kind, id);
        if self.contradicted.contains(&key) {
            return Ok(());
        }
        match self.rows.get(&key) {
            Some(other) if other.harmful != row.harmful => {
                self.rows.remove(&key);
                self.contradicted.insert(key);
                self.skip("two sets contradict each other")
            }
            Some(_) => self.skip("twice"),
            None if self.rows.len() >= ROWS_MAX => Err(SetError::TooMany),
            None => {
                self.rows.insert(key, row);
                Ok(())
            }
        }
    }

    /// Takes one line of exported feedback: what people found out about a verdict, with what it was made from.
    ///
    /// # Errors
    /// A line that is none.
    pub fn feedback(&mut self, line: &str) -> Result<(), SetError> {
        let bad = |what: &str| SetError::Feedback(what.to_owned());
        let line: Value = serde_json::from_str(line)?;
        let harmful = match line.get("label").and_then(Value::as_str) {
            Some("harmful") => true,
            Some("harmless") => false,
            _ => return Err(bad("`label` is neither `harmful` nor `harmless`")),
        };
        let id =
            line.get("verdict_id").and_then(Value::as_str).ok_or_else(|| bad("no `verdict_id`"))?.to_owned();
        let inputs = line.get("inputs").ok_or_else(|| bad("no `inputs`"))?;
        let mut inputs =
            Inputs::parse(inputs.to_string().as_bytes()).map_err(|error| bad(&error.to_string()))?;
        // What lists said is not learned: they are asked again each time.
        inputs.sites.clear();
        inputs.guard = None;
        inputs.likelihood = None;
        let registries: BTreeSet<_> =
            self.registries.iter().map(|list| list.reference().name.clone()).collect();
        inputs.facts.retain(|fact| registries.contains(&fact.list));
        let (kind, group, features) = match &inputs.question {
            Question::Domain { domain, .. } => {
                (Kind::Domain, domain.registered().to_owned(), domain::features::of(domain))
            }
            Question::Address { address, .. } | Question::Token { address, .. } => {
                let Some(looked) = inputs.codes.iter().find(|looked| looked.is_of(address)) else {
                    return self.skip("feedback about an account whose code no model was asked about");
                };
                (Kind::Contract, looked.code.sha256.clone(), looked.features.clone())
            }
            Question::Transaction { to, .. } => {
                (Kind::of_request(&inputs.question), to.to_string(), Vec::new())
            }
            Question::Signature { .. } => (Kind::Request, id.clone(), Vec::new()),
            Question::ForeignAddress { .. } => return self.skip("addresses: lists alone know them"),
        };
        self.judged(kind, "feedback", (id, group, harmful), features, &inputs)
    }

    fn skip(&mut self, why: &'static str) -> Result<(), SetError> {
        *self.skipped.entry(why).or_default() += 1;
        Ok(())
    }

    /// The sets, and how many lines were left out for which reason.
    #[must_use]
    pub fn finish(self) -> (Vec<DataSet>, BTreeMap<&'static str, u64>) {
        let mut sets: BTreeMap<Kind, Vec<Row>> = BTreeMap::new();
        for ((kind, _), row) in self.rows {
            sets.entry(kind).or_default().push(row);
        }
        let sets = sets.into_iter().map(|(kind, rows)| DataSet { kind, rows }).collect();
        (sets, self.skipped)
    }

    /// The engine whose findings the rows have.
    #[must_use]
    pub fn engine() -> &'static str {
        ENGINE
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

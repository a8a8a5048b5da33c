//! The rule set: weights, thresholds and words, as data named by the hash of its canonical JSON.

mod base;
mod signal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use crate::engine::rules::signal::SignalId;
use crate::engine::verdict::Level;
use crate::model::{self, Model};

/// Bytes of a rule set.
const RULES_BYTES_MAX: usize = 1_000_000;

/// What kind of thing a signal is, and so what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Decides alone: critical.
    Hard,
    /// Speaks for risk.
    Evidence,
    /// Unusual or not known: all of them together stay below danger.
    Novelty,
    /// Speaks against risk.
    Trust,
    /// Something was not looked at: widens the interval upwards, and nothing is called safe.
    Missing,
    /// Shown, not weighed.
    Information,
}

/// One signal's part of the rule set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalRule {
    /// What kind of thing it is.
    pub class: Class,
    /// Log-odds in thousandths.
    pub weight: i64,
    /// How far it moves the interval's upper end, in thousandths of log-odds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub widens_up: i64,
    /// What it means.
    pub meaning: String,
    /// What to do when it weighs most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Where counting starts, by what is judged.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// For an address.
    pub address: i64,
    /// For a transaction.
    pub transaction: i64,
    /// For a message to be signed.
    pub signature: i64,
    /// For a site.
    pub domain: i64,
    /// For a token.
    pub token: i64,
}

/// The least log-odds of each level, in thousandths.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// Below it is safe, or unknown.
    pub caution: i64,
    /// From here on.
    pub danger: i64,
    /// From here on.
    pub critical: i64,
}

/// Thresholds of what a wallet's guard finds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wallet {
    /// Transactions that must have been analysed before a counterparty is called new.
    pub history_min: u64,
    /// Amounts of an asset that must be known before one is called unusual.
    pub usual_min: u64,
    /// An amount is unusual from so many times the median on, if none was as large.
    pub usual_times: u64,
}

/// How far the interval reaches when nothing is missing, in thousandths of log-odds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Downwards.
    pub down: i64,
    /// Upwards.
    pub up: i64,
}

/// A rule set's content.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Its name.
    pub name: String,
    /// When it was written, `YYYY-MM-DD`.
    pub date: String,
    /// Where its numbers come from.
    pub about: String,
    /// Where counting starts.
    pub prior: Prior,
    /// Thresholds.
    pub levels: Levels,
    /// The interval's least width.
    pub spread: Spread,
    /// A permission that ends later than this many seconds from now is a far one.
    pub permit_far_s: u64,
    /// An account that was first seen fewer than this many days ago is fresh.
    pub fresh_days: u32,
    /// A domain that was registered fewer than this many days ago is fresh.
    pub fresh_domain_days: u32,
    /// Of the chain's coin, in its smallest unit: below it a collectible is given away.
    pub dust_coin: u64,
    /// Of any other token, in its smallest unit: below it nothing is paid.
    pub dust_token: u64,
    /// Leading zero digits from which an address was searched for.
    pub vanity_zeros_min: usize,
    /// Of a wallet's guard; without it the rules judge no guarded wallet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet: Option<Wallet>,
    /// The models that count, by the hash of each; without it the rules judge no code by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<BTreeMap<model::Class, String>>,
    /// All signals.
    pub signals: BTreeMap<SignalId, SignalRule>,
    /// What to do at each level, when no signal says more.
    pub advice: BTreeMap<Level, String>,
}

/// Rules that would break a promise of the engine.
#[derive(Debug, thiserror::Error)]
pub enum BadRules {
    /// Over the limit.
    #[error("a rule set of more than {RULES_BYTES_MAX} bytes")]
    TooLong,
    /// Not JSON of a rule set's form.
    #[error("not a rule set")]
    Form(#[from] serde_json::Error),
    /// A signal or a level has no entry.
    #[error("nothing is said of `{0}`")]
    Absent(String),
    /// A model that it names is not there.
    #[error("there is no model `{0}` of its class")]
    NoModel(String),
    /// A number breaks a promise.
    #[error("{0}")]
    Promise(&'static str),
}

/// A rule set that keeps the engine's promises, with its hash.
#[derive(Clone, Debug)]
pub struct RuleSet {
    rules: Rules,
    sha256: String,
    models: BTreeMap<model::Class, Arc<Model>>,
}

static BASE: LazyLock<RuleSet> = LazyLock::new(|| shipped(base::base_rules(), base::BASE_SHA256));
static WALLET: LazyLock<RuleSet> = LazyLock::new(|| shipped(base::wallet_rules(), base::WALLET_SHA256));
static EXTENDED: LazyLock<RuleSet> = LazyLock::new(|| shipped(base::extended_rules(), base::EXTENDED_SHA256));
static WALLET_EXTENDED: LazyLock<RuleSet> =
    LazyLock::new(|| shipped(base::wallet_extended_rules(), base::WALLET_EXTENDED_SHA256));

fn shipped(rules: Rules, sha256: &str) -> RuleSet {
    let models = models(&rules, &[]).expect("a test of this crate reads every rule set with its models");
    RuleSet { rules, sha256: sha256.to_owned(), models }
}

/// The models that `rules` name: `own` ones, or those of this release.
fn models(rules: &Rules, own: &[Model]) -> Result<BTreeMap<model::Class, Arc<Model>>, BadRules> {
    let named = rules.models.iter().flatten();
    let found = named.map(|(class, sha256)| {
        let own = own.iter().find(|model| model.sha256() == sha256);
        let model = own.or_else(|| Model::shipped(sha256)).filter(|model| model.class() == *class);
        let model = model.ok_or_else(|| BadRules::NoModel(sha256.clone()))?;
        Ok((*class, Arc::new(model.clone())))
    });
    found.collect()
}

impl RuleSet {
    /// The rule set of this release for questions without a wallet's guard.
    #[must_use]
    pub fn base() -> &'static Self {
        &BASE
    }

    /// The base rules, and those of a wallet's guard.
    #[must_use]
    pub fn wallet() -> &'static Self {
        &WALLET
    }

    /// The rule set with this hash, if this release has it.
    #[must_use]
    pub fn known(sha256: &str) -> Option<&'static Self> {
        Self::all().into_iter().find(|rules| rules.sha256 == sha256)
    }

    /// The base rules, and those about code that was looked at by itself and about what models say.
    #[must_use]
    pub fn extended() -> &'static Self {
        &EXTENDED
    }

    /// All of them together.
    #[must_use]
    pub fn wallet_extended() -> &'static Self {
        &WALLET_EXTENDED
    }

    /// Every rule set of this release.
    #[must_use]
    pub fn all() -> [&'static Self; 4] {
        [Self::base(), Self::wallet(), Self::extended(), Self::wallet_extended()]
    }

    /// The model of a class that counts, if there is one.
    #[must_use]
    pub fn model(&self, class: model::Class) -> Option<&Model> {
        self.models.get(&class).map(|model| &**model)
    }

    /// Reads a rule set and checks that it keeps the engine's promises.
    ///
    /// # Errors
    /// `BadRules`.
    pub fn parse(json: &[u8]) -> Result<Self, BadRules> {
        Self::parse_with(json, &[])
    }

    /// The same, with models that are not in this release.
    ///
    /// # Errors
    /// `BadRules`.
    pub fn parse_with(json: &[u8], own: &[Model]) -> Result<Self, BadRules> {
        if json.len() > RULES_BYTES_MAX {
            return Err(BadRules::TooLong);
        }
        let rules: Rules = serde_json::from_slice(json)?;
        let models = models(&rules, own)?;
        check(&rules, models.values().map(|model| model.up_max()).max().unwrap_or_default())?;
        // RFC 8785: the hash is the content's, not the layout's.
        let canonical = serde_json_canonicalizer::to_vec(&rules)?;
        Ok(Self { rules, sha256: hex::encode(Sha256::digest(canonical)), models })
    }

    /// SHA-256 of the canonical JSON, in hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl std::ops::Deref for RuleSet {
    type Target = Rules;

    fn deref(&self) -> &Rules {
        &self.rules
    }
}

fn check(rules: &Rules, model_up_max: i64) -> Result<(), BadRules> {
    let guard = SignalId::GUARD.into_iter().filter(|_| rules.wallet.is_some());
    let code = SignalId::CODE.into_iter().filter(|_| rules.models.is_some());
    let mut wanted = SignalId::ALL.into_iter().chain(guard).chain(code);
    if let Some(absent) = wanted.find(|id| !rules.signals.contains_key(id)) {
        return Err(BadRules::Absent(absent.name()));
    }
    let levels = BTreeSet::from(Level::ALL);
    if let Some(absent) = levels.into_iter().find(|level| !rules.advice.contains_key(level)) {
        return Err(BadRules::Absent(absent.name().to_owned()));
    }
    let promise = |holds: bool, what: &'static str| if holds { Ok(()) } else { Err(BadRules::Promise(what)) };
    let all = || rules.signals.values();
    let sum = |class: Class| all().filter(|rule| rule.class == class).map(|rule| rule.weight).sum::<i64>();
    let Prior { address, transaction, signature, domain, token } = rules.prior;
    let priors = [address, transaction, signature, domain, token];
    let prior_max = priors.into_iter().max().unwrap_or_default();
    let prior_min = priors.into_iter().min().unwrap_or_default();
    promise(
        all().all(|rule| rule.weight.abs() <= 1_000_000 && (0..=1_000_000).contains(&rule.widens_up)),
        "a weight is at most a million",
    )?;
    promise(prior_max.abs() <= 1_000_000 && prior_min.abs() <= 1_000_000, "a prior is at most a million")?;
    promise(
        rules.levels.caution < rules.levels.danger && rules.levels.danger < rules.levels.critical,
        "the levels rise",
    )?;
    promise(rules.spread.down >= 0 && rules.spread.up >= 0, "the interval holds the estimate")?;
    promise(prior_max + sum(Class::Novelty) < rules.levels.danger, "novelty alone never reaches danger")?;
    promise(prior_max + model_up_max < rules.levels.danger, "a model alone never reaches danger")?;
    promise(
        all().all(|rule| match rule.class {
            Class::Hard => {
                // Far enough above that no trust brings the printed probability below one.
                prior_min + rule.weight + sum(Class::Trust) > 20_000
            }
            Class::Evidence | Class::Novelty => rule.weight > 0,
            Class::Trust => rule.weight < 0,
            Class::Missing => rule.weight == 0 && rule.widens_up > 0,
            Class::Information => rule.weight == 0,
        }),
        "a signal's weight fits its class",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn changed(change: impl FnOnce(&mut Value)) -> Result<RuleSet, BadRules> {
        let mut rules: Value = serde_json::from_str(include_str!("../../rules/base.json")).expect("JSON");
        change(&mut rules);
        RuleSet::parse(rules.to_string().as_bytes())
    }

    #[test]
    fn the_base_rules_keep_every_promise_and_are_named_by_content() {
        let base = RuleSet::base();
        let relaid = changed(|_| ()).expect("the same rules in another layout");
        assert_eq!(base.sha256(), relaid.sha256());
        // The table that the build made says what the file says, in every field: the hash is made of them all.
        let written = serde_json::to_vec(&base.rules).expect("rules are JSON");
        assert_eq!(RuleSet::parse(&written).expect("rules").sha256(), base.sha256());
        assert!(RuleSet::known(base.sha256()).is_some() && RuleSet::known("00").is_none());
        let other = changed(|rules| rules["prior"]["address"] = json!(-3891)).expect("other rules");
        assert_ne!(base.sha256(), other.sha256());
    }

    #[test]
    fn a_wallet_s_rules_are_the_base_rules_and_more() {
        let (base, wallet) = (RuleSet::base(), RuleSet::wallet());
        let written = serde_json::to_vec(&wallet.rules).expect("rules are JSON");
        assert_eq!(RuleSet::parse(&written).expect("rules").sha256(), wallet.sha256());
        assert!(RuleSet::known(wallet.sha256()).is_some_and(|known| known.wallet.is_some()));
        for (id, rule) in &base.signals {
            let same = serde_json::to_value(rule).ok() == serde_json::to_value(&wallet.signals[id]).ok();
            assert!(same, "{}", id.name());
        }
        assert_eq!(wallet.signals.len(), base.signals.len() + SignalId::GUARD.len());
        let without = SignalId::GUARD.into_iter().all(|id| {
            let mut rules = wallet.rules.clone();
            rules.signals.remove(&id);
            matches!(check(&rules, 0), Err(BadRules::Absent(name)) if name == id.name())
        });
        assert!(without, "rules with a part of a guard");
    }

    #[test]
    fn rules_that_break_a_promise_are_refused() {
        let signal = |id: &'static str, key: &'static str, value: i64| {
            changed(move |rules| rules["signals"][id][key] = json!(value))
        };
        assert!(matches!(signal("unknown_spender", "weight", 4_000), Err(BadRules::Promise(_))));
        assert!(matches!(signal("sanctions_list", "weight", 6_000), Err(BadRules::Promise(_))));
        assert!(matches!(signal("no_chain_data", "weight", -1), Err(BadRules::Promise(_))));
        assert!(matches!(signal("well_known", "weight", 1), Err(BadRules::Promise(_))));
        assert!(matches!(signal("burn_address", "weight", i64::MAX), Err(BadRules::Promise(_))));
        assert!(matches!(signal("burn_address", "wieght", 1), Err(BadRules::Form(_))));
        let absent = changed(|rules| {
            rules["signals"].as_object_mut().expect("an object").remove("precompile");
        });
        assert!(matches!(absent, Err(BadRules::Absent(name)) if name == "precompile"));
        assert!(matches!(
            changed(|rules| rules["levels"]["danger"] = json!(-9_000)),
            Err(BadRules::Promise(_))
        ));
    }
}

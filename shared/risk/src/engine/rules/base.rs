//! The rule sets of this release as tables that `build.rs` makes of `rules/base.json`, `rules/wallet.json` and
//! `rules/extended.json`.

use std::collections::BTreeMap;

use super::{Class, Levels, Prior, Rules, SignalId, SignalRule, Spread, Wallet};
use crate::engine::verdict::Level;

/// Id, class, weight, `widens_up`, meaning, advice.
type Signal = (SignalId, Class, i64, i64, &'static str, Option<&'static str>);

include!(concat!(env!("OUT_DIR"), "/rules.rs"));

fn signals(table: &[Signal]) -> BTreeMap<SignalId, SignalRule> {
    let rule = |&(id, class, weight, widens_up, meaning, advice): &Signal| {
        let (meaning, advice) = (meaning.to_owned(), advice.map(str::to_owned));
        (id, SignalRule { class, weight, widens_up, meaning, advice })
    };
    table.iter().map(rule).collect()
}

//! A token as a state has it.

use std::collections::BTreeSet;

use alloy_primitives::{Bytes, hex};
use scorpius_evm::view::answers;
use scorpius_evm::{Address, B256, State, Unread};
use scorpius_scan::proxy::{self, ProxyKind};

use super::{CodeSeen, ProxySeen, TokenAnswers, TokenSeen, abi};
use crate::address::Account;
use crate::engine::ground::{Teller, address};

/// `name()`, `symbol()`, `decimals()`, `totalSupply()`, `owner()`, `getOwner()`.
const QUESTIONS: [[u8; 4]; 6] = [
    hex!("06fdde03"),
    hex!("95d89b41"),
    hex!("313ce567"),
    hex!("18160ddd"),
    hex!("8da5cb5b"),
    hex!("893d20e8"),
];

/// `implementation()` of a beacon.
const BEACON_S_LOGIC: [u8; 4] = hex!("5c60da1b");

/// What a token is asked.
#[must_use]
pub fn questions() -> Vec<Bytes> {
    QUESTIONS.iter().map(|selector| Bytes::copy_from_slice(selector)).collect()
}

/// Where proxies keep what they point to.
#[must_use]
pub fn slots() -> BTreeSet<B256> {
    proxy::places().into_iter().map(B256::from).collect()
}

/// A token as it was read, and the code that a scan is to look at.
pub struct Read {
    /// Without a scan.
    pub seen: TokenSeen,
    /// The token's own code, or the one that its proxy runs; `None` where there is none or it is not known.
    pub code: Option<Bytes>,
    /// The token's own code, where it is a proxy.
    pub own: Option<Bytes>,
}

/// What `at` is a proxy for, and the code that it runs: its own where it is none; `None` where there is none or it is not
/// known.
#[must_use]
pub fn runs(state: &State, at: Address) -> (Option<ProxySeen>, Option<Bytes>) {
    let Some(own) = state.accounts.get(&at) else { return (None, None) };
    let slot = |place: &[u8; 32]| own.storage.get(&B256::from(*place)).copied().unwrap_or_default().0;
    let proxy = proxy::proxy(&own.code, slot).map(|proxy| ProxySeen {
        kind: proxy.kind,
        points_to: Account::new(proxy.points_to),
        admin: proxy.admin.map(Account::new),
    });
    let code_of = |account: Address| {
        let code = &state.accounts.get(&account)?.code;
        (!code.is_empty()).then(|| code.clone())
    };
    let code = match &proxy {
        None => code_of(at),
        Some(ProxySeen { kind: ProxyKind::Erc1967Beacon, points_to, .. }) => {
            let question = [Bytes::copy_from_slice(&BEACON_S_LOGIC)];
            let told = answers(state, address(points_to), &question).ok();
            let told = told.filter(|told| told.missing.is_empty());
            let logic = told.and_then(|told| abi::account(told.answers.first()?.as_ref()?));
            logic.and_then(|logic| code_of(address(&logic)))
        }
        Some(proxy) => code_of(address(&proxy.points_to)),
    };
    (proxy, code)
}

/// What `state` says of `token`.
#[must_use]
pub fn seen(token: Account, told_by: Teller, state: Option<&State>, unread: Option<Unread>) -> Read {
    let nothing = TokenSeen { told_by, unread, code: None, proxy: None, answers: None, scan: None };
    let at = address(&token);
    let Some((state, own)) = state.and_then(|state| Some((state, state.accounts.get(&at)?))) else {
        return Read { seen: nothing, code: None, own: None };
    };
    let (proxy, code) = runs(state, at);
    // What could not be read to the end says nothing.
    let answers = answers(state, at, &questions()).ok().filter(|answers| answers.missing.is_empty());
    let answers = answers.filter(|_| !own.code.is_empty()).map(|answers| told(&answers.answers));
    let seen = TokenSeen { code: Some(CodeSeen::of(&own.code)), proxy, answers, ..nothing };
    let own = seen.proxy.is_some().then(|| own.code.clone());
    Read { seen, code, own }
}

fn told(answers: &[Option<Bytes>]) -> TokenAnswers {
    let answer = |at: usize| answers.get(at).and_then(Option::as_ref).map_or(&[][..], |bytes| &bytes[..]);
    let [name, symbol, decimals, supply, owner, other_owner] = std::array::from_fn(answer);
    TokenAnswers {
        name: abi::text(name),
        symbol: abi::text(symbol),
        decimals: abi::number(decimals).and_then(|number| u8::try_from(number).ok()),
        total_supply: abi::number(supply).map(|number| number.to_string()),
        owner: abi::account(owner).or_else(|| abi::account(other_owner)),
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::keccak256;

    use super::*;

    #[test]
    fn selectors_are_those_of_the_standards() {
        let names = ["name()", "symbol()", "decimals()", "totalSupply()", "owner()", "getOwner()"];
        for (name, selector) in names.iter().zip(QUESTIONS) {
            assert_eq!(keccak256(name)[..4], selector, "{name}");
        }
        assert_eq!(keccak256("implementation()")[..4], BEACON_S_LOGIC);
    }
}

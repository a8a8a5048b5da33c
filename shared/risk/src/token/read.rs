//! A token as a state has it.

use std::collections::BTreeSet;

use alloy_primitives::{Bytes, b256, hex};
use scorpius_evm::view::answers;
use scorpius_evm::{Address, B256, State, Unread};

use super::{CodeSeen, ProxyKind, ProxySeen, TokenAnswers, TokenSeen, abi};
use crate::address::Account;
use crate::engine::ground::{Teller, account, address};

/// ERC-1967: `keccak256("eip1967.proxy.implementation") - 1`.
const IMPLEMENTATION: B256 = b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
/// `keccak256("eip1967.proxy.admin") - 1`.
const ADMIN: B256 = b256!("b53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103");
/// `keccak256("eip1967.proxy.beacon") - 1`.
const BEACON: B256 = b256!("a3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50");
/// `keccak256("org.zeppelinos.proxy.implementation")`, from before the standard: USD Coin has it.
const ZEPPELIN: B256 = b256!("7050c9e0f4ca769c69bd3a8ef740bc37934f8e2c036e5a723fd8ee048ed3f8c3");
/// `keccak256("org.zeppelinos.proxy.admin")`.
const ZEPPELIN_ADMIN: B256 = b256!("10d6a54a4754c8869d6886b5f5d7fbfa5b4522237ea5c60d11bc4e7a1ff9390b");
/// ERC-1167: what stands before and behind the address.
const MINIMAL: ([u8; 10], [u8; 15]) = (hex!("363d3d373d3d3d363d73"), hex!("5af43d82803e903d91602b57fd5bf3"));

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
    BTreeSet::from([IMPLEMENTATION, ADMIN, BEACON, ZEPPELIN, ZEPPELIN_ADMIN])
}

/// A token as it was read, and the code that a scan is to look at.
pub struct Read {
    /// Without a scan.
    pub seen: TokenSeen,
    /// The token's own code, or the one that its proxy runs; `None` where there is none or it is not known.
    pub code: Option<Bytes>,
}

/// What `state` says of `token`.
#[must_use]
pub fn seen(token: Account, told_by: Teller, state: Option<&State>, unread: Option<Unread>) -> Read {
    let nothing = TokenSeen { told_by, unread, code: None, proxy: None, answers: None, scan: None };
    let at = address(&token);
    let Some((state, own)) = state.and_then(|state| Some((state, state.accounts.get(&at)?))) else {
        return Read { seen: nothing, code: None };
    };
    let slot = |place: &B256| {
        let word = own.storage.get(place).copied().unwrap_or_default();
        abi::account(&word.0).filter(|account| *account != Account::ZERO)
    };
    let proxy = minimal(&own.code).or_else(|| {
        let at = |kind, place, admin| Some(ProxySeen { kind, points_to: slot(place)?, admin: slot(admin) });
        at(ProxyKind::Erc1967, &IMPLEMENTATION, &ADMIN)
            .or_else(|| at(ProxyKind::Erc1967Beacon, &BEACON, &ADMIN))
            .or_else(|| at(ProxyKind::Erc1967, &ZEPPELIN, &ZEPPELIN_ADMIN))
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
    // What could not be read to the end says nothing.
    let answers = answers(state, at, &questions()).ok().filter(|answers| answers.missing.is_empty());
    let answers = answers.filter(|_| !own.code.is_empty()).map(|answers| told(&answers.answers));
    let seen = TokenSeen { code: Some(CodeSeen::of(&own.code)), proxy, answers, ..nothing };
    Read { seen, code }
}

/// ERC-1167.
fn minimal(code: &[u8]) -> Option<ProxySeen> {
    let body = code.strip_prefix(&MINIMAL.0)?.strip_suffix(&MINIMAL.1)?;
    let points_to = account(Address::try_from(body).ok()?);
    Some(ProxySeen { kind: ProxyKind::Erc1167, points_to, admin: None })
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
    use alloy_primitives::{U256, keccak256};

    use super::*;

    #[test]
    fn places_and_selectors_are_those_of_the_standards() {
        for (name, place) in [("implementation", IMPLEMENTATION), ("admin", ADMIN), ("beacon", BEACON)] {
            let hash = U256::from_be_bytes(keccak256(format!("eip1967.proxy.{name}")).0);
            assert_eq!(B256::from(hash - U256::from(1)), place, "{name}");
        }
        assert_eq!(keccak256("org.zeppelinos.proxy.implementation"), ZEPPELIN);
        assert_eq!(keccak256("org.zeppelinos.proxy.admin"), ZEPPELIN_ADMIN);
        let names = ["name()", "symbol()", "decimals()", "totalSupply()", "owner()", "getOwner()"];
        for (name, selector) in names.iter().zip(QUESTIONS) {
            assert_eq!(keccak256(name)[..4], selector, "{name}");
        }
        assert_eq!(keccak256("implementation()")[..4], BEACON_S_LOGIC);
    }

    #[test]
    fn a_minimal_proxy_says_itself_where_its_code_is() {
        let code = [&MINIMAL.0[..], &[0xbe; 20], &MINIMAL.1].concat();
        let proxy = minimal(&code).expect("ERC-1167's own example");
        assert_eq!((proxy.kind, proxy.points_to), (ProxyKind::Erc1167, Account::new([0xbe; 20])));
        assert!(!proxy.is_replaceable());
        assert_eq!(minimal(&code[1..]), None);
        assert_eq!(minimal(&code[..code.len() - 1]), None);
    }
}

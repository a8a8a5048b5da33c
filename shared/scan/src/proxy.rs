//! Whose code a contract runs: the forms of proxies that are told from the outside.

use alloy_primitives::{b256, hex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A storage slot, or what is in it.
pub type Word = [u8; 32];
/// An account.
pub type Account = [u8; 20];

/// ERC-1967: `keccak256("eip1967.proxy.implementation") - 1`.
const IMPLEMENTATION: Word = b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc").0;
/// `keccak256("eip1967.proxy.admin") - 1`.
const ADMIN: Word = b256!("b53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103").0;
/// `keccak256("eip1967.proxy.beacon") - 1`.
const BEACON: Word = b256!("a3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50").0;
/// `keccak256("org.zeppelinos.proxy.implementation")`, from before the standard: USD Coin has it.
const ZEPPELIN: Word = b256!("7050c9e0f4ca769c69bd3a8ef740bc37934f8e2c036e5a723fd8ee048ed3f8c3").0;
/// `keccak256("org.zeppelinos.proxy.admin")`.
const ZEPPELIN_ADMIN: Word = b256!("10d6a54a4754c8869d6886b5f5d7fbfa5b4522237ea5c60d11bc4e7a1ff9390b").0;
/// ERC-1167: what stands before and behind the address.
const MINIMAL: ([u8; 10], [u8; 15]) = (hex!("363d3d373d3d3d363d73"), hex!("5af43d82803e903d91602b57fd5bf3"));
/// EIP-7702: what a key's account has in place of code.
const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];

/// Where a proxy's code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProxyKind {
    /// In the place of ERC-1967, or of ZeppelinOS before it; whoever may write it replaces the code.
    Erc1967,
    /// A beacon of ERC-1967 says where; whoever may change the beacon replaces the code.
    Erc1967Beacon,
    /// In the bytecode itself, for ever (ERC-1167).
    Erc1167,
    /// A key's account that runs a contract's code (EIP-7702); its key replaces it.
    Eip7702,
}

impl ProxyKind {
    /// Whether somebody may put other code in its place.
    #[must_use]
    pub fn is_replaceable(self) -> bool {
        self != Self::Erc1167
    }
}

/// A proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Of which kind.
    pub kind: ProxyKind,
    /// Whose code it runs, or the beacon that says so.
    pub points_to: Account,
    /// Who may replace it, where the place of the administrator is filled.
    pub admin: Option<Account>,
}

/// `implementation()`, what a beacon of ERC-1967 is asked.
pub const BEACON_QUESTION: [u8; 4] = hex!("5c60da1b");

/// Whose code a beacon names in its answer, if it answers as the standard says.
#[must_use]
pub fn implementation(answer: &[u8]) -> Option<Account> {
    account(answer.first_chunk()?)
}

/// Where proxies keep what they point to.
#[must_use]
pub fn places() -> Vec<Word> {
    vec![IMPLEMENTATION, ADMIN, BEACON, ZEPPELIN, ZEPPELIN_ADMIN]
}

/// What `code` is a proxy for, if for anything, where `slot` tells what the contract has stored at one of `places`.
#[must_use]
pub fn proxy(code: &[u8], slot: impl Fn(&Word) -> Word) -> Option<Proxy> {
    if code.is_empty() {
        return None;
    }
    let at = |kind, at: &Word, admin: &Word| {
        Some(Proxy { kind, points_to: account(&slot(at))?, admin: account(&slot(admin)) })
    };
    minimal(code)
        .or_else(|| delegation(code))
        .or_else(|| at(ProxyKind::Erc1967, &IMPLEMENTATION, &ADMIN))
        .or_else(|| at(ProxyKind::Erc1967Beacon, &BEACON, &ADMIN))
        .or_else(|| at(ProxyKind::Erc1967, &ZEPPELIN, &ZEPPELIN_ADMIN))
}

/// The address in a slot that is filled with one.
fn account(word: &Word) -> Option<Account> {
    let (zeros, bytes) = word.split_at(12);
    let is_one = zeros.iter().all(|byte| *byte == 0) && bytes.iter().any(|byte| *byte != 0);
    is_one.then(|| bytes.try_into().ok())?
}

fn minimal(code: &[u8]) -> Option<Proxy> {
    let body = code.strip_prefix(&MINIMAL.0)?.strip_suffix(&MINIMAL.1)?;
    Some(Proxy { kind: ProxyKind::Erc1167, points_to: body.try_into().ok()?, admin: None })
}

fn delegation(code: &[u8]) -> Option<Proxy> {
    let points_to = code.strip_prefix(&DELEGATION)?.try_into().ok()?;
    Some(Proxy { kind: ProxyKind::Eip7702, points_to, admin: None })
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{U256, keccak256};

    use super::*;

    #[test]
    fn places_are_those_of_the_standards() {
        for (name, at) in [("implementation", IMPLEMENTATION), ("admin", ADMIN), ("beacon", BEACON)] {
            let hash = U256::from_be_bytes(keccak256(format!("eip1967.proxy.{name}")).0) - U256::from(1);
            assert_eq!(hash.to_be_bytes(), at, "{name}");
        }
        assert_eq!(keccak256("org.zeppelinos.proxy.implementation"), ZEPPELIN);
        assert_eq!(keccak256("org.zeppelinos.proxy.admin"), ZEPPELIN_ADMIN);
        assert_eq!(keccak256("implementation()")[..4], BEACON_QUESTION);
    }

    #[test]
    fn a_beacon_s_answer_is_an_address_in_a_word_or_nothing() {
        let mut word = [0; 32];
        word[12..].fill(9);
        assert_eq!(implementation(&word), Some([9; 20]));
        assert_eq!(implementation(&[&word[..], &[7; 8]].concat()), Some([9; 20]));
        for bad in [&[][..], &word[..31], &[0; 32], &[1; 32]] {
            assert_eq!(implementation(bad), None);
        }
    }

    #[test]
    fn each_kind_of_proxy_is_told_from_the_others() {
        let nothing = |_: &Word| [0; 32];
        let minimal = [&MINIMAL.0[..], &[0xbe; 20], &MINIMAL.1].concat();
        let found = proxy(&minimal, nothing).expect("ERC-1167's own example");
        assert_eq!(
            (found.kind, found.points_to, found.kind.is_replaceable()),
            (ProxyKind::Erc1167, [0xbe; 20], false)
        );
        assert_eq!(proxy(&minimal[1..], nothing), None);
        let delegated = [&DELEGATION[..], &[7; 20]].concat();
        assert_eq!(
            proxy(&delegated, nothing).map(|it| (it.kind, it.points_to)),
            Some((ProxyKind::Eip7702, [7; 20]))
        );
        for (at, kind) in [
            (IMPLEMENTATION, ProxyKind::Erc1967),
            (BEACON, ProxyKind::Erc1967Beacon),
            (ZEPPELIN, ProxyKind::Erc1967),
        ] {
            let filled = |word: &Word| {
                let mut value = [0; 32];
                if *word == at {
                    value[12..].fill(9);
                }
                value
            };
            assert_eq!(proxy(&[0], filled).map(|it| (it.kind, it.points_to)), Some((kind, [9; 20])));
            assert_eq!(proxy(&[], filled), None, "nothing is there");
        }
        // Something else than an address is kept there.
        assert_eq!(proxy(&[0], |_| [1; 32]), None);
        assert_eq!(places().len(), 5);
    }
}

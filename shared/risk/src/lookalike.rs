//! Addresses that look alike when a wallet shows only their ends: the means of address poisoning.

use crate::address::Account;

/// Leading hex digits that must be equal. Of the recorded losses to poisoning only 36 % have 4 equal
/// ones, and all have 3.
pub const LEADING_MIN: usize = 3;
/// Trailing hex digits that must be equal.
pub const TRAILING_MIN: usize = 4;

/// A set of addresses that answers which of them look like a given one.
#[derive(Clone, Debug, Default)]
pub struct LookAlikes {
    /// By the digits that a wallet shows, then by address; each once.
    sorted: Vec<(u32, Account)>,
}

impl LookAlikes {
    /// Sorts `accounts` by their ends.
    #[must_use]
    pub fn of(accounts: impl IntoIterator<Item = Account>) -> Self {
        let mut sorted: Vec<_> = accounts.into_iter().map(|account| (ends(&account), account)).collect();
        sorted.sort_unstable();
        sorted.dedup();
        Self { sorted }
    }

    /// The first of the set that has the same ends as `account` and is another address.
    #[must_use]
    pub fn twin(&self, account: &Account) -> Option<Account> {
        let shown = ends(account);
        let start = self.sorted.partition_point(|(ends, _)| *ends < shown);
        self.sorted
            .iter()
            .skip(start)
            .take_while(|(ends, _)| *ends == shown)
            .map(|(_, other)| *other)
            .find(|other| other != account)
    }

    /// Whether `account` itself is in the set.
    #[must_use]
    pub fn contains(&self, account: &Account) -> bool {
        self.sorted.binary_search(&(ends(account), *account)).is_ok()
    }
}

/// 12 bits of the start and 16 of the end: 3 and 4 hex digits.
pub(crate) fn ends(account: &Account) -> u32 {
    let [first, second, .., before, last] = *account.bytes();
    let start = u32::from(first) << 4 | u32::from(second >> 4);
    start << 16 | u32::from(before) << 8 | u32::from(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account(text: &str) -> Account {
        text.parse().expect("an address")
    }

    #[track_caller]
    fn check(known: &str, asked: &str, expected: bool) {
        let set = LookAlikes::of([account(known)]);
        assert_eq!(set.twin(&account(asked)).is_some(), expected, "{known} {asked}");
    }

    #[test]
    fn three_leading_and_four_trailing_digits_make_a_twin() {
        let known = "0xabc0000000000000000000000000000000001234";
        check(known, "0xabcf000000000000000000000000000000f01234", true);
        check(known, "0xab00000000000000000000000000000000001234", false);
        check(known, "0xabc000000000000000000000000000000000f234", false);
        check(known, known, false);
    }

    /// 10,000 payments of 200 people who each know 50 addresses: half to one of them, half to somebody new.
    #[test]
    fn honest_payments_raise_no_alarm() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut some = || {
            let mut bytes = [0; 20];
            for chunk in bytes.chunks_mut(4) {
                // SplitMix64.
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                chunk.iter_mut().zip((mixed ^ (mixed >> 31)).to_be_bytes()).for_each(|(to, from)| *to = from);
            }
            Account::new(bytes)
        };
        let (mut payments, mut alarms) = (0, 0);
        for _ in 0..200 {
            let known: Vec<_> = (0..50).map(|_| some()).collect();
            let set = LookAlikes::of(known.iter().copied());
            for (index, paid_before) in known.iter().enumerate() {
                let recipient = if index % 2 == 0 { *paid_before } else { some() };
                payments += 1;
                alarms += u32::from(set.twin(&recipient).is_some());
            }
        }
        assert_eq!((payments, alarms), (10_000, 0));
    }

    proptest! {
        #[test]
        fn a_twin_has_the_digits_in_common(middle in any::<[u8; 20]>(), base in any::<[u8; 20]>()) {
            let mut bytes = middle;
            bytes[0] = base[0];
            bytes[1] = base[1] & 0xf0 | middle[1] & 0x0f;
            bytes[18..].copy_from_slice(&base[18..]);
            let (base, made) = (Account::new(base), Account::new(bytes));
            let (left, right) = base.common_digits(&made);
            prop_assert!(left >= LEADING_MIN && right >= TRAILING_MIN);
            prop_assert_eq!(LookAlikes::of([base]).twin(&made), (base != made).then_some(base));
        }
    }
}

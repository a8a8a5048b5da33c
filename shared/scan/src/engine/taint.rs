//! Where a word may have come from.

use std::ops::{BitOr, BitOrAssign};

/// A set of origins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Taint(u32);

impl Taint {
    pub(crate) const NONE: Self = Self(0);
    /// The address that calls.
    pub(crate) const CALLER: Self = Self(1);
    /// The address that signed the transaction.
    pub(crate) const ORIGIN: Self = Self(1 << 1);
    /// Whatever the caller passed.
    pub(crate) const CALLDATA: Self = Self(1 << 2);
    /// The contract's own storage.
    pub(crate) const STORAGE: Self = Self(1 << 3);
    /// Storage at a place that depends on the caller: `allowed[msg.sender]`.
    pub(crate) const CALLER_KEYED: Self = Self(1 << 4);
    /// Storage at a place that depends on the signer of the transaction.
    pub(crate) const ORIGIN_KEYED: Self = Self(1 << 5);
    /// What another contract answered.
    pub(crate) const ANSWER: Self = Self(1 << 6);
    /// What a contract, which the caller does not choose, answered to a question that names the caller.
    pub(crate) const AUTHORITY: Self = Self(1 << 7);
    /// The signer that `ecrecover` found.
    pub(crate) const SIGNER: Self = Self(1 << 8);
    /// Storage at a place that depends on such a signer.
    pub(crate) const SIGNER_KEYED: Self = Self(1 << 9);
    /// Memory whose writer was not followed.
    pub(crate) const MEMORY: Self = Self(1 << 10);
    /// The block, the balance and the like.
    pub(crate) const CHAIN: Self = Self(1 << 11);
    /// The contract's own address.
    pub(crate) const SELF: Self = Self(1 << 12);

    /// The block's timestamp.
    pub(crate) const TIME: Self = Self(1 << 13);
    /// The block's number.
    pub(crate) const NUMBER: Self = Self(1 << 14);
    /// What else is known of blocks and whoever makes them sets or sees: hash, difficulty, coinbase, gas limit.
    pub(crate) const BLOCK: Self = Self(1 << 15);
    /// Whether a call succeeded.
    pub(crate) const SUCCESS: Self = Self(1 << 16);
    /// What the contract or an address owns.
    pub(crate) const BALANCE: Self = Self(1 << 17);
    /// The ether that came with the call.
    pub(crate) const VALUE: Self = Self(1 << 18);

    /// What names who is asking.
    pub(crate) const IDENTITY: Self = Self(Self::CALLER.0 | Self::ORIGIN.0 | Self::SIGNER.0);
    /// What was looked up for whoever is asking.
    pub(crate) const KEYED: Self =
        Self(Self::CALLER_KEYED.0 | Self::ORIGIN_KEYED.0 | Self::SIGNER_KEYED.0 | Self::AUTHORITY.0);
    /// What whoever calls may choose.
    pub(crate) const CHOSEN: Self = Self(Self::CALLER.0 | Self::ORIGIN.0 | Self::CALLDATA.0);

    pub(crate) fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    pub(crate) fn only(self, kept: Self) -> Self {
        Self(self.0 & kept.0)
    }

    /// The origins in words, for evidence.
    pub(crate) fn names(self) -> Vec<&'static str> {
        [
            (Self::CALLER, "caller"),
            (Self::ORIGIN, "origin"),
            (Self::CALLDATA, "calldata"),
            (Self::STORAGE, "storage"),
            (Self::ANSWER, "answer"),
            (Self::SIGNER, "signer"),
            (Self::MEMORY, "memory"),
            (Self::CHAIN, "chain"),
            (Self::SELF, "this"),
        ]
        .into_iter()
        .filter_map(|(bit, name)| self.has(bit).then_some(name))
        .collect()
    }
}

impl BitOr for Taint {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Taint {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

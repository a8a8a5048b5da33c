//! A wallet's allow list and block list: one record, since each judgement asks both as a whole.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use scorpius_core::{Key, TenantId, UnixMillis};
use scorpius_risk::address::Account;
use serde::{Deserialize, Serialize};

/// Entries of each list: with reasons of the longest kind both fit a record of 350 KB.
pub(crate) const ENTRIES_MAX: usize = 200;

/// One of a wallet's two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListName {
    /// Whom the tenant vouches for.
    Allow,
    /// With whom the wallet deals in no case.
    Block,
}

impl ListName {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "allow" => Some(Self::Allow),
            "block" => Some(Self::Block),
            _ => None,
        }
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Allow => Self::Block,
            Self::Block => Self::Allow,
        }
    }
}

impl fmt::Display for ListName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Block => "block",
        })
    }
}

/// Why an address is on a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) reason: String,
    /// The subject that put it there.
    pub(crate) by: String,
    pub(crate) since: UnixMillis,
    /// From this moment on it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<UnixMillis>,
}

impl Entry {
    pub(crate) fn counts(&self, now: UnixMillis) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// Both lists of one wallet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lists {
    allow: BTreeMap<Account, Entry>,
    block: BTreeMap<Account, Entry>,
}

impl Lists {
    pub(crate) fn key(tenant: &TenantId, wallet: &str) -> Key {
        Key::new(format!("{tenant}#wallet-lists"), wallet)
    }

    pub(crate) fn of(&self, list: ListName) -> &BTreeMap<Account, Entry> {
        match list {
            ListName::Allow => &self.allow,
            ListName::Block => &self.block,
        }
    }

    pub(crate) fn of_mut(&mut self, list: ListName) -> &mut BTreeMap<Account, Entry> {
        match list {
            ListName::Allow => &mut self.allow,
            ListName::Block => &mut self.block,
        }
    }

    /// Without what has expired.
    pub(crate) fn pruned(mut self, now: UnixMillis) -> Self {
        self.allow.retain(|_, entry| entry.counts(now));
        self.block.retain(|_, entry| entry.counts(now));
        self
    }

    /// Who is on `list` now, by address.
    pub(crate) fn accounts(&self, list: ListName, now: UnixMillis) -> Vec<Account> {
        let counts = self.of(list).iter().filter(|(_, entry)| entry.counts(now));
        counts.map(|(account, _)| *account).collect()
    }
}

#[cfg(test)]
mod tests {
    use scorpius_core::Attributes;
    use scorpius_core::store::RECORD_BYTES_MAX;

    use super::*;

    #[test]
    fn the_longest_lists_fit_a_record() {
        let mut lists = Lists::default();
        for number in 0..ENTRIES_MAX {
            let mut bytes = [0xee; 20];
            bytes[12..].copy_from_slice(&number.to_be_bytes());
            let entry = Entry {
                reason: "\u{1f98a}".repeat(120),
                by: "usr_019ab5d2a0007c3e8f2b6a51d4e09c77".to_owned(),
                since: UnixMillis(u64::MAX),
                expires_at: Some(UnixMillis(u64::MAX)),
            };
            for list in [ListName::Allow, ListName::Block] {
                lists.of_mut(list).insert(Account::new(bytes), entry.clone());
            }
        }
        let size = Attributes::document(&lists).text("doc").map_or(0, str::len);
        assert!(size < RECORD_BYTES_MAX, "{size}");
    }
}

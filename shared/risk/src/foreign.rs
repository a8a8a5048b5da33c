//! Accounts of chains that are not EVM chains. No state of these chains is read: lists are all that is asked.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::intel::{BadIndicator, Indicator};

/// Characters of a text that an error repeats.
const SHOWN_CHARS_MAX: usize = 48;

/// A chain whose accounts are known by their form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Bitcoin's main network.
    Bitcoin,
    /// Solana's main network.
    Solana,
    /// Tron's main network.
    Tron,
}

/// Names and CAIP-2 ids: the first 32 digits of Bitcoin's first block, the first 32 characters of Solana's, the last 4
/// bytes of Tron's.
const NETWORKS: [(Network, &str, &str); 3] = [
    (Network::Bitcoin, "bitcoin", "bip122:000000000019d6689c085ae165831e93"),
    (Network::Solana, "solana", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"),
    (Network::Tron, "tron", "tron:0x2b6653dc"),
];

/// Text that names none of these chains.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a chain that is screened: `{0}`")]
pub struct UnknownNetwork(String);

impl FromStr for Network {
    type Err = UnknownNetwork;

    fn from_str(text: &str) -> Result<Self, UnknownNetwork> {
        let named = NETWORKS.iter().find(|(_, name, id)| *name == text || *id == text);
        named
            .map(|(network, ..)| *network)
            .ok_or_else(|| UnknownNetwork(text.chars().take(SHOWN_CHARS_MAX).collect()))
    }
}

/// An account of such a chain, in JSON as a list has it: `bitcoin:bc1q…`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Indicator", into = "Indicator")]
pub struct ForeignAccount {
    network: Network,
    text: String,
}

/// What is no such account.
#[derive(Debug, thiserror::Error)]
pub enum BadForeignAccount {
    /// Not of the chain's form, or with a wrong checksum.
    #[error(transparent)]
    Form(#[from] BadIndicator),
    /// Of an EVM chain, a site, or of a chain whose form is not known.
    #[error("not an account of Bitcoin, Solana or Tron")]
    Kind,
}

impl ForeignAccount {
    /// An account of `network`.
    ///
    /// # Errors
    /// `BadForeignAccount::Form`.
    pub fn parse(network: Network, text: &str) -> Result<Self, BadForeignAccount> {
        match network {
            Network::Bitcoin => Indicator::bitcoin(text)?,
            Network::Solana => Indicator::solana(text)?,
            Network::Tron => Indicator::tron(text)?,
        }
        .try_into()
    }

    /// As lists have it.
    #[must_use]
    pub fn indicator(&self) -> Indicator {
        let text = self.text.clone();
        match self.network {
            Network::Bitcoin => Indicator::Bitcoin(text),
            Network::Solana => Indicator::Solana(text),
            Network::Tron => Indicator::Tron(text),
        }
    }

    /// CAIP-2.
    #[must_use]
    pub fn chain(&self) -> &'static str {
        NETWORKS.iter().find(|(network, ..)| *network == self.network).map_or("", |(_, _, id)| id)
    }

    /// The address in its chain's own form.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl TryFrom<Indicator> for ForeignAccount {
    type Error = BadForeignAccount;

    fn try_from(indicator: Indicator) -> Result<Self, BadForeignAccount> {
        let (network, text) = match indicator {
            Indicator::Bitcoin(text) => (Network::Bitcoin, text),
            Indicator::Solana(text) => (Network::Solana, text),
            Indicator::Tron(text) => (Network::Tron, text),
            Indicator::Evm(_) | Indicator::Domain(_) | Indicator::Code { .. } | Indicator::Other { .. } => {
                return Err(BadForeignAccount::Kind);
            }
        };
        Ok(Self { network, text })
    }
}

impl From<ForeignAccount> for Indicator {
    fn from(account: ForeignAccount) -> Self {
        account.indicator()
    }
}

impl fmt::Display for ForeignAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The address of BIP-173's example, the first block's, a program of Solana's, and Tron's own example.
    const EXAMPLES: [(&str, &str); 4] = [
        ("bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
        ("bip122:000000000019d6689c085ae165831e93", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        ("solana", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"),
        ("tron:0x2b6653dc", "TJCnKsPa7y5okkXvQAidZBzqx3QyQ6sxMW"),
    ];

    #[test]
    fn an_account_is_of_its_chain_s_form() {
        for (chain, text) in EXAMPLES {
            let network: Network = chain.parse().expect("a chain");
            let account = ForeignAccount::parse(network, text).expect("an account");
            assert_eq!(account.text(), text);
            assert_eq!(account.chain().parse(), Ok(network));
            let json = serde_json::to_string(&account).expect("text");
            assert_eq!(serde_json::from_str::<ForeignAccount>(&json).expect("an account"), account);
            // One digit wrong; Solana's have no checksum.
            let wrong = format!("{}1", &text[..text.len() - 1]);
            assert_eq!(
                ForeignAccount::parse(network, &wrong).is_err(),
                network != Network::Solana,
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_is_of_another_kind_is_refused() {
        for text in
            ["evm:0x098b716b8aaf21512996dc57eb0615e2383e2f96", "domain:a.example", "other:XMR:4", "bitcoin:1"]
        {
            assert!(serde_json::from_str::<ForeignAccount>(&format!("\"{text}\"")).is_err(), "{text}");
        }
        for chain in ["", "eip155:1", "litecoin", "bip122:1"] {
            assert!(chain.parse::<Network>().is_err(), "{chain}");
        }
    }
}

//! What a list can be about: accounts of several kinds of chain, and sites.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::address::Account;
use crate::domain::Domain;

/// Bytes of an account's text on any chain.
const ACCOUNT_BYTES_MAX: usize = 128;
/// Base58Check: version, hash and four bytes of checksum.
const BASE58CHECK_BYTES: usize = 25;
/// Versions of Bitcoin's main network: pay to public key hash, pay to script hash.
const BITCOIN_VERSIONS: [u8; 2] = [0x00, 0x05];
/// The version byte of Tron's addresses.
const TRON_VERSION: u8 = 0x41;
/// Bytes of a public key of Solana.
const SOLANA_BYTES: usize = 32;

/// Hex digits of a print of code.
const PRINT_DIGITS: usize = 32;

/// One account, site or piece of code, in JSON `evm:0x…`, `bitcoin:…`, `tron:…`, `solana:…`, `domain:…`, `code:whole:…`,
/// `code:function:…`, or `other:TICKER:…`
/// where the form of the chain's addresses is not known here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Indicator {
    /// An account of every EVM chain.
    Evm(Account),
    /// Base58Check of version 0 or 5, or a Segwit address of the main network in lower case.
    Bitcoin(String),
    /// Base58Check of version 0x41.
    Tron(String),
    /// Base58 of 32 bytes.
    Solana(String),
    /// A host name.
    Domain(Domain),
    /// A contract's instructions, or those of one of its functions.
    Code {
        /// Which of both.
        part: CodePart,
        /// 32 hex digits in lower case.
        print: String,
    },
    /// What a list calls by its asset, taken as it is written.
    Other {
        /// The asset's ticker in capitals.
        asset: String,
        /// The account's text.
        text: String,
    },
}

/// Of how much code a print is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CodePart {
    /// A contract.
    Whole,
    /// What one function can reach.
    Function,
}

/// Text that names neither an account nor a site.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither an account nor a site: `{shown}` ({why})")]
pub struct BadIndicator {
    shown: String,
    why: &'static str,
}

fn bad(text: &str, why: &'static str) -> BadIndicator {
    BadIndicator { shown: text.chars().take(60).collect(), why }
}

impl Indicator {
    /// An account of Bitcoin's main network (BIP-173, BIP-350, Base58Check).
    ///
    /// # Errors
    /// A wrong checksum, another network, another form.
    pub fn bitcoin(text: &str) -> Result<Self, BadIndicator> {
        if text.len() > ACCOUNT_BYTES_MAX {
            return Err(bad(text, "longer than any address"));
        }
        if text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("bc1")) {
            let (hrp, _, _) =
                bech32::segwit::decode(text).map_err(|_| bad(text, "a Segwit address with a wrong digit"))?;
            return match hrp == bech32::hrp::BC {
                true => Ok(Self::Bitcoin(text.to_ascii_lowercase())),
                false => Err(bad(text, "of another network")),
            };
        }
        match base58check(text) {
            Some(version) if BITCOIN_VERSIONS.contains(&version) => Ok(Self::Bitcoin(text.to_owned())),
            Some(_) => Err(bad(text, "of another network")),
            None => Err(bad(text, "Base58Check does not match, so a digit is wrong")),
        }
    }

    /// An account of Tron.
    ///
    /// # Errors
    /// A wrong checksum, another form.
    pub fn tron(text: &str) -> Result<Self, BadIndicator> {
        match base58check(text) {
            Some(TRON_VERSION) => Ok(Self::Tron(text.to_owned())),
            Some(_) => Err(bad(text, "of another network")),
            None => Err(bad(text, "Base58Check does not match, so a digit is wrong")),
        }
    }

    /// An account of Solana: Base58 of 32 bytes, which have no checksum.
    ///
    /// # Errors
    /// Another form.
    pub fn solana(text: &str) -> Result<Self, BadIndicator> {
        let mut bytes = [0; SOLANA_BYTES];
        match text.len() <= ACCOUNT_BYTES_MAX && bs58::decode(text).onto(&mut bytes) == Ok(SOLANA_BYTES) {
            true => Ok(Self::Solana(text.to_owned())),
            false => Err(bad(text, "not Base58 of 32 bytes")),
        }
    }

    /// An account that a list gives with its asset's ticker. Tokens are on several chains, so the form decides.
    ///
    /// # Errors
    /// When the text is not of the asset's form.
    pub fn of_asset(asset: &str, text: &str) -> Result<Self, BadIndicator> {
        let asset = asset.trim().to_ascii_uppercase();
        let plain = (1..=10).contains(&asset.len()) && asset.bytes().all(|b| b.is_ascii_alphanumeric());
        if !plain {
            return Err(bad(&asset, "not a ticker"));
        }
        if text.starts_with("0x") {
            return text.parse().map(Self::Evm).map_err(|_| bad(text, "not an address of an EVM chain"));
        }
        match asset.as_str() {
            "XBT" | "BTC" => Self::bitcoin(text),
            "TRX" => Self::tron(text),
            "SOL" => Self::solana(text),
            "ETH" | "ARB" | "BSC" | "ETC" => Err(bad(text, "not an address of an EVM chain")),
            "USDT" | "USDC" if text.starts_with('T') => Self::tron(text),
            "USDT" | "USDC" => Self::bitcoin(text).or_else(|_| Self::solana(text)),
            _ => {
                let fine = (1..=ACCOUNT_BYTES_MAX).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_graphic());
                if fine {
                    Ok(Self::Other { asset, text: text.to_owned() })
                } else {
                    Err(bad(text, "not an account's text"))
                }
            }
        }
    }

    /// A print of code: 32 hex digits, with or without `0x`.
    ///
    /// # Errors
    /// Another form.
    pub fn code(part: CodePart, text: &str) -> Result<Self, BadIndicator> {
        let print = text.strip_prefix("0x").unwrap_or(text).to_ascii_lowercase();
        match print.len() == PRINT_DIGITS && print.bytes().all(|b| b.is_ascii_hexdigit()) {
            true => Ok(Self::Code { part, print }),
            false => Err(bad(text, "not 32 hex digits")),
        }
    }

    /// What `text` looks like, where nothing says what it is: an account of an EVM chain, of Bitcoin or
    /// Tron, or a site. Solana's addresses have no checksum and are never guessed.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn guess(text: &str) -> Result<Self, BadIndicator> {
        let text = text.trim();
        if text.starts_with("0x") || text.starts_with("0X") {
            return text.parse().map(Self::Evm).map_err(|_| bad(text, "not an address of an EVM chain"));
        }
        if !text.contains(['.', ':', '/']) {
            return Self::bitcoin(text).or_else(|_| Self::tron(text));
        }
        text.parse().map(Self::Domain).map_err(|_| bad(text, "not a host name"))
    }

    /// Under what a snapshot keeps it: the first 8 bytes of the SHA-256 of its text.
    #[must_use]
    pub(super) fn key(&self) -> u64 {
        let digest = Sha256::digest(self.to_string());
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = from;
        }
        u64::from_be_bytes(bytes)
    }

    /// The site itself and every name above it that has a dot.
    #[must_use]
    pub fn of_site(site: &Domain) -> Vec<Self> {
        let name = site.ascii();
        let starts = std::iter::once(0).chain(name.match_indices('.').map(|(at, _)| at + 1));
        let names = starts.filter_map(|at| name.get(at..)).filter(|name| name.contains('.'));
        names.filter_map(|name| name.parse().ok().map(Self::Domain)).collect()
    }
}

/// The version byte, if the checksum is right.
fn base58check(text: &str) -> Option<u8> {
    let mut bytes = [0; BASE58CHECK_BYTES];
    // 35 digits are the most that 25 bytes have.
    if text.len() > 35 || bs58::decode(text).onto(&mut bytes) != Ok(BASE58CHECK_BYTES) {
        return None;
    }
    let (body, checksum) = bytes.split_at_checked(BASE58CHECK_BYTES - 4)?;
    let digest = Sha256::digest(Sha256::digest(body));
    (digest.get(..4)? == checksum).then_some(*body.first()?)
}

impl fmt::Display for Indicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evm(account) => write!(f, "evm:{account}"),
            Self::Bitcoin(text) => write!(f, "bitcoin:{text}"),
            Self::Tron(text) => write!(f, "tron:{text}"),
            Self::Solana(text) => write!(f, "solana:{text}"),
            Self::Domain(domain) => write!(f, "domain:{}", domain.ascii()),
            Self::Code { part: CodePart::Whole, print } => write!(f, "code:whole:{print}"),
            Self::Code { part: CodePart::Function, print } => write!(f, "code:function:{print}"),
            Self::Other { asset, text } => write!(f, "other:{asset}:{text}"),
        }
    }
}

impl FromStr for Indicator {
    type Err = BadIndicator;

    fn from_str(text: &str) -> Result<Self, BadIndicator> {
        let (kind, rest) = text.split_once(':').ok_or_else(|| bad(text, "without its kind"))?;
        match kind {
            "evm" => rest.parse().map(Self::Evm).map_err(|_| bad(rest, "not an address of an EVM chain")),
            "bitcoin" => Self::bitcoin(rest),
            "tron" => Self::tron(rest),
            "solana" => Self::solana(rest),
            "domain" => rest.parse().map(Self::Domain).map_err(|_| bad(rest, "not a host name")),
            "code" => match rest.split_once(':') {
                Some(("whole", print)) => Self::code(CodePart::Whole, print),
                Some(("function", print)) => Self::code(CodePart::Function, print),
                _ => Err(bad(rest, "neither `whole` nor `function`")),
            },
            "other" => {
                let (asset, text) = rest.split_once(':').ok_or_else(|| bad(rest, "without its asset"))?;
                Self::of_asset(asset, text)
            }
            _ => Err(bad(text, "of an unknown kind")),
        }
    }
}

impl TryFrom<String> for Indicator {
    type Error = BadIndicator;

    fn try_from(text: String) -> Result<Self, BadIndicator> {
        text.parse()
    }
}

impl From<Indicator> for String {
    fn from(indicator: Indicator) -> Self {
        indicator.to_string()
    }
}

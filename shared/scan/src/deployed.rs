//! A contract by its address: its code, and the code that it runs in its place, read from a chain.

use alloy_primitives::Address;
use schemars::JsonSchema;
use scorpius_core::Chain;
use scorpius_core::chain::{AccountAsk, BlockRef, ChainError};
use scorpius_core::chain_id::{ChainId, UnsupportedChain};
use serde::{Deserialize, Serialize};

use crate::bytecode::{Bytecode, NotBytecode};
use crate::proxy::{Account, BEACON_QUESTION, ProxyKind, Word, implementation, places, proxy};

/// Proxies that are followed: one may run another.
const PROXIES_MAX: usize = 3;
/// Heads that are tried, when the first is reorganised away while it is read.
const HEADS_MAX: usize = 2;

/// Asks for a contract by its address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deployed {
    /// `ethereum`, another known name, or `eip155:` and the chain's number.
    pub chain: String,
    /// `0x` and 40 hex digits; in mixed case the EIP-55 checksum must be right.
    pub address: String,
}

/// Where code was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeployedAt {
    /// CAIP-2, `eip155:1`.
    pub chain: String,
    /// The contract that was asked for, in EIP-55's case.
    pub address: String,
    /// The block at which it was read.
    pub block_number: u64,
    /// 32 bytes in hex, with `0x`.
    pub block_hash: String,
    /// The proxies that were followed, the contract itself first; the code that the last one runs is scanned, or its own where it
    /// leads nowhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proxies: Vec<ProxyAt>,
}

/// A proxy on the way to the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProxyAt {
    /// Of which kind.
    pub kind: ProxyKind,
    /// Whose code it runs, or the beacon that says so, in EIP-55's case.
    pub points_to: String,
    /// Who may replace it, where the place of the administrator is filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<String>,
    /// Of a beacon: whose code it names. Absent where it does not answer with an address; then the proxy's own code is scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementation: Option<String>,
}

/// Why there is no code to scan.
#[derive(Debug, thiserror::Error)]
pub enum NoCode {
    /// The chain is not one.
    #[error(transparent)]
    BadChain(#[from] UnsupportedChain),
    /// Not an address, or mistyped.
    #[error("not `0x` and 40 hex digits with a right EIP-55 checksum")]
    BadAddress,
    /// The operator has no node of this chain.
    #[error("no node of chain {0} is configured here")]
    NoNode(u64),
    /// No node answered.
    #[error("the chain could not be read")]
    Unreachable(#[source] ChainError),
    /// Nothing is there.
    #[error("no contract is at {0}")]
    Empty(String),
    /// More than the engine takes.
    #[error(transparent)]
    Code(#[from] NotBytecode),
}

impl Deployed {
    /// The same, the chain by its CAIP-2 name and the address in EIP-55's case.
    ///
    /// # Errors
    /// `BadChain` or `BadAddress`.
    pub fn checked(&self) -> Result<Self, NoCode> {
        let chain: ChainId = self.chain.parse()?;
        let address = address(&self.address).ok_or(NoCode::BadAddress)?;
        Ok(Self { chain: chain.to_string(), address: shown(&address) })
    }

    /// Reads the code that runs at the address.
    ///
    /// # Errors
    /// `NoCode`.
    pub async fn read(&self, node: Option<&dyn Chain>) -> Result<(Bytecode, DeployedAt), NoCode> {
        let chain: ChainId = self.chain.parse()?;
        let address = address(&self.address).ok_or(NoCode::BadAddress)?;
        let node = node.ok_or(NoCode::NoNode(chain.number()))?;
        let mut tries = 0;
        loop {
            tries += 1;
            match follow(node, chain, address).await {
                Err(NoCode::Unreachable(ChainError::UnknownBlock)) if tries < HEADS_MAX => {}
                other => return other,
            }
        }
    }
}

async fn follow(
    node: &dyn Chain,
    chain: ChainId,
    address: Account,
) -> Result<(Bytecode, DeployedAt), NoCode> {
    let said = |error| match error {
        ChainError::NoEndpoint { chain_id } => NoCode::NoNode(chain_id),
        error => NoCode::Unreachable(error),
    };
    let head = node.head(chain.number()).await.map_err(said)?;
    let mut found = DeployedAt {
        chain: chain.to_string(),
        address: shown(&address),
        block_number: head.number,
        block_hash: format!("0x{}", hex::encode(head.hash)),
        proxies: Vec::new(),
    };
    let (mut at, mut own) = (address, None);
    loop {
        let (code, slots) = read(node, chain.number(), at, &head).await.map_err(said)?;
        // A proxy to nowhere is looked at itself.
        let code = match (code.is_empty(), own) {
            (false, _) => code,
            (true, Some(own)) => own,
            (true, None) => return Err(NoCode::Empty(shown(&at))),
        };
        let slot =
            |place: &Word| slots.iter().find(|(at, _)| at == place).map_or([0; 32], |(_, value)| *value);
        match proxy(&code, slot).filter(|_| found.proxies.len() < PROXIES_MAX) {
            Some(proxy) => {
                let named = match proxy.kind {
                    ProxyKind::Erc1967Beacon => {
                        let beacon = proxy.points_to;
                        let answer = node.answer(chain.number(), beacon, &BEACON_QUESTION, &head).await;
                        answer.map_err(said)?.as_deref().and_then(implementation)
                    }
                    ProxyKind::Erc1967 | ProxyKind::Erc1167 | ProxyKind::Eip7702 => None,
                };
                found.proxies.push(ProxyAt {
                    kind: proxy.kind,
                    points_to: shown(&proxy.points_to),
                    admin: proxy.admin.as_ref().map(shown),
                    implementation: named.as_ref().map(shown),
                });
                at = match (proxy.kind, named) {
                    (ProxyKind::Erc1967Beacon, None) => return Ok((Bytecode::try_from(code)?, found)),
                    (_, Some(named)) => named,
                    (_, None) => proxy.points_to,
                };
                own = Some(code);
            }
            None => return Ok((Bytecode::try_from(code)?, found)),
        }
    }
}

type Slots = Vec<(Word, Word)>;

async fn read(
    node: &dyn Chain,
    chain_id: u64,
    address: Account,
    at: &BlockRef,
) -> Result<(Vec<u8>, Slots), ChainError> {
    let ask = AccountAsk { address, itself: true, slots: places() };
    let read = node.accounts(chain_id, &[ask], at).await?.into_iter().next();
    let (code, slots) = read.map(|read| (read.body.map(|body| body.code), read.slots)).unwrap_or_default();
    Ok((code.unwrap_or_default().to_vec(), slots))
}

fn shown(account: &Account) -> String {
    Address::from(*account).to_checksum(None)
}

fn address(text: &str) -> Option<Account> {
    let digits = text.strip_prefix("0x")?;
    let mut account = [0; 20];
    hex::decode_to_slice(digits, &mut account).ok()?;
    let mixed = digits.bytes().any(|byte| byte.is_ascii_lowercase())
        && digits.bytes().any(|byte| byte.is_ascii_uppercase());
    (!mixed || shown(&account) == text).then_some(account)
}

#[cfg(test)]
pub(crate) mod tests;

//! Reading a blockchain.

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::PortError;

/// A block by number and hash: a number alone means another block after a reorganisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRef {
    /// Height.
    pub number: u64,
    /// 32 bytes.
    pub hash: [u8; 32],
}

/// Why a chain was not read.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// No endpoint is configured for this chain.
    #[error("no endpoint for chain {chain_id}")]
    NoEndpoint {
        /// EIP-155.
        chain_id: u64,
    },
    /// The node does not have that block (any more).
    #[error("the block is not known to the node")]
    UnknownBlock,
    /// All endpoints failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// EVM chains over JSON-RPC, read at a pinned block (EIP-1898).
#[async_trait]
pub trait Chain: Send + Sync {
    /// The head as the first healthy endpoint sees it.
    async fn head(&self, chain_id: u64) -> Result<BlockRef, ChainError>;

    /// Deployed code; empty for an account without.
    async fn code(&self, chain_id: u64, address: [u8; 20], at: &BlockRef) -> Result<Bytes, ChainError>;

    /// Wei, big-endian.
    async fn balance(&self, chain_id: u64, address: [u8; 20], at: &BlockRef) -> Result<[u8; 32], ChainError>;

    /// Transactions sent, or contracts created.
    async fn nonce(&self, chain_id: u64, address: [u8; 20], at: &BlockRef) -> Result<u64, ChainError>;

    /// One storage slot.
    async fn storage(
        &self,
        chain_id: u64,
        address: [u8; 20],
        slot: [u8; 32],
        at: &BlockRef,
    ) -> Result<[u8; 32], ChainError>;
}

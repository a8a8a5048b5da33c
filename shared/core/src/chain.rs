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

/// A block's head, as far as contracts can see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockHead {
    /// Which block.
    pub reference: BlockRef,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Who gets its fees.
    pub coinbase: [u8; 20],
    /// EIP-4399; zero on chains without.
    pub prevrandao: [u8; 32],
    /// Wei per gas; zero before EIP-1559.
    pub base_fee: u64,
    /// Gas that fits in it.
    pub gas_limit: u64,
    /// Blob gas above the target (EIP-4844); zero on chains without.
    pub excess_blob_gas: u64,
}

/// A call as a node would try it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialCall {
    /// Who calls.
    pub from: [u8; 20],
    /// Whom.
    pub to: [u8; 20],
    /// Wei, big-endian.
    pub value: [u8; 32],
    /// Calldata.
    pub data: Bytes,
}

/// One log, as a node tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLog {
    /// Which contract.
    pub address: [u8; 20],
    /// At most four.
    pub topics: Vec<[u8; 32]>,
    /// What is not indexed.
    pub data: Bytes,
}

/// How a call ended that a node ran itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRun {
    /// Whether it did not fail.
    pub succeeded: bool,
    /// Its logs, in their order.
    pub logs: Vec<NodeLog>,
}

/// What is asked of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountAsk {
    /// Which account.
    pub address: [u8; 20],
    /// Whether balance, nonce and code are asked.
    pub itself: bool,
    /// Which storage slots.
    pub slots: Vec<[u8; 32]>,
}

/// Balance, nonce and code of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountBody {
    /// Wei, big-endian.
    pub balance: [u8; 32],
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Deployed code.
    pub code: Bytes,
}

/// What was read of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRead {
    /// Which account.
    pub address: [u8; 20],
    /// The account itself, if it was asked.
    pub body: Option<AccountBody>,
    /// Slots with what is in them, as they were asked.
    pub slots: Vec<([u8; 32], [u8; 32])>,
}

/// Bytes of what a contract answers to `Chain::answer`: 32 words.
pub const ANSWER_BYTES_MAX: usize = 1_024;

/// Accounts with the slots of each.
pub type Touched = Vec<([u8; 20], Vec<[u8; 32]>)>;

/// A transaction that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentTransaction {
    /// Who signed it.
    pub from: [u8; 20],
    /// Whom it calls or pays; `None` creates a contract.
    pub to: Option<[u8; 20]>,
    /// Wei, big-endian.
    pub value: [u8; 32],
    /// Calldata.
    pub data: Bytes,
    /// Gas that it may use.
    pub gas_limit: u64,
    /// The height of the block that has it; `None` while it waits.
    pub block: Option<u64>,
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
    async fn head(&self, chain_id: u64) -> Result<BlockRef, ChainError> {
        Ok(self.latest(chain_id).await?.reference)
    }

    /// Deployed code; empty for an account without.
    async fn code(&self, chain_id: u64, address: [u8; 20], at: &BlockRef) -> Result<Bytes, ChainError> {
        Ok(body(self, chain_id, address, at).await?.code)
    }

    /// Wei, big-endian.
    async fn balance(&self, chain_id: u64, address: [u8; 20], at: &BlockRef) -> Result<[u8; 32], ChainError> {
        Ok(body(self, chain_id, address, at).await?.balance)
    }

    /// Transactions sent, or contracts created.
    async fn nonce(&self, chain_id: u64, address: [u8; 20], at: &BlockRef) -> Result<u64, ChainError> {
        Ok(body(self, chain_id, address, at).await?.nonce)
    }

    /// One storage slot.
    async fn storage(
        &self,
        chain_id: u64,
        address: [u8; 20],
        slot: [u8; 32],
        at: &BlockRef,
    ) -> Result<[u8; 32], ChainError> {
        let ask = AccountAsk { address, itself: false, slots: vec![slot] };
        let read = self.accounts(chain_id, &[ask], at).await?.into_iter().next();
        let word = read.and_then(|read| read.slots.first().map(|(_, word)| *word));
        word.ok_or_else(not_answered)
    }

    /// The head as the first healthy endpoint sees it, with what contracts see of it.
    async fn latest(&self, chain_id: u64) -> Result<BlockHead, ChainError>;

    /// The hash of the block at a height, on the chain as it is now.
    async fn block_hash(&self, chain_id: u64, number: u64) -> Result<[u8; 32], ChainError>;

    /// All of `asks` in as few round trips as the node allows, in their order.
    async fn accounts(
        &self,
        chain_id: u64,
        asks: &[AccountAsk],
        at: &BlockRef,
    ) -> Result<Vec<AccountRead>, ChainError>;

    /// What `call` would read, as the node guesses it. A hint: it may be short, or empty where no node offers it.
    async fn touched(
        &self,
        _chain_id: u64,
        _call: &TrialCall,
        _at: &BlockRef,
    ) -> Result<Touched, ChainError> {
        Ok(Touched::new())
    }

    /// `call` as a node itself runs it (`eth_simulateV1`) on top of `at`, in a block that has the members of `block`, save its
    /// hash. `None` where no node offers that.
    async fn run(
        &self,
        _chain_id: u64,
        _call: &TrialCall,
        _at: &BlockRef,
        _block: &BlockHead,
    ) -> Result<Option<NodeRun>, ChainError> {
        Ok(None)
    }

    /// What the contract at `to` answers to `data`, as a node tries it at `at`: at most `ANSWER_BYTES_MAX`. `None` where it
    /// fails, answers more than that, or no node offers to try.
    async fn answer(
        &self,
        _chain_id: u64,
        _to: [u8; 20],
        _data: &[u8],
        _at: &BlockRef,
    ) -> Result<Option<Bytes>, ChainError> {
        Ok(None)
    }

    /// The transaction of this hash, as the first healthy endpoint sees it; `None` where it is not known.
    async fn transaction(&self, chain_id: u64, hash: [u8; 32])
    -> Result<Option<SentTransaction>, ChainError>;
}

async fn body<C: Chain + ?Sized>(
    chain: &C,
    chain_id: u64,
    address: [u8; 20],
    at: &BlockRef,
) -> Result<AccountBody, ChainError> {
    let ask = AccountAsk { address, itself: true, slots: Vec::new() };
    let read = chain.accounts(chain_id, &[ask], at).await?.into_iter().next();
    read.and_then(|read| read.body).ok_or_else(not_answered)
}

fn not_answered() -> ChainError {
    ChainError::Port(PortError::new("chain", "an account was asked for and not answered"))
}

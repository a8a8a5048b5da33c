//! EVM chains over JSON-RPC, through the guarded way out.
//!
//! ```text
//! question ─> cache? ─> endpoints in order, those that rest left out ─> answer read strictly
//!                └ a pass that fails: wait, with jitter, and pass again
//! ```
//!
//! State is read at a block by hash (EIP-1898), canonical at the time of reading: an answer never
//! mixes two forks. An endpoint is asked for its chain id before its first answer counts.

mod answer;
mod cache;
mod endpoint;
mod hex_text;
mod rpc;
mod run;
mod state;

#[cfg(test)]
mod tests;

pub use answer::RpcError;
pub use hex_text::NotHex;
pub use rpc::{BadEndpoint, ChainOptions, RpcChain};

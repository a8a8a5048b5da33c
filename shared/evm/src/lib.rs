//! What a transaction would do: run in process over state that was read before, in many surroundings.
//!
//! ```text
//! State (accounts, code, slots, block) + Transaction ─> simulate ─> Simulation
//!      ^                                                  │   run as the next block would run it
//!      └──────── Need: what was missing <─────────────────┘   and once in each of the other contexts
//! ```
//!
//! No clock, no network, no floating point: the same state, transaction and limits give the same result on every
//! machine. Only a stop that the caller asks for (a deadline) ends a simulation early, and then it says so.

pub mod context;
mod database;
pub mod event;
mod execute;
mod lenient;
pub mod prefetch;
mod probe;
mod reason;
pub mod run;
pub mod sandbox;
mod simulate;
pub mod state;
pub mod transaction;
pub mod view;
mod watch;
pub mod words;

pub use alloy_primitives::{Address, B256, Bytes, U256};
pub use context::{Axis, Strength};
pub use event::{Asset, Event};
pub use prefetch::{Prefetched, Unread, prefetch, prefetch_view, second_opinion};
pub use run::{Approval, Call, CallKind, Change, Run, Status};
pub use simulate::{Cut, Difference, InContext, Limits, Simulation, simulate};
pub use state::{Account, BadState, Block, Need, Rules, State};
pub use transaction::Transaction;
pub use words::{Delta, selector};

#[cfg(test)]
mod tests;

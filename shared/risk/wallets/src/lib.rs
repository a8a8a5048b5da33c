//! Wallets under guard: their lists, their tenant's rules, and what is to be done with a transaction of theirs.
//!
//! ```text
//! request ─> wallet + lists + policy + past ─> Guard ─> risk::judge ─> one commit: verdict, past, events ─> decision
//! ```
//!
//! Judging is risk's: the same engine as for a transaction of nobody's, with more to judge by.

mod alert;
pub mod api;
pub mod events;
mod explain;
pub mod feedback;
mod guarded;
mod lists;
mod past;
mod policy;
mod wallet;

pub use events::events;

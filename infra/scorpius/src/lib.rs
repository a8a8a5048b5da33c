//! The operator's program as a library: the local host, the tour, and the commands.
//!
//! ```text
//! commands ─> host (gateway · workers · schedules · relay) ─> every capability ─> shared/local
//!          └> client ─> any host's HTTP API
//! ```

pub mod client;
pub mod commands;
pub mod doors;
pub mod host;
pub mod template;
pub mod terminal;
pub mod tour;

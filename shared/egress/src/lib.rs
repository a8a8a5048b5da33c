//! The one guarded way out: requests to hosts that tenants and operators name, and to no others.
//!
//! ```text
//! URL as written ─> rules (scheme, port, host) ─> resolve once, all addresses ─> vet each ─> connect to a vetted one
//!                                                                                └> TLS, Host and SNI by name ─> capped answer
//! ```
//!
//! What is refused stays refused however it is spelled: the host is read by one parser and must
//! stand in the URL exactly as that parser reads it. Nothing is resolved twice, so a name cannot
//! show one address to the check and another to the connection.

mod address;
mod guard;
mod resolve;
mod target;
mod wire;

#[cfg(test)]
mod loopback_tests;

pub use guard::{AllowedTarget, EgressOptions, GuardedEgress, NotACertificate, TrustedRoot};
pub use resolve::{Resolve, SystemResolver};
pub use wire::RequestError;

//! The lists of this crate as tables that `build.rs` makes.

use std::borrow::Cow;

use super::{ListKind, Row};
use crate::address::Account;

/// One list.
pub(super) struct Seed {
    pub(super) name: &'static str,
    /// SHA-256 of the file's bytes, in hex.
    pub(super) version: &'static str,
    pub(super) as_of: &'static str,
    pub(super) kind: ListKind,
    /// By address.
    pub(super) rows: &'static [Row],
}

include!(concat!(env!("OUT_DIR"), "/lists.rs"));

//! Legal holds, as far as all rooms know them: where they are, and what fails while there is one.
//!
//! The ledger places and lifts them. Whoever destroys what is kept of a person puts `none_on` into the very commit that
//! does it, and whoever destroys all of a tenant `none_in`, so that no hold comes in between.

use crate::id::TenantId;
use crate::store::{Condition, Key, Write};

/// What the counter counts.
const HELD: &str = "held";

/// The partition of the holds of `tenant`.
#[must_use]
pub fn partition(tenant: &TenantId) -> String {
    format!("{tenant}#ledger-holds")
}

/// Where the hold on `person`, `usr_…` or `key_…`, is.
#[must_use]
pub fn at(tenant: &TenantId, person: &str) -> Key {
    Key::new(partition(tenant), person)
}

/// The commit fails while `person` is held.
#[must_use]
pub fn none_on(tenant: &TenantId, person: &str) -> Write {
    Write::Check { key: at(tenant, person), condition: Condition::Absent }
}

/// The commit fails while anybody of `tenant` is held.
#[must_use]
pub fn none_in(tenant: &TenantId) -> Write {
    add(tenant, 0, Some(0))
}

/// There is one hold more, or less.
#[must_use]
pub fn counted(tenant: &TenantId, delta: i64) -> Write {
    add(tenant, delta, None)
}

/// Changes with every hold that is placed, whosesoever: what is decided for all tenants at once finds it as it read it.
#[must_use]
pub fn changes() -> Key {
    Key::new("platform#holds", "changes")
}

/// A hold is placed: part of the commit that places it.
#[must_use]
pub fn changed() -> Write {
    Write::Add { key: changes(), deltas: vec![("placed".to_owned(), 1)], only_if: None, expires_at: None }
}

fn add(tenant: &TenantId, delta: i64, max: Option<i64>) -> Write {
    Write::Add {
        key: Key::new(format!("{tenant}#counts"), "holds"),
        deltas: vec![(HELD.to_owned(), delta)],
        only_if: max.map(|max| (HELD.to_owned(), max)),
        expires_at: None,
    }
}

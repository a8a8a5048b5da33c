//! Legal holds, as far as all rooms know them: where they are, and what fails while there is one.
//!
//! The ledger places and lifts them: on a person, on a tenant as a whole, on a resource, on a stretch of time. Whoever destroys what is
//! kept of a person puts `none_on` and `none_on_all` into the very commit that does it, and whoever destroys all of a tenant
//! `none_in`, so that no hold comes in between.

use crate::id::TenantId;
use crate::store::{Condition, Key, Write};

/// What the counter counts: all holds of a tenant, and those of them that are not on one person.
const HELD: &str = "held";
const WIDE: &str = "wide";
/// Holds of a tenant at once: whoever destroys anything reads them all.
pub const HOLDS_MAX: i64 = 10_000;

/// The partition of the holds of `tenant`.
#[must_use]
pub fn partition(tenant: &TenantId) -> String {
    format!("{tenant}#ledger-holds")
}

/// Where the hold on `what` is: a person, `usr_…` or `key_…`, the tenant's own id, or what else the ledger can name.
#[must_use]
pub fn at(tenant: &TenantId, what: &str) -> Key {
    Key::new(partition(tenant), what)
}

/// The commit fails while `person` is held.
#[must_use]
pub fn none_on(tenant: &TenantId, person: &str) -> Write {
    Write::Check { key: at(tenant, person), condition: Condition::Absent }
}

/// The commit fails while `tenant` is held as a whole.
#[must_use]
pub fn none_on_all(tenant: &TenantId) -> Write {
    none_on(tenant, tenant.as_str())
}

/// The commit fails while anything or anybody of `tenant` is held.
#[must_use]
pub fn none_in(tenant: &TenantId) -> Write {
    add(tenant, &[(HELD, 0)], Some((HELD, 0)))
}

/// The commit fails while there is a hold of `tenant` that is not on one person.
#[must_use]
pub fn none_wide(tenant: &TenantId) -> Write {
    add(tenant, &[(WIDE, 0)], Some((WIDE, 0)))
}

/// There is one hold on a person more, or less. The commit fails when there are too many.
#[must_use]
pub fn counted(tenant: &TenantId, delta: i64) -> Write {
    add(tenant, &[(HELD, delta)], (delta > 0).then_some((HELD, HOLDS_MAX)))
}

/// The same for a hold on anything else.
#[must_use]
pub fn counted_wide(tenant: &TenantId, delta: i64) -> Write {
    add(tenant, &[(HELD, delta), (WIDE, delta)], (delta > 0).then_some((HELD, HOLDS_MAX)))
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

fn add(tenant: &TenantId, deltas: &[(&str, i64)], only_if: Option<(&str, i64)>) -> Write {
    Write::Add {
        key: Key::new(format!("{tenant}#counts"), "holds"),
        deltas: deltas.iter().map(|(name, delta)| ((*name).to_owned(), *delta)).collect(),
        only_if: only_if.map(|(name, max)| (name.to_owned(), max)),
        expires_at: None,
    }
}

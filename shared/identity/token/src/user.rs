//! People, as far as every request must know them.

use schemars::JsonSchema;
use scorpius_core::{Key, TenantId, UnixMillis};
use scorpius_edge::Role;
use serde::{Deserialize, Serialize};

/// Whether a person may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserStatus {
    /// They may.
    Active,
    /// They may not, and whatever they hold does not count, from the moment that this is stored.
    Disabled,
}

/// A person, in their tenant's partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// `usr_…`.
    pub id: String,
    /// Whose.
    pub tenant: TenantId,
    /// Their e-mail address, sealed under the tenant's data key for `<id>#email`.
    pub email: String,
    /// Their name, sealed for `<id>#name`.
    pub name: String,
    /// At least one.
    pub roles: Vec<Role>,
    /// Whether they may sign in.
    pub status: UserStatus,
    /// Whether a sign-in takes a second factor.
    pub second_factor: bool,
    /// Sessions that began before this do not count.
    pub sessions_from: UnixMillis,
    /// When they joined.
    pub created_at: UnixMillis,
    /// The subject that invited them.
    pub created_by: String,
    /// Events so far, this record's `sequence`.
    pub events: u64,
}

impl User {
    /// Where the user `id` of `tenant` is.
    #[must_use]
    pub fn at(tenant: &TenantId, id: &str) -> Key {
        Key::new(format!("{tenant}#user"), id)
    }
}

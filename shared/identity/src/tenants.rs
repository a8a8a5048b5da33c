//! Tenants.

use scorpius_core::{Key, TenantId, UnixMillis};
use serde::{Deserialize, Serialize};

/// Characters of a name that people read.
pub(crate) const NAME_CHARS_MAX: usize = 100;

/// Whether a tenant's credentials count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TenantStatus {
    /// They do.
    Active,
    /// They do not, from the moment that this is stored.
    Suspended,
}

/// Whose data, as one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// `ten_…`.
    pub id: TenantId,
    /// For people.
    pub name: String,
    /// Whether its credentials count.
    pub status: TenantStatus,
    /// Whether it is the one that runs the platform.
    pub operator: bool,
    /// When it was made.
    pub created_at: UnixMillis,
}

impl Tenant {
    /// Where the tenant `id` is.
    #[must_use]
    pub fn at(id: &TenantId) -> Key {
        Key::new(format!("tenant#{id}"), "tenant")
    }
}

/// Whether people can read it on one line.
pub(crate) fn is_name(text: &str) -> bool {
    let chars = text.chars().count();
    (1..=NAME_CHARS_MAX).contains(&chars) && !text.chars().any(char::is_control) && !text.trim().is_empty()
}

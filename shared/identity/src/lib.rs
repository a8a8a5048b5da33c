//! Who asks: tenants, API keys, access tokens, and the authorizer before every door.
//!
//! ```text
//! first start ──> tenant + key ──> X-API-Key ─────────────┐
//!                     │                                   ├─> authorizer ─> Principal | Anonymous
//!                     └─> POST /v1/auth/token ─> Bearer ──┘        (one read of key and tenant)
//! ```

pub mod api;
pub mod authorizer;
mod bootstrap;
pub mod facts;
pub mod first_start;
mod jwk;
mod keys;
mod power;
mod secret;
mod tenants;
mod token;
mod verify;

#[cfg(test)]
mod testing;

use scorpius_core::EventSchema;

pub use bootstrap::{Bootstrap, BootstrapError, bootstrap, recover};
pub use power::PERMISSIONS;
pub use secret::{ApiSecret, KeyKind, NotAnApiKey};
pub use tenants::{Tenant, TenantStatus};
pub use token::IdentitySettings;

/// Every type of event of this capability.
#[must_use]
pub fn events() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<facts::ApiKeyCreated>(),
        EventSchema::of::<facts::ApiKeyRevoked>(),
        EventSchema::of::<facts::TokenIssued>(),
    ]
}

//! Who asks: tenants, API keys, access tokens, and the authorizer before every door.
//!
//! ```text
//! first start ──> tenant + key ──> X-API-Key ─────────────┐
//!                     │                                   ├─> authorizer ─> Principal | Anonymous
//!                     └─> POST /v1/auth/token ─> Bearer ──┘        (one read of all that must still hold)
//! ```
//!
//! Tokens themselves, sessions and the gate before them are in `token`.

pub mod api;
pub mod authorizer;
mod bootstrap;
pub mod facts;
pub mod first_start;
mod held;
mod keys;
mod last_used;
mod power;
mod secret;
mod signature;

#[cfg(test)]
mod testing;

use scorpius_core::EventSchema;

pub use bootstrap::{Bootstrap, BootstrapError, bootstrap, recover};
pub use held::end_keys_of;
pub use keys::ApiKey;
pub use last_used::LastUsed;
pub use power::PERMISSIONS;
pub use scorpius_token::{IdentitySettings, SessionLimits, Tenant, TenantStatus};
pub use secret::{ApiSecret, KeyKind, NotAnApiKey};
pub use signature::AwsSignatures;

/// Every type of event of this capability.
#[must_use]
pub fn events() -> Vec<EventSchema> {
    let mut events = vec![
        EventSchema::of::<facts::ApiKeyCreated>(),
        EventSchema::of::<facts::ApiKeyRotated>(),
        EventSchema::of::<facts::ApiKeyLeaked>(),
        EventSchema::of::<facts::ApiKeyRevoked>(),
        EventSchema::of::<facts::ApiKeySecretEnded>(),
        EventSchema::of::<facts::TokenIssued>(),
        EventSchema::of::<facts::TenantTierChanged>(),
    ];
    events.extend(scorpius_token::events());
    events
}

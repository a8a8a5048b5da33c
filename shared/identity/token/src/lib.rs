//! Tokens: what a caller holds between requests, and the one gate before each.
//!
//! ```text
//! key, password, passkey, refresh ──> may_issue ──> Permit ──> access token (JWT, 10 minutes)
//!                                                      └────> session ──> refresh tokens, each used once
//! ```
//!
//! Nothing signs an access token without a `Permit`, and only `may_issue` makes one.

pub mod access;
pub mod api;
pub mod claims;
pub mod dpop;
pub mod facts;
pub mod gate;
pub mod jwk;
pub mod jws;
pub mod opaque;
pub mod refresh;
pub mod session;
pub mod sessions;
pub mod settings;
pub mod tenant;
pub mod user;

use scorpius_core::EventSchema;

pub use access::{TokenError, Verifier};
pub use claims::Claims;
pub use gate::{Method, Permit, Refused, Who, may_issue};
pub use opaque::{OpaqueToken, Purpose};
pub use session::Session;
pub use sessions::Sessions;
pub use settings::{IdentitySettings, SessionLimits};
pub use tenant::{Tenant, TenantStatus};
pub use user::{User, UserStatus};

/// Every type of event of this crate.
#[must_use]
pub fn events() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<facts::TokenRefreshed>(),
        EventSchema::of::<facts::TokenRevoked>(),
        EventSchema::of::<facts::SessionStarted>(),
        EventSchema::of::<facts::SessionProved>(),
        EventSchema::of::<facts::SessionEnded>(),
        EventSchema::of::<facts::SessionsEnded>(),
        EventSchema::of::<facts::RefreshTokenReused>(),
    ]
}

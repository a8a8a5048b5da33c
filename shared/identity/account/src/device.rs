//! Programs that a user signed in from before.

use scorpius_core::{Attributes, Condition, Key, TenantId, UnixMillis, Write};
use scorpius_token::session::{sha256_hex, shown_agent};

/// How long a program is remembered after its last sign-in.
const MEMORY_S: u64 = 180 * 86_400;

/// Where the program `agent` of a user is remembered.
#[must_use]
pub(crate) fn at(tenant: &TenantId, user: &str, agent: &str) -> Key {
    Key::new(format!("{tenant}#device#{user}"), sha256_hex(&shown_agent(agent)))
}

/// Remembers it from `now` on.
#[must_use]
pub(crate) fn seen(tenant: &TenantId, user: &str, agent: &str, now: UnixMillis) -> Write {
    Write::Put {
        key: at(tenant, user, agent),
        attributes: Attributes::document(&now),
        expires_at: Some(now.plus_s(MEMORY_S)),
        condition: Condition::Always,
    }
}

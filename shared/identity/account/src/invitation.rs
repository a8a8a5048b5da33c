//! Invitations, checks of addresses and resets: what somebody was sent, until it is used.

use scorpius_core::{
    Attributes, Clock, Condition, Key, Record, StoreError, TenantId, UnixMillis, Write, new_id,
};
use scorpius_edge::Role;
use scorpius_token::{OpaqueToken, Purpose};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// How long an invitation counts.
pub(crate) const INVITATION_S: u64 = 7 * 86_400;
/// How long an address can be confirmed.
pub(crate) const CHECK_S: u64 = 86_400;
/// How long a password can be set anew by letter (ASVS 5.0, 6.5.5).
pub(crate) const RESET_S: u64 = 600;
/// Letters that one address is sent on a stranger's wish, within an hour.
pub(crate) const LETTERS_MAX: u32 = 3;

/// An invitation as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Invitation {
    /// `inv_…`.
    pub(crate) id: String,
    /// The user that it makes: `usr_…`.
    pub(crate) user: String,
    /// The address, sealed for `<user>#email`.
    pub(crate) email: String,
    /// What they may be.
    pub(crate) roles: Vec<Role>,
    /// Whether it goes by letter.
    pub(crate) by_letter: bool,
    /// Who invites.
    pub(crate) by: String,
    /// When.
    pub(crate) at: UnixMillis,
}

/// Something that waits for whoever has its token.
pub(crate) struct Waiting {
    pub(crate) token: OpaqueToken,
    pub(crate) write: Write,
}

/// The partition of what waits under `purpose`.
pub(crate) fn partition(tenant: &TenantId, purpose: Purpose) -> String {
    format!("{tenant}#{}", purpose.thing_prefix())
}

/// A new id of a thing of `purpose`.
pub(crate) fn thing(purpose: Purpose, clock: &dyn Clock) -> String {
    new_id(purpose.thing_prefix(), clock)
}

/// Keeps `document` until its token comes, for `life_s`.
pub(crate) fn waiting<T: Serialize>(
    purpose: Purpose,
    (tenant, user, thing): (&TenantId, &str, &str),
    document: &T,
    life_s: u64,
    clock: &dyn Clock,
) -> Waiting {
    let token = OpaqueToken::generate(purpose, tenant, user, thing, clock);
    let attributes = Attributes::document(document).with("sha256", scorpius_core::Value::Text(token.hash()));
    let write = Write::Put {
        key: Key::new(partition(tenant, purpose), thing),
        attributes,
        expires_at: Some(clock.now().plus_s(life_s)),
        condition: Condition::Absent,
    };
    Waiting { token, write }
}

/// Where what `token` is about stands.
pub(crate) fn place(purpose: Purpose, token: &OpaqueToken) -> Key {
    Key::new(partition(&token.tenant, purpose), token.thing.as_str())
}

/// What `token` opens, and the write that uses it up.
pub(crate) fn opened<T: DeserializeOwned>(
    token: &OpaqueToken,
    record: Option<&Record>,
) -> Result<Option<(T, Write)>, StoreError> {
    let Some(record) = record else { return Ok(None) };
    let kept = record.attributes.text("sha256").unwrap_or_default();
    match bool::from(kept.as_bytes().ct_eq(token.hash().as_bytes())) {
        true => {
            let condition = Condition::VersionIs(record.version);
            Ok(Some((record.document()?, Write::Delete { key: record.key.clone(), condition })))
        }
        false => Ok(None),
    }
}

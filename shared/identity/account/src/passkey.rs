//! Passkeys as stored, and as browsers hand them over in JSON (WebAuthn Level 3, section 5.1.8 and 5.1.9).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use scorpius_core::{
    Attributes, Condition, Key, ListQuery, Record, Store, StoreError, TenantId, UnixMillis, Write,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::webauthn::{Ceremony, Checked, CredentialKey, Refusal, RelyingParty, base64url, check_client};

/// Passkeys of one user.
pub(crate) const PASSKEYS_MAX: usize = 20;

/// A passkey as stored, in its user's partition: whose it is comes with it when it is used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Passkey {
    /// `psk_` and the first half of the SHA-256 of `credential`.
    pub(crate) id: String,
    /// The authenticator's own id of it, Base64url.
    pub(crate) credential: String,
    pub(crate) key: CredentialKey,
    /// What it counted at its last use.
    pub(crate) counter: u32,
    /// For people.
    pub(crate) name: String,
    /// Whether it is kept in more than one place.
    pub(crate) backed_up: bool,
    /// How browsers reach it.
    pub(crate) transports: Vec<String>,
    pub(crate) created_at: UnixMillis,
    pub(crate) used_at: Option<UnixMillis>,
}

/// The id of the passkey that its authenticator calls `credential`.
pub(crate) fn id_of(credential: &[u8]) -> String {
    format!("psk_{}", hex::encode(&Sha256::digest(credential)[..16]))
}

impl Passkey {
    pub(crate) fn partition(tenant: &TenantId, user: &str) -> String {
        format!("{tenant}#passkey#{user}")
    }

    pub(crate) fn at(tenant: &TenantId, user: &str, id: &str) -> Key {
        Key::new(Self::partition(tenant, user), id)
    }

    pub(crate) fn put(&self, tenant: &TenantId, user: &str, condition: Condition) -> Write {
        let attributes = Attributes::document(self);
        Write::Put { key: Self::at(tenant, user, &self.id), attributes, expires_at: None, condition }
    }

    /// All of a user.
    pub(crate) async fn all(
        store: &dyn Store,
        tenant: &TenantId,
        user: &str,
    ) -> Result<Vec<Self>, StoreError> {
        let page = store.list(&ListQuery::all(Self::partition(tenant, user))).await?;
        Ok(page.records.iter().map(Record::document).collect::<Result<_, _>>()?)
    }
}

/// Whose passkey it is, as the authenticator keeps it: the numbers of tenant and user, which say nothing by themselves.
pub(crate) fn handle_of(tenant: &TenantId, user: &str) -> Option<String> {
    let number = |id: &str| hex::decode(id.split_once('_')?.1).ok();
    Some(URL_SAFE_NO_PAD.encode([number(tenant.as_str())?, number(user)?].concat()))
}

/// The tenant and the user of a handle.
pub(crate) fn owner_of(handle: &str) -> Option<(TenantId, String)> {
    let bytes: [u8; 32] = base64url(handle)?.try_into().ok()?;
    let tenant = format!("ten_{}", hex::encode(&bytes[..16])).parse().ok()?;
    Some((tenant, format!("usr_{}", hex::encode(&bytes[16..]))))
}

/// `RegistrationResponseJSON`, as `toJSON()` of a browser's credential gives it. Browsers may add members.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistrationResponse {
    /// The credential's id, Base64url.
    pub id: String,
    /// What the authenticator made.
    pub response: AttestationResponse,
}

/// What an authenticator says of a new passkey.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AttestationResponse {
    /// What the browser says, Base64url.
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: String,
    /// The passkey, Base64url.
    #[serde(rename = "attestationObject")]
    pub attestation_object: String,
    /// How browsers reach it.
    #[serde(default)]
    pub transports: Vec<String>,
}

/// `AuthenticationResponseJSON`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthenticationResponse {
    /// The credential's id, Base64url.
    pub id: String,
    /// What the authenticator signed.
    pub response: AssertionResponse,
}

/// What an authenticator says of a use.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AssertionResponse {
    /// What the browser says, Base64url.
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: String,
    /// What the authenticator says, Base64url.
    #[serde(rename = "authenticatorData")]
    pub authenticator_data: String,
    /// The signature over both, Base64url.
    pub signature: String,
    /// Whose it is, Base64url.
    #[serde(default, rename = "userHandle")]
    pub user_handle: Option<String>,
}

/// Options for `navigator.credentials.create`, as `parseCreationOptionsFromJSON` takes them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreationOptions {
    /// Single use, for five minutes. Base64url.
    pub challenge: String,
    /// Whom it is for.
    pub rp: Party,
    /// Whose it is.
    pub user: PartyUser,
    /// Kinds of keys that are taken, the preferred one first.
    pub pub_key_cred_params: Vec<KeyKind>,
    /// Those there are: an authenticator makes no second one.
    pub exclude_credentials: Vec<Descriptor>,
    /// What it must be able to do.
    pub authenticator_selection: Selection,
    /// `none`.
    pub attestation: &'static str,
    /// Milliseconds.
    pub timeout: u64,
}

/// The relying party.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Party {
    /// The host.
    pub id: String,
    /// `Scorpius`.
    pub name: &'static str,
}

/// The user, as an authenticator shows them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartyUser {
    /// Base64url.
    pub id: String,
    /// The address.
    pub name: String,
    /// The name.
    pub display_name: String,
}

/// One kind of key.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyKind {
    /// `public-key`.
    pub r#type: &'static str,
    /// COSE's number.
    pub alg: i32,
}

/// One passkey.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Descriptor {
    /// Base64url.
    pub id: String,
    /// `public-key`.
    pub r#type: &'static str,
    /// How it is reached.
    pub transports: Vec<String>,
}

/// What an authenticator must be able to do.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Selection {
    /// `required`: it finds the passkey without a name.
    pub resident_key: &'static str,
    /// For older browsers.
    pub require_resident_key: bool,
    /// `required`.
    pub user_verification: &'static str,
}

/// Options for `navigator.credentials.get`, as `parseRequestOptionsFromJSON` takes them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestOptions {
    /// Single use, for five minutes. Base64url.
    pub challenge: String,
    /// The host.
    pub rp_id: String,
    /// Those that will do; empty: any of this host.
    pub allow_credentials: Vec<Descriptor>,
    /// `required`.
    pub user_verification: &'static str,
    /// Milliseconds.
    pub timeout: u64,
}

impl RequestOptions {
    /// For any of `passkeys`, or for whichever the holder picks when there is none.
    pub(crate) fn new(party: &RelyingParty, challenge: String, passkeys: Vec<Passkey>) -> Self {
        Self {
            challenge,
            rp_id: party.id.clone(),
            allow_credentials: passkeys.into_iter().map(Descriptor::of).collect(),
            user_verification: "required",
            timeout: crate::challenge::LIFE_S * 1_000,
        }
    }
}

impl Descriptor {
    /// Of `passkey`.
    pub(crate) fn of(passkey: Passkey) -> Self {
        Self { id: passkey.credential, r#type: "public-key", transports: passkey.transports }
    }
}

/// The client's data in `text`, checked.
pub(crate) fn client(text: &str, ceremony: Ceremony, party: &RelyingParty) -> Result<Checked, Refusal> {
    check_client(&base64url(text).ok_or(Refusal::ClientData)?, ceremony, party)
}

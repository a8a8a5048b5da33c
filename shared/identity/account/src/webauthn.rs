//! Passkeys as browsers speak of them: WebAuthn Level 3, sections 6.1, 7.1 and 7.2, for a relying party that asks
//! for user verification and for no attestation.
//!
//! Written here because what it takes is small without attestation: two formats to read, and the two kinds of
//! signatures that access tokens are checked with already. Libraries that do it whole bring certificates, RSA, and
//! some of them OpenSSL.

mod cbor;
mod key;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use cbor::Cbor;
pub(crate) use key::{ALGORITHMS, CredentialKey};

/// Bytes of a client's data: it is what the browser makes of our own options.
const CLIENT_DATA_BYTES_MAX: usize = 4_096;
/// Bytes of what an authenticator says.
const AUTHENTICATOR_BYTES_MAX: usize = 16_384;
/// Bytes of a credential's id (section 4).
const ID_BYTES_MAX: usize = 1_023;

/// Whom passkeys are made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelyingParty {
    /// The host: a passkey of one host is of no use to another.
    pub(crate) id: String,
    /// Scheme, host and port, as browsers write it.
    pub(crate) origin: String,
}

impl RelyingParty {
    /// Of the platform at `url`.
    pub(crate) fn of(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        Self { id: host.to_owned(), origin: format!("{scheme}://{authority}") }
    }
}

/// Which ceremony.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ceremony {
    /// A passkey is made.
    Create,
    /// A passkey is used.
    Get,
}

/// Why a passkey's answer does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the client's data is not that of this ceremony")]
    ClientData,
    #[error("the page is not ours")]
    Origin,
    #[error("the authenticator's data cannot be read")]
    AuthenticatorData,
    #[error("the passkey is for another host")]
    RelyingParty,
    #[error("the passkey did not check who holds it")]
    NotVerified,
    #[error("the passkey's key is of a kind that is not taken")]
    Key,
    #[error("the signature is wrong")]
    Signature,
    #[error("the passkey's counter went back")]
    Counter,
}

/// What the browser says about a ceremony (section 5.8.1). It may say more.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    #[serde(default)]
    top_origin: Option<String>,
}

/// A client's data that is for this ceremony and from our page.
pub(crate) struct Checked {
    /// What the page was given; whether it is ours is for `challenge` to say.
    pub(crate) challenge: String,
    hash: [u8; 32],
}

/// Section 7.1, steps 5 to 10, and 7.2, steps 9 to 14.
pub(crate) fn check_client(
    json: &[u8],
    ceremony: Ceremony,
    party: &RelyingParty,
) -> Result<Checked, Refusal> {
    if json.len() > CLIENT_DATA_BYTES_MAX {
        return Err(Refusal::ClientData);
    }
    let data: ClientData = serde_json::from_slice(json).map_err(|_| Refusal::ClientData)?;
    let wanted = match ceremony {
        Ceremony::Create => "webauthn.create",
        Ceremony::Get => "webauthn.get",
    };
    if data.r#type != wanted {
        return Err(Refusal::ClientData);
    }
    // A frame within somebody else's page is not our page.
    if data.origin != party.origin || data.cross_origin || data.top_origin.is_some() {
        return Err(Refusal::Origin);
    }
    Ok(Checked { challenge: data.challenge, hash: Sha256::digest(json).into() })
}

/// A passkey that was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// 1 to 1,023 bytes.
    pub(crate) id: Vec<u8>,
    pub(crate) key: CredentialKey,
    pub(crate) counter: u32,
    /// Whether it is kept in more than one place.
    pub(crate) backed_up: bool,
}

/// Section 7.1, steps 12 to 19: the passkey in an attestation object. Its statement is not looked at: none was asked
/// for, so it proves nothing that we rely on.
pub(crate) fn made(attestation: &[u8], party: &RelyingParty) -> Result<Made, Refusal> {
    let object = cbor::whole(attestation, AUTHENTICATOR_BYTES_MAX).ok_or(Refusal::AuthenticatorData)?;
    let member = |name: &str| object.get(&Cbor::Text(name));
    let (Some(Cbor::Text(_)), Some(Cbor::Map(_)), Some(Cbor::Bytes(data))) =
        (member("fmt"), member("attStmt"), member("authData"))
    else {
        return Err(Refusal::AuthenticatorData);
    };
    let data = AuthenticatorData::parse(data).ok_or(Refusal::AuthenticatorData)?;
    data.check(party)?;
    let (id, key) = data.attested.ok_or(Refusal::AuthenticatorData)?;
    let key = CredentialKey::of_cose(&key).ok_or(Refusal::Key)?;
    Ok(Made { id: id.to_vec(), key, counter: data.counter, backed_up: data.flags & BACKED_UP != 0 })
}

/// A passkey's use.
pub(crate) struct Use<'a> {
    pub(crate) client: &'a Checked,
    pub(crate) authenticator_data: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// What a use says, once its signature is right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) counter: u32,
    pub(crate) backed_up: bool,
}

/// Section 7.2, steps 15 to 22.
pub(crate) fn used(
    it: &Use<'_>,
    key: &CredentialKey,
    counter: u32,
    party: &RelyingParty,
) -> Result<Used, Refusal> {
    if it.authenticator_data.len() > AUTHENTICATOR_BYTES_MAX {
        return Err(Refusal::AuthenticatorData);
    }
    let data = AuthenticatorData::parse(it.authenticator_data).ok_or(Refusal::AuthenticatorData)?;
    data.check(party)?;
    let signed = [it.authenticator_data, &it.client.hash].concat();
    if !key.verifies(&signed, it.signature) {
        return Err(Refusal::Signature);
    }
    // Passkeys that are kept in several places count nothing, and say 0 each time.
    if (data.counter != 0 || counter != 0) && data.counter <= counter {
        return Err(Refusal::Counter);
    }
    Ok(Used { counter: data.counter, backed_up: data.flags & BACKED_UP != 0 })
}

/// Bits of section 6.1, table 1.
const PRESENT: u8 = 1;
const VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED: u8 = 1 << 6;
const EXTENSIONS: u8 = 1 << 7;

/// Section 6.1.
struct AuthenticatorData<'a> {
    party_hash: &'a [u8],
    flags: u8,
    counter: u32,
    /// The id, and the COSE key.
    attested: Option<(&'a [u8], Cbor<'a>)>,
}

impl<'a> AuthenticatorData<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (party_hash, rest) = bytes.split_at_checked(32)?;
        let (&flags, rest) = rest.split_first()?;
        let (counter, mut rest) = rest.split_first_chunk::<4>()?;
        let mut attested = None;
        if flags & ATTESTED != 0 {
            let (_aaguid, after) = rest.split_at_checked(16)?;
            let (length, after) = after.split_first_chunk::<2>()?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (id, after) =
                after.split_at_checked(length).filter(|_| (1..=ID_BYTES_MAX).contains(&length))?;
            rest = after;
            attested = Some((id, cbor::one(&mut rest)?));
        }
        if flags & EXTENSIONS != 0 {
            let Cbor::Map(_) = cbor::one(&mut rest)? else { return None };
        }
        // A state that cannot be: kept in several places, and not able to be.
        let odd = flags & BACKED_UP != 0 && flags & BACKUP_ELIGIBLE == 0;
        (rest.is_empty() && !odd).then(|| Self {
            party_hash,
            flags,
            counter: u32::from_be_bytes(*counter),
            attested,
        })
    }

    fn check(&self, party: &RelyingParty) -> Result<(), Refusal> {
        if self.party_hash != <[u8; 32]>::from(Sha256::digest(party.id.as_bytes())) {
            return Err(Refusal::RelyingParty);
        }
        match self.flags & PRESENT != 0 && self.flags & VERIFIED != 0 {
            true => Ok(()),
            false => Err(Refusal::NotVerified),
        }
    }
}

/// Base64url without padding, as browsers write bytes in JSON.
pub(crate) fn base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
pub(crate) mod tests;

//! URLs that are their own permission: `/local/blobs/NAME?expires=…&signature=…`.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, Mac};
use scorpius_core::{BlobName, Clock, UnixMillis};
use sha2::Sha256;

use super::Secret;

/// Where the host serves signed URLs.
const PREFIX: &str = "/local/blobs/";
/// The longest that a URL is good for.
const VALID_MAX: Duration = Duration::from_secs(3600);

/// What a signed URL allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// Reading the blob.
    Get {
        /// Which.
        name: BlobName,
    },
    /// Writing the blob unless it is there: `put_if_absent`, so that the URL works once.
    PutOnce {
        /// Which.
        name: BlobName,
        /// The most that may be written.
        max_bytes: u64,
    },
}

/// Why a URL allows nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// Not a URL that was signed here, or for another method.
    #[error("the URL is not signed for this request")]
    NotSigned,
    /// Its time is over.
    #[error("the URL's time is over")]
    Expired,
}

pub(super) struct Signer {
    pub(super) key: Secret,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) base_url: String,
}

impl Signer {
    pub(super) fn sign(&self, signed: &Signed, valid_for: Duration) -> String {
        let valid_ms = u64::try_from(valid_for.min(VALID_MAX).as_millis()).unwrap_or(u64::MAX);
        let expires = self.clock.now().plus_ms(valid_ms);
        let signature = hex::encode(self.mac(signed, expires).finalize().into_bytes());
        let (name, max) = match signed {
            Signed::Get { name } => (name, String::new()),
            Signed::PutOnce { name, max_bytes } => (name, format!("&max_bytes={max_bytes}")),
        };
        let expires = expires.0;
        format!("{}{PREFIX}{name}?expires={expires}{max}&signature={signature}", self.base_url)
    }

    pub(super) fn check(&self, method: &str, path: &str, query: &str) -> Result<Signed, BadSignature> {
        let name = path.strip_prefix(PREFIX).and_then(|name| name.parse().ok());
        let name: BlobName = name.ok_or(BadSignature::NotSigned)?;
        let expires = UnixMillis(number(query, "expires")?);
        let signed = match method {
            "GET" => Signed::Get { name },
            "PUT" => Signed::PutOnce { name, max_bytes: number(query, "max_bytes")? },
            _ => return Err(BadSignature::NotSigned),
        };
        let signature = parameter(query, "signature").and_then(|text| hex::decode(text).ok());
        let signature = signature.ok_or(BadSignature::NotSigned)?;
        // The comparison takes the same time whatever differs.
        self.mac(&signed, expires).verify_slice(&signature).map_err(|_| BadSignature::NotSigned)?;
        match self.clock.now() < expires {
            true => Ok(signed),
            false => Err(BadSignature::Expired),
        }
    }

    fn mac(&self, signed: &Signed, expires: UnixMillis) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.key).expect("HMAC takes keys of any length");
        // No name contains a line break.
        let text = match signed {
            Signed::Get { name } => format!("GET\n{name}\n{}", expires.0),
            Signed::PutOnce { name, max_bytes } => format!("PUT\n{name}\n{}\n{max_bytes}", expires.0),
        };
        mac.update(text.as_bytes());
        mac
    }
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn number(query: &str, name: &str) -> Result<u64, BadSignature> {
    parameter(query, name).and_then(|text| text.parse().ok()).ok_or(BadSignature::NotSigned)
}

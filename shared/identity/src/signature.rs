//! AWS Signature Version 4, for programs that can sign in no other way: the SDKs of a service that ended.
//!
//! ```text
//! request = method, path, query, signed headers, SHA-256 of the body
//! text    = algorithm, time, scope (day / region / service), SHA-256 of the request
//! key     = HMAC(HMAC(HMAC(HMAC("AWS4" + secret, day), region), service), "aws4_request")
//! ```
//!
//! The secret is that of an API key which was made with one. It is kept sealed under its tenant's key, and opened
//! for one request. What AWS demands is demanded: the host, the time and every `x-amz-` header are signed, and the
//! time is at most five minutes away.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use hmac::{Hmac, Mac};
use scorpius_core::{Clock, Keys, PortError, Store, StoreError, TenantId, UnixMillis};
use scorpius_edge::{Anonymous, Caller, HttpEvent, Signatures, Strength};
use scorpius_letter::data_key::DataKeyError;
use scorpius_letter::{DataKey, DataKeys};
use scorpius_token::Tenant;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::authorizer::{From, document, judge};
use crate::keys::ApiKey;
use crate::secret::named_by;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far a request's time may be from ours, either way.
const SKEW_MS: u64 = 5 * 60_000;
/// Headers that may be signed.
const SIGNED_MAX: usize = 40;

/// Whether an `Authorization` header signs the whole request.
pub(crate) fn is_signature(authorization: &str) -> bool {
    authorization.split(' ').next() == Some(ALGORITHM)
}

/// What a key's signing secret is sealed for.
pub(crate) fn sealed_for(key_id: &str) -> String {
    format!("{key_id}#aws-signing")
}

/// Checks signatures made for one service.
pub struct AwsSignatures {
    store: Arc<dyn Store>,
    data_keys: DataKeys,
    service: &'static str,
}

impl AwsSignatures {
    /// Over these ports, for what AWS SDKs call `service` when they sign.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        keys: Arc<dyn Keys>,
        clock: Arc<dyn Clock>,
        service: &'static str,
    ) -> Self {
        let data_keys = DataKeys { store: Arc::clone(&store), keys, clock };
        Self { store, data_keys, service }
    }

    /// The secrets of `key` that count at `now`, opened.
    async fn secrets(&self, key: &ApiKey, now: UnixMillis) -> Result<Vec<Zeroizing<Vec<u8>>>, StoreError> {
        let previous = key.previous.as_ref().filter(|previous| previous.until > now);
        let sealed: Vec<_> = [key.signing.as_ref(), previous.and_then(|old| old.signing.as_ref())]
            .into_iter()
            .flatten()
            .collect();
        if sealed.is_empty() {
            return Ok(Vec::new());
        }
        let data_key: DataKey = match self.data_keys.of(&key.tenant).await {
            Ok(data_key) => data_key,
            Err(DataKeyError::Destroyed | DataKeyError::NotOurs) => return Ok(Vec::new()),
            Err(DataKeyError::Store(error)) => return Err(error),
            Err(DataKeyError::Keys(error)) => return Err(error.into()),
        };
        let open = |sealed: &String| data_key.open(&sealed_for(&key.id), sealed);
        let opened: Result<_, _> = sealed.into_iter().map(open).collect();
        opened.map_err(|error| PortError::new("store", error).into())
    }
}

#[async_trait]
impl Signatures for AwsSignatures {
    async fn caller(&self, event: &HttpEvent, body: &[u8], now: UnixMillis) -> Result<Caller, StoreError> {
        let invalid = Ok(Caller::Anonymous(Anonymous::InvalidCredential));
        let Some(signed) = Signed::of(&event.headers, self.service) else { return invalid };
        if signed.at.0.abs_diff(now.0) > SKEW_MS {
            return Ok(Caller::Anonymous(Anonymous::ExpiredCredential));
        }
        let Some(text) = signed.text(event, body) else { return invalid };
        let asked = [ApiKey::at(&signed.tenant, &signed.key_id), Tenant::at(&signed.tenant)];
        let mut records = self.store.get_many(&asked).await?.into_iter();
        let (key, tenant) = (records.next().flatten(), records.next().flatten());
        let Some(key) = document::<ApiKey>(key)? else { return invalid };
        let mut genuine = Choice::from(0);
        for secret in self.secrets(&key, now).await? {
            genuine |= signed.signature.ct_eq(&signed.signature_with(&secret, &text));
        }
        if !bool::from(genuine) {
            return invalid;
        }
        let http = &event.request_context.http;
        let from = From { network: &http.source_ip, agent: &http.user_agent };
        Ok(judge(now, Some(key), document(tenant)?, from, |key| (key.power(), Strength::ApiKey)))
    }
}

/// What the headers of a signed request say.
struct Signed<'a> {
    tenant: TenantId,
    key_id: String,
    day: &'a str,
    region: &'a str,
    service: &'static str,
    /// `20261121T094040Z`.
    time: &'a str,
    at: UnixMillis,
    /// In order, each once.
    names: Vec<&'a str>,
    signature: [u8; 32],
}

impl<'a> Signed<'a> {
    /// `None` for what is not well formed, is for another service, or leaves out of the signature what must be in it.
    fn of(headers: &'a BTreeMap<String, String>, service: &'static str) -> Option<Self> {
        let value = |name: &str| headers.get(name).map(String::as_str);
        let mut members = BTreeMap::new();
        for member in value("authorization")?.strip_prefix(ALGORITHM)?.split(',') {
            let (name, value) = member.trim().split_once('=')?;
            if members.insert(name, value).is_some() {
                return None;
            }
        }
        let [credential, names, signature] =
            ["Credential", "SignedHeaders", "Signature"].map(|name| members.remove(name));
        if !members.is_empty() {
            return None;
        }
        let scope: Vec<_> = credential?.split('/').collect();
        let [access_key_id, day, region, of, "aws4_request"] = scope.as_slice() else { return None };
        let time = value("x-amz-date")?;
        if *of != service || !is_region(region) || time.get(..8) != Some(*day) {
            return None;
        }
        let names: Vec<_> = names?.split(';').collect();
        let ordered = names.iter().zip(names.iter().skip(1)).all(|(one, next)| one < next);
        let must = headers.keys().filter(|name| name.starts_with("x-amz-") || *name == "content-type");
        let all = ["host", "x-amz-date"].into_iter().chain(must.map(String::as_str));
        if names.len() > SIGNED_MAX || !ordered || !all.into_iter().all(|name| names.contains(&name)) {
            return None;
        }
        let (tenant, key_id) = named_by(access_key_id)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(signature?, &mut bytes).ok()?;
        let at = moment(time)?;
        Some(Self { tenant, key_id, day, region, service, time, at, names, signature: bytes })
    }

    /// What is signed; `None` when a signed header is not there, or the body is not the one that a header says.
    fn text(&self, event: &HttpEvent, body: &[u8]) -> Option<String> {
        let body_sha256 = hex::encode(Sha256::digest(body));
        // A header that says another hash, or that the body is not signed, would let the body be exchanged.
        if event.headers.get("x-amz-content-sha256").is_some_and(|said| *said != body_sha256) {
            return None;
        }
        let mut request = format!("{}\n", event.request_context.http.method);
        for segment in event.raw_path.split('/').skip(1) {
            request += "/";
            request += &encoded(segment.as_bytes());
        }
        request += "\n";
        request += &query(&event.raw_query_string);
        request += "\n";
        for name in &self.names {
            let words: Vec<_> =
                event.headers.get(*name)?.split(' ').filter(|word| !word.is_empty()).collect();
            request += &format!("{name}:{}\n", words.join(" "));
        }
        request += &format!("\n{}\n{body_sha256}", self.names.join(";"));
        let (day, region, service) = (self.day, self.region, self.service);
        let hash = hex::encode(Sha256::digest(request));
        Some(format!("{ALGORITHM}\n{}\n{day}/{region}/{service}/aws4_request\n{hash}", self.time))
    }

    fn signature_with(&self, secret: &[u8], text: &str) -> [u8; 32] {
        let first = Zeroizing::new([b"AWS4", secret].concat());
        let mut key = Zeroizing::new(mac(&first, self.day));
        for part in [self.region, self.service, "aws4_request"] {
            key = Zeroizing::new(mac(&*key, part));
        }
        mac(&*key, text)
    }
}

fn is_region(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// `20261121T094040Z`.
fn moment(time: &str) -> Option<UnixMillis> {
    let (day, rest) = time.split_once('T')?;
    if !time.is_ascii() || day.len() != 8 || rest.len() != 7 {
        return None;
    }
    let part = |text: &'_ str, from: usize, to: usize| text.get(from..to).map(str::to_owned);
    let date = [part(day, 0, 4)?, part(day, 4, 6)?, part(day, 6, 8)?].join("-");
    let clock = [part(rest, 0, 2)?, part(rest, 2, 4)?, part(rest, 4, 7)?].join(":");
    format!("{date}T{clock}").parse().ok()
}

/// RFC 3986 with nothing reserved left: as AWS encodes each part, a path's once more than it was sent.
fn encoded(bytes: &[u8]) -> String {
    let one = |&byte: &u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    bytes.iter().map(one).collect()
}

/// Parameters as they were sent, in order.
fn query(raw: &str) -> String {
    let mut pairs: Vec<_> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn mac(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests;

//! The one guarded way out to the network.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::PortError;

/// One request to a host outside.
#[derive(Clone, Debug)]
pub struct EgressRequest {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// Absolute; `https` unless the operator allowed the target.
    pub url: String,
    /// Without `host` and `content-length`.
    pub headers: Vec<(String, String)>,
    /// Sent as it is.
    pub body: Bytes,
    /// One deadline over name resolution, connection, TLS and body.
    pub deadline: Duration,
    /// Bytes read of the answer; more is an error.
    pub answer_bytes_max: usize,
}

/// What came back. Redirects are not followed: a 3xx is an answer.
#[derive(Clone, Debug)]
pub struct EgressResponse {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// At most `answer_bytes_max`.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The target is not one that may be called; trying again does not help.
    #[error("the target may not be called: {reason}")]
    Blocked {
        /// Which rule, without what the name resolved to.
        reason: &'static str,
    },
    /// The deadline passed.
    #[error("no answer within the deadline")]
    TimedOut,
    /// The answer is longer than asked for.
    #[error("the answer is too long")]
    TooLong,
    /// Resolution, connection, TLS or HTTP failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Sends requests to hosts that tenants or operators name, and to no others.
///
/// The address is vetted after resolution and the connection is pinned to it; no redirect is
/// followed, no proxy is used, no cookie is kept.
#[async_trait]
pub trait Egress: Send + Sync {
    /// Asks once; no retry.
    async fn send(&self, request: EgressRequest) -> Result<EgressResponse, EgressError>;

    /// Whether `url` could be called, without calling it: what a door checks before it stores a URL.
    /// Names are not resolved here.
    ///
    /// # Errors
    /// `Blocked`.
    fn check_url(&self, url: &str) -> Result<(), EgressError>;
}

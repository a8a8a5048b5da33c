//! What a door answers.

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

/// Bytes of an answer that the gateway carries; what is larger is a 303 to a signed URL.
pub const BODY_BYTES_MAX: usize = 4_000_000;

/// An HTTP answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: StatusCode,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// At most 4 MB.
    pub body: Bytes,
    /// The problem's code, for logs and metrics.
    pub problem: Option<&'static str>,
    /// Why a 5xx, for the log only.
    pub cause: Option<String>,
}

impl Response {
    /// No headers, no body.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), problem: None, cause: None }
    }

    /// `body` as JSON, not to be cached.
    ///
    /// # Panics
    /// When `body` has a map whose keys are not strings; ours have none.
    pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Self {
        let json = serde_json::to_vec(body).expect("our documents have string keys only");
        Self::json_bytes(status, json)
    }

    /// JSON that is already bytes, not to be cached.
    pub fn json_bytes(status: StatusCode, json: impl Into<Bytes>) -> Self {
        Self::new(status)
            .with_header("content-type", "application/json")
            .with_header("cache-control", "no-store")
            .with_body(json)
    }

    /// This answer and one more header; `name` in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// This answer with `body`.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The first header called `name` (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

//! A client of the platform's own API, for the tour and the operator's commands.

use std::time::Duration;

use bytes::Bytes;
use scorpius_core::{Egress, EgressError, EgressRequest};
use scorpius_egress::{AllowedTarget, EgressOptions, GuardedEgress};
use serde_json::Value;

/// Talks to one platform with one credential.
pub struct Client {
    egress: GuardedEgress,
    base: String,
    credential: Option<(&'static str, String)>,
}

/// An answer of the platform.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// As sent.
    pub body: Bytes,
}

/// Why a call did not give what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL is not `http://host:port` or `https://host[:port]`.
    #[error("not the base URL of a platform: `{0}`")]
    BadUrl(String),
    /// No answer.
    #[error("the platform at {url} does not answer")]
    Egress {
        /// Asked there.
        url: String,
        /// Why.
        #[source]
        source: EgressError,
    },
    /// An answer that says no.
    #[error("{method} {path} was answered {status}: {body}")]
    Refused {
        /// `POST`.
        method: &'static str,
        /// `/v1/…`.
        path: String,
        /// HTTP status.
        status: u16,
        /// The problem document.
        body: String,
    },
    /// An answer that is not JSON.
    #[error("{path} did not answer with JSON")]
    NotJson {
        /// `/v1/…`.
        path: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Client {
    /// Talks to `base`, such as `http://127.0.0.1:8480`; that host and port are the only ones it can reach.
    ///
    /// # Errors
    /// When `base` is not such a URL.
    pub fn new(base: &str) -> Result<Self, ClientError> {
        let bad = || ClientError::BadUrl(base.to_owned());
        let url = url::Url::parse(base).map_err(|_| bad())?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(bad());
        };
        let allow = vec![AllowedTarget { host: host.to_owned(), port }];
        let egress = GuardedEgress::new(EgressOptions { allow, ..EgressOptions::default() });
        Ok(Self { egress, base: base.trim_end_matches('/').to_owned(), credential: None })
    }

    /// Sends `X-API-Key` from now on.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.credential = Some(("x-api-key", key.to_owned()));
        self
    }

    /// Sends an access token from now on.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.credential = Some(("authorization", format!("Bearer {token}")));
        self
    }

    /// Asks, and answers whatever comes back.
    ///
    /// # Errors
    /// When nothing comes back.
    pub async fn send(
        &self,
        method: &'static str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, ClientError> {
        let url = format!("{}{path}", self.base);
        let mut headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        headers.extend(self.credential.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let request = EgressRequest {
            method,
            url: url.clone(),
            headers,
            body: body.into(),
            deadline: Duration::from_secs(30),
            answer_bytes_max: 10_000_000,
        };
        let answer = self.egress.send(request).await.map_err(|source| ClientError::Egress { url, source })?;
        Ok(Answer { status: answer.status, body: answer.body })
    }

    /// Gets JSON.
    ///
    /// # Errors
    /// When the answer is no 2xx with JSON.
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        let answer = self.send("GET", path, &[], Bytes::new()).await?;
        json("GET", path, &answer)
    }

    /// Posts JSON and gets JSON.
    ///
    /// # Errors
    /// When the answer is no 2xx with JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        let headers = [("content-type", "application/json")];
        let answer = self.send("POST", path, &headers, body.to_string()).await?;
        json("POST", path, &answer)
    }
}

fn json(method: &'static str, path: &str, answer: &Answer) -> Result<Value, ClientError> {
    if !(200..300).contains(&answer.status) {
        let body = String::from_utf8_lossy(&answer.body).chars().take(2_000).collect();
        return Err(ClientError::Refused { method, path: path.to_owned(), status: answer.status, body });
    }
    serde_json::from_slice(&answer.body)
        .map_err(|source| ClientError::NotJson { path: path.to_owned(), source })
}

//! The one error that an adapter returns.

use std::error::Error;

/// A port could not do its work; the cause is kept.
#[derive(Debug, thiserror::Error)]
#[error("{port} is unavailable")]
pub struct PortError {
    /// Which port: `store`, `blobs`, `keys`, `mail`, `egress`, `chain`, `bus`, `topics`.
    pub port: &'static str,
    /// Why, for whoever logs the chain of causes.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl PortError {
    /// Keeps `source` as the cause.
    pub fn new(port: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { port, source: source.into() }
    }
}

/// Prints an error and all its causes on one line, for logs.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        line.push_str(": ");
        line.push_str(&inner.to_string());
        cause = inner.source();
    }
    line
}

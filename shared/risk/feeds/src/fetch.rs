//! Asks a feed, once.

use std::time::Duration;

use bytes::Bytes;
use scorpius_core::error::chain;
use scorpius_core::{Egress, EgressRequest};

use crate::judge::Refusal;

/// What one answer may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// What a feed answered.
pub(crate) enum Answer {
    /// It has not changed since the reading with this tag.
    Unchanged,
    /// Its bytes.
    Changed { body: Bytes, etag: Option<String> },
}

pub(crate) async fn fetch(
    egress: &dyn Egress,
    url: &str,
    etag: Option<&str>,
    bytes_max: usize,
) -> Result<Answer, Refusal> {
    let mut headers = vec![("user-agent".to_owned(), "scorpius-intel-sync".to_owned())];
    if let Some(etag) = etag {
        headers.push(("if-none-match".to_owned(), etag.to_owned()));
    }
    let request = EgressRequest {
        method: "GET",
        url: url.to_owned(),
        headers,
        body: Bytes::new(),
        deadline: DEADLINE,
        answer_bytes_max: bytes_max,
    };
    let answer = egress.send(request).await.map_err(|error| Refusal::Unreachable(chain(&error)))?;
    match answer.status {
        304 if etag.is_some() => Ok(Answer::Unchanged),
        200 => {
            let etag = answer.headers.iter().find(|(name, _)| name == "etag").map(|(_, tag)| tag.clone());
            Ok(Answer::Changed { body: answer.body, etag: etag.filter(|tag| tag.len() <= 200) })
        }
        status => Err(Refusal::Status(status)),
    }
}

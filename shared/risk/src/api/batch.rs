//! `POST /v1/risk/batch`: many questions at once, each answered as if it had been asked alone.
//!
//! Verdicts are committed in chunks, each with the memory of its own answer under the batch's `Idempotency-Key`:
//! asked again after a crash, what was committed is answered from memory, and the rest is judged.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::UnixMillis;
use scorpius_edge::idempotency::Once;
use scorpius_edge::problem::{INTERNAL, INVALID_REQUEST, Problem, TOO_LARGE};
use scorpius_edge::{Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::{App, Asked, Judged, documents, judge, sha256};
use crate::engine::verdict::Verdict;
use crate::likelihood::Priors;

/// Questions of a batch.
pub(super) const ITEMS_MAX: usize = 100;
/// Verdicts of a chunk: two writes each, and a commit has 100.
const CHUNK_ITEMS_MAX: usize = 24;
/// Bytes of answers of a chunk, which are remembered in one record.
const CHUNK_BYTES_MAX: usize = 180_000;
/// How long chains are read for all transactions of a batch.
const READING_MS_MAX: u64 = 8_000;

/// Asks many things at once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// 1 to 100 questions: `kind` (`address`, `token`, `transaction`, `signature` or `domain`), and what its own door takes.
    pub items: Vec<BTreeMap<String, Value>>,
}

/// What became of one question, at its place: one of both.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct BatchResult {
    /// The verdict, as its own door would answer it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Verdict>")]
    pub verdict: Option<Box<RawValue>>,
    /// The problem that its own door would answer (RFC 9457).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    pub problem: Option<Box<RawValue>>,
}

/// The answers to a batch.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct BatchAnswer {
    /// One for each question, in their order.
    pub results: Vec<BatchResult>,
}

pub(super) async fn batch(app: &App, request: &Request) -> Result<Response, Problem> {
    let BatchRequest { items } = request.json()?;
    if items.is_empty() {
        return Err(INVALID_REQUEST.because("`items` is empty").at("/items", "1 to 100 items"));
    }
    if items.len() > ITEMS_MAX {
        return Err(TOO_LARGE
            .because(format_args!("`items` has more than {ITEMS_MAX} items"))
            .at("/items", format_args!("more than {ITEMS_MAX} items")));
    }
    let until = app.clock.now().plus_ms(READING_MS_MAX);
    let priors = Priors::of_tenant(&*app.verdicts.store, request.tenant()?).await?;
    let mut results = Vec::with_capacity(items.len());
    for chunk in 0.. {
        let Some(rest) = items.get(results.len()..).filter(|rest| !rest.is_empty()) else { break };
        let once = Once::of(&of_chunk(request, chunk))?;
        let answer = match once.answered(&*app.verdicts.store).await? {
            Some(answer) => answer,
            None => judge_some(app, request, rest, &(until, priors), &once).await?,
        };
        let answered: BatchAnswer =
            serde_json::from_slice(&answer.body).map_err(|error| INTERNAL.because(error))?;
        if answered.results.is_empty() || answered.results.len() > rest.len() {
            return Err(INTERNAL.because("a remembered chunk that does not fit its batch"));
        }
        results.extend(answered.results);
    }
    Ok(Response::json(StatusCode::OK, &BatchAnswer { results }))
}

/// `request` under a key of the chunk's own; without a key it has none either.
fn of_chunk(request: &Request, chunk: usize) -> Request {
    let mut request = request.clone();
    if let Some(key) = request.headers.get_mut("idempotency-key") {
        // A key may have 100 characters already. What is no key is left to be refused as it is.
        if (1..=100).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            *key = format!("{}-{chunk}", &sha256(key.as_bytes())[..40]);
        }
    }
    request
}

/// Judges as many of `items` as one commit takes, at least one, and commits them.
async fn judge_some(
    app: &App,
    request: &Request,
    items: &[BTreeMap<String, Value>],
    all: &(UnixMillis, Priors),
    once: &Once,
) -> Result<Response, Problem> {
    let (mut results, mut writes, mut bytes) = (Vec::new(), Vec::new(), 0);
    for item in items.iter().take(CHUNK_ITEMS_MAX) {
        if !results.is_empty() && bytes >= CHUNK_BYTES_MAX {
            break;
        }
        match judge_item(app, request, item, all).await {
            Ok(judged) => {
                bytes += judged.answer.len();
                let text = String::from_utf8(judged.answer).map_err(|error| INTERNAL.because(error))?;
                let verdict = RawValue::from_string(text).map_err(|error| INTERNAL.because(error))?;
                writes.extend(judged.writes);
                results.push(BatchResult { verdict: Some(verdict), problem: None });
            }
            // What is not the question's fault may be otherwise next time, and must not be remembered.
            Err(problem) if problem.kind.status.is_server_error() => return Err(problem),
            Err(problem) => {
                let document = problem.into_response(&request.request_id).body;
                let document: Value =
                    serde_json::from_slice(&document).map_err(|error| INTERNAL.because(error))?;
                let problem = to_raw_value(&document).map_err(|error| INTERNAL.because(error))?;
                results.push(BatchResult { verdict: None, problem: Some(problem) });
            }
        }
    }
    let response = Response::json(StatusCode::OK, &BatchAnswer { results });
    // Whoever is refused leaves nothing behind, and is refused again.
    if writes.is_empty() {
        return Ok(response);
    }
    once.commit(&*app.verdicts.store, &*app.clock, writes, response).await
}

async fn judge_item(
    app: &App,
    request: &Request,
    item: &BTreeMap<String, Value>,
    (until, priors): &(UnixMillis, Priors),
) -> Result<Judged, Problem> {
    let mut item = item.clone();
    let read = match item.remove("kind").as_ref().and_then(Value::as_str) {
        Some("address") => documents::address as fn(&Request) -> Result<Asked, Problem>,
        Some("token") => documents::token,
        Some("transaction") => documents::transaction,
        Some("signature") => documents::signature,
        Some("domain") => documents::domain,
        _ => {
            return Err(INVALID_REQUEST
                .because("`kind` is not one that is judged")
                .at("/kind", "one of `address`, `token`, `transaction`, `signature` and `domain`"));
        }
    };
    let body = serde_json::to_vec(&item).map_err(|error| INTERNAL.because(error))?;
    let alone = Request { body: Bytes::from(body), ..request.clone() };
    judge(app, &alone, Asked { priors: Some(*priors), ..read(&alone)? }, *until).await
}

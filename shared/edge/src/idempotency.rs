//! `Idempotency-Key`: the effect and the memory of its answer are one commit.
//!
//! An answer that shows a secret is remembered sealed: wrapped by `Keys`, bound to the key it was asked under.

use http::StatusCode;
use scorpius_core::{
    Attributes, Clock, CommitId, Condition, Key, Keys, Store, StoreError, UnixMillis, Value, WrapContext,
    Write,
};
use sha2::{Digest, Sha256};

use crate::problem::{IDEMPOTENCY_CONFLICT, INTERNAL, INVALID_REQUEST, Problem};
use crate::request::Request;
use crate::response::Response;

/// How long an answer is remembered.
pub const MEMORY_S: u64 = 86_400;
/// Bytes of an answer that is remembered; POST answers are smaller.
const ANSWER_BYTES_MAX: usize = 300_000;
/// Bytes of a sealed answer: what `Keys` wraps at once.
const SEALED_BYTES_MAX: usize = 4_096;

/// One key of one tenant, and what was asked under it.
#[derive(Clone, Debug)]
pub struct Once {
    key: Option<Key>,
    asked: [u8; 32],
    expires_at: UnixMillis,
}

impl Once {
    /// Reads the `Idempotency-Key` of `request`: 1 to 100 visible ASCII characters. Without one, nothing is remembered.
    ///
    /// # Errors
    /// 400 for a malformed key, 401 for an anonymous caller.
    pub fn of(request: &Request) -> Result<Self, Problem> {
        let tenant = request.tenant()?;
        let key = match request.headers.get("idempotency-key") {
            None => None,
            Some(text) => {
                check_key(text)?;
                let subject = &request.principal()?.subject;
                Some(Key::new(
                    format!("{tenant}#idempotency"),
                    format!("{subject}#{}#{text}", request.operation),
                ))
            }
        };
        let mut hash = Sha256::new();
        hash.update(request.path.as_bytes());
        hash.update([0]);
        hash.update(&request.body);
        Ok(Self { key, asked: hash.finalize().into(), expires_at: request.received_at.plus_s(MEMORY_S) })
    }

    /// The answer that was given before, if there is one.
    ///
    /// # Errors
    /// 409 when the key was used for another request.
    pub async fn answered(&self, store: &dyn Store) -> Result<Option<Response>, Problem> {
        match self.recall(store).await? {
            None => Ok(None),
            Some(Recalled { status, body: Body::Clear(body) }) => Ok(Some(replay(status, body))),
            Some(Recalled { body: Body::Sealed(_), .. }) => {
                Err(INTERNAL.because("a sealed answer was asked for without keys"))
            }
        }
    }

    /// As `answered`, for operations that commit with `commit_sealed`.
    ///
    /// # Errors
    /// As `answered`, and when the keys do not answer.
    pub async fn answered_sealed(
        &self,
        store: &dyn Store,
        keys: &dyn Keys,
    ) -> Result<Option<Response>, Problem> {
        match self.recall(store).await? {
            None => Ok(None),
            Some(Recalled { status, body: Body::Clear(body) }) => Ok(Some(replay(status, body))),
            Some(Recalled { status, body: Body::Sealed(wrapped) }) => {
                let body = keys.unwrap(&wrapped, &self.seal_context()).await?;
                Ok(Some(replay(status, body)))
            }
        }
    }

    /// Commits `writes` together with the memory of `response` and answers it; whoever comes second
    /// under the same key gets the first one's answer. At most 99 writes when there is a key.
    ///
    /// # Errors
    /// What the store says; a conflict on one of `writes` is `StoreError::Conflict` inside the problem.
    pub async fn commit(
        &self,
        store: &dyn Store,
        clock: &dyn Clock,
        writes: Vec<Write>,
        response: Response,
    ) -> Result<Response, Problem> {
        self.commit_or(store, clock, writes, response, |_| None).await
    }

    /// As `commit`; `conflict` may name the problem for the write that conflicted.
    ///
    /// # Errors
    /// As `commit`.
    pub async fn commit_or(
        &self,
        store: &dyn Store,
        clock: &dyn Clock,
        writes: Vec<Write>,
        response: Response,
        conflict: impl FnOnce(usize) -> Option<Problem>,
    ) -> Result<Response, Problem> {
        if self.key.is_some() && response.body.len() > ANSWER_BYTES_MAX {
            return Err(INTERNAL.because("an answer too long to remember"));
        }
        let memory = self.memory(&response, "body", response.body.to_vec());
        match commit_with(store, clock, writes, memory, conflict).await? {
            Committed::First => Ok(response),
            // Whichever write lost, a winner under the same key answers for both.
            Committed::Lost(problem) => self.answered(store).await?.ok_or(problem),
        }
    }

    /// As `commit_or`, for a response that shows a secret: it is remembered wrapped, so that the store
    /// never holds it in clear, and the same request under the same key is answered with the secret again.
    /// The response's body is at most 4,096 bytes.
    ///
    /// # Errors
    /// As `commit`, and when the keys do not answer.
    pub async fn commit_sealed(
        &self,
        store: &dyn Store,
        clock: &dyn Clock,
        keys: &dyn Keys,
        writes: Vec<Write>,
        response: Response,
        conflict: impl FnOnce(usize) -> Option<Problem>,
    ) -> Result<Response, Problem> {
        if self.key.is_some() && response.body.len() > SEALED_BYTES_MAX {
            return Err(INTERNAL.because("an answer too long to seal"));
        }
        let memory = match &self.key {
            None => None,
            Some(_) => {
                let sealed = keys.wrap(&response.body, &self.seal_context()).await?;
                self.memory(&response, "sealed", sealed)
            }
        };
        match commit_with(store, clock, writes, memory, conflict).await? {
            Committed::First => Ok(response),
            Committed::Lost(problem) => self.answered_sealed(store, keys).await?.ok_or(problem),
        }
    }

    fn memory(&self, response: &Response, name: &str, body: Vec<u8>) -> Option<Write> {
        let key = self.key.clone()?;
        Some(Write::Put {
            key,
            attributes: Attributes::new()
                .with("asked", Value::Bytes(self.asked.to_vec()))
                .with("status", Value::Int(i64::from(response.status.as_u16())))
                .with(name, Value::Bytes(body)),
            expires_at: Some(self.expires_at),
            condition: Condition::Absent,
        })
    }

    async fn recall(&self, store: &dyn Store) -> Result<Option<Recalled>, Problem> {
        let Some(key) = &self.key else { return Ok(None) };
        let Some(record) = store.get(key).await? else { return Ok(None) };
        let mut attributes = record.attributes;
        match attributes.0.get("asked") {
            Some(Value::Bytes(asked)) if asked.as_slice() == self.asked => {}
            _ => return Err(IDEMPOTENCY_CONFLICT.because("this key was used for another request")),
        }
        let status = u16::try_from(attributes.int("status"))
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .ok_or_else(|| INTERNAL.because("a remembered answer without status"))?;
        let body = match (attributes.0.remove("body"), attributes.0.remove("sealed")) {
            (Some(Value::Bytes(body)), None) => Body::Clear(body),
            (None, Some(Value::Bytes(wrapped))) => Body::Sealed(wrapped),
            _ => return Err(INTERNAL.because("a remembered answer without body")),
        };
        Ok(Some(Recalled { status, body }))
    }

    // A sealed answer moved under another key does not open.
    fn seal_context(&self) -> WrapContext {
        let (partition, sort) =
            self.key.as_ref().map_or(("", ""), |key| (key.partition.as_str(), key.sort.as_str()));
        WrapContext::from([
            ("purpose", "idempotency".to_owned()),
            ("partition", partition.to_owned()),
            ("sort", sort.to_owned()),
        ])
    }
}

/// What is remembered of an answer.
struct Recalled {
    status: StatusCode,
    body: Body,
}

enum Body {
    Clear(Vec<u8>),
    Sealed(Vec<u8>),
}

/// What became of a commit.
enum Committed {
    First,
    Lost(Problem),
}

fn replay(status: StatusCode, body: Vec<u8>) -> Response {
    Response::json_bytes(status, body).with_header("idempotency-replayed", "true")
}

async fn commit_with(
    store: &dyn Store,
    clock: &dyn Clock,
    mut writes: Vec<Write>,
    memory: Option<Write>,
    conflict: impl FnOnce(usize) -> Option<Problem>,
) -> Result<Committed, Problem> {
    let own = writes.len();
    writes.extend(memory);
    match commit_with_retry(store, CommitId::new(clock), &writes).await {
        Ok(_) => Ok(Committed::First),
        Err(StoreError::Conflict { index }) => {
            let named = if index < own { conflict(index) } else { None };
            Ok(Committed::Lost(named.unwrap_or_else(|| StoreError::Conflict { index }.into())))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether `text` can be an `Idempotency-Key`. Checked before every POST door, also those that change nothing.
pub(crate) fn check_key(text: &str) -> Result<(), Problem> {
    match (1..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(()),
        false => Err(INVALID_REQUEST.because("`Idempotency-Key` is 1 to 100 visible ASCII characters")),
    }
}

/// Commits, and asks once more with the same id when the answer was lost.
///
/// # Errors
/// As `Store::commit`.
pub async fn commit_with_retry(store: &dyn Store, id: CommitId, writes: &[Write]) -> Result<u64, StoreError> {
    match store.commit(id, writes).await {
        Err(StoreError::Port(_)) => store.commit(id, writes).await,
        other => other,
    }
}

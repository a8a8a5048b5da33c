//! `GetDigest`, `GetBlock` and `GetRevision` as the SDKs of QLDB call them: REST with JSON, signed as AWS does.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::{Blobs, Clock, Keys, Store, TenantId};
use scorpius_edge::problem::{INVALID_REQUEST, NOT_FOUND, UNAVAILABLE};
use scorpius_edge::{Access, Answer, Operation, Problem, Request, Response};
use scorpius_qldb::hash::Hash;
use scorpius_qldb::{Address, proof_to_ion};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journals::{JournalError, Journals, Placed, is_journal_name};
use crate::native::NATIVE;

/// Characters of a document's id: QLDB's have 22, ours 36.
const DOCUMENT_CHARS_MAX: usize = 100;

/// What the doors need.
pub struct App {
    journals: Journals,
}

impl App {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        blobs: Arc<dyn Blobs>,
        keys: Arc<dyn Keys>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { journals: Journals::new(store, blobs, keys, clock) }
    }
}

/// A value as Ion text.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ValueHolder {
    /// Amazon Ion, as text.
    #[serde(rename = "IonText")]
    pub ion_text: String,
}

/// Which block, and by which digest to prove it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetBlock {
    /// `{strandId: "…", sequenceNo: 0}`.
    pub block_address: ValueHolder,
    /// As `GetDigest` answered it; without it there is no proof.
    #[serde(default)]
    pub digest_tip_address: Option<ValueHolder>,
}

/// Which document's revision, and by which digest to prove it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetRevision {
    /// `{strandId: "…", sequenceNo: 0}`.
    pub block_address: ValueHolder,
    /// The document's id; of an entry, its event's.
    pub document_id: String,
    /// As `GetDigest` answered it; without it there is no proof.
    #[serde(default)]
    pub digest_tip_address: Option<ValueHolder>,
}

/// A digest.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Digest {
    /// 32 bytes, in Base64.
    pub digest: String,
    /// The last block that it covers.
    pub digest_tip_address: ValueHolder,
}

/// A block.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Block {
    /// All of it.
    pub block: ValueHolder,
    /// A list of hashes that lead from `blockHash` to the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ValueHolder>,
}

/// A revision.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Revision {
    /// `{blockAddress, hash, data, metadata}`.
    pub revision: ValueHolder,
    /// A list of hashes that lead from `hash` to the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ValueHolder>,
}

const ADDRESS: &str = r#"{"BlockAddress": {"IonText": "{strandId:\"JdxjkR9bSYB5jMHWcI464T\",sequenceNo:3}"}, "DigestTipAddress": {"IonText": "{strandId:\"JdxjkR9bSYB5jMHWcI464T\",sequenceNo:7}"}}"#;
const REVISION: &str = r#"{"BlockAddress": {"IonText": "{strandId:\"JdxjkR9bSYB5jMHWcI464T\",sequenceNo:3}"}, "DocumentId": "3Qv67yjXEwB9SjmvkuG6Cp"}"#;

/// What is offered.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let action = Access::Action("audit:read");
    vec![
        Operation::new(
            "POST /v1/qldb/ledgers/{name}/digest",
            "getQldbDigest",
            "Answers a digest over a journal that was imported, or over the tenant's entries, as QLDB's `GetDigest` did.",
            action,
        )
        .answers(Answer::json::<Digest>(200, "The digest. Save it: with it a proof of a later day is checked.")),
        Operation::new(
            "POST /v1/qldb/ledgers/{name}/block",
            "getQldbBlock",
            "Answers a block and what leads from it to a digest, as QLDB's `GetBlock` did.",
            action,
        )
        .takes::<GetBlock>(ADDRESS)
        .answers(Answer::json::<Block>(200, "The block."))
        .fails(&INVALID_REQUEST),
        Operation::new(
            "POST /v1/qldb/ledgers/{name}/revision",
            "getQldbRevision",
            "Answers a document's revision and what leads from it to a digest, as QLDB's `GetRevision` did.",
            action,
        )
        .takes::<GetRevision>(REVISION)
        .answers(Answer::json::<Revision>(200, "The revision."))
        .fails(&INVALID_REQUEST),
    ]
}

/// Request in, answer or problem out.
pub async fn handle(app: &App, request: Request) -> Response {
    let answer = match request.operation {
        "getQldbDigest" => digest(app, &request).await,
        "getQldbBlock" => block(app, &request).await,
        "getQldbRevision" => revision(app, &request).await,
        other => Err(NOT_FOUND.because(format_args!("no operation `{other}`"))),
    };
    answer.unwrap_or_else(|problem| exception(problem, &request.request_id))
}

async fn digest(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, name) = (request.tenant()?, name(request)?);
    let read = match name == NATIVE {
        true => app.journals.catch_up(tenant, &request.actor()?).await.map_err(problem)?,
        false => app.journals.head(tenant, name).await?,
    };
    let head = read.ok_or_else(|| unknown(name))?.head;
    let digest = app.journals.digest(tenant, name, head.size).await.map_err(problem)?;
    let tip = Address { strand: head.strand, sequence_no: head.tip };
    let answer = Digest { digest: base64(&digest), digest_tip_address: ion(tip) };
    Ok(Response::json(StatusCode::OK, &answer))
}

async fn block(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, name) = (request.tenant()?, name(request)?);
    let asked: GetBlock = request.json()?;
    let at = Asked::of(app, tenant, name, &asked.block_address, asked.digest_tip_address.as_ref()).await?;
    let found = app.journals.block(tenant, name, at.number).await.map_err(problem)?;
    let (placed, _, text) = found.ok_or_else(|| no_block(at.number))?;
    let proof = at.proof(app, tenant, name, &placed, Vec::new()).await?;
    Ok(Response::json(StatusCode::OK, &Block { block: ion(text), proof }))
}

async fn revision(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, name) = (request.tenant()?, name(request)?);
    let asked: GetRevision = request.json()?;
    if asked.document_id.chars().count() > DOCUMENT_CHARS_MAX {
        return Err(invalid("/DocumentId", "is longer than a document's id"));
    }
    let at = Asked::of(app, tenant, name, &asked.block_address, asked.digest_tip_address.as_ref()).await?;
    let found = app.journals.block(tenant, name, at.number).await.map_err(problem)?;
    let (placed, stored, _) = found.ok_or_else(|| no_block(at.number))?;
    let (text, path) = stored.revision(&asked.document_id).ok_or_else(|| {
        NOT_FOUND.because(format_args!("block {} has no revision of such a document", at.number))
    })?;
    let proof = at.proof(app, tenant, name, &placed, path).await?;
    Ok(Response::json(StatusCode::OK, &Revision { revision: ion(text), proof }))
}

/// Which block is asked for, and how many blocks the digest covers that it is to be proved by.
struct Asked {
    number: u64,
    covered: Option<u64>,
}

impl Asked {
    async fn of(
        app: &App,
        tenant: &TenantId,
        name: &str,
        block: &ValueHolder,
        tip: Option<&ValueHolder>,
    ) -> Result<Self, Problem> {
        let head = app.journals.head(tenant, name).await?.ok_or_else(|| unknown(name))?.head;
        let address = |pointer: &str, holder: &ValueHolder| {
            let address = Address::of_ion(&holder.ion_text);
            let address = address.map_err(|error| invalid(pointer, &error.to_string()))?;
            match address.strand == head.strand {
                true => Ok(address.sequence_no),
                false => {
                    Err(NOT_FOUND.because(format_args!("the journal has no strand `{}`", address.strand)))
                }
            }
        };
        let number = address("/BlockAddress", block)?;
        let Some(tip) = tip.map(|tip| address("/DigestTipAddress", tip)).transpose()? else {
            return Ok(Self { number, covered: None });
        };
        let placed = app.journals.placed(tenant, name, &[tip]).await?.into_iter().flatten().next();
        let placed = placed.ok_or_else(|| invalid("/DigestTipAddress", "is no tip of a digest"))?;
        Ok(Self { number, covered: Some(placed.position + 1) })
    }

    /// What leads to the digest: `path` up to the block's hash, and on from there.
    async fn proof(
        &self,
        app: &App,
        tenant: &TenantId,
        name: &str,
        placed: &Placed,
        mut path: Vec<Hash>,
    ) -> Result<Option<ValueHolder>, Problem> {
        let Some(covered) = self.covered else { return Ok(None) };
        if placed.position >= covered {
            return Err(invalid("/DigestTipAddress", "is of a digest that does not cover the block yet"));
        }
        let above = app.journals.proof(tenant, name, (covered, placed.position)).await.map_err(problem)?;
        path.extend(above);
        Ok(Some(ion(proof_to_ion(&path))))
    }
}

fn name(request: &Request) -> Result<&str, Problem> {
    let name = request.parameter("name")?;
    if is_journal_name(name) { Ok(name) } else { Err(unknown("")) }
}

fn ion(value: impl std::fmt::Display) -> ValueHolder {
    ValueHolder { ion_text: value.to_string() }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn unknown(name: &str) -> Problem {
    NOT_FOUND.because(format_args!("there is no ledger `{name}`, or nothing is in it yet"))
}

fn no_block(number: u64) -> Problem {
    NOT_FOUND.because(format_args!("the journal has no block {number}"))
}

fn invalid(pointer: &str, why: &str) -> Problem {
    let name = pointer.trim_start_matches('/');
    INVALID_REQUEST.because(format_args!("`{name}`: {why}")).at(pointer, why)
}

fn problem(error: JournalError) -> Problem {
    match error {
        JournalError::Store(error) => error.into(),
        JournalError::Broken(_) => scorpius_core::PortError::new("store", error).into(),
        JournalError::Gap(_)
        | JournalError::Name
        | JournalError::OtherBlock(_)
        | JournalError::OtherStrand(_)
        | JournalError::TooLarge(_) => UNAVAILABLE.because(error),
    }
}

/// A problem that an SDK of AWS also reads as an exception: its name is in a header, its words are `Message`.
fn exception(problem: Problem, request_id: &str) -> Response {
    let name = match problem.kind.status {
        StatusCode::NOT_FOUND => Some("ResourceNotFoundException"),
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Some("InvalidParameterException")
        }
        _ => None,
    };
    let (message, response) = (problem.detail.clone(), problem.into_response(request_id));
    let Some(name) = name else { return response };
    let mut response = response.with_header("x-amzn-errortype", name);
    if let (Some(message), Ok(Value::Object(mut body))) = (message, serde_json::from_slice(&response.body)) {
        body.insert("Message".to_owned(), message.into());
        response = response.with_body(Value::Object(body).to_string());
    }
    response
}

#[cfg(test)]
mod tests;

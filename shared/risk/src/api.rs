//! The doors of `risk-score`.
//!
//! ```text
//! request ─> Question ─> Inputs (lists asked) ─> decide ─> one commit: verdict, idempotency, event ─> answer
//! ```

mod batch;
mod code;
mod dispute;
mod documents;
mod judge;
mod outcome;
mod search;
mod token;

use std::sync::Arc;

use http::StatusCode;
use scorpius_core::id::is_id;
use scorpius_core::{Blobs, Chain, Clock, Store};
use scorpius_edge::idempotency::Once;
use scorpius_edge::problem::{INTERNAL, NOT_FOUND, Problem, ProblemType};
use scorpius_edge::{Access, Answer, Kind, Operation, Request, Response, Thing};
use scorpius_ledger::Proofs;
use sha2::{Digest, Sha256};

pub use crate::api::batch::{BatchAnswer, BatchRequest, BatchResult};
pub use crate::api::dispute::{ALREADY_DISPUTED, Dispute, DisputeRequest};
pub use crate::api::documents::{
    AccountRequest, AddressRequest, AuthorizationRequest, DealingRequest, DomainRequest, Proof,
    ProvedVerdict, Replay, SignatureRequest, TokenRequest, TransactionRequest, account, chain,
};
pub use crate::api::judge::{Asked, Judged, READING_MS_MAX, Run, judge};
pub use crate::api::outcome::{ALREADY_RESOLVED, Outcome, OutcomeRequest};
pub use crate::api::search::{
    FoundThreats, FoundVerdict, ThreatCounts, ThreatFilters, ThreatQuery, ThreatSearch,
};
use crate::engine::replay::ReplayError;
use crate::engine::verdict::Verdict;
use crate::engine::{ENGINE, replay};
use crate::intel::{BadSnapshot, Intel, IntelError};
use crate::lists::Lists;
use crate::model::Registry;
use crate::verdicts::{KeepError, Verdicts};

/// An address is mistyped: not 40 hex digits, or its EIP-55 checksum is wrong.
pub const INVALID_ADDRESS: ProblemType =
    ProblemType { code: "invalid-address", title: "Invalid address", status: StatusCode::BAD_REQUEST };
/// An address of a chain that is not an EVM chain.
pub const UNSUPPORTED_ADDRESS: ProblemType = ProblemType {
    code: "unsupported-address",
    title: "Address of an unsupported kind",
    status: StatusCode::BAD_REQUEST,
};
/// The chain is neither known by name nor an EVM chain by number.
pub const UNSUPPORTED_CHAIN: ProblemType =
    ProblemType { code: "unsupported-chain", title: "Unsupported chain", status: StatusCode::BAD_REQUEST };
/// The value or the calldata of a transaction is not in its form or over its limit.
pub const INVALID_TRANSACTION: ProblemType = ProblemType {
    code: "invalid-transaction",
    title: "Invalid transaction",
    status: StatusCode::BAD_REQUEST,
};
/// A token's code is not hex, or over its limit.
pub const INVALID_CODE: ProblemType =
    ProblemType { code: "invalid-code", title: "Invalid code", status: StatusCode::BAD_REQUEST };
/// A message to be signed is not in its form: typed data with a cycle, say, or over a limit.
pub const INVALID_MESSAGE: ProblemType =
    ProblemType { code: "invalid-message", title: "Invalid message", status: StatusCode::BAD_REQUEST };
/// A site's name is none: not what IDNA takes, an IP address, or without a dot.
pub const INVALID_DOMAIN: ProblemType =
    ProblemType { code: "invalid-domain", title: "Invalid domain", status: StatusCode::BAD_REQUEST };
/// This release does not have the engine, the rule set or the calibration that made the verdict.
pub const ENGINE_NOT_AVAILABLE: ProblemType = ProblemType {
    code: "engine-not-available",
    title: "The engine of this verdict is not in this release",
    status: StatusCode::CONFLICT,
};

/// A permit of ERC-2612: everything, to an account on no list.
const SIGNATURE_EXAMPLE: &str = r#"{"chain": "ethereum", "origin": "app.example.com", "typed_data": {"types": {"EIP712Domain": [{"name": "name", "type": "string"}, {"name": "version", "type": "string"}, {"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}], "Permit": [{"name": "owner", "type": "address"}, {"name": "spender", "type": "address"}, {"name": "value", "type": "uint256"}, {"name": "nonce", "type": "uint256"}, {"name": "deadline", "type": "uint256"}]}, "primaryType": "Permit", "domain": {"name": "USD Coin", "version": "2", "chainId": "1", "verifyingContract": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"}, "message": {"owner": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "spender": "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", "value": "115792089237316195423570985008687907853269984665640564039457584007913129639935", "nonce": "0", "deadline": "1795257640"}}}"#;

/// What the doors need.
pub struct App {
    /// What was judged before.
    pub verdicts: Verdicts,
    /// Time and ids.
    pub clock: Arc<dyn Clock>,
    /// What is asked about every party.
    pub lists: Lists,
    /// What the feeds' lists say.
    pub intel: Intel,
    /// Proofs that a verdict's event is in the ledger.
    pub proofs: Proofs,
    /// Where transactions' state is read, if anywhere.
    pub chain: Option<Arc<dyn Chain>>,
}

impl App {
    /// With the lists that are in the program.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, blobs: Arc<dyn Blobs>, clock: Arc<dyn Clock>) -> Self {
        let proofs = Proofs { store: store.clone(), blobs: blobs.clone() };
        let intel = Intel::new(store.clone(), blobs.clone(), clock.clone());
        Self { verdicts: Verdicts { store, blobs }, clock, lists: Lists::seed(), intel, proofs, chain: None }
    }

    /// Reads what a transaction needs from `chain`, and simulates it.
    #[must_use]
    pub fn reading(self, chain: Option<Arc<dyn Chain>>) -> Self {
        Self { chain, ..self }
    }
}

/// What is offered.
#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("POST /v1/risk/address", "scoreAddress", "Judges an address.", Access::Action("risk:score"))
            .takes::<AddressRequest>(
                r#"{"chain": "ethereum", "address": "0x098B716B8Aaf21512996dC57EB0615e2383E2f96"}"#,
            )
            .answers(Answer::json::<Verdict>(200, "The verdict."))
            .fails(&INVALID_ADDRESS)
            .fails(&UNSUPPORTED_ADDRESS)
            .fails(&UNSUPPORTED_CHAIN)
            .fails(&INVALID_CODE),
        Operation::new(
            "POST /v1/risk/token",
            "scoreToken",
            "Judges a token before it is bought or approved, by what is at its address and what the scanner finds there.",
            Access::Action("risk:score"),
        )
        .takes::<TokenRequest>(
            r#"{"chain": "ethereum", "address": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"}"#,
        )
        .answers(Answer::json::<Verdict>(200, "The verdict."))
        .fails(&INVALID_ADDRESS)
        .fails(&UNSUPPORTED_ADDRESS)
        .fails(&UNSUPPORTED_CHAIN)
        .fails(&INVALID_CODE),
        Operation::new(
            "POST /v1/risk/transaction",
            "scoreTransaction",
            "Judges a transaction before it is signed.",
            Access::Action("risk:score"),
        )
        .takes::<TransactionRequest>(
            r#"{"chain": "ethereum", "to": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "value": "0", "data": "0x095ea7b3000000000000000000000000fb6916095ca1df60bb79ce92ce3ea74c37c5d359ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}"#,
        )
        .answers(Answer::json::<Verdict>(200, "The verdict."))
        .fails(&INVALID_ADDRESS)
        .fails(&UNSUPPORTED_ADDRESS)
        .fails(&UNSUPPORTED_CHAIN)
        .fails(&INVALID_TRANSACTION),
        Operation::new(
            "POST /v1/risk/signature",
            "scoreSignature",
            "Judges a message before it is signed.",
            Access::Action("risk:score"),
        )
        .takes::<SignatureRequest>(SIGNATURE_EXAMPLE)
        .answers(Answer::json::<Verdict>(200, "The verdict, with the hash that would be signed."))
        .fails(&INVALID_ADDRESS)
        .fails(&UNSUPPORTED_ADDRESS)
        .fails(&UNSUPPORTED_CHAIN)
        .fails(&INVALID_MESSAGE),
        Operation::new("POST /v1/risk/domain", "scoreDomain", "Judges a site by its name.", Access::Action("risk:score"))
            .takes::<DomainRequest>(r#"{"domain": "metamask-restore.example.com"}"#)
            .answers(Answer::json::<Verdict>(200, "The verdict."))
            .fails(&INVALID_DOMAIN),
        Operation::new(
            "POST /v1/risk/batch",
            "scoreBatch",
            "Judges up to 100 addresses, transactions, messages and sites, each as if it were asked alone.",
            Access::Action("risk:score"),
        )
        .takes::<BatchRequest>(
            r#"{"items": [{"kind": "address", "chain": "ethereum", "address": "0x098B716B8Aaf21512996dC57EB0615e2383E2f96"}, {"kind": "domain", "domain": "metamask-restore.example.com"}]}"#,
        )
        .answers(Answer::json::<BatchAnswer>(200, "A verdict or a problem for each item, in their order.")),
        Operation::new(
            "GET /v1/verdicts/{id}",
            "getVerdict",
            "Shows a verdict again, with the proof that the ledger has it.",
            Access::Action("risk:read"),
        )
        .about(Kind::Verdict)
        .answers(Answer::json::<ProvedVerdict>(200, "The verdict as it was answered, and `proof`.")),
        Operation::new(
            "POST /v1/verdicts/{id}/disputes",
            "disputeVerdict",
            "Says that a verdict is wrong. The verdict stays as it is; the ledger has both.",
            Access::Action("risk:score"),
        )
        .about(Kind::Verdict)
        .takes::<DisputeRequest>(r#"{"claim": "false_alarm", "reason": "This is our own treasury."}"#)
        .answers(Answer::json::<Dispute>(201, "The dispute."))
        .fails(&ALREADY_DISPUTED),
        Operation::new(
            "POST /v1/verdicts/{id}/outcome",
            "resolveVerdict",
            "Says what a verdict's subject turned out to be, which settles its disputes. The next training reads it.",
            Access::Action("risk:score"),
        )
        .about(Kind::Verdict)
        .takes::<OutcomeRequest>(r#"{"label": "harmless", "reason": "Our own treasury, checked with its signers."}"#)
        .answers(Answer::json::<Outcome>(201, "The outcome."))
        .fails(&ALREADY_RESOLVED),
        Operation::new(
            "GET /v1/risk/models",
            "listModels",
            "Lists the models of this release: which there are, by hash, which count, and what they measured.",
            Access::Action("risk:read"),
        )
        .answers(Answer::json::<Registry>(200, "The models.")),
        Operation::new(
            "POST /v1/verdicts/{id}/replay",
            "replayVerdict",
            "Makes a verdict again from its stored inputs and compares the bytes. Changes nothing.",
            Access::Action("risk:read"),
        )
        .about(Kind::Verdict)
        .answers(Answer::json::<Replay>(200, "What came out."))
        .fails(&ENGINE_NOT_AVAILABLE),
        Operation::new(
            "POST /v1/search/threats",
            "searchThreats",
            "Searches the tenant's verdicts over a stretch of time, newest first, and counts them.",
            Access::Action("risk:read"),
        )
        .takes::<ThreatSearch>(search::EXAMPLE)
        .answers(Answer::json::<FoundThreats>(200, "A page of verdicts, and what was counted.")),
    ]
}

/// Request in, verdict or problem out.
pub async fn handle(app: &App, request: Request) -> Response {
    let answered = match request.operation {
        "scoreAddress" => score(app, &request, documents::address).await,
        "scoreToken" => score(app, &request, documents::token).await,
        "scoreTransaction" => score(app, &request, documents::transaction).await,
        "scoreSignature" => score(app, &request, documents::signature).await,
        "scoreDomain" => score(app, &request, documents::domain).await,
        "scoreBatch" => batch::batch(app, &request).await,
        "disputeVerdict" => dispute::dispute(app, &request).await,
        "getVerdict" => show(app, &request).await,
        "resolveVerdict" => outcome::resolve(app, &request).await,
        "listModels" => Ok(Response::json(StatusCode::OK, &crate::model::listed())),
        "replayVerdict" => replay_kept(app, &request).await,
        "searchThreats" => search::search(app, &request).await,
        other => Err(NOT_FOUND.because(format_args!("no operation `{other}`"))),
    };
    answered.unwrap_or_else(|problem| problem.into_response(&request.request_id))
}

async fn score(
    app: &App,
    request: &Request,
    read: fn(&Request) -> Result<Asked, Problem>,
) -> Result<Response, Problem> {
    let once = Once::of(request)?;
    if let Some(answer) = once.answered(&*app.verdicts.store).await? {
        return Ok(answer);
    }
    let until = app.clock.now().plus_ms(READING_MS_MAX);
    let judged = judge(app, request, read(request)?, until).await?;
    let response = Response::json_bytes(StatusCode::OK, judged.answer);
    once.commit(&*app.verdicts.store, &*app.clock, judged.writes, response).await
}

async fn show(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, id) = (request.tenant()?, verdict_id(request)?);
    let (verdict, event_id) = app.verdicts.shown(tenant, id).await?.ok_or_else(|| unknown(id))?;
    request.judge(Thing::new(Kind::Verdict, id, tenant)).await?;
    let proof = match app.proofs.of_event(tenant, &event_id).await? {
        Some(document) => Proof::Included(Box::new(document)),
        None => match app.proofs.gone(tenant, &event_id).await? {
            Some(minimum_index) => Proof::Gone { event_id, minimum_index },
            None => Proof::Pending { event_id },
        },
    };
    let proof = serde_json::to_string(&proof).map_err(|error| INTERNAL.because(error))?;
    // The stored bytes as they are, with one member more: without `proof` their hash is the event's.
    let stored =
        verdict.strip_suffix('}').ok_or_else(|| INTERNAL.because("a stored verdict is no object"))?;
    Ok(Response::json_bytes(StatusCode::OK, format!("{stored},\"proof\":{proof}}}")))
}

async fn replay_kept(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, id) = (request.tenant()?, verdict_id(request)?);
    let kept = app.verdicts.whole(tenant, id).await?.ok_or_else(|| unknown(id))?;
    request.judge(Thing::new(Kind::Verdict, id, tenant)).await?;
    let replayed = replay::replay(&kept.verdict, &kept.inputs)?;
    let answer = Replay {
        same: replayed.same,
        engine: ENGINE.to_owned(),
        stored_sha256: sha256(kept.verdict.as_bytes()),
        replayed_sha256: sha256(&replayed.bytes),
        verdict: replayed.verdict,
    };
    Ok(Response::json(StatusCode::OK, &answer))
}

fn verdict_id(request: &Request) -> Result<&str, Problem> {
    let id = request.parameter("id")?;
    if is_id("vrd", id) { Ok(id) } else { Err(unknown(id)) }
}

fn unknown(id: &str) -> Problem {
    let id: String = id.chars().take(40).collect();
    NOT_FOUND.because(format_args!("no verdict `{id}`"))
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl From<IntelError> for Problem {
    fn from(error: IntelError) -> Self {
        match error {
            IntelError::Store(error) => error.into(),
            IntelError::Snapshot(BadSnapshot::Port(error)) => error.into(),
            IntelError::Snapshot(_) => INTERNAL.because(error),
        }
    }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::OtherEngine { .. }
            | ReplayError::OtherRules { .. }
            | ReplayError::OtherCalibration { .. } => ENGINE_NOT_AVAILABLE.because(error),
            ReplayError::Form(_) | ReplayError::OtherInputs { .. } | ReplayError::Inputs(_) => {
                INTERNAL.because(error)
            }
        }
    }
}

impl From<KeepError> for Problem {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Damaged { .. } => INTERNAL.because(error),
            KeepError::Store(error) => error.into(),
            KeepError::Port(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests;

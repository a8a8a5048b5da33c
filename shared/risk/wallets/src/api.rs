//! The doors of `wallet-guard`.

mod alerts;
mod analyze;
mod documents;
mod lists;
mod policy;
mod wallets;

use std::sync::Arc;

use http::StatusCode;
use scorpius_core::id::is_id;
use scorpius_core::{Clock, CommitId, Event, Fact, Store, StoreError, Write};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::operation::{PAGING, Parameter};
use scorpius_edge::problem::{CONFLICT, INTERNAL, INVALID_REQUEST, NOT_FOUND};
use scorpius_edge::{Access, Answer, Kind, Operation, Problem, ProblemType, Request, Response, Thing};
use scorpius_risk::api::{INVALID_ADDRESS, INVALID_TRANSACTION, UNSUPPORTED_ADDRESS, UNSUPPORTED_CHAIN};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub use crate::alert::{AlertState, ClosedReason};
pub use crate::api::alerts::{AlertList, AlertView, ChangeAlert};
pub use crate::api::documents::{
    AnalysisRequest, AnalyzedTransaction, ChangeWallet, DetailLevel, EntryRequest, EntryView, ListView,
    PolicyRequest, PolicyView, ProtectRequest, SeenTransaction, TransactionLimit, UnsignedTransaction,
    WalletDetail, WalletList, WalletView,
};
use crate::wallet::{Wallet, Wallets};

/// The address is under guard already.
pub const ALREADY_PROTECTED: ProblemType =
    ProblemType { code: "already-protected", title: "Already protected", status: StatusCode::CONFLICT };
/// The tenant has as many wallets as it may.
pub const TOO_MANY_WALLETS: ProblemType =
    ProblemType { code: "too-many-wallets", title: "Too many wallets", status: StatusCode::CONFLICT };
/// The list has as many entries as it may.
pub const LIST_FULL: ProblemType =
    ProblemType { code: "list-full", title: "The list is full", status: StatusCode::CONFLICT };
/// The address is on the wallet's other list.
pub const ON_OTHER_LIST: ProblemType =
    ProblemType { code: "on-other-list", title: "On the other list", status: StatusCode::CONFLICT };
/// The alert is closed, which is its end.
pub const ALERT_CLOSED: ProblemType =
    ProblemType { code: "alert-closed", title: "The alert is closed", status: StatusCode::CONFLICT };
/// This installation has no endpoint of the wallet's chain.
pub const NO_ENDPOINT: ProblemType = ProblemType {
    code: "no-endpoint",
    title: "No endpoint of this chain is configured",
    status: StatusCode::CONFLICT,
};

/// What the doors need.
pub struct App {
    /// Wallets, lists, policies and verdicts.
    pub store: Arc<dyn Store>,
    /// Time and ids.
    pub clock: Arc<dyn Clock>,
    /// Judges, by the same engine and the same reading of chains as its own doors.
    pub risk: scorpius_risk::api::App,
}

const CHAIN: Parameter =
    Parameter { name: "chain", meaning: "Wallets of this chain alone, by address.", required: false };

const ALERT_FILTERS: [Parameter; 2] = [
    Parameter { name: "wallet_id", meaning: "Alerts of this wallet alone.", required: false },
    Parameter {
        name: "state",
        meaning: "Of this state alone: open, acknowledged or closed.",
        required: false,
    },
];

/// What is offered.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let (read, write) = (Access::Action("wallet:read"), Access::Action("wallet:write"));
    let (see, set) = (Access::Action("config:read"), Access::Action("config:write"));
    let about = |route, id, summary, access| Operation::new(route, id, summary, access).about(Kind::Wallet);
    vec![
        Operation::new("POST /v1/wallets/protect", "protectWallet", "Puts a wallet under guard.", write)
            .takes::<ProtectRequest>(documents::PROTECT_EXAMPLE)
            .answers(Answer::json::<WalletDetail>(201, "The wallet."))
            .fails(&INVALID_ADDRESS)
            .fails(&UNSUPPORTED_ADDRESS)
            .fails(&UNSUPPORTED_CHAIN)
            .fails(&ALREADY_PROTECTED)
            .fails(&TOO_MANY_WALLETS),
        Operation::new("GET /v1/wallets", "listWallets", "Lists the tenant's wallets, oldest first.", read)
            .asks(&PAGING)
            .asks(&[CHAIN])
            .answers(Answer::json::<WalletList>(200, "A page of wallets."))
            .fails(&UNSUPPORTED_CHAIN),
        about("GET /v1/wallets/{id}", "getWallet", "Shows a wallet.", read)
            .answers(Answer::json::<WalletDetail>(200, "The wallet; its version is in `ETag`.")),
        about(
            "PATCH /v1/wallets/{id}",
            "changeWallet",
            "Changes a wallet's name, threshold or level, and judges its address again; heeds `If-Match`.",
            write,
        )
        .takes::<ChangeWallet>(r#"{"risk_threshold": 40, "monitoring_level": "strict"}"#)
        .answers(Answer::json::<WalletDetail>(200, "The wallet.")),
        about("DELETE /v1/wallets/{id}", "releaseWallet", "Takes a wallet from under guard.", write)
            .answers(Answer::empty(204, "It is; its lists and its past are forgotten.")),
        about("GET /v1/wallets/{id}/lists/{list}", "listEntries", "Lists a wallet's allow or block list.", read)
            .asks(&PAGING)
            .answers(Answer::json::<ListView>(200, "A page of entries, by address.")),
        about(
            "PUT /v1/wallets/{id}/lists/{list}/{address}",
            "putEntry",
            "Puts an address on a wallet's allow or block list.",
            write,
        )
        .takes::<EntryRequest>(r#"{"reason": "Our exchange", "expires_at": "2027-12-31T00:00:00Z"}"#)
        .answers(Answer::json::<EntryView>(200, "The entry."))
        .fails(&INVALID_ADDRESS)
        .fails(&UNSUPPORTED_ADDRESS)
        .fails(&LIST_FULL)
        .fails(&ON_OTHER_LIST),
        about(
            "DELETE /v1/wallets/{id}/lists/{list}/{address}",
            "deleteEntry",
            "Takes an address off a wallet's allow or block list.",
            write,
        )
        .answers(Answer::empty(204, "It is off the list."))
        .fails(&INVALID_ADDRESS)
        .fails(&UNSUPPORTED_ADDRESS),
        about(
            "POST /v1/wallets/{id}/analyze-transaction",
            "analyzeTransaction",
            "Judges a transaction of a wallet by its lists, its tenant's policy and its own past, and says what to do.",
            Access::Action("risk:score"),
        )
        .takes::<AnalysisRequest>(documents::ANALYSIS_EXAMPLE)
        .answers(Answer::json::<AnalyzedTransaction>(200, "The decision, and the verdict that it is in."))
        .fails(&INVALID_ADDRESS)
        .fails(&UNSUPPORTED_ADDRESS)
        .fails(&INVALID_TRANSACTION)
        .fails(&NO_ENDPOINT),
        Operation::new("GET /v1/alerts", "listAlerts", "Lists the alerts of the tenant's wallets, newest first.", read)
            .asks(&PAGING)
            .asks(&ALERT_FILTERS)
            .answers(Answer::json::<AlertList>(200, "A page of alerts.")),
        about("GET /v1/alerts/{id}", "getAlert", "Shows an alert.", read)
            .answers(Answer::json::<AlertView>(200, "The alert; its version is in `ETag`.")),
        about(
            "PATCH /v1/alerts/{id}",
            "changeAlert",
            "Acknowledges or closes an alert; what is closed stays closed. Heeds `If-Match`.",
            write,
        )
        .takes::<ChangeAlert>(r#"{"state": "closed", "reason": "false_alarm", "note": "Our own new vault."}"#)
        .answers(Answer::json::<AlertView>(200, "The alert."))
        .fails(&ALERT_CLOSED),
        Operation::new(
            "GET /v1/config/security-policies",
            "getSecurityPolicy",
            "Shows the tenant's rules for its wallets.",
            see,
        )
        .answers(Answer::json::<PolicyView>(200, "The policy; its version is in `ETag`.")),
        Operation::new(
            "PUT /v1/config/security-policies",
            "putSecurityPolicy",
            "Replaces the tenant's rules for its wallets, by `If-Match`; they bind the next request.",
            set,
        )
        .takes::<PolicyRequest>(documents::POLICY_EXAMPLE)
        .answers(Answer::json::<PolicyView>(200, "The policy."))
        .fails(&UNSUPPORTED_CHAIN),
    ]
}

/// Request in, answer or problem out.
pub async fn handle(app: &App, request: Request) -> Response {
    let answered = match request.operation {
        "protectWallet" => wallets::protect(app, &request).await,
        "listWallets" => wallets::list(app, &request).await,
        "getWallet" => wallets::show(app, &request).await,
        "changeWallet" => wallets::change(app, &request).await,
        "releaseWallet" => wallets::release(app, &request).await,
        "listEntries" => lists::list(app, &request).await,
        "putEntry" => lists::put(app, &request).await,
        "deleteEntry" => lists::delete(app, &request).await,
        "analyzeTransaction" => analyze::analyze(app, &request).await,
        "listAlerts" => alerts::list(app, &request).await,
        "getAlert" => alerts::show(app, &request).await,
        "changeAlert" => alerts::change(app, &request).await,
        "getSecurityPolicy" => policy::show(app, &request).await,
        "putSecurityPolicy" => policy::put(app, &request).await,
        other => Err(INTERNAL.because(format_args!("no door for `{other}`"))),
    };
    answered.unwrap_or_else(|problem| problem.into_response(&request.request_id))
}

impl App {
    fn wallets(&self) -> Wallets {
        Wallets { store: Arc::clone(&self.store) }
    }

    /// The path's wallet with its record's version, if the caller may do to it what this operation does.
    async fn judged(&self, request: &Request) -> Result<(Wallet, u64), Problem> {
        let found = self.wallets().find(request.tenant()?, wallet_id(request)?).await?;
        let (wallet, version) = found.ok_or_else(no_such_wallet)?;
        request.judge(thing(request, &wallet)?).await?;
        Ok((wallet, version))
    }

    /// The event that tells `fact` of `wallet`, as its next.
    fn emit(&self, request: &Request, fact: &impl Fact, wallet: &Wallet) -> Result<Write, Problem> {
        let (tenant, actor) = (request.tenant()?, request.actor()?);
        Ok(Write::emit(Event::of(fact, &wallet.id, wallet.events, tenant, &actor, &*self.clock)))
    }

    /// All or nothing; whoever changed it meanwhile was first.
    async fn commit(&self, writes: &[Write]) -> Result<(), Problem> {
        match commit_with_retry(&*self.store, CommitId::new(&*self.clock), writes).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { .. }) => {
                Err(CONFLICT.because("another change came first; read it again"))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The path's `id`; what is not even an id of a wallet does not exist.
fn wallet_id(request: &Request) -> Result<&str, Problem> {
    let id = request.parameter("id")?;
    if is_id("wal", id) { Ok(id) } else { Err(no_such_wallet()) }
}

fn no_such_wallet() -> Problem {
    NOT_FOUND.because("no such wallet")
}

/// A wallet as policies see it.
fn thing<'a>(request: &'a Request, wallet: &'a Wallet) -> Result<Thing<'a>, Problem> {
    Ok(Thing::new(Kind::Wallet, &wallet.id, request.tenant()?).owned_by(&wallet.created_by))
}

fn invalid(pointer: &str, detail: impl std::fmt::Display) -> Problem {
    let name = pointer.rsplit('/').find(|part| !part.bytes().all(|b| b.is_ascii_digit())).unwrap_or_default();
    INVALID_REQUEST.because(format_args!("`{name}` is not what it must be")).at(pointer, detail)
}

/// A score from which on something holds.
fn threshold(pointer: &str, score: u8) -> Result<u8, Problem> {
    if (1..=100).contains(&score) { Ok(score) } else { Err(invalid(pointer, "a whole number from 1 to 100")) }
}

/// 1 to `max` characters of plain text.
fn words(pointer: &str, text: &str, max: usize) -> Result<String, Problem> {
    let fits = (1..=max).contains(&text.chars().count());
    match fits && !text.trim().is_empty() && !text.chars().any(char::is_control) {
        true => Ok(text.to_owned()),
        false => {
            Err(invalid(pointer, format_args!("1 to {max} characters, none of them control characters")))
        }
    }
}

/// SHA-256 of RFC 8785 JSON, in hex.
fn sha256_of(document: &impl Serialize) -> Result<String, Problem> {
    let canonical = serde_json_canonicalizer::to_vec(document).map_err(|error| INTERNAL.because(error))?;
    Ok(hex::encode(Sha256::digest(canonical)))
}

/// `problem` with what is wrong under `prefix` of the body.
fn below(prefix: &str, mut problem: Problem) -> Problem {
    for error in &mut problem.errors {
        error.pointer = format!("{prefix}{}", error.pointer);
    }
    problem
}

#[cfg(test)]
mod tests;

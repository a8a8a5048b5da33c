//! What the doors read and write.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use scorpius_edge::cursor::Pagination;
use scorpius_risk::api::AccountRequest;
use scorpius_risk::engine::guard::{Decision, Monitoring};
use scorpius_risk::engine::verdict::{Level, Verdict};
use scorpius_risk::likelihood::Priors;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::explain::RiskFactor;
use crate::lists::ListName;

pub(super) const PROTECT_EXAMPLE: &str = r#"{"address": "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb", "chain": "ethereum", "name": "Treasury", "risk_threshold": 60, "monitoring_level": "standard"}"#;
pub(super) const ANALYSIS_EXAMPLE: &str = r#"{"transaction": {"to": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "value": "0", "data": "0x095ea7b3000000000000000000000000fb6916095ca1df60bb79ce92ce3ea74c37c5d359ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}}"#;
pub(super) const POLICY_EXAMPLE: &str = r#"{"global_risk_threshold": 60, "auto_block_threshold": 90, "transaction_limits": [{"chain": "ethereum", "asset": "native", "per_transaction": "10000000000000000000", "per_24h": "50000000000000000000"}, {"chain": "ethereum", "asset": "any", "unlimited_approvals": false}], "likelihood_priors": {"domain": 5000}}"#;

fn standard() -> Monitoring {
    Monitoring::Standard
}

fn danger() -> u8 {
    60
}

fn yes() -> bool {
    true
}

fn no_data() -> String {
    "0x".to_owned()
}

/// A wallet to put under guard.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectRequest {
    /// `0x` and 40 hex digits; in mixed case the EIP-55 checksum must be right.
    pub address: String,
    /// `ethereum`, another known name, or `eip155:` and the chain's number.
    pub chain: String,
    /// 1 to 100 characters.
    pub name: String,
    /// From this score on there is a warning, 1 to 100; 60 unless said, where danger begins.
    #[serde(default = "danger")]
    pub risk_threshold: u8,
    /// What makes the guard warn; `standard` unless said.
    #[serde(default = "standard")]
    pub monitoring_level: Monitoring,
}

/// What is to be otherwise; at least one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeWallet {
    /// 1 to 100 characters.
    #[serde(default)]
    pub name: Option<String>,
    /// 1 to 100.
    #[serde(default)]
    pub risk_threshold: Option<u8>,
    /// What makes the guard warn.
    #[serde(default)]
    pub monitoring_level: Option<Monitoring>,
}

/// A wallet, shortly.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WalletView {
    /// `wal_…`.
    pub wallet_id: String,
    /// In EIP-55's case.
    pub address: String,
    /// CAIP-2, `eip155:1`.
    pub chain: String,
    /// The tenant's own words.
    pub name: String,
    /// Always `protected`.
    pub status: &'static str,
    /// What the address itself was judged to be, 0 to 100.
    pub risk_score: u8,
    /// The same, by level.
    pub risk_level: Level,
    /// From this score on there is a warning.
    pub risk_threshold: u8,
    /// What makes the guard warn.
    pub monitoring_level: Monitoring,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub last_updated: String,
}

/// A page of wallets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WalletList {
    /// Oldest first; of one chain, by address.
    pub wallets: Vec<WalletView>,
    /// How to go on.
    pub pagination: Pagination,
}

/// The transaction that was analysed last.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LastTransaction {
    /// `vrd_…`.
    pub verdict_id: String,
    /// RFC 3339.
    pub analyzed_at: String,
    /// 0 to 100.
    pub risk_score: u8,
    /// What to think of it.
    pub risk_level: Level,
    /// What was decided.
    pub decision: Decision,
}

/// A wallet, whole.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WalletDetail {
    /// As lists show it.
    #[serde(flatten)]
    pub wallet: WalletView,
    /// `vrd_…`: the verdict on the address, at protecting or at the latest change.
    pub verdict_id: String,
    /// RFC 3339.
    pub risk_as_of: String,
    /// The verdict's reasons, heaviest first.
    pub risk_factors: Vec<RiskFactor>,
    /// Transactions that were analysed, ever.
    pub transaction_count: u64,
    /// In the last 24 hours, by quarters of an hour.
    pub transaction_count_24h: u64,
    /// The latest of them; `null` before any.
    pub last_transaction: Option<LastTransaction>,
}

/// Why an address is on a list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryRequest {
    /// 1 to 120 characters.
    pub reason: String,
    /// From this moment on it does not count, RFC 3339, at most ten years away; without it, for as long as it stands.
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// An address on a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EntryView {
    /// In EIP-55's case.
    pub address: String,
    /// Which list.
    pub list: ListName,
    /// Why.
    pub reason: String,
    /// The subject that put it there.
    pub added_by: String,
    /// RFC 3339.
    pub added_at: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListView {
    /// By address, without what has expired.
    pub entries: Vec<EntryView>,
    /// How to go on.
    pub pagination: Pagination,
}

/// A transaction of a wallet: exactly one of `transaction` and `transaction_hash`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnalysisRequest {
    /// One that is not signed yet.
    #[serde(default)]
    pub transaction: Option<UnsignedTransaction>,
    /// One that was sent, 32 bytes in hex after `0x`: it is read from a node of the wallet's chain.
    #[serde(default)]
    pub transaction_hash: Option<String>,
    /// How much is answered; `full` unless said.
    #[serde(default)]
    pub detail_level: DetailLevel,
}

/// How much is answered. What is judged and kept is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DetailLevel {
    /// What to do, without reasons: `GET /v1/verdicts/{id}` shows these.
    Summary,
    /// All of it.
    #[default]
    Full,
}

/// A transaction that is not signed yet; the wallet signs it, on its chain.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnsignedTransaction {
    /// Whom it calls or pays.
    pub to: String,
    /// Wei, a decimal number.
    pub value: String,
    /// Calldata, hex after `0x`, at most 128 KB.
    #[serde(default = "no_data")]
    pub data: String,
    /// Addresses that the wallet has dealt with besides those that are known of it, at most 1,000.
    #[serde(default)]
    pub history: Vec<String>,
    /// What you know of the state of accounts in it, at most 64.
    #[serde(default)]
    pub accounts: Vec<AccountRequest>,
    /// Gas that it may use.
    #[serde(default)]
    pub gas_limit: Option<u64>,
    /// Wei per gas that it would pay, a decimal number.
    #[serde(default)]
    pub gas_price: Option<String>,
    /// State to simulate it over, as `POST /v1/risk/transaction` takes it.
    #[serde(default)]
    pub state: Option<BTreeMap<String, Value>>,
}

/// A transaction that was read by its hash.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SeenTransaction {
    /// As asked.
    pub hash: String,
    /// `pending`, or `included` in a block. What is in a block is not simulated: the state is that of after it.
    pub status: &'static str,
    /// The block's height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
}

/// What to do with a transaction, and why.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AnalyzedTransaction {
    /// `wal_…`.
    pub wallet_id: String,
    /// RFC 3339.
    pub analyzed_at: String,
    /// What is to be done, and which rule says so. It is in the verdict, too.
    pub decision: Decision,
    /// 0 to 100.
    pub risk_score: u8,
    /// What to think of it.
    pub risk_level: Level,
    /// 1 less the width of the verdict's interval, six digits: near 1 when little that was not looked at could change it.
    pub confidence: String,
    /// The reasons, heaviest first; not in a summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_factors: Option<Vec<RiskFactor>>,
    /// What to do, most important first.
    pub recommendations: Vec<String>,
    /// What was read, where a hash was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<SeenTransaction>,
    /// `vrd_…`.
    pub verdict_id: String,
    /// The verdict, as `GET /v1/verdicts/{id}` shows it again; not in a summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Verdict>")]
    pub verdict: Option<Box<RawValue>>,
}

/// A tenant's rules for its wallets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyRequest {
    /// From this score on there is a warning, whatever a wallet's own threshold is; 1 to 100.
    pub global_risk_threshold: u8,
    /// From this score on a transaction is blocked; at least `global_risk_threshold`, at most 100.
    pub auto_block_threshold: u8,
    /// At most 50, and 16 of one chain; one for each chain and asset.
    #[serde(default)]
    pub transaction_limits: Vec<TransactionLimit>,
    /// How many of a million that you ask about are harmful, by class: where the likelihood of verdicts begins.
    #[serde(default)]
    pub likelihood_priors: Priors,
}

/// What one transaction, and what a day, may do with one asset.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransactionLimit {
    /// `ethereum`, another known name, or `eip155:` and the chain's number.
    pub chain: String,
    /// `native`, a token's address, or `any`, which has no amounts.
    pub asset: String,
    /// The most that one transaction may move or approve, in the smallest unit, a decimal number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_transaction: Option<String>,
    /// The most that a wallet may move in 24 hours, in what was analysed for it and not blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_24h: Option<String>,
    /// Whether rights without limit may be given.
    #[serde(default = "yes")]
    pub unlimited_approvals: bool,
    /// Whether contracts that are called or get a right must be on the wallet's allow list or well known.
    #[serde(default)]
    pub listed_contracts_only: bool,
}

/// A tenant's rules for its wallets, as they count.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PolicyView {
    /// For `If-Match`; 0 before anybody set any.
    pub version: u64,
    /// From this score on there is a warning.
    pub global_risk_threshold: u8,
    /// From this score on a transaction is blocked.
    pub auto_block_threshold: u8,
    /// By chain and asset.
    pub transaction_limits: Vec<TransactionLimit>,
    /// What is said of each class; what is not said is the platform's 20,000.
    pub likelihood_priors: Priors,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// The subject that set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<String>,
}

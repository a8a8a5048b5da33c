//! What the guard of wallets tells the world: ids, levels and hashes, and no address.

use schemars::JsonSchema;
use scorpius_core::{EventSchema, Fact};
use scorpius_risk::engine::guard::{Action, DecisionRule, Monitoring};
use scorpius_risk::engine::verdict::Level;
use serde::{Deserialize, Serialize};

use crate::alert::{AlertState, ClosedReason};
use crate::lists::ListName;

/// A wallet is under guard from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletProtected {
    /// `wal_…`.
    pub wallet_id: String,
    /// CAIP-2, `eip155:1`.
    pub chain: String,
    /// 0 to 100.
    pub risk_threshold: u8,
    /// What makes the guard warn.
    pub monitoring_level: Monitoring,
    /// The verdict on its address.
    pub verdict_id: String,
}

/// A wallet's name, threshold or level was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletChanged {
    /// `wal_…`.
    pub wallet_id: String,
    /// 0 to 100.
    pub risk_threshold: u8,
    /// What makes the guard warn.
    pub monitoring_level: Monitoring,
    /// The new verdict on its address.
    pub verdict_id: String,
}

/// A wallet is under guard no more; its lists and its past are forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletReleased {
    /// `wal_…`.
    pub wallet_id: String,
}

/// An address was put on a wallet's list, or is there for another reason or time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListEntrySet {
    /// `wal_…`.
    pub wallet_id: String,
    /// Which list.
    pub list: ListName,
    /// SHA-256 of the entry's canonical JSON (RFC 8785): address, reason, by whom, since and until when.
    pub entry_sha256: String,
}

/// An address was taken off a wallet's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListEntryRemoved {
    /// `wal_…`.
    pub wallet_id: String,
    /// Which list.
    pub list: ListName,
    /// The hash that was told when it was put there.
    pub entry_sha256: String,
}

/// The tenant's rules for its wallets were changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityPolicyChanged {
    /// Rises by 1.
    pub version: u64,
    /// 0 to 100.
    pub global_risk_threshold: u8,
    /// 0 to 100.
    pub auto_block_threshold: u8,
    /// How many limits there are.
    pub limits: u64,
    /// SHA-256 of the policy's canonical JSON (RFC 8785), in hex.
    pub policy_sha256: String,
}

/// A transaction of a wallet should not be signed, or not without a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThreatDetected {
    /// `wal_…`.
    pub wallet_id: String,
    /// `vrd_…`: the verdict has the reasons.
    pub verdict_id: String,
    /// `warn` or `block`.
    pub action: Action,
    /// Which rule made it.
    pub rule: DecisionRule,
    /// What to think of the transaction.
    pub level: Level,
    /// 0 to 100.
    pub score: u8,
}

/// A verdict about a wallet reached its threshold, for the first time with this rule and subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertRaised {
    /// `alr_…`.
    pub alert_id: String,
    /// `wal_…`.
    pub wallet_id: String,
    /// `vrd_…`: the verdict has the reasons.
    pub verdict_id: String,
    /// Which rule raised it.
    pub rule: DecisionRule,
    /// What to think of the subject.
    pub level: Level,
    /// 0 to 100.
    pub score: u8,
}

/// Somebody acknowledged or closed an alert. The note is told to nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertChanged {
    /// `alr_…`.
    pub alert_id: String,
    /// `wal_…`.
    pub wallet_id: String,
    /// What became of it.
    pub state: AlertState,
    /// Why it was closed.
    pub reason: Option<ClosedReason>,
}

impl Fact for AlertRaised {
    const TYPE: &'static str = "scorpius.alert.raised.v1";
    const MEANING: &'static str =
        "A verdict about a wallet reached its threshold; once for each rule and subject.";
}

impl Fact for AlertChanged {
    const TYPE: &'static str = "scorpius.alert.changed.v1";
    const MEANING: &'static str = "Somebody acknowledged or closed an alert.";
}

impl Fact for WalletProtected {
    const TYPE: &'static str = "scorpius.wallet.protected.v1";
    const MEANING: &'static str = "A wallet is under guard from now on.";
}

impl Fact for WalletChanged {
    const TYPE: &'static str = "scorpius.wallet.changed.v1";
    const MEANING: &'static str =
        "A wallet's name, threshold or level was changed, and its address judged again.";
}

impl Fact for WalletReleased {
    const TYPE: &'static str = "scorpius.wallet.released.v1";
    const MEANING: &'static str = "A wallet is under guard no more.";
}

impl Fact for ListEntrySet {
    const TYPE: &'static str = "scorpius.wallet.list_entry_set.v1";
    const MEANING: &'static str = "An address was put on a wallet's allow or block list.";
}

impl Fact for ListEntryRemoved {
    const TYPE: &'static str = "scorpius.wallet.list_entry_removed.v1";
    const MEANING: &'static str = "An address was taken off a wallet's allow or block list.";
}

impl Fact for SecurityPolicyChanged {
    const TYPE: &'static str = "scorpius.wallet.security_policy_changed.v1";
    const MEANING: &'static str = "The tenant's rules for its wallets were changed.";
}

impl Fact for ThreatDetected {
    const TYPE: &'static str = "scorpius.wallet.threat_detected.v1";
    const MEANING: &'static str = "A transaction of a wallet was warned of or blocked.";
}

/// Every type of event of this capability.
#[must_use]
pub fn events() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<AlertRaised>(),
        EventSchema::of::<AlertChanged>(),
        EventSchema::of::<WalletProtected>(),
        EventSchema::of::<WalletChanged>(),
        EventSchema::of::<WalletReleased>(),
        EventSchema::of::<ListEntrySet>(),
        EventSchema::of::<ListEntryRemoved>(),
        EventSchema::of::<SecurityPolicyChanged>(),
        EventSchema::of::<ThreatDetected>(),
    ]
}

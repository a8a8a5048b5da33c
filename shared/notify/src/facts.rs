//! What is told about webhooks and deliveries. URLs and secrets are in none of it.

use schemars::JsonSchema;
use scorpius_core::Fact;
use serde::{Deserialize, Serialize};

/// A webhook exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookCreated {
    /// `whk_…`.
    pub webhook_id: String,
    /// SHA-256 of the URL's host, or of the topic's ARN, in hex.
    pub host_sha256: String,
    /// Which types of events it asked for.
    pub events: Vec<String>,
    /// Whether it gets them.
    pub active: bool,
}

impl Fact for WebhookCreated {
    const TYPE: &'static str = "scorpius.notify.webhook_created.v1";
    const MEANING: &'static str = "A tenant added a webhook.";
}

/// A webhook is no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookDeleted {
    /// `whk_…`.
    pub webhook_id: String,
}

impl Fact for WebhookDeleted {
    const TYPE: &'static str = "scorpius.notify.webhook_deleted.v1";
    const MEANING: &'static str = "A tenant removed a webhook.";
}

/// An event is to go to a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryRequested {
    /// `dlv_…`.
    pub delivery_id: String,
    /// Where it goes.
    pub webhook_id: String,
    /// What goes there.
    pub event_id: String,
    /// Its type.
    pub event_type: String,
}

impl Fact for DeliveryRequested {
    const TYPE: &'static str = "scorpius.notify.delivery_requested.v1";
    const MEANING: &'static str = "An event matched a webhook and is to be delivered to it.";
}

/// A webhook took an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delivered {
    /// `dlv_…`.
    pub delivery_id: String,
    /// Who took it.
    pub webhook_id: String,
    /// What was taken.
    pub event_id: String,
    /// Requests that were sent, this one included.
    pub attempts: u32,
    /// 200 to 299.
    pub status: u16,
}

impl Fact for Delivered {
    const TYPE: &'static str = "scorpius.notify.delivered.v1";
    const MEANING: &'static str = "A webhook answered a delivery with a success status.";
}

/// Why a delivery was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Every attempt of the ladder failed.
    Exhausted,
    /// The target may not be called.
    Blocked,
    /// The receiver answered 410 and asked for no more; its webhook is disabled.
    Gone,
    /// The webhook was removed or disabled before the delivery.
    WebhookOff,
}

/// A delivery was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryFailed {
    /// `dlv_…`.
    pub delivery_id: String,
    /// Who did not take it.
    pub webhook_id: String,
    /// What was not taken.
    pub event_id: String,
    /// Requests that were tried.
    pub attempts: u32,
    /// Why.
    pub reason: Failure,
    /// What the last answer said, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_status: Option<u16>,
    /// Whether this disabled the webhook.
    pub webhook_disabled: bool,
}

impl Fact for DeliveryFailed {
    const TYPE: &'static str = "scorpius.notify.delivery_failed.v1";
    const MEANING: &'static str = "A delivery was given up: no attempt is left, or none makes sense.";
}

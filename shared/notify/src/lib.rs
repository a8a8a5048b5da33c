//! Tells a tenant's own systems what happened: webhooks, signed as Standard Webhooks, and topics of their own.
//!
//! ```text
//! event ─> fanout: one delivery per webhook that asked ─> deliver: sign, send, climb the ladder ─> delivered | failed
//! ```
//!
//! - The body is the event itself: CloudEvents 1.0 JSON, byte for byte the same on every attempt.
//! - `webhook-id` is the event's id, the same on every attempt and for every webhook: receivers dedupe by it.
//! - A webhook whose target is a topic is published to in place of called; what a request has as headers, the message
//!   has as attributes. The operator says which tenant may name which topic.
//! - A delivery exists once per event and webhook, whatever is redelivered to the workers.

pub mod api;
pub mod deliver;
pub mod delivery;
pub mod facts;
pub mod fanout;
mod ladder;
mod pattern;
mod secret;
pub mod webhook;

#[cfg(test)]
mod example_tests;
#[cfg(test)]
mod testing;

use scorpius_core::EventSchema;

pub use delivery::{Delivery, DeliveryState};
pub use pattern::{EventPattern, NotAPattern};
pub use webhook::{Target, Webhook};

/// The events that webhooks and deliveries emit.
#[must_use]
pub fn events() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<facts::WebhookCreated>(),
        EventSchema::of::<facts::WebhookDeleted>(),
        EventSchema::of::<facts::DeliveryRequested>(),
        EventSchema::of::<facts::Delivered>(),
        EventSchema::of::<facts::DeliveryFailed>(),
    ]
}

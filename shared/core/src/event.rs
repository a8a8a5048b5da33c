//! What happened, told to whoever asked to know: CloudEvents 1.0 with our extensions.

use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::{Clock, UnixMillis};
use crate::id::{TenantId, new_id};
use crate::store::{Attributes, Key, OUTBOX_PARTITIONS};

/// Bytes of one event as JSON; what is larger goes by reference to a blob.
pub const EVENT_BYTES_MAX: usize = 32_000;
/// An event that was derived from an event, this many times over, goes to the dead letters.
pub const HOPS_MAX: u8 = 8;

/// The data of one type of event.
pub trait Fact: Serialize + JsonSchema {
    /// `scorpius.<capability>.<fact>.v1`, in the past tense.
    const TYPE: &'static str;
    /// One sentence: when it is emitted.
    const MEANING: &'static str;
}

/// One type of event as documents describe it.
#[derive(Clone, Debug)]
pub struct EventSchema {
    /// `scorpius.<capability>.<fact>.v1`.
    pub kind: &'static str,
    /// When it is emitted.
    pub meaning: &'static str,
    /// JSON Schema of its data.
    pub schema: Schema,
}

impl EventSchema {
    /// Describes `F`.
    #[must_use]
    pub fn of<F: Fact>() -> Self {
        Self { kind: F::TYPE, meaning: F::MEANING, schema: schema_for!(F) }
    }
}

/// Who caused an event, and along which chain of causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The subject of the request (`usr_…`, `key_…`) or `system:<function>`.
    pub name: String,
    /// How the subject had proved who it is: `api_key`, `aal1`, `aal2`; absent for functions.
    pub strength: Option<String>,
    /// A pseudonym of the network that the request came from: the same network of one tenant has the same.
    pub network: Option<String>,
    /// W3C trace context, when the request had one.
    pub traceparent: Option<String>,
    /// How many events lie between the request and this one.
    pub hops: u8,
}

impl Actor {
    /// A request's subject.
    pub fn request(name: impl Into<String>, traceparent: Option<String>) -> Self {
        Self { name: name.into(), strength: None, network: None, traceparent, hops: 0 }
    }

    /// The same subject, with how it had proved who it is and from where it asks.
    #[must_use]
    pub fn proved(self, strength: &str, network: Option<String>) -> Self {
        Self { strength: Some(strength.to_owned()), network, ..self }
    }

    /// A function that reacts to `cause`: one hop further.
    #[must_use]
    pub fn reacting(function: &str, cause: &Event) -> Self {
        Self {
            name: format!("system:{function}"),
            strength: None,
            network: None,
            traceparent: cause.traceparent.clone(),
            hops: cause.hops.saturating_add(1),
        }
    }
}

/// CloudEvents 1.0, JSON format. `source` + `id` is unique.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Always `1.0`.
    pub specversion: String,
    /// `evt_` and a UUIDv7.
    pub id: String,
    /// `/scorpius/<capability>`.
    pub source: String,
    /// `scorpius.<capability>.<fact>.v1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about: the id of the aggregate.
    pub subject: String,
    /// RFC 3339.
    pub time: String,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// Whose it is.
    pub tenantid: TenantId,
    /// Who caused it.
    pub actor: String,
    /// How the actor had proved who it is: `api_key`, `aal1`, `aal2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<String>,
    /// A pseudonym of the network that the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What `sequence` counts within.
    pub aggregate: String,
    /// 1 for an aggregate's first event, then rising by 1.
    pub sequence: u64,
    /// How many events it was derived through; at 8 it goes to the dead letters.
    pub hops: u8,
    /// The fact itself.
    pub data: serde_json::Value,
}

impl Event {
    /// Tells `fact` about `aggregate`.
    ///
    /// # Panics
    /// When `fact` has a map whose keys are not strings; ours have none.
    pub fn of<F: Fact>(
        fact: &F,
        aggregate: &str,
        sequence: u64,
        tenant: &TenantId,
        actor: &Actor,
        clock: &dyn Clock,
    ) -> Self {
        let capability = F::TYPE.split('.').nth(1).unwrap_or_default();
        Self {
            specversion: "1.0".to_owned(),
            id: new_id("evt", clock),
            source: format!("/scorpius/{capability}"),
            kind: F::TYPE.to_owned(),
            subject: aggregate.to_owned(),
            time: clock.now().to_string(),
            datacontenttype: "application/json".to_owned(),
            tenantid: tenant.clone(),
            actor: actor.name.clone(),
            strength: actor.strength.clone(),
            network: actor.network.clone(),
            traceparent: actor.traceparent.clone(),
            aggregate: aggregate.to_owned(),
            sequence,
            hops: actor.hops,
            data: serde_json::to_value(fact).expect("our facts have string keys only"),
        }
    }

    /// Reads an event's JSON.
    ///
    /// # Errors
    /// When it is not an event of ours or is over the size limit.
    pub fn parse(json: &[u8]) -> Result<Self, NotAnEvent> {
        if json.len() > 2 * EVENT_BYTES_MAX {
            return Err(NotAnEvent::TooLong);
        }
        let event: Self = serde_json::from_slice(json)?;
        match event.specversion == "1.0" {
            true => Ok(event),
            false => Err(NotAnEvent::Version(event.specversion.chars().take(20).collect())),
        }
    }

    /// The fact, when this event's type is `F`'s.
    ///
    /// # Errors
    /// When the data has another shape.
    pub fn fact<F: Fact + for<'de> Deserialize<'de>>(&self) -> Result<Option<F>, serde_json::Error> {
        match self.kind == F::TYPE {
            true => F::deserialize(&self.data).map(Some),
            false => Ok(None),
        }
    }

    /// As JSON.
    ///
    /// # Panics
    /// Never: an event's maps have string keys.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("an event has string keys only")
    }

    /// Its row in the outbox: a partition chosen by aggregate, then by time.
    #[must_use]
    pub fn outbox_key(&self) -> Key {
        let digest = Sha256::digest(self.aggregate.as_bytes());
        let shard = u64::from(digest[0]) % OUTBOX_PARTITIONS;
        Key::new(format!("outbox#{shard}"), self.id.clone())
    }

    /// The row that both adapters store for `Write::Emit`: its key, and the event as the record's document.
    #[must_use]
    pub fn outbox_row(&self) -> (Key, Attributes) {
        (self.outbox_key(), Attributes::document(self))
    }

    /// Whether its type is one that `pattern` names: exactly, or up to a closing `*`.
    #[must_use]
    pub fn matches(&self, pattern: &str) -> bool {
        matches_kind(pattern, &self.kind)
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.to_json().len()
    }
}

/// Whether `kind` is what `pattern` names: exactly, or up to a closing `*`.
#[must_use]
pub fn matches_kind(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => kind.starts_with(prefix),
        None => kind == pattern,
    }
}

/// Bytes that are no event of ours.
#[derive(Debug, thiserror::Error)]
pub enum NotAnEvent {
    /// Over twice the size that an event may have.
    #[error("an event of more than {} bytes", 2 * EVENT_BYTES_MAX)]
    TooLong,
    /// Not CloudEvents 1.0.
    #[error("not a CloudEvents 1.0 event: specversion `{0}`")]
    Version(String),
    /// Not JSON, or a member is missing.
    #[error("not a CloudEvents JSON document")]
    Json(#[from] serde_json::Error),
}

/// The moment in an event's `time`.
///
/// # Errors
/// When it is not RFC 3339.
pub fn time_of(event: &Event) -> Result<UnixMillis, crate::clock::NotATime> {
    event.time.parse()
}

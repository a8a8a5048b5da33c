//! A MISP feed: `manifest.json` names events, each a document of its own.

use std::collections::BTreeMap;

use scorpius_core::UnixMillis;
use scorpius_risk::intel::Indicator;
use serde::Deserialize;
use serde_json::Value;

use crate::formats::{About, Parsed};
use crate::judge::Refusal;

/// Events that one reading asks for: the newest.
pub(crate) const EVENTS_MAX: usize = 200;

#[derive(Deserialize)]
struct Summary {
    /// Seconds since 1970, as a number or as text.
    timestamp: Value,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Event")]
    event: Event,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    info: String,
    #[serde(default)]
    date: Option<String>,
    #[serde(rename = "Attribute", default)]
    attributes: Vec<Attribute>,
    #[serde(rename = "Object", default)]
    objects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    #[serde(rename = "Attribute", default)]
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
struct Attribute {
    #[serde(rename = "type")]
    kind: String,
    value: String,
    #[serde(default)]
    category: Option<String>,
    /// Whether it is meant to be looked for.
    #[serde(default)]
    to_ids: bool,
    #[serde(default)]
    deleted: bool,
}

fn seconds(timestamp: &Value) -> Option<u64> {
    timestamp.as_u64().or_else(|| timestamp.as_str()?.parse().ok())
}

/// The newest events by their ids, and the day of the newest.
///
/// # Errors
/// When it is no manifest.
pub(crate) fn manifest(body: &[u8]) -> Result<(Vec<String>, Option<String>), Refusal> {
    let events: BTreeMap<String, Summary> =
        serde_json::from_slice(body).map_err(|error| Refusal::Form(error.to_string()))?;
    let mut dated = Vec::new();
    for (id, summary) in events {
        let is_uuid = id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        let seconds = seconds(&summary.timestamp);
        let (true, Some(seconds)) = (is_uuid, seconds) else {
            return Err(Refusal::Form("a manifest with an event without id or time".to_owned()));
        };
        dated.push((seconds, id));
    }
    dated.sort_by(|one, two| two.cmp(one));
    let newest = dated.first().and_then(|(s, _)| super::day(&UnixMillis(0).plus_s(*s).to_string()));
    Ok((dated.into_iter().take(EVENTS_MAX).map(|(_, id)| id).collect(), newest))
}

/// Takes what one event says to look for. Attributes of other types are no failure: an event has all kinds.
///
/// # Errors
/// When it is no event.
pub(crate) fn event(source: &str, body: &[u8], parsed: &mut Parsed) -> Result<(), Refusal> {
    let Document { event } =
        serde_json::from_slice(body).map_err(|error| Refusal::Form(error.to_string()))?;
    let inner = event.objects.iter().flat_map(|object| &object.attributes);
    for attribute in event.attributes.iter().chain(inner) {
        if !attribute.to_ids || attribute.deleted {
            continue;
        }
        let value = attribute.value.trim();
        let indicator = match attribute.kind.as_str() {
            "domain" | "hostname" | "url" => format!("domain:{value}").parse(),
            // Both in one, of which the first is the name.
            "domain|ip" | "hostname|port" => {
                format!("domain:{}", value.split('|').next().unwrap_or_default()).parse()
            }
            "btc" => Indicator::bitcoin(value),
            "xmr" | "dash" => Indicator::of_asset(&attribute.kind, value),
            // MISP has no type for accounts of EVM chains; they come as text.
            "text" | "other" | "eth" if value.starts_with("0x") && value.len() == 42 => {
                Indicator::guess(value)
            }
            _ => continue,
        };
        let about = About {
            name: event.info.clone(),
            kind: attribute.category.clone(),
            date: event.date.clone(),
            delisted: None,
        };
        parsed.take(source, indicator, about)?;
    }
    Ok(())
}

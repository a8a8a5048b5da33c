//! RFC 8785 JSON of what the ledger keeps, written straight where it is plain.
//!
//! Plain is what the RFC writes as every writer of compact JSON does, once names are in order: whole numbers that a double has exactly, and
//! names in ASCII, whose order is that of their bytes. `serde_json` escapes strings as the RFC does (section 3.2.2.2). All else is left to a
//! general writer, which makes the same of what is plain.

use scorpius_core::Event;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{EXACT_MAX, Entry, canonical};

/// An entry with its members in the RFC's order.
#[derive(Serialize)]
struct InOrder<'a> {
    commitment: &'a str,
    id: &'a str,
    sequence: u64,
    subjects: &'a [String],
    tenant: &'a str,
    ts: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    v: u8,
}

/// `entry` as RFC 8785 JSON.
pub(super) fn entry(entry: &Entry) -> Result<String, serde_json::Error> {
    if entry.sequence > EXACT_MAX {
        return canonical(entry);
    }
    let Entry { v, id, ts, tenant, kind, sequence, subjects, commitment } = entry;
    serde_json::to_string(&InOrder { commitment, id, sequence: *sequence, subjects, tenant, ts, kind, v: *v })
}

/// What a payload says of an event, with its members in the RFC's order.
#[derive(Serialize)]
struct Said<'a, D> {
    actor: &'a str,
    aggregate: &'a str,
    data: D,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strength: Option<&'a str>,
}

/// The payload of `event` as RFC 8785 JSON.
pub(super) fn payload(event: &Event) -> Result<String, serde_json::Error> {
    let mut plain = Vec::with_capacity(256);
    match write(&event.data, &mut plain)? {
        true => serde_json::to_string(&said(event, Written(plain))),
        false => canonical(&said(event, &event.data)),
    }
}

fn said<D>(event: &Event, data: D) -> Said<'_, D> {
    Said {
        actor: &event.actor,
        aggregate: &event.aggregate,
        data,
        network: event.network.as_deref(),
        strength: event.strength.as_deref(),
    }
}

/// JSON that is written already.
struct Written(Vec<u8>);

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_slice::<&RawValue>(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// Writes `value` where all of it is plain; answers whether it is.
fn write(value: &Value, out: &mut Vec<u8>) -> Result<bool, serde_json::Error> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => serde_json::to_writer(out, value)?,
        Value::Number(number) => {
            let is_exact = number.as_i64().is_some_and(|number| number.unsigned_abs() <= EXACT_MAX);
            if !is_exact {
                return Ok(false);
            }
            serde_json::to_writer(out, number)?;
        }
        Value::Array(values) => {
            out.push(b'[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                if !write(value, out)? {
                    return Ok(false);
                }
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            if !members.iter().all(|(name, _)| name.is_ascii()) {
                return Ok(false);
            }
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, name)?;
                out.push(b':');
                if !write(value, out)? {
                    return Ok(false);
                }
            }
            out.push(b'}');
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::Payload;
    use super::*;
    use crate::testing;

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-3_i64..3).prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\\x00-\\x1f\"\\\\/\u{7f}\u{2028}é😀]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((".{0,3}", inner.clone()), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
                prop::collection::vec(("[A-Za-z_\"0-9]{0,3}", inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_payload_is_what_the_general_writer_makes_of_it(data in json_value(), actor: String, network: Option<String>) {
            let event = Event { data, actor, network, ..testing::event(1) };
            let general = canonical(&Payload::of(&event));
            prop_assert_eq!(payload(&event).ok(), general.ok());
        }

        #[test]
        fn an_entry_is_what_the_general_writer_makes_of_it(
            texts: [String; 5], subjects: Vec<String>, sequence: u64, v: u8, small in 0_u64..3,
        ) {
            let [id, ts, tenant, kind, commitment] = texts;
            for sequence in [sequence, small] {
                let (id, ts, tenant) = (id.clone(), ts.clone(), tenant.clone());
                let (kind, commitment, subjects) = (kind.clone(), commitment.clone(), subjects.clone());
                let made = Entry { v, id, ts, tenant, kind, sequence, subjects, commitment };
                prop_assert_eq!(entry(&made).ok(), canonical(&made).ok());
            }
        }
    }

    #[test]
    fn names_are_in_order_whatever_order_they_came_in() {
        let event =
            Event { data: json!({"b": [1, {"d": -2, "c": "\u{1f}\n"}], "a": null}), ..testing::event(1) };
        let event = Event { actor: "key_1".to_owned(), strength: Some("aal2".to_owned()), ..event };
        assert_eq!(
            payload(&event).expect("JSON"),
            r#"{"actor":"key_1","aggregate":"vrd_1","data":{"a":null,"b":[1,{"c":"\u001f\n","d":-2}]},"strength":"aal2"}"#
        );
    }
}

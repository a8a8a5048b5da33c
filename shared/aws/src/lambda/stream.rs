//! Inserts into the outbox, from its table's stream.

use std::collections::HashMap;
use std::future::Future;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use scorpius_core::Event;
use serde::Deserialize;

use super::{BatchAnswer, BatchItem, start_telemetry};

/// Where `DynamoStore` keeps a record's document.
const DOCUMENT: &str = "@doc";

#[derive(Debug, Deserialize)]
struct StreamEvent {
    #[serde(rename = "Records")]
    records: Vec<StreamRecord>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StreamRecord {
    event_name: String,
    dynamodb: Change,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    #[serde(default)]
    sequence_number: String,
    #[serde(default)]
    new_image: HashMap<String, Attribute>,
}

/// An attribute's value; only text matters here.
#[derive(Debug, Deserialize)]
struct Attribute {
    #[serde(rename = "S")]
    text: Option<String>,
}

/// Hands the rows of each batch, oldest first, to `relay`.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn serve_stream<F, R, E>(relay: F) -> Result<(), Error>
where
    F: Fn(Vec<Event>) -> R,
    R: Future<Output = Result<(), E>>,
    E: std::error::Error + 'static,
{
    start_telemetry();
    let relay = &relay;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<StreamEvent>| {
        Ok::<_, Error>(work(&event.payload, relay).await)
    }))
    .await
}

/// When the relay fails, the stream hands out the batch again from its first row: rows that were
/// carried on are gone from the outbox, and are not claimed twice.
async fn work<F, R, E>(event: &StreamEvent, relay: &F) -> BatchAnswer
where
    F: Fn(Vec<Event>) -> R,
    R: Future<Output = Result<(), E>>,
    E: std::error::Error + 'static,
{
    let rows: Vec<_> = event.records.iter().filter(|record| record.event_name == "INSERT").collect();
    let events: Vec<_> = rows.iter().filter_map(|row| read(row)).collect();
    let (Some(first), false) = (rows.first(), events.is_empty()) else { return BatchAnswer::default() };
    match relay(events).await {
        Ok(()) => BatchAnswer::default(),
        Err(error) => {
            tracing::error!(
                error = scorpius_core::error::chain(&error),
                "rows of the outbox were not relayed"
            );
            let item_identifier = first.dynamodb.sequence_number.clone();
            BatchAnswer { batch_item_failures: vec![BatchItem { item_identifier }] }
        }
    }
}

/// A row that holds no event stays in the outbox, where each sweep reports it.
fn read(row: &StreamRecord) -> Option<Event> {
    let sequence_number = &row.dynamodb.sequence_number;
    let Some(json) = row.dynamodb.new_image.get(DOCUMENT).and_then(|value| value.text.as_ref()) else {
        tracing::error!(sequence_number, "an outbox row has no document");
        return None;
    };
    match Event::parse(json.as_bytes()) {
        Ok(event) => Some(event),
        Err(error) => {
            let error = scorpius_core::error::chain(&error);
            tracing::error!(sequence_number, error, "an outbox row holds no event");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use scorpius_core::{PortError, SystemClock, TenantId};
    use serde_json::{Value, json};

    use super::*;

    fn event() -> Event {
        let tenant = TenantId::new(&SystemClock);
        serde_json::from_value(json!({
            "specversion": "1.0", "id": "evt_1", "source": "/scorpius/test", "type": "scorpius.test.told.v1",
            "subject": "a", "time": "2026-11-21T09:40:40.000Z", "datacontenttype": "application/json",
            "tenantid": tenant, "actor": "usr_1", "aggregate": "a", "sequence": 1, "hops": 0, "data": {},
        }))
        .expect("an event")
    }

    fn record(name: &str, number: u32, image: Value) -> Value {
        json!({"eventName": name, "dynamodb": {"SequenceNumber": number.to_string(), "NewImage": image}})
    }

    async fn relayed(records: Vec<Value>, fails: bool) -> (Vec<Event>, BatchAnswer) {
        let event: StreamEvent = serde_json::from_value(json!({"Records": records})).expect("a batch");
        let seen = Mutex::new(Vec::new());
        let answer = work(&event, &async |events: Vec<Event>| {
            seen.lock().expect("no panic").extend(events);
            if fails { Err(PortError::new("bus", "down")) } else { Ok(()) }
        })
        .await;
        (seen.into_inner().expect("no panic"), answer)
    }

    #[tokio::test]
    async fn only_inserted_events_are_relayed() {
        let image = json!({"pk": {"S": "outbox#1"}, "v": {"N": "1"}, "@doc": {"S": event().to_json()}});
        let records = vec![
            record("REMOVE", 1, json!({})),
            record("INSERT", 2, json!({"@doc": {"S": "{"}})),
            record("INSERT", 3, json!({"@doc": {"N": "1"}})),
            record("INSERT", 4, image.clone()),
        ];
        let (events, answer) = relayed(records, false).await;
        assert_eq!(events.len(), 1);
        assert_eq!(answer, BatchAnswer::default());

        let (_, answer) =
            relayed(vec![record("REMOVE", 1, json!({})), record("INSERT", 2, image)], true).await;
        assert_eq!(answer.batch_item_failures, [BatchItem { item_identifier: "2".to_owned() }]);
    }

    #[test]
    fn the_document_is_where_the_store_puts_it() {
        let (_, attributes) = event().outbox_row();
        let names: Vec<_> = attributes.0.keys().map(|name| format!("@{name}")).collect();
        assert_eq!(names, [DOCUMENT]);
    }
}

//! What a request to DynamoDB costs, by "Read and write operations" of its Developer Guide: a write unit for
//! each KB of an item and twice that in a transaction, a read unit for each item.

use serde::Serialize;
use serde_json::Value;

/// Bytes that one write unit writes.
const WRITE_UNIT_BYTES: usize = 1_024;

/// At least this many: what an item that is deleted, checked or added to holds is not in the request, and
/// neither is how large an item is that is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Units {
    pub(super) reads: usize,
    pub(super) writes: usize,
}

impl Units {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Events, messages, keys or writes of one call.
pub(super) fn parts(service: &str, operation: &str, body: &Value) -> usize {
    let list = |name: &str| body[name].as_array().map_or(1, Vec::len);
    match (service, operation) {
        ("dynamodb", "TransactWriteItems" | "TransactGetItems") => list("TransactItems"),
        ("dynamodb", "BatchGetItem") => keys(body),
        ("events", "PutEvents") => list("Entries"),
        ("sqs", batch) if batch.ends_with("Batch") => list("Entries"),
        _ => 1,
    }
}

fn keys(body: &Value) -> usize {
    let tables = body["RequestItems"].as_object().into_iter().flatten();
    tables.map(|(_, table)| table["Keys"].as_array().map_or(0, Vec::len)).sum()
}

pub(super) fn units(service: &str, operation: &str, body: &Value) -> Units {
    if service != "dynamodb" {
        return Units::default();
    }
    let writes = |item: &Value| item_bytes(item).div_ceil(WRITE_UNIT_BYTES).max(1);
    match operation {
        "GetItem" | "Query" | "Scan" => Units { reads: 1, writes: 0 },
        "BatchGetItem" => Units { reads: keys(body), writes: 0 },
        "PutItem" => Units { reads: 0, writes: writes(&body["Item"]) },
        "UpdateItem" | "DeleteItem" => Units { reads: 0, writes: 1 },
        "TransactWriteItems" => {
            let items = body["TransactItems"].as_array().into_iter().flatten();
            Units { reads: 0, writes: items.map(|item| 2 * writes(&item["Put"]["Item"])).sum() }
        }
        _ => Units::default(),
    }
}

/// By "DynamoDB item sizes and formats": names, and values by their kind.
fn item_bytes(item: &Value) -> usize {
    let attributes = item.as_object().into_iter().flatten();
    attributes
        .map(|(name, value)| {
            let value = value.as_object().into_iter().flatten().next();
            name.len()
                + value.map_or(0, |(kind, value)| {
                    let text = value.as_str().unwrap_or_default();
                    match kind.as_str() {
                        "S" => text.len(),
                        // Two digits a byte, and one.
                        "N" => text.len().div_ceil(2) + 1,
                        // As it is sent, which is Base64.
                        "B" => text.len() / 4 * 3,
                        _ => 1,
                    }
                })
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(operation: &str, body: Value, wanted: (usize, usize, usize)) {
        let Units { reads, writes } = units("dynamodb", operation, &body);
        assert_eq!((parts("dynamodb", operation, &body), reads, writes), wanted, "{operation}");
    }

    #[test]
    fn a_write_costs_by_the_kilobyte_and_twice_in_a_transaction() {
        let item = |bytes: usize| json!({"pk": {"S": "x".repeat(bytes - 6)}, "n": {"N": "1234"}});
        assert_eq!(item_bytes(&item(1_024)), 1_024);
        check("PutItem", json!({"Item": item(1_024)}), (1, 0, 1));
        check("PutItem", json!({"Item": item(1_025)}), (1, 0, 2));
        check(
            "TransactWriteItems",
            json!({"TransactItems": [{"Put": {"Item": item(2_000)}}, {"Delete": {}}, {"ConditionCheck": {}}]}),
            (3, 0, 8),
        );
        check("DeleteItem", json!({"Key": {}}), (1, 0, 1));
    }

    #[test]
    fn a_read_costs_by_the_item() {
        check("GetItem", json!({"Key": {}}), (1, 1, 0));
        let keys = json!({"RequestItems": {"records": {"Keys": [{}, {}]}, "counters": {"Keys": [{}]}}});
        check("BatchGetItem", keys, (3, 3, 0));
        check("DescribeTable", json!({}), (1, 0, 0));
    }

    #[test]
    fn the_others_count_what_is_in_them() {
        assert_eq!(parts("events", "PutEvents", &json!({"Entries": [{}, {}]})), 2);
        assert_eq!(parts("sqs", "SendMessageBatch", &json!({"Entries": [{}]})), 1);
        assert_eq!(parts("sqs", "SendMessage", &json!({"QueueUrl": "q"})), 1);
        assert!(units("kms", "Sign", &json!({})).is_none());
    }
}

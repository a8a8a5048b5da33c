//! What was counted on the emulator, and what it would cost by AWS's list prices.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// `prices.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prices {
    as_of: String,
    region: String,
    note: String,
    per_million: BTreeMap<String, Price>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    dollars: f64,
    source: String,
    agrees: String,
}

fn prices() -> Prices {
    serde_json::from_str(include_str!("prices.json")).expect("prices.json has its shape")
}

/// Things that are billed, by their names in `prices.json`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bill(BTreeMap<&'static str, f64>);

impl Bill {
    /// The bill of these calls to AWS.
    pub(crate) fn of_calls<'c>(calls: impl IntoIterator<Item = &'c Value>) -> Self {
        let mut bill = Self::default();
        for call in calls {
            let number = |name: &str| call.pointer(name).and_then(Value::as_f64).unwrap_or_default();
            bill.add("DynamoDB write units", number("/units/writes"));
            bill.add("DynamoDB read units", number("/units/reads"));
            match (text(call, "service"), text(call, "operation")) {
                ("s3", "PutObject") => bill.add("S3 writes", 1.0),
                // Deletions are free.
                ("s3", "DeleteObject") | ("dynamodb", _) => {}
                ("s3", _) => bill.add("S3 reads", 1.0),
                ("sqs", _) => bill.add("SQS requests", 1.0),
                ("events", _) => bill.add("EventBridge events", number("/parts")),
                ("kms", "Sign" | "GetPublicKey") => bill.add("KMS requests, asymmetric", 1.0),
                ("kms", _) => bill.add("KMS requests, symmetric", 1.0),
                (service, operation) => panic!("no price for {service} {operation}"),
            }
        }
        bill
    }

    /// One thing more.
    pub(crate) fn add(&mut self, what: &'static str, count: f64) {
        if count > 0.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    /// How much of it there is.
    pub(crate) fn count(&self, what: &str) -> f64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// The share of one of `number`.
    pub(crate) fn over(mut self, number: usize) -> Self {
        for count in self.0.values_mut() {
            *count /= number as f64;
        }
        self
    }

    /// Dollars for a million of what this is the bill of.
    pub(crate) fn dollars_per_million(&self) -> f64 {
        let prices = prices().per_million;
        self.0.iter().map(|(what, count)| count * prices[*what].dollars).sum()
    }

    /// Lines for a person, and for `docs/costs.md`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let prices = prices().per_million;
        let line = |(what, count): (&&'static str, &f64)| {
            let price = prices[*what].dollars;
            format!("| {what} | {count:.2} | {price:.3} | {:.2} |", count * price)
        };
        let mut lines: Vec<_> = self.0.iter().map(line).collect();
        lines.push(format!("| together | | | {:.2} |", self.dollars_per_million()));
        lines
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

#[test]
fn a_bill_is_made_of_what_calls_say() {
    let calls = [
        serde_json::json!({"service": "dynamodb", "operation": "TransactWriteItems", "parts": 3, "units": {"reads": 0, "writes": 6}}),
        serde_json::json!({"service": "events", "operation": "PutEvents", "parts": 4}),
        serde_json::json!({"service": "kms", "operation": "Sign", "parts": 1}),
        serde_json::json!({"service": "s3", "operation": "DeleteObject", "parts": 1}),
    ];
    let bill = Bill::of_calls(&calls).over(2);
    assert_eq!(bill.count("DynamoDB write units"), 3.0);
    assert_eq!(bill.count("EventBridge events"), 2.0);
    assert_eq!(bill.count("S3 writes"), 0.0);
    let dollars = 3.0 * 0.625 + 2.0 + 0.5 * 15.0;
    assert!((bill.dollars_per_million() - dollars).abs() < 1e-9);
    assert_eq!(bill.lines().len(), 4);
}

#[test]
fn every_price_has_a_source_and_the_list_a_date() {
    let prices = prices();
    assert!(!prices.note.is_empty() && !prices.region.is_empty() && prices.as_of.len() == 7);
    for (what, price) in &prices.per_million {
        assert!(price.dollars > 0.0, "{what}");
        assert!(price.source.starts_with("https://aws.amazon.com/") && price.source.ends_with("/"), "{what}");
        assert!(price.agrees.starts_with("https://") && !price.agrees.starts_with("https://aws."), "{what}");
    }
}

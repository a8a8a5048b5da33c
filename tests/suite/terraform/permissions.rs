//! What functions did, held against what their roles allow: nothing else, and not much more.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::state::{Permission, State, planned_permissions};

/// What is allowed without a call that needs it: action, or the beginning of one, and why.
const UNCALLED: [(&str, &str); 16] = [
    ("dynamodb:DescribeStream", "Lambda reads the stream under the function's role"),
    ("dynamodb:GetRecords", "Lambda reads the stream under the function's role"),
    ("dynamodb:GetShardIterator", "Lambda reads the stream under the function's role"),
    ("dynamodb:ListStreams", "Lambda finds the stream under the function's role"),
    ("kms:DescribeKey", "DynamoDB asks for its key in the function's name"),
    ("kms:Encrypt", "DynamoDB encrypts a table's key in the function's name"),
    ("kms:Decrypt", "services decrypt what is at rest in the function's name"),
    ("kms:GenerateDataKey", "SQS and S3 encrypt in the function's name"),
    ("kms:ReEncryptFrom", "DynamoDB encrypts anew in the function's name"),
    ("kms:ReEncryptTo", "DynamoDB encrypts anew in the function's name"),
    ("logs:", "the Runtime's log lines are carried by Lambda under the function's role"),
    ("s3:ListBucket", "S3 says that a blob is absent only to those who may list"),
    ("sqs:DeleteMessage", "Lambda deletes what was worked on under the function's role"),
    ("sqs:GetQueueAttributes", "Lambda asks for a queue's depth under the function's role"),
    ("sqs:ReceiveMessage", "Lambda receives under the function's role"),
    ("xray:", "Lambda carries traces under the function's role"),
];

/// Rare ways that a run may not have come by: a port is granted as a whole where `uses` names it.
const RARE: [(&str, &str); 6] = [
    ("dynamodb:", "the store is a port: read, or read-write, as `uses` says"),
    ("s3:", "blobs are a port: read, or read-write, as `uses` says"),
    ("sqs:ChangeMessageVisibility", "only a message that is to be tried again is hidden"),
    ("sqs:SendMessage", "only what is given up, or fails for good, becomes a dead letter"),
    ("sqs:", "queues are a port: counted and redriven by `admin` alone"),
    ("kms:", "keys are a port, named one by one in `uses`"),
];

/// One line of `SCORPIUS_RECORD_CALLS`.
#[derive(Deserialize)]
struct Call {
    function: String,
    needs: Vec<Need>,
}

#[derive(Deserialize)]
struct Need {
    action: String,
    resource: String,
}

/// How what was done and what is allowed differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Done and not allowed: on AWS it would have failed.
    pub(crate) beyond: Vec<String>,
    /// Allowed and neither done nor excused.
    pub(crate) unused: Vec<String>,
    /// Allowed, not done in this run, and excused as rare.
    pub(crate) rare: Vec<String>,
}

/// Compares the record of calls with the roles of the functions that made one.
pub(crate) fn difference(state: &State, record: &str) -> Difference {
    let planned = planned_permissions(state);
    let mut done: BTreeMap<String, BTreeSet<Permission>> = BTreeMap::new();
    let mut found = Difference::default();
    for line in record.lines() {
        let call: Call = serde_json::from_str(line).expect("a line of the record is a JSON document");
        for need in call.needs {
            let resource = arn(state, &need.resource);
            let is_allowed = |it: &&Permission| it.0 == need.action && covers(&it.1, &resource);
            match planned.get(&call.function).and_then(|all| all.iter().find(is_allowed)) {
                Some(permission) => {
                    done.entry(call.function.clone()).or_default().insert(permission.clone());
                }
                None => found.beyond.push(format!("{}: {} on {resource}", call.function, need.action)),
            }
        }
    }
    let tables = state.all("aws_dynamodb_table");
    let at_rest: BTreeSet<_> =
        tables.filter_map(|it| it.within("server_side_encryption", "kms_key_arn").as_str()).collect();
    for (function, used) in &done {
        for permission in planned.get(function).into_iter().flatten().filter(|it| !used.contains(it)) {
            let (action, resource) = permission;
            // Services use this key; signing and wrapping are a function's own calls.
            let is_at_rest = at_rest.contains(resource.as_str());
            let named = |list: &[(&str, &str)]| list.iter().any(|(begins, _)| action.starts_with(begins));
            let line = format!("{function}: {action} on {resource}");
            match () {
                () if named(&UNCALLED) && (!action.starts_with("kms:") || is_at_rest) => {}
                () if named(&RARE) => found.rare.push(line),
                () => found.unused.push(line),
            }
        }
    }
    found.beyond.sort();
    found.beyond.dedup();
    found
}

/// Whether a policy's resource, which may end in a star, is this one. Of a blob the record names the folder
/// alone, in which the policy may name a part.
fn covers(resource: &str, arn: &str) -> bool {
    match resource.strip_suffix('*') {
        Some(begins) => arn.starts_with(begins) || arn.ends_with('/') && begins.starts_with(arn),
        None => resource == arn,
    }
}

/// The ARN of what a call names: a table, a queue's URL, a key's id, a bus, or a bucket with a folder.
fn arn(state: &State, named: &str) -> String {
    let names = [
        ("aws_dynamodb_table", "name"),
        ("aws_sqs_queue", "url"),
        ("aws_kms_key", "key_id"),
        ("aws_cloudwatch_event_bus", "name"),
    ];
    let found = names.iter().find_map(|(kind, name)| state.find(kind, name, named));
    if let Some(found) = found {
        return found.text("arn").to_owned();
    }
    let (bucket, folder) = named.split_once('/').unwrap_or((named, ""));
    match state.find("aws_s3_bucket", "bucket", bucket) {
        Some(bucket) => format!("{}/{folder}/", bucket.text("arn")),
        None => named.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::stacks::stacks;
    use super::*;

    fn line(function: &str, action: &str, resource: &str) -> String {
        json!({"function": function, "service": "x", "operation": "X",
            "needs": [{"action": action, "resource": resource}]})
        .to_string()
    }

    fn check(lines: &[String]) -> Option<Difference> {
        Some(difference(&stacks()?["dev"], &lines.join("\n")))
    }

    #[test]
    fn what_a_role_allows_may_be_done() {
        let Some(stacks) = stacks() else { return };
        let queue = stacks["dev"].find("aws_sqs_queue", "name", "scorpius-dev-audit").expect("a queue");
        let bucket = stacks["dev"].all("aws_s3_bucket").find(|it| it.text("bucket").contains("blobs"));
        let folder = format!("{}/ledger", bucket.expect("a bucket").text("bucket"));
        let lines = [
            line("scorpius-dev-audit-append", "dynamodb:PutItem", "scorpius-dev-records"),
            line("scorpius-dev-audit-append", "s3:PutObject", &folder),
            line("scorpius-dev-outbox-relay", "sqs:SendMessage", queue.text("url")),
            line("scorpius-dev-outbox-relay", "events:PutEvents", "scorpius-dev"),
        ];
        let Some(found) = check(&lines) else { return };
        assert_eq!((found.beyond, found.unused), (vec![], vec![]));
        assert!(
            found.rare.iter().any(|it| it.contains("audit-append: kms:Sign on arn:aws:kms:")),
            "{:?}",
            found.rare
        );
    }

    #[test]
    fn what_no_role_allows_is_named() {
        let lines = [
            // A reader that writes, another's table, and a function that nobody knows.
            line("scorpius-dev-audit", "dynamodb:PutItem", "scorpius-dev-records"),
            line("scorpius-dev-scan", "dynamodb:Query", "scorpius-dev-outbox"),
            line("stranger", "kms:Sign", "k"),
        ];
        let Some(found) = check(&lines) else { return };
        let table = |name: &str| format!("arn:aws:dynamodb:eu-west-1:000000000000:table/scorpius-dev-{name}");
        let wanted = [
            format!("scorpius-dev-audit: dynamodb:PutItem on {}", table("records")),
            format!("scorpius-dev-scan: dynamodb:Query on {}", table("outbox")),
            "stranger: kms:Sign on k".to_owned(),
        ];
        assert_eq!(found.beyond, wanted);
    }

    #[test]
    fn what_is_allowed_and_never_done_is_named() {
        let line = line("scorpius-dev-outbox-sweep", "dynamodb:Query", "scorpius-dev-outbox");
        let Some(found) = check(&[line]) else { return };
        // Publishing is what the sweep is for: a run without it proves nothing, and it is no rare way.
        let wanted = "scorpius-dev-outbox-sweep: events:PutEvents on arn:aws:events:eu-west-1:000000000000:event-bus/scorpius-dev";
        assert_eq!(found.unused, [wanted]);
    }
}

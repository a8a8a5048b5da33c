//! A record of every call to AWS with the permissions that it needs, so that a test can compare what
//! functions do with what their roles allow. Off unless `SCORPIUS_RECORD_CALLS` is set: `log` for log
//! lines at `scorpius::calls`, anything else for a file that lines are added to.
//!
//! A line names tables, queues, keys, the bus, and the first segment of a blob's name, and counts; never
//! content. The counts are what a bill is made of.

mod units;

use std::collections::BTreeSet;
use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use aws_sdk_s3::operation::delete_object::DeleteObjectInput;
use aws_sdk_s3::operation::get_object::GetObjectInput;
use aws_sdk_s3::operation::put_object::PutObjectInput;
use aws_sdk_sns::operation::publish::PublishInput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef, Input,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde::Serialize;
use serde_json::Value;

use self::units::{Units, parts, units};

/// What a call does not name.
const UNNAMED: &str = "?";

/// One call.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Call {
    /// The function that made it; `-` outside of Lambda.
    function: String,
    /// As IAM calls it: `dynamodb`.
    service: String,
    /// As the API calls it: `TransactWriteItems`.
    operation: String,
    /// What IAM asks for.
    needs: BTreeSet<Permission>,
    /// Events, messages, keys or writes in it.
    parts: usize,
    /// DynamoDB's units, as far as the request tells.
    #[serde(skip_serializing_if = "Units::is_none")]
    units: Units,
}

/// `dynamodb:PutItem` on a table.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Permission {
    action: String,
    resource: String,
}

/// Where calls are recorded.
#[derive(Debug)]
pub(crate) enum Recorder {
    Log { function: String },
    File { function: String, path: PathBuf },
}

impl Recorder {
    /// As the setting says.
    pub(crate) fn of_settings() -> Option<Self> {
        let function = env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| "-".to_owned());
        match env::var_os("SCORPIUS_RECORD_CALLS")? {
            nothing if nothing.is_empty() => None,
            log if log == "log" => Some(Self::Log { function }),
            path => Some(Self::File { function, path: path.into() }),
        }
    }

    /// Into the file at `path`, outside of Lambda.
    pub(crate) fn to_file(path: PathBuf) -> Self {
        Self::File { function: "-".to_owned(), path }
    }

    /// A call that cannot be recorded fails: whoever asked for the record relies on its being whole.
    fn record(
        &self,
        metadata: &Metadata,
        needs: impl IntoIterator<Item = Permission>,
        body: &Value,
    ) -> Result<(), BoxError> {
        let (Self::Log { function } | Self::File { function, .. }) = self;
        let (service, operation) = (prefix(metadata.service()), metadata.name());
        let call = Call {
            function: function.clone(),
            service: service.to_owned(),
            operation: operation.to_owned(),
            needs: needs.into_iter().collect(),
            parts: parts(service, operation, body),
            units: units(service, operation, body),
        };
        match self {
            Self::Log { function } => {
                let needs = serde_json::to_string(&call.needs)?;
                let (service, operation) = (call.service, call.operation);
                tracing::info!(target: "scorpius::calls", function, service, operation, needs);
            }
            Self::File { path, .. } => {
                // One write a line: other processes add to the same file.
                let line = serde_json::to_string(&call)? + "\n";
                OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())?;
            }
        }
        Ok(())
    }
}

fn metadata(config: &ConfigBag) -> Result<&Metadata, &'static str> {
    config.load::<Metadata>().ok_or("an AWS call without the name of its operation")
}

#[dyn_dispatch_hint]
impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    /// S3, whose bucket is not in the request yet when that is ready, and SNS, whose requests are no JSON.
    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let metadata = metadata(config)?;
        match prefix(metadata.service()) {
            "s3" => {
                let needs = [object_permission(metadata.name(), context.input())];
                self.record(metadata, needs, &Value::Null)
            }
            "sns" => {
                let topic = context.input().downcast_ref::<PublishInput>().and_then(PublishInput::topic_arn);
                self.record(metadata, [permission("sns", metadata.name(), topic)], &Value::Null)
            }
            _ => Ok(()),
        }
    }

    /// The others: their requests are JSON documents.
    fn read_after_serialization(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let metadata = metadata(config)?;
        let service = prefix(metadata.service());
        if ["s3", "sns"].contains(&service) {
            return Ok(());
        }
        let body: Value = serde_json::from_slice(context.request().body().bytes().unwrap_or_default())?;
        self.record(metadata, permissions(service, metadata.name(), &body), &body)
    }
}

/// IAM's name of a service.
fn prefix(service: &str) -> &str {
    match service {
        "DynamoDB" => "dynamodb",
        "EventBridge" => "events",
        "KMS" => "kms",
        "S3" => "s3",
        "SESv2" => "ses",
        "SNS" => "sns",
        "SQS" => "sqs",
        other => other,
    }
}

fn permission(service: &str, action: &str, resource: Option<&str>) -> Permission {
    Permission { action: format!("{service}:{action}"), resource: resource.unwrap_or(UNNAMED).to_owned() }
}

fn object_permission(operation: &str, input: &Input) -> Permission {
    let named = if let Some(input) = input.downcast_ref::<GetObjectInput>() {
        (input.bucket(), input.key())
    } else if let Some(input) = input.downcast_ref::<PutObjectInput>() {
        (input.bucket(), input.key())
    } else if let Some(input) = input.downcast_ref::<DeleteObjectInput>() {
        (input.bucket(), input.key())
    } else {
        (None, None)
    };
    let resource = match named {
        (Some(bucket), Some(key)) => {
            let folder = key.split_once('/').map_or("", |(folder, _)| folder);
            Some(format!("{bucket}/{folder}"))
        }
        _ => None,
    };
    permission("s3", operation, resource.as_deref())
}

/// What IAM asks for, by the service's own page in AWS's "Service Authorization Reference".
fn permissions(service: &str, operation: &str, body: &Value) -> Vec<Permission> {
    let one = |action: &str, name: &str| vec![permission(service, action, body[name].as_str())];
    match (service, operation) {
        ("dynamodb", "TransactWriteItems" | "TransactGetItems") => {
            let items = body["TransactItems"].as_array().into_iter().flatten();
            let parts = items.filter_map(Value::as_object).flatten();
            parts
                .map(|(kind, part)| permission(service, part_action(kind), part["TableName"].as_str()))
                .collect()
        }
        ("dynamodb", "BatchGetItem" | "BatchWriteItem") => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            tables.map(|(table, _)| permission(service, operation, Some(table))).collect()
        }
        ("dynamodb", _) => one(operation, "TableName"),
        ("events", "PutEvents") => {
            let entries = body["Entries"].as_array().into_iter().flatten();
            entries.map(|entry| permission(service, operation, entry["EventBusName"].as_str())).collect()
        }
        ("kms", _) => one(operation, "KeyId"),
        ("ses", "SendEmail") => one(operation, "FromEmailAddress"),
        // A batch needs what its members need.
        ("sqs", _) => one(operation.strip_suffix("Batch").unwrap_or(operation), "QueueUrl"),
        _ => vec![permission(service, operation, None)],
    }
}

/// The permission for a part of a DynamoDB transaction.
fn part_action(kind: &str) -> &str {
    match kind {
        "ConditionCheck" => "ConditionCheckItem",
        "Delete" => "DeleteItem",
        "Get" => "GetItem",
        "Put" => "PutItem",
        "Update" => "UpdateItem",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(service: &str, operation: &str, body: Value, wanted: &[(&str, &str)]) {
        let needs: BTreeSet<_> = permissions(prefix(service), operation, &body).into_iter().collect();
        let wanted = wanted.iter().map(|(action, resource)| Permission {
            action: (*action).to_owned(),
            resource: (*resource).to_owned(),
        });
        assert_eq!(needs, wanted.collect(), "{operation}");
    }

    #[test]
    fn a_call_needs_what_iam_says() {
        check("DynamoDB", "Query", json!({"TableName": "records"}), &[("dynamodb:Query", "records")]);
        check(
            "DynamoDB",
            "BatchGetItem",
            json!({"RequestItems": {"records": {}, "counters": {}}}),
            &[("dynamodb:BatchGetItem", "counters"), ("dynamodb:BatchGetItem", "records")],
        );
        check(
            "DynamoDB",
            "TransactWriteItems",
            json!({"TransactItems": [{"Put": {"TableName": "records"}}, {"Put": {"TableName": "records"}},
                {"Put": {"TableName": "outbox"}}, {"Delete": {"TableName": "outbox"}},
                {"Update": {"TableName": "counters"}}, {"ConditionCheck": {"TableName": "records"}}]}),
            &[
                ("dynamodb:ConditionCheckItem", "records"),
                ("dynamodb:DeleteItem", "outbox"),
                ("dynamodb:PutItem", "outbox"),
                ("dynamodb:PutItem", "records"),
                ("dynamodb:UpdateItem", "counters"),
            ],
        );
        check(
            "SQS",
            "SendMessageBatch",
            json!({"QueueUrl": "https://q"}),
            &[("sqs:SendMessage", "https://q")],
        );
        check("KMS", "Sign", json!({"KeyId": "k1", "Message": "c2VjcmV0"}), &[("kms:Sign", "k1")]);
        check(
            "EventBridge",
            "PutEvents",
            json!({"Entries": [{"EventBusName": "bus", "Detail": "{}"}, {"EventBusName": "bus"}]}),
            &[("events:PutEvents", "bus")],
        );
    }

    #[test]
    fn what_is_not_known_is_recorded_as_such() {
        check("SES", "SendEmail", json!({"To": "t"}), &[("SES:SendEmail", "?")]);
        check("DynamoDB", "ListTables", json!({}), &[("dynamodb:ListTables", "?")]);
    }

    #[test]
    fn an_object_is_named_by_bucket_and_folder() {
        #[track_caller]
        fn check(key: &str, wanted: &str) {
            let input = PutObjectInput::builder().bucket("blobs").key(key).build().expect("an input");
            let needed = object_permission("PutObject", &Input::erase(input));
            assert_eq!((needed.action.as_str(), needed.resource.as_str()), ("s3:PutObject", wanted));
        }
        check("code/0a1b", "blobs/code");
        check("ledger/tile/0/000", "blobs/ledger");
        check("checkpoint", "blobs/");
    }
}

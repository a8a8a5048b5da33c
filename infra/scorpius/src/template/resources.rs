//! What the functions work on.

use scorpius_edge::manifest::{From, Manifest};
use serde_json::{Value, json};

use super::{arn, logical, queue_id, reference};

type Resource = (String, Value);

fn resource(id: impl Into<String>, kind: &str, properties: Value) -> Resource {
    (id.into(), json!({"Type": kind, "Properties": properties}))
}

/// The three tables of `shared/aws/src/store/tables.rs`.
pub(super) fn tables() -> Vec<Resource> {
    let table = |name: &str, more: Value| {
        let mut properties = json!({
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}
            ],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}
            ],
            "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": true},
            "SSESpecification": {"SSEEnabled": true}
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            properties[key] = value.clone();
        }
        let (id, mut table) = resource(name, "AWS::DynamoDB::Table", properties);
        // A stack that is taken down does not take its records with it.
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            table[policy] = json!(if name == "Counters" { "Delete" } else { "Retain" });
        }
        (id, table)
    };
    vec![
        table("Records", json!({"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true}})),
        table("Outbox", json!({"StreamSpecification": {"StreamViewType": "NEW_IMAGE"}})),
        table("Counters", json!({})),
    ]
}

/// The bucket, the bus and the keys.
pub(super) fn things() -> Vec<Resource> {
    let key = |id: &str, spec: &str, usage: &str| {
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}},
            // In a key's own policy `*` is this key.
            "Action": "kms:*", "Resource": ["*"]
        }]});
        let mut key = resource(
            id,
            "AWS::KMS::Key",
            json!({
                "Description": id, "KeySpec": spec, "KeyUsage": usage, "KeyPolicy": policy,
                "EnableKeyRotation": spec == "SYMMETRIC_DEFAULT"
            }),
        );
        key.1["DeletionPolicy"] = json!("Retain");
        key.1["UpdateReplacePolicy"] = json!("Retain");
        key
    };
    let mut bucket = resource(
        "Blobs",
        "AWS::S3::Bucket",
        json!({
            "VersioningConfiguration": {"Status": "Enabled"},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true
            }
        }),
    );
    let mut anchors = bucket.clone();
    anchors.0 = "Anchors".to_owned();
    // Whoever IAM lets may end a lock in GOVERNANCE; `terraform/README.md` has a stack for others.
    anchors.1["Properties"]["ObjectLockEnabled"] = json!(true);
    anchors.1["Properties"]["ObjectLockConfiguration"] = json!({
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    });
    for bucket in [&mut bucket, &mut anchors] {
        bucket.1["DeletionPolicy"] = json!("Retain");
        bucket.1["UpdateReplacePolicy"] = json!("Retain");
    }
    vec![
        bucket,
        anchors,
        resource("Bus", "AWS::Events::EventBus", json!({"Name": {"Fn::Sub": "${AWS::StackName}"}})),
        key("TokenKey", "ECC_NIST_EDWARDS25519", "SIGN_VERIFY"),
        key("LedgerKey", "ECC_NIST_EDWARDS25519", "SIGN_VERIFY"),
        key("WrapKey", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
        resource(
            "StreamFailures",
            "AWS::SQS::Queue",
            json!({"MessageRetentionPeriod": 1_209_600, "SqsManagedSseEnabled": true}),
        ),
    ]
}

/// Each queue with its dead letters, and the rule that fills it from the bus.
pub(super) fn queues(manifest: &Manifest) -> Vec<Resource> {
    let mut all = Vec::new();
    for (name, queue) in &manifest.queues {
        let (id, dead) = (queue_id(name), format!("{}Dead", queue_id(name)));
        let consumer =
            manifest.functions.values().find(|it| it.trigger.queues().iter().any(|queue| queue == name));
        let timeout_s = consumer.map_or(30, |it| it.timeout_s);
        all.push(resource(
            &dead,
            "AWS::SQS::Queue",
            json!({
                "MessageRetentionPeriod": 1_209_600, "SqsManagedSseEnabled": true
            }),
        ));
        all.push(resource(
            &id,
            "AWS::SQS::Queue",
            json!({
                // AWS, "Using Lambda with Amazon SQS": at least six times the function's timeout.
                "VisibilityTimeout": 6 * timeout_s, "SqsManagedSseEnabled": true,
                "RedrivePolicy": {"deadLetterTargetArn": arn(&dead), "maxReceiveCount": queue.receives_max}
            }),
        ));
        let From::Events(patterns) = &queue.from else { continue };
        let rule = format!("{}Rule", logical(name));
        let kinds: Vec<_> = patterns
            .iter()
            .map(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => json!({"prefix": prefix}),
                None => json!(pattern),
            })
            .collect();
        all.push(resource(&rule, "AWS::Events::Rule", json!({
            "EventBusName": reference("Bus"),
            "EventPattern": {"detail-type": kinds},
            "Targets": [{
                "Id": "queue", "Arn": arn(&id), "InputPath": "$.detail", "DeadLetterConfig": {"Arn": arn(&dead)}
            }]
        })));
        all.push(resource(format!("{}Policy", queue_id(name)), "AWS::SQS::QueuePolicy", json!({
            "Queues": [reference(&id), reference(&dead)],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
                "Resource": [arn(&id), arn(&dead)], "Condition": {"ArnEquals": {"aws:SourceArn": arn(&rule)}}
            }]}
        })));
    }
    all
}

/// The API, before which the authorizer stands.
pub(super) fn api() -> Vec<Resource> {
    vec![resource(
        "Api",
        "AWS::Serverless::HttpApi",
        json!({
            "Auth": {
                "DefaultAuthorizer": "Caller",
                "Authorizers": {"Caller": {
                    "FunctionArn": arn(&logical("authorizer")),
                    "AuthorizerPayloadFormatVersion": "2.0",
                    "EnableSimpleResponses": true,
                    "EnableFunctionDefaultPermissions": true,
                    // No identity source and no cache: it is asked about every request.
                    "Identity": {"ReauthorizeEvery": 0}
                }}
            },
            "DefaultRouteSettings": {"ThrottlingBurstLimit": 100, "ThrottlingRateLimit": 50.0}
        }),
    )]
}

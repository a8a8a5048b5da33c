//! The functions: settings, rights and triggers, each from what the manifest says.

use std::collections::BTreeMap;

use scorpius_edge::manifest::{Function, Level, Manifest, Trigger, Uses};
use serde_json::{Map, Value, json};

use super::{ZIPS, arn, logical, queue_id, reference};

pub(super) fn functions(manifest: &Manifest) -> Vec<(String, Value)> {
    manifest.functions.iter().map(|(name, it)| (logical(name), function(manifest, name, it))).collect()
}

fn function(manifest: &Manifest, name: &str, it: &Function) -> Value {
    json!({
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "CodeUri": format!("{ZIPS}/{name}.zip"),
            "Description": it.purpose,
            "MemorySize": it.memory_mb,
            "Timeout": it.timeout_s,
            "Environment": {"Variables": settings(manifest, it)},
            "Policies": [{"Version": "2012-10-17", "Statement": rights(manifest, it)}],
            "Events": events(it)
        }
    })
}

/// As `shared/aws/src/settings.rs` has them.
fn settings(manifest: &Manifest, it: &Function) -> BTreeMap<String, Value> {
    let mut settings = BTreeMap::new();
    let mut set = |name: &str, value: Value| settings.insert(name.to_owned(), value);
    let Uses { store, counters, blobs, anchors, keys, bus, queues, mail, feeds, .. } = &it.uses;
    if store.is_some() {
        for table in ["Records", "Outbox", "Counters"] {
            set(&format!("TABLE_{}", table.to_ascii_uppercase()), reference(table));
        }
    }
    if *counters {
        set("LIMIT_TIER", reference("LimitTier"));
        set("LIMIT_ADDRESS_MINUTE", reference("LimitAddressMinute"));
    }
    if blobs.is_some() {
        set("BUCKET", reference("Blobs"));
    }
    if *anchors {
        set("ANCHORS", reference("Anchors"));
        set("KEEP_DAYS", reference("KeepDays"));
    }
    if !keys.is_empty() {
        for key in ["Token", "Ledger", "Wrap"] {
            set(&format!("KEY_{}", key.to_ascii_uppercase()), arn(&format!("{key}Key")));
        }
        set("ISSUER", json!({"Fn::Sub": "https://${LogOrigin}"}));
        set("AUDIENCE", json!("scorpius"));
        set("LOG_ORIGIN", reference("LogOrigin"));
    }
    if *mail {
        set("MAIL_FROM", reference("MailFrom"));
    }
    if *feeds {
        set("FEEDS", reference("Feeds"));
    }
    if *bus {
        set("BUS", reference("Bus"));
        set("QUEUE_AUDIT", reference(&queue_id("audit")));
    }
    for queue in of_queues(manifest, it, *queues) {
        let name = format!("QUEUE_{}", queue.to_ascii_uppercase().replace('-', "_"));
        set(&format!("{name}_DEAD"), reference(&format!("{}Dead", queue_id(queue))));
        set(&name, reference(&queue_id(queue)));
    }
    settings
}

/// The queue that it consumes, or every queue for the operator's doors.
fn of_queues<'m>(manifest: &'m Manifest, it: &'m Function, all: bool) -> Vec<&'m str> {
    match &it.trigger {
        Trigger::Queue(queue) => vec![queue],
        _ if all => manifest.queues.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

/// What its role allows, beside writing its log.
fn rights(manifest: &Manifest, it: &Function) -> Vec<Value> {
    let mut all = Vec::new();
    let mut allow = |actions: &[&str], resources: Vec<Value>| {
        all.push(json!({"Effect": "Allow", "Action": actions, "Resource": resources}));
    };
    let tables = || {
        let counters = it.uses.counters.then_some("Counters");
        ["Records", "Outbox"].into_iter().chain(counters).map(arn).collect::<Vec<_>>()
    };
    if let Some(level) = it.uses.store {
        allow(&["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"], tables());
        if level == Level::ReadWrite {
            let writes = ["ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem"];
            allow(&writes.map(|it| format!("dynamodb:{it}")).each_ref().map(String::as_str), tables());
        }
    }
    if it.uses.counters && it.uses.store != Some(Level::ReadWrite) {
        allow(&["dynamodb:UpdateItem"], vec![arn("Counters")]);
    }
    if !it.emits.is_empty() && it.uses.store != Some(Level::ReadWrite) {
        allow(&["dynamodb:PutItem"], vec![arn("Outbox")]);
    }
    if it.uses.anchors {
        allow(&["s3:ListBucket"], vec![arn("Anchors")]);
        allow(&["s3:GetObject", "s3:PutObject"], vec![json!({"Fn::Sub": "${Anchors.Arn}/*"})]);
    }
    if let Some(level) = it.uses.blobs {
        // Without the right to list, what is absent would be answered as forbidden.
        allow(&["s3:ListBucket"], vec![arn("Blobs")]);
        let objects = vec![json!({"Fn::Sub": "${Blobs.Arn}/*"})];
        allow(&["s3:GetObject"], objects.clone());
        if level == Level::ReadWrite {
            allow(&["s3:DeleteObject", "s3:PutObject"], objects);
        }
    }
    for use_of_key in &it.uses.keys {
        let (action, key) = match use_of_key.split_once(':') {
            Some(("sign", key)) => ("kms:Sign", key),
            Some(("public", key)) => ("kms:GetPublicKey", key),
            _ if use_of_key == "wrap" => ("kms:Encrypt", "wrap"),
            _ => ("kms:Decrypt", "wrap"),
        };
        allow(&[action], vec![arn(&format!("{}Key", logical(key)))]);
    }
    if it.uses.mail {
        let identities = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*";
        allow(&["ses:SendEmail"], vec![json!({"Fn::Sub": identities})]);
    }
    if it.uses.bus {
        allow(&["events:PutEvents"], vec![arn("Bus")]);
        allow(&["sqs:SendMessage"], vec![arn(&queue_id("audit"))]);
    }
    let queues = of_queues(manifest, it, it.uses.queues);
    if !queues.is_empty() {
        let live: Vec<_> = queues.iter().map(|queue| arn(&queue_id(queue))).collect();
        let dead: Vec<_> = queues.iter().map(|queue| arn(&format!("{}Dead", queue_id(queue)))).collect();
        let takes = [
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ];
        match it.uses.queues {
            true => {
                allow(&["sqs:GetQueueAttributes", "sqs:SendMessage"], live);
                allow(&takes[1..], dead);
            }
            false => {
                allow(&takes, live);
                allow(&["sqs:SendMessage"], dead);
            }
        }
    }
    if let Trigger::Stream(_) = it.trigger {
        let reads = ["DescribeStream", "GetRecords", "GetShardIterator"].map(|it| format!("dynamodb:{it}"));
        allow(&reads.each_ref().map(String::as_str), vec![json!({"Fn::GetAtt": ["Outbox", "StreamArn"]})]);
        allow(&["sqs:SendMessage"], vec![arn("StreamFailures")]);
    }
    all
}

/// What starts it.
fn events(it: &Function) -> Map<String, Value> {
    let one = |id: &str, kind: &str, properties: Value| {
        Map::from_iter([(id.to_owned(), json!({"Type": kind, "Properties": properties}))])
    };
    match &it.trigger {
        Trigger::Http(routes) => routes
            .keys()
            .filter_map(|route| {
                let (method, path) = route.split_once(' ')?;
                let properties = json!({
                    "ApiId": reference("Api"), "Method": method, "Path": path, "PayloadFormatVersion": "2.0",
                    "TimeoutInMillis": 30_000
                });
                Some((logical(route), json!({"Type": "HttpApi", "Properties": properties})))
            })
            .collect(),
        Trigger::Queue(queue) => one(
            "Messages",
            "SQS",
            json!({
                "Queue": arn(&queue_id(queue)), "BatchSize": 10, "FunctionResponseTypes": ["ReportBatchItemFailures"]
            }),
        ),
        Trigger::Schedule(expression) => {
            one("Schedule", "ScheduleV2", json!({"ScheduleExpression": expression}))
        }
        Trigger::Stream(_) => one(
            "Rows",
            "DynamoDB",
            json!({
                "Stream": {"Fn::GetAtt": ["Outbox", "StreamArn"]}, "StartingPosition": "TRIM_HORIZON", "BatchSize": 100,
                "BisectBatchOnFunctionError": true, "MaximumRetryAttempts": 10,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": arn("StreamFailures")}}
            }),
        ),
        // The API names the authorizer, and IAM lets whom it wants invoke `bootstrap`.
        Trigger::Authorizer(_) | Trigger::Invoke(_) => Map::new(),
    }
}

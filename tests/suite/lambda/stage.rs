//! The whole platform on ministack: what Terraform declares, with the real zips, and someone who looks on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use scorpius_aws::Aws;
use scorpius_core::SystemClock;
use serde_json::{Value, json};

use super::wire::{self, Answer};
use super::zips::zips;
use crate::aws::tools::{Emulator, ministack};
use crate::terraform::{Deployment, deployed};

/// Between two looks at something that is to come about.
const LOOK: Duration = Duration::from_millis(100);

/// Hand-outs of a queue that gives up early.
pub(crate) const EARLY: u32 = 6;

/// One platform, and the emulator that it runs on.
pub(crate) struct Stage {
    pub(crate) deployment: Deployment,
    emulator: Emulator,
}

/// What `bootstrap` answered.
pub(crate) struct FirstStart {
    pub(crate) api_key: String,
    /// The ledger's verifier key.
    pub(crate) ledger_key: String,
    /// The first tenant's id.
    pub(crate) tenant: String,
}

impl Stage {
    /// Deploys to an emulator of its own. `None`, having said so, where a tool is missing.
    pub(crate) fn open() -> Option<Self> {
        // Uploads of all zips at once are much for one emulator, and several times at once for one machine.
        static DEPLOYING: Mutex<()> = Mutex::new(());
        let zips = zips()?;
        let _deploying = DEPLOYING.lock().unwrap_or_else(PoisonError::into_inner);
        let emulator = ministack()?;
        let deployment = deployed(&zips.folder, &emulator)?;
        Some(Self { deployment, emulator })
    }

    /// An output of Terraform: a text at this place.
    #[track_caller]
    pub(crate) fn output(&self, name: &str, within: &str) -> String {
        let value = self.deployment.outputs[name]["value"].pointer(within);
        let value = value.and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("no output `{name}` with {within}")).to_owned()
    }

    /// What a function is called on AWS.
    #[track_caller]
    pub(crate) fn name(&self, function: &str) -> String {
        self.output("names", &format!("/functions/{function}"))
    }

    /// The URL of a queue, or of its dead letters.
    #[track_caller]
    pub(crate) fn queue(&self, name: &str, which: &str) -> String {
        self.output("queue_urls", &format!("/{name}/{which}"))
    }

    /// Makes dead letters of what the queue handed out `EARLY` times, so that nobody waits for the hours that its pauses add up to.
    #[track_caller]
    pub(crate) fn gives_up_early(&self, queue: &str) {
        let url = self.queue(queue, "live");
        let asked = json!({"QueueUrl": url, "AttributeNames": ["RedrivePolicy"]});
        let said = self.call("sqs", "AmazonSQS.GetQueueAttributes", &asked);
        let policy = said["Attributes"]["RedrivePolicy"].as_str().expect("a queue has dead letters");
        let mut policy: Value = serde_json::from_str(policy).expect("JSON");
        assert_eq!(policy["maxReceiveCount"], scorpius::doors::manifest().queues[queue].receives_max);
        policy["maxReceiveCount"] = json!(EARLY);
        let asked = json!({"QueueUrl": url, "Attributes": {"RedrivePolicy": policy.to_string()}});
        self.call("sqs", "AmazonSQS.SetQueueAttributes", &asked);
    }

    /// Calls a service that speaks JSON by targets: `TrentService.DisableKey`.
    #[track_caller]
    pub(crate) fn call(&self, service: &str, target: &str, body: &Value) -> Value {
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target),
            ("authorization", &self.credential(service)),
        ];
        let answer = wire::send("POST", &self.emulator.url, &headers, body.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{target}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// Calls Lambda, which speaks REST.
    pub(crate) fn lambda(&self, method: &str, path: &str, body: &Value) -> Answer {
        let url = format!("{}/2015-03-31{path}", self.emulator.url);
        let headers = [("content-type", "application/json"), ("authorization", &*self.credential("lambda"))];
        wire::send(method, &url, &headers, body.to_string().as_bytes())
    }

    /// The emulator checks no signature, and takes the region from here.
    fn credential(&self, service: &str) -> String {
        let arn = self.output("keys", "/ledger");
        let region = arn.split(':').nth(3).expect("an ARN names its region");
        format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
        )
    }

    /// Invokes a function as its alias, and answers what it answers.
    #[track_caller]
    pub(crate) fn invoke(&self, function: &str, payload: &Value) -> Value {
        let path = format!("/functions/{}:live/invocations", self.name(function));
        let answer = self.lambda("POST", &path, payload);
        let failed = answer.headers.get("x-amz-function-error");
        assert!(failed.is_none(), "{function}: {}", String::from_utf8_lossy(&answer.body));
        answer.expect(200)
    }

    /// Makes the first tenant, as an operator does after the first deploy.
    #[track_caller]
    pub(crate) fn first_start(&self) -> FirstStart {
        let answer = self.invoke("bootstrap", &json!({"tenant_name": "Example Security"}));
        let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("no `{name}`")).to_owned();
        assert_eq!(answer["status"], "created");
        FirstStart { api_key: text("api_key"), ledger_key: text("ledger_key"), tenant: text("tenant") }
    }

    /// Asks the API over HTTP, through the emulated gateway.
    pub(crate) fn ask(&self, method: &str, path: &str, key: &str, body: &Value) -> Answer {
        let mut headers = vec![("content-type", "application/json")];
        if !key.is_empty() {
            headers.push(("x-api-key", key));
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        wire::send(method, &format!("{}{path}", self.deployment.api_url), &headers, body.as_bytes())
    }

    /// Every line of a function's log, in order.
    pub(crate) fn log(&self, function: &str) -> Vec<String> {
        self.log_of(&format!("/aws/lambda/{}", self.name(function)))
    }

    /// Every line of a group of logs, in order.
    pub(crate) fn log_of(&self, group: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut token = Value::Null;
        loop {
            let mut asked = json!({"logGroupName": group, "limit": 10_000});
            if !token.is_null() {
                asked["nextToken"] = token;
            }
            let page = self.call("logs", "Logs_20140328.FilterLogEvents", &asked);
            let messages = page["events"].as_array().into_iter().flatten();
            lines.extend(messages.filter_map(|event| event["message"].as_str()).map(str::to_owned));
            token = page["nextToken"].clone();
            if token.is_null() {
                return lines;
            }
        }
    }

    /// Those lines that are JSON documents: what our code logs and counts.
    pub(crate) fn said(&self, function: &str) -> Vec<Value> {
        self.log(function).iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// How often a function was invoked.
    pub(crate) fn invocations(&self, function: &str) -> usize {
        self.log(function).iter().filter(|line| line.starts_with("START RequestId: ")).count()
    }

    /// The same of every function of the manifest.
    pub(crate) fn all_invocations(&self) -> BTreeMap<String, usize> {
        let functions = scorpius::doors::manifest().functions;
        functions.into_keys().map(|name| (name.clone(), self.invocations(&name))).collect()
    }

    /// Rows that wait in the outbox.
    pub(crate) fn outbox_rows(&self) -> u64 {
        let asked =
            json!({"TableName": self.output("tables", "/outbox"), "Select": "COUNT", "ConsistentRead": true});
        let answer = self.call("dynamodb", "DynamoDB_20120810.Scan", &asked);
        answer["Count"].as_u64().expect("a count")
    }

    /// Our own adapters on this emulator.
    pub(crate) fn aws(&self) -> Aws {
        Aws::emulated(&self.emulator.url, Arc::new(SystemClock))
    }

    /// Invocations of a function, by its name on AWS, that ended as failures: the emulator says so in its own log.
    pub(crate) fn failed_invocations(&self, name: &str) -> usize {
        let failed = format!("Lambda {name} failed");
        self.emulator.said().lines().filter(|line| line.contains(&failed)).count()
    }

    /// The URL of a queue by its name on AWS.
    #[track_caller]
    pub(crate) fn queue_named(&self, name: &str) -> String {
        let found = self.deployment.state.find("aws_sqs_queue", "name", name);
        let url = found.and_then(|queue| queue.values["url"].as_str());
        url.unwrap_or_else(|| panic!("no queue `{name}` was made")).to_owned()
    }

    /// Releases a version of a function that lacks a setting, so that it does not start; answers the version
    /// before.
    pub(crate) fn releases_without(&self, function: &str, setting: &str) -> String {
        let name = self.name(function);
        let alias = self.lambda("GET", &format!("/functions/{name}/aliases/live"), &Value::Null).expect(200);
        let path = format!("/functions/{name}/configuration");
        let mut settings =
            self.lambda("GET", &path, &Value::Null).expect(200)["Environment"]["Variables"].clone();
        assert!(
            settings.as_object_mut().expect("settings").remove(setting).is_some(),
            "it has no `{setting}`"
        );
        self.lambda("PUT", &path, &json!({"Environment": {"Variables": settings}})).expect(200);
        let published = self.lambda("POST", &format!("/functions/{name}/versions"), &json!({})).expect(201);
        self.goes_back(function, published["Version"].as_str().expect("a version"));
        alias["FunctionVersion"].as_str().expect("a version").to_owned()
    }

    /// Gives all calls of a function to one of its versions.
    pub(crate) fn goes_back(&self, function: &str, version: &str) {
        let path = format!("/functions/{}/aliases/live", self.name(function));
        self.lambda("PUT", &path, &json!({"FunctionVersion": version})).expect(200);
    }

    /// Messages of a queue that are visible.
    pub(crate) fn visible(&self, url: &str) -> u64 {
        let asked = json!({"QueueUrl": url, "AttributeNames": ["ApproximateNumberOfMessages"]});
        let answer = self.call("sqs", "AmazonSQS.GetQueueAttributes", &asked);
        let count = answer["Attributes"]["ApproximateNumberOfMessages"].as_str();
        count.and_then(|count| count.parse().ok()).expect("a count")
    }

    /// The record of every call to AWS so far, a line each.
    pub(crate) fn record(&self) -> String {
        std::fs::read_to_string(&self.deployment.calls).unwrap_or_default()
    }

    /// The same, read.
    pub(crate) fn calls(&self) -> Vec<Value> {
        let record = self.record();
        record.lines().map(|line| serde_json::from_str(line).expect("a line is a JSON document")).collect()
    }
}

/// Looks until it is so, and fails with what is awaited.
#[track_caller]
pub(crate) fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < patience, "not within {patience:?}: {what}");
        std::thread::sleep(LOOK);
    }
}

/// How often each word comes.
pub(crate) fn counted(words: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}

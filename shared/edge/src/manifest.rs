//! `infra/stack.json`: the one list of functions, routes, queues and schedules.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The whole wiring.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// By name, which is the folder, the package and the binary.
    pub functions: BTreeMap<String, Function>,
    /// By name.
    pub queues: BTreeMap<String, Queue>,
}

/// One Lambda function.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// One sentence: the Lambda's description.
    pub purpose: String,
    /// What starts it.
    pub trigger: Trigger,
    /// What it touches: its IAM policy is made from this and from nothing else.
    #[serde(default)]
    pub uses: Uses,
    /// Types of events that it emits.
    #[serde(default)]
    pub emits: Vec<String>,
    /// 128 to 3008.
    pub memory_mb: u32,
    /// 1 to 900; 29 at most behind the gateway.
    pub timeout_s: u32,
    /// How it may use the processor.
    #[serde(default)]
    pub cpu: Cpu,
}

/// What starts a function.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// Routes, each with the action it needs or `public`.
    Http(BTreeMap<String, String>),
    /// Messages of this queue, or of several, given in the order in which they are served.
    Queue(#[serde(deserialize_with = "one_or_many", serialize_with = "one_if_one")] Vec<String>),
    /// `rate(1 minute)`.
    Schedule(String),
    /// Inserts into the outbox table.
    Stream(String),
    /// Every request, before its door.
    Authorizer(bool),
    /// Whoever the operator's IAM lets invoke it; it has no route and no queue.
    Invoke(bool),
}

impl Trigger {
    /// The queues whose messages start it, in the order in which they are served.
    #[must_use]
    pub fn queues(&self) -> &[String] {
        match self {
            Self::Queue(queues) => queues,
            Self::Http(_) | Self::Schedule(_) | Self::Stream(_) | Self::Authorizer(_) | Self::Invoke(_) => {
                &[]
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::deserialize(from)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

fn one_if_one<S: Serializer>(queues: &[String], to: S) -> Result<S::Ok, S::Error> {
    match queues {
        [one] => one.serialize(to),
        many => many.serialize(to),
    }
}

/// What a function touches.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uses {
    /// The three tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<Level>,
    /// Counts in the table of counters, whose partitions are `counter#…`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counters: bool,
    /// The bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blobs: Option<Level>,
    /// The bucket of the ledger's anchors, in which nothing is ever changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anchors: bool,
    /// `sign:token`, `sign:ledger`, `public:token`, `public:ledger`, `wrap`, `unwrap`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Publishes events, sends to queues.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bus: bool,
    /// Reads queue depths and redrives dead letters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queues: bool,
    /// Sends letters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mail: bool,
    /// Calls hosts that tenants name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub egress: bool,
    /// Reads feeds of threats, which a setting names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub feeds: bool,
    /// Asks the witnesses that a setting names for their cosignatures.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub witnesses: bool,
    /// Reads chains.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chain: bool,
    /// Topics of tenants: knows which are allowed, or publishes to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topics: Option<Level>,
}

/// How far a grant goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Reads.
    Read,
    /// Reads and writes.
    ReadWrite,
}

/// How a function uses the processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cpu {
    /// Mostly waits.
    #[default]
    Light,
    /// Mostly computes: the local host gives it a thread that may block.
    Heavy,
}

/// One queue. Each has a dead-letter queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Who fills it.
    pub from: From,
    /// Hand-outs before a message is a dead letter; 5 unless said.
    #[serde(default = "five")]
    pub receives_max: u32,
}

fn five() -> u32 {
    5
}

/// Who fills a queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum From {
    /// `relay`: audit batches.
    Relay(String),
    /// Events of these types, `*` at the end stands for any rest.
    Events(Vec<String>),
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadManifest {
    /// Not JSON of this shape.
    #[error("infra/stack.json does not have the manifest's shape")]
    Shape(#[from] serde_json::Error),
    /// A number or a name is out of its range.
    #[error("infra/stack.json: {0}")]
    Rule(String),
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// `BadManifest`, with what is wrong.
    pub fn parse(json: &str) -> Result<Self, BadManifest> {
        let manifest: Self = serde_json::from_str(json)?;
        for (name, function) in &manifest.functions {
            let rule = |text: String| Err(BadManifest::Rule(format!("function `{name}` {text}")));
            if !(128..=3008).contains(&function.memory_mb) {
                return rule("needs 128 to 3008 MB".to_owned());
            }
            let longest = if matches!(function.trigger, Trigger::Http(_)) { 29 } else { 900 };
            if !(1..=longest).contains(&function.timeout_s) {
                return rule(format!("needs a timeout of 1 to {longest} s"));
            }
            if matches!(function.trigger, Trigger::Authorizer(false) | Trigger::Invoke(false)) {
                return rule("is started by nothing: its trigger says `false`".to_owned());
            }
            let consumed = function.trigger.queues();
            if let Some(queue) = consumed.iter().find(|queue| !manifest.queues.contains_key(*queue)) {
                return rule(format!("consumes `{queue}`, which is no queue"));
            }
            if matches!(function.trigger, Trigger::Queue(_)) && consumed.is_empty() {
                return rule("is started by nothing: its trigger names no queue".to_owned());
            }
        }
        for (name, queue) in &manifest.queues {
            if let From::Relay(who) = &queue.from
                && who != "relay"
            {
                return Err(BadManifest::Rule(format!(
                    "queue `{name}` is filled by `{who}`, not by `relay`"
                )));
            }
        }
        Ok(manifest)
    }

    /// Every route with the function behind it and the action it needs.
    pub fn routes(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.functions.iter().flat_map(|(name, function)| {
            let routes = match &function.trigger {
                Trigger::Http(routes) => Some(routes),
                _ => None,
            };
            routes
                .into_iter()
                .flatten()
                .map(move |(route, action)| (name.as_str(), route.as_str(), action.as_str()))
        })
    }

    /// The queues that want an event of type `kind`.
    pub fn subscribers<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.queues.iter().filter_map(move |(name, queue)| match &queue.from {
            From::Events(patterns) => patterns
                .iter()
                .any(|pattern| scorpius_core::event::matches_kind(pattern, kind))
                .then_some(name.as_str()),
            From::Relay(_) => None,
        })
    }
}

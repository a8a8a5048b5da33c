//! `scorpius template`: the manifest as a template of AWS SAM, for `sam`'s own commands.
//!
//! It is made from the manifest each time and never kept: Terraform is what describes the stack
//! (`terraform/README.md`). Whoever works with `sam` gets the same functions, routes, queues and
//! settings from it, without alarms, canaries, backups and what else a stack for others needs.

mod functions;
mod resources;

use scorpius_edge::Tier;
use scorpius_edge::manifest::Manifest;
use serde_json::{Map, Value, json};

/// Where `infra/deploy/zips.sh arm64 target/zips` leaves them.
const ZIPS: &str = "target/zips";

/// The whole template.
#[must_use]
pub fn template(manifest: &Manifest) -> Value {
    let mut all = Map::new();
    all.extend(resources::tables());
    all.extend(resources::things());
    all.extend(resources::queues(manifest));
    all.extend(resources::api());
    all.extend(functions::functions(manifest));
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Description": "Scorpius, as `scorpius template` makes it from infra/stack.json.",
        "Parameters": {
            "Architecture": {
                "Type": "String", "Default": "arm64", "AllowedValues": ["arm64", "x86_64"],
                "Description": "What the zips were built for."
            },
            "LogOrigin": {
                "Type": "String", "Default": "scorpius.example/log", "MinLength": 1,
                "Description": "The ledger's name in its checkpoints. It can never be changed."
            },
            "MailFrom": {
                "Type": "String", "Default": "scorpius@scorpius.example", "MinLength": 3,
                "Description": "The address that letters come from; SES must have verified it or its domain."
            },
            "Feeds": {
                "Type": "String", "Default": "[]",
                "Description": "The feeds of threats and sanctions that intel-sync reads, a JSON array."
            },
            "KeepDays": {
                "Type": "String", "Default": "", "AllowedPattern": "([1-9][0-9]{1,4})?",
                "Description": "How many days entries of the ledger are kept at least, 90 to 36500; empty is for ever."
            },
            "WitnessPolicy": {
                "Type": "String", "Default": "",
                "Description": "The witnesses that cosign checkpoints, a policy of C2SP's tlog-policy; nothing asks none."
            },
            "LimitTier": {
                "Type": "String", "Default": "free", "AllowedValues": Tier::ALL.map(Tier::as_str),
                "Description": "How often a tenant may ask whose record does not say it."
            },
            "LimitAddressMinute": {
                "Type": "Number", "Default": 300, "MinValue": 0,
                "Description": "Requests a minute of an address whose callers are not known; 0 is as many as come."
            }
        },
        "Globals": {
            "Function": {
                "Runtime": "provided.al2023", "Handler": "bootstrap",
                "Architectures": [{"Ref": "Architecture"}],
                "Tracing": "Active", "LoggingConfig": {"LogFormat": "JSON"}
            }
        },
        "Resources": all,
        "Outputs": {
            "ApiUrl": {"Description": "Where the API answers.", "Value": {"Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}},
            "Bootstrap": {"Description": "Invoke it once, for the first key.", "Value": {"Ref": logical("bootstrap")}}
        }
    })
}

/// `OutboxRelay` for `outbox-relay`: ids of CloudFormation have letters and digits only.
fn logical(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    words
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect()
}

/// The queue's id; `…Dead` is where its dead letters are.
fn queue_id(queue: &str) -> String {
    format!("{}Queue", logical(queue))
}

fn arn(id: &str) -> Value {
    json!({"Fn::GetAtt": [id, "Arn"]})
}

fn reference(id: &str) -> Value {
    json!({"Ref": id})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doors;

    #[test]
    fn ids_are_made_of_names() {
        assert_eq!(logical("outbox-relay"), "OutboxRelay");
        assert_eq!(logical("POST /v1/scans/{id}"), "POSTV1ScansId");
        assert_eq!(queue_id("intel-sync"), "IntelSyncQueue");
    }

    #[test]
    fn every_function_route_and_queue_of_the_manifest_is_in_it() {
        let manifest = doors::manifest();
        let template = template(&manifest);
        let all = &template["Resources"];
        for (name, function) in &manifest.functions {
            let made = &all[logical(name)];
            assert_eq!(made["Properties"]["Description"], function.purpose, "{name}");
            assert_eq!(made["Properties"]["Timeout"], function.timeout_s, "{name}");
        }
        for (function, route, _) in manifest.routes() {
            let event = &all[logical(function)]["Properties"]["Events"][logical(route)]["Properties"];
            let (method, path) = route.split_once(' ').expect("a method and a path");
            assert_eq!((&event["Method"], &event["Path"]), (&json!(method), &json!(path)));
        }
        for name in manifest.queues.keys() {
            let dead = format!("{}Dead", queue_id(name));
            assert_eq!(all[queue_id(name)]["Type"], "AWS::SQS::Queue", "{name}");
            assert_eq!(all[dead]["Type"], "AWS::SQS::Queue", "{name}");
        }
    }

    /// What a function reads at its start, it is given; and only who signs may sign.
    #[test]
    fn functions_have_the_settings_and_rights_of_what_they_use() {
        let template = template(&doors::manifest());
        let settings = |function: &str| {
            let variables =
                &template["Resources"][logical(function)]["Properties"]["Environment"]["Variables"];
            variables.as_object().expect("settings").keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(
            settings("notifier"),
            ["QUEUE_NOTIFY", "QUEUE_NOTIFY_DEAD", "TABLE_COUNTERS", "TABLE_OUTBOX", "TABLE_RECORDS"]
        );
        assert!(settings("audit-append").contains(&"LOG_ORIGIN".to_owned()));
        assert!(settings("auth").contains(&"ISSUER".to_owned()));
        assert!(settings("mailer").contains(&"MAIL_FROM".to_owned()));
        assert!(!settings("risk-score").contains(&"KEY_TOKEN".to_owned()));
        let rights =
            |function: &str| template["Resources"][logical(function)]["Properties"]["Policies"].to_string();
        assert!(rights("audit-append").contains("kms:Sign"));
        assert!(!rights("audit").contains("kms:Sign"));
        // What it tells goes to the outbox, and to no record.
        let statements = &template["Resources"][logical("audit")]["Properties"]["Policies"][0]["Statement"];
        let puts = |it: &&Value| it["Action"].to_string().contains("dynamodb:PutItem");
        let put_to: Vec<_> = statements.as_array().into_iter().flatten().filter(puts).collect();
        assert!(matches!(put_to[..], [it] if it["Resource"] == json!([arn("Outbox")])), "{put_to:?}");
        assert!(!template.to_string().contains(r#""Resource":"*""#));
    }
}

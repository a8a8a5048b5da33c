//! What each environment would make, held against the rules and against the manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use scorpius::doors;
use scorpius_edge::serve::Cors;
use serde_json::{Value, json};

use super::bench::{Bench, environments};
use super::rules::RULES;
use super::state::{State, list, planned_permissions, statements, texts};
use crate::{say, tree};

const ORIGIN: &str = "https://app.example.com";
const TENANT: &str = "ten_00000000000000000000000000000001";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111111111111:alerts";

/// Every option on: what `prod` has no need of by itself.
fn every_option() -> Vec<String> {
    let options = [
        (
            "domain",
            json!({"name": "api.example.com", "zone_id": "Z1", "truststore_uri": "s3://trust/ca.pem"}),
        ),
        ("origins", json!([ORIGIN])),
        ("emails", json!(["operator@example.com"])),
        ("has_default_endpoint", json!(false)),
        ("route_throttles", json!({"POST /v1/scans": {"rate": 5, "burst": 10}})),
        ("reserved_concurrency", json!({"scan-job": 20})),
        ("boundary_arn", json!("arn:aws:iam::000000000000:policy/scorpius-prod-boundary")),
        ("topics", json!({TENANT: [TOPIC]})),
        // One key takes over from another.
        ("token_keys", json!({"signs": "b", "also": ["a"]})),
        (
            "vault",
            json!({"mode": "COMPLIANCE", "days": 3653, "region": "eu-central-1",
                "role_arn": "arn:aws:iam::111111111111:role/scorpius-vault"}),
        ),
    ];
    // A text is written as it is, everything else as JSON.
    let written = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    options.into_iter().map(|(name, value)| format!("-var={name}={}", written(&value))).collect()
}

/// What each environment would make, by name; planned once. `None`, having said so, without the tools.
pub(super) fn stacks() -> Option<&'static BTreeMap<String, State>> {
    static STACKS: OnceLock<Option<BTreeMap<String, State>>> = OnceLock::new();
    STACKS
        .get_or_init(|| {
            let bench = Bench::foreseeing(|_| ())?;
            let planned = environments().into_iter().map(|environment| {
                let options = if environment == "prod" { every_option() } else { Vec::new() };
                let said = bench.planned(&environment, &options);
                assert!(said.ok, "{environment}: {}", said.text);
                (environment, bench.plan())
            });
            Some(planned.collect())
        })
        .as_ref()
}

#[test]
fn the_rules_hold_in_each_environment() {
    let Some(stacks) = stacks() else { return };
    for (environment, state) in stacks {
        for (rule, finds) in RULES {
            assert_eq!(finds(state), [""; 0], "{environment}: {rule}");
        }
    }
}

#[test]
fn there_are_three_environments_and_each_says_what_it_makes() {
    let Some(stacks) = stacks() else { return };
    assert_eq!(stacks.keys().collect::<Vec<_>>(), ["dev", "prod", "staging"]);
    let page = tree::read("terraform/README.md");
    for (environment, state) in stacks {
        let count = format!("{environment} {}", state.resources.len());
        assert!(page.contains(&count), "terraform/README.md does not say `{count}`");
        let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
        for it in &state.resources {
            *kinds.entry(it.kind.trim_start_matches("aws_")).or_default() += 1;
        }
        let kinds: Vec<_> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        say(&format!("{environment}: {} resources: {}", state.resources.len(), kinds.join(", ")));
    }
}

#[test]
fn what_is_made_is_what_the_manifest_lists() {
    let Some(stacks) = stacks() else { return };
    let manifest = doors::manifest();
    for (environment, state) in stacks {
        let named = |suffix: &String| format!("scorpius-{environment}-{suffix}");
        let functions: BTreeSet<_> =
            state.all("aws_lambda_function").map(|it| it.text("function_name").to_owned()).collect();
        assert_eq!(functions, manifest.functions.keys().map(named).collect(), "{environment}");

        let routes: BTreeSet<_> =
            state.all("aws_apigatewayv2_route").map(|it| it.text("route_key")).collect();
        let listed: BTreeSet<_> = manifest.routes().map(|(_, route, _)| route).collect();
        assert_eq!(routes, listed, "{environment}");

        let consumed: BTreeSet<_> = state
            .all("aws_lambda_event_source_mapping")
            .filter_map(|it| it.text("event_source_arn").split(":sqs:").nth(1)?.rsplit(':').next())
            .map(str::to_owned)
            .collect();
        assert_eq!(consumed, manifest.queues.keys().map(named).collect(), "{environment}");
    }
}

/// A function that starts without a setting fails at its first call, and only on AWS.
#[test]
fn each_function_has_the_settings_that_its_main_reads() {
    let Some(stacks) = stacks() else { return };
    for (environment, state) in stacks {
        for function in doors::manifest().functions.keys() {
            let name = format!("scorpius-{environment}-{function}");
            let made = state.find("aws_lambda_function", "function_name", &name).expect("it is planned");
            let set = made.within("environment", "variables");
            let missing: Vec<_> = read_by(function).into_iter().filter(|it| !set[it].is_string()).collect();
            assert_eq!(missing, [""; 0], "{name}");
        }
    }
}

/// The settings that a `main` reads, by what it asks of `Aws`.
fn read_by(function: &str) -> Vec<String> {
    let main = tree::read(&format!("functions/{function}/src/main.rs"));
    let ports: [(&str, &[&str]); 6] = [
        ("aws.store()", &["TABLE_RECORDS", "TABLE_OUTBOX", "TABLE_COUNTERS"]),
        ("aws.blobs()", &["BUCKET"]),
        ("aws.anchors()", &["ANCHORS"]),
        ("aws.keys()", &["KEY_TOKEN", "KEY_LEDGER", "KEY_WRAP"]),
        ("aws.bus()", &["BUS", "QUEUE_AUDIT"]),
        ("aws.mail()", &["MAIL_FROM"]),
    ];
    let used = ports.into_iter().filter(|(call, _)| main.contains(call)).flat_map(|(_, names)| names);
    let mut names: Vec<_> = used.map(|it| (*it).to_owned()).collect();
    let after = |call: &str| {
        let texts: Vec<_> = main.split(call).skip(1).filter_map(|rest| rest.split('"').nth(1)).collect();
        texts.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    names.extend(after("setting("));
    for queue in main.split("aws.queue(").skip(1).filter_map(|rest| rest.split('"').nth(3)) {
        let setting = scorpius_aws::settings::queue_setting(queue);
        names.extend([format!("{setting}_DEAD"), setting]);
    }
    if main.contains("aws.queues()") {
        let queues = doors::manifest().queues;
        names.extend(queues.keys().map(|it| scorpius_aws::settings::dead_letter_setting(it)));
    }
    names
}

/// `cargo lambda watch --env-file infra/deploy/local.env` starts every function.
#[test]
fn the_settings_for_trying_functions_are_all_that_they_read() {
    let file = tree::read("infra/deploy/local.env");
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    let set: BTreeMap<_, _> = lines.map(|line| line.split_once('=').expect("a name and a value")).collect();
    let always = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(str::to_owned);
    for function in doors::manifest().functions.keys() {
        let missing: Vec<_> = read_by(function)
            .into_iter()
            .chain(always.clone())
            .filter(|name| set.get(name.as_str()).is_none_or(|value| value.is_empty()))
            .collect();
        assert_eq!(missing, [""; 0], "{function}");
    }
    // Nothing of it leads anywhere but to this machine.
    for value in set.values().filter(|value| value.contains("://")) {
        assert!(value.starts_with("http://127.0.0.1:"), "{value}");
    }
}

/// While one key of tokens takes over from another, tokens of both count, and both versions of a canary can sign.
#[test]
fn a_second_key_of_tokens_is_read_by_who_checks_them_and_used_by_who_signs() {
    let Some(stacks) = stacks() else { return };
    let state = &stacks["prod"];
    let key = |name: &str| {
        let alias = state.find("aws_kms_alias", "name", &format!("alias/scorpius-prod-token-{name}"));
        alias.expect("an alias for each key").text("target_key_arn").to_owned()
    };
    let (before, next) = (key("a"), key("b"));
    assert_ne!(before, next);
    let planned = planned_permissions(state);
    for (function, it) in doors::manifest().functions {
        let name = format!("scorpius-prod-{function}");
        let made = state.find("aws_lambda_function", "function_name", &name).expect("it is planned");
        let set = made.within("environment", "variables");
        let uses = |what: &str| it.uses.keys.iter().any(|key| key == what);
        if uses("public:token") {
            assert_eq!((&set["KEY_TOKEN"], &set["KEY_TOKEN_ALSO"]), (&json!(next), &json!(before)), "{name}");
        } else {
            assert!(set["KEY_TOKEN_ALSO"].is_null(), "{name}");
        }
        for (action, wanted) in [("kms:Sign", uses("sign:token")), ("kms:GetPublicKey", uses("public:token"))]
        {
            for key in [&before, &next] {
                let permission = (action.to_owned(), key.clone());
                assert_eq!(planned[&name].contains(&permission), wanted, "{name}: {action} on {key}");
            }
        }
    }
    // Signing keys are not rotated by KMS, and one that is given up can be taken back for a month.
    let made = state.find("aws_kms_key", "arn", &next).expect("a key");
    assert_eq!(
        (made.text("customer_master_key_spec"), &made.values["deletion_window_in_days"]),
        ("ECC_NIST_EDWARDS25519", &json!(30))
    );
    let alone = stacks["dev"]
        .all("aws_lambda_function")
        .all(|it| it.within("environment", "variables")["KEY_TOKEN_ALSO"].is_null());
    assert!(
        alone
            && stacks["dev"].all("aws_kms_alias").filter(|it| it.text("name").contains("-token-")).count()
                == 1
    );
}

#[test]
fn a_tenant_s_topic_is_known_to_two_functions_and_published_to_by_one() {
    let Some(stacks) = stacks() else { return };
    let publish = ("sns:Publish".to_owned(), TOPIC.to_owned());
    for function in doors::manifest().functions.keys() {
        let name = format!("scorpius-prod-{function}");
        let made = stacks["prod"].find("aws_lambda_function", "function_name", &name).expect("it is planned");
        let told = &made.within("environment", "variables")["TOPICS"];
        let knows = ["notifier-deliver", "webhooks"].contains(&function.as_str());
        assert_eq!(told.as_str(), knows.then_some(format!("{TENANT}={TOPIC}").as_str()), "{name}");
        let may = planned_permissions(&stacks["prod"])[&name].contains(&publish);
        assert_eq!(may, function == "notifier-deliver", "{name}");
    }
    assert!(
        planned_permissions(&stacks["dev"]).values().flatten().all(|(action, _)| action != "sns:Publish")
    );
}

#[test]
fn what_is_production_s_is_kept() {
    let Some(stacks) = stacks() else { return };
    let lock = |environment: &str, module: &str| {
        let mut all = stacks[environment].all("aws_s3_bucket_object_lock_configuration");
        let of = all.find(|it| it.address.contains(module)).expect("a lock");
        let kept = &of.values["rule"][0]["default_retention"][0];
        (kept["mode"].clone(), kept["days"].clone(), of.text("region").to_owned())
    };
    assert_eq!(lock("dev", "module.vault."), (json!("GOVERNANCE"), json!(1), "eu-west-1".to_owned()));
    // The second provider: the vault's account and region.
    assert_eq!(lock("prod", "module.vault."), (json!("COMPLIANCE"), json!(3653), "eu-central-1".to_owned()));
    // Anchors are put by a function, and are where it is.
    assert_eq!(lock("prod", "module.anchors."), (json!("COMPLIANCE"), json!(3653), "eu-west-1".to_owned()));
    for (environment, protected) in [("dev", false), ("staging", true), ("prod", true)] {
        let state = &stacks[environment];
        assert!(
            state.all("aws_dynamodb_table").all(|it| it.values["deletion_protection_enabled"] == protected)
        );
        assert!(state.all("aws_s3_bucket").all(|it| it.values["force_destroy"] != protected));
        // A canary, and with it CodeDeploy, for each function.
        let groups = state.all("aws_codedeploy_deployment_group").collect::<Vec<_>>();
        assert_eq!(groups.len(), if protected { doors::manifest().functions.len() } else { 0 });
        for group in groups {
            let events = texts(&group.within("auto_rollback_configuration", "events").clone());
            assert!(events.contains(&"DEPLOYMENT_STOP_ON_ALARM".to_owned()), "{}", group.address);
            let alarms = texts(group.within("alarm_configuration", "alarms"));
            let are_there =
                |name: &String| state.find("aws_cloudwatch_metric_alarm", "alarm_name", name).is_some();
            assert!(alarms.len() >= 2 && alarms.iter().all(are_there), "{}: {alarms:?}", group.address);
        }
    }
    let copied = stacks["prod"].all("aws_backup_plan").next().expect("a plan");
    let copy =
        copied.values["rule"][0]["copy_action"][0]["destination_vault_arn"].as_str().unwrap_or_default();
    assert!(copy.contains(":eu-central-1:"), "{copy}");
    // Nothing is set aside unless it is asked for.
    for it in stacks["staging"].all("aws_lambda_function") {
        assert_eq!(it.values["reserved_concurrent_executions"], -1, "{}", it.address);
    }
}

#[test]
fn a_name_of_one_s_own_has_a_certificate_and_current_tls() {
    let Some(stacks) = stacks() else { return };
    let state = &stacks["prod"];
    let name = state.all("aws_apigatewayv2_domain_name").next().expect("a name");
    let certificate =
        name.within("domain_name_configuration", "certificate_arn").as_str().unwrap_or_default();
    assert!(state.find("aws_acm_certificate_validation", "certificate_arn", certificate).is_some());
    assert_eq!(*name.within("domain_name_configuration", "security_policy"), "TLS_1_2");
    assert_eq!(*name.within("mutual_tls_authentication", "truststore_uri"), "s3://trust/ca.pem");
    let mapped = state.find("aws_apigatewayv2_api_mapping", "domain_name", "api.example.com");
    assert!(mapped.is_some_and(|it| state.find("aws_apigatewayv2_api", "id", it.text("api_id")).is_some()));
    let mut records: Vec<_> = state.all("aws_route53_record").map(|it| it.text("type")).collect();
    records.sort_unstable();
    assert_eq!(records, ["A", "AAAA", "CNAME"]);
    assert!(stacks["dev"].all("aws_acm_certificate").next().is_none());
}

#[test]
fn nothing_is_taken_over_plain_http() {
    let Some(stacks) = stacks() else { return };
    let kinds = ["aws_s3_bucket_policy", "aws_sqs_queue_policy", "aws_sns_topic_policy"];
    for (environment, state) in stacks {
        let policies: Vec<_> =
            state.resources.iter().filter(|it| kinds.contains(&it.kind.as_str())).collect();
        // Each bucket, queue and topic has one.
        let things = ["aws_s3_bucket", "aws_sqs_queue", "aws_sns_topic"].map(|kind| state.all(kind).count());
        assert_eq!(policies.len(), things.iter().sum::<usize>(), "{environment}");
        for policy in policies {
            let refused = statements(&policy.document("policy")).into_iter().any(|it| {
                it["Effect"] == "Deny" && it["Condition"]["Bool"]["aws:SecureTransport"] == "false"
            });
            assert!(refused, "{environment}: {}", policy.address);
        }
    }
}

#[test]
fn the_ledger_s_queue_is_worked_on_by_few() {
    let Some(stacks) = stacks() else { return };
    for (environment, state) in stacks {
        let most = |queue: &str| {
            let ending = format!(":scorpius-{environment}-{queue}");
            let mut mappings = state.all("aws_lambda_event_source_mapping");
            let mapping =
                mappings.find(|it| it.text("event_source_arn").ends_with(&ending)).expect("a mapping");
            mapping.within("scaling_config", "maximum_concurrency").as_u64()
        };
        assert_eq!((most("audit"), most("notify")), (Some(2), Some(10)), "{environment}");
    }
}

/// The gateway answers a browser as `scorpius_edge::serve::Cors` does, which the local host asks.
#[test]
fn browsers_are_told_the_same_as_by_the_local_host() {
    let Some(stacks) = stacks() else { return };
    let api = stacks["prod"].all("aws_apigatewayv2_api").next().expect("an API");
    let told = &api.values["cors_configuration"][0];
    let joined = |name: &str| {
        let mut all = texts(&told[name]);
        all.sort();
        all
    };
    let cors = Cors { origins: vec![ORIGIN.to_owned()] };
    let headers: BTreeMap<_, _> = cors.headers(ORIGIN, true).into_iter().collect();
    let split = |name: &str| {
        let mut all: Vec<_> = headers[name].split(", ").map(str::to_owned).collect();
        all.sort();
        all
    };
    assert_eq!(joined("allow_origins"), [ORIGIN]);
    assert_eq!(joined("allow_methods"), split("access-control-allow-methods"));
    assert_eq!(joined("allow_headers"), split("access-control-allow-headers"));
    assert_eq!(joined("expose_headers"), split("access-control-expose-headers"));
    assert_eq!(told["max_age"].to_string(), headers["access-control-max-age"]);
    assert_eq!(api.values["disable_execute_api_endpoint"], true);
    // No origin, no rule: nothing is allowed.
    let closed = stacks["dev"].all("aws_apigatewayv2_api").next().expect("an API");
    assert!(list(&closed.values["cors_configuration"]).is_empty());
}

#[test]
fn a_queue_gets_what_it_subscribed_to_tenant_by_tenant() {
    let Some(stacks) = stacks() else { return };
    let state = &stacks["dev"];
    let rules: BTreeMap<_, Value> = state
        .all("aws_cloudwatch_event_rule")
        .map(|it| (it.text("name"), it.document("event_pattern")["detail-type"].clone()))
        .collect();
    assert_eq!(
        rules["scorpius-dev-notify"],
        json!(
            ["alert", "audit", "identity", "intel", "policy", "risk", "scan", "wallet"]
                .map(|name| json!({"prefix": format!("scorpius.{name}.")}))
        )
    );
    assert_eq!(rules["scorpius-dev-scan"], json!(["scorpius.scan.requested.v1"]));
    for target in state.all("aws_cloudwatch_event_target") {
        // A message's body is the event itself.
        assert_eq!(target.text("input_path"), "$.detail", "{}", target.address);
        assert_eq!(
            *target.within("sqs_target", "message_group_id"),
            "$.detail.tenantid",
            "{}",
            target.address
        );
    }
}

//! What must hold of the stack whatever its settings are. A rule answers with what breaks it.

use serde_json::Value;

use super::state::{Resource, State, allows, list, permissions, statements, texts};

/// A rule: its name, and what it finds.
pub(super) type Rule = (&'static str, fn(&State) -> Vec<String>);

/// All of them.
pub(super) const RULES: [Rule; 12] = [
    ("a target's queue lets the bus in", targets_are_let_in),
    ("a key lets those in who encrypt with it", keys_let_services_in),
    ("a queue hides a message for six times its consumer's time", messages_stay_hidden),
    ("no permission is for everything", nothing_is_allowed_on_everything),
    ("no policy lets everybody in", nobody_is_let_in_unnamed),
    ("whatever can fail for good has dead letters", failures_are_kept),
    ("a failed message costs no other", failures_are_named),
    ("every request is asked who it is from", requests_are_authorized),
    ("a function is started by its own API and its own queues only", functions_admit_their_own),
    ("a function is built, logged and traced as all are", functions_are_alike),
    ("a bucket keeps versions, is encrypted and is nobody else's", buckets_are_closed),
    ("a table is encrypted, and what must not be lost is recoverable", tables_are_safe),
];

/// Actions that AWS has no resources for, by its "Service Authorization Reference".
const WITHOUT_RESOURCE: [&str; 2] = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"];

fn queue<'s>(state: &'s State, arn: &str) -> Option<&'s Resource> {
    state.find("aws_sqs_queue", "arn", arn)
}

/// Whether the queue's policy lets `service` send for `source`.
fn may_send(state: &State, queue: &Resource, service: &str, source: &str) -> bool {
    let policies = state.all("aws_sqs_queue_policy").filter(|it| it.text("queue_url") == queue.text("url"));
    let mut statements = policies.flat_map(|it| statements(&it.document("policy")));
    statements.any(|statement| {
        allows(&statement, "sqs:SendMessage", queue.text("arn"))
            && texts(&statement["Principal"]["Service"]).iter().any(|it| it == service)
            && texts(&statement["Condition"]["ArnEquals"]["aws:SourceArn"]).iter().any(|it| it == source)
    })
}

fn targets_are_let_in(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    for target in state.all("aws_cloudwatch_event_target") {
        let rule = state.find("aws_cloudwatch_event_rule", "name", target.text("rule"));
        let source = rule.map(|it| it.text("arn")).unwrap_or_default();
        let letters = target.within("dead_letter_config", "arn").as_str().unwrap_or_default();
        for arn in [target.text("arn"), letters] {
            match queue(state, arn) {
                Some(queue) if may_send(state, queue, "events.amazonaws.com", source) => {}
                _ => wrong.push(format!("{}: events.amazonaws.com may not send to `{arn}`", target.address)),
            }
        }
    }
    for bus in state.all("aws_cloudwatch_event_bus") {
        let letters = queue(state, bus.within("dead_letter_config", "arn").as_str().unwrap_or_default());
        if !letters.is_some_and(|it| may_send(state, it, "events.amazonaws.com", bus.text("arn"))) {
            wrong.push(format!("{}: events.amazonaws.com may not send its dead letters", bus.address));
        }
    }
    wrong
}

/// Whether the policy of the key lets `service` do all of `actions`.
fn key_lets_in(state: &State, key: &str, service: &str, actions: &[&str]) -> bool {
    let Some(key) = state.find("aws_kms_key", "arn", key) else { return false };
    let statements = statements(&key.document("policy"));
    let mut for_service =
        statements.iter().filter(|it| texts(&it["Principal"]["Service"]).iter().any(|it| it == service));
    for_service.any(|statement| actions.iter().all(|action| allows(statement, action, "*")))
}

fn keys_let_services_in(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |by: &Resource, key: &str, service: &str| {
        if !key_lets_in(state, key, service, &["kms:Decrypt", "kms:GenerateDataKey"]) {
            wrong.push(format!("{}: the key `{key}` does not let {service} in", by.address));
        }
    };
    for target in state.all("aws_cloudwatch_event_target") {
        let letters = target.within("dead_letter_config", "arn").as_str().unwrap_or_default();
        for queue in [target.text("arn"), letters].into_iter().filter_map(|arn| queue(state, arn)) {
            check(target, queue.text("kms_master_key_id"), "events.amazonaws.com");
        }
    }
    for bus in state.all("aws_cloudwatch_event_bus") {
        check(bus, bus.text("kms_key_identifier"), "events.amazonaws.com");
    }
    for group in state.all("aws_cloudwatch_log_group") {
        check(group, group.text("kms_key_id"), &format!("logs.{}.amazonaws.com", group.text("region")));
    }
    for topic in state.all("aws_sns_topic") {
        check(topic, topic.text("kms_master_key_id"), "cloudwatch.amazonaws.com");
        check(topic, topic.text("kms_master_key_id"), "budgets.amazonaws.com");
    }
    wrong
}

/// Mappings from queues, each with its queue.
fn consumed(state: &State) -> impl Iterator<Item = (&Resource, &Resource)> {
    let mappings = state.all("aws_lambda_event_source_mapping");
    mappings.filter_map(|it| Some((it, queue(state, it.text("event_source_arn"))?)))
}

fn messages_stay_hidden(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    for (mapping, queue) in consumed(state) {
        let timeout_s =
            state.function(mapping.text("function_name")).and_then(|it| it.values["timeout"].as_u64());
        let hidden_s = queue.values["visibility_timeout_seconds"].as_u64().unwrap_or(0);
        match timeout_s {
            Some(timeout_s) if hidden_s >= 6 * timeout_s => {}
            Some(timeout_s) => wrong.push(format!(
                "{}: hides a message for {hidden_s} s, and its consumer may take {timeout_s} s",
                queue.address
            )),
            None => wrong.push(format!("{}: its function is not in the stack", mapping.address)),
        }
    }
    wrong
}

fn nothing_is_allowed_on_everything(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    for role in state.all("aws_iam_role") {
        for (action, resource) in permissions(state, role) {
            let whole_service = action == "*" || action.ends_with(":*");
            if whole_service || resource == "*" && !WITHOUT_RESOURCE.contains(&action.as_str()) {
                wrong.push(format!("{}: may `{action}` on `{resource}`", role.address));
            }
        }
    }
    wrong
}

/// Policies of resources: every one that allows names whom, and no account's key but by IAM.
fn nobody_is_let_in_unnamed(state: &State) -> Vec<String> {
    let kinds = ["aws_sqs_queue_policy", "aws_s3_bucket_policy", "aws_kms_key", "aws_sns_topic_policy"];
    let policies = state.resources.iter().filter(|it| kinds.contains(&it.kind.as_str()));
    let mut wrong = Vec::new();
    for it in policies {
        for statement in statements(&it.document("policy")).iter().filter(|it| it["Effect"] == "Allow") {
            let principal = &statement["Principal"];
            let everybody = principal == "*" || texts(&principal["AWS"]).iter().any(|it| it == "*");
            // A service acts for any account that asks it to.
            let unbound = principal.get("Service").is_some() && statement["Condition"].is_null();
            if everybody || unbound {
                wrong.push(format!("{}: `{}` lets in whoever comes", it.address, statement["Sid"]));
            }
        }
    }
    wrong
}

fn failures_are_kept(state: &State) -> Vec<String> {
    let is_queue = |arn: &Value| arn.as_str().is_some_and(|arn| queue(state, arn).is_some());
    let mut wrong = Vec::new();
    let mut check = |by: &Resource, kept: bool| {
        if !kept {
            wrong.push(format!("{}: keeps no dead letters", by.address));
        }
    };
    for target in state.all("aws_cloudwatch_event_target") {
        check(target, is_queue(target.within("dead_letter_config", "arn")));
    }
    for bus in state.all("aws_cloudwatch_event_bus") {
        check(bus, is_queue(bus.within("dead_letter_config", "arn")));
    }
    for schedule in state.all("aws_scheduler_schedule") {
        let target = &schedule.values["target"][0];
        check(schedule, is_queue(&target["dead_letter_config"][0]["arn"]));
        let function = target["arn"].as_str().unwrap_or_default();
        let function = state.function(function).map(|it| it.text("function_name")).unwrap_or_default();
        let invoked = state.find("aws_lambda_function_event_invoke_config", "function_name", function);
        let kept = invoked
            .is_some_and(|it| is_queue(&it.values["destination_config"][0]["on_failure"][0]["destination"]));
        check(schedule, kept);
    }
    for mapping in state.all("aws_lambda_event_source_mapping") {
        let kept = match queue(state, mapping.text("event_source_arn")) {
            Some(queue) => is_queue(&queue.document("redrive_policy")["deadLetterTargetArn"]),
            None => is_queue(&mapping.values["destination_config"][0]["on_failure"][0]["destination_arn"]),
        };
        check(mapping, kept);
    }
    wrong
}

fn failures_are_named(state: &State) -> Vec<String> {
    let mappings = state.all("aws_lambda_event_source_mapping");
    let unnamed =
        mappings.filter(|it| texts(&it.values["function_response_types"]) != ["ReportBatchItemFailures"]);
    let mut wrong: Vec<_> =
        unnamed.map(|it| format!("{}: hands out a whole batch again", it.address)).collect();
    let streams =
        state.all("aws_lambda_event_source_mapping").filter(|it| !it.text("starting_position").is_empty());
    let endless = streams.filter(|it| {
        it.values["bisect_batch_on_function_error"] != true
            || it.values["maximum_retry_attempts"].as_i64().is_none_or(|it| it < 0)
    });
    wrong.extend(endless.map(|it| format!("{}: one bad row stops the stream", it.address)));
    wrong
}

fn requests_are_authorized(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    for it in state.all("aws_apigatewayv2_authorizer") {
        let remembers = it.values["authorizer_result_ttl_in_seconds"] != 0;
        let skips = !list(&it.values["identity_sources"]).is_empty();
        let is_ours = it.text("authorizer_type") == "REQUEST"
            && it.text("authorizer_payload_format_version") == "2.0"
            && it.values["enable_simple_responses"] == true;
        if remembers || skips || !is_ours {
            wrong.push(format!("{}: does not ask the function about every request", it.address));
        }
    }
    for route in state.all("aws_apigatewayv2_route") {
        let authorizer = state.find("aws_apigatewayv2_authorizer", "id", route.text("authorizer_id"));
        if route.text("authorization_type") != "CUSTOM" || authorizer.is_none() {
            wrong.push(format!("{}: is not authorized", route.address));
        }
    }
    for stage in state.all("aws_apigatewayv2_stage") {
        let limit = stage.within("default_route_settings", "throttling_rate_limit");
        if limit.as_f64().is_none_or(|limit| limit <= 0.0) {
            wrong.push(format!("{}: takes any number of requests", stage.address));
        }
        if stage.within("access_log_settings", "destination_arn").as_str().is_none_or(str::is_empty) {
            wrong.push(format!("{}: logs no requests", stage.address));
        }
    }
    wrong
}

fn functions_admit_their_own(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    let api = state.all("aws_apigatewayv2_api").next().map(|it| it.text("execution_arn")).unwrap_or_default();
    for it in state.all("aws_lambda_permission") {
        let own = !api.is_empty() && it.text("source_arn").starts_with(&format!("{api}/"));
        if it.text("principal") != "apigateway.amazonaws.com" || !own || it.text("qualifier") != "live" {
            wrong.push(format!("{}: lets in more than its own API, or not to `live`", it.address));
        }
    }
    let started = state.all("aws_apigatewayv2_integration").map(|it| (it, it.text("integration_uri")));
    let started =
        started.chain(state.all("aws_apigatewayv2_authorizer").map(|it| (it, it.text("authorizer_uri"))));
    for (by, uri) in started {
        // arn:…:apigateway:<region>:lambda:path/2015-03-31/functions/<alias>/invocations
        let alias = uri.split("/functions/").nth(1).and_then(|it| it.strip_suffix("/invocations"));
        let function = alias.filter(|it| it.ends_with(":live")).and_then(|it| state.function(it));
        let named = function.map(|it| it.text("function_name")).unwrap_or_default();
        if state.find("aws_lambda_permission", "function_name", named).is_none() {
            wrong.push(format!("{}: starts `{uri}`, which does not let it", by.address));
        }
    }
    wrong
}

fn functions_are_alike(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    for function in state.all("aws_lambda_function") {
        let name = function.text("function_name");
        let group = function.within("logging_config", "log_group").as_str().unwrap_or_default();
        let group = state.find("aws_cloudwatch_log_group", "name", group);
        let role = state.find("aws_iam_role", "arn", function.text("role"));
        let faults = [
            ("is not built for provided.al2023", function.text("runtime") != "provided.al2023"),
            ("logs something else than JSON", *function.within("logging_config", "log_format") != "JSON"),
            ("has no group of logs that end", group.is_none_or(|it| it.values["retention_in_days"] == 0)),
            ("sends no traces", *function.within("tracing_config", "mode") != "Active"),
            ("publishes no versions", function.values["publish"] != true),
            (
                "has no alias `live`",
                !state
                    .all("aws_lambda_alias")
                    .any(|it| it.text("function_name") == name && it.text("name") == "live"),
            ),
            ("has a role that is not its own", role.is_none_or(|it| it.text("name") != name)),
        ];
        let found = faults.into_iter().filter(|(_, is_so)| *is_so);
        wrong.extend(found.map(|(fault, _)| format!("{}: {fault}", function.address)));
    }
    wrong
}

pub(super) fn buckets_are_closed(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    for bucket in state.all("aws_s3_bucket") {
        let name = bucket.text("bucket");
        let of =
            |kind: &str| state.find(kind, "bucket", name).map(|it| it.values.clone()).unwrap_or_default();
        let blocked = of("aws_s3_bucket_public_access_block");
        let closed =
            ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"];
        let rule = &of("aws_s3_bucket_server_side_encryption_configuration")["rule"][0];
        let encryption = &rule["apply_server_side_encryption_by_default"][0];
        let policy: Value = of("aws_s3_bucket_policy")["policy"]
            .as_str()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let versions = of("aws_s3_bucket_versioning");
        let faults = [
            ("keeps no versions", versions["versioning_configuration"][0]["status"] != "Enabled"),
            ("may be public", closed.iter().any(|it| blocked[it] != true)),
            ("is not encrypted with a key of ours", encryption["kms_master_key_id"].as_str().is_none()),
            (
                "takes plain HTTP",
                !statements(&policy).iter().any(|it| {
                    it["Effect"] == "Deny" && it["Condition"]["Bool"]["aws:SecureTransport"] == "false"
                }),
            ),
        ];
        let found = faults.into_iter().filter(|(_, is_so)| *is_so);
        wrong.extend(found.map(|(fault, _)| format!("{}: {fault}", bucket.address)));
    }
    wrong
}

fn tables_are_safe(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    for table in state.all("aws_dynamodb_table") {
        let is = |suffix: &str| table.text("name").ends_with(suffix);
        let recoverable = *table.within("point_in_time_recovery", "enabled") == true;
        let stream = table.values["stream_enabled"] == true && table.text("stream_view_type") == "NEW_IMAGE";
        let faults = [
            (
                "is not encrypted with a key of ours",
                table.within("server_side_encryption", "kms_key_arn").as_str().is_none(),
            ),
            ("cannot be recovered", is("-records") && !recoverable),
            ("has no stream of what is inserted", is("-outbox") && !stream),
            ("forgets nothing", *table.within("ttl", "enabled") != true),
        ];
        let found = faults.into_iter().filter(|(_, is_so)| *is_so);
        wrong.extend(found.map(|(fault, _)| format!("{}: {fault}", table.address)));
    }
    wrong
}

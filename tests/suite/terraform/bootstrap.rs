//! What the workflows need once: the states' bucket, GitHub as who says who asks, and roles that may do what they
//! are for and nothing else.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::bench::Bench;
use super::rules::buckets_are_closed;
use super::stacks::stacks;
use super::state::{Resource, State, permissions, statements, texts};
use crate::say;

/// What AWS takes in one managed policy, without white space, and of them for one role.
const POLICY_CHARS_MAX: usize = 6_144;
const POLICIES_MAX: usize = 10;
/// Where GitHub's tokens come from.
const ISSUER: &str = "token.actions.githubusercontent.com";

/// What AWS has no resources for, or only ids that it draws itself and that a condition holds to ours.
const ON_EVERYTHING: [&str; 8] = [
    "acm:RequestCertificate",
    "cloudwatch:DescribeAlarms",
    "kms:CreateKey",
    "kms:ListAliases",
    "lambda:CreateEventSourceMapping",
    "lambda:DeleteEventSourceMapping",
    "lambda:UpdateEventSourceMapping",
    "logs:DescribeLogGroups",
];

/// By type of resource: the action that makes it, and the attribute with the ARN that it is asked for; `*` for
/// what has none before it is made.
const MAKES: [(&str, &str, &str); 46] = [
    ("aws_acm_certificate", "acm:RequestCertificate", "*"),
    ("aws_acm_certificate_validation", "acm:DescribeCertificate", "certificate_arn"),
    ("aws_apigatewayv2_api", "apigateway:POST", "/apis"),
    ("aws_apigatewayv2_api_mapping", "apigateway:POST", "/domainnames/d/apimappings"),
    ("aws_apigatewayv2_authorizer", "apigateway:POST", "/apis/a/authorizers"),
    ("aws_apigatewayv2_domain_name", "apigateway:POST", "/domainnames"),
    ("aws_apigatewayv2_integration", "apigateway:POST", "/apis/a/integrations"),
    ("aws_apigatewayv2_route", "apigateway:POST", "/apis/a/routes"),
    ("aws_apigatewayv2_stage", "apigateway:POST", "/apis/a/stages"),
    ("aws_backup_plan", "backup:CreateBackupPlan", "arn"),
    ("aws_backup_selection", "backup:CreateBackupSelection", ":backup:eu-west-1:000000000000:backup-plan:p"),
    ("aws_backup_vault", "backup:CreateBackupVault", "arn"),
    ("aws_budgets_budget", "budgets:ModifyBudget", "arn"),
    ("aws_cloudwatch_dashboard", "cloudwatch:PutDashboard", "dashboard_arn"),
    ("aws_cloudwatch_event_bus", "events:CreateEventBus", "arn"),
    ("aws_cloudwatch_event_rule", "events:PutRule", "arn"),
    ("aws_cloudwatch_event_target", "events:PutTargets", ":events:eu-west-1:000000000000:rule/NAME/NAME-q"),
    ("aws_cloudwatch_log_group", "logs:CreateLogGroup", "arn"),
    (
        "aws_cloudwatch_log_metric_filter",
        "logs:PutMetricFilter",
        ":logs:eu-west-1:000000000000:log-group:/aws/lambda/NAME-f",
    ),
    ("aws_cloudwatch_metric_alarm", "cloudwatch:PutMetricAlarm", "arn"),
    ("aws_codedeploy_app", "codedeploy:CreateApplication", "arn"),
    (
        "aws_codedeploy_deployment_config",
        "codedeploy:CreateDeploymentConfig",
        ":codedeploy:eu-west-1:000000000000:deploymentconfig:NAME-canary",
    ),
    ("aws_codedeploy_deployment_group", "codedeploy:CreateDeploymentGroup", "arn"),
    ("aws_dynamodb_table", "dynamodb:CreateTable", "arn"),
    ("aws_iam_role", "iam:CreateRole", "arn"),
    ("aws_iam_role_policy", "iam:PutRolePolicy", ":iam::000000000000:role/NAME-f"),
    ("aws_iam_role_policy_attachment", "iam:AttachRolePolicy", ":iam::000000000000:role/NAME-backup"),
    ("aws_kms_alias", "kms:CreateAlias", "arn"),
    ("aws_kms_key", "kms:CreateKey", "*"),
    ("aws_lambda_alias", "lambda:CreateAlias", "arn"),
    ("aws_lambda_event_source_mapping", "lambda:CreateEventSourceMapping", "*"),
    ("aws_lambda_function", "lambda:CreateFunction", "arn"),
    (
        "aws_lambda_function_event_invoke_config",
        "lambda:PutFunctionEventInvokeConfig",
        ":lambda:eu-west-1:000000000000:function:NAME-f",
    ),
    ("aws_lambda_permission", "lambda:AddPermission", ":lambda:eu-west-1:000000000000:function:NAME-f"),
    ("aws_route53_record", "route53:ChangeResourceRecordSets", ":route53:::hostedzone/Z1"),
    ("aws_s3_bucket", "s3:CreateBucket", "arn"),
    ("aws_s3_bucket_lifecycle_configuration", "s3:PutLifecycleConfiguration", ":s3:::NAME-b"),
    ("aws_s3_bucket_policy", "s3:PutBucketPolicy", ":s3:::NAME-b"),
    ("aws_s3_bucket_replication_configuration", "s3:PutReplicationConfiguration", ":s3:::NAME-b"),
    ("aws_s3_bucket_server_side_encryption_configuration", "s3:PutEncryptionConfiguration", ":s3:::NAME-b"),
    ("aws_scheduler_schedule", "scheduler:CreateSchedule", "arn"),
    ("aws_scheduler_schedule_group", "scheduler:CreateScheduleGroup", "arn"),
    ("aws_sns_topic", "sns:CreateTopic", "arn"),
    ("aws_sns_topic_policy", "sns:SetTopicAttributes", "arn"),
    ("aws_sns_topic_subscription", "sns:Subscribe", "topic_arn"),
    ("aws_sqs_queue", "sqs:CreateQueue", "arn"),
];

/// Attributes of a queue or a bucket that are types of their own, each set by one action.
const SETS: [(&str, &str, &str); 6] = [
    ("aws_s3_bucket_object_lock_configuration", "s3:PutBucketObjectLockConfiguration", ":s3:::NAME-b"),
    ("aws_s3_bucket_ownership_controls", "s3:PutBucketOwnershipControls", ":s3:::NAME-b"),
    ("aws_s3_bucket_public_access_block", "s3:PutBucketPublicAccessBlock", ":s3:::NAME-b"),
    ("aws_s3_bucket_versioning", "s3:PutBucketVersioning", ":s3:::NAME-b"),
    ("aws_sqs_queue_policy", "sqs:SetQueueAttributes", ":sqs:eu-west-1:000000000000:NAME-q"),
    ("aws_sqs_queue_redrive_allow_policy", "sqs:SetQueueAttributes", ":sqs:eu-west-1:000000000000:NAME-q"),
];

fn options(watched: bool) -> Vec<String> {
    let environments = json!({
        "dev": {"name": "scorpius-dev"},
        "prod": {"name": "scorpius-prod", "zone_id": "Z1",
            "vault_role_arn": "arn:aws:iam::111111111111:role/scorpius-vault"},
    });
    vec![
        "-var=repository=owner/scorpius".to_owned(),
        format!("-var=environments={environments}"),
        format!("-var=is_watched={watched}"),
    ]
}

fn plan(bench: &Bench, options: &[String]) -> super::bench::Said {
    let mut arguments = vec!["plan", "-input=false", "-out=plan"];
    arguments.extend(options.iter().map(String::as_str));
    bench.run(&arguments)
}

/// What is made where everything is on; planned once. `None`, having said so, without the tools.
fn made() -> Option<&'static State> {
    static STATE: OnceLock<Option<State>> = OnceLock::new();
    let planned = || {
        let bench = Bench::foreseeing(|_| ())?.within("bootstrap");
        let said = plan(&bench, &options(true));
        assert!(said.ok, "{}", said.text);
        Some(bench.plan())
    };
    STATE.get_or_init(planned).as_ref()
}

/// The policies of a role that are attached to it.
fn attached<'s>(state: &'s State, role: &str) -> Vec<&'s Resource> {
    let attachments: Vec<_> =
        state.all("aws_iam_role_policy_attachment").filter(|it| it.text("role") == role).collect();
    let policies = attachments.iter().map(|it| {
        let policy = state.find("aws_iam_policy", "arn", it.text("policy_arn"));
        policy.unwrap_or_else(|| panic!("{}: its policy is not in the state", it.address))
    });
    policies.collect()
}

fn allowed(state: &State, role: &str) -> Vec<Value> {
    let all = attached(state, role).into_iter().flat_map(|it| statements(&it.document("policy")));
    let all: Vec<_> = all.collect();
    assert!(!all.is_empty(), "{role} may do nothing");
    all
}

/// Whether `text` is what `pattern` says, in which a star is any text: as IAM compares.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, inner)) = parts.split_last() else { return rest.is_empty() };
    for part in inner {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Whether a statement names the action on the resource, whatever its conditions.
fn names(statement: &Value, action: &str, resource: &str) -> bool {
    texts(&statement["Action"]).iter().any(|it| is_like(it, action))
        && texts(&statement["Resource"]).iter().any(|it| is_like(it, resource))
}

/// Whether IAM would let it through, were every condition met.
fn may(statements: &[Value], action: &str, resource: &str) -> bool {
    let any =
        |effect: &str| statements.iter().any(|it| it["Effect"] == effect && names(it, action, resource));
    any("Allow") && !any("Deny")
}

#[test]
fn patterns_are_compared_as_iam_does() {
    for (pattern, text, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "ab", true),
        ("*", "", true),
        ("a*c*e", "abcde", true),
        ("a*c*e", "abde", false),
        ("s3:Get*", "s3:PutObject", false),
        ("a*a", "a", false),
    ] {
        assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
    }
    let both = [
        json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}),
        json!({"Effect": "Deny", "Action": ["s3:Put*"], "Resource": ["b/*"]}),
    ];
    assert!(may(&both, "s3:PutObject", "a/1") && !may(&both, "s3:PutObject", "b/1"));
}

#[test]
fn a_role_is_taken_on_by_the_workflows_of_its_environment_alone() {
    let Some(state) = made() else { return };
    let provider = state.all("aws_iam_openid_connect_provider").next().expect("GitHub's provider");
    assert_eq!(
        (provider.text("url"), texts(&provider.values["client_id_list"])),
        (&*format!("https://{ISSUER}"), vec!["sts.amazonaws.com".to_owned()])
    );
    let mut seen = BTreeSet::new();
    for role in state.all("aws_iam_role") {
        let trust = role.document("assume_role_policy");
        let (name, kind) = role.text("name").rsplit_once("-workflow-").expect("a workflow's role");
        let environment = name.trim_start_matches("scorpius-").to_owned();
        let environment = if kind == "plan" { format!("{environment}-plan") } else { environment };
        let subject = format!("repo:owner/scorpius:environment:{environment}");
        let wanted = json!([{
            "Effect": "Allow",
            "Principal": {"Federated": provider.text("arn")},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                format!("{ISSUER}:aud"): "sts.amazonaws.com",
                format!("{ISSUER}:sub"): subject,
            }},
        }]);
        assert_eq!(trust["Statement"], wanted, "{}", role.address);
        // A canary takes its time, and the workflow asks for as much.
        assert_eq!(role.values["max_session_duration"], 7200);
        seen.insert(environment);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["dev", "dev-plan", "prod", "prod-plan"]);
}

/// Workflows name their environments as the trusts do.
#[test]
fn workflows_run_in_the_environments_that_are_trusted() {
    let workflow = |name: &str| crate::tree::read(&format!(".github/workflows/{name}.yml"));
    for (name, environment) in [
        ("plan", "environment: ${{ matrix.environment }}-plan"),
        ("drift", "environment: ${{ matrix.environment }}-plan"),
        ("deploy", "environment: ${{ inputs.environment }}-plan"),
        ("deploy", "environment: ${{ inputs.environment }}\n"),
    ] {
        assert!(workflow(name).contains(environment), "{name}: {environment}");
    }
}

#[test]
fn who_plans_changes_nothing_and_reads_no_data() {
    let Some(state) = made() else { return };
    let reads = ["Describe", "Get", "List", "View", "GET"];
    for name in ["scorpius-dev", "scorpius-prod"] {
        let statements = allowed(state, &format!("{name}-workflow-plan"));
        for statement in &statements {
            for action in texts(&statement["Action"]) {
                let verb = action.split(':').nth(1).expect("a service and a verb");
                let is_other = ["kms:Decrypt", "sts:AssumeRole"].contains(&action.as_str());
                assert!(is_other || reads.iter().any(|it| verb.starts_with(it)), "{name}: {action}");
            }
        }
        no_data_is_read(&statements, name);
        let foreign = format!(
            "arn:aws:s3:::scorpius-deploy-states-000000000000-eu-west-1/scorpius/{}.tfstate",
            if name.ends_with("dev") { "prod" } else { "dev" }
        );
        assert!(!may(&statements, "s3:GetObject", &foreign), "{name}: another's state");
    }
}

/// Neither role gets at what the platform keeps.
fn no_data_is_read(statements: &[Value], name: &str) {
    let region = "eu-west-1:000000000000";
    for (action, resource) in [
        ("dynamodb:GetItem", format!("arn:aws:dynamodb:{region}:table/{name}-records")),
        ("dynamodb:Query", format!("arn:aws:dynamodb:{region}:table/{name}-records")),
        ("dynamodb:Scan", format!("arn:aws:dynamodb:{region}:table/{name}-records")),
        ("dynamodb:GetRecords", format!("arn:aws:dynamodb:{region}:table/{name}-outbox/stream/1")),
        ("s3:GetObject", format!("arn:aws:s3:::{name}-blobs-000000000000-eu-west-1/ledger/head")),
        ("s3:GetObjectVersion", format!("arn:aws:s3:::{name}-blobs-000000000000-eu-west-1/ledger/head")),
        ("sqs:ReceiveMessage", format!("arn:aws:sqs:{region}:{name}-audit")),
        ("logs:GetLogEvents", format!("arn:aws:logs:{region}:log-group:/aws/lambda/{name}-auth:*")),
        ("logs:FilterLogEvents", format!("arn:aws:logs:{region}:log-group:/aws/lambda/{name}-auth:*")),
        ("lambda:InvokeFunction", format!("arn:aws:lambda:{region}:function:{name}-bootstrap")),
        ("kms:Sign", format!("arn:aws:kms:{region}:key/k")),
    ] {
        assert!(!may(statements, action, &resource), "{name}: {action} on {resource}");
    }
    // Of keys only the states', and through services what they do in somebody's name.
    for statement in
        statements.iter().filter(|it| names(it, "kms:Decrypt", &format!("arn:aws:kms:{region}:key/k")))
    {
        let through = texts(&statement["Condition"]["StringLike"]["kms:ViaService"]);
        assert!(
            !through.is_empty() && through.iter().all(|it| !it.starts_with("s3.") && !it.starts_with('*')),
            "{statement}"
        );
    }
}

#[test]
fn who_deploys_can_make_whatever_an_environment_has() {
    let (Some(state), Some(stacks)) = (made(), stacks()) else { return };
    for environment in ["dev", "prod"] {
        let name = format!("scorpius-{environment}");
        let statements = allowed(state, &format!("{name}-workflow-deploy"));
        for it in &stacks[environment].resources {
            // The vault's account has a role of its own for this.
            if environment == "prod"
                && it.address.contains("module.vault.")
                && it.values["region"] == "eu-central-1"
            {
                continue;
            }
            let found = MAKES.iter().chain(&SETS).find(|(kind, ..)| *kind == it.kind);
            let (_, action, named) = found.unwrap_or_else(|| panic!("nothing says what makes {}", it.kind));
            let resource = match *named {
                "*" => "*".to_owned(),
                path if path.starts_with('/') => format!("arn:aws:apigateway:eu-west-1::{path}"),
                pattern if pattern.starts_with(':') => format!("arn:aws{}", pattern.replace("NAME", &name)),
                attribute => it.text(attribute).to_owned(),
            };
            assert!(!resource.is_empty(), "{}: no `{named}`", it.address);
            assert!(may(&statements, action, &resource), "{}: {action} on {resource}", it.address);
            let other = resource.replace(&name, "scorpius-other");
            // What is named by its name is nobody else's.
            if other != resource {
                assert!(!may(&statements, action, &other), "{}: {action} on {other}", it.address);
            }
        }
        no_data_is_read(&statements, &name);
        let state_of =
            |it: &str| format!("arn:aws:s3:::scorpius-deploy-states-000000000000-eu-west-1/scorpius/{it}");
        assert!(may(&statements, "s3:PutObject", &state_of(&format!("{environment}.tfstate"))));
        assert!(may(&statements, "s3:DeleteObject", &state_of(&format!("{environment}.tfstate.tflock"))));
        assert!(!may(&statements, "s3:DeleteObject", &state_of(&format!("{environment}.tfstate"))));
    }
}

#[test]
fn nobody_gives_themselves_more_than_they_have() {
    let Some(state) = made() else { return };
    for name in ["scorpius-dev", "scorpius-prod"] {
        let statements = allowed(state, &format!("{name}-workflow-deploy"));
        let boundary = format!("arn:aws:iam::000000000000:policy/{name}-boundary");
        for action in ["iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:AttachRolePolicy"]
        {
            let role = format!("arn:aws:iam::000000000000:role/{name}-scan");
            let naming: Vec<_> =
                statements.iter().filter(|it| it["Effect"] == "Allow" && names(it, action, &role)).collect();
            assert!(!naming.is_empty(), "{action}");
            for it in naming {
                assert_eq!(it["Condition"]["StringEquals"]["iam:PermissionsBoundary"], *boundary, "{action}");
            }
            let own = format!("arn:aws:iam::000000000000:role/{name}-workflow-deploy");
            assert!(action == "iam:CreateRole" || !may(&statements, action, &own), "{action} on itself");
        }
        for action in [
            "iam:CreatePolicy",
            "iam:CreatePolicyVersion",
            "iam:CreateUser",
            "iam:DeleteRolePermissionsBoundary",
            "iam:PutRolePermissionsBoundary",
            "iam:UpdateAssumeRolePolicy",
            "iam:PassRole",
            "iam:CreateOpenIDConnectProvider",
        ] {
            for resource in [
                &*boundary,
                "*",
                &format!("arn:aws:iam::000000000000:role/{name}-workflow-plan"),
                "arn:aws:iam::000000000000:role/admin",
            ] {
                assert!(!may(&statements, action, resource), "{action} on {resource}");
            }
        }
    }
}

#[test]
fn a_star_stands_for_what_knows_no_resources() {
    let Some(state) = made() else { return };
    for policy in state.all("aws_iam_policy").filter(|it| !it.text("name").ends_with("-boundary")) {
        for statement in statements(&policy.document("policy")) {
            if texts(&statement["Resource"]).iter().any(|it| it == "*") {
                let actions = texts(&statement["Action"]);
                assert!(
                    actions.iter().all(|it| ON_EVERYTHING.contains(&it.as_str())),
                    "{}: {actions:?}",
                    policy.address
                );
                // What changes something is held to ours by a condition.
                let changes = actions.iter().any(|it| !it.contains(":List") && !it.contains(":Describe"));
                assert!(!changes || statement["Condition"].is_object(), "{}: {actions:?}", policy.address);
            }
        }
    }
}

#[test]
fn policies_are_as_long_as_aws_takes_them() {
    let Some(state) = made() else { return };
    for policy in state.all("aws_iam_policy") {
        let chars = policy.text("policy").chars().count();
        assert!(chars <= POLICY_CHARS_MAX, "{}: {chars} characters", policy.address);
    }
    for role in state.all("aws_iam_role") {
        assert!(attached(state, role.text("name")).len() <= POLICIES_MAX, "{}", role.address);
    }
}

#[test]
fn the_platform_s_roles_fit_under_the_boundary() {
    let (Some(state), Some(stacks)) = (made(), stacks()) else { return };
    let stack = &stacks["prod"];
    let boundary = state.find("aws_iam_policy", "name", "scorpius-prod-boundary").expect("a boundary");
    let limit = statements(&boundary.document("policy"));
    for role in stack.all("aws_iam_role") {
        assert_eq!(role.text("permissions_boundary"), boundary.text("arn"), "{}", role.address);
        for (action, resource) in permissions(stack, role) {
            assert!(may(&limit, &action, &resource), "{}: {action} on {resource}", role.address);
        }
    }
    for (action, resource) in [
        ("iam:PutRolePolicy", "*"),
        ("sts:AssumeRole", "*"),
        ("dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:000000000000:table/other"),
    ] {
        assert!(!may(&limit, action, resource), "{action} on {resource}");
    }
    // Off unless an environment names it.
    assert!(stacks["dev"].all("aws_iam_role").all(|it| it.text("permissions_boundary").is_empty()));
}

#[test]
fn states_are_kept_as_buckets_are_and_the_trail_cannot_be_wiped_away() {
    let Some(state) = made() else { return };
    assert_eq!(buckets_are_closed(state), [""; 0]);
    let named = |part: &str| {
        state.all("aws_s3_bucket").find(|it| it.text("bucket").contains(part)).expect("a bucket")
    };
    assert_eq!(named("-states-").values["force_destroy"], false);
    let lock =
        state.find("aws_s3_bucket_object_lock_configuration", "bucket", named("-trail-").text("bucket"));
    assert_eq!(lock.expect("a lock").values["rule"][0]["default_retention"][0]["days"], 90);
    let trail = state.all("aws_cloudtrail").next().expect("a trail");
    assert_eq!(
        (&trail.values["is_multi_region_trail"], &trail.values["enable_log_file_validation"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(trail.text("s3_bucket_name"), named("-trail-").text("bucket"));
    let policy =
        state.find("aws_s3_bucket_policy", "bucket", named("-trail-").text("bucket")).expect("a policy");
    let of_trail: Vec<_> = statements(&policy.document("policy"))
        .into_iter()
        .filter(|it| it["Principal"]["Service"] == "cloudtrail.amazonaws.com")
        .collect();
    assert_eq!(of_trail.len(), 2);
    assert!(
        of_trail.iter().all(|it| it["Condition"]["StringEquals"]["aws:SourceArn"] == trail.text("arn")),
        "{of_trail:?}"
    );
    assert_eq!(state.all("aws_guardduty_detector").count(), 1);
    say(&format!("bootstrap of two environments: {} resources", state.resources.len()));
}

#[test]
fn nothing_is_watched_unless_asked_for_and_no_name_begins_as_another() {
    let Some(bench) = Bench::foreseeing(|_| ()) else { return };
    let bench = bench.within("bootstrap");
    assert!(bench.run(&["validate"]).ok);
    let said = plan(&bench, &options(false));
    assert!(said.ok && !said.text.contains("Warning"), "{}", said.text);
    let state = bench.plan();
    assert!(state.all("aws_cloudtrail").chain(state.all("aws_guardduty_detector")).next().is_none());
    for environments in
        [json!({"dev": {"name": "scorpius"}}), json!({"a": {"name": "x-y"}, "b": {"name": "x-y-z"}})]
    {
        let options = ["-var=repository=o/r".to_owned(), format!("-var=environments={environments}")];
        let said = plan(&bench, &options);
        assert!(!said.ok && said.text.contains("may be the beginning of"), "{}", said.text);
    }
    let said = plan(&bench, &["-var=repository=owner/*".to_owned()]);
    assert!(!said.ok && said.text.contains("without stars"), "{}", said.text);
}

//! Faults that are planted in a copy: each is found, by Terraform or by a rule.

use std::fs;
use std::path::Path;

use super::bench::Bench;
use super::rules::RULES;

/// Puts `fault` in the place of `text`, which must stand in the file once.
#[track_caller]
fn plant(folder: &Path, file: &str, text: &str, fault: &str) {
    let path = folder.join(file);
    let whole = fs::read_to_string(&path).expect("a file of the copy");
    assert_eq!(whole.matches(text).count(), 1, "{file}: `{text}`");
    fs::write(&path, whole.replace(text, fault)).expect("a file of the copy");
}

#[test]
fn terraform_refuses_what_the_provider_does_not_know() {
    let Some(bench) = Bench::new() else { return };
    let refused = |file: &str, text: &str, fault: &str, said: &str| {
        let path = bench.folder.join(file);
        let whole = fs::read_to_string(&path).expect("a file of the copy");
        plant(&bench.folder, file, text, fault);
        let answer = bench.run(&["validate"]);
        // Terraform breaks its lines where they are long.
        let text = answer.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!answer.ok && text.contains(said), "`{fault}` was not refused so: {text}");
        fs::write(&path, whole).expect("a file of the copy");
    };
    // A misspelled argument, with the one that was meant.
    refused(
        "modules/queue/main.tf",
        "visibility_timeout_seconds =",
        "visibility_timeout_second =",
        "Did you mean \"visibility_timeout_seconds\"?",
    );
    // The same in a block within, an attribute that is not there, and what is missing.
    refused(
        "modules/function/main.tf",
        "log_format            =",
        "logs_format           =",
        "Did you mean \"log_format\"?",
    );
    refused(
        "modules/bus/outputs.tf",
        "aws_cloudwatch_event_bus.this.arn",
        "aws_cloudwatch_event_bus.this.arnn",
        "This object has no argument, nested block, or exported attribute named",
    );
    refused(
        "modules/schedule/main.tf",
        "flexible_time_window {\n    mode = \"OFF\"\n  }",
        "",
        "Insufficient flexible_time_window blocks",
    );
    refused(
        "modules/function/main.tf",
        "timeout          = var.timeout_s",
        "timeout          = [var.timeout_s]",
        "Incorrect attribute value type",
    );
    assert!(bench.run(&["validate"]).ok, "the copy is as it was");
}

#[test]
fn each_rule_finds_its_fault() {
    let faults = [
        // No policy lets the bus send to a queue.
        ("modules/queue/main.tf", "when = var.has_rule", "when = false", 0),
        // The key does not know the bus.
        ("data.tf", "service = \"events.amazonaws.com\"", "service = \"ec2.amazonaws.com\"", 1),
        ("modules/queue/main.tf", "6 * var.consumer_timeout_s", "var.consumer_timeout_s", 2),
        // A permission on everything.
        (
            "modules/permissions/main.tf",
            "actions   = [\"events:PutEvents\"]\n      resources = [var.bus_arn]",
            "actions   = [\"events:PutEvents\"]\n      resources = [\"*\"]",
            3,
        ),
        (
            "modules/topic/main.tf",
            "        Condition = { StringEquals = { \"aws:SourceAccount\" = data.aws_caller_identity.this.account_id } }\n",
            "",
            4,
        ),
        ("modules/schedule/main.tf", "    dead_letter_config {\n      arn = var.dead_arn\n    }\n", "", 5),
        ("queues.tf", "bisect_batch_on_function_error = true", "bisect_batch_on_function_error = false", 6),
        ("modules/api/main.tf", "result_ttl_in_seconds  = 0", "result_ttl_in_seconds  = 300", 7),
        (
            "modules/api/main.tf",
            "\"${aws_apigatewayv2_api.this.execution_arn}/*/*\"",
            "\"arn:aws:execute-api:eu-west-1:000000000000:*\"",
            8,
        ),
        (
            "modules/function/main.tf",
            "log_format            = \"JSON\"",
            "log_format            = \"Text\"",
            9,
        ),
        ("modules/bucket/main.tf", "block_public_policy     = true", "block_public_policy     = false", 10),
        ("data.tf", "is_recoverable = each.key == \"records\"", "is_recoverable = false", 11),
    ];
    let all = |folder: &Path| {
        for (file, text, fault, _) in faults {
            plant(folder, file, text, fault);
        }
    };
    let Some(bench) = Bench::foreseeing(all) else { return };
    let said = bench.planned("dev", &[]);
    assert!(said.ok, "{}", said.text);
    let state = bench.plan();
    for (file, text, _, rule) in faults {
        let (name, finds) = RULES[rule];
        assert!(!finds(&state).is_empty(), "`{name}` does not find what was planted in {file} at `{text}`");
    }
    // And exactly what was planted, by name.
    let (_, finds) = RULES[0];
    let found = finds(&state);
    assert!(found.iter().all(|it| it.contains("may not send to")) && found.len() == 6, "{found:?}");
    let (_, finds) = RULES[3];
    let found = finds(&state);
    assert!(
        found.len() == 2 && found.iter().all(|it| it.ends_with("may `events:PutEvents` on `*`")),
        "{found:?}"
    );
}

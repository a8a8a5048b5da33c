//! Alarms: one table, an alarm for each thing that it names, a page for each kind, and a number that trips it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::stacks::stacks;
use super::state::{Resource, State, texts};
use crate::tree;

/// What the tests read of a kind in `infra/observability/alarms.json`; Terraform reads the rest.
#[derive(Deserialize)]
struct Kind {
    meaning: String,
    /// Data points, oldest first, at which nobody is to be called.
    quiet: Vec<f64>,
    /// Data points at which somebody is.
    trips: Vec<f64>,
}

fn kinds() -> BTreeMap<String, Kind> {
    serde_json::from_str(&tree::read("infra/observability/alarms.json")).expect("the table of alarms")
}

/// The alarms of one kind.
fn of_kind<'s>(state: &'s State, kind: &str) -> Vec<&'s Resource> {
    let mark = format!("-{kind}.");
    state.all("aws_cloudwatch_metric_alarm").filter(|it| it.text("alarm_name").contains(&mark)).collect()
}

/// Whether the newest data points raise the alarm, as CloudWatch's "M out of N" counts.
fn sounds(alarm: &Resource, points: &[Option<f64>]) -> bool {
    let number =
        |name: &str| alarm.values[name].as_f64().unwrap_or_else(|| panic!("{}: {name}", alarm.address));
    assert_eq!(alarm.text("comparison_operator"), "GreaterThanThreshold", "{}", alarm.address);
    let (threshold, periods) = (number("threshold"), number("evaluation_periods") as usize);
    let needed =
        alarm.values["datapoints_to_alarm"].as_f64().unwrap_or(number("evaluation_periods")) as usize;
    let silence_breaches = alarm.text("treat_missing_data") == "breaching";
    let newest = points.iter().rev().take(periods);
    let breaching = newest.filter(|point| point.map_or(silence_breaches, |it| it > threshold)).count();
    breaching >= needed
}

#[test]
fn each_kind_sounds_when_it_should_and_is_quiet_otherwise() {
    let Some(stacks) = stacks() else { return };
    for (name, kind) in kinds() {
        let alarms = of_kind(&stacks["prod"], &name);
        assert!(!alarms.is_empty(), "no alarm is of the kind `{name}`");
        for alarm in alarms {
            let points = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
            assert!(
                sounds(alarm, &points(&kind.trips)),
                "{} does not sound at {:?}",
                alarm.address,
                kind.trips
            );
            assert!(!sounds(alarm, &points(&kind.quiet)), "{} sounds at {:?}", alarm.address, kind.quiet);
            // Whether silence is a bad sign: only where something must speak each minute.
            let silence = vec![None; 10];
            assert_eq!(sounds(alarm, &silence), name == "outbox-age", "{}", alarm.address);
        }
    }
}

#[test]
fn each_alarm_tells_somebody_and_names_its_page() {
    let Some(stacks) = stacks() else { return };
    for state in stacks.values() {
        let topic = state.all("aws_sns_topic").next().expect("a topic").text("arn");
        let alarms: Vec<_> = state.all("aws_cloudwatch_metric_alarm").collect();
        assert!(alarms.len() >= 50, "{} alarms", alarms.len());
        for alarm in &alarms {
            assert_eq!(texts(&alarm.values["alarm_actions"]), [topic], "{}", alarm.address);
            let page = alarm.text("alarm_description").rsplit('/').next().expect("a last segment");
            assert!(tree::exists(&format!("docs/runbooks/{page}")), "{}: no page {page}", alarm.address);
        }
    }
}

#[test]
fn each_kind_has_a_page_and_each_page_a_kind() {
    let mut kinds: Vec<_> = kinds().into_iter().map(|(name, kind)| (name, Some(kind.meaning))).collect();
    // Made for each function with a canary, and no kind of the table.
    kinds.push(("canary".to_owned(), None));
    for (name, meaning) in &kinds {
        let page = tree::read(&format!("docs/runbooks/{name}.md"));
        assert!(page.starts_with(&format!("# {name}\n")), "docs/runbooks/{name}.md begins with its name");
        assert!(meaning.as_ref().is_none_or(|it| page.contains(it)), "{name}: its page says what it means");
        for part in ["## Look", "## Mend"] {
            assert!(page.contains(part), "docs/runbooks/{name}.md has no `{part}`");
        }
    }
    let pages = tree::files("docs/runbooks").into_iter().filter(|it| !it.ends_with("/README.md"));
    assert_eq!(pages.count(), kinds.len());
}

/// The dead letters of every queue, and of whatever else can fail for good.
#[test]
fn no_dead_letter_goes_unseen() {
    let Some(stacks) = stacks() else { return };
    for state in stacks.values() {
        let watched: Vec<_> = of_kind(state, "dead-letters")
            .iter()
            .map(|it| it.values["dimensions"]["QueueName"].as_str().unwrap_or_default().to_owned())
            .collect();
        let fed = state.all("aws_lambda_event_source_mapping").map(|it| it.text("event_source_arn"));
        let fed: Vec<_> = fed.collect();
        for queue in state.all("aws_sqs_queue").filter(|it| !fed.contains(&it.text("arn"))) {
            assert!(watched.contains(&queue.text("name").to_owned()), "{} is not watched", queue.address);
        }
    }
}

#[test]
fn the_dashboard_shows_every_function_and_queue() {
    let Some(stacks) = stacks() else { return };
    for state in stacks.values() {
        let dashboard = state.all("aws_cloudwatch_dashboard").next().expect("a dashboard");
        let body = dashboard.document("dashboard_body");
        let shown: Vec<&Value> = body["widgets"].as_array().expect("widgets").iter().collect();
        let text = body.to_string();
        let things = ["aws_lambda_function", "aws_sqs_queue", "aws_dynamodb_table"];
        let names = ["function_name", "name", "name"];
        for (kind, name) in things.into_iter().zip(names) {
            for it in state.all(kind) {
                assert!(text.contains(&format!("\"{}\"", it.text(name))), "{} is not shown", it.address);
            }
        }
        // CloudWatch takes 500 metrics a dashboard without asking.
        let metrics: usize =
            shown.iter().map(|it| it["properties"]["metrics"].as_array().map_or(0, Vec::len)).sum();
        assert!((50..500).contains(&metrics), "{metrics} metrics");
    }
}

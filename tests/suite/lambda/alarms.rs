//! Whether an alarm of Terraform's would sound, by what the emulator shows: it keeps few of AWS's metrics, so
//! that each is read where AWS would take it from.

use serde_json::Value;

use super::stage::Stage;

/// What an alarm watches, and what that shows.
#[derive(Debug, PartialEq)]
pub(crate) struct Alarm {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) threshold: f64,
}

impl Alarm {
    /// Every alarm here sounds above its threshold; in how many minutes of how many is AWS's to count.
    pub(crate) fn sounds(&self) -> bool {
        self.value > self.threshold
    }
}

/// The alarm whose name ends so: `dead-letters.audit`.
#[track_caller]
pub(crate) fn alarm(stage: &Stage, ending: &str) -> Alarm {
    let all = stage.deployment.state.all("aws_cloudwatch_metric_alarm");
    let named = |it: &&Value| it["alarm_name"].as_str().is_some_and(|name| name.ends_with(ending));
    let found: Vec<_> = all.map(|it| &it.values).filter(named).collect();
    let [it] = found[..] else { panic!("{} alarms are called `{ending}`", found.len()) };
    assert_eq!(it["comparison_operator"], "GreaterThanThreshold");
    let text = |name: &str| it[name].as_str().unwrap_or_default();
    let value = match (text("namespace"), text("metric_name")) {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible") => {
            let queue = it["dimensions"]["QueueName"].as_str().expect("a queue");
            stage.visible(&stage.queue_named(queue)) as f64
        }
        ("AWS/Lambda", "Errors") => {
            let function = it["dimensions"]["FunctionName"].as_str().expect("a function");
            stage.failed_invocations(function) as f64
        }
        (namespace, metric) => filtered(stage, namespace, metric),
    };
    let threshold = it["threshold"].as_f64().or_else(|| text("threshold").parse().ok());
    Alarm { name: text("alarm_name").to_owned(), value, threshold: threshold.expect("a threshold") }
}

/// The highest value that a metric filter finds in its log: `{ $.oldest_age_ms = * }`, counted as `$.oldest_age_ms`.
fn filtered(stage: &Stage, namespace: &str, metric: &str) -> f64 {
    let all = stage.deployment.state.all("aws_cloudwatch_log_metric_filter");
    let transformation = |values: &Value| values["metric_transformation"][0].clone();
    let it = all.map(|it| &it.values).find(|values| {
        let to = transformation(values);
        to["namespace"] == namespace && to["name"] == metric
    });
    let it = it.unwrap_or_else(|| panic!("nothing makes the metric {namespace} {metric}"));
    let to = transformation(it);
    let field = to["value"].as_str().and_then(|value| value.strip_prefix("$.")).expect("a field of the line");
    assert_eq!(it["pattern"], format!("{{ $.{field} = * }}"), "another pattern than is read here");
    let group = it["log_group_name"].as_str().expect("a log");
    let lines = stage.log_of(group);
    let values = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok()?[field].as_f64());
    values.fold(0.0, f64::max)
}

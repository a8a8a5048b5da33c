//! What functions did, held against what their roles allow: nothing else, and not much more.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::state::{Permission, State, planned_permissions};

/// `uncalled.json`: what is allowed without a call that a run has seen, one by one, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Excuse {
    /// As in the manifest; empty for every function that has the permission.
    functions: BTreeSet<String>,
    actions: BTreeSet<String>,
    /// Things by their short names: see `short`.
    on: BTreeSet<String>,
    why: String,
}

impl Excuse {
    fn is_for(&self, function: &str, action: &str, on: &str) -> bool {
        (self.functions.is_empty() || self.functions.contains(function))
            && self.actions.contains(action)
            && self.on.contains(on)
    }
}

fn excuses() -> Vec<Excuse> {
    serde_json::from_str(include_str!("uncalled.json")).expect("uncalled.json has its shape")
}

/// A thing as one says it, whatever the stack is called and wherever it is: `table records`, `queue audit-dead`, `key wrap`,
/// `blobs/*`, `bus`, `log`, `*`.
fn short(state: &State, arn: &str) -> String {
    let alias = state.find("aws_kms_alias", "target_key_arn", arn).map(|it| it.text("name").to_owned());
    let stack = state.all("aws_cloudwatch_event_bus").next().map(|it| it.text("name")).unwrap_or_default();
    let own = |text: &str| text.replacen(&format!("{stack}-"), "", 1);
    if let Some(alias) = alias {
        return format!("key {}", own(alias.trim_start_matches("alias/")));
    }
    let fields: Vec<_> = arn.splitn(6, ':').collect();
    let [_, _, service, _, _, name] = fields[..] else { return arn.to_owned() };
    match service {
        "dynamodb" => {
            let name = own(name.trim_start_matches("table/"));
            match name.split_once("/stream/") {
                Some((table, "*")) => format!("streams of {table}"),
                Some((table, _)) => format!("stream of {table}"),
                None => format!("table {name}"),
            }
        }
        "s3" => match name.split_once('/') {
            Some((_, within)) => format!("blobs/{within}"),
            None => "blobs".to_owned(),
        },
        "sqs" => format!("queue {}", own(name)),
        "events" => "bus".to_owned(),
        "logs" => "log".to_owned(),
        "ses" => name.to_owned(),
        _ => arn.to_owned(),
    }
}

/// One line of `SCORPIUS_RECORD_CALLS`.
#[derive(Deserialize)]
struct Call {
    function: String,
    needs: Vec<Need>,
}

#[derive(Deserialize)]
struct Need {
    action: String,
    resource: String,
}

/// How what was done and what is allowed differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Done and not allowed: on AWS it would have failed.
    pub(crate) beyond: Vec<String>,
    /// Allowed and neither done nor excused.
    pub(crate) unused: Vec<String>,
    /// Allowed, not done in this run, and excused.
    pub(crate) excused: usize,
}

/// Compares the record of calls with the roles of all functions.
pub(crate) fn difference(state: &State, record: &str) -> Difference {
    let planned = planned_permissions(state);
    let mut done: BTreeMap<String, BTreeSet<Permission>> = BTreeMap::new();
    let mut found = Difference::default();
    for line in record.lines() {
        let call: Call = serde_json::from_str(line).expect("a line of the record is a JSON document");
        for need in call.needs {
            let resource = arn(state, &need.resource);
            let is_allowed = |it: &&Permission| it.0 == need.action && covers(&it.1, &resource);
            match planned.get(&call.function).and_then(|all| all.iter().find(is_allowed)) {
                Some(permission) => {
                    done.entry(call.function.clone()).or_default().insert(permission.clone());
                }
                None => found.beyond.push(format!("{}: {} on {resource}", call.function, need.action)),
            }
        }
    }
    let excuses = excuses();
    for (function, action, on, permission) in triples(state, &planned) {
        let name = full_name(state, &function);
        if done.get(&name).is_some_and(|used| used.contains(&permission)) {
            continue;
        }
        match excuses.iter().any(|excuse| excuse.is_for(&function, &action, &on)) {
            true => found.excused += 1,
            false => found.unused.push(format!("{function}: {action} on {on}")),
        }
    }
    found.beyond.sort();
    found.beyond.dedup();
    found
}

/// A function's name on AWS.
fn full_name(state: &State, function: &str) -> String {
    let stack = state.all("aws_cloudwatch_event_bus").next().map(|it| it.text("name")).unwrap_or_default();
    format!("{stack}-{function}")
}

/// Everything that is allowed: function as in the manifest, action, the thing's short name, and the permission itself.
fn triples(
    state: &State,
    planned: &BTreeMap<String, BTreeSet<Permission>>,
) -> Vec<(String, String, String, Permission)> {
    let stack = full_name(state, "");
    let of_one = |(name, all): (&String, &BTreeSet<Permission>)| {
        let function = name.strip_prefix(&stack).unwrap_or(name).to_owned();
        all.iter()
            .map(|it| (function.clone(), it.0.clone(), short(state, &it.1), it.clone()))
            .collect::<Vec<_>>()
    };
    planned.iter().flat_map(of_one).collect()
}

/// Whether a policy's resource, which may end in a star, is this one. Of a blob the record names the folder
/// alone, in which the policy may name a part.
fn covers(resource: &str, arn: &str) -> bool {
    match resource.strip_suffix('*') {
        Some(begins) => arn.starts_with(begins) || arn.ends_with('/') && begins.starts_with(arn),
        None => resource == arn,
    }
}

/// The ARN of what a call names: a table, a queue's URL, a key's id, a bus, or a bucket with a folder.
fn arn(state: &State, named: &str) -> String {
    let names = [
        ("aws_dynamodb_table", "name"),
        ("aws_sqs_queue", "url"),
        ("aws_kms_key", "key_id"),
        ("aws_cloudwatch_event_bus", "name"),
    ];
    let found = names.iter().find_map(|(kind, name)| state.find(kind, name, named));
    if let Some(found) = found {
        return found.text("arn").to_owned();
    }
    let (bucket, folder) = named.split_once('/').unwrap_or((named, ""));
    match state.find("aws_s3_bucket", "bucket", bucket) {
        Some(bucket) => format!("{}/{folder}/", bucket.text("arn")),
        None => named.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::stacks::stacks;
    use super::*;

    fn line(function: &str, action: &str, resource: &str) -> String {
        json!({"function": function, "service": "x", "operation": "X",
            "needs": [{"action": action, "resource": resource}]})
        .to_string()
    }

    fn check(lines: &[String]) -> Option<Difference> {
        Some(difference(&stacks()?["dev"], &lines.join("\n")))
    }

    #[test]
    fn what_a_role_allows_may_be_done() {
        let Some(stacks) = stacks() else { return };
        let queue = stacks["dev"].find("aws_sqs_queue", "name", "scorpius-dev-audit").expect("a queue");
        let bucket = stacks["dev"].all("aws_s3_bucket").find(|it| it.text("bucket").contains("blobs"));
        let folder = format!("{}/ledger", bucket.expect("a bucket").text("bucket"));
        let lines = [
            line("scorpius-dev-audit-append", "dynamodb:PutItem", "scorpius-dev-records"),
            line("scorpius-dev-audit-append", "s3:PutObject", &folder),
            line("scorpius-dev-outbox-relay", "sqs:SendMessage", queue.text("url")),
            line("scorpius-dev-outbox-relay", "events:PutEvents", "scorpius-dev"),
        ];
        let Some(found) = check(&lines) else { return };
        assert_eq!(found.beyond, [""; 0]);
        // What was done needs no excuse; what was not and has none is named.
        assert!(!found.unused.contains(&"outbox-relay: events:PutEvents on bus".to_owned()), "{found:?}");
        assert!(found.unused.contains(&"audit-append: kms:Sign on key ledger".to_owned()), "{found:?}");
    }

    /// Each line of the list is about something that a role allows, and says why nobody saw it done.
    #[test]
    fn every_excuse_is_for_something_that_is_allowed_and_says_why() {
        let Some(stacks) = stacks() else { return };
        let state = &stacks["dev"];
        let allowed = triples(state, &planned_permissions(state));
        for excuse in excuses() {
            assert!(excuse.why.split(' ').count() >= 5 && excuse.why.ends_with('.'), "{}", excuse.why);
            for action in &excuse.actions {
                for on in &excuse.on {
                    let of: BTreeSet<_> =
                        allowed.iter().filter(|it| it.1 == *action && it.2 == *on).map(|it| &it.0).collect();
                    assert!(!of.is_empty(), "nobody may {action} on {on}");
                    let others: Vec<_> = excuse.functions.iter().filter(|it| !of.contains(it)).collect();
                    assert!(others.is_empty(), "{others:?} may not {action} on {on}");
                }
            }
        }
    }

    #[test]
    fn things_have_short_names() {
        let Some(stacks) = stacks() else { return };
        let state = &stacks["dev"];
        let names: BTreeSet<_> =
            triples(state, &planned_permissions(state)).into_iter().map(|it| it.2).collect();
        let wanted = [
            "*",
            "blobs",
            "blobs/*",
            "blobs/audit-batches/*",
            "bus",
            "key data",
            "key ledger",
            "key token-a",
            "key wrap",
            "log",
            "queue audit",
            "queue audit-dead",
            "queue failures",
            "stream of outbox",
            "streams of outbox",
            "table outbox",
            "table records",
        ];
        for name in wanted {
            assert!(names.contains(name), "no `{name}` in {names:?}");
        }
        assert!(names.iter().all(|name| !name.contains("arn:") && !name.contains("scorpius-")), "{names:?}");
    }

    #[test]
    fn what_no_role_allows_is_named() {
        let lines = [
            // A reader that writes, another's table, and a function that nobody knows.
            line("scorpius-dev-audit", "dynamodb:PutItem", "scorpius-dev-records"),
            line("scorpius-dev-scan", "dynamodb:Query", "scorpius-dev-outbox"),
            line("stranger", "kms:Sign", "k"),
        ];
        let Some(found) = check(&lines) else { return };
        let table = |name: &str| format!("arn:aws:dynamodb:eu-west-1:000000000000:table/scorpius-dev-{name}");
        let wanted = [
            format!("scorpius-dev-audit: dynamodb:PutItem on {}", table("records")),
            format!("scorpius-dev-scan: dynamodb:Query on {}", table("outbox")),
            "stranger: kms:Sign on k".to_owned(),
        ];
        assert_eq!(found.beyond, wanted);
    }
}

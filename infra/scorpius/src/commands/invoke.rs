//! `scorpius invoke`: one event file to one function, as `cargo lambda invoke` does it.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use scorpius_core::Clock;
use scorpius_edge::gateway::{AuthorizerEvent, HttpEvent};
use scorpius_edge::manifest::Trigger;
use scorpius_edge::{Message, Outcome};
use serde_json::Value;

use super::{Done, Verdict, runtime};
use crate::host::{Host, Settings};
use crate::terminal::Terminal;

/// Hand one event file to one function, in a data folder that no host uses.
#[derive(Args)]
pub struct Invoke {
    /// As in infra/stack.json.
    function: String,
    /// An event as AWS would send it: see events/.
    event: PathBuf,
    /// The folder with all state.
    #[arg(long, default_value = ".scorpius", value_name = "DIR")]
    data: PathBuf,
    /// The feeds that `intel-sync` reads, as for `scorpius up`.
    #[arg(long, value_name = "FILE")]
    feeds: Option<PathBuf>,
}

impl Invoke {
    pub(crate) fn run(self) -> Done {
        let json = std::fs::read_to_string(&self.event)?;
        let mut settings = Settings::in_folder(self.data.clone());
        if let Some(file) = &self.feeds {
            settings.feeds = scorpius_feeds::feeds_of(&std::fs::read_to_string(file)?)?;
        }
        runtime()?.block_on(async {
            let clock = settings.clock.clone();
            let (host, _) = Host::open(settings).await?;
            invoke(&host, &self.function, &json, &*clock).await
        })
    }
}

async fn invoke(host: &Host, function: &str, json: &str, clock: &dyn Clock) -> Done {
    let terminal = Terminal::default();
    let entry = host
        .manifest
        .functions
        .get(function)
        .ok_or_else(|| format!("no function `{function}` in the manifest"))?;
    match &entry.trigger {
        Trigger::Http(_) => {
            let event: HttpEvent = serde_json::from_str(json)?;
            let answer = host.door(function, event).await;
            terminal.text(&(serde_json::to_string_pretty(&answer)? + "\n"));
            Ok(if answer.status_code < 400 { Verdict::Fine } else { Verdict::NotFine })
        }
        Trigger::Queue(_) => {
            let event: Value = serde_json::from_str(json)?;
            let mut fine = true;
            for record in event["Records"].as_array().into_iter().flatten() {
                let body = record["body"].as_str().unwrap_or_default();
                let message = Message {
                    id: record["messageId"].as_str().unwrap_or_default().to_owned(),
                    body: Bytes::copy_from_slice(body.as_bytes()),
                    receives: 1,
                };
                let outcome = host.message(function, &message).await;
                fine &= outcome == Outcome::Done;
                terminal.line(format!("{}: {outcome:?}", message.id));
            }
            Ok(if fine { Verdict::Fine } else { Verdict::NotFine })
        }
        Trigger::Schedule(_) if function == "intel-sync" => {
            let outcomes = host.read_feeds().await?;
            let fine =
                !outcomes.values().any(|outcome| matches!(outcome, scorpius_feeds::Outcome::Refused(_)));
            for (feed, outcome) in outcomes {
                terminal.line(format!("{feed}: {outcome:?}"));
            }
            Ok(if fine { Verdict::Fine } else { Verdict::NotFine })
        }
        // On this machine the sweep carries what the stream does.
        Trigger::Schedule(_) | Trigger::Stream(_) => {
            host.tick(if matches!(entry.trigger, Trigger::Stream(_)) { "outbox-sweep" } else { function })
                .await?;
            terminal.line(format!("{function}: done at {}", clock.now()));
            Ok(Verdict::Fine)
        }
        Trigger::Authorizer(_) => {
            let event: AuthorizerEvent = serde_json::from_str(json)?;
            let answer = host.functions.authorizer(event).await?;
            terminal.text(&(serde_json::to_string_pretty(&answer)? + "\n"));
            Ok(Verdict::Fine)
        }
        Trigger::Invoke(_) => {
            let answer = host.functions.bootstrap(serde_json::from_str(json)?).await?;
            terminal.text(&(serde_json::to_string_pretty(&answer)? + "\n"));
            Ok(Verdict::Fine)
        }
    }
}

//! `scorpius queues`: a client of `/v1/admin/queues`, the same against a local host and on AWS.

use clap::Args;
use serde_json::json;

use super::{Done, Verdict, runtime};
use crate::client::Client;
use crate::terminal::Terminal;

/// Show queues, and put dead letters back to work.
#[derive(Args)]
pub struct Queues {
    /// The platform.
    #[arg(long, env = "SCORPIUS_URL", default_value = "http://127.0.0.1:8480")]
    url: String,
    /// An operator's key.
    #[arg(long, env = "SCORPIUS_API_KEY", hide_env_values = true)]
    key: String,
    /// Put dead letters of this queue back to work.
    #[arg(long, value_name = "QUEUE")]
    redrive: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 1000, requires = "redrive")]
    max: u32,
}

impl Queues {
    pub(crate) fn run(self) -> Done {
        runtime()?.block_on(async {
            let terminal = Terminal::default();
            let client = Client::new(&self.url)?.with_key(&self.key);
            if let Some(queue) = &self.redrive {
                let path = format!("/v1/admin/queues/{queue}/redrive");
                client.post(&path, &json!({"max": self.max})).await?;
                terminal.line(format!("dead letters of {queue} are being put back"));
            }
            let answer = client.get("/v1/admin/queues").await?;
            terminal.line(format!(
                "{:<12} {:>9} {:>13} {:>12}",
                "queue", "messages", "dead letters", "oldest (s)"
            ));
            let mut dead = 0;
            for queue in answer["queues"].as_array().into_iter().flatten() {
                let number = |name: &str| queue[name].as_u64().unwrap_or_default();
                dead += number("dead_letters");
                terminal.line(format!(
                    "{:<12} {:>9} {:>13} {:>12}",
                    queue["queue"].as_str().unwrap_or("?"),
                    number("messages"),
                    number("dead_letters"),
                    // An empty queue has no oldest message.
                    queue["oldest_age_s"].as_u64().map_or_else(|| "-".to_owned(), |age| age.to_string()),
                ));
            }
            Ok(if dead == 0 { Verdict::Fine } else { Verdict::NotFine })
        })
    }
}

//! `scorpius smoke`: what a user runs after the first deploy. A client of the HTTP API like any other.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use scorpius_ledger::VerifierKey;
use scorpius_ledger::verify::{self, Verdict as Proved};
use serde_json::{Value, json};

use super::{Done, Verdict, runtime};
use crate::client::{Client, ClientError};
use crate::terminal::Terminal;

/// US Treasury, OFAC, cyber-related designation update of 14 April 2022: the address that received the Ronin bridge's funds.
const SANCTIONED: &str = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96";
/// Between two looks at the ledger.
const LOOK: Duration = Duration::from_millis(500);

/// Check a deployed platform from outside: health, access, a verdict, and its proof. Exit code 1: a step is not as it should be.
#[derive(Args)]
pub struct Smoke {
    /// The platform, such as https://api.example.com.
    #[arg(long, env = "SCORPIUS_URL")]
    url: String,
    /// The environment variable that holds an administrator's key: a key among the arguments could be seen by others.
    #[arg(long, value_name = "NAME", default_value = "SCORPIUS_API_KEY")]
    key_env: String,
    /// A file with the ledger's verifier key, from the answer of `bootstrap` or the host's folder. Without it nothing is proved.
    #[arg(long, value_name = "FILE")]
    ledger_key: Option<PathBuf>,
    /// How long the ledger may take to cover the verdict: a minute is what the sweep takes when the stream does not work.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    wait_s: u64,
}

/// Why no more steps are taken.
#[derive(Debug, thiserror::Error)]
enum Stop {
    /// The step is not as it should be.
    #[error("{0}")]
    Wrong(String),
    /// The platform does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl Smoke {
    pub(crate) fn run(self) -> Done {
        let key = std::env::var(&self.key_env)
            .map_err(|error| format!("the environment variable `{}`: {error}", self.key_env))?;
        let ledger_key = self.ledger_key.as_deref().map(read_key).transpose()?;
        let client = Client::new(&self.url)?;
        let visit = Visit {
            stranger: client,
            keyed: Client::new(&self.url)?.with_key(&key),
            url: self.url,
            patience: Duration::from_secs(self.wait_s),
            ledger_key,
            terminal: Terminal::default(),
        };
        match runtime()?.block_on(visit.walk()) {
            Ok(()) => Ok(Verdict::Fine),
            Err(Stop::Client(error @ (ClientError::Egress { .. } | ClientError::BadUrl(_)))) => {
                Err(error.into())
            }
            Err(stop) => {
                Terminal::default().bad(&scorpius_core::error::chain(&stop));
                Ok(Verdict::NotFine)
            }
        }
    }
}

fn read_key(file: &Path) -> Result<VerifierKey, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(text.trim().parse()?)
}

/// One platform, and what is known of it.
struct Visit {
    stranger: Client,
    keyed: Client,
    url: String,
    patience: Duration,
    ledger_key: Option<VerifierKey>,
    terminal: Terminal,
}

impl Visit {
    async fn walk(&self) -> Result<(), Stop> {
        self.health().await?;
        self.denied().await?;
        let member = self.signed_in().await?;
        let verdict = self.screened(&member).await?;
        let event = self.provable(&member, &verdict).await?;
        self.proved(&member, &event).await
    }

    async fn health(&self) -> Result<(), Stop> {
        self.terminal.heading("1. Health: every dependency answers");
        let health = self.stranger.get("/health/deep").await?;
        let parts: Vec<_> =
            health["parts"].as_array().into_iter().flatten().map(|part| text(part, "name")).collect();
        let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
        self.good(health["status"] == "ok" && !parts.is_empty(), &health, || {
            format!("ok: {}", parts.join(", "))
        })
    }

    async fn denied(&self) -> Result<(), Stop> {
        self.terminal.heading("2. Access: who has no key gets nothing");
        let body = question().to_string();
        let headers = [("content-type", "application/json")];
        let answer = self.stranger.send("POST", "/v1/risk/address", &headers, body).await?;
        let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let denied = answer.status == 401 && problem["code"] == "unauthenticated";
        self.good(denied, &json!({"status": answer.status, "body": problem}), || {
            "401, unauthenticated".to_owned()
        })
    }

    async fn signed_in(&self) -> Result<Client, Stop> {
        self.terminal.heading("3. Key: it is exchanged for a token");
        let answer = self.keyed.post("/v1/auth/token", &json!({})).await?;
        let token = text(&answer, "access_token")?;
        self.terminal.good(&format!("a token of {} characters", token.len()));
        Ok(Client::new(&self.url)?.with_token(token))
    }

    async fn screened(&self, member: &Client) -> Result<String, Stop> {
        self.terminal.heading("4. Screening: an address on OFAC's list");
        let verdict = member.post("/v1/risk/address", &question()).await?;
        let id = text(&verdict, "id")?.to_owned();
        self.good(verdict["level"] == "critical", &verdict, || {
            format!("critical, {}/100: {id}", verdict["score"])
        })?;
        Ok(id)
    }

    /// Waits until the ledger covers the verdict; answers the id of its event.
    async fn provable(&self, member: &Client, id: &str) -> Result<String, Stop> {
        self.terminal.heading("5. Verdict: kept, replayed, and in the ledger");
        let replay = member.post(&format!("/v1/verdicts/{id}/replay"), &json!({})).await?;
        self.good(replay["same"] == true, &replay, || {
            "replayed from its kept inputs: the same bytes".to_owned()
        })?;
        let begun = Instant::now();
        loop {
            let verdict = member.get(&format!("/v1/verdicts/{id}")).await?;
            let proof = &verdict["proof"];
            if proof["status"] == "included" {
                let event = text(proof, "event_id")?.to_owned();
                self.terminal.good(&format!(
                    "entry {} after {} s",
                    proof["index"],
                    begun.elapsed().as_secs()
                ));
                return Ok(event);
            }
            if begun.elapsed() > self.patience {
                let waited = self.patience.as_secs();
                return Err(Stop::Wrong(format!(
                    "not in the ledger after {waited} s: look at the dead letters of `audit` and at outbox-relay's log"
                )));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn proved(&self, member: &Client, event: &str) -> Result<(), Stop> {
        self.terminal.heading("6. Proof: fetched, and checked with nothing but the ledger's key");
        let body = json!({"event_ids": [event]}).to_string();
        let headers = [("content-type", "application/json")];
        let answer = member.send("POST", "/v1/audit/bundles", &headers, body).await?;
        if answer.status != 200 {
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(Stop::Wrong(format!("no evidence bundle: {} {said}", answer.status)));
        }
        let Some(key) = &self.ledger_key else {
            return Err(Stop::Wrong(
                "the proof was fetched and not checked: give --ledger-key, for a key that comes with a proof proves nothing".to_owned(),
            ));
        };
        check(&answer.body, key).map_err(Stop::Wrong)?;
        self.terminal.good("the verdict's event is proved; the same file with one changed digit is refused");
        Ok(())
    }

    fn good(&self, good: bool, answer: &Value, what: impl FnOnce() -> String) -> Result<(), Stop> {
        match good {
            true => {
                self.terminal.good(&what());
                Ok(())
            }
            false => Err(Stop::Wrong(format!("not as expected: {answer}"))),
        }
    }
}

/// Checks the bundle, and that the check is one.
fn check(bundle: &Bytes, key: &VerifierKey) -> Result<(), String> {
    let trusted = std::slice::from_ref(key);
    let report = verify::bundle(bundle, trusted);
    if report.verdict != Proved::Verified {
        return Err(format!("the proof does not hold:\n{report}"));
    }
    let forged = forged(bundle).ok_or("the bundle has no index to change")?;
    match verify::bundle(&forged, trusted).verdict {
        Proved::Verified => Err("a forged bundle was accepted".to_owned()),
        Proved::Failed | Proved::Refused => Ok(()),
    }
}

/// The bundle with its first entry one place further on.
fn forged(bundle: &Bytes) -> Option<Vec<u8>> {
    let mut document: Value = serde_json::from_slice(bundle).ok()?;
    let index = document.pointer_mut("/entries/0/index")?;
    *index = json!(index.as_u64()? + 1);
    serde_json::to_vec(&document).ok()
}

fn question() -> Value {
    json!({"chain": "eip155:1", "address": SANCTIONED})
}

fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str, Stop> {
    value[name].as_str().ok_or_else(|| Stop::Wrong(format!("no `{name}` in {value}")))
}

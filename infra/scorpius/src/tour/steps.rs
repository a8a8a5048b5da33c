//! The steps, in order.

use std::time::{Duration, Instant};

use scorpius_ledger::verify::{self, Verdict};
use serde_json::{Value, json};

use super::receiver::Delivery;
use super::{Receiver, Visit};
use crate::client::{Client, ClientError};
use crate::terminal::Terminal;

/// How long the tour waits for queues and the ledger: a message on a busy machine takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Real runtime bytecode with the address where it is deployed, and whose licence lets it stand here.
const CONTRACT: &str = include_str!("../../../../shared/scan/fixtures/deployed/erc1820-registry.json");

/// PUSH1 0 CALLDATALOAD SELFDESTRUCT.
const DESTRUCTIBLE: &str = "0x600035ff";
/// US Treasury, OFAC, cyber-related designation update of 14 April 2022: the address that received the Ronin bridge's funds.
const SANCTIONED: &str = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96";
/// How the tour knows its own webhooks again.
const HOOK: &str = "the tour's receiver";
/// Wrapped Ether on Ethereum.
const WETH: &str = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";

/// Why the tour ended early.
#[derive(Debug, thiserror::Error)]
pub enum TourError {
    /// A call.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A file or a socket.
    #[error("the tour cannot use its folder or a loopback port")]
    Io(#[from] std::io::Error),
    /// An answer without what was expected of it.
    #[error("{step}: {what}")]
    Unexpected {
        /// Which step.
        step: &'static str,
        /// What came.
        what: String,
    },
}

/// The walk.
pub struct Tour {
    visit: Visit,
    client: Client,
    receiver: Receiver,
    terminal: Terminal,
    last_delivery: Option<Delivery>,
    /// Events whose proof the tour will ask for, with what each says.
    facts: Vec<(String, String)>,
}

impl Tour {
    /// Ready to go. `receiver` must be a target that the host may call.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn new(visit: Visit, receiver: Receiver) -> Result<Self, TourError> {
        let client = Client::new(&visit.url)?.with_key(&visit.key.api_key);
        Ok(Self {
            visit,
            client,
            receiver,
            terminal: Terminal::default(),
            last_delivery: None,
            facts: Vec::new(),
        })
    }

    /// All steps. Answers whether everything was as it should be.
    ///
    /// # Errors
    /// When a step cannot be done.
    pub async fn walk(mut self) -> Result<bool, TourError> {
        let started = Instant::now();
        self.sign_in().await?;
        let secret = self.subscribe().await?;
        self.scans().await?;
        self.score_addresses().await?;
        self.score_transaction().await?;
        self.webhook(&secret).await?;
        let proved = self.prove().await?;
        self.unsubscribe().await?;
        self.delete(&format!("/v1/auth/api-keys/{}", self.visit.key.key_id)).await?;
        self.terminal.gap();
        self.terminal.line(format!("Tour done in {:.1} s.", started.elapsed().as_secs_f64()));
        Ok(proved)
    }

    async fn sign_in(&mut self) -> Result<(), TourError> {
        self.terminal.heading("1. Sign in: an API key is exchanged for a token of ten minutes");
        let answer = self.client.post("/v1/auth/token", &json!({})).await?;
        let token = text(&answer, "access_token", "sign in")?;
        self.client = Client::new(&self.visit.url)?.with_token(token);
        let jwks = self.client.get("/.well-known/jwks.json").await?;
        let keys = jwks["keys"].as_array().map_or(0, Vec::len);
        self.terminal.good(&format!(
            "token of {} characters; {keys} public key(s) at /.well-known/jwks.json",
            token.len()
        ));
        Ok(())
    }

    async fn subscribe(&mut self) -> Result<String, TourError> {
        self.terminal.heading("2. Subscribe: a webhook of the tour's own, on a loopback port");
        // A tour that was cut off left one, and nobody listens there.
        self.unsubscribe().await?;
        let url = format!("http://{}/hook", self.receiver.address);
        let events = ["scorpius.scan.completed.v1", "scorpius.risk.scored.v1"];
        let hook = json!({"url": url, "events": events, "description": HOOK});
        let hook = self.client.post("/v1/config/webhooks", &hook).await?;
        self.terminal.good(&format!("{} -> {url}", text(&hook, "id", "subscribe")?));
        Ok(text(&hook, "secret", "subscribe")?.to_owned())
    }

    /// Deletes the webhooks of tours.
    async fn unsubscribe(&self) -> Result<(), TourError> {
        let hooks = self.client.get("/v1/config/webhooks?limit=200").await?;
        for hook in hooks["webhooks"].as_array().into_iter().flatten() {
            if hook["description"] == HOOK {
                self.delete(&format!("/v1/config/webhooks/{}", text(hook, "id", "unsubscribe")?)).await?;
            }
        }
        Ok(())
    }

    async fn delete(&self, path: &str) -> Result<(), TourError> {
        match self.client.send("DELETE", path, &[], bytes::Bytes::new()).await?.status {
            204 => Ok(()),
            status => {
                Err(TourError::Unexpected { step: "end", what: format!("{path} was not deleted: {status}") })
            }
        }
    }

    /// A real contract, which is clean, and four bytes that are not.
    async fn scans(&mut self) -> Result<(), TourError> {
        let contract: Value = serde_json::from_str(CONTRACT).unwrap_or_default();
        let name = text(&contract, "name", "scan")?;
        self.terminal.heading(&format!("3. Detect: scan the bytecode of {name}"));
        self.terminal.note(&format!(
            "deployed at {} on {} ({})",
            text(&contract, "address", "scan")?,
            text(&contract, "chain", "scan")?,
            text(&contract, "licence", "scan")?
        ));
        self.scan(name, &contract["runtime_bytecode"]).await?;
        self.terminal.note("and, to see a finding, a contract that anyone may destroy:");
        self.scan("PUSH1 0 CALLDATALOAD SELFDESTRUCT", &Value::from(DESTRUCTIBLE)).await
    }

    async fn scan(&mut self, name: &str, bytecode: &Value) -> Result<(), TourError> {
        let body = json!({"bytecode": bytecode, "label": name});
        let scan = self.client.post("/v1/scans", &body).await?;
        let id = text(&scan, "id", "scan")?.to_owned();
        let ended = |scan: &Value| matches!(scan["status"].as_str(), Some("completed" | "failed"));
        let scan = self.until("scan", &format!("/v1/scans/{id}"), ended).await?;
        if scan["status"] != "completed" {
            return Err(TourError::Unexpected { step: "scan", what: short(&scan) });
        }
        self.terminal.good(&format!("{name}: {}", scan_summary(&scan["report"])));
        for finding in scan["report"]["findings"].as_array().into_iter().flatten() {
            self.terminal.note(&format!(
                "{} (SWC-{}, {}, {}): {}",
                finding["detector"].as_str().unwrap_or("?"),
                finding["swc"],
                finding["severity"].as_str().unwrap_or("?"),
                finding["confidence"].as_str().unwrap_or("?"),
                finding["summary"].as_str().unwrap_or("?"),
            ));
        }
        let event = self.delivered("scan", "scorpius.scan.completed.v1", &id).await?;
        self.facts.push((event, format!("scan {id} of {name}")));
        Ok(())
    }

    async fn score_addresses(&mut self) -> Result<(), TourError> {
        self.terminal.heading("4. Decide: score two addresses before anyone pays them");
        self.score(
            "/v1/risk/address",
            "OFAC-listed address",
            json!({"chain": "eip155:1", "address": SANCTIONED}),
        )
        .await?;
        self.score("/v1/risk/address", "wrapped Ether", json!({"chain": "eip155:1", "address": WETH})).await
    }

    async fn score_transaction(&mut self) -> Result<(), TourError> {
        self.terminal.heading("5. Decide: score a transaction before it is signed");
        // ERC-20 approve(spender, 2^256 - 1).
        let spender = SANCTIONED.trim_start_matches("0x").to_ascii_lowercase();
        let data = format!("0x095ea7b3{spender:0>64}{}", "f".repeat(64));
        let body = json!({"chain": "eip155:1", "to": WETH, "value": "0", "data": data});
        self.score("/v1/risk/transaction", "unlimited approval of WETH to that address", body).await
    }

    async fn score(&mut self, path: &str, what: &str, body: Value) -> Result<(), TourError> {
        let started = Instant::now();
        let verdict = self.client.post(path, &body).await?;
        let took_ms = started.elapsed().as_secs_f64() * 1000.0;
        let id = text(&verdict, "id", "score")?.to_owned();
        self.terminal.good(&format!(
            "{what}: {} {}/100, probability {} in [{}, {}], {took_ms:.1} ms",
            verdict["level"].as_str().unwrap_or("?"),
            verdict["score"],
            verdict["probability"].as_str().unwrap_or("?"),
            verdict["interval"][0].as_str().unwrap_or("?"),
            verdict["interval"][1].as_str().unwrap_or("?"),
        ));
        for signal in verdict["signals"].as_array().into_iter().flatten() {
            self.terminal.note(&format!(
                "{} {:+}: {}",
                signal["id"].as_str().unwrap_or("?"),
                signal["contribution"].as_i64().unwrap_or_default(),
                short(&signal["evidence"]),
            ));
        }
        let replay = self.client.post(&format!("/v1/verdicts/{id}/replay"), &json!({})).await?;
        match replay["same"].as_bool() {
            Some(true) => self.terminal.note("replayed from its kept inputs: the same bytes"),
            _ => return Err(TourError::Unexpected { step: "replay", what: replay.to_string() }),
        }
        let hook = self.delivered("score", "scorpius.risk.scored.v1", &id).await?;
        self.facts.push((hook, format!("verdict {id} on {what}")));
        Ok(())
    }

    /// Waits for the webhook about `subject`; answers the id of its event.
    async fn delivered(
        &mut self,
        step: &'static str,
        kind: &str,
        subject: &str,
    ) -> Result<String, TourError> {
        let delivery = self.receiver.wait_for(kind, subject, PATIENCE).await;
        let Some(delivery) = delivery else {
            return Err(TourError::Unexpected { step, what: format!("no webhook {kind} about {subject}") });
        };
        self.last_delivery = Some(delivery.clone());
        let event: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
        Ok(text(&event, "id", step)?.to_owned())
    }

    async fn webhook(&mut self, secret: &str) -> Result<(), TourError> {
        self.terminal.heading("6. Act: each of these was delivered as a signed webhook");
        let Some(delivery) = &self.last_delivery else {
            return Err(TourError::Unexpected { step: "webhook", what: "nothing was delivered".to_owned() });
        };
        let header =
            |name: &str| delivery.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
        let verified = standardwebhooks::Webhook::new(secret)
            .and_then(|webhook| webhook.verify(&delivery.body, &delivery.headers));
        match verified {
            Ok(()) => self.terminal.good(&format!(
                "{} deliveries; the last is {}, signature checked with the Standard Webhooks library",
                self.facts.len(),
                header("webhook-id")
            )),
            Err(error) => {
                return Err(TourError::Unexpected {
                    step: "webhook",
                    what: format!("signature refused: {error}"),
                });
            }
        }
        Ok(())
    }

    async fn prove(&mut self) -> Result<bool, TourError> {
        self.terminal.heading("7. Prove: every one of these facts stands in the signed ledger");
        for (event_id, _) in &self.facts {
            self.until("prove", &format!("/v1/audit/proofs?event_id={event_id}"), |_| true).await?;
        }
        let ids: Vec<_> = self.facts.iter().map(|(id, _)| id.as_str()).collect();
        let bundle = self.client.post("/v1/audit/bundles", &json!({"event_ids": ids})).await?;
        let bytes = serde_json::to_vec_pretty(&bundle).unwrap_or_default();
        std::fs::create_dir_all(&self.visit.folder)?;
        let file = self.visit.folder.join("evidence.json");
        std::fs::write(&file, &bytes)?;

        let trusted = std::slice::from_ref(&self.visit.verifier_key);
        let report = verify::bundle(&bytes, trusted);
        let proved = report.verdict == Verdict::Verified;
        for line in report.to_string().lines() {
            self.terminal.note(line);
        }
        if proved {
            self.terminal.good(&format!(
                "{} facts checked offline, with nothing but the file and the public key:",
                ids.len()
            ));
            for (event_id, what) in &self.facts {
                self.terminal.note(&format!("{what} ({event_id})"));
            }
        }
        let mut forged = bytes;
        flip_a_digit(&mut forged);
        match verify::bundle(&forged, trusted).verdict == Verdict::Verified {
            false => self.terminal.good("the same file with one changed character is refused"),
            true => {
                return Err(TourError::Unexpected {
                    step: "prove",
                    what: "a forged bundle was accepted".to_owned(),
                });
            }
        }
        self.terminal.note(&format!(
            "check it yourself: scorpius verify {} --key {}",
            file.display(),
            self.visit.folder.with_file_name("ledger.vkey").display()
        ));
        Ok(proved)
    }

    async fn until(
        &self,
        step: &'static str,
        path: &str,
        done: impl Fn(&Value) -> bool,
    ) -> Result<Value, TourError> {
        let started = Instant::now();
        loop {
            match self.client.get(path).await {
                Ok(answer) if done(&answer) => return Ok(answer),
                Ok(answer) if started.elapsed() > PATIENCE => {
                    return Err(TourError::Unexpected { step, what: format!("still {}", short(&answer)) });
                }
                Err(ClientError::Refused { status: 404, .. }) if started.elapsed() <= PATIENCE => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {}
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn text<'v>(value: &'v Value, name: &str, step: &'static str) -> Result<&'v str, TourError> {
    value[name]
        .as_str()
        .ok_or_else(|| TourError::Unexpected { step, what: format!("no `{name}` in {}", short(value)) })
}

fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(160) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Changes the first digit behind the word `data`: what a forger would change.
fn flip_a_digit(bytes: &mut [u8]) {
    let from = bytes.windows(6).position(|window| window == b"\"data\"").unwrap_or_default();
    if let Some(digit) = bytes.iter_mut().skip(from).find(|byte| byte.is_ascii_digit()) {
        *digit = if *digit == b'9' { b'8' } else { *digit + 1 };
    }
}

fn scan_summary(report: &Value) -> String {
    let findings = report["findings"].as_array().map_or(0, Vec::len);
    let functions = report["functions"].as_array().map_or(0, Vec::len);
    let whole = if report["incomplete"].as_bool().unwrap_or(true) {
        "not all code was explored"
    } else {
        "all code was explored"
    };
    format!("{findings} finding(s), {functions} functions, {whole}")
}

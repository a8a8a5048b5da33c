//! `scorpius up`: the whole platform on this machine.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use clap::Args;
use scorpius_edge::Tier;
use scorpius_edge::limit::Defaults;
use scorpius_edge::serve::Cors;
use scorpius_egress::AllowedTarget;
use scorpius_feeds::feeds_of;
use scorpius_ledger::{KeepDays, Policy};

use super::{Done, Verdict, runtime};
use crate::host::{Host, Settings};
use crate::terminal::Terminal;
use crate::tour::{OwnWitness, Receiver, Tour, Visit};

/// Run the whole platform on this machine.
#[derive(Args)]
pub struct Up {
    /// The folder with all state.
    #[arg(long, default_value = ".scorpius", value_name = "DIR")]
    data: PathBuf,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8480", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Show the main job on real input once it is up.
    #[arg(long)]
    tour: bool,
    /// Stop after the tour instead of staying up.
    #[arg(long, requires = "tour")]
    then_stop: bool,
    /// An origin that browsers may call from; may be given several times.
    #[arg(long, value_name = "ORIGIN")]
    cors: Vec<String>,
    /// A policy (C2SP tlog-policy) with the witnesses that the ledger asks, and how many must cosign.
    #[arg(long, value_name = "FILE")]
    witness_policy: Option<PathBuf>,
    /// How many days entries of the ledger are kept, at least 90, see docs/retention.md; for ever without it.
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<KeepDays>,
    /// A webhook target that may be plain HTTP or private, as host:port; may be given several times.
    #[arg(long, value_name = "HOST:PORT")]
    allow_target: Vec<String>,
    /// A JSON array of feeds of threats and sanctions to read every quarter of an hour, see docs/intelligence.md.
    #[arg(long, value_name = "FILE")]
    feeds: Option<PathBuf>,
    /// The range API of Have I Been Pwned's form that is asked whether a new password was stolen, such as
    /// https://api.pwnedpasswords.com/range/; without it a list of common ones decides alone.
    #[arg(long, value_name = "URL")]
    breached_passwords: Option<String>,
    /// A node of an EVM chain, as its EIP-155 number, `=` and a URL; may be given several times.
    #[arg(long, value_name = "ID=URL")]
    chain: Vec<String>,
    /// The URL that people reach the platform under, when it is not the address it listens on.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The tier of tenants whose records name none: free, professional, enterprise or unlimited.
    #[arg(long, default_value = "unlimited", value_name = "TIER")]
    tier: Tier,
    /// Requests a minute of each address whose callers are not known; 0 is as many as come.
    #[arg(long, default_value_t = 600, value_name = "REQUESTS")]
    address_limit: u32,
    /// Leave the relay off: events then wait for the sweep.
    #[arg(long, hide = true)]
    without_relay: bool,
}

impl Up {
    pub(crate) fn run(self) -> Done {
        logs(&self.data)?;
        runtime()?.block_on(self.serve())
    }

    async fn serve(self) -> Done {
        let started = Instant::now();
        let terminal = Terminal::default();
        let receiver = if self.tour { Some(Receiver::start().await?) } else { None };
        let mut allow = self.allow_target.iter().map(|text| target(text)).collect::<Result<Vec<_>, _>>()?;
        allow.extend(receiver.iter().map(|receiver| AllowedTarget {
            host: receiver.address.ip().to_string(),
            port: receiver.address.port(),
        }));
        let mut witnesses = match &self.witness_policy {
            Some(file) => Some(Policy::parse(&std::fs::read(file)?)?),
            None => None,
        };
        let mut own = None;
        if self.tour && witnesses.is_none() {
            let started = OwnWitness::start(&self.data)?;
            allow.push(AllowedTarget { host: started.host(), port: started.port() });
            witnesses = Some(started.policy()?);
            own = Some(started);
        }
        let policy = witnesses.clone().unwrap_or_default();
        let settings = Settings {
            cors: Cors { origins: self.cors.clone() },
            egress_allow: allow,
            feeds: match &self.feeds {
                Some(file) => feeds_of(&std::fs::read_to_string(file)?)?,
                None => Vec::new(),
            },
            breached_passwords: self.breached_passwords.clone(),
            chains: self.chain.join(" "),
            keep_days: self.keep_days,
            witnesses,
            relay: !self.without_relay,
            limits: Defaults { tier: self.tier, address_minute: NonZeroU32::new(self.address_limit) },
            public_url: self
                .public_url
                .clone()
                .unwrap_or_else(|| format!("http://localhost:{}", self.listen.port())),
            ..Settings::in_folder(self.data.clone())
        };
        let mut stop = Stop::heard()?;
        let (host, first) = Host::open(settings).await?;
        let running = host.start(self.listen).await?;
        let url = format!("http://{}", running.address);
        terminal.heading(&format!("Scorpius is up after {} ms", started.elapsed().as_millis()));
        terminal.line(format!("  listening on {url}"));
        terminal.line(format!("  state and logs in {}", self.data.display()));
        terminal.line(format!("  letters to people are files in {}", host.local.mail.folder().display()));
        let verifier_key = host.functions.verifier_key().clone();
        let key_file = self.data.join("ledger.vkey");
        std::fs::write(&key_file, format!("{verifier_key}\n"))?;
        if let Some(own) = &own {
            let policy = format!("log {verifier_key}\n{}", own.policy_text());
            std::fs::write(self.data.join("tour").join("policy"), policy)?;
        }
        terminal.line(format!("  the ledger's public key is in {}", key_file.display()));
        if let Some(first) = &first {
            terminal.gap();
            terminal.heading("First start: this is shown once");
            terminal.line(format!("  tenant:  {}", first.tenant));
            terminal.line(format!("  API key: {}", first.api_key));
        }

        let (mut fine, mut ended) = (true, false);
        if let Some(receiver) = receiver {
            terminal.gap();
            let key = host.functions.tour_key().await?;
            let policy = policy.believing(&verifier_key);
            let visit = Visit { url: url.clone(), key, policy, folder: self.data.join("tour") };
            let tour = Tour::new(visit, receiver)?;
            tokio::select! {
                walked = tour.walk() => fine = walked?,
                asked = stop.asked() => {
                    asked?;
                    ended = true;
                }
            }
        }
        if !self.then_stop && !ended {
            next_steps(&terminal, &url);
            stop.asked().await?;
            terminal.line("stopping: requests and messages in work are finished first");
        }
        running.stop().await?;
        drop(own);
        Ok(if fine { Verdict::Fine } else { Verdict::NotFine })
    }
}

/// Ctrl-C, or SIGTERM: what service managers send. Heard from when it is made, so that whoever asks before it is
/// waited for is heard, too.
struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl Stop {
    fn heard() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self { signals: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    async fn asked(&mut self) -> std::io::Result<()> {
        #[cfg(unix)]
        {
            let [interrupted, ended] = &mut self.signals;
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = ended.recv() => {}
            }
            Ok(())
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    }
}

fn next_steps(terminal: &Terminal, url: &str) {
    terminal.gap();
    terminal.heading("Try next (KEY is the API key of the first start)");
    terminal.line(format!("  curl {url}/health/deep"));
    terminal.line(format!("  curl {url}/openapi.json"));
    terminal.line(format!(
        "  curl -H 'X-API-Key: KEY' -H 'Content-Type: application/json' \\\n       -d '{{\"chain\":\"eip155:1\",\"address\":\"0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2\"}}' {url}/v1/risk/address"
    ));
    terminal.line("  scorpius scan FILE_OR_HEX, scorpius screen 0x…, scorpius queues (SCORPIUS_API_KEY=KEY)");
    terminal.line("  Ctrl-C stops; nothing is lost.");
}

fn target(text: &str) -> Result<AllowedTarget, String> {
    let bad = || format!("not host:port: `{text}`");
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    Ok(AllowedTarget { host: host.to_owned(), port: port.parse().map_err(|_| bad())? })
}

/// Log and metric lines go to files in the data folder, so that the terminal stays readable.
fn logs(data: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(data)?;
    let open = |name: &str| OpenOptions::new().create(true).append(true).open(data.join(name));
    scorpius_edge::telemetry::log_json_to(Mutex::new(open("log.jsonl")?));
    scorpius_edge::telemetry::metrics_to(Box::new(open("metrics.jsonl")?));
    Ok(())
}

//! No secret that callers hold is in a log, a metric, an event, or any file of the data folder but those of keys and
//! letters: keys are for nobody else, and a letter is how its token reaches a person.
//!
//! The test runs itself again as a process of its own, whose every log line, of the finest level, it reads.

pub(crate) mod passkey;
mod people;

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use scorpius_edge::{Role, telemetry};
use scorpius_token::api::{ACCESS_COOKIE, REFRESH_COOKIE};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::say;

const NAME: &str = "canary::no_secret_is_in_a_log_an_event_or_a_plain_record";
/// Set in the process that is looked at.
const INSIDE: &str = "SCORPIUS_CANARY";
/// What is no secret and is logged: without it, the logs were not read.
const SEEN_IN_LOGS: &str = "canary-request-in-the-logs";
/// Events that the journeys emit: the webhook that wants everything was told of each.
const TOLD: [&str; 12] = [
    "api_key_created",
    "api_key_leaked",
    "api_key_rotated",
    "email_verified",
    "factor_added",
    "letter_requested",
    "password_changed",
    "recovery_code_used",
    "refresh_token_reused",
    "session_proved",
    "sign_in_failed",
    "token_issued",
];
/// What is no secret and is stored.
const SEEN_IN_STORE: &str = "canary-name-in-the-store";

/// All that was written, of one kind.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Secrets by name, and codes, which are so short that they are looked for as words only.
#[derive(Default)]
pub(crate) struct Secrets {
    named: Vec<(&'static str, String)>,
    bytes: Vec<(&'static str, Vec<u8>)>,
    codes: Vec<String>,
}

impl Secrets {
    /// The secrets that are text, each once.
    fn texts(&self) -> Vec<String> {
        let mut texts: Vec<_> = self.named.iter().map(|(_, text)| text.clone()).collect();
        texts.sort_unstable();
        texts.dedup();
        texts
    }

    fn keep_code(&mut self, code: String) -> String {
        self.codes.push(code.clone());
        code
    }

    fn keep_bytes(&mut self, name: &'static str, bytes: &[u8]) {
        assert!(bytes.len() >= 16, "{name} is too short to be looked for");
        self.bytes.push((name, bytes.to_vec()));
    }

    fn keep(&mut self, name: &'static str, secret: &str) -> String {
        assert!(secret.len() >= 20, "{name} is too short to be looked for");
        self.named.push((name, secret.to_owned()));
        secret.to_owned()
    }

    /// The forms that each could be written in. Of what carries ids, the part that is secret is looked for alone, too.
    fn forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut forms = Vec::new();
        for (name, secret) in &self.named {
            let mut texts = vec![secret.clone()];
            if secret.starts_with("sk_") {
                texts.push(secret[52..95].to_owned());
            }
            if secret.starts_with("eyJ") {
                texts.push(secret.rsplit('.').next().expect("a signature").to_owned());
            }
            let of_purpose = ["scr_", "sci_", "scp_", "sce_", "scs_", "whsec_"];
            if let Some(body) = of_purpose.iter().find_map(|prefix| secret.strip_prefix(prefix)) {
                texts.push(body[body.len() - 40..].to_owned());
            }
            for text in texts {
                forms.extend(encoded(text.as_bytes()).map(|form| (*name, form)));
                forms.push((*name, text.replace(' ', "%20").into_bytes()));
                forms.push((*name, text.replace(' ', "+").into_bytes()));
                forms.push((*name, text.into_bytes()));
            }
        }
        for (name, bytes) in &self.bytes {
            forms.extend(encoded(bytes).map(|form| (*name, form)));
            forms.push((*name, bytes.clone()));
        }
        forms.sort_unstable();
        forms.dedup();
        forms
    }
}

fn encoded(bytes: &[u8]) -> [Vec<u8>; 4] {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    // As `{:?}` prints bytes.
    let list = format!("{bytes:?}");
    let base64 = STANDARD.encode(bytes).trim_end_matches('=').as_bytes().to_vec();
    [base64, URL_SAFE_NO_PAD.encode(bytes).into_bytes(), hex.into_bytes(), list.into_bytes()]
}

/// Bytes by which forms are found. Nothing that is looked for is shorter.
const HEAD: usize = 6;

/// What is looked for, by its first bytes, so that megabytes are gone through once.
struct Search<'s>(HashMap<[u8; HEAD], Vec<Wanted<'s>>>);

struct Wanted<'s> {
    name: &'s str,
    form: Vec<u8>,
    /// Only between characters that are neither letters nor digits.
    word: bool,
}

impl<'s> Search<'s> {
    fn of(secrets: &'s Secrets) -> Self {
        let forms = secrets.forms().into_iter().map(|(name, form)| Wanted { name, form, word: false });
        let words = secrets.codes.iter().map(|code| code.clone().into_bytes());
        let words = words.map(|form| Wanted { name: "a code", form, word: true });
        let mut by_head: HashMap<_, Vec<_>> = HashMap::new();
        for wanted in forms.chain(words) {
            let head = *wanted.form.first_chunk().expect("long enough to be looked for");
            by_head.entry(head).or_default().push(wanted);
        }
        Self(by_head)
    }

    /// Names of secrets that are in `bytes`, each once.
    fn spilled(&self, bytes: &[u8]) -> BTreeSet<&'s str> {
        let mut found = BTreeSet::new();
        for (at, head) in bytes.array_windows::<HEAD>().enumerate() {
            for wanted in self.0.get(head).into_iter().flatten() {
                if wanted.is_at(at, bytes) {
                    found.insert(wanted.name);
                }
            }
        }
        found
    }
}

impl Wanted<'_> {
    fn is_at(&self, at: usize, bytes: &[u8]) -> bool {
        let edge = |at: Option<&u8>| at.is_none_or(|byte| !byte.is_ascii_alphanumeric());
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let is_word = || edge(before) && edge(bytes.get(at + self.form.len()));
        bytes[at..].starts_with(&self.form) && (!self.word || is_word())
    }
}

/// Log lines without how long each request took, which may have the digits of a code.
fn without_times(lines: &[u8]) -> Vec<u8> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut kept = Vec::new();
    for line in lines {
        let mut line: Value = serde_json::from_slice(line).expect("a log line is a JSON document");
        line.as_object_mut().expect("with members").remove("took_us");
        kept.extend_from_slice(line.to_string().as_bytes());
        kept.push(b'\n');
    }
    kept
}

/// Whatever callers do with secrets, rightly and wrongly.
async fn journeys(desk: &Desk, secrets: &mut Secrets) {
    secrets.keep("the first key", &desk.api_key);
    // It is told of everything, and what it was told is kept in clear: so every event is looked at, whenever it is carried.
    let hook = json!({"url": "https://hooks.example.com/", "events": ["*"]});
    let hook = desk.post("/v1/config/webhooks", &hook).await;
    secrets.keep("a webhook's secret", hook.text("secret"));
    let name = json!({"name": SEEN_IN_STORE});
    let made = desk.post_once("/v1/auth/api-keys", "canary-once", &name).await;
    let key = secrets.keep("a key", made.text("api_key"));
    let id = made.text("key_id").to_owned();
    desk.post_once("/v1/auth/api-keys", "canary-once", &name).await.expect(201);
    let rotated = desk.post(&format!("/v1/auth/api-keys/{id}/rotate"), &json!({})).await;
    let newer = secrets.keep("a rotated key", rotated.text("api_key"));
    let mistyped = secrets.keep("a mistyped key", &format!("{}x", &newer[..newer.len() - 1]));
    let token = desk.post_once("/v1/auth/token", "canary-token", &json!({})).await;
    let token = secrets.keep("a token of a key", token.text("access_token"));
    let person = desk.person(Role::Admin).await;
    let access = secrets.keep("a person's token", &person.access_token);
    let refresh = secrets.keep("a refresh token", &person.refresh_token);
    let browser = desk.signed_in(Role::Viewer, true).await;
    let cookie = secrets.keep("an access cookie", &browser.access_token);
    let refresh_cookie = secrets.keep("a refresh cookie", &browser.refresh_token);
    let csrf = secrets.keep("a page's token", browser.csrf_token.as_ref().expect("a browser's session"));

    // In every header that credentials come in, at a door that answers and at doors that fail.
    let logged = ("x-request-id", SEEN_IN_LOGS);
    let cookies = format!("{ACCESS_COOKIE}={cookie}; {REFRESH_COOKIE}={refresh_cookie}");
    for path in
        ["/v1/auth/api-keys", "/v1/auth/sessions", "/v1/scans/scn_1", "/v1/admin/queues?limit=x", "/nowhere"]
    {
        for secret in [&key, &newer, &mistyped, &token, &access, &refresh] {
            let bearer = format!("Bearer {secret}");
            for header in [
                ("x-api-key", secret.as_str()),
                ("authorization", bearer.as_str()),
                ("authorization", secret),
            ] {
                desk.ask("GET", path, &[header, logged], b"").await;
            }
        }
        let page = [
            ("cookie", cookies.as_str()),
            ("x-csrf-token", csrf.as_str()),
            ("authorization", "Basic x"),
            logged,
        ];
        desk.ask("GET", path, &page, b"").await;
    }
    // In bodies: rightly, and where a body is refused for another reason.
    for secret in [&key, &newer, &mistyped, &token, &access, &refresh, &csrf] {
        for (path, member) in [
            ("/v1/auth/introspect", "token"),
            ("/v1/auth/refresh", "refresh_token"),
            ("/v1/auth/api-keys", "name"),
            ("/v1/scans", "bytecode"),
            ("/v1/risk/address", "address"),
        ] {
            if member != "name" {
                desk.post(path, &json!({member: secret})).await;
            }
            desk.post(path, &json!({member: secret, "unknown": secret})).await;
            desk.post(path, &json!({member: [secret]})).await;
        }
    }
    let by_cookie = [("cookie", cookies.as_str()), ("x-csrf-token", csrf.as_str()), ("x-api-key", "none")];
    let refreshed = desk.ask("POST", "/v1/auth/refresh", &by_cookie, b"").await;
    for cookie in &refreshed.answer.cookies {
        let value = cookie.split_once('=').and_then(|(_, rest)| rest.split(';').next()).expect("a cookie");
        secrets.keep("a cookie that was set", value);
    }
    desk.post("/v1/auth/revoke", &json!({"token": token})).await.expect(204);
    desk.post("/v1/auth/api-keys/leaked", &json!({"api_key": key})).await.expect(204);
    desk.post("/v1/auth/api-keys/leaked", &json!({"api_key": newer})).await.expect(204);
    desk.clock.advance_ms(120_000);
    let reused = json!({"refresh_token": refresh});
    desk.post("/v1/auth/refresh", &reused).await;
    desk.post("/v1/auth/refresh", &reused).await;
    desk.settle().await;
}

/// Every file below `folder` but those of keys and letters, and what is in it.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "keys" && name != "mail") {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push((path.display().to_string(), std::fs::read(&path).expect("a file")));
        }
    }
    found
}

async fn look() {
    let (logs, metrics) = (Lines::default(), Lines::default());
    let writer = logs.clone();
    telemetry::log_json_to(move || writer.clone());
    telemetry::metrics_to(Box::new(metrics.clone()));
    let desk = Desk::open().await;
    let mut secrets = Secrets::default();
    journeys(&desk, &mut secrets).await;
    people::journeys(&desk, &mut secrets).await;
    desk.settle().await;

    let mut places =
        vec![("logs".to_owned(), without_times(&logs.bytes())), ("metrics".to_owned(), metrics.bytes())];
    let stored = files(desk.folder());
    assert!(stored.iter().any(|(name, _)| name.ends_with("counters.db")), "not the data folder");
    places.extend(stored);
    let search = Search::of(&secrets);
    let spills: Vec<_> = places
        .iter()
        .flat_map(|(place, bytes)| {
            let found = search.spilled(bytes);
            found.into_iter().map(move |name| format!("{name} in {place}"))
        })
        .collect();
    assert!(spills.is_empty(), "{spills:#?}");

    // What is no secret is found, in the same way: otherwise nothing was looked at.
    let seen = |text: &str, bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(seen(SEEN_IN_LOGS, &places[0].1), "the logs are not those of the requests");
    assert!(seen("CloudWatchMetrics", &places[1].1), "the metrics are not those of the requests");
    assert!(places.iter().any(|(place, bytes)| place.contains("scorpius.db") && seen(SEEN_IN_STORE, bytes)));
    // The events that tell of what was done with secrets are among what was searched.
    for kind in TOLD {
        let kind = format!("scorpius.identity.{kind}.v1");
        let kept = |(place, bytes): &(String, Vec<u8>)| place.contains("scorpius.db") && seen(&kind, bytes);
        assert!(places.iter().any(kept), "{kind}");
    }
    let mut planted = Secrets::default();
    planted.keep("planted", "scr_plantedplantedplantedplantedplantedplantedplanted");
    planted.keep_bytes("planted bytes", &[7; 20]);
    planted.keep_code("123456".to_owned());
    let planted = Search::of(&planted);
    for (text, wanted) in [
        ("x scr_plantedplantedplantedplantedplantedplantedplanted y", Some("planted")),
        ("x BwcHBwcHBwcHBwcHBwcHBwcHBwc y", Some("planted bytes")),
        ("{\"code\":\"123456\"}", Some("a code")),
        ("123456", Some("a code")),
        ("12:00:01.123456Z 0123456 a123456", None),
    ] {
        assert_eq!(planted.spilled(text.as_bytes()).first().copied(), wanted, "{text}");
    }
    let lines = places[0].1.iter().filter(|byte| **byte == b'\n').count();
    say(&format!(
        "canary: {} secrets in {} forms and {} codes are in none of {} places ({lines} log lines)",
        secrets.texts().len() + secrets.bytes.len(),
        secrets.forms().len(),
        secrets.codes.len(),
        places.len(),
    ));
}

#[tokio::test]
async fn no_secret_is_in_a_log_an_event_or_a_plain_record() {
    if std::env::var(INSIDE).is_ok() {
        return look().await;
    }
    let said = Command::new(std::env::current_exe().expect("a test knows its own path"))
        .args([NAME, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .env("SCORPIUS_LOG", "trace")
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    let text = [said.stdout, said.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(said.status.success() && text.contains("canary: "), "{text}");
    say(text.lines().find(|line| line.starts_with("canary: ")).unwrap_or_default());
}

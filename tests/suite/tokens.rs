//! Tokens and a library that shares no code with ours: it reads those that we make, and what it mints of its own passes for none.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scorpius_edge::gateway::AuthorizerEvent;
use scorpius_edge::{Anonymous, Caller};
use serde_json::{Value, json};

use crate::aws::tools::{found, run, tools};
use crate::desk::Desk;
use crate::{say, tree};

/// The library and what it needs, pinned.
const PACKAGES: [&str; 3] = ["jwcrypto==1.6.1", "cryptography==50.0.2", "typing_extensions==4.16.0"];

/// The library's Python; installed once.
fn library() -> Option<&'static PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(|| found("jwcrypto 1.6.1", install())).as_ref()
}

fn install() -> Result<PathBuf, String> {
    let root = tools().join("jwcrypto-1.6.1");
    let python = root.join("bin/python");
    let is_there = || {
        let asked =
            ["-c", "from importlib.metadata import version as v; import jwcrypto.jwt; print(v('jwcrypto'))"];
        let said = Command::new(&python).args(asked).stdin(Stdio::null()).output();
        said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).trim() == "1.6.1")
    };
    if is_there() {
        return Ok(python);
    }
    say("installing jwcrypto 1.6.1 (another library for tokens, once)");
    run(Command::new("python3").args(["-m", "venv"]).arg(&root))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))?;
    match is_there() {
        true => Ok(python),
        false => Err(format!("{} has no jwcrypto 1.6.1", python.display())),
    }
}

/// A host on the machine's own clock, since the library has no other, and what the library made of it.
struct Forge {
    desk: Desk,
    token: String,
    minted: Value,
}

async fn forge() -> Option<Forge> {
    let python = library()?;
    let desk =
        Desk::open_with(|settings| settings.clock = std::sync::Arc::new(scorpius_core::SystemClock)).await;
    let token = desk.post("/v1/auth/token", &json!({})).await.text("access_token").to_owned();
    let jwks = desk.get("/.well-known/jwks.json").await.json;
    let seed = std::fs::read_to_string(desk.folder().join("keys/token.key")).expect("the key that signs");
    let seed: Vec<_> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&seed[at..at + 2], 16).expect("hex")).collect();
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).expect("claims");
    let given = json!({
        "x": jwks["keys"][0]["x"], "d": URL_SAFE_NO_PAD.encode(seed), "kid": jwks["keys"][0]["kid"], "jwks": jwks.to_string(),
        "token": token, "claims": serde_json::from_slice::<Value>(&claims).expect("JSON"),
    });
    let mut child = Command::new(python)
        .arg(tree::root().join("tests/suite/tokens/mint.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("it listens");
    stdin.write_all(given.to_string().as_bytes()).expect("it listens");
    drop(stdin);
    let said = child.wait_with_output().expect("it ends");
    assert!(said.status.success(), "mint.py failed");
    let minted = serde_json::from_slice(&said.stdout).expect("JSON");
    Some(Forge { desk, token, minted })
}

async fn caller(desk: &Desk, token: &str) -> Caller {
    let event = AuthorizerEvent {
        headers: [("authorization".to_owned(), format!("Bearer {token}"))].into(),
        ..AuthorizerEvent::default()
    };
    let answer = desk.host.functions.authorizer(event).await.expect("the store answers");
    serde_json::from_str(&answer.context.caller).expect("a caller")
}

#[tokio::test]
async fn another_library_reads_our_tokens_with_the_published_keys() {
    let Some(forge) = forge().await else { return };
    // RFC 9068, sections 2.1 and 2.2: the header's type, and the claims that are required.
    let (header, claims) = (&forge.minted["header"], &forge.minted["claims"]);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("EdDSA")));
    for claim in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        assert!(!claims[claim].is_null(), "{claim}");
    }
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("http://localhost:8480"), &json!("scorpius")));
    assert!(matches!(caller(&forge.desk, &forge.token).await, Caller::Known(_)));
}

#[tokio::test]
async fn nothing_that_another_library_mints_passes_for_a_token_of_ours() {
    let Some(forge) = forge().await else { return };
    // Without this, every refusal below could have another reason.
    let plain = forge.minted["plain"].as_str().expect("a token");
    assert!(matches!(caller(&forge.desk, plain).await, Caller::Known(_)));
    let hostile = forge.minted["hostile"].as_object().expect("tokens");
    assert!(hostile.len() > 80, "only {}", hostile.len());
    let mut passed = Vec::new();
    for (name, token) in hostile {
        let token = token.as_str().expect("a token");
        if caller(&forge.desk, token).await != Caller::Anonymous(Anonymous::InvalidCredential) {
            passed.push(name);
        }
        // Through the whole host, too; what is larger than headers may be is refused as that.
        let bearer = format!("Bearer {token}");
        let said = forge.desk.ask("GET", "/v1/auth/api-keys", &[("authorization", &bearer)], b"").await;
        let expected = if bearer.len() > 5_900 { 413 } else { 401 };
        assert_eq!(said.status, expected, "{name}: {}", said.answer.body);
    }
    assert!(passed.is_empty(), "{passed:?}");
    say(&format!("tokens: {} hostile ones refused", hostile.len()));
}

//! A passkey, made and used in Chromium's virtual authenticator by `playwright-core`.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::{PASSWORD, ask, ask_as, joined, log_in, signed_in, told};
use crate::aws::tools::{found, run, say, tools};
use crate::canary::Secrets;
use crate::canary::passkey::Authenticator;
use crate::desk::Desk;
use crate::entries::all;
use crate::tree;

const ADA: &str = "ada@example.com";
const VERSION: &str = "1.65.0";
const CHROMIUM: &str = "/usr/bin/chromium";

/// `playwright-core`'s module. `None`, having said so, where it or a browser cannot be had.
fn playwright() -> Option<&'static Path> {
    static MODULE: OnceLock<Option<PathBuf>> = OnceLock::new();
    MODULE.get_or_init(|| found("Chromium with playwright-core", install())).as_deref()
}

fn install() -> Result<PathBuf, String> {
    if !Path::new(CHROMIUM).exists() {
        return Err(format!("{CHROMIUM} is not there: install Debian's `chromium`"));
    }
    run(Command::new("node").arg("--version"))?;
    let root = tools().join(format!("playwright-core-{VERSION}"));
    let package = root.join("node_modules/playwright-core");
    let is_there = || {
        let said = std::fs::read_to_string(package.join("package.json")).unwrap_or_default();
        said.contains(&format!("\"version\": \"{VERSION}\""))
    };
    if !is_there() {
        say(&format!("installing playwright-core {VERSION} (once)"));
        std::fs::create_dir_all(&root).map_err(|error| error.to_string())?;
        let asked =
            ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefix"];
        run(Command::new("npm").args(asked).arg(&root).arg(format!("playwright-core@{VERSION}")))?;
    }
    match is_there() {
        true => Ok(package.join("index.mjs")),
        false => Err(format!("{} is not version {VERSION}", package.display())),
    }
}

/// What the page saw.
async fn walk(base: &str, module: &Path, access: &str) -> Value {
    let profile = tempfile::tempdir().expect("a folder");
    let asked = json!({
        "playwright": module, "browser": CHROMIUM, "profile": profile.path(), "base": base,
        "email": ADA, "password": PASSWORD, "access": access
    });
    let mut command = Command::new("node");
    command.arg(tree::root().join("tests/suite/people/passkeys.mjs")).arg(asked.to_string());
    command.stdin(Stdio::null());
    let said =
        tokio::task::spawn_blocking(move || command.output()).await.expect("it ends").expect("node runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).expect("what it saw")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_is_made_and_used_in_a_browser() {
    let Some(module) = playwright() else { return };
    // The page's address is in what is signed, so it is known before the host opens.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|it| it.local_addr())
        .expect("a free port")
        .port();
    let base = format!("http://localhost:{port}");
    let desk = Desk::open_with(|settings| {
        settings.public_url = base.clone();
        // Events stay where this test looks for them.
        settings.relay = false;
    })
    .await;
    joined(&desk, ADA, "viewer").await;
    let access = signed_in(&desk, ADA).await;
    let running = desk.host.start((Ipv4Addr::LOCALHOST, port).into()).await.expect("it listens");
    let seen = walk(&base, module, &access).await;
    running.stop().await.expect("it stops");

    say(&format!("passkeys in Chromium: {seen}"));
    let passkey = &seen["passkey"];
    assert_eq!(seen["recovery_codes"], 10, "with the first second factor");
    assert_eq!(seen["not_enough"], "step-up-required");
    assert_eq!(seen["registered_twice"], "passkey-refused");
    assert_eq!(seen["signed_in"], json!({"acr": "aal2", "amr": ["pop", "user"]}));
    assert_eq!(seen["replayed"], 401, "a challenge counts once");
    assert_eq!(seen["excluded"], "InvalidStateError");
    assert_eq!(seen["factors"], json!(["recovery_code", "passkey"]));
    assert_eq!(seen["for_something_else"], 401, "a challenge of another door");
    assert_eq!(seen["second_factor"], json!({"acr": "aal2", "amr": ["pwd", "pop", "user"]}));
    assert_eq!(seen["raised"], "aal2");
    assert_eq!(seen["cloned"], 401);
    assert_eq!(seen["unverified"], "NotAllowedError");
    assert_eq!(seen["elsewhere"], "SecurityError");
    assert_eq!(seen["listed"], json!([[passkey, "laptop"]]));
    assert_eq!((&seen["removed"], &seen["gone"]), (&json!(204), &json!(200)));
    let cloned = told(&desk, "passkey_cloned").await;
    let [event] = cloned.as_slice() else { panic!("one alert: {cloned:?}") };
    assert_eq!(&event["data"]["passkey_id"], passkey);
    let account =
        ask_as(&desk, &signed_in(&desk, ADA).await, "GET", "/v1/account", &Value::Null).await.expect(200);
    assert_eq!((&account["passkeys"], &account["recovery_codes"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn the_key_of_a_passkey_changes_by_no_door() {
    let desk = Desk::open().await;
    let user = joined(&desk, ADA, "viewer").await;
    let access = signed_in(&desk, ADA).await;
    let mut secrets = Secrets::default();
    let mut authenticator = Authenticator::new(&desk);
    let add = async |authenticator: &mut Authenticator, secrets: &mut Secrets, access: &str| {
        let options = "/v1/account/passkeys/options";
        let options = ask_as(&desk, access, "POST", options, &Value::Null).await.expect(200);
        let body = json!({"name": "laptop", "credential": authenticator.made(&options, secrets)});
        ask_as(&desk, access, "POST", "/v1/account/passkeys", &body).await.status
    };
    assert_eq!(add(&mut authenticator, &mut secrets, &access).await, 201);
    let tenant = crate::entries::only_tenant(&desk.host).await;
    let kept = async || {
        let records = all(&desk.host.local.store, &format!("{tenant}#passkey#{user}")).await;
        let passkeys = records.iter().map(|record| record.document::<Value>().expect("a passkey"));
        passkeys
            .map(|passkey| json!([passkey["id"], passkey["credential"], passkey["key"]]))
            .collect::<Vec<_>>()
    };
    let first = kept().await;
    assert_eq!((first.len(), &first[0][2]["alg"]), (1, &json!("eddsa")));
    let sign_in = async |authenticator: &mut Authenticator, secrets: &mut Secrets| {
        let options = ask(&desk, "/v1/auth/passkeys/options", &json!({})).await.expect(200);
        let body = json!({"credential": authenticator.used(&options, secrets)});
        ask(&desk, "/v1/auth/passkeys/sign-in", &body).await
    };
    let access = sign_in(&mut authenticator, &mut secrets).await.text("access_token").to_owned();
    // Somebody with a session of theirs hands in another key for the same credential.
    let mut forged = authenticator.forged(&desk);
    assert!(matches!(add(&mut forged, &mut secrets, &access).await, 400 | 409));
    assert_eq!(sign_in(&mut forged, &mut secrets).await.status, 401);
    ask_as(&desk, &access, "PATCH", "/v1/account", &json!({"name": "Countess"})).await.expect(204);
    ask_as(&desk, &access, "POST", "/v1/account/recovery-codes", &Value::Null).await.expect(200);
    let change = json!({"current_password": PASSWORD, "password": "eleven purple buses sing"});
    ask_as(&desk, &access, "POST", "/v1/account/password", &change).await.expect(204);
    desk.clock.advance_ms(1_000);
    assert_eq!(log_in(&desk, ADA, "eleven purple buses sing").await.status, 202);
    sign_in(&mut authenticator, &mut secrets).await.expect(200);
    assert_eq!(kept().await, first);
}

//! `pyotp`, which nobody here wrote, reads our URIs and makes the same codes.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use scorpius_account::totp;
use scorpius_core::{Clock, ManualClock, SystemClock, UnixMillis};
use serde_json::{Value, json};

use super::{ask_as, joined, signed_in};
use crate::aws::tools::{found, run, say, tools};
use crate::desk::Desk;

/// Python with `pyotp`. `None`, having said so, where it cannot be had.
fn python() -> Option<PathBuf> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAM.get_or_init(|| found("pyotp 2.12.1", install())).clone()
}

fn install() -> Result<PathBuf, String> {
    let root = tools().join("pyotp-2.12.1");
    let python = root.join("bin/python");
    let is_there = || {
        let asked = ["-c", "from importlib.metadata import version as v; print(v('pyotp'))"];
        let said = Command::new(&python).args(asked).stdin(Stdio::null()).output();
        said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).trim() == "2.12.1")
    };
    if !is_there() {
        say("installing pyotp 2.12.1 (once)");
        run(Command::new("python3").args(["-m", "venv"]).arg(&root))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "pyotp==2.12.1"]))?;
    }
    match is_there() {
        true => Ok(python),
        false => Err(format!("{} is not version 2.12.1", python.display())),
    }
}

/// What `pyotp` says of the URI at each of these seconds.
fn codes(uri: &str, times: &[u64]) -> Option<Vec<String>> {
    const PROGRAM: &str = "import json, sys, pyotp\n\
        asked = json.loads(sys.argv[1])\n\
        totp = pyotp.parse_uri(asked['uri'])\n\
        assert totp.issuer == 'Scorpius' and totp.name == asked['name'], (totp.issuer, totp.name)\n\
        print(json.dumps([totp.at(time) for time in asked['times']]))";
    let name = "ada+x@example.com";
    let asked = json!({"uri": uri, "times": times, "name": name}).to_string();
    let said = Command::new(python()?).args(["-c", PROGRAM, &asked]).output().expect("python runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    Some(serde_json::from_slice(&said.stdout).expect("a list of codes"))
}

#[test]
fn pyotp_makes_the_same_codes_of_our_uris() {
    let mut seed = [0; 8];
    SystemClock.fill_random(&mut seed);
    let clock = ManualClock::at(UnixMillis(u64::from_le_bytes(seed) % 2_000_000_000_000));
    for _ in 0..5 {
        clock.advance_ms(1);
        let secret = totp::secret(&clock);
        let mut random = [0; 200];
        clock.fill_random(&mut random);
        let times: Vec<u64> = random
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| u64::from(u32::from_le_bytes(*bytes)))
            .chain([0, 29, 30, 59, 1_111_111_109, 4_294_967_295])
            .collect();
        let Some(said) = codes(&totp::uri(&*secret, "ada+x@example.com"), &times) else { return };
        let ours: Vec<_> = times.iter().map(|time| totp::code(&*secret, time / totp::STEP_S)).collect();
        assert_eq!(said, ours, "seed {seed:?}");
    }
}

#[tokio::test]
async fn a_code_of_pyotp_confirms_the_secret_that_a_door_offers() {
    let desk = Desk::open().await;
    joined(&desk, "ada+x@example.com", "viewer").await;
    let access = signed_in(&desk, "ada+x@example.com").await;
    let offer = ask_as(&desk, &access, "POST", "/v1/account/totp", &Value::Null).await.expect(201);
    let now_s = desk.clock.now().as_s();
    let Some(codes) = codes(offer["uri"].as_str().expect("a URI"), &[now_s]) else { return };
    let confirm = json!({"code": codes[0]});
    ask_as(&desk, &access, "POST", "/v1/account/totp/confirm", &confirm).await.expect(200);
}

//! The README's first command, from the outside: detect, decide, act and prove on a new folder and on an old one.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use scorpius::host::{Host, Settings};

use crate::entries::{all, only_tenant};
use crate::platform::program;

#[tokio::test]
async fn the_tour_proves_every_fact_on_the_first_start_and_on_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    for start in ["first", "second"] {
        let mut command = Command::new(program());
        command.args(["up", "--tour", "--then-stop", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path());
        let ended = command.output().expect("it runs");
        let said = String::from_utf8(ended.stdout).expect("UTF-8");
        assert!(ended.status.success(), "{start}: {said}\n{}", String::from_utf8_lossy(&ended.stderr));
        assert!(said.contains("VERIFIED"), "{start}: {said}");
        assert!(said.contains("witnessed by 1 of 1, run by yourself"), "{start}: {said}");
        assert_eq!(said.contains("API key:"), start == "first", "the key is shown once: {said}");
    }
    assert_eq!(webhooks(folder.path()).await, 0, "a tour takes its webhook with it");
    let (evidence, key) = (folder.path().join("tour/evidence.json"), folder.path().join("ledger.vkey"));
    assert_eq!(verify(&[evidence.as_os_str(), "--key".as_ref(), key.as_os_str()]), Some(0));
    assert_eq!(
        verify(&["--log".as_ref(), folder.path().as_os_str(), "--key".as_ref(), key.as_os_str()]),
        Some(0)
    );

    // The latest checkpoint is anchored once; the log continues it, and no anchor that somebody has changed.
    let anchors = folder.path().join("anchors");
    for _ in 0..2 {
        let hour = crate::tree::root().join("events/audit-anchor/hour.json");
        let mut invoke = Command::new(program());
        let invoked = invoke.args(["invoke", "audit-anchor"]).arg(hour).arg("--data").arg(folder.path());
        assert!(invoked.output().expect("it runs").status.success());
        assert_eq!(files(&anchors), [anchors.join("anchor-0000000001.json")]);
    }
    let with_anchors = |anchors: &Path| {
        let (log, key) = (folder.path().as_os_str(), key.as_os_str());
        verify(&["--log".as_ref(), log, "--key".as_ref(), key, "--anchors".as_ref(), anchors.as_os_str()])
    };
    assert_eq!(with_anchors(&anchors), Some(0));
    let changed = folder.path().join("changed-anchors");
    std::fs::create_dir(&changed).expect("a folder");
    let anchor = std::fs::read_to_string(&files(&anchors)[0]).expect("an anchor");
    let anchor = anchor.replacen("scorpius.local/ledger", "scorpius.local/another", 1);
    std::fs::write(changed.join("anchor-0000000001.json"), anchor).expect("written");
    assert_eq!(with_anchors(&changed), Some(1));

    // Whoever trusts the witness too says so by a policy; whoever trusts another one is told that it did not sign.
    let policy = folder.path().join("tour/policy");
    assert_eq!(verify(&[evidence.as_os_str(), "--policy".as_ref(), policy.as_os_str()]), Some(0));
    let text = std::fs::read_to_string(&policy).expect("a policy");
    let witness = text.lines().find(|line| line.starts_with("witness ")).expect("a witness");
    let other = "witness other witness.example/w1+24b5d9fe+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY";
    let stranger = folder.path().join("stranger-policy");
    std::fs::write(&stranger, text.replace(witness, other).replace("quorum tour", "quorum other"))
        .expect("written");
    assert_eq!(verify(&[evidence.as_os_str(), "--policy".as_ref(), stranger.as_os_str()]), Some(1));

    // The log as files that others' programs read: whole, and refused after one flipped byte.
    let exported = folder.path().join("exported");
    let export = Command::new(program())
        .args(["ledger", "export", "--data"])
        .arg(folder.path())
        .arg("--to")
        .arg(&exported)
        .output()
        .expect("it runs");
    assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stdout));
    let log = [OsStr::new("--log"), exported.as_os_str(), OsStr::new("--policy"), policy.as_os_str()];
    assert_eq!(verify(&log), Some(0));
    let entries = exported.join("tile/entries");
    let tile = std::fs::read_dir(&entries).expect("tiles").flatten().map(|entry| entry.path());
    let tile =
        tile.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).next().expect("a tile");
    let mut bytes = std::fs::read(&tile).expect("a tile");
    bytes[10] ^= 1;
    std::fs::write(&tile, bytes).expect("written");
    assert_eq!(verify(&log), Some(1));
    // A key that comes with the log is no key to judge it by.
    let inside = exported.join("key");
    std::fs::copy(&key, &inside).expect("copied");
    assert_eq!(verify(&[log[0], log[1], OsStr::new("--key"), inside.as_os_str()]), Some(2));

    let forged =
        std::fs::read_to_string(&evidence).expect("evidence").replace("\"score\": 100", "\"score\": 10");
    let file = folder.path().join("forged.json");
    std::fs::write(&file, forged).expect("it is written");
    assert_eq!(verify(&[file.as_os_str(), "--key".as_ref(), key.as_os_str()]), Some(1));
}

/// Runs the tour until a line holds `sign`, and asks the platform to end as a service manager does: it ends well.
fn ended_at(sign: &str, folder: &Path, before: impl FnOnce()) {
    let mut child = Command::new(program())
        .args(["up", "--tour", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("it says something")).lines();
    let mut said = Vec::new();
    let is_there = lines
        .by_ref()
        .map_while(Result::ok)
        .inspect(|line| said.push(line.clone()))
        .any(|line| line.contains(sign));
    assert!(is_there, "it did not come to `{sign}`: {said:#?}");
    before();
    assert!(Command::new("kill").arg(child.id().to_string()).status().expect("it runs").success());
    said.extend(lines.map_while(Result::ok));
    let ended = child.wait().expect("it ends");
    assert!(ended.success(), "{ended}: {said:#?}");
}

#[test]
fn whoever_asks_the_platform_to_end_ends_its_witness_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let witness = || {
        let policy = std::fs::read_to_string(folder.path().join("tour/policy")).expect("a policy");
        let address = policy.split("http://").nth(1).and_then(|rest| rest.split(['/', '\n']).next());
        TcpStream::connect(address.expect("an address"))
    };
    ended_at("nothing is lost", folder.path(), || drop(witness().expect("the witness listens")));
    witness().expect_err("nobody listens any more");
}

#[test]
fn whoever_asks_during_the_tour_is_heard() {
    let folder = tempfile::tempdir().expect("a folder");
    ended_at("Scorpius is up", folder.path(), || {});
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect()
}

/// How many webhooks the first tenant has.
async fn webhooks(folder: &Path) -> usize {
    let (host, _) = Host::open(Settings::in_folder(folder.to_owned())).await.expect("the folder opens");
    all(&host.local.store, &format!("{}#webhooks", only_tenant(&host).await)).await.len()
}

fn verify(arguments: &[&std::ffi::OsStr]) -> Option<i32> {
    Command::new(program()).arg("verify").args(arguments).output().expect("it runs").status.code()
}

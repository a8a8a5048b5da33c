//! The README's first command, from the outside: detect, decide, act and prove on a new folder and on an old one.

use std::path::Path;
use std::process::Command;

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
        assert!(said.contains("0 of 0"), "{start}: {said}");
        assert_eq!(said.contains("API key:"), start == "first", "the key is shown once: {said}");
    }
    assert_eq!(webhooks(folder.path()).await, 0, "a tour takes its webhook with it");
    let (evidence, key) = (folder.path().join("tour/evidence.json"), folder.path().join("ledger.vkey"));
    assert_eq!(verify(&[evidence.as_os_str(), "--key".as_ref(), key.as_os_str()]), Some(0));
    assert_eq!(
        verify(&["--log".as_ref(), folder.path().as_os_str(), "--key".as_ref(), key.as_os_str()]),
        Some(0)
    );

    let forged =
        std::fs::read_to_string(&evidence).expect("evidence").replace("\"score\": 100", "\"score\": 10");
    let file = folder.path().join("forged.json");
    std::fs::write(&file, forged).expect("it is written");
    assert_eq!(verify(&[file.as_os_str(), "--key".as_ref(), key.as_os_str()]), Some(1));
}

/// How many webhooks the first tenant has.
async fn webhooks(folder: &Path) -> usize {
    let (host, _) = Host::open(Settings::in_folder(folder.to_owned())).await.expect("the folder opens");
    all(&host.local.store, &format!("{}#webhooks", only_tenant(&host).await)).await.len()
}

fn verify(arguments: &[&std::ffi::OsStr]) -> Option<i32> {
    Command::new(program()).arg("verify").args(arguments).output().expect("it runs").status.code()
}

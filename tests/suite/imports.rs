//! An export of QLDB's journal, checked and brought into a ledger by the program from the outside.

use std::path::Path;
use std::process::{Command, Output};

use scorpius::host::{Host, Settings};
use serde_json::Value;

use crate::entries::ledger;
use crate::platform::program;

/// The strand of the block of 2019 that the fixture of `scorpius-qldb` has.
const STRAND: &str = "HbD9IggL584EPHmfwjmVz0";

fn block() -> (String, Value) {
    let fixture = include_str!("../../shared/ledger/qldb/fixtures/block-2019.json");
    let fixture: Value = serde_json::from_str(fixture).expect("JSON");
    (fixture["block_ion_text"].as_str().expect("text").to_owned(), fixture)
}

/// A folder as S3 had it: one object, and the manifest that lists it.
fn exported(folder: &Path, block: &str) {
    let day = folder.join("journal/2019/12/11/07");
    std::fs::create_dir_all(&day).expect("a folder");
    std::fs::write(day.join(format!("{STRAND}.3-3.ion")), block).expect("written");
    let manifest = format!("{{keys:[\"journal/2019/12/11/07/{STRAND}.3-3.ion\"]}}");
    std::fs::write(folder.join(format!("journal/id.{STRAND}.completed.manifest")), manifest)
        .expect("written");
}

fn import(export: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(["ledger", "import-qldb"]).arg(export).args(arguments);
    command.output().expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
async fn a_journal_is_checked_and_each_of_its_blocks_enters_the_ledger_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (export, data) = (folder.path().join("export"), folder.path().join("data"));
    let (block, fixture) = block();
    exported(&export, &block);
    let proof = folder.path().join("proof.ion");
    std::fs::write(&proof, fixture["get_block"]["proof_ion_text"].as_str().expect("text")).expect("written");
    let anchored =
        ["--digest", fixture["get_block"]["digest"].as_str().expect("Base64"), "--block", "3", "--proof"];
    let checked = import(&export, &[&["--check"], &anchored[..], &[proof.to_str().expect("UTF-8")]].concat());
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    for line in
        ["1 blocks, 3 to 3", "1 revisions", "every block leads to the next", "anchored: the saved digest"]
    {
        assert!(said(&checked).contains(line), "{line}: {}", said(&checked));
    }
    let other = ["--digest", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "--block", "3", "--proof"];
    let refused = import(&export, &[&["--check"], &other[..], &[proof.to_str().expect("UTF-8")]].concat());
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));

    // Nowhere to go yet.
    let data_text = data.to_str().expect("UTF-8");
    assert_eq!(import(&export, &["--data", data_text]).status.code(), Some(2));
    let started = Command::new(program())
        .args(["up", "--tour", "--then-stop", "--listen", "127.0.0.1:0", "--data", data_text])
        .output()
        .expect("it runs");
    assert!(started.status.success(), "{}", said(&started));
    let first = import(&export, &["--data", data_text]);
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    assert!(said(&first).contains("1 blocks are in the ledger now, 0 were before"), "{}", said(&first));
    let again = import(&export, &["--data", data_text]);
    assert!(said(&again).contains("0 blocks are in the ledger now, 1 were before"), "{}", said(&again));

    // A tampered export leaves nothing.
    let bad = folder.path().join("bad");
    exported(&bad, &block.replace("\"Testing new 600\",LastName", "\"Nova\",LastName"));
    let refused = import(&bad, &["--data", data_text]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("revision 0 is not what its hash is of"), "{}", said(&refused));

    let (host, _) = Host::open(Settings::in_folder(data)).await.expect("it starts again");
    assert!(host.drain(100).await.expect("it drains"));
    let entries = ledger(&host).await;
    let imported: Vec<_> =
        entries.values().filter(|entry| entry["type"] == "scorpius.audit.qldb_block_imported.v1").collect();
    assert_eq!(imported.len(), 1);
    let entry = imported[0];
    assert_eq!(entry["ts"], "2019-12-11T07:20:51.261Z");
    assert_eq!(entry["payload"]["data"]["sequence_no"], 3);
    assert_eq!(
        entry["payload"]["data"]["block_hash"],
        "96ee36e5d016b26bf3c6e3474db9f8203e262e8d1b58a9232cfd947a5e30acf4"
    );
}

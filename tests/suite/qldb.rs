//! The SDK that QLDB had, unmodified, asks this platform.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use scorpius::host::gateway::WireRequest;
use scorpius::host::{Host, Settings};
use scorpius_core::Bus;
use scorpius_qldb::hash::{self, Hash, dot};
use scorpius_qldb::{Address, Document, StoredBlock, block_of};
use scorpius_qldb_live::aws_sdk_qldb::Client;
use scorpius_qldb_live::aws_sdk_qldb::error::ProvideErrorMetadata;
use scorpius_qldb_live::aws_sdk_qldb::types::ValueHolder;
use scorpius_qldb_live::{Endpoint, client, copy};
use serde_json::{Value, json};

use crate::entries::ledger;
use crate::platform::program;

/// The strand of the block of 2019 that the service itself made.
const REAL: &str = "HbD9IggL584EPHmfwjmVz0";
const MADE: &str = "JdxjkR9bSYB5jMHWcI464T";
/// Blocks of the journal that is made here: more than one commit takes.
const BLOCKS: u64 = 300;

fn import(export: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(["ledger", "import-qldb"]).arg(export).args(arguments).output().expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Exports as S3 had them: the service's own block, and a journal of made blocks.
fn exports(folder: &Path) {
    let fixture = include_str!("../../shared/ledger/qldb/fixtures/block-2019.json");
    let fixture: Value = serde_json::from_str(fixture).expect("JSON");
    let (real, made) = (folder.join("real"), folder.join("made"));
    std::fs::create_dir_all(&real).expect("a folder");
    let block = fixture["block_ion_text"].as_str().expect("text");
    std::fs::write(real.join(format!("{REAL}.3-3.ion")), block).expect("written");
    std::fs::create_dir_all(&made).expect("a folder");
    let (mut before, mut text) = (Hash::new(), String::new());
    for number in 0..BLOCKS {
        let address = Address { strand: MADE.to_owned(), sequence_no: number };
        let (id, data) = (format!("doc{number}"), format!("{{n:{number},exact:{number}.50,at:2021-03-04T}}"));
        let document = Document { id: &id, at: "2021-03-04T05:06:07.089Z", data: &data };
        let block = block_of(&address, &before, &document).expect("a block");
        before = block.block_hash;
        text += &(block.text + "\n");
    }
    std::fs::write(made.join(format!("{MADE}.0-{}.ion", BLOCKS - 1)), text).expect("written");
}

async fn ask(host: &Host, path: &str, key: &str, body: Option<Value>) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let headers = [("x-api-key", key), ("content-type", "application/json")];
    let answer = host
        .ask(WireRequest {
            method: if body.is_some() { "POST" } else { "GET" }.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
            source_ip: "127.0.0.1".to_owned(),
        })
        .await;
    assert!((200..300).contains(&answer.status_code), "{path}: {}", answer.body);
    serde_json::from_str(&answer.body).expect("JSON")
}

/// What a program that was written for QLDB does: it takes a digest, and verifies a block and a document with it.
async fn verified(client: &Client, name: &str, number: u64, document: &str) -> (Vec<u8>, StoredBlock) {
    let digest = client.get_digest().name(name).send().await.expect("a digest");
    let tip = digest.digest_tip_address().expect("a tip").clone();
    let strand = Address::of_ion(tip.ion_text().expect("Ion")).expect("an address").strand;
    let address = Address { strand, sequence_no: number }.to_string();
    let address = ValueHolder::builder().ion_text(address).build();
    let digest = digest.digest().as_ref().to_vec();
    let text = |holder: Option<&ValueHolder>| holder.and_then(ValueHolder::ion_text).expect("Ion").to_owned();
    let proof = |holder: Option<&ValueHolder>| hash::proof_of_ion(text(holder).as_bytes()).expect("a proof");

    let asked = client.get_block().name(name).block_address(address.clone()).digest_tip_address(tip.clone());
    let answer = asked.send().await.expect("a block");
    let stored = StoredBlock::of_text(&text(answer.block())).expect("a block");
    let checked = stored.block.check(None);
    assert!(checked.faults.is_empty(), "{:?}", checked.faults);
    assert_eq!(hash::fold(&stored.block.block_hash, &proof(answer.proof())), digest);

    let asked = client.get_revision().name(name).document_id(document);
    let answer = asked.block_address(address).digest_tip_address(tip).send().await.expect("a revision");
    let (revision, of_block) = (text(answer.revision()), stored.revision(document).expect("its document"));
    assert_eq!(revision, of_block.0);
    let computed = stored.block.revisions[0].computed.clone().expect("metadata and data");
    assert_eq!(hash::fold(&computed, &proof(answer.proof())), digest);
    assert_ne!(hash::fold(&dot(&computed, &computed), &proof(answer.proof())), digest);
    (digest, stored)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_of_qldb_verifies_imported_journals_and_the_ledger_s_own_entries() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    exports(folder.path());
    let (host, first) = Host::open(Settings::in_folder(data.clone())).await.expect("it opens");
    let key = first.expect("a new folder").api_key;
    let asked = json!({"name": "auditor", "permissions": ["audit:read"], "aws_signature": true});
    let made = ask(&host, "/v1/auth/api-keys", &key, Some(asked)).await;
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    assert!(host.drain(100).await.expect("it drains"));
    // As `scorpius up` leaves it there.
    std::fs::write(data.join("ledger.vkey"), format!("{}\n", host.functions.verifier_key()))
        .expect("written");
    drop(host);

    let data_text = data.to_str().expect("UTF-8");
    for name in ["real", "made"] {
        let imported = import(&folder.path().join(name), &["--data", data_text, "--serve", name]);
        assert_eq!(imported.status.code(), Some(0), "{}", said(&imported));
        assert!(said(&imported).contains(&format!("answer as the ledger `{name}`")), "{}", said(&imported));
    }
    let again = import(&folder.path().join("made"), &["--data", data_text, "--serve", "made"]);
    assert!(said(&again).contains("0 blocks more answer as the ledger `made`"), "{}", said(&again));
    let other = import(&folder.path().join("real"), &["--data", data_text, "--serve", "made"]);
    assert_eq!(other.status.code(), Some(2), "{}", said(&other));

    let (host, _) = Host::open(Settings::in_folder(data)).await.expect("it starts again");
    let running =
        Arc::clone(&host).start("127.0.0.1:0".parse().expect("an address")).await.expect("it listens");
    let endpoint = Endpoint {
        url: format!("http://{}/v1/qldb", running.address),
        region: "eu-central-1".to_owned(),
        access_key_id: text(&made["aws"]["access_key_id"]),
        secret_access_key: text(&made["aws"]["secret_access_key"]),
    };
    let sdk = client(&endpoint);

    let (_, block) = verified(&sdk, "real", 3, &real_document()).await;
    let known = "96ee36e5d016b26bf3c6e3474db9f8203e262e8d1b58a9232cfd947a5e30acf4";
    assert_eq!(block.block.block_hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), known);
    for number in [0, 1, 255, 256, BLOCKS - 1] {
        verified(&sdk, "made", number, &format!("doc{number}")).await;
    }
    own_entries(&host, &sdk, &key).await;
    refusals(&sdk, &endpoint).await;

    // A journal that answers is copied, and what was copied is what was imported.
    let to = folder.path().join("copied");
    std::fs::create_dir(&to).expect("a folder");
    let copied = copy(&sdk, "made", 0, &to, &mut |_, _| {}).await.expect("it is copied");
    assert_eq!((copied.blocks, copied.tip, copied.strand.as_str()), (BLOCKS, BLOCKS - 1, MADE));
    let checked = import(&to, &["--check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    assert!(said(&checked).contains("300 blocks, 0 to 299"), "{}", said(&checked));
    running.stop().await.expect("it stops");
}

fn real_document() -> String {
    let fixture = include_str!("../../shared/ledger/qldb/fixtures/block-2019.json");
    let fixture: Value = serde_json::from_str(fixture).expect("JSON");
    let text = fixture["block_ion_text"].as_str().expect("text");
    let (_, metadata) = text.rsplit_once("metadata:").expect("metadata");
    let (_, id) = metadata.split_once("id:\"").expect("an id");
    id.split('"').next().expect("an id").to_owned()
}

/// Waits until nothing is under way, seen three times: workers of the running host may hold what `drain` does not see.
async fn settled(host: &Arc<Host>) {
    let mut quiet = 0;
    for _ in 0..600 {
        let drained = host.drain(100).await.expect("it drains");
        let depths = host.local.queues.depths().await.expect("the queues answer");
        quiet = if drained && depths.iter().all(|queue| queue.messages == 0) { quiet + 1 } else { 0 };
        if quiet == 3 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the queues are not empty after half a minute");
}

/// Entries of this tenant are documents: their number is their place in the log, which a proof of ours says, and one.
async fn own_entries(host: &Arc<Host>, sdk: &Client, key: &str) {
    settled(host).await;
    let entries = ledger(host).await;
    let created = entries.values().find(|entry| entry["type"] == "scorpius.identity.api_key_created.v1");
    let id = created.expect("an entry")["id"].as_str().expect("an id").to_owned();
    let proof = ask(host, &format!("/v1/audit/events/{id}/proof"), key, None).await;
    let number = proof["index"].as_u64().expect("a place") + 1;
    let (digest, block) = verified(sdk, "audit", number, &id).await;
    let (revision, _) = block.revision(&id).expect("its document");
    assert!(
        revision.contains(proof["leaf"].as_str().expect("a leaf")),
        "the document names what stands in the log"
    );

    // The digest is told once, and its own entry needs no other digest.
    settled(host).await;
    let (again, _) = verified(sdk, "audit", number, &id).await;
    assert_eq!(again, digest);
    settled(host).await;
    let told = ledger(host).await;
    let told: Vec<_> =
        told.values().filter(|entry| entry["type"] == "scorpius.audit.qldb_digest_made.v1").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["payload"]["data"]["blocks"], entries.len());

    // What comes later is covered by a later digest; a proof by the earlier tip stays a proof.
    let scored = json!({"chain": "eip155:1", "address": "0x00000000000000000000000000000000000000aa"});
    ask(host, "/v1/risk/address", key, Some(scored)).await;
    settled(host).await;
    let (later, _) = verified(sdk, "audit", number, &id).await;
    assert_ne!(later, digest);
}

async fn refusals(sdk: &Client, endpoint: &Endpoint) {
    let missing =
        sdk.get_digest().name("nobody").send().await.expect_err("there is none").into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");
    let bad = ValueHolder::builder().ion_text("{").build();
    let bad = sdk
        .get_block()
        .name("made")
        .block_address(bad)
        .send()
        .await
        .expect_err("no Ion")
        .into_service_error();
    assert!(bad.is_invalid_parameter_exception(), "{bad:?}");
    assert!(bad.message().is_some_and(|message| message.contains("not an address")), "{bad:?}");
    let wrong = Endpoint { secret_access_key: "not the secret".to_owned(), ..endpoint.clone() };
    let refused = client(&wrong).get_digest().name("made").send().await.expect_err("a wrong secret");
    assert_eq!(refused.into_service_error().code(), Some("unauthenticated"));
}

use std::sync::Arc;

use scorpius_core::{ManualClock, UnixMillis};
use scorpius_edge::{Caller, Judge, Principal, Role, Strength};
use scorpius_local::{FileKeys, FolderBlobs, SqliteStore};
use scorpius_qldb::hash::{dot, fold, merkle, proof_of_ion};
use scorpius_qldb::{Document, StoredBlock, block_of};
use serde_json::json;

use super::*;
use crate::journals::{Adding, NewBlock};

const STRAND: &str = "JdxjkR9bSYB5jMHWcI464T";

struct World {
    app: App,
    _folder: tempfile::TempDir,
}

fn tenant(number: u8) -> TenantId {
    format!("ten_{number:032x}").parse().expect("a tenant")
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
        let store = Arc::new(SqliteStore::in_memory(clock.clone()).expect("a store"));
        let keys = Arc::new(FileKeys::open(folder.path(), clock.clone()).expect("keys"));
        let blobs =
            Arc::new(FolderBlobs::open(folder.path(), clock.clone(), "http://127.0.0.1").expect("blobs"));
        Self { app: App::new(store, blobs, keys, clock), _folder: folder }
    }

    async fn add(&self, name: &str, blocks: &[NewBlock], before: &Hash) -> Result<u64, JournalError> {
        let adding = Adding { strand: STRAND, before };
        self.app.journals.add(&tenant(1), name, adding, blocks.to_vec()).await
    }

    async fn ask(
        &self,
        operation: &'static str,
        whose: u8,
        name: &str,
        body: Value,
    ) -> (u16, Value, Response) {
        let request = Request {
            operation,
            path: String::new(),
            parameters: [("name".to_owned(), name.to_owned())].into(),
            query: Default::default(),
            headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
            body: body.to_string().into(),
            caller: Caller::Known(Principal {
                tenant: tenant(whose),
                subject: "key_1".to_owned(),
                roles: vec![Role::Auditor],
                scopes: None,
                strength: Strength::ApiKey,
                sign_in: None,
                network_tag: None,
                standing: Default::default(),
                allowance: scorpius_edge::Allowance::default(),
            }),
            request_id: "req_test".to_owned(),
            network: "127.0.0.1".to_owned(),
            received_at: UnixMillis(1_795_254_040_000),
            judge: Judge::absent(),
        };
        let response = handle(&self.app, request).await;
        let body = serde_json::from_slice(&response.body).expect("JSON");
        (response.status.as_u16(), body, response)
    }
}

/// Blocks of a journal, each with one document; one of them larger than a record.
fn journal(from: u64, count: u64, before: &Hash) -> Vec<NewBlock> {
    let mut before = before.clone();
    (from..from + count)
        .map(|sequence_no| {
            let address = Address { strand: STRAND.to_owned(), sequence_no };
            let id = format!("doc{sequence_no}");
            let filler = "x".repeat(if sequence_no == 5 { 400_000 } else { 10 });
            let data = format!("{{n:{sequence_no},exact:1.50,filler:\"{filler}\"}}");
            let document = Document { id: &id, at: "2021-03-04T05:06:07.089Z", data: &data };
            let block = block_of(&address, &before, &document).expect("a block");
            before.clone_from(&block.block_hash);
            NewBlock { sequence_no, block_hash: block.block_hash, text: block.text }
        })
        .collect()
}

fn address(number: u64) -> Value {
    json!({"IonText": Address { strand: STRAND.to_owned(), sequence_no: number }.to_string()})
}

fn proof(answer: &Value) -> Vec<Hash> {
    proof_of_ion(answer["Proof"]["IonText"].as_str().expect("a proof").as_bytes()).expect("a proof")
}

#[tokio::test]
async fn blocks_and_revisions_are_proved_by_every_digest_that_covers_them() {
    let world = World::new();
    let blocks = journal(3, 300, &vec![7; 32]);
    for chunk in blocks.chunks(70) {
        let before = chunk_before(&blocks, chunk);
        assert_eq!(world.add("people", chunk, &before).await.expect("added"), chunk.len() as u64);
    }
    let (status, digest, _) = world.ask("getQldbDigest", 1, "people", json!({})).await;
    assert_eq!((status, &digest["DigestTipAddress"]), (200, &address(302)));
    let hashes: Vec<_> = blocks.iter().map(|block| block.block_hash.clone()).collect();
    assert_eq!(digest["Digest"], base64(&merkle(&hashes)));
    for (number, tip) in [(3, 302), (5, 302), (258, 302), (302, 302), (3, 3), (4, 9), (200, 258)] {
        let ask = json!({"BlockAddress": address(number), "DigestTipAddress": address(tip)});
        let (status, block, _) = world.ask("getQldbBlock", 1, "people", ask.clone()).await;
        assert_eq!(status, 200, "{block}");
        let stored = StoredBlock::of_text(block["Block"]["IonText"].as_str().expect("Ion")).expect("a block");
        let covered = merkle(&hashes[..=(tip - 3) as usize]);
        assert_eq!(fold(&stored.block.block_hash, &proof(&block)), covered, "{number} by {tip}");
        assert!(stored.block.check(None).faults.is_empty());

        let mut ask = ask;
        ask["DocumentId"] = format!("doc{number}").into();
        let (status, revision, _) = world.ask("getQldbRevision", 1, "people", ask).await;
        assert_eq!(status, 200, "{revision}");
        assert_eq!(fold(&stored.block.revisions[0].hash, &proof(&revision)), covered, "{number} by {tip}");
    }
    let (_, block, _) = world.ask("getQldbBlock", 1, "people", json!({"BlockAddress": address(3)})).await;
    assert_eq!(block.get("Proof"), None, "without a digest there is nothing to prove by");
    assert!(dot(&hashes[0], &[]) == hashes[0]);
}

fn chunk_before(blocks: &[NewBlock], chunk: &[NewBlock]) -> Hash {
    let at = chunk[0].sequence_no - blocks[0].sequence_no;
    at.checked_sub(1).map_or(vec![7; 32], |at| blocks[at as usize].block_hash.clone())
}

#[tokio::test]
async fn what_does_not_follow_is_refused_and_what_is_there_stays() {
    let world = World::new();
    let blocks = journal(0, 20, &Hash::new());
    assert_eq!(world.add("people", &blocks[..10], &Hash::new()).await.expect("added"), 10);
    assert_eq!(world.add("people", &blocks[..10], &Hash::new()).await.expect("known"), 0);
    assert_eq!(world.add("people", &blocks[5..15], &blocks[4].block_hash).await.expect("added"), 5);
    let gap = world.add("people", &blocks[16..], &blocks[15].block_hash).await;
    assert!(matches!(gap, Err(JournalError::Gap(16))));
    let fork = world.add("people", &journal(15, 1, &vec![1; 32]), &vec![1; 32]).await;
    assert!(matches!(fork, Err(JournalError::Gap(15))));
    let other = world.add("people", &journal(9, 1, &vec![1; 32]), &vec![1; 32]).await;
    assert!(matches!(other, Err(JournalError::OtherBlock(9))));
    for name in ["", "audit", "a b", "../x", &"a".repeat(33)] {
        assert!(matches!(world.add(name, &blocks, &Hash::new()).await, Err(JournalError::Name)), "{name}");
    }
    let adding = Adding { strand: "another", before: &Hash::new() };
    let other = world.app.journals.add(&tenant(1), "people", adding, blocks[..1].to_vec()).await;
    assert!(matches!(other, Err(JournalError::OtherStrand(_))));
    let (_, digest, _) = world.ask("getQldbDigest", 1, "people", json!({})).await;
    assert_eq!(digest["DigestTipAddress"], address(14));
}

#[tokio::test]
async fn a_wrong_question_is_an_exception_of_qldb_s() {
    let world = World::new();
    world.add("people", &journal(0, 9, &Hash::new()), &Hash::new()).await.expect("added");
    let cases = [
        (2, "getQldbDigest", "people", json!({}), 404),
        (1, "getQldbDigest", "nobody", json!({}), 404),
        (1, "getQldbDigest", "audit", json!({}), 404),
        (1, "getQldbDigest", "a%2f", json!({}), 404),
        (2, "getQldbBlock", "people", json!({"BlockAddress": address(1)}), 404),
        (1, "getQldbBlock", "people", json!({"BlockAddress": address(9)}), 404),
        (
            1,
            "getQldbBlock",
            "people",
            json!({"BlockAddress": {"IonText": "{strandId:\"x\",sequenceNo:1}"}}),
            404,
        ),
        (1, "getQldbBlock", "people", json!({"BlockAddress": {"IonText": "["}}), 400),
        (1, "getQldbBlock", "people", json!({}), 400),
        (
            1,
            "getQldbBlock",
            "people",
            json!({"BlockAddress": address(5), "DigestTipAddress": address(4)}),
            400,
        ),
        (
            1,
            "getQldbBlock",
            "people",
            json!({"BlockAddress": address(5), "DigestTipAddress": address(40)}),
            400,
        ),
        (1, "getQldbRevision", "people", json!({"BlockAddress": address(1), "DocumentId": "doc2"}), 404),
        (
            1,
            "getQldbRevision",
            "people",
            json!({"BlockAddress": address(1), "DocumentId": "d".repeat(101)}),
            400,
        ),
    ];
    for (whose, operation, name, body, expected) in cases {
        let (status, answer, response) = world.ask(operation, whose, name, body.clone()).await;
        assert_eq!(status, expected, "{operation} {name} {body}: {answer}");
        let exception = if status == 404 { "ResourceNotFoundException" } else { "InvalidParameterException" };
        assert_eq!(response.header("x-amzn-errortype"), Some(exception), "{answer}");
        assert_eq!(answer["Message"], answer["detail"]);
    }
}

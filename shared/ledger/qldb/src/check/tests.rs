use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ion_rs::Element;
use serde_json::Value;

use super::*;
use crate::hash::{self, fold};

fn fixture() -> Value {
    serde_json::from_str(include_str!("../../fixtures/block-2019.json")).expect("JSON")
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().expect("Base64")).expect("Base64")
}

fn block(text: &str) -> Block {
    Block::of_ion(&Element::read_one(text).expect("Ion")).expect("a block")
}

fn real() -> String {
    fixture()["block_ion_text"].as_str().expect("text").to_owned()
}

#[test]
fn a_block_that_the_service_made_is_sound() {
    let (real, expected) = (block(&real()), &fixture()["expected"]);
    let checked = real.check(None);
    assert_eq!(checked.faults, []);
    let contents =
        Contents { revisions: 1, statements: 1, descriptions: 1, unexplained: 2, ..Contents::default() };
    assert_eq!(checked.contents, contents);
    assert_eq!(real.block_hash, bytes(&expected["block_hash"]));
    assert_eq!(real.transaction_info, Some(bytes(&expected["transaction_info_hash"])));
    assert_eq!(real.revisions[0].computed, Some(bytes(&expected["revision_hash"])));
    assert_eq!((real.sequence_no, real.strand.as_str()), (3, "HbD9IggL584EPHmfwjmVz0"));
    assert!(real.timestamp.starts_with("2019-12-11T07:20:51.261"), "{}", real.timestamp);
}

#[test]
fn saved_proofs_lead_to_the_saved_digest() {
    let fixture = fixture();
    for case in [&fixture["get_revision"], &fixture["get_block"]] {
        let proof =
            hash::proof_of_ion(case["proof_ion_text"].as_str().expect("text").as_bytes()).expect("a proof");
        assert_eq!(fold(&bytes(&case["leaf"]), &proof), bytes(&case["digest"]));
        let mut other = bytes(&case["leaf"]);
        other[0] ^= 1;
        assert_ne!(fold(&other, &proof), bytes(&case["digest"]));
    }
}

#[track_caller]
fn changed(from: &str, to: &str) -> Vec<Fault> {
    let text = real();
    assert!(text.contains(from), "{from}");
    block(&text.replacen(from, to, 1)).check(None).faults
}

#[test]
fn whatever_is_changed_in_a_block_is_found() {
    // What a sample of the service's own maker showed in place of what was hashed.
    assert_eq!(
        changed("data:{FirstName:\"Testing new 600\"", "data:{FirstName:\"Nova\""),
        [Fault::Revision(0)]
    );
    assert_eq!(changed("version:0", "version:1"), [Fault::Revision(0)]);
    assert_eq!(changed("'Lewis'", "'Louis'"), [Fault::TransactionInfo, Fault::Statements(1)]);
    assert_eq!(changed("tableName:\"Person\"", "tableName:\"Persons\""), [Fault::TransactionInfo]);
    assert_eq!(changed("entriesHashList:[{{Lmc", "entriesHashList:[{{Mmc"), [Fault::Entries]);
    assert_eq!(changed("previousBlockHash:{{pV2", "previousBlockHash:{{qV2"), [Fault::BlockHash]);
    assert_eq!(changed("entriesHash:{{RNG", "entriesHash:{{SNG"), [Fault::Entries, Fault::BlockHash]);
    assert_eq!(changed("sequenceNo:3}", "sequenceNo:0}"), [Fault::NotFirst]);
    let elsewhere = block(&real()).check(Some(&vec![7; 32])).faults;
    assert_eq!(elsewhere, [Fault::Chain]);
}

#[test]
fn a_redacted_revision_is_checked_by_the_hash_of_what_was_there() {
    let text = real();
    let data = "{FirstName:\"Testing new 600\",LastName:\"Lewis\",DOB:1963-08-19T,GovId:\"LEWISR261LL\",GovIdType:\"Driver License\",Address:\"1719 University Street, Seattle, WA, 98109\"}";
    let data_hash = STANDARD.encode(hash::of_ion(&Element::read_one(data).expect("Ion")).expect("a hash"));
    let redacted = text.replacen(&format!("data:{data}"), &format!("dataHash:{{{{{data_hash}}}}}"), 1);
    assert_ne!(redacted, text);
    let checked = block(&redacted).check(None);
    assert_eq!((checked.faults, checked.contents.redacted), (vec![], 1));
    let other = redacted.replacen(&data_hash, &STANDARD.encode([9; 32]), 1);
    assert_eq!(block(&other).check(None).faults, [Fault::Revision(0)]);
}

#[test]
fn a_system_block_has_no_transaction_and_hashes_alone() {
    let (one, two) = (vec![1; 32], vec![2; 32]);
    let entries = vec![merkle(&[one.clone(), two.clone()]), vec![3; 32]];
    let entries_hash = merkle(&entries);
    let encode = |hash: &[u8]| format!("{{{{{}}}}}", STANDARD.encode(hash));
    let text = format!(
        "{{blockAddress:{{strandId:\"s\",sequenceNo:0}},transactionId:\"t\",blockTimestamp:2020-01-01T00:00:00.000Z,blockHash:{},\
         entriesHash:{},previousBlockHash:{{{{}}}},entriesHashList:[{},{}],revisions:[{{hash:{}}},{{hash:{}}}]}}",
        encode(&entries_hash),
        encode(&entries_hash),
        encode(&entries[0]),
        encode(&entries[1]),
        encode(&one),
        encode(&two)
    );
    let checked = block(&text).check(None);
    assert_eq!(
        (checked.faults, checked.contents),
        (vec![], Contents { hash_only: 2, unexplained: 1, ..Contents::default() })
    );
}

#[test]
fn a_member_that_was_renamed_is_found_and_one_that_was_taken_out_is_counted() {
    let renamed = real().replacen("transactionInfo:", "transactionInfp:", 1);
    let read = Block::of_ion(&Element::read_one(&renamed).expect("Ion"));
    assert!(matches!(read, Err(crate::NotABlock::Unknown(name)) if name == "transactionInfp"));
    let text = real();
    let (start, end) =
        (text.find("transactionInfo:").expect("there"), text.find("revisions:").expect("there"));
    let without = [&text[..start], &text[end..]].concat();
    let checked = block(&without).check(None);
    assert_eq!((checked.faults, checked.contents.unexplained), (vec![], 3));
}

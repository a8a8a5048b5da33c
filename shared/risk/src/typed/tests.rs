use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The example of EIP-712, whose hash the EIP gives.
const MAIL: &str = r#"{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],"Person":[{"name":"name","type":"string"},{"name":"wallet","type":"address"}],"Mail":[{"name":"from","type":"Person"},{"name":"to","type":"Person"},{"name":"contents","type":"string"}]},"primaryType":"Mail","domain":{"name":"Ether Mail","version":"1","chainId":1,"verifyingContract":"0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"},"message":{"from":{"name":"Cow","wallet":"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},"to":{"name":"Bob","wallet":"0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},"contents":"Hello, Bob!"}}"#;
/// Every kind of type; its hash was computed by ethers 6.17.0.
const KINDS: &str = r#"{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"},{"name":"salt","type":"bytes32"}],"Person":[{"name":"name","type":"string"},{"name":"wallets","type":"address[]"}],"Group":[{"name":"name","type":"string"},{"name":"members","type":"Person[]"}],"Mail":[{"name":"from","type":"Person"},{"name":"to","type":"Person[2]"},{"name":"grid","type":"int16[2][]"},{"name":"tag","type":"bytes4"},{"name":"raw","type":"bytes"},{"name":"yes","type":"bool"},{"name":"low","type":"int256"},{"name":"group","type":"Group"}]},"primaryType":"Mail","domain":{"name":"Ether Mail","version":"1","chainId":1,"verifyingContract":"0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC","salt":"0x1111111111111111111111111111111111111111111111111111111111111111"},"message":{"from":{"name":"Cow","wallets":["0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826","0xDeaDbeefdEAdbeefdEadbEEFdeadbeEFdEaDbeeF"]},"to":[{"name":"Cow","wallets":["0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826","0xDeaDbeefdEAdbeefdEadbEEFdeadbeEFdEaDbeeF"]},{"name":"Bob","wallets":[]}],"grid":[[1,-2],[3,-32768]],"tag":"0x01020304","raw":"0x00ff","yes":true,"low":"-57896044618658097711785492504343953926634992332820282019728792003956564819968","group":{"name":"g","members":[{"name":"Cow","wallets":["0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826","0xDeaDbeefdEAdbeefdEadbEEFdeadbeEFdEaDbeeF"]}]}}}"#;

fn changed(change: impl FnOnce(&mut Value)) -> Result<TypedData, BadTypedData> {
    let mut document: Value = serde_json::from_str(MAIL).expect("JSON");
    change(&mut document);
    TypedData::parse(&document.to_string())
}

#[test]
fn hashes_are_those_that_others_compute() {
    for (text, hash) in [
        (MAIL, "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"),
        (KINDS, "2052b414e990ea1158337ed21bf8058ae3330daa00f4e13165f3ebb64d532738"),
    ] {
        let data = TypedData::parse(text).expect("typed data");
        assert_eq!(hex::encode(data.hash), hash);
        assert_eq!((data.oddities, data.unsigned, data.domain_unsigned), (vec![], vec![], false));
    }
}

/// 90 typed documents and 12 texts as applications write them, with the hashes that ethers computes.
#[test]
fn hashes_of_the_benign_requests_are_those_of_ethers() {
    let digests = include_str!("../../benign/digests.jsonl");
    let digests: std::collections::BTreeMap<String, String> = digests
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|line| {
            (line["id"].as_str().expect("id").to_owned(), line["digest"].as_str().expect("hash").to_owned())
        })
        .collect();
    let mut checked = 0;
    for line in include_str!("../../benign/requests.jsonl").lines() {
        let request: Value = serde_json::from_str(line).expect("JSON");
        let id = request["id"].as_str().expect("an id");
        let Some(expected) = digests.get(id) else { continue };
        let chain = format!("eip155:{}", request["chain"]).parse().expect("a chain");
        let question = crate::request::read_document(chain, &request).expect("a request");
        let signed = question.read().signed.expect("a signature");
        assert_eq!(&format!("0x{}", hex::encode(signed.hash)), expected, "{id}");
        checked += 1;
    }
    assert_eq!(checked, digests.len());
}

#[test]
fn what_a_wallet_takes_and_honest_programs_do_not_write_is_told() {
    let address = |value: Value| {
        let data =
            changed(|document| document["domain"]["verifyingContract"] = value).expect("a wallet takes it");
        let odd: Vec<_> = data.oddities.iter().map(|odd| odd.path.clone()).collect();
        (data.domain.address("verifyingContract").expect("an address").to_string(), odd)
    };
    let odd = vec!["domain.verifyingContract".to_owned()];
    let one = "0x0000000000000000000000000000000000000001".to_owned();
    assert_eq!(address(json!(1)), (one.clone(), odd.clone()));
    assert_eq!(address(json!("1")), (one.clone(), odd.clone()));
    assert_eq!(address(json!("0x1")), (one, odd.clone()));
    let big = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48".to_owned();
    let decimal = "917551056842671309452305380979543736893630245704";
    assert_eq!(address(json!(decimal)), (big.clone(), odd.clone()));
    assert_eq!(address(json!(&big[2..])), (big.clone(), odd.clone()));
    assert_eq!(address(json!(format!("0x{:0>64}", &big[2..]))), (big.clone(), odd.clone()));
    assert_eq!(address(json!("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eb48")), (big, odd));
    // A JSON number of that size is a double for whoever reads it: its 53 bits are what is signed.
    let text = MAIL.replace("\"0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC\"", decimal);
    let data = TypedData::parse(&text).expect("a wallet takes it");
    assert_eq!(data.oddities.len(), 1);
    let read = data.domain.address("verifyingContract").expect("an address").to_string();
    assert_eq!(read, "0xa0b86991c6218800000000000000000000000000");
}

#[test]
fn what_is_shown_and_not_signed_is_told() {
    let data = changed(|document| document["message"]["price"] = json!("1 ETH")).expect("typed data");
    assert_eq!(data.unsigned, ["message.price"]);
    let signed = TypedData::parse(MAIL).expect("typed data").hash;
    assert_eq!(data.hash, signed);
    let bare = changed(|document| {
        document["types"].as_object_mut().expect("types").remove("EIP712Domain");
    })
    .expect("typed data");
    assert!(bare.domain_unsigned && bare.hash != signed);
}

#[test]
fn types_that_contain_themselves_are_refused() {
    let cycle = |kind: &str| {
        changed(|document| {
            document["types"]["Person"] = json!([{"name": "mail", "type": kind}]);
        })
    };
    for kind in ["Mail", "Person", "Person[]", "Mail[2][]"] {
        assert!(matches!(cycle(kind), Err(BadTypedData::Cyclic(_))), "{kind}");
    }
}

#[test]
fn what_is_too_large_too_deep_or_of_no_type_is_refused() {
    let long = "x".repeat(DOCUMENT_BYTES_MAX);
    let too_long = changed(|document| document["message"]["contents"] = json!(long));
    assert!(matches!(too_long, Err(BadTypedData::TooLarge { of: "bytes", .. })));
    let types = changed(|document| {
        for number in 0..TYPES_MAX {
            document["types"][format!("T{number}")] = json!([]);
        }
    });
    assert!(matches!(types, Err(BadTypedData::TooLarge { of: "types", .. })));
    let chain = changed(|document| {
        for number in 0..40 {
            let next = format!("T{}", number + 1);
            document["types"][format!("T{number}")] = json!([{"name": "x", "type": next}]);
        }
        document["types"]["T40"] = json!([]);
    });
    assert!(matches!(chain, Err(BadTypedData::TooLarge { of: "types within types", .. })));
    let members = changed(|document| {
        let members: Vec<_> =
            (0..=MEMBERS_MAX).map(|n| json!({"name": format!("m{n}"), "type": "bool"})).collect();
        document["types"]["Person"] = json!(members);
    });
    assert!(matches!(members, Err(BadTypedData::TooLarge { of: "members of one type", .. })));
    let values = changed(|document| {
        document["types"]["Mail"] = json!([{"name": "x", "type": "bool[]"}]);
        document["message"] = json!({"x": vec![true; VALUES_MAX + 1]});
    });
    assert!(matches!(values, Err(BadTypedData::TooLarge { of: "values", .. })));
    let deep = changed(|document| {
        document["types"]["Mail"] = json!([{"name": "x", "type": format!("bool{}", "[]".repeat(60))}]);
    });
    assert!(matches!(deep, Err(BadTypedData::UnknownType(_))));
    for kind in [
        "uint7",
        "uint264",
        "uint08",
        "bytes33",
        "bytes0",
        "int0",
        "address payable",
        "Nobody",
        "bool[",
        "]",
        "bool[-1]",
        "",
    ] {
        let bad = changed(|document| document["types"]["Person"] = json!([{"name": "x", "type": kind}]));
        assert!(matches!(bad, Err(BadTypedData::UnknownType(_))), "{kind}: {bad:?}");
    }
    assert!(matches!(TypedData::parse(&"[".repeat(100_000)), Err(BadTypedData::Json)));
}

#[test]
fn values_that_their_types_cannot_hold_are_refused() {
    let value = |kind: &str, value: Value| {
        changed(|document| {
            document["types"]["Mail"] = json!([{"name": "x", "type": kind}]);
            document["message"] = json!({"x": value});
        })
    };
    for (kind, good) in [
        ("uint8", json!(255)),
        ("uint8", json!("0xff")),
        ("int8", json!(-128)),
        ("int8", json!("127")),
        ("bytes2", json!("0x0102")),
        ("bool[2]", json!([true, false])),
        ("string", json!("")),
        ("Person", json!(null)),
    ] {
        assert!(value(kind, good.clone()).is_ok(), "{kind} {good}");
    }
    for (kind, bad) in [
        ("uint8", json!(256)),
        ("uint8", json!(-1)),
        ("uint8", json!("")),
        ("uint8", json!(1.5)),
        ("uint256", json!(1e30)),
        ("int8", json!(128)),
        ("int8", json!(-129)),
        ("int8", json!("--1")),
        ("bytes2", json!("0x010203")),
        ("bytes", json!("text")),
        ("bool", json!("true")),
        ("bool", json!(1)),
        ("bool[2]", json!([true])),
        ("bool[]", json!({})),
        ("string", json!(1)),
        ("address", json!("vitalik.eth")),
        ("address", json!(-1)),
        ("address", json!(format!("0x1{}", "0".repeat(40)))),
        ("Person", json!([])),
        ("address", json!(null)),
    ] {
        assert!(matches!(value(kind, bad.clone()), Err(BadTypedData::Value { .. })), "{kind} {bad}");
    }
}

proptest! {
    #[test]
    fn any_text_is_typed_data_or_an_error(text in "\\PC{0,200}") {
        if let Ok(data) = TypedData::parse(&text) {
            prop_assert!(!data.primary_type.is_empty());
        }
    }

    #[test]
    fn a_document_with_something_changed_is_read_or_refused(at in 0..MAIL.len(), with in "[ -~]{0,6}") {
        let mut text = MAIL.to_owned();
        text.replace_range(at..=at, &with);
        if let Ok(document) = TypedDocument::try_from(text.clone()) {
            prop_assert_eq!(String::from(document), text);
        }
    }
}

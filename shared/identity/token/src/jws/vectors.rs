//! Wycheproof, `testvectors_v1/json_web_signature_test.json` (C2SP; Apache-2.0, as this repository's LICENSE): all 401
//! cases. How the file came here: `fixtures/README.md`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::tests::Header;
use super::*;
use crate::jwk::{Algorithm, BadJwk};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    /// Absent where the key is a shared secret.
    public: Option<Value>,
    private: Value,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: usize,
    jws: String,
    result: String,
}

fn file() -> File {
    serde_json::from_str(include_str!("../../fixtures/json_web_signature_test.json"))
        .expect("the file's form")
}

impl Group {
    /// What a token of this group is to be checked with.
    fn jwk(&self) -> &Value {
        self.public.as_ref().unwrap_or(&self.private)
    }
}

/// What a token met on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Met {
    Taken,
    /// Its key is none that is taken.
    KeyOfAnotherKind,
    KeyForAnotherPurpose,
    Form,
    Header,
    Algorithm,
    Signature,
}

fn key(jwk: &Value) -> Result<PublicKey, BadJwk> {
    PublicKey::from_jwk(jwk.to_string().as_bytes())
}

/// The whole way: the key, the segments, the header, the signature.
fn judged(jwk: &Value, text: &str) -> Met {
    match key(jwk) {
        Ok(key) => signed(&key, text),
        Err(BadJwk::Kind) => Met::KeyOfAnotherKind,
        Err(BadJwk::Purpose) => Met::KeyForAnotherPurpose,
        Err(other) => panic!("{other} of {jwk}"),
    }
}

fn signed(key: &PublicKey, text: &str) -> Met {
    let read = || {
        let jws = Compact::parse(text)?;
        let header: Header = jws.header()?;
        jws.verify(&header.alg, key)
    };
    match read() {
        Ok(()) => Met::Taken,
        Err(JwsError::Form) => Met::Form,
        Err(JwsError::Header) => Met::Header,
        Err(JwsError::Algorithm) => Met::Algorithm,
        Err(JwsError::Signature) => Met::Signature,
    }
}

/// What a valid token is to meet. Three rules are narrower than the file's, and nothing else may refuse one: a key is for
/// one of five algorithms, a token is of its key's algorithm, and a payload is not empty, since every token has claims.
fn due(jwk: &Value, text: &str) -> Met {
    let ours = |name: &Value| Algorithm::ALL.iter().find(|ours| name == ours.as_str());
    let [header, payload, _] = text.split('.').collect::<Vec<_>>()[..] else {
        panic!("three segments: {text}")
    };
    let Some(algorithm) = ours(&jwk["alg"]) else { return Met::KeyOfAnotherKind };
    if payload.is_empty() {
        return Met::Form;
    }
    let header = URL_SAFE_NO_PAD.decode(header).expect("Base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    if header["alg"] == algorithm.as_str() { Met::Taken } else { Met::Algorithm }
}

fn tally(result: &str) -> BTreeMap<Met, usize> {
    let mut tally = BTreeMap::new();
    for group in file().test_groups {
        for case in group.tests.iter().filter(|case| case.result == result) {
            *tally.entry(judged(group.jwk(), &case.jws)).or_default() += 1;
        }
    }
    tally
}

#[test]
fn all_cases_are_there() {
    let file = file();
    let ids: Vec<_> = file.test_groups.iter().flat_map(|group| &group.tests).map(|case| case.tc_id).collect();
    assert_eq!(file.number_of_tests, 401);
    assert_eq!(ids, (1..=401).collect::<Vec<_>>());
    let results: BTreeSet<_> =
        file.test_groups.iter().flat_map(|group| &group.tests).map(|case| case.result.as_str()).collect();
    assert_eq!(results, BTreeSet::from(["valid", "invalid"]));
}

#[test]
fn no_token_that_wycheproof_calls_invalid_is_taken() {
    for group in file().test_groups {
        for case in group.tests.iter().filter(|case| case.result == "invalid") {
            let met = judged(group.jwk(), &case.jws);
            assert_ne!(met, Met::Taken, "tcId {}", case.tc_id);
        }
    }
    assert_eq!(tally("invalid").values().sum::<usize>(), 355);
}

#[test]
fn a_valid_token_is_taken_unless_one_of_three_rules_is_narrower() {
    for group in file().test_groups {
        for case in group.tests.iter().filter(|case| case.result == "valid") {
            assert_eq!(judged(group.jwk(), &case.jws), due(group.jwk(), &case.jws), "tcId {}", case.tc_id);
        }
    }
    let expected = [(Met::Taken, 14), (Met::KeyOfAnotherKind, 28), (Met::Form, 2), (Met::Algorithm, 2)];
    assert_eq!(tally("valid"), BTreeMap::from(expected));
}

/// In the file a token that is wrong in form often stands beside a key that is refused first.
#[test]
fn no_token_of_the_file_is_taken_by_any_key_of_it_but_the_one_that_signed_it() {
    let file = file();
    let keys: BTreeMap<_, _> = file
        .test_groups
        .iter()
        .filter_map(|group| key(group.jwk()).ok())
        .map(|key| ((key.thumbprint.clone(), key.algorithm.as_str()), key))
        .collect();
    assert_eq!(keys.len(), 6, "one of ES256, three of RS256, two of PS256");
    let mut taken = BTreeSet::new();
    let mut valid = BTreeSet::new();
    for group in &file.test_groups {
        for case in &group.tests {
            let by = keys.iter().filter(|(_, key)| signed(key, &case.jws) == Met::Taken);
            taken.extend(by.map(|(name, _)| (case.jws.as_str(), name.0.clone(), name.1)));
            if case.result == "valid" && judged(group.jwk(), &case.jws) == Met::Taken {
                let key = key(group.jwk()).expect("a key that takes a token");
                valid.insert((case.jws.as_str(), key.thumbprint, key.algorithm.as_str()));
            }
        }
    }
    assert_eq!(taken, valid);
    assert_eq!(taken.len(), 13, "the 14 that are taken; one is there twice");
}

#[test]
fn private_keys_and_shared_secrets_check_nothing() {
    let mut private = 0;
    for group in file().test_groups {
        let expected = if group.private["kty"] == "oct" { BadJwk::Kind } else { BadJwk::Private };
        assert_eq!(key(&group.private).err(), Some(expected), "{}", group.private);
        private += usize::from(expected == BadJwk::Private);
    }
    assert_eq!(private, 19);
}

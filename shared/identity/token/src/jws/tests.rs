//! Signatures that others published, and what may not pass for one.

use serde::Deserialize;

use super::*;
use crate::jwk::{Algorithm, BadJwk};

/// As an identity provider's token is read: no `crit`, no `b64`, and no key that the token itself names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) alg: String,
    #[serde(default, rename = "kid")]
    _kid: Option<String>,
    #[serde(default, rename = "typ")]
    _typ: Option<String>,
}

/// Whether `text` is what `jwk` signed: the whole way that a token takes.
fn read(jwk: &str, text: &str) -> Result<Vec<u8>, JwsError> {
    let key = PublicKey::from_jwk(jwk.as_bytes()).expect("a key that is taken");
    let jws = Compact::parse(text)?;
    let header: Header = jws.header()?;
    jws.verify(&header.alg, &key)?;
    Ok(jws.payload)
}

const PAYLOAD_7515: &[u8] =
    b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

#[test]
fn the_examples_of_rfc_7515_verify_or_are_refused_for_what_they_are() {
    // Appendix A.2, RS256.
    let rsa = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;
    let a2 = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    assert_eq!(read(rsa, a2).expect("it verifies"), PAYLOAD_7515);
    // Appendix A.3, ES256.
    let ec = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let a3 = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    assert_eq!(read(ec, a3).expect("it verifies"), PAYLOAD_7515);
    // Appendix A.1 is a shared secret's, and A.5 nobody's: no key of ours is for them.
    let a1 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let a5 = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
    assert_eq!(read(ec, a1), Err(JwsError::Algorithm));
    assert_eq!(read(ec, a5), Err(JwsError::Form));
    // A signature of one key is none of the other's, and one algorithm's key is not another's.
    assert_eq!(read(rsa, a3), Err(JwsError::Algorithm));
    assert_eq!(read(ec, a2), Err(JwsError::Algorithm));
}

#[test]
fn the_examples_of_rfc_7520_verify_where_their_algorithm_is_taken() {
    let members = r#""kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB""#;
    let rsa = format!("{{{members}}}");
    // Section 4.1, RS256.
    let payload = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";
    let rs256 = format!(
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{payload}.MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"
    );
    let said = read(&rsa, &rs256).expect("it verifies");
    assert!(said.starts_with("It\u{2019}s a dangerous business, Frodo".as_bytes()));
    // Section 4.2, PS384, by the same key, which is for RS256 here.
    let ps384 = format!(
        "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{payload}.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"
    );
    assert_eq!(read(&rsa, &ps384), Err(JwsError::Algorithm));
    let for_ps384 = format!(r#"{{{members},"alg":"PS384"}}"#);
    assert_eq!(PublicKey::from_jwk(for_ps384.as_bytes()).err(), Some(BadJwk::Kind));
    // Section 4.3 is P-521's, which no key of ours is on.
    let p521 = r#"{"kty":"EC","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}"#;
    assert_eq!(PublicKey::from_jwk(p521.as_bytes()).err(), Some(BadJwk::Kind));
}

const ED: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const ED_JWS: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

#[test]
fn the_example_of_rfc_8037_verifies() {
    // Appendices A.2, A.4 and A.5.
    assert_eq!(read(ED, ED_JWS).expect("it verifies"), b"Example of Ed25519 signing");
    let key = PublicKey::from_jwk(ED.as_bytes()).expect("a key");
    assert_eq!(key.algorithm, Algorithm::EdDsa);
}

#[test]
fn every_byte_of_a_segment_has_one_meaning() {
    let [header, payload, signature] = ED_JWS.split('.').collect::<Vec<_>>()[..] else { panic!("three") };
    // The last character of 64 bytes carries four bits that mean nothing; only zeros are taken.
    let loose = format!("{}h", &signature[..85]);
    for (case, text) in [
        ("padding", format!("{ED_JWS}==")),
        ("loose bits", format!("{header}.{payload}.{loose}")),
        ("a space", format!("{header} .{payload}.{signature}")),
        ("a line", format!("{header}.{payload}\n.{signature}")),
        ("the other alphabet", ED_JWS.replace('_', "/")),
        ("JSON", format!(r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#)),
        ("four segments", format!("{ED_JWS}.{payload}")),
        ("1 MB", "a".repeat(1_000_000)),
        ("1 MB of dots", ".".repeat(1_000_000)),
    ] {
        assert_eq!(read(ED, &text), Err(JwsError::Form), "{case}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_is_signed_by_accident(text in "[A-Za-z0-9_.=-]{0,200}|.*|eyJ[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{86}") {
        proptest::prop_assert!(read(ED, &text).is_err());
    }
}

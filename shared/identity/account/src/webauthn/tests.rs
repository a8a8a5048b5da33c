//! Ceremonies by an authenticator that is written here, so that it can lie. A real one is in `tests/suite`.

use ed25519_dalek::Signer as _;
use p256::ecdsa::SigningKey;

use super::*;

pub(crate) const PARTY_URL: &str = "https://scorpius.example";

/// A passkey with its private key.
pub(crate) struct Authenticator {
    pub(crate) id: Vec<u8>,
    key: SigningKey,
    pub(crate) counter: u32,
    pub(crate) flags: u8,
    pub(crate) party_id: String,
    pub(crate) origin: String,
}

impl Authenticator {
    pub(crate) fn new(seed: u8) -> Self {
        let party = RelyingParty::of(PARTY_URL);
        Self {
            id: vec![seed; 32],
            key: SigningKey::from_slice(&[seed; 32]).expect("a scalar"),
            counter: 0,
            flags: PRESENT | VERIFIED,
            party_id: party.id,
            origin: party.origin,
        }
    }

    fn head(&self, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(self.party_id.as_bytes()).to_vec();
        data.push(flags);
        data.extend_from_slice(&self.counter.to_be_bytes());
        data
    }

    pub(crate) fn client_data(&self, ceremony: &str, challenge: &str) -> Vec<u8> {
        serde_json::json!({"type": ceremony, "challenge": challenge, "origin": self.origin, "crossOrigin": false, "more": 1})
            .to_string()
            .into_bytes()
    }

    pub(crate) fn attestation(&self) -> Vec<u8> {
        let mut data = self.head(self.flags | ATTESTED);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&(self.id.len() as u16).to_be_bytes());
        data.extend_from_slice(&self.id);
        data.extend_from_slice(&self.cose());
        // {"fmt": "none", "attStmt": {}, "authData": h'…'}
        let mut object = vec![0xa3, 0x63];
        object.extend_from_slice(b"fmt\x64none\x67attStmt\xa0\x68authData\x58");
        object.push(u8::try_from(data.len()).expect("a short one"));
        object.extend_from_slice(&data);
        object
    }

    fn cose(&self) -> Vec<u8> {
        let point = self.key.verifying_key().to_encoded_point(false);
        let mut cose = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        cose.extend_from_slice(point.x().expect("a point"));
        cose.extend_from_slice(&[0x22, 0x58, 0x20]);
        cose.extend_from_slice(point.y().expect("a point"));
        cose
    }

    pub(crate) fn sign(&mut self, client_data: &[u8]) -> (Vec<u8>, Vec<u8>) {
        self.counter += 1;
        let data = self.head(self.flags);
        let signed = [data.as_slice(), &Sha256::digest(client_data)].concat();
        let signature: Signature = self.key.sign(&signed);
        (data, signature.to_der().as_bytes().to_vec())
    }
}

type Signature = p256::ecdsa::Signature;

fn party() -> RelyingParty {
    RelyingParty::of(PARTY_URL)
}

#[test]
fn the_party_is_the_platform_s_host() {
    for (url, id, origin) in [
        ("https://scorpius.example", "scorpius.example", "https://scorpius.example"),
        ("http://localhost:8480", "localhost", "http://localhost:8480"),
        ("https://a.example:8443/x/", "a.example", "https://a.example:8443"),
    ] {
        assert_eq!(RelyingParty::of(url), RelyingParty { id: id.to_owned(), origin: origin.to_owned() });
    }
}

fn ceremony(authenticator: &mut Authenticator, counter: u32) -> Result<Used, Refusal> {
    let made = made(&authenticator.attestation(), &party())?;
    let client = authenticator.client_data("webauthn.get", "abc");
    let checked = check_client(&client, Ceremony::Get, &party())?;
    assert_eq!(checked.challenge, "abc");
    let (data, signature) = authenticator.sign(&client);
    used(
        &Use { client: &checked, authenticator_data: &data, signature: &signature },
        &made.key,
        counter,
        &party(),
    )
}

#[test]
fn a_passkey_that_is_made_and_used_rightly_is_taken() {
    let mut authenticator = Authenticator::new(7);
    assert_eq!(ceremony(&mut authenticator, 0), Ok(Used { counter: 1, backed_up: false }));
    assert_eq!(ceremony(&mut authenticator, 1), Ok(Used { counter: 2, backed_up: false }));
    authenticator.flags |= BACKUP_ELIGIBLE | BACKED_UP;
    assert_eq!(ceremony(&mut authenticator, 2), Ok(Used { counter: 3, backed_up: true }));
}

#[test]
fn a_ceremony_for_another_page_host_or_holder_is_refused() {
    let lying = |change: &dyn Fn(&mut Authenticator)| {
        let mut authenticator = Authenticator::new(7);
        change(&mut authenticator);
        ceremony(&mut authenticator, 0).expect_err("refused")
    };
    assert_eq!(lying(&|it| it.origin = "https://scorpius.example.evil".to_owned()), Refusal::Origin);
    assert_eq!(lying(&|it| it.origin = "http://scorpius.example".to_owned()), Refusal::Origin);
    assert_eq!(lying(&|it| it.party_id = "example".to_owned()), Refusal::RelyingParty);
    assert_eq!(lying(&|it| it.flags = PRESENT), Refusal::NotVerified);
    assert_eq!(lying(&|it| it.flags = VERIFIED), Refusal::NotVerified);
    assert_eq!(lying(&|it| it.flags |= BACKED_UP), Refusal::AuthenticatorData);
    assert_eq!(lying(&|it| it.id = Vec::new()), Refusal::AuthenticatorData);
    assert_eq!(ceremony(&mut Authenticator::new(7), 1), Err(Refusal::Counter));
    assert_eq!(ceremony(&mut Authenticator::new(7), 9), Err(Refusal::Counter));
    let authenticator = Authenticator::new(7);
    let get = authenticator.client_data("webauthn.get", "abc");
    assert_eq!(check_client(&get, Ceremony::Create, &party()).err(), Some(Refusal::ClientData));
    for (bad, why) in [
        ("", Refusal::ClientData),
        ("{}", Refusal::ClientData),
        (
            r#"{"type":"webauthn.get","challenge":"a","origin":"https://scorpius.example","crossOrigin":true}"#,
            Refusal::Origin,
        ),
        (
            r#"{"type":"webauthn.get","challenge":"a","origin":"https://scorpius.example","topOrigin":"https://a.example"}"#,
            Refusal::Origin,
        ),
    ] {
        assert_eq!(check_client(bad.as_bytes(), Ceremony::Get, &party()).err(), Some(why), "{bad}");
    }
}

#[test]
fn every_changed_byte_of_a_use_is_noticed() {
    let mut authenticator = Authenticator::new(9);
    let made = made(&authenticator.attestation(), &party()).expect("a passkey");
    let client = authenticator.client_data("webauthn.get", "abc");
    let checked = check_client(&client, Ceremony::Get, &party()).expect("ours");
    let (data, signature) = authenticator.sign(&client);
    let whole = [data.as_slice(), &signature].concat();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        let (data, signature) = changed.split_at(data.len());
        let it = Use { client: &checked, authenticator_data: data, signature };
        assert!(used(&it, &made.key, 0, &party()).is_err(), "byte {at}");
    }
    let other = Checked { hash: Sha256::digest(b"{}").into(), challenge: "abc".to_owned() };
    let it = Use { client: &other, authenticator_data: &data, signature: &signature };
    assert_eq!(used(&it, &made.key, 0, &party()), Err(Refusal::Signature));
}

#[test]
fn every_cut_of_an_attestation_is_refused() {
    let whole = Authenticator::new(3).attestation();
    assert!(made(&whole, &party()).is_ok());
    for end in 0..whole.len() {
        assert!(made(&whole[..end], &party()).is_err(), "{end} bytes");
    }
    assert!(made(&[whole.as_slice(), &[0]].concat(), &party()).is_err(), "something after it");
}

#[test]
fn keys_of_other_kinds_and_points_that_are_none_are_refused() {
    let key = |hex: &str| {
        let bytes = hex::decode(hex.replace(' ', "")).expect("hex");
        cbor::whole(&bytes, 1_000).and_then(|cose| CredentialKey::of_cose(&cose))
    };
    let good = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
    let okp = |point: &[u8]| format!("a4 01 01 03 27 20 06 21 5820 {}", hex::encode(point));
    let taken = key(&okp(good.verifying_key().as_bytes())).expect("Ed25519");
    assert!(taken.verifies(b"a", &good.sign(b"a").to_bytes()));
    assert!(!taken.verifies(b"b", &good.sign(b"a").to_bytes()));
    // The neutral point, of small order.
    let mut weak = [0; 32];
    weak[0] = 1;
    assert_eq!(key(&okp(&weak)), None);
    // Not on the curve.
    assert_eq!(key(&format!("a5 01 02 03 26 20 01 21 5820 {0} 22 5820 {0}", "11".repeat(32))), None);
    // RSA, another curve, another algorithm, a compressed point, no algorithm.
    for bad in [
        "a4 01 03 03 390100 20 41 01 21 41 01",
        "a4 01 02 03 26 20 02 21 4101",
        "a3 01 01 20 06 21 5820",
        "a0",
        "01",
    ] {
        assert_eq!(key(bad), None, "{bad}");
    }
}

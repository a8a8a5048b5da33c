//! Tokens and keys that somebody made up, took, or kept too long.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use proptest::prelude::*;
use scorpius_core::{KeyName, UnixMillis};
use scorpius_edge::{Anonymous, Caller};
use scorpius_token::access::LEEWAY_S;
use scorpius_token::jwk::Jwk;
use scorpius_token::jws::TOKEN_BYTES_MAX;
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;
use crate::secret::KeyKind;
use crate::testing::{NOW, World};

struct Forge {
    world: World,
    kid: String,
}

impl Forge {
    async fn new() -> Self {
        let world = World::new().await;
        let kid = Jwk::ed25519(&world.public_key().await).kid;
        Self { world, kid }
    }

    fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": self.kid})
    }

    fn claims(&self) -> Value {
        let first = &self.world.first;
        let now_s = NOW.as_s();
        json!({"iss": "https://scorpius.example", "aud": "scorpius-api", "sub": first.key_id, "client_id": first.key_id,
            "iat": now_s, "exp": now_s + 600, "jti": "tok_1", "tenant": first.tenant, "roles": ["admin"]})
    }

    /// Signed with the platform's own key, whatever is in it.
    async fn sign(&self, header: &str, claims: &str) -> String {
        self.sign_segments(&URL_SAFE_NO_PAD.encode(header), &URL_SAFE_NO_PAD.encode(claims)).await
    }

    async fn sign_segments(&self, header: &str, claims: &str) -> String {
        let input = format!("{header}.{claims}");
        let signature = self.world.keys.sign(KeyName::Token, input.as_bytes()).await.expect("a signature");
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    async fn good(&self) -> String {
        self.sign(&self.header().to_string(), &self.claims().to_string()).await
    }

    async fn caller(&self, token: &str) -> Caller {
        self.world.caller(&[("authorization", &format!("Bearer {token}"))]).await
    }

    #[track_caller]
    fn refused(name: &str, caller: &Caller) {
        assert_eq!(*caller, Caller::Anonymous(Anonymous::InvalidCredential), "{name}");
    }
}

fn with(mut object: Value, name: &str, value: Value) -> String {
    object[name] = value;
    object.to_string()
}

fn without(mut object: Value, name: &str) -> String {
    object.as_object_mut().expect("an object").remove(name).expect("it was there");
    object.to_string()
}

#[tokio::test]
async fn the_forge_s_plain_token_counts() {
    // Without this, every refusal on this page could have another reason.
    let forge = Forge::new().await;
    assert!(matches!(forge.caller(&forge.good().await).await, Caller::Known(_)));
}

#[tokio::test]
async fn headers_that_are_not_ours_are_refused_even_when_signed_by_us() {
    let forge = Forge::new().await;
    let claims = forge.claims().to_string();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    for (member, value) in [
        ("alg", json!("none")),
        ("alg", json!("None")),
        ("alg", json!("")),
        ("alg", json!("eddsa")),
        ("alg", json!("Ed25519")),
        ("alg", json!("HS256")),
        ("alg", json!("ES256")),
        ("alg", json!(null)),
        ("alg", json!(["EdDSA"])),
        ("typ", json!("JWT")),
        ("typ", json!("application/at+jwt")),
        ("typ", json!("AT+JWT")),
        ("typ", json!(null)),
        ("kid", json!("other")),
        ("kid", json!("")),
        ("kid", json!("../../dev/null")),
        ("kid", json!("' or 1=1 --")),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5u", json!("https://attacker.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("jwk", jwk),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
    ] {
        let token = forge.sign(&with(forge.header(), member, value.clone()), &claims).await;
        Forge::refused(&format!("{member} {value}"), &forge.caller(&token).await);
    }
    for member in ["alg", "typ", "kid"] {
        let token = forge.sign(&without(forge.header(), member), &claims).await;
        Forge::refused(member, &forge.caller(&token).await);
    }
    for text in ["", "{", "[]", "null", "\"EdDSA\"", "{}{}", "{} "] {
        let token = forge.sign(text, &claims).await;
        Forge::refused(text, &forge.caller(&token).await);
    }
    let in_order = json!(["EdDSA", "at+jwt", forge.kid]).to_string();
    Forge::refused("an array", &forge.caller(&forge.sign(&in_order, &claims).await).await);
    let twice = format!(r#"{{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"{}"}}"#, forge.kid);
    Forge::refused("alg twice", &forge.caller(&forge.sign(&twice, &claims).await).await);
}

#[tokio::test]
async fn claims_that_are_not_ours_are_refused_even_when_signed_by_us() {
    let forge = Forge::new().await;
    let header = forge.header().to_string();
    let now_s = NOW.as_s();
    for (member, value) in [
        ("iss", json!("https://attacker.example")),
        ("iss", json!(["https://scorpius.example"])),
        ("aud", json!("another-api")),
        ("aud", json!(["scorpius-api", "another-api"])),
        ("sub", json!("key_00000000000000000000000000000000")),
        ("client_id", json!("key_00000000000000000000000000000000")),
        ("tenant", json!("ten_00000000000000000000000000000000")),
        ("tenant", json!("ten_1")),
        ("roles", json!([])),
        ("roles", json!(["root"])),
        ("roles", json!("admin")),
        ("scope", json!(["risk:read"])),
        ("exp", json!(-1)),
        ("exp", json!("1895254040")),
        ("exp", json!(1e300)),
        ("exp", json!(null)),
        ("iat", json!(now_s + LEEWAY_S + 1)),
        ("nbf", json!(now_s + LEEWAY_S + 1)),
        ("nbf", json!(u64::MAX)),
        ("act", json!({"sub": "key_1"})),
    ] {
        let token = forge.sign(&header, &with(forge.claims(), member, value.clone())).await;
        Forge::refused(&format!("{member} {value}"), &forge.caller(&token).await);
    }
    // A key's token knows no session, and a person's is nothing without one.
    for (member, value) in [
        ("sid", json!("ses_1")),
        ("acr", json!("aal2")),
        ("amr", json!(["pwd"])),
        ("auth_time", json!(now_s)),
        ("csrf", json!("00")),
        ("sub", json!("usr_00000000000000000000000000000000")),
    ] {
        let token = forge.sign(&header, &with(forge.claims(), member, value.clone())).await;
        Forge::refused(&format!("{member} {value}"), &forge.caller(&token).await);
    }
    for member in ["iss", "aud", "sub", "client_id", "iat", "exp", "jti", "tenant", "roles"] {
        let token = forge.sign(&header, &without(forge.claims(), member)).await;
        Forge::refused(member, &forge.caller(&token).await);
    }
    let twice = forge.claims().to_string().replacen('{', r#"{"sub":"key_1","#, 1);
    Forge::refused("sub twice", &forge.caller(&forge.sign(&header, &twice).await).await);
    let escaped = forge.claims().to_string().replacen('{', r#"{"s\u0075b":"key_1","#, 1);
    Forge::refused("sub twice, escaped", &forge.caller(&forge.sign(&header, &escaped).await).await);
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    Forge::refused("deep", &forge.caller(&forge.sign(&header, &deep).await).await);
}

#[tokio::test]
async fn signatures_that_are_not_ours_are_refused() {
    let forge = Forge::new().await;
    let good = forge.good().await;
    let (input, signature) = good.rsplit_once('.').expect("three segments");
    let (header, claims) = input.split_once('.').expect("three segments");
    let public_key = forge.world.public_key().await;

    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    // RFC 8725, section 2.1: the public key taken for a shared secret.
    let confused = with(forge.header(), "alg", json!("HS256"));
    let confused = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(confused));
    let mut mac = Hmac::<Sha256>::new_from_slice(&public_key).expect("any length");
    mac.update(confused.as_bytes());
    let mac = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());

    let richer = URL_SAFE_NO_PAD.encode(with(forge.claims(), "roles", json!(["admin", "operator"])));
    let stranger = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let stranger = ed25519_dalek::Signer::sign(&stranger, input.as_bytes()).to_bytes();
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).expect("Base64url");
    flipped[0] ^= 1;

    for (name, token) in [
        ("none", format!("{none}.{claims}.")),
        ("none, old signature", format!("{none}.{claims}.{signature}")),
        ("the public key as secret", format!("{confused}.{mac}")),
        ("other claims", format!("{header}.{richer}.{signature}")),
        ("a stranger's key", format!("{input}.{}", URL_SAFE_NO_PAD.encode(stranger))),
        ("a flipped bit", format!("{input}.{}", URL_SAFE_NO_PAD.encode(&flipped))),
        ("zeros", format!("{input}.{}", URL_SAFE_NO_PAD.encode([0; 64]))),
        ("63 bytes", format!("{input}.{}", URL_SAFE_NO_PAD.encode([0; 63]))),
        ("65 bytes", format!("{input}.{}", URL_SAFE_NO_PAD.encode([0; 65]))),
        ("no signature", input.to_owned()),
        ("an empty signature", format!("{input}.")),
    ] {
        Forge::refused(name, &forge.caller(&token).await);
    }
}

#[tokio::test]
async fn every_byte_of_a_token_has_one_meaning() {
    let forge = Forge::new().await;
    let good = forge.good().await;
    let (input, signature) = good.rsplit_once('.').expect("three segments");
    let (header, claims) = input.split_once('.').expect("three segments");
    let raw = URL_SAFE_NO_PAD.decode(signature).expect("Base64url");
    // The last character of 64 bytes carries 2 bits that mean nothing; only zeros are taken.
    let mut last_bits = signature.to_owned();
    let last = last_bits.pop().expect("a character");
    last_bits.push(char::from(last as u8 + 1));
    let padded = URL_SAFE.encode(forge.header().to_string() + " ");
    assert!(padded.ends_with('='));
    for (name, token) in [
        ("", String::new()),
        ("dots", "..".to_owned()),
        ("four segments", format!("{good}.")),
        ("four segments", format!("{good}.{claims}")),
        ("five segments", format!("{good}.{header}.{claims}")),
        ("padding", format!("{good}==")),
        ("trailing garbage", format!("{good}!")),
        ("a space before", format!(" {good}")),
        ("a space after", format!("{good} ")),
        ("a tab after", format!("{good}\t")),
        ("a new line", format!("{good}\n")),
        ("a space inside", good.replacen('.', " .", 1)),
        ("a NUL", format!("{good}\0")),
        ("not ASCII", format!("{good}é")),
        ("the standard alphabet", format!("{input}.{}", STANDARD.encode(&raw))),
        ("padded signature", format!("{input}.{}", URL_SAFE.encode(&raw))),
        ("loose last bits", format!("{input}.{last_bits}")),
        (
            "a JSON serialization",
            json!({"protected": header, "payload": claims, "signature": signature}).to_string(),
        ),
        ("two tokens", format!("{good},{good}")),
        ("1 MB", "a".repeat(1_000_000)),
        ("1 MB of dots", ".".repeat(1_000_000)),
        ("1 MB in a segment", format!("{header}.{}.{signature}", "a".repeat(1_000_000))),
    ] {
        Forge::refused(name, &forge.caller(&token).await);
    }
    // Signed over exactly these segments, so only the strict reading refuses them.
    for (name, header) in
        [("padded", padded), ("a space", format!("{header} ")), ("a line", format!("{header}\n"))]
    {
        Forge::refused(name, &forge.caller(&forge.sign_segments(&header, claims).await).await);
    }
    let long = with(forge.claims(), "jti", json!("x".repeat(TOKEN_BYTES_MAX)));
    let long = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(long));
    Forge::refused("over 8 KiB", &forge.caller(&long).await);
}

#[tokio::test]
async fn a_token_counts_from_its_begin_to_its_end() {
    let forge = Forge::new().await;
    let token = forge.good().await;
    let expired = Caller::Anonymous(Anonymous::ExpiredCredential);
    forge.world.clock.advance_ms((600 + LEEWAY_S) * 1000 - 1);
    assert!(matches!(forge.caller(&token).await, Caller::Known(_)));
    forge.world.clock.advance_ms(1);
    assert_eq!(forge.caller(&token).await, expired);
    forge.world.clock.advance_ms(u64::MAX / 2);
    assert_eq!(forge.caller(&token).await, expired);

    let forge = Forge::new().await;
    let soon = with(forge.claims(), "nbf", json!(NOW.as_s() + LEEWAY_S));
    let soon = forge.sign(&forge.header().to_string(), &soon).await;
    assert!(matches!(forge.caller(&soon).await, Caller::Known(_)));
}

#[tokio::test]
async fn a_suspended_tenant_s_credentials_do_not_count_from_that_moment() {
    let world = World::new().await;
    let (id, _, key) = world.other_tenant().await;
    let bearer = format!("Bearer {}", world.token(&key).await);
    assert!(matches!(world.caller(&[("authorization", &bearer)]).await, Caller::Known(_)));
    world.suspend(&id).await;
    let revoked = Caller::Anonymous(Anonymous::RevokedCredential);
    assert_eq!(world.caller(&[("x-api-key", &key)]).await, revoked);
    assert_eq!(world.caller(&[("authorization", &bearer)]).await, revoked);
}

#[tokio::test]
async fn a_signed_token_that_claims_more_than_its_key_has_is_refused() {
    let forge = Forge::new().await;
    let body = json!({"name": "v", "permissions": ["risk:read"]});
    let (key_id, _) = forge.world.make_key(&forge.world.first.api_key, body).await;
    let mut claims = forge.claims();
    claims["sub"] = json!(key_id);
    claims["client_id"] = json!(key_id);
    let token = forge.sign(&forge.header().to_string(), &claims.to_string()).await;
    Forge::refused("no scope", &forge.caller(&token).await);
    let token = forge.sign(&forge.header().to_string(), &with(claims, "scope", json!("risk:read"))).await;
    assert!(matches!(forge.caller(&token).await, Caller::Known(_)));
}

#[tokio::test]
async fn a_well_formed_key_with_another_secret_is_refused() {
    let world = World::new().await;
    let real: ApiSecret = world.first.api_key.parse().expect("a key");
    let (other_tenant, other_key, _) = world.other_tenant().await;
    let refused = Caller::Anonymous(Anonymous::InvalidCredential);
    for (kind, tenant, key_id) in [
        (KeyKind::Live, real.tenant(), real.key_id()),
        (KeyKind::Test, real.tenant(), real.key_id()),
        (KeyKind::Live, &other_tenant, real.key_id()),
        (KeyKind::Live, real.tenant(), other_key.as_str()),
    ] {
        let made_up = ApiSecret::generate(kind, tenant, key_id, &*world.clock);
        assert_eq!(world.caller(&[("x-api-key", made_up.reveal())]).await, refused);
    }
    assert!(matches!(world.caller(&[("x-api-key", real.reveal())]).await, Caller::Known(_)));
}

#[tokio::test]
async fn a_request_has_one_credential_in_one_form() {
    let world = World::new().await;
    let key = world.first.api_key.as_str();
    let token = world.token(key).await;
    let bearer = format!("Bearer {token}");
    let two = format!("{key},{key}");
    let invalid = Caller::Anonymous(Anonymous::InvalidCredential);
    for headers in [
        &[("x-api-key", key), ("authorization", bearer.as_str())][..],
        &[("x-api-key", key), ("X-Api-Key", key)],
        &[("x-api-key", key), ("authorization", "")],
        &[("x-api-key", "")],
        &[("x-api-key", &two)],
        &[("x-api-key", &token)],
        &[("x-api-key", &bearer)],
        &[("authorization", key)],
        &[("authorization", &token)],
        &[("authorization", "Bearer")],
        &[("authorization", "Bearer ")],
        &[("authorization", "Basic c2s6")],
        &[("authorization", &format!("Bearer {key}"))],
        &[("authorization", &format!("Bearer  {token}"))],
        &[("authorization", &format!("Bearer\t{token}"))],
        &[("authorization", &format!("{bearer}, {bearer}"))],
    ] {
        assert_eq!(world.caller(headers).await, invalid, "{headers:?}");
    }
    let nobody = Caller::Anonymous(Anonymous::NoCredential);
    for headers in [&[][..], &[("cookie", key)], &[("x-apikey", key)], &[("proxy-authorization", &bearer)]] {
        assert_eq!(world.caller(headers).await, nobody);
    }
}

#[tokio::test]
async fn a_genuine_jws_that_is_no_access_token_is_refused() {
    // RFC 8037, appendix A.4.
    let jws = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let forge = Forge::new().await;
    Forge::refused("rfc 8037", &forge.caller(jws).await);
}

/// A store that does not answer.
struct Silent;

#[async_trait::async_trait]
impl Store for Silent {
    async fn get(&self, _: &scorpius_core::Key) -> Result<Option<scorpius_core::Record>, StoreError> {
        Err(StoreError::Busy)
    }

    async fn get_many(
        &self,
        _: &[scorpius_core::Key],
    ) -> Result<Vec<Option<scorpius_core::Record>>, StoreError> {
        Err(StoreError::Busy)
    }

    async fn list(&self, _: &scorpius_core::ListQuery) -> Result<scorpius_core::Page, StoreError> {
        Err(StoreError::Busy)
    }

    async fn scan(&self, _: u32, _: u32, _: Option<&str>) -> Result<scorpius_core::Page, StoreError> {
        Err(StoreError::Busy)
    }

    async fn commit(
        &self,
        _: scorpius_core::CommitId,
        _: &[scorpius_core::Write],
    ) -> Result<u64, StoreError> {
        Err(StoreError::Busy)
    }

    async fn add(
        &self,
        _: &scorpius_core::Key,
        _: &[(&str, i64)],
        _: Option<(&str, i64)>,
        _: Option<UnixMillis>,
    ) -> Result<scorpius_core::Attributes, StoreError> {
        Err(StoreError::Busy)
    }
}

#[tokio::test]
async fn when_the_store_does_not_answer_nobody_gets_through() {
    let world = World::new().await;
    let bearer = format!("Bearer {}", world.token(&world.first.api_key).await);
    let app = App { store: Arc::new(Silent), ..world.authorizer() };
    for (name, value) in [("x-api-key", world.first.api_key.clone()), ("authorization", bearer)] {
        let event =
            AuthorizerEvent { headers: [(name.to_owned(), value)].into(), ..AuthorizerEvent::default() };
        assert!(matches!(handle(&app, event).await, Err(AuthorizerError::Store(StoreError::Busy))));
    }
}

#[test]
fn no_headers_panic_or_let_anybody_through() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let world = runtime.block_on(World::new());
    let (key, token) = (world.first.api_key.clone(), runtime.block_on(world.token(&world.first.api_key)));
    let mangled = (any::<prop::sample::Index>(), any::<char>(), any::<bool>());
    let strategy =
        (prop_oneof![".*", Just(key.clone()), Just(format!("Bearer {token}"))], mangled, any::<bool>());
    let config = ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |((text, (at, with, cut), as_key) in strategy)| {
        let mut chars: Vec<char> = text.chars().collect();
        if !chars.is_empty() {
            let at = at.index(chars.len());
            if cut { chars.truncate(at) } else { chars[at] = with }
        }
        let mangled: String = chars.into_iter().collect();
        let name = if as_key { "x-api-key" } else { "authorization" };
        // `bearer` in any case is the same scheme.
        prop_assume!(!mangled.eq_ignore_ascii_case(&format!("Bearer {token}")) && mangled != key);
        let caller = runtime.block_on(world.caller(&[(name, &mangled)]));
        prop_assert!(matches!(caller, Caller::Anonymous(_)));
    });
}

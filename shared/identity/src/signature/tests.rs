use proptest::prelude::*;
use scorpius_core::{Condition, Write};
use scorpius_edge::gateway::{HttpContext, RequestContext};
use serde_json::{Value, json};

use super::*;
use crate::testing::{self, World};

const BODY: &[u8] = br#"{"BlockAddress":{"IonText":"{}"}}"#;

/// The request that AWS signs step by step in its documentation.
#[test]
fn a_signature_is_the_one_of_aws_s_own_example() {
    let mut event = HttpEvent {
        raw_path: "/".to_owned(),
        raw_query_string: "Version=2010-05-08&Action=ListUsers".to_owned(),
        ..HttpEvent::default()
    };
    event.request_context.http.method = "GET".to_owned();
    event.headers = [
        ("content-type", "application/x-www-form-urlencoded;  charset=utf-8 "),
        ("host", "iam.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let signed = Signed {
        tenant: tenant(),
        key_id: String::new(),
        day: "20150830",
        region: "us-east-1",
        service: "iam",
        time: "20150830T123600Z",
        at: UnixMillis(0),
        names: vec!["content-type", "host", "x-amz-date"],
        signature: [0; 32],
    };
    let text = signed.text(&event, b"").expect("every header is there");
    assert!(text.ends_with("f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"), "{text}");
    let signature = signed.signature_with(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", &text);
    assert_eq!(hex::encode(signature), "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

fn tenant() -> TenantId {
    "ten_00000000000000000000000000000001".parse().expect("a tenant")
}

/// A platform, a key that signs, and how it is called.
struct Signer {
    world: World,
    key_id: String,
    access_key_id: String,
    secret: String,
}

impl Signer {
    async fn new() -> Self {
        let world = World::new().await;
        let body = json!({"name": "qldb", "permissions": ["audit:read"], "aws_signature": true});
        let answer = world.ask("POST /v1/auth/api-keys", ("x-api-key", &world.first.api_key), &body).await;
        assert_eq!(answer.status_code, 201, "{}", answer.body);
        let made = testing::json(&answer);
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        assert_eq!(made["aws_access_key_id"], made["aws"]["access_key_id"]);
        Self {
            key_id: text(&made["key_id"]),
            access_key_id: text(&made["aws"]["access_key_id"]),
            secret: text(&made["aws"]["secret_access_key"]),
            world,
        }
    }

    fn signatures(&self) -> AwsSignatures {
        let world = &self.world;
        AwsSignatures::new(world.store.clone(), world.keys.clone(), world.clock.clone(), "qldb")
    }

    async fn caller(&self, event: &HttpEvent, body: &[u8]) -> Caller {
        self.signatures().caller(event, body, self.world.clock.now()).await.expect("the store answers")
    }

    #[track_caller]
    fn signed(&self, service: &'static str, at: UnixMillis) -> HttpEvent {
        signed(&self.access_key_id, &self.secret, service, at)
    }
}

/// A request with `BODY`, signed as an SDK does it: by the code under test, which AWS's example holds.
fn signed(access_key_id: &str, secret: &str, service: &'static str, at: UnixMillis) -> HttpEvent {
    let time: String = at.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let time = format!("{}Z", time.split(['.', 'Z']).next().expect("seconds"));
    let http = HttpContext { method: "POST".to_owned(), ..HttpContext::default() };
    let mut event = HttpEvent {
        raw_path: "/v1/qldb/ledgers/people/block".to_owned(),
        request_context: RequestContext { http, ..RequestContext::default() },
        ..HttpEvent::default()
    };
    event.headers = [
        ("content-type", "application/json"),
        ("host", "127.0.0.1:8080"),
        ("x-amz-date", &time),
        ("x-amz-user-agent", "aws-sdk-rust/1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let day = time[..8].to_owned();
    let signature = {
        let signed = Signed {
            tenant: tenant(),
            key_id: String::new(),
            day: &day,
            region: "eu-west-1",
            service,
            time: &time,
            at,
            names: event.headers.keys().map(String::as_str).collect(),
            signature: [0; 32],
        };
        signed.signature_with(secret.as_bytes(), &signed.text(&event, BODY).expect("headers"))
    };
    let names: Vec<_> = event.headers.keys().map(String::as_str).collect();
    let authorization = format!(
        "{ALGORITHM} Credential={access_key_id}/{day}/eu-west-1/{service}/aws4_request, SignedHeaders={}, Signature={}",
        names.join(";"),
        hex::encode(signature)
    );
    event.headers.insert("authorization".to_owned(), authorization);
    event
}

/// What is changed of a request after it was signed.
type Change = (&'static str, fn(&mut HttpEvent));

const INVALID: Caller = Caller::Anonymous(Anonymous::InvalidCredential);

#[tokio::test]
async fn a_signed_request_is_its_key_s_and_a_changed_one_is_nobody_s() {
    let signer = Signer::new().await;
    let now = signer.world.clock.now();
    let good = signer.signed("qldb", now);
    let Caller::Known(principal) = signer.caller(&good, BODY).await else { panic!("it is not known") };
    assert_eq!((&principal.subject, &principal.tenant), (&signer.key_id, &signer.world.first.tenant));
    assert!(principal.may("audit:read") && !principal.may("risk:score"));

    assert_eq!(signer.caller(&good, b"{}").await, INVALID, "another body");
    let changes: [Change; 12] = [
        ("path", |event| event.raw_path = "/v1/qldb/ledgers/other/block".to_owned()),
        ("method", |event| event.request_context.http.method = "PUT".to_owned()),
        ("query", |event| event.raw_query_string = "a=b".to_owned()),
        ("host", |event| drop(event.headers.insert("host".to_owned(), "example.com".to_owned()))),
        ("header gone", |event| drop(event.headers.remove("x-amz-user-agent"))),
        ("no time", |event| drop(event.headers.remove("x-amz-date"))),
        ("unsigned x-amz", |event| drop(event.headers.insert("x-amz-target".to_owned(), "a".to_owned()))),
        ("unsigned body", |event| {
            event.headers.insert("x-amz-content-sha256".to_owned(), "UNSIGNED-PAYLOAD".to_owned());
        }),
        ("host not signed", |event| replace(event, "content-type;host;", "content-type;")),
        ("another region", |event| replace(event, "/eu-west-1/", "/eu-west-2/")),
        ("a member twice", |event| replace(event, "Credential=", "Signature=00, Credential=")),
        ("signature of zeros", |event| {
            let all = event.headers["authorization"].clone();
            let (head, _) = all.rsplit_once('=').expect("a signature");
            event.headers.insert("authorization".to_owned(), format!("{head}={}", "0".repeat(64)));
        }),
    ];
    for (what, change) in changes {
        let mut event = good.clone();
        change(&mut event);
        assert_eq!(signer.caller(&event, BODY).await, INVALID, "{what}");
    }
    assert_eq!(signer.caller(&signer.signed("s3", now), BODY).await, INVALID, "another service");
    let other = signed(&signer.access_key_id, "not the secret", "qldb", now);
    assert_eq!(signer.caller(&other, BODY).await, INVALID, "another secret");
    let unknown =
        crate::secret::access_key_id(&signer.world.first.tenant, "key_00000000000000000000000000000001");
    assert_eq!(
        signer.caller(&signed(&unknown, &signer.secret, "qldb", now), BODY).await,
        INVALID,
        "no such key"
    );
    let unsigning = crate::secret::access_key_id(&signer.world.first.tenant, &signer.world.first.key_id);
    assert_eq!(
        signer.caller(&signed(&unsigning, "", "qldb", now), BODY).await,
        INVALID,
        "a key without a secret"
    );
}

fn replace(event: &mut HttpEvent, what: &str, with: &str) {
    let changed = event.headers["authorization"].replace(what, with);
    assert_ne!(changed, event.headers["authorization"]);
    event.headers.insert("authorization".to_owned(), changed);
}

#[tokio::test]
async fn a_signature_counts_for_five_minutes_either_way() {
    let signer = Signer::new().await;
    let now = signer.world.clock.now();
    for (at, counts) in [
        (UnixMillis(now.0 - SKEW_MS), true),
        (UnixMillis(now.0 + SKEW_MS), true),
        (UnixMillis(now.0 - SKEW_MS - 1_000), false),
        (UnixMillis(now.0 + SKEW_MS + 1_000), false),
    ] {
        let said = signer.caller(&signer.signed("qldb", at), BODY).await;
        assert_eq!(matches!(said, Caller::Known(_)), counts, "{at}: {said:?}");
    }
}

#[tokio::test]
async fn a_secret_goes_with_its_key_and_is_rotated_with_it() {
    let signer = Signer::new().await;
    let world = &signer.world;
    let (records, outbox) = world.everything().await;
    assert!(
        !records.contains(&signer.secret) && !outbox.contains(&signer.secret),
        "kept sealed, and told nobody"
    );
    let old = signer.signed("qldb", world.clock.now());
    let rotate = |overlap_s: u64| {
        let (maker, id) = (world.first.api_key.clone(), signer.key_id.clone());
        async move {
            let route = "POST /v1/auth/api-keys/{id}/rotate";
            let body = json!({"overlap_s": overlap_s});
            let answer = world.ask_with(route, &[("x-api-key", &maker)], &id, &body).await;
            assert_eq!(answer.status_code, 200, "{}", answer.body);
            testing::json(&answer)["aws"]["secret_access_key"].as_str().expect("a secret").to_owned()
        }
    };
    let second = rotate(60).await;
    assert_ne!(second, signer.secret);
    let known = |caller: Caller| matches!(caller, Caller::Known(_));
    let by_second = signed(&signer.access_key_id, &second, "qldb", world.clock.now());
    assert!(known(signer.caller(&old, BODY).await) && known(signer.caller(&by_second, BODY).await));
    world.clock.advance_ms(60_000);
    assert_eq!(signer.caller(&old, BODY).await, INVALID, "its time is over");
    assert!(known(signer.caller(&by_second, BODY).await));

    let at = ApiKey::at(&world.first.tenant, &signer.key_id);
    let record = world.store.get(&at).await.expect("a store").expect("a key");
    let mut key: ApiKey = record.document().expect("a key");
    key.revoked_at = Some(world.clock.now());
    world.commit(&[Write::put(at, &key, Condition::Always)]).await;
    assert_eq!(signer.caller(&by_second, BODY).await, Caller::Anonymous(Anonymous::RevokedCredential));
}

proptest! {
    #[test]
    fn any_header_is_read_or_refused(text in ".*", date in ".*") {
        let headers = BTreeMap::from([
            ("authorization".to_owned(), format!("{ALGORITHM} {text}")),
            ("x-amz-date".to_owned(), date),
            ("host".to_owned(), "a".to_owned()),
        ]);
        prop_assert!(Signed::of(&headers, "qldb").is_none());
    }
}

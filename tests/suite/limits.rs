//! Rate limits: what callers are told, and that no number of processes lets more through.

mod processes;
mod remote;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scorpius::host::gateway::WireRequest;
use scorpius_core::{Clock, UnixMillis};
use scorpius_edge::limit::Defaults;
use scorpius_edge::{Anonymous, Caller, HttpAnswer, Limiter, Role, Tier};
use scorpius_local::SqliteStore;
use serde_json::json;

use crate::desk::Desk;

const LIST: &str = "/v1/auth/api-keys";

async fn limited() -> Desk {
    let limits = Defaults { tier: Tier::Free, address_minute: NonZeroU32::new(5) };
    Desk::open_with(|settings| settings.limits = limits).await
}

async fn asked(desk: &Desk, path: &str, headers: &[(&str, &str)], from: &str) -> HttpAnswer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    desk.host
        .ask(WireRequest {
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers,
            source_ip: from.to_owned(),
            ..WireRequest::default()
        })
        .await
}

/// How often `path` is answered with `status` before it is refused as too much.
async fn times(desk: &Desk, path: &str, headers: &[(&str, &str)], status: u16) -> u32 {
    for done in 0..2_000 {
        let answer = asked(desk, path, headers, "192.0.2.7").await;
        if answer.status_code == 429 {
            return done;
        }
        assert_eq!(answer.status_code, status, "{}", answer.body);
    }
    panic!("nothing is too much");
}

#[tokio::test]
async fn a_tenant_is_told_what_is_left_and_when_to_come_back() {
    let desk = limited().await;
    let key = desk.second_tenant().await;
    let headers = [("x-api-key", key.as_str())];
    // The clock stands 40 s into a minute, and 40 min and 40 s into an hour.
    let first = asked(&desk, LIST, &headers, "192.0.2.7").await;
    assert_eq!(first.status_code, 200);
    assert_eq!(
        first.headers["ratelimit-policy"],
        "\"tenant-minute\";q=100;w=60, \"tenant-hour\";q=1000;w=3600"
    );
    assert_eq!(first.headers["ratelimit"], "\"tenant-minute\";r=99;t=20, \"tenant-hour\";r=999;t=1160");
    assert!(!first.headers.contains_key("retry-after"));
    assert_eq!(times(&desk, LIST, &headers, 200).await, 99);

    let refused = asked(&desk, LIST, &headers, "192.0.2.7").await;
    assert_eq!(refused.headers["retry-after"], "20");
    assert_eq!(refused.headers["ratelimit"], "\"tenant-minute\";r=0;t=20, \"tenant-hour\";r=900;t=1160");
    let problem: serde_json::Value = serde_json::from_str(&refused.body).expect("JSON");
    assert_eq!(problem["code"], "too-many-requests");
    assert_eq!(problem["detail"], "used up is `tenant-minute`: 100 requests in 60 s");

    // Other tenants, and whoever runs the platform, are not shut out by one.
    let operator = desk.get(LIST).await;
    assert_eq!(operator.status, 200);
    assert!(!operator.answer.headers.contains_key("ratelimit"));

    desk.clock.advance_ms(20_000);
    assert_eq!(times(&desk, LIST, &headers, 200).await, 100);
}

#[tokio::test]
async fn an_hour_s_limit_holds_when_no_minute_s_does() {
    let desk = limited().await;
    let key = desk.second_tenant().await;
    let headers = [("x-api-key", key.as_str())];
    // 19 minutes of the hour are left: ten of them use it up.
    let mut let_through = 0;
    for _ in 0..12 {
        let_through += times(&desk, LIST, &headers, 200).await;
        desk.clock.advance_ms(60_000);
    }
    assert_eq!(let_through, 1_000);
    let refused = asked(&desk, LIST, &headers, "192.0.2.7").await;
    assert_eq!(refused.status_code, 429);
    // Twelve minutes later; no minute's permit was lost with it.
    assert_eq!(refused.headers["retry-after"], "440");
    assert!(refused.headers["ratelimit"].starts_with("\"tenant-minute\";r=100;t=20, \"tenant-hour\";r=0;"));
}

#[tokio::test]
async fn what_is_not_allowed_counts_like_what_is() {
    let desk = limited().await;
    let key = desk.second_tenant().await;
    let headers = [("x-api-key", key.as_str())];
    assert_eq!(times(&desk, "/v1/admin/queues", &headers, 403).await, 100);
    assert_eq!(asked(&desk, LIST, &headers, "192.0.2.7").await.status_code, 429);
}

#[tokio::test]
async fn a_key_has_a_limit_of_its_own_and_its_tokens_share_it() {
    let desk = limited().await;
    let body = json!({"name": "slow", "rate_limit": 4});
    let slow = desk.post(LIST, &body).await;
    let slow = slow.text("api_key").to_owned();
    let headers = [("x-api-key", slow.as_str())];
    let token = desk.ask("POST", "/v1/auth/token", &headers, b"").await;
    assert_eq!(token.answer.headers["ratelimit"], "\"key-minute\";r=3;t=20");
    let bearer = format!("Bearer {}", token.text("access_token"));
    assert_eq!(times(&desk, LIST, &[("authorization", bearer.as_str())], 200).await, 3);
    assert_eq!(asked(&desk, LIST, &headers, "192.0.2.7").await.status_code, 429);
    // A key that is limited less cannot be made with it.
    desk.clock.advance_ms(20_000);
    let faster = json!({"name": "x", "rate_limit": 5}).to_string();
    let typed = [headers[0], ("content-type", "application/json")];
    assert_eq!(desk.ask("POST", LIST, &typed, faster.as_bytes()).await.status, 403);
    assert_eq!(desk.get(LIST).await.status, 200);
}

#[tokio::test]
async fn an_operator_s_word_on_a_tenant_binds_the_next_request_and_one_person_does_not_use_up_all() {
    let desk = limited().await;
    let key: scorpius_identity::ApiSecret = desk.api_key.parse().expect("a key");
    let path = format!("/v1/admin/tenants/{}/tier", key.tenant());
    let json_type = [("content-type", "application/json")];
    let set = |tier: &str| json!({"tier": tier}).to_string();
    let said = desk.ask("PUT", &path, &json_type, set("free").as_bytes()).await.expect(200);
    assert_eq!(said, json!({"tenant": key.tenant(), "tier": "free"}));
    // Said again, it is no second fact.
    desk.ask("PUT", &path, &json_type, set("free").as_bytes()).await.expect(200);

    let person = desk.person(Role::Admin).await;
    let bearer = format!("Bearer {}", person.access_token.as_str());
    let person = [("authorization", bearer.as_str())];
    assert_eq!(times(&desk, LIST, &person, 200).await, 50);
    let refused = asked(&desk, LIST, &person, "192.0.2.7").await;
    assert!(refused.body.contains("`user-minute`: 50 requests in 60 s"), "{}", refused.body);
    assert_eq!(desk.get(LIST).await.status, 200, "others go on");

    desk.ask("PUT", &path, &json_type, set("unlimited").as_bytes()).await.expect(200);
    assert_eq!(asked(&desk, LIST, &person, "192.0.2.7").await.status_code, 200);
    for (path, body, status) in [
        ("/v1/admin/tenants/ten_00000000000000000000000000000009/tier", set("free"), 404),
        ("/v1/admin/tenants/x/tier", set("free"), 404),
        (path.as_str(), set("gold"), 400),
    ] {
        assert_eq!(desk.ask("PUT", path, &json_type, body.as_bytes()).await.status, status, "{path} {body}");
    }
    let other = desk.second_tenant().await;
    let as_other = [("x-api-key", other.as_str()), json_type[0]];
    assert_eq!(desk.ask("PUT", &path, &as_other, set("free").as_bytes()).await.status, 403);
    let kind = "scorpius.identity.tenant_tier_changed.v1";
    let mut changes = Vec::new();
    for shard in 0..scorpius_core::store::OUTBOX_PARTITIONS {
        let rows = crate::entries::all(&desk.host.local.store, &format!("outbox#{shard}")).await;
        let events = rows.iter().map(|row| row.document::<scorpius_core::Event>().expect("an event"));
        changes.extend(events.filter(|event| event.kind == kind).map(|event| event.sequence));
    }
    changes.sort_unstable();
    assert_eq!(changes, [1, 2]);
}

#[tokio::test]
async fn strangers_are_counted_by_their_address_and_probes_are_not_counted() {
    let desk = limited().await;
    let keys = "/.well-known/jwks.json";
    let wrong = [("x-api-key", "sk_live_wrong")];
    assert_eq!(asked(&desk, LIST, &wrong, "192.0.2.7").await.status_code, 401);
    let first = asked(&desk, keys, &[], "192.0.2.7").await;
    assert_eq!(first.headers["ratelimit"], "\"address\";r=3;t=20");
    assert_eq!(times(&desk, keys, &[], 200).await, 3);
    assert_eq!(asked(&desk, LIST, &wrong, "192.0.2.7").await.status_code, 429);
    assert_eq!(asked(&desk, keys, &[], "192.0.2.8").await.status_code, 200);
    assert_eq!(desk.get(LIST).await.status, 200, "whoever is known is not a stranger");
    for probe in ["/healthz", "/readyz", "/health/deep", "/openapi.json"] {
        let answer = asked(&desk, probe, &[], "192.0.2.7").await;
        assert_eq!(answer.status_code, 200, "{probe}");
        assert!(!answer.headers.contains_key("ratelimit"), "{probe}");
    }
    desk.clock.advance_ms(20_000);
    assert_eq!(times(&desk, keys, &[], 200).await, 5);
}

/// A clock that is set by hand, also back.
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_gives_nobody_more() {
    let clock = Arc::new(Hands(AtomicU64::new(0)));
    let store = Arc::new(SqliteStore::in_memory(clock.clone()).expect("a store"));
    let defaults = Defaults { tier: Tier::Unlimited, address_minute: NonZeroU32::new(7) };
    let limiter = Limiter::new(store, clock.clone(), defaults);
    let stranger = Caller::Anonymous(Anonymous::NoCredential);
    let mut let_through = [0; 3];
    for minute in [1_usize, 2, 1, 2, 0, 1, 0, 2] {
        clock.0.store(60_000 * minute as u64 + 59_999, Ordering::SeqCst);
        for _ in 0..4 {
            let standing = limiter.admit(&stranger, "192.0.2.7").await.expect("the store answers");
            let_through[minute] += u32::from(standing.check().is_ok());
        }
    }
    // What was leased and not used when the clock moved is lost, and nothing is counted twice.
    assert!(let_through.iter().all(|taken| (4..=7).contains(taken)), "{let_through:?}");
}

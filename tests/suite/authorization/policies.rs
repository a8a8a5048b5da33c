//! A tenant's own policies, roles and attributes, as its people meet them: through the real host.

use scorpius_edge::Role;
use serde_json::{Value, json};

use super::callers::{Headers, by_key, by_token, key};
use crate::desk::{Desk, Said};

/// Asks as whoever holds `headers`.
pub(crate) async fn ask(desk: &Desk, headers: &Headers, method: &str, path: &str, body: &Value) -> Said {
    let mut all: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.push(("content-type", "application/json"));
    if method == "PUT" {
        all.push(("if-match", "*"));
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    desk.ask(method, path, &all, body.as_bytes()).await
}

/// Puts a draft as the first administrator.
pub(crate) async fn put(desk: &Desk, draft: &Value) -> Said {
    ask(desk, &by_key(&desk.api_key), "PUT", "/v1/policies", draft).await
}

fn policies(texts: &[&str]) -> Value {
    let policies = texts.iter().enumerate();
    let policies: Vec<_> =
        policies.map(|(index, text)| json!({"id": format!("p{index}"), "text": text})).collect();
    json!({ "policies": policies })
}

async fn scan(desk: &Desk, headers: &Headers, sensitivity: u8) -> String {
    let body = json!({"bytecode": "0x600035ff", "sensitivity": sensitivity});
    ask(desk, headers, "POST", "/v1/scans", &body).await.text("id").to_owned()
}

async fn status(desk: &Desk, headers: &Headers, method: &str, path: &str) -> u16 {
    ask(desk, headers, method, path, &Value::Null).await.status
}

#[tokio::test]
async fn a_change_binds_the_next_request_and_a_rollback_the_one_after() {
    let desk = Desk::open().await;
    let viewer = by_key(&key(&desk, Role::Viewer, None).await);
    let token = ask(&desk, &viewer, "POST", "/v1/auth/token", &json!({})).await;
    let token = by_token(token.text("access_token"));
    let scans = |expected: u16| {
        let (desk, viewer, token) = (&desk, &viewer, &token);
        async move {
            // What was signed before the change is no older than what is sent afresh.
            for headers in [viewer, token] {
                assert_eq!(status(desk, headers, "GET", "/v1/scans").await, expected);
            }
        }
    };
    scans(200).await;
    let closed = "forbid (principal in Role::\"viewer\", action == Action::\"scan:read\", resource);";
    let first = put(&desk, &policies(&[closed])).await;
    assert_eq!(first.answer.headers["etag"], "\"1\"");
    first.expect(200);
    scans(403).await;
    let refused = ask(&desk, &viewer, "GET", "/v1/scans", &Value::Null).await;
    assert_eq!(refused.text("detail"), "`scan:read` is refused by the policy `p0`");
    // A restart reads what was kept.
    let desk = desk.restart().await;
    assert_eq!(status(&desk, &viewer, "GET", "/v1/scans").await, 403);

    // By compare and swap: whoever saw an older version changes nothing.
    let headers = [("content-type", "application/json"), ("if-match", "\"0\"")];
    desk.ask("PUT", "/v1/policies", &headers, b"{}").await.expect(412);
    desk.ask("PUT", "/v1/policies", &headers[..1], b"{}").await.expect(412);
    desk.post("/v1/policies/rollback", &json!({"version": 0})).await.expect(200);
    assert_eq!(status(&desk, &viewer, "GET", "/v1/scans").await, 200);
    desk.post("/v1/policies/rollback", &json!({"version": 1})).await.expect(200);
    assert_eq!(status(&desk, &viewer, "GET", "/v1/scans").await, 403);
    desk.post("/v1/policies/rollback", &json!({"version": 9})).await.expect(404);

    let versions = desk.get("/v1/policies/versions").await.expect(200);
    let told: Vec<_> = versions["versions"].as_array().expect("a list").iter().collect();
    let causes: Vec<_> =
        told.iter().map(|info| (&info["version"], &info["previous"], &info["cause"])).collect();
    assert_eq!(
        causes,
        [
            (&json!(3), &json!(2), &json!("rollback")),
            (&json!(2), &json!(1), &json!("rollback")),
            (&json!(1), &json!(0), &json!("put"))
        ]
    );
    assert_eq!(told[0]["sha256"], told[2]["sha256"], "the same policies");
    desk.settle().await;
    let ledger = crate::entries::ledger(&desk.host).await;
    let changes = ledger.values().filter(|entry| entry["type"] == "scorpius.policy.changed.v1").count();
    assert_eq!(changes, 3);
}

#[tokio::test]
async fn nobody_locks_themselves_out_and_whoever_holds_the_folder_gets_back_in() {
    let desk = Desk::open().await;
    let all = "forbid (principal, action, resource);";
    let refused = put(&desk, &policies(&[all])).await;
    assert_eq!((refused.status, refused.text("code")), (409, "policy-locks-out"));
    // An hour of the day at which nobody may do anything cannot be seen from any other hour.
    let later = "forbid (principal, action, resource) when { context.now.toTime() >= duration(\"10h\") };";
    put(&desk, &policies(&[later])).await.expect(200);
    desk.clock.advance_ms(3_600_000);
    put(&desk, &policies(&[])).await.expect(403);
    let made = desk.host.functions.new_key().await.expect("the folder's holder makes a key");
    let (recovered, headers) = (by_key(&made.api_key), policies(&[]));
    ask(&desk, &recovered, "PUT", "/v1/policies", &headers).await.expect(200);
    let current = desk.get("/v1/policies").await.expect(200);
    assert_eq!(current["version"], 2, "numbers are never used again");
}

#[tokio::test]
async fn drafts_are_checked_compared_and_explained_before_they_count() {
    let desk = Desk::open().await;
    let draft = json!({
        "policies": [{"id": "no-viewers", "text": "forbid (principal in Role::\"viewer\", action in Action::\"scan:*\", resource);"}],
        "roles": [{"name": "shift-lead", "inherits": ["auditor"], "permits": ["webhook:write"]}],
    });
    let checked = desk.post("/v1/policies/check", &draft).await.expect(200);
    assert_eq!(checked["valid"], true, "{checked}");
    let changes = checked["changes"].as_array().expect("a list");
    let has = |role: &str, action: &str, after: bool| {
        changes.iter().any(|c| c["role"] == role && c["action"] == action && c["after"] == after)
    };
    assert!(has("viewer", "scan:read", false) && has("shift-lead", "webhook:write", true), "{checked}");
    assert!(has("shift-lead", "key:read", true) && !has("admin", "scan:read", false), "{checked}");

    let bad = json!({"policies": [{"id": "a", "text": "permit (principal, action == Action::\"scan:burn\", resource);"}]});
    let checked = desk.post("/v1/policies/check", &bad).await.expect(200);
    assert_eq!(
        (&checked["valid"], &checked["errors"][0]["pointer"]),
        (&json!(false), &json!("/policies/0/text"))
    );
    let refused = put(&desk, &bad).await;
    assert_eq!((refused.status, refused.text("code")), (400, "invalid-policy"));
    assert_eq!(refused.json["errors"][0]["pointer"], "/policies/0/text");

    let explain = async |mut question: Value, draft: Option<&Value>| {
        if let Some(draft) = draft {
            question["draft"] = draft.clone();
        }
        desk.post("/v1/policies/explain", &question).await.expect(200)
    };
    let question = || json!({"role": "viewer", "action": "scan:read"});
    let before = explain(question(), None).await;
    assert_eq!((&before["allowed"], &before["policies"]), (&json!(true), &json!(["base:viewer"])));
    let after = explain(question(), Some(&draft)).await;
    assert_eq!((&after["allowed"], &after["policies"]), (&json!(false), &json!(["no-viewers"])));
    let why_not = explain(json!({"role": "viewer", "action": "key:write"}), None).await;
    assert_eq!(why_not["policies"], json!([]));
    assert_eq!(why_not["why"], "no policy permits `key:write`");
    assert_eq!(why_not["roles_that_may"], json!(["admin"]));

    // The same question about real people and keys, and the doors agree.
    let ada = desk.person(Role::Viewer).await;
    let narrow = key(&desk, Role::Admin, Some(&["webhook:*"])).await;
    let id = scorpius_key_id(&narrow);
    let who = desk.post("/v1/policies/who", &json!({"action": "scan:read"})).await.expect(200);
    let subject = |id: &str| {
        let all = who["subjects"].as_array().expect("a list");
        all.iter().find(|s| s["subject"] == id).unwrap_or_else(|| panic!("{id} in {who}")).clone()
    };
    assert_eq!((&subject(&ada.session.user)["allowed"], &who["complete"]), (&json!(true), &json!(true)));
    assert_eq!(subject(&id)["policies"], json!(["base:within-scopes"]));
    assert_eq!(status(&desk, &by_token(&ada.access_token), "GET", "/v1/scans").await, 200);
    assert_eq!(status(&desk, &by_key(&narrow), "GET", "/v1/scans").await, 403);
    desk.post(
        "/v1/policies/explain",
        &json!({"subject": ada.session.user, "role": "viewer", "action": "scan:read"}),
    )
    .await
    .expect(400);
    desk.post("/v1/policies/explain", &json!({"role": "viewer", "action": "scan:burn"})).await.expect(400);
    // Nothing of all this changed anything.
    assert_eq!(desk.get("/v1/policies").await.expect(200)["version"], 0);
}

fn scorpius_key_id(key: &str) -> String {
    let key: scorpius_identity::ApiSecret = key.parse().expect("a key");
    key.key_id().to_owned()
}

#[tokio::test]
async fn roles_of_the_tenant_s_own_are_inherited_assigned_and_taken_away() {
    let desk = Desk::open().await;
    let ada = desk.person(Role::Viewer).await;
    let as_ada = by_token(&ada.access_token);
    assert_eq!(status(&desk, &as_ada, "GET", "/v1/config/webhooks").await, 403);
    let mut draft = json!({
        "roles": [
            {"name": "lead", "inherits": ["deputy"], "permits": []},
            {"name": "deputy", "inherits": [], "permits": ["webhook:read"]},
        ],
        "assignments": [{"subject": ada.session.user, "role": "lead"}],
    });
    put(&desk, &draft).await.expect(200);
    assert_eq!(status(&desk, &as_ada, "GET", "/v1/config/webhooks").await, 200);
    assert_eq!(status(&desk, &as_ada, "GET", "/v1/auth/api-keys").await, 403);
    // For a time: the moment of the end is the first without it.
    draft["assignments"][0]["until"] = json!("2026-11-21T10:40:40.000Z");
    put(&desk, &draft).await.expect(200);
    desk.clock.advance_ms(3_599_000);
    let next = desk.post("/v1/auth/refresh", &json!({"refresh_token": ada.refresh_token.as_str()})).await;
    let as_ada = by_token(next.text("access_token"));
    assert_eq!(status(&desk, &as_ada, "GET", "/v1/config/webhooks").await, 200);
    desk.clock.advance_ms(1_000);
    assert_eq!(status(&desk, &as_ada, "GET", "/v1/config/webhooks").await, 403);
    assert_eq!(status(&desk, &as_ada, "GET", "/v1/scans").await, 200, "what the credential says stays");
}

#[tokio::test]
async fn what_is_lent_can_be_lent_by_who_has_it_and_ends() {
    let desk = Desk::open().await;
    let (ada, bob) = (desk.person(Role::Security).await, desk.person(Role::Viewer).await);
    let (as_ada, as_bob) = (by_token(&ada.access_token), by_token(&bob.access_token));
    let scan_body = json!({"bytecode": "0x33ff"});
    ask(&desk, &as_bob, "POST", "/v1/scans", &scan_body).await.expect(403);
    let lend = |role: &str, to: &str, minutes: u32| json!({"role": role, "to": to, "minutes": minutes});
    let path = "/v1/policies/delegations";
    let refused = ask(&desk, &as_ada, "POST", path, &lend("admin", &bob.session.user, 5)).await;
    assert_eq!((refused.status, refused.text("code")), (409, "delegation-refused"), "she does not have it");
    ask(&desk, &as_ada, "POST", path, &lend("security", "usr_00000000000000000000000000000000", 5))
        .await
        .expect(404);
    ask(&desk, &as_ada, "POST", path, &lend("security", &bob.session.user, 50_000)).await.expect(400);
    ask(&desk, &as_bob, "POST", path, &lend("viewer", &ada.session.user, 5)).await.expect(403);
    let lent = ask(&desk, &as_ada, "POST", path, &lend("security", &bob.session.user, 5)).await;
    assert_eq!((lent.status, &lent.json["version"]), (201, &json!(1)));
    ask(&desk, &as_bob, "POST", "/v1/scans", &scan_body).await.expect(202);
    // What was lent is not lent on, though it lets him ask.
    ask(&desk, &as_bob, "POST", path, &lend("security", &ada.session.user, 5)).await.expect(409);
    // A new draft keeps it, a rollback too, and `drop_lent` ends it.
    put(&desk, &json!({})).await.expect(200);
    ask(&desk, &as_bob, "POST", "/v1/scans", &scan_body).await.expect(202);
    desk.clock.advance_ms(5 * 60_000);
    ask(&desk, &as_bob, "POST", "/v1/scans", &scan_body).await.expect(403);
    ask(&desk, &as_ada, "POST", path, &lend("security", &bob.session.user, 5)).await.expect(201);
    ask(&desk, &as_bob, "POST", "/v1/scans", &scan_body).await.expect(202);
    put(&desk, &json!({"drop_lent": true})).await.expect(200);
    ask(&desk, &as_bob, "POST", "/v1/scans", &scan_body).await.expect(403);
}

#[tokio::test]
async fn clearance_sensitivity_and_department_decide_about_single_scans() {
    let desk = Desk::open().await;
    let (ada, bob) = (desk.person(Role::Viewer).await, desk.person(Role::Viewer).await);
    let (as_ada, as_bob) = (by_token(&ada.access_token), by_token(&bob.access_token));
    let admin = by_key(&desk.api_key);
    let (open, secret) = (scan(&desk, &admin, 0).await, scan(&desk, &admin, 3).await);
    let mut draft = policies(&[
        "forbid (principal, action, resource is Scan) when { resource has sensitivity && resource.sensitivity > 1 }
           unless { principal has clearance && principal.clearance >= resource.sensitivity };",
        "forbid (principal is Person, action in Action::\"audit:*\", resource) unless { principal has department && principal.department == \"compliance\" };",
    ]);
    draft["attributes"] = json!({ada.session.user.clone(): {"department": "compliance", "clearance": 3}});
    put(&desk, &draft).await.expect(200);
    for (who, id, expected) in
        [(&as_ada, &open, 200), (&as_bob, &open, 200), (&as_ada, &secret, 200), (&as_bob, &secret, 403)]
    {
        assert_eq!(status(&desk, who, "GET", &format!("/v1/scans/{id}")).await, expected, "{id}");
    }
    // Nor does a list, or the report, show what the single door hides.
    let shown = |list: Value| list["scans"].as_array().expect("a list").len();
    assert_eq!(shown(ask(&desk, &as_ada, "GET", "/v1/scans", &Value::Null).await.expect(200)), 2);
    assert_eq!(shown(ask(&desk, &as_bob, "GET", "/v1/scans", &Value::Null).await.expect(200)), 1);
    assert_eq!(status(&desk, &as_bob, "GET", &format!("/v1/scans/{secret}/sarif")).await, 403);
    let lead = desk.person(Role::Security).await;
    assert_eq!(status(&desk, &by_token(&lead.access_token), "GET", "/v1/audit/checkpoint").await, 403);
}

#[tokio::test]
async fn an_owner_may_what_the_role_alone_does_not_give() {
    let desk = Desk::open().await;
    let maker = key(&desk, Role::Security, None).await;
    let (mine, theirs) =
        (scan(&desk, &by_key(&maker), 0).await, scan(&desk, &by_key(&desk.api_key), 0).await);
    // The maker's role is taken away from scans but for their own.
    put(
        &desk,
        &policies(&["forbid (principal in Role::\"security\", action == Action::\"scan:read\", resource)
               unless { resource has owner && resource.owner == principal.subject };"]),
    )
    .await
    .expect(200);
    let read = async |id: &str| status(&desk, &by_key(&maker), "GET", &format!("/v1/scans/{id}")).await;
    assert_eq!((read(&mine).await, read(&theirs).await), (200, 403));
    // What is not there is as what may not be seen.
    assert_eq!(read("scn_019ab5d2a0007c3e8f2b6a51d4e09c77").await, 403);
    // And the other way round: a permit for one's own, where the role gives nothing.
    put(
        &desk,
        &policies(&[
            "permit (principal, action in Action::\"webhook:*\", resource is Webhook)
               when { resource has owner && resource.owner == principal.subject };",
            "permit (principal in Role::\"viewer\", action == Action::\"webhook:write\", resource is Tenant);",
        ]),
    )
    .await
    .expect(200);
    let viewer = by_key(&key(&desk, Role::Viewer, None).await);
    let hook = json!({"url": "https://hooks.example.com/", "events": ["scorpius.scan.*"]});
    let own = ask(&desk, &viewer, "POST", "/v1/config/webhooks", &hook).await;
    let other = desk.post("/v1/config/webhooks", &hook).await;
    let deliveries = |hook: &Said| format!("/v1/config/webhooks/{}/deliveries", hook.text("id"));
    assert_eq!(status(&desk, &viewer, "GET", &deliveries(&own)).await, 200);
    assert_eq!(status(&desk, &viewer, "GET", &deliveries(&other)).await, 403);
}

#[tokio::test]
async fn time_network_strength_and_the_session_s_risk_decide() {
    let desk = Desk::open().await;
    let ada = desk.person(Role::Security).await;
    let as_ada = by_token(&ada.access_token);
    let reads = async || status(&desk, &as_ada, "GET", "/v1/scans").await;
    // The desk's clock stands at 09:40 UTC on a Saturday, and it asks from 192.0.2.7 with one factor.
    for (condition, expected) in [
        ("context.day >= 6", 403),
        ("context.day <= 5", 200),
        ("context.now.toTime() < duration(\"9h\") || context.now.toTime() > duration(\"17h\")", 200),
        ("context.now.toTime() > duration(\"9h30m\")", 403),
        ("context.now > datetime(\"2026-11-21T00:00:00Z\")", 403),
        ("!(context has ip && context.ip.isInRange(ip(\"192.0.2.0/24\")))", 200),
        ("!(context has ip && context.ip.isInRange(ip(\"10.0.0.0/8\")))", 403),
        ("context.acr < 2", 403),
        ("!context.amr.contains(\"pwd\")", 200),
        ("context has proved_s && context.proved_s > 3600", 200),
        ("context.session_risk > 0", 200),
        ("context.strength == \"api_key\"", 200),
    ] {
        let text = format!("forbid (principal is Person, action, resource) when {{ {condition} }};");
        put(&desk, &policies(&[&text])).await.expect(200);
        assert_eq!(reads().await, expected, "{condition}");
    }
    // A session that goes on from another program than it began with is riskier.
    put(
        &desk,
        &policies(&["forbid (principal is Person, action, resource) when { context.session_risk >= 60 };"]),
    )
    .await
    .expect(200);
    assert_eq!(reads().await, 200);
    let mut moved = as_ada.clone();
    moved.push(("user-agent", "another program".to_owned()));
    assert_eq!(status(&desk, &moved, "GET", "/v1/scans").await, 403);
}

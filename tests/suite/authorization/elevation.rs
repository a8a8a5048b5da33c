//! Break glass: a role that nobody has in quiet times, by agreement of several people, for a time, and loudly.

use scorpius_core::{CommitId, Condition, Key, Store, Write};
use scorpius_edge::{Assurance, Factor, Role};
use scorpius_token::sessions::Granted;
use scorpius_token::{Session, Tenant};
use serde_json::{Value, json};

use super::callers::{Headers, by_key, by_token};
use super::policies::{ask, put};
use crate::desk::Desk;
use crate::entries::ledger;

/// Their session as after a second factor.
async fn prove(desk: &Desk, person: &Granted) -> Headers {
    let (tenant, user) = (&person.session.tenant, &person.session.user);
    let at = Session::at(tenant, user, &person.session.id);
    let store = &desk.host.local.store;
    let session: Session = store.get(&at).await.expect("a store").expect("a session").document().expect("it");
    let session = session.proved(Assurance::Aal2, &[Factor::Otp], scorpius_core::Clock::now(&*desk.clock));
    let write = Write::put(at, &session, Condition::Always);
    store.commit(CommitId::new(&*desk.clock), &[write]).await.expect("a commit");
    let refresh = json!({"refresh_token": person.refresh_token.as_str()});
    by_token(desk.post("/v1/auth/refresh", &refresh).await.text("access_token"))
}

/// A key whose record says that `maker` made it: doors that make keys for people come with accounts.
async fn key_of(desk: &Desk, maker: &str) -> Headers {
    let made = desk.post("/v1/auth/api-keys", &json!({"name": "k", "roles": ["security"]})).await;
    let secret: scorpius_identity::ApiSecret = made.text("api_key").parse().expect("a key");
    let at = Key::new(format!("{}#apikey", secret.tenant()), secret.key_id());
    let store = &desk.host.local.store;
    let record = store.get(&at).await.expect("a store").expect("a key");
    let mut document: Value = record.document().expect("a key");
    document["created_by"] = json!(maker);
    let write = Write::put(at, &document, Condition::Always);
    store.commit(CommitId::new(&*desk.clock), &[write]).await.expect("a commit");
    by_key(made.text("api_key"))
}

async fn approve(desk: &Desk, who: &Headers, id: &str) -> crate::desk::Said {
    ask(desk, who, "POST", &format!("/v1/elevations/{id}/approve"), &Value::Null).await
}

#[tokio::test]
async fn two_of_three_people_give_a_role_for_a_time_and_one_person_counts_once() {
    let desk = Desk::open().await;
    let mut people = Vec::new();
    for _ in 0..4 {
        people.push(desk.person(Role::Security).await);
    }
    let [asker, one, two, stranger] = &people[..] else { panic!("four people") };
    let as_asker = by_token(&asker.access_token);
    let reason = json!({"reason": "the bridge is being drained", "minutes": 30});
    let refused = ask(&desk, &as_asker, "POST", "/v1/elevations", &reason).await;
    assert_eq!((refused.status, refused.text("code")), (409, "no-break-glass"));

    let approvers = [asker, one, two].map(|person| person.session.user.clone());
    let glass = json!({"role": "admin", "approvals": 2, "approvers": approvers, "minutes_max": 60});
    put(&desk, &json!({ "break_glass": glass })).await.expect(200);
    let hook =
        json!({"url": "https://hooks.example.com/", "events": ["scorpius.policy.elevation_granted.v1"]});
    let hook = desk.post("/v1/config/webhooks", &hook).await.expect(201);
    let long = json!({"reason": "the bridge is being drained", "minutes": 61});
    ask(&desk, &as_asker, "POST", "/v1/elevations", &long).await.expect(409);
    let asked = ask(&desk, &as_asker, "POST", "/v1/elevations", &reason).await;
    let id = asked.text("id").to_owned();
    asked.expect(201);

    // Without a second factor nobody agrees; nor does who asks, or who is not named.
    let weak = approve(&desk, &by_token(&one.access_token), &id).await;
    assert_eq!((weak.status, weak.text("code")), (401, "step-up-required"));
    let as_asker = prove(&desk, asker).await;
    let own = approve(&desk, &as_asker, &id).await;
    assert_eq!((own.status, own.text("code")), (409, "approval-refused"));
    approve(&desk, &key_of(&desk, &asker.session.user).await, &id).await.expect(409);
    approve(&desk, &prove(&desk, stranger).await, &id).await.expect(409);
    approve(&desk, &by_key(&desk.api_key), &id).await.expect(409);

    // One person, with a session, the same again, and two keys.
    let as_one = prove(&desk, one).await;
    for who in
        [&as_one, &as_one, &key_of(&desk, &one.session.user).await, &key_of(&desk, &one.session.user).await]
    {
        let agreed = approve(&desk, who, &id).await.expect(200);
        assert_eq!(agreed["elevation"]["approved_by"], json!([one.session.user]));
        assert_eq!(agreed["elevation"]["state"], "open");
    }
    assert_eq!(ask(&desk, &as_asker, "GET", "/v1/auth/api-keys", &Value::Null).await.status, 403);
    let granted = approve(&desk, &prove(&desk, two).await, &id).await.expect(200);
    assert_eq!((&granted["elevation"]["state"], &granted["version"]), (&json!("granted"), &json!(2)));

    // It binds the next request, and ends by itself.
    assert_eq!(ask(&desk, &as_asker, "GET", "/v1/auth/api-keys", &Value::Null).await.status, 200);
    let current = desk.get("/v1/policies").await.expect(200);
    assert_eq!(current["assignments"][0]["source"], json!({"break_glass": {"request": id}}));
    desk.clock.advance_ms(30 * 60_000);
    let key_after = key_of(&desk, &asker.session.user).await;
    assert_eq!(ask(&desk, &key_after, "GET", "/v1/auth/api-keys", &Value::Null).await.status, 403);
    let subject = asker.session.user.clone();
    let asked = json!({"subject": subject, "action": "key:write"});
    assert_eq!(desk.post("/v1/policies/explain", &asked).await.expect(200)["allowed"], false, "it is over");

    // Loudly: each step is in the ledger, and the webhook was told.
    desk.settle().await;
    let entries = ledger(&desk.host).await;
    let count = |kind: &str| entries.values().filter(|entry| entry["type"] == kind).count();
    assert_eq!(count("scorpius.policy.elevation_requested.v1"), 1);
    assert_eq!(count("scorpius.policy.elevation_approved.v1"), 1, "one person, once");
    assert_eq!(count("scorpius.policy.elevation_granted.v1"), 1);
    let path = format!("/v1/config/webhooks/{}/deliveries", hook["id"].as_str().expect("an id"));
    assert_eq!(desk.get(&path).await.expect(200)["deliveries"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn agreeing_at_once_grants_once_and_late_is_late() {
    let desk = Desk::open().await;
    let mut people = Vec::new();
    for _ in 0..6 {
        people.push(desk.person(Role::Security).await);
    }
    let approvers: Vec<_> = people[1..].iter().map(|person| person.session.user.clone()).collect();
    let glass = json!({"role": "admin", "approvals": 3, "approvers": approvers, "minutes_max": 60});
    put(&desk, &json!({ "break_glass": glass })).await.expect(200);
    let reason = json!({"reason": "the bridge is being drained", "minutes": 30});
    let as_asker = by_token(&people[0].access_token);
    let id = ask(&desk, &as_asker, "POST", "/v1/elevations", &reason).await.text("id").to_owned();
    let late = ask(&desk, &as_asker, "POST", "/v1/elevations", &reason).await.text("id").to_owned();
    let mut proved = Vec::new();
    for person in &people[1..] {
        proved.push(prove(&desk, person).await);
    }
    let all = proved.iter().map(|who| approve(&desk, who, &id));
    let answers = futures::future::join_all(all).await;
    assert!(answers.iter().all(|said| matches!(said.status, 200 | 409)), "{answers:?}");
    for who in &proved {
        approve(&desk, who, &id).await.expect(200);
    }
    let current = desk.get("/v1/policies").await.expect(200);
    assert_eq!(current["assignments"].as_array().map(Vec::len), Some(1), "{current}");
    desk.settle().await;
    let entries = ledger(&desk.host).await;
    let granted = entries.values().filter(|entry| entry["type"] == "scorpius.policy.elevation_granted.v1");
    assert_eq!(granted.count(), 1);
    let tenant = &people[0].session.tenant;
    let store = &desk.host.local.store;
    let kept: Tenant = store.get(&Tenant::at(tenant)).await.expect("it").expect("it").document().expect("it");
    assert_eq!(kept.policy_version, kept.policy_versions);

    desk.clock.advance_ms(3_600_000);
    let as_late = key_of(&desk, &people[1].session.user).await;
    let refused = approve(&desk, &as_late, &late).await;
    assert_eq!((refused.status, refused.text("code")), (409, "approval-refused"));
}

//! Erasing persons, and legal holds.

use std::collections::BTreeMap;

use scorpius_core::{CommitId, SystemClock, TenantId, UnixMillis, hold};
use scorpius_edge::Role;
use serde_json::{Value, json};

use super::*;
use crate::api;
use crate::erasure::RECOVERY_S;
use crate::facts::OwnLogAsked;
use crate::sequencer::Sequencer;
use crate::testing::{self, PERSON, World, body, event, event_of, tenant};
use crate::verify::{self, Verdict};

fn app(world: &World) -> App {
    App::new(world.store.clone(), world.keys.clone(), Arc::new(SystemClock), RECOVERY_S)
}

fn request(operation: &'static str, tenant: &TenantId) -> Request {
    testing::request(operation, tenant, Role::Admin)
}

/// Ten events: the even ones are tenant 1's, the odd ones tenant 2's.
async fn world() -> World {
    let world = World::new();
    let events: Vec<_> = (0..10).map(|number| event_of(number, &tenant(1 + number % 2))).collect();
    world.sequencer().append("bat_1", &events).await.expect("appended");
    world
}

async fn ask(app: &App, operation: &'static str, person: &str, body: Value) -> Response {
    let mut asked = request(operation, &tenant(1));
    asked.parameters.insert("id".to_owned(), person.to_owned());
    asked.body = body.to_string().into();
    handle(app, asked).await
}

/// By a process that remembers nothing.
async fn bundle_with(world: &World, id: &str) -> Response {
    let clock = Arc::new(SystemClock);
    let app = api::App::new(world.store.clone(), world.blobs.clone(), world.keys.clone(), clock);
    let mut asked = request("makeBundle", &tenant(1));
    asked.body = json!({"event_ids": [id]}).to_string().into();
    api::handle(&app, asked).await
}

#[tokio::test]
async fn what_events_say_of_an_erased_person_is_shown_no_more_and_stays_proved() {
    let world = world().await;
    let app = app(&world);
    let erased = ask(&app, "eraseSubject", PERSON, json!(null)).await;
    assert_eq!(erased.status.as_u16(), 200);
    let erased = body(&erased);
    let at: UnixMillis = erased["erased_at"].as_str().expect("a time").parse().expect("a time");
    assert_eq!(erased["closed_at"], at.plus_s(300).to_string());
    assert_eq!(erased["effective_at"], at.plus_s(30 * 86_400 + RECOVERY_S).to_string());
    // Asked again, the first time counts.
    assert_eq!(body(&ask(&app, "eraseSubject", PERSON, json!(null)).await), erased);

    let answer = bundle_with(&world, &event(4).id).await;
    let shown = body(&answer);
    assert_eq!(shown["entries"][0]["entry"]["subjects"], json!([erased["subject"]]));
    assert!(shown["entries"][0].get("payload").is_none() && shown["entries"][0].get("blind_key").is_none());
    let report = verify::bundle(&answer.body, &world.trusted().await);
    assert_eq!((report.verdict, report.entries[0].data), (Verdict::Verified, verify::Data::Withheld));
}

#[tokio::test]
async fn a_held_person_is_not_erased_before_the_hold_is_lifted() {
    let world = world().await;
    let app = app(&world);
    let held = ask(&app, "placeHold", PERSON, json!({"reason": "Case 12"})).await;
    assert_eq!(held.status.as_u16(), 200);
    let held = body(&held);
    assert_eq!((&held["person"], &held["reason"]), (&json!(PERSON), &json!("Case 12")));
    let again = body(&ask(&app, "placeHold", PERSON, json!({"reason": "Case 13"})).await);
    assert_eq!(
        (&again["id"], &again["placed"], &again["reason"]),
        (&held["id"], &json!(2), &json!("Case 13"))
    );
    let refused = ask(&app, "eraseSubject", PERSON, json!(null)).await;
    assert_eq!((refused.status.as_u16(), &body(&refused)["code"]), (409, &json!("legal-hold")));
    assert!(body(&bundle_with(&world, &event(4).id).await)["entries"][0]["payload"].is_object());
    let list = body(&handle(&app, request("listHolds", &tenant(1))).await);
    assert_eq!(list["holds"], json!([again]));
    assert_eq!(body(&handle(&app, request("listHolds", &tenant(2))).await)["holds"], json!([]));

    assert_eq!(ask(&app, "liftHold", PERSON, json!(null)).await.status.as_u16(), 204);
    assert_eq!(ask(&app, "liftHold", PERSON, json!(null)).await.status.as_u16(), 404);
    assert_eq!(ask(&app, "eraseSubject", PERSON, json!(null)).await.status.as_u16(), 200);
    let late = ask(&app, "placeHold", PERSON, json!({"reason": "Case 14"})).await;
    assert_eq!((late.status.as_u16(), &body(&late)["code"]), (409, &json!("conflict")));
}

#[tokio::test]
async fn of_whom_the_ledger_says_nothing_is_not_erased() {
    let world = world().await;
    let app = app(&world);
    let nobody = "usr_00000000000000000000000000000099";
    for operation in ["eraseSubject", "placeHold", "liftHold"] {
        let answer = ask(&app, operation, nobody, json!({"reason": "x"})).await;
        assert_eq!((answer.status.as_u16(), &body(&answer)["code"]), (404, &json!("not-found")));
    }
    // A person is one tenant's: another says nothing of them.
    let mut asked = request("eraseSubject", &tenant(3));
    asked.parameters.insert("id".to_owned(), PERSON.to_owned());
    assert_eq!(handle(&app, asked).await.status.as_u16(), 404);
}

#[tokio::test]
async fn who_is_no_person_and_a_hold_without_reason_are_refused() {
    let world = world().await;
    let app = app(&world);
    for person in
        ["usr_1", "evt_00000000000000000000000000000001", "", "usr_0000000000000000000000000000000G"]
    {
        for operation in ["eraseSubject", "placeHold", "liftHold"] {
            let answer = ask(&app, operation, person, json!({"reason": "x"})).await;
            assert_eq!(
                (answer.status.as_u16(), &body(&answer)["errors"][0]["pointer"]),
                (400, &json!("/id"))
            );
        }
    }
    for reason in [json!({"reason": " "}), json!({"reason": "x".repeat(501)}), json!({})] {
        assert_eq!(ask(&app, "placeHold", PERSON, reason).await.status.as_u16(), 400);
    }
}

#[tokio::test]
async fn a_tenant_a_resource_and_a_time_are_held_listed_and_lifted_with_a_reason() {
    let world = world().await;
    let app = app(&world);
    let whose = tenant(1).to_string();
    let period = "2026-01-01T00:00:00.000Z--2026-02-01T00:00:00.000Z";
    for (what, scope, member) in [
        (&*whose, "tenant", None),
        ("resource:scn_1", "resource", Some(("resource", "scn_1"))),
        (period, "period", Some(("to", "2026-02-01T00:00:00.000Z"))),
    ] {
        let answer = ask(&app, "placeHold", what, json!({"reason": "Case 12"})).await;
        assert_eq!(answer.status.as_u16(), 200, "{what}");
        let held = body(&answer);
        assert_eq!((&held["scope"], held.get("person")), (&json!(scope), None));
        if let Some((name, value)) = member {
            assert_eq!(held[name], json!(value));
        }
        let again = body(&ask(&app, "placeHold", what, json!({"reason": "Case 13"})).await);
        assert_eq!((&again["id"], &again["placed"]), (&held["id"], &json!(2)));
        let refused = ask(&app, "eraseSubject", PERSON, json!(null)).await;
        assert_eq!((refused.status.as_u16(), &body(&refused)["code"]), (409, &json!("legal-hold")));
        assert_eq!(body(&handle(&app, request("listHolds", &tenant(1))).await)["holds"], json!([again]));
        assert_eq!(body(&handle(&app, request("listHolds", &tenant(2))).await)["holds"], json!([]));

        let mut lifting = request("liftHold", &tenant(1));
        lifting.parameters.insert("id".to_owned(), what.to_owned());
        for bad in [String::new(), "x".repeat(501)] {
            lifting.query.insert("reason".to_owned(), bad);
            assert_eq!(handle(&app, lifting.clone()).await.status.as_u16(), 400);
        }
        lifting.query.insert("reason".to_owned(), "Case closed".to_owned());
        assert_eq!(handle(&app, lifting.clone()).await.status.as_u16(), 204);
        assert_eq!(handle(&app, lifting).await.status.as_u16(), 404);
        let mut lifted = request("listHolds", &tenant(1));
        lifted.query.insert("state".to_owned(), "lifted".to_owned());
        let lifted = body(&handle(&app, lifted).await);
        // Those that were placed in one millisecond have no order.
        let lifted = lifted["holds"].as_array().expect("holds");
        let last = lifted.iter().find(|hold| hold["id"] == held["id"]).expect("the hold");
        assert_eq!(last["lifted"]["reason"], json!("Case closed"));
    }
    assert_eq!(body(&handle(&app, request("listHolds", &tenant(1))).await)["holds"], json!([]));
    let mut neither = request("listHolds", &tenant(1));
    neither.query.insert("state".to_owned(), "gone".to_owned());
    assert_eq!(handle(&app, neither).await.status.as_u16(), 400);
    let other = ask(&app, "placeHold", tenant(2).as_str(), json!({"reason": "x"})).await;
    assert_eq!(other.status.as_u16(), 404);
    for bad in ["2026-02-01T00:00:00Z--2026-01-01T00:00:00Z", "now--then", "a b c", "scn_1"] {
        assert_eq!(ask(&app, "placeHold", bad, json!({"reason": "x"})).await.status.as_u16(), 400, "{bad}");
    }
    assert_eq!(ask(&app, "eraseSubject", PERSON, json!(null)).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_tenant_has_no_more_holds_than_are_read() {
    let world = world().await;
    let app = app(&world);
    let full = [hold::counted(&tenant(1), hold::HOLDS_MAX)];
    world.store.commit(CommitId::new(&SystemClock), &full).await.expect("counted");
    for what in ["resource:scn_1", PERSON] {
        let refused = ask(&app, "placeHold", what, json!({"reason": "x"})).await;
        assert_eq!((refused.status.as_u16(), &body(&refused)["code"]), (409, &json!("conflict")));
    }
}

#[test]
fn operations_are_those_of_the_manifest() {
    let manifest: Value = serde_json::from_str(include_str!("../../../../infra/stack.json")).expect("JSON");
    let routes =
        manifest["functions"]["audit-custody"]["trigger"]["http"].as_object().expect("routes").clone();
    let offered: BTreeMap<_, _> = operations().into_iter().map(|one| (one.route, one.access)).collect();
    assert_eq!(offered.len(), routes.len());
    for (route, access) in offered {
        assert!(matches!(access, Access::Action(action) if routes[route] == action), "{route}");
    }
}

#[tokio::test]
async fn a_log_that_could_have_no_name_is_not_begun() {
    let world = World::new();
    let long = format!("example.com/{}", "a".repeat(180)).parse().expect("an origin");
    let clock = Arc::new(SystemClock);
    let sequencer = Sequencer::new(world.store.clone(), world.blobs.clone(), world.keys.clone(), clock, long);
    sequencer.append("bat_1", &[event(1)]).await.expect("appended");
    let answer = handle(&app(&world), request("askOwnLog", &tenant(1))).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    let beginning = OwnLogs::new(world.store.clone()).of(&tenant(1)).await.expect("an answer");
    assert_eq!((beginning, testing::told::<OwnLogAsked>(&*world.store).await.len()), (None, 0));
}

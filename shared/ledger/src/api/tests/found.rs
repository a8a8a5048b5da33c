//! Entries that are found by what they say, and reports of them.

use scorpius_core::UnixMillis;

use super::*;

/// The `number`-th event of a tenant as a clock names it: its id begins with its time.
fn timed(number: u64, tenant: &TenantId) -> scorpius_core::Event {
    let at = NOW.plus_s(number);
    let kinds = ["scorpius.risk.scored.v1", "scorpius.identity.api_key_created.v1"];
    scorpius_core::Event {
        id: format!("evt_{:012x}7{}{:018x}", at.0, &tenant.as_str()[35..], number),
        time: at.to_string(),
        kind: kinds[(number % 2) as usize].to_owned(),
        ..event_of(number, tenant)
    }
}

async fn timed_world() -> World {
    let world = World::new();
    let events: Vec<_> =
        (0..20).flat_map(|number| [timed(number, &tenant(1)), timed(number + 40, &tenant(2))]).collect();
    world.sequencer().append("bat_1", &events).await.expect("appended");
    world
}

async fn search(world: &World, query: &[(&str, &str)], accept: &str) -> Response {
    let mut asked = request("searchAuditEvents", &tenant(1));
    asked.query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    asked.headers.insert("accept".to_owned(), accept.to_owned());
    handle(&app(world), asked).await
}

#[tokio::test]
async fn entries_are_found_by_time_and_type_and_go_on_by_cursor() {
    let world = timed_world().await;
    let (from, to) = (NOW.to_string(), NOW.plus_s(3600).to_string());
    let range = [("from", from.as_str()), ("to", to.as_str())];
    let mut query = range.to_vec();
    query.extend([("type", "scorpius.identity.*"), ("limit", "7"), ("order", "asc")]);
    let first = search(&world, &query, "").await;
    assert_eq!(first.status.as_u16(), 200);
    let first = body(&first);
    let ids = |page: &Value| -> Vec<String> {
        let events = page["events"].as_array().expect("events");
        events.iter().map(|event| event["entry"]["id"].as_str().expect("an id").to_owned()).collect()
    };
    let expected: Vec<_> =
        (0..20).filter(|number| number % 2 == 1).map(|number| timed(number, &tenant(1)).id).collect();
    assert_eq!(ids(&first), expected[..7]);
    assert_eq!(
        (&first["events"][0]["included"], &first["events"][0]["payload"]["data"]["number"]),
        (&json!(true), &json!(1))
    );
    let cursor = first["pagination"]["next_cursor"].as_str().expect("a cursor").to_owned();
    query.push(("cursor", &cursor));
    let second = body(&search(&world, &query, "").await);
    assert_eq!(ids(&second), expected[7..]);
    assert!(second["pagination"]["next_cursor"].is_null());

    // A cursor is its search's alone.
    let other = [range[0], range[1], ("cursor", cursor.as_str())];
    assert_eq!(search(&world, &other, "").await.status.as_u16(), 400);
}

#[tokio::test]
async fn entries_are_lines_for_who_asks_for_lines() {
    let world = timed_world().await;
    let (from, to) = (NOW.to_string(), NOW.plus_s(3600).to_string());
    let answer =
        search(&world, &[("from", &from), ("to", &to), ("limit", "15")], "application/x-ndjson").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/x-ndjson")));
    let text = String::from_utf8(answer.body.to_vec()).expect("UTF-8");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((lines.len(), &lines[0]["entry"]["id"]), (15, &json!(timed(19, &tenant(1)).id)));
    let link = answer.header("link").expect("a link").to_owned();
    let query =
        link.strip_prefix("<?").and_then(|rest| rest.strip_suffix(">; rel=\"next\"")).expect("a reference");
    let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let query: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let rest = search(&world, &query, "application/x-ndjson").await;
    assert_eq!(String::from_utf8(rest.body.to_vec()).expect("UTF-8").lines().count(), 5);
    assert_eq!(rest.header("link"), None);
}

#[tokio::test]
async fn a_search_without_a_fair_stretch_of_time_is_refused_by_name() {
    let world = timed_world().await;
    let (from, to) = ("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z");
    for (query, at) in [
        (vec![("to", to)], "/from"),
        (vec![("from", from)], "/to"),
        (vec![("from", "yesterday"), ("to", to)], "/from"),
        (vec![("from", to), ("to", from)], "/to"),
        (vec![("from", from), ("to", from)], "/to"),
        (vec![("from", "2025-11-01T00:00:00Z"), ("to", to)], "/to"),
        (vec![("from", from), ("to", to), ("order", "up")], "/order"),
        (vec![("from", from), ("to", to), ("type", "scorpius.*.v1")], "/type"),
        (vec![("from", from), ("to", to), ("actor", "")], "/actor"),
        (vec![("from", from), ("to", to), ("cursor", "AAAA")], "/cursor"),
        (vec![("from", from), ("to", to), ("limit", "201")], "/limit"),
    ] {
        let answer = search(&world, &query, "").await;
        assert_eq!(
            (answer.status.as_u16(), &body(&answer)["errors"][0]["pointer"]),
            (400, &json!(at)),
            "{query:?}"
        );
    }
}

#[tokio::test]
async fn a_report_counts_for_each_control_and_proves_what_it_names() {
    let world = timed_world().await;
    let ask = async |framework: &str, to: UnixMillis| {
        let mut asked = request("makeReport", &tenant(1));
        asked.body =
            json!({"framework": framework, "from": NOW.to_string(), "to": to.to_string()}).to_string().into();
        handle(&app(&world), asked).await
    };
    let answer = ask("pci-dss-4.0.1", NOW.plus_s(3600)).await;
    assert_eq!(answer.status.as_u16(), 200);
    let report = body(&answer);
    assert_eq!((&report["complete"], &report["read"]), (&json!(true), &json!(20)));
    let control = |id: &str| {
        let controls = report["controls"].as_array().expect("controls");
        controls.iter().find(|control| control["id"] == id).expect("the control").clone()
    };
    assert_eq!(control("8.2.4")["events"], json!({"scorpius.identity.api_key_created.v1": 10}));
    assert_eq!(control("8.2.4")["evidence"][0], timed(19, &tenant(1)).id);
    assert_eq!(control("6.3.1")["events"], json!({}));
    let judged = verify::bundle(&answer.body, &world.trusted().await);
    assert_eq!((judged.verdict, judged.evidence.as_deref()), (Verdict::Verified, Some([].as_slice())));

    let answer = ask("sox", NOW.plus_ms(1)).await;
    let report = body(&answer);
    assert_eq!(report["controls"][1]["events"], json!({}));
    let unknown = ask("iso-1", NOW.plus_s(3600)).await;
    assert_eq!(
        (unknown.status.as_u16(), &body(&unknown)["errors"][0]["pointer"]),
        (400, &json!("/framework"))
    );
}

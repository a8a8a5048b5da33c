//! `POST /v1/search/threats`.

use super::*;

const START: &str = "2026-11-21T00:00:00Z";
const END: &str = "2026-12-31T00:00:00Z";

fn query(filters: Value) -> Value {
    json!({"query": {"time_range": {"start": START, "end": END}, "filters": filters}})
}

/// Six verdicts, one a second: sanctioned, well known and unknown in turn, on two chains.
async fn judged() -> Bench {
    let bench = bench();
    for (number, who) in [RONIN_EXPLOITER, USDC, NOBODY].into_iter().cycle().take(6).enumerate() {
        let chain = if number < 3 { "ethereum" } else { "polygon" };
        let body = json!({"chain": chain, "address": who});
        assert_eq!(bench.ask(ask("scoreAddress", &body)).await.0, 200);
        bench.clock.advance_ms(1_000);
    }
    bench
}

async fn found(bench: &Bench, body: &Value) -> Value {
    let (status, found, _) = bench.ask(ask("searchThreats", body)).await;
    assert_eq!(status, 200, "{found}");
    found
}

#[tokio::test]
async fn verdicts_are_found_by_time_level_score_chain_kind_and_signal_and_counted() {
    let bench = judged().await;
    let all = found(&bench, &query(json!({}))).await;
    assert_eq!((&all["read"], &all["complete"]), (&json!(6), &json!(true)), "{all}");
    assert_eq!(all["aggregations"]["by_level"], json!({"critical": 2, "safe": 1, "unknown": 3}));
    assert_eq!(all["aggregations"]["by_signal"]["sanctions_list"], 2);
    let results = all["results"].as_array().expect("results");
    let times: Vec<_> = results.iter().map(|it| it["created_at"].as_str().expect("a time")).collect();
    assert!(times.is_sorted_by(|one, two| one > two), "{times:?}");
    for (filters, count) in [
        (json!({"level": "caution"}), 2),
        (json!({"risk_score": {"gte": 50}}), 2),
        (json!({"chains": ["eip155:137"]}), 3),
        (json!({"chains": ["polygon"], "level": "danger"}), 1),
        (json!({"kinds": ["address"]}), 6),
        (json!({"kinds": ["domain", "transaction"]}), 0),
        (json!({"threat_types": ["well_known", "sanctions_list"]}), 3),
        (json!({"threat_types": ["burn_address"]}), 0),
    ] {
        let page = found(&bench, &query(filters.clone())).await;
        assert_eq!(page["results"].as_array().expect("results").len(), count, "{filters}");
        assert_eq!(page["aggregations"]["found"], count, "{filters}");
    }
    let second = |at: &str| format!("2026-11-21T09:40:{at}Z");
    let stretch = json!({"query": {"time_range": {"start": second("41"), "end": second("43")}}});
    assert_eq!(found(&bench, &stretch).await["aggregations"]["found"], 2);
}

#[tokio::test]
async fn pages_are_the_whole_once_and_another_search_s_cursor_is_refused() {
    let bench = judged().await;
    let (mut ids, mut cursor) = (Vec::new(), None::<String>);
    for _ in 0..10 {
        let mut body = query(json!({"level": "unknown"}));
        body["limit"] = json!(2);
        if let Some(cursor) = &cursor {
            body["cursor"] = json!(cursor);
        }
        let page = found(&bench, &body).await;
        ids.extend(page["results"].as_array().expect("results").iter().map(|it| it["id"].to_string()));
        cursor = page["pagination"]["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
        let mut other = query(json!({"level": "safe"}));
        other["cursor"] = json!(cursor);
        assert_eq!(bench.ask(ask("searchThreats", &other)).await.0, 400);
    }
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), distinct.len()), (5, 5));
}

#[tokio::test]
async fn a_long_stretch_is_read_in_parts_and_says_so() {
    let bench = bench();
    for _ in 0..11 {
        let items: Vec<_> =
            (0..100).map(|_| json!({"kind": "address", "chain": "ethereum", "address": USDC})).collect();
        assert_eq!(bench.ask(ask("scoreBatch", &json!({"items": items}))).await.0, 200);
    }
    let rare = query(json!({"level": "caution"}));
    let first = found(&bench, &rare).await;
    assert_eq!((&first["read"], &first["complete"]), (&json!(1_000), &json!(false)), "{first}");
    let mut next = rare;
    next["cursor"] = first["pagination"]["next_cursor"].clone();
    let rest = found(&bench, &next).await;
    assert_eq!((&rest["read"], &rest["complete"]), (&json!(100), &json!(true)), "{rest}");
    assert!(rest["pagination"]["next_cursor"].is_null());
}

#[tokio::test]
async fn another_tenant_s_verdicts_are_not_found() {
    let bench = judged().await;
    let (_, page, _) = bench.ask(Ask { tenant: 2, ..ask("searchThreats", &query(json!({}))) }).await;
    assert_eq!((&page["read"], &page["aggregations"]["found"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_search_that_is_none_is_a_clear_problem() {
    let bench = bench();
    let range = |start: &str, end: &str| json!({"query": {"time_range": {"start": start, "end": end}}});
    let with = |name: &str, value: Value| {
        let mut body = query(json!({}));
        body[name] = value;
        body
    };
    for (body, pointer) in [
        (json!({"query": {}}), ""),
        (range("yesterday", END), "/query/time_range/start"),
        (range(START, "2026-11-21"), "/query/time_range/end"),
        (range(END, START), "/query/time_range/end"),
        (range("2020-01-01T00:00:00Z", END), "/query/time_range/end"),
        (query(json!({"chains": ["ethereum", "bitcoin"]})), "/query/filters/chains/1"),
        (query(json!({"kinds": ["token"]})), "/query/filters/kinds/0"),
        (query(json!({"threat_types": ["prior"]})), ""),
        (query(json!({"level": "high"})), ""),
        (query(json!({"kinds": vec!["address"; 101]})), "/query/filters"),
        (with("limit", json!(0)), "/limit"),
        (with("limit", json!(201)), "/limit"),
        (with("cursor", json!("e30")), "/cursor"),
        (with("sort", json!("score")), ""),
    ] {
        let (status, problem, _) = bench.ask(ask("searchThreats", &body)).await;
        assert_eq!(status, 400, "{body} {problem}");
        if !pointer.is_empty() {
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        }
    }
}

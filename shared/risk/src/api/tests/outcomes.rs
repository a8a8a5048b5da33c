//! What verdicts' subjects turned out to be, and which models count.

use super::*;

const SUSPECT: &str = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";

#[tokio::test]
async fn an_outcome_is_told_once_and_changes_no_later_verdict() {
    let bench = bench();
    let question = json!({"chain": "ethereum", "address": SUSPECT});
    let (_, verdict, _) = bench.ask(ask("scoreAddress", &question)).await;
    let id = verdict["id"].as_str().expect("an id");
    let told = |reason: &str| Ask {
        body: json!({"label": "harmful", "reason": reason}).to_string(),
        ..about("resolveVerdict", id)
    };
    let (status, problem, _) = bench.ask(told(" ")).await;
    assert_eq!((status, &problem["code"]), (400, &json!("invalid-request")));
    let (status, outcome, _) = bench.ask(told("it drained three wallets")).await;
    assert_eq!((status, &outcome["label"]), (201, &json!("harmful")), "{outcome}");
    let (status, problem, _) = bench.ask(told("again")).await;
    assert_eq!((status, &problem["code"]), (409, &json!("already-resolved")));

    let kept = bench.app.verdicts.page_of_outcomes(None).await.expect("the store answers").0;
    let (outcome, verdict_kept) = kept.first().expect("one");
    assert_eq!((kept.len(), outcome.verdict_id.as_str()), (1, id));
    assert!(verdict_kept.inputs.starts_with(b"{"), "with what the verdict was made from");

    // It is for the next training: the same question has the same score, by the same rules.
    let (_, after, _) = bench.ask(ask("scoreAddress", &question)).await;
    for same in ["score", "level", "probability", "interval", "rules_sha256", "signals"] {
        assert_eq!(verdict[same], after[same], "{same}");
    }
}

#[tokio::test]
async fn the_models_of_the_release_are_listed_by_hash() {
    let (status, listed, _) = bench().ask(ask("listModels", &json!({}))).await;
    assert_eq!(status, 200, "{listed}");
    let models = listed["models"].as_array().expect("models");
    let rules: Value = serde_json::from_str(include_str!("../../../rules/extended.json")).expect("JSON");
    for (class, sha256) in rules["models"].as_object().expect("models") {
        let model = models.iter().find(|model| model["sha256"] == *sha256).expect("what counts is listed");
        assert_eq!((&model["class"], &model["active"]), (&json!(class), &json!(true)), "{model}");
    }
    let active = models.iter().filter(|model| model["active"] == true).count();
    assert_eq!(active, rules["models"].as_object().map_or(0, serde_json::Map::len));
}

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
    for same in ["score", "level", "probability", "rules_sha256", "signals"] {
        if same != "signals" {
            assert_eq!(verdict[same], after[same], "{same}");
        }
    }
    let ids = |verdict: &Value| -> Vec<Value> {
        verdict["signals"].as_array().expect("signals").iter().map(|signal| signal["id"].clone()).collect()
    };
    assert_eq!(ids(&verdict), ids(&after));
}

#[tokio::test]
async fn the_models_of_the_release_are_listed_by_hash() {
    let (status, listed, _) = bench().ask(ask("listModels", &json!({}))).await;
    assert_eq!(status, 200, "{listed}");
    let models = listed["models"].as_array().expect("models");
    for model in models {
        assert_eq!(model["sha256"].as_str().map(str::len), Some(64), "{model}");
    }
    assert_eq!(models.len(), crate::model::listed().models.len());
}

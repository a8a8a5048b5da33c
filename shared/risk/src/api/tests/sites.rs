//! `POST /v1/risk/domain`.

use super::*;

#[tokio::test]
async fn a_site_is_judged_by_its_name_and_made_again_as_the_same_bytes() {
    let bench = bench();
    for (asked, level, signal) in [
        (json!({"domain": "metamask.io"}), "safe", "known_domain"),
        // What the model says of the name tips what the rules find, and alone reaches nothing.
        (json!({"domain": "m\u{435}tamask.io"}), "critical", "brand_homograph"),
        (json!({"domain": "https://metamask-restore.com/x", "age_days": 3}), "critical", "brand_lure"),
        (json!({"domain": "claim-eth.net"}), "caution", "lure_name"),
        (json!({"domain": "example.com"}), "unknown", "no_domain_data"),
        (json!({"domain": "a-long-name-1234567.xyz"}), "unknown", "name_model"),
        (json!({"domain": "example.com", "age_days": 0}), "unknown", "fresh_domain"),
    ] {
        let (status, verdict, _) = bench.ask(ask("scoreDomain", &asked)).await;
        assert_eq!((status, &verdict["level"]), (200, &json!(level)), "{verdict}");
        assert!(
            verdict["signals"].as_array().expect("signals").iter().any(|found| found["id"] == signal),
            "{verdict}"
        );
        let (_, replayed, _) =
            bench.ask(about("replayVerdict", verdict["id"].as_str().expect("an id"))).await;
        assert_eq!(replayed["same"], json!(true));
    }
    assert!(bench.events().await.iter().all(|event| !event.to_json().contains("metamask")));
}

#[tokio::test]
async fn a_hostile_name_is_a_clear_problem_and_leaves_nothing() {
    let bench = bench();
    let long = "a".repeat(1_000_000);
    for name in [
        "",
        ".",
        "localhost",
        "127.0.0.1",
        "a b.com",
        "a..com",
        "xn--a.com",
        "[::1]",
        "x\u{202e}y.com",
        &long,
    ] {
        let (status, problem, _) = bench.ask(ask("scoreDomain", &json!({"domain": name}))).await;
        assert_eq!((status, &problem["code"]), (400, &json!("invalid-domain")), "{name}: {problem}");
        assert_eq!(problem["errors"][0]["pointer"], json!("/domain"));
    }
    assert!(bench.events().await.is_empty());
}

#[tokio::test]
async fn a_site_that_imitates_another_makes_its_request_dangerous() {
    let bench = bench();
    let asked = |origin: &str| json!({"chain": "ethereum", "message": "Welcome", "origin": origin});
    let (_, verdict, _) = bench.ask(ask("scoreSignature", &asked("uniswap-airdrop.org"))).await;
    assert_eq!(verdict["level"], json!("danger"), "{verdict}");
    let (_, verdict, _) = bench.ask(ask("scoreSignature", &asked("app.uniswap.org"))).await;
    assert_eq!(verdict["level"], json!("safe"), "{verdict}");
    let (_, verdict, _) = bench.ask(ask("scoreSignature", &asked("http://localhost:3000"))).await;
    assert_eq!(verdict["level"], json!("safe"), "{verdict}");
}

#[tokio::test]
async fn a_tenant_s_policy_says_where_the_likelihood_begins_for_it_alone() {
    use scorpius_core::{CommitId, Condition};

    use crate::likelihood::policy_key;

    let bench = bench();
    let asked = json!({"domain": "metamask-restore.com"});
    let policy = json!({"version": 1, "likelihood_priors": {"domain": 500}});
    let put = Write::put(policy_key(&tenant(1)), &policy, Condition::Absent);
    bench.app.verdicts.store.commit(CommitId::new(&*bench.clock), &[put]).await.expect("kept");
    let batch = json!({"items": [{"kind": "domain", "domain": "metamask-restore.com"}]});
    let (_, own, _) = bench.ask(ask("scoreDomain", &asked)).await;
    let (_, other, _) = bench.ask(Ask { tenant: 2, ..ask("scoreDomain", &asked) }).await;
    let (_, batch, _) = bench.ask(ask("scoreBatch", &batch)).await;
    for (verdict, per_million, source) in
        [(&own, 500, "policy"), (&batch["results"][0]["verdict"], 500, "policy"), (&other, 20_000, "default")]
    {
        let prior = &verdict["likelihood"]["prior"];
        assert_eq!(prior, &json!({"per_million": per_million, "source": source}), "{verdict}");
    }
    assert_eq!((&own["score"], &own["signals"]), (&other["score"], &other["signals"]));
    let (_, replayed, _) = bench.ask(about("replayVerdict", own["id"].as_str().expect("an id"))).await;
    assert_eq!(replayed["same"], true);
}

#[tokio::test]
async fn a_site_is_not_judged_by_another_prior_where_the_policy_cannot_be_read() {
    use scorpius_core::{CommitId, Condition};

    use crate::likelihood::policy_key;

    let bench = bench();
    let policy = json!({"version": 1, "likelihood_priors": {"domain": "many"}});
    let put = Write::put(policy_key(&tenant(1)), &policy, Condition::Absent);
    bench.app.verdicts.store.commit(CommitId::new(&*bench.clock), &[put]).await.expect("kept");
    let site = json!({"domain": "metamask-restore.com"});
    let batch = json!({"items": [{"kind": "domain", "domain": "metamask-restore.com"}]});
    for asked in [ask("scoreDomain", &site), ask("scoreBatch", &batch)] {
        let (status, problem, _) = bench.ask(asked).await;
        assert_eq!((status, &problem["code"]), (503, &json!("unavailable")), "{problem}");
    }
    assert!(bench.events().await.is_empty(), "nothing is kept");
}

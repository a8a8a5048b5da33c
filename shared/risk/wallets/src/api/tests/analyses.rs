//! What is to be done with a transaction.

use super::*;

#[tokio::test]
async fn a_drainer_s_approval_is_blocked_told_without_an_address_and_made_again_as_the_same_bytes() {
    let bench = bench();
    let wallet = bench.protected().await;
    let analyzed = bench.analyzed(&wallet, &drainer()).await;
    assert_eq!(rule(&analyzed), ("block", "auto_block_threshold"), "{analyzed}");
    assert_eq!(analyzed["risk_level"], "critical");
    let factors = analyzed["risk_factors"].as_array().expect("factors");
    assert!(
        factors.iter().any(|it| it["type"] == "spender_is_eoa" && it["severity"] == "high"),
        "{factors:?}"
    );
    assert!(!analyzed["recommendations"].as_array().expect("texts").is_empty());

    let told = bench.told("scorpius.wallet.threat_detected.v1").await;
    assert_eq!(told.len(), 1);
    let verdict_id = analyzed["verdict"]["id"].as_str().expect("an id");
    assert_eq!(
        told[0].data,
        json!({
            "wallet_id": wallet, "verdict_id": verdict_id, "action": "block", "rule": "auto_block_threshold",
            "level": "critical", "score": analyzed["risk_score"],
        })
    );
    for event in bench.events().await {
        let text = event.to_json().to_lowercase();
        assert!(![WALLET, NOBODY, USDC].iter().any(|who| text.contains(&who.to_lowercase()[2..])), "{text}");
    }

    let kept = bench.app.risk.verdicts.whole(&tenant(1), verdict_id).await.expect("an answer").expect("kept");
    assert!(replay(&kept.verdict, &kept.inputs).expect("a replay").same);
    assert_eq!(serde_json::from_str::<Value>(&kept.verdict).expect("JSON"), analyzed["verdict"]);
    let mut other = kept.inputs.to_vec();
    let at = kept.verdict.len().min(other.len()) / 2;
    other[at] ^= 1;
    assert!(replay(&kept.verdict, &other).is_err());

    let shown = bench.expect(200, ask("getWallet", &Value::Null).of(&wallet)).await;
    assert_eq!((&shown["transaction_count"], &shown["transaction_count_24h"]), (&json!(1), &json!(1)));
    assert_eq!(shown["last_transaction"]["verdict_id"], verdict_id);
}

#[tokio::test]
async fn what_is_harmless_is_allowed_and_told_to_nobody() {
    let bench = bench();
    let wallet = bench.protected().await;
    let analyzed = bench.analyzed(&wallet, &approval(UNISWAP_ROUTER, "64")).await;
    assert_eq!(rule(&analyzed), ("allow", "no_rule"), "{analyzed}");
    assert!(bench.told("scorpius.wallet.threat_detected.v1").await.is_empty());
}

#[tokio::test]
async fn a_wallet_s_lists_decide_and_an_allow_list_silences_no_sanction() {
    let bench = bench();
    let wallet = bench.protected().await;
    let put = |list: &str, who: &str| ask("putEntry", &json!({"reason": "known"})).of(&wallet).on(list, who);
    bench.expect(200, put("block", SOMEBODY)).await;
    let blocked = bench.analyzed(&wallet, &payment(SOMEBODY, "1")).await;
    assert_eq!(rule(&blocked), ("block", "hard_rule"), "{blocked}");
    bench.expect(200, put("allow", RONIN_EXPLOITER)).await;
    let sanctioned = bench.analyzed(&wallet, &payment(RONIN_EXPLOITER, "1")).await;
    assert_eq!((rule(&sanctioned), &sanctioned["risk_score"]), (("block", "hard_rule"), &json!(100)));
    let unlimited = approval(NOBODY, &"f".repeat(64));
    assert_eq!(rule(&bench.analyzed(&wallet, &unlimited).await), ("warn", "caution"));
    bench.expect(200, put("allow", NOBODY)).await;
    assert_eq!(rule(&bench.analyzed(&wallet, &unlimited).await), ("allow", "no_rule"));
    bench.expect(204, ask("deleteEntry", &Value::Null).of(&wallet).on("block", SOMEBODY)).await;
    assert_eq!(rule(&bench.analyzed(&wallet, &payment(SOMEBODY, "1")).await), ("allow", "no_rule"));
}

#[tokio::test]
async fn an_entry_that_has_expired_does_not_count() {
    let bench = bench();
    let wallet = bench.protected().await;
    let end = bench.clock.now().plus_s(60).to_string();
    let body = json!({"reason": "for a minute", "expires_at": end});
    bench.expect(200, ask("putEntry", &body).of(&wallet).on("block", NOBODY)).await;
    assert_eq!(rule(&bench.analyzed(&wallet, &payment(NOBODY, "1")).await).0, "block");
    bench.clock.advance_ms(60_000);
    assert_eq!(rule(&bench.analyzed(&wallet, &payment(NOBODY, "1")).await).0, "allow");
    let list = ask("listEntries", &Value::Null).of(&wallet).on("block", "");
    assert_eq!(bench.expect(200, list).await["entries"], json!([]));
}

#[tokio::test]
async fn a_policy_binds_the_next_request_and_a_day_s_limit_counts_what_was_let_through() {
    let bench = bench();
    let wallet = bench.protected().await;
    assert_eq!(rule(&bench.analyzed(&wallet, &payment(NOBODY, "60")).await).0, "allow");
    let limits = json!([{"chain": "ethereum", "asset": "native", "per_transaction": "80", "per_24h": "150"}]);
    let put = ask("putSecurityPolicy", &policy(limits)).with("if-match", "\"0\"");
    assert_eq!(bench.expect(200, put).await["version"], 1);
    let over = bench.analyzed(&wallet, &payment(NOBODY, "81")).await;
    assert_eq!(rule(&over), ("block", "hard_rule"));
    assert!(has(&over, "policy_value_limit") && !has(&over, "policy_daily_limit"), "{over}");
    assert_eq!(rule(&bench.analyzed(&wallet, &payment(NOBODY, "80")).await).0, "allow");
    let day = bench.analyzed(&wallet, &payment(NOBODY, "11")).await;
    assert!(has(&day, "policy_daily_limit"), "60 and 80 were let through: {day}");
    assert_eq!(rule(&bench.analyzed(&wallet, &payment(NOBODY, "10")).await).0, "allow");
    // A day and a quarter of an hour later nothing of it counts.
    bench.clock.advance_ms(24 * 3_600_000 + 900_000);
    assert_eq!(rule(&bench.analyzed(&wallet, &payment(NOBODY, "80")).await).0, "allow");
    let shown = bench.expect(200, ask("getWallet", &Value::Null).of(&wallet)).await;
    assert_eq!((&shown["transaction_count"], &shown["transaction_count_24h"]), (&json!(6), &json!(1)));
}

#[tokio::test]
async fn a_wallet_is_poisoned_against_its_own_past_and_not_by_what_was_blocked() {
    let bench = bench();
    let wallet = bench.protected().await;
    let mut fake = NOBODY.to_lowercase().into_bytes();
    fake[20] = if fake[20] == b'0' { b'1' } else { b'0' };
    let fake = String::from_utf8(fake).expect("hex");
    assert!(!has(&bench.analyzed(&wallet, &payment(&fake, "1")).await, "lookalike_history"));

    let other = bench.expect(201, ask("protectWallet", &of_address(SOMEBODY))).await;
    let other = other["wallet_id"].as_str().expect("an id");
    assert_eq!(rule(&bench.analyzed(other, &payment(NOBODY, "1")).await).0, "allow");
    for _ in 0..2 {
        let poisoned = bench.analyzed(other, &payment(&fake, "1")).await;
        assert_eq!(rule(&poisoned).0, "block", "{poisoned}");
        assert!(has(&poisoned, "lookalike_history") && !has(&poisoned, "lookalike_ambiguous"), "{poisoned}");
    }
    assert_eq!(rule(&bench.analyzed(other, &payment(NOBODY, "1")).await).0, "allow");
}

#[tokio::test]
async fn a_new_counterparty_and_a_value_far_over_the_usual_are_said() {
    let bench = bench();
    let wallet = bench.protected().await;
    for _ in 0..5 {
        let analyzed = bench.analyzed(&wallet, &payment(NOBODY, "100")).await;
        assert!(!has(&analyzed, "new_counterparty") && !has(&analyzed, "unusual_value"));
    }
    assert!(has(&bench.analyzed(&wallet, &payment(SOMEBODY, "100")).await, "new_counterparty"));
    assert!(!has(&bench.analyzed(&wallet, &payment(SOMEBODY, "100")).await, "new_counterparty"));
    let far = bench.analyzed(&wallet, &payment(NOBODY, "1000")).await;
    assert_eq!(rule(&far), ("warn", "caution"));
    assert!(has(&far, "unusual_value"), "{far}");
    let strict = json!({"monitoring_level": "strict"});
    bench.expect(200, ask("changeWallet", &strict).of(&wallet)).await;
    assert_eq!(rule(&bench.analyzed(&wallet, &payment(NOBODY, "1")).await), ("warn", "unknown"));
}

#[tokio::test]
async fn requests_at_once_are_all_counted_and_together_stay_within_a_day_s_limit() {
    let bench = bench();
    let wallet = bench.protected().await;
    let limits = json!([{"chain": "ethereum", "asset": "native", "per_24h": "30"}]);
    bench.expect(200, ask("putSecurityPolicy", &policy(limits)).with("if-match", "*")).await;
    let ten = payment(NOBODY, "10");
    let (one, two, three, four) = tokio::join!(
        bench.analyzed(&wallet, &ten),
        bench.analyzed(&wallet, &ten),
        bench.analyzed(&wallet, &ten),
        bench.analyzed(&wallet, &ten),
    );
    let allowed = [one, two, three, four].iter().filter(|it| rule(it).0 == "allow").count();
    assert_eq!(allowed, 3);
    let shown = bench.expect(200, ask("getWallet", &Value::Null).of(&wallet)).await;
    assert_eq!(shown["transaction_count"], 4);
}

#[tokio::test]
async fn asked_at_once_one_alert_is_raised_and_names_a_verdict_that_was_answered() {
    let bench = bench();
    let wallet = bench.protected().await;
    let drainer = drainer();
    let (one, two, three) = tokio::join!(
        bench.analyzed(&wallet, &drainer),
        bench.analyzed(&wallet, &drainer),
        bench.analyzed(&wallet, &drainer),
    );
    let raised = bench.told("scorpius.alert.raised.v1").await;
    assert_eq!(raised.len(), 1, "{raised:?}");
    assert!([one, two, three].iter().any(|answer| answer["verdict"]["id"] == raised[0].data["verdict_id"]));
    let listed = bench.expect(200, ask("listAlerts", &Value::Null)).await;
    assert_eq!(listed["alerts"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed["alerts"][0]["alert_id"], raised[0].data["alert_id"]);
}

#[tokio::test]
async fn the_same_key_is_counted_once() {
    let bench = bench();
    let wallet = bench.protected().await;
    let body = json!({"transaction": payment(NOBODY, "10")});
    let asked = || ask("analyzeTransaction", &body).of(&wallet).with("idempotency-key", "k1");
    let first = bench.expect(200, asked()).await;
    assert_eq!(bench.expect(200, asked()).await, first);
    let shown = bench.expect(200, ask("getWallet", &Value::Null).of(&wallet)).await;
    assert_eq!(shown["transaction_count"], 1);
}

#[tokio::test]
async fn why_an_alert_was_closed_is_a_label_once() {
    use scorpius_risk::events::Label;

    let bench = bench();
    let wallet = bench.protected().await;
    let verdicts = &bench.app.risk.verdicts;
    let labels = async || {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = crate::feedback::page_of_closed(verdicts, cursor.as_deref()).await.expect("a page");
            found.extend(page.0.into_iter().map(|(id, label, kept)| {
                assert!(kept.inputs.starts_with(b"{"), "with what it was made from");
                (id, label)
            }));
            cursor = page.1;
            if cursor.is_none() {
                return found;
            }
        }
    };
    let mut wanted = Vec::new();
    for (number, (reason, label)) in [
        ("false_alarm", Some(Label::Harmless)),
        ("harmful", Some(Label::Harmful)),
        ("accepted", None),
        ("other", None),
    ]
    .into_iter()
    .enumerate()
    {
        let mut asked = drainer();
        asked["value"] = json!(number.to_string());
        let analyzed = bench.analyzed(&wallet, &asked).await;
        let alerts = bench.expect(200, ask("listAlerts", &Value::Null)).await;
        let alert =
            alerts["alerts"].as_array().expect("alerts")[0]["alert_id"].as_str().expect("an id").to_owned();
        bench.clock.advance_ms(1_000);
        assert_eq!(labels().await.len(), wanted.len(), "an open alert says nothing");
        let close = json!({"state": "closed", "reason": reason});
        bench.expect(200, ask("changeAlert", &close).of(&alert)).await;
        let verdict_id = analyzed["verdict"]["id"].as_str().expect("an id").to_owned();
        wanted.extend(label.map(|label| (verdict_id, label)));
    }
    let mut told = labels().await;
    told.sort();
    wanted.sort();
    assert_eq!(told, wanted);
    // What has an outcome is told by that, once.
    let (id, _) = wanted.first().expect("one").clone();
    let put = Write::put(
        scorpius_risk::api::Outcome::key(&tenant(1), &id),
        &json!({"verdict_id": id}),
        scorpius_core::Condition::Absent,
    );
    bench.app.store.commit(CommitId::new(&*bench.clock), &[put]).await.expect("kept");
    assert_eq!(labels().await, wanted[1..]);
}

#[tokio::test]
async fn a_summary_says_what_to_do_and_leaves_the_reasons_to_the_verdict() {
    let bench = bench();
    let wallet = bench.protected().await;
    let asked = |detail: Option<&str>| {
        let mut body = json!({"transaction": drainer()});
        if let Some(detail) = detail {
            body["detail_level"] = json!(detail);
        }
        ask("analyzeTransaction", &body).of(&wallet)
    };
    let full = bench.expect(200, asked(Some("full"))).await;
    let summary = bench.expect(200, asked(Some("summary"))).await;
    for same in ["decision", "risk_score", "risk_level", "confidence", "recommendations", "wallet_id"] {
        assert_eq!(full[same], summary[same], "{same}");
    }
    assert!(full["risk_factors"].is_array() && full["verdict"]["id"] == full["verdict_id"], "{full}");
    let has = |name: &str| summary.get(name).is_some();
    assert!(!has("risk_factors") && !has("verdict") && has("verdict_id"), "{summary}");
    let kept =
        bench.app.risk.verdicts.shown(&tenant(1), summary["verdict_id"].as_str().expect("an id")).await;
    assert!(kept.expect("the store answers").is_some(), "what is judged is kept all the same");
    bench.expect(400, asked(Some("everything"))).await;
    // As wide as the verdict's interval says.
    let ends = full["verdict"]["interval"].as_array().expect("an interval");
    let end = |at: usize| ends[at].as_str().expect("a share").parse::<f64>().expect("a number");
    let confidence: f64 = full["confidence"].as_str().expect("a share").parse().expect("a number");
    assert!((confidence - (1.0 - (end(1) - end(0)))).abs() < 1e-9, "{full}");
}

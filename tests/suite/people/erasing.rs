//! Erasing: held back by a hold, and what an erased person holds is of no use to them.

use serde_json::{Value, json};

use super::{JSON, PASSWORD, ask, ask_as, joined, log_in, signed_in, token, told};
use crate::desk::Desk;
use crate::entries::only_tenant;

const ADA: &str = "ada@example.com";
const ROOT: &str = "root@example.com";

async fn hold(desk: &Desk, method: &str, person: &str) -> u16 {
    let body = if method == "PUT" { &br#"{"reason": "Case 12/2026"}"#[..] } else { b"" };
    desk.ask(method, &format!("/v1/audit/holds/{person}"), &[JSON], body).await.status
}

#[tokio::test]
async fn whoever_is_held_is_not_erased_nor_is_their_tenant_deleted() {
    let desk = Desk::open().await;
    let ada = joined(&desk, ADA, "viewer").await;
    desk.settle().await;
    let path = format!("/v1/users/{ada}");
    assert_eq!(hold(&desk, "PUT", &ada).await, 200);
    let refused = desk.ask("DELETE", &path, &[], b"").await;
    assert_eq!((refused.status, refused.text("code")), (409, "legal-hold"));
    // Nothing was done by half.
    let kept = desk.get(&path).await.expect(200);
    assert_eq!((&kept["status"], &kept["email"]), (&json!("active"), &json!(ADA)));
    signed_in(&desk, ADA).await;
    // Whoever may disable a person still may: that keeps everything.
    desk.ask("PATCH", &path, &[JSON], br#"{"status": "disabled"}"#).await.expect(200);
    desk.ask("DELETE", &path, &[], b"").await.expect(409);
    // Twice placed it is one hold.
    assert_eq!((hold(&desk, "PUT", &ada).await, hold(&desk, "DELETE", &ada).await), (200, 204));
    // A hold on all of the tenant is one on each of its persons.
    let root = only_tenant(&desk.host).await;
    assert_eq!(hold(&desk, "PUT", &root).await, 200);
    let refused = desk.ask("DELETE", &path, &[], b"").await;
    assert_eq!((refused.status, refused.text("code")), (409, "legal-hold"));
    assert_eq!(hold(&desk, "DELETE", &root).await, 204);
    desk.ask("DELETE", &path, &[], b"").await.expect(200);
    desk.get(&path).await.expect(404);

    let tenant = json!({"name": "Analytical Engines", "administrator": "eve@example.com"});
    let tenant = desk.post("/v1/admin/tenants", &tenant).await.expect(201);
    let tenant = format!("/v1/admin/tenants/{}", tenant["tenant_id"].as_str().expect("an id"));
    let invited = token(&desk, "eve@example.com", "sci_").await;
    let eve = json!({"invitation_token": invited, "name": "Eve", "password": PASSWORD});
    let eve = ask(&desk, "/v1/auth/register", &eve).await.expect(201);
    let eve = format!("/v1/audit/holds/{}", eve["user_id"].as_str().expect("an id"));
    desk.settle().await;
    let as_eve = signed_in(&desk, "eve@example.com").await;
    ask_as(&desk, &as_eve, "PUT", &eve, &json!({"reason": "Case 13/2026"})).await.expect(200);
    let refused = desk.ask("DELETE", &tenant, &[], b"").await;
    assert_eq!((refused.status, refused.text("code")), (409, "legal-hold"));
    ask_as(&desk, &as_eve, "GET", "/v1/account", &Value::Null).await.expect(200);
    ask_as(&desk, &as_eve, "DELETE", &eve, &Value::Null).await.expect(204);
    let (_, id) = tenant.rsplit_once('/').expect("an id");
    for what in [id, "resource:scn_1", "2026-01-01T00:00:00Z--2026-02-01T00:00:00Z"] {
        let place = format!("/v1/audit/holds/{what}");
        ask_as(&desk, &as_eve, "PUT", &place, &json!({"reason": "Case 14/2026"})).await.expect(200);
        let refused = desk.ask("DELETE", &tenant, &[], b"").await;
        assert_eq!((refused.status, refused.text("code")), (409, "legal-hold"), "{what}");
        let lift = format!("{place}?reason=closed");
        ask_as(&desk, &as_eve, "DELETE", &lift, &Value::Null).await.expect(204);
    }
    let lifted =
        ask_as(&desk, &as_eve, "GET", "/v1/audit/holds?state=lifted", &Value::Null).await.expect(200);
    assert_eq!(lifted["holds"].as_array().map(Vec::len), Some(4));
    desk.ask("DELETE", &tenant, &[], b"").await.expect(200);
}

#[tokio::test]
async fn of_an_erased_person_every_key_ends_that_they_were_shown_and_nobody_took_over() {
    let desk = Desk::open().await;
    let root = joined(&desk, ROOT, "admin").await;
    let as_root = signed_in(&desk, ROOT).await;
    let make = async |by: &str, name: &str| {
        let made = ask_as(&desk, by, "POST", "/v1/auth/api-keys", &json!({"name": name})).await;
        (made.text("key_id").to_owned(), made.text("api_key").to_owned())
    };
    let (own, own_secret) = make(&as_root, "theirs").await;
    let (taken, taken_old) = make(&as_root, "taken over").await;
    let given = desk.post("/v1/auth/api-keys", &json!({"name": "given"})).await;
    let (given, given_old) = (given.text("key_id").to_owned(), given.text("api_key").to_owned());
    let other = desk.post("/v1/auth/api-keys", &json!({"name": "somebody else's"})).await;
    let rotated = desk.post(&format!("/v1/auth/api-keys/{taken}/rotate"), &json!({})).await;
    let taken_new = rotated.text("api_key").to_owned();
    let rotate = format!("/v1/auth/api-keys/{given}/rotate");
    let rotated = ask_as(&desk, &as_root, "POST", &rotate, &json!({})).await;
    assert_eq!(rotated.text("held_by"), root);
    let given_new = rotated.text("api_key").to_owned();
    let counts =
        async |secret: &str| desk.ask("GET", "/v1/scans", &[("x-api-key", secret)], b"").await.status == 200;
    for secret in [&own_secret, &taken_old, &taken_new, &given_old, &given_new] {
        assert!(counts(secret).await);
    }
    desk.settle().await;

    let erased = desk.ask("DELETE", &format!("/v1/users/{root}"), &[], b"").await.expect(200);
    let mut revoked = vec![own.clone(), given.clone()];
    revoked.sort_unstable();
    assert_eq!(erased["revoked_keys"], json!(revoked));
    for ended in [&own_secret, &taken_old, &given_old, &given_new] {
        assert!(!counts(ended).await);
    }
    assert!(counts(&taken_new).await && counts(other.text("api_key")).await && counts(&desk.api_key).await);
    let reasons: Vec<_> =
        told(&desk, "api_key_revoked").await.iter().map(|event| event["data"]["reason"].clone()).collect();
    assert_eq!(reasons, [json!("holder_erased"), json!("holder_erased")]);
    let ended = told(&desk, "api_key_secret_ended").await;
    assert_eq!((ended.len(), &ended[0]["data"]["key_id"]), (1, &json!(taken)));
    log_in(&desk, ROOT, PASSWORD).await.expect(401);
}

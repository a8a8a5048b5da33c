//! Invited, registered, confirmed, changed, erased.

use serde_json::{Value, json};

use super::{JSON, PASSWORD, ask, ask_as, everything, invite, joined, letters, log_in, signed_in, token};
use crate::desk::Desk;

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn somebody_is_invited_by_letter_registers_signs_in_and_nothing_of_them_is_stored_in_clear() {
    let desk = Desk::open().await;
    let invited = invite(&desk, "Ada@Example.com", "security").await;
    assert_eq!((&invited["email"], &invited["invitation_token"]), (&json!(ADA), &Value::Null));
    let waiting = desk.get("/v1/users/invitations").await.expect(200);
    assert_eq!(waiting["invitations"][0]["email"], ADA);
    let letter_token = token(&desk, ADA, "sci_").await;
    let weak =
        json!({"invitation_token": letter_token, "name": "Ada Lovelace", "password": "ada-lovelace-42"});
    assert_eq!(ask(&desk, "/v1/auth/register", &weak).await.text("code"), "unfit-password");
    let body = json!({"invitation_token": letter_token, "name": "Ada Lovelace", "password": PASSWORD});
    let made = ask(&desk, "/v1/auth/register", &body).await.expect(201);
    assert_eq!(made["email_verified"], true);
    assert_eq!(ask(&desk, "/v1/auth/register", &body).await.text("code"), "token-over", "it counts once");

    let tokens = log_in(&desk, "ADA@example.COM", PASSWORD).await.expect(200);
    assert_eq!((&tokens["acr"], &tokens["amr"]), (&json!("aal1"), &json!(["pwd"])));
    let access = tokens["access_token"].as_str().expect("a token");
    let account = ask_as(&desk, access, "GET", "/v1/account", &Value::Null).await.expect(200);
    assert_eq!(
        (&account["email"], &account["name"], &account["user_id"], &account["roles"]),
        (&json!(ADA), &json!("Ada Lovelace"), &made["user_id"], &json!(["security"]))
    );
    let all = everything(&desk).await;
    for canary in
        ["ada@", "Lovelace", PASSWORD, &letter_token, access, tokens["refresh_token"].as_str().expect("one")]
    {
        assert!(!all.to_lowercase().contains(&canary.to_lowercase()), "`{canary}` is stored in clear");
    }
    // Nobody is asked for a letter that only tells of the program that they registered with.
    assert_eq!(letters(&desk, ADA).await.len(), 1);
}

#[tokio::test]
async fn an_invitation_without_letter_is_handed_over_and_its_address_confirmed_afterwards() {
    let desk = Desk::open().await;
    let body = json!({"email": ADA, "roles": ["viewer"], "by_letter": false});
    let made = desk.post_once("/v1/users/invitations", "k-1", &body).await.expect(201);
    let again = desk.post_once("/v1/users/invitations", "k-1", &body).await.expect(201);
    assert_eq!(made, again, "the same invitation for the same key");
    let handed = made["invitation_token"].as_str().expect("it is shown once");
    assert!(
        desk.get("/v1/users/invitations").await.expect(200)["invitations"][0]["invitation_token"].is_null()
    );
    let body = json!({"invitation_token": handed, "name": "Ada", "password": PASSWORD});
    assert_eq!(ask(&desk, "/v1/auth/register", &body).await.expect(201)["email_verified"], false);
    // An address that nobody confirmed gets no letter that opens the account.
    ask(&desk, "/v1/auth/password/reset", &json!({"email": ADA})).await.expect(202);
    assert_eq!(letters(&desk, ADA).await.len(), 1);
    let confirm = json!({"token": token(&desk, ADA, "sce_").await});
    ask(&desk, "/v1/auth/verify-email", &confirm).await.expect(204);
    ask(&desk, "/v1/auth/verify-email", &confirm).await.expect(410);
    let access = signed_in(&desk, ADA).await;
    let account = ask_as(&desk, &access, "GET", "/v1/account", &Value::Null).await.expect(200);
    assert_eq!(account["email_verified"], true);
}

#[tokio::test]
async fn an_invitation_ends_with_its_time_its_revocation_or_its_tenant() {
    let desk = Desk::open().await;
    let register = async |token: &str| {
        let body = json!({"invitation_token": token, "name": "Ada", "password": PASSWORD});
        ask(&desk, "/v1/auth/register", &body).await.status
    };
    let made = invite(&desk, ADA, "viewer").await;
    let letter = token(&desk, ADA, "sci_").await;
    let path = format!("/v1/users/invitations/{}", made["invitation_id"].as_str().expect("an id"));
    desk.ask("DELETE", &path, &[], b"").await.expect(204);
    desk.ask("DELETE", &path, &[], b"").await.expect(404);
    assert_eq!(register(&letter).await, 410);
    invite(&desk, ADA, "viewer").await;
    let letter = token(&desk, ADA, "sci_").await;
    desk.clock.advance_ms(7 * 86_400_000);
    assert_eq!(register(&letter).await, 410);
    assert_eq!(register("sci_").await, 410);
}

#[tokio::test]
async fn nobody_gives_roles_that_they_do_not_have_and_one_address_has_one_account() {
    let desk = Desk::open().await;
    let body = |roles: Value| json!({"email": ADA, "roles": roles});
    desk.post("/v1/users/invitations", &body(json!(["operator"]))).await.expect(403);
    desk.post("/v1/users/invitations", &body(json!([]))).await.expect(400);
    desk.post("/v1/users/invitations", &body(json!(["viewer", "viewer"]))).await.expect(400);
    let cut = json!({"name": "cut", "roles": ["admin"], "permissions": ["user:*"]});
    let cut = desk.post("/v1/auth/api-keys", &cut).await;
    let headers = [("x-api-key", cut.text("api_key")), JSON];
    let body = body(json!(["viewer"])).to_string();
    let said = desk.ask("POST", "/v1/users/invitations", &headers, body.as_bytes()).await;
    assert_eq!(said.status, 403, "a key that is cut down would give away more than it has");

    joined(&desk, ADA, "viewer").await;
    invite(&desk, ADA, "admin").await;
    let second = token(&desk, ADA, "sci_").await;
    let body = json!({"invitation_token": second, "name": "Ada", "password": PASSWORD});
    assert_eq!(ask(&desk, "/v1/auth/register", &body).await.text("code"), "address-taken");
}

#[tokio::test]
async fn an_address_is_changed_by_whoever_has_the_new_one() {
    let desk = Desk::open().await;
    joined(&desk, ADA, "viewer").await;
    joined(&desk, "bob@example.com", "viewer").await;
    let access = signed_in(&desk, ADA).await;
    let change = async |email: &str| {
        ask_as(&desk, &access, "POST", "/v1/account/email", &json!({"email": email})).await.status
    };
    assert_eq!(change(ADA).await, 409);
    // Whether another one has the address is told to whoever reads its letters, and to nobody else.
    assert_eq!(change("bob@example.com").await, 202);
    let taken = json!({"token": token(&desk, "bob@example.com", "sce_").await});
    ask(&desk, "/v1/auth/verify-email", &taken).await.expect(409);
    assert_eq!(change("countess@example.com").await, 202);
    signed_in(&desk, ADA).await;
    let confirm = json!({"token": token(&desk, "countess@example.com", "sce_").await});
    ask(&desk, "/v1/auth/verify-email", &confirm).await.expect(204);
    log_in(&desk, ADA, PASSWORD).await.expect(401);
    signed_in(&desk, "countess@example.com").await;
    let (subject, _) = letters(&desk, ADA).await.pop().expect("a letter to the old address");
    assert_eq!(subject, "Scorpius: your address was changed");
    // What was not proved lately changes nothing.
    desk.clock.advance_ms(601_000);
    let again = ask_as(&desk, &access, "POST", "/v1/account/email", &json!({"email": ADA})).await;
    assert_eq!(again.status, 401);
}

#[tokio::test]
async fn an_administrator_changes_disables_and_erases_users_and_not_themselves() {
    let desk = Desk::open().await;
    let (ada, root) = (joined(&desk, ADA, "viewer").await, joined(&desk, "root@example.com", "admin").await);
    let (as_ada, as_root) = (signed_in(&desk, ADA).await, signed_in(&desk, "root@example.com").await);
    let path = format!("/v1/users/{ada}");
    let list = ask_as(&desk, &as_root, "GET", "/v1/users", &Value::Null).await.expect(200);
    assert_eq!(list["users"].as_array().map(Vec::len), Some(2));
    ask_as(&desk, &as_ada, "GET", "/v1/users", &Value::Null).await.expect(403);
    let seen = ask_as(&desk, &as_root, "GET", &path, &Value::Null).await;
    let tag = seen.answer.headers.get("etag").expect("a tag").clone();
    let changed = ask_as(&desk, &as_root, "PATCH", &path, &json!({"roles": ["auditor"]})).await.expect(200);
    assert_eq!(changed["roles"], json!(["auditor"]));
    // From the next request on.
    ask_as(&desk, &as_ada, "GET", "/v1/users", &Value::Null).await.expect(200);
    let bearer = format!("Bearer {as_root}");
    let stale = [("authorization", bearer.as_str()), JSON, ("if-match", tag.as_str())];
    desk.ask("PATCH", &path, &stale, br#"{"status":"disabled"}"#).await.expect(412);
    ask_as(&desk, &as_root, "PATCH", &path, &json!({"status": "disabled"})).await.expect(200);
    ask_as(&desk, &as_ada, "GET", "/v1/account", &Value::Null).await.expect(401);
    log_in(&desk, ADA, PASSWORD).await.expect(401);
    ask_as(&desk, &as_root, "PATCH", &path, &json!({"status": "active"})).await.expect(200);
    // The sessions of before stay ended.
    ask_as(&desk, &as_ada, "GET", "/v1/account", &Value::Null).await.expect(401);
    desk.clock.advance_ms(1_000);
    let as_ada = signed_in(&desk, ADA).await;
    let gone = ask_as(&desk, &as_root, "DELETE", &path, &Value::Null).await.expect(200);
    assert_eq!(gone["erased_from_backups_at"], "2026-12-26T09:40:41.000Z");
    ask_as(&desk, &as_ada, "GET", "/v1/account", &Value::Null).await.expect(401);
    ask_as(&desk, &as_root, "GET", &path, &Value::Null).await.expect(404);
    log_in(&desk, ADA, PASSWORD).await.expect(401);
    // The address is free again.
    joined(&desk, ADA, "viewer").await;
    let own = format!("/v1/users/{root}");
    ask_as(&desk, &as_root, "PATCH", &own, &json!({"roles": ["viewer"]})).await.expect(403);
    ask_as(&desk, &as_root, "DELETE", &own, &Value::Null).await.expect(403);
    let other = desk.second_tenant().await;
    desk.ask("GET", &own, &[("x-api-key", &other)], b"").await.expect(404);
}

#[tokio::test]
async fn a_name_is_changed_by_whoever_has_it() {
    let desk = Desk::open().await;
    joined(&desk, ADA, "viewer").await;
    let access = signed_in(&desk, ADA).await;
    ask_as(&desk, &access, "PATCH", "/v1/account", &json!({"name": "Countess"})).await.expect(204);
    let account = ask_as(&desk, &access, "GET", "/v1/account", &Value::Null).await.expect(200);
    assert_eq!(account["name"], "Countess");
    ask_as(&desk, &access, "PATCH", "/v1/account", &json!({"name": "a\nb"})).await.expect(400);
}

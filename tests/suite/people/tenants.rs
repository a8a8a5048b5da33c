//! Tenants: made, suspended, exported, deleted with their keys.

use serde_json::{Value, json};

use super::{JSON, PASSWORD, ask, ask_as, everything, log_in, signed_in, token, told};
use crate::desk::Desk;

const EVE: &str = "eve@example.com";

/// A tenant whose administrator is Eve, who has registered: its id.
async fn tenant(desk: &Desk) -> String {
    let body = json!({"name": "Analytical Engines", "administrator": EVE});
    let made = desk.post("/v1/admin/tenants", &body).await.expect(201);
    let body =
        json!({"invitation_token": token(desk, EVE, "sci_").await, "name": "Eve", "password": PASSWORD});
    let joined = ask(desk, "/v1/auth/register", &body).await.expect(201);
    assert_eq!(joined["tenant_id"], made["tenant_id"]);
    made["tenant_id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_tenant_has_its_own_administrator_who_sees_nobody_else_s_users() {
    let desk = Desk::open().await;
    let id = tenant(&desk).await;
    super::joined(&desk, "ada@example.com", "viewer").await;
    let eve = signed_in(&desk, EVE).await;
    let users = ask_as(&desk, &eve, "GET", "/v1/users", &Value::Null).await.expect(200);
    let [user] = users["users"].as_array().expect("a list").as_slice() else { panic!("{users}") };
    assert_eq!((&user["email"], &user["roles"]), (&json!(EVE), &json!(["admin"])));
    ask_as(&desk, &eve, "GET", "/v1/admin/tenants", &Value::Null).await.expect(403);
    let tenants = desk.get("/v1/admin/tenants").await.expect(200);
    let ids: Vec<_> =
        tenants["tenants"].as_array().expect("a list").iter().map(|it| it["tenant_id"].clone()).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&json!(id)));
}

#[tokio::test]
async fn a_suspended_tenant_is_shut_out_at_once_and_comes_back_as_it_was() {
    let desk = Desk::open().await;
    let id = tenant(&desk).await;
    let eve = signed_in(&desk, EVE).await;
    let put = async |what: &str| {
        desk.ask("POST", &format!("/v1/admin/tenants/{id}/{what}"), &[JSON], b"").await.expect(200)["status"]
            .clone()
    };
    for _ in 0..2 {
        assert_eq!(put("suspend").await, "suspended");
    }
    ask_as(&desk, &eve, "GET", "/v1/account", &Value::Null).await.expect(401);
    let refused = log_in(&desk, EVE, PASSWORD).await;
    assert_eq!(refused.text("code"), "sign-in-refused");
    assert_eq!(put("resume").await, "active");
    ask_as(&desk, &eve, "GET", "/v1/account", &Value::Null).await.expect(200);
    let own = desk.get("/v1/admin/tenants").await.expect(200);
    let own = own["tenants"].as_array().expect("a list").iter().find(|it| it["operator"] == true).cloned();
    let own = own.expect("the operator's tenant");
    let path = format!("/v1/admin/tenants/{}", own["tenant_id"].as_str().expect("an id"));
    desk.ask("POST", &format!("{path}/suspend"), &[JSON], b"").await.expect(403);
    desk.ask("DELETE", &path, &[], b"").await.expect(403);
}

#[tokio::test]
async fn a_deleted_tenant_s_keys_are_destroyed_and_its_people_s_addresses_are_free() {
    let desk = Desk::open().await;
    let id = tenant(&desk).await;
    let eve = signed_in(&desk, EVE).await;
    desk.settle().await;
    let path = format!("/v1/admin/tenants/{id}");
    let data_key = format!("{id}#data-key");
    assert!(everything(&desk).await.contains(&data_key));
    let gone = desk.ask("DELETE", &path, &[], b"").await.expect(200);
    assert_eq!(gone["erased_from_backups_at"], "2026-12-26T09:40:40.000Z");
    desk.ask("DELETE", &path, &[], b"").await.expect(200);
    let changed = told(&desk, "tenant_status_changed").await;
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0]["data"]["keys_destroyed"], true);
    ask_as(&desk, &eve, "GET", "/v1/account", &Value::Null).await.expect(401);
    log_in(&desk, EVE, PASSWORD).await.expect(401);
    desk.ask("POST", &format!("{path}/resume"), &[JSON], b"").await.expect(404);
    let left = everything(&desk).await;
    for gone in [data_key, format!("{id}#user"), format!("{id}#login")] {
        assert!(!left.contains(&gone), "{gone}");
    }
    // The facts of the deletion go to the ledger under a new key, and no letter of before is sent.
    desk.settle().await;
    super::joined(&desk, EVE, "viewer").await;
    signed_in(&desk, EVE).await;
}

#[tokio::test]
async fn an_export_has_all_of_one_s_own_and_no_secret() {
    let desk = Desk::open().await;
    tenant(&desk).await;
    super::joined(&desk, "ada@example.com", "viewer").await;
    let hook = json!({"url": "https://hooks.example.com/", "events": ["*"]});
    desk.post("/v1/config/webhooks", &hook).await.expect(201);
    let wallet = json!({"address": "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb", "chain": "ethereum", "name": "Vault"});
    desk.post("/v1/wallets/protect", &wallet).await.expect(201);
    for n in 0..60 {
        desk.post("/v1/auth/api-keys", &json!({"name": format!("key {n}")})).await.expect(201);
    }
    desk.settle().await;
    let (mut cursor, mut records) = (Value::Null, Vec::new());
    loop {
        let body = if cursor.is_null() { json!({}) } else { json!({"cursor": cursor}) };
        let page = desk.post("/v1/tenant/export", &body).await.expect(200);
        records.extend(page["records"].as_array().expect("records").clone());
        cursor = page["pagination"]["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(told(&desk, "tenant_exported").await.len(), 1);
    let count = |part: &str| records.iter().filter(|it| it["part"] == part).count();
    assert_eq!((count("tenant"), count("users"), count("api_keys"), count("webhooks")), (1, 1, 61, 1));
    assert_eq!((count("wallets"), count("verdicts")), (1, 1));
    let ada = records.iter().find(|it| it["part"] == "users").expect("a user");
    assert_eq!(
        (&ada["document"]["email"], &ada["document"]["name"]),
        (&json!("ada@example.com"), &json!("Ada Lovelace"))
    );
    let text = json!(records).to_string();
    for secret in ["\"sha256\"", "\"secret\"", "\"salt\"", EVE, "s1."] {
        assert!(!text.contains(secret), "{secret}");
    }
    desk.post("/v1/tenant/export", &json!({"cursor": "AAAA"})).await.expect(400);
}

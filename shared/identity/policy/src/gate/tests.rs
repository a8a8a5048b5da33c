use scorpius_core::{CommitId, Condition, ManualClock, UnixMillis, Write};
use scorpius_edge::{Principal, Standing, Strength, Thing};
use scorpius_local::SqliteStore;

use super::*;
use crate::document::Policy;

fn principal(tenant: &TenantId, policy_version: u64) -> Principal {
    Principal {
        tenant: tenant.clone(),
        subject: "key_1".to_owned(),
        roles: Vec::new(),
        scopes: None,
        strength: Strength::ApiKey,
        sign_in: None,
        network_tag: None,
        allowance: scorpius_edge::Allowance::default(),
        standing: Standing { policy_version, session_risk: 0 },
    }
}

async fn asked(gate: &CedarGate, principal: &Principal) -> Result<bool, StoreError> {
    let thing = Thing::whole(&principal.tenant);
    let (now, network) = (UnixMillis(0), "");
    let question = Question { principal, action: "scan:read", thing, now, network };
    Ok(gate.decide(&question).await?.allowed)
}

async fn put(store: &dyn Store, clock: &ManualClock, tenant: &TenantId, version: u64, text: &str) {
    let policies = vec![Policy { id: "p".to_owned(), text: text.to_owned() }];
    let document = Document { policies, ..Document::default() };
    let put = Write::put(Document::at(tenant, version), &document, Condition::Always);
    store.commit(CommitId::new(clock), &[put]).await.expect("a commit");
}

#[tokio::test]
async fn a_version_binds_at_once_is_kept_and_is_one_tenant_s() {
    let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory(clock.clone()).expect("a store"));
    let gate = CedarGate::new(Arc::clone(&store));
    let (one, two) = (TenantId::new(&*clock), TenantId::new(&*clock));
    let (open, closed) = ("permit (principal, action, resource);", "forbid (principal, action, resource);");
    put(&*store, &clock, &one, 1, open).await;
    put(&*store, &clock, &one, 2, closed).await;
    put(&*store, &clock, &two, 2, open).await;

    assert!(!asked(&gate, &principal(&one, 0)).await.expect("nothing is read"));
    assert!(asked(&gate, &principal(&one, 1)).await.expect("version 1"));
    assert!(!asked(&gate, &principal(&one, 2)).await.expect("version 2"));
    assert!(asked(&gate, &principal(&two, 2)).await.expect("the other tenant's"));
    assert!(asked(&gate, &principal(&one, 1)).await.expect("a request of before the change"));

    // Kept: what is stored is not read again.
    put(&*store, &clock, &one, 2, open).await;
    assert!(!asked(&gate, &principal(&one, 2)).await.expect("version 2"));
}

#[tokio::test]
async fn what_is_not_there_or_does_not_parse_is_an_error_and_no_allowance() {
    let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory(clock.clone()).expect("a store"));
    let gate = CedarGate::new(Arc::clone(&store));
    let tenant = TenantId::new(&*clock);
    assert!(asked(&gate, &principal(&tenant, 1)).await.is_err());
    put(&*store, &clock, &tenant, 1, "permit").await;
    assert!(asked(&gate, &principal(&tenant, 1)).await.is_err());
}

#[tokio::test]
async fn not_more_sets_are_kept_than_a_process_may_hold() {
    let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory(clock.clone()).expect("a store"));
    let gate = CedarGate::new(Arc::clone(&store));
    for _ in 0..KEPT_MAX + 5 {
        let tenant = TenantId::new(&*clock);
        put(&*store, &clock, &tenant, 1, "permit (principal, action, resource);").await;
        assert!(asked(&gate, &principal(&tenant, 1)).await.expect("version 1"));
    }
    assert_eq!(gate.kept.lock().expect("no panic").len(), KEPT_MAX);
}

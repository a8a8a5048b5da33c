//! What stands in a host's ledger, read from its files and checked on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scorpius::host::Host;
use scorpius_core::{Key, ListQuery, Record, Store, SystemClock, TenantId};
use scorpius_ledger::Payloads;
use serde_json::Value;

/// The first tenant's id.
pub(crate) async fn only_tenant(host: &Host) -> String {
    let record = host
        .local
        .store
        .get(&Key::new("platform#bootstrap", "first-tenant"))
        .await
        .expect("the store answers");
    let first: Value = record.expect("it was started").document().expect("a document");
    first["tenant"].as_str().expect("a tenant").to_owned()
}

/// All records of a partition.
pub(crate) async fn all(store: &dyn Store, partition: &str) -> Vec<Record> {
    let mut records = Vec::new();
    let mut query = ListQuery::all(partition);
    loop {
        let page = store.list(&query).await.expect("a page");
        records.extend(page.records);
        match page.cursor {
            Some(cursor) => query.cursor = Some(cursor),
            None => return records,
        }
    }
}

/// The entries of a ledger that has one tenant, each with its `payload`, by event id. The log is read from its first leaf to
/// its signed checkpoint, and has exactly one leaf per entry.
pub(crate) async fn ledger(host: &Host) -> BTreeMap<String, Value> {
    let key = host.functions.verifier_key().clone();
    let log = scorpius_ledger::audit_log(&host.local.blobs, &[key]).await.expect("the log is whole");
    let tenant = only_tenant(host).await;
    let owner: TenantId = tenant.parse().expect("a tenant");
    let (store, keys) = (Arc::new(host.local.store.clone()), Arc::new(host.local.keys.clone()));
    let payloads = Payloads::new(store, keys, Arc::new(SystemClock));
    let mut by_id = BTreeMap::new();
    let mut places = BTreeSet::new();
    for record in all(&host.local.store, &format!("{tenant}#ledger-event")).await {
        let mut entry: Value =
            serde_json::from_str(record.attributes.text("entry").expect("an entry")).expect("JSON");
        let payload =
            payloads.of_record(&owner, &record).await.expect("a payload of ours").expect("not erased");
        entry["payload"] = serde_json::to_value(payload).expect("JSON");
        assert!(places.insert(record.attributes.int("index")), "two events in one place");
        assert_eq!(entry["id"], record.key.sort.as_str());
        by_id.insert(record.key.sort, entry);
    }
    assert_eq!(log.checkpoint.size, by_id.len() as u64, "as many leaves as entries");
    assert_eq!(
        places.last().copied(),
        by_id.len().checked_sub(1).map(|last| last as i64),
        "no place is empty"
    );
    by_id
}

//! `SqliteStore` under the store's contract.

use std::sync::Arc;

use scorpius_local::SqliteStore;

use super::contract::{World, clock};

mod sqlite_in_memory {
    super::super::contract::store_contract!(super::in_memory);
}

mod sqlite_on_disk {
    super::super::contract::store_contract!(super::on_disk);
}

async fn in_memory() -> World {
    let clock = clock();
    let store = SqliteStore::in_memory(clock.clone()).expect("there is room for a store");
    World { store: Arc::new(store), clock, keep: Box::new(()) }
}

async fn on_disk() -> World {
    let clock = clock();
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = SqliteStore::open(folder.path(), clock.clone()).expect("an empty folder opens");
    World { store: Arc::new(store), clock, keep: Box::new(folder) }
}

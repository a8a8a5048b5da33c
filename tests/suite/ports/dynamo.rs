//! `DynamoStore` under the store's contract, on two emulators that have nothing in common.

use std::sync::Arc;

use scorpius_aws::{Aws, Tables};

use super::contract::{World, clock};
use crate::aws::tools::{self, Emulator};

mod dynamo_on_dynoxide {
    super::super::contract::store_contract!(super::on_dynoxide);
}

mod dynamo_on_ministack {
    super::super::contract::store_contract!(super::on_ministack);
}

async fn on_dynoxide() -> Option<World> {
    open(tools::dynoxide).await
}

async fn on_ministack() -> Option<World> {
    open(tools::ministack).await
}

async fn open(start: fn() -> Option<Emulator>) -> Option<World> {
    let emulator = tokio::task::block_in_place(start)?;
    let clock = clock();
    let aws = Aws::emulated(&emulator.url, clock.clone());
    let tables = Tables::with_prefix("contract");
    aws.create_tables(&tables).await.expect("an empty emulator takes tables");
    Some(World { store: Arc::new(aws.store_on(tables)), clock, keep: Box::new(emulator) })
}

//! `DynamoStore` under the store's contract, on dynoxide 3.2.0.

use std::sync::Arc;

use scorpius_aws::{Aws, Tables};

use super::contract::{World, clock};
use crate::aws::tools;

mod dynamo_on_dynoxide {
    super::super::contract::store_contract!(super::open);
}

async fn open() -> Option<World> {
    let emulator = tokio::task::block_in_place(tools::dynoxide)?;
    let clock = clock();
    let aws = Aws::emulated(&emulator.url, clock.clone());
    let tables = Tables::with_prefix("contract");
    aws.create_tables(&tables).await.expect("an empty emulator takes tables");
    Some(World { store: Arc::new(aws.store_on(tables)), clock, keep: Box::new(emulator) })
}

//! intel-sync on AWS Lambda. What it does: `scorpius_feeds::Sync`.

use std::sync::Arc;

use scorpius_aws::settings::setting;
use scorpius_aws::{Aws, lambda};
use scorpius_core::operator::first_tenant_of;
use scorpius_egress::{EgressOptions, GuardedEgress};
use scorpius_feeds::{Sync, feeds_of};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let sync = Sync {
        store: aws.store()?,
        blobs: aws.blobs()?,
        egress: Arc::new(GuardedEgress::new(EgressOptions::default())),
        clock: aws.clock(),
        feeds: feeds_of(&setting("FEEDS")?)?,
    };
    lambda::serve_schedule(async || {
        let operator = first_tenant_of(&*sync.store).await?;
        sync.run(operator.as_ref()).await.map(drop)
    })
    .await
}

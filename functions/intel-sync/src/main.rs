//! intel-sync on AWS Lambda. What it does: `scorpius_feeds::Sync`.

use std::sync::Arc;

use scorpius_aws::settings::setting;
use scorpius_aws::{Aws, lambda};
use scorpius_egress::{EgressOptions, GuardedEgress};
use scorpius_feeds::{Sync, SyncError, feeds_of};
use scorpius_identity::{BootstrapError, first_tenant_of};

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Tenant(#[from] BootstrapError),
    #[error(transparent)]
    Sync(#[from] SyncError),
}

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
        // Whose events tell of it. Before the first start there is nobody to judge anything for.
        match first_tenant_of(&*sync.store).await {
            Ok(tenant) => sync.run(&tenant).await.map(drop).map_err(RunError::from),
            Err(BootstrapError::NotDone) => Ok(()),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

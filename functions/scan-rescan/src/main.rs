//! scan-rescan on AWS Lambda. What it does: `scorpius_scan::rescan`.

use std::sync::Arc;

use scorpius_aws::settings::setting_if_any;
use scorpius_aws::{Aws, lambda};
use scorpius_chain::RpcChain;
use scorpius_egress::{EgressOptions, GuardedEgress};
use scorpius_scan::Rescans;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let egress = || Arc::new(GuardedEgress::new(EgressOptions::default())) as _;
    let chain = RpcChain::configured(egress, aws.clock(), setting_if_any("CHAINS")?.as_deref())?;
    let rescans = Rescans::new(aws.store()?, aws.blobs()?, aws.clock(), chain);
    lambda::serve_schedule(async || rescans.run().await.map(drop)).await
}

//! audit-append on AWS Lambda. What it does: `scorpius_ledger::worker`.

use std::sync::Arc;

use scorpius_aws::settings::{setting, setting_if_any};
use scorpius_aws::{Aws, lambda};
use scorpius_egress::{EgressOptions, GuardedEgress};
use scorpius_ledger::witness::WitnessClient;
use scorpius_ledger::worker::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let origin = setting("LOG_ORIGIN")?.parse()?;
    let egress = || Arc::new(GuardedEgress::new(EgressOptions::default())) as _;
    let policy = setting_if_any("WITNESS_POLICY")?;
    let witnesses = WitnessClient::configured(egress, aws.clock(), policy.as_deref())?;
    let app = App::new(aws.store()?, aws.blobs()?, aws.keys()?, aws.clock(), origin).asking(witnesses);
    let queue = aws.queue("audit-append", "audit")?;
    lambda::serve_queue(queue, async |message| handle(&app, &message).await).await
}

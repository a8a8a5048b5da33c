//! audit-anchor on AWS Lambda. What it does: `scorpius_ledger::Anchorer`.

use scorpius_aws::settings::{setting, setting_if_any};
use scorpius_aws::{Aws, lambda};
use scorpius_ledger::Anchorer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let origin = setting("LOG_ORIGIN")?.parse()?;
    let ports = (aws.store()?, aws.blobs()?, aws.anchors()?);
    let keep = setting_if_any("KEEP_DAYS")?.map(|days| days.parse()).transpose()?;
    let anchorer = Anchorer::new(ports, aws.keys()?, aws.clock(), origin).keeping(keep);
    lambda::serve_schedule(async || anchorer.run().await.map(drop)).await
}

//! audit-append on AWS Lambda. What it does: `scorpius_ledger::worker`.

use scorpius_aws::settings::setting;
use scorpius_aws::{Aws, lambda};
use scorpius_ledger::worker::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let origin = setting("LOG_ORIGIN")?.parse()?;
    let app = App::new(aws.store()?, aws.blobs()?, aws.keys()?, aws.clock(), origin);
    let queue = aws.queue("audit-append", "audit")?;
    lambda::serve_queue(queue, async |message| handle(&app, &message).await).await
}

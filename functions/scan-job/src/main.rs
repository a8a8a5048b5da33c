//! scan-job on AWS Lambda. What it does: `scorpius_scan::worker`.

use scorpius_aws::{Aws, lambda};
use scorpius_scan::Engines;
use scorpius_scan::worker::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let engines =
        Engines { bytecode: scorpius_replay::scan_watched, solidity: scorpius_source::scan_watched };
    let app = App::new(aws.store()?, aws.blobs()?, aws.clock(), engines);
    let queue = aws
        .queue("scan-job", "scan-high")?
        .and(aws.queue("scan-job", "scan")?)
        .and(aws.queue("scan-job", "scan-low")?);
    lambda::serve_queue(queue, async |message| handle(&app, &message).await).await
}

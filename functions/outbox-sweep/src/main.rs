//! outbox-sweep on AWS Lambda. What it does: `scorpius_relay::Relay::tick`.

use scorpius_aws::{Aws, lambda};
use scorpius_relay::Relay;

/// Younger rows are the stream's.
const AGE_MS: u64 = 60_000;
/// Rows of one run, which fit into its time.
const ROWS_MAX: usize = 2_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let relay = Relay { store: aws.store()?, blobs: aws.blobs()?, bus: aws.bus()?, clock: aws.clock() };
    lambda::serve_schedule(|| relay.tick(AGE_MS, ROWS_MAX)).await
}

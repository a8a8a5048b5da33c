//! outbox-relay on AWS Lambda. What it does: `scorpius_relay::Relay::relay`.

use scorpius_aws::{Aws, lambda};
use scorpius_relay::Relay;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let relay = Relay { store: aws.store()?, blobs: aws.blobs()?, bus: aws.bus()?, clock: aws.clock() };
    lambda::serve_stream(async |events| relay.relay(&events).await.map(drop)).await
}

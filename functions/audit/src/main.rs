//! audit on AWS Lambda. What it does: `scorpius_ledger::api`.

use scorpius_aws::{Aws, lambda};
use scorpius_ledger::api::{App, handle, operations};
use scorpius_policy::CedarGate;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let app = App::new(aws.store()?, aws.blobs()?, aws.keys()?, aws.clock());
    let (gate, limiter) = (CedarGate::shared(aws.store()?), Some(aws.limiter()?));
    lambda::serve_http("audit", operations(), gate, limiter, aws.clock(), |request| handle(&app, request))
        .await
}

//! risk-score on AWS Lambda. What it does: `scorpius_risk::api`.

use scorpius_aws::{Aws, lambda};
use scorpius_policy::CedarGate;
use scorpius_risk::api::{App, handle, operations};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let app = App::new(aws.store()?, aws.blobs()?, aws.clock());
    let (gate, limiter) = (CedarGate::shared(aws.store()?), Some(aws.limiter()?));
    lambda::serve_http("risk-score", operations(), gate, limiter, aws.clock(), |request| {
        handle(&app, request)
    })
    .await
}

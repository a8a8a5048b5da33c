//! admin on AWS Lambda. What it does: `scorpius_relay::api`.

use scorpius_aws::{Aws, lambda};
use scorpius_policy::CedarGate;
use scorpius_relay::api::{App, handle, operations};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let app = App { store: aws.store()?, bus: aws.queues()?, clock: aws.clock() };
    let (gate, limiter) = (CedarGate::shared(aws.store()?), Some(aws.limiter()?));
    lambda::serve_http("admin", operations(), gate, limiter, aws.clock(), |request| handle(&app, request))
        .await
}

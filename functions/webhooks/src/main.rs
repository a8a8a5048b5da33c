//! webhooks on AWS Lambda. What it does: `scorpius_notify::api`.

use std::sync::Arc;

use scorpius_aws::{Aws, lambda};
use scorpius_egress::{EgressOptions, GuardedEgress};
use scorpius_notify::api::{App, handle, operations};
use scorpius_policy::CedarGate;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let app = App {
        store: aws.store()?,
        keys: aws.keys()?,
        egress: Arc::new(GuardedEgress::new(EgressOptions::default())),
        topics: aws.topics()?,
        clock: aws.clock(),
    };
    let (gate, limiter) = (CedarGate::shared(aws.store()?), Some(aws.limiter()?));
    lambda::serve_http("webhooks", operations(), gate, limiter, aws.clock(), |request| handle(&app, request))
        .await
}

//! webhooks on AWS Lambda. What it does: `scorpius_notify::api`.

use std::sync::Arc;

use scorpius_aws::{Aws, lambda};
use scorpius_egress::{EgressOptions, GuardedEgress};
use scorpius_notify::api::{App, handle, operations};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect().await;
    let app = App {
        store: aws.store()?,
        keys: aws.keys()?,
        egress: Arc::new(GuardedEgress::new(EgressOptions::default())),
        clock: aws.clock(),
    };
    lambda::serve_http("webhooks", operations(), Some(aws.limiter()?), aws.clock(), |request| {
        handle(&app, request)
    })
    .await
}

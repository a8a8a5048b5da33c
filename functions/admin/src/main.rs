//! admin on AWS Lambda. What it does: `scorpius_relay::api`.

use scorpius_aws::{Aws, lambda};
use scorpius_relay::api::{App, handle, operations};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect().await;
    let app = App { store: aws.store()?, bus: aws.queues()?, clock: aws.clock() };
    lambda::serve_http("admin", operations(), Some(aws.limiter()?), aws.clock(), |request| {
        handle(&app, request)
    })
    .await
}

//! qldb on AWS Lambda. What it does: `scorpius_qldb_api::api`.

use std::sync::Arc;

use scorpius_aws::{Aws, lambda};
use scorpius_identity::AwsSignatures;
use scorpius_policy::CedarGate;
use scorpius_qldb_api::api::{App, handle, operations};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let app = App::new(aws.store()?, aws.blobs()?, aws.keys()?, aws.clock());
    let signatures = Arc::new(AwsSignatures::new(aws.store()?, aws.keys()?, aws.clock(), "qldb"));
    let (gate, limiter) = (CedarGate::shared(aws.store()?), Some(aws.limiter()?));
    let (clock, operations) = (aws.clock(), operations());
    lambda::serve_signed("qldb", operations, gate, limiter, Some(signatures), clock, |request| {
        handle(&app, request)
    })
    .await
}

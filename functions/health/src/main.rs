//! health on AWS Lambda. What it does: `scorpius_edge::health`.

use scorpius_aws::{Aws, lambda};
use scorpius_edge::authorize::Nobody;
use scorpius_edge::health::{App, handle, operations};

/// The committed document, which a test holds equal to the doors.
const OPENAPI: &str = include_str!("../../../docs/openapi.json");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let app =
        App { store: aws.store()?, blobs: aws.blobs()?, keys: aws.keys()?, openapi: OPENAPI.to_owned() };
    let gate = Nobody::shared();
    lambda::serve_http("health", operations(), gate, None, aws.clock(), |request| handle(&app, request)).await
}

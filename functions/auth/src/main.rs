//! auth on AWS Lambda. What it does: `scorpius_identity::api`.

use scorpius_aws::settings::setting;
use scorpius_aws::{Aws, lambda};
use scorpius_identity::IdentitySettings;
use scorpius_identity::api::{App, handle, operations};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect().await;
    let app = App {
        store: aws.store()?,
        keys: aws.keys()?,
        clock: aws.clock(),
        settings: IdentitySettings { issuer: setting("ISSUER")?, audience: setting("AUDIENCE")? },
    };
    lambda::serve_http("auth", operations(), aws.clock(), |request| handle(&app, request)).await
}

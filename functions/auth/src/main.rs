//! auth on AWS Lambda. What it does: `scorpius_identity::api`.

use scorpius_aws::settings::setting;
use scorpius_aws::{Aws, lambda};
use scorpius_identity::api::{App, handle, operations};
use scorpius_identity::{IdentitySettings, SessionLimits};
use scorpius_policy::CedarGate;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let settings = IdentitySettings { issuer: setting("ISSUER")?, audience: setting("AUDIENCE")? };
    let app = App::new(aws.store()?, aws.keys()?, aws.clock(), settings, SessionLimits::default());
    let (gate, limiter) = (CedarGate::shared(aws.store()?), Some(aws.limiter()?));
    lambda::serve_http("auth", operations(), gate, limiter, aws.clock(), |request| handle(&app, request))
        .await
}

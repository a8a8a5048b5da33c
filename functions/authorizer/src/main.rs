//! authorizer on AWS Lambda. What it does: `scorpius_identity::authorizer`.

use scorpius_aws::settings::setting;
use scorpius_aws::{Aws, lambda};
use scorpius_identity::authorizer::{App, handle};
use scorpius_identity::{IdentitySettings, LastUsed};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let app = App {
        store: aws.store()?,
        keys: aws.keys()?,
        clock: aws.clock(),
        settings: IdentitySettings { issuer: setting("ISSUER")?, audience: setting("AUDIENCE")? },
        used: LastUsed::default(),
    };
    lambda::serve_authorizer(|event| handle(&app, event)).await
}

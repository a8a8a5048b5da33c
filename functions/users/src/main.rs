//! users on AWS Lambda. What it does: `scorpius_account::api`.

use std::sync::Arc;

use scorpius_account::Cost;
use scorpius_account::api::{App, handle, operations};
use scorpius_aws::settings::{setting, setting_if_any};
use scorpius_aws::{Aws, lambda};
use scorpius_egress::{EgressOptions, GuardedEgress};
use scorpius_policy::CedarGate;
use scorpius_token::{IdentitySettings, SessionLimits};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let settings = IdentitySettings { issuer: setting("ISSUER")?, audience: setting("AUDIENCE")? };
    let ports = (aws.store()?, aws.keys()?, aws.clock());
    let (service, egress) =
        (setting_if_any("BREACHED_PASSWORDS_URL")?, GuardedEgress::new(EgressOptions::default()));
    let app = App::new(ports, settings, SessionLimits::default(), Cost::default())
        .asking(service.as_deref(), Arc::new(egress))?;
    let (gate, limiter) = (CedarGate::shared(aws.store()?), Some(aws.limiter()?));
    lambda::serve_http("users", operations(), gate, limiter, aws.clock(), |request| handle(&app, request))
        .await
}

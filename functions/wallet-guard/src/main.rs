//! wallet-guard on AWS Lambda. What it does: `scorpius_wallets::api`.

use std::sync::Arc;

use scorpius_aws::settings::setting_if_any;
use scorpius_aws::{Aws, lambda};
use scorpius_chain::RpcChain;
use scorpius_egress::{EgressOptions, GuardedEgress};
use scorpius_policy::CedarGate;
use scorpius_wallets::api::{App, handle, operations};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let egress = || Arc::new(GuardedEgress::new(EgressOptions::default())) as _;
    let chain = RpcChain::configured(egress, aws.clock(), setting_if_any("CHAINS")?.as_deref())?;
    let risk = scorpius_risk::api::App::new(aws.store()?, aws.blobs()?, aws.clock()).reading(chain);
    let app = App { store: aws.store()?, clock: aws.clock(), risk };
    let (gate, limiter) = (CedarGate::shared(aws.store()?), Some(aws.limiter()?));
    lambda::serve_http("wallet-guard", operations(), gate, limiter, aws.clock(), |request| {
        handle(&app, request)
    })
    .await
}

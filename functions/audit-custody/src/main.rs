//! audit-custody on AWS Lambda. What it does: `scorpius_ledger::custody`.

use scorpius_aws::{Aws, lambda};
use scorpius_ledger::RECOVERY_S;
use scorpius_ledger::custody::{App, handle, operations};
use scorpius_policy::CedarGate;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let app = App::new(aws.store()?, aws.keys()?, aws.clock(), RECOVERY_S);
    let (gate, limiter) = (CedarGate::shared(aws.store()?), Some(aws.limiter()?));
    lambda::serve_http("audit-custody", operations(), gate, limiter, aws.clock(), |request| {
        handle(&app, request)
    })
    .await
}

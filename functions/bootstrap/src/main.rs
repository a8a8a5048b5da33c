//! bootstrap on AWS Lambda. What it does: `scorpius_identity::first_start`.

use scorpius_aws::settings::setting;
use scorpius_aws::{Aws, lambda};
use scorpius_identity::first_start::{App, handle};
use scorpius_ledger::VerifierKey;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let ledger_key = VerifierKey::of_log(&*aws.keys()?, &setting("LOG_ORIGIN")?.parse()?).await?;
    let app = App { store: aws.store()?, clock: aws.clock(), ledger_key: ledger_key.to_string() };
    lambda::serve_invoke(|asked| handle(&app, asked)).await
}

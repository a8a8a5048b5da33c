//! mailer on AWS Lambda. What it does: `scorpius_letter::worker`.

use scorpius_aws::{Aws, lambda};
use scorpius_letter::DataKeys;
use scorpius_letter::worker::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let data_keys = DataKeys { store: aws.store()?, keys: aws.keys()?, clock: aws.clock() };
    let app = App { store: aws.store()?, data_keys, mail: aws.mail()?, clock: aws.clock() };
    let queue = aws.queue("mailer", "mail")?;
    lambda::serve_queue(queue, async |message| handle(&app, &message).await).await
}

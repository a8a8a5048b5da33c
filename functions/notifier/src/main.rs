//! notifier on AWS Lambda. What it does: `scorpius_notify::fanout`.

use scorpius_aws::{Aws, lambda};
use scorpius_notify::fanout::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let app = App { store: aws.store()?, clock: aws.clock() };
    let queue = aws.queue("notifier", "notify")?;
    lambda::serve_queue(queue, async |message| handle(&app, &message).await).await
}

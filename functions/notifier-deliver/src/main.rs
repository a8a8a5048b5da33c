//! notifier-deliver on AWS Lambda. What it does: `scorpius_notify::deliver`.

use std::sync::Arc;

use scorpius_aws::{Aws, lambda};
use scorpius_egress::{EgressOptions, GuardedEgress};
use scorpius_notify::deliver::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let aws = Aws::connect()?;
    let app = App {
        store: aws.store()?,
        keys: aws.keys()?,
        egress: Arc::new(GuardedEgress::new(EgressOptions::default())),
        topics: aws.topics()?,
        clock: aws.clock(),
    };
    let queue = aws.queue("notifier-deliver", "deliver")?;
    lambda::serve_queue(queue, async |message| handle(&app, &message).await).await
}

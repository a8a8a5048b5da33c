//! Schedules of EventBridge.

use std::future::Future;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::de::IgnoredAny;

use super::start_telemetry;

/// Works once for each event of a schedule; what the event says does not matter.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn serve_schedule<F, R, E>(handle: F) -> Result<(), Error>
where
    F: Fn() -> R,
    R: Future<Output = Result<(), E>>,
    E: std::error::Error + Send + Sync + 'static,
{
    start_telemetry();
    let handle = &handle;
    lambda_runtime::run(service_fn(async |_: LambdaEvent<IgnoredAny>| {
        // A failed run is Lambda's to count and the next run's to make up for.
        handle().await.map_err(|error| {
            tracing::error!(error = scorpius_core::error::chain(&error), "a scheduled run failed");
            Error::from(error)
        })
    }))
    .await
}

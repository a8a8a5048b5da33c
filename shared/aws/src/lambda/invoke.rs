//! Invocations by whoever IAM lets: an event in, an answer out.

use std::future::Future;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::start_telemetry;

/// Answers each invocation. Neither event nor answer is logged.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn serve_invoke<A, F, R, B, E>(handle: F) -> Result<(), Error>
where
    A: DeserializeOwned,
    F: Fn(A) -> R,
    R: Future<Output = Result<B, E>>,
    B: Serialize,
    E: std::error::Error + Send + Sync + 'static,
{
    start_telemetry();
    let handle = &handle;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<A>| {
        handle(event.payload).await.map_err(|error| {
            tracing::error!(error = scorpius_core::error::chain(&error), "an invocation failed");
            Error::from(error)
        })
    }))
    .await
}

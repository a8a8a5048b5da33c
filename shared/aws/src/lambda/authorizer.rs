//! The authorizer of the HTTP API: type REQUEST, payload format 2.0, simple answers, no cache.

use std::future::Future;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use scorpius_edge::gateway::{AuthorizerAnswer, AuthorizerEvent};

use super::start_telemetry;

/// Says who asks, for as long as the sandbox lives. Every request goes on to its door, which decides.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn serve_authorizer<F, R, E>(authenticate: F) -> Result<(), Error>
where
    F: Fn(AuthorizerEvent) -> R,
    R: Future<Output = Result<AuthorizerAnswer, E>>,
    E: std::error::Error + Send + Sync + 'static,
{
    start_telemetry();
    let authenticate = &authenticate;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<AuthorizerEvent>| {
        // The gateway answers 500: whoever cannot be asked about is not let in as anonymous.
        authenticate(event.payload).await.map_err(|error| {
            tracing::error!(error = scorpius_core::error::chain(&error), "a caller could not be looked up");
            Error::from(error)
        })
    }))
    .await
}

//! HTTP requests of API Gateway, payload format 2.0.
//!
//! The document is read as `scorpius_edge::HttpEvent`, the same type that the local host makes.
//! `lambda_http` is not used: 1.3.2 panics on a malformed `Host` header or Base64 body. A test holds
//! both readings equal for every example event.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use scorpius_core::Clock;
use scorpius_edge::serve::Door;
use scorpius_edge::{Authorize, HttpAnswer, HttpEvent, Limiter, Operation, Request, Response, serve};

use super::{start_telemetry, time_left};

/// What a request may take at most; the gateway waits 30 s.
const DEADLINE: Duration = Duration::from_secs(25);

/// Answers requests for as long as the sandbox lives; `gate` decides who may do what, and `limiter` is left out
/// where nothing is limited.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn serve_http<F, R>(
    function: &'static str,
    operations: Vec<Operation>,
    gate: Arc<dyn Authorize>,
    limiter: Option<Limiter>,
    clock: Arc<dyn Clock>,
    handle: F,
) -> Result<(), Error>
where
    F: Fn(Request) -> R,
    R: Future<Output = Response>,
{
    start_telemetry();
    let (operations, gate, limiter) = (&operations[..], &gate, limiter.as_ref());
    let (clock, handle) = (&*clock, &handle);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<HttpEvent>| {
        let deadline = time_left(&event.context).min(DEADLINE);
        let door = Door { function, operations, gate: Arc::clone(gate), clock, limiter };
        let answer = serve(&door, event.payload, tokio::time::sleep(deadline), handle).await;
        Ok::<HttpAnswer, Error>(answer)
    }))
    .await
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use lambda_http::RequestExt;
    use lambda_http::request::RequestContext;

    use super::*;

    /// Every example of an HTTP request in `events/`.
    fn examples() -> Vec<(PathBuf, String)> {
        let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let folders = fs::read_dir(events).expect("events/ can be read");
        let files = folders.flat_map(|folder| {
            let folder = folder.expect("a folder can be read").path();
            fs::read_dir(folder).expect("a folder of events/ can be read")
        });
        let texts = files.map(|file| {
            let path = file.expect("a file can be read").path();
            let text = fs::read_to_string(&path).expect("an example is text");
            (path, text)
        });
        texts
            .filter(|(_, text)| text.contains("\"routeKey\"") && !text.contains("\"type\": \"REQUEST\""))
            .collect()
    }

    #[test]
    fn both_readings_of_an_http_event_are_the_same() {
        let examples = examples();
        assert!(examples.len() > 10, "only {} examples", examples.len());
        for (path, text) in examples {
            let name = path.display();
            let ours: HttpEvent =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let theirs =
                lambda_http::request::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let RequestContext::ApiGatewayV2(context) = theirs.request_context() else { panic!("{name}") };

            assert_eq!(theirs.method().as_str(), ours.request_context.http.method, "{name}");
            assert_eq!(theirs.raw_http_path(), ours.raw_path, "{name}");
            // It passes on the route only where it stands in the context as well.
            if let Some(route) = context.route_key {
                assert_eq!(route, ours.route_key, "{name}");
            }
            assert_eq!(
                context.http.source_ip.unwrap_or_default(),
                ours.request_context.http.source_ip,
                "{name}"
            );
            assert_eq!(theirs.body().as_ref(), &ours.body_bytes().expect("a body")[..], "{name}");
            assert_eq!(theirs.headers().len(), ours.headers.len(), "{name}");
            for (header, value) in &ours.headers {
                assert_eq!(theirs.headers()[header], value, "{name}");
            }
            let parameters = ours.path_parameters.clone().unwrap_or_default();
            assert_eq!(theirs.path_parameters().iter().count(), parameters.len(), "{name}");
            for (parameter, value) in &parameters {
                assert_eq!(theirs.path_parameters().first(parameter), Some(value.as_str()), "{name}");
            }
            for (parameter, value) in ours.query_string_parameters.iter().flatten() {
                let all = theirs.query_string_parameters().all(parameter).unwrap_or_default().join(",");
                assert_eq!(&all, value, "{name}");
            }
            let said = context.authorizer.and_then(|answer| answer.fields.get("caller").cloned());
            let said = said.as_ref().and_then(serde_json::Value::as_str);
            assert_eq!(
                said,
                ours.request_context.authorizer.as_ref().map(|a| a.lambda.caller.as_str()),
                "{name}"
            );
        }
    }
}

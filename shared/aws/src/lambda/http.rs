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
use scorpius_edge::{
    Authorize, HttpAnswer, HttpEvent, Limiter, Operation, Request, Response, Signatures, serve,
};

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
    serve_signed(function, operations, gate, limiter, None, clock, handle).await
}

/// As `serve_http`, for doors that take requests signed as a whole: `signatures` says by whom.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn serve_signed<F, R>(
    function: &'static str,
    operations: Vec<Operation>,
    gate: Arc<dyn Authorize>,
    limiter: Option<Limiter>,
    signatures: Option<Arc<dyn Signatures>>,
    clock: Arc<dyn Clock>,
    handle: F,
) -> Result<(), Error>
where
    F: Fn(Request) -> R,
    R: Future<Output = Response>,
{
    start_telemetry();
    let (operations, gate, limiter) = (&operations[..], &gate, limiter.as_ref());
    let (clock, handle, signatures) = (&*clock, &handle, signatures.as_deref());
    lambda_runtime::run(service_fn(async |event: LambdaEvent<HttpEvent>| {
        let deadline = time_left(&event.context).min(DEADLINE);
        let door = Door { function, operations, gate: Arc::clone(gate), clock, limiter, signatures };
        let event = routed(operations, event.payload);
        let answer = serve(&door, event, tokio::time::sleep(deadline), handle).await;
        Ok::<HttpAnswer, Error>(answer)
    }))
    .await
}

/// What API Gateway says of a request that no route of its own took, and `cargo lambda watch` of every request.
const NO_ROUTE: &str = "$default";

/// The event with the route that its path belongs to, where it names none. On AWS each route is the gateway's own.
fn routed(operations: &[Operation], mut event: HttpEvent) -> HttpEvent {
    if event.route_key == NO_ROUTE {
        let method = &event.request_context.http.method;
        let of_path = operations
            .iter()
            .filter(|operation| is_route_of(operation.route, method, &event.raw_path))
            // A word goes before a parameter.
            .min_by_key(|operation| operation.route.matches('{').count());
        if let Some(operation) = of_path {
            event.route_key = operation.route.to_owned();
        }
    }
    event
}

/// Whether `GET /v1/scans/{id}` or `GET /v1/tiles/{path+}` takes the request.
fn is_route_of(route: &str, method: &str, path: &str) -> bool {
    let Some((verb, template)) = route.split_once(' ') else { return false };
    let (mut parts, mut asked) = (template.split('/'), path.split('/'));
    verb == method
        && loop {
            match (parts.next(), asked.next()) {
                (None, None) => break true,
                (Some(part), Some(word)) if part.ends_with("+}") => break !word.is_empty(),
                (Some(part), Some(word)) if part.starts_with('{') && !word.is_empty() => {}
                (Some(part), Some(word)) if part == word => {}
                _ => break false,
            }
        }
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

    /// As `cargo lambda watch` 1.9.2 sends it, shortened by what nobody reads.
    const WATCHED: &str = r#"{"version": "2.0", "routeKey": "$default", "rawPath": "/v1/verdicts/vrd_1/replay",
        "rawQueryString": null, "headers": {"host": "127.0.0.1:9000", "content-type": "application/json"},
        "pathParameters": {"id": "vrd_1"}, "requestContext": {"routeKey": "$default", "accountId": null,
        "stage": "$default", "requestId": "9f0304af", "apiId": null, "timeEpoch": 1795667413, "http": {"method": "POST",
        "path": "/v1/verdicts/vrd_1/replay", "protocol": "http", "sourceIp": "127.0.0.1", "userAgent": "cargo-lambda"}},
        "stageVariables": {}, "body": "{}", "isBase64Encoded": false}"#;

    #[test]
    fn what_cargo_lambda_sends_finds_its_operation() {
        use scorpius_edge::Access;
        let routes =
            ["POST /v1/verdicts/{id}", "POST /v1/verdicts/{id}/replay", "GET /v1/verdicts/{id}/replay"];
        let operations = routes.map(|route| Operation::new(route, "id", "Says it.", Access::Public));
        let event: HttpEvent = serde_json::from_str(WATCHED).expect("an event");
        assert_eq!(event.raw_query_string, "");
        assert_eq!(routed(&operations, event).route_key, routes[1]);
    }

    /// `cargo lambda watch` reads answers so, and answers 500 to what it cannot read.
    #[test]
    fn what_we_answer_is_read_by_cargo_lambda() {
        use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
        use scorpius_edge::HttpAnswer;
        for body in [&b""[..], b"{}", b"\xff"] {
            let answer = Response::json_bytes(lambda_http::http::StatusCode::OK, body.to_vec())
                .with_header("x-one", "1");
            let ours = HttpAnswer::from(answer);
            let text = serde_json::to_string(&ours).expect("an answer is JSON");
            let theirs: ApiGatewayV2httpResponse =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((theirs.status_code, theirs.cookies.len()), (200, 0));
            assert_eq!(theirs.is_base64_encoded, body == b"\xff");
            assert_eq!(theirs.headers["x-one"], "1");
        }
    }

    #[test]
    fn a_path_belongs_to_its_route() {
        for (route, path, expected) in [
            ("GET /a", "/a", true),
            ("POST /a", "/a", false),
            ("GET /a", "/a/", false),
            ("GET /a/{id}", "/a/1", true),
            ("GET /a/{id}", "/a/", false),
            ("GET /a/{id}", "/a/1/b", false),
            ("GET /a/{id}/b", "/a/1/b", true),
            ("GET /a/{path+}", "/a/1/b", true),
            ("GET /a/{path+}", "/a/", false),
            ("GET /a/{path+}", "/a", false),
        ] {
            assert_eq!(is_route_of(route, "GET", path), expected, "{route} {path}");
        }
        let operations = ["GET /a/{id}", "GET /a/b"]
            .map(|route| Operation::new(route, "id", "Says it.", scorpius_edge::Access::Public));
        let event = |path: &str, key: &str| {
            let mut event =
                HttpEvent { route_key: key.to_owned(), raw_path: path.to_owned(), ..HttpEvent::default() };
            event.request_context.http.method = "GET".to_owned();
            routed(&operations, event).route_key
        };
        assert_eq!(event("/a/b", NO_ROUTE), "GET /a/b");
        assert_eq!(event("/nowhere", NO_ROUTE), NO_ROUTE);
        // What the gateway says stands.
        assert_eq!(event("/a/b", "GET /a/{id}"), "GET /a/{id}");
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

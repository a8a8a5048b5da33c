//! From the gateway's event to a door and back: everything that is the same for all doors.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::FutureExt;
use scorpius_core::{Actor, Clock, UnixMillis, new_id};

use crate::authorize::{Authorize, Judge, Question, Thing, refusal};
use crate::denial::{Denial, Denials, Refused};
use crate::gateway::{HttpAnswer, HttpEvent};
use crate::idempotency;
use crate::limit::{Limiter, Standing};
use crate::operation::{Access, Operation};
use crate::principal::{Anonymous, Caller, Principal};
use crate::problem::{
    INTERNAL, INVALID_REQUEST, NOT_FOUND, Problem, STEP_UP_REQUIRED, TIMEOUT, TOO_LARGE, UNAUTHENTICATED,
};
use crate::request::{Request, actor_of};
use crate::response::{BODY_BYTES_MAX, Response};
use crate::signatures::Signatures;
use crate::telemetry::{self, Invocation};

/// Bytes of a request's body.
pub const REQUEST_BYTES_MAX: usize = 4_000_000;
/// Bytes of all header names and values. Lambda's authorizer takes 8 KB with its own fields.
pub const HEADER_BYTES_MAX: usize = 6_000;
/// Bytes of path and query.
const URL_BYTES_MAX: usize = 4_096;

/// What a function's doors have in common.
pub struct Door<'a> {
    /// The function's name in the manifest.
    pub function: &'a str,
    /// What it offers.
    pub operations: &'a [Operation],
    /// Decides who may do what.
    pub gate: Arc<dyn Authorize>,
    /// Time and randomness.
    pub clock: &'a dyn Clock,
    /// Counts requests and refusals; without one, nobody is limited, and of no refusal an event tells.
    pub limiter: Option<&'a Limiter>,
    /// Says who signed a request as a whole; without one, nobody did.
    pub signatures: Option<&'a dyn Signatures>,
}

/// Answers one event: parses, counts, authorizes, calls `handle`, and says so in one log line.
/// `patience` ends when the door's deadline has passed: the timer is the host's.
/// A panic in `handle` is a 500, and costs no other request.
pub async fn serve<F, R>(
    door: &Door<'_>,
    event: HttpEvent,
    patience: impl Future<Output = ()>,
    handle: F,
) -> HttpAnswer
where
    F: FnOnce(Request) -> R,
    R: Future<Output = Response>,
{
    let started = Instant::now();
    let request_id = request_id(&event, door.clock);
    let (method, path) = (event.request_context.http.method.clone(), event.raw_path.clone());
    let mut invocation = Invocation::new(door.function, &request_id, &method, &path);

    let mut seen = Seen::default();
    let work = async {
        let response = match admit(door, event, &request_id, &mut invocation, &mut seen).await {
            Err(problem) => problem.into_response(&request_id),
            Ok((request, operation)) => {
                let judge = request.judge.clone();
                judged(operation, &judge, handle(request).await, &request_id)
            }
        };
        tell_if_denied(door, &seen, &response).await;
        response
    };
    let work = AssertUnwindSafe(work).catch_unwind();
    let response = match futures::future::select(std::pin::pin!(work), std::pin::pin!(patience)).await {
        futures::future::Either::Left((Ok(response), _)) => response,
        futures::future::Either::Left((Err(panic), _)) => {
            let mut problem = INTERNAL.plain();
            problem.cause = Some(format!("panic: {}", panic_message(panic.as_ref())));
            problem.into_response(&request_id)
        }
        futures::future::Either::Right(_) => {
            TIMEOUT.because("the door's deadline passed").into_response(&request_id)
        }
    };
    let response = seen.standing.told(response);
    let response = finish(response, &request_id);
    invocation.answered(&response, started.elapsed());
    telemetry::record(&invocation);
    response.into()
}

/// What was found out about a request on its way to the door.
#[derive(Default)]
struct Seen {
    standing: Standing,
    asker: Option<Asker>,
}

/// Somebody known, who asked for what not everybody may.
struct Asker {
    principal: Principal,
    actor: Actor,
    operation: &'static str,
    judge: Judge,
}

/// Counts a refusal of somebody known, and tells of it now and then. What the store cannot take is in the log alone:
/// the refusal stands.
async fn tell_if_denied(door: &Door<'_>, seen: &Seen, response: &Response) {
    let (Some(limiter), Some(asker)) = (door.limiter, &seen.asker) else { return };
    if response.status != http::StatusCode::FORBIDDEN {
        return;
    }
    let (reason, policies) = match asker.judge.refused_by() {
        None => (Refused::Rule, Vec::new()),
        Some(policies) if policies.is_empty() => (Refused::NoPermission, policies),
        Some(policies) => (Refused::Policy, policies),
    };
    let Asker { principal, actor, operation, judge } = asker;
    let denial = Denial { principal, actor, action: judge.action(), operation, reason, policies };
    let denials = Denials { store: limiter.store(), clock: door.clock };
    if let Err(error) = denials.tell(&denial).await {
        tracing::error!(error = scorpius_core::error::chain(&error), "a refusal was not told of");
    }
}

/// What a panic said, for the log.
#[must_use]
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

fn request_id(event: &HttpEvent, clock: &dyn Clock) -> String {
    let asked = event.headers.get("x-request-id").map(String::as_str).unwrap_or_default();
    let fine = (8..=100).contains(&asked.len())
        && asked.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if fine { asked.to_owned() } else { new_id("req", clock) }
}

/// What a door may answer that is about one thing: nothing, unless it asked whether the caller may. A door that
/// forgets to ask shows nothing, and is noticed.
fn judged(operation: &Operation, judge: &Judge, response: Response, request_id: &str) -> Response {
    if judge.is_pending() {
        let nobody = crate::Decision { allowed: false, policies: Vec::new() };
        return judge.refusal(&nobody).into_response(request_id);
    }
    if operation.about.is_some() && response.status.is_success() && !judge.was_asked() {
        return INTERNAL.because("the door did not ask about what it loaded").into_response(request_id);
    }
    response
}

async fn admit<'a>(
    door: &Door<'a>,
    event: HttpEvent,
    request_id: &str,
    invocation: &mut Invocation,
    seen: &mut Seen,
) -> Result<(Request, &'a Operation), Problem> {
    let operation = door
        .operations
        .iter()
        .find(|operation| operation.route == event.route_key)
        .ok_or_else(|| NOT_FOUND.because("no such operation"))?;
    invocation.operation = operation.id;
    let cookies = event.cookies.join("; ");
    let header_bytes: usize = event.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    let header_bytes = header_bytes + cookies.len();
    if header_bytes > HEADER_BYTES_MAX {
        return Err(TOO_LARGE.because(format_args!("headers of more than {HEADER_BYTES_MAX} bytes")));
    }
    if event.raw_path.len() + event.raw_query_string.len() > URL_BYTES_MAX {
        return Err(TOO_LARGE.because(format_args!("a URL of more than {URL_BYTES_MAX} bytes")));
    }
    let (mut caller, now) = (event.caller(), door.clock.now());
    if let (Caller::Anonymous(Anonymous::SignedRequest), Some(signatures)) = (&caller, door.signatures) {
        caller = signatures.caller(&event, &body_of(&event)?, now).await?;
    }
    let network = event.request_context.http.source_ip.clone();
    known(&caller, invocation);
    if let (Some(limiter), true) = (door.limiter, operation.limited) {
        seen.standing = limiter.admit(&caller, &network).await?;
        seen.standing.check()?;
    }
    let judge = Judge::before(&door.gate, operation.access);
    if let (Access::Action(_), Caller::Known(principal)) = (operation.access, &caller) {
        let actor = actor_of(principal, event.headers.get("traceparent"));
        let (principal, judge) = (principal.clone(), judge.clone());
        seen.asker = Some(Asker { principal, actor, operation: operation.id, judge });
    }
    authorize(&judge, operation, &caller, now, &network).await?;
    step_up(operation, &caller, now)?;
    let body = body_of(&event)?;
    let mut headers: BTreeMap<_, _> =
        event.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    if !cookies.is_empty() {
        headers.insert("cookie".to_owned(), cookies);
    }
    if let ("POST", Some(key)) = (operation.method(), headers.get("idempotency-key")) {
        idempotency::check_key(key)?;
    }
    let request = Request {
        operation: operation.id,
        path: event.raw_path,
        parameters: event.path_parameters.unwrap_or_default(),
        query: event.query_string_parameters.unwrap_or_default(),
        headers,
        body,
        caller,
        request_id: request_id.to_owned(),
        network,
        received_at: now,
        judge,
    };
    Ok((request, operation))
}

fn body_of(event: &HttpEvent) -> Result<Bytes, Problem> {
    let body = event.body_bytes().ok_or_else(|| INVALID_REQUEST.because("the body is not Base64"))?;
    match body.len() > REQUEST_BYTES_MAX {
        true => Err(TOO_LARGE.because(format_args!("a body of more than {REQUEST_BYTES_MAX} bytes"))),
        false => Ok(body),
    }
}

fn known(caller: &Caller, invocation: &mut Invocation) {
    if let Caller::Known(principal) = caller {
        invocation.tenant = Some(principal.tenant.to_string());
        invocation.subject = Some(principal.subject.clone());
    }
}

/// Whether the caller may do this at all. Where the operation is about one thing, and the tenant has policies
/// of its own, a refusal is not the end: one of them may permit that thing, and the door asks once it has it.
async fn authorize(
    judge: &Judge,
    operation: &Operation,
    caller: &Caller,
    now: UnixMillis,
    network: &str,
) -> Result<(), Problem> {
    match (operation.access, caller) {
        (Access::Public, _) => Ok(()),
        (Access::Action(action), Caller::Known(principal)) => {
            let thing = Thing::whole(&principal.tenant);
            let pending = operation.about.is_some() && principal.standing.policy_version > 0;
            let decision = judge.begin(Question { principal, action, thing, now, network }, pending).await?;
            match decision.allowed || pending {
                true => Ok(()),
                false => Err(refusal(action, &decision)),
            }
        }
        (Access::Action(_), Caller::Anonymous(reason)) => Err(UNAUTHENTICATED.because(match reason {
            Anonymous::NoCredential => "send `X-API-Key` or `Authorization: Bearer`",
            Anonymous::InvalidCredential => "the credential is not valid",
            Anonymous::ExpiredCredential => "the credential has expired",
            Anonymous::RevokedCredential => "the credential was revoked",
            Anonymous::NoCsrfToken => "a cookie counts only together with its `X-CSRF-Token`",
            Anonymous::SignedRequest => "signed requests count at the doors of QLDB only; send `X-API-Key`",
        })),
    }
}

/// RFC 9470, section 3: the answer says which level would do, and how fresh it must be.
fn step_up(operation: &Operation, caller: &Caller, now: UnixMillis) -> Result<(), Problem> {
    let (Some(demand), Caller::Known(principal)) = (operation.demand, caller) else { return Ok(()) };
    if demand.is_met_by(principal, now) {
        return Ok(());
    }
    let (acr, max_age_s) = (demand.acr.as_str(), demand.max_age_s);
    Err(STEP_UP_REQUIRED
        .because(format_args!(
            "this needs `{acr}`, proved in the last {max_age_s} s; see `POST /v1/auth/step-up`"
        ))
        .challenging(format!(
            "error=\"insufficient_user_authentication\", acr_values=\"{acr}\", max_age=\"{max_age_s}\""
        )))
}

/// What every answer carries.
fn finish(response: Response, request_id: &str) -> Response {
    let response = match response.body.len() > BODY_BYTES_MAX {
        true => INTERNAL.because("an answer over 4 MB").into_response(request_id),
        false => response,
    };
    // OWASP Secure Headers; the API serves no page, so nothing may be loaded or framed.
    let mut response = response
        .with_header("x-request-id", request_id)
        .with_header("strict-transport-security", "max-age=63072000; includeSubDomains")
        .with_header("x-content-type-options", "nosniff")
        .with_header("x-frame-options", "DENY")
        .with_header("referrer-policy", "no-referrer")
        .with_header("cross-origin-resource-policy", "same-site");
    if response.header("content-security-policy").is_none() {
        response =
            response.with_header("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    }
    response
}

/// Cross-origin rules of the gateway (Fetch standard). On AWS the HTTP API applies the same, from the same list.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    /// Origins that may call, exactly as the browser sends them. Empty: none.
    pub origins: Vec<String>,
}

impl Cors {
    /// The headers for an answer to `origin`; with `preflight`, also what may be sent.
    #[must_use]
    pub fn headers(&self, origin: &str, preflight: bool) -> Vec<(&'static str, String)> {
        if !self.origins.iter().any(|allowed| allowed == origin) {
            return Vec::new();
        }
        let mut headers = vec![
            ("access-control-allow-origin", origin.to_owned()),
            ("vary", "origin".to_owned()),
            (
                "access-control-expose-headers",
                "x-request-id, retry-after, ratelimit, ratelimit-policy, etag, idempotency-replayed"
                    .to_owned(),
            ),
        ];
        if preflight {
            headers.extend([
                ("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE".to_owned()),
                (
                    "access-control-allow-headers",
                    "authorization, content-type, dpop, idempotency-key, if-match, x-api-key, x-csrf-token, x-request-id"
                        .to_owned(),
                ),
                ("access-control-max-age", "600".to_owned()),
            ]);
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use scorpius_core::SystemClock;

    use super::*;

    fn door(operations: &[Operation]) -> Door<'_> {
        Door {
            function: "test",
            operations,
            gate: crate::authorize::RoleTable::shared(),
            clock: &SystemClock,
            limiter: None,
            signatures: None,
        }
    }

    fn event(route: &str) -> HttpEvent {
        HttpEvent { route_key: route.to_owned(), raw_path: "/x".to_owned(), ..HttpEvent::default() }
    }

    fn ask(access: Access, event: HttpEvent, handle: impl FnOnce(Request) -> Response) -> HttpAnswer {
        let operations = [Operation::new("GET /x", "getX", "Gets x.", access)];
        let door = door(&operations);
        let answer =
            serve(&door, event, std::future::pending(), |request| std::future::ready(handle(request)));
        futures::executor::block_on(answer)
    }

    fn fine(_: Request) -> Response {
        Response::new(http::StatusCode::OK)
    }

    #[test]
    fn a_door_is_closed_unless_its_operation_says_otherwise() {
        assert_eq!(ask(Access::Public, event("GET /x"), fine).status_code, 200);
        assert_eq!(ask(Access::Action("risk:read"), event("GET /x"), fine).status_code, 401);
        assert_eq!(ask(Access::Public, event("GET /y"), fine).status_code, 404);
    }

    #[test]
    fn a_route_may_demand_a_fresh_second_factor_of_people() {
        let signed_in = |acr: &str, age_ms: u64| {
            let at = SystemClock.now().0 - age_ms;
            let caller = format!(
                r#"{{"known":{{"tenant":"ten_00000000000000000000000000000001","subject":"usr_1","roles":["admin"],
                   "scopes":null,"strength":"token","sign_in":{{"session":"ses_1","acr":"{acr}","amr":["pwd"],"at":{at}}}}}}}"#
            );
            let mut event = event("GET /x");
            let lambda = crate::gateway::AuthorizerAnswerContext { caller };
            event.request_context.authorizer = Some(crate::gateway::AuthorizerContext { lambda });
            let operation = Operation::new("GET /x", "getX", "Gets x.", Access::Action("key:read"));
            let operations = [operation.demands(crate::Assurance::Aal2, 60)];
            let door = door(&operations);
            let answer =
                serve(&door, event, std::future::pending(), |request| std::future::ready(fine(request)));
            futures::executor::block_on(answer)
        };
        assert_eq!(signed_in("aal2", 0).status_code, 200);
        for answer in [signed_in("aal1", 0), signed_in("aal2", 600_000)] {
            assert_eq!(answer.status_code, 401);
            assert!(answer.body.contains("step-up-required"), "{}", answer.body);
            assert_eq!(
                answer.headers["www-authenticate"],
                "Bearer realm=\"scorpius\", error=\"insufficient_user_authentication\", acr_values=\"aal2\", max_age=\"60\""
            );
        }
    }

    #[test]
    fn a_panic_is_an_answer_without_detail() {
        let answer = ask(Access::Public, event("GET /x"), |_| panic!("secret"));
        assert_eq!(answer.status_code, 500);
        assert!(!answer.body.contains("secret"));
    }

    #[test]
    fn headers_and_bodies_have_limits() {
        let mut large = event("GET /x");
        large.headers.insert("x-a".to_owned(), "a".repeat(HEADER_BYTES_MAX));
        assert_eq!(ask(Access::Public, large, fine).status_code, 413);
        let mut large = event("GET /x");
        large.body = Some("a".repeat(REQUEST_BYTES_MAX + 1));
        assert_eq!(ask(Access::Public, large, fine).status_code, 413);
    }

    #[test]
    fn every_answer_carries_the_request_id_and_the_security_headers() {
        let mut asked = event("GET /x");
        asked.headers.insert("x-request-id".to_owned(), "my-request-1".to_owned());
        let answer = ask(Access::Public, asked, fine);
        assert_eq!(answer.headers["x-request-id"], "my-request-1");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        let mut forged = event("GET /x");
        forged.headers.insert("x-request-id".to_owned(), "a\nb:cccccccc".to_owned());
        assert!(ask(Access::Public, forged, fine).headers["x-request-id"].starts_with("req_"));
    }
}

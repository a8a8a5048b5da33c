//! RFC 9457 problem documents.

use std::fmt;

use http::StatusCode;
use scorpius_core::{PortError, StoreError};
use serde::Serialize;
use serde_json::{Value, json};

use crate::response::Response;

/// A kind of problem: what a client can tell apart and act on.
#[derive(Debug, PartialEq, Eq)]
pub struct ProblemType {
    /// Stable, `kebab-case`; `type` is `/problems/<code>`.
    pub code: &'static str,
    /// Constant for this kind.
    pub title: &'static str,
    /// HTTP status.
    pub status: StatusCode,
}

/// The request's body or parameters break their schema.
pub const INVALID_REQUEST: ProblemType =
    ProblemType { code: "invalid-request", title: "Invalid request", status: StatusCode::BAD_REQUEST };
/// The body is not `application/json`.
pub const UNSUPPORTED_MEDIA_TYPE: ProblemType = ProblemType {
    code: "unsupported-media-type",
    title: "Unsupported media type",
    status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
};
/// The body, the headers or a list is larger than is taken.
pub const TOO_LARGE: ProblemType =
    ProblemType { code: "too-large", title: "Too large", status: StatusCode::PAYLOAD_TOO_LARGE };
/// No credential, or one that does not count.
pub const UNAUTHENTICATED: ProblemType =
    ProblemType { code: "unauthenticated", title: "Not authenticated", status: StatusCode::UNAUTHORIZED };
/// The caller is known and must prove again, or more strongly, who it is (RFC 9470).
pub const STEP_UP_REQUIRED: ProblemType = ProblemType {
    code: "step-up-required",
    title: "Stronger or fresher proof needed",
    status: StatusCode::UNAUTHORIZED,
};
/// The caller is known and may not do this.
pub const FORBIDDEN: ProblemType =
    ProblemType { code: "forbidden", title: "Not allowed", status: StatusCode::FORBIDDEN };
/// There is no such thing, or it belongs to somebody else.
pub const NOT_FOUND: ProblemType =
    ProblemType { code: "not-found", title: "Not found", status: StatusCode::NOT_FOUND };
/// The `Idempotency-Key` was used with another body.
pub const IDEMPOTENCY_CONFLICT: ProblemType = ProblemType {
    code: "idempotency-conflict",
    title: "Idempotency-Key used with another request",
    status: StatusCode::CONFLICT,
};
/// Somebody else changed the thing meanwhile.
pub const CONFLICT: ProblemType =
    ProblemType { code: "conflict", title: "Changed meanwhile", status: StatusCode::CONFLICT };
/// `If-Match` does not hold.
pub const PRECONDITION_FAILED: ProblemType = ProblemType {
    code: "precondition-failed",
    title: "Precondition failed",
    status: StatusCode::PRECONDITION_FAILED,
};
/// More requests than the limit allows.
pub const TOO_MANY_REQUESTS: ProblemType = ProblemType {
    code: "too-many-requests",
    title: "Too many requests",
    status: StatusCode::TOO_MANY_REQUESTS,
};
/// Ours to fix.
pub const INTERNAL: ProblemType =
    ProblemType { code: "internal", title: "Internal error", status: StatusCode::INTERNAL_SERVER_ERROR };
/// Contention or a dependency; the same request may succeed later.
pub const UNAVAILABLE: ProblemType = ProblemType {
    code: "unavailable",
    title: "Temporarily unavailable",
    status: StatusCode::SERVICE_UNAVAILABLE,
};
/// The door's deadline passed.
pub const TIMEOUT: ProblemType =
    ProblemType { code: "timeout", title: "Took too long", status: StatusCode::GATEWAY_TIMEOUT };

/// A legal hold must be lifted first. Doors that destroy what is kept of persons answer with it.
pub const LEGAL_HOLD: ProblemType =
    ProblemType { code: "legal-hold", title: "Held for legal reasons", status: StatusCode::CONFLICT };

/// The kinds that any door may answer with.
pub const GENERAL: [&ProblemType; 14] = [
    &INVALID_REQUEST,
    &UNSUPPORTED_MEDIA_TYPE,
    &TOO_LARGE,
    &UNAUTHENTICATED,
    &STEP_UP_REQUIRED,
    &FORBIDDEN,
    &NOT_FOUND,
    &IDEMPOTENCY_CONFLICT,
    &CONFLICT,
    &PRECONDITION_FAILED,
    &TOO_MANY_REQUESTS,
    &INTERNAL,
    &UNAVAILABLE,
    &TIMEOUT,
];

impl ProblemType {
    /// A problem of this kind, with what was wrong this time.
    pub fn because(&'static self, detail: impl fmt::Display) -> Problem {
        Problem {
            kind: self,
            detail: Some(detail.to_string()),
            errors: Vec::new(),
            retry_after_s: None,
            challenge: None,
            cause: None,
        }
    }

    /// A problem of this kind with nothing to add.
    #[must_use]
    pub fn plain(&'static self) -> Problem {
        Problem {
            kind: self,
            detail: None,
            errors: Vec::new(),
            retry_after_s: None,
            challenge: None,
            cause: None,
        }
    }
}

/// One member of the request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// RFC 6901.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// One problem, this time.
#[derive(Debug)]
pub struct Problem {
    /// Which kind.
    pub kind: &'static ProblemType,
    /// For this time; a 5xx shows none.
    pub detail: Option<String>,
    /// The members that are wrong.
    pub errors: Vec<FieldError>,
    /// When to try again.
    pub retry_after_s: Option<u32>,
    /// What `WWW-Authenticate` says after the realm; a 401 without it asks for any credential.
    pub challenge: Option<String>,
    /// For the log only.
    pub cause: Option<String>,
}

impl Problem {
    /// Says when to try again.
    #[must_use]
    pub fn retry_after_s(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Says what credential would do, as parameters of `WWW-Authenticate`.
    #[must_use]
    pub fn challenging(mut self, parameters: impl Into<String>) -> Self {
        self.challenge = Some(parameters.into());
        self
    }

    /// Names a member that is wrong.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>, detail: impl fmt::Display) -> Self {
        self.errors.push(FieldError { pointer: pointer.into(), detail: detail.to_string() });
        self
    }

    /// The document, as a response.
    #[must_use]
    pub fn into_response(self, request_id: &str) -> Response {
        let status = self.kind.status;
        let mut document = json!({
            "type": format!("/problems/{}", self.kind.code),
            "title": self.kind.title,
            "status": status.as_u16(),
            "code": self.kind.code,
            "request_id": request_id,
        });
        if let (Some(detail), false) = (&self.detail, status.is_server_error()) {
            document["detail"] = Value::from(detail.as_str());
        }
        if !self.errors.is_empty() {
            document["errors"] = json!(self.errors);
        }
        let mut response = Response::new(status)
            .with_header("content-type", "application/problem+json")
            .with_header("cache-control", "no-store")
            .with_body(document.to_string());
        response.problem = Some(self.kind.code);
        response.cause = self.cause.or_else(|| status.is_server_error().then_some(self.detail)?);
        if let Some(seconds) = self.retry_after_s {
            response = response.with_header("retry-after", &seconds.to_string());
        }
        if status == StatusCode::UNAUTHORIZED {
            // RFC 6750, section 3.
            let more = self.challenge.map(|parameters| format!(", {parameters}")).unwrap_or_default();
            response = response.with_header("www-authenticate", &format!("Bearer realm=\"scorpius\"{more}"));
        }
        response
    }
}

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        let mut problem = UNAVAILABLE.plain().retry_after_s(1);
        problem.cause = Some(scorpius_core::error::chain(&error));
        problem
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => {
                CONFLICT.because("another request changed it first; read it again")
            }
            StoreError::Busy => UNAVAILABLE.plain().retry_after_s(1),
            StoreError::BadCursor => INVALID_REQUEST
                .because("the cursor does not belong to this list")
                .at("/cursor", "not from this list"),
            StoreError::Port(error) => error.into(),
            StoreError::Limit { .. } | StoreError::SameKeyTwice { .. } => {
                let mut problem = INTERNAL.plain();
                problem.cause = Some(error.to_string());
                problem
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_the_server_shows_no_detail() {
        let answer = INTERNAL.because("the secret is hunter2").into_response("req_1");
        let text = String::from_utf8(answer.body.to_vec()).expect("JSON");
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(answer.cause.as_deref(), Some("the secret is hunter2"));
    }

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<_> = GENERAL.iter().map(|kind| kind.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), GENERAL.len());
    }
}

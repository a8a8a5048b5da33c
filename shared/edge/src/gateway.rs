//! API Gateway's HTTP event, payload format 2.0, and its answer.
//!
//! On AWS the Lambda runtime's own types carry the same document; the local host makes this one.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::principal::{Anonymous, Caller};
use crate::response::Response;

/// An HTTP request as API Gateway hands it to a function.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpEvent {
    /// Always `2.0`.
    #[serde(default)]
    pub version: String,
    /// `POST /v1/risk/address`.
    pub route_key: String,
    /// The path as asked, percent-encoding kept.
    #[serde(default)]
    pub raw_path: String,
    /// The query as asked. `cargo lambda watch` says null where there is none.
    #[serde(default, deserialize_with = "or_empty")]
    pub raw_query_string: String,
    /// Cookies, taken out of the headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<String>,
    /// Names in lower case, several of a name joined with `,`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Decoded; several of a name joined with `,`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_string_parameters: Option<BTreeMap<String, String>>,
    /// What the route leaves open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_parameters: Option<BTreeMap<String, String>>,
    /// Who, when, from where.
    #[serde(default)]
    pub request_context: RequestContext,
    /// Absent without a body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Whether `body` is Base64.
    #[serde(default)]
    pub is_base64_encoded: bool,
}

fn or_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// `requestContext`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestContext {
    /// API Gateway's own id.
    #[serde(default)]
    pub request_id: String,
    /// `$default` or a name.
    #[serde(default)]
    pub stage: String,
    /// When it came.
    #[serde(default)]
    pub time_epoch: u64,
    /// Method, path and the caller's address.
    #[serde(default)]
    pub http: HttpContext,
    /// What the authorizer said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer: Option<AuthorizerContext>,
}

/// `requestContext.http`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpContext {
    /// `POST`.
    #[serde(default)]
    pub method: String,
    /// The path as asked.
    #[serde(default)]
    pub path: String,
    /// `HTTP/1.1`.
    #[serde(default)]
    pub protocol: String,
    /// The caller's address.
    #[serde(default)]
    pub source_ip: String,
    /// The caller's program.
    #[serde(default)]
    pub user_agent: String,
}

/// `requestContext.authorizer`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AuthorizerContext {
    /// The context that our authorizer answers with.
    #[serde(default)]
    pub lambda: AuthorizerAnswerContext,
}

/// What our authorizer tells a door: one member, since API Gateway passes scalars on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AuthorizerAnswerContext {
    /// A `Caller` as JSON text.
    #[serde(default)]
    pub caller: String,
}

/// What an authorizer is asked: the request without its body, payload format 2.0.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerEvent {
    /// Names in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Cookies, taken out of the headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<String>,
    /// `POST /v1/risk/address`.
    #[serde(default)]
    pub route_key: String,
    /// Who, when, from where.
    #[serde(default)]
    pub request_context: RequestContext,
}

/// An authorizer's simple answer. Ours lets every request through to its door, which then decides.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerAnswer {
    /// Always true.
    pub is_authorized: bool,
    /// Who asks.
    pub context: AuthorizerAnswerContext,
}

impl AuthorizerAnswer {
    /// Passes `caller` on.
    ///
    /// # Panics
    /// Never: a caller has string keys only.
    #[must_use]
    pub fn passing(caller: &Caller) -> Self {
        let caller = serde_json::to_string(caller).expect("a caller has string keys only");
        Self { is_authorized: true, context: AuthorizerAnswerContext { caller } }
    }
}

impl HttpEvent {
    /// Who asks, as the authorizer said. What it did not say, or not in our form, is anonymous.
    #[must_use]
    pub fn caller(&self) -> Caller {
        let said = self.request_context.authorizer.as_ref().map(|answer| answer.lambda.caller.as_str());
        match said {
            None | Some("") => Caller::Anonymous(Anonymous::NoCredential),
            Some(json) => {
                serde_json::from_str(json).unwrap_or(Caller::Anonymous(Anonymous::InvalidCredential))
            }
        }
    }

    /// The body's bytes; `None` when it says Base64 and is not.
    #[must_use]
    pub fn body_bytes(&self) -> Option<Bytes> {
        match (&self.body, self.is_base64_encoded) {
            (None, _) => Some(Bytes::new()),
            (Some(text), false) => Some(Bytes::copy_from_slice(text.as_bytes())),
            (Some(text), true) => STANDARD.decode(text).ok().map(Bytes::from),
        }
    }

    /// Puts `body` in as API Gateway does: text as it is, anything else in Base64.
    pub fn set_body(&mut self, body: &[u8]) {
        match std::str::from_utf8(body) {
            _ if body.is_empty() => {}
            Ok(text) => self.body = Some(text.to_owned()),
            Err(_) => {
                self.body = Some(STANDARD.encode(body));
                self.is_base64_encoded = true;
            }
        }
    }
}

/// A function's answer to API Gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpAnswer {
    /// HTTP status.
    pub status_code: u16,
    /// Names in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// `Set-Cookie` values. Written even when there is none: API Gateway does not mind, and who reads answers by
    /// `aws_lambda_events`, such as `cargo lambda watch`, asks for it.
    #[serde(default)]
    pub cookies: Vec<String>,
    /// Text, or Base64.
    #[serde(default)]
    pub body: String,
    /// Whether `body` is Base64.
    #[serde(default)]
    pub is_base64_encoded: bool,
}

impl From<Response> for HttpAnswer {
    fn from(response: Response) -> Self {
        let (body, is_base64_encoded) = match std::str::from_utf8(&response.body) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (STANDARD.encode(&response.body), true),
        };
        let (cookies, headers) =
            response.headers.into_iter().partition::<Vec<_>, _>(|(name, _)| name == "set-cookie");
        Self {
            status_code: response.status.as_u16(),
            headers: headers.into_iter().collect(),
            cookies: cookies.into_iter().map(|(_, value)| value).collect(),
            body,
            is_base64_encoded,
        }
    }
}

impl HttpAnswer {
    /// The body's bytes; `None` when it says Base64 and is not.
    #[must_use]
    pub fn body_bytes(&self) -> Option<Bytes> {
        match self.is_base64_encoded {
            false => Some(Bytes::copy_from_slice(self.body.as_bytes())),
            true => STANDARD.decode(&self.body).ok().map(Bytes::from),
        }
    }
}

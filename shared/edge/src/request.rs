//! What a door is asked.

use std::collections::BTreeMap;

use bytes::Bytes;
use scorpius_core::{Actor, TenantId, UnixMillis};
use serde::de::DeserializeOwned;

use crate::authorize::{Judge, Question, Thing};
use crate::body;
use crate::principal::{Caller, Principal};
use crate::problem::{INVALID_REQUEST, Problem, UNAUTHENTICATED};

/// One HTTP request, parsed and authorized.
#[derive(Clone, Debug)]
pub struct Request {
    /// The operation that its route names, such as `scoreAddress`.
    pub operation: &'static str,
    /// The path as asked, without query.
    pub path: String,
    /// The parts of the path that the route leaves open.
    pub parameters: BTreeMap<String, String>,
    /// Query parameters, percent-decoded; the last of a name counts.
    pub query: BTreeMap<String, String>,
    /// Names in lower case; several of a name are joined with `,`.
    pub headers: BTreeMap<String, String>,
    /// At most 4 MB.
    pub body: Bytes,
    /// Who asks.
    pub caller: Caller,
    /// `req_…`: in the answer, in every log line, in every problem.
    pub request_id: String,
    /// The caller's address as the gateway saw it.
    pub network: String,
    /// When the door was entered.
    pub received_at: UnixMillis,
    /// Decides about what the door loads.
    pub judge: Judge,
}

impl Request {
    /// The caller, where the operation is not public.
    ///
    /// # Errors
    /// 401 for an anonymous caller.
    pub fn principal(&self) -> Result<&Principal, Problem> {
        match &self.caller {
            Caller::Known(principal) => Ok(principal),
            Caller::Anonymous(_) => Err(UNAUTHENTICATED.because("this operation needs a credential")),
        }
    }

    /// Whose data the caller may touch.
    ///
    /// # Errors
    /// 401 for an anonymous caller.
    pub fn tenant(&self) -> Result<&TenantId, Problem> {
        self.principal().map(|principal| &principal.tenant)
    }

    /// Goes on only if the caller may do to `thing` what this operation does.
    ///
    /// # Errors
    /// 401 for an anonymous caller, 403, and what the store of policies says.
    pub async fn judge(&self, thing: Thing<'_>) -> Result<(), Problem> {
        let decision = self.judge.ask(self.question(thing)?).await?;
        if decision.allowed { Ok(()) } else { Err(self.judge.refusal(&decision)) }
    }

    /// Whether a list shows `thing` to the caller. The base policies look at no thing of the own tenant, so a
    /// tenant without policies of its own is not asked about each.
    ///
    /// # Errors
    /// 401 for an anonymous caller, and what the store of policies says.
    pub async fn sees(&self, thing: Thing<'_>) -> Result<bool, Problem> {
        let question = self.question(thing)?;
        if question.principal.standing.policy_version == 0 {
            return Ok(question.principal.tenant == *thing.tenant);
        }
        Ok(self.judge.ask(question).await?.allowed)
    }

    fn question<'a>(&'a self, thing: Thing<'a>) -> Result<Question<'a>, Problem> {
        let (principal, now) = (self.principal()?, self.received_at);
        Ok(Question { principal, action: "", thing, now, network: &self.network })
    }

    /// The caller as events name it.
    ///
    /// # Errors
    /// 401 for an anonymous caller.
    pub fn actor(&self) -> Result<Actor, Problem> {
        Ok(actor_of(self.principal()?, self.headers.get("traceparent")))
    }

    /// Who asks a public door, as events name it: `name` says what the door found out.
    #[must_use]
    pub fn visitor(&self, name: &str, network_tag: Option<String>) -> Actor {
        let traceparent = self.headers.get("traceparent").filter(|value| is_traceparent(value)).cloned();
        Actor::request(name, traceparent).proved("none", network_tag)
    }

    /// The value of the cookie `name` (RFC 6265, section 5.4); the first of a name counts.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        cookie(self.headers.get("cookie")?, name)
    }

    /// The body as `T`: one JSON object without duplicate keys.
    ///
    /// # Errors
    /// 415, or 400 with what is wrong and where.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        body::object(self.headers.get("content-type").map(String::as_str), &self.body)
    }

    /// A part of the path.
    ///
    /// # Errors
    /// 400 when the gateway did not send it.
    pub fn parameter(&self, name: &str) -> Result<&str, Problem> {
        self.parameters
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| INVALID_REQUEST.because(format_args!("the path has no `{name}`")))
    }

    /// `limit` of a list: 1 to 200, 50 when it is not given.
    ///
    /// # Errors
    /// 400.
    pub fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = self.query.get("limit") else { return Ok(50) };
        match text.parse() {
            Ok(limit @ 1..=200) => Ok(limit),
            _ => Err(INVALID_REQUEST
                .because("`limit` is a whole number from 1 to 200")
                .at("/limit", "not a whole number from 1 to 200")),
        }
    }
}

/// `principal` as events name it, with the trace context that was sent, if it is one.
pub(crate) fn actor_of(principal: &Principal, traceparent: Option<&String>) -> Actor {
    let traceparent = traceparent.filter(|value| is_traceparent(value)).cloned();
    Actor::request(principal.subject.clone(), traceparent)
        .proved(principal.strength_said(), principal.network_tag.clone())
}

/// The value of the cookie `name` in a `Cookie` header.
#[must_use]
pub fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

// W3C Trace Context, section 3.2: version 00, or a later one with the same first fields.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    matches!(parts[..], [version, trace, parent, flags]
        if hex(version, 2) && version != "ff" && hex(trace, 32) && !zero(trace)
            && hex(parent, 16) && !zero(parent) && hex(flags, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let header = "__Host-a=1; __Host-ab=2;__Host-c=";
        assert_eq!(cookie(header, "__Host-a"), Some("1"));
        assert_eq!(cookie(header, "__Host-ab"), Some("2"));
        assert_eq!(cookie(header, "__Host-c"), Some(""));
        assert_eq!(cookie(header, "Host-a"), None);
        assert_eq!(cookie("", "a"), None);
    }

    #[test]
    fn only_a_real_traceparent_is_passed_on() {
        assert!(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }
}

//! What callers are told: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), which are
//! lists of structured fields (RFC 9651).

use scorpius_core::UnixMillis;

use super::lease::Quota;
use crate::problem::{Problem, TOO_MANY_REQUESTS};
use crate::response::Response;

/// How a caller stands with each quota that it is under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    quotas: Vec<One>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct One {
    name: &'static str,
    limit: u32,
    window_s: u32,
    /// `None`: there was none for this request.
    rest: Option<u32>,
    reset_s: u32,
}

impl Standing {
    pub(super) fn of(quotas: &[Quota], rests: &[Option<u32>], now: UnixMillis) -> Self {
        let one = |(quota, rest): (&Quota, &Option<u32>)| One {
            name: quota.name,
            limit: quota.limit,
            window_s: quota.window_s,
            rest: *rest,
            reset_s: quota.reset_s(now),
        };
        Self { quotas: quotas.iter().zip(rests).map(one).collect() }
    }

    /// Whether there was a permit of everything.
    ///
    /// # Errors
    /// 429 with what is used up, and when all of it is there again.
    pub fn check(&self) -> Result<(), Problem> {
        let used_up: Vec<_> = self.quotas.iter().filter(|one| one.rest.is_none()).collect();
        let Some(reset_s) = used_up.iter().map(|one| one.reset_s).max() else { return Ok(()) };
        let said =
            used_up.iter().map(|one| format!("`{}`: {} requests in {} s", one.name, one.limit, one.window_s));
        let said = said.collect::<Vec<_>>().join(", ");
        Err(TOO_MANY_REQUESTS.because(format_args!("used up is {said}")).retry_after_s(reset_s))
    }

    /// `response` with both fields, where there is anything to tell. What remains is as this process last saw it:
    /// others may have leased some of it meanwhile.
    #[must_use]
    pub fn told(&self, response: Response) -> Response {
        if self.quotas.is_empty() {
            return response;
        }
        let list = |one: fn(&One) -> String| self.quotas.iter().map(one).collect::<Vec<_>>().join(", ");
        let policy = list(|one| format!("\"{}\";q={};w={}", one.name, one.limit, one.window_s));
        let state = list(|one| format!("\"{}\";r={};t={}", one.name, one.rest.unwrap_or(0), one.reset_s));
        response.with_header("ratelimit-policy", &policy).with_header("ratelimit", &state)
    }
}

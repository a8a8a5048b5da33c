//! Versions of what is kept, as `ETag` and `If-Match` say them.

use crate::problem::{PRECONDITION_FAILED, Problem};
use crate::request::Request;

/// The value of `ETag`.
#[must_use]
pub fn of(version: u64) -> String {
    format!("\"{version}\"")
}

/// RFC 9110, section 13.1.1: whether the change is to the version that its author saw.
///
/// # Errors
/// 412 when `If-Match` names another version, or is missing where it `is_needed`.
pub fn check(request: &Request, version: u64, is_needed: bool) -> Result<(), Problem> {
    let tag = of(version);
    match request.headers.get("if-match").map(|text| text.trim()) {
        Some("*") => Ok(()),
        Some(text) if text == tag => Ok(()),
        Some(_) => Err(PRECONDITION_FAILED.because(format_args!("the version that counts is `{tag}`"))),
        None if is_needed => {
            Err(PRECONDITION_FAILED.because("send `If-Match` with the version that was read, or `*`"))
        }
        None => Ok(()),
    }
}

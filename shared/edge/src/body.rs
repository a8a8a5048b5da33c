//! JSON bodies, read strictly.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::problem::{INVALID_REQUEST, Problem, UNSUPPORTED_MEDIA_TYPE};

/// Nesting that a body may have. `serde_json` itself stops at 128.
const DEPTH_MAX: usize = 64;

/// `bytes` as `T`: RFC 8259 JSON in UTF-8, no duplicate key at any depth (RFC 7493), nested at most 64 deep.
///
/// # Errors
/// 415 for another content type; 400 with the place of the fault.
pub fn json<T: DeserializeOwned>(content_type: Option<&str>, bytes: &[u8]) -> Result<T, Problem> {
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(UNSUPPORTED_MEDIA_TYPE.because("the body must be `application/json`"));
    }
    check_depth(bytes)?;
    serde_json::from_slice::<Strict>(bytes).map_err(|error| bad_json(&error))?;
    serde_json::from_slice(bytes).map_err(|error| bad_json(&error))
}

/// As `json`, for an object. A derived `Deserialize` also takes an array with the members' values in
/// order, which no schema of ours describes.
///
/// # Errors
/// As `json`, and 400 for what is no object.
pub fn object<T: DeserializeOwned>(content_type: Option<&str>, bytes: &[u8]) -> Result<T, Problem> {
    let value = json(content_type, bytes)?;
    match bytes.trim_ascii_start().starts_with(b"{") {
        true => Ok(value),
        false => Err(INVALID_REQUEST.because("the body must be an object")),
    }
}

fn bad_json(error: &serde_json::Error) -> Problem {
    // The message of serde names members and types, never the server's state.
    let said: String = error.to_string().chars().take(300).collect();
    INVALID_REQUEST.because(format_args!("the body is not what this operation takes: {said}"))
}

fn check_depth(bytes: &[u8]) -> Result<(), Problem> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for &byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(INVALID_REQUEST.because(format_args!("the body is nested deeper than {DEPTH_MAX}")));
        }
    }
    Ok(())
}

/// Any JSON whose objects have no key twice.
struct Strict;

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<Strict>()?;
            if let Some(twice) = seen.replace(key) {
                let twice: String = twice.chars().take(60).collect();
                return Err(A::Error::custom(format_args!("duplicate key `{twice}`")));
            }
        }
        Ok(Strict)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
        while items.next_element::<Strict>()?.is_some() {}
        Ok(Strict)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_str<E>(self, _: &str) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Strict, D::Error> {
        IgnoredAny::deserialize(inner).map(|_| Strict)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[track_caller]
    fn refused(body: &[u8], status: u16) {
        let problem = json::<Value>(Some("application/json"), body).expect_err("refused");
        assert_eq!(problem.kind.status.as_u16(), status);
    }

    #[test]
    fn an_array_of_values_is_no_object() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Named {
            name: String,
        }
        let said = object::<Named>(Some("application/json"), b" {\"name\":\"a\"}").expect("an object");
        assert_eq!(said, Named { name: "a".to_owned() });
        assert!(object::<Named>(Some("application/json"), b"[\"a\"]").is_err());
    }

    #[test]
    fn bodies_are_read_strictly() {
        assert!(json::<Value>(Some("application/JSON; charset=utf-8"), b"{\"a\":[1,{\"a\":2}]}").is_ok());
        refused(b"{\"a\":1,\"a\":2}", 400);
        refused(b"[{\"x\":{\"a\":1,\"\\u0061\":2}}]", 400);
        refused(b"{\"a\":\"\\ud800\"}", 400);
        refused(b"{\"a\":\"\xff\"}", 400);
        refused(b"{\"a\":1", 400);
        refused(b"", 400);
        refused("[".repeat(65).as_bytes(), 400);
        refused("[".repeat(1_000_000).as_bytes(), 400);
        assert!(json::<Value>(Some("application/json"), b"\"[[[[\"").is_ok());
        let problem = json::<Value>(Some("text/plain"), b"{}").expect_err("refused");
        assert_eq!(problem.kind.status.as_u16(), 415);
    }
}

//! Indicators of STIX 2.1 (OASIS), of which the patterns are read that name things one by one:
//! `[domain-name:value = 'a.example'] OR [url:value = 'https://b.example/x']`. A pattern with `AND`, `NOT` or a
//! relation in time is about a combination, and no single thing of it is listed.

use scorpius_risk::intel::Indicator;
use serde::Deserialize;

use crate::formats::{About, Parsed};
use crate::judge::Refusal;

/// Things that one pattern names.
const NAMED_MAX: usize = 64;

#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    objects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    modified: Option<String>,
    #[serde(default)]
    valid_until: Option<String>,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    pattern: Option<String>,
    #[serde(default)]
    pattern_type: Option<String>,
    #[serde(default)]
    indicator_types: Vec<String>,
}

pub(super) fn parse(source: &str, body: &[u8]) -> Result<Parsed, Refusal> {
    let bundle: Bundle = serde_json::from_slice(body).map_err(|error| Refusal::Form(error.to_string()))?;
    if bundle.kind != "bundle" {
        return Err(Refusal::Form("not a bundle".to_owned()));
    }
    let mut parsed = Parsed::default();
    let newest = bundle.objects.iter().filter_map(|object| object.modified.as_deref()).max();
    parsed.as_of = newest.and_then(super::day);
    for object in bundle.objects.into_iter().filter(|object| object.kind == "indicator") {
        if object.pattern_type.as_deref().is_some_and(|kind| kind != "stix") {
            parsed.skipped += 1;
            continue;
        }
        let named = object.pattern.as_deref().and_then(named);
        let Some(named) = named else {
            parsed.skipped += 1;
            continue;
        };
        let ended = object.valid_until.as_deref().and_then(super::day);
        // What ended by the bundle's own date, or was taken back, stays listed as such.
        let ended = ended.filter(|day| parsed.as_of.as_ref().is_some_and(|as_of| day <= as_of));
        let revoked = object.revoked.then(|| object.modified.clone()).flatten();
        let about = About {
            name: object.name.unwrap_or_else(|| "indicator".to_owned()),
            kind: object.indicator_types.first().cloned(),
            date: object.created,
            delisted: revoked.or(ended),
        };
        for (path, value) in named {
            parsed.take(source, indicator(&path, &value), about.clone())?;
        }
    }
    Ok(parsed)
}

fn indicator(path: &str, value: &str) -> Result<Indicator, scorpius_risk::intel::BadIndicator> {
    let (object, _) = path.split_once(':').unwrap_or((path, ""));
    match object {
        "domain-name" | "url" => format!("domain:{value}").parse(),
        _ => Indicator::guess(value),
    }
}

/// A path of an object and the text that it equals.
type Comparison = (String, String);

/// The comparisons of a pattern, when each of them alone makes it true.
fn named(pattern: &str) -> Option<Vec<Comparison>> {
    let (mut rest, mut named) = (pattern.trim(), Vec::new());
    loop {
        let (inside, after) = observation(rest)?;
        for comparison in alternatives(inside)? {
            if named.len() == NAMED_MAX {
                return None;
            }
            named.push(comparison);
        }
        if after.is_empty() {
            return Some(named);
        }
        rest = after.strip_prefix("OR")?.trim_start();
    }
}

/// What is within the first brackets, and what follows them. Brackets in quotes are text.
fn observation(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('[')?;
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '\'' => quoted = !quoted,
            ']' if !quoted => return Some((inside.get(..at)?.trim(), inside.get(at + 1..)?.trim())),
            _ => {}
        }
    }
    None
}

/// `path = 'text' OR path = 'text'`.
fn alternatives(inside: &str) -> Option<Vec<Comparison>> {
    let (mut rest, mut found) = (inside, Vec::new());
    loop {
        let (path, after) = rest.split_once('=')?;
        let path = path.trim();
        let plain = path.contains(':')
            && path.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.'));
        if !plain || found.len() == NAMED_MAX {
            return None;
        }
        let (value, after) = quoted(after.trim_start())?;
        found.push((path.to_owned(), value));
        let after = after.trim_start();
        if after.is_empty() {
            return Some(found);
        }
        rest = after.strip_prefix("OR")?;
    }
}

/// A text in single quotes, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('\'')?;
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '\'' => return Some((value, inside.get(at + 1..)?)),
            _ => value.push(c),
        }
    }
    None
}

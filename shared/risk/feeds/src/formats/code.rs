//! Prints of code that was reported as harmful: an array of objects with `print`, and whether it is of a whole or a function.

use scorpius_risk::intel::{CodePart, Indicator};
use serde_json::Value;

use crate::formats::{About, Parsed};
use crate::judge::Refusal;

/// What an entry is when nothing says so.
const REPORTED: &str = "reported";

pub(super) fn json(source: &str, body: &[u8]) -> Result<Parsed, Refusal> {
    let value: Value = serde_json::from_slice(body).map_err(|error| Refusal::Form(error.to_string()))?;
    let entries = value.as_array().or_else(|| value.get("rows")?.as_array());
    let entries =
        entries.ok_or_else(|| Refusal::Form("neither an array nor an object with `rows`".to_owned()))?;
    let as_of = value.get("as_of").and_then(Value::as_str).and_then(super::day);
    let mut parsed = Parsed { as_of, ..Parsed::default() };
    for entry in entries {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let part = match text("part") {
            Some("whole") | None => Some(CodePart::Whole),
            Some("function") => Some(CodePart::Function),
            Some(_) => None,
        };
        let (Some(print), Some(part)) = (text("print"), part) else {
            parsed.skipped += 1;
            continue;
        };
        let about = About {
            name: text("name").unwrap_or(REPORTED).to_owned(),
            kind: text("kind").map(str::to_owned),
            date: text("date").map(str::to_owned),
            delisted: text("delisted").map(str::to_owned),
        };
        parsed.take(source, Indicator::code(part, print), about)?;
    }
    Ok(parsed)
}

//! Plain JSON and CSV, with the names of members and columns that such lists usually have.

use scorpius_risk::intel::Indicator;
use serde_json::Value;

use crate::formats::{About, Parsed};
use crate::judge::Refusal;

/// Where the account or site is, the first that is there.
const INDICATOR: [&str; 8] =
    ["address", "domain", "url", "host", "hostname", "indicator", "value", "account"];
const NAME: [&str; 5] = ["name", "label", "title", "comment", "description"];
const KIND: [&str; 4] = ["kind", "type", "category", "tag"];
const DATE: [&str; 6] = ["date", "added", "created", "first_seen", "reported_at", "created_at"];
const DELISTED: [&str; 2] = ["delisted", "removed"];
/// The asset's ticker, or the chain's name.
const ASSET: [&str; 4] = ["asset", "currency", "ticker", "chain"];

/// What an entry is when nothing says so.
const REPORTED: &str = "reported";

/// One entry by the names of its parts.
fn entry<'a>(
    parsed: &mut Parsed,
    source: &str,
    part: impl Fn(&str) -> Option<&'a str>,
) -> Result<(), Refusal> {
    let first = |names: &[&str]| names.iter().find_map(|name| part(name)).filter(|text| !text.is_empty());
    let Some(text) = first(&INDICATOR) else {
        parsed.skipped += 1;
        return Ok(());
    };
    let indicator = match first(&ASSET).and_then(asset) {
        Some(asset) => Indicator::of_asset(asset, text),
        None => Indicator::guess(text),
    };
    let about = About {
        name: first(&NAME).unwrap_or(REPORTED).to_owned(),
        kind: first(&KIND).map(str::to_owned),
        date: first(&DATE).map(str::to_owned),
        delisted: first(&DELISTED).map(str::to_owned),
    };
    parsed.take(source, indicator, about)
}

/// Names of chains whose accounts cannot be told by their form, or may be told wrongly.
fn asset(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "btc" | "xbt" | "bitcoin" => Some("XBT"),
        "sol" | "solana" => Some("SOL"),
        "trx" | "tron" => Some("TRX"),
        _ => None,
    }
}

pub(super) fn json(source: &str, body: &[u8]) -> Result<Parsed, Refusal> {
    let value: Value = serde_json::from_slice(body).map_err(|error| Refusal::Form(error.to_string()))?;
    let mut parsed = Parsed::default();
    match &value {
        Value::Array(entries) => entries.iter().try_for_each(|value| one(&mut parsed, source, value))?,
        Value::Object(members) => {
            // Either one list under some name, or a map from a site to its accounts.
            let lists = ["rows", "data", "items", "addresses", "domains", "blacklist"];
            match lists.iter().find_map(|name| members.get(*name)?.as_array()) {
                Some(entries) => entries.iter().try_for_each(|value| one(&mut parsed, source, value))?,
                None => {
                    for (site, accounts) in members {
                        let Value::Array(accounts) = accounts else {
                            return Err(Refusal::Form(
                                "neither a list nor a map from sites to accounts".to_owned(),
                            ));
                        };
                        let about = |name: String| About { name, ..About::default() };
                        parsed.take(source, Indicator::guess(site), about(REPORTED.to_owned()))?;
                        for account in accounts {
                            let account = account.as_str().unwrap_or_default();
                            parsed.take(
                                source,
                                Indicator::guess(account),
                                about(format!("used by {site}")),
                            )?;
                        }
                    }
                }
            }
        }
        _ => return Err(Refusal::Form("neither an array nor an object".to_owned())),
    }
    Ok(parsed)
}

fn one(parsed: &mut Parsed, source: &str, value: &Value) -> Result<(), Refusal> {
    match value {
        Value::String(text) => parsed.take(
            source,
            Indicator::guess(text),
            About { name: REPORTED.to_owned(), ..About::default() },
        ),
        Value::Object(members) => entry(parsed, source, |name| members.get(name)?.as_str()),
        _ => {
            parsed.skipped += 1;
            Ok(())
        }
    }
}

pub(super) fn csv(source: &str, body: &[u8]) -> Result<Parsed, Refusal> {
    let form = |error: ::csv::Error| Refusal::Form(error.to_string());
    let mut reader = ::csv::ReaderBuilder::new().comment(Some(b'#')).trim(::csv::Trim::All).from_reader(body);
    let header: Vec<_> =
        reader.headers().map_err(form)?.iter().map(|name| name.to_ascii_lowercase()).collect();
    if !header.iter().any(|name| INDICATOR.contains(&name.as_str())) {
        return Err(Refusal::Form(format!("no column is called one of {}", INDICATOR.join(", "))));
    }
    let mut parsed = Parsed::default();
    for record in reader.records() {
        let record = record.map_err(form)?;
        entry(&mut parsed, source, |wanted| {
            let at = header.iter().position(|name| name == wanted)?;
            record.get(at)
        })?;
    }
    Ok(parsed)
}

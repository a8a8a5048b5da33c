//! `config.json` of eth-phishing-detect: version 2 by its old and by its new words.

use scorpius_risk::domain::Domain;
use scorpius_risk::intel::Indicator;
use serde::Deserialize;

use crate::formats::{About, Parsed, row};
use crate::judge::Refusal;

/// Other members (the fuzzy list and its tolerance) are not used: distance alone misleads.
#[derive(Deserialize)]
struct Config {
    #[serde(alias = "blacklist")]
    blocklist: Vec<String>,
    #[serde(alias = "whitelist")]
    allowlist: Vec<String>,
}

pub(super) fn parse(source: &str, body: &[u8]) -> Result<Parsed, Refusal> {
    let config: Config = serde_json::from_slice(body).map_err(|error| Refusal::Form(error.to_string()))?;
    let mut parsed = Parsed::default();
    let about = |name: &str| About { name: name.to_owned(), ..About::default() };
    for name in &config.blocklist {
        parsed.take(source, Indicator::guess(name), about("phishing site"))?;
    }
    for name in &config.allowlist {
        match name.parse::<Domain>() {
            Ok(site) => {
                parsed.allowed.push(row(source, Indicator::Domain(site), about("site of a known owner")))
            }
            Err(_) => parsed.skipped += 1,
        }
    }
    Ok(parsed)
}

//! A platform that runs somewhere, as anybody sees it from outside.

use serde_json::Value;

use super::Finding;
use crate::client::{Client, ClientError};
use crate::doors;

/// Asks the doors that need no credential. Fails only when `url` is none.
pub(super) async fn look(url: &str) -> Result<Vec<Finding>, ClientError> {
    let client = Client::new(url)?;
    let mut found = vec![encrypted(url)];
    let live = match client.get("/healthz").await {
        Ok(live) => live,
        Err(error) => {
            let why = scorpius_core::error::chain(&error);
            found.push(Err(format!(
                "{why}; is this the address of the API, and does its stage route `/healthz`?"
            )));
            return Ok(found);
        }
    };
    found.push(same_version(&live));
    found.extend(match client.send("GET", "/health/deep", &[], "").await {
        Ok(answer) => parts(&serde_json::from_slice(&answer.body).unwrap_or_default()),
        Err(error) => vec![Err(scorpius_core::error::chain(&error))],
    });
    found.push(match client.get("/openapi.json").await {
        Ok(document) => same_api(&document),
        Err(error) => Err(scorpius_core::error::chain(&error)),
    });
    Ok(found)
}

fn encrypted(url: &str) -> Finding {
    let host = url.strip_prefix("http://").map(|rest| rest.split([':', '/']).next().unwrap_or_default());
    match host {
        None => Ok("it is asked over TLS".to_owned()),
        Some("127.0.0.1" | "localhost" | "[") => Ok("it is on this machine".to_owned()),
        Some(host) => {
            Err(format!("{host} is asked over plain HTTP: anybody on the way can read keys; use https"))
        }
    }
}

fn same_version(live: &Value) -> Finding {
    let (theirs, ours) = (live["version"].as_str().unwrap_or("of no version"), env!("CARGO_PKG_VERSION"));
    match theirs == ours {
        true => Ok(format!("it runs, version {theirs}")),
        false => {
            Err(format!("it is {theirs} and this program {ours}: deploy, or take the program of its release"))
        }
    }
}

/// What to look at when a part does not answer.
fn mend(part: &str) -> &'static str {
    match part {
        "store" => "do the tables exist, and does the role of `health` read them?",
        "blobs" => "does the bucket exist, and does the role of `health` read it?",
        "keys" => "are the KMS keys enabled, and may the role of `health` read their public halves?",
        _ => "see the log of `health`",
    }
}

fn parts(health: &Value) -> Vec<Finding> {
    let parts = health["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
    if parts.is_empty() {
        return vec![Err("`/health/deep` does not say how the parts are".to_owned())];
    }
    let finding = |part: &Value| {
        let name = part["name"].as_str().unwrap_or("?");
        match part["ok"] == true {
            true => Ok(format!("{name} answers after {} ms", part["took_ms"])),
            false => Err(format!("{name} does not answer: {}", mend(name))),
        }
    };
    parts.iter().map(finding).collect()
}

fn same_api(document: &Value) -> Finding {
    let ours: Value = serde_json::from_str(&doors::openapi()).unwrap_or_default();
    match *document == ours {
        true => Ok("its API is the one that this program knows".to_owned()),
        false => Err("its API is another than this program knows: one of the two is older".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_answer_is_named_with_what_to_look_at() {
        let health = json!({"parts": [
            {"name": "store", "ok": true, "took_ms": 3}, {"name": "keys", "ok": false, "took_ms": 1}
        ]});
        let [Ok(store), Err(keys)] = &parts(&health)[..] else { panic!("one is well and one is not") };
        assert_eq!(store, "store answers after 3 ms");
        assert!(keys.contains("KMS"), "{keys}");
        assert!(parts(&json!({"status": "ok"}))[0].is_err());
    }

    #[test]
    fn another_version_and_another_api_are_found() {
        assert!(same_version(&json!({"version": env!("CARGO_PKG_VERSION")})).is_ok());
        assert!(same_version(&json!({"version": "99.0.0"})).is_err());
        assert!(same_version(&json!({})).is_err());
        assert!(same_api(&serde_json::from_str(&doors::openapi()).expect("a document")).is_ok());
        assert!(same_api(&json!({"openapi": "3.1.0"})).is_err());
    }

    #[test]
    fn keys_are_not_sent_in_the_open() {
        assert!(encrypted("https://api.example.com").is_ok());
        assert!(encrypted("http://127.0.0.1:8480").is_ok());
        assert!(encrypted("http://api.example.com").is_err());
    }
}

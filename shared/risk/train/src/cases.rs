//! Lines of labelled sets, as questions. Labels, and what stems from them, are no part of a question.

use scorpius_core::UnixMillis;
use scorpius_risk::address::Account;
use scorpius_risk::engine::inputs::{Calldata, Inputs, Question};
use scorpius_risk::intel::Indicator;
use scorpius_risk::lists::Lists;
use scorpius_risk::request;
use serde_json::Value;

/// When the questions are asked, in milliseconds since 1970.
const ASKED_AT: UnixMillis = UnixMillis(1_795_254_040_000);

/// What a line asks, and whom the asker has dealt with.
pub type Asked = (Question, Vec<Account>);

/// A line that asks nothing.
#[derive(Debug, thiserror::Error)]
pub enum BadCase {
    /// A member is missing.
    #[error("no `{0}`")]
    Absent(&'static str),
    /// It is of no chain that is screened.
    #[error("not of a chain that is screened")]
    NotScreened,
    /// A part is not in its form.
    #[error("not in its form: {0}")]
    Form(String),
}

/// The question of a line: of a payment with a history, a wallet's request, an address or a site.
///
/// # Errors
/// `BadCase`.
pub fn question(case: &Value) -> Result<Asked, BadCase> {
    fn form(error: impl std::fmt::Display) -> BadCase {
        BadCase::Form(error.to_string())
    }
    let text = |name: &str| case.get(name).and_then(Value::as_str);
    let id = text("id").ok_or(BadCase::Absent("id"))?;
    let ethereum = || "eip155:1".parse().map_err(form);
    let chain = match case.get("chain") {
        Some(Value::Number(number)) => format!("eip155:{number}").parse().map_err(form)?,
        Some(Value::String(name)) => name.parse().or_else(|_| ethereum())?,
        _ => ethereum()?,
    };
    if let (Some(sender), Some(recipient)) = (text("sender"), text("recipient")) {
        let account = |text: &str| text.parse::<Account>().map_err(form);
        let history = match case.get("intended") {
            Some(Value::Array(all)) => {
                all.iter().filter_map(Value::as_str).map(account).collect::<Result<_, _>>()?
            }
            Some(Value::String(one)) => vec![account(one)?],
            _ => Vec::new(),
        };
        let question = Question::Transaction {
            chain,
            from: Some(account(sender)?),
            to: account(recipient)?,
            value: "1".to_owned().try_into().map_err(form)?,
            data: Calldata::default(),
            irregular: Vec::new(),
        };
        return Ok((question, history));
    }
    if case.get("method").is_some() {
        return Ok((request::read_document(chain, case).map_err(form)?, Vec::new()));
    }
    if id.starts_with("0x") {
        let address = id.to_lowercase().parse().map_err(form)?;
        return Ok((Question::Address { chain, address }, Vec::new()));
    }
    if id.contains('.') {
        return Ok((Question::Domain { domain: id.parse().map_err(form)?, age_days: None }, Vec::new()));
    }
    let account = Indicator::guess(id).or_else(|_| Indicator::solana(id));
    let account = account.ok().and_then(|account| account.try_into().ok()).ok_or(BadCase::NotScreened)?;
    Ok((Question::ForeignAddress { account }, Vec::new()))
}

/// What a line's label says: harmful or not, where it says either.
pub(crate) fn label(case: &Value) -> Option<bool> {
    let text = |name: &str| case.get(name).and_then(Value::as_str);
    match text("class").or_else(|| text("label")) {
        Some("malicious" | "phishing" | "scam") => Some(true),
        Some("benign" | "legitimate" | "neutral" | "hard_negative") => Some(false),
        _ => None,
    }
}

/// What a contract's labels say: a trap or not, where they were asked. Who only looked for one kind of trap and did not find
/// it has not said that the code is harmless.
pub(crate) fn trap(case: &Value) -> Option<bool> {
    /// The number that the registry of weaknesses' users give honeypots.
    const HONEYPOT: u64 = 996;
    let entries =
        |name: &str| case.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_trap = |entry: &Value| {
        entry.get("category").and_then(Value::as_str) == Some("honeypot")
            || entry.get("swc").and_then(Value::as_u64) == Some(HONEYPOT)
    };
    let (labels, absent) = (entries("labels"), entries("absent"));
    if labels.iter().any(is_trap) {
        return Some(true);
    }
    let whole = absent.iter().any(|entry| is_trap(entry) && entry.get("subtype").is_none_or(Value::is_null));
    let is_harmless = case.get("benign") == Some(&Value::Bool(true));
    let was_asked_about_others = labels.iter().chain(absent).any(|entry| !is_trap(entry));
    (is_harmless || whole || was_asked_about_others).then_some(false)
}

/// The question's inputs, by the registries that are in the program: no list that knows who is bad is asked.
pub(crate) fn inputs((question, history): Asked, lists: &Lists) -> Inputs {
    Inputs::gather(question, &history, lists, "vrd_0".to_owned(), ASKED_AT)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_stems_from_labels_is_no_part_of_a_question() {
        let plain = json!({"id": "0xe6bbbf206f4ea33cdf84400a4562169cce39f5c6", "chain": 1});
        let mut labelled = plain.clone();
        for (name, value) in
            [("creation_tx", json!("0x00")), ("tags", json!(["x"])), ("is_contract", json!(true))]
        {
            labelled[name] = value;
        }
        assert_eq!(question(&plain).expect("a question"), question(&labelled).expect("a question"));
    }

    #[test]
    fn a_contract_s_labels_say_what_was_asked() {
        let check = |case: Value, expected| assert_eq!(trap(&case), expected, "{case}");
        check(json!({"labels": [{"category": "honeypot", "subtype": "hidden_mint"}]}), Some(true));
        check(json!({"labels": [{"category": null, "swc": 996}], "absent": []}), Some(true));
        check(json!({"labels": [], "absent": [{"category": "honeypot", "subtype": "hidden_mint"}]}), None);
        check(json!({"labels": [], "absent": [{"category": "honeypot"}]}), Some(false));
        check(json!({"labels": [{"category": "reentrancy", "swc": 107}]}), Some(false));
        check(json!({"labels": [], "benign": true}), Some(false));
        check(json!({}), None);
    }
}

//! What an application asks a wallet for, as the wallet gets it: a JSON-RPC method with its parameters.
//!
//! Wallets take more than the specification says: hex of an odd length or without `0x`. So does this, and
//! the verdict says it, because whoever writes so may want to slip past a check.

use serde_json::Value;

use crate::address::{Account, BadAddress, ChainId};
use crate::calldata::CALLDATA_BYTES_MAX;
use crate::engine::inputs::{Calldata, Question, Wei};
use crate::message::{Hash, Message};
use crate::typed::{BadTypedData, TypedDocument};

/// A request that is none that a wallet could show.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// Neither a transaction nor a message.
    #[error("the method is not one that is judged")]
    Method,
    /// A part is missing or not of its form.
    #[error("`{0}` is not of its form")]
    Part(&'static str),
    /// A transaction that creates a contract.
    #[error("a transaction without `to` creates a contract, and is not judged")]
    Creation,
    /// The typed data is none.
    #[error("the typed data is not of its form: {0}")]
    TypedData(#[from] BadTypedData),
}

/// Reads `params` of `method`; a transaction's are an object, or a list with the object in it.
///
/// # Errors
/// `BadRequest`.
pub fn read(
    chain: ChainId,
    method: &str,
    params: &Value,
    from: Option<Account>,
    origin: Option<String>,
) -> Result<Question, BadRequest> {
    let signed = |message| Question::Signature { chain, from, origin, message };
    match method {
        "eth_sendTransaction" | "eth_signTransaction" => {
            transaction(chain, params.get(0).unwrap_or(params), from)
        }
        "eth_signTypedData_v4" | "eth_signTypedData_v3" | "eth_signTypedData" => {
            let document = match params {
                Value::Object(_) => params,
                _ => params.get(1).ok_or(BadRequest::Part("params"))?,
            };
            let text = match document {
                Value::String(text) => text.clone(),
                document => document.to_string(),
            };
            Ok(signed(Message::Eip712 { document: text.try_into()? }))
        }
        "personal_sign" => {
            let text = params.get("message").or_else(|| params.get(0)).and_then(Value::as_str);
            let text = text.ok_or(BadRequest::Part("message"))?;
            let bytes = text.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
            let bytes = Calldata::of(bytes.unwrap_or_else(|| text.as_bytes().to_vec()));
            Ok(signed(Message::Eip191 { bytes: bytes.map_err(|_| BadRequest::Part("message"))? }))
        }
        "eth_sign" => {
            let hash = params.get("hash").or_else(|| params.get(1)).and_then(Value::as_str);
            let hash = hash.ok_or(BadRequest::Part("hash"))?.to_owned();
            Ok(signed(Message::Hash { hash: Hash::try_from(hash).map_err(|_| BadRequest::Part("hash"))? }))
        }
        _ => Err(BadRequest::Method),
    }
}

/// Whatever document it is: a JSON-RPC request with `method` and `params`, typed data, or a transaction.
///
/// # Errors
/// `BadRequest`.
pub fn read_document(chain: ChainId, document: &Value) -> Result<Question, BadRequest> {
    let account = |name: &'static str| match document.get(name).and_then(Value::as_str) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| BadRequest::Part(name)),
    };
    let from = account("from")?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let origin = text("origin").map(str::to_owned);
    match (text("method"), document.get("types")) {
        (Some(method), _) => {
            let params = document.get("params").ok_or(BadRequest::Part("params"))?;
            read(chain, method, params, from, origin)
        }
        (None, Some(_)) => {
            let document = TypedDocument::try_from(document.to_string())?;
            Ok(Question::Signature { chain, from, origin, message: Message::Eip712 { document } })
        }
        (None, None) => transaction(chain, document, from),
    }
}

fn transaction(chain: ChainId, params: &Value, from: Option<Account>) -> Result<Question, BadRequest> {
    let mut irregular = Vec::new();
    let text = |name: &'static str| match params.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(BadRequest::Part(name)),
    };
    let mut account = |name: &'static str, text: &str| match text.parse::<Account>() {
        Ok(account) => Ok(account),
        Err(BadAddress::Checksum(_)) => {
            irregular.push(format!("{name}: a wrong checksum"));
            text.to_ascii_lowercase().parse().map_err(|_| BadRequest::Part(name))
        }
        Err(BadAddress::Form(_) | BadAddress::OtherKind(_)) if text.len() == 40 => {
            irregular.push(format!("{name}: without 0x"));
            format!("0x{}", text.to_ascii_lowercase()).parse().map_err(|_| BadRequest::Part(name))
        }
        Err(BadAddress::Form(_) | BadAddress::OtherKind(_)) => Err(BadRequest::Part(name)),
    };
    let to = account("to", text("to")?.ok_or(BadRequest::Creation)?)?;
    let from = match text("from")? {
        Some(text) => Some(account("from", text)?),
        None => from,
    };
    let value = wei(text("value")?.unwrap_or("0"))?;
    let data = match text("data")?.or(text("input")?) {
        None => Calldata::default(),
        Some(text) => bytes(text, &mut irregular)?,
    };
    Ok(Question::Transaction { chain, from, to, value, data, irregular })
}

fn wei(text: &str) -> Result<Wei, BadRequest> {
    let bad = BadRequest::Part("value");
    let decimal = match text.strip_prefix("0x") {
        Some("") => "0".to_owned(),
        Some(digits) if digits.len() <= 64 => alloy_primitives::U256::from_str_radix(digits, 16)
            .map_err(|_| BadRequest::Part("value"))?
            .to_string(),
        Some(_) => return Err(bad),
        None => text.to_owned(),
    };
    decimal.try_into().map_err(|_| bad)
}

fn bytes(text: &str, irregular: &mut Vec<String>) -> Result<Calldata, BadRequest> {
    let bad = || BadRequest::Part("data");
    let digits = match text.strip_prefix("0x") {
        Some(digits) => digits,
        None => {
            irregular.push("data: without 0x".to_owned());
            text
        }
    };
    if digits.len() > CALLDATA_BYTES_MAX * 2 {
        return Err(bad());
    }
    if digits.len().is_multiple_of(2) {
        return Calldata::of(hex::decode(digits).map_err(|_| bad())?).map_err(|_| bad());
    }
    // Wallets and nodes put the digit that is missing at the start.
    irregular.push("data: an odd number of hex digits".to_owned());
    Calldata::of(hex::decode(format!("0{digits}")).map_err(|_| bad())?).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOBODY: &str = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";

    fn chain() -> ChainId {
        "ethereum".parse().expect("a chain")
    }

    fn irregular(params: &Value) -> Result<Vec<String>, BadRequest> {
        match read(chain(), "eth_sendTransaction", params, None, None)? {
            Question::Transaction { irregular, .. } => Ok(irregular),
            _ => Ok(vec!["no transaction".to_owned()]),
        }
    }

    #[test]
    fn what_wallets_take_is_read_and_said() {
        assert_eq!(irregular(&json!({"to": NOBODY, "value": "0x0"})), Ok(vec![]));
        assert_eq!(irregular(&json!([{"to": NOBODY, "data": "0x"}])), Ok(vec![]));
        let odd = json!({"to": NOBODY, "data": "0x95ea7b3"});
        assert_eq!(irregular(&odd), Ok(vec!["data: an odd number of hex digits".to_owned()]));
        let bare = json!({"to": &NOBODY[2..], "data": "095ea7b3"});
        assert_eq!(irregular(&bare), Ok(vec!["to: without 0x".to_owned(), "data: without 0x".to_owned()]));
        let mistyped = json!({"to": NOBODY.replace('B', "b")});
        assert_eq!(irregular(&mistyped), Ok(vec!["to: a wrong checksum".to_owned()]));
    }

    #[test]
    fn what_nobody_could_sign_is_refused() {
        assert_eq!(irregular(&json!({})), Err(BadRequest::Creation));
        assert_eq!(irregular(&json!({"to": 1})), Err(BadRequest::Part("to")));
        assert_eq!(irregular(&json!({"to": NOBODY, "data": "0xzz"})), Err(BadRequest::Part("data")));
        assert_eq!(irregular(&json!({"to": NOBODY, "value": "-1"})), Err(BadRequest::Part("value")));
        let long = json!({"to": NOBODY, "data": format!("0x{}", "0".repeat(2 * CALLDATA_BYTES_MAX + 2))});
        assert_eq!(irregular(&long), Err(BadRequest::Part("data")));
        assert_eq!(read(chain(), "eth_call", &json!({}), None, None), Err(BadRequest::Method));
        assert_eq!(
            read(chain(), "eth_sign", &json!({"hash": "0x"}), None, None),
            Err(BadRequest::Part("hash"))
        );
    }
}

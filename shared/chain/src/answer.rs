//! One JSON-RPC answer, and what its errors mean.

use scorpius_core::EgressError;
use serde::Deserialize;
use serde_json::Value;

use crate::hex_text::NotHex;

/// Characters of a node's own message that are kept.
const MESSAGE_CHARS_MAX: usize = 200;

/// Why one endpoint gave no answer. Endpoints are named by place, since their URLs hold credentials.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// No HTTP answer.
    #[error("no answer")]
    Egress(#[source] EgressError),
    /// An HTTP status other than 200.
    #[error("HTTP status {0}")]
    Status(u16),
    /// Not a JSON-RPC 2.0 answer to what was asked.
    #[error("not a JSON-RPC answer: {0}")]
    Form(&'static str),
    /// Hex that cannot be right.
    #[error("an answer out of form")]
    Hex(#[from] NotHex),
    /// The node does not have the block, or it is not canonical.
    #[error("the block is not known")]
    UnknownBlock,
    /// The node said no.
    #[error("JSON-RPC error {code}: {message}")]
    Refused {
        /// As sent.
        code: i64,
        /// The start of it.
        message: String,
    },
    /// The endpoint serves another chain than it is configured for.
    #[error("the endpoint serves chain {found}")]
    OtherChain {
        /// What it says.
        found: u64,
    },
    /// It failed often and is not asked for a while.
    #[error("it rests after failing repeatedly")]
    Resting,
}

/// What an error says about the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// It works; it does not know this block.
    Block,
    /// It works, and will say the same again.
    Question,
    /// It may work later.
    Endpoint,
    /// It was not asked.
    Nobody,
}

impl RpcError {
    /// Whether a smaller batch might be answered.
    pub(crate) fn may_be_of_the_batch(&self) -> bool {
        match self {
            Self::Egress(EgressError::TooLong) | Self::Form(_) | Self::Refused { .. } => true,
            // 429 is about how often, and not about how much.
            Self::Status(status) => (400..500).contains(status) && *status != 429,
            Self::Egress(_) | Self::Hex(_) | Self::UnknownBlock | Self::OtherChain { .. } | Self::Resting => {
                false
            }
        }
    }

    pub(crate) fn blame(&self) -> Blame {
        match self {
            Self::UnknownBlock => Blame::Block,
            // JSON-RPC 2.0, section 5.1: parse error, invalid request, unknown method, invalid parameters.
            Self::Refused { code: -32700 | -32602..=-32600, .. } => Blame::Question,
            Self::Egress(EgressError::Blocked { .. } | EgressError::TooLong) => Blame::Question,
            Self::Egress(EgressError::TimedOut | EgressError::Port(_))
            | Self::Status(_)
            | Self::Form(_)
            | Self::Hex(_)
            | Self::Refused { .. }
            | Self::OtherChain { .. } => Blame::Endpoint,
            Self::Resting => Blame::Nobody,
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    jsonrpc: String,
    id: Value,
    // `result: null` is an answer; a missing one is not.
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    #[serde(default)]
    error: Option<NodeError>,
}

#[derive(Deserialize)]
struct NodeError {
    code: i64,
    #[serde(default)]
    message: String,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The result in `body`, which answers request `id`.
pub(crate) fn result(body: &[u8], id: u64) -> Result<Value, RpcError> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| RpcError::Form("not JSON of its shape"))?;
    if answer.jsonrpc != "2.0" {
        return Err(RpcError::Form("not version 2.0"));
    }
    match (answer.result, answer.error) {
        (_, Some(error)) => Err(said(error)),
        (Some(_), None) if answer.id != id => Err(RpcError::Form("the id of another request")),
        (Some(result), None) => Ok(result),
        (None, None) => Err(RpcError::Form("neither result nor error")),
    }
}

/// The results in `body`, which answers requests `first` and the following in one batch, in any order.
pub(crate) fn results(body: &[u8], first: u64, count: usize) -> Result<Vec<Value>, RpcError> {
    let bad = || RpcError::Form("not the answers of a batch");
    let answers: Vec<Box<serde_json::value::RawValue>> = match serde_json::from_slice(body) {
        Ok(answers) => answers,
        // A node without batches answers once, with an error.
        Err(_) => return Err(result(body, first).err().unwrap_or_else(bad)),
    };
    if answers.len() != count {
        return Err(bad());
    }
    let mut found: Vec<Option<Value>> = vec![None; count];
    for answer in &answers {
        #[derive(Deserialize)]
        struct Numbered {
            id: u64,
        }
        let numbered: Numbered = serde_json::from_str(answer.get()).map_err(|_| bad())?;
        let place = numbered.id.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        let slot = place.and_then(|place| found.get_mut(place)).ok_or_else(bad)?;
        *slot = Some(result(answer.get().as_bytes(), numbered.id)?);
    }
    found.into_iter().collect::<Option<_>>().ok_or_else(bad)
}

fn said(NodeError { code, message }: NodeError) -> RpcError {
    // EIP-1898 gives -32001 to an unknown block, and newer Besu -39001. Others have only words for it, under
    // -32000 (go-ethereum and what derives from it) or -32603 (Erigon).
    const WORDS: [&str; 5] = [
        "header not found",
        "header for hash not found",
        "not currently canonical",
        "block not found",
        "unknown block",
    ];
    let lower = message.to_ascii_lowercase();
    if matches!(code, -32001 | -39001) || (code <= -32000 && WORDS.iter().any(|words| lower.contains(words)))
    {
        return RpcError::UnknownBlock;
    }
    RpcError::Refused { code, message: message.chars().take(MESSAGE_CHARS_MAX).collect() }
}

/// The text in `result`.
pub(crate) fn text(result: &Value) -> Result<&str, RpcError> {
    result.as_str().ok_or(RpcError::Form("a result that is no text"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Result<Value, RpcError> {
        result(body.to_string().as_bytes(), 7)
    }

    #[test]
    fn an_answer_is_to_this_request_and_has_a_result() {
        assert_eq!(read(&json!({"jsonrpc": "2.0", "id": 7, "result": "0x1"})).expect("a result"), "0x1");
        assert_eq!(read(&json!({"jsonrpc": "2.0", "id": 7, "result": null})).expect("a result"), Value::Null);
        for bad in [
            json!({"jsonrpc": "2.0", "id": 8, "result": "0x1"}),
            json!({"jsonrpc": "2.0", "id": "7", "result": "0x1"}),
            json!({"jsonrpc": "1.0", "id": 7, "result": "0x1"}),
            json!({"jsonrpc": "2.0", "id": 7}),
            json!({"id": 7, "result": "0x1"}),
            json!([{"jsonrpc": "2.0", "id": 7, "result": "0x1"}]),
            json!("0x1"),
        ] {
            assert!(matches!(read(&bad), Err(RpcError::Form(_))), "{bad}");
        }
    }

    #[test]
    fn errors_say_whether_the_block_the_question_or_the_endpoint_is_to_blame() {
        let blame = |code: i64, message: &str| {
            let body = json!({"jsonrpc": "2.0", "id": null, "error": {"code": code, "message": message}});
            read(&body).expect_err("an error").blame()
        };
        assert_eq!(blame(-32001, ""), Blame::Block);
        assert_eq!(blame(-39001, "Unknown block"), Blame::Block);
        assert_eq!(blame(-32000, "header not found"), Blame::Block);
        assert_eq!(blame(-32000, "hash is not currently canonical"), Blame::Block);
        assert_eq!(blame(-32603, "hash 0d30 is not currently canonical"), Blame::Block);
        assert_eq!(blame(-32000, "Block not found: 0x00"), Blame::Block);
        assert_eq!(blame(-32602, "missing value for required argument 0"), Blame::Question);
        assert_eq!(blame(-32601, "the method does not exist"), Blame::Question);
        assert_eq!(blame(-32000, "missing trie node"), Blame::Endpoint);
        assert_eq!(blame(-32005, "limit exceeded"), Blame::Endpoint);
        assert_eq!(blame(3, "execution reverted: block not found"), Blame::Endpoint);
    }

    #[test]
    fn a_batch_s_answers_come_in_any_order_and_each_once() {
        let item = |id: u64| json!({"jsonrpc": "2.0", "id": id, "result": format!("0x{id:x}")});
        let read = |items: &[Value]| results(Value::from(items.to_vec()).to_string().as_bytes(), 7, 2);
        assert_eq!(read(&[item(8), item(7)]).expect("both"), ["0x7", "0x8"]);
        for bad in
            [&[item(7)][..], &[item(7), item(7)], &[item(7), item(9)], &[item(7), item(8), item(9)], &[]]
        {
            assert!(matches!(read(bad), Err(RpcError::Form(_))), "{bad:?}");
        }
        let refused = json!({"jsonrpc": "2.0", "id": 8, "error": {"code": -32001, "message": ""}});
        assert!(matches!(read(&[item(7), refused]), Err(RpcError::UnknownBlock)));
        let single =
            json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "no batches"}});
        let answered = results(single.to_string().as_bytes(), 7, 2);
        assert!(matches!(answered, Err(RpcError::Refused { code: -32600, .. })));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..256), text in any::<String>(), code: i64) {
            drop(result(&body, 7));
            drop(results(&body, 7, 2));
            drop(results(format!("[{}]", String::from_utf8_lossy(&body)).as_bytes(), 7, 1));
            drop(read(&json!({"jsonrpc": "2.0", "id": 7, "error": {"code": code, "message": text}})));
        }
    }
}

//! Calls that the node runs itself: `eth_simulateV1`, and `eth_call` for what a contract answers.

use bytes::Bytes;
use scorpius_core::chain::{self, BlockHead, BlockRef, ChainError, NodeLog, NodeRun, TrialCall};
use serde_json::{Value, json};

use crate::answer::{RpcError, text};
use crate::hex_text::{data, fixed};
use crate::rpc::{Question, RpcChain, hex_of, is_of_the_question, only, pinned};
use crate::state::trial;

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 2_000_000;
/// Logs of a run; one that has more says nothing.
const LOGS_MAX: usize = 1_024;
/// Bytes of one log's data.
const LOG_BYTES_MAX: usize = 131_072;
/// Bytes of an answer of `eth_call`, with what a node says of a call that failed.
const CALL_BYTES_MAX: usize = 65_536;
/// Gas of a question to a contract: 1,000,000, and a hostile one makes the node work no longer.
const CALL_GAS: &str = "0xf4240";
/// Topics of a log: the EVM has no more.
const TOPICS_MAX: usize = 4;

impl RpcChain {
    pub(crate) async fn read_run(
        &self,
        chain_id: u64,
        call: &TrialCall,
        at: &BlockRef,
        block: &BlockHead,
    ) -> Result<Option<NodeRun>, ChainError> {
        let number = |number: u64| format!("{number:#x}");
        let payload = json!({
            "blockStateCalls": [{
                "blockOverrides": {
                    "number": number(block.reference.number),
                    "time": number(block.timestamp),
                    "gasLimit": number(block.gas_limit),
                    "feeRecipient": hex_of(&block.coinbase),
                    "prevRandao": hex_of(&block.prevrandao),
                    "baseFeePerGas": number(block.base_fee),
                },
                "calls": [trial(call)],
            }],
            // Balances need not suffice for gas, nor nonces fit.
            "validation": false,
        });
        let question = Question {
            is_hint: true,
            answer_bytes_max: ANSWER_BYTES_MAX,
            ..Question::new("eth_simulateV1", json!([payload, pinned(at)]))
        };
        match self.ask(chain_id, &question, |answers| run(only(answers)?)).await {
            Ok(run) => Ok(Some(run)),
            // Not offered, or not now: it is a second opinion.
            Err(ChainError::Port(_)) => Ok(None),
            Err(error @ (ChainError::NoEndpoint { .. } | ChainError::UnknownBlock)) => Err(error),
        }
    }

    pub(crate) async fn read_answer(
        &self,
        chain_id: u64,
        to: [u8; 20],
        data: &[u8],
        at: &BlockRef,
    ) -> Result<Option<Bytes>, ChainError> {
        let call = json!({"to": hex_of(&to), "data": hex_of(data), "gas": CALL_GAS});
        // That the contract fails is an answer, and no fault of the node.
        let question = Question {
            is_hint: true,
            answer_bytes_max: CALL_BYTES_MAX,
            ..Question::new("eth_call", json!([call, pinned(at)]))
        };
        match self.ask(chain_id, &question, |answers| answered(only(answers)?)).await {
            Err(ChainError::Port(error)) if is_of_the_question(&error) => Ok(None),
            other => other,
        }
    }
}

/// What a contract answered, if it is no longer than what is read.
fn answered(answer: &Value) -> Result<Option<Bytes>, RpcError> {
    let text = text(answer)?;
    match text.len() <= 2 + 2 * chain::ANSWER_BYTES_MAX {
        true => Ok(Some(data(text, chain::ANSWER_BYTES_MAX)?)),
        false => Ok(None),
    }
}

fn run(answer: &Value) -> Result<NodeRun, RpcError> {
    let bad = || RpcError::Form("not a simulated call");
    let call = answer.get(0).and_then(|block| block.get("calls")?.get(0)).ok_or_else(bad)?;
    let status = text(call.get("status").ok_or_else(bad)?)?;
    let logs = call.get("logs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if logs.len() > LOGS_MAX {
        return Err(RpcError::Form("more logs than are read"));
    }
    let logs = logs.iter().map(log).collect::<Result<_, _>>()?;
    Ok(NodeRun { succeeded: status == "0x1", logs })
}

fn log(log: &Value) -> Result<NodeLog, RpcError> {
    let bad = || RpcError::Form("not a log");
    let topics = log.get("topics").and_then(Value::as_array).ok_or_else(bad)?;
    if topics.len() > TOPICS_MAX {
        return Err(bad());
    }
    Ok(NodeLog {
        address: fixed(text(log.get("address").ok_or_else(bad)?)?)?,
        topics: topics.iter().map(|topic| Ok(fixed(text(topic)?)?)).collect::<Result<_, RpcError>>()?,
        data: data(text(log.get("data").ok_or_else(bad)?)?, LOG_BYTES_MAX)?,
    })
}

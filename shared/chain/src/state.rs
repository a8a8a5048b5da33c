//! State of many accounts in few round trips, and what a call would touch.

use std::collections::BTreeMap;

use bytes::Bytes;
use scorpius_core::chain::{
    AccountAsk, AccountBody, AccountRead, BlockHead, BlockRef, ChainError, SentTransaction, Touched,
    TrialCall,
};
use serde_json::{Value, json};

use crate::answer::{RpcError, text};
use crate::hex_text::{data, fixed, quantity, quantity_u64};
use crate::rpc::{CODE_BYTES_MAX, Question, RpcChain, hex_of, only, pinned};

/// Calls in one question; an endpoint may take fewer at once.
const CALLS_MAX: usize = 100;
/// Bytes of an answer to many calls: some twenty contracts of the largest size, and slots.
const ANSWER_BYTES_MAX: usize = 8_000_000;
/// Bytes of calldata of a transaction that was sent: nodes take 128 KB.
const DATA_BYTES_MAX: usize = 131_072;
/// Accounts that a node's hint may name.
const TOUCHED_ACCOUNTS_MAX: usize = 256;
/// Slots that a node's hint may name, of all accounts together.
const TOUCHED_SLOTS_MAX: usize = 4_096;

/// One call of a batch, and where its answer belongs.
enum Part {
    Balance(usize),
    Nonce(usize),
    Code(usize),
    Slot(usize, [u8; 32]),
}

impl RpcChain {
    pub(crate) async fn read_latest(&self, chain_id: u64) -> Result<BlockHead, ChainError> {
        let question = Question::new("eth_getBlockByNumber", json!(["latest", false]));
        self.ask(chain_id, &question, |answers| block(only(answers)?)).await
    }

    pub(crate) async fn read_accounts(
        &self,
        chain_id: u64,
        asks: &[AccountAsk],
        at: &BlockRef,
    ) -> Result<Vec<AccountRead>, ChainError> {
        let mut codes: BTreeMap<usize, Bytes> = BTreeMap::new();
        let mut calls = Vec::new();
        for (place, ask) in asks.iter().enumerate() {
            let address = hex_of(&ask.address);
            if ask.itself {
                calls.push((Part::Balance(place), ("eth_getBalance", json!([address, pinned(at)]))));
                calls.push((Part::Nonce(place), ("eth_getTransactionCount", json!([address, pinned(at)]))));
                let known = self.codes().get(&(chain_id, ask.address, at.hash));
                match known {
                    Some(code) => drop(codes.insert(place, code)),
                    None => calls.push((Part::Code(place), ("eth_getCode", json!([address, pinned(at)])))),
                }
            }
            for slot in &ask.slots {
                let parameters = json!([address, hex_of(slot), pinned(at)]);
                calls.push((Part::Slot(place, *slot), ("eth_getStorageAt", parameters)));
            }
        }
        let (mut balances, mut nonces, mut slots) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for chunk in calls.chunks(CALLS_MAX) {
            let question = Question {
                calls: chunk.iter().map(|(_, call)| call.clone()).collect(),
                answer_bytes_max: ANSWER_BYTES_MAX,
                is_hint: false,
            };
            let read = |answers: &[Value]| -> Result<Vec<Word>, RpcError> {
                chunk.iter().zip(answers).map(|((part, _), answer)| Word::read(part, answer)).collect()
            };
            let words = self.ask(chain_id, &question, read).await?;
            for ((part, _), word) in chunk.iter().zip(words) {
                match (part, word) {
                    (Part::Balance(place), Word::Full(balance)) => drop(balances.insert(*place, balance)),
                    (Part::Nonce(place), Word::Short(nonce)) => drop(nonces.insert(*place, nonce)),
                    (Part::Code(place), Word::Bytes(code)) => {
                        if let Some(ask) = asks.get(*place) {
                            self.codes().put((chain_id, ask.address, at.hash), code.clone());
                        }
                        codes.insert(*place, code);
                    }
                    (Part::Slot(place, slot), Word::Full(value)) => {
                        slots.entry(*place).or_insert_with(Vec::new).push((*slot, value));
                    }
                    // INVARIANT: `Word::read` makes of each part its own kind.
                    _ => {}
                }
            }
        }
        let read = |(place, ask): (usize, &AccountAsk)| {
            let body = balances.remove(&place).zip(nonces.remove(&place)).zip(codes.remove(&place));
            let body = body.map(|((balance, nonce), code)| AccountBody { balance, nonce, code });
            AccountRead { address: ask.address, body, slots: slots.remove(&place).unwrap_or_default() }
        };
        Ok(asks.iter().enumerate().map(read).collect())
    }

    pub(crate) async fn read_transaction(
        &self,
        chain_id: u64,
        hash: [u8; 32],
    ) -> Result<Option<SentTransaction>, ChainError> {
        let question = Question::new("eth_getTransactionByHash", json!([hex_of(&hash)]));
        self.ask(chain_id, &question, |answers| match only(answers)? {
            Value::Null => Ok(None),
            sent => transaction(sent, &hash).map(Some),
        })
        .await
    }

    /// By an access list (EIP-2930), else by a tracer.
    pub(crate) async fn read_touched(
        &self,
        chain_id: u64,
        call: &TrialCall,
        at: &BlockRef,
    ) -> Result<Touched, ChainError> {
        let trial = trial(call);
        let hint = |method, parameters| Question {
            is_hint: true,
            answer_bytes_max: ANSWER_BYTES_MAX,
            ..Question::new(method, parameters)
        };
        let list = hint("eth_createAccessList", json!([trial, pinned(at)]));
        let tracer = json!({"tracer": "prestateTracer"});
        let trace = hint("debug_traceCall", json!([trial, pinned(at), tracer]));
        for (question, read) in [(&list, access_list as Read), (&trace, prestate as Read)] {
            match self.ask(chain_id, question, |answers| read(only(answers)?)).await {
                Ok(touched) => return Ok(touched),
                // Not offered, or not now: what is read one after the other is the same in the end.
                Err(ChainError::Port(_)) => {}
                Err(error @ (ChainError::NoEndpoint { .. } | ChainError::UnknownBlock)) => return Err(error),
            }
        }
        Ok(Vec::new())
    }
}

/// A call's parameter.
pub(crate) fn trial(call: &TrialCall) -> Value {
    let value = hex::encode(call.value);
    let value = value.trim_start_matches('0');
    json!({
        "from": hex_of(&call.from),
        "to": hex_of(&call.to),
        "value": format!("0x{}", if value.is_empty() { "0" } else { value }),
        "data": hex_of(&call.data),
    })
}

/// Reads a hint.
type Read = fn(&Value) -> Result<Touched, RpcError>;

enum Word {
    Full([u8; 32]),
    Short(u64),
    Bytes(Bytes),
}

impl Word {
    fn read(part: &Part, answer: &Value) -> Result<Self, RpcError> {
        let text = text(answer)?;
        Ok(match part {
            Part::Balance(_) => Self::Full(quantity(text)?),
            Part::Nonce(_) => Self::Short(quantity_u64(text)?),
            Part::Code(_) => Self::Bytes(data(text, CODE_BYTES_MAX)?),
            Part::Slot(..) => Self::Full(fixed(text)?),
        })
    }
}

fn block(block: &Value) -> Result<BlockHead, RpcError> {
    if block.is_null() {
        return Err(RpcError::UnknownBlock);
    }
    let may = |name: &str| block.get(name).and_then(Value::as_str);
    let must = |name: &str| may(name).ok_or(RpcError::Form("a block without a member"));
    let number_or_zero = |name: &str| may(name).map(quantity_u64).transpose().map(Option::unwrap_or_default);
    Ok(BlockHead {
        reference: BlockRef { number: quantity_u64(must("number")?)?, hash: fixed(must("hash")?)? },
        timestamp: quantity_u64(must("timestamp")?)?,
        coinbase: fixed(must("miner")?)?,
        prevrandao: may("mixHash").map(fixed).transpose()?.unwrap_or_default(),
        base_fee: number_or_zero("baseFeePerGas")?,
        gas_limit: quantity_u64(must("gasLimit")?)?,
        excess_blob_gas: number_or_zero("excessBlobGas")?,
    })
}

/// A transaction, if it is the one that was asked for.
fn transaction(sent: &Value, hash: &[u8; 32]) -> Result<SentTransaction, RpcError> {
    let may = |name: &str| sent.get(name).and_then(Value::as_str);
    let must = |name: &str| may(name).ok_or(RpcError::Form("a transaction without a member"));
    if fixed::<32>(must("hash")?)? != *hash {
        return Err(RpcError::Form("another transaction than was asked for"));
    }
    Ok(SentTransaction {
        from: fixed(must("from")?)?,
        to: may("to").map(fixed).transpose()?,
        value: quantity(must("value")?)?,
        data: data(must("input")?, DATA_BYTES_MAX)?,
        gas_limit: quantity_u64(must("gas")?)?,
        block: may("blockNumber").map(quantity_u64).transpose()?,
    })
}

fn access_list(answer: &Value) -> Result<Touched, RpcError> {
    let bad = RpcError::Form("not an access list");
    let Some(entries) = answer.get("accessList").and_then(Value::as_array) else { return Err(bad) };
    let mut touched = Touched::new();
    for entry in entries {
        let address = entry.get("address").ok_or(RpcError::Form("an access list's entry without address"))?;
        let keys = entry.get("storageKeys").and_then(Value::as_array).into_iter().flatten();
        let keys = keys.map(|key| Ok(fixed(text(key)?)?)).collect::<Result<_, RpcError>>()?;
        touched.push((fixed(text(address)?)?, keys));
    }
    Ok(within_limits(touched))
}

fn prestate(answer: &Value) -> Result<Touched, RpcError> {
    let accounts = answer.as_object().ok_or(RpcError::Form("not a trace of accounts"))?;
    let mut touched = Touched::new();
    for (address, account) in accounts {
        let keys = account.get("storage").and_then(Value::as_object).into_iter().flatten();
        let keys = keys.map(|(key, _)| Ok(fixed(key)?)).collect::<Result<_, RpcError>>()?;
        touched.push((fixed(address)?, keys));
    }
    Ok(within_limits(touched))
}

/// A hint that names more is cut: what is missing then is read when it is missed.
fn within_limits(mut touched: Touched) -> Touched {
    touched.truncate(TOUCHED_ACCOUNTS_MAX);
    let mut left = TOUCHED_SLOTS_MAX;
    for (_, slots) in &mut touched {
        slots.truncate(left);
        left -= slots.len();
    }
    touched
}

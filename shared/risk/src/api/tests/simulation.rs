//! `POST /v1/risk/transaction` where state is known: told by the asker, or read from a chain.

use async_trait::async_trait;
use scorpius_core::chain::{
    AccountAsk, AccountBody, AccountRead, BlockHead, BlockRef, ChainError, NodeRun, SentTransaction,
    TrialCall,
};
use scorpius_core::error::PortError;
use scorpius_evm::{Address, B256, State};

use super::*;
use crate::engine::tests::simulation::state as told;

const SENDER: &str = "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb";
const CONTRACT: &str = "0xc1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1";
const TOKEN_DIGITS: &str = "7070707070707070707070707070707070707071";

/// A chain with one block.
struct Memory {
    state: State,
    is_down: bool,
    /// What it says itself of a transaction.
    says: Option<NodeRun>,
}

#[async_trait]
impl Chain for Memory {
    async fn latest(&self, chain_id: u64) -> Result<BlockHead, ChainError> {
        if chain_id != self.state.chain_id {
            return Err(ChainError::NoEndpoint { chain_id });
        }
        let block = &self.state.block;
        Ok(BlockHead {
            reference: self.reference(),
            timestamp: block.timestamp,
            coinbase: block.coinbase.0.0,
            prevrandao: block.prevrandao.0,
            base_fee: block.base_fee,
            gas_limit: block.gas_limit,
            excess_blob_gas: 0,
        })
    }

    async fn block_hash(&self, _: u64, _: u64) -> Result<[u8; 32], ChainError> {
        Err(down())
    }

    async fn accounts(
        &self,
        _: u64,
        asks: &[AccountAsk],
        _: &BlockRef,
    ) -> Result<Vec<AccountRead>, ChainError> {
        if self.is_down {
            return Err(down());
        }
        let read = |ask: &AccountAsk| {
            let account = self.state.accounts.get(&Address::from(ask.address)).cloned().unwrap_or_default();
            let value =
                |slot: &[u8; 32]| account.storage.get(&B256::from(*slot)).copied().unwrap_or_default().0;
            AccountRead {
                address: ask.address,
                slots: ask.slots.iter().map(|slot| (*slot, value(slot))).collect(),
                body: ask.itself.then(|| AccountBody {
                    balance: account.balance.to_be_bytes(),
                    nonce: account.nonce,
                    code: account.code.0.clone(),
                }),
            }
        };
        Ok(asks.iter().map(read).collect())
    }

    async fn run(
        &self,
        _: u64,
        _: &TrialCall,
        _: &BlockRef,
        _: &BlockHead,
    ) -> Result<Option<NodeRun>, ChainError> {
        Ok(self.says.clone())
    }

    async fn transaction(&self, _: u64, _: [u8; 32]) -> Result<Option<SentTransaction>, ChainError> {
        Err(down())
    }
}

impl Memory {
    fn reference(&self) -> BlockRef {
        BlockRef { number: self.state.block.number, hash: self.state.block.hash.0 }
    }
}

fn down() -> ChainError {
    ChainError::Port(PortError::new("chain", "connection refused"))
}

fn with_chain(is_down: bool) -> Bench {
    with_state(is_down, |_| ())
}

/// A chain whose state is changed before it is read.
pub(super) fn with_state(is_down: bool, change: impl FnOnce(&mut Value)) -> Bench {
    let bench = bench();
    let mut state = told("Drainer", "Token");
    change(&mut state);
    let state = serde_json::from_value(state).expect("a state");
    let chain: Arc<dyn Chain> = Arc::new(Memory { state, is_down, says: None });
    Bench { app: bench.app.reading(Some(chain)), ..bench }
}

fn lure() -> Value {
    let selector = hex::encode(&alloy_primitives::keccak256("securityUpdate(address)")[..4]);
    let data = format!("0x{selector}{TOKEN_DIGITS:0>64}");
    json!({"chain": "ethereum", "from": SENDER, "to": CONTRACT, "value": "0", "data": data})
}

fn found(verdict: &Value, id: &str) -> bool {
    verdict["signals"].as_array().expect("signals").iter().any(|signal| signal["id"] == id)
}

#[tokio::test]
async fn what_a_chain_says_is_simulated_and_kept_so_that_a_replay_needs_no_chain() {
    let bench = with_chain(false);
    let (status, verdict, response) = bench.ask(ask("scoreTransaction", &lure())).await;
    assert_eq!((status, &verdict["level"]), (200, &json!("danger")), "{verdict}");
    assert!(found(&verdict, "outflow_to_account") && found(&verdict, "simulated"), "{verdict}");
    assert_eq!(verdict["block"]["number"], 23_000_000);
    let without = Bench { app: bench.app.reading(None), ..bench };
    let id = verdict["id"].as_str().expect("an id");
    let (status, replayed, _) = without.ask(about("replayVerdict", id)).await;
    assert_eq!((status, &replayed["same"]), (200, &json!(true)));
    assert_eq!(replayed["stored_sha256"], json!(sha256(&response.body)));
}

#[tokio::test]
async fn what_the_asker_tells_goes_before_the_chain_and_is_named_so() {
    let bench = with_chain(true);
    let mut asked = lure();
    asked["state"] = told("Drainer", "Token");
    let (status, verdict, _) = bench.ask(ask("scoreTransaction", &asked)).await;
    assert_eq!(
        (status, &verdict["level"], &verdict["block"]),
        (200, &json!("danger"), &Value::Null),
        "{verdict}"
    );
    let signals = verdict["signals"].as_array().expect("signals");
    let simulated = signals.iter().find(|signal| signal["id"] == "simulated").expect("what it does");
    assert_eq!(simulated["evidence"]["found"][0]["state_told_by"], "asker");
}

#[tokio::test]
async fn a_chain_that_does_not_answer_widens_and_one_that_is_not_configured_changes_nothing() {
    let approve = |chain: &str| {
        let spender = "0000000000000000000000007a250d5630b4cf539739df2c5dacb4c659f2488d";
        let data = format!("0x095ea7b3{spender}{:064x}", 100);
        json!({"chain": chain, "from": SENDER, "to": USDC, "value": "0", "data": data})
    };
    let (_, plain, _) = bench().ask(ask("scoreTransaction", &approve("ethereum"))).await;
    assert_eq!(plain["level"], "safe");
    let (status, verdict, _) = with_chain(true).ask(ask("scoreTransaction", &approve("ethereum"))).await;
    assert_eq!((status, &verdict["level"]), (200, &json!("unknown")), "{verdict}");
    assert!(
        found(&verdict, "not_simulated") && verdict["interval"][1].as_str() > plain["interval"][1].as_str()
    );
    let (_, elsewhere, _) = with_chain(false).ask(ask("scoreTransaction", &approve("polygon"))).await;
    assert!(!found(&elsewhere, "not_simulated") && !found(&elsewhere, "simulated"), "{elsewhere}");
}

#[tokio::test]
async fn a_state_that_is_none_is_a_clear_problem() {
    let bench = bench();
    let with = |change: fn(&mut Value)| {
        let mut asked = lure();
        asked["state"] = told("Drainer", "Token");
        change(&mut asked);
        asked
    };
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 9] = [
        (|asked| asked["state"]["chain_id"] = json!(137), "/state/chain_id"),
        (|asked| asked["state"]["chain"] = json!(1), "/state"),
        (|asked| asked["state"]["accounts"][CONTRACT]["code"] = json!("0x6"), "/state"),
        (|asked| asked["state"]["accounts"][CONTRACT]["balance"] = json!("0x10"), "/state"),
        (|asked| asked["state"]["accounts"]["0x1"] = json!({"balance": "0"}), "/state"),
        (|asked| asked["state"]["block"]["timestamp"] = json!(u64::MAX), "/state"),
        (|asked| drop(asked.as_object_mut().expect("an object").remove("from")), "/from"),
        (|asked| asked["gas_price"] = json!("-1"), "/gas_price"),
        (|asked| asked["gas_limit"] = json!(u64::MAX), "/gas_limit"),
    ];
    for (change, pointer) in cases {
        let (status, problem, _) = bench.ask(ask("scoreTransaction", &with(change))).await;
        assert_eq!((status, &problem["code"]), (400, &json!("invalid-transaction")), "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert!(bench.events().await.is_empty());
}

#[tokio::test]
async fn the_largest_state_is_kept_and_replayed() {
    let bench = bench();
    let mut asked = lure();
    let mut state = told("Drainer", "Token");
    let code = format!("0x{}", "5b".repeat(scorpius_evm::state::CODE_BYTES_MAX - 4_000));
    state["accounts"][format!("0x{}", "77".repeat(20))] = json!({"balance": "0", "code": code});
    for number in 0..2_000 {
        state["accounts"][CONTRACT]["storage"][format!("0x{:064x}", 1_000 + number)] =
            json!(format!("0x{number:064x}"));
    }
    asked["state"] = state;
    let (status, verdict, _) = bench.ask(ask("scoreTransaction", &asked)).await;
    assert_eq!(status, 200, "{verdict}");
    let (status, replayed, _) =
        bench.ask(about("replayVerdict", verdict["id"].as_str().expect("an id"))).await;
    assert_eq!((status, &replayed["same"]), (200, &json!(true)));
}

#[tokio::test]
async fn a_node_that_runs_it_otherwise_is_told_of_and_nothing_is_called_safe() {
    let asked = || ask("scoreTransaction", &lure());
    let judged = async |says: Option<NodeRun>| {
        let bench = bench();
        let state = serde_json::from_value(told("Drainer", "Token")).expect("a state");
        let chain: Arc<dyn Chain> = Arc::new(Memory { state, is_down: false, says });
        let bench = Bench { app: bench.app.reading(Some(chain)), ..bench };
        let (status, verdict, _) = bench.ask(asked()).await;
        assert_eq!(status, 200, "{verdict}");
        let id = verdict["id"].as_str().expect("an id");
        let (_, replayed, _) = bench.ask(about("replayVerdict", id)).await;
        assert_eq!(replayed["same"], true, "{replayed}");
        verdict
    };
    let failed = judged(Some(NodeRun { succeeded: false, logs: Vec::new() })).await;
    assert!(found(&failed, "node_disagrees"), "{failed}");
    assert!(!found(&judged(None).await, "node_disagrees"));
}

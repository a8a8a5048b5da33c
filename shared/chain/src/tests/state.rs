//! Many accounts at once, and what a call touches.

use scorpius_core::chain::{
    AccountAsk, AccountBody, AccountRead, BlockHead, NodeLog, NodeRun, SentTransaction, TrialCall,
};

use super::*;

/// Answers that tell which account and which slot they are of.
fn telling(method: &str, parameters: &Value) -> Result<Value, EgressError> {
    let of = |place: usize| parameters[place].as_str().expect("hex")[2..4].to_owned();
    Ok(match method {
        "eth_chainId" => json!({"result": "0x1"}),
        "eth_getBalance" => json!({"result": format!("0x1{}", of(0))}),
        "eth_getTransactionCount" => json!({"result": format!("0x2{}", of(0))}),
        "eth_getCode" => json!({"result": format!("0x60{}", of(0))}),
        "eth_getStorageAt" => {
            let slot = parameters[1].as_str().expect("hex").get(64..).expect("32 bytes");
            json!({"result": format!("0x{:0>60}{}{slot}", "", of(0))})
        }
        other => panic!("{other}"),
    })
}

fn asks(count: u8) -> Vec<AccountAsk> {
    let slot = |last: u8| {
        let mut slot = [0; 32];
        slot[31] = last;
        slot
    };
    (0..count)
        .map(|n| AccountAsk { address: [0x10 + n; 20], itself: n % 2 == 0, slots: vec![slot(1), slot(n)] })
        .collect()
}

#[track_caller]
fn check(asks: &[AccountAsk], read: &[AccountRead]) {
    assert_eq!(asks.len(), read.len());
    for (ask, read) in asks.iter().zip(read) {
        let of = ask.address[0];
        assert_eq!(read.address, ask.address);
        let body = read.body.as_ref().map(|AccountBody { balance, nonce, code }| {
            assert_eq!((balance[30], balance[31]), (1, of));
            assert_eq!((*nonce, &code[..]), (0x200 + u64::from(of), &[0x60, of][..]));
        });
        assert_eq!(body.is_some(), ask.itself);
        let slots: Vec<_> = read.slots.iter().map(|(slot, value)| (*slot, value[30], value[31])).collect();
        let expected: Vec<_> = ask.slots.iter().map(|slot| (*slot, of, slot[31])).collect();
        assert_eq!(slots, expected);
    }
}

#[tokio::test]
async fn many_accounts_are_one_round_trip_in_whatever_order_they_are_answered() {
    let network = Arc::new(Network::default().with(FIRST, telling));
    let (chain, _) = over(&network);
    let asks = asks(8);
    check(&asks, &chain.accounts(1, &asks, &AT).await.expect("accounts"));
    assert_eq!(*network.batches.lock().expect("no panic holds it"), [4 * 3 + 8 * 2]);
    for (_, method, parameters) in network.asked().iter().filter(|(_, method, _)| method != "eth_chainId") {
        let at = if method == "eth_getStorageAt" { &parameters[2] } else { &parameters[1] };
        assert_eq!(at["blockHash"], format!("0x{}", "ab".repeat(32)));
    }
    // Code is known; the rest is asked again.
    check(&asks, &chain.accounts(1, &asks, &AT).await.expect("accounts"));
    assert_eq!(network.batches.lock().expect("no panic holds it").last(), Some(&(4 * 2 + 8 * 2)));
}

/// What the port makes of `accounts` and `latest` where an adapter has nothing better.
struct Together(RpcChain);

#[async_trait]
impl Chain for Together {
    async fn latest(&self, chain_id: u64) -> Result<BlockHead, ChainError> {
        self.0.latest(chain_id).await
    }

    async fn block_hash(&self, chain_id: u64, number: u64) -> Result<[u8; 32], ChainError> {
        self.0.block_hash(chain_id, number).await
    }

    async fn accounts(
        &self,
        chain_id: u64,
        asks: &[AccountAsk],
        at: &BlockRef,
    ) -> Result<Vec<AccountRead>, ChainError> {
        self.0.accounts(chain_id, asks, at).await
    }

    async fn transaction(
        &self,
        chain_id: u64,
        hash: [u8; 32],
    ) -> Result<Option<SentTransaction>, ChainError> {
        self.0.transaction(chain_id, hash).await
    }
}

#[tokio::test]
async fn what_is_asked_alone_is_what_is_asked_together() {
    let network = Arc::new(Network::default().with(FIRST, telling));
    let (chain, _) = over(&network);
    let (together, _) = over(&network);
    let together = Together(together);
    let at = [0x17; 20];
    let slot = asks(3)[2].slots[1];
    let (one, all): (&dyn Chain, &dyn Chain) = (&chain, &together);
    assert_eq!(one.code(1, at, &AT).await.expect("code"), all.code(1, at, &AT).await.expect("code"));
    assert_eq!(one.balance(1, at, &AT).await.expect("wei"), all.balance(1, at, &AT).await.expect("wei"));
    assert_eq!(one.nonce(1, at, &AT).await.expect("a nonce"), all.nonce(1, at, &AT).await.expect("a nonce"));
    let word = one.storage(1, at, slot, &AT).await.expect("a word");
    assert_eq!((word[30], word), (0x17, all.storage(1, at, slot, &AT).await.expect("a word")));
    let elsewhere = all.nonce(5, at, &AT).await.expect_err("no endpoint");
    assert!(matches!(elsewhere, ChainError::NoEndpoint { chain_id: 5 }));
}

#[tokio::test]
async fn a_node_that_takes_small_batches_or_none_is_asked_in_parts_and_remembered() {
    for (batch_max, expected) in [(7, vec![28, 14, 7, 7, 7, 7]), (0, vec![28, 14, 7, 3])] {
        let network = Network { batch_max: Some(batch_max), ..Network::default() }.with(FIRST, telling);
        let network = Arc::new(network);
        let (chain, _) = over(&network);
        let asks = asks(8);
        check(&asks, &chain.accounts(1, &asks, &AT).await.expect("accounts"));
        assert_eq!(*network.batches.lock().expect("no panic holds it"), expected);
        let before = network.batches.lock().expect("no panic holds it").len();
        check(&asks, &chain.accounts(1, &asks, &AT).await.expect("accounts"));
        let later = network.batches.lock().expect("no panic holds it")[before..].to_vec();
        assert!(later.iter().all(|calls| *calls <= batch_max.max(1)), "{later:?}");
    }
}

#[tokio::test]
async fn an_endpoint_that_fails_in_the_middle_is_followed_by_the_next() {
    let network = Network::default()
        .with(FIRST, |method, parameters| match method {
            "eth_getStorageAt" => Ok(json!({"error": {"code": -32005, "message": "limit exceeded"}})),
            _ => telling(method, parameters),
        })
        .with(SECOND, telling);
    let network = Arc::new(network);
    let (chain, _) = over(&network);
    let asks = asks(3);
    check(&asks, &chain.accounts(1, &asks, &AT).await.expect("accounts"));
    assert!(network.methods(SECOND).contains(&"eth_getStorageAt".to_owned()));
}

#[tokio::test]
async fn a_head_is_read_as_contracts_see_it() {
    let network = Arc::new(Network::default().with(FIRST, |method, _| {
        Ok(match method {
            "eth_chainId" => json!({"result": "0x1"}),
            _ => json!({"result": {
                "number": "0x400", "hash": format!("0x{}", "ab".repeat(32)), "timestamp": "0x65",
                "miner": format!("0x{}", "cb".repeat(20)), "mixHash": format!("0x{}", "5b".repeat(32)),
                "baseFeePerGas": "0x7", "gasLimit": "0x1c9c380",
            }}),
        })
    }));
    let (chain, _) = over(&network);
    let head = chain.latest(1).await.expect("a head");
    assert_eq!((head.reference, head.timestamp, head.coinbase), (AT, 101, [0xcb; 20]));
    assert_eq!(
        (head.prevrandao, head.base_fee, head.gas_limit, head.excess_blob_gas),
        ([0x5b; 32], 7, 30_000_000, 0)
    );
    assert_eq!(chain.block_hash(1, 1_024).await.expect("a hash"), [0xab; 32]);
    // A node that answers with another block than it was asked for has not this one.
    assert!(matches!(chain.block_hash(1, 1_023).await, Err(ChainError::UnknownBlock)));
}

#[tokio::test]
async fn what_a_call_touches_is_a_hint_and_refusing_it_harms_no_endpoint() {
    let call = TrialCall { from: [1; 20], to: ADDRESS, value: [0; 32], data: Bytes::from_static(&[1, 2]) };
    let key = format!("0x{}", "07".repeat(32));
    let address = format!("0x{}", "11".repeat(20));
    let listed = {
        let (key, address) = (key.clone(), address.clone());
        move |method: &str, parameters: &Value| match method {
            "eth_createAccessList" => {
                assert_eq!(
                    (&parameters[0]["value"], &parameters[0]["data"]),
                    (&json!("0x0"), &json!("0x0102"))
                );
                Ok(
                    json!({"result": {"accessList": [{"address": address, "storageKeys": [key]}], "gasUsed": "0x1"}}),
                )
            }
            _ => telling(method, parameters),
        }
    };
    let network = Arc::new(Network::default().with(FIRST, listed));
    let (chain, _) = over(&network);
    let expected = vec![([0x11; 20], vec![[7; 32]])];
    assert_eq!(chain.touched(1, &call, &AT).await.expect("a hint"), expected);

    let traced = move |method: &str, parameters: &Value| match method {
        "eth_createAccessList" => Ok(json!({"error": {"code": -32000, "message": "execution reverted"}})),
        "debug_traceCall" => {
            Ok(json!({"result": {address.as_str(): {"balance": "0x0", "storage": {key.as_str(): "0x0"}}}}))
        }
        _ => telling(method, parameters),
    };
    let network = Arc::new(Network::default().with(FIRST, traced));
    let (chain, _) = over(&network);
    for _ in 0..5 {
        assert_eq!(chain.touched(1, &call, &AT).await.expect("a hint"), expected);
    }
    let refusing = |method: &str, parameters: &Value| match method {
        "eth_createAccessList" | "debug_traceCall" => Ok(json!({"error": {"code": -32601, "message": "no"}})),
        _ => telling(method, parameters),
    };
    let network = Arc::new(Network::default().with(FIRST, refusing));
    let (chain, _) = over(&network);
    for _ in 0..5 {
        assert_eq!(chain.touched(1, &call, &AT).await.expect("a hint"), []);
    }
    assert_eq!(chain.accounts(1, &asks(1), &AT).await.expect("accounts").len(), 1, "it does not rest");
}

#[test]
fn chains_are_configured_in_one_line_and_a_mistake_shows_no_credential() {
    let configured = |text: Option<&str>| {
        let clock = Arc::new(ManualClock::at(UnixMillis(0)));
        let egress = Arc::new(GuardedEgress::new(EgressOptions::default()));
        RpcChain::configured(|| egress, clock, text).map(|chain| chain.is_some())
    };
    assert!(matches!((configured(None), configured(Some(" "))), (Ok(false), Ok(false))));
    assert!(matches!(
        configured(Some("1=https://a.example/key 1=https://b.example 137=https://c.example")),
        Ok(true)
    ));
    for (text, place) in [
        ("https://a.example/s3cret", 1),
        ("1=https://a.example x=https://b.example/s3cret", 2),
        ("0=https://a.example", 1),
    ] {
        let error = configured(Some(text)).expect_err("a mistake");
        assert!(matches!(error, BadEndpoint::Entry(found) if found == place), "{error}");
        assert!(!error.to_string().contains("s3cret"));
    }
    assert!(matches!(
        configured(Some("1=http://a.example")),
        Err(BadEndpoint::Url { chain_id: 1, place: 1, .. })
    ));
}

#[tokio::test]
async fn what_a_node_runs_itself_is_read_strictly_and_not_offered_is_no_error() {
    let call = TrialCall { from: [1; 20], to: ADDRESS, value: [0; 32], data: Bytes::from_static(&[1, 2]) };
    let block = BlockHead {
        reference: BlockRef { number: 1_025, hash: [0; 32] },
        timestamp: 113,
        coinbase: [0xcb; 20],
        prevrandao: [0x5b; 32],
        base_fee: 7,
        gas_limit: 30_000_000,
        excess_blob_gas: 0,
    };
    let topic = format!("0x{}", "07".repeat(32));
    let log = json!({"address": format!("0x{}", "11".repeat(20)), "topics": [topic], "data": "0x0a"});
    let running = move |answer: Value| {
        move |method: &str, parameters: &Value| match method {
            "eth_simulateV1" => {
                let asked = &parameters[0]["blockStateCalls"][0];
                assert_eq!(asked["blockOverrides"]["number"], "0x401");
                assert_eq!(asked["calls"][0]["data"], "0x0102");
                Ok(json!({"result": [{"calls": [answer]}]}))
            }
            _ => telling(method, parameters),
        }
    };
    let read = async |answer: Value| {
        let network = Arc::new(Network::default().with(FIRST, running(answer)));
        let (chain, _) = over(&network);
        chain.run(1, &call, &AT, &block).await.expect("an answer or none")
    };
    let log_read = NodeLog { address: [0x11; 20], topics: vec![[7; 32]], data: Bytes::from_static(&[10]) };
    let run = read(json!({"status": "0x1", "logs": [log], "returnData": "0x", "gasUsed": "0x5208"})).await;
    assert_eq!(run, Some(NodeRun { succeeded: true, logs: vec![log_read] }));
    let failed = read(json!({"status": "0x0", "logs": [], "error": {"code": 3}})).await;
    assert_eq!(failed, Some(NodeRun { succeeded: false, logs: Vec::new() }));
    for bad in [
        json!({}),
        json!({"status": 1}),
        json!({"status": "0x1", "logs": [{"address": "0x", "topics": [], "data": "0x"}]}),
        json!({"status": "0x1", "logs": vec![log.clone(); 1_025]}),
    ] {
        assert_eq!(read(bad).await, None);
    }
    let refusing = |method: &str, parameters: &Value| match method {
        "eth_simulateV1" => Ok(json!({"error": {"code": -32601, "message": "no"}})),
        _ => telling(method, parameters),
    };
    let network = Arc::new(Network::default().with(FIRST, refusing));
    let (chain, _) = over(&network);
    for _ in 0..5 {
        assert_eq!(chain.run(1, &call, &AT, &block).await.expect("none"), None);
    }
    assert_eq!(chain.accounts(1, &asks(1), &AT).await.expect("accounts").len(), 1, "it does not rest");
}

#[tokio::test]
async fn a_sent_transaction_is_found_by_its_hash_or_not_known() {
    let hash = |byte: &str| format!("0x{}", byte.repeat(32));
    let sent = move |own: &str, to: Value, block: Value| {
        json!({"result": {
            "hash": hash(own), "from": format!("0x{}", "11".repeat(20)), "to": to, "value": "0x2a",
            "input": "0x095ea7b3", "gas": "0x5208", "blockNumber": block,
        }})
    };
    let network = Arc::new(Network::default().with(FIRST, move |method, parameters| {
        Ok(match (method, parameters[0].as_str().unwrap_or_default().get(2..4)) {
            ("eth_chainId", _) => json!({"result": "0x1"}),
            ("eth_getTransactionByHash", Some("aa")) => {
                sent("aa", Value::from(format!("0x{}", "22".repeat(20))), Value::Null)
            }
            ("eth_getTransactionByHash", Some("bb")) => sent("bb", Value::Null, Value::from("0x400")),
            ("eth_getTransactionByHash", Some("cc")) => sent("aa", Value::Null, Value::Null),
            ("eth_getTransactionByHash", _) => json!({"result": null}),
            other => panic!("{other:?}"),
        })
    }));
    let (chain, _) = over(&network);
    let waiting = chain.transaction(1, [0xaa; 32]).await.expect("an answer").expect("a transaction");
    assert_eq!((waiting.from, waiting.to, waiting.block), ([0x11; 20], Some([0x22; 20]), None));
    assert_eq!((waiting.value[31], waiting.gas_limit), (42, 21_000));
    assert_eq!(&waiting.data[..], [0x09, 0x5e, 0xa7, 0xb3]);
    let made = chain.transaction(1, [0xbb; 32]).await.expect("an answer").expect("a transaction");
    assert_eq!((made.to, made.block), (None, Some(1_024)));
    assert_eq!(chain.transaction(1, [0xdd; 32]).await.expect("an answer"), None);
    let other = chain.transaction(1, [0xcc; 32]).await.expect_err("another transaction");
    assert!(matches!(other, ChainError::Port(_)), "{other}");
    let elsewhere = chain.transaction(5, [0xaa; 32]).await.expect_err("no endpoint");
    assert!(matches!(elsewhere, ChainError::NoEndpoint { chain_id: 5 }));
}

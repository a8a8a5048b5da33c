//! Chains against a scripted way out, and against a node on loopback.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use scorpius_core::chain::{BlockRef, ChainError};
use scorpius_core::error::chain;
use scorpius_core::{
    Chain, Egress, EgressError, EgressRequest, EgressResponse, ManualClock, PortError, UnixMillis,
};
use scorpius_egress::{AllowedTarget, EgressOptions, GuardedEgress};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::{BadEndpoint, ChainOptions, RpcChain};

const FIRST: &str = "https://first.example/v2/s3cret";
const SECOND: &str = "https://second.example/";
const AT: BlockRef = BlockRef { number: 1_024, hash: [0xab; 32] };
const ADDRESS: [u8; 20] = [0x11; 20];

mod state;

/// What an endpoint does with a method and its parameters.
type Node = Box<dyn Fn(&str, &Value) -> Result<Value, EgressError> + Send + Sync>;

/// Endpoints by URL, and everything that they were asked.
#[derive(Default)]
struct Network {
    nodes: BTreeMap<String, Node>,
    asked: Mutex<Vec<(String, String, Value)>>,
    batches: Mutex<Vec<usize>>,
    batch_max: Option<usize>,
}

impl Network {
    fn with(
        mut self,
        url: &str,
        node: impl Fn(&str, &Value) -> Result<Value, EgressError> + Send + Sync + 'static,
    ) -> Self {
        self.nodes.insert(url.to_owned(), Box::new(node));
        self
    }

    fn one(&self, url: &str, asked: &Value) -> Result<(u16, Value), EgressError> {
        let (method, parameters) = (asked["method"].as_str().expect("a method"), &asked["params"]);
        let entry = (url.to_owned(), method.to_owned(), parameters.clone());
        self.asked.lock().expect("no panic holds it").push(entry);
        let mut answer = self.nodes[url](method, parameters)?;
        let status = answer["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
        answer["jsonrpc"] = json!("2.0");
        answer["id"] = asked["id"].clone();
        Ok((status, answer))
    }

    /// A batch's answers, last one first; more than the limit is refused as hosted nodes do.
    fn batch(&self, url: &str, calls: &[Value]) -> Result<EgressResponse, EgressError> {
        self.batches.lock().expect("no panic holds it").push(calls.len());
        let answer = |body: Value| {
            Ok(EgressResponse { status: 200, headers: Vec::new(), body: Bytes::from(body.to_string()) })
        };
        if self.batch_max.is_some_and(|max| calls.len() > max) {
            return answer(
                json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "too many"}}),
            );
        }
        let mut answers = calls
            .iter()
            .map(|call| self.one(url, call).map(|(_, answer)| answer))
            .collect::<Result<Vec<_>, _>>()?;
        answers.reverse();
        answer(Value::from(answers))
    }

    fn asked(&self) -> Vec<(String, String, Value)> {
        self.asked.lock().expect("no panic holds it").clone()
    }

    fn methods(&self, url: &str) -> Vec<String> {
        self.asked().into_iter().filter(|(to, ..)| to == url).map(|(_, method, _)| method).collect()
    }
}

#[async_trait]
impl Egress for Network {
    async fn send(&self, request: EgressRequest) -> Result<EgressResponse, EgressError> {
        let asked: Value = serde_json::from_slice(&request.body).expect("a request");
        if let Value::Array(calls) = asked {
            return self.batch(&request.url, &calls);
        }
        let (status, answer) = self.one(&request.url, &asked)?;
        Ok(EgressResponse { status, headers: Vec::new(), body: Bytes::from(answer.to_string()) })
    }

    fn check_url(&self, url: &str) -> Result<(), EgressError> {
        GuardedEgress::new(EgressOptions::default()).check_url(url)
    }
}

/// A node of chain 1 that has every block and answers `said` to everything else.
fn node(said: Value) -> impl Fn(&str, &Value) -> Result<Value, EgressError> {
    move |method, _| match method {
        "eth_chainId" => Ok(json!({"result": "0x1"})),
        _ => Ok(said.clone()),
    }
}

fn options() -> ChainOptions {
    ChainOptions { backoff: Duration::ZERO, ..ChainOptions::default() }
}

fn over(network: &Arc<Network>) -> (RpcChain, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
    let urls = network.nodes.keys().cloned().collect();
    let egress = Arc::clone(network) as Arc<dyn Egress>;
    let chain = RpcChain::new(egress, Arc::clone(&clock) as _, BTreeMap::from([(1, urls)]), options());
    (chain.expect("endpoints"), clock)
}

fn broken() -> EgressError {
    EgressError::Port(PortError::new("egress", "connection refused"))
}

#[tokio::test]
async fn state_is_read_at_the_block_s_hash() {
    let network = Arc::new(Network::default().with(FIRST, |method, _| {
        Ok(match method {
            "eth_chainId" => json!({"result": "0x1"}),
            "eth_getBlockByNumber" => {
                json!({"result": {"number": "0x400", "hash": format!("0x{}", "ab".repeat(32))}})
            }
            "eth_getCode" => json!({"result": "0x6080"}),
            "eth_getBalance" => json!({"result": "0xde0b6b3a7640000"}),
            "eth_getTransactionCount" => json!({"result": "0x2a"}),
            "eth_getStorageAt" => json!({"result": format!("0x{}07", "00".repeat(31))}),
            other => panic!("{other}"),
        })
    }));
    let (chain, _) = over(&network);
    assert_eq!(chain.head(1).await.expect("a head"), AT);
    assert_eq!(chain.code(1, ADDRESS, &AT).await.expect("code"), Bytes::from_static(&[0x60, 0x80]));
    let balance = chain.balance(1, ADDRESS, &AT).await.expect("wei");
    assert_eq!(u128::from_be_bytes(balance[16..].try_into().expect("16 bytes")), 1_000_000_000_000_000_000);
    assert_eq!(chain.nonce(1, ADDRESS, &AT).await.expect("a nonce"), 42);
    assert_eq!(chain.storage(1, ADDRESS, [0; 32], &AT).await.expect("a word")[31], 7);

    let at = json!({"blockHash": format!("0x{}", "ab".repeat(32)), "requireCanonical": true});
    let address = format!("0x{}", "11".repeat(20));
    let asked: Vec<_> =
        network.asked().into_iter().map(|(_, method, parameters)| (method, parameters)).collect();
    let expected = [
        ("eth_chainId", json!([])),
        ("eth_getBlockByNumber", json!(["latest", false])),
        ("eth_getCode", json!([address, at])),
        ("eth_getBalance", json!([address, at])),
        ("eth_getTransactionCount", json!([address, at])),
        ("eth_getStorageAt", json!([address, format!("0x{}", "00".repeat(32)), at])),
    ];
    assert_eq!(asked, expected.map(|(method, parameters)| (method.to_owned(), parameters)));
}

#[tokio::test]
async fn code_at_a_block_is_asked_for_once() {
    let network = Arc::new(Network::default().with(FIRST, node(json!({"result": "0x60"}))));
    let (chain, _) = over(&network);
    let other = BlockRef { number: 1_025, hash: [0xcd; 32] };
    for at in [&AT, &AT, &other, &AT] {
        assert_eq!(chain.code(1, ADDRESS, at).await.expect("code"), Bytes::from_static(&[0x60]));
    }
    assert_eq!(network.methods(FIRST), ["eth_chainId", "eth_getCode", "eth_getCode"]);
}

#[tokio::test]
async fn the_next_endpoint_answers_when_the_first_does_not() {
    let failures: [fn() -> Result<Value, EgressError>; 9] = [
        || Err(broken()),
        || Err(EgressError::TimedOut),
        || Err(EgressError::TooLong),
        || Ok(json!({"status": 429})),
        || Ok(json!({"status": 500, "result": "0x1"})),
        || Ok(json!({"error": {"code": -32005, "message": "limit exceeded"}})),
        || Ok(json!({"error": {"code": -32602, "message": "no objects here"}})),
        || Ok(json!({"result": "0x01"})),
        || Ok(json!({"result": null})),
    ];
    for failure in failures {
        let network = Network::default()
            .with(
                FIRST,
                move |method, _| {
                    if method == "eth_chainId" { Ok(json!({"result": "0x1"})) } else { failure() }
                },
            )
            .with(SECOND, node(json!({"result": "0x2a"})));
        let (chain, _) = over(&Arc::new(network));
        assert_eq!(chain.nonce(1, ADDRESS, &AT).await.expect("the second one's"), 42, "{:?}", failure());
    }
}

#[tokio::test]
async fn a_pass_that_failed_is_repeated_within_bounds() {
    let turns = Mutex::new(VecDeque::from([true, true]));
    let flaky = move |method: &str, _: &Value| match method {
        "eth_chainId" => Ok(json!({"result": "0x1"})),
        _ if turns.lock().expect("no panic holds it").pop_front().is_some() => Err(broken()),
        _ => Ok(json!({"result": "0x1"})),
    };
    let network = Arc::new(Network::default().with(FIRST, flaky));
    let (chain, _) = over(&network);
    assert_eq!(chain.nonce(1, ADDRESS, &AT).await.expect("the third time"), 1);
    assert_eq!(network.methods(FIRST).len(), 4);
}

#[tokio::test]
async fn an_endpoint_that_keeps_failing_rests_and_is_tried_again_later() {
    let network = Arc::new(Network::default().with(FIRST, |_, _| Err(broken())));
    let (chain, clock) = over(&network);
    let error = chain.nonce(1, ADDRESS, &AT).await.expect_err("it is broken");
    assert_eq!(
        scorpius_core::error::chain(&error),
        "chain is unavailable: endpoint 1 of chain 1: no answer: egress is unavailable: connection refused"
    );
    assert_eq!(network.asked().len(), 3);
    let error = chain.nonce(1, ADDRESS, &AT).await.expect_err("it rests");
    assert!(scorpius_core::error::chain(&error).ends_with("it rests after failing repeatedly"));
    assert_eq!(network.asked().len(), 3);
    clock.advance_ms(2_000);
    chain.nonce(1, ADDRESS, &AT).await.expect_err("it is still broken");
    assert_eq!(network.asked().len(), 4);
}

#[tokio::test]
async fn a_block_that_no_node_knows_is_unknown_and_not_asked_for_again() {
    let unknown = || node(json!({"error": {"code": -32000, "message": "header not found"}}));
    let network = Arc::new(Network::default().with(FIRST, unknown()).with(SECOND, unknown()));
    let (chain, _) = over(&network);
    assert!(matches!(chain.balance(1, ADDRESS, &AT).await, Err(ChainError::UnknownBlock)));
    assert_eq!(network.asked().len(), 4);

    let behind = Network::default().with(FIRST, unknown()).with(SECOND, node(json!({"result": "0x0"})));
    let (chain, _) = over(&Arc::new(behind));
    assert_eq!(chain.balance(1, ADDRESS, &AT).await.expect("the second one has it"), [0; 32]);
}

#[tokio::test]
async fn an_endpoint_of_another_chain_is_never_believed() {
    let wrong = |method: &str, _: &Value| match method {
        "eth_chainId" => Ok(json!({"result": "0x89"})),
        other => panic!("{other}"),
    };
    let network = Arc::new(Network::default().with(FIRST, wrong));
    let (chain, _) = over(&network);
    let error = chain.nonce(1, ADDRESS, &AT).await.expect_err("refused");
    assert!(scorpius_core::error::chain(&error).ends_with("the endpoint serves chain 137"));
}

#[tokio::test]
async fn a_chain_without_endpoints_is_named() {
    let network = Arc::new(Network::default().with(FIRST, node(json!({"result": "0x1"}))));
    let (chain, _) = over(&network);
    assert!(matches!(chain.head(5).await, Err(ChainError::NoEndpoint { chain_id: 5 })));
}

#[tokio::test]
async fn answers_out_of_form_are_errors_without_the_endpoint_s_url() {
    for said in [
        json!({"result": {"number": "0x1"}}),
        json!({"result": {"number": 1, "hash": "0x"}}),
        json!({"result": {"number": "0x1", "hash": "0xab"}}),
        json!({"result": {"number": "0x01", "hash": format!("0x{}", "ab".repeat(32))}}),
        json!({"result": null}),
        json!({"result": []}),
        json!({}),
    ] {
        let network = Arc::new(Network::default().with(FIRST, node(said.clone())));
        let (chain, _) = over(&network);
        let error = chain.head(1).await.expect_err("refused");
        let text = scorpius_core::error::chain(&error);
        assert!(
            text.starts_with("chain is unavailable: endpoint 1 of chain 1: ") && !text.contains("s3cret"),
            "{said}: {text}"
        );
    }
}

#[test]
fn endpoints_are_checked_before_anything_is_sent() {
    let make = |urls: Vec<String>| {
        let clock = Arc::new(ManualClock::at(UnixMillis(0)));
        let egress = Arc::new(Network::default());
        RpcChain::new(egress, clock, BTreeMap::from([(1, urls)]), options()).map(|_| ())
    };
    let Err(BadEndpoint::Url { chain_id: 1, place: 2, source }) =
        make(vec![FIRST.to_owned(), "http://127.0.0.1:8545".to_owned()])
    else {
        panic!("refused")
    };
    assert!(chain(&source).contains("only https"));
    assert!(matches!(make(Vec::new()), Err(BadEndpoint::Count { count: 0, .. })));
    assert!(matches!(make(vec![FIRST.to_owned(); 17]), Err(BadEndpoint::Count { count: 17, .. })));
}

/// A node with one contract, on a real socket.
async fn loopback_node() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = Vec::new();
            let asked: Value = loop {
                let mut chunk = [0; 4096];
                let length = stream.read(&mut chunk).await.expect("readable");
                assert_ne!(length, 0, "the request is whole before the end");
                read.extend_from_slice(&chunk[..length]);
                let body = read.windows(4).position(|part| part == b"\r\n\r\n").map(|at| &read[at + 4..]);
                if let Some(Ok(asked)) = body.map(serde_json::from_slice) {
                    break asked;
                }
            };
            let result = match asked["method"].as_str().expect("a method") {
                "eth_chainId" => json!("0x7a69"),
                "eth_getBlockByNumber" => {
                    json!({"number": "0x400", "hash": format!("0x{}", "ab".repeat(32))})
                }
                "eth_getCode" => json!(format!("0x{}", "5b".repeat(24_576))),
                other => panic!("{other}"),
            };
            let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}).to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
            stream.write_all(format!("{head}{answer}").as_bytes()).await.expect("writable");
        }
    });
    port
}

#[tokio::test]
async fn a_node_on_loopback_is_read_through_the_guard() {
    let port = loopback_node().await;
    let allow = vec![AllowedTarget { host: "127.0.0.1".to_owned(), port }];
    let egress = Arc::new(GuardedEgress::new(EgressOptions { allow, ..EgressOptions::default() }));
    let clock = Arc::new(ManualClock::at(UnixMillis(0)));
    let urls = vec![format!("http://127.0.0.1:{port}/")];
    let chain = RpcChain::new(egress, clock, BTreeMap::from([(31_337, urls)]), options()).expect("endpoints");
    let head = chain.head(31_337).await.expect("a head");
    assert_eq!(head, AT);
    assert_eq!(chain.code(31_337, ADDRESS, &head).await.expect("code").len(), 24_576);
}

#[tokio::test]
async fn a_contract_is_asked_at_the_block_and_its_failure_is_an_answer() {
    let asked = async |said: Value| {
        let network = Arc::new(Network::default().with(FIRST, node(said)));
        let (chain, _) = over(&network);
        let answer = chain.answer(1, ADDRESS, &[0x5c, 0x60, 0xda, 0x1b], &AT).await;
        (answer, network)
    };
    let (answer, network) = asked(json!({"result": "0x0102"})).await;
    assert_eq!(answer.expect("an answer").as_deref(), Some(&[1, 2][..]));
    let (_, method, parameters) = network.asked().pop().expect("a question");
    let block = json!({"blockHash": format!("0x{}", "ab".repeat(32)), "requireCanonical": true});
    let call = json!({"to": format!("0x{}", "11".repeat(20)), "data": "0x5c60da1b", "gas": "0xf4240"});
    assert_eq!((method.as_str(), parameters), ("eth_call", json!([call, block])));
    for silent in [
        json!({"error": {"code": 3, "message": "execution reverted"}}),
        json!({"error": {"code": -32601, "message": "no such method"}}),
        json!({"result": format!("0x{}", "00".repeat(1_025))}),
    ] {
        assert_eq!(asked(silent).await.0.expect("none"), None);
    }
    // What the node itself does wrong is not the contract's answer.
    let too_often = json!({"error": {"code": -32005, "message": "limit exceeded"}});
    for bad in [json!({"result": "0x1"}), json!({"result": 7}), json!({"status": 500}), too_often] {
        assert!(asked(bad).await.0.is_err());
    }
}

//! A real node on loopback: Foundry's anvil, as npm has it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use scorpius_chain::{ChainOptions, RpcChain};
use scorpius_core::{Chain, Egress, EgressRequest, SystemClock};
use scorpius_egress::{AllowedTarget, EgressOptions, GuardedEgress};
use scorpius_evm::{Address, Transaction, U256};
use serde_json::{Value, json};

use crate::aws::tools::{found, run, say, tools};

const VERSION: &str = "1.7.1";
/// Times that a node is asked whether it answers yet, 25 ms apart.
const TRIES_MAX: u32 = 400;

/// Where anvil is. `None`, having said so, where it cannot be had.
fn anvil() -> Option<&'static PathBuf> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAM.get_or_init(|| found("anvil from npm", install())).as_ref()
}

fn install() -> Result<PathBuf, String> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => return Err(format!("npm has no anvil for {other}")),
    };
    let name =
        format!("@foundry-rs/anvil-{}-{architecture}", std::env::consts::OS.replace("macos", "darwin"));
    let root = tools().join(format!("anvil-{VERSION}"));
    let package = root.join("node_modules").join(&name);
    let is_there = || {
        let said = std::fs::read_to_string(package.join("package.json")).unwrap_or_default();
        said.contains(&format!("\"version\": \"{VERSION}\""))
    };
    if !is_there() {
        say(&format!("installing {name} {VERSION} (once)"));
        std::fs::create_dir_all(&root).map_err(|error| error.to_string())?;
        let asked =
            ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefix"];
        run(Command::new("npm").args(asked).arg(&root).arg(format!("{name}@{VERSION}")))?;
    }
    let program = package.join("bin/anvil");
    match is_there() && program.exists() {
        true => Ok(program),
        false => Err(format!("{} is not version {VERSION}", package.display())),
    }
}

/// A node that mines a block for each transaction. It is ended when this is dropped.
pub(super) struct Node {
    child: Child,
    pub(super) url: String,
    pub(super) chain_id: u64,
    egress: Arc<GuardedEgress>,
    /// Whose keys it has.
    pub(super) accounts: Vec<Address>,
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Node {
    pub(super) async fn start() -> Option<Self> {
        let program = anvil()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|it| it.local_addr())
            .expect("a free port")
            .port();
        let chain_id = 1;
        let child = Command::new(program)
            .args(["--port", &port.to_string(), "--host", "127.0.0.1", "--silent", "--hardfork", "osaka"])
            .args(["--chain-id", &chain_id.to_string(), "--balance", "1000", "--gas-limit", "45000000"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("anvil starts");
        let allow = vec![AllowedTarget { host: "127.0.0.1".to_owned(), port }];
        let egress = Arc::new(GuardedEgress::new(EgressOptions { allow, ..EgressOptions::default() }));
        let url = format!("http://127.0.0.1:{port}/");
        let mut node = Self { child, url, chain_id, egress, accounts: Vec::new() };
        let mut tries = 0;
        let accounts = loop {
            match node.try_ask("eth_accounts", json!([])).await {
                Ok(accounts) => break accounts,
                Err(error) => assert!(tries < TRIES_MAX, "anvil does not answer: {error}"),
            }
            tries += 1;
            tokio::time::sleep(Duration::from_millis(25)).await;
        };
        node.accounts = serde_json::from_value(accounts).expect("addresses");
        // A block whose fees somebody gets, as on a chain.
        let builder = Address::repeat_byte(0xb1);
        node.ask("anvil_setCoinbase", json!([builder])).await;
        node.ask("anvil_mine", json!(["0x3"])).await;
        Some(node)
    }

    /// As functions read it.
    pub(super) fn chain(&self) -> Arc<dyn Chain> {
        let endpoints = BTreeMap::from([(self.chain_id, vec![self.url.clone()])]);
        let egress = Arc::clone(&self.egress) as Arc<dyn Egress>;
        Arc::new(
            RpcChain::new(egress, Arc::new(SystemClock), endpoints, ChainOptions::default())
                .expect("an endpoint"),
        )
    }

    async fn try_ask(&self, method: &str, parameters: Value) -> Result<Value, String> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let request = EgressRequest {
            method: "POST",
            url: self.url.clone(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: Bytes::from(body.to_string()),
            deadline: Duration::from_secs(20),
            answer_bytes_max: 4_000_000,
        };
        let answer = self.egress.send(request).await.map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        match answer.get("error") {
            Some(error) => Err(format!("{method}: {error}")),
            None => Ok(answer["result"].take()),
        }
    }

    pub(super) async fn ask(&self, method: &str, parameters: Value) -> Value {
        self.try_ask(method, parameters).await.unwrap_or_else(|error| panic!("{error}"))
    }

    pub(super) async fn balance(&self, account: Address) -> U256 {
        number(&self.ask("eth_getBalance", json!([account, "latest"])).await)
    }

    async fn call(&self, to: Address, signature: &str, arguments: &[Address]) -> U256 {
        let words: Vec<_> =
            arguments.iter().map(|address| U256::from_be_bytes(address.into_word().0)).collect();
        let data = format!("0x{}", hex(&calldata(signature, &words)));
        let answer = self.ask("eth_call", json!([{"to": to, "data": data}, "latest"])).await;
        number(&answer)
    }

    pub(super) async fn token_balance(&self, token: Address, account: Address) -> U256 {
        self.call(token, "balanceOf(address)", &[account]).await
    }

    pub(super) async fn allowance(&self, token: Address, owner: Address, spender: Address) -> U256 {
        self.call(token, "allowance(address,address)", &[owner, spender]).await
    }

    /// The next block comes twelve seconds after `timestamp`.
    pub(super) async fn in_twelve_seconds(&self, timestamp: u64) {
        self.ask("evm_setNextBlockTimestamp", json!([timestamp + 12])).await;
    }

    /// Sends it and answers its receipt, whether it went through or not.
    pub(super) async fn send(&self, transaction: &Transaction) -> Value {
        let Transaction { from, to, value, ref data, gas_limit, gas_price } = *transaction;
        let sent = json!([{
            "from": from, "to": to, "value": format!("{value:#x}"), "data": format!("0x{}", hex(data)),
            "gas": format!("{:#x}", gas_limit.expect("a limit")), "gasPrice": format!("{:#x}", gas_price.expect("a price")),
        }]);
        self.included(sent).await
    }

    /// Sends it and waits for its receipt: under load a block is mined a moment after the answer.
    pub(super) async fn included(&self, sent: Value) -> Value {
        let hash = self.ask("eth_sendTransaction", sent).await;
        for _ in 0..TRIES_MAX {
            let receipt = self.ask("eth_getTransactionReceipt", json!([hash])).await;
            if receipt.is_object() {
                return receipt;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{hash} is in no block");
    }

    /// Deploys creation code of `shared/evm/fixtures` with arguments, by `from`.
    pub(super) async fn deploy(&self, from: Address, name: &str, arguments: &[U256], value: U256) -> Address {
        let all: Value =
            serde_json::from_str(&crate::tree::read("shared/evm/fixtures/contracts.json")).expect("JSON");
        let code = all[name]["creation"].as_str().unwrap_or_else(|| panic!("no contract {name}"));
        let words: String = arguments.iter().map(|word| hex(&word.to_be_bytes::<32>())).collect();
        let sent = json!([{"from": from, "data": format!("0x{code}{words}"), "value": format!("{value:#x}"), "gas": "0x4c4b40"}]);
        let receipt = self.included(sent).await;
        assert_eq!(receipt["status"], "0x1", "{name} is deployed");
        serde_json::from_value(receipt["contractAddress"].clone()).expect("an address")
    }
}

pub(super) fn number(value: &Value) -> U256 {
    let text = value.as_str().unwrap_or_else(|| panic!("not a number: {value}"));
    match text.trim_start_matches("0x") {
        "" => U256::ZERO,
        digits => U256::from_str_radix(&digits[..digits.len().min(64)], 16).expect("hex"),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn calldata(signature: &str, words: &[U256]) -> Vec<u8> {
    let selector = scorpius_evm::selector(signature);
    selector.into_iter().chain(words.iter().flat_map(|word| word.to_be_bytes::<32>())).collect()
}

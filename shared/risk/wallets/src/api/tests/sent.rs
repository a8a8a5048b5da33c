//! Transactions that are read by their hash.

use async_trait::async_trait;
use scorpius_core::PortError;
use scorpius_core::chain::{AccountAsk, AccountRead, BlockHead, BlockRef, ChainError, SentTransaction};

use super::*;

/// A chain that knows transactions, and nothing else.
struct Sent(Vec<([u8; 32], SentTransaction)>);

fn down() -> ChainError {
    ChainError::Port(PortError::new("chain", "connection refused"))
}

#[async_trait]
impl Chain for Sent {
    async fn latest(&self, _: u64) -> Result<BlockHead, ChainError> {
        Err(down())
    }

    async fn block_hash(&self, _: u64, _: u64) -> Result<[u8; 32], ChainError> {
        Err(down())
    }

    async fn accounts(&self, _: u64, _: &[AccountAsk], _: &BlockRef) -> Result<Vec<AccountRead>, ChainError> {
        Err(down())
    }

    async fn transaction(
        &self,
        chain_id: u64,
        hash: [u8; 32],
    ) -> Result<Option<SentTransaction>, ChainError> {
        match chain_id {
            1 if hash == [0xee; 32] => Err(down()),
            1 => Ok(self.0.iter().find(|(known, _)| *known == hash).map(|(_, sent)| sent.clone())),
            chain_id => Err(ChainError::NoEndpoint { chain_id }),
        }
    }
}

fn bytes(address: &str) -> [u8; 20] {
    let account: scorpius_risk::address::Account = address.parse().expect("an address");
    *account.bytes()
}

fn chain() -> Arc<Sent> {
    let mut ten = [0; 32];
    ten[31] = 10;
    let sent = |from: &str, to: Option<&str>, block| SentTransaction {
        from: bytes(from),
        to: to.map(bytes),
        value: ten,
        data: Bytes::new(),
        gas_limit: 21_000,
        block,
    };
    Arc::new(Sent(vec![
        ([0xaa; 32], sent(WALLET, Some(RONIN_EXPLOITER), None)),
        ([0xbb; 32], sent(WALLET, Some(NOBODY), Some(23_000_000))),
        ([0xcc; 32], sent(SOMEBODY, Some(WALLET), None)),
        ([0xdd; 32], sent(WALLET, None, None)),
    ]))
}

fn hash(digits: &str) -> Value {
    json!({"transaction_hash": format!("0x{}", digits.repeat(32))})
}

#[tokio::test]
async fn a_sent_transaction_is_judged_by_its_hash_and_not_counted_as_spent_again() {
    let bench = reading(chain());
    let wallet = bench.protected().await;
    let waiting = bench.expect(200, ask("analyzeTransaction", &hash("aa")).of(&wallet)).await;
    assert_eq!(rule(&waiting), ("block", "hard_rule"), "{waiting}");
    assert_eq!(waiting["transaction"]["status"], "pending");
    assert!(has(&waiting, "not_simulated"), "a node was asked for state and does not answer: {waiting}");

    let included = bench.expect(200, ask("analyzeTransaction", &hash("bb")).of(&wallet)).await;
    assert_eq!(
        included["transaction"],
        json!({"hash": hash("bb")["transaction_hash"], "status": "included", "block": 23_000_000})
    );
    assert!(!has(&included, "not_simulated") && has(&included, "no_chain_data"), "{included}");

    let limits = json!([{"chain": "ethereum", "asset": "native", "per_24h": "10"}]);
    bench.expect(200, ask("putSecurityPolicy", &policy(limits)).with("if-match", "*")).await;
    assert_eq!(rule(&bench.analyzed(&wallet, &payment(NOBODY, "10")).await).0, "allow");
    let again = bench.expect(200, ask("analyzeTransaction", &hash("bb")).of(&wallet)).await;
    assert!(has(&again, "policy_daily_limit"), "it is judged by the limit: {again}");
}

#[tokio::test]
async fn a_hash_that_cannot_be_judged_is_a_clear_problem() {
    let bench = reading(chain());
    let wallet = bench.protected().await;
    for (body, status, code) in [
        (hash("cc"), 400, "invalid-transaction"),
        (hash("dd"), 400, "invalid-transaction"),
        (hash("00"), 404, "not-found"),
        (hash("ee"), 503, "unavailable"),
        (json!({"transaction_hash": "0x12"}), 400, "invalid-transaction"),
        (json!({"transaction_hash": "aa".repeat(32)}), 400, "invalid-transaction"),
    ] {
        let problem = bench.expect(status, ask("analyzeTransaction", &body).of(&wallet)).await;
        assert_eq!(problem["code"], code, "{problem}");
    }
    let elsewhere = json!({"address": WALLET, "chain": "polygon", "name": "There"});
    let elsewhere = bench.expect(201, ask("protectWallet", &elsewhere)).await;
    let there = elsewhere["wallet_id"].as_str().expect("an id");
    let none = bench.expect(409, ask("analyzeTransaction", &hash("aa")).of(there)).await;
    assert_eq!(none["code"], "no-endpoint");
    let without = super::bench();
    let wallet = without.protected().await;
    let none = without.expect(409, ask("analyzeTransaction", &hash("aa")).of(&wallet)).await;
    assert_eq!(none["code"], "no-endpoint");
}

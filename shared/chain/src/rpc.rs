//! `RpcChain`: the port `Chain` over ordered endpoints.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use scorpius_core::chain::{
    AccountAsk, AccountRead, BlockHead, BlockRef, ChainError, NodeRun, SentTransaction, Touched, TrialCall,
};
use scorpius_core::{Chain, Clock, Egress, EgressError, EgressRequest, PortError};
use serde_json::{Value, json};

use crate::answer::{Blame, RpcError, result, results, text};
use crate::cache::CodeCache;
use crate::endpoint::Endpoint;
use crate::hex_text::{data, fixed, quantity, quantity_u64};

/// Endpoints of one chain.
const ENDPOINTS_MAX: usize = 16;
/// Bytes of deployed code. EIP-170 has 24,576; chains with larger limits stay far below this.
pub(crate) const CODE_BYTES_MAX: usize = 1_000_000;
/// Bytes of any other answer: a block's head with all its transactions' hashes.
const ANSWER_BYTES_MAX: usize = 1_000_000;
/// Bytes of an answer that carries code: hex, and its envelope.
const CODE_ANSWER_BYTES_MAX: usize = 2 * CODE_BYTES_MAX + 1_024;
/// EIP-1474: asked too often, whatever was asked.
const LIMIT_EXCEEDED: i64 = -32005;

/// How endpoints are asked.
#[derive(Clone, Copy, Debug)]
pub struct ChainOptions {
    /// For one request to one endpoint.
    pub deadline: Duration,
    /// Times that all endpoints are tried, 1 to 10.
    pub passes: u32,
    /// The wait after the first pass; it doubles, and half of it is random.
    pub backoff: Duration,
    /// Bytes of code that are kept.
    pub cache_bytes_max: usize,
}

impl Default for ChainOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            passes: 3,
            backoff: Duration::from_millis(200),
            cache_bytes_max: 32_000_000,
        }
    }
}

/// An endpoint that cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum BadEndpoint {
    /// Its URL may not be called.
    #[error("endpoint {place} of chain {chain_id}")]
    Url {
        /// EIP-155.
        chain_id: u64,
        /// Counted from 1; the URL itself may hold a credential.
        place: usize,
        /// Why.
        #[source]
        source: EgressError,
    },
    /// Not the number of a chain, `=` and a URL; which is not shown, because it may hold a credential.
    #[error("entry {0} of the chains is not a number, `=` and a URL")]
    Entry(usize),
    /// None, or more than 16.
    #[error("chain {chain_id} has {count} endpoints")]
    Count {
        /// EIP-155.
        chain_id: u64,
        /// How many.
        count: usize,
    },
}

/// Which endpoint failed, and how.
#[derive(Debug, thiserror::Error)]
#[error("endpoint {place} of chain {chain_id}")]
struct EndpointFailed {
    chain_id: u64,
    place: usize,
    #[source]
    source: RpcError,
}

/// Whether a node that works said no to what was asked, or the answer is too long: it will be so again.
pub(crate) fn is_of_the_question(error: &PortError) -> bool {
    let failed = error.source.downcast_ref::<EndpointFailed>();
    failed.is_some_and(|failed| match &failed.source {
        RpcError::Refused { code, .. } => *code != LIMIT_EXCEEDED,
        other => matches!(other, RpcError::Egress(EgressError::TooLong)),
    })
}

/// EVM chains over JSON-RPC.
pub struct RpcChain {
    egress: Arc<dyn Egress>,
    clock: Arc<dyn Clock>,
    endpoints: BTreeMap<u64, Vec<Endpoint>>,
    options: ChainOptions,
    requests: AtomicU64,
    codes: Mutex<CodeCache>,
}

impl RpcChain {
    /// Asks `endpoints` (by EIP-155 chain id, the preferred one first) through `egress`.
    ///
    /// # Errors
    /// `BadEndpoint`, before anything is sent.
    pub fn new(
        egress: Arc<dyn Egress>,
        clock: Arc<dyn Clock>,
        endpoints: BTreeMap<u64, Vec<String>>,
        options: ChainOptions,
    ) -> Result<Self, BadEndpoint> {
        for (&chain_id, urls) in &endpoints {
            if urls.is_empty() || urls.len() > ENDPOINTS_MAX {
                return Err(BadEndpoint::Count { chain_id, count: urls.len() });
            }
            for (index, url) in urls.iter().enumerate() {
                let place = index + 1;
                egress.check_url(url).map_err(|source| BadEndpoint::Url { chain_id, place, source })?;
            }
        }
        let endpoints = endpoints
            .into_iter()
            .map(|(chain_id, urls)| (chain_id, urls.into_iter().map(Endpoint::new).collect()))
            .collect();
        let codes = Mutex::new(CodeCache::new(options.cache_bytes_max));
        Ok(Self { egress, clock, endpoints, options, requests: AtomicU64::new(1), codes })
    }

    /// Asks what a setting names: `1=https://… 1=https://… 137=https://…`. `None` when it names nothing.
    ///
    /// The way out is made only if something is named. A wallet waits for the answer: each endpoint is asked once, and not for long.
    ///
    /// # Errors
    /// `BadEndpoint`, before anything is sent.
    pub fn configured(
        egress: impl FnOnce() -> Arc<dyn Egress>,
        clock: Arc<dyn Clock>,
        chains: Option<&str>,
    ) -> Result<Option<Arc<dyn Chain>>, BadEndpoint> {
        let mut endpoints: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for (index, entry) in chains.unwrap_or_default().split_whitespace().enumerate() {
            let bad = || BadEndpoint::Entry(index + 1);
            let (chain_id, url) = entry.split_once('=').ok_or_else(bad)?;
            let chain_id = chain_id.parse().ok().filter(|chain_id| *chain_id > 0).ok_or_else(bad)?;
            endpoints.entry(chain_id).or_default().push(url.to_owned());
        }
        if endpoints.is_empty() {
            return Ok(None);
        }
        let options = ChainOptions { deadline: Duration::from_secs(1), passes: 1, ..ChainOptions::default() };
        Ok(Some(Arc::new(Self::new(egress(), clock, endpoints, options)?)))
    }

    /// Asks the endpoints in order until `read` accepts an answer; all of them again after a pass that failed.
    pub(crate) async fn ask<T>(
        &self,
        chain_id: u64,
        question: &Question,
        read: impl Fn(&[Value]) -> Result<T, RpcError>,
    ) -> Result<T, ChainError> {
        let endpoints = self.endpoints.get(&chain_id).ok_or(ChainError::NoEndpoint { chain_id })?;
        let passes = self.options.passes.clamp(1, 10);
        let mut pass = 1;
        loop {
            let (mut unknown_block, mut worth_another, mut last) = (false, false, None);
            for (index, endpoint) in endpoints.iter().enumerate() {
                let source = match self.ask_one(chain_id, endpoint, question, &read).await {
                    Ok(answer) => return Ok(answer),
                    Err(source) => source,
                };
                let blame = question.blame(&source);
                unknown_block |= blame == Blame::Block;
                worth_another |= blame == Blame::Endpoint;
                // That one rests says less than why another one failed.
                if last.is_none() || blame != Blame::Nobody {
                    last = Some(EndpointFailed { chain_id, place: index + 1, source });
                }
            }
            // A node that works and lacks the block outweighs others that do not work.
            if unknown_block {
                return Err(ChainError::UnknownBlock);
            }
            if let (true, Some(failed)) = (pass >= passes || !worth_another, last) {
                return Err(PortError::new("chain", failed).into());
            }
            tokio::time::sleep(self.wait(pass)).await;
            pass += 1;
        }
    }

    async fn ask_one<T>(
        &self,
        chain_id: u64,
        endpoint: &Endpoint,
        question: &Question,
        read: impl Fn(&[Value]) -> Result<T, RpcError>,
    ) -> Result<T, RpcError> {
        if !endpoint.admit(self.clock.now()) {
            return Err(RpcError::Resting);
        }
        let answer = async {
            if !endpoint.serves_its_chain() {
                let asked = self.exchange(endpoint, &Question::new("eth_chainId", json!([]))).await?;
                match quantity_u64(text(only(&asked)?)?)? {
                    found if found == chain_id => endpoint.served_its_chain(),
                    found => return Err(RpcError::OtherChain { found }),
                }
            }
            read(&self.exchange_in_parts(endpoint, question).await?)
        };
        let answer = answer.await;
        match answer.as_ref().map_err(|error| question.blame(error)) {
            Ok(_) | Err(Blame::Block | Blame::Question) => endpoint.succeeded(),
            Err(Blame::Endpoint) => endpoint.failed(self.clock.now()),
            Err(Blame::Nobody) => {}
        }
        answer
    }

    /// All calls of `question` in one request; in halves, where the node takes no batch of this size.
    async fn exchange_in_parts(
        &self,
        endpoint: &Endpoint,
        question: &Question,
    ) -> Result<Vec<Value>, RpcError> {
        let mut answers = Vec::with_capacity(question.calls.len());
        let mut rest = &question.calls[..];
        while !rest.is_empty() {
            let (part, later) = rest.split_at(rest.len().min(endpoint.batch_max()));
            let asked = Question { calls: part.to_vec(), ..*question };
            match self.exchange(endpoint, &asked).await {
                Ok(answered) => {
                    answers.extend(answered);
                    rest = later;
                }
                Err(error) if part.len() > 1 && error.may_be_of_the_batch() => {
                    endpoint.takes_at_most(part.len() / 2);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(answers)
    }

    async fn exchange(&self, endpoint: &Endpoint, question: &Question) -> Result<Vec<Value>, RpcError> {
        let count = u64::try_from(question.calls.len()).unwrap_or(u64::MAX);
        let first = self.requests.fetch_add(count, Ordering::Relaxed);
        let call = |(id, (method, parameters)): (u64, &(&str, Value))| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": parameters});
        let calls: Vec<_> = (first..).zip(&question.calls).map(call).collect();
        let body = match &calls[..] {
            [call] => call.to_string(),
            calls => Value::from(calls.to_vec()).to_string(),
        };
        let request = EgressRequest {
            method: "POST",
            url: endpoint.url.clone(),
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("accept".to_owned(), "application/json".to_owned()),
                ("user-agent".to_owned(), concat!("scorpius-chain/", env!("CARGO_PKG_VERSION")).to_owned()),
            ],
            body: Bytes::from(body),
            deadline: self.options.deadline,
            answer_bytes_max: question.answer_bytes_max,
        };
        let answer = self.egress.send(request).await.map_err(RpcError::Egress)?;
        match (answer.status, calls.len()) {
            (200, 1) => Ok(vec![result(&answer.body, first)?]),
            (200, count) => results(&answer.body, first, count),
            (status, _) => Err(RpcError::Status(status)),
        }
    }

    /// After pass `pass`, counted from 1: between half of the backoff and the whole.
    fn wait(&self, pass: u32) -> Duration {
        let whole = self.options.backoff.saturating_mul(1 << (pass - 1).min(5));
        let mut random = [0; 4];
        self.clock.fill_random(&mut random);
        let share = f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX);
        whole.mul_f64(0.5 + share / 2.0)
    }

    pub(crate) fn codes(&self) -> std::sync::MutexGuard<'_, CodeCache> {
        // Losing entries to a panic costs a request each, and nothing else.
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is asked: one call, or several at once.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) calls: Vec<(&'static str, Value)>,
    pub(crate) answer_bytes_max: usize,
    /// Nodes may well refuse it, and are not worse for it.
    pub(crate) is_hint: bool,
}

impl Question {
    pub(crate) fn new(method: &'static str, parameters: Value) -> Self {
        Self { calls: vec![(method, parameters)], answer_bytes_max: ANSWER_BYTES_MAX, is_hint: false }
    }

    fn blame(&self, error: &RpcError) -> Blame {
        match error {
            RpcError::Refused { .. } if self.is_hint => Blame::Question,
            error => error.blame(),
        }
    }
}

/// The answer to a question of one call.
pub(crate) fn only(answers: &[Value]) -> Result<&Value, RpcError> {
    match answers {
        [answer] => Ok(answer),
        _ => Err(RpcError::Form("not one answer to one call")),
    }
}

/// EIP-1898: this very block, as long as it is canonical.
pub(crate) fn pinned(at: &BlockRef) -> Value {
    json!({"blockHash": hex_of(&at.hash), "requireCanonical": true})
}

pub(crate) fn hex_of(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn head_of(answers: &[Value]) -> Result<BlockRef, RpcError> {
    let block = only(answers)?;
    let member = |name: &str| {
        block.get(name).and_then(Value::as_str).ok_or(RpcError::Form("a block without number or hash"))
    };
    Ok(BlockRef { number: quantity_u64(member("number")?)?, hash: fixed(member("hash")?)? })
}

#[async_trait]
impl Chain for RpcChain {
    async fn head(&self, chain_id: u64) -> Result<BlockRef, ChainError> {
        let question = Question::new("eth_getBlockByNumber", json!(["latest", false]));
        self.ask(chain_id, &question, head_of).await
    }

    async fn code(&self, chain_id: u64, address: [u8; 20], at: &BlockRef) -> Result<Bytes, ChainError> {
        let key = (chain_id, address, at.hash);
        let known = self.codes().get(&key);
        if let Some(code) = known {
            return Ok(code);
        }
        let question = Question {
            answer_bytes_max: CODE_ANSWER_BYTES_MAX,
            ..Question::new("eth_getCode", json!([hex_of(&address), pinned(at)]))
        };
        let read = |answers: &[Value]| Ok(data(text(only(answers)?)?, CODE_BYTES_MAX)?);
        let code = self.ask(chain_id, &question, read).await?;
        self.codes().put(key, code.clone());
        Ok(code)
    }

    async fn balance(&self, chain_id: u64, address: [u8; 20], at: &BlockRef) -> Result<[u8; 32], ChainError> {
        let question = Question::new("eth_getBalance", json!([hex_of(&address), pinned(at)]));
        self.ask(chain_id, &question, |answers| Ok(quantity(text(only(answers)?)?)?)).await
    }

    async fn nonce(&self, chain_id: u64, address: [u8; 20], at: &BlockRef) -> Result<u64, ChainError> {
        let question = Question::new("eth_getTransactionCount", json!([hex_of(&address), pinned(at)]));
        self.ask(chain_id, &question, |answers| Ok(quantity_u64(text(only(answers)?)?)?)).await
    }

    async fn storage(
        &self,
        chain_id: u64,
        address: [u8; 20],
        slot: [u8; 32],
        at: &BlockRef,
    ) -> Result<[u8; 32], ChainError> {
        let parameters = json!([hex_of(&address), hex_of(&slot), pinned(at)]);
        let question = Question::new("eth_getStorageAt", parameters);
        self.ask(chain_id, &question, |answers| Ok(fixed(text(only(answers)?)?)?)).await
    }

    async fn latest(&self, chain_id: u64) -> Result<BlockHead, ChainError> {
        self.read_latest(chain_id).await
    }

    async fn block_hash(&self, chain_id: u64, number: u64) -> Result<[u8; 32], ChainError> {
        let question = Question::new("eth_getBlockByNumber", json!([format!("0x{number:x}"), false]));
        let head = self.ask(chain_id, &question, head_of).await?;
        if head.number == number { Ok(head.hash) } else { Err(ChainError::UnknownBlock) }
    }

    async fn accounts(
        &self,
        chain_id: u64,
        asks: &[AccountAsk],
        at: &BlockRef,
    ) -> Result<Vec<AccountRead>, ChainError> {
        self.read_accounts(chain_id, asks, at).await
    }

    async fn touched(&self, chain_id: u64, call: &TrialCall, at: &BlockRef) -> Result<Touched, ChainError> {
        self.read_touched(chain_id, call, at).await
    }

    async fn run(
        &self,
        chain_id: u64,
        call: &TrialCall,
        at: &BlockRef,
        block: &BlockHead,
    ) -> Result<Option<NodeRun>, ChainError> {
        self.read_run(chain_id, call, at, block).await
    }

    async fn answer(
        &self,
        chain_id: u64,
        to: [u8; 20],
        data: &[u8],
        at: &BlockRef,
    ) -> Result<Option<Bytes>, ChainError> {
        self.read_answer(chain_id, to, data, at).await
    }

    async fn transaction(
        &self,
        chain_id: u64,
        hash: [u8; 32],
    ) -> Result<Option<SentTransaction>, ChainError> {
        self.read_transaction(chain_id, hash).await
    }
}

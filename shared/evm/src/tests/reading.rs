//! Reading state from a chain that is a `State` in memory.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use scorpius_core::Chain;
use scorpius_core::chain::{
    AccountAsk, AccountBody, AccountRead, BlockHead, BlockRef, ChainError, NodeRun, SentTransaction, Touched,
    TrialCall,
};
use scorpius_core::error::PortError;

use super::*;

/// A chain with one block, which a node may guess about, lose, or fail to serve.
struct Memory {
    state: State,
    hint: Touched,
    /// Answers until the block is gone, or nothing is answered.
    answers_left: AtomicUsize,
    afterwards: fn() -> ChainError,
    asked: Mutex<Vec<usize>>,
}

impl Memory {
    fn of(state: State) -> Self {
        Self {
            state,
            hint: Touched::new(),
            answers_left: AtomicUsize::new(usize::MAX),
            afterwards: || ChainError::UnknownBlock,
            asked: Mutex::default(),
        }
    }

    fn failing_after(state: State, answers: usize, afterwards: fn() -> ChainError) -> Self {
        Self { answers_left: AtomicUsize::new(answers), afterwards, ..Self::of(state) }
    }

    fn answer(&self) -> Result<(), ChainError> {
        let left =
            self.answers_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| (self.afterwards)())
    }

    fn head(&self) -> BlockRef {
        BlockRef { number: self.state.block.number, hash: self.state.block.hash.0 }
    }
}

#[async_trait]
impl Chain for Memory {
    async fn head(&self, _: u64) -> Result<BlockRef, ChainError> {
        panic!("a simulation needs more than a head")
    }

    async fn code(&self, _: u64, _: [u8; 20], _: &BlockRef) -> Result<bytes::Bytes, ChainError> {
        panic!("one by one is slow")
    }

    async fn balance(&self, _: u64, _: [u8; 20], _: &BlockRef) -> Result<[u8; 32], ChainError> {
        panic!("one by one is slow")
    }

    async fn nonce(&self, _: u64, _: [u8; 20], _: &BlockRef) -> Result<u64, ChainError> {
        panic!("one by one is slow")
    }

    async fn storage(&self, _: u64, _: [u8; 20], _: [u8; 32], _: &BlockRef) -> Result<[u8; 32], ChainError> {
        panic!("one by one is slow")
    }

    async fn latest(&self, chain_id: u64) -> Result<BlockHead, ChainError> {
        if chain_id != self.state.chain_id {
            return Err(ChainError::NoEndpoint { chain_id });
        }
        let Block { timestamp, coinbase, prevrandao, base_fee, gas_limit, .. } = self.state.block;
        Ok(BlockHead {
            reference: Self::head(self),
            timestamp,
            coinbase: coinbase.0.0,
            prevrandao: prevrandao.0,
            base_fee,
            gas_limit,
            excess_blob_gas: 0,
        })
    }

    async fn block_hash(&self, _: u64, number: u64) -> Result<[u8; 32], ChainError> {
        self.answer()?;
        Ok(alloy_primitives::keccak256(number.to_be_bytes()).0)
    }

    async fn accounts(
        &self,
        _: u64,
        asks: &[AccountAsk],
        at: &BlockRef,
    ) -> Result<Vec<AccountRead>, ChainError> {
        self.answer()?;
        assert_eq!(*at, Self::head(self), "all is read at one block");
        self.asked.lock().expect("no panic holds it").push(asks.len());
        let read = |ask: &AccountAsk| {
            let account = self.state.accounts.get(&Address::from(ask.address)).cloned().unwrap_or_default();
            let body = AccountBody {
                balance: account.balance.to_be_bytes(),
                nonce: account.nonce,
                code: account.code.0.clone(),
            };
            let value =
                |slot: &[u8; 32]| account.storage.get(&B256::from(*slot)).copied().unwrap_or_default();
            let slots = ask.slots.iter().map(|slot| (*slot, value(slot).0)).collect();
            AccountRead { address: ask.address, body: ask.itself.then_some(body), slots }
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
        Ok(None)
    }

    async fn touched(&self, _: u64, _: &TrialCall, _: &BlockRef) -> Result<Touched, ChainError> {
        self.answer()?;
        Ok(self.hint.clone())
    }

    async fn transaction(&self, _: u64, _: [u8; 32]) -> Result<Option<SentTransaction>, ChainError> {
        self.answer()?;
        Ok(None)
    }
}

fn transfer() -> Transaction {
    call(TOKEN, U256::ZERO, "transfer(address,uint256)", &[word(FRIEND), U256::from(400)])
}

async fn read(chain: &Memory, transaction: &Transaction) -> Prefetched {
    prefetch(chain, 1, transaction, &BTreeSet::new(), &Limits::standard(), &|| false).await
}

#[tokio::test]
async fn what_is_read_gives_what_the_whole_state_gives() {
    let whole = state(&[token("Token")]);
    let chain = Memory::of(whole.clone());
    let prefetched = read(&chain, &transfer()).await;
    assert_eq!((prefetched.unread, prefetched.rounds > 1), (None, true));
    let state = prefetched.state.expect("a head");
    assert!(!state.whole && state.accounts.len() >= 2);
    assert_eq!(simulated(&state, &transfer()), simulated(&whole, &transfer()));
}

#[tokio::test]
async fn a_node_that_guesses_well_is_asked_less() {
    let whole = state(&[token("Token")]);
    let without = Memory::of(whole.clone());
    let needed = read(&without, &transfer()).await.state.expect("a head");
    let slots = |account: &Account| account.storage.keys().map(|slot| slot.0).collect();
    let hint = needed.accounts.iter().map(|(address, account)| (address.0.0, slots(account))).collect();
    let with = Memory { hint, ..Memory::of(whole) };
    let prefetched = read(&with, &transfer()).await;
    assert_eq!((prefetched.unread, prefetched.rounds), (None, 0));
    assert_eq!(prefetched.state.expect("a head"), needed);
    let asked = |chain: &Memory| chain.asked.lock().expect("no panic holds it").len();
    assert!(asked(&with) == 1 && asked(&without) > 1);
}

#[tokio::test]
async fn a_block_that_is_gone_is_read_again_at_a_later_one_and_then_given_up() {
    // Gone after the hint and the first accounts, every time.
    let chain = Memory::failing_after(state(&[token("Token")]), 2, || ChainError::UnknownBlock);
    let prefetched = read(&chain, &transfer()).await;
    assert_eq!(prefetched, Prefetched { state: None, unread: Some(Unread::Unreachable), rounds: 0 });
}

#[tokio::test]
async fn what_cannot_be_read_is_named_and_what_was_read_stays() {
    let broken = || ChainError::Port(PortError::new("chain", "connection refused"));
    let chain = Memory::failing_after(state(&[token("Token")]), 2, broken);
    let prefetched = read(&chain, &transfer()).await;
    assert_eq!(prefetched.unread, Some(Unread::Unreachable));
    let state = prefetched.state.expect("a head");
    let simulation = simulate(&state, &transfer(), &Limits::standard(), &|| false).expect("a good state");
    assert!(!simulation.is_whole());

    let chain = Memory::of(super::state(&[]));
    let elsewhere = prefetch(&chain, 2, &transfer(), &BTreeSet::new(), &Limits::standard(), &|| false).await;
    assert_eq!((elsewhere.state, elsewhere.unread), (None, Some(Unread::NoEndpoint)));
}

#[tokio::test]
async fn a_deadline_ends_it_between_two_questions() {
    let chain = Memory::of(state(&[token("Token")]));
    let asked = AtomicUsize::new(0);
    let stop = || asked.fetch_add(1, Ordering::SeqCst) > 3;
    let prefetched = prefetch(&chain, 1, &transfer(), &BTreeSet::new(), &Limits::standard(), &stop).await;
    assert_eq!(prefetched.unread, Some(Unread::TimedOut));
    let at_once = prefetch(&chain, 1, &transfer(), &BTreeSet::new(), &Limits::standard(), &|| true).await;
    assert_eq!((at_once.state, at_once.unread), (None, Some(Unread::TimedOut)));
}

#[tokio::test]
async fn earlier_blocks_hashes_are_read_when_a_contract_asks() {
    // PUSH4 number, BLOCKHASH, PUSH0, SSTORE
    let number = 22_999_990_u32;
    let code = [&[0x63][..], &number.to_be_bytes(), &[0x40, 0x5f, 0x55]].concat();
    let account = Account { code: code.into(), nonce: 1, ..Account::default() };
    let chain = Memory::of(state(&[(CONTRACT, account)]));
    let prefetched = read(&chain, &call(CONTRACT, U256::ZERO, "", &[])).await;
    assert_eq!(prefetched.unread, None);
    let hashes = prefetched.state.expect("a head").block_hashes;
    let expected = alloy_primitives::keccak256(u64::from(number).to_be_bytes());
    assert_eq!(hashes, BTreeMap::from([(u64::from(number), expected)]));
}

#[tokio::test]
async fn what_always_needs_more_is_given_up() {
    // Reads a slot, and then the slot that its value names, for ever: PUSH0 JUMPDEST SLOAD PUSH1 1 JUMP.
    let code = [0x5f, 0x5b, 0x54, 0x60, 0x01, 0x56];
    let storage = (0..1_000).map(|n| (slot(n), slot(n + 1))).collect();
    let account = Account { code: code.to_vec().into(), nonce: 1, storage, ..Account::default() };
    let chain = Memory::of(state(&[(CONTRACT, account)]));
    let prefetched = read(&chain, &call(CONTRACT, U256::ZERO, "", &[])).await;
    assert_eq!(prefetched.unread, Some(Unread::TooManyRounds));
}

#[tokio::test]
async fn what_a_contract_answers_is_read_through_its_proxy() {
    let place =
        "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc".parse().expect("32 bytes");
    let slots = [(place, word(CONTRACT)), (in_mapping(SENDER, slot(0)), U256::from(9))];
    let proxy = contract("Proxy", U256::ZERO, &slots);
    let all = state(&[(TOKEN, proxy), (CONTRACT, contract("Token", U256::ZERO, &[]))]);
    let question = |signature, arguments: &[U256]| call(TOKEN, U256::ZERO, signature, arguments).data;
    let questions = [question("balanceOf(address)", &[word(SENDER)]), question("nothing()", &[])];
    let besides = BTreeSet::from([slot(77)]);
    let read = prefetch_view(&Memory::of(all.clone()), 1, TOKEN, &questions, &besides, &|| false).await;
    assert_eq!(read.unread, None);
    let read = read.state.expect("a state");
    assert_eq!(read.accounts[&CONTRACT].code, runtime("Token"));
    assert!(read.accounts[&TOKEN].storage.contains_key(&slot(77)));
    let told = view::answers(&read, TOKEN, &questions).expect("a good state");
    assert_eq!(told.answers, [Some(B256::from(U256::from(9)).to_vec().into()), None]);
    assert!(told.missing.is_empty());

    let down = Memory::failing_after(all, 1, || ChainError::Port(PortError::new("chain", "reset")));
    let cut_short = prefetch_view(&down, 1, TOKEN, &questions, &besides, &|| false).await;
    assert_eq!(cut_short.unread, Some(Unread::Unreachable));
    let elsewhere = prefetch_view(&down, 5, TOKEN, &questions, &besides, &|| false).await;
    assert_eq!((elsewhere.state, elsewhere.unread), (None, Some(Unread::NoEndpoint)));
}

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use scorpius_core::chain::{AccountBody, AccountRead, BlockHead, SentTransaction};
use scorpius_core::error::PortError;
use serde_json::{Value, json};

use super::*;
use crate::testing::{World, json as body_of, post};
use crate::worker;

const PROXY: Account = [0x11; 20];
const INNER: Account = [0x22; 20];
const LOGIC: Account = [0x33; 20];
/// `selfdestruct(caller)`.
const CODE: [u8; 2] = [0x33, 0xff];

/// A chain in memory.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) codes: BTreeMap<Account, Vec<u8>>,
    pub(crate) slots: BTreeMap<(Account, Word), Word>,
    /// Blocks that are gone before they are read.
    pub(crate) reorganised: AtomicUsize,
    pub(crate) is_down: bool,
    /// Whether nodes never answer.
    pub(crate) is_silent: bool,
    /// What contracts answer to whatever they are asked.
    pub(crate) answers: BTreeMap<Account, Vec<u8>>,
    /// Whether nodes fail when they are to try a call.
    pub(crate) tries_fail: bool,
}

#[async_trait]
impl Chain for Memory {
    async fn latest(&self, chain_id: u64) -> Result<BlockHead, ChainError> {
        if self.is_silent {
            std::future::pending::<()>().await;
        }
        match (chain_id, self.is_down) {
            (1, false) => Ok(BlockHead {
                reference: BlockRef { number: 7, hash: [0xb1; 32] },
                timestamp: 1_795_000_000,
                coinbase: [0; 20],
                prevrandao: [0; 32],
                base_fee: 7,
                gas_limit: 30_000_000,
                excess_blob_gas: 0,
            }),
            (1, true) => Err(down()),
            _ => Err(ChainError::NoEndpoint { chain_id }),
        }
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
        let left =
            self.reorganised.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() {
            return Err(ChainError::UnknownBlock);
        }
        let read = |ask: &AccountAsk| {
            let slot = |place: &Word| self.slots.get(&(ask.address, *place)).copied().unwrap_or_default();
            let code = self.codes.get(&ask.address).cloned().unwrap_or_default().into();
            AccountRead {
                address: ask.address,
                body: Some(AccountBody { balance: [0; 32], nonce: 1, code }),
                slots: ask.slots.iter().map(|place| (*place, slot(place))).collect(),
            }
        };
        Ok(asks.iter().map(read).collect())
    }

    async fn answer(
        &self,
        _: u64,
        to: Account,
        data: &[u8],
        _: &BlockRef,
    ) -> Result<Option<bytes::Bytes>, ChainError> {
        assert_eq!(data, BEACON_QUESTION);
        match self.tries_fail {
            true => Err(down()),
            false => Ok(self.answers.get(&to).cloned().map(Into::into)),
        }
    }

    async fn transaction(&self, _: u64, _: [u8; 32]) -> Result<Option<SentTransaction>, ChainError> {
        Err(down())
    }
}

fn down() -> ChainError {
    ChainError::Port(PortError::new("chain", "connection refused"))
}

/// A proxy for a minimal proxy for a contract that anybody may end.
fn chain() -> Memory {
    let mut pointer = [0; 32];
    pointer[12..].copy_from_slice(&INNER);
    let implementation = places()[0];
    let minimal = [
        hex::decode("363d3d373d3d3d363d73").expect("hex"),
        LOGIC.to_vec(),
        hex::decode("5af43d82803e903d91602b57fd5bf3").expect("hex"),
    ];
    Memory {
        codes: [(PROXY, vec![0x00]), (INNER, minimal.concat()), (LOGIC, CODE.to_vec())].into(),
        slots: [((PROXY, implementation), pointer)].into(),
        ..Memory::default()
    }
}

fn at(account: Account) -> Deployed {
    Deployed { chain: "ethereum".to_owned(), address: format!("0x{}", hex::encode(account)) }
}

#[tokio::test]
async fn the_code_that_runs_is_read_through_proxies() {
    let chain = chain();
    let (code, found) = at(PROXY).read(Some(&chain)).await.expect("code");
    assert_eq!(code.as_bytes(), CODE);
    let proxies: Vec<_> = found.proxies.iter().map(|it| (it.kind, it.points_to.to_lowercase())).collect();
    let shown = |account: Account| format!("0x{}", hex::encode(account));
    assert_eq!(proxies, [(ProxyKind::Erc1967, shown(INNER)), (ProxyKind::Erc1167, shown(LOGIC))]);
    assert_eq!((found.chain.as_str(), found.block_number), ("eip155:1", 7));
    let (_, plain) = at(LOGIC).read(Some(&chain)).await.expect("code");
    assert!(plain.proxies.is_empty());
}

#[tokio::test]
async fn a_beacon_is_asked_whose_code_its_proxies_run() {
    let beacon = |answer: &[u8]| {
        let mut chain = chain();
        let pointer = chain.slots.remove(&(PROXY, places()[0])).expect("the pointer");
        chain.slots.insert((PROXY, places()[2]), pointer);
        chain.answers.insert(INNER, answer.to_vec());
        chain
    };
    let word = |account: Account| [&[0; 12][..], &account].concat();
    let shown = |account: Account| Address::from(account).to_checksum(None);
    let (code, found) = at(PROXY).read(Some(&beacon(&word(LOGIC)))).await.expect("code");
    assert_eq!((code.as_bytes(), found.proxies.len()), (&CODE[..], 1));
    let way = &found.proxies[0];
    assert_eq!((way.kind, &way.points_to), (ProxyKind::Erc1967Beacon, &shown(INNER)));
    assert_eq!(way.implementation, Some(shown(LOGIC)));
    // Nothing that is an address, or nothing at all: the proxy's own code is looked at.
    for silent in [&[][..], &[1; 32], &[0; 32], &word(LOGIC)[..31]] {
        let (code, found) = at(PROXY).read(Some(&beacon(silent))).await.expect("code");
        assert_eq!((code.as_bytes(), found.proxies[0].implementation.as_ref()), (&[0x00][..], None));
    }
    // A beacon that names a proxy of itself: the limit ends it.
    let (_, found) = at(PROXY).read(Some(&beacon(&word(PROXY)))).await.expect("code");
    assert_eq!(found.proxies.len(), PROXIES_MAX);
    let failing = Memory { tries_fail: true, ..beacon(&word(LOGIC)) };
    assert!(matches!(at(PROXY).read(Some(&failing)).await, Err(NoCode::Unreachable(_))));
}

#[tokio::test]
async fn a_proxy_to_nowhere_is_looked_at_itself() {
    let mut nowhere = chain();
    nowhere.codes.remove(&INNER);
    let (code, found) = at(PROXY).read(Some(&nowhere)).await.expect("code");
    assert_eq!((code.as_bytes(), found.proxies.len()), (&[0x00][..], 1));
    // Round and round: the limit ends it.
    let mut ring = chain();
    let mut back = [0; 32];
    back[12..].copy_from_slice(&PROXY);
    ring.codes.insert(INNER, vec![0x00]);
    ring.slots.insert((INNER, places()[0]), back);
    let (_, found) = at(PROXY).read(Some(&ring)).await.expect("code");
    assert_eq!(found.proxies.len(), PROXIES_MAX);
}

#[tokio::test]
async fn a_block_that_is_reorganised_away_is_tried_once_more() {
    let mut once = chain();
    once.reorganised = AtomicUsize::new(1);
    assert!(at(LOGIC).read(Some(&once)).await.is_ok());
    let mut always = chain();
    always.reorganised = AtomicUsize::new(9);
    assert!(matches!(at(LOGIC).read(Some(&always)).await, Err(NoCode::Unreachable(_))));
}

#[tokio::test]
async fn a_contract_is_scanned_by_its_address() {
    let mut world = World::new();
    world.doors = world.doors.reading(Some(Arc::new(chain())));
    let asked = json!({"deployed": at(PROXY), "budget": "quick"});
    let answer = world.ask(post("createScan", &asked)).await;
    assert_eq!(answer.status.as_u16(), 202, "{answer:?}");
    let scan = body_of(&answer);
    assert_eq!(scan["deployed"]["proxies"][0]["kind"], "erc1967");
    let id = scan["id"].as_str().expect("an id");
    let message = world.message(id).await;
    assert_eq!(worker::handle(&world.worker, &message).await, scorpius_edge::Outcome::Done);
    let shown = body_of(&world.ask(crate::testing::get("getScan", crate::testing::TENANT, Some(id))).await);
    assert_eq!(shown["report"]["findings"][0]["detector"], "unguarded-selfdestruct", "{shown}");
    assert_eq!(shown["deployed"], scan["deployed"]);
}

#[tokio::test]
async fn what_cannot_be_read_is_a_clear_problem_and_leaves_nothing() {
    let world = |chain: Option<Memory>| {
        let mut world = World::new();
        world.doors = world.doors.reading(chain.map(|chain| Arc::new(chain) as Arc<dyn Chain>));
        world
    };
    let is_down = || Memory { is_down: true, ..chain() };
    let deployed = |chain: &str, address: &str| json!({"deployed": {"chain": chain, "address": address}});
    let logic = format!("0x{}", hex::encode(LOGIC));
    for (chain, body, status, code) in [
        (Some(chain()), deployed("bitcoin", &logic), 400, "invalid-request"),
        (Some(chain()), deployed("ethereum", "0x33"), 400, "invalid-request"),
        (
            Some(chain()),
            deployed("ethereum", "0xfb6916095ca1df60bB79Ce92cE3Ea74c37c5d359"),
            400,
            "invalid-request",
        ),
        (Some(chain()), deployed("polygon", &logic), 409, "no-endpoint"),
        (None, deployed("ethereum", &logic), 409, "no-endpoint"),
        (Some(is_down()), deployed("ethereum", &logic), 503, "chain-unreachable"),
        (Some(chain()), deployed("ethereum", &format!("0x{}", "44".repeat(20))), 422, "no-contract"),
        (
            Some(chain()),
            json!({"bytecode": "0x00", "deployed": {"chain": "ethereum", "address": logic}}),
            400,
            "invalid-request",
        ),
    ] {
        let world = world(chain);
        let answer = world.ask(post("createScan", &body)).await;
        let problem: Value = body_of(&answer);
        assert_eq!((answer.status.as_u16(), problem["code"].as_str()), (status, Some(code)), "{problem}");
        assert!(world.emitted().await.is_empty());
    }
}

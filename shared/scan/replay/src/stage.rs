//! Where replays are played: one contract, one attacker, and whom the contract trusts.

use std::collections::BTreeMap;

use scorpius_evm::sandbox::{Fork, Sandbox};
use scorpius_evm::{Account, Address, B256, Bytes, U256};
use scorpius_scan::engine::{Paths, World};

/// ASCII, so that nobody has the key and a reader sees what to replace.
pub(crate) const ATTACKER: Address = Address::new(*b"scorpius attacker 01");
/// As above.
pub(crate) const CONTRACT: Address = Address::new(*b"scorpius contract 01");
/// As above.
pub(crate) const OWNER: Address = Address::new(*b"scorpius owner    01");

/// 10^18 wei.
pub(crate) const ETHER: u64 = 1_000_000_000_000_000_000;

/// Wei that others have paid into the contract.
pub(crate) fn paid_in() -> U256 {
    U256::from(5 * u128::from(ETHER))
}

/// Wei of the attacker, and of the owner.
fn purse() -> U256 {
    U256::from(100 * u128::from(ETHER))
}

/// Where the attacker's first contract is.
pub(crate) fn agent() -> Address {
    ATTACKER.create(0)
}

/// An address as a word.
pub(crate) fn word(address: Address) -> U256 {
    U256::from_be_bytes(address.into_word().0)
}

/// What is there before anything happens.
pub(crate) struct Scene {
    code: Bytes,
    /// The contract's storage, as if it trusted `OWNER`.
    pub(crate) storage: BTreeMap<U256, U256>,
}

impl Scene {
    pub(crate) fn new(code: &[u8], paths: &Paths) -> Self {
        let mut scene = Self { code: Bytes::copy_from_slice(code), storage: BTreeMap::new() };
        let empty = scene.sandbox(Fork::Osaka);
        scene.storage = paths.trusting(&Seen { sandbox: &empty, caller: OWNER, origin: OWNER });
        scene
    }

    pub(crate) fn sandbox(&self, fork: Fork) -> Sandbox {
        let mut sandbox = Sandbox::new(fork);
        for person in [ATTACKER, OWNER] {
            sandbox.put(person, Account { balance: purse(), ..Account::default() });
        }
        let storage = self.storage.iter();
        let storage = storage.map(|(slot, word)| (B256::from(*slot), B256::from(*word))).collect();
        let code = self.code.clone();
        sandbox.put(CONTRACT, Account { balance: paid_in(), nonce: 1, code, storage });
        sandbox
    }
}

/// Wei of the attacker and of its contract.
pub(crate) fn wealth(sandbox: &Sandbox) -> U256 {
    sandbox.balance(ATTACKER).saturating_add(sandbox.balance(agent()))
}

/// What the contract reads when it is called.
pub(crate) struct Seen<'a> {
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) caller: Address,
    pub(crate) origin: Address,
}

impl World for Seen<'_> {
    fn storage(&self, slot: U256) -> U256 {
        self.sandbox.storage(CONTRACT, slot)
    }

    fn environment(&self, op: u8) -> Option<U256> {
        let block = self.sandbox.block();
        Some(match op {
            0x30 => word(CONTRACT),
            0x32 => word(self.origin),
            0x33 => word(self.caller),
            0x3a => U256::from(block.gas_price),
            0x41 => word(block.coinbase),
            0x42 => U256::from(block.timestamp),
            0x43 => U256::from(block.number),
            0x44 => U256::from_be_bytes(block.prevrandao.0),
            0x45 => U256::from(block.gas_limit),
            0x46 => U256::from(block.chain_id),
            0x47 => self.sandbox.balance(CONTRACT),
            0x48 => U256::ZERO,
            _ => return None,
        })
    }

    fn balance(&self, address: U256) -> U256 {
        self.sandbox.balance(Address::from_word(B256::from(address)))
    }

    fn code_size(&self, address: U256) -> U256 {
        U256::from(self.sandbox.code_size(Address::from_word(B256::from(address))))
    }

    fn block_hash(&self, number: U256) -> U256 {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        U256::from_be_bytes(self.sandbox.block_hash(number).0)
    }
}

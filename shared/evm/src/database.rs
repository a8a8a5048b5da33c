//! A state as the EVM reads it, with what a run changed on top, and a list of what was missing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;

use alloy_primitives::{Address, B256, U256, keccak256};
use revm::bytecode::Bytecode;
use revm::primitives::{AddressMap, HashMap as EvmMap};
use revm::state::{Account as EvmAccount, AccountInfo, EvmState};
use revm::{Database, DatabaseCommit};

use crate::context::{DELEGATE, RELAYER, Surroundings};
use crate::state::{Need, State};

/// Needs that are remembered of one run.
const NEEDS_MAX: usize = 2_048;
/// Precompiled contracts: EIP-4844 ends at 0x0a, EIP-2537 at 0x11; EIP-7951 is 0x100.
const PRECOMPILES: [std::ops::RangeInclusive<u64>; 2] = [0x01..=0x11, 0x100..=0x100];

/// A state, ready to be run over many times: code is looked through once.
pub(crate) struct Prepared<'a> {
    pub(crate) state: &'a State,
    accounts: HashMap<Address, AccountInfo>,
}

impl<'a> Prepared<'a> {
    pub(crate) fn of(state: &'a State) -> Self {
        let info = |account: &crate::state::Account| {
            let raw = account.code.clone();
            // What looks like a delegation and is none is code that does nothing good; neither panics.
            let code = Bytecode::new_raw_checked(raw.clone()).unwrap_or_else(|_| Bytecode::new_legacy(raw));
            AccountInfo { balance: account.balance, nonce: account.nonce, ..AccountInfo::default() }
                .with_code(code)
        };
        let accounts = state.accounts.iter().map(|(address, account)| (*address, info(account))).collect();
        Self { state, accounts }
    }

    pub(crate) fn balance(&self, address: &Address) -> U256 {
        self.accounts.get(address).map(|info| info.balance).unwrap_or_default()
    }
}

/// What the EVM reads in one run.
pub(crate) struct Ground<'a> {
    prepared: &'a Prepared<'a>,
    no_hashes: bool,
    changed: BTreeMap<Address, Changed>,
    missing: BTreeSet<Need>,
}

struct Changed {
    info: AccountInfo,
    storage: EvmMap<U256, U256>,
    /// Created or destroyed in the run: what was stored before is gone.
    afresh: bool,
}

impl<'a> Ground<'a> {
    pub(crate) fn new(prepared: &'a Prepared<'a>, from: Address, surroundings: &Surroundings) -> Self {
        let mut ground = Self {
            prepared,
            no_hashes: surroundings.no_hashes,
            changed: BTreeMap::new(),
            missing: BTreeSet::new(),
        };
        let (balance, code) = (surroundings.caller_balance, surroundings.caller_delegates_to);
        if balance.is_some() || code.is_some() {
            let mut info = ground.read(&from).unwrap_or_default();
            info.balance = balance.unwrap_or(info.balance);
            if let Some(delegate) = code {
                info.set_code(Bytecode::new_eip7702(delegate));
            }
            let changed = Changed { info, storage: EvmMap::default(), afresh: false };
            ground.changed.insert(from, changed);
        }
        ground
    }

    pub(crate) fn into_missing(self) -> BTreeSet<Need> {
        self.missing
    }

    /// What `address` had before anything ran.
    pub(crate) fn balance_before(&self, address: &Address) -> U256 {
        match self.changed.get(address) {
            Some(changed) => changed.info.balance,
            None => self.prepared.balance(address),
        }
    }

    fn miss(&mut self, need: Need) {
        if self.missing.len() < NEEDS_MAX {
            self.missing.insert(need);
        }
    }

    fn read(&mut self, address: &Address) -> Option<AccountInfo> {
        let info = self.prepared.accounts.get(address).cloned();
        if info.is_none() && !self.prepared.state.whole && !is_nobodys(address) {
            self.miss(Need::Account { address: *address });
        }
        info
    }
}

fn is_nobodys(address: &Address) -> bool {
    let number = U256::from_be_slice(address.as_slice());
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    *address == RELAYER || *address == DELEGATE || PRECOMPILES.iter().any(|range| range.contains(&number))
}

impl Database for Ground<'_> {
    // What is missing reads as empty, is remembered, and spoils the run's result: so one run finds many needs.
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        match self.changed.get(&address) {
            Some(changed) => Ok(Some(changed.info.clone())),
            None => Ok(self.read(&address)),
        }
    }

    fn code_by_hash(&mut self, _: B256) -> Result<Bytecode, Infallible> {
        // Every account's code is in its `AccountInfo`.
        Ok(Bytecode::default())
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256, Infallible> {
        if let Some(changed) = self.changed.get(&address) {
            if let Some(value) = changed.storage.get(&index) {
                return Ok(*value);
            }
            if changed.afresh {
                return Ok(U256::ZERO);
            }
        }
        let slot = B256::from(index);
        let account = self.prepared.state.accounts.get(&address);
        match account.and_then(|account| account.storage.get(&slot)) {
            Some(value) => Ok(U256::from_be_bytes(value.0)),
            // Without code nothing was ever stored, except under a delegation that ended: rare, and never read.
            None if account.is_some_and(|account| account.code.is_empty()) => Ok(U256::ZERO),
            None => {
                if !self.prepared.state.whole {
                    self.miss(Need::Slot { address, slot });
                }
                Ok(U256::ZERO)
            }
        }
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        let state = self.prepared.state;
        if self.no_hashes {
            return Ok(B256::ZERO);
        }
        if number == state.block.number {
            return Ok(state.block.hash);
        }
        if let Some(hash) = state.block_hashes.get(&number) {
            return Ok(*hash);
        }
        if number < state.block.number && !state.whole {
            self.miss(Need::BlockHash { number });
        }
        // A block that is not there yet, or that nobody told of: some hash, the same each time.
        Ok(keccak256([state.chain_id.to_be_bytes(), number.to_be_bytes()].concat()))
    }
}

impl DatabaseCommit for Ground<'_> {
    fn commit(&mut self, changes: AddressMap<EvmAccount>) {
        let changes: EvmState = changes;
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            let afresh = account.is_created() || account.is_selfdestructed();
            let info = match account.is_selfdestructed() {
                true => AccountInfo::default(),
                false => account.info,
            };
            let slots = account.storage.into_iter().map(|(slot, value)| (slot, value.present_value));
            match self.changed.get_mut(&address) {
                Some(changed) if !afresh => {
                    changed.info = info;
                    changed.storage.extend(slots);
                }
                _ => {
                    let storage = slots
                        .filter(|_| !account.status.contains(revm::state::AccountStatus::SelfDestructed));
                    let changed = Changed { info, storage: storage.collect(), afresh };
                    self.changed.insert(address, changed);
                }
            }
        }
    }
}

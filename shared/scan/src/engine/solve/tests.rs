use super::*;
use crate::engine::opcode::CALLER;
use crate::engine::query::DetectorSet;
use crate::engine::{Budget, Deadline, scan_paths};

/// An account that calls, with storage all zero but for one word.
struct Somebody {
    caller: u64,
    slot: (u64, u64),
}

impl World for Somebody {
    fn storage(&self, slot: U256) -> U256 {
        if slot == U256::from(self.slot.0) { U256::from(self.slot.1) } else { U256::ZERO }
    }

    fn environment(&self, op: u8) -> Option<U256> {
        (op == CALLER).then(|| U256::from(self.caller))
    }

    fn balance(&self, _: U256) -> U256 {
        U256::ZERO
    }

    fn code_size(&self, _: U256) -> U256 {
        U256::ZERO
    }

    fn block_hash(&self, _: U256) -> U256 {
        U256::ZERO
    }
}

fn paths(code: &str) -> Paths {
    let code = hex::decode(code.replace(' ', "")).expect("hex");
    let deadline = Deadline::after(Budget::Standard.time());
    let (report, paths) = scan_paths(&code, Budget::Standard, DetectorSet::none(), &deadline);
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    paths
}

fn first(code: &str, world: &Somebody) -> Attempt {
    paths(code).attempts(0, Goal::Reach, &[U256::ZERO], world).into_iter().next().expect("an attempt")
}

const NOBODY: Somebody = Somebody { caller: 0xa1, slot: (0, 0) };
// Selector aabbccdd; then `IF` jumps to `CALLER SELFDESTRUCT` at 0x40.
const ENTER: &str = "5f3560e01c63aabbccdd146011575f80fd 5b";
const END: &str = "6040575f80fd";

fn guarded(condition: &str) -> String {
    let mut code = format!("{ENTER}{condition}{END}").replace(' ', "");
    while code.len() < 2 * 0x40 {
        code.push_str("00");
    }
    code + "5b33ff"
}

#[test]
fn a_condition_on_arguments_is_met_by_arguments() {
    // (calldata[4] & 0xffff) == 0x1234 and then calldata[36] - 7 == 1
    let code = guarded("600435 61ffff 16 611234 14 602435 6007 90 03 6001 14 16");
    let attempt = first(&code, &NOBODY);
    assert_eq!(attempt.selector, Some(0xaabb_ccdd));
    assert_eq!(attempt.data.get(..4), Some(&[0xaa, 0xbb, 0xcc, 0xdd][..]));
    assert_eq!(attempt.data.get(34..36), Some(&[0x12, 0x34][..]));
    assert_eq!(attempt.data.get(67), Some(&8));
    assert!(attempt.wanted.is_empty());
}

#[test]
fn ether_that_is_asked_for_goes_along() {
    // !(callvalue < 1000)
    let attempt = first(&guarded("6103e8 34 10 15"), &NOBODY);
    assert_eq!((attempt.value, attempt.wanted.len()), (U256::from(1000), 0));
}

#[test]
fn what_only_storage_can_meet_is_wanted() {
    // storage[5] >> 8 == 3
    let code = guarded("600554 6008 1c 6003 14");
    let attempt = first(&code, &NOBODY);
    let [wanted] = &attempt.wanted[..] else { panic!("{:?}", attempt.wanted) };
    assert_eq!((wanted.slot, wanted.word), (U256::from(5), U256::from(0x300)));
    let there = Somebody { slot: (5, 0x3ff), ..NOBODY };
    assert!(first(&code, &there).wanted.is_empty());
}

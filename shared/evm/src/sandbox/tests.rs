use std::collections::BTreeMap;

use super::*;
use crate::run::CallKind;

const ALICE: Address = Address::repeat_byte(0xa1);
const CONTRACT: Address = Address::repeat_byte(0xcc);
const ALLOWANCE: Allowance = Allowance { gas_max: 1_000_000, steps_max: 10_000 };

fn sandbox(fork: Fork, code: &[u8]) -> Sandbox {
    let mut sandbox = Sandbox::new(fork);
    sandbox.put(ALICE, Account { balance: U256::from(1_000), ..Account::default() });
    let storage = BTreeMap::from([(B256::ZERO, B256::with_last_byte(7))]);
    let code = Bytes::copy_from_slice(code);
    sandbox.put(CONTRACT, Account { balance: U256::from(50), nonce: 1, code, storage });
    sandbox
}

fn call(value: u64) -> Sent {
    Sent { from: ALICE, to: Some(CONTRACT), value: U256::from(value), data: Bytes::new() }
}

#[test]
fn code_is_gone_after_selfdestruct_only_before_cancun() {
    for (fork, size) in [(Fork::Shanghai, 0), (Fork::Osaka, 2)] {
        // CALLER SELFDESTRUCT
        let mut sandbox = sandbox(fork, &[0x33, 0xff]);
        let outcome = sandbox.send(&call(0), ALLOWANCE, &|| false);
        assert!(outcome.status.is_success());
        assert_eq!(
            outcome.happened,
            [Happened {
                code: CONTRACT,
                contract: CONTRACT,
                pc: 1,
                done: Done::Destroyed { beneficiary: ALICE, value: U256::from(50) },
            }]
        );
        assert_eq!(sandbox.balance(ALICE), U256::from(1_050));
        assert_eq!(sandbox.code_size(CONTRACT), size);
    }
}

#[test]
fn what_is_stored_and_what_wraps_is_seen_and_kept() {
    // SSTORE(1, SLOAD(0) - 8)
    let mut sandbox = sandbox(Fork::Osaka, &[0x60, 8, 0x5f, 0x54, 0x03, 0x60, 1, 0x55]);
    let outcome = sandbox.send(&call(3), ALLOWANCE, &|| false);
    let done: Vec<_> = outcome.happened.into_iter().map(|it| (it.pc, it.done)).collect();
    let wrapped = Done::Wrapped { op: "SUB", a: U256::from(7), b: U256::from(8), result: U256::MAX };
    assert_eq!(done, [(4, wrapped), (7, Done::Stored { slot: U256::ONE, word: U256::MAX })]);
    assert_eq!(sandbox.storage(CONTRACT, U256::ONE), U256::MAX);
    assert_eq!(sandbox.balance(CONTRACT), U256::from(53));
}

#[test]
fn what_a_failed_call_did_is_taken_back_and_the_call_is_not() {
    // Calls itself with one wei; entered so, it stores and then fails.
    let code = hex::decode("3415600f57600160015560006000fd5b5f5f5f5f6001305af100").expect("hex");
    let mut sandbox = sandbox(Fork::Osaka, &code);
    let outcome = sandbox.send(&call(0), ALLOWANCE, &|| false);
    assert!(outcome.status.is_success(), "{:?}", outcome.status);
    let [Happened { done: Done::Called { kind: CallKind::Call, to, ok: false, .. }, .. }] =
        outcome.happened[..]
    else {
        panic!("{:?}", outcome.happened)
    };
    assert_eq!(to, CONTRACT);
}

#[test]
fn a_loop_ends_at_the_limit_and_a_stop_is_heard() {
    // JUMPDEST PUSH0 JUMP
    let mut sandbox = sandbox(Fork::Osaka, &[0x5b, 0x5f, 0x56]);
    let outcome = sandbox.send(&call(0), ALLOWANCE, &|| false);
    assert!(matches!(outcome.status, Status::Halted { .. }) && outcome.steps <= 10_001);
    let outcome = sandbox.send(&call(0), Allowance { steps_max: u64::MAX, ..ALLOWANCE }, &|| true);
    assert!(outcome.steps <= 4_096, "{}", outcome.steps);
}

#[test]
fn a_created_contract_is_where_the_creator_s_nonce_says() {
    let mut sandbox = sandbox(Fork::Osaka, &[0x00]);
    let data = Bytes::from_static(&[0x60, 1, 0x5f, 0xf3]);
    let sent = Sent { from: ALICE, to: None, value: U256::ZERO, data };
    let outcome = sandbox.send(&sent, ALLOWANCE, &|| false);
    assert_eq!(outcome.created, Some(ALICE.create(0)));
    assert_eq!(sandbox.code_size(ALICE.create(0)), 1);
}

//! What ends a run.

use std::cell::Cell;

use super::*;

fn burner(signature: &str, arguments: &[U256], limits: &Limits) -> Simulation {
    let state = state(&[(CONTRACT, contract("Burner", U256::ZERO, &[]))]);
    simulate(&state, &call(CONTRACT, U256::ZERO, signature, arguments), limits, &|| false)
        .expect("a good state")
}

#[test]
fn gas_ends_what_never_ends() {
    let limits = Limits { gas_max: 500_000, ..Limits::standard() };
    let simulation = burner("forever()", &[], &limits);
    assert!(matches!(&simulation.run.status, Status::Halted { reason } if reason.contains("OutOfGas")));
    assert_eq!((simulation.run.gas_used, simulation.cut), (500_000, None));
}

#[test]
fn steps_end_what_costs_little() {
    let limits = Limits { steps_max: 10_000, ..Limits::standard() };
    let simulation = burner("forever()", &[], &limits);
    assert_eq!((simulation.cut, simulation.contexts_run), (Some(Cut::Steps), 0));
    assert!(simulation.steps <= 10_010, "{}", simulation.steps);
    assert!(!simulation.is_whole());
}

#[test]
fn depth_and_shown_calls_are_bounded() {
    let deep = |depth: u64| burner("deeper(uint256)", &[U256::from(depth)], &Limits::standard());
    let simulation = deep(100);
    assert_eq!((simulation.run.calls_count, simulation.cut), (101, None));
    assert_eq!(deep(200).cut, Some(Cut::Depth));
    let few = Limits { calls_max: 10, ..Limits::standard() };
    let simulation = burner("deeper(uint256)", &[U256::from(100)], &few);
    assert_eq!((simulation.run.calls.len(), simulation.run.calls_count), (10, 101));
}

#[test]
fn a_caller_may_stop_it_anywhere() {
    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() > 5
    };
    let state = state(&[(CONTRACT, contract("Burner", U256::ZERO, &[]))]);
    let forever = call(CONTRACT, U256::ZERO, "forever()", &[]);
    let simulation = simulate(&state, &forever, &Limits::standard(), &stop).expect("a good state");
    assert_eq!(simulation.cut, Some(Cut::Stopped));
    let rounds = call(CONTRACT, U256::ZERO, "burn(uint256)", &[U256::from(3)]);
    let simulation = simulate(&state, &rounds, &Limits::standard(), &|| true).expect("a good state");
    assert_eq!((simulation.cut, simulation.contexts_run), (Some(Cut::Stopped), 0));
    assert!(!simulation.is_whole());
}

#[test]
fn a_state_over_its_limits_is_refused() {
    let check = |state: &State, expected: BadState| {
        let payment = call(FRIEND, U256::ZERO, "", &[]);
        let refused = simulate(state, &payment, &Limits::standard(), &|| false);
        assert_eq!(refused, Err(expected));
    };
    let mut many = state(&[]);
    for number in 0..state::ACCOUNTS_MAX as u64 {
        many.accounts.insert(Address::left_padding_from(&number.to_be_bytes()), Account::default());
    }
    check(&many, BadState::TooLarge { what: "accounts", max: state::ACCOUNTS_MAX });
    let large = Account { code: vec![0; state::CODE_BYTES_MAX + 1].into(), ..Account::default() };
    check(
        &state(&[(CONTRACT, large)]),
        BadState::TooLarge { what: "bytes of code", max: state::CODE_BYTES_MAX },
    );
    let mut late = state(&[]);
    late.block.timestamp = u64::MAX;
    check(&late, BadState::Number("block.timestamp"));
    let full = Account {
        storage: (0..=state::SLOTS_MAX as u64).map(|n| (slot(n), B256::ZERO)).collect(),
        ..Account::default()
    };
    check(&state(&[(CONTRACT, full)]), BadState::TooLarge { what: "storage slots", max: state::SLOTS_MAX });
}

#[test]
fn a_transaction_that_no_block_takes_is_rejected() {
    let payment =
        Transaction { gas_limit: Some(20_000), data: Bytes::new(), ..call(FRIEND, ether(1), "", &[]) };
    let simulation = simulate(&state(&[]), &payment, &Limits::standard(), &|| false).expect("a good state");
    assert!(matches!(simulation.run.status, Status::Rejected { .. }), "{:?}", simulation.run.status);
}

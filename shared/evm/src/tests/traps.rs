//! For each axis a contract that only that axis reveals.

use std::collections::BTreeSet;

use super::*;

/// The trap, and what is read of the block by it only.
const TRAPS: [(&str, Axis); 14] = [
    ("NumberTrap", Axis::Number),
    ("TimestampTrap", Axis::Timestamp),
    ("CoinbaseTrap", Axis::Coinbase),
    ("PrevrandaoTrap", Axis::Prevrandao),
    ("BaseFeeTrap", Axis::BaseFee),
    ("GasPriceTrap", Axis::GasPrice),
    ("GasLimitTrap", Axis::GasLimit),
    ("BlockGasLimitTrap", Axis::BlockGasLimit),
    ("BlobBaseFeeTrap", Axis::BlobBaseFee),
    ("ChainIdTrap", Axis::ChainId),
    ("BlockHashTrap", Axis::BlockHash),
    ("CallerBalanceTrap", Axis::CallerBalance),
    ("CallerCodeTrap", Axis::CallerCode),
    ("OriginTrap", Axis::Origin),
];

fn claim(name: &str) -> Simulation {
    let state = state(&[(CONTRACT, contract(name, ether(100), &[]))]);
    // A wallet's own gas limit, so that the base run is like the one that will be sent.
    let claim = Transaction { gas_limit: Some(200_000), ..call(CONTRACT, ether(1), "claim()", &[]) };
    simulated(&state, &claim)
}

#[test]
fn each_trap_is_revealed_by_its_axis_and_by_no_other() {
    for (name, axis) in TRAPS {
        let simulation = claim(name);
        assert_eq!(
            changes(&simulation.run),
            ["sender coin -1000000000000000000", "contract coin 1000000000000000000"],
            "{name} takes"
        );
        let revealed: BTreeSet<_> = simulation.differing.iter().map(|there| there.axis).collect();
        assert_eq!(revealed, [axis].into(), "{name}");
        for there in &simulation.differing {
            assert!(there.differs.contains(&Difference::Balances), "{name}: {:?}", there.differs);
            assert_eq!(
                changes(&there.run),
                ["sender coin 1000000000000000000", "contract coin -1000000000000000000"],
                "{name} pays"
            );
            assert_eq!(there.strength, axis.strength());
        }
    }
}

#[test]
fn every_axis_has_a_trap_and_every_context_an_axis() {
    let of_traps: BTreeSet<_> = TRAPS.into_iter().map(|(_, axis)| axis).collect();
    assert_eq!(of_traps, Axis::ALL.into());
    let of_contexts: BTreeSet<_> = crate::context::CONTEXTS.iter().map(|context| context.axis).collect();
    assert_eq!(of_contexts, Axis::ALL.into());
    let names: BTreeSet<_> = crate::context::CONTEXTS.iter().map(|context| context.name).collect();
    assert_eq!(names.len(), crate::context::CONTEXTS.len());
}

#[test]
fn contracts_that_only_read_their_surroundings_are_the_same_everywhere() {
    for name in ["Honest", "Curious"] {
        let simulation = claim(name);
        assert_eq!(changes(&simulation.run)[0], "sender coin 1000000000000000000");
        assert_eq!(simulation.differing, [], "{name}");
    }
}

#[test]
fn a_token_that_sells_only_for_free_is_revealed() {
    let transfer = call(TOKEN, U256::ZERO, "transfer(address,uint256)", &[word(FRIEND), U256::from(400)]);
    let simulation = simulated(&state(&[token("GasToken")]), &transfer);
    assert_eq!(simulation.run.status, Status::Reverted { reason: "sell".to_owned() });
    let [there] = &simulation.differing[..] else { panic!("{:?}", simulation.differing) };
    assert_eq!(
        (there.context, there.axis, there.strength),
        ("gas_price_zero", Axis::GasPrice, Strength::Strong)
    );
}

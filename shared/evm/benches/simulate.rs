//! How long a transaction takes to simulate in all its surroundings, with state local.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::Criterion;
use scorpius_evm::{
    Account, Address, B256, Block, Bytes, Limits, Rules, State, Transaction, U256, selector, simulate,
};

const SENDER: Address = Address::repeat_byte(0xa1);
const TOKEN: Address = Address::repeat_byte(0x70);

fn state(contract: &str) -> State {
    let all: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/contracts.json")).expect("JSON");
    let code: Bytes = hex::decode(all[contract]["runtime"].as_str().expect("code")).expect("hex").into();
    let balance = alloy_primitives::keccak256([SENDER.into_word().0, [0; 32]].concat());
    let storage = BTreeMap::from([(balance, B256::with_last_byte(200))]);
    let ether = U256::from(1_000_000_000_000_000_000_u64);
    State {
        chain_id: 1,
        rules: Rules::Osaka,
        block: Block {
            number: 23_000_000,
            hash: B256::repeat_byte(0xb1),
            timestamp: 1_795_000_000,
            coinbase: Address::repeat_byte(0xcb),
            prevrandao: B256::repeat_byte(0x5b),
            base_fee: 3_000_000_000,
            gas_limit: 45_000_000,
            blob_base_fee: 1,
        },
        accounts: BTreeMap::from([
            (SENDER, Account { balance: ether, ..Account::default() }),
            (TOKEN, Account { balance: ether, nonce: 1, code, storage }),
        ]),
        block_hashes: BTreeMap::new(),
        whole: true,
    }
}

fn benches(criterion: &mut Criterion) {
    let transfer = |value: u64, signature: &str, words: &[U256]| Transaction {
        from: SENDER,
        to: TOKEN,
        value: U256::from(value),
        data: selector(signature)
            .into_iter()
            .chain(words.iter().flat_map(|word| word.to_be_bytes::<32>()))
            .collect(),
        gas_limit: Some(200_000),
        gas_price: None,
    };
    let words = [U256::from(0x99), U256::from(100)];
    for (name, contract, transaction) in [
        ("a token's transfer in 25 surroundings", "Token", transfer(0, "transfer(address,uint256)", &words)),
        ("a trap in 25 surroundings", "CoinbaseTrap", transfer(1_000, "claim()", &[])),
    ] {
        let state = state(contract);
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| simulate(black_box(&state), &transaction, &Limits::standard(), &|| false));
        });
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    benches(&mut criterion);
    criterion.final_summary();
}

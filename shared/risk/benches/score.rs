//! How long a verdict takes to make, without the platform: lists asked, decided, both documents written.

use std::hint::black_box;

use criterion::Criterion;
use scorpius_core::UnixMillis;
use scorpius_risk::address::Account;
use scorpius_risk::engine::decide;
use scorpius_risk::engine::inputs::{Inputs, Question};
use scorpius_risk::engine::rules::RuleSet;
use scorpius_risk::lists::Lists;

const NOW: UnixMillis = UnixMillis(1_795_254_040_000);

fn verdict(question: &Question, history: &[Account], lists: &Lists) -> Vec<u8> {
    let id = "vrd_00000000000000000000000000000001".to_owned();
    let inputs = Inputs::gather(question.clone(), history, lists, id, NOW);
    decide(&inputs, RuleSet::base()).canonical()
}

fn address(text: &str) -> Question {
    let chain = "ethereum".parse().expect("a chain");
    Question::Address { chain, address: text.parse().expect("an address") }
}

fn score(criterion: &mut Criterion) {
    let lists = Lists::seed();
    let sanctioned = address("0x098B716B8Aaf21512996dC57EB0615e2383E2f96");
    let nobody = address("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359");
    let history: Vec<_> = (0..1_000_u64)
        .map(|n| {
            let mut bytes = [0x5a; 20];
            bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
            Account::new(bytes)
        })
        .collect();
    let data = format!("0x095ea7b3{:0>64}{}", "fb6916095ca1df60bb79ce92ce3ea74c37c5d359", "f".repeat(64));
    let approval = Question::Transaction {
        chain: "ethereum".parse().expect("a chain"),
        from: None,
        to: "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48".parse().expect("an address"),
        value: "0".to_owned().try_into().expect("wei"),
        data: data.try_into().expect("calldata"),
        irregular: Vec::new(),
    };
    let mut run = |name: &str, question: &Question, history: &[Account]| {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| verdict(black_box(question), black_box(history), &lists));
        });
    };
    run("address, sanctioned", &sanctioned, &[]);
    run("address, on no list", &nobody, &[]);
    run("address, history of 1,000", &nobody, &history);
    run("transaction, approval", &approval, &[]);
    // State, decoding, 25 runs and the document: all that a verdict takes once the state is there.
    let simulated = Inputs::parse(include_bytes!("../golden/simulated.inputs.json")).expect("inputs");
    criterion.bench_function("transaction, simulated over local state", |bencher| {
        bencher.iter(|| decide(black_box(&simulated), RuleSet::base()).canonical());
    });
    let listed: Account = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96".parse().expect("an address");
    let sanctions = lists.iter().next().expect("a list");
    criterion
        .bench_function("list, hit", |bencher| bencher.iter(|| sanctions.row(black_box(&listed)).is_some()));
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    score(&mut criterion);
    criterion.final_summary();
}

//! The engine on real compilers' output, on one deployed contract, and on what nobody would compile.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Fixture {
    name: String,
    compiler: String,
    optimiser: String,
    expected: Vec<String>,
    runtime: String,
}

impl Fixture {
    fn code(&self) -> Vec<u8> {
        hex::decode(self.runtime.trim_start_matches("0x")).expect("fixtures are hex")
    }
}

fn fixtures() -> Vec<Fixture> {
    [
        include_str!("../../fixtures/solidity.jsonl"),
        include_str!("../../fixtures/vyper.jsonl"),
        include_str!("../../fixtures/by-hand.jsonl"),
    ]
    .into_iter()
    .flat_map(str::lines)
    .map(|line| serde_json::from_str(line).expect("a fixture"))
    .collect()
}

fn fixture(name: &str, compiler: &str, optimiser: &str) -> Fixture {
    let wanted = |fixture: &Fixture| {
        fixture.name == name && fixture.compiler.starts_with(compiler) && fixture.optimiser == optimiser
    };
    fixtures().into_iter().find(wanted).expect("there is such a fixture")
}

/// What these fixtures are about; the regression set is about all detectors.
const ASKED_FOR: [&str; 4] =
    ["unguarded-selfdestruct", "unguarded-delegatecall", "unguarded-upgrade", "tx-origin-authentication"];

/// The one finding of this detector.
#[track_caller]
fn one<'r>(report: &'r Report, detector: &str) -> &'r Finding {
    let found: Vec<_> = report.findings.iter().filter(|finding| finding.detector == detector).collect();
    let [finding] = found[..] else { panic!("one finding: {:?}", report.findings) };
    finding
}

#[test]
fn every_contract_is_found_out_and_its_guarded_twin_stays_silent() {
    let mut wrong = Vec::new();
    let mut incomplete = Vec::new();
    for fixture in fixtures() {
        let report = scan(&fixture.code(), Budget::Standard);
        let asked_for = |finding: &&Finding| ASKED_FOR.contains(&finding.detector.as_str());
        let mut found: Vec<_> =
            report.findings.iter().filter(asked_for).map(|finding| finding.detector.clone()).collect();
        found.sort_unstable();
        found.dedup();
        let name = format!("{} {} {}", fixture.name, fixture.compiler, fixture.optimiser);
        if found != fixture.expected {
            wrong.push(format!("{name}: {found:?}, expected {:?}", fixture.expected));
        }
        if report.incomplete {
            incomplete.push(name);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // One path to its delegate call takes the target from an array in memory that is not followed.
    assert_eq!(incomplete, ["MemoryDelegate solc 0.8.26+commit.8a97fa7a via-ir"]);
}

#[test]
fn a_deployed_contract_is_explored_whole_and_found_clean() {
    let deployed: serde_json::Value =
        serde_json::from_str(include_str!("../../fixtures/deployed/erc1820-registry.json")).expect("JSON");
    let code = deployed["runtime_bytecode"].as_str().expect("hex");
    let report = scan(&hex::decode(&code[2..]).expect("hex"), Budget::Quick);
    assert_eq!(report.code.code_sha256, "50a56a9328a01aa001d63b6ba351d6c2144e63c8275cf1bdf54382f019f7bc94");
    assert_eq!((report.code.size_bytes, report.code.metadata_bytes), (2501, 43));
    let selectors: Vec<_> = report.functions.iter().map(|function| function.selector.as_str()).collect();
    assert_eq!(
        selectors,
        [
            "0x29965a1d",
            "0x3d584063",
            "0x5df8122f",
            "0x65ba36c1",
            "0xa41e7d51",
            "0xaabbb8ca",
            "0xb7056765",
            "0xf712f3e8"
        ]
    );
    let coverage = &report.coverage;
    assert_eq!((coverage.blocks, coverage.jumps, coverage.jumps_resolved), (120, 85, 85));
    assert!(!report.incomplete && report.findings.is_empty());
}

#[test]
fn a_finding_shows_the_path_and_why_a_guard_does_not_count() {
    let report = scan(&fixture("TakeoverKill", "solc 0.8", "optimised").code(), Budget::Standard);
    let finding = one(&report, "unguarded-selfdestruct");
    assert_eq!((finding.swc, finding.cwe), (Some(106), 284));
    assert_eq!((finding.severity, finding.confidence), (Severity::Critical, Confidence::Likely));
    assert_eq!(finding.selector.as_deref(), Some("0x41c0e1b5"));
    assert_eq!(finding.evidence.subject, "caller");
    assert_eq!(finding.evidence.path.first(), Some(&0));
    let [guard] = &finding.evidence.guards[..] else { panic!("one guard: {:?}", finding.evidence.guards) };
    assert!(guard.on_path && guard.condition == "eq(address(storage(0x0)), caller)", "{guard:?}");
    let because = guard.void_because.as_deref().expect("a reason");
    assert!(because.contains("0x13af4035"), "setOwner(address) is why: {because}");
}

#[test]
fn a_condition_on_state_makes_a_finding_merely_possible() {
    let report = scan(&fixture("LateKill", "solc 0.5", "none").code(), Budget::Standard);
    let finding = one(&report, "unguarded-selfdestruct");
    assert_eq!((finding.severity, finding.confidence), (Severity::High, Confidence::Possible));
}

#[test]
fn a_fingerprint_outlives_metadata_and_moved_code() {
    let fingerprint = |code: &[u8]| {
        let report = scan(code, Budget::Quick);
        let fingerprint = one(&report, "unguarded-selfdestruct").fingerprint.clone();
        (report.code.instructions_sha256, fingerprint)
    };
    let code = fixture("OpenKill", "solc 0.8", "optimised").code();
    let mut other = code.clone();
    // In the middle of the metadata's hash.
    let place = other.len() - 30;
    other[place] ^= 0xff;
    assert_eq!(fingerprint(&code), fingerprint(&other));
    let moved = fingerprint(&fixture("OpenKill", "solc 0.8", "none").code());
    assert_eq!(fingerprint(&code).1, moved.1);
    assert_ne!(fingerprint(&code).0, moved.0);
}

#[test]
fn the_same_bytes_give_the_same_report() {
    for name in ["SeveralOwnersKill", "OpenProxy", "OriginOwned"] {
        let code = fixture(name, "solc 0.5", "optimised").code();
        assert_eq!(scan(&code, Budget::Standard), scan(&code, Budget::Standard));
    }
}

#[test]
fn a_scan_without_time_says_that_it_is_incomplete() {
    let code = fixture("OpenKill", "solc 0.8", "none").code();
    let report = scan_until(&code, Budget::Quick, &Deadline::after(Duration::ZERO));
    assert!(report.incomplete && report.stopped_by_time);
    assert_eq!(report.not_explored[0].why, "time ran out");
}

#[test]
fn what_is_over_the_limit_is_not_looked_at_and_said() {
    let report = scan(&vec![0x5b; CODE_BYTES_MAX + 1], Budget::Quick);
    assert!(report.not_explored.iter().any(|gap| gap.why.contains("131073 bytes")));
}

#[track_caller]
fn ends(what: &str, code: &[u8]) {
    let started = Instant::now();
    let report = scan(code, Budget::Quick);
    // The budget's second, an eighth for evmole, and slack for a busy machine.
    assert!(started.elapsed() < Duration::from_secs(20), "{what}: {:?}", started.elapsed());
    assert!(report.findings.len() <= 100);
}

#[test]
fn hostile_code_meets_a_limit() {
    // CALLDATALOAD(pc) JUMPI to the next block, over and over: two to the power of a thousand paths.
    let forks: Vec<u8> = (0..1000_u32)
        .flat_map(|n| {
            let next = (n * 9 + 8).to_be_bytes();
            [0x60, n as u8, 0x35, 0x61, next[2], next[3], 0x57, 0x33, 0x5b]
        })
        .collect();
    ends("forks", &forks);
    // JUMPDEST PUSH1 0 PUSH1 0 JUMP: a loop that grows the stack.
    ends("growing stack", &[0x5b, 0x60, 0, 0x60, 0, 0x56]);
    // JUMPDEST PUSH1 0 JUMP.
    ends("endless loop", &[0x5b, 0x60, 0, 0x56]);
    // Squares and squares of squares.
    let squares: Vec<u8> =
        [0x5f, 0x35].into_iter().chain([0x80, 0x02].into_iter().cycle().take(60_000)).collect();
    ends("deep expressions", &squares);
    // JUMPDEST ×, jumping to what the caller says.
    ends("free jumps", &[vec![0x5b; 5000], vec![0x5f, 0x35, 0x56]].concat());
    // Caller checks in a row, each of which a path may pass or not.
    let guards: Vec<u8> = (0..400_u32)
        .flat_map(|n| {
            let next = (n * 11 + 10).to_be_bytes();
            [0x61, (n >> 8) as u8, n as u8, 0x54, 0x33, 0x14, 0x61, next[2], next[3], 0x57, 0x5b]
        })
        .chain([0x33, 0xff])
        .collect();
    ends("many guards", &guards);
    // 900 places to jump to that nobody pushes, on the stack of a thousand blocks, and a hundred ends to be told of.
    let sums = (5_400..6_300_u32).flat_map(|to| {
        let less = (to - 1).to_be_bytes();
        [0x61, less[2], less[3], 0x60, 1, 0x01]
    });
    let ends_told = (0..100_u32).flat_map(|n| {
        let next = (n * 8 + 6_407).to_be_bytes();
        [0x36, 0x61, next[2], next[3], 0x57, 0x33, 0xff, 0x5b]
    });
    let deep: Vec<u8> = sums.chain([0x5b; 1_000]).chain(ends_told).collect();
    ends("deep stacks", &deep);
    // A loop through memory at rising places.
    ends("rising memory", &[0x5f, 0x5b, 0x33, 0x81, 0x52, 0x60, 0x20, 0x01, 0x60, 0x01, 0x56]);
    for push in 0x60..=0x7f_u8 {
        ends("cut off push", &[push]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_bytes_never_break_the_engine(code in proptest::collection::vec(any::<u8>(), 0..600)) {
        let report = scan(&code, Budget::Quick);
        prop_assert_eq!(report.code.size_bytes, code.len());
    }

    #[test]
    fn arbitrary_instructions_never_break_the_engine(
        code in proptest::collection::vec(
            prop_oneof![
                Just(0x5b_u8), Just(0x56), Just(0x57), 0x00..0x20_u8, 0x30..0x4b_u8, 0x50..0x70_u8,
                0x80..0xa5_u8, 0xf0..=0xff_u8,
            ],
            0..400,
        )
    ) {
        let report = scan(&code, Budget::Quick);
        prop_assert!(report.findings.len() <= 100);
    }

    #[test]
    fn damaged_contracts_never_break_the_engine(which in any::<prop::sample::Index>(), place: u16, byte: u8) {
        let all = fixtures();
        let mut code = all[which.index(all.len())].code();
        let place = usize::from(place) % code.len();
        code[place] = byte;
        let report = scan(&code, Budget::Quick);
        prop_assert_eq!(report.code.size_bytes, code.len());
    }
}

#[test]
fn a_scan_that_no_time_ends_asks_nobody_whom_only_time_ends() {
    let code = [0x33, 0xff];
    let report = scan_until(&code, Budget::Quick, &Deadline::never());
    let CrossCheck::Unavailable { reason } = &report.cross_check else { panic!("{:?}", report.cross_check) };
    assert!(reason.contains("not asked"), "{reason}");
    assert_eq!(report.findings, scan(&code, Budget::Quick).findings);
}

/// `while (place < END) { storage[5] = 0; place += 1 }` from `storage[1]` on; with data, `storage[0] += 1` instead.
fn looping(end: &[u8]) -> Vec<u8> {
    let after = 24 + u8::try_from(end.len()).expect("a few instructions");
    let begin = [0x36, 0x60, after + 2, 0x57, 0x60, 1, 0x54, 0x5b];
    let body =
        [0x81, 0x10, 0x15, 0x60, after, 0x57, 0x5f, 0x60, 5, 0x55, 0x60, 1, 0x01, 0x60, 7, 0x56, 0x5b, 0x00];
    let grow = [0x5b, 0x60, 1, 0x5f, 0x54, 0x01, 0x5f, 0x55, 0x00];
    [&begin, end, &body, &grow].concat()
}

#[test]
fn a_loop_to_a_length_is_told_and_one_to_the_end_of_an_array_s_places_is_not() {
    let told = |end: &[u8]| {
        let report = scan(&looping(end), Budget::Quick);
        report.findings.iter().any(|finding| finding.detector == "unbounded-loop")
    };
    // To `storage[0]`, and to one less, which adds a number as large as a hash.
    assert!(told(&[0x5f, 0x54]));
    assert!(told(&[0x60, 1, 0x5f, 0x54, 0x03]));
    // Keccak-256 of 32 zeros: where the elements of an array at 0 begin.
    let start = hex::decode("290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563").expect("hex");
    assert!(!told(&[&[0x7f], start.as_slice(), &[0x5f, 0x54, 0x01]].concat()));
}

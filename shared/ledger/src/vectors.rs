//! What other implementations made, accept or refuse: `fixtures/README.md` says whose it is.

use crate::conformance::{self, Tally};

pub(crate) const PROBES: &str = include_str!("../fixtures/rfc6962-probes.json");
pub(crate) const RFC_6962: &str = include_str!("../fixtures/rfc6962.json");
pub(crate) const LOG: &str = include_str!("../fixtures/tlog.json");
pub(crate) const PATHS: &str = include_str!("../fixtures/tlog-tiles-paths.json");

/// How many probes were accepted, refused as they must be, and refused at parsing already.
pub(crate) fn probe() -> (usize, usize, usize) {
    let probed = conformance::probes(PROBES).expect("probes");
    let [inclusion, consistency, unparsed] = &probed.tallies;
    for tally in &probed.tallies {
        assert_eq!(tally.wrong, Vec::<String>::new(), "{}", tally.what);
    }
    (probed.accepted, inclusion.right + consistency.right - probed.accepted, unparsed.right)
}

/// The notes that must fail: how many there are, each of them refused.
pub(crate) fn bad_notes() -> usize {
    let tallies = conformance::log(LOG).expect("a log");
    let refused: Vec<&Tally> = tallies.iter().filter(|tally| tally.what.contains("refused")).collect();
    assert!(refused.iter().all(|tally| tally.wrong.is_empty()), "{refused:?}");
    refused.iter().map(|tally| tally.right).sum()
}

#[test]
fn of_196_probes_the_184_that_must_fail_do() {
    // 11 of the 12 that must pass pass; the twelfth has roots of 12 bytes.
    let (accepted, refused, unparsed) = probe();
    assert_eq!((accepted, refused, unparsed), (11, 143, 42));
}

#[test]
fn every_note_that_must_fail_fails() {
    assert_eq!(bad_notes(), 6);
}

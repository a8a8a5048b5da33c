//! Everything that is tested across crates, in one binary.

mod architecture;
mod asvs;
mod authorization;
mod aws;
mod bad_input;
mod canary;
mod checklist;
mod death;
mod denials;
mod desk;
mod detectors;
mod documents;
mod entries;
mod examples;
mod feeds;
mod hooks;
mod imports;
mod journeys;
mod lambda;
mod licences;
mod limits;
mod logs;
mod people;
mod platform;
mod ports;
mod qldb;
mod sarif;
mod scans;
mod sessions;
mod simulation;
mod stack;
mod terraform;
mod tokens;
mod tour;
mod tree;
mod wallets;
mod wiring;
mod workflows;

/// A line for whoever reads the test's output (`--nocapture`).
#[expect(clippy::print_stderr, reason = "this is where tests speak")]
fn say(line: &str) {
    eprintln!("{line}");
}

//! How many proofs one core checks in a second, against the root of a tree of so many leaves:
//!
//! ```sh
//! cargo run --release -p scorpius-ledger --example checks -- 1000000
//! ```

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use scorpius_ledger::tree::{Edge, Tiles};
use tlog_tiles::{check_record, check_tree, prove_record, prove_tree, record_hash};

/// Proofs of each kind; they are checked again and again.
const PROOFS: u64 = 1_000;
const TIME: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let size: u64 = std::env::args().nth(1).ok_or("checks LEAVES")?.parse()?;
    let leaf = |number: u64| -> [u8; 32] { record_hash(&number.to_le_bytes()).0 };
    let leaves: Vec<_> = (0..size).map(leaf).collect();
    let (mut edge, started) = (Edge::empty(), Instant::now());
    let full = edge.append(&leaves);
    let mut out = std::io::stdout();
    writeln!(out, "{:.0} leaves appended a second", size as f64 / started.elapsed().as_secs_f64())?;
    let tiles =
        full.into_iter().chain(edge.partial_tiles(0)).map(|(name, bytes)| (name, bytes.into())).collect();
    let (tiles, root) = (Tiles(&tiles), edge.root());

    let (mut inclusion, mut consistency) = (Vec::new(), Vec::new());
    let (mut old, mut done) = (Edge::empty(), 0);
    for number in 0..PROOFS {
        let index = number * (size / PROOFS);
        inclusion.push((index, prove_record(size, index, &tiles)?));
        let next = index as usize + 1;
        drop(old.append(&leaves[done..next]));
        done = next;
        consistency.push((index + 1, old.root(), prove_tree(size, index + 1, &tiles)?));
    }
    let rate = |check: &mut dyn FnMut() -> Result<usize, Box<dyn Error>>| -> Result<f64, Box<dyn Error>> {
        let (mut checked, started) = (0, Instant::now());
        while started.elapsed() < TIME {
            checked += check()?;
        }
        Ok(checked as f64 / started.elapsed().as_secs_f64())
    };
    let included = rate(&mut || {
        for (index, proof) in &inclusion {
            let leaf = record_hash(&leaves[*index as usize]);
            check_record(proof, size, root, *index, leaf)?;
        }
        Ok(inclusion.len())
    })?;
    let consistent = rate(&mut || {
        for (old, old_root, proof) in &consistency {
            check_tree(proof, size, root, *old, *old_root)?;
        }
        Ok(consistency.len())
    })?;
    writeln!(out, "{included:.0} inclusion and {consistent:.0} consistency proofs checked a second")?;
    Ok(())
}

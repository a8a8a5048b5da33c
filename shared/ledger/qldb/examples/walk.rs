//! Makes an export of a journal of many blocks, each with a document, and times how fast it is read and checked:
//!
//! ```sh
//! cargo run --release -p scorpius-qldb --example walk -- DIR 100000
//! ```

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use scorpius_qldb::hash::Hash;
use scorpius_qldb::{Address, Document, Export, block_of};

const STRAND: &str = "JdxjkR9bSYB5jMHWcI464T";
/// Blocks of one data object.
const OBJECT_BLOCKS: u64 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(count)) = (arguments.next(), arguments.next()) else {
        return Err("walk DIR COUNT".into());
    };
    let (folder, count) = (Path::new(&folder), count.parse::<u64>()?);
    std::fs::create_dir_all(folder)?;
    let mut before = Hash::new();
    for first in (0..count).step_by(OBJECT_BLOCKS as usize) {
        let (last, mut text) = ((first + OBJECT_BLOCKS).min(count) - 1, String::new());
        for number in first..=last {
            let address = Address { strand: STRAND.to_owned(), sequence_no: number };
            let id = format!("doc{number}");
            let data =
                format!("{{\"name\":\"person {number}\",\"city\":\"Seattle\",\"balance\":{number}.50}}");
            let document = Document { id: &id, at: "2021-03-04T05:06:07.089Z", data: &data };
            let block = block_of(&address, &before, &document)?;
            before = block.block_hash;
            text.push_str(&block.text);
            text.push('\n');
        }
        std::fs::write(folder.join(format!("{STRAND}.{first}-{last}.ion")), text)?;
    }
    let (export, started) = (Export::open(folder)?, Instant::now());
    let report = export.walk(&mut |_| Ok(()))?;
    let seconds = started.elapsed().as_secs_f64();
    if !report.is_sound() || report.blocks != count {
        return Err("what was made is not sound".into());
    }
    let line = format!(
        "{count} blocks read and checked in {seconds:.1} s, {:.0} a second\n",
        count as f64 / seconds
    );
    Ok(std::io::stdout().write_all(line.as_bytes())?)
}

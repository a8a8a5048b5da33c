//! `scorpius prints`: what a list of code says of a contract, for whoever keeps such a list.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use scorpius_scan::engine::CODE_BYTES_MAX;
use scorpius_scan::sketch::{FUNCTION_INSTRUCTIONS_MIN, Sketch, WHOLE_INSTRUCTIONS_MIN};
use serde_json::json;

use super::{Done, Verdict};
use crate::terminal::Terminal;

/// Print what a contract's code, and each of its functions, is known by: rows for a feed of the form `code-prints`.
#[derive(Args)]
pub struct Prints {
    /// A file with runtime bytecode in hex; of a proxy, that of what it runs: proxies of one library are all the same.
    file: PathBuf,
    /// What the rows are called.
    #[arg(long, default_value = "reported", value_name = "NAME")]
    name: String,
    /// Of the functions too. List one only if harmless contracts do not have it.
    #[arg(long)]
    functions: bool,
}

impl Prints {
    pub(crate) fn run(self) -> Done {
        let mut text = String::new();
        let digits_max = 2 * CODE_BYTES_MAX as u64 + 4;
        File::open(&self.file)?.take(digits_max).read_to_string(&mut text)?;
        let text = text.trim();
        let code = hex::decode(text.strip_prefix("0x").unwrap_or(text))
            .map_err(|error| format!("{}: not bytecode in hex: {error}", self.file.display()))?;
        let rows: Vec<_> = Sketch::of(&code)
            .prints()
            .filter(|(selector, _)| self.functions || selector.is_none())
            .map(|(selector, print)| match selector {
                None => json!({"part": "whole", "print": hex::encode(print.0), "name": self.name}),
                Some(selector) => {
                    let name = format!("{}, function {selector:#010x}", self.name);
                    json!({"part": "function", "print": hex::encode(print.0), "name": name})
                }
            })
            .collect();
        let terminal = Terminal::default();
        if rows.is_empty() {
            terminal.bad(&format!(
                "no part is long enough to be told from others: {WHOLE_INSTRUCTIONS_MIN} instructions of a whole, \
                 {FUNCTION_INSTRUCTIONS_MIN} of a function"
            ));
            return Ok(Verdict::NotFine);
        }
        terminal.line(serde_json::to_string_pretty(&rows)?);
        Ok(Verdict::Fine)
    }
}

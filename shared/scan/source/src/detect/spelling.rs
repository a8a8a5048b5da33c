//! What shows in the text of files, and in names across them.

use std::collections::BTreeMap;

use scorpius_scan::engine::Severity;
use scorpius_scan::source::Project;

use super::Hit;
use crate::model::{ContractId, Program};
use crate::syntax::ast::{ContractKind, Span};

pub(super) fn detect(project: &Project, program: &Program, hits: &mut Vec<Hit>) {
    for (file, (_, text)) in (0u32..).zip(project.files()) {
        turned(file, text, hits);
        out_of_sight(file, text, hits);
    }
    reused_names(program, hits);
}

/// Characters that turn the direction of what follows: U+202A to U+202E and U+2066 to U+2069.
fn turned(file: u32, text: &str, hits: &mut Vec<Hit>) {
    for (at, letter) in text.char_indices() {
        if !matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            continue;
        }
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let span = Span { file, start: offset(at), end: offset(at + letter.len_utf8()) };
        let what = format!("U+{:04X} turns the direction of the text that follows.", u32::from(letter));
        hits.push(Hit::of("right-to-left-override", Severity::High, span, None, what));
    }
}

/// Spaces within a line that hide what follows.
const SPACES_MIN: usize = 100;

fn out_of_sight(file: u32, text: &str, hits: &mut Vec<Hit>) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let (mut spaces, mut code) = (0, false);
        for (at, letter) in line.char_indices() {
            if letter.is_whitespace() {
                spaces += 1;
                continue;
            }
            let rest = line.get(at..).unwrap_or_default().trim_end();
            if code && spaces >= SPACES_MIN && !rest.starts_with("//") {
                let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
                let span = Span { file, start: offset(start + at), end: offset(start + at + rest.len()) };
                let what = format!("{spaces} spaces stand between the beginning of the line and this.");
                hits.push(Hit::of("code-out-of-sight", Severity::High, span, None, what));
                break;
            }
            (spaces, code) = (0, true);
        }
        start += line.len();
    }
}

fn reused_names(program: &Program, hits: &mut Vec<Hit>) {
    let mut known: BTreeMap<&str, ContractId> = BTreeMap::new();
    for id in program.contracts() {
        let contract = program.contract(id);
        if contract.kind != ContractKind::Contract {
            continue;
        }
        match known.get(contract.name.as_str()) {
            None => {
                known.insert(&contract.name, id);
            }
            Some(&first) => {
                let what = format!("Another contract of the project is called `{}` too.", contract.name);
                let hit = Hit::of("name-reused", Severity::Low, contract.span, Some(id), what);
                hits.push(hit.with(program.contract(first).span, "the other one"));
            }
        }
    }
}

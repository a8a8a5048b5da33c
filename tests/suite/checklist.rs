//! `docs/checklist.md` says of every row what makes it true, and names nothing that is not there.

use std::collections::BTreeMap;

use crate::tree;

/// Rows of each area: `GW-01` to `GW-31`, and so on.
const AREAS: [(&str, usize); 25] = [
    ("GW", 31),
    ("ID", 24),
    ("AZ", 21),
    ("SEC", 32),
    ("WG", 18),
    ("SCN", 7),
    ("AST", 8),
    ("ONT", 5),
    ("AUT", 14),
    ("COM", 11),
    ("AUD", 19),
    ("USE", 18),
    ("REP", 7),
    ("UI", 12),
    ("EVT", 15),
    ("DAT", 23),
    ("OBS", 22),
    ("PERF", 21),
    ("REL", 13),
    ("DEP", 22),
    ("IAC", 20),
    ("DEV", 14),
    ("TST", 10),
    ("DOC", 12),
    ("ORG", 8),
];

/// What a row says is true of it today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Built,
    Planned,
    Superseded,
    Later,
}

struct Row {
    id: String,
    what: String,
    verdict: Verdict,
    /// `path` or `path::test`.
    named: Vec<String>,
}

fn rows(markdown: &str) -> Vec<Result<Row, String>> {
    let tables = markdown.lines().filter(|line| line.starts_with("| "));
    tables.filter(|line| !line.starts_with("| id ") && !line.starts_with("| ---")).map(row).collect()
}

fn row(line: &str) -> Result<Row, String> {
    let cells: Vec<_> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
    let [id, what, place, test] = cells[..] else { return Err(format!("not four cells: {line}")) };
    let wrong = |text: &str| Err(format!("{id}: {text}"));
    if what.is_empty() {
        return wrong("says nothing");
    }
    let verdict = match place.split_once(": ") {
        _ if place == "planned" => Verdict::Planned,
        Some(("superseded", why)) if !why.is_empty() => Verdict::Superseded,
        Some(("later", why)) if !why.is_empty() => Verdict::Later,
        _ if place.starts_with('`') => Verdict::Built,
        _ => return wrong("no verdict"),
    };
    let mut named = quoted(test);
    if test != "-" && named.is_empty() {
        return wrong("names no test, and not `-`");
    }
    if verdict == Verdict::Built {
        named.extend(quoted(place));
    }
    match (verdict, test) {
        (Verdict::Planned | Verdict::Superseded | Verdict::Later, test) if test != "-" => {
            wrong("names a test of what is not there")
        }
        _ => Ok(Row { id: id.to_owned(), what: what.to_owned(), verdict, named }),
    }
}

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Why what a row names is not there.
pub(crate) fn missing(named: &str) -> Option<String> {
    match named.split_once("::") {
        None => (!tree::exists(named)).then(|| format!("no file `{named}`")),
        Some((path, _)) if !tree::exists(path) => Some(format!("no file `{path}`")),
        Some((path, test)) => {
            (!has_test(&tree::read(path), test)).then(|| format!("no test `{test}` in `{path}`"))
        }
    }
}

/// Whether `source` has a function of this name under an attribute that makes it a test, or as a
/// clause of a port's contract, which is a test of every adapter.
fn has_test(source: &str, name: &str) -> bool {
    let mut marked = false;
    for line in source.lines().map(str::trim_start) {
        let declared = line.split_once("fn ").filter(|(before, _)| {
            before
                .split_whitespace()
                .all(|word| word == "async" || word.starts_with("pub") || word.ends_with(')'))
        });
        match declared.and_then(|(_, rest)| rest.strip_prefix(name)) {
            Some(rest) if rest.starts_with("(world: &World)") || (marked && rest.starts_with('(')) => {
                return true;
            }
            _ if line.starts_with("#[") => marked |= line.contains("test]") || line.contains("test("),
            _ => marked = false,
        }
    }
    false
}

fn checklist() -> Vec<Result<Row, String>> {
    rows(&tree::read("docs/checklist.md"))
}

#[test]
fn every_row_is_there_once_and_has_a_verdict() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in checklist() {
        match row {
            Ok(row) => *seen.entry(row.id).or_default() += 1,
            Err(why) => wrong.push(why),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let wanted: BTreeMap<String, usize> = AREAS
        .iter()
        .flat_map(|(area, rows)| (1..=*rows).map(move |row| (format!("{area}-{row:02}"), 1)))
        .collect();
    assert_eq!(wanted.len(), 407);
    assert_eq!(seen, wanted);
}

#[test]
fn every_file_and_test_that_a_row_names_exists() {
    let mut wrong = Vec::new();
    for row in checklist().into_iter().flatten() {
        wrong.extend(
            row.named.iter().filter_map(|named| missing(named)).map(|why| format!("{}: {why}", row.id)),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_counts_in_the_text_are_those_of_the_table() {
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for row in checklist().into_iter().flatten() {
        *counts.entry(row.verdict).or_default() += 1;
    }
    let count = |verdict| counts.get(&verdict).copied().unwrap_or_default();
    let text = format!(
        "Built {}, planned {}, superseded {}, later {}; 407 rows.",
        count(Verdict::Built),
        count(Verdict::Planned),
        count(Verdict::Superseded),
        count(Verdict::Later),
    );
    assert!(tree::read("docs/checklist.md").contains(&text), "{text}");
}

#[test]
fn no_two_rows_say_the_same() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in checklist().into_iter().flatten().filter(|row| row.verdict != Verdict::Superseded) {
        if let Some(first) = seen.insert(row.what.clone(), row.id.clone()) {
            wrong.push(format!("{first} and {}: {}", row.id, row.what));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_row_that_names_what_is_not_there_is_found() {
    #[track_caller]
    fn refused(line: &str) {
        let found = match row(line) {
            Ok(row) => row.named.iter().find_map(|named| missing(named)),
            Err(why) => Some(why),
        };
        assert!(found.is_some(), "{line}");
    }
    refused("| GW-01 | One API. | `shared/nowhere` | - |");
    refused("| GW-01 | One API. | `tests/suite/checklist.rs` | `tests/suite/checklist.rs::no_such_test` |");
    refused("| GW-01 | One API. | `tests/suite/checklist.rs` | `tests/suite/checklist.rs::has_test` |");
    refused("| GW-01 | One API. | `tests/suite/checklist.rs` | soon |");
    refused("| GW-01 | One API. | planned | `tests/suite/architecture.rs::files_are_short` |");
    refused("| GW-01 | One API. | superseded | - |");
    refused("| GW-01 | One API. | superseded: | - |");
    refused("| GW-01 | One API. | done | - |");
    refused("| GW-01 |  | planned | - |");
    refused("| GW-01 | planned | - |");
    assert_eq!(missing("tests/suite/architecture.rs::files_are_short"), None);
    assert_eq!(missing("tests/suite/ports/contract/commits.rs::every_limit_is_kept"), None);
}

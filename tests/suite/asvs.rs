//! `docs/asvs.md` has every requirement of its chapters once, and names no test that is not there.

use std::collections::BTreeMap;

use crate::checklist::missing;
use crate::tree;

/// Requirements of each section, as the standard numbers them: `6.1.1` to `6.1.3`, and so on.
const SECTIONS: [(&str, usize); 27] = [
    ("6.1", 3),
    ("6.2", 12),
    ("6.3", 8),
    ("6.4", 6),
    ("6.5", 8),
    ("6.6", 4),
    ("6.7", 2),
    ("6.8", 4),
    ("7.1", 3),
    ("7.2", 4),
    ("7.3", 2),
    ("7.4", 5),
    ("7.5", 3),
    ("7.6", 2),
    ("8.1", 4),
    ("8.2", 4),
    ("8.3", 3),
    ("8.4", 2),
    ("9.1", 3),
    ("9.2", 4),
    ("10.1", 2),
    ("10.2", 3),
    ("10.3", 5),
    ("10.4", 16),
    ("10.5", 5),
    ("10.6", 2),
    ("10.7", 3),
];

/// What holds a requirement: counted by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Held,
    NotApplicable,
    Planned,
}

/// A row's id and verdict, or what is wrong with it.
fn row(line: &str) -> Result<(String, Verdict), String> {
    let cells: Vec<_> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
    let [id, level, what, held] = cells[..] else { return Err(format!("not four cells: {line}")) };
    let wrong = |why: String| Err(format!("{id}: {why}"));
    if !matches!(level, "1" | "2" | "3") || what.is_empty() {
        return wrong("no level, or no word on what it is".to_owned());
    }
    let verdict = match held.split_once(": ") {
        _ if held.starts_with('`') => Verdict::Held,
        Some(("n/a", why)) if !why.is_empty() => Verdict::NotApplicable,
        Some(("planned", why)) if !why.is_empty() => Verdict::Planned,
        _ => return wrong("neither a test nor a reason".to_owned()),
    };
    if verdict == Verdict::Held {
        for named in held.split('`').skip(1).step_by(2) {
            if !named.contains("::") {
                return wrong(format!("`{named}` is no test"));
            }
            if let Some(why) = missing(named) {
                return wrong(why);
            }
        }
    }
    Ok((id.to_owned(), verdict))
}

fn rows(page: &str) -> Vec<Result<(String, Verdict), String>> {
    let tables = page.lines().filter(|line| line.starts_with("| "));
    tables.filter(|line| !line.starts_with("| id ") && !line.starts_with("| ---")).map(row).collect()
}

#[test]
fn every_requirement_is_there_once_with_a_test_that_exists_or_a_reason() {
    let (mut seen, mut wrong) = (BTreeMap::<String, usize>::new(), Vec::new());
    for row in rows(&tree::read("docs/asvs.md")) {
        match row {
            Ok((id, _)) => *seen.entry(id).or_default() += 1,
            Err(why) => wrong.push(why),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let wanted: BTreeMap<_, _> = SECTIONS
        .iter()
        .flat_map(|(section, rows)| (1..=*rows).map(move |row| (format!("{section}.{row}"), 1)))
        .collect();
    // Chapters 6 to 10 have 47, 19, 13, 7 and 36.
    assert_eq!(wanted.len(), 122);
    assert_eq!(seen, wanted);
}

#[test]
fn the_counts_in_the_text_are_those_of_the_tables() {
    let page = tree::read("docs/asvs.md");
    let all: Vec<_> = rows(&page).into_iter().flatten().collect();
    let count = |wanted| all.iter().filter(|(_, verdict)| *verdict == wanted).count();
    let text = format!(
        "Held {}, not applicable {}, planned {}; {} requirements.",
        count(Verdict::Held),
        count(Verdict::NotApplicable),
        count(Verdict::Planned),
        all.len()
    );
    assert!(page.contains(&text), "{text}");
}

#[test]
fn a_row_that_names_no_test_or_no_reason_is_found() {
    for line in [
        "| 6.1.1 | 1 | Something. | `tests/suite/asvs.rs::no_such_test` |",
        "| 6.1.1 | 1 | Something. | `tests/suite/asvs.rs` |",
        "| 6.1.1 | 1 | Something. | planned |",
        "| 6.1.1 | 1 | Something. | n/a: |",
        "| 6.1.1 | 4 | Something. | n/a: why |",
        "| 6.1.1 | 1 |  | n/a: why |",
        "| 6.1.1 | 1 | Something. | yes |",
        "| 6.1.1 | Something. | n/a: why |",
    ] {
        assert!(row(line).is_err(), "{line}");
    }
    assert!(row("| 6.1.1 | 1 | Something. | n/a: there is none |").is_ok());
}

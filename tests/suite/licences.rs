//! What is linked has a licence that `deny.toml` allows, and `deny.toml` allows no licence for nothing.

use std::collections::BTreeSet;

use crate::tree;

fn allowed() -> BTreeSet<String> {
    let file = tree::read("deny.toml");
    let list = file.split("\nallow = [").nth(1).and_then(|rest| rest.split(']').next()).expect("a list");
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The licences by which `expression` can be satisfied from `allowed`; `None` when it cannot. SPDX, without exceptions.
fn chosen(expression: &str, allowed: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    // `A / B` is the old way to write `A OR B`. Parentheses stand around an `OR` only, in all that we link.
    let mut all = BTreeSet::new();
    for part in expression.replace('/', " OR ").split(" AND ") {
        let part = part.trim().trim_matches(['(', ')']);
        let first = part.split(" OR ").map(str::trim).find(|licence| allowed.contains(*licence))?;
        all.insert(first.to_owned());
    }
    Some(all)
}

#[test]
fn every_crate_that_is_linked_has_an_allowed_licence() {
    let allowed = allowed();
    let mut used = BTreeSet::new();
    let mut wrong = BTreeSet::new();
    let arguments = ["--workspace", "--edges", "normal,build,dev", "--prefix", "none", "--format", "{l}|{p}"];
    for line in tree::cargo_tree_lines(&arguments) {
        let (licence, package) = line.split_once('|').expect("licence and package");
        match chosen(licence, &allowed) {
            Some(licences) => used.extend(licences),
            None => {
                wrong.insert(format!("{package}: `{licence}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let needless: Vec<_> = allowed.difference(&used).collect();
    assert!(needless.is_empty(), "deny.toml allows {needless:?}, which nobody needs");
}

#[test]
fn a_licence_expression_is_read_as_spdx_means_it() {
    #[track_caller]
    fn check(expression: &str, wanted: Option<&[&str]>) {
        let allowed = ["MIT", "ISC"].map(str::to_owned).into();
        let wanted = wanted.map(|licences| licences.iter().map(|licence| (*licence).to_owned()).collect());
        assert_eq!(chosen(expression, &allowed), wanted, "{expression}");
    }
    check("MIT", Some(&["MIT"]));
    check("GPL-3.0", None);
    check("Apache-2.0 OR MIT", Some(&["MIT"]));
    check("MIT/Apache-2.0", Some(&["MIT"]));
    check("Apache-2.0 AND ISC", None);
    check("(MIT OR Apache-2.0) AND ISC", Some(&["ISC", "MIT"]));
    check("", None);
}

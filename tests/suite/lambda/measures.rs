//! What a zip may weigh, and the oldest glibc that its program runs on.

use std::collections::BTreeMap;
use std::process::Command;

use scorpius::doors;
use serde::Deserialize;

use super::zips::zips;
use crate::aws::tools::{found, say};

/// `provided.al2023` has this glibc.
const GLIBC_MAX: (u32, u32) = (2, 34);

/// `budgets.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Budgets {
    /// What all functions keep to, by profile.
    sizes: BTreeMap<String, Size>,
    /// Functions that do not.
    larger: Vec<Larger>,
    /// Instructions of a function's start.
    pub(crate) starts: Vec<Start>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Size {
    program_bytes: u64,
    zip_bytes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Larger {
    function: String,
    profile: String,
    size: Size,
    reason: String,
}

/// One start that is counted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    /// Which function.
    pub(crate) function: String,
    /// What it is asked: a file in `events/<function>`.
    pub(crate) event: String,
    /// The status of its answer; absent for the authorizer, which lets everybody through and says who they are.
    #[serde(default)]
    pub(crate) status: Option<u16>,
    /// Calls to AWS on the way.
    pub(crate) calls: usize,
    /// Instructions in profile `e2e`, measured; the gate is a tenth above.
    pub(crate) instructions: u64,
}

pub(crate) fn budgets() -> Budgets {
    serde_json::from_str(include_str!("budgets.json")).expect("budgets.json has its shape")
}

impl Budgets {
    fn of(&self, function: &str, profile: &str) -> Size {
        let larger = self.larger.iter().find(|one| one.function == function && one.profile == profile);
        larger.map_or(self.sizes[profile], |one| one.size)
    }
}

/// What is too large, in words.
fn too_large(function: &str, budget: Size, size: Size) -> Option<String> {
    let Size { program_bytes, zip_bytes } = size;
    (program_bytes > budget.program_bytes || zip_bytes > budget.zip_bytes).then(|| {
        format!(
            "{function}: {program_bytes} bytes, zipped {zip_bytes}; it may have {}, zipped {}",
            budget.program_bytes, budget.zip_bytes
        )
    })
}

/// The newest version of glibc that `objdump -T` names.
fn newest_glibc(symbols: &str) -> Option<(u32, u32)> {
    let versions = symbols.split("GLIBC_").skip(1).filter_map(|rest| {
        let version: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let mut numbers = version.split('.');
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    });
    versions.max()
}

#[test]
fn every_function_is_as_small_as_its_budget_says() {
    let Some(zips) = zips() else { return };
    let budgets = budgets();
    let profile = if zips.shipped { "lambda" } else { "e2e" };
    let mut wrong = Vec::new();
    let bytes = |path: &std::path::Path| std::fs::metadata(path).expect("it was just built").len();
    for function in doors::manifest().functions.keys() {
        let (program_bytes, zip_bytes) = (bytes(&zips.program(function)), bytes(&zips.zip(function)));
        say(&format!("{profile} {function}: {program_bytes} bytes, zipped {zip_bytes}"));
        let size = Size { program_bytes, zip_bytes };
        wrong.extend(too_large(function, budgets.of(function, profile), size));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_function_runs_on_the_glibc_of_lambda() {
    let Some(zips) = zips() else { return };
    for function in doors::manifest().functions.keys() {
        let symbols = Command::new("objdump").arg("-T").arg(zips.program(function)).output();
        let Some(symbols) = found("objdump", symbols.map_err(|error| error.to_string())) else { return };
        let newest = newest_glibc(&String::from_utf8_lossy(&symbols.stdout));
        let newest = newest.unwrap_or_else(|| panic!("{function}: objdump names no glibc"));
        assert!(newest <= GLIBC_MAX, "{function} needs glibc {}.{}", newest.0, newest.1);
    }
}

#[test]
fn the_newest_glibc_is_found_by_number_and_not_by_letter() {
    let symbols = "\
0000000000000000      DF *UND*  0000000000000000 (GLIBC_2.2.5) memcpy
0000000000000000      DF *UND*  0000000000000000 (GLIBC_2.34) pthread_create
0000000000000000      DF *UND*  0000000000000000 (GLIBC_2.9)  pipe2
0000000000000000  w   D  *UND*  0000000000000000              _ITM_deregisterTMCloneTable
0000000000000000      DF *UND*  0000000000000000 (GCC_3.0)    _Unwind_Resume";
    assert_eq!(newest_glibc(symbols), Some((2, 34)));
    assert_eq!(newest_glibc("no dynamic symbols"), None);
}

#[test]
fn what_is_over_its_budget_is_named() {
    let budget = Size { program_bytes: 100, zip_bytes: 50 };
    let check = |program_bytes, zip_bytes| too_large("f", budget, Size { program_bytes, zip_bytes });
    assert_eq!(check(100, 50), None);
    let said = "f: 101 bytes, zipped 50; it may have 100, zipped 50";
    assert_eq!(check(101, 50).as_deref(), Some(said));
    assert!(check(100, 51).is_some());
}

#[test]
fn every_exception_is_of_a_function_and_has_a_reason() {
    let (budgets, manifest) = (budgets(), doors::manifest());
    for one in &budgets.larger {
        assert!(manifest.functions.contains_key(&one.function), "no function `{}`", one.function);
        let general = budgets.sizes[&one.profile];
        assert!(one.size.program_bytes > general.program_bytes || one.size.zip_bytes > general.zip_bytes);
        assert!(one.reason.ends_with('.'), "`{}` is larger without a reason", one.function);
    }
}

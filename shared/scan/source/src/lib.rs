//! Scans Solidity, from 0.4 to 0.8: files in, findings with line and column out. No I/O, always an end.
//!
//! ```text
//! files ─> syntax (tree-sitter, own tree) ─> model (imports, inheritance) ─> walk (facts) ─> detect ─> SourceReport
//! ```
//!
//! What is not Solidity, imports that are not there, and what limits cut off is told as `not_explored`; the report
//! is then `incomplete`.

mod detect;
mod imports;
mod model;
mod report;
mod syntax;
mod walk;

use std::sync::Arc;

use scorpius_scan::engine::{Budget, Deadline, Run, Stage};
use scorpius_scan::source::{Project, SourceReport};

pub use imports::candidates;

use detect::Hit;
use model::Program;
use syntax::ast::ContractKind;
use walk::Limits;

/// Scans a project within `budget`.
#[must_use]
pub fn scan(project: &Project, budget: Budget) -> SourceReport {
    scan_until(project, budget, &Deadline::after(budget.time()))
}

/// The same, seen by whoever holds `run`.
#[must_use]
pub fn scan_watched(project: &Project, budget: Budget, run: &Arc<Run>) -> SourceReport {
    scan_until(project, budget, &Deadline::watched(budget.time(), run))
}

/// Bytes of stack: nesting is bounded, and at its bound takes more than threads usually have.
const STACK_BYTES: usize = 64 << 20;

/// Scans with the limits of `budget` until `deadline`.
#[must_use]
pub fn scan_until(project: &Project, budget: Budget, deadline: &Deadline) -> SourceReport {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name("source".to_owned()).stack_size(STACK_BYTES);
        match builder.spawn_scoped(scope, || scan_here(project, budget, deadline)) {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // No thread, no scan, and a report that says so.
            Err(error) => report::nothing(project, budget, &error.to_string()),
        }
    })
}

fn scan_here(project: &Project, budget: Budget, deadline: &Deadline) -> SourceReport {
    let mut units = Vec::new();
    let mut unread = Vec::new();
    let files = project.files().count();
    for (file, (path, text)) in (0u32..).zip(project.files()) {
        deadline.tell(Stage::Engine, file as usize, files);
        deadline.works_at(path);
        // Also a file that is not read has its place, so that numbers stay those of the project.
        match deadline.passed() {
            false => units.push(syntax::parse(file, text, deadline)),
            true => {
                units.push(syntax::ast::Unit::default());
                unread.push(path.to_owned());
            }
        }
    }
    let resolver = imports::Resolver::new(project);
    let program = Program::new(units, |file, path| resolver.resolve(file, path));
    let mut hits: Vec<Hit> = detect::in_text(project, &program);
    let paths: Vec<&str> = project.files().map(|(path, _)| path).collect();
    let mut walked = Vec::new();
    let mut gaps = report::Gaps::new(&program, unread);
    let contracts = program.contracts();
    let known = files + contracts.len();
    for (looked_at, id) in contracts.into_iter().enumerate() {
        deadline.tell(Stage::Engine, files + looked_at, known);
        let contract = program.contract(id);
        deadline.works_at(&contract.name);
        if paths.get(id.file as usize).is_some_and(|path| project.is_dependency(path)) {
            continue;
        }
        hits.extend(detect::in_contract(&program, id));
        let worth = match contract.kind {
            ContractKind::Interface => false,
            ContractKind::Library => true,
            ContractKind::Contract | ContractKind::Abstract => {
                !program.heirs.contains(&id) || program.is_deployable(id)
            }
        };
        if !worth {
            continue;
        }
        if deadline.passed() {
            gaps.late(contract);
            continue;
        }
        let facts = walk::walk(&program, id, limits(budget), deadline);
        gaps.of(&facts, contract);
        let (found, all) = detect::in_facts(&program, &facts, deadline);
        hits.extend(found);
        if !all {
            gaps.late(contract);
        }
        walked.push(id);
    }
    // What is found in packages is their makers' business.
    hits.retain(|hit| !paths.get(hit.span.file as usize).is_some_and(|path| project.is_dependency(path)));
    report::report(project, budget, &program, &walked, gaps, hits)
}

/// The paths that one file imports.
#[must_use]
pub fn imports_of(text: &str) -> Vec<String> {
    let unit = syntax::parse(0, text, &Deadline::after(Budget::Quick.time()));
    unit.imports.into_iter().map(|import| import.path).collect()
}

fn limits(budget: Budget) -> Limits {
    match budget {
        Budget::Quick => Limits { entry_steps: 20_000, contract_steps: 200_000 },
        Budget::Standard => Limits { entry_steps: 100_000, contract_steps: 2_000_000 },
        Budget::Deep => Limits { entry_steps: 1_000_000, contract_steps: 20_000_000 },
    }
}

#[cfg(test)]
mod tests;

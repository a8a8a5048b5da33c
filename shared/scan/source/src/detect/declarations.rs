//! What shows in the declarations of a contract and its bases.

use scorpius_scan::engine::Severity;

use super::Hit;
use crate::model::{ContractId, Program};
use crate::syntax::ast::{Contract, ContractKind, ExprKind, Function, FunctionKind, Span};
use crate::syntax::visit::expressions;

/// Names that the language gives to something of its own, and that a declaration may take.
const BUILTINS: [&str; 24] = [
    "abi",
    "addmod",
    "assert",
    "block",
    "blockhash",
    "ecrecover",
    "gasleft",
    "keccak256",
    "log0",
    "log1",
    "msg",
    "mulmod",
    "now",
    "require",
    "revert",
    "ripemd160",
    "selfdestruct",
    "sha256",
    "sha3",
    "suicide",
    "super",
    "this",
    "tx",
    "type",
];

pub(super) fn detect(program: &Program, id: ContractId, hits: &mut Vec<Hit>) {
    let contract = program.contract(id);
    hidden_variables(program, id, contract, hits);
    hidden_builtins(id, contract, hits);
    if contract.kind != ContractKind::Interface && contract.kind != ContractKind::Library {
        constructors(program, id, contract, hits);
        visibility(program, id, contract, hits);
        base_arguments(program, id, contract, hits);
    }
}

fn hidden_variables(program: &Program, id: ContractId, contract: &Contract, hits: &mut Vec<Hit>) {
    let order = program.linearized(id);
    for variable in contract.variables.iter().filter(|it| !it.name.starts_with("__")) {
        let hidden = order.iter().filter(|&&base| base != id).find_map(|&base| {
            let mut all = program.contract(base).variables.iter();
            all.find(|it| it.name == variable.name && !it.private)
        });
        if let Some(hidden) = hidden {
            let severity = if variable.constant && hidden.constant { Severity::Low } else { Severity::High };
            let what =
                format!("`{}` hides a variable of a base, which goes on using its own.", variable.name);
            let hit = Hit::of("shadowed-state-variable", severity, variable.span, Some(id), what);
            hits.push(hit.with(hidden.span, "the hidden one"));
        }
    }
}

fn hidden_builtins(id: ContractId, contract: &Contract, hits: &mut Vec<Hit>) {
    let functions = contract
        .functions
        .iter()
        .filter(|it| matches!(it.kind, FunctionKind::Function | FunctionKind::Modifier))
        .map(|it| (it.name.as_str(), it.span));
    let variables = contract.variables.iter().map(|it| (it.name.as_str(), it.span));
    let events = contract.events.iter().map(|(name, span)| (name.as_str(), *span));
    for (name, span) in functions.chain(variables).chain(events) {
        if BUILTINS.contains(&name) {
            let what = format!("`{name}` is a name of the language, and something else here.");
            hits.push(Hit::of("shadowed-builtin", Severity::Low, span, Some(id), what));
        }
    }
}

fn constructors(program: &Program, id: ContractId, contract: &Contract, hits: &mut Vec<Hit>) {
    let real: Vec<&Function> =
        contract.functions.iter().filter(|it| it.kind == FunctionKind::Constructor).collect();
    if let [first, second, ..] = real.as_slice() {
        let what = "The contract has two constructors, and the compiler's version decides which one runs.";
        let hit = Hit::of("multiple-constructors", Severity::High, second.span, Some(id), what);
        hits.push(hit.with(first.span, "the other one").within(&second.name));
    }
    if !real.is_empty() || program.version(id.file) >= (0, 5, 0) {
        return;
    }
    for function in contract.functions.iter().filter(|it| it.is_entry() && it.kind == FunctionKind::Function)
    {
        if is_almost(&function.name, &contract.name)
            && takes_the_sender(function)
            && function.modifiers.is_empty()
        {
            let what = format!(
                "`{}` sets up `{}` and is no constructor: anyone can call it at any time.",
                function.name, contract.name
            );
            let hit = Hit::of("constructor-name", Severity::High, function.span, Some(id), what);
            hits.push(hit.within(&function.name));
        }
    }
}

/// Whether one name was meant to be the other.
fn is_almost(name: &str, contract: &str) -> bool {
    let (a, b) = (name.to_lowercase(), contract.to_lowercase());
    let contained = a.len() >= 4 && b.len() >= 4 && (a.contains(&b) || b.contains(&a));
    a == b
        || a == "constructor"
        || a == format!("init{b}")
        || contained
        || distance(&a, &b) <= 2 && b.len() >= 5
}

/// Letters to insert, remove or replace (Levenshtein); names longer than 64 are not compared.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// `owner = msg.sender`
fn takes_the_sender(function: &Function) -> bool {
    let mut found = false;
    expressions(function, &mut |it| {
        if let ExprKind::Assign(None, left, right) = &it.kind {
            let sender = matches!(&right.kind, ExprKind::Member(object, member)
                if member == "sender" && matches!(&object.kind, ExprKind::Name(name) if name == "msg"));
            found |= sender && matches!(left.kind, ExprKind::Name(_));
        }
    });
    found
}

fn visibility(program: &Program, id: ContractId, contract: &Contract, hits: &mut Vec<Hit>) {
    if program.version(id.file) >= (0, 5, 0) {
        return;
    }
    for function in &contract.functions {
        let open =
            function.kind == FunctionKind::Function && !function.visibility_said && function.body.is_some();
        if !open || function.reads_only {
            continue;
        }
        // A name that says that it was meant for inside.
        let inner = function.name.starts_with('_') || function.name.to_lowercase().starts_with("init");
        let severity = if inner { Severity::Low } else { Severity::Info };
        let what = format!("`{}` does not say who may call it, so everybody may.", function.name);
        let hit = Hit::of("default-visibility", severity, function.span, Some(id), what);
        hits.push(hit.within(&function.name));
    }
}

fn base_arguments(program: &Program, id: ContractId, contract: &Contract, hits: &mut Vec<Hit>) {
    if program.heirs.contains(&id) && contract.bases.is_empty() {
        return;
    }
    let mut given: Vec<(ContractId, Span)> = Vec::new();
    for heir in program.linearized(id) {
        let of = program.contract(heir);
        let mut names: Vec<&str> = of.bases_with_arguments.iter().map(String::as_str).collect();
        let constructors = of.functions.iter().filter(|it| it.kind == FunctionKind::Constructor);
        for (name, arguments) in constructors.flat_map(|it| &it.modifiers) {
            if !arguments.is_empty() {
                names.push(name);
            }
        }
        for base in names.into_iter().filter_map(|name| program.lookup(heir.file, name)) {
            if let Some((_, earlier)) = given.iter().find(|(known, _)| *known == base) {
                let what = format!("`{}` gets arguments from two places.", program.contract(base).name);
                let hit = Hit::of("reused-base-constructor", Severity::Medium, contract.span, Some(id), what);
                hits.push(hit.with(*earlier, "one of them").with(of.span, "the other"));
            } else {
                given.push((base, of.span));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_meant_to_be_the_same_are_close() {
        for (name, contract) in
            [("missing", "Missing"), ("IamMissing", "Missing"), ("Ruibxi", "Rubixi"), ("Constructor", "A")]
        {
            assert!(is_almost(name, contract), "{name} {contract}");
        }
        for (name, contract) in [("withdraw", "Wallet"), ("a", "b"), ("setOwner", "Registry")] {
            assert!(!is_almost(name, contract), "{name} {contract}");
        }
    }
}

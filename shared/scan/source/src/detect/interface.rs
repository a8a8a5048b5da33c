//! Token functions that look like the standard's and are not.

use scorpius_scan::engine::Severity;

use super::Hit;
use crate::model::{ContractId, Program};
use crate::syntax::ast::{ContractKind, Function, FunctionKind};

/// Signature and what it returns.
const ERC20: [(&str, Option<&str>); 6] = [
    ("transfer(address,uint256)", Some("bool")),
    ("transferFrom(address,address,uint256)", Some("bool")),
    ("approve(address,uint256)", Some("bool")),
    ("allowance(address,address)", Some("uint256")),
    ("balanceOf(address)", Some("uint256")),
    ("totalSupply()", Some("uint256")),
];

const ERC721: [(&str, Option<&str>); 8] = [
    ("balanceOf(address)", Some("uint256")),
    ("ownerOf(uint256)", Some("address")),
    ("transferFrom(address,address,uint256)", None),
    ("safeTransferFrom(address,address,uint256)", None),
    ("approve(address,uint256)", None),
    ("setApprovalForAll(address,bool)", None),
    ("getApproved(uint256)", Some("address")),
    ("isApprovedForAll(address,address)", Some("bool")),
];

pub(super) fn detect(program: &Program, id: ContractId, hits: &mut Vec<Hit>) {
    let contract = program.contract(id);
    if matches!(contract.kind, ContractKind::Interface | ContractKind::Library) {
        return;
    }
    let order = program.linearized(id);
    let has = |signature: &str| {
        order.iter().flat_map(|&base| &program.contract(base).functions).any(|it| is(it, signature))
    };
    let getter = |name: &str| {
        order
            .iter()
            .flat_map(|&base| &program.contract(base).variables)
            .any(|it| it.public && it.name == name)
    };
    let standard: &[(&str, Option<&str>)] = if has("ownerOf(uint256)") {
        if !has("getApproved(uint256)") && !has("setApprovalForAll(address,bool)") {
            return;
        }
        &ERC721
    } else {
        let balances = has("balanceOf(address)") || getter("balanceOf");
        if !balances || !has("transfer(address,uint256)") || !has("approve(address,uint256)") {
            return;
        }
        &ERC20
    };
    for (signature, returned) in standard {
        let Some(function) = contract.functions.iter().find(|it| is(it, signature)) else { continue };
        let returns: Vec<String> = function.returns.iter().map(|it| it.ty.canonical()).collect();
        if returns != returned.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>() {
            let wanted = returned.map_or("nothing".to_owned(), |it| format!("`{it}`"));
            let what = format!("The standard's `{signature}` returns {wanted}.");
            let hit = Hit::of("nonstandard-token", Severity::Medium, function.span, Some(id), what);
            hits.push(hit.within(&function.name));
        }
    }
}

fn is(function: &Function, signature: &str) -> bool {
    function.kind == FunctionKind::Function && function.is_entry() && function.signature() == signature
}

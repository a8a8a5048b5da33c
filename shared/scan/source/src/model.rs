//! Files that know each other: imports, names and inheritance.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::syntax::ast::{Contract, ContractKind, Function, FunctionKind, Span, Struct, Unit};

/// A contract: file and place in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ContractId {
    pub(crate) file: u32,
    pub(crate) index: u32,
}

/// A project whose files have been read.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) units: Vec<Unit>,
    /// What each file sees: contracts by name.
    scopes: Vec<HashMap<String, ContractId>>,
    /// Which files each file sees, itself included.
    seen: Vec<BTreeSet<u32>>,
    /// Imports that lead nowhere.
    pub(crate) missing: Vec<(Span, String)>,
    /// Contracts by name, for names that no import explains.
    everywhere: BTreeMap<String, Vec<ContractId>>,
    /// Imports that are not there, and orders that do not exist.
    pub(crate) unresolved: Vec<(Span, String)>,
    /// Contracts that others inherit from.
    pub(crate) heirs: BTreeSet<ContractId>,
}

/// What a file imports: from which file, and under which names.
type Imports = Vec<(u32, Vec<(String, String)>)>;

impl Program {
    /// Ties `units` together. `resolve(file, path)` says which file an import means.
    pub(crate) fn new(units: Vec<Unit>, resolve: impl Fn(u32, &str) -> Option<u32>) -> Self {
        let mut program = Self { units, ..Self::default() };
        let mut direct: Vec<Imports> = Vec::new();
        for (file, unit) in (0u32..).zip(&program.units) {
            let mut found = Vec::new();
            for import in &unit.imports {
                match resolve(file, &import.path) {
                    Some(target) => found.push((target, import.names.clone())),
                    None => program.missing.push((import.span, import.path.clone())),
                }
            }
            direct.push(found);
            for (index, contract) in (0u32..).zip(&unit.contracts) {
                program.everywhere.entry(contract.name.clone()).or_default().push(ContractId { file, index });
            }
        }
        for file in 0..direct.len() {
            let seen = reachable(u32::try_from(file).unwrap_or_default(), &direct);
            program.scopes.push(program.scope(file, &seen, &direct));
            program.seen.push(seen);
        }
        program.find_unresolved();
        program.heirs = program.contracts().into_iter().flat_map(|id| program.bases(id)).collect();
        program
    }

    fn scope(&self, file: usize, seen: &BTreeSet<u32>, direct: &[Imports]) -> HashMap<String, ContractId> {
        let mut scope = HashMap::new();
        let own = u32::try_from(file).unwrap_or_default();
        // Everything that can be seen, what is nearer later, so that it wins. Names that an import with braces
        // leaves out are seen too: it is lenient where the compiler has the last word.
        for &other in seen.iter().filter(|&&other| other != own) {
            self.add(other, &mut scope);
        }
        for (target, names) in direct.get(file).into_iter().flatten() {
            for (name, alias) in names {
                let found = self.everywhere.get(name).and_then(|all| {
                    all.iter()
                        .find(|id| id.file == *target)
                        .or_else(|| all.iter().find(|id| seen.contains(&id.file)))
                });
                if let Some(&id) = found {
                    scope.insert(alias.clone(), id);
                }
            }
        }
        self.add(own, &mut scope);
        scope
    }

    fn add(&self, file: u32, scope: &mut HashMap<String, ContractId>) {
        let contracts =
            self.units.get(file as usize).map(|unit| unit.contracts.as_slice()).unwrap_or_default();
        for (index, contract) in (0u32..).zip(contracts) {
            scope.insert(contract.name.clone(), ContractId { file, index });
        }
    }

    fn find_unresolved(&mut self) {
        let mut unresolved = Vec::new();
        for id in self.contracts() {
            let contract = self.contract(id);
            for base in &contract.bases {
                if self.lookup(id.file, base).is_none() {
                    unresolved.push((
                        contract.span,
                        format!("the base `{base}` of `{}` is not there", contract.name),
                    ));
                }
            }
            if self.merged(id, 0).is_none() {
                unresolved
                    .push((contract.span, format!("`{}` inherits in an impossible order", contract.name)));
            }
        }
        self.unresolved = unresolved;
    }

    /// Every contract.
    pub(crate) fn contracts(&self) -> Vec<ContractId> {
        let each = (0u32..).zip(&self.units);
        each.flat_map(|(file, unit)| {
            (0u32..).zip(&unit.contracts).map(move |(index, _)| ContractId { file, index })
        })
        .collect()
    }

    /// A contract that this program gave out.
    pub(crate) fn contract(&self, id: ContractId) -> &Contract {
        &self.units[id.file as usize].contracts[id.index as usize]
    }

    /// The lowest compiler that a file asks for; the newest when it does not say.
    pub(crate) fn version(&self, file: u32) -> (u32, u32, u32) {
        let pragma = self.units.get(file as usize).and_then(|unit| unit.pragma.as_deref());
        let Some(pragma) = pragma else { return (0, 8, 99) };
        let digits = pragma.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        let mut numbers = digits.split('.').map(|part| {
            let end = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
            part.get(..end).and_then(|number| number.parse::<u32>().ok()).unwrap_or(0)
        });
        let mut next = || numbers.next().unwrap_or(0);
        (next(), next(), next())
    }

    /// What a name means in a file. The last part of a path decides.
    pub(crate) fn lookup(&self, file: u32, path: &str) -> Option<ContractId> {
        let name = path.rsplit('.').next().unwrap_or(path);
        if let Some(&id) = self.scopes.get(file as usize).and_then(|scope| scope.get(name)) {
            return Some(id);
        }
        match self.everywhere.get(name).map(Vec::as_slice) {
            Some([only]) => Some(*only),
            _ => None,
        }
    }

    /// The contract and its bases, most derived first (C3). An impossible order falls back to the order of the text.
    pub(crate) fn linearized(&self, id: ContractId) -> Vec<ContractId> {
        self.merged(id, 0).unwrap_or_else(|| {
            let mut all = Vec::new();
            self.depth_first(id, &mut all);
            all
        })
    }

    fn bases(&self, id: ContractId) -> Vec<ContractId> {
        let contract = self.contract(id);
        contract
            .bases
            .iter()
            .filter_map(|base| self.lookup(id.file, base))
            .filter(|&base| base != id)
            .collect()
    }

    fn depth_first(&self, id: ContractId, all: &mut Vec<ContractId>) {
        if all.contains(&id) {
            return;
        }
        all.push(id);
        for base in self.bases(id).into_iter().rev() {
            self.depth_first(base, all);
        }
    }

    /// C3 as Solidity has it: bases "most base-like" first in the source, so they are taken from the right.
    fn merged(&self, id: ContractId, depth: usize) -> Option<Vec<ContractId>> {
        // Deeper than any compiler goes; also ends a circle.
        if depth > 64 {
            return None;
        }
        let mut direct = self.bases(id);
        direct.reverse();
        let mut lists: Vec<Vec<ContractId>> = Vec::new();
        for &base in &direct {
            lists.push(self.merged(base, depth + 1)?);
        }
        lists.push(direct);
        let mut order = vec![id];
        loop {
            lists.retain(|list| !list.is_empty());
            if lists.is_empty() {
                return Some(order);
            }
            let in_a_tail =
                |it: ContractId| lists.iter().any(|list| list.iter().skip(1).any(|&other| other == it));
            let next = lists.iter().filter_map(|list| list.first().copied()).find(|&it| !in_a_tail(it))?;
            order.push(next);
            for list in &mut lists {
                list.retain(|&it| it != next);
            }
        }
    }

    /// Whether it could be deployed: a contract without a function that is only promised.
    pub(crate) fn is_deployable(&self, id: ContractId) -> bool {
        let contract = self.contract(id);
        if contract.kind != ContractKind::Contract {
            return false;
        }
        let order = self.linearized(id);
        let promised =
            order.iter().flat_map(|&base| &self.contract(base).functions).filter(|it| it.body.is_none());
        let kept = |name: &str| {
            order
                .iter()
                .flat_map(|&base| &self.contract(base).functions)
                .any(|it| it.name == name && it.body.is_some())
                || order.iter().flat_map(|&base| &self.contract(base).variables).any(|it| it.name == name)
        };
        promised.into_iter().filter(|it| it.kind == FunctionKind::Function).all(|it| kept(&it.name))
    }

    /// Functions outside of contracts that a file sees.
    pub(crate) fn free_function(&self, file: u32, name: &str, arguments: usize) -> Option<(u32, &Function)> {
        let seen = self.seen.get(file as usize)?;
        seen.iter().find_map(|&other| {
            let functions = &self.units.get(other as usize)?.functions;
            let found = functions.iter().find(|it| it.name == name && it.params.len() == arguments)?;
            Some((other, found))
        })
    }

    /// A struct that is visible from `order` or from the file.
    pub(crate) fn structure(&self, file: u32, order: &[ContractId], path: &str) -> Option<&Struct> {
        let (owner, name) = path.rsplit_once('.').unwrap_or(("", path));
        let of = |id: ContractId| self.contract(id).structs.iter().find(|it| it.name == name);
        if !owner.is_empty() {
            return self.linearized(self.lookup(file, owner)?).into_iter().find_map(of);
        }
        order.iter().copied().find_map(of).or_else(|| {
            let seen = self.seen.get(file as usize)?;
            seen.iter()
                .find_map(|&other| self.units.get(other as usize)?.structs.iter().find(|it| it.name == name))
        })
    }

    /// Libraries attached to types: by the contracts of `order` and by the files they stand in.
    pub(crate) fn attached(&self, order: &[ContractId]) -> Vec<ContractId> {
        let mut all = Vec::new();
        for &id in order {
            let unit = &self.units[id.file as usize];
            for name in self.contract(id).using.iter().chain(&unit.using) {
                all.extend(self.lookup(id.file, name));
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn reachable(from: u32, direct: &[Imports]) -> BTreeSet<u32> {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for (target, _) in direct.get(file as usize).into_iter().flatten() {
            if seen.insert(*target) {
                open.push(*target);
            }
        }
    }
    seen
}

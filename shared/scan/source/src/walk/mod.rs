//! Walks every way through a contract, with what it inherits, modifiers and calls of its own put in place, and
//! writes down what happens. Branches are walked both, loops twice; where paths meet, what is known of values is
//! joined and what was called or read on either is kept.

mod call;
mod expression;
pub(crate) mod facts;
mod instruction;
mod place;
mod state;
mod statement;
pub(crate) mod value;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use scorpius_scan::engine::Deadline;

use crate::model::{ContractId, Program};
use crate::syntax::ast::{Expr, Function, FunctionKind, Local, Span, Type};
use crate::syntax::visit::sets;
use facts::{Condition, Entry, Event, Facts, Variable, What};
use state::State;
use value::{Source, Val, VarId};

/// Functions that call each other and are followed.
const FRAMES_MAX: usize = 24;
/// Statements and expressions inside of each other, over all functions that are being run. Each costs stack.
const NESTING_MAX: usize = 1_200;
/// Things that happen and are written down for one contract.
const EVENTS_MAX: usize = 20_000;
/// Statements and expressions between two looks at the clock.
const STEPS_BETWEEN_LOOKS: u64 = 512;

/// How far a walk goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Statements and expressions of one entry.
    pub(crate) entry_steps: u64,
    /// Of one contract.
    pub(crate) contract_steps: u64,
}

/// A function that is being run.
struct Frame<'p> {
    contract: ContractId,
    /// Whether it is a function of a library or of no contract, which sees no variables of the contract.
    foreign: bool,
    function: &'p Function,
    name: Rc<str>,
    exits: Vec<State>,
    returned: Option<Val>,
    breaks: Vec<Vec<State>>,
    continues: Vec<Vec<State>>,
    unchecked: u32,
    /// Conditions that were known when it began.
    known: usize,
}

/// Where `_` of a modifier leads.
#[derive(Clone, Copy)]
struct Wrapped<'p> {
    function: &'p Function,
    modifier: usize,
}

/// One contract while it is walked.
struct Walk<'p> {
    program: &'p Program,
    deadline: &'p Deadline,
    limits: Limits,
    facts: Facts,
    attached: Vec<ContractId>,
    by_name: HashMap<String, Vec<VarId>>,
    frames: Vec<Frame<'p>>,
    wrapped: Vec<Wrapped<'p>>,
    entry: u32,
    loops: u32,
    in_try: bool,
    nesting: usize,
    steps: u64,
    entry_steps: u64,
}

/// Walks `id` until `deadline`.
pub(crate) fn walk(program: &Program, id: ContractId, limits: Limits, deadline: &Deadline) -> Facts {
    let order = program.linearized(id);
    let facts = Facts {
        contract: id,
        checks_arithmetic: program.version(id.file) >= (0, 8, 0),
        order: order.clone(),
        ..Facts::default()
    };
    let mut walk = Walk {
        program,
        deadline,
        limits,
        facts,
        attached: program.attached(&order),
        by_name: HashMap::new(),
        frames: Vec::new(),
        wrapped: Vec::new(),
        entry: 0,
        loops: 0,
        in_try: false,
        nesting: 0,
        steps: 0,
        entry_steps: 0,
    };
    walk.collect_variables();
    for (contract, function) in walk.entries() {
        walk.enter(contract, function);
    }
    walk.facts
}

impl<'p> Walk<'p> {
    fn collect_variables(&mut self) {
        for &contract in &self.facts.order.clone() {
            for variable in &self.program.contract(contract).variables {
                let id = u32::try_from(self.facts.variables.len()).unwrap_or(u32::MAX);
                self.by_name.entry(variable.name.clone()).or_default().push(id);
                self.facts.variables.push(Variable {
                    name: variable.name.clone(),
                    ty: variable.ty.clone(),
                    contract,
                    span: variable.span,
                    fixed: variable.fixed,
                    has_value: variable.value.is_some(),
                });
            }
        }
    }

    /// What transactions may call, each in its most derived form, and all constructors.
    fn entries(&self) -> Vec<(ContractId, &'p Function)> {
        let program = self.program;
        let mut known = BTreeSet::new();
        let mut all = Vec::new();
        for &contract in &self.facts.order {
            for function in &program.contract(contract).functions {
                let runs = function.body.is_some();
                match function.kind {
                    FunctionKind::Constructor if runs => all.push((contract, function)),
                    // Also one without a body hides those of its bases.
                    _ if function.is_entry() && known.insert(function.signature()) && runs => {
                        all.push((contract, function));
                    }
                    _ => {}
                }
            }
        }
        all
    }

    fn enter(&mut self, contract: ContractId, function: &'p Function) {
        self.entry = u32::try_from(self.facts.entries.len()).unwrap_or(u32::MAX);
        self.facts.entries.push(Entry {
            kind: function.kind,
            name: function.name.clone(),
            payable: function.payable,
            reads_only: function.reads_only,
            modifiers: function.modifiers.iter().map(|(name, _)| name.clone()).collect(),
            span: function.span,
            reads: BTreeSet::new(),
        });
        self.entry_steps = 0;
        let args = (0u32..)
            .zip(&function.params)
            .map(|(index, param)| Val { ty: Some(param.ty.clone()), ..Val::of(Source::Param(index)) })
            .collect();
        let mut state = State::default();
        // A variable's first value is set before the constructor's first line.
        let left = self.run(contract, false, function, args, function.span, &mut state);
        self.facts.mark_used(&left);
    }

    /// Whether there is still time and patience.
    fn step(&mut self) -> bool {
        self.steps += 1;
        self.entry_steps += 1;
        if self.steps.is_multiple_of(STEPS_BETWEEN_LOOKS) && self.deadline.passed() {
            self.facts.out_of_time = true;
        }
        if self.entry_steps > self.limits.entry_steps
            || self.steps > self.limits.contract_steps
            || self.facts.events.len() > EVENTS_MAX
        {
            self.facts.out_of_steps = true;
        }
        !self.facts.out_of_time && (!self.facts.out_of_steps || self.still_in_entry())
    }

    /// An entry that is too long ends; the next one has its own steps.
    fn still_in_entry(&self) -> bool {
        self.entry_steps <= self.limits.entry_steps
            && self.steps <= self.limits.contract_steps
            && self.facts.events.len() <= EVENTS_MAX
    }

    fn event(&mut self, what: What, span: Span, state: &State) -> u32 {
        let index = u32::try_from(self.facts.events.len()).unwrap_or(u32::MAX);
        let (contract, function) = match self.frames.last() {
            Some(frame) => (frame.contract, Rc::clone(&frame.name)),
            None => (self.facts.contract, Rc::from("")),
        };
        if matches!(what, What::Write { .. }) {
            self.facts.writes_of.entry(self.entry).or_default().push(index);
        }
        self.facts.events.push(Event {
            what,
            span,
            entry: self.entry,
            contract,
            function,
            conditions: Rc::clone(&state.conditions),
            pending: Rc::clone(&state.pending),
            written: Rc::clone(&state.written),
            loops: self.loops,
            named_lock: state.named_lock,
        });
        index
    }

    fn gap(&mut self, span: Span, why: &'static str) {
        self.facts.gaps.entry(span).or_insert(why);
    }

    /// Runs a function with these arguments; answers what it returns.
    fn run(
        &mut self,
        contract: ContractId,
        foreign: bool,
        function: &'p Function,
        args: Vec<Val>,
        span: Span,
        state: &mut State,
    ) -> Val {
        let unknown = || {
            let from = args.iter().flat_map(|arg| arg.from.iter().copied()).collect();
            let ty = function.returns.first().map(|it| it.ty.clone());
            Val { from, ty, ..Val::default() }
        };
        if function.body.is_none() || self.frames.iter().any(|frame| std::ptr::eq(frame.function, function)) {
            return unknown();
        }
        if self.frames.len() >= FRAMES_MAX {
            self.gap(function.span, "functions call each other more deeply than is followed");
            return unknown();
        }
        for (param, arg) in function.params.iter().zip(&args) {
            if arg.place.is_some()
                && is_copied(param, arg)
                && function.returns.is_empty()
                && sets(function, &param.name)
            {
                self.event(
                    What::Copied { parameter: param.name.clone(), callee: function.span },
                    span,
                    state,
                );
            }
        }
        let mut locals = HashMap::new();
        for (param, arg) in function.params.iter().zip(args) {
            locals.insert(param.name.clone(), bound(arg, &param.ty, param.location.as_deref()));
        }
        for local in &function.returns {
            locals.insert(local.name.clone(), Val { ty: Some(local.ty.clone()), ..Val::default() });
        }
        state.frames.push(Rc::new(locals));
        if sounds_like_a_lock(&function.name) {
            state.named_lock = true;
        }
        self.frames.push(Frame {
            contract,
            foreign,
            function,
            name: function.name.as_str().into(),
            exits: Vec::new(),
            returned: None,
            breaks: Vec::new(),
            continues: Vec::new(),
            unchecked: 0,
            known: state.conditions.len(),
        });
        self.wrap(Wrapped { function, modifier: 0 }, state);
        let frame = self.frames.pop();
        state.frames.pop();
        let mut value = frame.and_then(|frame| frame.returned).unwrap_or_default();
        if value.ty.is_none() && function.returns.len() == 1 {
            value.ty = function.returns.first().map(|it| it.ty.clone());
        }
        value
    }

    /// The rest of a function's modifiers, then its body.
    fn wrap(&mut self, wrapped: Wrapped<'p>, state: &mut State) {
        let Some((name, args)) = wrapped.function.modifiers.get(wrapped.modifier) else {
            self.body(wrapped.function, state);
            return;
        };
        let next = Wrapped { modifier: wrapped.modifier + 1, ..wrapped };
        let args: Vec<Val> = args.iter().map(|arg| self.eval(arg, state)).collect();
        if sounds_like_a_lock(name) {
            state.named_lock = true;
        }
        let Some((contract, modifier)) = self.find_modifier(name) else {
            // A base's constructor.
            self.wrap(next, state);
            return;
        };
        let Some(body) = &modifier.body else {
            self.gap(modifier.span, "a modifier without a body");
            self.wrap(next, state);
            return;
        };
        let locals = modifier.params.iter().zip(args);
        let locals = locals.map(|(param, arg)| (param.name.clone(), bound(arg, &param.ty, None))).collect();
        state.frames.push(Rc::new(locals));
        self.frames.push(Frame {
            contract,
            foreign: false,
            function: modifier,
            name: wrapped.function.name.as_str().into(),
            exits: Vec::new(),
            returned: None,
            breaks: Vec::new(),
            continues: Vec::new(),
            unchecked: 0,
            known: state.conditions.len(),
        });
        self.wrapped.push(next);
        self.statements(body, state);
        self.wrapped.pop();
        if let Some(frame) = self.frames.pop() {
            for exit in frame.exits {
                state.meet(exit);
            }
        }
        state.frames.pop();
    }

    /// `_`
    fn placeholder(&mut self, state: &mut State) {
        let (Some(wrapped), Some(frame), Some(locals)) =
            (self.wrapped.pop(), self.frames.pop(), state.frames.pop())
        else {
            return;
        };
        self.wrap(wrapped, state);
        state.frames.push(locals);
        self.frames.push(frame);
        self.wrapped.push(wrapped);
    }

    fn body(&mut self, function: &'p Function, state: &mut State) {
        self.statements(function.body.as_deref().unwrap_or_default(), state);
        if !state.dead {
            let value = named_returns(function, state);
            self.leave(value, function.span, state);
        }
        let exits = self.frames.last_mut().map(|frame| std::mem::take(&mut frame.exits)).unwrap_or_default();
        state.dead = true;
        for exit in exits {
            state.meet(exit);
        }
    }

    /// `return`: the state goes to the function's end.
    fn leave(&mut self, value: Val, span: Span, state: &mut State) {
        if self.frames.len() == 1 {
            self.event(What::Leave(value.clone()), span, state);
        }
        if let Some(frame) = self.frames.last_mut() {
            let value = decided_by(value, state.conditions.get(frame.known..).unwrap_or_default());
            let joined = match frame.returned.take() {
                Some(known) => known.joined(&value),
                None => value,
            };
            frame.returned = Some(joined);
            frame.exits.push(state.clone());
        }
        state.dead = true;
    }

    fn find_modifier(&self, name: &str) -> Option<(ContractId, &'p Function)> {
        let program = self.program;
        let name = name.rsplit('.').next().unwrap_or(name);
        self.facts.order.iter().find_map(|&contract| {
            let functions = &program.contract(contract).functions;
            let found = functions.iter().find(|it| it.kind == FunctionKind::Modifier && it.name == name)?;
            Some((contract, found))
        })
    }

    /// A function of one of `contracts`, the first that has it.
    fn find_function(
        &self,
        contracts: &[ContractId],
        name: &str,
        arguments: &[Val],
    ) -> Option<(ContractId, &'p Function)> {
        let program = self.program;
        let fits = |it: &&Function| {
            it.kind == FunctionKind::Function && it.name == name && it.params.len() == arguments.len()
        };
        contracts.iter().find_map(|&contract| {
            let functions = &program.contract(contract).functions;
            let mut all = functions.iter().filter(fits).filter(|it| it.body.is_some());
            let first = all.next()?;
            // Overloads with as many arguments: the one whose types fit best.
            let best =
                all.fold(first, |best, it| if fit(it, arguments) > fit(best, arguments) { it } else { best });
            Some((contract, best))
        })
    }

    fn eval_all(&mut self, expressions: &'p [Expr], state: &mut State) -> Vec<Val> {
        expressions.iter().map(|it| self.eval(it, state)).collect()
    }
}

/// Whether an array in storage becomes one in memory.
fn is_copied(param: &Local, arg: &Val) -> bool {
    param.location.as_deref() == Some("memory") && matches!(arg.ty, Some(Type::Array(..)))
}

/// A constant that is returned under conditions says what the conditions say.
fn decided_by(mut value: Val, conditions: &[Rc<Condition>]) -> Val {
    if value.exact != Some(Source::Fixed) {
        return value;
    }
    for condition in conditions {
        condition.test.values(&mut |asked| {
            value.keyed_by_sender |= asked.keyed_by_sender;
            value.keyed_by_hash |= asked.keyed_by_hash;
            value.from.extend(asked.from.iter().filter(|it| matches!(it, Source::Var(_))));
        });
    }
    value
}

/// How many arguments have exactly the parameter's type.
fn fit(function: &Function, arguments: &[Val]) -> usize {
    let pairs = function.params.iter().zip(arguments);
    pairs
        .filter(|(param, arg)| arg.ty.as_ref().is_some_and(|ty| ty.canonical() == param.ty.canonical()))
        .count()
}

/// A value as a local of this type holds it: only a pointer to storage is still in storage.
fn bound(value: Val, ty: &Type, location: Option<&str>) -> Val {
    let inferred = matches!(ty, Type::Elementary(name) if name == "var");
    let points = location == Some("storage")
        || (location.is_none()
            && match ty {
                Type::User(_) | Type::Array(..) => true,
                Type::Mapping(..) => true,
                _ => inferred && !matches!(value.ty, Some(Type::Elementary(_))),
            });
    Val {
        ty: if inferred { value.ty.clone() } else { Some(ty.clone()) },
        place: if points { value.place } else { None },
        ..value
    }
}

fn named_returns(function: &Function, state: &State) -> Val {
    let named: Vec<Val> =
        function.returns.iter().map(|local| state.local(&local.name).cloned().unwrap_or_default()).collect();
    tuple(named)
}

/// One value, or several as one.
fn tuple(mut values: Vec<Val>) -> Val {
    if values.len() == 1 {
        return values.remove(0);
    }
    let from = values.iter().flat_map(|value| value.from.iter().copied()).collect();
    let parts = (!values.is_empty()).then(|| Rc::new(values));
    Val { from, parts, ..Val::default() }
}

fn sounds_like_a_lock(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains("reentran")
        || matches!(name.as_str(), "lock" | "locked" | "mutex" | "synchronized" | "_lock")
}

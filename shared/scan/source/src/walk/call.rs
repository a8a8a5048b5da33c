//! Calls: of the language, of the contract's own functions, of libraries, and of others.

use std::rc::Rc;

use super::facts::{Call, CallKind, What};
use super::state::State;
use super::value::{Source, Val};
use super::{Walk, tuple};
use crate::model::ContractId;
use crate::syntax::ast::{ContractKind, Expr, ExprKind, Function, Span, Type};

/// Functions of others whose answer one transaction can move.
const QUOTES: [&str; 9] = [
    "getReserves",
    "slot0",
    "getAmountOut",
    "getAmountsOut",
    "getAmountIn",
    "getAmountsIn",
    "getSpotPrice",
    "get_dy",
    "get_virtual_price",
];

/// A call as it is written.
#[derive(Clone, Copy)]
struct Written<'p> {
    options: &'p [(String, Expr)],
    args: &'p [Expr],
    span: Span,
}

impl<'p> Walk<'p> {
    pub(super) fn call(
        &mut self,
        callee: &'p Expr,
        options: &'p [(String, Expr)],
        args: &'p [Expr],
        span: Span,
        state: &mut State,
    ) -> Val {
        let written = Written { options, args, span };
        match &callee.kind {
            ExprKind::Name(name) => self.call_name(name, written, state),
            ExprKind::Member(object, method) => self.call_member(object, method, written, state),
            ExprKind::New(ty) => {
                let args = self.eval_all(args, state);
                let from = args.iter().flat_map(|arg| arg.from.iter().copied()).collect();
                if !matches!(ty, Type::User(_)) {
                    return Val { from, ty: Some(ty.clone()), ..Val::default() };
                }
                let call =
                    Call { args, ..self.other(CallKind::Create, "new", Val::default(), written, state) };
                let event = self.happens(call, span, state);
                Val { from: [Source::Returned(event)].into(), ty: Some(ty.clone()), ..Val::default() }
            }
            _ => {
                let value = self.eval(callee, state);
                let args = self.eval_all(args, state);
                let from = args.iter().chain([&value]).flat_map(|arg| arg.from.iter().copied()).collect();
                Val { from, ..Val::default() }
            }
        }
    }

    fn call_name(&mut self, name: &str, written: Written<'p>, state: &mut State) -> Val {
        let span = written.span;
        match name {
            "require" | "assert" => {
                if let Some(condition) = written.args.first() {
                    let test = self.test(condition, state);
                    for arg in &written.args[1..] {
                        if !matches!(arg.kind, ExprKind::Call { .. }) {
                            self.eval(arg, state);
                        }
                    }
                    self.know(condition.span, &test, true, state);
                }
                return Val::default();
            }
            "revert" => {
                self.eval_all(written.args, state);
                state.dead = true;
                return Val::default();
            }
            "selfdestruct" | "suicide" => {
                let to = written.args.first().map(|to| self.eval(to, state)).unwrap_or_default();
                self.event(What::Destroy(to), span, state);
                state.dead = true;
                return Val::default();
            }
            _ => {}
        }
        let local = state.local(name).is_some();
        let args = self.eval_all(written.args, state);
        let mixed = |extra: Source| {
            let from = args.iter().flat_map(|arg| arg.from.iter().copied()).chain([extra]).collect();
            Val { from, ..Val::default() }
        };
        if !local {
            match name {
                "keccak256" | "sha3" | "sha256" | "ripemd160" => {
                    for source in args.iter().flat_map(|arg| &arg.from) {
                        if let Source::Packed(event) = source {
                            self.facts.hashed.insert(*event);
                        }
                    }
                    let mut hash = mixed(Source::Hash).typed("bytes32");
                    if hash.any(Source::is_of_block) {
                        hash.from.insert(Source::Drawn);
                    }
                    return hash;
                }
                "blockhash" => return mixed(Source::Chance).typed("bytes32"),
                "gasleft" => return Val::of(Source::Fixed).typed("uint256"),
                "addmod" | "mulmod" => return mixed(Source::Fixed).typed("uint256"),
                "ecrecover" => {
                    self.event(What::Recover(args), span, state);
                    return Val::of(Source::Signer).typed("address");
                }
                _ => {}
            }
            if let Some(value) = self.call_own(name, &args, span, state) {
                return value;
            }
            let Some(frame) = self.frames.last() else { return Val::default() };
            let (file, contract) = (frame.contract.file, frame.contract);
            let mut order = vec![contract];
            order.extend(&self.facts.order);
            // A contract's or a struct's name: a cast or a value.
            if self.program.lookup(file, name).is_some() && args.len() == 1 {
                let ty = Some(Type::User(name.to_owned()));
                return args.into_iter().next().map(|value| Val { ty, ..value }).unwrap_or_default();
            }
            if self.program.structure(file, &order, name).is_some() {
                return Val { ty: Some(Type::User(name.to_owned())), ..mixed(Source::Fixed) };
            }
            if self.is_event(name) {
                self.event(What::Emit, span, state);
                return Val::default();
            }
        }
        // A function that is not there: it may look at everything.
        for arg in &args {
            self.facts.mark_used(arg);
        }
        mixed(Source::Fixed)
    }

    fn is_event(&self, name: &str) -> bool {
        let mut all = self.facts.order.iter().flat_map(|&id| &self.program.contract(id).events);
        all.any(|(event, _)| event == name)
    }

    /// A function of the contract, of the library that is being run, or of no contract.
    fn call_own(&mut self, name: &str, args: &[Val], span: Span, state: &mut State) -> Option<Val> {
        let frame = self.frames.last()?;
        let (contract, foreign) = (frame.contract, frame.foreign);
        let order = if foreign { vec![contract] } else { self.facts.order.clone() };
        if let Some((owner, function)) = self.find_function(&order, name, args) {
            return Some(self.run(owner, foreign, function, args.to_vec(), span, state));
        }
        let (file, function) = self.program.free_function(contract.file, name, args.len())?;
        let owner = ContractId { file, ..contract };
        let owner = if file == contract.file { contract } else { owner };
        Some(self.run_free(owner, function, args.to_vec(), span, state))
    }

    fn run_free(
        &mut self,
        owner: ContractId,
        function: &'p Function,
        args: Vec<Val>,
        span: Span,
        state: &mut State,
    ) -> Val {
        // A free function belongs to a file; any contract of it stands for it.
        let known =
            self.program.units.get(owner.file as usize).is_some_and(|unit| !unit.contracts.is_empty());
        let stand_in = match known {
            true => ContractId { file: owner.file, index: 0 },
            false => self.facts.contract,
        };
        self.run(stand_in, true, function, args, span, state)
    }

    fn call_member(
        &mut self,
        object: &'p Expr,
        method: &str,
        written: Written<'p>,
        state: &mut State,
    ) -> Val {
        if let ExprKind::Name(name) = &object.kind
            && state.local(name).is_none()
            && self.variable_named(name).is_none()
        {
            match name.as_str() {
                "abi" => return self.call_abi(method, written, state),
                "super" => return self.call_super(method, written, state),
                "this" => {}
                _ => {
                    if let Some(value) = self.call_named(name, method, written, state) {
                        return value;
                    }
                }
            }
        }
        let target = self.eval(object, state);
        let args = self.eval_all(written.args, state);
        if let Some(value) = self.call_attached(&target, method, &args, written.span, state) {
            return value;
        }
        if let Some(value) = self.call_builtin(&target, method, &args, written, state) {
            return value;
        }
        self.call_other(target, method, args, written, state)
    }

    fn call_abi(&mut self, method: &str, written: Written<'p>, state: &mut State) -> Val {
        let args = self.eval_all(written.args, state);
        let value = tuple(args.clone());
        let mut from = value.from;
        if method == "encodePacked" {
            from.insert(Source::Packed(self.event(What::Packed(args), written.span, state)));
        }
        Val { from, ty: Some(Type::Elementary("bytes".to_owned())), ..Val::default() }
    }

    fn call_super(&mut self, method: &str, written: Written<'p>, state: &mut State) -> Val {
        let args = self.eval_all(written.args, state);
        let own = self.frames.last().map(|frame| frame.contract);
        let at = self.facts.order.iter().position(|&id| Some(id) == own).map_or(0, |at| at + 1);
        let rest = self.facts.order.get(at..).unwrap_or_default().to_vec();
        match self.find_function(&rest, method, &args) {
            Some((owner, function)) => self.run(owner, false, function, args, written.span, state),
            None => tuple(args),
        }
    }

    /// `Library.f(..)`, `Base.f(..)`, `UserType.wrap(..)`, `string.concat(..)`.
    fn call_named(
        &mut self,
        name: &str,
        method: &str,
        written: Written<'p>,
        state: &mut State,
    ) -> Option<Val> {
        let file = self.frames.last()?.contract.file;
        let Some(id) = self.program.lookup(file, name) else {
            let known = matches!(method, "wrap" | "unwrap" | "concat");
            return known.then(|| {
                let args = self.eval_all(written.args, state);
                Val { ty: None, parts: None, ..tuple(args) }
            });
        };
        let args = self.eval_all(written.args, state);
        let contracts = if self.facts.order.contains(&id) { self.program.linearized(id) } else { vec![id] };
        let foreign = !self.facts.order.contains(&id);
        Some(match self.find_function(&contracts, method, &args) {
            Some((owner, function)) => self.run(owner, foreign, function, args, written.span, state),
            None => Val { ty: None, parts: None, ..tuple(args) },
        })
    }

    /// A library's function that is attached to the value's type.
    fn call_attached(
        &mut self,
        target: &Val,
        method: &str,
        args: &[Val],
        span: Span,
        state: &mut State,
    ) -> Option<Val> {
        if target.exact == Some(Source::This) && target.ty.is_none() {
            return None;
        }
        let mut all = vec![target.clone()];
        all.extend(args.iter().cloned());
        let frame = self.frames.last()?;
        let mut libraries = self.attached.clone();
        if frame.foreign {
            libraries.extend(self.program.attached(&[frame.contract]));
            libraries.push(frame.contract);
        }
        libraries.retain(|&id| self.program.contract(id).kind == ContractKind::Library);
        if self.is_member_of_type(target, method, args.len()) {
            return None;
        }
        let (owner, function) = self.find_function(&libraries, method, &all)?;
        if let Some(id) = target.place
            && function.params.first().is_some_and(|it| it.location.as_deref() == Some("storage"))
        {
            // Libraries that work on storage write it in ways that are followed, except in assembly.
            self.facts.escaped.insert(id);
        }
        Some(self.run(owner, true, function, all, span, state))
    }

    /// Whether the contract type of the value has such a function itself.
    fn is_member_of_type(&self, target: &Val, method: &str, arguments: usize) -> bool {
        self.interface(target, method, arguments).is_some()
    }

    fn interface(&self, target: &Val, method: &str, arguments: usize) -> Option<&'p Function> {
        let Some(Type::User(path)) = &target.ty else { return None };
        let file = self.frames.last()?.contract.file;
        let program = self.program;
        let id = program.lookup(file, path)?;
        program.linearized(id).into_iter().find_map(|base| {
            let mut all = program.contract(base).functions.iter();
            all.find(|it| it.name == method && it.params.len() == arguments)
        })
    }

    fn call_builtin(
        &mut self,
        target: &Val,
        method: &str,
        args: &[Val],
        written: Written<'p>,
        state: &mut State,
    ) -> Option<Val> {
        let span = written.span;
        let contract = matches!(target.ty, Some(Type::User(_)));
        let array = matches!(target.ty, Some(Type::Array(..)))
            || matches!(&target.ty, Some(Type::Elementary(name)) if name == "bytes" || name == "string");
        match (method, args.len()) {
            ("push" | "pop", _) if array || (!contract && target.place.is_some()) => {
                if let Some(id) = target.place {
                    let value = args.first().cloned().unwrap_or_default();
                    let mut keys = vec![Val::literal(method, "string")];
                    if target.keyed_by_choice {
                        keys.push(Val::of(Source::Param(0)));
                    }
                    self.write(id, keys, value, None, span, state);
                }
                Some(Val::default())
            }
            ("call" | "delegatecall" | "callcode" | "staticcall", _) if !contract => {
                let kind = match method {
                    "call" => CallKind::Low,
                    "staticcall" => CallKind::Static,
                    _ => CallKind::Delegate,
                };
                let call = self.other(kind, method, target.clone(), written, state);
                let event = self.happens(Call { args: args.to_vec(), in_try: true, ..call }, span, state);
                let ok = Val::of(Source::Ok(event)).typed("bool");
                let data = Val { from: [Source::Returned(event)].into(), ..Val::default() }.typed("bytes");
                Some(Val { parts: Some(Rc::new(vec![ok.clone(), data])), ..ok })
            }
            ("send" | "transfer", 1) if !contract || self.interface(target, method, 1).is_none() => {
                let kind = if method == "send" { CallKind::Send } else { CallKind::Transfer };
                let call = self.other(kind, method, target.clone(), written, state);
                let value = args.first().cloned();
                let call = Call { value, gas_said: true, in_try: kind == CallKind::Send, ..call };
                let event = self.happens(call, span, state);
                Some(Val::of(Source::Ok(event)).typed("bool"))
            }
            ("value" | "gas", 1) => Some(Val { exact: None, ..target.clone() }),
            _ => None,
        }
    }

    /// A function of another contract.
    fn call_other(
        &mut self,
        target: Val,
        method: &str,
        args: Vec<Val>,
        written: Written<'p>,
        state: &mut State,
    ) -> Val {
        let span = written.span;
        let own = target.exact == Some(Source::This);
        let known = match own {
            true => {
                let order = self.facts.order.clone();
                self.find_function(&order, method, &args).map(|(_, function)| function)
            }
            false => self.interface(&target, method, args.len()),
        };
        let getter =
            known.is_none() && args.is_empty() && !matches!(method, "update" | "sync" | "skim" | "harvest");
        let sounds =
            method.starts_with("get") || method.starts_with("balanceOf") || method.starts_with("total");
        let reads_only =
            known.map_or(sounds || (getter && self.is_variable_of(&target, method)), |it| it.reads_only);
        if method == "recover" && known.is_none() {
            self.event(What::Recover(args), span, state);
            return Val::of(Source::Signer).typed("address");
        }
        let call = self.other(CallKind::External, method, target, written, state);
        let returns = known.map(|it| !it.returns.is_empty());
        let event = self.happens(Call { args, reads_only, returns, ..call }, span, state);
        let mut from = vec![Source::Returned(event)];
        if method == "balanceOf" {
            from.push(Source::Holding);
        }
        if QUOTES.contains(&method) {
            from.push(Source::Quote);
        }
        let one = |ty: Option<&Type>| Val {
            from: from.iter().copied().collect(),
            exact: Some(Source::Returned(event)),
            ty: ty.cloned(),
            ..Val::default()
        };
        match known.map(|it| it.returns.as_slice()).unwrap_or_default() {
            [] => one(None),
            [only] => one(Some(&only.ty)),
            several => tuple(several.iter().map(|it| one(Some(&it.ty))).collect()),
        }
    }

    /// Whether the contract type has a public variable of this name.
    fn is_variable_of(&self, target: &Val, name: &str) -> bool {
        let Some(Type::User(path)) = &target.ty else { return false };
        let Some(frame) = self.frames.last() else { return false };
        let Some(id) = self.program.lookup(frame.contract.file, path) else { return false };
        self.program
            .linearized(id)
            .iter()
            .any(|&base| self.program.contract(base).variables.iter().any(|it| it.public && it.name == name))
    }

    /// The frame of a call; its options are evaluated.
    fn other(
        &mut self,
        kind: CallKind,
        method: &str,
        target: Val,
        written: Written<'p>,
        state: &mut State,
    ) -> Call {
        let mut value = None;
        let mut gas_said = false;
        for (name, option) in written.options {
            let said = self.eval(option, state);
            match name.as_str() {
                "value" => value = Some(said),
                "gas" => gas_said = true,
                _ => {}
            }
        }
        Call {
            kind,
            method: method.to_owned(),
            target,
            value,
            args: Vec::new(),
            reads_only: kind == CallKind::Static,
            gas_said,
            returns: None,
            in_try: self.in_try,
        }
    }

    /// The call happens: what it is given is looked at by somebody, and until the end it may come back.
    pub(super) fn happens(&mut self, call: Call, span: Span, state: &mut State) -> u32 {
        for arg in call.args.iter().chain(&call.value).chain([&call.target]) {
            self.facts.mark_used(arg);
        }
        let hands_over = call.hands_over() && call.target.exact != Some(Source::This);
        let event = self.event(What::Call(call), span, state);
        if hands_over {
            state.wait_for(event);
        }
        event
    }
}

//! Instructions of the EVM in assembly.

use std::rc::Rc;

use super::Walk;
use super::facts::{Call, CallKind, What};
use super::state::State;
use super::value::{Source, Test, Val};
use crate::syntax::ast::{Expr, Operator, Span};

impl<'p> Walk<'p> {
    pub(super) fn instruction(&mut self, name: &str, args: &'p [Expr], span: Span, state: &mut State) -> Val {
        let args = self.eval_all(args, state);
        let from = args.iter().flat_map(|arg| arg.from.iter().copied()).collect();
        let mixed = Val { from, ..Val::default() };
        let at = |index: usize| args.get(index).cloned().unwrap_or_default();
        match name {
            "caller" => Val::of(Source::Sender).typed("address"),
            "origin" => Val::of(Source::Origin).typed("address"),
            "callvalue" => Val::of(Source::Value).typed("uint256"),
            "calldataload" | "calldatasize" => Val::of(Source::Data),
            "timestamp" => Val::of(Source::Time).typed("uint256"),
            "number" => Val::of(Source::Number).typed("uint256"),
            "chainid" => Val::of(Source::Chain).typed("uint256"),
            "blockhash" | "prevrandao" | "difficulty" | "coinbase" | "gaslimit" | "basefee" => {
                Val { from: mixed.from.into_iter().chain([Source::Chance]).collect(), ..Val::default() }
            }
            "selfbalance" => Val::of(Source::OwnEther).typed("uint256"),
            "balance" if at(0).exact == Some(Source::This) => Val::of(Source::OwnEther).typed("uint256"),
            "balance" => Val::of(Source::Holding).typed("uint256"),
            "address" => Val::of(Source::This).typed("address"),
            "keccak256" => {
                Val { from: mixed.from.into_iter().chain([Source::Hash]).collect(), ..Val::default() }
            }
            "sload" | "tload" => match at(0).place {
                Some(id) => {
                    let read = self.read(id, state);
                    Val { from: read.from, place: Some(id), ..Val::default() }
                }
                None => mixed,
            },
            "sstore" | "tstore" => {
                if let Some(id) = at(0).place {
                    self.write(id, Vec::new(), at(1), None, span, state);
                }
                Val::default()
            }
            "call" | "callcode" | "delegatecall" | "staticcall" => self.raw_call(name, &args, span, state),
            "create" | "create2" => {
                let call = raw(CallKind::Create, name, Val::default(), args);
                let event = self.happens(call, span, state);
                Val { from: [Source::Returned(event)].into(), ..Val::default() }
            }
            "selfdestruct" => {
                self.event(What::Destroy(at(0)), span, state);
                state.dead = true;
                Val::default()
            }
            "revert" | "invalid" => {
                state.dead = true;
                Val::default()
            }
            "return" | "stop" => {
                self.leave(mixed, span, state);
                Val::default()
            }
            "eq" | "lt" | "gt" | "slt" | "sgt" => {
                let operator = match name {
                    "eq" => Operator::Eq,
                    "lt" | "slt" => Operator::Lt,
                    _ => Operator::Gt,
                };
                Val { test: Some(Rc::new(Test::Compare(operator, at(0), at(1)))), ..mixed }
            }
            "iszero" => Val { test: Some(Rc::new(Test::Not(Test::of(&at(0))))), ..mixed },
            "and" | "or" if at(0).test.is_some() && at(1).test.is_some() => {
                let (a, b) = (Test::of(&at(0)), Test::of(&at(1)));
                let test = if name == "and" { Test::And(a, b) } else { Test::Or(a, b) };
                Val { test: Some(Rc::new(test)), ..mixed }
            }
            "shl" | "shr" | "sar" => {
                let operator = if name == "shl" { Operator::Shl } else { Operator::Shr };
                let (left, right) = (at(0), at(1));
                let what = What::Arithmetic { operator, left, right, checked: false, assembly: true };
                self.event(what, span, state);
                mixed
            }
            _ => {
                if args.len() == 1 {
                    at(0)
                } else {
                    mixed
                }
            }
        }
    }

    fn raw_call(&mut self, name: &str, args: &[Val], span: Span, state: &mut State) -> Val {
        let (kind, pays) = match name {
            "call" => (CallKind::Low, true),
            "staticcall" => (CallKind::Static, false),
            "callcode" => (CallKind::Delegate, true),
            _ => (CallKind::Delegate, false),
        };
        let target = args.get(1).cloned().unwrap_or_default();
        let mut call = raw(kind, name, target, args.iter().skip(if pays { 3 } else { 2 }).cloned().collect());
        call.value = args.get(2).filter(|_| pays).cloned();
        // The first argument is the gas; `gas()` is all of it.
        call.gas_said = args.first().is_some_and(|gas| gas.literal.is_some());
        let event = self.happens(call, span, state);
        Val::of(Source::Ok(event))
    }
}

fn raw(kind: CallKind, method: &str, target: Val, args: Vec<Val>) -> Call {
    Call {
        kind,
        method: method.to_owned(),
        target,
        value: None,
        args,
        reads_only: kind == CallKind::Static,
        gas_said: false,
        returns: None,
        in_try: true,
    }
}

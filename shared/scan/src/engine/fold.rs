//! Simplification: what makes a comparison written by one compiler equal to that of another.

use alloy_primitives::U256;

use super::expr::{Arena, Expr, Id};
use super::opcode::{
    ADD, ADDRESS, AND, BYTE, CALLER, COINBASE, DIV, EQ, EXP, GT, ISZERO, LT, MOD, MUL, NOT, OR, ORIGIN, Op,
    SGT, SHL, SHR, SLT, SUB, XOR,
};

impl Arena {
    /// An instruction of one word.
    pub(crate) fn op1(&mut self, op: Op, a: Id) -> Id {
        match (op, self.as_const(a)) {
            (ISZERO, Some(word)) => self.boolean(word.is_zero()),
            (NOT, Some(word)) => self.constant(!word),
            (ISZERO, None) => self.is_zero(a),
            _ => self.raw(op, a, None),
        }
    }

    /// An instruction of two words, `a` on top of the stack.
    pub(crate) fn op2(&mut self, op: Op, a: Id, b: Id) -> Id {
        if let (Some(x), Some(y)) = (self.as_const(a), self.as_const(b))
            && let Some(word) = evaluate(op, x, y)
        {
            return self.constant(word);
        }
        match op {
            ADD => self.add(a, b),
            SUB => self.subtract(a, b),
            MUL => self.multiply(a, b),
            DIV => match self.as_const(b) {
                Some(word) if word.is_power_of_two() => self.shift(SHR, word.trailing_zeros() as u64, a),
                _ => self.raw(DIV, a, Some(b)),
            },
            AND => self.and(a, b),
            OR | XOR => self.or(op, a, b),
            EQ => self.equal(a, b),
            // One direction only, so that equal comparisons are one expression.
            GT => self.op2(LT, b, a),
            SGT => self.op2(SLT, b, a),
            LT if self.as_const(a).is_some_and(|word| word.is_zero()) => {
                let zero = self.op1(ISZERO, b);
                self.op1(ISZERO, zero)
            }
            SHL | SHR => match self.as_u64(a) {
                Some(bits) => self.shift(op, bits, b),
                None => self.raw(op, a, Some(b)),
            },
            _ => self.raw(op, a, Some(b)),
        }
    }

    fn boolean(&mut self, truth: bool) -> Id {
        self.number(u64::from(truth))
    }

    /// Whether the word is 0 or 1.
    pub(crate) fn is_boolean(&self, id: Id) -> bool {
        match self.expr(id) {
            Expr::Op(op, _) => matches!(*op, LT | SLT | EQ | ISZERO),
            Expr::Const(word) => *word <= U256::ONE,
            _ => false,
        }
    }

    /// Whether the word is used as a truth: 0 or 1, or the byte that holds a `bool`.
    pub(crate) fn is_flag(&self, id: Id) -> bool {
        let is_byte = |[mask, _]: [Id; 2]| self.as_const(mask) == Some(U256::from(0xff));
        self.is_boolean(id) || self.as_op(id, AND).is_some_and(is_byte)
    }

    fn is_zero(&mut self, a: Id) -> Id {
        if let Some([inner, _]) = self.as_op(a, ISZERO)
            && self.is_boolean(inner)
        {
            return inner;
        }
        for op in [SUB, XOR] {
            if let Some([x, y]) = self.as_op(a, op) {
                return self.equal(x, y);
            }
        }
        // `x - c` is kept as `-c + x`.
        if let Some((constant, rest)) = self.offset(a) {
            let constant = self.constant(constant.wrapping_neg());
            return self.equal(constant, rest);
        }
        self.raw(ISZERO, a, None)
    }

    fn equal(&mut self, a: Id, b: Id) -> Id {
        if a == b {
            // Between two readings of storage a call may have written it: that is what some locks ask.
            return match self.expr(a) {
                Expr::Storage(_) => self.raw(EQ, a, Some(b)),
                _ => self.boolean(true),
            };
        }
        let (a, b) = self.ordered(a, b);
        match self.as_const(a) {
            Some(word) if word.is_zero() => self.op1(ISZERO, b),
            Some(word) if word == U256::ONE && self.is_boolean(b) => b,
            _ => self.raw(EQ, a, Some(b)),
        }
    }

    // Constants first, then by age: a commutative operation has one form.
    fn ordered(&self, a: Id, b: Id) -> (Id, Id) {
        match (self.as_const(a).is_some(), self.as_const(b).is_some()) {
            (true, _) => (a, b),
            (false, true) => (b, a),
            (false, false) => (a.min(b), a.max(b)),
        }
    }

    fn add(&mut self, a: Id, b: Id) -> Id {
        let (a, b) = self.ordered(a, b);
        let Some(word) = self.as_const(a) else {
            // Constants float outwards: (c + x) + y is c + (x + y).
            for (sum, other) in [(a, b), (b, a)] {
                if let Some((constant, rest)) = self.offset(sum) {
                    let inner = self.add(rest, other);
                    let constant = self.constant(constant);
                    return self.add(constant, inner);
                }
            }
            return self.raw(ADD, a, Some(b));
        };
        if word.is_zero() {
            return b;
        }
        if let Some(other) = self.as_const(b) {
            return self.constant(word.wrapping_add(other));
        }
        match self.offset(b) {
            Some((constant, rest)) => {
                let sum = self.constant(word.wrapping_add(constant));
                self.add(sum, rest)
            }
            None => self.raw(ADD, a, Some(b)),
        }
    }

    /// `c` and `x` of `c + x`.
    fn offset(&self, id: Id) -> Option<(U256, Id)> {
        let [a, b] = self.as_op(id, ADD)?;
        self.as_const(a).map(|word| (word, b))
    }

    /// A place in memory: what it is relative to (`None` is the start), and how far from it.
    pub(crate) fn place(&self, id: Id) -> Option<(Option<Id>, u64)> {
        if let Some(word) = self.as_const(id) {
            return u64::try_from(word).ok().map(|at| (None, at));
        }
        match self.offset(id) {
            Some((constant, rest)) => u64::try_from(constant).ok().map(|at| (Some(rest), at)),
            None => Some((Some(id), 0)),
        }
    }

    fn subtract(&mut self, a: Id, b: Id) -> Id {
        if a == b {
            return self.boolean(false);
        }
        if let Some(word) = self.as_const(b) {
            let negative = self.constant(word.wrapping_neg());
            return self.add(negative, a);
        }
        let (left, x) = self.offset(a).unwrap_or((U256::ZERO, a));
        let (right, y) = self.offset(b).unwrap_or((U256::ZERO, b));
        match x == y {
            true => self.constant(left.wrapping_sub(right)),
            false => self.raw(SUB, a, Some(b)),
        }
    }

    fn multiply(&mut self, a: Id, b: Id) -> Id {
        let (a, b) = self.ordered(a, b);
        match self.as_const(a) {
            Some(word) if word.is_zero() => a,
            Some(word) if word.is_power_of_two() => self.shift(SHL, word.trailing_zeros() as u64, b),
            _ => self.raw(MUL, a, Some(b)),
        }
    }

    fn and(&mut self, a: Id, b: Id) -> Id {
        if a == b {
            return a;
        }
        let (a, b) = self.ordered(a, b);
        let Some(mask) = self.as_const(a) else { return self.raw(AND, a, Some(b)) };
        if mask.is_zero() {
            return a;
        }
        let low_bits = mask.wrapping_add(U256::ONE);
        let whole = mask == U256::MAX || low_bits.is_power_of_two() && self.width(b) <= mask.bit_len();
        if whole {
            return b;
        }
        if let Some([inner, rest]) = self.as_op(b, AND)
            && let Some(other) = self.as_const(inner)
        {
            let both = self.constant(mask & other);
            return self.and(both, rest);
        }
        self.raw(AND, a, Some(b))
    }

    fn or(&mut self, op: Op, a: Id, b: Id) -> Id {
        if a == b {
            return if op == OR { a } else { self.boolean(false) };
        }
        let (a, b) = self.ordered(a, b);
        match self.as_const(a) {
            Some(word) if word.is_zero() => b,
            _ => self.raw(op, a, Some(b)),
        }
    }

    fn shift(&mut self, op: Op, bits: u64, word: Id) -> Id {
        if bits == 0 {
            return word;
        }
        if bits > 255 {
            return self.boolean(false);
        }
        if op == SHR {
            // Both ways to cut the selector out of the data are this shift by now.
            if bits == 224
                && let Expr::CallData(at) = self.expr(word)
                && self.as_const(*at).is_some_and(|at| at.is_zero())
            {
                return self.selector();
            }
            if let Some([inner, rest]) = self.as_op(word, SHL)
                && self.as_u64(inner) == Some(bits)
                && self.width(rest) as u64 + bits <= 256
            {
                return rest;
            }
        }
        let bits = self.number(bits);
        self.raw(op, bits, Some(word))
    }

    /// Bits that the word may need.
    fn width(&self, id: Id) -> usize {
        match self.expr(id) {
            Expr::Const(word) => word.bit_len(),
            Expr::Env(ADDRESS | CALLER | ORIGIN | COINBASE) => 160,
            Expr::Selector => 32,
            Expr::Op(LT | SLT | EQ | ISZERO, _) => 1,
            Expr::Op(BYTE, _) => 8,
            Expr::Op(AND, [mask, _, _]) => self.as_const(*mask).map_or(256, |mask| mask.bit_len()),
            Expr::Op(SHR, [bits, _, _]) => {
                self.as_u64(*bits).map_or(256, |bits| 256_usize.saturating_sub(bits as usize))
            }
            _ => 256,
        }
    }
}

fn evaluate(op: Op, a: U256, b: U256) -> Option<U256> {
    let truth = |truth: bool| U256::from(u8::from(truth));
    let shift = |by: U256| usize::try_from(by).ok().filter(|&bits| bits < 256);
    let word = match op {
        ADD => a.wrapping_add(b),
        SUB => a.wrapping_sub(b),
        MUL => a.wrapping_mul(b),
        DIV => a.checked_div(b).unwrap_or_default(),
        MOD => a.checked_rem(b).unwrap_or_default(),
        EXP => a.wrapping_pow(b),
        LT => truth(a < b),
        GT => truth(a > b),
        EQ => truth(a == b),
        AND => a & b,
        OR => a | b,
        XOR => a ^ b,
        SHL => shift(a).map_or(U256::ZERO, |bits| b << bits),
        SHR => shift(a).map_or(U256::ZERO, |bits| b >> bits),
        BYTE => {
            usize::try_from(a).ok().filter(|&at| at < 32).map_or(U256::ZERO, |at| U256::from(b.byte(31 - at)))
        }
        _ => return None,
    };
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::expr::render;
    use crate::engine::opcode::CALLER;

    fn selector_by(cut: impl FnOnce(&mut Arena, Id) -> Id) -> String {
        let mut arena = Arena::new();
        let zero = arena.number(0);
        let word = arena.call_data(zero);
        let id = cut(&mut arena, word);
        render(&arena, id)
    }

    #[test]
    fn every_compiler_s_selector_is_the_same_expression() {
        let shifted = selector_by(|arena, word| {
            let bits = arena.number(224);
            arena.op2(SHR, bits, word)
        });
        let divided = selector_by(|arena, word| {
            let (two, power) = (arena.number(2), arena.number(224));
            let divisor = arena.op2(EXP, two, power);
            let quotient = arena.op2(DIV, word, divisor);
            let mask = arena.number(0xffff_ffff);
            arena.op2(AND, mask, quotient)
        });
        assert_eq!((shifted.as_str(), divided.as_str()), ("selector", "selector"));
    }

    #[test]
    fn inequalities_become_equalities() {
        let mut arena = Arena::new();
        let caller = arena.env(CALLER);
        let slot = arena.number(0);
        let owner = arena.storage(slot);
        let equal = arena.op2(EQ, caller, owner);
        for op in [SUB, XOR] {
            let difference = arena.op2(op, owner, caller);
            assert_eq!(arena.op1(ISZERO, difference), equal);
        }
        let negated = arena.op1(ISZERO, equal);
        assert_eq!(arena.op1(ISZERO, negated), equal);
    }

    #[test]
    fn places_in_memory_are_kept_apart_from_their_base() {
        let mut arena = Arena::new();
        let base = arena.env(0x59);
        let (four, eight) = (arena.number(4), arena.number(8));
        let near = arena.op2(ADD, base, four);
        let far = arena.op2(ADD, eight, near);
        assert_eq!(arena.place(far), Some((Some(base), 12)));
        let distance = arena.op2(SUB, far, near);
        assert_eq!(arena.as_u64(distance), Some(8));
    }

    #[test]
    fn an_address_is_not_masked_twice() {
        let mut arena = Arena::new();
        let caller = arena.env(CALLER);
        let mask = arena.constant((U256::ONE << 160) - U256::ONE);
        assert_eq!(arena.op2(AND, caller, mask), caller);
        let bits = arena.number(96);
        let left = arena.op2(SHL, bits, caller);
        assert_eq!(arena.op2(SHR, bits, left), caller);
    }
}

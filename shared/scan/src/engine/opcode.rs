//! The EVM's instructions, as far as following them needs.
//!
//! Source: Ethereum Yellow Paper, appendix H.2, and the EIPs up to the Osaka fork.

/// One instruction's code.
pub(crate) type Op = u8;

pub(crate) const STOP: Op = 0x00;
pub(crate) const ADD: Op = 0x01;
pub(crate) const MUL: Op = 0x02;
pub(crate) const SUB: Op = 0x03;
pub(crate) const DIV: Op = 0x04;
pub(crate) const MOD: Op = 0x06;
pub(crate) const EXP: Op = 0x0a;
pub(crate) const SIGNEXTEND: Op = 0x0b;
pub(crate) const LT: Op = 0x10;
pub(crate) const GT: Op = 0x11;
pub(crate) const SLT: Op = 0x12;
pub(crate) const SGT: Op = 0x13;
pub(crate) const EQ: Op = 0x14;
pub(crate) const ISZERO: Op = 0x15;
pub(crate) const AND: Op = 0x16;
pub(crate) const OR: Op = 0x17;
pub(crate) const XOR: Op = 0x18;
pub(crate) const NOT: Op = 0x19;
pub(crate) const BYTE: Op = 0x1a;
pub(crate) const SHL: Op = 0x1b;
pub(crate) const SHR: Op = 0x1c;
pub(crate) const SAR: Op = 0x1d;
pub(crate) const CLZ: Op = 0x1e;
pub(crate) const KECCAK256: Op = 0x20;
pub(crate) const ADDRESS: Op = 0x30;
pub(crate) const BALANCE: Op = 0x31;
pub(crate) const ORIGIN: Op = 0x32;
pub(crate) const CALLER: Op = 0x33;
pub(crate) const CALLVALUE: Op = 0x34;
pub(crate) const CALLDATALOAD: Op = 0x35;
pub(crate) const CALLDATASIZE: Op = 0x36;
pub(crate) const CALLDATACOPY: Op = 0x37;
pub(crate) const CODESIZE: Op = 0x38;
pub(crate) const EXTCODESIZE: Op = 0x3b;
pub(crate) const CODECOPY: Op = 0x39;
pub(crate) const EXTCODECOPY: Op = 0x3c;
pub(crate) const RETURNDATASIZE: Op = 0x3d;
pub(crate) const RETURNDATACOPY: Op = 0x3e;
pub(crate) const BLOCKHASH: Op = 0x40;
pub(crate) const COINBASE: Op = 0x41;
pub(crate) const TIMESTAMP: Op = 0x42;
pub(crate) const NUMBER: Op = 0x43;
pub(crate) const PREVRANDAO: Op = 0x44;
pub(crate) const GASLIMIT: Op = 0x45;
pub(crate) const SELFBALANCE: Op = 0x47;
pub(crate) const POP: Op = 0x50;
pub(crate) const MLOAD: Op = 0x51;
pub(crate) const MSTORE: Op = 0x52;
pub(crate) const MSTORE8: Op = 0x53;
pub(crate) const SLOAD: Op = 0x54;
pub(crate) const SSTORE: Op = 0x55;
pub(crate) const JUMP: Op = 0x56;
pub(crate) const JUMPI: Op = 0x57;
pub(crate) const PC: Op = 0x58;
pub(crate) const JUMPDEST: Op = 0x5b;
pub(crate) const TLOAD: Op = 0x5c;
pub(crate) const TSTORE: Op = 0x5d;
pub(crate) const MCOPY: Op = 0x5e;
pub(crate) const PUSH0: Op = 0x5f;
pub(crate) const PUSH32: Op = 0x7f;
pub(crate) const DUP1: Op = 0x80;
pub(crate) const DUP16: Op = 0x8f;
pub(crate) const SWAP1: Op = 0x90;
pub(crate) const SWAP16: Op = 0x9f;
pub(crate) const LOG0: Op = 0xa0;
pub(crate) const LOG4: Op = 0xa4;
pub(crate) const CREATE: Op = 0xf0;
pub(crate) const CALL: Op = 0xf1;
pub(crate) const CALLCODE: Op = 0xf2;
pub(crate) const RETURN: Op = 0xf3;
pub(crate) const DELEGATECALL: Op = 0xf4;
pub(crate) const CREATE2: Op = 0xf5;
pub(crate) const STATICCALL: Op = 0xfa;
pub(crate) const REVERT: Op = 0xfd;
pub(crate) const SELFDESTRUCT: Op = 0xff;

/// How many words an instruction takes from the stack and puts back; `None` ends execution with an error.
pub(crate) fn arity(op: Op) -> Option<(usize, usize)> {
    let arity = match op {
        STOP | JUMPDEST => (0, 0),
        ADD..=0x07 | EXP..=SIGNEXTEND | LT..=EQ | AND..=XOR | BYTE..=SAR | KECCAK256 => (2, 1),
        0x08 | 0x09 => (3, 1),
        ISZERO | NOT | CLZ | 0x31 | CALLDATALOAD | 0x3b | 0x3f | 0x40 | 0x49 | MLOAD | SLOAD | TLOAD => {
            (1, 1)
        }
        ADDRESS | ORIGIN..=CALLVALUE | CALLDATASIZE | CODESIZE | 0x3a | RETURNDATASIZE => (0, 1),
        0x41..=0x48 | 0x4a | PC..=0x5a | PUSH0..=PUSH32 => (0, 1),
        CALLDATACOPY | CODECOPY | RETURNDATACOPY | MCOPY => (3, 0),
        EXTCODECOPY => (4, 0),
        POP | JUMP | SELFDESTRUCT => (1, 0),
        MSTORE | MSTORE8 | SSTORE | TSTORE | JUMPI | RETURN | REVERT => (2, 0),
        DUP1..=DUP16 => {
            let depth = usize::from(op - DUP1) + 1;
            (depth, depth + 1)
        }
        SWAP1..=SWAP16 => {
            let depth = usize::from(op - SWAP1) + 2;
            (depth, depth)
        }
        LOG0..=LOG4 => (usize::from(op - LOG0) + 2, 0),
        CREATE => (3, 1),
        CREATE2 => (4, 1),
        CALL | CALLCODE => (7, 1),
        DELEGATECALL | STATICCALL => (6, 1),
        _ => return None,
    };
    Some(arity)
}

/// Bytes that follow the instruction in the code.
pub(crate) fn immediate_bytes(op: Op) -> usize {
    match op {
        0x60..=PUSH32 => usize::from(op - PUSH0),
        _ => 0,
    }
}

/// The instruction's name, for evidence.
pub(crate) fn name(op: Op) -> &'static str {
    match op {
        ADD => "add",
        MUL => "mul",
        SUB => "sub",
        DIV => "div",
        0x05 => "sdiv",
        MOD => "mod",
        0x07 => "smod",
        0x08 => "addmod",
        0x09 => "mulmod",
        EXP => "exp",
        SIGNEXTEND => "signextend",
        LT => "lt",
        GT => "gt",
        SLT => "slt",
        SGT => "sgt",
        EQ => "eq",
        ISZERO => "iszero",
        AND => "and",
        OR => "or",
        XOR => "xor",
        NOT => "not",
        BYTE => "byte",
        SHL => "shl",
        SHR => "shr",
        SAR => "sar",
        CLZ => "clz",
        ADDRESS => "this",
        BALANCE => "balance",
        ORIGIN => "origin",
        CALLER => "caller",
        CALLVALUE => "callvalue",
        CALLDATASIZE => "calldatasize",
        CODESIZE => "codesize",
        0x3a => "gasprice",
        0x3b => "extcodesize",
        RETURNDATASIZE => "returndatasize",
        0x3f => "extcodehash",
        BLOCKHASH => "blockhash",
        COINBASE => "coinbase",
        TIMESTAMP => "timestamp",
        NUMBER => "number",
        PREVRANDAO => "prevrandao",
        GASLIMIT => "gaslimit",
        0x46 => "chainid",
        SELFBALANCE => "selfbalance",
        0x48 => "basefee",
        0x49 => "blobhash",
        0x4a => "blobbasefee",
        0x59 => "msize",
        0x5a => "gas",
        CREATE | CREATE2 => "create",
        CALL => "call",
        CALLCODE => "callcode",
        DELEGATECALL => "delegatecall",
        STATICCALL => "staticcall",
        SELFDESTRUCT => "selfdestruct",
        _ => "op",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arities_are_those_of_the_yellow_paper() {
        let check = |op, expected| assert_eq!(arity(op), expected, "{op:#04x}");
        check(ADD, Some((2, 1)));
        check(0x08, Some((3, 1)));
        check(0x0c, None);
        check(0x20, Some((2, 1)));
        check(0x21, None);
        check(0x5f, Some((0, 1)));
        check(0x7f, Some((0, 1)));
        check(0x80, Some((1, 2)));
        check(0x9f, Some((17, 17)));
        check(0xa4, Some((6, 0)));
        check(0xf1, Some((7, 1)));
        check(0xfe, None);
        check(0xff, Some((1, 0)));
        assert_eq!(immediate_bytes(0x5f), 0);
        assert_eq!(immediate_bytes(0x60), 1);
        assert_eq!(immediate_bytes(0x7f), 32);
    }
}

//! The functions that are known by their selector.

use alloy_primitives::{Address, U256};
use alloy_sol_types::abi::{self, AbiDecoderConfig, Token as _};
use alloy_sol_types::{SolCall, sol};
use serde_json::{Map, Value, json};

use crate::address::Account;
use crate::calldata::{Effect, Form, accounts, protocols};

sol! {
    // ERC-20, ERC-721 and ERC-1155; `approve` and `transferFrom` are the same bytes in the first two.
    interface Token {
        function transfer(address to, uint256 amount);
        function transferFrom(address from, address to, uint256 amount);
        function approve(address spender, uint256 amount);
        function increaseAllowance(address spender, uint256 added);
        function decreaseAllowance(address spender, uint256 subtracted);
        function setApprovalForAll(address operator, bool approved);
    }
    interface Nft721 {
        function safeTransferFrom(address from, address to, uint256 id);
    }
    interface Nft721Data {
        function safeTransferFrom(address from, address to, uint256 id, bytes data);
    }
    interface Nft1155 {
        function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes data);
        function safeBatchTransferFrom(address from, address to, uint256[] ids, uint256[] amounts, bytes data);
    }
    // ERC-2612.
    interface Permit2612 {
        function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s);
    }
    // The Dai token's own form, older than ERC-2612.
    interface PermitDai {
        function permit(address holder, address spender, uint256 nonce, uint256 expiry, bool allowed, uint8 v, bytes32 r, bytes32 s);
    }
    struct PermitDetails { address token; uint160 amount; uint48 expiration; uint48 nonce; }
    struct PermitSingle { PermitDetails details; address spender; uint256 sigDeadline; }
    struct PermitBatch { PermitDetails[] details; address spender; uint256 sigDeadline; }
    struct AllowanceTransferDetails { address from; address to; uint160 amount; address token; }
    struct TokenSpenderPair { address token; address spender; }
    struct TokenPermissions { address token; uint256 amount; }
    struct PermitTransferFrom { TokenPermissions permitted; uint256 nonce; uint256 deadline; }
    struct SignatureTransferDetails { address to; uint256 requestedAmount; }
    // Uniswap's Permit2: AllowanceTransfer and SignatureTransfer.
    interface Permit2 {
        function approve(address token, address spender, uint160 amount, uint48 expiration);
        function transferFrom(address from, address to, uint160 amount, address token);
        function lockdown(TokenSpenderPair[] approvals);
        function permitTransferFrom(PermitTransferFrom permit, SignatureTransferDetails transferDetails, address owner, bytes signature);
    }
    interface Permit2Single {
        function permit(address owner, PermitSingle permitSingle, bytes signature);
    }
    interface Permit2Batch {
        function permit(address owner, PermitBatch permitBatch, bytes signature);
        function transferFrom(AllowanceTransferDetails[] transferDetails);
    }
    // The universal router's input of that name.
    interface Permit2Input {
        function permit(PermitSingle permitSingle, bytes signature);
    }
    interface Wrapped {
        function deposit();
        function withdraw(uint256 amount);
    }
    interface Batch {
        function multicall(bytes[] data);
    }
    interface BatchUntil {
        function multicall(uint256 deadline, bytes[] data);
    }
    interface BatchAfter {
        function multicall(bytes32 previousBlockhash, bytes[] data);
    }
}

/// Decoding allocates no more than this, whatever the lengths in the bytes say.
const CONFIG: AbiDecoderConfig = AbiDecoderConfig::new().memory_limit(4_000_000).recursion_limit(8);
/// Items of a list that a reader is shown.
const ITEMS_SHOWN_MAX: usize = 8;

/// A call that a selector named.
pub(super) struct Read {
    pub(super) signature: &'static str,
    pub(super) form: Form,
    pub(super) arguments: Map<String, Value>,
    pub(super) effects: Vec<Effect>,
}

/// A call that carries others.
pub(super) struct Multicall<'a> {
    pub(super) signature: &'static str,
    pub(super) form: Form,
    pub(super) inner: Vec<&'a [u8]>,
}

type Explained = (Value, Vec<Effect>);

/// The call that `selector` names; `None` when it is not known.
pub(super) fn read(target: Account, selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    token(target, selector, arguments)
        .or_else(|| collectible(target, selector, arguments))
        .or_else(|| permit(target, selector, arguments))
        .or_else(|| permit2_direct(selector, arguments))
        .or_else(|| permit2_signed(selector, arguments))
        .or_else(|| wrapped(selector, arguments))
        .or_else(|| accounts::read(target, selector, arguments))
        .or_else(|| protocols::read(target, selector, arguments))
}

fn token(target: Account, selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    Some(match selector {
        Token::transferCall::SELECTOR => given(arguments, |call: &Token::transferCall| {
            let to = call.to.into();
            let effect = Effect::Transfer { token: target, from: None, to, amount: Some(call.amount) };
            (json!({"to": shown(call.to), "amount": call.amount.to_string()}), vec![effect])
        }),
        Token::transferFromCall::SELECTOR => given(arguments, |call: &Token::transferFromCall| {
            let effect = transfer(Address::from(*target.bytes()), call.from, call.to, call.amount);
            let arguments = json!({
                "from": shown(call.from), "to": shown(call.to), "amount_or_id": call.amount.to_string(),
            });
            (arguments, vec![effect])
        }),
        Token::approveCall::SELECTOR => given(arguments, |call: &Token::approveCall| {
            let arguments = json!({"spender": shown(call.spender), "amount_or_id": call.amount.to_string()});
            let effect = match call.amount.is_zero() {
                true => Effect::AllowZero { token: target, spender: call.spender.into() },
                false => allowance(target, call.spender, call.amount, U256::MAX, None),
            };
            (arguments, vec![effect])
        }),
        Token::increaseAllowanceCall::SELECTOR => given(arguments, |call: &Token::increaseAllowanceCall| {
            let arguments = json!({"spender": shown(call.spender), "added": call.added.to_string()});
            let effect = allowance(target, call.spender, call.added, U256::MAX, None);
            (arguments, if call.added.is_zero() { Vec::new() } else { vec![effect] })
        }),
        Token::decreaseAllowanceCall::SELECTOR => given(arguments, |call: &Token::decreaseAllowanceCall| {
            let effect = Effect::Revoke { token: target, spender: call.spender.into() };
            let arguments =
                json!({"spender": shown(call.spender), "subtracted": call.subtracted.to_string()});
            (arguments, vec![effect])
        }),
        Token::setApprovalForAllCall::SELECTOR => given(arguments, |call: &Token::setApprovalForAllCall| {
            let operator = call.operator.into();
            let effect = match call.approved {
                true => Effect::AllowAll { token: target, operator },
                false => Effect::Revoke { token: target, spender: operator },
            };
            (json!({"operator": shown(call.operator), "approved": call.approved}), vec![effect])
        }),
        _ => return None,
    })
}

fn collectible(target: Account, selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    let moved = |from: Address, to: Address| {
        vec![Effect::Transfer { token: target, from: Some(from.into()), to: to.into(), amount: None }]
    };
    Some(match selector {
        Nft721::safeTransferFromCall::SELECTOR => given(arguments, |call: &Nft721::safeTransferFromCall| {
            let arguments =
                json!({"from": shown(call.from), "to": shown(call.to), "id": call.id.to_string()});
            (arguments, moved(call.from, call.to))
        }),
        Nft721Data::safeTransferFromCall::SELECTOR => {
            given(arguments, |call: &Nft721Data::safeTransferFromCall| {
                let arguments = json!({
                    "from": shown(call.from), "to": shown(call.to), "id": call.id.to_string(),
                    "data_bytes": call.data.len(),
                });
                (arguments, moved(call.from, call.to))
            })
        }
        Nft1155::safeTransferFromCall::SELECTOR => {
            given(arguments, |call: &Nft1155::safeTransferFromCall| {
                let arguments = json!({
                    "from": shown(call.from), "to": shown(call.to), "id": call.id.to_string(),
                    "amount": call.amount.to_string(), "data_bytes": call.data.len(),
                });
                (arguments, moved(call.from, call.to))
            })
        }
        Nft1155::safeBatchTransferFromCall::SELECTOR => {
            given(arguments, |call: &Nft1155::safeBatchTransferFromCall| {
                let arguments = json!({
                    "from": shown(call.from), "to": shown(call.to),
                    "ids": list(&call.ids, |id| json!(id.to_string())), "ids_count": call.ids.len(),
                });
                (arguments, moved(call.from, call.to))
            })
        }
        _ => return None,
    })
}

fn permit(target: Account, selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    Some(match selector {
        Permit2612::permitCall::SELECTOR => given(arguments, |call: &Permit2612::permitCall| {
            let arguments = json!({
                "owner": shown(call.owner), "spender": shown(call.spender),
                "value": call.value.to_string(), "deadline": call.deadline.to_string(),
            });
            let effect = allowance(target, call.spender, call.value, U256::MAX, Some(call.deadline));
            (arguments, vec![effect])
        }),
        PermitDai::permitCall::SELECTOR => given(arguments, |call: &PermitDai::permitCall| {
            let arguments = json!({
                "holder": shown(call.holder), "spender": shown(call.spender),
                "expiry": call.expiry.to_string(), "allowed": call.allowed,
            });
            let amount = if call.allowed { U256::MAX } else { U256::ZERO };
            // Dai takes 0 as "never expires".
            let until = if call.expiry.is_zero() { U256::MAX } else { call.expiry };
            (arguments, vec![allowance(target, call.spender, amount, U256::MAX, Some(until))])
        }),
        _ => return None,
    })
}

fn permit2_direct(selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    Some(match selector {
        Permit2::approveCall::SELECTOR => given(arguments, |call: &Permit2::approveCall| {
            let arguments = json!({
                "token": shown(call.token), "spender": shown(call.spender),
                "amount": call.amount.to_string(), "expiration": call.expiration.to_string(),
            });
            let until = U256::from(call.expiration);
            let token = call.token.into();
            (
                arguments,
                vec![allowance(token, call.spender, U256::from(call.amount), uint160_max(), Some(until))],
            )
        }),
        Permit2::transferFromCall::SELECTOR => given(arguments, |call: &Permit2::transferFromCall| {
            let arguments = json!({
                "from": shown(call.from), "to": shown(call.to),
                "amount": call.amount.to_string(), "token": shown(call.token),
            });
            (arguments, vec![transfer(call.token, call.from, call.to, U256::from(call.amount))])
        }),
        Permit2Batch::transferFromCall::SELECTOR => {
            given(arguments, |call: &Permit2Batch::transferFromCall| {
                let moves = &call.transferDetails;
                let moved = |one: &AllowanceTransferDetails| {
                    transfer(one.token, one.from, one.to, U256::from(one.amount))
                };
                let effects = moves.iter().map(moved).collect();
                let arguments = json!({
                    "transfers": list(moves, |one| json!({
                        "from": shown(one.from), "to": shown(one.to),
                        "amount": one.amount.to_string(), "token": shown(one.token),
                    })),
                    "transfers_count": moves.len(),
                });
                (arguments, effects)
            })
        }
        Permit2::lockdownCall::SELECTOR => given(arguments, |call: &Permit2::lockdownCall| {
            let pairs = &call.approvals;
            let effects = pairs
                .iter()
                .map(|pair| Effect::Revoke { token: pair.token.into(), spender: pair.spender.into() })
                .collect();
            let shown_pairs =
                list(pairs, |pair| json!({"token": shown(pair.token), "spender": shown(pair.spender)}));
            (json!({"approvals": shown_pairs, "approvals_count": pairs.len()}), effects)
        }),
        _ => return None,
    })
}

fn permit2_signed(selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    Some(match selector {
        Permit2Single::permitCall::SELECTOR => given(arguments, |call: &Permit2Single::permitCall| {
            let permit = &call.permitSingle;
            let arguments = json!({
                "owner": shown(call.owner), "spender": shown(permit.spender),
                "details": details(&permit.details), "sig_deadline": permit.sigDeadline.to_string(),
            });
            (arguments, vec![permitted(&permit.details, permit.spender)])
        }),
        Permit2Batch::permitCall::SELECTOR => given(arguments, |call: &Permit2Batch::permitCall| {
            let permit = &call.permitBatch;
            let effects = permit.details.iter().map(|one| permitted(one, permit.spender)).collect();
            let arguments = json!({
                "owner": shown(call.owner), "spender": shown(permit.spender),
                "details": list(&permit.details, details), "details_count": permit.details.len(),
                "sig_deadline": permit.sigDeadline.to_string(),
            });
            (arguments, effects)
        }),
        Permit2::permitTransferFromCall::SELECTOR => {
            given(arguments, |call: &Permit2::permitTransferFromCall| {
                let (permitted, to) = (&call.permit.permitted, call.transferDetails.to);
                let arguments = json!({
                    "owner": shown(call.owner), "to": shown(to), "token": shown(permitted.token),
                    "requested_amount": call.transferDetails.requestedAmount.to_string(),
                    "deadline": call.permit.deadline.to_string(),
                });
                let amount = call.transferDetails.requestedAmount;
                (arguments, vec![transfer(permitted.token, call.owner, to, amount)])
            })
        }
        _ => return None,
    })
}

/// The effects of a Permit2 permit that stands in bytes without a selector.
pub(super) fn permitted_input(input: &[u8]) -> Option<Vec<Effect>> {
    let call = Permit2Input::permitCall::abi_decode_raw_with_config(input, CONFIG).ok()?;
    Some(vec![permitted(&call.permitSingle.details, call.permitSingle.spender)])
}

fn wrapped(selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    Some(match selector {
        Wrapped::depositCall::SELECTOR => {
            given(arguments, |_: &Wrapped::depositCall| (json!({}), Vec::new()))
        }
        Wrapped::withdrawCall::SELECTOR => given(arguments, |call: &Wrapped::withdrawCall| {
            (json!({"amount": call.amount.to_string()}), Vec::new())
        }),
        _ => return None,
    })
}

/// The calls inside, borrowed: lengths that point at the same bytes a thousand times cost no copy.
pub(super) fn multicall(selector: [u8; 4], arguments: &[u8]) -> Option<Multicall<'_>> {
    Some(match selector {
        Batch::multicallCall::SELECTOR => {
            batch::<Batch::multicallCall>(arguments, |token| token.0.0.iter().map(|inner| inner.0).collect())
        }
        BatchUntil::multicallCall::SELECTOR => batch::<BatchUntil::multicallCall>(arguments, |token| {
            token.1.0.iter().map(|inner| inner.0).collect()
        }),
        BatchAfter::multicallCall::SELECTOR => batch::<BatchAfter::multicallCall>(arguments, |token| {
            token.1.0.iter().map(|inner| inner.0).collect()
        }),
        _ => return None,
    })
}

fn batch<'a, C: SolCall>(
    arguments: &'a [u8],
    inner: impl FnOnce(&C::Token<'a>) -> Vec<&'a [u8]>,
) -> Multicall<'a> {
    let Ok(token) = abi::decode_sequence_with_config::<C::Token<'a>>(arguments, CONFIG) else {
        return Multicall { signature: C::SIGNATURE, form: Form::Malformed, inner: Vec::new() };
    };
    // More words than there are bytes for is not canonical, and shared tails written out could be large.
    // One of the words counted is the offset to the sequence itself, which a call's arguments do not have.
    let words = token.total_words().saturating_sub(1);
    let form = match words.saturating_mul(32) <= arguments.len() {
        true => form_of(arguments, &abi::encode_sequence(&token)),
        false => Form::NonCanonical,
    };
    Multicall { signature: C::SIGNATURE, form, inner: inner(&token) }
}

/// Decodes as a contract that does not check does: dirty upper bytes are dropped, and said.
pub(super) fn given<C: SolCall>(arguments: &[u8], explain: impl FnOnce(&C) -> Explained) -> Read {
    let Ok(call) = C::abi_decode_raw_with_config(arguments, CONFIG) else {
        let effects = Vec::new();
        return Read { signature: C::SIGNATURE, form: Form::Malformed, arguments: Map::new(), effects };
    };
    let mut canonical = Vec::new();
    call.abi_encode_raw(&mut canonical);
    let (named, effects) = explain(&call);
    let named = match named {
        Value::Object(named) => named,
        _ => Map::new(),
    };
    Read { signature: C::SIGNATURE, form: form_of(arguments, &canonical), arguments: named, effects }
}

fn form_of(given: &[u8], canonical: &[u8]) -> Form {
    match given.strip_prefix(canonical) {
        Some([]) => Form::Canonical,
        Some(rest) => Form::Trailing(rest.len()),
        None => Form::NonCanonical,
    }
}

fn allowance(
    token: Account,
    spender: Address,
    amount: U256,
    amount_max: U256,
    until_s: Option<U256>,
) -> Effect {
    let spender = spender.into();
    match amount.is_zero() {
        true => Effect::Revoke { token, spender },
        false => Effect::Allow { token, spender, amount, amount_max, until_s },
    }
}

fn permitted(details: &PermitDetails, spender: Address) -> Effect {
    let until = U256::from(details.expiration);
    allowance(details.token.into(), spender, U256::from(details.amount), uint160_max(), Some(until))
}

fn transfer(token: Address, from: Address, to: Address, amount: U256) -> Effect {
    let amount = Some(amount);
    Effect::Transfer { token: token.into(), from: Some(from.into()), to: to.into(), amount }
}

fn uint160_max() -> U256 {
    (U256::from(1) << 160) - U256::from(1)
}

fn details(details: &PermitDetails) -> Value {
    json!({
        "token": shown(details.token), "amount": details.amount.to_string(),
        "expiration": details.expiration.to_string(),
    })
}

fn list<T>(items: &[T], show: impl Fn(&T) -> Value) -> Value {
    Value::Array(items.iter().take(ITEMS_SHOWN_MAX).map(show).collect())
}

pub(super) fn shown(address: Address) -> String {
    Account::from(address).checksummed()
}

//! What the calls of exchanges, lending pools and vaults give, and to whom.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, sol};
use serde_json::json;

use super::functions::{Read, given, permitted_input, shown};
use crate::address::Account;
use crate::calldata::{Effect, Form, Role};

sol! {
    struct ExactInputSingle { address tokenIn; address tokenOut; uint24 fee; address recipient; uint256 deadline; uint256 amountIn; uint256 amountOutMinimum; uint160 sqrtPriceLimitX96; }
    struct ExactInput { bytes path; address recipient; uint256 deadline; uint256 amountIn; uint256 amountOutMinimum; }
    struct ExactInputSingle02 { address tokenIn; address tokenOut; uint24 fee; address recipient; uint256 amountIn; uint256 amountOutMinimum; uint160 sqrtPriceLimitX96; }
    struct ExactInput02 { bytes path; address recipient; uint256 amountIn; uint256 amountOutMinimum; }
    // Uniswap V2's router.
    interface V2 {
        function swapExactTokensForTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline);
        function swapTokensForExactTokens(uint256 amountOut, uint256 amountInMax, address[] path, address to, uint256 deadline);
        function swapExactETHForTokens(uint256 amountOutMin, address[] path, address to, uint256 deadline);
        function swapETHForExactTokens(uint256 amountOut, address[] path, address to, uint256 deadline);
        function swapExactTokensForETH(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline);
        function swapTokensForExactETH(uint256 amountOut, uint256 amountInMax, address[] path, address to, uint256 deadline);
        function swapExactTokensForTokensSupportingFeeOnTransferTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline);
        function swapExactETHForTokensSupportingFeeOnTransferTokens(uint256 amountOutMin, address[] path, address to, uint256 deadline);
        function swapExactTokensForETHSupportingFeeOnTransferTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline);
        function addLiquidity(address tokenA, address tokenB, uint256 amountADesired, uint256 amountBDesired, uint256 amountAMin, uint256 amountBMin, address to, uint256 deadline);
        function addLiquidityETH(address token, uint256 amountTokenDesired, uint256 amountTokenMin, uint256 amountETHMin, address to, uint256 deadline);
        function removeLiquidity(address tokenA, address tokenB, uint256 liquidity, uint256 amountAMin, uint256 amountBMin, address to, uint256 deadline);
        function removeLiquidityETH(address token, uint256 liquidity, uint256 amountTokenMin, uint256 amountETHMin, address to, uint256 deadline);
    }
    // Uniswap V3's routers: the older takes a deadline in the struct.
    interface V3 { function exactInputSingle(ExactInputSingle params); function exactInput(ExactInput params); }
    interface V3Router02 {
        function exactInputSingle(ExactInputSingle02 params);
        function exactInput(ExactInput02 params);
        function unwrapWETH9(uint256 amountMinimum, address recipient);
        function sweepToken(address token, uint256 amountMinimum, address recipient);
        function refundETH();
    }
    interface Universal { function execute(bytes commands, bytes[] inputs, uint256 deadline); }
    interface UniversalNoDeadline { function execute(bytes commands, bytes[] inputs); }
    // Aave's pool, its gateway, and the delegation of credit.
    interface Lending {
        function supply(address asset, uint256 amount, address onBehalfOf, uint16 referralCode);
        function deposit(address asset, uint256 amount, address onBehalfOf, uint16 referralCode);
        function withdraw(address asset, uint256 amount, address to);
        function borrow(address asset, uint256 amount, uint256 interestRateMode, uint16 referralCode, address onBehalfOf);
        function repay(address asset, uint256 amount, uint256 interestRateMode, address onBehalfOf);
        function setUserUseReserveAsCollateral(address asset, bool useAsCollateral);
        function depositETH(address pool, address onBehalfOf, uint16 referralCode);
        function withdrawETH(address pool, uint256 amount, address to);
        function approveDelegation(address delegatee, uint256 amount);
    }
    // ERC-4626.
    interface Vault {
        function deposit(uint256 assets, address receiver);
        function mint(uint256 shares, address receiver);
        function withdraw(uint256 assets, address receiver, address owner);
        function redeem(uint256 shares, address receiver, address owner);
    }
    // Names that contracts made to take coins give to the function a victim calls.
    interface Lures {
        function claim(); function Claim(); function claimReward(); function claimRewards(); function ClaimReward(); function ClaimRewards();
        function claimRewards(address account); function securityUpdate(); function SecurityUpdate(); function connect(); function Connect();
        function networkMerge(); function NetworkMerge(); function airdrop(); function verifyWallet(); function mergeAndClaim();
    }
}

/// Reads a call of a protocol.
pub(super) fn read(target: Account, selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    swap_v2(selector, arguments)
        .or_else(|| liquidity(selector, arguments))
        .or_else(|| swap_v3(selector, arguments))
        .or_else(|| universal(selector, arguments))
        .or_else(|| lending(target, selector, arguments))
        .or_else(|| vault(selector, arguments))
        .or_else(|| lure(selector))
}

fn gets(to: Address, minimum: Option<U256>) -> Vec<Effect> {
    let mut effects: Vec<_> = receive(to.into()).into_iter().collect();
    // What stays with the router is bounded by the step that takes it from there.
    if !effects.is_empty() && minimum.is_some_and(|minimum| minimum.is_zero()) {
        effects.push(Effect::NoMinimum);
    }
    effects
}

/// Uniswap's placeholders are no accounts: 0 and 2 are the router, 1 is whoever calls.
fn receive(to: Account) -> Option<Effect> {
    let (head, last) = to.bytes().split_at(19);
    let is_placeholder = head.iter().all(|byte| *byte == 0) && last.iter().all(|byte| *byte <= 2);
    (!is_placeholder).then_some(Effect::Receive { to })
}

/// A swap along `path`; the tokens at its ends are parties.
fn along(path: &[Address], to: Address, minimum: Option<U256>) -> Vec<Effect> {
    let ends = path.first().into_iter().chain(path.last().filter(|_| path.len() > 1));
    let tokens = ends.map(|token| Effect::Names { role: Role::Token, account: (*token).into() });
    tokens.chain(gets(to, minimum)).collect()
}

macro_rules! swaps {
    ($selector:expr, $arguments:expr, $($call:ident: $minimum:ident),+ $(,)?) => {
        match $selector {
            $(V2::$call::SELECTOR => Some(given($arguments, |call: &V2::$call| {
                let minimum = swaps!(@minimum call $minimum);
                let shown_path: Vec<_> = call.path.iter().take(8).map(|token| shown(*token)).collect();
                let shown = json!({"to": shown(call.to), "path": shown_path, "minimum": minimum.map(|least| least.to_string())});
                (shown, along(&call.path, call.to, minimum))
            })),)+
            _ => None,
        }
    };
    (@minimum $call:ident exact) => { None::<U256> };
    (@minimum $call:ident least) => { Some($call.amountOutMin) };
}

fn swap_v2(selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    swaps!(selector, arguments,
        swapExactTokensForTokensCall: least,
        swapTokensForExactTokensCall: exact,
        swapExactETHForTokensCall: least,
        swapETHForExactTokensCall: exact,
        swapExactTokensForETHCall: least,
        swapTokensForExactETHCall: exact,
        swapExactTokensForTokensSupportingFeeOnTransferTokensCall: least,
        swapExactETHForTokensSupportingFeeOnTransferTokensCall: least,
        swapExactTokensForETHSupportingFeeOnTransferTokensCall: least,
    )
}

fn liquidity(selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    let token = |account: Address| Effect::Names { role: Role::Token, account: account.into() };
    let pair = |one, two, to: Address| {
        let effects = [vec![token(one), token(two)], gets(to, None)].concat();
        (json!({"token_a": shown(one), "token_b": shown(two), "to": shown(to)}), effects)
    };
    let with_coin = |one, to: Address| {
        (json!({"token": shown(one), "to": shown(to)}), [vec![token(one)], gets(to, None)].concat())
    };
    Some(match selector {
        V2::addLiquidityCall::SELECTOR => {
            given(arguments, |call: &V2::addLiquidityCall| pair(call.tokenA, call.tokenB, call.to))
        }
        V2::removeLiquidityCall::SELECTOR => {
            given(arguments, |call: &V2::removeLiquidityCall| pair(call.tokenA, call.tokenB, call.to))
        }
        V2::addLiquidityETHCall::SELECTOR => {
            given(arguments, |call: &V2::addLiquidityETHCall| with_coin(call.token, call.to))
        }
        V2::removeLiquidityETHCall::SELECTOR => {
            given(arguments, |call: &V2::removeLiquidityETHCall| with_coin(call.token, call.to))
        }
        _ => return None,
    })
}

fn swap_v3(selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    let single = |token_in, token_out, to: Address, minimum: U256| {
        let shown = json!({
            "token_in": shown(token_in), "token_out": shown(token_out), "to": shown(to),
            "minimum": minimum.to_string(),
        });
        (shown, along(&[token_in, token_out], to, Some(minimum)))
    };
    // A path is 20 bytes of a token, 3 of a fee, and so on.
    let path = |path: &[u8], to: Address, minimum: U256| {
        let end = |bytes: Option<&[u8]>| bytes.and_then(|bytes| Address::try_from(bytes).ok());
        let ends: Vec<_> =
            [end(path.get(..20)), end(path.len().checked_sub(20).and_then(|at| path.get(at..)))]
                .into_iter()
                .flatten()
                .collect();
        let shown_path: Vec<_> = ends.iter().map(|token| shown(*token)).collect();
        let shown = json!({"ends": shown_path, "to": shown(to), "minimum": minimum.to_string()});
        (shown, along(&ends, to, Some(minimum)))
    };
    Some(match selector {
        V3::exactInputSingleCall::SELECTOR => given(arguments, |call: &V3::exactInputSingleCall| {
            let one = &call.params;
            single(one.tokenIn, one.tokenOut, one.recipient, one.amountOutMinimum)
        }),
        V3Router02::exactInputSingleCall::SELECTOR => {
            given(arguments, |call: &V3Router02::exactInputSingleCall| {
                let one = &call.params;
                single(one.tokenIn, one.tokenOut, one.recipient, one.amountOutMinimum)
            })
        }
        V3::exactInputCall::SELECTOR => given(arguments, |call: &V3::exactInputCall| {
            path(&call.params.path, call.params.recipient, call.params.amountOutMinimum)
        }),
        V3Router02::exactInputCall::SELECTOR => given(arguments, |call: &V3Router02::exactInputCall| {
            path(&call.params.path, call.params.recipient, call.params.amountOutMinimum)
        }),
        V3Router02::unwrapWETH9Call::SELECTOR => given(arguments, |call: &V3Router02::unwrapWETH9Call| {
            (json!({"to": shown(call.recipient)}), gets(call.recipient, None))
        }),
        V3Router02::sweepTokenCall::SELECTOR => given(arguments, |call: &V3Router02::sweepTokenCall| {
            (json!({"token": shown(call.token), "to": shown(call.recipient)}), gets(call.recipient, None))
        }),
        V3Router02::refundETHCall::SELECTOR => {
            given(arguments, |_: &V3Router02::refundETHCall| (json!({}), Vec::new()))
        }
        _ => return None,
    })
}

fn universal(selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    let explain = |commands: &[u8], inputs: &[Bytes]| {
        let effects =
            commands.iter().zip(inputs).flat_map(|(command, input)| step(*command, input)).collect();
        (json!({"commands": format!("0x{}", hex::encode(commands.get(..64).unwrap_or(commands)))}), effects)
    };
    Some(match selector {
        Universal::executeCall::SELECTOR => {
            given(arguments, |call: &Universal::executeCall| explain(&call.commands, &call.inputs))
        }
        UniversalNoDeadline::executeCall::SELECTOR => {
            given(arguments, |call: &UniversalNoDeadline::executeCall| explain(&call.commands, &call.inputs))
        }
        _ => return None,
    })
}

/// One command of Uniswap's universal router (`Commands.sol`).
fn step(command: u8, input: &[u8]) -> Vec<Effect> {
    let word = |at: usize| input.get(at * 32..at * 32 + 32).map(U256::from_be_slice);
    let account = |at: usize| {
        let bytes: [u8; 20] = input.get(at * 32 + 12..at * 32 + 32)?.try_into().ok()?;
        Some(Account::new(bytes))
    };
    let to = |at: usize| account(at).and_then(receive).into_iter().collect::<Vec<_>>();
    match command & 0x3f {
        // Swaps of an exact amount in, by V3 and V2: recipient, amount in, least amount out.
        0x00 | 0x08 => {
            let mut effects = to(0);
            if !effects.is_empty() && word(2).is_some_and(|least| least.is_zero()) {
                effects.push(Effect::NoMinimum);
            }
            effects
        }
        // Swaps of an exact amount out, wrapping and unwrapping.
        0x01 | 0x09 | 0x0b | 0x0c => to(0),
        // Transfers and sweeps: token, recipient, amount.
        0x02 | 0x04 | 0x05 => to(1),
        // A portion, in hundredths of a percent, is the interface's fee up to 3 %.
        0x06 if word(2).is_some_and(|bips| bips <= U256::from(300)) => {
            let fee = account(1).map(|account| Effect::Names { role: Role::Recipient, account });
            fee.into_iter().collect()
        }
        0x06 => to(1),
        0x0a => permitted_input(input).unwrap_or_else(|| vec![Effect::Beyond]),
        _ => vec![Effect::Beyond],
    }
}

fn lending(target: Account, selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    let asset = |account: Address| Effect::Names { role: Role::Token, account: account.into() };
    let with = |token, to: Address, amount: U256| {
        let effects = [vec![asset(token)], gets(to, None)].concat();
        (json!({"asset": shown(token), "amount": amount.to_string(), "for": shown(to)}), effects)
    };
    Some(match selector {
        Lending::supplyCall::SELECTOR => {
            given(arguments, |call: &Lending::supplyCall| with(call.asset, call.onBehalfOf, call.amount))
        }
        Lending::depositCall::SELECTOR => {
            given(arguments, |call: &Lending::depositCall| with(call.asset, call.onBehalfOf, call.amount))
        }
        Lending::withdrawCall::SELECTOR => {
            given(arguments, |call: &Lending::withdrawCall| with(call.asset, call.to, call.amount))
        }
        Lending::borrowCall::SELECTOR => {
            given(arguments, |call: &Lending::borrowCall| with(call.asset, call.onBehalfOf, call.amount))
        }
        Lending::repayCall::SELECTOR => {
            given(arguments, |call: &Lending::repayCall| with(call.asset, call.onBehalfOf, call.amount))
        }
        Lending::setUserUseReserveAsCollateralCall::SELECTOR => {
            given(arguments, |call: &Lending::setUserUseReserveAsCollateralCall| {
                let shown = json!({"asset": shown(call.asset), "as_collateral": call.useAsCollateral});
                (shown, vec![asset(call.asset)])
            })
        }
        Lending::depositETHCall::SELECTOR => given(arguments, |call: &Lending::depositETHCall| {
            let pool = Effect::Names { role: Role::Target, account: call.pool.into() };
            let effects = [vec![pool], gets(call.onBehalfOf, None)].concat();
            (json!({"pool": shown(call.pool), "for": shown(call.onBehalfOf)}), effects)
        }),
        Lending::withdrawETHCall::SELECTOR => given(arguments, |call: &Lending::withdrawETHCall| {
            let pool = Effect::Names { role: Role::Target, account: call.pool.into() };
            (
                json!({"pool": shown(call.pool), "to": shown(call.to)}),
                [vec![pool], gets(call.to, None)].concat(),
            )
        }),
        // Debt in the caller's name, up to the amount.
        Lending::approveDelegationCall::SELECTOR => {
            given(arguments, |call: &Lending::approveDelegationCall| {
                let spender = call.delegatee.into();
                let effect = match call.amount.is_zero() {
                    true => Effect::Revoke { token: target, spender },
                    false => Effect::Allow {
                        token: target,
                        spender,
                        amount: call.amount,
                        amount_max: U256::MAX,
                        until_s: None,
                    },
                };
                (json!({"delegatee": shown(call.delegatee), "amount": call.amount.to_string()}), vec![effect])
            })
        }
        _ => return None,
    })
}

fn vault(selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    let with = |to: Address, amount: U256| {
        (json!({"receiver": shown(to), "amount": amount.to_string()}), gets(to, None))
    };
    Some(match selector {
        Vault::depositCall::SELECTOR => {
            given(arguments, |call: &Vault::depositCall| with(call.receiver, call.assets))
        }
        Vault::mintCall::SELECTOR => {
            given(arguments, |call: &Vault::mintCall| with(call.receiver, call.shares))
        }
        Vault::withdrawCall::SELECTOR => {
            given(arguments, |call: &Vault::withdrawCall| with(call.receiver, call.assets))
        }
        Vault::redeemCall::SELECTOR => {
            given(arguments, |call: &Vault::redeemCall| with(call.receiver, call.shares))
        }
        _ => return None,
    })
}

/// The name says nothing of what the call does: it stays unknown, and with coins it is suspicious.
fn lure(selector: [u8; 4]) -> Option<Read> {
    let all: Vec<(&'static str, [u8; 4])> = Lures::LuresCalls::SIGNATURES
        .iter()
        .copied()
        .zip(Lures::LuresCalls::SELECTORS.iter().copied())
        .collect();
    let (signature, _) = all.into_iter().find(|(_, other)| *other == selector)?;
    let effects = vec![Effect::Lure];
    Some(Read { signature, form: Form::Unknown, arguments: serde_json::Map::new(), effects })
}

//! Calls of smart accounts: what they carry, and what gives power over them.

use std::borrow::Cow;

use alloy_primitives::U256;
use alloy_sol_types::{SolCall, sol};
use serde_json::json;

use super::functions::{Read, given, shown};
use crate::address::Account;
use crate::calldata::{Effect, Form};

sol! {
    // Safe: running transactions, and who may do so.
    interface Safe {
        function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures);
        function multiSend(bytes transactions);
        function addOwnerWithThreshold(address owner, uint256 threshold);
        function removeOwner(address previous, address owner, uint256 threshold);
        function swapOwner(address previous, address old, address owner);
        function changeThreshold(uint256 threshold);
        function enableModule(address module);
        function setGuard(address guard);
        function setModuleGuard(address guard);
        function setFallbackHandler(address handler);
    }
    // ERC-4337 accounts as most are written.
    interface Account4337 {
        function execute(address to, uint256 value, bytes data);
        function executeBatch(address[] to, uint256[] values, bytes[] data);
    }
    // Ownable, AccessControl and upgradeable proxies.
    interface Power {
        function transferOwnership(address owner);
        function grantRole(bytes32 role, address account);
        function upgradeTo(address implementation);
        function upgradeToAndCall(address implementation, bytes data);
        function changeAdmin(address admin);
    }
}

/// Calls of a batch of Safe's that are read.
const PACKED_MAX: usize = 128;

/// A call that carries others, each with its own target.
pub(super) struct Carrier<'a> {
    pub(super) signature: &'static str,
    pub(super) form: Form,
    pub(super) inner: Vec<(Account, Cow<'a, [u8]>)>,
    pub(super) effects: Vec<Effect>,
}

/// Reads a call that carries others.
pub(super) fn carrier<'a>(selector: [u8; 4], arguments: &[u8]) -> Option<Carrier<'a>> {
    let (mut inner, mut effects) = (Vec::new(), Vec::new());
    let read = match selector {
        Safe::execTransactionCall::SELECTOR => given(arguments, |call: &Safe::execTransactionCall| {
            let to = Account::from(call.to);
            if call.operation != 0 {
                effects.push(Effect::Run { code: to });
            }
            inner.push((to, Cow::Owned(call.data.to_vec())));
            (json!({}), Vec::new())
        }),
        Safe::multiSendCall::SELECTOR => given(arguments, |call: &Safe::multiSendCall| {
            unpack(&call.transactions, &mut inner, &mut effects);
            (json!({}), Vec::new())
        }),
        Account4337::executeCall::SELECTOR => given(arguments, |call: &Account4337::executeCall| {
            inner.push((call.to.into(), Cow::Owned(call.data.to_vec())));
            (json!({}), Vec::new())
        }),
        Account4337::executeBatchCall::SELECTOR => {
            given(arguments, |call: &Account4337::executeBatchCall| {
                let pairs = call.to.iter().zip(&call.data).take(PACKED_MAX);
                inner.extend(pairs.map(|(to, data)| ((*to).into(), Cow::Owned(data.to_vec()))));
                if call.to.len() > PACKED_MAX || call.to.len() != call.data.len() {
                    effects.push(Effect::Beyond);
                }
                (json!({}), Vec::new())
            })
        }
        _ => return None,
    };
    Some(Carrier { signature: read.signature, form: read.form, inner, effects })
}

/// Safe's packing: operation, target, value, length, data.
fn unpack(packed: &[u8], inner: &mut Vec<(Account, Cow<'_, [u8]>)>, effects: &mut Vec<Effect>) {
    let mut rest = packed;
    while let Some((head, tail)) = rest.split_at_checked(85) {
        let (Some(operation), Some(to), Some(size)) = (head.first(), head.get(1..21), head.get(53..85))
        else {
            break;
        };
        let size = usize::try_from(U256::from_be_slice(size)).ok();
        let (Some((data, next)), Ok(to)) =
            (size.and_then(|size| tail.split_at_checked(size)), <[u8; 20]>::try_from(to))
        else {
            break;
        };
        if inner.len() == PACKED_MAX {
            break;
        }
        if *operation != 0 {
            effects.push(Effect::Run { code: Account::new(to) });
        }
        inner.push((Account::new(to), Cow::Owned(data.to_vec())));
        rest = next;
    }
    if !rest.is_empty() {
        effects.push(Effect::Beyond);
    }
}

/// Reads a call that gives power over `target`.
pub(super) fn read(target: Account, selector: [u8; 4], arguments: &[u8]) -> Option<Read> {
    let control = |what: &'static str, who: alloy_primitives::Address| {
        let effect = Effect::Control { wallet: target, what, who: Some(who.into()) };
        (json!({"who": shown(who)}), vec![effect])
    };
    let fewer = |what: &'static str, threshold: U256| {
        let effect = Effect::Control { wallet: target, what, who: None };
        (json!({"threshold": threshold.to_string()}), vec![effect])
    };
    Some(match selector {
        Safe::addOwnerWithThresholdCall::SELECTOR => {
            given(arguments, |call: &Safe::addOwnerWithThresholdCall| control("new owner", call.owner))
        }
        Safe::swapOwnerCall::SELECTOR => {
            given(arguments, |call: &Safe::swapOwnerCall| control("new owner", call.owner))
        }
        Safe::removeOwnerCall::SELECTOR => {
            given(arguments, |call: &Safe::removeOwnerCall| fewer("owner removed", call.threshold))
        }
        Safe::changeThresholdCall::SELECTOR => {
            given(arguments, |call: &Safe::changeThresholdCall| fewer("threshold", call.threshold))
        }
        Safe::enableModuleCall::SELECTOR => {
            given(arguments, |call: &Safe::enableModuleCall| control("module", call.module))
        }
        Safe::setGuardCall::SELECTOR => {
            given(arguments, |call: &Safe::setGuardCall| control("guard", call.guard))
        }
        Safe::setModuleGuardCall::SELECTOR => {
            given(arguments, |call: &Safe::setModuleGuardCall| control("module guard", call.guard))
        }
        Safe::setFallbackHandlerCall::SELECTOR => {
            given(arguments, |call: &Safe::setFallbackHandlerCall| control("fallback handler", call.handler))
        }
        Power::transferOwnershipCall::SELECTOR => {
            given(arguments, |call: &Power::transferOwnershipCall| control("owner", call.owner))
        }
        Power::grantRoleCall::SELECTOR => {
            given(arguments, |call: &Power::grantRoleCall| control("role", call.account))
        }
        Power::upgradeToCall::SELECTOR => {
            given(arguments, |call: &Power::upgradeToCall| control("implementation", call.implementation))
        }
        Power::upgradeToAndCallCall::SELECTOR => given(arguments, |call: &Power::upgradeToAndCallCall| {
            control("implementation", call.implementation)
        }),
        Power::changeAdminCall::SELECTOR => {
            given(arguments, |call: &Power::changeAdminCall| control("admin", call.admin))
        }
        _ => return None,
    })
}

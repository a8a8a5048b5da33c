//! Signatures that make a smart account act, or give power over an account.

use alloy_primitives::U256;
use serde_json::json;

use super::{Note, Reading, inner_calls};
use crate::address::Account;
use crate::calldata::{Effect, Role};
use crate::engine::rules::SignalId;
use crate::typed::{Node, TypedData};

/// The effects of the message itself; calls inside it are put into `reading`.
pub(super) fn read(data: &TypedData, contract: Account, reading: &mut Reading) -> Option<Vec<Effect>> {
    let message = &data.message;
    match data.primary_type.as_str() {
        "SafeTx" => safe(message, contract, reading),
        "SafeMessage" => {
            let evidence = json!({"what": "the hash of a message of this Safe"});
            reading.own.push(contract);
            reading.notes.push(Note { id: SignalId::OpaqueMessage, evidence });
            Some(Vec::new())
        }
        // EIP-2771 forwarders: the call is made in the signer's name.
        "ForwardRequest" => {
            inner_calls(reading, message.address("to")?, message.bytes("data")?);
            Some(Vec::new())
        }
        "MetaTransaction" => {
            inner_calls(reading, contract, message.bytes("functionSignature")?);
            Some(Vec::new())
        }
        // ERC-7710: whoever is the delegate may act for the account, within what the caveats leave.
        "Delegation" if message.get("caveats").is_some() => {
            let who = message.address("delegate")?;
            let wallet = message.address("delegator")?;
            let is_bare = message.get("caveats").is_some_and(|caveats| caveats.items().is_empty());
            let what = if is_bare { "delegate without caveats" } else { "delegate" };
            Some(vec![Effect::Control { wallet, what, who: Some(who) }])
        }
        // ERC-5805: votes only.
        "Delegation" => {
            let to = message.address("delegatee")?;
            Some(vec![Effect::Names { role: Role::Recipient, account: to }])
        }
        _ => None,
    }
}

/// Safe's transaction: the Safe calls `to`, or runs its code as its own.
fn safe(message: &Node, safe: Account, reading: &mut Reading) -> Option<Vec<Effect>> {
    let to = message.address("to")?;
    let (data, operation) = (message.bytes("data")?, message.uint("operation")?);
    reading.own.push(safe);
    let mut effects = Vec::new();
    match operation.is_zero() {
        true if data.is_empty() => effects.push(Effect::Names { role: Role::Recipient, account: to }),
        true => effects.push(Effect::Names { role: Role::Target, account: to }),
        false => effects.push(Effect::Run { code: to }),
    }
    if !data.is_empty() {
        inner_calls(reading, to, data);
    }
    // A refund is paid out of the Safe to whom the signature says.
    let refunds = message.uint("gasPrice").is_some_and(|price| price > U256::ZERO);
    if let Some(receiver) = message.address("refundReceiver").filter(|to| refunds && *to != Account::ZERO) {
        effects.push(Effect::Receive { to: receiver });
    }
    Some(effects)
}

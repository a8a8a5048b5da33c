//! Permits: signatures that let a spender take tokens.

use alloy_primitives::U256;

use crate::address::Account;
use crate::calldata::{Effect, Role};
use crate::typed::{Node, TypedData};

/// Names that messages give to whoever gets a right.
const SPENDERS: [&str; 3] = ["spender", "operator", "delegate"];
/// Names that messages give to whoever gets something.
const RECEIVERS: [&str; 4] = ["recipient", "receiver", "to", "beneficiary"];

/// The effects of a permit; nothing when the message is none.
pub(super) fn read(data: &TypedData, contract: Account) -> Option<Vec<Effect>> {
    let message = &data.message;
    match data.primary_type.as_str() {
        "Permit" => permit(message, contract),
        "PermitForAll" | "PermitAll" => {
            let operator = super::first_address(message, &SPENDERS)?;
            Some(vec![Effect::AllowAll { token: contract, operator }])
        }
        // Uniswap's Permit2: AllowanceTransfer.
        "PermitSingle" | "PermitBatch" => {
            let spender = message.address("spender")?;
            let details = message.get("details")?.items();
            details.iter().map(|details| allowance(details, spender)).collect()
        }
        // SignatureTransfer: the spender may take at once, and a witness says what for.
        "PermitTransferFrom"
        | "PermitWitnessTransferFrom"
        | "PermitBatchTransferFrom"
        | "PermitBatchWitnessTransferFrom" => signature_transfer(message),
        // EIP-3009.
        "TransferWithAuthorization" | "ReceiveWithAuthorization" => {
            let (from, to) = (message.address("from")?, message.address("to")?);
            Some(vec![Effect::Pay { token: contract, from, to }])
        }
        _ => None,
    }
}

/// ERC-2612, Dai's older form, and ERC-4494 for collectibles.
fn permit(message: &Node, token: Account) -> Option<Vec<Effect>> {
    let spender = message.address("spender")?;
    let until_s = message.uint("deadline").or_else(|| message.uint("expiry"));
    let amount = match (message.get("allowed"), message.uint("value"), message.uint("tokenId")) {
        (Some(Node::Bool(true)), _, _) => U256::MAX,
        (Some(Node::Bool(false)), _, _) => U256::ZERO,
        (_, Some(value), _) => value,
        // One collectible, whatever its number.
        (_, _, Some(_)) => U256::from(1),
        _ => message.uint("amount")?,
    };
    // Dai takes 0 as "never expires".
    let never = message.get("expiry").is_some() && until_s == Some(U256::ZERO);
    let until_s = if never { Some(U256::MAX) } else { until_s };
    Some(vec![allow(token, spender, amount, U256::MAX, until_s)])
}

fn allowance(details: &Node, spender: Account) -> Option<Effect> {
    let max = (U256::from(1) << 160) - U256::from(1);
    Some(allow(details.address("token")?, spender, details.uint("amount")?, max, details.uint("expiration")))
}

fn signature_transfer(message: &Node) -> Option<Vec<Effect>> {
    let spender = message.address("spender")?;
    let until_s = message.uint("deadline");
    let mut effects = Vec::new();
    for permitted in message.get("permitted")?.items() {
        let (token, amount) = (permitted.address("token")?, permitted.uint("amount")?);
        effects.push(allow(token, spender, amount, U256::MAX, until_s));
    }
    let Node::Struct(members) = message else { return Some(effects) };
    let known = ["permitted", "spender", "nonce", "deadline"];
    let witnesses = members.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    for part in witnesses.flat_map(|(_, witness)| witness.structs()) {
        // Fees of an order go to others than the asker, and are not called its recipient.
        if let Some(to) = super::first_address(part, &RECEIVERS) {
            effects.push(Effect::Receive { to });
        }
    }
    Some(effects)
}

/// Rights that a message of an unknown type seems to give: whoever is called a spender is taken for one.
pub(super) fn guess(data: &TypedData, contract: Account) -> Vec<Effect> {
    let mut effects = Vec::new();
    for part in data.message.structs() {
        let token = part.address("token").unwrap_or(contract);
        if let Some(spender) = super::first_address(part, &SPENDERS) {
            effects.push(allow(token, spender, U256::MAX, U256::MAX, None));
        } else if let Some(to) = super::first_address(part, &RECEIVERS) {
            effects.push(Effect::Names { role: Role::Recipient, account: to });
        }
    }
    effects
}

fn allow(token: Account, spender: Account, amount: U256, amount_max: U256, until_s: Option<U256>) -> Effect {
    match amount.is_zero() {
        true => Effect::Revoke { token, spender },
        false => Effect::Allow { token, spender, amount, amount_max, until_s },
    }
}

//! Orders: signatures that give something for something else, when anybody fills them.

use alloy_primitives::U256;

use crate::address::Account;
use crate::calldata::{Effect, Price, Role};
use crate::typed::{Node, TypedData};

/// Orders of one message that are read.
const ORDERS_MAX: usize = 64;
/// How several protocols write "the chain's coin" where a token is named.
const COIN: Account = Account::new([0xee; 20]);

/// The effects of an order; nothing when the message is none.
pub(super) fn read(data: &TypedData) -> Option<Vec<Effect>> {
    let mut effects = Vec::new();
    let (mut orders, mut beyond) = (0, false);
    for part in data.message.structs() {
        let read = seaport(part).or_else(|| collectible(part)).or_else(|| exchange(part));
        if let Some(read) = read {
            orders += 1;
            match orders <= ORDERS_MAX {
                true => effects.extend(read),
                false => beyond = true,
            }
        }
    }
    if beyond {
        effects.push(Effect::Beyond);
    }
    (orders > 0).then_some(effects)
}

/// What an order says of an item.
struct Item {
    token: Option<Account>,
    is_collectible: bool,
    least: U256,
}

fn item(node: &Node) -> Option<Item> {
    // Seaport: 0 coin, 1 ERC-20, 2 and 4 ERC-721, 3 and 5 ERC-1155.
    let kind = node.uint("itemType")?;
    let (start, end) = (node.uint("startAmount")?, node.uint("endAmount")?);
    let token = node.address("token").filter(|token| *token != Account::ZERO);
    Some(Item { token, is_collectible: kind > U256::from(1), least: start.min(end) })
}

fn seaport(order: &Node) -> Option<Vec<Effect>> {
    let offerer = order.address("offerer")?;
    let (offer, consideration) = (order.get("offer")?.items(), order.get("consideration")?.items());
    let mut effects = vec![Effect::Names { role: Role::Owner, account: offerer }];
    let offered: Vec<_> = offer.iter().filter_map(item).collect();
    for token in offered.iter().filter_map(|item| item.token) {
        effects.push(Effect::Names { role: Role::Token, account: token });
    }
    let (mut price, mut gets_collectible) = (Vec::new(), false);
    for node in consideration {
        let (Some(item), Some(to)) = (item(node), node.address("recipient")) else { continue };
        match to == offerer {
            true => {
                gets_collectible |= item.is_collectible && !item.least.is_zero();
                if !item.is_collectible && !item.least.is_zero() {
                    price.push(Price { token: item.token, amount: item.least });
                }
            }
            false => effects.push(Effect::Names { role: Role::Recipient, account: to }),
        }
    }
    if let Some(zone) = order.address("zone").filter(|zone| *zone != Account::ZERO) {
        effects.push(Effect::Names { role: Role::Code, account: zone });
    }
    if !offered.is_empty() && !gets_collectible {
        let sells_collectible = offered.iter().any(|item| item.is_collectible);
        effects.push(Effect::Order { maker: offerer, sells_collectible, price });
    }
    Some(effects)
}

/// Orders of one collectible: 0x, Blur, LooksRare, Wyvern.
fn collectible(order: &Node) -> Option<Vec<Effect>> {
    let maker = super::first_address(order, &["maker", "trader", "signer"])?;
    let collection = super::first_address(order, &["erc721Token", "erc1155Token", "collection", "target"])?;
    let amount = ["erc20TokenAmount", "price", "basePrice"].iter().find_map(|name| order.uint(name))?;
    let token = super::first_address(order, &["erc20Token", "paymentToken", "currency"]);
    let token = token.filter(|token| ![Account::ZERO, COIN].contains(token));
    let sells = match (order.uint("direction"), order.uint("side"), order.get("isOrderAsk")) {
        (Some(direction), _, _) => direction.is_zero(),
        (_, Some(side), _) => side == U256::from(1),
        (_, _, Some(Node::Bool(asks))) => *asks,
        _ => order.uint("quoteType")? == U256::from(1),
    };
    let mut effects = vec![
        Effect::Names { role: Role::Owner, account: maker },
        Effect::Names { role: Role::Token, account: collection },
    ];
    effects.extend(token.map(|account| Effect::Names { role: Role::Token, account }));
    if sells {
        let price = if amount.is_zero() { Vec::new() } else { vec![Price { token, amount }] };
        effects.push(Effect::Order { maker, sells_collectible: true, price });
    }
    Some(effects)
}

/// Orders of one token for another: CoW, 1inch, 0x.
fn exchange(order: &Node) -> Option<Vec<Effect>> {
    let sold = super::first_address(order, &["sellToken", "makerAsset", "makerToken"])?;
    let bought = super::first_address(order, &["buyToken", "takerAsset", "takerToken"])?;
    let amount = ["buyAmount", "takingAmount", "takerAmount"].iter().find_map(|name| order.uint(name))?;
    let maker = super::first_address(order, &["maker"]);
    let mut effects = vec![
        Effect::Names { role: Role::Token, account: sold },
        Effect::Names { role: Role::Token, account: bought },
    ];
    effects.extend(maker.map(|account| Effect::Names { role: Role::Owner, account }));
    if let Some(to) = order.address("receiver").filter(|to| *to != Account::ZERO && Some(*to) != maker) {
        effects.push(Effect::Receive { to });
    }
    let token = Some(bought).filter(|token| *token != COIN);
    let price = if amount.is_zero() { Vec::new() } else { vec![Price { token, amount }] };
    effects.push(Effect::Order { maker: maker.unwrap_or(Account::ZERO), sells_collectible: false, price });
    Some(effects)
}

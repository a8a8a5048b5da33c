use serde_json::json;

use super::*;

const NOBODY: &str = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";
const MINE: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const TOKEN: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
const OTHER: &str = "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb";

fn account(text: &str) -> Account {
    text.parse().expect("an address")
}

fn mainnet() -> ChainId {
    "ethereum".parse().expect("a chain")
}

/// A message of `primary`, whose members are `name:type`.
fn document(primary: &str, types: &[(&str, &[&str])], message: Value) -> Value {
    let mut all = serde_json::Map::new();
    let domain: &[&str] = &["name:string", "chainId:uint256", "verifyingContract:address"];
    for (name, members) in [("EIP712Domain", domain)].iter().chain(types) {
        let members: Vec<_> = members
            .iter()
            .filter_map(|member| member.split_once(':'))
            .map(|(name, kind)| json!({"name": name, "type": kind}))
            .collect();
        all.insert((*name).to_owned(), Value::Array(members));
    }
    let domain = json!({"name": "T", "chainId": 1, "verifyingContract": TOKEN});
    json!({"types": all, "primaryType": primary, "domain": domain, "message": message})
}

fn reading(document: &Value) -> Reading {
    let document = document.to_string().try_into().expect("typed data");
    Message::Eip712 { document }.read(mainnet(), None)
}

fn effects(reading: &Reading) -> Vec<Effect> {
    reading.calls.calls.iter().flat_map(|call| call.effects.clone()).collect()
}

fn notes(reading: &Reading) -> Vec<SignalId> {
    reading.notes.iter().map(|note| note.id).filter(|id| *id != SignalId::DecodedMessage).collect()
}

#[test]
fn permits_of_every_form_give_their_rights() {
    let (token, spender) = (account(TOKEN), account(NOBODY));
    let allow = |token, amount: U256, amount_max, until: u64| Effect::Allow {
        token,
        spender,
        amount,
        amount_max,
        until_s: Some(U256::from(until)),
    };
    let erc2612 = ["owner:address", "spender:address", "value:uint256", "nonce:uint256", "deadline:uint256"];
    let permit = |value: u64| {
        let message = json!({"owner": MINE, "spender": NOBODY, "value": value, "nonce": 0, "deadline": 9});
        effects(&reading(&document("Permit", &[("Permit", &erc2612)], message)))
    };
    assert_eq!(permit(7), [allow(token, U256::from(7), U256::MAX, 9)]);
    assert_eq!(permit(0), [Effect::Revoke { token, spender }]);

    let dai = ["holder:address", "spender:address", "nonce:uint256", "expiry:uint256", "allowed:bool"];
    let message = json!({"holder": MINE, "spender": NOBODY, "nonce": 0, "expiry": 0, "allowed": true});
    let until_s = Some(U256::MAX);
    let never = Effect::Allow { token, spender, amount: U256::MAX, amount_max: U256::MAX, until_s };
    assert_eq!(effects(&reading(&document("Permit", &[("Permit", &dai)], message))), [never]);

    let details = ["token:address", "amount:uint160", "expiration:uint48", "nonce:uint48"];
    let detail = |token: &str| json!({"token": token, "amount": 5, "expiration": 8, "nonce": 0});
    let max = (U256::from(1) << 160) - U256::from(1);
    let types: [(&str, &[&str]); 2] = [
        ("PermitBatch", &["details:PermitDetails[]", "spender:address", "sigDeadline:uint256"]),
        ("PermitDetails", &details),
    ];
    let message = json!({"details": [detail(OTHER), detail(TOKEN)], "spender": NOBODY, "sigDeadline": 1});
    assert_eq!(
        effects(&reading(&document("PermitBatch", &types, message))),
        [allow(account(OTHER), U256::from(5), max, 8), allow(token, U256::from(5), max, 8)]
    );

    let types: [(&str, &[&str]); 4] = [
        (
            "PermitWitnessTransferFrom",
            &[
                "permitted:TokenPermissions",
                "spender:address",
                "nonce:uint256",
                "deadline:uint256",
                "witness:Order",
            ],
        ),
        ("TokenPermissions", &["token:address", "amount:uint256"]),
        ("Order", &["outputs:Output[]"]),
        ("Output", &["token:address", "recipient:address"]),
    ];
    let message = json!({
        "permitted": {"token": OTHER, "amount": 5}, "spender": NOBODY, "nonce": 1, "deadline": 8,
        "witness": {"outputs": [{"token": TOKEN, "recipient": MINE}]},
    });
    assert_eq!(
        effects(&reading(&document("PermitWitnessTransferFrom", &types, message))),
        [allow(account(OTHER), U256::from(5), U256::MAX, 8), Effect::Receive { to: account(MINE) }]
    );
}

fn seaport(offer: Value, consideration: Value) -> Vec<Effect> {
    let item = [
        "itemType:uint8",
        "token:address",
        "identifierOrCriteria:uint256",
        "startAmount:uint256",
        "endAmount:uint256",
    ];
    let consider = [&item[..], &["recipient:address"]].concat();
    let types: [(&str, &[&str]); 3] = [
        ("OrderComponents", &["offerer:address", "offer:OfferItem[]", "consideration:ConsiderationItem[]"]),
        ("OfferItem", &item),
        ("ConsiderationItem", &consider),
    ];
    let message = json!({"offerer": MINE, "offer": offer, "consideration": consideration});
    effects(&reading(&document("OrderComponents", &types, message)))
}

fn item(kind: u8, amount: &str, recipient: Option<&str>) -> Value {
    let token = if kind == 0 { "0x0000000000000000000000000000000000000000" } else { OTHER };
    let mut item = json!({
        "itemType": kind, "token": token, "identifierOrCriteria": 1, "startAmount": amount, "endAmount": amount,
    });
    if let Some(to) = recipient {
        item["recipient"] = json!(to);
    }
    item
}

#[test]
fn an_order_says_what_its_maker_gets() {
    let order = |offer, consideration| {
        let effects = seaport(offer, consideration);
        effects.into_iter().find_map(|effect| match effect {
            Effect::Order { price, .. } => {
                Some(price.iter().map(|price| price.amount.to_string()).collect::<Vec<_>>())
            }
            _ => None,
        })
    };
    let (piece, coins) = (|| json!([item(2, "1", None)]), |amount, to| item(0, amount, Some(to)));
    assert_eq!(order(piece(), json!([coins("500", MINE), coins("9", NOBODY)])), Some(vec!["500".to_owned()]));
    // Everything goes to somebody else, or nothing is asked for.
    assert_eq!(order(piece(), json!([item(2, "1", Some(NOBODY))])), Some(vec![]));
    assert_eq!(order(piece(), json!([])), Some(vec![]));
    assert_eq!(order(piece(), json!([coins("0", MINE)])), Some(vec![]));
    // Who buys a collectible is asked for no price.
    assert_eq!(order(json!([item(1, "500", None)]), json!([item(2, "1", Some(MINE))])), None);
}

#[test]
fn orders_of_other_markets_are_read() {
    let sells = |primary: &str, members: &[&str], message: Value| {
        effects(&reading(&document(primary, &[(primary, members)], message))).into_iter().find_map(|effect| {
            match effect {
                Effect::Order { price, sells_collectible, .. } => Some((sells_collectible, price.len())),
                _ => None,
            }
        })
    };
    let erc721 = [
        "direction:uint8",
        "maker:address",
        "erc20Token:address",
        "erc20TokenAmount:uint256",
        "erc721Token:address",
        "erc721TokenId:uint256",
    ];
    let order = |direction: u8, amount: u8| json!({"direction": direction, "maker": MINE, "erc20Token": OTHER, "erc20TokenAmount": amount, "erc721Token": TOKEN, "erc721TokenId": 1});
    assert_eq!(sells("ERC721Order", &erc721, order(0, 5)), Some((true, 1)));
    assert_eq!(sells("ERC721Order", &erc721, order(0, 0)), Some((true, 0)));
    assert_eq!(sells("ERC721Order", &erc721, order(1, 0)), None);
    let cow = [
        "sellToken:address",
        "buyToken:address",
        "receiver:address",
        "sellAmount:uint256",
        "buyAmount:uint256",
    ];
    let order =
        json!({"sellToken": TOKEN, "buyToken": OTHER, "receiver": NOBODY, "sellAmount": 5, "buyAmount": 0});
    assert_eq!(sells("Order", &cow, order.clone()), Some((false, 0)));
    let read = effects(&reading(&document("Order", &[("Order", &cow)], order)));
    assert!(read.contains(&Effect::Receive { to: account(NOBODY) }));
}

#[test]
fn a_safe_s_transaction_is_read_to_its_calls() {
    let members = [
        "to:address",
        "value:uint256",
        "data:bytes",
        "operation:uint8",
        "gasPrice:uint256",
        "refundReceiver:address",
    ];
    let safe = |data: &str, operation: u8| {
        let message = json!({"to": OTHER, "value": 0, "data": data, "operation": operation, "gasPrice": 0, "refundReceiver": NOBODY});
        reading(&document("SafeTx", &[("SafeTx", &members)], message))
    };
    let approve = format!("0x095ea7b3{:0>64}{:0>64}", &NOBODY[2..].to_lowercase(), "5");
    let read = safe(&approve, 0);
    assert_eq!(read.own, [account(TOKEN)]);
    assert!(
        effects(&read)
            .iter()
            .any(|effect| matches!(effect, Effect::Allow { spender, .. } if *spender == account(NOBODY)))
    );
    assert!(effects(&safe(&approve, 1)).contains(&Effect::Run { code: account(OTHER) }));
    let module = format!("0x610b5925{:0>64}", &NOBODY[2..].to_lowercase());
    let read = effects(&safe(&module, 0));
    assert!(read.iter().any(|effect| matches!(effect, Effect::Control { what: "module", .. })), "{read:?}");
}

#[test]
fn an_authorization_is_hashed_as_others_do() {
    // Computed by ethers 6.17.0: keccak256(0x05 ‖ rlp([chain_id, address, nonce])).
    for (chain_id, nonce, hash) in [
        (1, 0, "f743228656c74db57ce53cafe32c6023a8aad310a4bcc217d125f9f7796520fc"),
        (0, 300, "2965f3eac7ad341e32d8406dace5da39f3c933efcbdee85f970205edb45ef911"),
        (42161, 127, "e503dc3994bea970138dc7d8e6af197b860f689115c9fc790ecc52c592c9da72"),
    ] {
        let address = account("0x63c0c19a282a1B52b07dD5a65b58948A07DAE32B");
        let read = Message::Eip7702 { chain_id, address, nonce }.read(mainnet(), None);
        assert_eq!(hex::encode(read.signed.expect("signed").hash), hash);
        let elsewhere = notes(&Message::Eip7702 { chain_id, address, nonce }.read(mainnet(), None));
        assert_eq!(elsewhere, if chain_id == 42161 { vec![SignalId::ChainMismatch] } else { vec![] });
    }
    let read = Message::Eip7702 { chain_id: 1, address: Account::ZERO, nonce: 1 }.read(mainnet(), None);
    assert_eq!(effects(&read), [Effect::Undelegate]);
}

fn text(text: &str, origin: Option<&str>) -> Vec<SignalId> {
    let bytes = Calldata::of(text.as_bytes().to_vec()).expect("short");
    notes(&Message::Eip191 { bytes }.read(mainnet(), origin))
}

#[test]
fn a_text_is_read_for_what_it_hides_and_where_it_signs_in() {
    let sign_in = |domain: &str, chain: u32| {
        format!(
            "{domain} wants you to sign in with your Ethereum account:\n{MINE}\n\nURI: https://{domain}\nVersion: 1\nChain ID: {chain}\nNonce: 12345678"
        )
    };
    assert_eq!(text("Hello", None), []);
    assert_eq!(text(&sign_in("example.com", 1), Some("example.com")), []);
    assert_eq!(text(&sign_in("https://example.com:8443", 1), Some("example.com")), []);
    assert_eq!(text(&sign_in("example.com", 1), None), []);
    assert_eq!(text(&sign_in("example.com", 1), Some("examp1e.com")), [SignalId::SignInMismatch]);
    assert_eq!(text(&sign_in("example.com", 137), Some("example.com")), [SignalId::ChainMismatch]);
    assert_eq!(text("Pay \u{202e}evil\u{202c} nobody", None), [SignalId::HiddenText]);
    assert_eq!(text(&"ab".repeat(32), None), [SignalId::OpaqueMessage]);
    assert_eq!(text(&format!("0x{}", "ab".repeat(32)), None), [SignalId::OpaqueMessage]);
    let bytes = Calldata::of(vec![0xff; 40]).expect("short");
    assert_eq!(notes(&Message::Eip191 { bytes }.read(mainnet(), None)), [SignalId::OpaqueMessage]);
}

#[test]
fn a_message_of_an_unknown_type_gives_whom_it_calls_a_spender_everything() {
    let message = json!({"what": "x", "operator": NOBODY});
    let read = reading(&document("Anything", &[("Anything", &["what:string", "operator:address"])], message));
    assert_eq!(notes(&read), [SignalId::UnknownTypedData]);
    assert!(matches!(effects(&read).as_slice(), [Effect::Allow { amount: U256::MAX, .. }]));
}

//! What is sent: forty and more transactions over contracts of `shared/evm/fixtures`.

use scorpius_evm::{Address, Axis, Transaction, U256};

use super::node::{Node, calldata};

/// One transaction.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) value: U256,
    pub(super) data: Vec<u8>,
    /// Whose balances are compared besides those that are foretold to change.
    pub(super) bystanders: Vec<Address>,
    /// What it looks at, if it is one of the traps.
    pub(super) trap: Option<Axis>,
    /// Whether it behaves otherwise in other surroundings, without being one of the traps.
    pub(super) is_two_faced: bool,
}

const TRAPS: [(&str, &str, Axis); 14] = [
    ("trap: NumberTrap", "NumberTrap", Axis::Number),
    ("trap: TimestampTrap", "TimestampTrap", Axis::Timestamp),
    ("trap: CoinbaseTrap", "CoinbaseTrap", Axis::Coinbase),
    ("trap: PrevrandaoTrap", "PrevrandaoTrap", Axis::Prevrandao),
    ("trap: BaseFeeTrap", "BaseFeeTrap", Axis::BaseFee),
    ("trap: GasPriceTrap", "GasPriceTrap", Axis::GasPrice),
    ("trap: GasLimitTrap", "GasLimitTrap", Axis::GasLimit),
    ("trap: BlockGasLimitTrap", "BlockGasLimitTrap", Axis::BlockGasLimit),
    ("trap: BlobBaseFeeTrap", "BlobBaseFeeTrap", Axis::BlobBaseFee),
    ("trap: ChainIdTrap", "ChainIdTrap", Axis::ChainId),
    ("trap: BlockHashTrap", "BlockHashTrap", Axis::BlockHash),
    ("trap: CallerBalanceTrap", "CallerBalanceTrap", Axis::CallerBalance),
    ("trap: CallerCodeTrap", "CallerCodeTrap", Axis::CallerCode),
    ("trap: OriginTrap", "OriginTrap", Axis::Origin),
];

fn ether(number: u64) -> U256 {
    U256::from(number) * U256::from(1_000_000_000_000_000_000_u64)
}

fn word(address: Address) -> U256 {
    U256::from_be_bytes(address.into_word().0)
}

/// A contract with coin in it. What has no constructor of its own takes none while it is made.
async fn funded(node: &Node, from: Address, name: &str) -> Address {
    let to = node.deploy(from, name, &[], U256::ZERO).await;
    let payment = Transaction {
        from,
        to,
        value: ether(20),
        data: Vec::new().into(),
        gas_limit: Some(100_000),
        gas_price: Some(U256::from(super::GAS_PRICE)),
    };
    assert_eq!(node.send(&payment).await["status"], "0x1", "{name} takes coin");
    to
}

/// Deploys what is needed, and says what to send, in an order that can be kept.
pub(super) async fn all(node: &Node) -> Vec<Scenario> {
    let [maker, user, friend, thief, ..] = node.accounts[..] else { panic!("four accounts") };
    let none = U256::ZERO;
    let n = U256::from::<u64>;
    let token = node.deploy(maker, "Token", &[], none).await;
    let tax = node.deploy(maker, "TaxToken", &[], none).await;
    let lying = node.deploy(maker, "LyingToken", &[], none).await;
    let sneaky = node.deploy(maker, "SneakyToken", &[], none).await;
    let gas = node.deploy(maker, "GasToken", &[], none).await;
    let closed = node.deploy(maker, "ClosedToken", &[], none).await;
    let wrapped = node.deploy(maker, "Wrapped", &[], none).await;
    let collection = node.deploy(maker, "Collection", &[], none).await;
    let editions = node.deploy(maker, "Editions", &[], none).await;
    let keeper = node.deploy(maker, "Keeper", &[], none).await;
    let burner = node.deploy(maker, "Burner", &[], none).await;
    let drainer = node.deploy(thief, "Drainer", &[], none).await;
    let shop = node.deploy(maker, "Shop", &[word(token)], ether(20)).await;
    let logic = node.deploy(maker, "Token", &[], none).await;
    let proxy = node.deploy(maker, "Proxy", &[word(logic)], none).await;
    let honest = funded(node, maker, "Honest").await;
    let curious = funded(node, maker, "Curious").await;

    let setup = |to: Address, signature: &str, words: &[U256], from: Address| Transaction {
        from,
        to,
        value: U256::ZERO,
        data: calldata(signature, words).into(),
        gas_limit: Some(500_000),
        gas_price: Some(U256::from(super::GAS_PRICE)),
    };
    let mut made = Vec::new();
    for held in [token, tax, lying, sneaky, gas, closed, proxy] {
        made.push(setup(held, "mint(address,uint256)", &[word(user), n(1_000_000)], maker));
    }
    made.push(setup(token, "mint(address,uint256)", &[word(shop), ether(1_000)], maker));
    made.push(setup(token, "approve(address,uint256)", &[word(drainer), U256::MAX], friend));
    made.push(setup(token, "approve(address,uint256)", &[word(drainer), U256::MAX], user));
    made.push(setup(token, "mint(address,uint256)", &[word(friend), n(777)], maker));
    made.push(setup(collection, "mint(address,uint256)", &[word(user), n(5)], maker));
    made.push(setup(collection, "mint(address,uint256)", &[word(user), n(6)], maker));
    made.push(setup(editions, "mint(address,uint256,uint256)", &[word(user), n(1), n(10)], maker));
    made.push(setup(editions, "mint(address,uint256,uint256)", &[word(user), n(2), n(20)], maker));
    made.push(setup(closed, "close()", &[], maker));
    for transaction in &made {
        let receipt = node.send(transaction).await;
        assert_eq!(receipt["status"], "0x1");
    }

    let mut all = Vec::new();
    let mut add = |name, from, to, value, signature: &str, words: &[U256]| {
        let data = if signature.is_empty() { Vec::new() } else { calldata(signature, words) };
        let bystanders = vec![maker, friend, thief];
        all.push(Scenario {
            name,
            from,
            to,
            value,
            data,
            bystanders,
            trap: None,
            is_two_faced: name.contains("only for free"),
        });
    };
    add("a payment", user, friend, ether(3), "", &[]);
    add("a payment to oneself", user, user, ether(1), "", &[]);
    add("a payment to nobody before", user, Address::repeat_byte(0x91), n(12_345), "", &[]);
    add("a payment to a contract that takes none", user, token, n(1), "", &[]);
    add("a transfer of tokens", user, token, none, "transfer(address,uint256)", &[word(friend), n(400)]);
    add(
        "a transfer of more than there is",
        user,
        token,
        none,
        "transfer(address,uint256)",
        &[word(friend), ether(1)],
    );
    add("a transfer of nothing", user, token, none, "transfer(address,uint256)", &[word(friend), none]);
    add("a transfer with a tax", user, tax, none, "transfer(address,uint256)", &[word(friend), n(1_000)]);
    add("a transfer that is none", user, lying, none, "transfer(address,uint256)", &[word(friend), n(1_000)]);
    add(
        "a transfer that gives a right",
        user,
        sneaky,
        none,
        "transfer(address,uint256)",
        &[word(friend), n(10)],
    );
    add(
        "a transfer that works only for free",
        user,
        gas,
        none,
        "transfer(address,uint256)",
        &[word(friend), n(10)],
    );
    add("a transfer that is closed", user, closed, none, "transfer(address,uint256)", &[word(friend), n(10)]);
    add(
        "a transfer behind a proxy that has no tokens",
        friend,
        proxy,
        none,
        "transfer(address,uint256)",
        &[word(user), n(10)],
    );
    add("a transfer behind a proxy", user, proxy, none, "transfer(address,uint256)", &[word(friend), n(10)]);
    add("an approval", user, token, none, "approve(address,uint256)", &[word(shop), n(500)]);
    add(
        "an approval of everything",
        user,
        token,
        none,
        "approve(address,uint256)",
        &[word(drainer), U256::MAX],
    );
    add("a purchase", user, shop, n(5_000), "buy(address)", &[word(user)]);
    add("a purchase for somebody else", user, shop, n(6_000), "buy(address)", &[word(thief)]);
    add("a sale", user, shop, none, "sell(uint256,address)", &[n(300), word(user)]);
    add("a sale for somebody else", user, shop, none, "sell(uint256,address)", &[n(100), word(thief)]);
    add(
        "a sale of more than was approved",
        user,
        shop,
        none,
        "sell(uint256,address)",
        &[n(9_000), word(user)],
    );
    add(
        "a lure that takes tokens and coin",
        user,
        drainer,
        ether(1),
        "securityUpdate(address)",
        &[word(token)],
    );
    add("a lure that takes tokens", friend, drainer, none, "securityUpdate(address)", &[word(token)]);
    add("a lure that finds no right", user, drainer, none, "securityUpdate(address)", &[word(tax)]);
    add(
        "an approval that is taken back",
        user,
        token,
        none,
        "approve(address,uint256)",
        &[word(drainer), none],
    );
    add("coin that becomes a token", user, wrapped, ether(2), "deposit()", &[]);
    add("a token that becomes coin", user, wrapped, none, "withdraw(uint256)", &[ether(1)]);
    add(
        "a collectible",
        user,
        collection,
        none,
        "transferFrom(address,address,uint256)",
        &[word(user), word(friend), n(5)],
    );
    add(
        "a right over a collectible",
        user,
        collection,
        none,
        "approve(address,uint256)",
        &[word(thief), n(6)],
    );
    add(
        "a right over a collection",
        user,
        collection,
        none,
        "setApprovalForAll(address,bool)",
        &[word(thief), U256::ONE],
    );
    add(
        "a collectible that is taken",
        thief,
        collection,
        none,
        "transferFrom(address,address,uint256)",
        &[word(user), word(thief), n(6)],
    );
    let batch = [word(user), word(friend), n(160), n(256), n(352), n(2), n(1), n(2), n(2), n(4), n(8), none];
    add(
        "editions",
        user,
        editions,
        none,
        "safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)",
        &batch,
    );
    add(
        "a right that a keeper keeps",
        user,
        keeper,
        none,
        "approve(address,address,uint160,uint48)",
        &[word(token), word(thief), n(9), n(4_000_000_000)],
    );
    add(
        "a right that a keeper ends",
        user,
        keeper,
        none,
        "lockdown(address,address)",
        &[word(token), word(thief)],
    );
    add("another owner", maker, token, none, "transferOwnership(address)", &[word(thief)]);
    add("another code", maker, proxy, none, "upgradeTo(address)", &[word(token)]);
    add("a failure with a reason", user, burner, none, "fail(uint256)", &[none]);
    add("a failed assertion", user, burner, none, "fail(uint256)", &[U256::ONE]);
    add("more gas than there is", user, burner, none, "burn(uint256)", &[n(1_000)]);
    add("storage that is written", user, burner, none, "burn(uint256)", &[n(5)]);
    add("calls in calls", user, burner, none, "deeper(uint256)", &[n(20)]);
    add("a contract that is gone at once", user, burner, ether(1), "flash()", &[]);
    add("an honest claim", user, honest, ether(1), "claim()", &[]);
    add("a curious claim", user, curious, ether(1), "claim()", &[]);
    for (name, contract, axis) in TRAPS {
        let trap = funded(node, thief, contract).await;
        let data = calldata("claim()", &[]);
        let bystanders = vec![thief];
        all.push(Scenario {
            name,
            from: user,
            to: trap,
            value: ether(1),
            data,
            bystanders,
            trap: Some(axis),
            is_two_faced: false,
        });
    }
    all
}

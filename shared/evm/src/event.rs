//! What contracts tell: logs in the forms of ERC-20, ERC-721, ERC-1155, WETH, Permit2 and of control over contracts.

use std::collections::HashMap;
use std::sync::LazyLock;

use alloy_primitives::{Address, B256, U256, keccak256};
use serde::Serialize;

use crate::words::amount;

/// Tokens in one batch of ERC-1155 that are read.
const BATCH_MAX: usize = 64;

/// Something that an account can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Asset {
    /// The chain's own coin.
    Coin,
    /// A token, or all of a collection.
    Token {
        /// Its contract.
        token: Address,
    },
    /// One of a kind, or of an edition (ERC-721, ERC-1155).
    Item {
        /// Its contract.
        token: Address,
        /// Which.
        #[serde(with = "amount")]
        id: U256,
    },
}

impl Asset {
    /// Its contract; the coin has none.
    #[must_use]
    pub fn contract(&self) -> Option<Address> {
        match *self {
            Self::Coin => None,
            Self::Token { token } | Self::Item { token, .. } => Some(token),
        }
    }
}

/// What control over a contract changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// ERC-173.
    Owner,
    /// ERC-1967: other code.
    Implementation,
    /// ERC-1967: who may change the code.
    Admin,
    /// Safe: another owner.
    SafeOwner,
    /// Safe: a module, which acts without owners.
    SafeModule,
}

/// One log, as far as its form is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Something went from one account to another; from zero it is made, to zero it is destroyed.
    Transfer {
        /// What.
        asset: Asset,
        /// From whom.
        from: Address,
        /// To whom.
        to: Address,
        /// How much, in its smallest unit.
        #[serde(with = "amount")]
        amount: U256,
    },
    /// The coin became a token, or a token the coin again (WETH9). Vaults tell the same of what is no token.
    Wrap {
        /// The token.
        token: Address,
        /// Whose.
        account: Address,
        /// Whether it became the coin again.
        unwrapped: bool,
        /// Wei.
        #[serde(with = "amount")]
        amount: U256,
    },
    /// A right over something.
    Approval {
        /// Over what; over all of a collection it is `Asset::Token`.
        asset: Asset,
        /// Whose.
        owner: Address,
        /// Whom it is given.
        spender: Address,
        /// How much; 0 takes it back.
        #[serde(with = "amount")]
        amount: U256,
        /// The contract that keeps it for others' tokens (Permit2).
        #[serde(skip_serializing_if = "Option::is_none")]
        through: Option<Address>,
        /// When it ends, in seconds since 1970.
        #[serde(skip_serializing_if = "Option::is_none")]
        expires: Option<u64>,
    },
    /// Somebody else controls a contract.
    Control {
        /// Which contract.
        contract: Address,
        /// What of it.
        what: Control,
        /// Who or what it is afterwards.
        to: Address,
    },
    /// Another log.
    Other {
        /// Whose.
        contract: Address,
        /// Its first topic.
        #[serde(skip_serializing_if = "Option::is_none")]
        topic: Option<B256>,
        /// Of its data and its other topics.
        hash: B256,
    },
}

#[derive(Clone, Copy)]
enum Form {
    Transfer,
    Approval,
    ApprovalForAll,
    TransferSingle,
    TransferBatch,
    Deposit,
    Withdrawal,
    Permit2Approval,
    Permit2Permit,
    Permit2Lockdown,
    OwnershipTransferred,
    Upgraded,
    AdminChanged,
    AddedOwner,
    EnabledModule,
}

static FORMS: LazyLock<HashMap<B256, Form>> = LazyLock::new(|| {
    [
        ("Transfer(address,address,uint256)", Form::Transfer),
        ("Approval(address,address,uint256)", Form::Approval),
        ("ApprovalForAll(address,address,bool)", Form::ApprovalForAll),
        ("TransferSingle(address,address,address,uint256,uint256)", Form::TransferSingle),
        ("TransferBatch(address,address,address,uint256[],uint256[])", Form::TransferBatch),
        ("Deposit(address,uint256)", Form::Deposit),
        ("Withdrawal(address,uint256)", Form::Withdrawal),
        ("Approval(address,address,address,uint160,uint48)", Form::Permit2Approval),
        ("Permit(address,address,address,uint160,uint48,uint48)", Form::Permit2Permit),
        ("Lockdown(address,address,address)", Form::Permit2Lockdown),
        ("OwnershipTransferred(address,address)", Form::OwnershipTransferred),
        ("Upgraded(address)", Form::Upgraded),
        ("AdminChanged(address,address)", Form::AdminChanged),
        ("AddedOwner(address)", Form::AddedOwner),
        ("EnabledModule(address)", Form::EnabledModule),
    ]
    .map(|(signature, form)| (keccak256(signature), form))
    .into()
});

/// Reads one log; a batch is several events.
pub fn read(contract: Address, topics: &[B256], data: &[u8]) -> Vec<Event> {
    let form = topics.first().and_then(|topic| FORMS.get(topic));
    let words = Words { topics: topics.get(1..).unwrap_or_default(), data };
    form.and_then(|form| words.read(*form, contract)).unwrap_or_else(|| vec![other(contract, topics, data)])
}

fn other(contract: Address, topics: &[B256], data: &[u8]) -> Event {
    let rest: Vec<u8> = topics.iter().skip(1).flat_map(|topic| topic.0).chain(data.iter().copied()).collect();
    Event::Other { contract, topic: topics.first().copied(), hash: keccak256(rest) }
}

/// Indexed arguments, and the others.
struct Words<'a> {
    topics: &'a [B256],
    data: &'a [u8],
}

impl Words<'_> {
    fn read(&self, form: Form, contract: Address) -> Option<Vec<Event>> {
        let token = Asset::Token { token: contract };
        let control = |what, to| Event::Control { contract, what, to };
        let permit2 = |amount, expires| {
            let asset = Asset::Token { token: self.address(1)? };
            let (owner, spender) = (self.address(0)?, self.address(2)?);
            Some(Event::Approval { asset, owner, spender, amount, through: Some(contract), expires })
        };
        let event = match (form, self.topics.len()) {
            (Form::Transfer, 2) => {
                let (from, to, amount) = (self.address(0)?, self.address(1)?, self.word(0)?);
                Event::Transfer { asset: token, from, to, amount }
            }
            (Form::Transfer, 3) => {
                let asset = Asset::Item { token: contract, id: self.topic(2)? };
                let (from, to) = (self.address(0)?, self.address(1)?);
                Event::Transfer { asset, from, to, amount: U256::ONE }
            }
            (Form::Approval, 2) => {
                let (owner, spender, amount) = (self.address(0)?, self.address(1)?, self.word(0)?);
                Event::Approval { asset: token, owner, spender, amount, through: None, expires: None }
            }
            (Form::Approval, 3) => {
                let asset = Asset::Item { token: contract, id: self.topic(2)? };
                let (owner, spender) = (self.address(0)?, self.address(1)?);
                let amount = U256::from(u8::from(spender != Address::ZERO));
                Event::Approval { asset, owner, spender, amount, through: None, expires: None }
            }
            (Form::ApprovalForAll, 2) => {
                let (owner, spender) = (self.address(0)?, self.address(1)?);
                let amount = if self.word(0)?.is_zero() { U256::ZERO } else { U256::MAX };
                Event::Approval { asset: token, owner, spender, amount, through: None, expires: None }
            }
            (Form::TransferSingle, 3) => {
                let asset = Asset::Item { token: contract, id: self.word(0)? };
                let (from, to, amount) = (self.address(1)?, self.address(2)?, self.word(1)?);
                Event::Transfer { asset, from, to, amount }
            }
            (Form::TransferBatch, 3) => return self.batch(contract),
            (Form::Deposit, 1) => {
                let (account, amount) = (self.address(0)?, self.word(0)?);
                Event::Wrap { token: contract, account, unwrapped: false, amount }
            }
            (Form::Withdrawal, 1) => {
                let (account, amount) = (self.address(0)?, self.word(0)?);
                Event::Wrap { token: contract, account, unwrapped: true, amount }
            }
            (Form::Permit2Approval | Form::Permit2Permit, 3) => {
                permit2(self.word(0)?, Some(self.word(1)?.saturating_to()))?
            }
            (Form::Permit2Lockdown, 1) => {
                let asset = Asset::Token { token: self.address_in_data(0)? };
                let (owner, spender) = (self.address(0)?, self.address_in_data(1)?);
                let amount = U256::ZERO;
                Event::Approval { asset, owner, spender, amount, through: Some(contract), expires: None }
            }
            (Form::OwnershipTransferred, 2) => control(Control::Owner, self.address(1)?),
            (Form::OwnershipTransferred, 0) => control(Control::Owner, self.address_in_data(1)?),
            (Form::Upgraded, 1) => control(Control::Implementation, self.address(0)?),
            (Form::AdminChanged, 0) => control(Control::Admin, self.address_in_data(1)?),
            (Form::AddedOwner, 1) => control(Control::SafeOwner, self.address(0)?),
            (Form::AddedOwner, 0) => control(Control::SafeOwner, self.address_in_data(0)?),
            (Form::EnabledModule, 1) => control(Control::SafeModule, self.address(0)?),
            (Form::EnabledModule, 0) => control(Control::SafeModule, self.address_in_data(0)?),
            _ => return None,
        };
        Some(vec![event])
    }

    fn batch(&self, contract: Address) -> Option<Vec<Event>> {
        let (from, to) = (self.address(1)?, self.address(2)?);
        let (ids, amounts) = (self.array(0)?, self.array(1)?);
        if ids.len() != amounts.len() {
            return None;
        }
        let transfer =
            |(id, amount)| Event::Transfer { asset: Asset::Item { token: contract, id }, from, to, amount };
        Some(ids.into_iter().zip(amounts).map(transfer).collect())
    }

    /// The array whose place is in word `index`.
    fn array(&self, index: usize) -> Option<Vec<U256>> {
        let at = usize::try_from(self.word(index)?).ok()?;
        if !at.is_multiple_of(32) {
            return None;
        }
        let length = usize::try_from(self.word(at / 32)?).ok().filter(|length| *length <= BATCH_MAX)?;
        (0..length).map(|place| self.word(at / 32 + 1 + place)).collect()
    }

    fn topic(&self, index: usize) -> Option<U256> {
        self.topics.get(index).map(|topic| U256::from_be_bytes(topic.0))
    }

    fn address(&self, index: usize) -> Option<Address> {
        self.topics.get(index).map(|topic| Address::from_word(*topic))
    }

    fn word(&self, index: usize) -> Option<U256> {
        let start = index.checked_mul(32)?;
        let word: [u8; 32] = self.data.get(start..start.checked_add(32)?)?.try_into().ok()?;
        Some(U256::from_be_bytes(word))
    }

    fn address_in_data(&self, index: usize) -> Option<Address> {
        self.word(index).map(|word| Address::from_word(B256::from(word)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account(byte: u8) -> Address {
        Address::repeat_byte(byte)
    }

    fn topics(signature: &str, rest: &[Address]) -> Vec<B256> {
        [keccak256(signature)].into_iter().chain(rest.iter().map(|address| address.into_word())).collect()
    }

    fn data(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| U256::from(*word).to_be_bytes::<32>()).collect()
    }

    #[test]
    fn topics_are_those_of_the_standards() {
        // From ERC-20's and WETH9's verified contracts on Ethereum.
        let transfer = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
        assert_eq!(keccak256("Transfer(address,address,uint256)").to_string(), transfer);
        assert!(FORMS.contains_key(&transfer.parse::<B256>().expect("32 bytes")));
        let deposit = "0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c";
        assert!(FORMS.contains_key(&deposit.parse::<B256>().expect("32 bytes")));
    }

    #[test]
    fn a_transfer_is_of_a_token_or_of_one_item_by_its_topics() {
        let signature = "Transfer(address,address,uint256)";
        let token = account(9);
        let fungible = read(token, &topics(signature, &[account(1), account(2)]), &data(&[7]));
        let (from, to) = (account(1), account(2));
        assert_eq!(
            fungible,
            [Event::Transfer { asset: Asset::Token { token }, from, to, amount: U256::from(7) }]
        );
        let mut with_id = topics(signature, &[from, to]);
        with_id.push(B256::from(U256::from(7)));
        let asset = Asset::Item { token, id: U256::from(7) };
        assert_eq!(read(token, &with_id, &[]), [Event::Transfer { asset, from, to, amount: U256::ONE }]);
    }

    #[test]
    fn a_batch_is_several_transfers_and_a_broken_one_none() {
        let signature = "TransferBatch(address,address,address,uint256[],uint256[])";
        let topics = topics(signature, &[account(1), account(2), account(3)]);
        let events = read(account(9), &topics, &data(&[64, 160, 2, 5, 6, 2, 50, 60]));
        let transfer = |id: u64, amount: u64| Event::Transfer {
            asset: Asset::Item { token: account(9), id: U256::from(id) },
            from: account(2),
            to: account(3),
            amount: U256::from(amount),
        };
        assert_eq!(events, [transfer(5, 50), transfer(6, 60)]);
        for broken in
            [&[64, 160, 2, 5, 6, 1, 50][..], &[64, 160, 2], &[63, 160, 0, 0, 0, 0], &[64, 96, 65, 65]]
        {
            assert!(
                matches!(read(account(9), &topics, &data(broken))[..], [Event::Other { .. }]),
                "{broken:?}"
            );
        }
    }

    #[test]
    fn what_permit2_keeps_names_the_token_and_the_keeper() {
        let signature = "Permit(address,address,address,uint160,uint48,uint48)";
        let events =
            read(account(9), &topics(signature, &[account(1), account(2), account(3)]), &data(&[5, 100, 0]));
        let asset = Asset::Token { token: account(2) };
        let (owner, spender, through) = (account(1), account(3), Some(account(9)));
        let amount = U256::from(5);
        assert_eq!(events, [Event::Approval { asset, owner, spender, amount, through, expires: Some(100) }]);
    }

    proptest! {
        #[test]
        fn arbitrary_logs_never_panic(
            form in 0_usize..15,
            topics_count in 0_usize..4,
            words in proptest::collection::vec(prop_oneof![0_u64..300, any::<u64>()], 0..12),
            cut in 0_usize..32,
        ) {
            let topic = *FORMS.keys().nth(form).expect("a form");
            let topics: Vec<_> = [topic].into_iter().chain((0..topics_count).map(|n| B256::repeat_byte(n as u8))).collect();
            let data = data(&words);
            let data = &data[..data.len().saturating_sub(cut)];
            prop_assert!(!read(Address::ZERO, &topics, data).is_empty() || words.len() > 3);
        }
    }
}

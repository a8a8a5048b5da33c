//! What counts as shown, for each kind of finding that is tried.

use scorpius_evm::U256;
use scorpius_scan::engine::{EffectKind, Finding, Goal};

use crate::agent::MARK;
use crate::stage::{ATTACKER, CONTRACT, ETHER, Scene, agent, paid_in, word};

/// How a finding is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Selfdestruct,
    Withdrawal,
    Owner,
    ForeignCode,
    StorageWrite,
    Origin,
    Reentrancy,
    UncheckedCall,
    Arithmetic,
    Chance,
}

/// Who calls the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The attacker's account.
    Attacker,
    /// The attacker's contract, set to work by the attacker.
    Agent,
    /// The attacker's contract, called by whom the contract trusts.
    LuredOwner,
}

impl Kind {
    pub(crate) fn of(finding: &Finding) -> Option<Self> {
        Some(match finding.detector.as_str() {
            "unguarded-selfdestruct" => Self::Selfdestruct,
            "unguarded-withdrawal" => Self::Withdrawal,
            "unguarded-owner-change" | "unprotected-initializer" => Self::Owner,
            "unguarded-delegatecall" | "unguarded-upgrade" => Self::ForeignCode,
            "arbitrary-storage-write" => Self::StorageWrite,
            "tx-origin-authentication" => Self::Origin,
            "reentrancy-eth" => Self::Reentrancy,
            "unchecked-call" => Self::UncheckedCall,
            "integer-overflow" | "integer-underflow" => Self::Arithmetic,
            "weak-randomness" | "timestamp-dependence" => Self::Chance,
            _ => return None,
        })
    }

    pub(crate) fn by(self) -> By {
        match self {
            Self::Reentrancy | Self::UncheckedCall | Self::Chance => By::Agent,
            Self::Origin => By::LuredOwner,
            Self::Selfdestruct
            | Self::Withdrawal
            | Self::Owner
            | Self::ForeignCode
            | Self::StorageWrite
            | Self::Arithmetic => By::Attacker,
        }
    }

    pub(crate) fn effect(self) -> EffectKind {
        match self {
            Self::Selfdestruct => EffectKind::Destroyed,
            Self::Withdrawal | Self::Reentrancy | Self::Chance => EffectKind::EtherTaken,
            Self::Owner => EffectKind::OwnerTaken,
            Self::ForeignCode => EffectKind::ForeignCodeRan,
            Self::StorageWrite => EffectKind::StorageWritten,
            Self::Origin => EffectKind::LetIn,
            Self::UncheckedCall => EffectKind::FailureSwallowed,
            Self::Arithmetic => EffectKind::Wrapped,
        }
    }

    /// What the last call is to do, the most telling first.
    pub(crate) fn goals(self, scene: &Scene) -> Vec<Goal> {
        let attacker = word(ATTACKER);
        let pay = |to, value| Goal::Call { to, value: Some(value) };
        match self {
            Self::Selfdestruct => vec![Goal::Call { to: attacker, value: None }],
            Self::Withdrawal => {
                vec![
                    pay(attacker, paid_in()),
                    pay(attacker, U256::from(ETHER)),
                    Goal::Payout { to: attacker },
                ]
            }
            Self::Owner => vec![Goal::Write { slot: None, word: attacker }, Goal::Reach],
            Self::ForeignCode => vec![Goal::Call { to: word(agent()), value: None }, Goal::Reach],
            Self::StorageWrite => {
                let trusted = scene.storage.keys().next();
                let owner = trusted.map(|&slot| Goal::Write { slot: Some(slot), word: attacker });
                owner.into_iter().chain([Goal::Write { slot: Some(MARK), word: MARK }]).collect()
            }
            Self::Origin => vec![pay(attacker, paid_in()), Goal::Payout { to: attacker }, Goal::Reach],
            Self::Reentrancy => {
                let agent = word(agent());
                vec![pay(agent, U256::from(ETHER)), Goal::Call { to: agent, value: None }]
            }
            Self::UncheckedCall => {
                let agent = word(agent());
                vec![pay(agent, U256::from(ETHER)), Goal::Call { to: agent, value: None }, Goal::Reach]
            }
            Self::Arithmetic => vec![Goal::Wrap { rest: U256::ZERO }, Goal::Wrap { rest: U256::ONE }],
            Self::Chance => vec![Goal::Payout { to: word(agent()) }, Goal::Reach],
        }
    }

    /// What arguments are that nothing decides.
    pub(crate) fn fills(self) -> Vec<U256> {
        let who = match self.by() {
            By::Attacker => ATTACKER,
            By::Agent => agent(),
            By::LuredOwner => ATTACKER,
        };
        let who = if self == Self::ForeignCode { agent() } else { who };
        let mut fills = vec![word(who), U256::ZERO, U256::from(0xc0)];
        if self == Self::Arithmetic {
            fills.extend([U256::from(2), U256::MAX, word(CONTRACT)]);
        }
        fills
    }
}

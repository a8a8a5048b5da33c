//! What a contract answers to questions that change nothing.

use std::collections::BTreeSet;

use alloy_primitives::{Address, Bytes, U256};

use crate::context::{RELAYER, Surroundings};
use crate::database::Prepared;
use crate::execute::{Executor, Raw};
use crate::probe;
use crate::state::{BadState, Need, State};
use crate::transaction::Transaction;

/// Bytes of an answer that are kept. A name of 64 characters needs 128.
pub const ANSWER_BYTES_MAX: usize = 1_024;

/// A contract's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// One for each question, in their order; `None` where it failed. Longer ones are cut.
    pub answers: Vec<Option<Bytes>>,
    /// What was asked for and not known. If there is anything, no answer can be relied on.
    pub missing: BTreeSet<Need>,
}

/// Asks `contract` each of `questions`, by a caller that nobody knows, in the next block.
///
/// # Errors
/// `BadState`.
pub fn answers(state: &State, contract: Address, questions: &[Bytes]) -> Result<Answers, BadState> {
    state.check()?;
    let prepared = Prepared::of(state);
    let nobody = Transaction {
        from: RELAYER,
        to: contract,
        value: U256::ZERO,
        data: Bytes::new(),
        gas_limit: None,
        gas_price: None,
    };
    let surroundings = Surroundings::next(state, &nobody, probe::GAS_MAX);
    let mut executor = Executor::new(&prepared, RELAYER, &surroundings);
    let answers = questions
        .iter()
        .map(|question| match executor.question(contract, question.clone()) {
            Raw::Returned(answer) => Some(answer.slice(..answer.len().min(ANSWER_BYTES_MAX))),
            Raw::Failed => None,
        })
        .collect();
    Ok(Answers { answers, missing: executor.ground.into_missing() })
}

//! From what is asked to a verdict and what is to be committed with it.

use bytes::Bytes;
use scorpius_core::{Event, UnixMillis, Write, new_id};
use scorpius_edge::Request;
use scorpius_edge::problem::{INTERNAL, Problem};
use scorpius_evm::{Address, Limits, State, U256, Unread, prefetch, second_opinion};

use super::code::{Codes, of_address, of_ground};
use super::documents::{self, TransactionRequest};
use super::{App, sha256, token};
use crate::address::Account;
use crate::engine::exposure::{Dealing, reached};
use crate::engine::ground::{Ground, NodeSaid, Teller};
use crate::engine::guard::Guard;
use crate::engine::inputs::{AccountState, Inputs, Question};
use crate::engine::verdict::Verdict;
use crate::engine::{Decided, Moved, decide_hashed};
use crate::events::Scored;
use crate::intel::Indicator;
use crate::likelihood::{Class, Priors};
use crate::verdicts::Kept;

/// How long a chain is read for one transaction. The request that is on its way then is waited for.
pub const READING_MS_MAX: u64 = 1_500;
/// Parties whose state is read besides what the transaction touches.
const PARTIES_READ_MAX: usize = 64;

/// What a request asks, and what it tells.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is to be judged.
    pub question: Question,
    /// Accounts that the asker has dealt with.
    pub history: Vec<Account>,
    /// What the asker tells of who dealt with whom, around an address.
    pub dealings: Vec<Dealing>,
    /// What the asker knows of accounts.
    pub accounts: Vec<AccountState>,
    /// What is told of the chain, and how a transaction is to be run.
    pub run: Run,
    /// What the guard of the wallet adds whose transaction it is.
    pub guard: Option<Guard>,
    /// How much of its traffic the tenant says is harmful, where that was read already.
    pub priors: Option<Priors>,
}

/// What is told of the chain, and how a transaction is to be run.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// A token's or an address's deployed code that the asker tells.
    pub code: Option<Bytes>,
    /// Whether a node is asked for the code of an address.
    pub is_code_read: bool,
    /// State that the asker tells.
    pub state: Option<State>,
    /// Gas that it may use.
    pub gas_limit: Option<u64>,
    /// Wei per gas that it would pay.
    pub gas_price: Option<U256>,
    /// Whether no node is asked: the transaction is in a block, and the state is that of after it.
    pub is_past: bool,
}

impl Asked {
    /// A transaction as its door reads it.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn transaction(asked: TransactionRequest) -> Result<Self, Problem> {
        documents::transaction_asked(asked)
    }

    /// Nothing but a question.
    #[must_use]
    pub fn alone(question: Question) -> Self {
        Self {
            question,
            history: Vec::new(),
            dealings: Vec::new(),
            accounts: Vec::new(),
            run: Run::default(),
            guard: None,
            priors: None,
        }
    }
}

/// A verdict, and what is to be committed with it.
pub struct Judged {
    /// RFC 8785 bytes of the verdict.
    pub answer: Vec<u8>,
    /// The verdict's record, and the event that tells of it.
    pub writes: Vec<Write>,
    /// The verdict.
    pub verdict: Verdict,
    /// What its transaction would move from a guarded wallet.
    pub moved: Moved,
}

/// Judges what is `asked`. No chain is read for longer than one transaction may take, nor after `until`.
///
/// # Errors
/// When lists or blobs do not answer, and 401 for an anonymous caller.
pub async fn judge(app: &App, request: &Request, asked: Asked, until: UnixMillis) -> Result<Judged, Problem> {
    let (tenant, actor) = (request.tenant()?, request.actor()?);
    let Asked { question, history, dealings, accounts, mut run, guard, priors } = asked;
    let id = new_id("vrd", &*app.clock);
    let until = until.min(app.clock.now().plus_ms(READING_MS_MAX));
    let priors = match priors {
        Some(priors) => priors,
        // What has no curve needs no prior, which saves a read.
        None if Class::of(&question, &question.read()).is_none() => Priors::default(),
        None => Priors::of_tenant(&*app.verdicts.store, tenant).await?,
    };
    let code = run.code.take();
    let asked = of_address(app, &question, code.clone(), run.is_code_read, until).await?;
    let token = token::look(app, &question, code, until).await?;
    let ground = ground(app, &question, run, until).await;
    let mut at_hand = of_ground(&question, ground.as_ref());
    at_hand.extend(token.iter().flat_map(|(_, _, codes)| codes.clone()));
    at_hand.extend(asked.codes);
    let codes = Codes::look(app, at_hand).await?;
    let mut indicators = question.indicators();
    indicators.extend(codes.indicators());
    indicators.extend(reached(&question, &dealings).into_iter().map(Indicator::Evm));
    let answers = app.intel.ask(&indicators).await?;
    let inputs = Inputs::gather(question, &history, &app.lists, id, request.received_at)
        .dealt(&dealings, &app.lists)
        .listed(&answers)
        .told(&accounts)
        .over(ground)
        .coded(codes.told(&answers))
        .guarded(guard)
        .likely(&priors);
    let inputs = match token {
        Some((token, block, _)) => inputs.seen(token, block, &app.lists),
        None => inputs,
    };
    let inputs = Inputs { block: asked.block.or(inputs.block.clone()), code_unread: asked.unread, ..inputs };
    let bytes = inputs.canonical();
    let Decided { verdict, moved } = decide_hashed(&inputs, sha256(&bytes), inputs.rules());
    let answer = verdict.canonical();

    let event = Event::of(&scored(&verdict, &answer), &verdict.id, 1, tenant, &actor, &*app.clock);
    let kept = Kept {
        verdict: String::from_utf8(answer.clone()).map_err(|error| INTERNAL.because(error))?,
        inputs: Bytes::from(bytes),
        event_id: event.id.clone(),
    };
    let put = app.verdicts.keep(tenant, &verdict.id, &kept).await?;
    Ok(Judged { answer, writes: vec![put, Write::emit(event)], verdict, moved })
}

/// What a transaction is simulated over: what was told, else what a node says. `None` without either.
async fn ground(app: &App, question: &Question, run: Run, until: UnixMillis) -> Option<Ground> {
    let Run { state, gas_limit, gas_price, is_past, .. } = run;
    let told = |told_by, state, unread| Ground { told_by, state, unread, node: None, gas_limit, gas_price };
    if let Some(state) = state {
        return Some(told(Teller::Asker, Some(state), None));
    }
    if is_past {
        return None;
    }
    let (chain, chain_id) = (app.chain.as_ref()?, question.chain()?.number());
    let transaction = told(Teller::Chain, None, None).transaction(question)?;
    let parties = question.parties(&question.read());
    let parties =
        parties.iter().map(|party| Address::from(*party.account.bytes())).take(PARTIES_READ_MAX).collect();
    let late = || app.clock.now() >= until;
    let read = prefetch(&**chain, chain_id, &transaction, &parties, &Limits::standard(), &late).await;
    // A chain that nobody configured is not one that could not be read.
    if read.unread == Some(Unread::NoEndpoint) {
        return None;
    }
    let node = match &read.state {
        Some(state) if read.unread.is_none() && !late() => {
            second_opinion(&**chain, state, &transaction).await
        }
        _ => None,
    };
    let node = node.as_ref().map(NodeSaid::of);
    Some(Ground { node, ..told(Teller::Chain, read.state, read.unread) })
}

fn scored(verdict: &Verdict, canonical: &[u8]) -> Scored {
    Scored {
        verdict_id: verdict.id.clone(),
        subject_kind: verdict.subject.kind().to_owned(),
        level: verdict.level,
        score: verdict.score,
        verdict_sha256: sha256(canonical),
        inputs_sha256: verdict.inputs_sha256.clone(),
        rules_sha256: verdict.rules_sha256.clone(),
        engine: verdict.engine.clone(),
    }
}

//! What is at an address, as code: like code that a list reports, and what a model makes of it.

use alloy_primitives::Bytes as Code;
use bytes::Bytes;
use scorpius_core::UnixMillis;
use scorpius_edge::problem::{INTERNAL, Problem};
use scorpius_evm::{Unread, prefetch_view};

use super::App;
use crate::address::Account;
use crate::code::{Looked, Part, look};
use crate::engine::ground::{Ground, Teller, account, address};
use crate::engine::inputs::Question;
use crate::engine::rules::RuleSet;
use crate::engine::verdict::Block;
use crate::intel::{Answers, Indicator};
use crate::lists::ListKind;
use crate::model::Class;
use crate::token::{Read, ScanSeen, questions, runs, scan, seen, slots};

/// Accounts of one question whose code is looked at.
const CODES_MAX: usize = 64;

/// Code that is at hand.
#[derive(Clone, Debug)]
pub(super) struct AtHand {
    pub(super) account: Account,
    pub(super) told_by: Teller,
    pub(super) code: Code,
    /// What the scanner found in it, where it was asked.
    pub(super) scan: Option<ScanSeen>,
}

impl AtHand {
    /// A proxy's `own` code, where it is one, and the `code` that runs, with what was found in that. Whatever a contract says
    /// that it is a proxy for, its own code is looked at.
    pub(super) fn both(
        account: Account,
        told_by: Teller,
        own: Option<Code>,
        code: Option<Code>,
        scan: Option<ScanSeen>,
    ) -> Vec<Self> {
        let of = |code, scan| Self { account, told_by, code, scan };
        own.map(|code| of(code, None)).into_iter().chain(code.map(|code| of(code, scan))).collect()
    }
}

/// Code that was looked at, each with the prints that lists are asked about.
#[derive(Default)]
pub(super) struct Codes(Vec<(Looked, Vec<Part>)>);

/// What is at an address, as far as it was told or read.
#[derive(Default)]
pub(super) struct OfAddress {
    /// Its own code and what it is a proxy for.
    pub(super) codes: Vec<AtHand>,
    /// The block at which it was read.
    pub(super) block: Option<Block>,
    /// Why it was not read, or not to the end, where the asker wanted it.
    pub(super) unread: Option<Unread>,
}

/// The code of an address and of what it is a proxy for, where the asker tells it or wants it read.
pub(super) async fn of_address(
    app: &App,
    question: &Question,
    told: Option<Bytes>,
    is_read: bool,
    until: UnixMillis,
) -> Result<OfAddress, Problem> {
    let Question::Address { chain, address: asked } = question else { return Ok(OfAddress::default()) };
    let (told_by, own, code, block, unread) = match (told, &app.chain) {
        (Some(code), _) => (Teller::Asker, None, Some(Code::from(code)), None, None),
        (None, Some(node)) if is_read => {
            let late = || app.clock.now() >= until;
            let read =
                prefetch_view(&**node, chain.number(), address(asked), &questions(), &slots(), &late).await;
            // A chain that nobody configured is not one that fails.
            if let Some(unread) = read.unread.filter(|unread| *unread != Unread::NoEndpoint) {
                tracing::warn!(chain = %chain, unread = ?unread, "the code of an address could not be read");
            }
            let (block, unread) = (read.state.as_ref(), read.unread);
            let block = block.map(|state| &state.block);
            let block = block.map(|block| Block { number: block.number, hash: block.hash.to_string() });
            let Read { code, own, .. } = seen(*asked, Teller::Chain, read.state.as_ref(), unread);
            (Teller::Chain, own, code, block, unread)
        }
        (None, None) if is_read => {
            return Ok(OfAddress { unread: Some(Unread::NoEndpoint), ..OfAddress::default() });
        }
        (None, _) => return Ok(OfAddress::default()),
    };
    let code = code.filter(|code| !code.is_empty());
    let scan = match (&code, RuleSet::extended().model(Class::Contract)) {
        (Some(code), Some(_)) => Some(scanned(code.clone()).await?),
        _ => None,
    };
    let codes = AtHand::both(*asked, told_by, own, code, scan);
    let block = block.filter(|_| !codes.is_empty());
    Ok(OfAddress { codes, block, unread })
}

/// It computes, for up to a second.
pub(super) async fn scanned(code: Code) -> Result<ScanSeen, Problem> {
    tokio::task::spawn_blocking(move || scan(&code)).await.map_err(|error| INTERNAL.because(error))
}

/// The code of everybody in a transaction whose state was told or read, and of what they are proxies for.
pub(super) fn of_ground(question: &Question, ground: Option<&Ground>) -> Vec<AtHand> {
    let Some((ground, state)) = ground.and_then(|ground| Some((ground, ground.state.as_ref()?))) else {
        return Vec::new();
    };
    let parties = question.accounts();
    let known = state
        .accounts
        .iter()
        .filter(|(at, known)| !known.code.is_empty() && parties.binary_search(&account(**at)).is_ok());
    let at_hand = known.take(CODES_MAX).flat_map(|(at, known)| {
        let (proxy, code) = runs(state, *at);
        let own = proxy.map(|_| known.code.clone());
        AtHand::both(account(*at), ground.told_by, own, code, None)
    });
    at_hand.collect()
}

impl Codes {
    /// Looks at what is `at_hand`, if a list of code or a model asks for it.
    pub(super) async fn look(app: &App, at_hand: Vec<AtHand>) -> Result<Self, Problem> {
        if at_hand.is_empty() {
            return Ok(Self::default());
        }
        let snapshot = app.intel.current().await?;
        let lists = snapshot.as_ref().map(|snapshot| snapshot.lists()).unwrap_or_default();
        let has_list = lists.iter().any(|list| list.kind == ListKind::BadCode);
        let has_model = RuleSet::extended().model(Class::Contract).is_some();
        let wanted: Vec<_> =
            at_hand.into_iter().filter(|code| has_list || has_model && code.scan.is_some()).collect();
        if wanted.is_empty() {
            return Ok(Self::default());
        }
        let looked = tokio::task::spawn_blocking(move || {
            let look = |code: &AtHand| {
                look(code.account, code.told_by, &code.code, code.scan.as_ref().filter(|_| has_model))
            };
            wanted.iter().map(look).collect()
        });
        Ok(Self(looked.await.map_err(|error| INTERNAL.because(error))?))
    }

    /// What lists are asked about.
    pub(super) fn indicators(&self) -> impl Iterator<Item = Indicator> {
        self.0.iter().flat_map(|(_, parts)| parts.iter().map(|(_, indicator)| indicator.clone()))
    }

    /// As far as it tells something: a list has it, or a model was asked.
    pub(super) fn told(self, answers: &Answers) -> Vec<Looked> {
        let listed = self.0.into_iter().map(|(looked, parts)| looked.listed(&parts, answers));
        listed.filter(|looked| !looked.listed.is_empty() || !looked.features.is_empty()).collect()
    }
}

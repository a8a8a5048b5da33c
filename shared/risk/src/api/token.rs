//! `POST /v1/risk/token`: reading a token, and scanning the code that it runs.

use alloy_primitives::Bytes as Code;
use bytes::Bytes;
use scorpius_core::UnixMillis;
use scorpius_edge::problem::Problem;
use scorpius_evm::{Unread, prefetch_view};

use super::App;
use super::code::{AtHand, scanned};
use crate::engine::ground::{Teller, address};
use crate::engine::inputs::Question;
use crate::engine::verdict::Block;
use crate::token::{CodeSeen, Read, TokenSeen, questions, seen, slots};

/// What is seen of the token that `question` is about, and where: of the code that was `told`, else of what a node says.
/// `None` when the question is about something else, and when neither is there. With the code that was
/// scanned, and a proxy's own.
pub(super) async fn look(
    app: &App,
    question: &Question,
    told: Option<Bytes>,
    until: UnixMillis,
) -> Result<Option<(TokenSeen, Option<Block>, Vec<AtHand>)>, Problem> {
    let Question::Token { chain, address: token } = question else { return Ok(None) };
    let (read, block) = match (told, &app.chain) {
        (Some(code), _) => (of_code(Code::from(code)), None),
        (None, None) => return Ok(None),
        (None, Some(node)) => {
            let late = || app.clock.now() >= until;
            let (at, questions) = (address(token), questions());
            let read = prefetch_view(&**node, chain.number(), at, &questions, &slots(), &late).await;
            // A chain that nobody configured is not one that could not be read.
            if read.unread == Some(Unread::NoEndpoint) {
                return Ok(None);
            }
            let block = read.state.as_ref().map(|state| &state.block);
            let block = block.map(|block| Block { number: block.number, hash: block.hash.to_string() });
            (seen(*token, Teller::Chain, read.state.as_ref(), read.unread), block)
        }
    };
    let Read { mut seen, code, own } = read;
    if let Some(code) = &code {
        seen.scan = Some(scanned(code.clone()).await?);
    }
    let scan = seen.scan.clone();
    let at_hand = AtHand::both(*token, seen.told_by, own, code, scan);
    Ok(Some((seen, block, at_hand)))
}

/// Of code alone nothing is known that a chain keeps.
fn of_code(code: Code) -> Read {
    let seen = TokenSeen {
        told_by: Teller::Asker,
        unread: None,
        code: Some(CodeSeen::of(&code)),
        proxy: None,
        answers: None,
        scan: None,
    };
    Read { seen, code: (!code.is_empty()).then_some(code), own: None }
}

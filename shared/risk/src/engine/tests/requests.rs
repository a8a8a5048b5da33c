//! What honest applications ask for, and what thieves ask for in the same forms.

use super::*;
use crate::engine::inputs::{AccountState, Code};
use crate::request;

struct Case {
    id: String,
    question: Question,
}

fn benign() -> Vec<Case> {
    include_str!("../../../benign/requests.jsonl")
        .lines()
        .map(|line| {
            let request: Value = serde_json::from_str(line).expect("JSON");
            let chain = format!("eip155:{}", request["chain"]).parse().expect("a chain");
            let id = request["id"].as_str().expect("an id").to_owned();
            let question =
                request::read_document(chain, &request).unwrap_or_else(|error| panic!("{id}: {error}"));
            Case { id, question }
        })
        .collect()
}

fn level(question: Question, accounts: &[AccountState]) -> (Level, String) {
    let id = "vrd_00000000000000000000000000000001".to_owned();
    let inputs = Inputs::gather(question, &[], &Lists::seed(), id, ASKED_AT).told(accounts);
    let verdict = decide(&inputs, RuleSet::base());
    let reasons: Vec<_> =
        verdict.signals.iter().filter(|signal| signal.contribution > 0).map(|s| s.id.as_str()).collect();
    (verdict.level, reasons.join(" "))
}

/// The set was committed before anything scored it.
#[test]
fn honest_requests_are_rarely_suspicious_and_never_dangerous() {
    let cases = benign();
    assert!(cases.len() >= 300);
    let (mut suspicious, mut dangerous, total) = (Vec::new(), Vec::new(), cases.len());
    for Case { id, question } in cases {
        match level(question, &[]) {
            (Level::Danger | Level::Critical, why) => dangerous.push(format!("{id}: {why}")),
            (Level::Caution, why) => suspicious.push(format!("{id}: {why}")),
            (Level::Safe | Level::Unknown, _) => {}
        }
    }
    assert!(dangerous.is_empty(), "{dangerous:#?}");
    assert!(suspicious.len() * 20 <= total, "{} of {total}: {suspicious:#?}", suspicious.len());
    // What no registry knows is looked at: the unregistered approvals are among them.
    assert!(suspicious.iter().any(|case| case.starts_with("approve-unregistered")), "{suspicious:#?}");
}

/// The spender of a right in an honest request, replaced by somebody whom nobody knows.
fn hijacked(request: &str, spender: &str) -> Option<String> {
    let request: Value = serde_json::from_str(request).expect("JSON");
    let id = request["id"].as_str().expect("an id");
    let kinds = ["approve-", "increase-", "operator-conduit", "permit"];
    if !kinds.iter().any(|kind| id.starts_with(kind)) || id.starts_with("approve-unregistered") {
        return None;
    }
    let mut request = request.clone();
    let nobody = format!("0x{}", "5a".repeat(20));
    match request["params"]["data"].as_str() {
        // Selector, then the spender.
        Some(data) => {
            let (head, tail) = (&data[..34], &data[74..]);
            request["params"]["data"] = json!(format!("{head}{}{tail}", &nobody[2..]));
        }
        None => request["params"]["message"][spender] = json!(nobody),
    }
    Some(request.to_string())
}

#[test]
fn the_same_requests_for_a_stranger_are_suspicious_and_with_its_state_dangerous() {
    let stranger = account(&format!("0x{}", "5a".repeat(20)));
    let state = |code, age_days, verified| AccountState { address: stranger, code, age_days, verified };
    let mut checked = 0;
    for line in include_str!("../../../benign/requests.jsonl").lines() {
        let Some(request) = hijacked(line, "spender") else { continue };
        let request: Value = serde_json::from_str(&request).expect("JSON");
        let chain = format!("eip155:{}", request["chain"]).parse().expect("a chain");
        let question = request::read_document(chain, &request).expect("a request");
        let id = &request["id"];
        let (without, why) = level(question.clone(), &[]);
        assert_eq!(without, Level::Caution, "{id}: {why}");
        for told in [state(Some(Code::None), None, None), state(Some(Code::Contract), Some(1), Some(false))] {
            let (with, why) = level(question.clone(), std::slice::from_ref(&told));
            assert!(with >= Level::Danger, "{id} {told:?}: {with:?} {why}");
        }
        let old = state(Some(Code::Contract), Some(700), Some(true));
        assert_eq!(level(question, &[old]).0, Level::Caution, "{id}");
        checked += 1;
    }
    assert!(checked >= 60, "{checked}");
}

#[test]
fn power_over_an_account_is_dangerous() {
    let document = |text: Value| {
        let chain = "ethereum".parse().expect("a chain");
        level(request::read_document(chain, &text).expect("a request"), &[])
    };
    let safe = |to: &str, data: &str, operation: u8| {
        json!({
            "types": {
                "EIP712Domain": [{"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}],
                "SafeTx": [{"name": "to", "type": "address"}, {"name": "value", "type": "uint256"}, {"name": "data", "type": "bytes"}, {"name": "operation", "type": "uint8"}],
            },
            "primaryType": "SafeTx",
            "domain": {"chainId": 1, "verifyingContract": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
            "message": {"to": to, "value": 0, "data": data, "operation": operation},
        })
    };
    // A delegatecall to a stranger, with the selector of a transfer.
    let transfer = format!("0xa9059cbb{}{}", word(NOBODY), word("0"));
    let (level, why) = document(safe(NOBODY, &transfer, 1));
    assert!(level >= Level::Danger && why.contains("foreign_code"), "{level:?} {why}");
    let module = format!("0x610b5925{}", word(NOBODY));
    let (level, why) = document(safe("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", &module, 0));
    assert!(level >= Level::Caution && why.contains("account_control"), "{level:?} {why}");
}

#[test]
fn a_swap_that_pays_out_to_a_stranger_and_coins_for_a_promise_are_said() {
    let swap = |to: &str| {
        // swapExactTokensForTokens(1e8, 1, [USDC, USDT], to, deadline)
        let words = [
            word("5f5e100"),
            word("1"),
            word("a0"),
            word(to),
            word("6b000000"),
            word("2"),
            word(USDC),
            word(USDT),
        ];
        format!("38ed1739{}", words.concat())
    };
    let own = "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb";
    let own_way = judge(call(UNISWAP_ROUTER, "0", &swap(own)), &[]);
    assert_eq!(own_way.level, Level::Safe, "{:?}", ids(&own_way));
    let stranger = judge(call(UNISWAP_ROUTER, "0", &swap(NOBODY)), &[]);
    assert!(
        ids(&stranger).contains("recipient_mismatch") && stranger.level == Level::Caution,
        "{stranger:?}"
    );
    // securityUpdate()
    let selector = hex::encode(&alloy_primitives::keccak256(b"securityUpdate()")[..4]);
    let paid = judge(call(NOBODY, "1000", &selector), &[]);
    assert!(ids(&paid).contains("lure_call") && paid.level == Level::Caution, "{paid:?}");
    assert_eq!(judge(call(NOBODY, "0", &selector), &[]).level, Level::Unknown);
}

#[test]
fn an_unregistered_delegate_is_dangerous_and_taking_the_code_back_is_not() {
    let authorization = |address: &str, chain_id: u64| Question::Signature {
        chain: "ethereum".parse().expect("a chain"),
        from: None,
        origin: None,
        message: crate::message::Message::Eip7702 { chain_id, address: account(address), nonce: 1 },
    };
    assert_eq!(level(authorization(NOBODY, 1), &[]).0, Level::Danger);
    assert_eq!(level(authorization(NOBODY, 0), &[]).0, Level::Danger);
    assert_eq!(level(authorization("0x0000000000000000000000000000000000000000", 1), &[]).0, Level::Safe);
}

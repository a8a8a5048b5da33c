use proptest::prelude::*;

use super::*;

const SPENDER: &str = "0000000000000000000000001111111254eeb25477b68fb85ed929f73a960582";

fn account(text: &str) -> Account {
    text.parse().expect("an address")
}

fn target() -> Account {
    account("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48")
}

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).expect("hex")
}

fn one(text: &str) -> Call {
    let calls = read(target(), &bytes(text));
    assert!(!calls.incomplete && calls.calls.len() == 1, "{calls:?}");
    calls.calls.into_iter().next().expect("one call")
}

#[track_caller]
fn check(text: &str, function: &str, form: Form, effects: &[Effect]) {
    let call = one(text);
    assert_eq!((call.function, &call.form), (Some(function), &form));
    assert_eq!(call.effects, effects);
}

fn word(number: u64) -> String {
    format!("{number:064x}")
}

#[test]
fn an_approval_says_who_may_take_how_much() {
    let spender = account("0x1111111254EEB25477B68fb85Ed929f73A960582");
    let allow =
        |amount| Effect::Allow { token: target(), spender, amount, amount_max: U256::MAX, until_s: None };
    let max = "f".repeat(64);
    let function = "approve(address,uint256)";
    check(&format!("095ea7b3{SPENDER}{max}"), function, Form::Canonical, &[allow(U256::MAX)]);
    check(&format!("095ea7b3{SPENDER}{}", word(7)), function, Form::Canonical, &[allow(U256::from(7))]);
    check(
        &format!("095ea7b3{SPENDER}{}", word(0)),
        function,
        Form::Canonical,
        &[Effect::AllowZero { token: target(), spender }],
    );
    check(
        &format!("39509351{SPENDER}{max}"),
        "increaseAllowance(address,uint256)",
        Form::Canonical,
        &[allow(U256::MAX)],
    );
}

#[test]
fn bytes_beside_the_encoding_are_told() {
    let spender = account("0x1111111254EEB25477B68fb85Ed929f73A960582");
    let allow = [Effect::Allow {
        token: target(),
        spender,
        amount: U256::from(7),
        amount_max: U256::MAX,
        until_s: None,
    }];
    let function = "approve(address,uint256)";
    check(&format!("095ea7b3{SPENDER}{}abcd", word(7)), function, Form::Trailing(2), &allow);
    let dirty = SPENDER.replacen("00000000", "deadbeef", 1);
    check(&format!("095ea7b3{dirty}{}", word(7)), function, Form::NonCanonical, &allow);
    for short in [format!("095ea7b3{SPENDER}"), "095ea7b3".to_owned()] {
        let calls = read(target(), &bytes(&short));
        assert_eq!((calls.calls[0].function, &calls.calls[0].form), (Some(function), &Form::Malformed));
        assert!(calls.incomplete);
    }
    assert_eq!(one("").form, Form::Plain);
    assert_eq!((one("095ea7").form, one("095ea7").function), (Form::Unknown, None));
    assert_eq!(one("12345678").form, Form::Unknown);
}

#[test]
fn every_known_function_has_the_selector_of_its_standard() {
    // From the standards and the contracts' published interfaces.
    for (selector, function) in [
        ("a9059cbb", "transfer(address,uint256)"),
        ("23b872dd", "transferFrom(address,address,uint256)"),
        ("095ea7b3", "approve(address,uint256)"),
        ("39509351", "increaseAllowance(address,uint256)"),
        ("a457c2d7", "decreaseAllowance(address,uint256)"),
        ("a22cb465", "setApprovalForAll(address,bool)"),
        ("42842e0e", "safeTransferFrom(address,address,uint256)"),
        ("b88d4fde", "safeTransferFrom(address,address,uint256,bytes)"),
        ("f242432a", "safeTransferFrom(address,address,uint256,uint256,bytes)"),
        ("2eb2c2d6", "safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)"),
        ("d505accf", "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"),
        ("8fcbaf0c", "permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)"),
        ("87517c45", "approve(address,address,uint160,uint48)"),
        ("36c78516", "transferFrom(address,address,uint160,address)"),
        ("0d58b1db", "transferFrom((address,address,uint160,address)[])"),
        ("cc53287f", "lockdown((address,address)[])"),
        ("2b67b570", "permit(address,((address,uint160,uint48,uint48),address,uint256),bytes)"),
        ("2a2d80d1", "permit(address,((address,uint160,uint48,uint48)[],address,uint256),bytes)"),
        (
            "30f28b7a",
            "permitTransferFrom(((address,uint256),uint256,uint256),(address,uint256),address,bytes)",
        ),
        ("2e1a7d4d", "withdraw(uint256)"),
        ("d0e30db0", "deposit()"),
        ("ac9650d8", "multicall(bytes[])"),
        ("5ae401dc", "multicall(uint256,bytes[])"),
        ("1f0464d1", "multicall(bytes32,bytes[])"),
    ] {
        let calls = read(target(), &bytes(selector));
        assert_eq!(calls.calls[0].function, Some(function), "{selector}");
    }
}

#[test]
fn a_permit_is_an_approval_with_an_end() {
    let spender = account("0x1111111254EEB25477B68fb85Ed929f73A960582");
    let owner = word(0xa1);
    let allow = |amount, amount_max, until: u64| Effect::Allow {
        token: target(),
        spender,
        amount,
        amount_max,
        until_s: Some(U256::from(until)),
    };
    let call =
        one(&format!("d505accf {owner}{SPENDER}{}{}{}{}{}", word(5), word(99), word(27), word(1), word(2)));
    assert_eq!(call.effects, [allow(U256::from(5), U256::MAX, 99)]);
    let call = one(&format!(
        "8fcbaf0c {owner}{SPENDER}{}{}{}{}{}{}",
        word(0),
        word(99),
        word(1),
        word(27),
        word(1),
        word(2)
    ));
    assert_eq!(call.effects, [allow(U256::MAX, U256::MAX, 99)]);

    // Permit2 names the token itself; its amount has 160 bits.
    let token = format!("{:0>64}", "a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48");
    let full = format!("{:0>64}", "f".repeat(40));
    let uint160 = (U256::from(1) << 160) - U256::from(1);
    let call = one(&format!("87517c45 {token}{SPENDER}{full}{}", word(99)));
    assert_eq!(
        (call.effects.as_slice(), &call.form),
        ([allow(uint160, uint160, 99)].as_slice(), &Form::Canonical)
    );
    let single =
        format!("{owner}{token}{full}{}{}{SPENDER}{}{}{}", word(99), word(0), word(7), word(0x100), word(0));
    let call = one(&format!("2b67b570 {single}"));
    assert_eq!(
        (call.effects.as_slice(), &call.form),
        ([allow(uint160, uint160, 99)].as_slice(), &Form::Canonical)
    );
    assert!(is_unlimited(uint160, uint160));
}

#[test]
fn unlimited_is_half_of_everything_the_most_that_can_be_said_or_all_ones() {
    let ones = |bits: usize| if bits == 256 { U256::MAX } else { (U256::from(1) << bits) - U256::from(1) };
    for (amount, expected) in [
        (U256::MAX, true),
        (U256::from(1) << 255, true),
        ((U256::from(1) << 255) - U256::from(2), false),
        (ones(64), true),
        (ones(96), true),
        (ones(63), false),
        (ones(70), false),
        (ones(56), false),
        (U256::from(1_000_000_000_000_000_000_u64), false),
    ] {
        assert_eq!(is_unlimited(amount, U256::MAX), expected, "{amount}");
    }
}

fn multicall(inner: &[&str]) -> String {
    let mut heads = String::new();
    let mut tails = String::new();
    for call in inner {
        heads += &word((inner.len() * 32 + tails.len() / 2) as u64);
        let padded = call.len().div_ceil(64) * 64;
        tails += &word(call.len() as u64 / 2);
        tails += &format!("{call:0<padded$}");
    }
    format!("ac9650d8{}{}{heads}{tails}", word(32), word(inner.len() as u64))
}

#[test]
fn a_multicall_is_unwrapped_to_its_depth_limit() {
    let approve = format!("095ea7b3{SPENDER}{}", word(7));
    let calls = read(target(), &bytes(&multicall(&[&approve, "d0e30db0", &multicall(&[&approve])])));
    let paths: Vec<_> = calls.calls.iter().map(|call| (call.path.as_str(), call.form.clone())).collect();
    let expected = ["0", "0.0", "0.1", "0.2", "0.2.0"].map(|path| (path, Form::Canonical));
    assert_eq!(paths, expected);
    assert!(!calls.incomplete);

    let mut deep = approve;
    for _ in 0..=DEPTH_MAX {
        deep = multicall(&[&deep]);
    }
    let calls = read(target(), &bytes(&deep));
    assert!(calls.incomplete && calls.calls.len() == DEPTH_MAX + 1);
}

#[test]
fn a_multicall_of_too_many_calls_says_that_it_was_not_read_whole() {
    let many = vec!["d0e30db0"; CALLS_MAX + 1];
    let calls = read(target(), &bytes(&multicall(&many)));
    assert!(calls.incomplete && calls.calls.len() == CALLS_MAX);
    assert!(read(target(), &vec![0; CALLDATA_BYTES_MAX + 1]).incomplete);
}

#[test]
fn tails_that_are_shared_a_thousand_times_cost_nothing() {
    // Each of the 2,000 heads points at the same 60 KB.
    let (count, long) = (2_000_u64, 60_000_usize);
    let mut text = format!("ac9650d8{}{}", word(32), word(count));
    for _ in 0..count {
        text += &word(count * 32);
    }
    text += &word(long as u64);
    text += &"00".repeat(long);
    let calls = read(target(), &bytes(&text));
    assert_eq!((calls.calls.len(), &calls.calls[0].form), (1, &Form::Malformed));
    assert!(calls.incomplete);
}

fn known_selector() -> impl Strategy<Value = Vec<u8>> {
    const SELECTORS: &[&str] = &[
        "a9059cbb", "23b872dd", "095ea7b3", "a22cb465", "b88d4fde", "f242432a", "2eb2c2d6", "d505accf",
        "8fcbaf0c", "87517c45", "0d58b1db", "cc53287f", "2b67b570", "2a2d80d1", "30f28b7a", "ac9650d8",
        "5ae401dc", "1f0464d1",
    ];
    prop::sample::select(SELECTORS).prop_map(bytes)
}

/// Words such as encoders and attackers write: small numbers, offsets, lengths, ones.
fn words() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        (0_u64..0x400).prop_map(word),
        Just("f".repeat(64)),
        any::<[u8; 32]>().prop_map(hex::encode),
        (0_u64..12).prop_map(|n| word(n * 32)),
    ];
    prop::collection::vec(word, 0..40).prop_map(|words| bytes(&words.concat()))
}

proptest! {
    #[test]
    fn arbitrary_calldata_never_panics(data in prop::collection::vec(any::<u8>(), 0..600)) {
        let calls = read(target(), &data);
        prop_assert!(!calls.calls.is_empty() && calls.calls.len() <= CALLS_MAX);
    }

    #[test]
    fn likely_calldata_never_panics(selector in known_selector(), words in words(), cut in 0_usize..40) {
        let mut data = [selector, words].concat();
        data.truncate(data.len().saturating_sub(cut));
        let calls = read(target(), &data);
        prop_assert!(calls.calls.len() <= CALLS_MAX);
    }
}

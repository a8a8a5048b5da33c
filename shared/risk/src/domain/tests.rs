use proptest::prelude::*;

use super::*;
use crate::engine::rules::SignalId;

fn domain(text: &str) -> Domain {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn check(text: &str, expected: &[SignalId]) {
    let found: Vec<_> = look(&domain(text)).into_iter().map(|note| note.id).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn a_name_is_read_as_browsers_read_it() {
    for (text, ascii) in [
        ("Example.COM", "example.com"),
        ("https://user@example.com:8443/path?x#y", "example.com"),
        ("example.com.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("ｅｘａｍｐｌｅ.com", "example.com"),
        ("example。com", "example.com"),
    ] {
        assert_eq!(domain(text).ascii(), ascii, "{text}");
        assert_eq!(domain(domain(text).ascii()), domain(text));
    }
}

#[test]
fn what_is_no_name_of_a_site_is_refused() {
    for (text, why) in [
        ("", BadDomain::Form),
        ("localhost", BadDomain::Local),
        ("127.0.0.1", BadDomain::Ip),
        ("example.0x7f", BadDomain::Ip),
        ("a b.com", BadDomain::Form),
        ("a..com", BadDomain::Form),
        (".com", BadDomain::Form),
        ("xn--\u{0}.com", BadDomain::Form),
        ("xn--a.com", BadDomain::Form),
        ("[::1]", BadDomain::Form),
        ("exa\u{202e}mple.com", BadDomain::Form),
    ] {
        assert_eq!(text.parse::<Domain>(), Err(why), "{text:?}");
    }
    assert!(format!("{}.com", "a".repeat(64)).parse::<Domain>().is_err());
    assert!("a.".repeat(200).parse::<Domain>().is_err());
    assert_eq!("a".repeat(1_000_000).parse::<Domain>(), Err(BadDomain::TooLong));
}

#[test]
fn a_brand_s_own_names_are_known() {
    check("metamask.io", &[SignalId::KnownDomain]);
    check("portfolio.metamask.io", &[SignalId::KnownDomain]);
    check("app.uniswap.org", &[SignalId::KnownDomain]);
}

#[test]
fn names_that_imitate_are_found_by_how_they_do_it() {
    // Cyrillic е and а.
    check("mеtamаsk.io", &[SignalId::BrandHomograph]);
    check("metamásk.io", &[SignalId::BrandHomograph]);
    check("metarnask.io", &[SignalId::BrandHomograph]);
    check("c0inbase.com", &[SignalId::BrandHomograph]);
    check("metamask-restore.com", &[SignalId::BrandLure]);
    check("uniswap-airdrop.org", &[SignalId::BrandLure]);
    check("metamask.weebly.com", &[SignalId::BrandLure]);
    check("metamask.xyz", &[SignalId::BrandCopied]);
    check("metamask.io.example.com", &[SignalId::BrandCopied]);
    check("myetherwalet.com", &[SignalId::BrandCopied]);
    check("metamsk.com", &[SignalId::BrandNear]);
    check("claim-eth.net", &[SignalId::LureName]);
}

#[test]
fn ordinary_names_and_words_that_only_resemble_are_left_alone() {
    for name in [
        "example.com",
        "wikipedia.org",
        "bbc.co.uk",
        "rust-lang.org",
        "ledgerbooks.com",
        "curve-design.net",
        "optimism-club.org",
        "solana-beach.com",
        "bücher.example",
        "compoundeye.org",
        "open-sec.com",
        "mrcrypto.dk",
        "uniswap.info",
        "login.example.com",
        "support.example.org",
        "café.fr",
    ] {
        check(name, &[]);
    }
}

proptest! {
    #[test]
    fn any_text_is_a_name_or_an_error(text in "\\PC{0,80}") {
        if let Ok(domain) = text.parse::<Domain>() {
            prop_assert!(look(&domain).len() <= 2);
            prop_assert_eq!(domain.ascii().parse::<Domain>().map(|again| again.ascii), Ok(domain.ascii.clone()));
        }
    }
}

//! Names of well-known tokens.

use std::collections::BTreeSet;

use unicode_security::confusable_detection::skeleton;

use super::{List, ListKind, Lists, Row};
use crate::address::ChainId;
use crate::token::TokenAnswers;

/// Characters of the shortest name that says anything.
const NAME_CHARS_MIN: usize = 3;

impl Lists {
    /// The well-known token of `chain`, of several the first, whose name or symbol a token gives itself: in whatever case,
    /// in letters that look alike, with whatever is not seen between them.
    #[must_use]
    pub fn namesake(&self, token: &TokenAnswers, chain: ChainId) -> Option<(&List, &Row)> {
        let own: BTreeSet<_> =
            [&token.name, &token.symbol].into_iter().flatten().filter_map(|text| plain(text)).collect();
        let rows = self.lists.iter().filter(|list| list.kind == ListKind::Registry);
        let rows = rows.flat_map(|list| list.rows().iter().map(move |row| (list, row)));
        rows.filter(|(_, row)| matches!(row.kind.as_deref(), Some("token" | "wrapped-native")))
            .filter(|(_, row)| row.holds_on(chain))
            .filter(|(_, row)| names(&row.name).any(|name| own.contains(&name)))
            .min_by_key(|(_, row)| row.address)
    }
}

/// `USD Coin (USDC)` is two names.
fn names(text: &str) -> impl Iterator<Item = String> {
    let (name, symbol) = match text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
        Some((name, symbol)) => (name, Some(symbol)),
        None => (text, None),
    };
    [Some(name), symbol].into_iter().flatten().filter_map(plain)
}

fn plain(text: &str) -> Option<String> {
    let seen: String = skeleton(text).filter(|c| c.is_alphanumeric()).collect();
    let name = seen.to_lowercase();
    (name.chars().count() >= NAME_CHARS_MIN).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, symbol: &str, chain: &str) -> Option<String> {
        let token = TokenAnswers {
            name: Some(name.to_owned()),
            symbol: Some(symbol.to_owned()),
            ..TokenAnswers::default()
        };
        let lists = Lists::seed();
        let (_, row) = lists.namesake(&token, chain.parse().expect("a chain"))?;
        Some(row.name.to_string())
    }

    #[test]
    fn a_name_is_the_same_in_other_clothes() {
        for (name, symbol) in [
            ("USD Coin", "X"),
            ("X", "usdc"),
            ("X", "USD\u{200b}C"),
            // Cyrillic `С`.
            ("X", "USD\u{421}"),
            ("usd  coin!", "X"),
        ] {
            assert!(
                found(name, symbol, "ethereum").is_some_and(|name| name.contains("USDC")),
                "{name} {symbol}"
            );
        }
    }

    #[test]
    fn other_names_and_other_chains_are_nobody_s() {
        assert_eq!(found("Our Own Coin", "OWN", "ethereum"), None);
        assert_eq!(found("", "", "ethereum"), None);
        assert_eq!(found("USD Coin", "USDC", "eip155:999"), None);
        // Of a well-known contract's name, and no token's.
        assert_eq!(found("Permit2", "P2", "ethereum"), None);
    }
}

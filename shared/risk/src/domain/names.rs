//! What a name spells, nearly spells, and promises.

use serde_json::{Value, json};
use unicode_security::confusable_detection::skeleton;

use super::Domain;
use super::brands::{Brand, Weight, brands};
use super::fold::fold;
use crate::engine::rules::SignalId;
use crate::message::Note;

/// Second labels that belong to the ending, as in `co.uk`.
const SECOND: [&str; 9] = ["co", "com", "org", "net", "gov", "edu", "ac", "or", "ne"];
/// Shorter names are found in too many words.
const WITHIN_CHARS_MIN: usize = 6;

/// A name in its parts.
pub(super) struct Parts {
    /// Labels before the ending, as they are looked at: confusable letters made Latin.
    pub(super) labels: Vec<String>,
    /// The label that was registered.
    pub(super) main: String,
    /// Labels cut at hyphens.
    pub(super) tokens: Vec<String>,
    /// All of them together.
    pub(super) joined: String,
    /// Whether anybody gets a name there for nothing.
    pub(super) hosted: bool,
    /// Whether letters had to be made Latin.
    pub(super) international: bool,
}

/// Labels of what names can be registered below: of a host where anybody gets one, or of an ending.
fn ending_labels(domain: &Domain, hosted: Option<&str>) -> usize {
    let all: Vec<&str> = domain.unicode().split('.').collect();
    match (hosted, all.as_slice()) {
        (Some(host), _) => host.split('.').count(),
        (None, [_, .., second, last]) if last.len() == 2 && SECOND.contains(second) => 2,
        (None, _) => 1,
    }
}

fn host_of(domain: &Domain) -> Option<&'static str> {
    brands().hosts.iter().copied().find(|host| domain.is_within(host) && domain.ascii() != *host)
}

pub(super) fn registered(domain: &Domain) -> &str {
    let name = domain.ascii();
    let labels = ending_labels(domain, host_of(domain)) + 1;
    let start = name.rmatch_indices('.').nth(labels - 1).map_or(0, |(at, _)| at + 1);
    name.get(start..).unwrap_or(name)
}

/// What speaks for or against the name: at most one thing about a brand, and one about its words.
#[must_use]
pub fn look(domain: &Domain) -> Vec<Note> {
    let list = brands();
    if let Some(brand) = list.brands.iter().find(|brand| brand.own.iter().any(|own| domain.is_within(own))) {
        let evidence = json!({"domain": shown(domain), "whose": brand.name});
        return vec![Note { id: SignalId::KnownDomain, evidence }];
    }
    let parts = Parts::of(domain);
    let mut notes = Vec::new();
    let found = list.brands.iter().filter_map(|brand| about_brand(&parts, brand).map(|found| (found, brand)));
    // The strongest; of equals the longest name, which says most.
    let best = found.max_by_key(|((strength, _, _), brand)| (*strength, brand.name.len()));
    if let Some(((_, id, how), brand)) = best {
        let evidence = json!({"domain": shown(domain), "brand": brand.name, "how": how, "own": brand.own});
        notes.push(Note { id, evidence });
    }
    let asks = parts.words(list.actions, 6);
    if !asks.is_empty() && !parts.words(list.topics, 4).is_empty() && notes.is_empty() {
        let evidence = json!({"domain": shown(domain), "words": asks});
        notes.push(Note { id: SignalId::LureName, evidence });
    }
    notes
}

type Found = (u8, SignalId, &'static str);

fn about_brand(parts: &Parts, brand: &Brand) -> Option<Found> {
    let list = brands();
    let name = brand.name;
    let distinct = brand.weight == Weight::Distinct;
    let is_token = parts.tokens.iter().any(|token| token == name);
    let is_within = name.len() >= WITHIN_CHARS_MIN && parts.joined.contains(name);
    if is_token || is_within {
        if parts.international {
            return Some((6, SignalId::BrandHomograph, "letters of another script"));
        }
        let rest = parts.joined.replacen(name, "", 1);
        let other = |words: &[&str], long: usize| {
            words.iter().any(|word| {
                parts.tokens.iter().any(|token| token == word && token != name)
                    || word.len() >= long && rest.contains(word)
            })
        };
        let is_label = parts.labels.iter().rev().skip(1).any(|label| label == name);
        return Some(match distinct {
            _ if other(list.actions, 5) => {
                (5, SignalId::BrandLure, "the name beside a word that asks for something")
            }
            true if parts.hosted => (5, SignalId::BrandLure, "the name where anybody gets one for nothing"),
            true if is_token && parts.tokens.len() > 1 && other(list.invitations, usize::MAX) => {
                (5, SignalId::BrandLure, "the name beside a word that invites")
            }
            true if parts.main == name => (4, SignalId::BrandCopied, "the name under another ending"),
            true if is_label => (4, SignalId::BrandCopied, "the name before another's domain"),
            false if parts.hosted || is_label => (2, SignalId::BrandNear, "the name before another's domain"),
            false if is_token && other(list.invitations, usize::MAX) => {
                (2, SignalId::BrandNear, "the name beside a word that invites")
            }
            true if name.len() >= 8 => (2, SignalId::BrandNear, "the name within another"),
            _ => return None,
        });
    }
    let bare = parts.main.replace(['-', '_'], "");
    let mut spelled = parts.tokens.iter().map(String::as_str).chain([bare.as_str()]);
    spelled.find_map(|token| nearly(token, brand, distinct, parts.international))
}

/// A part that is not the name and looks like it.
fn nearly(token: &str, brand: &Brand, distinct: bool, international: bool) -> Option<Found> {
    let name = brand.name;
    let folded = fold(token);
    if name.len() >= WITHIN_CHARS_MIN && folded == brand.folded {
        return Some((6, SignalId::BrandHomograph, "letters that look alike"));
    }
    if name.len() >= 8 && token.len() > name.len() && folded.contains(brand.folded) {
        return Some((6, SignalId::BrandHomograph, "letters that look alike, within another name"));
    }
    // Two edits in a long name are a typing error in few words; in short ones they are other words.
    let edits = match name.len() {
        11.. => 2,
        8.. => 1,
        _ => {
            return (international && distance(&folded, brand.folded, 1).is_some()).then_some((
                6,
                SignalId::BrandHomograph,
                "letters of another script",
            ));
        }
    };
    distance(token, name, edits)?;
    match (international, distinct, edits) {
        (true, _, _) => Some((6, SignalId::BrandHomograph, "letters of another script")),
        (false, true, 2) => Some((4, SignalId::BrandCopied, "nearly the name")),
        (false, true, _) => Some((2, SignalId::BrandNear, "nearly the name")),
        // A word is one letter away from many others.
        (false, false, _) => None,
    }
}

/// Insertions, deletions, substitutions and swaps of neighbours that make one of the other; `None` when
/// there are more than `max`. Labels have at most 63 bytes, so that this is bounded.
fn distance(one: &str, two: &str, max: usize) -> Option<usize> {
    let (one, two): (Vec<char>, Vec<char>) = (one.chars().take(64).collect(), two.chars().take(64).collect());
    if one.len().abs_diff(two.len()) > max {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=two.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in two.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut least =
                (at(&last, j) + usize::from(a != b)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && Some(a) == two.get(j - 1) && one.get(i - 1) == Some(b);
            if swapped {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|distance| *distance <= max)
}

impl Parts {
    pub(super) fn of(domain: &Domain) -> Self {
        let all: Vec<&str> = domain.unicode().split('.').collect();
        let hosted = host_of(domain);
        let ending = ending_labels(domain, hosted);
        let own = all.get(..all.len().saturating_sub(ending)).unwrap_or_default();
        let labels: Vec<String> = own.iter().map(|label| latin(label)).collect();
        let tokens: Vec<String> = labels
            .iter()
            .flat_map(|label| label.split(['-', '_']))
            .filter(|token| !token.is_empty())
            .map(str::to_owned)
            .collect();
        Self {
            main: labels.last().cloned().unwrap_or_default(),
            joined: tokens.concat(),
            tokens,
            hosted: hosted.is_some(),
            international: !domain.unicode().is_ascii(),
            labels,
        }
    }

    /// Those of `words` that are a part, or, when they have `long` letters, within the name.
    pub(super) fn words(&self, words: &[&'static str], long: usize) -> Vec<&'static str> {
        let is_there = |word: &&str| {
            self.tokens.iter().any(|token| token == word) || word.len() >= long && self.joined.contains(*word)
        };
        words.iter().copied().filter(is_there).collect()
    }
}

/// What a label looks like in Latin letters: Unicode's skeleton (UTS 39), then marks dropped.
fn latin(label: &str) -> String {
    if label.is_ascii() {
        return label.to_owned();
    }
    // The skeleton writes `m` as `rn` and `w` as `vv`; `fold` makes both one again.
    let plain: String = skeleton(label).filter(|c| !is_mark(*c)).collect();
    let plain = plain.to_lowercase();
    plain.replace("rn", "m").replace("vv", "w")
}

/// Combining marks of the scripts that are written with Latin letters.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
}

fn shown(domain: &Domain) -> Value {
    match domain.ascii() == domain.unicode() {
        true => json!(domain.ascii()),
        false => json!({"ascii": domain.ascii(), "unicode": domain.unicode()}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted_and_a_swap_is_one() {
        for (one, two, expected) in [
            ("metamask", "metamask", Some(0)),
            ("metamask", "metamaks", Some(1)),
            ("metamask", "metamsk", Some(1)),
            ("metamask", "mmetamask", Some(1)),
            ("metamask", "metmaks", Some(2)),
            ("metamask", "opensea", None),
            ("", "ab", Some(2)),
        ] {
            assert_eq!(distance(one, two, 2), expected, "{one} {two}");
            assert_eq!(distance(two, one, 2), expected, "{two} {one}");
        }
    }
}

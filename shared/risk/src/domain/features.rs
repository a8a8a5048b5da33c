//! What a model sees in a site's name: its form, its ending, its words.

use super::Domain;
use super::brands::brands;
use super::names::Parts;

/// In their order.
pub const NAMES: [&str; 20] = [
    "length",
    "labels",
    "main_length",
    "hyphens",
    "digits",
    "main_digits",
    "vowel_permille",
    "longest_consonants",
    "parts",
    "ending_length",
    "ending_is_old",
    "ending_is_country",
    "is_hosted",
    "is_international",
    "action_words",
    "invitation_words",
    "topic_words",
    "brand_within",
    "brand_is_main",
    "subdomain_length",
];
/// Endings that were there before 2012 and have no country.
const OLD: [&str; 8] = ["com", "net", "org", "info", "biz", "edu", "gov", "mobi"];

/// In the order of `NAMES`.
#[must_use]
pub fn of(domain: &Domain) -> Vec<i64> {
    let (parts, list) = (Parts::of(domain), brands());
    let ascii = domain.ascii();
    let ending = ascii.rsplit('.').next().unwrap_or_default();
    let main = parts.main.as_str();
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    let letters = main.chars().filter(|c| c.is_alphabetic()).count();
    let vowels = main.chars().filter(|c| "aeiouy".contains(*c)).count();
    let words = |words: &'static [&'static str], long: usize| parts.words(words, long).len();
    let brand = |holds: &dyn Fn(&str) -> bool| {
        list.brands.iter().any(|brand| brand.name.len() >= 5 && holds(brand.name))
    };
    let numbers = [
        ascii.len(),
        ascii.split('.').count(),
        main.chars().count(),
        ascii.matches('-').count(),
        digits(ascii),
        digits(main),
        (vowels * 1_000).checked_div(letters).unwrap_or_default(),
        consonants(main),
        parts.tokens.len(),
        ending.len(),
        usize::from(OLD.contains(&ending)),
        usize::from(ending.len() == 2),
        usize::from(parts.hosted),
        usize::from(parts.international),
        words(list.actions, 6),
        words(list.invitations, 6),
        words(list.topics, 4),
        usize::from(brand(&|name| parts.joined.contains(name))),
        usize::from(brand(&|name| main == name)),
        parts.labels.iter().rev().skip(1).map(String::len).sum(),
    ];
    numbers.into_iter().map(|number| i64::try_from(number).unwrap_or(i64::MAX)).collect()
}

/// The longest run of letters that are no vowels.
fn consonants(text: &str) -> usize {
    let is_one = |c: char| c.is_alphabetic() && !"aeiouy".contains(c);
    text.split(|c| !is_one(c)).map(|run| run.chars().count()).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_number_for_each_feature() {
        let of_name = |name: &str| of(&name.parse().expect("a name"));
        let numbers = of_name("login-metamask.web.example.co.uk");
        assert_eq!(numbers.len(), NAMES.len());
        let at = |name: &str| numbers[NAMES.iter().position(|other| *other == name).expect("a feature")];
        assert_eq!((at("labels"), at("hyphens"), at("ending_is_country")), (5, 1, 1));
        assert_eq!((at("main_length"), at("brand_within"), at("brand_is_main")), (7, 1, 0));
        assert_eq!(of_name("xn--e1afmkfd.xn--p1ai").len(), NAMES.len());
    }
}

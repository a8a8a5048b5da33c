//! Names that are worth imitating, as data.

use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Weight {
    /// A coinage that nobody else uses.
    Distinct,
    /// A word, or a name that others use rightly.
    Common,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Brand {
    pub(super) name: String,
    pub(super) own: Vec<String>,
    pub(super) weight: Weight,
    /// The name with look-alike letters made one.
    #[serde(skip)]
    pub(super) folded: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Brands {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "as_of")]
    _as_of: String,
    #[serde(rename = "about")]
    _about: String,
    pub(super) brands: Vec<Brand>,
    pub(super) actions: Vec<String>,
    pub(super) invitations: Vec<String>,
    pub(super) topics: Vec<String>,
    pub(super) hosts: Vec<String>,
}

static BRANDS: LazyLock<Brands> = LazyLock::new(|| {
    let mut brands: Brands = serde_json::from_slice(include_bytes!("../../lists/brands.json"))
        .expect("the brands in this crate are read by its tests");
    for brand in &mut brands.brands {
        brand.folded = fold(&brand.name);
    }
    brands
});

pub(super) fn brands() -> &'static Brands {
    &BRANDS
}

/// Letters that look alike become one: digits for letters, `rn` for `m`, `vv` for `w`, `i` for `l`.
pub(super) fn fold(text: &str) -> String {
    let digits: String = text
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' => 'l',
            '3' => 'e',
            '4' => 'a',
            '5' => 's',
            '7' => 't',
            '8' => 'b',
            other => other,
        })
        .collect();
    digits.replace("rn", "m").replace("vv", "w").replace('i', "l")
}

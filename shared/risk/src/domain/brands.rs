//! Names that are worth imitating, as a table that `build.rs` makes of `lists/brands.json`.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// A coinage that nobody else uses.
    Distinct,
    /// A word, or a name that others use rightly.
    Common,
}

#[derive(Debug)]
pub(super) struct Brand {
    pub(super) name: &'static str,
    pub(super) own: &'static [&'static str],
    pub(super) weight: Weight,
    /// The name with look-alike letters made one.
    pub(super) folded: &'static str,
}

#[derive(Debug)]
pub(super) struct Brands {
    pub(super) brands: &'static [Brand],
    pub(super) actions: &'static [&'static str],
    pub(super) invitations: &'static [&'static str],
    pub(super) topics: &'static [&'static str],
    pub(super) hosts: &'static [&'static str],
}

include!(concat!(env!("OUT_DIR"), "/brands.rs"));

pub(super) fn brands() -> &'static Brands {
    &BRANDS
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::fold::fold;
    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct BrandEntry {
        name: String,
        own: Vec<String>,
        weight: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct BrandsFile {
        name: String,
        as_of: String,
        about: String,
        brands: Vec<BrandEntry>,
        actions: Vec<String>,
        invitations: Vec<String>,
        topics: Vec<String>,
        hosts: Vec<String>,
    }

    #[test]
    fn the_table_is_the_file() {
        let file = include_str!("../../lists/brands.json");
        let file: BrandsFile = serde_json::from_str(file).expect("the file has its shape");
        assert!(file.name == "brands" && !file.as_of.is_empty() && !file.about.is_empty());
        assert_eq!(BRANDS.brands.len(), file.brands.len());
        for (brand, entry) in BRANDS.brands.iter().zip(&file.brands) {
            let weight = match brand.weight {
                Weight::Distinct => "distinct",
                Weight::Common => "common",
            };
            assert_eq!((brand.name, weight), (&*entry.name, &*entry.weight));
            assert_eq!(brand.own, entry.own, "{}", entry.name);
            assert_eq!(brand.folded, fold(&entry.name));
        }
        let words = [
            (BRANDS.actions, file.actions),
            (BRANDS.invitations, file.invitations),
            (BRANDS.topics, file.topics),
            (BRANDS.hosts, file.hosts),
        ];
        for (table, words) in words {
            assert_eq!(table, words);
        }
    }
}

//! Lists of addresses: immutable snapshots, named by the hash of their bytes. Those that are in the program are tables.
//!
//! ```text
//! address ─> filter (8 ns, one false answer in 65,536) ─> sorted set (exact) ─> row
//! ```

mod names;
mod seed;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use xorf::{BinaryFuse16, Filter};

use crate::address::{Account, ChainId};
use crate::lookalike::ends;

/// Bytes of one list.
pub const LIST_BYTES_MAX: usize = 64_000_000;
/// Rows of one list.
pub const LIST_ROWS_MAX: usize = 1_000_000;
/// Below this a binary search costs no more than the filter.
const FILTER_ROWS_MIN: usize = 16;

/// What a list says of the addresses on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListKind {
    /// Named by a government's sanctions.
    Sanctions,
    /// Reported as harmful by somebody who watches for it.
    Threats,
    /// Contracts that many people use.
    Registry,
    /// Code that was reported as harmful, by its print.
    BadCode,
}

/// One row: an address and who says what about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Which address.
    pub address: Account,
    /// Whose it is.
    pub name: Cow<'static, str>,
    /// What it is: `token`, `exchange`, …; sanctions need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Cow<'static, str>>,
    /// Chains by EIP-155 number on which the row holds; `None` is every chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chains: Option<Cow<'static, [u64]>>,
    /// Who said so, and where.
    pub source: Cow<'static, str>,
    /// When it was said, `YYYY-MM-DD`.
    pub date: Cow<'static, str>,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delisted: Option<Cow<'static, str>>,
}

impl Row {
    /// Whether the row speaks of `chain`.
    #[must_use]
    pub fn holds_on(&self, chain: ChainId) -> bool {
        self.chains.as_ref().is_none_or(|chains| chains.contains(&chain.number()))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListFile {
    name: String,
    kind: ListKind,
    as_of: String,
    #[serde(rename = "about")]
    _about: String,
    rows: Vec<Row>,
}

/// Which list, and of when: what a verdict says of the lists that it used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRef {
    /// Its name.
    pub name: String,
    /// SHA-256 of its bytes, in hex.
    pub version: String,
    /// The day up to which it is complete, as its maker says.
    pub as_of: String,
}

/// Bytes that are no list.
#[derive(Debug, thiserror::Error)]
pub enum BadList {
    /// Over the limit.
    #[error("a list of more than {LIST_BYTES_MAX} bytes or {LIST_ROWS_MAX} rows")]
    TooLong,
    /// Not JSON of a list's form, or an address with a wrong checksum.
    #[error("not a list")]
    Form(#[from] serde_json::Error),
    /// An address twice, so that a row would never be found.
    #[error("address `{0}` is on the list twice")]
    Twice(Account),
    /// Two lists of one name.
    #[error("two lists are called `{0}`")]
    SameName(String),
}

/// One list, ready to be asked.
#[derive(Debug)]
pub struct List {
    reference: ListRef,
    kind: ListKind,
    /// By address.
    rows: Cow<'static, [Row]>,
    /// Of long lists; a table needs no making, and has none.
    filter: Option<BinaryFuse16>,
}

impl List {
    /// Reads a list's JSON; its version is the hash of exactly these bytes.
    ///
    /// # Errors
    /// `BadList`.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadList> {
        if bytes.len() > LIST_BYTES_MAX {
            return Err(BadList::TooLong);
        }
        let file: ListFile = serde_json::from_slice(bytes)?;
        if file.rows.len() > LIST_ROWS_MAX {
            return Err(BadList::TooLong);
        }
        let mut rows = file.rows;
        rows.sort_by_key(|row| row.address);
        if let Some(twice) = rows.windows(2).find_map(|pair| match pair {
            [one, two] if one.address == two.address => Some(one.address),
            _ => None,
        }) {
            return Err(BadList::Twice(twice));
        }
        let version = hex::encode(Sha256::digest(bytes));
        let reference = ListRef { name: file.name, version, as_of: file.as_of };
        let filter = filter_of(&rows);
        Ok(Self { reference, kind: file.kind, rows: Cow::Owned(rows), filter })
    }

    /// The small lists that are in the program, so that it screens before any other is loaded.
    pub fn seeds() -> impl Iterator<Item = Self> {
        seed::SEEDS.iter().map(|seed| Self {
            reference: ListRef {
                name: seed.name.to_owned(),
                version: seed.version.to_owned(),
                as_of: seed.as_of.to_owned(),
            },
            kind: seed.kind,
            rows: Cow::Borrowed(seed.rows),
            filter: None,
        })
    }

    /// Its row for `account`.
    #[must_use]
    pub fn row(&self, account: &Account) -> Option<&Row> {
        if self.filter.as_ref().is_some_and(|filter| !filter.contains(&filter_key(account))) {
            return None;
        }
        let at = self.rows.binary_search_by_key(account, |row| row.address).ok()?;
        self.rows.get(at)
    }

    /// Its first row, by address, whose address has the ends of `account` and is another.
    fn twin(&self, account: &Account) -> Option<&Row> {
        let start = |account: &Account| [account.bytes()[0], account.bytes()[1] >> 4];
        let shown = start(account);
        let from = self.rows.partition_point(|row| start(&row.address) < shown);
        let alike = self.rows.iter().skip(from).take_while(|row| start(&row.address) == shown);
        alike.filter(|row| ends(&row.address) == ends(account)).find(|row| row.address != *account)
    }

    /// Its rows, by address.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// What it says.
    #[must_use]
    pub fn kind(&self) -> ListKind {
        self.kind
    }

    /// Which it is.
    #[must_use]
    pub fn reference(&self) -> &ListRef {
        &self.reference
    }
}

/// `None` for a list so short, or of such unlucky keys, that the sorted set answers alone.
fn filter_of(rows: &[Row]) -> Option<BinaryFuse16> {
    if rows.len() < FILTER_ROWS_MIN {
        return None;
    }
    let mut keys: Vec<_> = rows.iter().map(|row| filter_key(&row.address)).collect();
    // Two addresses may share a key; the filter takes each key once.
    keys.sort_unstable();
    keys.dedup();
    BinaryFuse16::try_from(&keys).ok()
}

fn filter_key(account: &Account) -> u64 {
    let mut words = [0_u64; 3];
    for (word, chunk) in words.iter_mut().zip(account.bytes().chunks(8)) {
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(chunk) {
            *to = *from;
        }
        *word = u64::from_le_bytes(bytes);
    }
    // MurmurHash3's finalizer between the words.
    words.iter().fold(0, |hash: u64, word| {
        let mut mixed = hash.rotate_left(29) ^ word;
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        mixed ^ (mixed >> 33)
    })
}

/// The lists that a verdict looks at.
#[derive(Clone, Debug)]
pub struct Lists {
    lists: Arc<Vec<List>>,
}

static SEED: LazyLock<Lists> = LazyLock::new(|| {
    Lists::of(List::seeds().collect()).expect("the lists in this crate have names of their own")
});

impl Lists {
    /// `List::seeds` together.
    #[must_use]
    pub fn seed() -> Self {
        SEED.clone()
    }

    /// Lists from snapshots, each as its bytes.
    ///
    /// # Errors
    /// `BadList`.
    pub fn parse(snapshots: &[&[u8]]) -> Result<Self, BadList> {
        let lists = snapshots.iter().map(|bytes| List::parse(bytes)).collect::<Result<Vec<_>, _>>()?;
        Self::of(lists)
    }

    /// These lists together.
    ///
    /// # Errors
    /// When two have one name.
    pub fn of(mut lists: Vec<List>) -> Result<Self, BadList> {
        lists.sort_by(|one, two| one.reference.cmp(&two.reference));
        if let Some(name) = lists.windows(2).find_map(|pair| match pair {
            [one, two] if one.reference.name == two.reference.name => Some(&one.reference.name),
            _ => None,
        }) {
            return Err(BadList::SameName(name.clone()));
        }
        Ok(Self { lists: Arc::new(lists) })
    }

    /// Each list, by name.
    pub fn iter(&self) -> impl Iterator<Item = &List> {
        self.lists.iter()
    }

    /// The well-known address, of several the first, that `account` looks like without being it.
    #[must_use]
    pub fn imitated_by(&self, account: &Account) -> Option<(&List, &Row)> {
        let registries = self.lists.iter().filter(|list| list.kind == ListKind::Registry);
        let twins = registries.filter_map(|list| Some((list, list.twin(account)?)));
        twins.min_by_key(|(_, row)| row.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SANCTIONS: &str = include_str!("../lists/sanctions.json");
    const REGISTRY: &str = include_str!("../lists/registry.json");
    const PUBLISHED: &str = include_str!("../lists/published.json");

    #[test]
    fn every_row_of_the_seed_lists_is_in_checksum_case_and_says_who_and_when() {
        for file in [SANCTIONS, REGISTRY, PUBLISHED] {
            let value: serde_json::Value = serde_json::from_str(file).expect("JSON");
            for row in value["rows"].as_array().expect("rows") {
                let text = row["address"].as_str().expect("an address");
                let account: Account = text.parse().unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(account.checksummed(), text);
                let date = row["date"].as_str().expect("a date");
                assert!(format!("{date}T00:00:00Z").parse::<scorpius_core::UnixMillis>().is_ok(), "{date}");
                assert!(row["source"].as_str().is_some_and(|source| source.len() > 5), "{text}");
            }
        }
    }

    #[test]
    fn the_tables_in_the_program_are_the_files() {
        let mut files: Vec<_> = [SANCTIONS, REGISTRY, PUBLISHED]
            .iter()
            .map(|file| List::parse(file.as_bytes()).expect("a list"))
            .collect();
        files.sort_by(|one, two| one.reference.cmp(&two.reference));
        let seed = Lists::seed();
        assert_eq!(seed.iter().count(), files.len());
        for (table, file) in seed.iter().zip(&files) {
            assert_eq!((table.reference(), table.kind()), (file.reference(), file.kind()));
            assert_eq!(table.rows(), file.rows());
        }
    }

    #[test]
    fn every_row_is_found_and_nothing_else() {
        for list in Lists::seed().iter() {
            for row in list.rows() {
                assert_eq!(list.row(&row.address), Some(row));
                let mut other = *row.address.bytes();
                other[10] ^= 1;
                assert_eq!(list.row(&Account::new(other)), None);
            }
        }
    }

    #[test]
    fn a_list_is_named_by_its_bytes() {
        let (one, two) =
            (List::parse(SANCTIONS.as_bytes()), List::parse(format!("{SANCTIONS}\n").as_bytes()));
        let (one, two) = (one.expect("a list"), two.expect("a list"));
        assert_eq!(one.rows(), two.rows());
        assert_ne!(one.reference().version, two.reference().version);
    }

    #[test]
    fn a_large_list_answers_as_its_rows_say() {
        let account = |n: u32| {
            let mut bytes = [0x5a; 20];
            bytes[8..12].copy_from_slice(&n.to_be_bytes());
            Account::new(bytes)
        };
        let rows: Vec<_> = (0..2_000)
            .map(|n| serde_json::json!({"address": account(n * 2), "name": "n", "source": "s", "date": "2026-01-01"}))
            .collect();
        let file = serde_json::json!({"name": "l", "kind": "sanctions", "as_of": "2026-01-01", "about": "a", "rows": rows});
        let list = List::parse(file.to_string().as_bytes()).expect("a list");
        assert!(list.filter.is_some());
        for n in 0..4_000 {
            assert_eq!(list.row(&account(n)).is_some(), n % 2 == 0, "{n}");
        }
    }

    #[test]
    fn bytes_that_are_no_list_are_refused() {
        let row =
            r#"{"address":"0x098b716b8aaf21512996dc57eb0615e2383e2f96","name":"n","source":"s","date":"d"}"#;
        let file = |rows: &str| {
            format!(r#"{{"name":"l","kind":"registry","as_of":"2026-01-01","about":"a","rows":[{rows}]}}"#)
        };
        assert!(List::parse(file(row).as_bytes()).is_ok());
        assert!(List::parse(file("").as_bytes()).is_ok());
        assert!(matches!(List::parse(file(&format!("{row},{row}")).as_bytes()), Err(BadList::Twice(_))));
        assert!(matches!(
            List::parse(file(&row.replace("0x098b", "0x098B")).as_bytes()),
            Err(BadList::Form(_))
        ));
        assert!(matches!(List::parse(b"\xff"), Err(BadList::Form(_))));
        let one = file(row);
        assert!(matches!(Lists::parse(&[one.as_bytes(), one.as_bytes()]), Err(BadList::SameName(_))));
    }

    #[test]
    fn an_imitation_of_a_well_known_address_is_found() {
        let lists = Lists::seed();
        let real: Account = "0xdAC17F958D2ee523a2206206994597C13D831ec7".parse().expect("USDT");
        let mut fake = *real.bytes();
        fake[9] ^= 0xff;
        let (_, row) = lists.imitated_by(&Account::new(fake)).expect("an imitation");
        assert_eq!(row.address, real);
        assert!(lists.imitated_by(&real).is_none());
    }

    #[test]
    fn of_several_imitated_addresses_the_first_is_told_and_of_its_rows_the_first_list_s() {
        let account = |middle: u8| {
            let mut bytes = [0x11; 20];
            bytes[8] = middle;
            Account::new(bytes)
        };
        let file = |name: &str, kind: &str, middles: &[u8]| {
            let rows: Vec<_> = middles
                .iter()
                .map(|middle| serde_json::json!({"address": account(*middle), "name": "n", "source": "s", "date": "2026-01-01"}))
                .collect();
            serde_json::json!({"name": name, "kind": kind, "as_of": "2026-01-01", "about": "a", "rows": rows})
                .to_string()
        };
        let files = [
            file("b", "registry", &[7, 3]),
            file("c", "registry", &[3, 9]),
            file("a", "registry", &[4]),
            file("0", "sanctions", &[1]),
        ];
        let bytes: Vec<_> = files.iter().map(String::as_bytes).collect();
        let lists = Lists::parse(&bytes).expect("lists");
        let told = |middle: u8| {
            let (list, row) = lists.imitated_by(&account(middle)).expect("an imitation");
            (list.reference().name.clone(), row.address)
        };
        assert_eq!(told(200), ("b".to_owned(), account(3)));
        assert_eq!(told(3), ("a".to_owned(), account(4)));
        let mut other = *account(3).bytes();
        other[19] ^= 1;
        assert!(lists.imitated_by(&Account::new(other)).is_none());
    }
}

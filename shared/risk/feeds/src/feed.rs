//! Which feeds are read, as the operator says, and what is known of each.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use scorpius_core::Key;
use scorpius_risk::intel::ListHead;
use scorpius_risk::lists::ListKind;
use serde::{Deserialize, Serialize};

/// Feeds of one platform.
pub const FEEDS_MAX: usize = 16;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 40;
/// Bytes of one answer of a feed, when the operator does not say more.
const BYTES_MAX: usize = 64_000_000;
/// Bytes that the operator may allow.
const BYTES_CEILING: usize = 200_000_000;
/// By how much a list may shrink from one reading to the next.
const SHRINK_PERCENT_MAX: u8 = 20;

/// In which form a feed comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// OFAC's `sdn.xml`: digital currency addresses of listed persons.
    OfacSdnXml,
    /// OFAC's `sdn.csv`, where the addresses are in the remarks.
    OfacSdnCsv,
    /// `config.json` of eth-phishing-detect: domains to block and domains to allow.
    PhishingDetect,
    /// JSON: texts, a map from a site to accounts (ScamSniffer's `combined.json`), or objects with named members.
    Json,
    /// CSV with a header line.
    Csv,
    /// A bundle of STIX 2.1 indicators.
    Stix21,
    /// JSON: prints of code, each with its part; of kind `bad_code` alone.
    CodePrints,
    /// The folder of a MISP feed, which has `manifest.json`.
    Misp,
}

/// One feed, as the operator names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// What verdicts call its list: 1 to 40 of `a-z`, `0-9` and `-`.
    pub name: String,
    /// What it says of those on it.
    pub kind: ListKind,
    /// Its form.
    pub format: Format,
    /// Where it is. Redirects are not followed.
    pub url: String,
    /// Who says so, as verdicts show it; the URL's host when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// A list with fewer rows is refused.
    #[serde(default = "one")]
    pub rows_min: u64,
    /// A list that lost more than this share of its rows since the last reading is refused.
    #[serde(default = "shrink_percent_max")]
    pub shrink_percent_max: u8,
    /// Bytes that are read of one answer.
    #[serde(default = "bytes_max")]
    pub bytes_max: usize,
}

fn one() -> u64 {
    1
}

fn shrink_percent_max() -> u8 {
    SHRINK_PERCENT_MAX
}

fn bytes_max() -> usize {
    BYTES_MAX
}

impl Feed {
    /// Who says what is on its list. A URL's path and query may hold a secret and are never shown.
    #[must_use]
    pub fn says(&self) -> String {
        self.source.clone().unwrap_or_else(|| {
            let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            host.rsplit_once('@').map_or(host, |(_, host)| host).to_owned()
        })
    }
}

/// Settings that name no feeds.
#[derive(Debug, thiserror::Error)]
pub enum BadFeeds {
    /// Not a JSON array of feeds.
    #[error("not a JSON array of feeds")]
    Form(#[from] serde_json::Error),
    /// Over the limit.
    #[error("more than {FEEDS_MAX} feeds")]
    TooMany,
    /// A name that is none, or is said twice.
    #[error("`{0}` is no name for a feed, or is said twice")]
    Name(String),
    /// Prints of code as another kind of list, or a list of code in another form.
    #[error("feed `{0}`: the form `code-prints` and the kind `bad_code` go together")]
    Kind(String),
    /// A number out of its range.
    #[error("feed `{feed}`: {what} is out of range")]
    Range {
        /// Which feed.
        feed: String,
        /// Which number.
        what: &'static str,
    },
}

/// Reads the operator's setting: a JSON array of `Feed`.
///
/// # Errors
/// `BadFeeds`.
pub fn feeds_of(text: &str) -> Result<Vec<Feed>, BadFeeds> {
    let feeds: Vec<Feed> = serde_json::from_str(text)?;
    if feeds.len() > FEEDS_MAX {
        return Err(BadFeeds::TooMany);
    }
    let mut names = BTreeSet::new();
    for feed in &feeds {
        let plain = (1..=NAME_BYTES_MAX).contains(&feed.name.len())
            && feed.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        // Each feed may have a list of what it allows beside the one of what it blocks.
        if !plain || feed.name.ends_with(ALLOWED) || !names.insert(feed.name.as_str()) {
            return Err(BadFeeds::Name(feed.name.chars().take(60).collect()));
        }
        let range = |what| BadFeeds::Range { feed: feed.name.clone(), what };
        if feed.shrink_percent_max > 100 {
            return Err(range("shrink_percent_max"));
        }
        if (feed.kind == ListKind::BadCode) != (feed.format == Format::CodePrints) {
            return Err(BadFeeds::Kind(feed.name.clone()));
        }
        if !(1..=BYTES_CEILING).contains(&feed.bytes_max) {
            return Err(range("bytes_max"));
        }
    }
    Ok(feeds)
}

/// How the list of what a feed allows is called, after the feed's own name.
pub(crate) const ALLOWED: &str = "-allowed";

/// What is known of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedState {
    /// The lists of its last good reading: what it says, and what it allows.
    pub lists: Vec<ListHead>,
    /// `ETag` of that reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Whether its maker says how old it is; otherwise it is as old as its reading.
    #[serde(default)]
    pub dated: bool,
    /// RFC 3339: the last good reading, also one that found nothing new.
    pub read_at: String,
    /// Why it is refused since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// How many refusals were told.
    #[serde(default)]
    pub told: u64,
}

/// Since when a feed is refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// In words.
    pub reason: String,
    /// RFC 3339.
    pub since: String,
}

/// Where the state of the feed `name` is.
#[must_use]
pub fn state_key(name: &str) -> Key {
    Key::new("intel#feeds", name)
}

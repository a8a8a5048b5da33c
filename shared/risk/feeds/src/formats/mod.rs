//! The forms that feeds come in.

mod code;
mod misp;
mod ofac;
mod phishing_detect;
mod plain;
mod stix;
#[cfg(test)]
mod tests;

use scorpius_core::UnixMillis;
use scorpius_risk::intel::{BadIndicator, Indicator, Listed, ROW_TEXT_BYTES_MAX, SNAPSHOT_ROWS_MAX};

pub(crate) use misp::{event as misp_event, manifest as misp_manifest};

use crate::feed::{Feed, Format};
use crate::judge::Refusal;

/// What a feed says.
#[derive(Debug, Default)]
pub struct Parsed {
    /// Its maker's date, `YYYY-MM-DD`.
    pub as_of: Option<String>,
    /// What it lists. A row without a date has an empty one.
    pub rows: Vec<Listed>,
    /// What it says is fine.
    pub allowed: Vec<Listed>,
    /// Entries that are in no form that is known.
    pub skipped: u64,
    /// How many entries it says it has, and how many were found.
    pub said_and_found: Option<(u64, u64)>,
}

/// What is said of one indicator.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) kind: Option<String>,
    /// `YYYY-MM-DD` and whatever follows.
    pub(crate) date: Option<String>,
    pub(crate) delisted: Option<String>,
}

impl Parsed {
    /// Sorted, and each indicator once: what is counted is what will be listed.
    pub(crate) fn settled(mut self) -> Self {
        for rows in [&mut self.rows, &mut self.allowed] {
            rows.sort_by(|one, two| one.indicator.cmp(&two.indicator));
            rows.dedup_by(|two, one| one.indicator == two.indicator);
        }
        self
    }

    fn take(
        &mut self,
        source: &str,
        indicator: Result<Indicator, BadIndicator>,
        about: About,
    ) -> Result<(), Refusal> {
        let Ok(indicator) = indicator else {
            self.skipped += 1;
            return Ok(());
        };
        if self.rows.len() + self.allowed.len() >= SNAPSHOT_ROWS_MAX {
            return Err(Refusal::TooMuch("more rows than a snapshot takes"));
        }
        self.rows.push(row(source, indicator, about));
        Ok(())
    }
}

fn row(source: &str, indicator: Indicator, about: About) -> Listed {
    Listed {
        indicator,
        name: text(&about.name),
        kind: about.kind.as_deref().map(text).filter(|kind| !kind.is_empty()),
        chains: None,
        source: text(source),
        date: about.date.as_deref().and_then(day).unwrap_or_default(),
        delisted: about.delisted.as_deref().and_then(day),
    }
}

/// A text of somebody else's, in one line and cut at its limit.
fn text(text: &str) -> String {
    let mut line = String::new();
    for c in text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if line.len() + c.len_utf8() > ROW_TEXT_BYTES_MAX {
            break;
        }
        line.push(c);
    }
    line
}

/// The day of a time or date that begins with `YYYY-MM-DD`.
fn day(text: &str) -> Option<String> {
    let day = text.get(..10)?;
    format!("{day}T00:00:00Z").parse::<UnixMillis>().is_ok().then(|| day.to_owned())
}

/// Reads a feed that is one document.
///
/// # Errors
/// When it is not of its form, or over a limit. MISP feeds are several documents, and not read here.
pub fn parse(feed: &Feed, body: &[u8]) -> Result<Parsed, Refusal> {
    let source = feed.says();
    match feed.format {
        Format::OfacSdnXml => ofac::xml(&source, body),
        Format::OfacSdnCsv => ofac::csv(&source, body),
        Format::PhishingDetect => phishing_detect::parse(&source, body),
        Format::Json => plain::json(&source, body),
        Format::Csv => plain::csv(&source, body),
        Format::CodePrints => code::json(&source, body),
        Format::Stix21 => stix::parse(&source, body),
        Format::Misp => Err(Refusal::Form("a MISP feed is a folder".to_owned())),
    }
}

//! Whether what a feed gave is believed.

use crate::feed::{Feed, FeedState};
use crate::formats::Parsed;

/// Of a hundred entries, this many may be unreadable.
const SKIPPED_PERCENT_MAX: u64 = 10;

/// Why a reading is not believed. The texts are shown to operators and name no secret.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The target may not be called, did not answer, or answered too much.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// Another answer than 200 or 304.
    #[error("answered with status {0}")]
    Status(u16),
    /// Not of the feed's form.
    #[error("not in its form: {0}")]
    Form(String),
    /// Over a limit.
    #[error("{0}")]
    TooMuch(&'static str),
    /// The feed says how much it has, and has another number.
    #[error("says that it has {said} entries and has {found}: cut short?")]
    CutShort {
        /// What it says.
        said: u64,
        /// What was found.
        found: u64,
    },
    /// Many entries are in no form that is known.
    #[error("{skipped} of {all} entries cannot be read")]
    Unreadable {
        /// These.
        skipped: u64,
        /// Of these.
        all: u64,
    },
    /// Fewer rows than the operator expects.
    #[error("{rows} rows where at least {min} are expected")]
    TooFew {
        /// Found.
        rows: u64,
        /// Expected.
        min: u64,
    },
    /// It lost many rows at once.
    #[error("shrank from {from} to {to} rows, which is more than {percent_max} percent")]
    Shrank {
        /// Rows of the last good list.
        from: u64,
        /// Rows now.
        to: u64,
        /// What the operator allows.
        percent_max: u8,
    },
    /// Its maker's date is before that of the last good list.
    #[error("is of {to}, and the last good list is of {from}")]
    Older {
        /// The last good list's.
        from: String,
        /// This one's.
        to: String,
    },
}

/// Compares what was read with what the feed is and was.
pub(crate) fn judge(feed: &Feed, before: Option<&FeedState>, parsed: &Parsed) -> Result<(), Refusal> {
    if let Some((said, found)) = parsed.said_and_found.filter(|(said, found)| said != found) {
        return Err(Refusal::CutShort { said, found });
    }
    let rows = parsed.rows.len() as u64;
    let all = rows + parsed.allowed.len() as u64 + parsed.skipped;
    if parsed.skipped * 100 > all * SKIPPED_PERCENT_MAX {
        return Err(Refusal::Unreadable { skipped: parsed.skipped, all });
    }
    if rows < feed.rows_min {
        return Err(Refusal::TooFew { rows, min: feed.rows_min });
    }
    let Some(before) = before else { return Ok(()) };
    for (list, to) in before.lists.iter().zip([rows, parsed.allowed.len() as u64]) {
        let lost = list.rows.saturating_sub(to);
        if lost * 100 > list.rows * u64::from(feed.shrink_percent_max) {
            return Err(Refusal::Shrank { from: list.rows, to, percent_max: feed.shrink_percent_max });
        }
    }
    let was = before.lists.first().filter(|_| before.dated).map(|list| list.as_of.as_str());
    match (was, parsed.as_of.as_deref()) {
        (Some(was), Some(is)) if is < was => Err(Refusal::Older { from: was.to_owned(), to: is.to_owned() }),
        _ => Ok(()),
    }
}

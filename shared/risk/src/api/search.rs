//! `POST /v1/search/threats`: a tenant's verdicts of a stretch of time, a bounded number of records at a time.
//!
//! A verdict's id is a UUIDv7, and a tenant's verdicts lie in the order of these ids: a stretch of time is a stretch of
//! the partition, and needs no index of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::id::is_id;
use scorpius_core::{TenantId, UnixMillis};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::problem::{INTERNAL, INVALID_REQUEST, Problem};
use scorpius_edge::{Kind, Request, Response, Thing};
use serde::{Deserialize, Serialize};

use super::documents::chain;
use super::{App, sha256};
use crate::address::ChainId;
use crate::engine::guard::Decision;
use crate::engine::rules::SignalId;
use crate::engine::verdict::{Level, Subject, Verdict};
use crate::verdicts::{Verdicts, made_at};

/// The longest stretch that one search may ask for: 366 days.
const RANGE_MS_MAX: u64 = 366 * 86_400_000;
/// Verdicts that are read for one page, whether or not they are what is looked for.
const READ_MAX: usize = 1_000;
/// Bytes of records that are read for one page: inputs of up to 64 KB lie beside verdicts.
const READ_BYTES_MAX: usize = 8_000_000;
/// Verdicts of one read of the store.
const STEP: usize = 100;
/// Names of each filter.
const NAMES_MAX: usize = 100;
/// An example of a search.
pub(super) const EXAMPLE: &str = r#"{"query": {"time_range": {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"}, "filters": {"level": "caution", "chains": ["ethereum"], "threat_types": ["unlimited_approval"]}}, "limit": 50}"#;

/// What is looked for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThreatSearch {
    /// When, and which.
    pub query: ThreatQuery,
    /// Verdicts of a page, 1 to 200; 50 unless said.
    #[serde(default)]
    pub limit: Option<usize>,
    /// `next_cursor` of the page before; the rest as in that search.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// When, and which.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThreatQuery {
    /// At most 366 days.
    pub time_range: TimeRange,
    /// All that is named must hold.
    #[serde(default)]
    pub filters: ThreatFilters,
}

/// A stretch of time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeRange {
    /// The first moment, inclusive, RFC 3339.
    pub start: String,
    /// The last moment, exclusive, RFC 3339.
    pub end: String,
}

/// Which verdicts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThreatFilters {
    /// Of a score.
    #[serde(default)]
    pub risk_score: Option<ScoreRange>,
    /// At least this level, in the order `safe`, `unknown`, `caution`, `danger`, `critical`.
    #[serde(default)]
    pub level: Option<Level>,
    /// On one of these chains, by name or as `eip155:1`.
    #[serde(default)]
    pub chains: Vec<String>,
    /// About one of these: `address`, `transaction`, `signature`, `domain`.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// With one of these signals, by id.
    #[serde(default)]
    pub threat_types: Vec<SignalId>,
}

/// Of a score.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreRange {
    /// At least this, 0 to 100.
    pub gte: u8,
}

/// A verdict that was looked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FoundVerdict {
    /// `vrd_…`.
    pub id: String,
    /// RFC 3339.
    pub created_at: String,
    /// What was judged.
    pub subject: Subject,
    /// 0 to 100.
    pub score: u8,
    /// What to think of it.
    pub level: Level,
    /// Its signals by id, by weight; without `prior`.
    pub signals: Vec<String>,
    /// What the guard of a wallet decided, if it was one's transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// How many verdicts were found, from this page on as far as was read.
#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ThreatCounts {
    /// All of them.
    pub found: usize,
    /// By level.
    pub by_level: BTreeMap<String, usize>,
    /// By signal; a verdict counts for each of its signals.
    pub by_signal: BTreeMap<String, usize>,
}

/// A page of what was found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FoundThreats {
    /// Newest first.
    pub results: Vec<FoundVerdict>,
    /// ThreatCounts over what was found from this page on, beyond its end too.
    pub aggregations: ThreatCounts,
    /// Verdicts that were read for it.
    pub read: usize,
    /// Whether all from this page on to the end of the time range was read: otherwise the counts are a part, and the next
    /// page goes on.
    pub complete: bool,
    /// How to go on.
    pub pagination: Pagination,
}

/// A search whose parts are of their form.
struct Search {
    stretch: Range<UnixMillis>,
    chains: Vec<ChainId>,
    filters: ThreatFilters,
}

impl Search {
    fn parse(query: ThreatQuery) -> Result<Self, Problem> {
        let moment = |pointer: &str, text: &str| {
            text.parse::<UnixMillis>()
                .map_err(|error| INVALID_REQUEST.because("not a moment").at(pointer, error))
        };
        let start = moment("/query/time_range/start", &query.time_range.start)?;
        let end = moment("/query/time_range/end", &query.time_range.end)?;
        if end <= start || end.since_ms(start) > RANGE_MS_MAX {
            return Err(INVALID_REQUEST
                .because("`time_range` is empty or too long")
                .at("/query/time_range/end", "after `start`, and at most 366 days"));
        }
        let filters = query.filters;
        let counts = [filters.chains.len(), filters.kinds.len(), filters.threat_types.len()];
        if counts.into_iter().any(|count| count > NAMES_MAX) {
            let most = format_args!("at most {NAMES_MAX} of each");
            return Err(INVALID_REQUEST.because("too many names in a filter").at("/query/filters", most));
        }
        if let Some(wrong) = filters.kinds.iter().position(|kind| !is_kind(kind)) {
            let pointer = format!("/query/filters/kinds/{wrong}");
            let known = "one of `address`, `transaction`, `signature` and `domain`";
            return Err(INVALID_REQUEST.because("not what verdicts are about").at(pointer, known));
        }
        let chains = filters.chains.iter().enumerate().map(|(index, text)| {
            let mut problem = chain(text);
            if let Err(problem) = &mut problem {
                problem
                    .errors
                    .iter_mut()
                    .for_each(|error| error.pointer = format!("/query/filters/chains/{index}"));
            }
            problem
        });
        let chains = chains.collect::<Result<_, _>>()?;
        Ok(Self { stretch: start..end, chains, filters })
    }

    fn wants(&self, verdict: &Verdict) -> bool {
        let ThreatFilters { risk_score, level, kinds, threat_types, .. } = &self.filters;
        let on = |chain: &ChainId| verdict.subject.chain() == Some(chain.to_string().as_str());
        let kind = verdict.subject.kind();
        let has = |id: &SignalId| verdict.signals.iter().any(|signal| signal.id == id.name());
        risk_score.is_none_or(|score| verdict.score >= score.gte)
            && level.is_none_or(|level| verdict.level >= level)
            && (self.chains.is_empty() || self.chains.iter().any(on))
            && (kinds.is_empty() || kinds.iter().any(|wanted| wanted == kind))
            && (threat_types.is_empty() || threat_types.iter().any(has))
    }
}

fn is_kind(text: &str) -> bool {
    matches!(text, "address" | "transaction" | "signature" | "domain")
}

pub(super) async fn search(app: &App, request: &Request) -> Result<Response, Problem> {
    let tenant = request.tenant()?;
    let asked: ThreatSearch = request.json()?;
    let limit = asked.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        let detail = "not a whole number from 1 to 200";
        return Err(INVALID_REQUEST.because("`limit` is a whole number from 1 to 200").at("/limit", detail));
    }
    let list = format!("search/threats/{}", sha256(format!("{:?}", asked.query).as_bytes()));
    let last = asked.cursor.as_deref().map(|text| {
        let place = cursor::open_text(&list, text).filter(|place| is_id("vrd", place));
        place.ok_or_else(|| {
            INVALID_REQUEST
                .because("the cursor does not belong to this search")
                .at("/cursor", "not from this search")
        })
    });
    let search = Search::parse(asked.query)?;
    let mut page = read(&app.verdicts, tenant, &search, last.transpose()?).await?;
    let more = page.found.len() > limit;
    let mut results = Vec::with_capacity(limit.min(page.found.len()));
    let next = match (more, page.complete) {
        (true, _) => page.found.get(limit - 1).map(|verdict| verdict.id.clone()),
        (false, true) => None,
        (false, false) => page.last,
    };
    page.found.truncate(limit);
    for verdict in page.found {
        if request.sees(Thing::new(Kind::Verdict, &verdict.id, tenant)).await? {
            results.push(found(verdict));
        }
    }
    let answer = FoundThreats {
        results,
        aggregations: page.counts,
        read: page.read,
        complete: page.complete,
        pagination: Pagination { next_cursor: next.map(|id| cursor::seal(&list, &id)) },
    };
    Ok(Response::json(StatusCode::OK, &answer))
}

struct Read {
    found: Vec<Verdict>,
    counts: ThreatCounts,
    read: usize,
    /// The last that was read.
    last: Option<String>,
    complete: bool,
}

async fn read(
    verdicts: &Verdicts,
    tenant: &TenantId,
    search: &Search,
    mut last: Option<String>,
) -> Result<Read, Problem> {
    let mut page =
        Read { found: Vec::new(), counts: ThreatCounts::default(), read: 0, last: None, complete: false };
    let mut bytes = 0;
    while page.read < READ_MAX && bytes < READ_BYTES_MAX {
        let step = STEP.min(READ_MAX - page.read);
        let some = verdicts.page(tenant, &search.stretch, last.as_deref(), step).await?;
        for (id, size, text) in some.verdicts {
            let verdict: Verdict = serde_json::from_str(&text).map_err(|error| INTERNAL.because(error))?;
            (page.read, bytes) = (page.read + 1, bytes + size);
            if search.wants(&verdict) {
                page.counts.add(&verdict);
                page.found.push(verdict);
            }
            last = Some(id);
        }
        if some.is_end {
            page.complete = true;
            break;
        }
    }
    page.last = last;
    Ok(page)
}

impl ThreatCounts {
    fn add(&mut self, verdict: &Verdict) {
        self.found += 1;
        *self.by_level.entry(verdict.level.name().to_owned()).or_default() += 1;
        let signals: BTreeSet<_> = signals(verdict).collect();
        for signal in signals {
            *self.by_signal.entry(signal.to_owned()).or_default() += 1;
        }
    }
}

fn signals(verdict: &Verdict) -> impl Iterator<Item = &str> {
    verdict.signals.iter().map(|signal| signal.id.as_str()).filter(|id| *id != "prior")
}

fn found(verdict: Verdict) -> FoundVerdict {
    FoundVerdict {
        created_at: made_at(&verdict.id).to_string(),
        signals: signals(&verdict).map(str::to_owned).collect(),
        id: verdict.id,
        subject: verdict.subject,
        score: verdict.score,
        level: verdict.level,
        decision: verdict.decision,
    }
}

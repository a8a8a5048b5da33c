//! Reports for reviewers: counts for each control, and proofs of some of what was counted.

use std::collections::BTreeSet;

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::{PortError, UnixMillis};
use scorpius_edge::{Problem, Request, Response};
use serde::{Deserialize, Serialize};

use super::events::{bad, range};
use super::{App, sealed};
use crate::bundle::{BUNDLE_EVENTS_MAX, Bundle};
use crate::compliance::{ComplianceReport, Framework, REPORT_FORMAT, Tally, frameworks};
use crate::log::LogKind;
use crate::proofs::States;
use crate::search::Search;

/// Entries that are read for a report.
const READ_MAX: usize = 20_000;
/// Hits of one page of the search.
const PAGE: usize = 1_000;

/// All frameworks.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ControlsDocument {
    /// In the order of their ids.
    pub frameworks: Vec<Framework>,
}

/// For which framework, and of which time.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportRequest {
    /// One of `GET /v1/audit/controls`.
    pub framework: String,
    /// The first moment, RFC 3339 in UTC, inclusive.
    pub from: String,
    /// The last moment, RFC 3339 in UTC, exclusive; at most 366 days later.
    pub to: String,
}

pub(super) fn controls() -> Response {
    Response::json(StatusCode::OK, &ControlsDocument { frameworks: frameworks().to_vec() })
}

/// Reads only: asked again it answers from what the ledger has by then.
pub(super) async fn make(app: &App, request: &Request) -> Result<Response, Problem> {
    let tenant = request.tenant()?;
    let ReportRequest { framework, from, to } = request.json()?;
    let framework = frameworks()
        .iter()
        .find(|known| known.id == framework)
        .ok_or_else(|| bad("framework", "is not one that `GET /v1/audit/controls` names"))?;
    let (from, until) = range(moment("from", &from)?, moment("to", &to)?)?;
    let search = Search { from, until, ..Search::default() };
    let mut states = States::new(&app.proofs.store, tenant);
    let mut tally = Tally::new(framework, BUNDLE_EVENTS_MAX);
    let (mut read, mut last) = (0, None);
    loop {
        let found = search.page(&mut states, None, PAGE, last.as_deref()).await?;
        read += found.read;
        for hit in &found.hits {
            tally.count(&hit.entry, states.of(hit.kind).await?.covers(hit.index));
        }
        last = found.last;
        if last.is_none() || read >= READ_MAX {
            break;
        }
    }
    // What is kept no longer was not counted.
    let mut whole = true;
    for kind in LogKind::BOTH {
        let minimum = &states.of(kind).await?.minimum;
        whole &= minimum.index == 0 || from.0 > minimum.until_ms;
    }
    let controls = tally.controls();
    let evidence: BTreeSet<&str> =
        controls.iter().flat_map(|control| &control.evidence).map(String::as_str).collect();
    let bundle = bundle(app, request, &evidence.into_iter().collect::<Vec<_>>()).await?;
    let report = ComplianceReport {
        format: REPORT_FORMAT.to_owned(),
        framework: framework.id.clone(),
        edition: framework.edition.clone(),
        tenant: tenant.to_string(),
        from: from.to_string(),
        to: until.to_string(),
        complete: last.is_none() && whole,
        read: read as u64,
        controls,
        bundle,
    };
    Ok(Response::json(StatusCode::OK, &report)
        .with_header("content-disposition", "attachment; filename=\"report.json\""))
}

async fn bundle(app: &App, request: &Request, ids: &[&str]) -> Result<Option<Bundle>, Problem> {
    let tenant = request.tenant()?;
    if ids.is_empty() {
        return Ok(None);
    }
    let proved = app.proofs.of_events(tenant, ids).await?;
    // Covered when it was counted: a checkpoint never goes back.
    let proved: Option<Vec<_>> = proved.into_iter().collect();
    let proved = proved.ok_or_else(|| PortError::new("ledger", "a covered event has no proof"))?;
    Ok(Some(sealed(app, tenant, proved).await?))
}

fn moment(name: &str, text: &str) -> Result<UnixMillis, Problem> {
    text.parse().map_err(|_| bad(name, "is no RFC 3339 time in UTC, such as `2026-11-21T00:00:00Z`"))
}

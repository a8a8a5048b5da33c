//! What there is to show of a scan: its report, and the lines of its findings.

use scorpius_core::PortError;

use super::App;
use super::problems::ShowError;
use crate::compiled::Lines;
use crate::engine::Report;
use crate::scans::{Input, ResultSummary, ScanRecord, Status};
use crate::source::SourceReport;

/// A report of either engine.
pub(super) enum Shown {
    Bytecode(Box<Report>),
    Solidity(Box<SourceReport>),
}

impl Shown {
    /// The fingerprints of its findings.
    pub(super) fn fingerprints(&self) -> Vec<&str> {
        match self {
            Self::Bytecode(report) => report.findings.iter().map(|it| it.fingerprint.as_str()).collect(),
            Self::Solidity(report) => report.findings.iter().map(|it| it.fingerprint.as_str()).collect(),
        }
    }
}

async fn shown(app: &App, input: Input, result: &ResultSummary) -> Result<Shown, PortError> {
    Ok(match input {
        Input::Bytecode => Shown::Bytecode(Box::new(app.scans.report(result).await?)),
        Input::Solidity => Shown::Solidity(Box::new(app.scans.report(result).await?)),
    })
}

/// A report; of findings in bytecode their lines too, where the scan has them. The report itself, which other scans of the code
/// may share, has none.
pub(super) async fn shown_with_lines(
    app: &App,
    scan: &ScanRecord,
    result: &ResultSummary,
) -> Result<Shown, PortError> {
    let mut report = shown(app, scan.input, result).await?;
    mark(app, scan, &mut report).await?;
    Ok(report)
}

async fn mark(app: &App, scan: &ScanRecord, report: &mut Shown) -> Result<(), PortError> {
    if let Shown::Bytecode(report) = report
        && let Some(lines) = lines_of(app, scan).await?
    {
        lines.mark(report);
    }
    Ok(())
}

/// Which lines the scan's code is made of, if its compiler's output was handed in.
pub(super) async fn lines_of(app: &App, scan: &ScanRecord) -> Result<Option<Lines>, PortError> {
    match &scan.compiled {
        Some(compiled) => app.scans.lines(compiled).await.map(Some),
        None => Ok(None),
    }
}

/// The report of a completed scan, with lines where the scan has them.
pub(super) async fn report_with_lines(app: &App, scan: &ScanRecord) -> Result<Shown, ShowError> {
    let mut report = report_of(app, scan).await?;
    mark(app, scan, &mut report).await?;
    Ok(report)
}

/// The report of a completed scan, without lines.
pub(super) async fn report_of(app: &App, scan: &ScanRecord) -> Result<Shown, ShowError> {
    match (scan.status, &scan.result) {
        (Status::Completed, Some(result)) => Ok(shown(app, scan.input, result).await?),
        (Status::Failed | Status::Cancelled, _) => Err(ShowError::Failed),
        (Status::Queued | Status::Completed, _) => Err(ShowError::NotFinished),
    }
}

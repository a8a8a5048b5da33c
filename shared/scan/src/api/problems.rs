//! What is wrong with requests about scans.

use http::StatusCode;
use scorpius_core::{PortError, StoreError};
use scorpius_edge::problem::NOT_FOUND;
use scorpius_edge::{Problem, ProblemType};

/// The scan has no report yet.
pub const SCAN_NOT_FINISHED: ProblemType =
    ProblemType { code: "scan-not-finished", title: "Scan not finished", status: StatusCode::CONFLICT };
/// The scan will have no report.
pub const SCAN_FAILED: ProblemType =
    ProblemType { code: "scan-failed", title: "Scan failed", status: StatusCode::CONFLICT };
/// The scan is over, or was called off already.
pub const SCAN_FINISHED: ProblemType =
    ProblemType { code: "scan-finished", title: "Scan finished", status: StatusCode::CONFLICT };
/// The operator has no node of the chain.
pub const NO_ENDPOINT: ProblemType = ProblemType {
    code: "no-endpoint",
    title: "No endpoint of this chain is configured",
    status: StatusCode::CONFLICT,
};
/// No node of the chain answered.
pub const CHAIN_UNREACHABLE: ProblemType = ProblemType {
    code: "chain-unreachable",
    title: "The chain could not be read",
    status: StatusCode::SERVICE_UNAVAILABLE,
};
/// Nothing is at the address.
pub const NO_CONTRACT: ProblemType = ProblemType {
    code: "no-contract",
    title: "No contract is at this address",
    status: StatusCode::UNPROCESSABLE_ENTITY,
};
/// The compiler's output is of other code.
pub const OTHER_CODE: ProblemType = ProblemType {
    code: "other-code",
    title: "The compiler's output is of other code",
    status: StatusCode::UNPROCESSABLE_ENTITY,
};
/// The tenant has as many schedules as it may have.
pub const TOO_MANY_SCHEDULES: ProblemType = ProblemType {
    code: "too-many-scan-schedules",
    title: "Too many scan schedules",
    status: StatusCode::CONFLICT,
};

/// Why there is no report to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShowError {
    #[error("there is no scan `{id}`")]
    Unknown { id: String },
    #[error("the scan is still queued; ask again in a moment")]
    NotFinished,
    #[error("the scan failed or was called off, so there is no report")]
    Failed,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Port(#[from] PortError),
}

pub(super) fn problem(error: ShowError) -> Problem {
    match error {
        ShowError::Unknown { .. } => NOT_FOUND.because(error),
        ShowError::NotFinished => SCAN_NOT_FINISHED.because(error).retry_after_s(1),
        ShowError::Failed => SCAN_FAILED.because(error),
        ShowError::Store(error) => error.into(),
        ShowError::Port(error) => error.into(),
    }
}

//! Solidity as it is handed in, and what a scan of it says. The engine that reads it is a crate of its own
//! (`scorpius-source`), so that doors and command lines that never read Solidity do not link a parser.

mod archive;
mod project;
mod report;

pub use archive::{ARCHIVE_BYTES_MAX, NotAnArchive};
pub use project::{FILE_BYTES_MAX, FILES_MAX, NotAProject, Project, Remapping};
pub use report::{
    ENGINE, Place, Related, SOURCE_FINDINGS_MAX, SourceContract, SourceFile, SourceFinding, SourceGap,
    SourceReport,
};

use std::sync::Arc;

use crate::engine::{Budget, Run};

/// The engine: files in, report out; `run` is told how far it is, and may stop it.
pub type SourceEngine = fn(project: &Project, budget: Budget, run: &Arc<Run>) -> SourceReport;

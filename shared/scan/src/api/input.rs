//! What is handed in to be scanned.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use scorpius_edge::Problem;
use scorpius_edge::problem::{INVALID_REQUEST, TOO_LARGE};

use super::NewScan;
use crate::bytecode::{Bytecode, NotBytecode};
use crate::source::{NotAProject, NotAnArchive, Project};

/// What was handed in, parsed.
pub(super) enum Given {
    Bytecode(Bytecode),
    Solidity(Project),
}

pub(super) fn given(asked: &NewScan) -> Result<Given, Problem> {
    if asked.remappings.is_some() && asked.files.is_none() {
        return Err(INVALID_REQUEST
            .because("`remappings` goes with `files`")
            .at("/remappings", "without `files`"));
    }
    let said = (&asked.bytecode, &asked.files, &asked.standard_json, &asked.archive);
    let project = match said {
        (Some(code), None, None, None) => return code.parse().map(Given::Bytecode).map_err(bad_bytecode),
        (None, Some(files), None, None) => {
            let remappings = asked.remappings.clone().unwrap_or_default();
            Project::new(files.clone(), remappings).map_err(|error| bad_project(error, "/files"))
        }
        (None, None, Some(input), None) => {
            Project::from_standard_input(input).map_err(|error| bad_project(error, "/standard_json"))
        }
        (None, None, None, Some(archive)) => {
            let bytes = BASE64.decode(archive).map_err(|_| {
                INVALID_REQUEST.because("`archive` is not Base64").at("/archive", "not Base64")
            })?;
            Project::from_zip(&bytes).map_err(bad_archive)
        }
        _ => {
            let text = "one of `bytecode`, `files`, `standard_json` and `archive` is to be said";
            return Err(INVALID_REQUEST.because(text).at("", text));
        }
    };
    project.map(Given::Solidity)
}

fn bad_project(error: NotAProject, at: &'static str) -> Problem {
    let kind = match error {
        NotAProject::TooManyFiles | NotAProject::FileTooLong(_) | NotAProject::TooLong => &TOO_LARGE,
        NotAProject::Empty
        | NotAProject::BadPath(_)
        | NotAProject::Twice(_)
        | NotAProject::BadRemapping(_)
        | NotAProject::NotStandardInput(_)
        | NotAProject::NoContent(_) => &INVALID_REQUEST,
    };
    kind.because(&error).at(at, &error)
}

fn bad_archive(error: NotAnArchive) -> Problem {
    match error {
        NotAnArchive::TooMuch => TOO_LARGE.because(&error).at("/archive", &error),
        NotAnArchive::Broken(_) | NotAnArchive::NotText(_) => {
            INVALID_REQUEST.because(&error).at("/archive", &error)
        }
        NotAnArchive::NotAProject(error) => bad_project(error, "/archive"),
    }
}

fn bad_bytecode(error: NotBytecode) -> Problem {
    let kind = match error {
        NotBytecode::Empty | NotBytecode::NotHex => &INVALID_REQUEST,
        NotBytecode::TooLong => &TOO_LARGE,
    };
    kind.because(format_args!("`bytecode`: {error}")).at("/bytecode", error)
}

//! What is handed in to be scanned.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use scorpius_core::Chain;
use scorpius_edge::Problem;
use scorpius_edge::problem::{INVALID_REQUEST, TOO_LARGE};

use super::{CHAIN_UNREACHABLE, NO_CONTRACT, NO_ENDPOINT, NewScan, OTHER_CODE};
use crate::bytecode::{Bytecode, NotBytecode};
use crate::compiled::{Lines, NotCompiled};
use crate::deployed::{DeployedAt, NoCode};
use crate::source::{NotAProject, NotAnArchive, Project};

/// What was handed in, parsed.
pub(super) enum Given {
    Bytecode(Bytecode),
    Solidity(Project),
}

pub(super) async fn given(
    asked: &NewScan,
    chain: Option<&dyn Chain>,
) -> Result<(Given, Option<DeployedAt>), Problem> {
    if asked.remappings.is_some() && asked.files.is_none() {
        return Err(INVALID_REQUEST
            .because("`remappings` goes with `files`")
            .at("/remappings", "without `files`"));
    }
    let is_code = asked.bytecode.is_some() || asked.deployed.is_some();
    if asked.compiled.is_some() && !is_code {
        return Err(INVALID_REQUEST
            .because("`compiled` goes with `bytecode` or `deployed`")
            .at("/compiled", "without `bytecode` or `deployed`"));
    }
    let said = (&asked.bytecode, &asked.deployed, &asked.files, &asked.standard_json, &asked.archive);
    let project = match said {
        (Some(code), None, None, None, None) => {
            let code = code.parse().map_err(bad_bytecode)?;
            return Ok((Given::Bytecode(code), None));
        }
        (None, Some(deployed), None, None, None) => {
            let (code, at) = deployed.read(chain).await.map_err(no_code)?;
            return Ok((Given::Bytecode(code), Some(at)));
        }
        (None, None, Some(files), None, None) => {
            let remappings = asked.remappings.clone().unwrap_or_default();
            Project::new(files.clone(), remappings).map_err(|error| bad_project(error, "/files"))
        }
        (None, None, None, Some(input), None) => {
            Project::from_standard_input(input).map_err(|error| bad_project(error, "/standard_json"))
        }
        (None, None, None, None, Some(archive)) => {
            let bytes = BASE64.decode(archive).map_err(|_| {
                INVALID_REQUEST.because("`archive` is not Base64").at("/archive", "not Base64")
            })?;
            Project::from_zip(&bytes).map_err(bad_archive)
        }
        _ => {
            let text = "one of `bytecode`, `deployed`, `files`, `standard_json` and `archive` is to be said";
            return Err(INVALID_REQUEST.because(text).at("", text));
        }
    };
    project.map(|project| (Given::Solidity(project), None))
}

/// Which lines the code is made of, if the compiler's output came along.
pub(super) fn lines(asked: &NewScan, given: &Given) -> Result<Option<Lines>, Problem> {
    match (&asked.compiled, given) {
        (Some(compiled), Given::Bytecode(code)) => {
            compiled.lines(code.as_bytes()).map(Some).map_err(not_compiled)
        }
        (Some(_), Given::Solidity(_)) | (None, _) => Ok(None),
    }
}

fn not_compiled(error: NotCompiled) -> Problem {
    let (kind, at) = match &error {
        NotCompiled::TooMuch(_) => (&TOO_LARGE, "/compiled"),
        NotCompiled::NoMatch => (&OTHER_CODE, "/compiled/output"),
        NotCompiled::UnknownContract(_) | NotCompiled::OtherCode { .. } => {
            (&OTHER_CODE, "/compiled/contract")
        }
        NotCompiled::Several(_) => (&INVALID_REQUEST, "/compiled/contract"),
        NotCompiled::BadCode { .. }
        | NotCompiled::BadMap { .. }
        | NotCompiled::NoMap(_)
        | NotCompiled::BadMetadata(_) => (&INVALID_REQUEST, "/compiled/output"),
        NotCompiled::NoText(_) | NotCompiled::OtherText(_) | NotCompiled::BadPath(_) => {
            (&INVALID_REQUEST, "/compiled/sources")
        }
    };
    kind.because(&error).at(at, &error)
}

pub(super) fn no_code(error: NoCode) -> Problem {
    match &error {
        NoCode::BadChain(_) => INVALID_REQUEST.because(&error).at("/deployed/chain", &error),
        NoCode::BadAddress => INVALID_REQUEST.because(&error).at("/deployed/address", &error),
        NoCode::NoNode(_) => NO_ENDPOINT.because(&error).at("/deployed/chain", &error),
        NoCode::Unreachable(_) => CHAIN_UNREACHABLE.because(error),
        NoCode::Empty(_) => NO_CONTRACT.because(&error).at("/deployed/address", &error),
        NoCode::Code(NotBytecode::TooLong) => TOO_LARGE.because(&error).at("/deployed/address", &error),
        NoCode::Code(_) => INVALID_REQUEST.because(&error).at("/deployed/address", &error),
    }
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

pub(super) fn bad_bytecode(error: NotBytecode) -> Problem {
    let kind = match error {
        NotBytecode::Empty | NotBytecode::NotHex => &INVALID_REQUEST,
        NotBytecode::TooLong => &TOO_LARGE,
    };
    kind.because(format_args!("`bytecode`: {error}")).at("/bytecode", error)
}

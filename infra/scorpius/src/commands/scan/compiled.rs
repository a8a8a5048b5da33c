//! What a compiler said of the code: its output on disk.

use std::error::Error;
use std::io::Read;
use std::path::Path;

use scorpius_scan::compiled::{
    CalledFrom, Compiled, CompiledSources, CompilerInput, CompilerOutput, Lines, Origin,
};
use scorpius_scan::source::Place;
use serde::Deserialize;

use crate::terminal::tame;

/// Bytes of a file of the compiler's. Those of large projects have some ten megabytes.
const JSON_BYTES_MAX: u64 = 256 << 20;

/// What Hardhat and Foundry keep of a run of the compiler.
#[derive(Deserialize)]
struct BuildInfo {
    input: Option<CompilerInput>,
    output: Option<CompilerOutput>,
}

/// Which lines `code` is made of: from the compiler's output, or a file that has its input and output, and the sources.
pub(super) fn lines(
    output: &Path,
    sources: Option<&Path>,
    contract: Option<&String>,
    code: &[u8],
) -> Result<Lines, Box<dyn Error>> {
    let bytes = read(output)?;
    let info: BuildInfo = parsed(output, &bytes)?;
    let sources = match (sources, info.input) {
        (Some(path), _) => parsed(path, &read(path)?)?,
        (None, Some(input)) => CompiledSources::Input(input),
        (None, None) => {
            return Err("`--sources` is to name the standard JSON input that was compiled".into());
        }
    };
    let output = match info.output {
        Some(output) => output,
        None => parsed(output, &bytes)?,
    };
    Ok(Compiled { output, sources, contract: contract.cloned() }.lines(code)?)
}

/// For people: where that is.
pub(super) fn explain(origin: &Origin) -> String {
    match origin {
        Origin::Source { place, excerpt } => shown("at", place, excerpt),
        Origin::Compiler => "  in code that the compiler adds".to_owned(),
    }
}

/// For people: where code that nobody wrote is called.
pub(super) fn explain_caller(caller: &CalledFrom) -> String {
    shown("called from", &caller.place, &caller.excerpt)
}

fn shown(how: &str, place: &Place, excerpt: &str) -> String {
    tame(&format!("  {how} {}:{}:{}: {excerpt}", place.path, place.line, place.column))
}

fn read(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let file = std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut bytes = Vec::new();
    file.take(JSON_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > JSON_BYTES_MAX {
        true => Err(format!("{} has more than {JSON_BYTES_MAX} bytes", path.display()).into()),
        false => Ok(bytes),
    }
}

fn parsed<T: for<'json> Deserialize<'json>>(path: &Path, bytes: &[u8]) -> Result<T, Box<dyn Error>> {
    serde_json::from_slice(bytes).map_err(|error| format!("{}: {error}", path.display()).into())
}

#[cfg(test)]
mod tests {
    use scorpius_scan::source::Place;

    use super::*;

    const CODE: [u8; 2] = [0x33, 0xff];
    const OUTPUT: &str = r#"{"contracts": {"A.sol": {"A": {"evm": {"deployedBytecode": {"object": "33ff",
        "sourceMap": "0:8:0:-;9:1"}}}}}, "sources": {"A.sol": {"id": 0}}}"#;
    const INPUT: &str = r#"{"language": "Solidity", "sources": {"A.sol": {"content": "contract A {}"}}}"#;

    #[test]
    fn an_output_is_read_with_its_input_or_together_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let (output, input) = (put("output.json", OUTPUT), put("input.json", INPUT));
        let texts = put("texts.json", r#"{"A.sol": "contract A {}"}"#);
        let both = put("both.json", &format!(r#"{{"id": "1", "input": {INPUT}, "output": {OUTPUT}}}"#));
        for (output, sources) in [(&output, Some(&input)), (&output, Some(&texts)), (&both, None)] {
            let lines = lines(output, sources.map(|path| path.as_path()), None, &CODE).expect("lines");
            let place = |column, end_column| Place {
                path: "A.sol".to_owned(),
                line: 1,
                column,
                end_line: 1,
                end_column,
            };
            assert_eq!((lines.place(0), lines.place(1)), (Some(place(1, 9)), Some(place(10, 11))));
            let said = lines.at(1).map(|origin| explain(&origin));
            assert_eq!(said.as_deref(), Some("  at A.sol:1:10: contract A {}"));
        }
        assert!(lines(&output, None, None, &CODE).is_err());
        assert!(lines(&both, None, Some(&"A.sol:B".to_owned()), &CODE).is_err());
        assert!(lines(&put("none.json", "["), None, None, &CODE).is_err());
    }
}

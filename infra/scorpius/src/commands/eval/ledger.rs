//! `scorpius eval ledger`: what other implementations made, accept or refuse, run against this one.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use scorpius_ledger::conformance::{self, Tally};

use super::super::{Done, Verdict};
use crate::terminal::Terminal;

/// Bytes of a file of vectors.
const BYTES_MAX: u64 = 64 << 20;

/// Run vectors of a folder: `rfc6962-probes.json`, `rfc6962.json`, `tlog.json`, `tlog-tiles-paths.json`, `qldb.json` and
/// `ion-hash.json`, as far as they are there. Exit code 1: something does not agree.
#[derive(Args)]
pub(super) struct EvalLedger {
    /// The folder.
    folder: PathBuf,
}

type Vectors = Result<Vec<Tally>, Box<dyn std::error::Error>>;
/// Runs the vectors of one file.
type Run = fn(&str) -> Vectors;

impl EvalLedger {
    pub(super) fn run(self) -> Done {
        let kinds: [(&str, Run); 6] = [
            ("rfc6962-probes.json", |json| Ok(conformance::probes(json)?.tallies.into())),
            ("rfc6962.json", |json| Ok(conformance::rfc_6962(json)?)),
            ("tlog.json", |json| Ok(conformance::log(json)?)),
            ("tlog-tiles-paths.json", |json| Ok(conformance::paths(json)?)),
            ("qldb.json", |json| {
                Ok(scorpius_qldb::conformance::block(json)?.into_iter().map(tally).collect())
            }),
            ("ion-hash.json", |json| Ok(vec![tally(scorpius_qldb::conformance::ion_hashes(json)?)])),
        ];
        let terminal = Terminal::default();
        let (mut right, mut wrong, mut files) = (0, 0, 0);
        for (name, run) in kinds {
            let Some(json) = read(&self.folder.join(name))? else {
                terminal.note(&format!("{name}: not there"));
                continue;
            };
            files += 1;
            for Tally { what, right: agree, wrong: others } in
                run(&json).map_err(|error| format!("{name}: {error}"))?
            {
                terminal.line(format!("{what}: {agree} of {} agree", agree + others.len()));
                others.iter().for_each(|case| terminal.bad(&format!("{what}: {case}")));
                (right, wrong) = (right + agree, wrong + others.len());
            }
        }
        if files == 0 {
            return Err(format!("{}: no file of vectors in it", self.folder.display()).into());
        }
        match wrong {
            0 => terminal.good(&format!("all {right} cases of {files} files agree")),
            _ => terminal.bad(&format!("{wrong} of {} cases do not agree", right + wrong)),
        }
        Ok(if wrong == 0 { Verdict::Fine } else { Verdict::NotFine })
    }
}

fn tally((what, right, wrong): scorpius_qldb::conformance::Tally) -> Tally {
    Tally { what, right, wrong }
}

fn read(path: &Path) -> Result<Option<String>, Box<dyn std::error::Error>> {
    let size = match fs::metadata(path) {
        Ok(file) => file.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", path.display()).into()),
    };
    if size > BYTES_MAX {
        return Err(format!("{}: larger than vectors are", path.display()).into());
    }
    Ok(Some(fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?))
}

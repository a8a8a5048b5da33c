//! An export's folder: which files there should be, which there are, and what is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ion_rs::Element;
use sha2::{Digest, Sha256};

use crate::block::{Block, NotABlock};
use crate::check::{Checked, Contents, Fault};
use crate::depth;
use crate::hash::Hash;

/// Files that are looked at.
const FILES_MAX: usize = 1_000_000;
/// Folders in folders: S3 keys have dates in them.
const FOLDERS_DEEP_MAX: usize = 16;
/// Bytes of one data object. QLDB began a new one far earlier.
const OBJECT_BYTES_MAX: u64 = 1 << 30;
/// Bytes of a manifest.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;
/// Faults that are kept with their words; others are counted.
const FAULTS_KEPT: usize = 100;

/// How a data object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Ion, text or binary: everything can be checked.
    Ion,
    /// JSON that Ion was converted to: types are lost, so that contents cannot be checked.
    Json,
}

/// One data object of an export: `<strand>.<first>-<last>.ion` or `.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Where it is.
    pub path: PathBuf,
    /// Its name, without folders.
    pub name: String,
    /// The strand that it is of.
    pub strand: String,
    /// The first block that it should have.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// How it is written.
    pub format: Format,
}

/// An export cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file cannot be read.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// More than is read.
    #[error("{}: more than {FILES_MAX} files, or folders nested deeper than {FOLDERS_DEEP_MAX}", .0.display())]
    TooMany(PathBuf),
    /// Larger than is read.
    #[error("{}: larger than an export's files are", .0.display())]
    TooLarge(PathBuf),
    /// Neither a manifest nor a data object.
    #[error("{}: no file of an export of QLDB's journal in it", .0.display())]
    Nothing(PathBuf),
    /// A manifest that lists nothing.
    #[error("{path}: not a manifest: {why}", path = path.display())]
    Manifest {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Blocks of more than one journal.
    #[error("blocks of the strands `{0}` and `{1}`: an export is of one")]
    Strands(String, String),
    /// Whoever was shown a block could not go on.
    #[error("{0}")]
    Visitor(String),
}

/// What is in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// Data objects in the order of their blocks.
    pub objects: Vec<Object>,
    /// Completed manifests there are.
    pub manifests: usize,
    /// Names that a manifest lists and that are not there.
    pub missing: Vec<String>,
    /// Data objects that no manifest lists.
    pub unlisted: Vec<String>,
}

/// What came of all blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The journal's strand.
    pub strand: String,
    /// Blocks that were read.
    pub blocks: u64,
    /// The first one's place.
    pub first: Option<u64>,
    /// The last one's place.
    pub last: Option<u64>,
    /// The last one's hash.
    pub tip: Hash,
    /// Blocks read from JSON, whose contents could not be checked.
    pub json_blocks: u64,
    /// What was compared of contents.
    pub contents: Contents,
    /// What is wrong: object, block, words. At most 100.
    pub faults: Vec<(String, Option<u64>, String)>,
    /// How many things are wrong.
    pub faults_count: u64,
}

impl Report {
    fn fault(&mut self, object: &str, block: Option<u64>, what: impl ToString) {
        self.faults_count += 1;
        if self.faults.len() < FAULTS_KEPT {
            self.faults.push((object.to_owned(), block, what.to_string()));
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.faults_count == 0
    }
}

impl Export {
    /// Looks at a folder that was copied from S3, whatever its folders are.
    ///
    /// # Errors
    /// `ExportError`.
    pub fn open(folder: &Path) -> Result<Self, ExportError> {
        let mut files = Vec::new();
        collect(folder, 0, &mut files)?;
        let mut objects = BTreeMap::new();
        let (mut export, mut listed) = (Self::default(), BTreeSet::new());
        for path in files {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name.ends_with(".completed.manifest") {
                export.manifests += 1;
                listed.extend(keys_of(&path)?);
            } else if let Some(object) = object_of(&path, &name) {
                objects.insert(name, object);
            }
        }
        if objects.is_empty() && export.manifests == 0 {
            return Err(ExportError::Nothing(folder.to_owned()));
        }
        export.missing = listed.iter().filter(|name| !objects.contains_key(*name)).cloned().collect();
        if export.manifests > 0 {
            export.unlisted = objects.keys().filter(|name| !listed.contains(*name)).cloned().collect();
        }
        export.objects = objects.into_values().collect();
        export.objects.sort_by(|a, b| (a.first, a.last, &a.name).cmp(&(b.first, b.last, &b.name)));
        if let [first, rest @ ..] = export.objects.as_slice()
            && let Some(other) = rest.iter().find(|other| other.strand != first.strand)
        {
            return Err(ExportError::Strands(first.strand.clone(), other.strand.clone()));
        }
        Ok(export)
    }

    /// Blocks that the names of the objects promise.
    #[must_use]
    pub fn promised(&self) -> u64 {
        self.objects.iter().map(|object| (object.last - object.first).saturating_add(1)).sum()
    }

    /// Reads and checks every block in order, and shows those that can be read to `visit`.
    ///
    /// # Errors
    /// When a file cannot be read; what is wrong with what was read is in the report.
    pub fn walk(&self, visit: &mut Visitor<'_>) -> Result<Report, ExportError> {
        let mut report = Report::default();
        for name in &self.missing {
            report.fault(name, None, "the manifest lists it, and it is not there");
        }
        let mut before: Option<(u64, Hash)> = None;
        for object in &self.objects {
            let bytes = read(&object.path, OBJECT_BYTES_MAX)?;
            let sha256 = hex::encode(Sha256::digest(&bytes));
            let mut expected = object.first;
            let mut each = |read: Result<(Block, Option<&Element>), NotABlock>,
                            report: &mut Report|
             -> Result<bool, ExportError> {
                let (block, ion) = match read {
                    Ok(read) => read,
                    Err(error) => {
                        report.fault(&object.name, Some(expected), error);
                        return Ok(false);
                    }
                };
                if block.strand != object.strand {
                    report.fault(
                        &object.name,
                        Some(block.sequence_no),
                        "it is of another strand than its object",
                    );
                }
                if block.sequence_no != expected {
                    report.fault(
                        &object.name,
                        Some(block.sequence_no),
                        format!("block {expected} should be at its place"),
                    );
                }
                expected = block.sequence_no.saturating_add(1);
                let checked = step(&block, object, &mut before, report);
                let seen = Seen { block: &block, ion, object, object_sha256: &sha256, checked: &checked };
                visit(seen).map_err(ExportError::Visitor)?;
                Ok(true)
            };
            let whole = match object.format {
                Format::Ion => ion(&bytes, &mut report, &mut each)?,
                Format::Json => json(&bytes, &mut report, &mut each)?,
            };
            if whole && expected != object.last.saturating_add(1) {
                let what = format!("it should end with block {}", object.last);
                report.fault(&object.name, Some(expected.saturating_sub(1)), what);
            }
        }
        Ok(report)
    }
}

/// A block that was read.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What it says.
    pub block: &'a Block,
    /// All of it; `None` when it was read from JSON, which has lost the types.
    pub ion: Option<&'a Element>,
    /// Where it lies.
    pub object: &'a Object,
    /// SHA-256 of that object's bytes, in hex.
    pub object_sha256: &'a str,
    /// What came of the check.
    pub checked: &'a Checked,
}

/// Sees every block; an error ends the walk.
pub type Visitor<'a> = dyn FnMut(Seen<'_>) -> Result<(), String> + 'a;

type Each<'a> =
    dyn FnMut(Result<(Block, Option<&Element>), NotABlock>, &mut Report) -> Result<bool, ExportError> + 'a;

/// Whether all of it could be read.
fn ion(bytes: &[u8], report: &mut Report, each: &mut Each<'_>) -> Result<bool, ExportError> {
    let refuse = |why: String| Err(NotABlock::Unreadable(why.chars().take(200).collect()));
    if !depth::is_shallow(bytes) {
        return each(refuse("nested too deep, or no UTF-8".to_owned()), report);
    }
    let values = match Element::iter(bytes) {
        Ok(values) => values,
        Err(error) => return each(refuse(error.to_string()), report),
    };
    for value in values {
        let read = match &value {
            Ok(value) => Block::of_ion(value).map(|block| (block, Some(value))),
            Err(error) => Err(NotABlock::Unreadable(error.to_string().chars().take(200).collect())),
        };
        if !each(read, report)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn json(bytes: &[u8], report: &mut Report, each: &mut Each<'_>) -> Result<bool, ExportError> {
    for value in serde_json::Deserializer::from_slice(bytes).into_iter::<serde_json::Value>() {
        let read = match value {
            Ok(value) => Block::of_json(&value).map(|block| (block, None)),
            Err(error) => Err(NotABlock::Unreadable(error.to_string())),
        };
        if !each(read, report)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Checks one block against the one before, and counts it.
fn step(block: &Block, object: &Object, before: &mut Option<(u64, Hash)>, report: &mut Report) -> Checked {
    if let Some((last, _)) = before
        && block.sequence_no != last.saturating_add(1)
    {
        let what = match block.sequence_no > *last {
            true => format!("blocks {} to {} are missing before it", *last + 1, block.sequence_no - 1),
            false => format!("it comes after block {last}"),
        };
        report.fault(&object.name, Some(block.sequence_no), what);
    }
    let follows = before.as_ref().filter(|(last, _)| block.sequence_no == last.saturating_add(1));
    let checked = block.check(follows.map(|(_, hash)| hash));
    for fault in &checked.faults {
        report.fault(&object.name, Some(block.sequence_no), fault);
    }
    if report.strand.is_empty() {
        report.strand.clone_from(&block.strand);
    }
    report.blocks += 1;
    report.json_blocks += u64::from(object.format == Format::Json);
    report.first.get_or_insert(block.sequence_no);
    report.last = Some(block.sequence_no);
    report.tip.clone_from(&block.block_hash);
    let (sum, new) = (&mut report.contents, checked.contents);
    sum.revisions += new.revisions;
    sum.redacted += new.redacted;
    sum.hash_only += new.hash_only;
    sum.statements += new.statements;
    sum.descriptions += new.descriptions;
    sum.unexplained += new.unexplained;
    *before = Some((block.sequence_no, block.block_hash.clone()));
    checked
}

fn collect(folder: &Path, deep: usize, files: &mut Vec<PathBuf>) -> Result<(), ExportError> {
    let failed = |source| ExportError::File { path: folder.to_owned(), source };
    if deep > FOLDERS_DEEP_MAX {
        return Err(ExportError::TooMany(folder.to_owned()));
    }
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A link could lead anywhere, and in circles.
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            collect(&entry.path(), deep + 1, files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
        if files.len() > FILES_MAX {
            return Err(ExportError::TooMany(folder.to_owned()));
        }
    }
    Ok(())
}

fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, ExportError> {
    let failed = |source| ExportError::File { path: path.to_owned(), source };
    if fs::metadata(path).map_err(failed)?.len() > bytes_max {
        return Err(ExportError::TooLarge(path.to_owned()));
    }
    fs::read(path).map_err(failed)
}

/// Names, without folders, that a completed manifest lists: `{keys:["…"]}` in Ion text, of which JSON is a part.
fn keys_of(path: &Path) -> Result<Vec<String>, ExportError> {
    let bytes = read(path, MANIFEST_BYTES_MAX)?;
    let bad = |why: String| ExportError::Manifest { path: path.to_owned(), why };
    if !depth::is_shallow(&bytes) {
        return Err(bad("nested too deep, or no UTF-8".to_owned()));
    }
    let value = Element::read_one(&bytes).map_err(|error| bad(error.to_string()))?;
    let keys = value.as_struct().and_then(|manifest| manifest.get("keys")).and_then(Element::as_list);
    let keys = keys.ok_or_else(|| bad("it has no list `keys`".to_owned()))?;
    keys.elements()
        .map(|key| {
            let key = key.as_text().ok_or_else(|| bad("a key is no text".to_owned()))?;
            Ok(key.rsplit('/').next().unwrap_or_default().to_owned())
        })
        .collect()
}

fn object_of(path: &Path, name: &str) -> Option<Object> {
    let (stem, format) = match name.rsplit_once('.')? {
        (stem, "ion") => (stem, Format::Ion),
        (stem, "json") => (stem, Format::Json),
        _ => return None,
    };
    let (strand, range) = stem.rsplit_once('.')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    let fine = first <= last && !strand.is_empty();
    fine.then(|| Object {
        path: path.to_owned(),
        name: name.to_owned(),
        strand: strand.to_owned(),
        first,
        last,
        format,
    })
}

/// Whether this fault breaks the chain, and not only what is in one block.
impl Fault {
    /// Whether what comes before and after a block is in doubt, too.
    #[must_use]
    pub fn is_of_the_chain(&self) -> bool {
        matches!(self, Self::Entries | Self::BlockHash | Self::Chain | Self::NotFirst)
    }
}

#[cfg(test)]
mod tests;

//! The list of specially designated nationals of the US Treasury's Office of Foreign Assets Control.
//!
//! `sdn.xml` says how many records it has; one that was cut short is told by that. In `sdn.csv` the addresses
//! are in the remarks, of which long ones go on in another file: the XML is the whole.

use quick_xml::Reader;
use quick_xml::events::Event;
use scorpius_risk::intel::Indicator;

use crate::formats::{About, Parsed};
use crate::judge::Refusal;

const ASSET: &str = "Digital Currency Address - ";
/// Elements within each other; the list has six.
const DEPTH_MAX: usize = 32;
/// Where the remarks are among the twelve columns of `sdn.csv`.
const NAME_COLUMN: usize = 1;
const PROGRAM_COLUMN: usize = 3;
const REMARKS_COLUMN: usize = 11;

/// What is known of one entry so far.
#[derive(Default)]
struct Entry {
    first: String,
    last: String,
    program: String,
    id_type: String,
    id_number: String,
    accounts: Vec<(String, String)>,
}

impl Entry {
    fn about(&self) -> About {
        let name = match self.first.is_empty() {
            true => self.last.clone(),
            false => format!("{} {}", self.first, self.last),
        };
        About { name, kind: Some(self.program.clone()), ..About::default() }
    }
}

pub(super) fn xml(source: &str, body: &[u8]) -> Result<Parsed, Refusal> {
    let form = |error: &dyn std::fmt::Display| Refusal::Form(error.to_string());
    let mut reader = Reader::from_reader(body);
    reader.config_mut().check_end_names = true;
    let (mut path, mut parsed, mut entry): (Vec<String>, _, _) =
        (Vec::new(), Parsed::default(), Entry::default());
    let (mut said, mut found, mut ended) = (None, 0, false);
    let mut text = String::new();
    loop {
        match reader.read_event().map_err(|error| form(&error))? {
            Event::Start(tag) => {
                if path.len() == DEPTH_MAX {
                    return Err(Refusal::TooMuch("elements within elements"));
                }
                path.push(String::from_utf8_lossy(tag.local_name().as_ref()).into_owned());
                text.clear();
            }
            Event::Text(part) => {
                text.push_str(&part.decode().map_err(|error| form(&error))?);
            }
            Event::CData(part) => {
                text.push_str(&part.decode().map_err(|error| form(&error))?);
            }
            Event::GeneralRef(name) => text.push_str(&reference(&name)?),
            Event::End(_) => {
                let tag = path.pop().unwrap_or_default();
                let parent = path.last().map_or("", String::as_str);
                let value = text.trim().to_owned();
                match (parent, tag.as_str()) {
                    ("publshInformation", "Publish_Date") => parsed.as_of = american_day(&value),
                    ("publshInformation", "Record_Count") => said = value.parse().ok(),
                    ("sdnEntry", "firstName") => entry.first = value,
                    ("sdnEntry", "lastName") => entry.last = value,
                    ("programList", "program") if entry.program.is_empty() => entry.program = value,
                    ("id", "idType") => entry.id_type = value,
                    ("id", "idNumber") => entry.id_number = value,
                    ("idList", "id") => {
                        if let Some(asset) = entry.id_type.strip_prefix(ASSET) {
                            let account = std::mem::take(&mut entry.id_number);
                            entry.accounts.push((asset.to_owned(), account));
                        }
                    }
                    ("sdnList", "sdnEntry") => {
                        let entry = std::mem::take(&mut entry);
                        found += 1;
                        for (asset, account) in &entry.accounts {
                            parsed.take(source, Indicator::of_asset(asset, account), entry.about())?;
                        }
                    }
                    ("", "sdnList") => ended = true,
                    _ => {}
                }
                text.clear();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match (ended, said) {
        (false, _) => Err(Refusal::Form("the list does not end".to_owned())),
        (true, None) => Err(Refusal::Form("the list does not say how many records it has".to_owned())),
        (true, Some(said)) => {
            parsed.said_and_found = Some((said, found));
            Ok(parsed)
        }
    }
}

/// The five entities of XML and characters by number; a document may define no others.
fn reference(name: &quick_xml::events::BytesRef<'_>) -> Result<String, Refusal> {
    let unknown = || Refusal::Form("an entity that XML does not have".to_owned());
    if let Ok(Some(c)) = name.resolve_char_ref() {
        return Ok(c.to_string());
    }
    let name = name.decode().map_err(|_| unknown())?;
    let text = match name.as_ref() {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return Err(unknown()),
    };
    Ok(text.to_owned())
}

/// `MM/DD/YYYY`.
fn american_day(text: &str) -> Option<String> {
    let mut parts = text.splitn(3, '/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    super::day(&format!("{year:0>4}-{month:0>2}-{day:0>2}"))
}

pub(super) fn csv(source: &str, body: &[u8]) -> Result<Parsed, Refusal> {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
    let mut parsed = Parsed::default();
    for record in reader.byte_records() {
        let record = record.map_err(|error| Refusal::Form(error.to_string()))?;
        let column = |at| String::from_utf8_lossy(record.get(at).unwrap_or_default()).into_owned();
        // The file ends with the end of file mark of another age.
        if record.len() == 1 && record.get(0).is_some_and(|mark| mark.trim_ascii() == b"\x1a") {
            continue;
        }
        if record.len() <= REMARKS_COLUMN {
            return Err(Refusal::Form("a line without remarks".to_owned()));
        }
        let about =
            About { name: column(NAME_COLUMN), kind: Some(column(PROGRAM_COLUMN)), ..About::default() };
        let remarks = column(REMARKS_COLUMN);
        for remark in remarks.split(';') {
            let Some((_, rest)) = remark.split_once(ASSET) else { continue };
            let (asset, account) = rest.trim().trim_end_matches('.').split_once(' ').unwrap_or((rest, ""));
            parsed.take(source, Indicator::of_asset(asset, account.trim()), about.clone())?;
        }
    }
    Ok(parsed)
}

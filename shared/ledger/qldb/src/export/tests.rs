use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ion_rs::v1_0;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::hash::{dot, merkle, of_ion};

const STRAND: &str = "JdxjkR9bSYB5jMHWcI464T";

/// A journal of made-up blocks, each with a document, as Ion text.
fn journal(blocks: u64) -> Vec<String> {
    let encode = |hash: &[u8]| format!("{{{{{}}}}}", STANDARD.encode(hash));
    let ion = |text: &str| Element::read_one(text).expect("Ion");
    let mut before = Vec::new();
    let mut journal = Vec::new();
    for number in 0..blocks {
        let at = format!("2021-03-04T05:06:{:02}.{:03}Z", number % 60, number % 1000);
        let statement = format!("INSERT INTO Person {{'n': {number}}}");
        let digest = of_ion(&Element::string(statement.as_str())).expect("a hash");
        let info = format!(
            "{{statements:[{{statement:{statement:?},startTime:{at},statementDigest:{}}}],documents:{{}}}}",
            encode(&digest)
        );
        let metadata = format!("{{id:\"doc{number}\",version:0,txTime:{at},txId:\"tx{number}\"}}");
        let data = format!("{{n:{number},exact:{number}.50,at:2021-03-04T,blob:{{{{AAEC}}}}}}");
        let revision = dot(&of_ion(&ion(&metadata)).expect("a hash"), &of_ion(&ion(&data)).expect("a hash"));
        let entries = vec![vec![number as u8; 32], revision.clone(), of_ion(&ion(&info)).expect("a hash")];
        let entries_hash = merkle(&entries);
        let block_hash = dot(&entries_hash, &before);
        let list: Vec<_> = entries.iter().map(|hash| encode(hash)).collect();
        journal.push(format!(
            "{{blockAddress:{{strandId:\"{STRAND}\",sequenceNo:{number}}},transactionId:\"tx{number}\",blockTimestamp:{at},\
             blockHash:{},entriesHash:{},previousBlockHash:{},entriesHashList:[{}],transactionInfo:{info},\
             revisions:[{{blockAddress:{{strandId:\"{STRAND}\",sequenceNo:{number}}},hash:{},data:{data},metadata:{metadata}}}]}}",
            encode(&block_hash),
            encode(&entries_hash),
            encode(&before),
            list.join(","),
            encode(&revision)
        ));
        before = block_hash;
    }
    journal
}

/// What the service's conversion makes of a block.
fn as_json(text: &str) -> Value {
    let value = Element::read_one(text).expect("Ion");
    let block = Block::of_ion(&value).expect("a block");
    let encode = |hash: &[u8]| Value::from(STANDARD.encode(hash));
    json!({
        "blockAddress": {"strandId": block.strand, "sequenceNo": block.sequence_no},
        "transactionId": block.transaction_id,
        "blockTimestamp": block.timestamp,
        "blockHash": encode(&block.block_hash),
        "entriesHash": encode(&block.entries_hash),
        "previousBlockHash": encode(&block.previous_block_hash),
        "entriesHashList": block.entries.iter().map(|hash| encode(hash)).collect::<Vec<_>>(),
        "revisions": block.revisions.iter().map(|one| json!({"hash": encode(&one.hash), "data": {"n": 1}})).collect::<Vec<_>>(),
    })
}

use serde_json::Value;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("written");
        self
    }

    /// Objects of these ranges of a journal, and the manifest that lists them.
    fn exported(&self, journal: &[String], ranges: &[(usize, usize)]) -> &Self {
        let mut keys = Vec::new();
        for (first, last) in ranges {
            let name = format!("2021/03/04/05/{STRAND}.{first}-{last}.ion");
            self.put(&name, journal[*first..=*last].join("\n"));
            keys.push(format!("\"journal/{name}\""));
        }
        let manifest = format!("{{keys:[{}]}}", keys.join(","));
        self.put(&format!("id.{STRAND}.completed.manifest"), manifest);
        self.put("id.started.manifest", "{ledgerName:\"people\"}")
    }

    fn report(&self) -> Report {
        let export = Export::open(self.0.path()).expect("an export");
        export.walk(&mut |_| Ok(())).expect("a report")
    }

    fn faults(&self) -> Vec<String> {
        self.report().faults.into_iter().map(|(_, _, what)| what).collect()
    }
}

#[test]
fn an_export_is_walked_block_by_block() {
    let folder = Folder::new();
    let journal = journal(25);
    folder.exported(&journal, &[(0, 9), (10, 19), (20, 24)]);
    let export = Export::open(folder.0.path()).expect("an export");
    assert_eq!((export.manifests, export.promised(), export.objects.len()), (1, 25, 3));
    let mut seen = Vec::new();
    let mut visit = |Seen { block, ion, object, object_sha256, checked }: Seen<'_>| {
        assert!(ion.is_some());
        assert!(checked.faults.is_empty() && object_sha256.len() == 64 && block.ion_hash.is_some());
        assert!((object.first..=object.last).contains(&block.sequence_no));
        seen.push(block.sequence_no);
        Ok(())
    };
    let report = export.walk(&mut visit).expect("a report");
    assert_eq!(seen, (0..25).collect::<Vec<_>>());
    assert!(report.is_sound(), "{:?}", report.faults);
    assert_eq!((report.blocks, report.first, report.last, report.json_blocks), (25, Some(0), Some(24), 0));
    let contents =
        Contents { revisions: 25, statements: 25, descriptions: 25, unexplained: 25, ..Contents::default() };
    assert_eq!(report.contents, contents);
}

#[test]
fn binary_ion_says_the_same_as_text_and_json_says_less() {
    let journal = journal(6);
    let text = Folder::new();
    text.exported(&journal, &[(0, 5)]);
    let binary = Folder::new();
    let values: Vec<_> = journal.iter().map(|text| Element::read_one(text).expect("Ion")).collect();
    let encoded: Vec<u8> =
        values.iter().flat_map(|value| value.encode_as(v1_0::Binary).expect("it is encoded")).collect();
    binary.put(&format!("{STRAND}.0-5.ion"), encoded);
    assert!(binary.report().is_sound(), "{:?}", binary.report().faults);
    assert_eq!(binary.report().contents, text.report().contents);
    assert_eq!(binary.report().tip, text.report().tip);

    let lines = Folder::new();
    let converted: Vec<_> = journal.iter().map(|text| as_json(text).to_string()).collect();
    lines.put(&format!("{STRAND}.0-5.json"), converted.join("\n"));
    let report = lines.report();
    assert!(report.is_sound(), "{:?}", report.faults);
    assert_eq!((report.json_blocks, report.contents.revisions, report.contents.hash_only), (6, 0, 6));
    assert_eq!(report.tip, text.report().tip);
}

#[test]
fn what_is_missing_or_moved_is_said() {
    let journal = journal(30);
    let gap = Folder::new();
    gap.exported(&journal, &[(0, 9), (20, 29)]);
    assert_eq!(gap.faults(), ["blocks 10 to 19 are missing before it"]);

    let lost = Folder::new();
    lost.exported(&journal, &[(0, 9), (10, 19)]);
    fs::remove_file(lost.0.path().join(format!("2021/03/04/05/{STRAND}.10-19.ion"))).expect("removed");
    assert_eq!(lost.faults(), ["the manifest lists it, and it is not there"]);

    let short = Folder::new();
    short.put(&format!("{STRAND}.0-9.ion"), journal[..8].join("\n"));
    assert_eq!(short.faults(), ["it should end with block 9"]);

    let swapped = Folder::new();
    let mut order = journal[..4].to_vec();
    order.swap(1, 2);
    swapped.put(&format!("{STRAND}.0-3.ion"), order.join("\n"));
    assert!(
        swapped.faults().contains(&"block 1 should be at its place".to_owned()),
        "{:?}",
        swapped.faults()
    );

    let extra = Folder::new();
    extra.exported(&journal, &[(0, 9)]).put(&format!("{STRAND}.10-19.ion"), journal[10..20].join("\n"));
    let export = Export::open(extra.0.path()).expect("an export");
    assert_eq!(export.unlisted, [format!("{STRAND}.10-19.ion")]);
    assert!(extra.report().is_sound());
}

#[test]
fn a_block_that_was_put_in_place_of_another_breaks_the_chain() {
    let (mut mine, other) = (journal(6), journal(7));
    // Sound by itself, of another history: its block before is not the one that is there.
    mine[3] = other[4].replace("sequenceNo:4", "sequenceNo:3");
    let folder = Folder::new();
    folder.put(&format!("{STRAND}.0-5.ion"), mine.join("\n"));
    let faults = folder.faults();
    assert!(
        faults.iter().filter(|fault| fault.contains("another hash than it says")).count() == 2,
        "{faults:?}"
    );
}

#[test]
fn what_is_no_export_is_said_and_what_is_no_block_stops_nothing_else() {
    let empty = Folder::new();
    assert!(matches!(Export::open(empty.0.path()), Err(ExportError::Nothing(_))));
    let bad = Folder::new();
    bad.put("x.completed.manifest", "{files:[]}");
    assert!(matches!(Export::open(bad.0.path()), Err(ExportError::Manifest { .. })));
    let two = Folder::new();
    two.put("a.0-1.ion", "").put("b.2-3.ion", "");
    assert!(matches!(Export::open(two.0.path()), Err(ExportError::Strands(..))));

    let journal = journal(4);
    let broken = Folder::new();
    broken.put(&format!("{STRAND}.0-1.ion"), "{blockAddress:{strandId:\"x\"}}");
    broken.put(&format!("{STRAND}.2-3.ion"), journal[2..].join("\n"));
    let report = broken.report();
    assert_eq!((report.blocks, report.faults_count), (2, 1), "{:?}", report.faults);
    for hostile in
        ["[".repeat(100_000), "{{".to_owned(), "{a:".repeat(50_000), "\u{0}".to_owned(), "$99::{}".to_owned()]
    {
        let folder = Folder::new();
        folder
            .put(&format!("{STRAND}.0-0.ion"), hostile.as_bytes())
            .put(&format!("{STRAND}.1-1.json"), hostile);
        assert!(!folder.report().is_sound());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_flipped_byte_is_found_or_changes_nothing_that_counts(at: prop::sample::Index, bit in 0_u8..8) {
        let original = journal(3).join("\n").into_bytes();
        let mut changed = original.clone();
        let at = at.index(changed.len());
        changed[at] ^= 1 << bit;
        let folder = Folder::new();
        folder.put(&format!("{STRAND}.0-2.ion"), &changed);
        if folder.report().is_sound() {
            // Only what no hash is over: the address and transaction's id, which QLDB hashed in the metadata alone,
            // the block's time, a revision's own address, and blanks.
            let text = String::from_utf8_lossy(&changed);
            let before = String::from_utf8_lossy(&original);
            let hashed = |text: &str| {
                Element::read_all(text).expect("Ion").elements().map(|block| {
                    let block = Block::of_ion(block).expect("a block");
                    (block.block_hash, block.entries, block.transaction_info, block.revisions)
                }).collect::<Vec<_>>()
            };
            prop_assert_eq!(hashed(&text), hashed(&before));
        }
    }

    #[test]
    fn any_bytes_are_judged(bytes: Vec<u8>) {
        let folder = Folder::new();
        folder.put(&format!("{STRAND}.0-0.ion"), &bytes).put(&format!("{STRAND}.1-1.json"), &bytes);
        folder.report();
    }
}

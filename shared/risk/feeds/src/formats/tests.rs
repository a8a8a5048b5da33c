//! Feeds as their makers write them, cut to a few entries; the accounts are public or made up.

use scorpius_risk::intel::Listed;
use scorpius_risk::lists::ListKind;

use super::*;

fn read(format: Format, body: &str) -> Result<Parsed, Refusal> {
    let feed = Feed {
        name: "test".to_owned(),
        kind: ListKind::Threats,
        format,
        url: "https://feeds.example/list?key=secret".to_owned(),
        source: None,
        rows_min: 1,
        shrink_percent_max: 20,
        bytes_max: 1_000_000,
    };
    parse(&feed, body.as_bytes())
}

fn texts(rows: &[Listed]) -> Vec<String> {
    rows.iter().map(|row| row.indicator.to_string()).collect()
}

const SDN: &str = r#"<?xml version="1.0" standalone="yes"?>
<sdnList xmlns="https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/XML">
  <publshInformation><Publish_Date>11/04/2026</Publish_Date><Record_Count>2</Record_Count></publshInformation>
  <sdnEntry>
    <uid>1</uid><firstName>Jane</firstName><lastName>DOE &amp; Sons &#65;</lastName><sdnType>Individual</sdnType>
    <programList><program>CYBER2</program><program>DPRK3</program></programList>
    <idList>
      <id><uid>2</uid><idType>Passport</idType><idNumber>0x1</idNumber></id>
      <id><uid>3</uid><idType>Digital Currency Address - ETH</idType><idNumber>0x098B716B8Aaf21512996dC57EB0615e2383E2f96</idNumber></id>
      <id><uid>4</uid><idType>Digital Currency Address - XBT</idType><idNumber>1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa</idNumber></id>
      <id><uid>5</uid><idType>Digital Currency Address - XMR</idType><idNumber>48xmr</idNumber></id>
    </idList>
  </sdnEntry>
  <sdnEntry><uid>6</uid><lastName>NOBODY</lastName></sdnEntry>
</sdnList>"#;

#[test]
fn ofac_s_list_is_read_with_names_programs_and_its_date() {
    let parsed = read(Format::OfacSdnXml, SDN).expect("a list");
    assert_eq!(
        texts(&parsed.rows),
        [
            "evm:0x098b716b8aaf21512996dc57eb0615e2383e2f96",
            "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "other:XMR:48xmr"
        ]
    );
    assert_eq!(parsed.as_of.as_deref(), Some("2026-11-04"));
    assert_eq!(parsed.said_and_found, Some((2, 2)));
    let row = &parsed.rows[0];
    assert_eq!(row.name, "Jane DOE & Sons A");
    assert_eq!((row.kind.as_deref(), row.source.as_str()), (Some("CYBER2"), "feeds.example"));
}

#[test]
fn a_list_of_ofac_that_was_cut_short_or_made_up_is_told() {
    for at in [SDN.len() - 3, SDN.len() / 2, 40, 0] {
        assert!(matches!(read(Format::OfacSdnXml, &SDN[..at]), Err(Refusal::Form(_))), "cut at {at}");
    }
    let one_less = SDN.replace("<Record_Count>2<", "<Record_Count>3<");
    assert_eq!(read(Format::OfacSdnXml, &one_less).expect("read").said_and_found, Some((3, 2)));
    let without = SDN.replace("Record_Count", "Other");
    assert!(matches!(read(Format::OfacSdnXml, &without), Err(Refusal::Form(_))));
    let entity = SDN.replace("&amp;", "&bomb;");
    assert!(matches!(read(Format::OfacSdnXml, &entity), Err(Refusal::Form(_))));
    let deep = format!("<sdnList>{}", "<a>".repeat(10_000));
    assert!(matches!(read(Format::OfacSdnXml, &deep), Err(Refusal::TooMuch(_))));
}

#[test]
fn ofac_s_csv_has_accounts_in_its_remarks() {
    let csv = "36,\"AEROCARIBBEAN\",-0- ,\"CUBA\",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \r\n\
        37,\"DOE, Jane\",\"individual\",\"CYBER2\",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,\"DOB 1 Jan 1970; Digital Currency Address - XBT 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa; alt. Digital Currency Address - ETH 0x098b716b8aaf21512996dc57eb0615e2383e2f96.\"\r\n\
        \x1a\r\n";
    let parsed = read(Format::OfacSdnCsv, csv).expect("a list");
    assert_eq!(
        texts(&parsed.rows),
        ["bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "evm:0x098b716b8aaf21512996dc57eb0615e2383e2f96"]
    );
    assert_eq!(parsed.rows[0].name, "DOE, Jane");
    assert!(matches!(read(Format::OfacSdnCsv, "a,b\n"), Err(Refusal::Form(_))));
}

#[test]
fn phishing_detect_blocks_and_allows_by_old_and_new_words() {
    let old = r#"{"version": 2, "tolerance": 2, "fuzzylist": ["metamask.io"], "whitelist": ["metamask.io"], "blacklist": ["Steal.example", "b\u00fccher.example", "not a host"]}"#;
    let new = old.replace("whitelist", "allowlist").replace("blacklist", "blocklist");
    for config in [old, &new] {
        let parsed = read(Format::PhishingDetect, config).expect("a config");
        assert_eq!(texts(&parsed.rows), ["domain:steal.example", "domain:xn--bcher-kva.example"]);
        assert_eq!(texts(&parsed.allowed), ["domain:metamask.io"]);
        assert_eq!(parsed.skipped, 1);
    }
    assert!(matches!(read(Format::PhishingDetect, "{}"), Err(Refusal::Form(_))));
}

#[test]
fn plain_lists_come_in_several_shapes() {
    let account = "0x098b716b8aaf21512996dc57eb0615e2383e2f96";
    let evm = format!("evm:{account}");
    for (body, wanted) in [
        (format!(r#"["{account}", "steal.example", 7]"#), vec![evm.as_str(), "domain:steal.example"]),
        (format!(r#"{{"steal.example": ["{account}"]}}"#), vec!["domain:steal.example", &evm]),
        (format!(r#"{{"data": [{{"address": "{account}", "label": "x"}}]}}"#), vec![&evm]),
        (
            r#"[{"value": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", "chain": "solana"}]"#.to_owned(),
            vec!["solana:EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"],
        ),
    ] {
        assert_eq!(texts(&read(Format::Json, &body).expect("a list").rows), wanted, "{body}");
    }
    for bad in ["7", r#"{"a": {}}"#, "[", ""] {
        assert!(matches!(read(Format::Json, bad), Err(Refusal::Form(_))), "{bad}");
    }
    let csv = format!(
        "# comment\nAddress,Name,Added,Removed\n{account},Thief,2026-01-02T03:04:05Z,\n{account}0,Bad,,\nhttps://steal.example/x,Site,,2026-02-03\n"
    );
    let parsed = read(Format::Csv, &csv).expect("a list");
    assert_eq!(texts(&parsed.rows), [evm.as_str(), "domain:steal.example"]);
    assert_eq!((parsed.rows[0].name.as_str(), parsed.rows[0].date.as_str()), ("Thief", "2026-01-02"));
    assert_eq!(parsed.rows[1].delisted.as_deref(), Some("2026-02-03"));
    assert_eq!(parsed.skipped, 1);
    assert!(matches!(read(Format::Csv, "a,b\n1,2\n"), Err(Refusal::Form(_))));
}

#[test]
fn stix_patterns_that_name_one_thing_each_are_read_and_others_are_not() {
    let bundle = |pattern: &str, more: &str| {
        let pattern = serde_json::Value::from(pattern);
        format!(
            r#"{{"type": "bundle", "id": "bundle--1", "objects": [
                {{"type": "identity", "id": "identity--1", "modified": "2026-03-01T00:00:00.000Z"}},
                {{"type": "indicator", "spec_version": "2.1", "name": "kit", "created": "2026-01-02T00:00:00.000Z",
                  "modified": "2026-02-01T00:00:00.000Z", "pattern_type": "stix", "pattern": {pattern}{more}}}]}}"#
        )
    };
    let read_one =
        |pattern: &str, more: &str| read(Format::Stix21, &bundle(pattern, more)).expect("a bundle");
    for (pattern, wanted) in [
        ("[domain-name:value = 'steal.example']", vec!["domain:steal.example"]),
        (
            "[url:value = 'https://a.example/]x'] OR [domain-name:value = 'b.example' OR domain-name:value = 'c.example']",
            vec!["domain:a.example", "domain:b.example", "domain:c.example"],
        ),
        (
            "[x-cryptocurrency:address = '0x098b716b8aaf21512996dc57eb0615e2383e2f96']",
            vec!["evm:0x098b716b8aaf21512996dc57eb0615e2383e2f96"],
        ),
        ("[domain-name:value = 'a.example' AND ipv4-addr:value = '192.0.2.1']", vec![]),
        ("[domain-name:value != 'a.example']", vec![]),
        ("[domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']", vec![]),
        ("[domain-name:value LIKE '%.example']", vec![]),
        ("domain-name:value = 'a.example'", vec![]),
        ("[domain-name:value = 'a.example", vec![]),
    ] {
        let parsed = read_one(pattern, "");
        assert_eq!(texts(&parsed.rows), wanted, "{pattern}");
        assert_eq!(parsed.skipped, u64::from(wanted.is_empty()), "{pattern}");
    }
    let pattern = "[domain-name:value = 'it\\'s.example']";
    assert_eq!(texts(&read_one(pattern, "").rows), ["domain:it's.example"]);
    let row = |more: &str| read_one("[domain-name:value = 'a.example']", more).rows.remove(0);
    assert_eq!(row("").date, "2026-01-02");
    assert_eq!(row("").delisted, None);
    assert_eq!(row(r#", "revoked": true"#).delisted.as_deref(), Some("2026-02-01"));
    assert_eq!(row(r#", "valid_until": "2026-02-15T00:00:00Z""#).delisted.as_deref(), Some("2026-02-15"));
    assert_eq!(row(r#", "valid_until": "2027-01-01T00:00:00Z""#).delisted, None);
    assert!(matches!(read(Format::Stix21, r#"{"type": "report"}"#), Err(Refusal::Form(_))));
}

#[test]
fn misp_events_are_read_for_what_they_say_to_look_for() {
    let manifest = r#"{"5b0000f0-0000-4000-8000-000000000001": {"timestamp": "1767312000", "info": "x"},
        "5b0000f0-0000-4000-8000-000000000002": {"timestamp": 1767398400}}"#;
    let (ids, as_of) = misp_manifest(manifest.as_bytes()).expect("a manifest");
    assert_eq!(
        ids.first().map(String::as_str),
        Some("5b0000f0-0000-4000-8000-000000000002"),
        "the newest first"
    );
    assert_eq!(as_of.as_deref(), Some("2026-01-03"));
    for bad in [r#"{"../x": {"timestamp": 1}}"#, "[]", r#"{"a": {}}"#] {
        assert!(misp_manifest(bad.as_bytes()).is_err(), "{bad}");
    }
    let event = r#"{"Event": {"info": "Kit", "date": "2026-01-02", "Attribute": [
            {"type": "domain", "category": "Network activity", "value": "steal.example", "to_ids": true},
            {"type": "domain", "value": "seen.example", "to_ids": false},
            {"type": "domain", "value": "gone.example", "to_ids": true, "deleted": true},
            {"type": "md5", "value": "d41d8cd98f00b204e9800998ecf8427e", "to_ids": true},
            {"type": "domain|ip", "value": "both.example|192.0.2.1", "to_ids": true}],
        "Object": [{"Attribute": [{"type": "btc", "value": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "to_ids": true}]}]}}"#;
    let mut parsed = Parsed::default();
    misp_event("misp", event.as_bytes(), &mut parsed).expect("an event");
    let wanted =
        ["domain:steal.example", "domain:both.example", "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"];
    assert_eq!(texts(&parsed.rows), wanted);
    assert_eq!((parsed.rows[0].name.as_str(), parsed.skipped), ("Kit", 0));
    assert!(misp_event("misp", b"{}", &mut parsed).is_err());
}

proptest::proptest! {
    #[test]
    fn no_bytes_end_the_process(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), at in 0_usize..2_000) {
        let mut torn = SDN.as_bytes().to_vec();
        torn.splice(at.min(SDN.len())..at.min(SDN.len()), bytes.clone());
        for format in [Format::OfacSdnXml, Format::OfacSdnCsv, Format::PhishingDetect, Format::Json, Format::Csv, Format::Stix21] {
            for body in [&bytes, &torn] {
                // Read or refused, and what was read is within its limits.
                let parsed = read(format, &String::from_utf8_lossy(body)).unwrap_or_default();
                proptest::prop_assert!(parsed.rows.iter().all(|row| row.name.len() <= ROW_TEXT_BYTES_MAX));
            }
        }
    }
}

#[test]
fn prints_of_code_are_read_with_their_part() {
    let print = "0123456789abcdef0123456789ABCDEF";
    let body = format!(
        r#"{{"as_of": "2026-11-20", "rows": [
            {{"print": "0x{print}", "name": "Drainer 7", "date": "2026-11-19"}},
            {{"print": "{print}", "part": "function"}},
            {{"print": "{print}", "part": "half"}}, {{"print": "12"}}, 7
        ]}}"#
    );
    let parsed = read(Format::CodePrints, &body).expect("a list");
    let print = print.to_lowercase();
    assert_eq!(texts(&parsed.rows), [format!("code:whole:{print}"), format!("code:function:{print}")]);
    assert_eq!((parsed.skipped, parsed.as_of.as_deref()), (3, Some("2026-11-20")));
    assert_eq!((parsed.rows[0].name.as_str(), parsed.rows[1].name.as_str()), ("Drainer 7", "reported"));
    for text in texts(&parsed.rows) {
        assert_eq!(text.parse::<Indicator>().expect("an indicator").to_string(), text);
    }
    assert!(matches!(read(Format::CodePrints, "{}"), Err(Refusal::Form(_))));
}

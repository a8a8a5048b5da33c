//! Bodies that are wrong, each for one known reason.

use serde_json::{Map, Value};

use super::case::{Case, Target};
use super::dice::Dice;

/// A way to break the body of a valid request.
pub(crate) type Break = fn(&Target, &Value, &mut Dice, &mut Case);

/// All of them. What each may be answered with is set where it breaks.
pub(crate) const BREAKS: [(&str, Break); 16] = [
    ("truncated", truncated),
    ("trailing garbage", trailing),
    ("not an object", not_an_object),
    ("random bytes", random_bytes),
    ("wrong type", wrong_type),
    ("number that no type takes", odd_number),
    ("invalid UTF-8", invalid_utf8),
    ("lone surrogate", lone_surrogate),
    ("control character", control_character),
    ("nested too deep", too_deep),
    ("duplicate member", duplicate),
    ("unknown member", unknown),
    ("missing member", missing),
    ("wrong content type", content_type),
    ("body over the limit", too_large),
    ("not JSON, though others read it", lenient),
];

/// Stands where raw text is put in; no example contains it.
const MARK: &str = "@@here@@";

fn truncated(_: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    let text = example.to_string();
    case.body = text.as_bytes()[..1 + dice.below(text.len() - 1)].to_vec();
}

fn trailing(_: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    let garbage = ["}", "]", ",", "{}", "null", "\0", "x", "//", "\u{feff}", "\u{a0}"];
    case.body = (example.to_string() + dice.pick(&garbage)).into_bytes();
}

fn not_an_object(_: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    let in_order: Vec<_> = example.as_object().into_iter().flat_map(|members| members.values()).collect();
    let in_order = serde_json::to_string(&in_order).expect("JSON");
    let example = example.to_string();
    let wrapped = format!("[[{example}]]");
    let text = Value::from(example.as_str()).to_string();
    let bodies = ["null", "true", "0", "-1", "1e9", "\"\"", "\" \"", " ", "\n", &text, &wrapped, &in_order];
    case.body = dice.pick(&bodies).as_bytes().to_vec();
}

fn random_bytes(_: &Target, _: &Value, dice: &mut Dice, case: &mut Case) {
    case.body = dice.bytes(1, 300);
}

fn wrong_type(_: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    let at = dice.pick(&places(example));
    let wrong: &[&str] = match example.pointer(&at) {
        Some(Value::String(_)) => &["[]", "{}", "true", "[\"a\"]", "{\"a\":1}", "-0.5"],
        Some(Value::Number(_)) => &["[]", "{}", "true", "\"\"", "\"x\"", "\"1\"", "1.5", "-1", "1e400"],
        Some(Value::Bool(_)) => &["[]", "{}", "0", "1", "\"true\""],
        Some(Value::Array(_)) => &["{}", "true", "1", "\"a\"", "{\"0\":\"a\"}"],
        Some(Value::Object(_)) => &["true", "1", "\"a\"", "[[]]"],
        Some(Value::Null) | None => &["[{}]"],
    };
    case.body = with_raw(example, &at, dice.pick(wrong)).into_bytes();
}

fn odd_number(_: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    let odd =
        ["NaN", "Infinity", "-", "01", "+1", "1.", ".5", "0x10", "1e", "1e999", "-1e999", "1_000", "１"];
    let at = dice.pick(&places(example));
    case.body = with_raw(example, &at, dice.pick(&odd)).into_bytes();
}

fn invalid_utf8(_: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    // A stray byte, a continuation without start, an overlong `/`, a surrogate, beyond U+10FFFF, a cut sequence.
    let invalid: [&[u8]; 7] =
        [b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xfe\xff"];
    let mut body = example.to_string().into_bytes();
    let at = dice.below(body.len() + 1);
    body.splice(at..at, dice.pick(&invalid).iter().copied());
    case.body = body;
}

fn lone_surrogate(_: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    let surrogates =
        ["\\ud800", "\\udc00", "\\udfff\\ud800", "a\\uD800b", "\\ud83d\\u0041", "\\u12", "\\ud83d"];
    let text = dice.pick(&surrogates);
    case.body = match dice.one_in(3) {
        true => with_member(example, &format!("\"{text}\":1"), dice),
        false => {
            let at = dice.pick(&places(example));
            with_raw(example, &at, &format!("\"{text}\""))
        }
    }
    .into_bytes();
}

fn control_character(_: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    let at = dice.pick(&places(example));
    let raw = format!("\"a{}b\"", char::from(dice.below(0x20) as u8));
    case.body = with_raw(example, &at, &raw).into_bytes();
}

fn too_deep(_: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    let depth = dice.pick(&[65, 100, 129, 1_000, 100_000]);
    let (open, close) = dice.pick(&[("[", "]"), ("{\"a\":", "}")]);
    // Half of them are never closed: what is counted is what is open.
    let close = if dice.one_in(2) { close.repeat(depth) } else { String::new() };
    let raw = format!("{}1{close}", open.repeat(depth));
    let at = dice.pick(&places(example));
    case.body = if dice.one_in(3) { raw } else { with_raw(example, &at, &raw) }.into_bytes();
}

fn duplicate(_: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    let Some((name, value)) = example.as_object().and_then(|members| pick_member(members, dice)) else {
        case.body = b"{\"a\":1,\"a\":1}".to_vec();
        return;
    };
    let value = if dice.one_in(2) { value.clone() } else { Value::Null };
    let mut spelled = Value::from(name.as_str()).to_string();
    if let (true, Some(first)) = (dice.one_in(3), name.chars().next()) {
        // The same name in another spelling.
        spelled = format!("\"\\u{:04x}{}", u32::from(first), &spelled[1 + first.len_utf8()..]);
    }
    case.body = with_member(example, &format!("{spelled}:{value}"), dice).into_bytes();
}

fn unknown(_: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    let names =
        ["tenant", "tenant_id", "__proto__", "constructor", "$ref", "", "a\\u0000b", "é", "Id", "admin", " "];
    let name = dice.pick(&names);
    case.body = with_member(example, &format!("\"{name}\":\"ten_1\""), dice).into_bytes();
}

fn missing(target: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    let mut example = example.clone();
    let Some(members) = example.as_object_mut() else { return };
    let required: Vec<_> = target.required.iter().filter(|name| members.contains_key(*name)).collect();
    match required.is_empty() {
        // Nothing is required: an unknown member in place of the known ones.
        true => *members = Map::from_iter([("missing".to_owned(), Value::Null)]),
        false => {
            let name = dice.pick(&required).clone();
            match dice.one_in(3) {
                true => members.insert(name, Value::Null),
                false => members.remove(&name),
            };
        }
    }
    case.body = example.to_string().into_bytes();
}

fn content_type(_: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    let types = [
        "",
        "text/plain",
        "text/json",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json-patch+json",
        "application/ json",
        "*/*",
        "application/json,application/json",
        "é",
    ];
    case.body = example.to_string().into_bytes();
    case.headers.retain(|(name, _)| name != "content-type");
    if !dice.one_in(6) {
        case.headers.push(("Content-Type".to_owned(), dice.pick(&types).to_owned()));
    }
    case.allowed = &[415];
}

fn too_large(_: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    // Building and carrying megabytes is slow; one in twenty is enough.
    if !dice.one_in(20) {
        return long_member(example, dice, case);
    }
    let mut body = example.to_string();
    let over = 4_000_000 + 1 - body.len() + dice.below(3);
    body.insert_str(1, &" ".repeat(over));
    case.body = body.into_bytes();
    case.allowed = &[413];
}

/// One long member instead of a long body: nothing takes this name.
fn long_member(example: &Value, dice: &mut Dice, case: &mut Case) {
    let long = "a".repeat(1 + dice.below(50_000));
    case.body = with_member(example, &format!("\"{long}\":\"{long}\""), dice).into_bytes();
}

fn lenient(_: &Target, example: &Value, dice: &mut Dice, case: &mut Case) {
    let text = example.to_string();
    let inner = &text[1..text.len() - 1];
    case.body = match dice.below(7) {
        0 => format!("\u{feff}{text}"),
        1 => format!("{{{inner},}}"),
        2 => format!("{{{inner} /* c */}}"),
        3 => text.replace('"', "'"),
        4 => text.replacen('"', "", 2),
        5 => format!("{text}{text}"),
        _ => format!(")]}}',\n{text}"),
    }
    .into_bytes();
}

/// The places of all values below the root.
fn places(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(value, String::new(), &mut found);
    found.retain(|place| !place.is_empty());
    if found.is_empty() { vec![String::new()] } else { found }
}

fn walk(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                walk(member, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, format!("{at}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found.push(at);
}

/// `example` with `raw` in place of what is `at` there.
fn with_raw(example: &Value, at: &str, raw: &str) -> String {
    let mut example = example.clone();
    let place = example.pointer_mut(at).expect("a place of this value");
    *place = Value::from(MARK);
    example.to_string().replacen(&format!("\"{MARK}\""), raw, 1)
}

/// `example` with one more member, `raw`, at the start or at the end.
fn with_member(example: &Value, raw: &str, dice: &mut Dice) -> String {
    let text = example.to_string();
    match (text.as_str(), dice.one_in(2)) {
        ("{}", _) => format!("{{{raw}}}"),
        (_, true) => format!("{{{raw},{}", &text[1..]),
        (_, false) => format!("{},{raw}}}", &text[..text.len() - 1]),
    }
}

fn pick_member<'m>(members: &'m Map<String, Value>, dice: &mut Dice) -> Option<(&'m String, &'m Value)> {
    match members.len() {
        0 => None,
        length => members.iter().nth(dice.below(length)),
    }
}

//! Makes tables of the lists, the rules and the brands, so that a start reads no JSON: what is in the program is what a
//! function looks things up in. Tests of the crate hold each table to the file that it was made from.

#[path = "src/domain/fold.rs"]
mod fold;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// In the order of their names, as verdicts have them.
const LISTS: [&str; 3] = ["sanctions", "published", "registry"];

fn main() {
    let out = std::env::var_os("OUT_DIR").expect("cargo names a folder");
    let write = |name: &str, text: String| {
        std::fs::write(Path::new(&out).join(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    };
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/domain/fold.rs");
    write("lists.rs", lists());
    write("rules.rs", rules());
    write("brands.rs", brands());
}

/// A file's bytes, and what they say.
fn read(path: &str) -> (Vec<u8>, Value) {
    println!("cargo::rerun-if-changed={path}");
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let value = serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
    (bytes, value)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text `{name}` in {value}"))
}

fn array<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no array `{name}`"))
}

fn object<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value[name].as_object().unwrap_or_else(|| panic!("no object `{name}`")).iter()
}

/// `burn_address` as Rust names a variant: `BurnAddress`.
fn variant(name: &str) -> String {
    name.split('_')
        .flat_map(|word| word[..1].to_uppercase().chars().chain(word[1..].chars()).collect::<Vec<_>>())
        .collect()
}

/// A text that may be absent, as `made` makes it.
fn option(value: &Value, made: impl Fn(&str) -> String) -> String {
    value.as_str().map_or("None".to_owned(), |text| format!("Some({})", made(text)))
}

fn borrowed(text: &str) -> String {
    format!("Cow::Borrowed({text:?})")
}

fn owned(text: &str) -> String {
    format!("{text:?}.to_owned()")
}

/// `SEEDS`, each with its rows by address.
fn lists() -> String {
    let mut code = String::new();
    let mut seeds = String::new();
    for list in LISTS {
        let (bytes, file) = read(&format!("lists/{list}.json"));
        let mut rows = BTreeMap::new();
        for row in array(&file, "rows") {
            let address = hex::decode(&text(row, "address")[2..]).expect("hex digits");
            let chains = row["chains"]
                .as_array()
                .map_or("None".to_owned(), |_| format!("Some(Cow::Borrowed(&{}))", row["chains"]));
            let [name, source, date] = ["name", "source", "date"].map(|name| borrowed(text(row, name)));
            let [kind, delisted] = ["kind", "delisted"].map(|name| option(&row[name], borrowed));
            let code = format!(
                "Row {{ address: Account::new({address:?}), name: {name}, kind: {kind}, chains: {chains}, source: {source}, \
                 date: {date}, delisted: {delisted} }},\n"
            );
            assert!(rows.insert(address, code).is_none(), "{list}: a row twice");
        }
        let (table, count) = (list.to_uppercase(), rows.len());
        let rows: String = rows.into_values().collect();
        writeln!(code, "static {table}: [Row; {count}] = [\n{rows}];").expect("a text takes it");
        let (name, as_of, kind) = (text(&file, "name"), text(&file, "as_of"), variant(text(&file, "kind")));
        let version = hex::encode(Sha256::digest(&bytes));
        writeln!(
            seeds,
            "Seed {{ name: {name:?}, version: {version:?}, as_of: {as_of:?}, kind: ListKind::{kind}, rows: &{table} }},"
        )
        .expect("a text takes it");
    }
    format!("{code}\npub(super) static SEEDS: [Seed; {}] = [\n{seeds}];\n", LISTS.len())
}

/// The hash, the table and the function of each rule set.
fn rules() -> String {
    let (_, base) = read("rules/base.json");
    let (_, of_wallets) = read("rules/wallet.json");
    let (_, of_code) = read("rules/extended.json");
    let (wallet, extended) = (with(&base, &of_wallets), with(&base, &of_code));
    let mut both = with(&wallet, &of_code);
    both["name"] = Value::from("wallet-extended");
    let sets = [("base", base), ("wallet", wallet), ("extended", extended), ("wallet_extended", both)];
    sets.map(|(name, set)| rule_set(name, &set)).join("\n")
}

/// `base` with `more`: each signal is in one of both, and what `more` says of the rest replaces.
fn with(base: &Value, more: &Value) -> Value {
    let mut both = base.clone();
    for (name, value) in object_of(more) {
        if name == "signals" {
            for (id, signal) in object_of(value) {
                let signals = both["signals"].as_object_mut().expect("an object");
                assert!(signals.insert(id.clone(), signal.clone()).is_none(), "{id}: twice");
            }
        } else {
            both[name] = value.clone();
        }
    }
    both
}

fn object_of(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().expect("an object").iter()
}

fn rule_set(set: &str, file: &Value) -> String {
    let canonical = serde_json_canonicalizer::to_vec(file).expect("JSON can be written");
    let sha256 = hex::encode(Sha256::digest(canonical));
    let name_of = |part: &str| format!("{}_{part}", set.to_uppercase());
    let (table, hash) = (name_of("SIGNALS"), name_of("SHA256"));
    let mut fields = String::new();
    if file.get("wallet").is_none() {
        fields.push_str("        wallet: None,\n");
    }
    if file.get("models").is_none() {
        fields.push_str("        models: None,\n");
    }
    for (name, value) in object_of(file) {
        let numbers = |numbers: &serde_json::Map<String, Value>| {
            let numbers: Vec<_> = numbers.iter().map(|(name, number)| format!("{name}: {number}")).collect();
            format!("{} {{ {} }}", variant(name), numbers.join(", "))
        };
        let value = match (name.as_str(), value) {
            ("signals", _) => format!("signals(&{table})"),
            ("advice", words) => format!("BTreeMap::from([{}])", advice(words)),
            ("models", models) => {
                let model = |(class, sha256): (&String, &Value)| {
                    let sha256 = owned(sha256.as_str().expect("a text"));
                    format!("(crate::model::Class::{}, {sha256}), ", variant(class))
                };
                format!("Some(BTreeMap::from([{}]))", object_of(models).map(model).collect::<String>())
            }
            (_, Value::String(text)) => owned(text),
            ("wallet", Value::Object(of)) => format!("Some({})", numbers(of)),
            (_, Value::Object(of)) => numbers(of),
            (_, number) => number.to_string(),
        };
        writeln!(fields, "        {name}: {value},").expect("a text takes it");
    }
    let mut signals = String::new();
    let mut count = 0;
    for (id, signal) in object(file, "signals") {
        let (id, class, meaning) = (variant(id), variant(text(signal, "class")), text(signal, "meaning"));
        let widens_up = signal["widens_up"].as_i64().unwrap_or_default();
        let advice = option(&signal["advice"], |text| format!("{text:?}"));
        let weight = &signal["weight"];
        writeln!(
            signals,
            "    (SignalId::{id}, Class::{class}, {weight}, {widens_up}, {meaning:?}, {advice}),"
        )
        .expect("a text takes it");
        count += 1;
    }
    format!(
        "pub(super) const {hash}: &str = {sha256:?};\n\n\
         pub(super) fn {set}_rules() -> Rules {{\n    Rules {{\n{fields}    }}\n}}\n\n\
         static {table}: [Signal; {count}] = [\n{signals}];\n"
    )
}

fn advice(words: &Value) -> String {
    let said = |(level, words): (&String, &Value)| {
        format!("(Level::{}, {}), ", variant(level), owned(words.as_str().expect("a text")))
    };
    object_of(words).map(said).collect()
}

/// `BRANDS`.
fn brands() -> String {
    let (_, file) = read("lists/brands.json");
    let texts = |value: &Value| {
        format!(
            "&{:?}",
            value
                .as_array()
                .expect("an array")
                .iter()
                .map(|it| it.as_str().expect("a text"))
                .collect::<Vec<_>>()
        )
    };
    let brands: String = array(&file, "brands")
        .iter()
        .map(|brand| {
            let (name, own, weight) =
                (text(brand, "name"), texts(&brand["own"]), variant(text(brand, "weight")));
            let folded = fold::fold(name);
            format!("Brand {{ name: {name:?}, own: {own}, weight: Weight::{weight}, folded: {folded:?} }},\n")
        })
        .collect();
    let words = ["actions", "invitations", "topics", "hosts"];
    let words: String = words.iter().map(|name| format!("    {name}: {},\n", texts(&file[name]))).collect();
    format!("static BRANDS: Brands = Brands {{\n    brands: &[\n{brands}    ],\n{words}}};\n")
}

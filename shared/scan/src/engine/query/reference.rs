//! The tables of the language's reference, made of what it is checked against.

use super::limits::{
    BINDINGS_MAX, DETECTORS_MAX, FINDINGS_OF_ONE_MAX, FINDINGS_OF_SET_MAX, MEMBERS_MAX, NESTING_MAX,
    QUERIES_MAX, SITES_MAX, SOURCE_BYTES_MAX, TESTS_MAX, fuel_of_one, fuel_of_set,
};
use super::schema::{Entity, Field, ORIGINS, Relation, Type, word_fields};
use crate::engine::Budget;

/// Entities, fields, relations, origins and limits, as tables in Markdown: `docs/detector-language.md` holds them.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from("### Every entity\n");
    table(&mut text, FIELDS, Entity::shared().map(row));
    for entity in Entity::ALL {
        text.push_str(&format!("\n### `{}`\n\n{}\n", entity.name(), entity.meaning()));
        let mut own = entity.own().peekable();
        if own.peek().is_some() {
            table(&mut text, FIELDS, own.map(row));
        }
    }
    text.push_str(
        "\n### Words\n\nA field that is a word has fields of its own, such as `call.target.slot`.\n",
    );
    let fields =
        word_fields().iter().map(|field| [code(field.name), shown(field.of), field.meaning.to_owned()]);
    table(&mut text, FIELDS, fields);
    text.push_str("\n### Relations\n");
    let relations = Relation::ALL.into_iter().map(|relation| {
        let (left, right) = relation.sides();
        let form = format!("{} `{}` {}", left.name(), relation.name(), right.name());
        [form, relation.meaning().to_owned()]
    });
    table(&mut text, ["form", "holds when"], relations);
    text.push_str("\n### Origins\n");
    let origins = ORIGINS.into_iter().map(|(name, _, meaning)| [code(name), meaning.to_owned()]);
    table(&mut text, ["`from`", "meaning"], origins);
    text.push_str("\n### Limits\n");
    let fuel = |of: fn(Budget) -> u64| {
        [Budget::Quick, Budget::Standard, Budget::Deep].map(|budget| of(budget).to_string()).join(", ")
    };
    let limits = [
        ("bytes of a text", SOURCE_BYTES_MAX.to_string()),
        ("detectors of a tenant, or of a folder", DETECTORS_MAX.to_string()),
        ("queries of a detector", QUERIES_MAX.to_string()),
        ("tests of a detector", TESTS_MAX.to_string()),
        ("conditions in conditions", NESTING_MAX.to_string()),
        ("variables bound at one place", BINDINGS_MAX.to_string()),
        ("members of a set", MEMBERS_MAX.to_string()),
        ("things of one entity that are gone through", SITES_MAX.to_string()),
        ("steps of a detector in a scan (quick, standard, deep)", fuel(fuel_of_one)),
        ("steps of all detectors in a scan (quick, standard, deep)", fuel(fuel_of_set)),
        ("places that a detector reports in a contract", FINDINGS_OF_ONE_MAX.to_string()),
        ("places that all detectors report in a contract", FINDINGS_OF_SET_MAX.to_string()),
    ];
    table(&mut text, ["what", "at most"], limits.map(|(what, most)| [what.to_owned(), most]));
    text
}

/// The heads of tables of fields.
const FIELDS: [&str; 3] = ["field", "is a", "meaning"];

fn row(field: &Field) -> [String; 3] {
    [code(field.name), shown(field.of), field.meaning.to_owned()]
}

fn code(name: &str) -> String {
    format!("`{name}`")
}

fn shown(of: Type) -> String {
    match of {
        Type::Name(names) => names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", "),
        other => other.name().to_owned(),
    }
}

fn table<const N: usize>(text: &mut String, head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
    text.push_str(&format!("\n| {} |\n|{}\n", head.join(" | "), " --- |".repeat(N)));
    for row in rows {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
}

//! Conditions and updates in DynamoDB's expression language.
//!
//! Every name is a placeholder: `ttl` and many others are reserved words. A placeholder that no
//! expression uses is refused by DynamoDB, so each is added where its text is.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use scorpius_core::{Condition, UnixMillis};

use super::item::{self, EXPIRES, PARTITION, TTL, VERSION};

/// Expressions of one write, with the placeholders that they share.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Expression {
    pub(super) condition: Option<String>,
    pub(super) update: Option<String>,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Expression {
    /// What must hold at `now`. An expired item is absent.
    pub(super) fn condition(condition: Condition, now: UnixMillis) -> Self {
        let mut made = Self::default();
        made.condition = match condition {
            Condition::Always => None,
            Condition::Absent => {
                Some(format!("attribute_not_exists({}) OR {}", made.partition(), made.expired(now)))
            }
            Condition::Present => Some(made.alive(now)),
            Condition::VersionIs(version) => {
                let name = made.name("#v", VERSION);
                let value = made.value(":was", item::number(version));
                Some(format!("{name} = {value} AND {}", made.alive(now)))
            }
        };
        made
    }

    /// The item is past its time.
    pub(super) fn is_expired(now: UnixMillis) -> Self {
        let mut made = Self::default();
        made.condition = Some(made.expired(now));
        made
    }

    /// Adds to an item that is alive at `now`, or makes it. An expired item fails the condition.
    pub(super) fn addition(addition: &Addition<'_>, now: UnixMillis) -> Self {
        let mut made = Self::default();
        let sums = addition.sums();

        // An item's version rises by one; a new item's starts where versions are at its time.
        let version = made.name("#v", VERSION);
        let base = made.value(":base", item::number(addition.base_version));
        let one = made.value(":one", item::number(1));
        let expires = made.name("#x", EXPIRES);
        let expires_at = made.value(":x", item::expires(addition.expires_at));
        let ttl = made.name("#ttl", TTL);
        let ttl_at = made.value(":ttl", item::ttl(addition.expires_at));
        let mut update = format!(
            "SET {version} = if_not_exists({version}, {base}) + {one}, \
             {expires} = if_not_exists({expires}, {expires_at}), {ttl} = if_not_exists({ttl}, {ttl_at})"
        );
        for (index, (name, sum)) in sums.iter().enumerate() {
            update.push_str(if index == 0 { " ADD " } else { ", " });
            let name = made.name(&format!("#d{index}"), &item::own(name));
            let value = made.value(&format!(":d{index}"), item::number(sum));
            update.push_str(&format!("{name} {value}"));
        }
        made.update = Some(update);

        let mut condition = format!("(attribute_not_exists({}) OR {})", made.partition(), made.alive(now));
        if let Some((limited, max)) = addition.only_if {
            let delta = sums.get(limited).copied().unwrap_or(0);
            let room = i128::from(max) - delta;
            let name = made.name("#max", &item::own(limited));
            let value = made.value(":room", item::number(room));
            // What is absent counts from 0.
            let absent = if room >= 0 { format!("attribute_not_exists({name}) OR ") } else { String::new() };
            condition.push_str(&format!(" AND ({absent}{name} <= {value})"));
        }
        made.condition = Some(condition);
        made
    }

    fn partition(&mut self) -> String {
        self.name("#pk", PARTITION)
    }

    fn expired(&mut self, now: UnixMillis) -> String {
        format!("{} <= {}", self.name("#x", EXPIRES), self.value(":now", item::number(now.0)))
    }

    fn alive(&mut self, now: UnixMillis) -> String {
        format!("{} > {}", self.name("#x", EXPIRES), self.value(":now", item::number(now.0)))
    }

    fn name(&mut self, placeholder: &str, name: &str) -> String {
        self.names.insert(placeholder.to_owned(), name.to_owned());
        placeholder.to_owned()
    }

    fn value(&mut self, placeholder: &str, value: AttributeValue) -> String {
        self.values.insert(placeholder.to_owned(), value);
        placeholder.to_owned()
    }

    /// The names, or nothing where there are none: DynamoDB refuses an empty map.
    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    /// The values, or nothing where there are none.
    pub(super) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

/// What `Write::Add` and `Store::add` ask.
pub(super) struct Addition<'a> {
    pub(super) deltas: Vec<(&'a str, i64)>,
    pub(super) only_if: Option<(&'a str, i64)>,
    pub(super) expires_at: Option<UnixMillis>,
    /// The version before the first of an item that this makes.
    pub(super) base_version: u64,
}

impl Addition<'_> {
    /// One sum for each attribute: an expression may name it only once.
    fn sums(&self) -> BTreeMap<&str, i128> {
        let mut sums = BTreeMap::new();
        for (name, delta) in &self.deltas {
            *sums.entry(*name).or_insert(0) += i128::from(*delta);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(7);

    #[track_caller]
    fn check(condition: Condition, expected: &str, names: &[&str], values: &[&str]) {
        let made = Expression::condition(condition, NOW);
        assert_eq!(made.condition.as_deref(), Some(expected));
        used(&made, names, values);
    }

    #[track_caller]
    fn used(made: &Expression, names: &[&str], values: &[&str]) {
        let mut have: Vec<_> = made.names.keys().map(String::as_str).collect();
        have.sort_unstable();
        assert_eq!(have, names);
        let mut have: Vec<_> = made.values.keys().map(String::as_str).collect();
        have.sort_unstable();
        assert_eq!(have, values);
    }

    #[test]
    fn conditions_judge_expiry() {
        check(Condition::Absent, "attribute_not_exists(#pk) OR #x <= :now", &["#pk", "#x"], &[":now"]);
        check(Condition::Present, "#x > :now", &["#x"], &[":now"]);
        check(Condition::VersionIs(3), "#v = :was AND #x > :now", &["#v", "#x"], &[":now", ":was"]);
        assert_eq!(Expression::condition(Condition::Always, NOW), Expression::default());
        assert_eq!(Expression::is_expired(NOW).condition.as_deref(), Some("#x <= :now"));
    }

    #[track_caller]
    fn addition(
        deltas: &[(&str, i64)],
        only_if: Option<(&str, i64)>,
        adds: &str,
        condition: &str,
    ) -> Expression {
        let asked = Addition { deltas: deltas.to_vec(), only_if, expires_at: None, base_version: 1 };
        let made = Expression::addition(&asked, NOW);
        let set = "SET #v = if_not_exists(#v, :base) + :one, #x = if_not_exists(#x, :x), #ttl = if_not_exists(#ttl, :ttl)";
        assert_eq!(made.update.as_deref(), Some(format!("{set}{adds}").as_str()));
        let alive = "(attribute_not_exists(#pk) OR #x > :now)";
        assert_eq!(made.condition.as_deref(), Some(format!("{alive}{condition}").as_str()));
        made
    }

    #[test]
    fn an_addition_names_each_attribute_once() {
        addition(&[], None, "", "");
        let made = addition(&[("b", 2), ("a", 1), ("b", -5)], None, " ADD #d0 :d0, #d1 :d1", "");
        assert_eq!(made.values[":d1"], item::number(-3));
        assert_eq!(made.names["#d1"], "@b");
    }

    #[test]
    fn a_maximum_is_judged_before_adding() {
        let made = addition(
            &[("n", 3)],
            Some(("n", 10)),
            " ADD #d0 :d0",
            " AND (attribute_not_exists(#max) OR #max <= :room)",
        );
        assert_eq!(made.values[":room"], item::number(7));
        // More than the maximum at once: only a negative count has room.
        let made = addition(&[("n", 3)], Some(("n", 2)), " ADD #d0 :d0", " AND (#max <= :room)");
        assert_eq!(made.values[":room"], item::number(-1));
        let made =
            addition(&[("n", i64::MAX)], Some(("n", i64::MIN)), " ADD #d0 :d0", " AND (#max <= :room)");
        assert_eq!(made.values[":room"], item::number("-18446744073709551615"));
    }
}

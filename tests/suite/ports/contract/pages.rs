//! Walking: order, ranges, pages, and the parts of a scan.

use std::collections::BTreeMap;

use super::*;

/// Sort keys whose order differs between bytes, UTF-16 and letters.
const ODD: [&str; 11] = ["\u{0}", "A", "Z", "a", "a\u{0}", "a!", "aa", "b", "é", "\u{ffff}", "\u{10000}"];

fn sorts(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| record.key.sort.clone()).collect()
}

async fn fill(world: &World, partition: &str, keys: impl IntoIterator<Item = String>) {
    let writes: Vec<_> =
        keys.into_iter().map(|sort| put(&Key::new(partition, sort), 1, Condition::Absent)).collect();
    for writes in writes.chunks(100) {
        world.must(writes.to_vec()).await;
    }
}

pub(in super::super) async fn keys_are_in_the_order_of_their_bytes(world: &World) {
    let mut shuffled = ODD.map(str::to_owned).to_vec();
    shuffled.reverse();
    shuffled.swap(1, 7);
    for partition in ["order", "counter#order", "outbox#order"] {
        fill(world, partition, shuffled.clone()).await;
        fill(world, &format!("{partition}2"), ["other".to_owned()]).await;
        assert_eq!(sorts(&world.all(ListQuery::all(partition)).await), ODD);
        let down = world.all(ListQuery { descending: true, limit: 4, ..ListQuery::all(partition) }).await;
        assert_eq!(sorts(&down).into_iter().rev().collect::<Vec<_>>(), ODD);
    }
}

pub(in super::super) async fn every_page_size_visits_every_record_once(world: &World) {
    let keys: Vec<_> = (0..230).map(|n| format!("{n:04}")).collect();
    fill(world, "sizes", keys.clone()).await;
    for limit in [7, 115, 199, 200] {
        for descending in [false, true] {
            let mut visited =
                sorts(&world.all(ListQuery { limit, descending, ..ListQuery::all("sizes") }).await);
            if descending {
                visited.reverse();
            }
            assert_eq!(visited, keys, "pages of {limit}");
        }
    }
}

pub(in super::super) async fn a_page_goes_on_where_the_one_before_ended_whatever_changed(world: &World) {
    fill(world, "stable", (0..10).map(|n| format!("{n}"))).await;
    for descending in [false, true] {
        let query = ListQuery { limit: 4, descending, ..ListQuery::all("stable") };
        let first = world.store.list(&query).await.expect("the store answers");
        let last = first.records.last().expect("four records").key.clone();
        let (before, after) = if descending { ("9x", "2x") } else { ("0x", "7x") };
        // The record that the cursor stands on goes, and others come on both sides of it.
        world.must(vec![delete(&last, Condition::Present)]).await;
        fill(world, "stable", [before.to_owned(), after.to_owned()]).await;
        let rest = sorts(&world.all(ListQuery { cursor: first.cursor, ..query }).await);
        let expected = match descending {
            false => vec!["4", "5", "6", "7", "7x", "8", "9"],
            true => vec!["5", "4", "3", "2x", "2", "1", "0x", "0"],
        };
        assert_eq!(rest, expected);
        world
            .must(vec![
                put(&last, 1, Condition::Absent),
                delete(&Key::new("stable", "7x"), Condition::Always),
            ])
            .await;
    }
}

pub(in super::super) async fn a_range_begins_with_its_start_and_stops_before_its_end(world: &World) {
    fill(world, "range", ["a", "b", "b1", "b2", "b\u{10fffe}", "c", "d"].map(str::to_owned)).await;
    let range = async |from: Option<&str>, until: Option<&str>, limit, descending| {
        let (from, until) = (from.map(str::to_owned), until.map(str::to_owned));
        sorts(&world.all(ListQuery { from, until, limit, descending, ..ListQuery::all("range") }).await)
    };
    for limit in [1, 2, 200] {
        assert_eq!(range(Some("b"), Some("c"), limit, false).await, ["b", "b1", "b2", "b\u{10fffe}"]);
        assert_eq!(range(Some("b"), Some("c"), limit, true).await, ["b\u{10fffe}", "b2", "b1", "b"]);
        assert_eq!(range(None, Some("b"), limit, false).await, ["a"]);
        assert_eq!(range(Some("b3"), None, limit, true).await, ["d", "c", "b\u{10fffe}"]);
        assert_eq!(range(Some("c"), Some("b"), limit, false).await, [""; 0]);
        assert_eq!(range(Some("b"), Some("b"), limit, false).await, [""; 0]);
    }
    let prefixed = world.all(ListQuery { limit: 1, ..ListQuery::prefix("range", "b") }).await;
    assert_eq!(sorts(&prefixed), ["b", "b1", "b2", "b\u{10fffe}"]);
}

pub(in super::super) async fn a_cursor_belongs_to_its_query(world: &World) {
    fill(world, "cursor", (0..5).map(|n| format!("{n}"))).await;
    let query = ListQuery { limit: 2, ..ListQuery::all("cursor") };
    let cursor = world.store.list(&query).await.expect("the store answers").cursor;
    assert!(cursor.is_some());
    let others = [
        ListQuery { cursor: Some("nonsense".to_owned()), ..query.clone() },
        ListQuery { cursor: Some(String::new()), ..query.clone() },
        ListQuery { cursor: Some("A".repeat(10_000)), ..query.clone() },
        ListQuery { cursor: cursor.clone(), descending: true, ..query.clone() },
        ListQuery { cursor: cursor.clone(), from: Some("1".to_owned()), ..query.clone() },
        ListQuery { cursor: cursor.clone(), until: Some("4".to_owned()), ..query.clone() },
        ListQuery { cursor: cursor.clone(), partition: "cursor2".to_owned(), ..query.clone() },
    ];
    for other in others {
        let refused = world.store.list(&other).await;
        assert!(matches!(refused, Err(StoreError::BadCursor)), "{other:?}: {refused:?}");
    }
    let refused = world.store.scan(0, 1, Some("nonsense")).await;
    assert!(matches!(refused, Err(StoreError::BadCursor)), "{refused:?}");
    // The size of a page is no part of the question.
    let rest = world.all(ListQuery { cursor, limit: 200, ..query }).await;
    assert_eq!(sorts(&rest), ["2", "3", "4"]);
}

pub(in super::super) async fn a_page_ends_before_it_is_too_heavy(world: &World) {
    for n in 0..8 {
        let attributes = Attributes::new().with("b", Value::Bytes(vec![n; 300_000]));
        let key = Key::new("heavy", format!("{n}"));
        world
            .must(vec![Write::Put { key, attributes, expires_at: None, condition: Condition::Always }])
            .await;
    }
    let first = world.store.list(&ListQuery::all("heavy")).await.expect("the store answers");
    assert!((1..=4).contains(&first.records.len()), "{} records of 300 KB in a page", first.records.len());
    assert!(first.cursor.is_some());
    for descending in [false, true] {
        assert_eq!(world.all(ListQuery { descending, ..ListQuery::all("heavy") }).await.len(), 8);
    }
}

pub(in super::super) async fn many_are_answered_in_the_order_of_the_question(world: &World) {
    fill(world, "many", (0..150).map(|n| format!("{n}"))).await;
    fill(world, "counter#many", ["x".to_owned()]).await;
    let mut keys: Vec<_> = (0..198).rev().map(|n| Key::new("many", format!("{n}"))).collect();
    keys.push(Key::new("counter#many", "x"));
    keys.push(Key::new("many", "7"));
    let many = world.store.get_many(&keys).await.expect("the store answers");
    assert_eq!(many.len(), 200);
    for (key, record) in keys.iter().zip(&many) {
        let there = key.sort == "x" || key.sort.parse::<u32>().is_ok_and(|n| n < 150);
        assert_eq!(record.as_ref().map(|record| &record.key), there.then_some(key));
    }
    assert_eq!(world.store.get_many(&[]).await.expect("the store answers"), []);
}

pub(in super::super) async fn the_parts_of_a_scan_are_every_record_once(world: &World) {
    for partition in 0..40 {
        fill(world, &format!("scan{partition}"), (0..10).map(|n| format!("{n}"))).await;
    }
    fill(world, "outbox#scan", ["a".to_owned()]).await;
    fill(world, "counter#scan", ["a".to_owned()]).await;
    for of in [1, 3, 8] {
        let mut seen = BTreeMap::new();
        for segment in 0..of {
            let mut cursor = None;
            loop {
                let page = world.store.scan(segment, of, cursor.as_deref()).await.expect("the store answers");
                for record in page.records {
                    *seen.entry(record.key).or_insert(0) += 1;
                }
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
        }
        assert!(seen.values().all(|times| *times == 1), "a record is in two parts");
        let ours = |key: &&Key| key.partition.starts_with("scan");
        assert_eq!(seen.keys().filter(ours).count(), 400, "{of} parts");
        let others = |key: &Key| key.partition == "outbox#scan" || key.partition == "counter#scan";
        assert!(!seen.keys().any(others), "other tables are not scanned");
    }
}

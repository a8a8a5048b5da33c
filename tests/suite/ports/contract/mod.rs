//! What every `Store` does, said once: the words of `scorpius_core::store` as tests.
//!
//! An adapter gives an `async fn() -> World` to `store_contract!` and gets every test by name.

use std::any::Any;
use std::sync::Arc;

use scorpius_core::{
    Attributes, Clock, CommitId, Condition, Key, ListQuery, ManualClock, Record, Store, StoreError,
    UnixMillis, Value, Write,
};

pub(super) mod atomicity;
pub(super) mod commits;
pub(super) mod counters;
pub(super) mod expiry;
mod history;
pub(super) mod linearizability;
pub(super) mod model;
pub(super) mod pages;

/// A store that no other test sees, or at least no other test's partitions are in it.
pub(super) struct World {
    /// Under test.
    pub(super) store: Arc<dyn Store>,
    /// The one that the store was given.
    pub(super) clock: Arc<ManualClock>,
    /// Goes with the world: a folder, a process.
    pub(super) keep: Box<dyn Any + Send + Sync>,
}

/// A clock that stands.
pub(super) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)))
}

impl World {
    /// Ends the store before what it lives in.
    pub(super) fn close(self) {
        drop(self.store);
        drop(self.keep);
    }

    /// A new id, a millisecond after the one before.
    fn id(&self) -> CommitId {
        self.clock.advance_ms(1);
        CommitId::new(&*self.clock)
    }

    async fn commit(&self, writes: &[Write]) -> Result<u64, StoreError> {
        self.store.commit(self.id(), writes).await
    }

    /// Commits what nothing stands against.
    async fn must(&self, writes: Vec<Write>) -> u64 {
        self.commit(&writes).await.expect("nothing stands against this commit")
    }

    async fn get(&self, key: &Key) -> Option<Record> {
        self.store.get(key).await.expect("the store answers")
    }

    /// Everything in a partition, by as many pages as it takes.
    async fn all(&self, query: ListQuery) -> Vec<Record> {
        let mut query = query;
        let mut records = Vec::new();
        for _ in 0..10_000 {
            let page = self.store.list(&query).await.expect("the store answers");
            assert!(page.records.len() <= query.limit, "a page is longer than asked for");
            records.extend(page.records);
            query.cursor = page.cursor;
            if query.cursor.is_none() {
                return records;
            }
        }
        panic!("the pages do not end");
    }
}

fn number(n: i64) -> Attributes {
    Attributes::new().with("n", Value::Int(n))
}

fn put(key: &Key, n: i64, condition: Condition) -> Write {
    Write::Put { key: key.clone(), attributes: number(n), expires_at: None, condition }
}

fn delete(key: &Key, condition: Condition) -> Write {
    Write::Delete { key: key.clone(), condition }
}

fn add(key: &Key, n: i64, only_if: Option<i64>) -> Write {
    let only_if = only_if.map(|max| ("n".to_owned(), max));
    Write::Add { key: key.clone(), deltas: vec![("n".to_owned(), n)], only_if, expires_at: None }
}

/// Every sentence of the contract for the store that `$open` opens.
macro_rules! store_contract {
    ($open:path) => {
        $crate::ports::contract::store_contract! { @each $open;
            commits::a_commit_takes_a_hundred_writes_and_not_one_more
            commits::every_limit_is_kept
            commits::a_key_is_written_once_in_a_commit
            commits::a_false_condition_names_its_write_and_nothing_is_changed
            commits::conditions_are_judged_against_what_is_there
            commits::a_check_guards_without_changing
            commits::a_put_is_read_back_with_the_version_that_was_answered
            commits::no_version_is_used_twice_for_one_key
            commits::a_lost_answer_is_asked_for_again_and_the_commit_is_applied_once
            commits::an_event_is_in_the_outbox_exactly_when_its_commit_was_applied
            commits::one_commit_reaches_all_three_tables
            commits::values_come_back_as_they_were
            commits::a_chain_is_applied_link_by_link_until_one_fails
            counters::add_counts_from_zero_and_answers_with_the_sum
            counters::add_under_a_maximum_stops_at_it
            counters::a_maximum_holds_whoever_asks_at_once
            counters::what_is_no_number_is_not_added_to
            expiry::what_has_ended_is_absent_to_every_question_at_once
            expiry::a_counter_that_has_ended_begins_again
            expiry::a_retry_judges_expiry_by_the_time_of_the_first_try
            pages::keys_are_in_the_order_of_their_bytes
            pages::every_page_size_visits_every_record_once
            pages::a_page_goes_on_where_the_one_before_ended_whatever_changed
            pages::a_range_begins_with_its_start_and_stops_before_its_end
            pages::a_cursor_belongs_to_its_query
            pages::a_page_ends_before_it_is_too_heavy
            pages::many_are_answered_in_the_order_of_the_question
            pages::the_parts_of_a_scan_are_every_record_once
            atomicity::once_a_part_of_a_commit_is_seen_all_of_it_is
            atomicity::no_update_is_lost_under_versions
            linearizability::a_thousand_histories_of_single_records_are_linearizable
            linearizability::a_planted_stale_read_is_found
            model::random_programs_end_as_in_the_model
        }
    };
    (@each $open:path; $($group:ident :: $name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                // An adapter whose program is not there gives `None`, having said so.
                let world: Option<$crate::ports::contract::World> = $open().await.into();
                let Some(world) = world else { return };
                $crate::ports::contract::$group::$name(&world).await;
                world.close();
            }
        )*
    };
}
pub(super) use store_contract;

//! Whether what several clients saw of one record could have happened one after the other.
//!
//! Wing and Gong's search, with Lowe's memory of where it has been: take any call that could come
//! first (no other was answered before it began), apply it, go on; go back where that fails.

use std::collections::HashSet;

use scorpius_core::Condition;

/// Version and value of the record, when there is one.
pub(super) type State = Option<(u64, i64)>;

/// A question and its answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    /// What was read.
    Get(State),
    /// A value put; the version that it got, or `None` for a conflict.
    Put { condition: Condition, value: i64, version: Option<u64> },
    /// A removal, and whether it was done.
    Delete { condition: Condition, done: bool },
}

/// One call. Times are draws from one counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) asked: Asked,
    pub(super) began: u64,
    pub(super) answered: u64,
}

/// Whether some order of `calls` explains every answer and contradicts no clock. At most 64 calls.
pub(super) fn is_linearizable(calls: &[Call]) -> bool {
    assert!(calls.len() <= 64, "a history of {} calls", calls.len());
    search(calls, 0, None, &mut HashSet::new())
}

fn search(calls: &[Call], taken: u64, state: State, been: &mut HashSet<(u64, State)>) -> bool {
    if taken.count_ones() as usize == calls.len() {
        return true;
    }
    if !been.insert((taken, state)) {
        return false;
    }
    let left = || calls.iter().enumerate().filter(|(index, _)| taken & (1 << index) == 0);
    let first_answer = left().map(|(_, call)| call.answered).min().unwrap_or(u64::MAX);
    left().filter(|(_, call)| call.began < first_answer).any(|(index, call)| {
        after(call.asked, state).is_some_and(|next| search(calls, taken | (1 << index), next, been))
    })
}

/// The state after `asked`, or `None` when its answer does not fit `state`.
fn after(asked: Asked, state: State) -> Option<State> {
    let holds = |condition| match condition {
        Condition::Always => true,
        Condition::Absent => state.is_none(),
        Condition::Present => state.is_some(),
        Condition::VersionIs(version) => state.is_some_and(|(found, _)| found == version),
    };
    match asked {
        Asked::Get(seen) => (seen == state).then_some(state),
        Asked::Put { condition, value, version } => (holds(condition) == version.is_some())
            .then(|| version.map_or(state, |version| Some((version, value)))),
        Asked::Delete { condition, done } => {
            (holds(condition) == done).then_some(if done { None } else { state })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(began: u64, answered: u64, asked: Asked) -> Call {
        Call { asked, began, answered }
    }

    fn put(version: u64, value: i64) -> Asked {
        Asked::Put { condition: Condition::Always, value, version: Some(version) }
    }

    #[test]
    fn a_read_beside_a_write_may_see_either_side_of_it() {
        for seen in [Some((1, 10)), Some((2, 20))] {
            let calls = [call(0, 1, put(1, 10)), call(2, 5, put(2, 20)), call(3, 4, Asked::Get(seen))];
            assert!(is_linearizable(&calls), "{seen:?}");
        }
        let calls = [call(0, 1, put(1, 10)), call(2, 5, put(2, 20)), call(3, 4, Asked::Get(None))];
        assert!(!is_linearizable(&calls));
    }

    #[test]
    fn a_read_after_a_write_sees_it_and_no_later_read_goes_back() {
        let stale = [call(0, 1, put(1, 10)), call(2, 3, put(2, 20)), call(4, 5, Asked::Get(Some((1, 10))))];
        assert!(!is_linearizable(&stale));
        let back = [
            call(0, 1, put(1, 10)),
            call(2, 9, put(2, 20)),
            call(3, 4, Asked::Get(Some((2, 20)))),
            call(5, 6, Asked::Get(Some((1, 10)))),
        ];
        assert!(!is_linearizable(&back));
    }

    #[test]
    fn one_of_two_writers_with_the_same_version_loses() {
        let change = |value, version| Asked::Put { condition: Condition::VersionIs(1), value, version };
        let both = [call(0, 1, put(1, 0)), call(2, 5, change(7, Some(2))), call(3, 4, change(8, Some(3)))];
        assert!(!is_linearizable(&both));
        let one = [call(0, 1, put(1, 0)), call(2, 5, change(7, Some(2))), call(3, 4, change(8, None))];
        assert!(is_linearizable(&one));
        let none = [call(0, 1, put(1, 0)), call(2, 5, change(7, None)), call(3, 4, change(8, None))];
        assert!(!is_linearizable(&none));
    }
}

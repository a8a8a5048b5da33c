//! Messages that are handled at the same time in one process: whoever has the turn brings all batches in that wait, which costs
//! one checkpoint and no race.

use std::sync::{Mutex, PoisonError};

use futures::channel::oneshot;
use scorpius_core::Event;

use crate::sequencer::{Appended, SequenceError, Sequencer};

/// Batches that are brought in together.
const BATCHES_MAX: usize = 10;

struct Waiting {
    batch_id: String,
    events: Vec<Event>,
    answer: oneshot::Sender<Result<Appended, SequenceError>>,
}

/// Who waits, and whose turn it is.
#[derive(Default)]
pub(super) struct Together {
    waiting: Mutex<Vec<Waiting>>,
    turn: futures::lock::Mutex<()>,
}

impl Together {
    /// As `Sequencer::append`, with whatever else waits.
    pub(super) async fn append(
        &self,
        sequencer: &Sequencer,
        batch_id: String,
        events: Vec<Event>,
    ) -> Result<Appended, SequenceError> {
        let (answer, mut answered) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(Waiting {
            batch_id,
            events,
            answer,
        });
        let _turn = self.turn.lock().await;
        loop {
            match answered.try_recv() {
                Ok(Some(result)) => return result,
                Ok(None) => {}
                // Who had the turn ended in the middle of it. The message comes again.
                Err(oneshot::Canceled) => return Err(SequenceError::Contention),
            }
            let group = self.next();
            let batches: Vec<_> = group.iter().map(|one| (one.batch_id.as_str(), &one.events[..])).collect();
            let results = sequencer.append_all(&batches).await;
            for (one, result) in group.into_iter().zip(results) {
                // Who asked may have gone away meanwhile.
                drop(one.answer.send(result));
            }
        }
    }

    /// Those that have waited longest.
    fn next(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(BATCHES_MAX);
        waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, batch, check, published, released};

    #[tokio::test]
    async fn what_waits_is_brought_in_together_and_each_is_answered_for_itself() {
        let world = World::new();
        let (sequencer, together) = (world.sequencer(), Together::default());
        let append =
            |number: u64, events: Vec<Event>| together.append(&sequencer, format!("bat_{number}"), events);
        let mut forged = batch(3..4);
        forged[0].actor = "key_2".to_owned();
        let all = (0..5).map(|number| append(number, batch(number * 40..(number + 1) * 40)));
        let mut waiting = Box::pin(futures::future::join(futures::future::join_all(all), append(9, forged)));
        {
            let _turn = together.turn.lock().await;
            assert!(futures::future::poll_immediate(&mut waiting).await.is_none(), "all wait for their turn");
        }
        let (results, refused) = waiting.await;
        for result in results {
            assert_eq!(result.expect("appended"), Appended::Committed { entries: 40 });
        }
        assert!(matches!(refused, Err(SequenceError::EventChanged(_))));
        assert_eq!(published(&world).await.expect("published").size, 200);
        assert_eq!(released(&world).await.len(), 1, "whoever had the turn brought in all that waited");
        check(&world, &batch(0..200)).await;
    }

    #[tokio::test]
    async fn a_turn_that_ends_early_costs_the_others_a_retry() {
        let world = World::new();
        let (sequencer, together) = (world.sequencer(), Together::default());
        {
            // The one with the turn is dropped before it is answered.
            let mut first = Box::pin(together.append(&sequencer, "bat_0".to_owned(), batch(0..9)));
            let mut second = Box::pin(together.append(&sequencer, "bat_1".to_owned(), batch(9..19)));
            let one = futures::future::poll_immediate(&mut first).await;
            assert!(one.is_none() && futures::future::poll_immediate(&mut second).await.is_none());
            drop(first);
            assert_eq!(second.await.expect("appended"), Appended::Committed { entries: 10 });
        }
        let again = together.append(&sequencer, "bat_0".to_owned(), batch(0..9)).await;
        assert!(matches!(again, Ok(Appended::Committed { .. } | Appended::Known)), "{again:?}");
        check(&world, &batch(0..19)).await;
    }
}

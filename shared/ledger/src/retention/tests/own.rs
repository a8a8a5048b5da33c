//! A tenant's own log beside the shared one.

use super::*;
use crate::audit_log_of;
use crate::log::put_beginning;

#[tokio::test]
async fn an_own_log_s_entries_end_and_those_of_the_shared_log_at_the_same_places_stay() {
    let mut kept = Kept::new().await;
    let whose = tenant(1);
    kept.grow(100).await;
    let own = World { log: LogName::Own(whose.clone()), ..kept.world.clone() };
    own.store.commit(CommitId::new(&SystemClock), &[put_beginning(&whose, 0)]).await.expect("begun");
    let events: Vec<_> = (1_000..1_300).map(|number| event_of(number, &whose)).collect();
    for (number, batch) in events.chunks(97).enumerate() {
        own.sequencer().append(&format!("bat_{number}"), batch).await.expect("appended");
    }
    kept.anchorer(None).run().await.expect("anchored");
    let minimum = async || Minimum::of(&*own.store, &own.log).await.expect("a record");

    // A hold on somebody whom the own log names keeps it from going on.
    kept.hold(&whose, PERSON, true).await;
    kept.days(91);
    kept.step().await;
    kept.days(7);
    kept.step().await;
    let stopped = minimum().await;
    assert_eq!((stopped.index, stopped.announced, stopped.held.map(|held| held.index)), (0, None, Some(0)));
    kept.hold(&whose, PERSON, false).await;
    kept.step().await;
    assert_eq!(minimum().await.announced.map(|announced| announced.index), Some(256));
    kept.days(7);
    // The records, and then the tiles.
    assert_eq!(kept.step().await, Minimum::default(), "the shared log has no whole tile that could end");
    kept.step().await;
    let now = minimum().await;
    assert_eq!((now.index, now.deleted), (256, 256));

    let proofs = Proofs { store: own.store.clone(), blobs: own.blobs.clone() };
    for (index, event) in (0..).zip(&events) {
        let proof = proofs.of_event(&whose, &event.id).await.expect("an answer");
        let gone = proofs.gone(&whose, &event.id).await.expect("an answer");
        match index < 256 {
            true => assert_eq!((proof, gone), (None, Some(256)), "{index}"),
            false => assert_eq!((proof.expect("a proof").index, gone), (index, None)),
        }
    }
    let audit = audit_log_of(&*own.blobs, &own.log, &own.trusted().await).await.expect("whole");
    assert_eq!((audit.minimum, audit.checkpoint.size), (256, 300));
    assert_eq!(own.blobs.names("ledger-own/").iter().filter(|name| name.ends_with("/minimum")).count(), 1);

    // Nothing of the shared log has gone, and its events are told by themselves.
    kept.check(0).await;
    let mut told = told::<RetentionAdvanced>(&*own.store).await;
    // First that a hold kept it from going on.
    told.sort_by_key(|(event, _)| event.sequence);
    assert_eq!(told.len(), 2);
    assert_eq!((told[0].1.from, told[0].1.to, told[0].1.held_at), (0, 0, Some(0)));
    let (event, fact) = &told[1];
    assert_eq!(event.aggregate, format!("ledger_retention_{whose}"));
    assert_eq!((fact.from, fact.to, fact.log_of.as_deref()), (0, 256, Some(whose.as_str())));
}

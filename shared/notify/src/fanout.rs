//! The worker `notifier`: one event in, one delivery per webhook that asked for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use scorpius_core::id::is_id;
use scorpius_core::{Actor, Clock, CommitId, Condition, Event, Key, Store, StoreError, Write};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::{Message, Outcome};

use crate::delivery::{Delivery, payload};
use crate::facts::DeliveryRequested;
use crate::webhook::Webhooks;

/// Deliveries of one commit: two writes each, and one for the event's bytes.
const DELIVERIES_MAX: usize = 49;
/// How often a commit is tried when another hand-out of the same event takes deliveries away.
const ROUNDS_MAX: usize = 3;

/// What the worker needs.
pub struct App {
    /// Has the webhooks, gets the deliveries.
    pub store: Arc<dyn Store>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
}

/// Why an event was not turned into deliveries.
#[derive(Debug, thiserror::Error)]
enum FanoutError {
    #[error("the webhooks could not be read or the deliveries written")]
    Store(#[from] StoreError),
    #[error("another hand-out of this event is at work")]
    Contended,
}

/// Makes the deliveries of one event. Handed the same event again, it makes those that are missing.
pub async fn handle(app: &App, message: &Message) -> Outcome {
    let event = match message.event() {
        Ok(event) => event,
        Err(outcome) => return outcome,
    };
    if !is_id("evt", &event.id) {
        return Outcome::reject("the event's id is not one of ours");
    }
    if event.kind.starts_with("scorpius.notify.") {
        // A webhook told of its own deliveries would never come to rest.
        return Outcome::Done;
    }
    match fan_out(app, &event).await {
        Ok(()) => Outcome::Done,
        Err(error @ (FanoutError::Store(_) | FanoutError::Contended)) => {
            Outcome::retry(scorpius_core::error::chain(&error))
        }
    }
}

async fn fan_out(app: &App, event: &Event) -> Result<(), FanoutError> {
    let wanting = Webhooks::new(Arc::clone(&app.store)).wanting(&event.tenantid, &event.kind).await?;
    let now = app.clock.now();
    let deliveries: Vec<_> =
        wanting.iter().map(|webhook| Delivery::requested(event, &webhook.id, now)).collect();
    for chunk in deliveries.chunks(DELIVERIES_MAX) {
        request(app, event, chunk).await?;
    }
    Ok(())
}

/// Commits those of `deliveries` that do not exist.
async fn request(app: &App, event: &Event, deliveries: &[Delivery]) -> Result<(), FanoutError> {
    let tenant = &event.tenantid;
    let by_key: BTreeMap<Key, &Delivery> = deliveries
        .iter()
        .map(|delivery| (Delivery::key(tenant, &delivery.webhook_id, &delivery.event_id), delivery))
        .collect();
    let keys: Vec<_> = by_key.keys().cloned().collect();
    for _ in 0..ROUNDS_MAX {
        let there = app.store.get_many(&keys).await?;
        let missing: Vec<_> = keys
            .iter()
            .zip(there)
            .filter(|(_, record)| record.is_none())
            .filter_map(|(key, _)| by_key.get(key).copied())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut writes = vec![payload(event, app.clock.now())];
        for delivery in missing {
            writes.push(delivery.put(tenant, Condition::Absent));
            writes.push(requested(app, event, delivery));
        }
        match commit_with_retry(app.store.as_ref(), CommitId::new(app.clock.as_ref()), &writes).await {
            Ok(_) => return Ok(()),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(FanoutError::Contended)
}

fn requested(app: &App, cause: &Event, delivery: &Delivery) -> Write {
    let fact = DeliveryRequested {
        delivery_id: delivery.id.clone(),
        webhook_id: delivery.webhook_id.clone(),
        event_id: delivery.event_id.clone(),
        event_type: delivery.event_type.clone(),
    };
    let actor = Actor::reacting("notifier", cause);
    Write::emit(Event::of(
        &fact,
        &delivery.id,
        delivery.sequence,
        &cause.tenantid,
        &actor,
        app.clock.as_ref(),
    ))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use scorpius_local::Fate;
    use serde_json::json;

    use super::*;
    use crate::testing::{Asked, OTHER_TENANT, SCANNED, World, message};

    const REQUESTED: &str = "scorpius.notify.delivery_requested.v1";

    #[tokio::test]
    async fn an_event_goes_to_the_tenant_s_active_webhooks_that_asked_for_it() {
        let world = World::new();
        let (wanted, _) = world.webhook(&["scorpius.risk.*", "scorpius.scan.*"]).await;
        let (exact, _) = world.webhook(&[SCANNED]).await;
        let (unwanted, _) = world.webhook(&["scorpius.risk.*"]).await;
        let off = json!({"url": "https://hooks.example.com/", "events": ["*"], "active": false}).to_string();
        world.ask(Asked { body: off, ..Asked::of("createWebhook") }).await;
        let foreign = json!({"url": "https://hooks.example.com/", "events": ["*"]}).to_string();
        world.ask(Asked { body: foreign, tenant: OTHER_TENANT, ..Asked::of("createWebhook") }).await;

        let event = world.event(SCANNED);
        assert_eq!(handle(&world.fanout(), &message(&event, 1)).await, Outcome::Done);
        let requested = world.emitted(REQUESTED).await;
        let mut goals: Vec<_> =
            requested.iter().map(|it| it.data["webhook_id"].as_str().expect("an id")).collect();
        goals.sort_unstable();
        let mut expected = [wanted.as_str(), exact.as_str()];
        expected.sort_unstable();
        assert_eq!(goals, expected);
        assert!(requested.iter().all(|it| it.hops == 1 && it.sequence == 1 && it.tenantid == event.tenantid));
        assert!(requested.iter().all(|it| it.data["event_id"] == event.id.as_str()));
        assert_eq!(world.deliveries(&wanted).await.len(), 1);
        assert!(world.deliveries(&unwanted).await.is_empty());
    }

    #[tokio::test]
    async fn an_event_that_comes_twice_is_delivered_once() {
        let world = World::new();
        let (webhook, _) = world.webhook(&["*"]).await;
        let event = world.event(SCANNED);
        for receives in [1, 2, 1] {
            assert_eq!(handle(&world.fanout(), &message(&event, receives)).await, Outcome::Done);
        }
        assert_eq!(world.emitted(REQUESTED).await.len(), 1);
        assert_eq!(world.deliveries(&webhook).await.len(), 1);
    }

    #[tokio::test]
    async fn fifty_webhooks_are_served_by_several_commits_whatever_fails_between_them() {
        let world = World::new();
        for _ in 0..50 {
            world.webhook(&["*"]).await;
        }
        let event = world.event(SCANNED);
        world.store.will([Fate::Passes, Fate::Fails(StoreError::Busy)]);
        assert!(matches!(handle(&world.fanout(), &message(&event, 1)).await, Outcome::Retry { .. }));
        assert_eq!(world.emitted(REQUESTED).await.len(), 49);
        assert_eq!(handle(&world.fanout(), &message(&event, 2)).await, Outcome::Done);
        let requested = world.emitted(REQUESTED).await;
        let ids: std::collections::BTreeSet<_> = requested.iter().map(|it| it.aggregate.clone()).collect();
        assert_eq!((requested.len(), ids.len()), (50, 50));
    }

    #[tokio::test]
    async fn a_conflict_means_looking_again() {
        let world = World::new();
        world.webhook(&["*"]).await;
        let event = world.event(SCANNED);
        world.store.will([Fate::Fails(StoreError::Conflict { index: 1 })]);
        assert_eq!(handle(&world.fanout(), &message(&event, 1)).await, Outcome::Done);
        assert_eq!(world.emitted(REQUESTED).await.len(), 1);

        world.store.will((0..ROUNDS_MAX).map(|_| Fate::Fails(StoreError::Conflict { index: 1 })));
        let other = world.event(SCANNED);
        assert!(matches!(handle(&world.fanout(), &message(&other, 1)).await, Outcome::Retry { .. }));
    }

    #[tokio::test]
    async fn deliveries_are_not_told_of_deliveries() {
        let world = World::new();
        world.webhook(&["*"]).await;
        let event = world.event("scorpius.notify.delivered.v1");
        assert_eq!(handle(&world.fanout(), &message(&event, 1)).await, Outcome::Done);
        assert!(world.emitted(REQUESTED).await.is_empty());
    }

    #[tokio::test]
    async fn what_is_no_event_of_ours_is_rejected() {
        let world = World::new();
        let mut far = world.event(SCANNED);
        far.hops = 8;
        let mut named = world.event(SCANNED);
        named.id = "evt_x#y".to_owned();
        for event in [far, named] {
            assert!(matches!(handle(&world.fanout(), &message(&event, 1)).await, Outcome::Reject { .. }));
        }
        let garbage = Message { id: "1".to_owned(), body: Bytes::from_static(b"{}"), receives: 1 };
        assert!(matches!(handle(&world.fanout(), &garbage).await, Outcome::Reject { .. }));
    }
}

//! Holds on a tenant, on a resource and on a stretch of time.

use scorpius_core::{Key, hold};

use super::*;
use crate::facts::{HoldLifted, HoldPlaced};

impl Kept {
    async fn place(&self, tenant: &TenantId, what: &str) -> String {
        let (held, erasing) = (Held::parse(tenant, what).expect("a name"), self.erasing());
        erasing.of().hold(tenant, &held, "Case 12", &Actor::request("key_1", None)).await.expect("held").id
    }

    async fn lift(&self, tenant: &TenantId, what: &str) {
        let (held, erasing) = (Held::parse(tenant, what).expect("a name"), self.erasing());
        erasing.of().lift(tenant, &held, None, &Actor::request("key_1", None)).await.expect("lifted");
    }

    fn erasing(&self) -> Erasing {
        let (store, clock): (_, Arc<dyn Clock>) = (self.world.store.clone(), self.clock.clone());
        let payloads = Payloads::new(store.clone(), self.world.keys.clone(), clock.clone());
        Erasing { store, clock, payloads }
    }

    async fn is_there(&self, number: usize) -> bool {
        let event = &self.events[number];
        let key = Key::new(Records::events_of(&event.tenantid), event.id.as_str());
        self.world.store.get(&key).await.expect("an answer").is_some()
    }

    /// What the door to logs says of the shared one to somebody of this tenant.
    async fn shown(&self, number: u64) -> serde_json::Value {
        let (world, clock) = (&self.world, self.clock.clone());
        let app = api::App::new(world.store.clone(), world.blobs.clone(), world.keys.clone(), clock);
        let asked = testing::request("getLogs", &tenant(number), Role::Admin);
        body(&api::handle(&app, asked).await)["shared"]["kept"].clone()
    }
}

struct Erasing {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    payloads: Payloads,
}

impl Erasing {
    fn of(&self) -> Erasure<'_> {
        Erasure { store: &self.store, clock: &self.clock, payloads: &self.payloads, backups_s: 0 }
    }
}

/// The 300th entry, of tenant 1, as each kind of hold covers it.
fn names() -> [(String, u64); 3] {
    let (from, to) = (NOW.plus_ms(300), NOW.plus_ms(301));
    [(tenant(1).to_string(), 0), ("resource:vrd_300".to_owned(), 300), (format!("{from}--{to}"), 300)]
}

#[tokio::test]
async fn retention_stops_before_the_first_entry_that_is_held_and_says_by_what() {
    for (what, first) in names() {
        let kept = Kept::of(&[700]).await;
        let hold = kept.place(&tenant(1), &what).await;
        // Another tenant's hold of the same name holds nothing of this one.
        kept.place(&tenant(2), "resource:vrd_200").await;
        kept.lift(&tenant(2), "resource:vrd_200").await;
        let minimum = kept.end().await;
        assert_eq!((minimum.index, minimum.deleted), (whole(first), whole(first)), "{what}");
        let held = HeldBack { hold: hold.clone(), tenant: tenant(1), index: first };
        assert_eq!(minimum.held, Some(held), "{what}");
        kept.check(whole(first)).await;
        let told = told::<RetentionAdvanced>(&*kept.world.store).await;
        let (_, last) = told.iter().max_by_key(|(event, _)| event.sequence).expect("told");
        assert_eq!((last.from.max(last.to), last.held_at), (whole(first), Some(first)), "{what}");
        assert_eq!(last.held_by.as_ref(), Some(&hold));
        assert_eq!(last.hold_of.as_deref(), Some(tenant(1).as_str()));
        // Found again each hour, and told once.
        kept.days(1);
        kept.step().await;
        assert_eq!(testing::told::<RetentionAdvanced>(&*kept.world.store).await.len(), told.len());

        let shown = json!({"minimum_index": whole(first), "held": {"hold": hold, "index": first}});
        assert_eq!(kept.shown(1).await, shown);
        assert_eq!(kept.shown(9).await, shown, "the operator's tenant");
        assert_eq!(kept.shown(2).await, json!({"minimum_index": whole(first)}));

        kept.lift(&tenant(1), &what).await;
        let announced = kept.step().await;
        assert_eq!((announced.announced.map(|it| it.index), announced.held), (Some(512), None), "{what}");
        assert_eq!(kept.shown(1).await["next"]["index"], 512);
        kept.days(7);
        assert_eq!(kept.step().await.deleted, 512);
        kept.check(512).await;
    }
}

#[tokio::test]
async fn what_nobody_can_open_may_be_about_what_is_held() {
    let kept = Kept::of(&[700]).await;
    let erasing = kept.erasing();
    let actor = Actor::request("key_1", None);
    // All but one of tenant 1's entries are of this person.
    erasing.of().erase(&tenant(1), PERSON, &actor).await.expect("erased");
    kept.place(&tenant(1), "resource:vrd_600").await;
    let minimum = kept.end().await;
    assert_eq!((minimum.index, minimum.held.map(|held| held.index)), (0, Some(0)));
    kept.lift(&tenant(1), "resource:vrd_600").await;
    kept.step().await;
    kept.days(7);
    assert_eq!(kept.step().await.deleted, 512);
}

#[tokio::test]
async fn an_entry_that_is_held_is_never_removed_whenever_the_hold_comes() {
    for stage in [0, 1] {
        let script = Script::new(Trouble::Fails, u64::MAX);
        before(stage).await.troubled(&script).run().await.expect("a step");
        for (at, call) in (1..).zip(script.log()) {
            if call != "commit" {
                continue;
            }
            let (from, to) = (NOW.plus_ms(100), NOW.plus_ms(101));
            for what in [tenant(1).to_string(), "resource:vrd_100".to_owned(), format!("{from}--{to}")] {
                let kept = Arc::new(before(stage).await);
                let (held, name) = (Arc::clone(&kept), what.clone());
                let was_there = Arc::new(std::sync::atomic::AtomicBool::new(false));
                let noted = Arc::clone(&was_there);
                let script = Script::sleeping(at, async move {
                    held.place(&tenant(1), &name).await;
                    noted.store(held.is_there(100).await, std::sync::atomic::Ordering::SeqCst);
                });
                kept.troubled(&script).run().await.expect("a step");
                assert!(script.was_reached());
                for _ in 0..3 {
                    kept.days(7);
                    kept.step().await;
                }
                let was_there = was_there.load(std::sync::atomic::Ordering::SeqCst);
                assert_eq!(kept.is_there(100).await, was_there, "{what}: stage {stage} at {at}");
            }
        }
    }
}

#[tokio::test]
async fn a_hold_that_comes_after_the_effect_keeps_what_is_not_deleted_and_is_told() {
    let kept = before(1).await;
    // The step ends after the effect, before it deletes anything.
    let script = Script::new(Trouble::Fails, u64::MAX);
    before(1).await.troubled(&script).run().await.expect("a step");
    let deletes =
        script.log().iter().position(|call| call == "put ledger/minimum").expect("a file") as u64 + 1;
    drop(kept.troubled(&Script::new(Trouble::DiesBefore, deletes)).run().await);
    assert_eq!((kept.minimum().await.index, kept.records().await.len()), (256, 300));
    let hold = kept.place(&tenant(1), "resource:vrd_0").await;
    kept.step().await;
    let minimum = kept.step().await;
    assert_eq!((minimum.index, minimum.deleted, kept.records().await.len()), (256, 0, 300));
    assert_eq!(minimum.held.map(|held| held.hold), Some(hold));
    assert_eq!(kept.told().await, [(0, 256), (256, 256)]);
    kept.lift(&tenant(1), "resource:vrd_0").await;
    assert_eq!(kept.step().await.deleted, 256);
    kept.check(256).await;
}

#[tokio::test]
async fn holds_of_each_kind_keep_persons_and_their_secrets_and_are_told() {
    let kept = Kept::of(&[10]).await;
    let (erasing, actor) = (kept.erasing(), Actor::request("key_1", None));
    for (what, _) in names() {
        kept.place(&tenant(1), &what).await;
        let refused = erasing.of().erase(&tenant(1), PERSON, &actor).await.expect_err("held");
        assert!(matches!(refused, crate::erasure::ErasureError::HeldBesides), "{refused:?}");
        // Not another tenant's.
        let condition =
            [hold::none_in(&tenant(2)), hold::none_on_all(&tenant(2)), hold::none_wide(&tenant(2))];
        for condition in condition {
            let id = CommitId::new(&SystemClock);
            kept.world.store.commit(id, &[condition]).await.expect("none is held");
        }
        let id = CommitId::new(&SystemClock);
        kept.world.store.commit(id, &[hold::none_in(&tenant(1))]).await.expect_err("held");
        kept.lift(&tenant(1), &what).await;
    }
    erasing.of().erase(&tenant(1), PERSON, &actor).await.expect("erased");
    let placed = testing::told::<HoldPlaced>(&*kept.world.store).await;
    let lifted = testing::told::<HoldLifted>(&*kept.world.store).await;
    assert_eq!((placed.len(), lifted.len()), (3, 3));
    for (event, fact) in &lifted {
        assert_eq!((event.sequence, &fact.subject), (2, &None));
    }
}

//! The worker `mailer`: one event in, one letter out.

use std::sync::Arc;

use scorpius_core::{
    Actor, Attributes, Clock, CommitId, Condition, Event, Mail, MailError, Store, StoreError, Write,
};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::{Message, Outcome};

use crate::data_key::{DataKeyError, DataKeys};
use crate::facts::{LetterRequested, LetterSent};
use crate::letter::Waiting;

/// What the worker needs.
pub struct App {
    /// Has the letters.
    pub store: Arc<dyn Store>,
    /// Opens them.
    pub data_keys: DataKeys,
    /// Takes them.
    pub mail: Arc<dyn Mail>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
}

#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("the letter could not be read or marked as sent")]
    Store(#[from] StoreError),
    #[error("the letter does not open")]
    Sealed(#[from] DataKeyError),
    #[error("the letter was not taken")]
    Mail(#[from] MailError),
}

/// Sends the letter that an event asks for. Handed the same event again, it finds the letter sent.
pub async fn handle(app: &App, message: &Message) -> Outcome {
    let event = match message.event() {
        Ok(event) => event,
        Err(outcome) => return outcome,
    };
    let fact = match event.fact::<LetterRequested>() {
        Ok(Some(fact)) => fact,
        Ok(None) => return Outcome::reject("no request for a letter"),
        Err(error) => return Outcome::reject(error),
    };
    match send(app, &event, &fact.letter_id).await {
        Ok(()) => Outcome::Done,
        // With the tenant's key the letter is gone for good, and so is whom it was for.
        Err(SendError::Sealed(DataKeyError::Destroyed)) => Outcome::Done,
        Err(error @ (SendError::Mail(MailError::Refused(_)) | SendError::Sealed(DataKeyError::NotOurs))) => {
            Outcome::reject(scorpius_core::error::chain(&error))
        }
        Err(error) => Outcome::retry(scorpius_core::error::chain(&error)),
    }
}

async fn send(app: &App, event: &Event, id: &str) -> Result<(), SendError> {
    let at = Waiting::at(&event.tenantid, id);
    // Gone after a day: what asks for it is a day late.
    let Some(record) = app.store.get(&at).await? else { return Ok(()) };
    let waiting: Waiting = record.document().map_err(StoreError::from)?;
    if waiting.sent {
        return Ok(());
    }
    let letter = waiting.open(id, &app.data_keys.of(&event.tenantid).await?)?;
    app.mail.send(&letter).await?;
    let kind = waiting.kind;
    // What was sent is remembered, and not what it said.
    let sent = Waiting { sealed: String::new(), sent: true, ..waiting };
    let fact = LetterSent { letter_id: id.to_owned(), kind };
    let told = Event::of(&fact, id, 2, &event.tenantid, &Actor::reacting("mailer", event), &*app.clock);
    let writes = [
        Write::Put {
            key: at,
            attributes: Attributes::document(&sent),
            expires_at: record.expires_at,
            condition: Condition::VersionIs(record.version),
        },
        Write::emit(told),
    ];
    match commit_with_retry(&*app.store, CommitId::new(&*app.clock), &writes).await {
        // Another hand-out of the same event was quicker.
        Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use scorpius_core::store::OUTBOX_PARTITIONS;
    use scorpius_core::{Fact, Letter, ListQuery, ManualClock, PortError, TenantId, UnixMillis};
    use scorpius_local::{FileKeys, SqliteStore};
    use scorpius_token::Tenant;

    use super::*;
    use crate::facts::LetterKind;
    use crate::letter::{Draft, LETTER_LIFE_S, posting};

    pub(crate) struct World {
        pub(crate) clock: Arc<ManualClock>,
        pub(crate) store: Arc<dyn Store>,
        pub(crate) keys: DataKeys,
        pub(crate) tenant: Tenant,
        _folder: tempfile::TempDir,
    }

    impl World {
        pub(crate) async fn new() -> Self {
            let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
            let folder = tempfile::tempdir().expect("a folder");
            let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory(clock.clone()).expect("a store"));
            let file_keys = Arc::new(FileKeys::open(folder.path(), clock.clone()).expect("keys"));
            let tenant = Tenant::new(TenantId::new(&*clock), "a", false, &*clock);
            let put = Write::put(Tenant::at(&tenant.id), &tenant, Condition::Absent);
            store.commit(CommitId::new(&*clock), &[put]).await.expect("a commit");
            let keys = DataKeys { store: store.clone(), keys: file_keys, clock: clock.clone() };
            Self { clock, store, keys, tenant, _folder: folder }
        }

        async fn post(&self) -> Message {
            let key = self.keys.of(&self.tenant.id).await.expect("a key");
            let draft = Draft {
                kind: LetterKind::NewDevice,
                to: "ada@example.com".to_owned(),
                subject: "a secret subject".to_owned(),
                text: "a secret text".to_owned(),
            };
            let actor = Actor::request("usr_1", None);
            let writes = posting(draft, &self.tenant.id, &key, &actor, &*self.clock);
            self.store.commit(CommitId::new(&*self.clock), &writes).await.expect("a commit");
            let Write::Emit(event) = &writes[1] else { panic!("an event") };
            Message { id: "1".to_owned(), body: event.to_json().into(), receives: 1 }
        }

        fn app(&self, mail: &Arc<Carrier>) -> App {
            App {
                store: self.store.clone(),
                data_keys: self.keys.clone(),
                mail: mail.clone(),
                clock: self.clock.clone(),
            }
        }

        async fn emitted(&self, kind: &str) -> usize {
            let mut count = 0;
            for shard in 0..OUTBOX_PARTITIONS {
                let page = self.store.list(&ListQuery::all(format!("outbox#{shard}"))).await.expect("a list");
                for record in page.records {
                    let event: Event = record.document().expect("an event");
                    assert!(!event.to_json().contains("secret") && !event.to_json().contains("ada@"));
                    count += usize::from(event.kind == kind);
                }
            }
            count
        }
    }

    /// Takes letters, or does not, as it is told.
    #[derive(Default)]
    struct Carrier {
        answers: Mutex<Vec<MailError>>,
        taken: Mutex<Vec<Letter>>,
    }

    #[async_trait]
    impl Mail for Carrier {
        async fn send(&self, letter: &Letter) -> Result<(), MailError> {
            match self.answers.lock().expect("a lock").pop() {
                Some(error) => Err(error),
                None => {
                    self.taken.lock().expect("a lock").push(letter.clone());
                    Ok(())
                }
            }
        }
    }

    #[tokio::test]
    async fn a_letter_is_sent_once_and_its_text_is_not_kept() {
        let world = World::new().await;
        let (carrier, message) = (Arc::new(Carrier::default()), world.post().await);
        let records = format!("{:?}", world.store.scan(0, 1, None).await.expect("a scan").records);
        assert!(!records.contains("secret") && !records.contains("ada@"), "{records}");
        for _ in 0..3 {
            assert_eq!(handle(&world.app(&carrier), &message).await, Outcome::Done);
        }
        let taken = carrier.taken.lock().expect("a lock").clone();
        assert_eq!(taken.len(), 1);
        assert_eq!((taken[0].to.as_str(), taken[0].text.as_str()), ("ada@example.com", "a secret text"));
        assert_eq!(format!("{:?}", taken[0]), format!("Letter({})", taken[0].id));
        assert_eq!(world.emitted(LetterSent::TYPE).await, 1);
        let page =
            world.store.list(&ListQuery::all(format!("{}#letter", world.tenant.id))).await.expect("a list");
        let waiting: Waiting = page.records[0].document().expect("a letter");
        assert!(waiting.sent && waiting.sealed.is_empty());
    }

    #[tokio::test]
    async fn a_carrier_that_is_away_is_asked_again_and_one_that_refuses_is_not() {
        let world = World::new().await;
        let (carrier, message) = (Arc::new(Carrier::default()), world.post().await);
        let away = MailError::Port(PortError::new("mail", "away"));
        carrier.answers.lock().expect("a lock").push(away);
        assert!(matches!(handle(&world.app(&carrier), &message).await, Outcome::Retry { .. }));
        assert_eq!(handle(&world.app(&carrier), &message).await, Outcome::Done);
        let message = world.post().await;
        carrier.answers.lock().expect("a lock").push(MailError::Refused("no such sender".to_owned()));
        assert!(matches!(handle(&world.app(&carrier), &message).await, Outcome::Reject { .. }));
        assert_eq!(world.emitted(LetterSent::TYPE).await, 1);
    }

    #[tokio::test]
    async fn a_letter_that_waited_for_a_day_is_let_be_and_nonsense_is_rejected() {
        let world = World::new().await;
        let (carrier, message) = (Arc::new(Carrier::default()), world.post().await);
        world.clock.advance_ms(LETTER_LIFE_S * 1_000);
        assert_eq!(handle(&world.app(&carrier), &message).await, Outcome::Done);
        let other = Message { body: bytes::Bytes::from_static(b"{}"), ..message };
        assert!(matches!(handle(&world.app(&carrier), &other).await, Outcome::Reject { .. }));
        assert_eq!(carrier.taken.lock().expect("a lock").len(), 0);
    }
}

//! The first start, as the function `bootstrap` and the local host make it. No route leads here: on AWS
//! whoever IAM lets invoke the function, locally whoever holds the folder.

use std::sync::Arc;

use scorpius_core::{Clock, Store};
use serde::{Deserialize, Serialize};

use crate::bootstrap::{Bootstrap, BootstrapError, bootstrap};

/// What the first start needs.
pub struct App {
    /// Where the tenant and its key are kept.
    pub store: Arc<dyn Store>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// The ledger's verifier key. It is answered here since evidence counts only for somebody who has the
    /// key from elsewhere than the API.
    pub ledger_key: String,
}

/// What may be said about the first tenant.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FirstStart {
    /// The operator's tenant is called so; it can be said once.
    pub tenant_name: String,
}

impl Default for FirstStart {
    fn default() -> Self {
        Self { tenant_name: "first tenant".to_owned() }
    }
}

/// What is answered.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The ledger's verifier key, which is no secret.
    pub ledger_key: String,
    /// What came of it.
    #[serde(flatten)]
    pub started: Started,
}

/// Whether this was the first start.
#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Started {
    /// It was: the key is in this answer, and nowhere else.
    Created(Bootstrap),
    /// Somebody was first. What they were given is not told again.
    AlreadyDone,
}

/// Makes the first tenant, its administrator and a key, unless they were made before.
///
/// # Errors
/// When the name is none, or the store does not take it; then nothing was made.
pub async fn handle(app: &App, asked: FirstStart) -> Result<Answer, BootstrapError> {
    let started = match bootstrap(&*app.store, &*app.clock, &asked.tenant_name).await {
        Ok(made) => Started::Created(made),
        Err(BootstrapError::AlreadyDone) => Started::AlreadyDone,
        Err(error) => return Err(error),
    };
    Ok(Answer { ledger_key: app.ledger_key.clone(), started })
}

#[cfg(test)]
mod tests {
    use scorpius_core::SystemClock;
    use scorpius_local::SqliteStore;
    use serde_json::{Value, json};

    use super::*;

    fn app() -> App {
        let clock = Arc::new(SystemClock);
        let store = SqliteStore::in_memory(clock.clone()).expect("there is room for a store");
        App { store: Arc::new(store), clock, ledger_key: "example.org/log+1+key".to_owned() }
    }

    async fn invoked(app: &App, event: Value) -> Value {
        let asked = serde_json::from_value(event).expect("an event");
        serde_json::to_value(handle(app, asked).await.expect("the store answers")).expect("JSON")
    }

    #[tokio::test]
    async fn the_first_invocation_answers_a_key_and_the_next_gives_nothing_away() {
        let app = app();
        let first = invoked(&app, json!({})).await;
        assert_eq!((&first["status"], &first["ledger_key"]), (&json!("created"), &json!(app.ledger_key)));
        let key = first["api_key"].as_str().expect("a key");
        assert!(key.starts_with("sk_live_"), "not a key");
        assert!(first["tenant"].is_string() && first["key_id"].is_string());

        let again = invoked(&app, json!({"tenant_name": "another"})).await;
        assert_eq!(again, json!({"status": "already_done", "ledger_key": app.ledger_key}));
    }

    #[tokio::test]
    async fn a_bad_name_makes_nothing() {
        let app = app();
        let asked = FirstStart { tenant_name: "\n".to_owned() };
        assert!(matches!(handle(&app, asked).await, Err(BootstrapError::Name)));
        assert_eq!(invoked(&app, json!({})).await["status"], "created");
        assert!(serde_json::from_value::<FirstStart>(json!({"tenant": "x"})).is_err(), "a misspelt member");
    }

    #[tokio::test]
    async fn the_answer_is_no_log_line() {
        let answer = handle(&app(), FirstStart::default()).await.expect("the store answers");
        let Started::Created(made) = &answer.started else { panic!("an empty store") };
        assert!(!format!("{answer:?}").contains(&made.api_key));
    }
}

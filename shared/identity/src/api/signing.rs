//! The secret with which a key signs requests, made when the key is, or gets another secret.

use std::sync::Arc;

use scorpius_core::PortError;
use scorpius_edge::Problem;
use scorpius_edge::problem::UNAUTHENTICATED;
use scorpius_letter::data_key::DataKeyError;
use scorpius_letter::{DataKey, DataKeys};

use super::{App, AwsCredentials};
use crate::keys::ApiKey;
use crate::secret::{access_key_id, signing_secret};
use crate::signature::sealed_for;

/// Lets `key` sign, with what the answer shows once.
pub(super) async fn issue(app: &App, key: &mut ApiKey) -> Result<AwsCredentials, Problem> {
    let (sealed, credentials) = made(app, key).await?;
    key.signing = Some(sealed);
    Ok(credentials)
}

/// What `key` signs with from now on, sealed and shown; nothing when it cannot sign.
pub(super) async fn another(
    app: &App,
    key: &ApiKey,
) -> Result<(Option<String>, Option<AwsCredentials>), Problem> {
    if key.signing.is_none() {
        return Ok((None, None));
    }
    let (sealed, credentials) = made(app, key).await?;
    Ok((Some(sealed), Some(credentials)))
}

async fn made(app: &App, key: &ApiKey) -> Result<(String, AwsCredentials), Problem> {
    let data_keys = DataKeys {
        store: Arc::clone(&app.store),
        keys: Arc::clone(&app.keys),
        clock: Arc::clone(&app.clock),
    };
    let data_key: DataKey = data_keys.of(&key.tenant).await.map_err(problem)?;
    let secret = signing_secret(&*app.clock);
    let sealed = data_key.seal(&sealed_for(&key.id), secret.as_bytes(), &*app.clock);
    let credentials = AwsCredentials {
        access_key_id: access_key_id(&key.tenant, &key.id),
        secret_access_key: String::clone(&secret),
    };
    Ok((sealed, credentials))
}

fn problem(error: DataKeyError) -> Problem {
    match error {
        DataKeyError::Destroyed => UNAUTHENTICATED.because("the tenant is deleted"),
        DataKeyError::NotOurs => PortError::new("store", error).into(),
        DataKeyError::Store(error) => error.into(),
        DataKeyError::Keys(error) => error.into(),
    }
}

//! Requests that are signed as a whole, body and all. The authorizer does not see bodies, so that it passes
//! such a request on as `Anonymous::SignedRequest`, and a door that takes signatures asks here who it is.

use async_trait::async_trait;
use scorpius_core::{StoreError, UnixMillis};

use crate::gateway::HttpEvent;
use crate::principal::Caller;

/// Says who signed a request. Made real by `shared/identity`.
#[async_trait]
pub trait Signatures: Send + Sync {
    /// Whose signature `event`, with this `body`, bears at `now`. A wrong one is anonymous with its reason, never an error.
    async fn caller(&self, event: &HttpEvent, body: &[u8], now: UnixMillis) -> Result<Caller, StoreError>;
}

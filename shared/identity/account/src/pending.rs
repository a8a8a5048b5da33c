//! A sign-in between the password and the second factor.

use scorpius_core::UnixMillis;
use serde::{Deserialize, Serialize};

/// How long somebody may take to find their second factor.
pub(crate) const LIFE_S: u64 = 300;

/// What is remembered of the password's door.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// When the password was right.
    pub(crate) at: UnixMillis,
    /// Whether the tokens go into cookies.
    pub(crate) cookies: bool,
    /// The key that refreshes are to be proved with.
    pub(crate) dpop_jkt: Option<String>,
}

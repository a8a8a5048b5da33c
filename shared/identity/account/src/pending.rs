//! A sign-in between the password and the second factor.

use serde::{Deserialize, Serialize};

/// How long somebody may take to find their second factor.
pub(crate) const LIFE_S: u64 = 300;

/// What is remembered of the password's door.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// Whether the tokens go into cookies.
    pub(crate) cookies: bool,
    /// The key that refreshes are to be proved with.
    pub(crate) dpop_jkt: Option<String>,
}

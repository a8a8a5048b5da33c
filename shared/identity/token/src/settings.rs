//! Who signs tokens, for whom, and how long things last.

/// Who signs tokens, and for whom.
#[derive(Clone, Debug)]
pub struct IdentitySettings {
    /// `iss`: the platform's own URL.
    pub issuer: String,
    /// `aud`: the API that takes the tokens.
    pub audience: String,
}

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without a refresh for so long, a session is over.
    pub idle_s: u64,
    /// So long after its start a session is over, whatever happened; no refresh moves this.
    pub absolute_s: u64,
    /// For so long after its first use, a refresh token that comes again is a retry and no theft: 0 to 60.
    pub grace_s: u64,
    /// Live sessions of one user; the oldest one ends when there is one more.
    pub of_user_max: usize,
}

impl Default for SessionLimits {
    /// NIST SP 800-63B-4, section 2.2.3, recommends at AAL2 an hour idle and a day in all; people who
    /// watch alerts through a shift get twelve hours idle, and the day.
    fn default() -> Self {
        Self { idle_s: 12 * 3_600, absolute_s: 24 * 3_600, grace_s: 30, of_user_max: 50 }
    }
}

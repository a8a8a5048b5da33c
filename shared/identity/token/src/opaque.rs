//! Opaque tokens: random text that means something to the store only.
//!
//! ```text
//! scr_ | Base64url( tenant (16 bytes) | subject (16) | thing (16) | secret (32) )
//! ```
//!
//! The ids are in it so that everything is read at once; they are looked up, never believed, until the
//! token's hash is found in the store.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scorpius_core::{Clock, TenantId};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const ID_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
const BYTES: usize = 3 * ID_BYTES + SECRET_BYTES;

/// What an opaque token is for. One made for another purpose is no token here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Makes new access tokens. The thing is a session.
    Refresh,
    /// Joins a tenant. The thing is an invitation; the user is who will join.
    Invitation,
    /// Sets a new password. The thing is the request.
    Reset,
    /// Confirms an e-mail address. The thing is the request.
    Email,
    /// Goes on with a sign-in that needs a second factor. The thing is the sign-in.
    SignIn,
}

impl Purpose {
    /// How its tokens begin; people and secret scanners can tell by it.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "scr_",
            Self::Invitation => "sci_",
            Self::Reset => "scp_",
            Self::Email => "sce_",
            Self::SignIn => "scs_",
        }
    }

    /// What the things are called: `ses` of `ses_…`.
    #[must_use]
    pub fn thing_prefix(self) -> &'static str {
        match self {
            Self::Refresh => "ses",
            Self::Invitation => "inv",
            Self::Reset => "rst",
            Self::Email => "eml",
            Self::SignIn => "sgn",
        }
    }
}

/// A well-formed token. Whether it is anybody's is for the store to say.
pub struct OpaqueToken {
    text: Zeroizing<String>,
    /// The tenant that it claims.
    pub tenant: TenantId,
    /// The user that it claims: `usr_…`.
    pub user: String,
    /// What it claims to be about: `ses_…`.
    pub thing: String,
}

impl OpaqueToken {
    /// A new token about `thing` of `user`.
    ///
    /// # Panics
    /// When an id is not a prefix and a UUID; callers make them with `new_id`.
    #[must_use]
    pub fn generate(purpose: Purpose, tenant: &TenantId, user: &str, thing: &str, clock: &dyn Clock) -> Self {
        let mut bytes = Zeroizing::new([0; BYTES]);
        for (at, id) in [tenant.as_str(), user, thing].into_iter().enumerate() {
            let number = number_of(id).expect("ids are a prefix and 32 hex digits");
            bytes[at * ID_BYTES..(at + 1) * ID_BYTES].copy_from_slice(&number.to_be_bytes());
        }
        clock.fill_random(&mut bytes[3 * ID_BYTES..]);
        let mut text = Zeroizing::new(String::with_capacity(112));
        text.push_str(purpose.prefix());
        URL_SAFE_NO_PAD.encode_string(bytes.as_slice(), &mut text);
        Self { text, tenant: tenant.clone(), user: user.to_owned(), thing: thing.to_owned() }
    }

    /// Reads a token that is for `purpose`.
    #[must_use]
    pub fn parse(purpose: Purpose, text: &str) -> Option<Self> {
        let body = text.strip_prefix(purpose.prefix())?;
        let mut bytes = Zeroizing::new([0; BYTES]);
        // Every text of this length that decodes at all decodes to one value: the alphabet is strict.
        let length = URL_SAFE_NO_PAD.decode_slice(body, bytes.as_mut_slice()).ok()?;
        if length != BYTES {
            return None;
        }
        let id = |at: usize| hex::encode(&bytes[at * ID_BYTES..(at + 1) * ID_BYTES]);
        Some(Self {
            text: Zeroizing::new(text.to_owned()),
            tenant: format!("ten_{}", id(0)).parse().ok()?,
            user: format!("usr_{}", id(1)),
            thing: format!("{}_{}", purpose.thing_prefix(), id(2)),
        })
    }

    /// The token as its holder keeps it. For the one answer, mail or cookie that carries it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What is stored of it, in hex. A plain hash is enough: 256 random bits cannot be guessed.
    #[must_use]
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.text.as_bytes()))
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpaqueToken(about {})", self.thing)
    }
}

fn number_of(id: &str) -> Option<u128> {
    let (_, digits) = id.split_once('_')?;
    u128::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scorpius_core::{ManualClock, UnixMillis, new_id};

    use super::*;

    fn made(purpose: Purpose) -> OpaqueToken {
        let clock = ManualClock::at(UnixMillis(1_795_254_040_000));
        let (tenant, user) = (TenantId::new(&clock), new_id("usr", &clock));
        let thing = new_id(purpose.thing_prefix(), &clock);
        OpaqueToken::generate(purpose, &tenant, &user, &thing, &clock)
    }

    #[test]
    fn a_token_says_what_it_is_about_and_is_for_one_purpose() {
        let purposes =
            [Purpose::Refresh, Purpose::Invitation, Purpose::Reset, Purpose::Email, Purpose::SignIn];
        for purpose in purposes {
            let token = made(purpose);
            let read = OpaqueToken::parse(purpose, token.reveal()).expect("a token");
            assert_eq!((&read.tenant, &read.user, &read.thing), (&token.tenant, &token.user, &token.thing));
            assert_eq!(read.hash(), token.hash());
            for other in purposes.into_iter().filter(|other| *other != purpose) {
                assert!(OpaqueToken::parse(other, token.reveal()).is_none());
            }
            assert!(!format!("{token:?}").contains(&token.reveal()[70..]));
        }
    }

    #[test]
    fn every_changed_character_is_another_token_or_none() {
        let token = made(Purpose::Refresh);
        for at in 0..token.reveal().len() {
            let mut text = token.reveal().to_owned().into_bytes();
            text[at] = if text[at] == b'A' { b'B' } else { b'A' };
            let text = String::from_utf8(text).expect("ASCII");
            let read = OpaqueToken::parse(Purpose::Refresh, &text);
            assert!(read.is_none_or(|read| read.hash() != token.hash()), "character {at}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*|scr_[A-Za-z0-9_-]{106,108}") {
            if let Some(read) = OpaqueToken::parse(Purpose::Refresh, &text) {
                prop_assert_eq!(read.reveal(), text);
            }
        }
    }
}

//! Passwords: which are taken, and how they are kept.
//!
//! The rules are those of NIST SP 800-63B-4, section 3.1.1: length and a blocklist, and no more.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use scorpius_core::Clock;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::sync::{OnceCell, Semaphore};
use zeroize::{Zeroize, Zeroizing};

use crate::common::{Known, known};

/// Characters of a password that is the only factor.
pub(crate) const ALONE_MIN: usize = 15;
/// Characters of a password beside a second factor.
pub(crate) const BESIDE_MIN: usize = 8;
/// Characters of any password: what is hashed must have an end.
pub(crate) const CHARS_MAX: usize = 256;
/// Passwords that are hashed at once in one process: each takes its memory.
const AT_ONCE: usize = 2;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// KiB that a stored hash may ask for; more would be a damaged record.
const MEMORY_KIB_MAX: u32 = 1 << 20;

/// What somebody typed. It wipes itself, and prints as nothing.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// As typed.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    fn chars(&self) -> usize {
        self.0.chars().count()
    }

    /// Whether it can be anybody's: what is longer was never taken, and is not hashed.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.chars() <= CHARS_MAX
    }

    /// Whether it is too short to be the only factor.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.chars() < ALONE_MIN
    }

    /// Whether it may be set, by somebody who has these `names`, beside a second factor or alone.
    ///
    /// # Errors
    /// `Unfit`.
    pub fn check(&self, names: &[&str], beside_second_factor: bool) -> Result<(), Unfit> {
        let min = if beside_second_factor { BESIDE_MIN } else { ALONE_MIN };
        match self.chars() {
            chars if chars < min => Err(Unfit::Short(min)),
            chars if chars > CHARS_MAX => Err(Unfit::Long),
            _ => known(self.reveal(), names).map_or(Ok(()), |known| Err(Unfit::Known(known))),
        }
    }
}

impl Drop for Password {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

impl schemars::JsonSchema for Password {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Password".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "format": "password", "minLength": 1, "maxLength": CHARS_MAX,
            "description": "15 to 256 characters of any kind, 8 to 256 beside a second factor."
        })
    }
}

/// Why a password cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Too few characters.
    #[error("a password has at least {0} characters; a few words will do")]
    Short(usize),
    /// Too many.
    #[error("a password has at most {CHARS_MAX} characters")]
    Long,
    /// It was in breaches' lists.
    #[error(
        "this password was found in lists of stolen ones, {0} times; whoever has one tries it everywhere"
    )]
    Breached(u64),
    /// Others know it.
    #[error(transparent)]
    Known(#[from] Known),
}

/// What a guess costs: Argon2id (RFC 9106) with one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
}

impl Default for Cost {
    /// OWASP ASVS 5.0, appendix C: 19 MiB and two passes.
    fn default() -> Self {
        Self { memory_kib: 19 * 1_024, passes: 2 }
    }
}

impl Cost {
    /// The least that is taken at all, for tests: no setting of a deployment leads here.
    pub const FLOOR: Self = Self { memory_kib: 64, passes: 1 };

    /// A cost that ASVS 5.0, appendix C, approves of: 46 MiB once, 19 MiB twice, 12 MiB three times, or more.
    #[must_use]
    pub fn new(memory_kib: u32, passes: u32) -> Option<Self> {
        let least = match passes {
            0 => return None,
            1 => 46 * 1_024,
            2 => 19 * 1_024,
            _ => 12 * 1_024,
        };
        (least..=MEMORY_KIB_MAX).contains(&memory_kib).then_some(Self { memory_kib, passes })
    }

    fn hash(self, password: &[u8], salt: &[u8]) -> Option<Zeroizing<[u8; HASH_BYTES]>> {
        let params = Params::new(self.memory_kib, self.passes, 1, Some(HASH_BYTES)).ok()?;
        let mut hash = Zeroizing::new([0; HASH_BYTES]);
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon.hash_password_into(password, salt, &mut *hash).ok()?;
        Some(hash)
    }
}

/// A password as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// What it cost.
    #[serde(flatten)]
    cost: Cost,
    /// 16 bytes, in hex.
    salt: String,
    /// 32 bytes, in hex.
    hash: String,
}

/// What a guess was worth.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password. `Some`: it was hashed at another cost, and is to be kept so instead.
    Right(Option<Stored>),
    /// Another one, or there is none.
    Wrong,
}

/// Hashes passwords, some at a time, on threads that may block.
#[derive(Clone)]
pub struct Hasher {
    cost: Cost,
    clock: Arc<dyn Clock>,
    places: Arc<Semaphore>,
    /// What is compared with where there is nothing to compare with.
    decoy: Arc<OnceCell<Stored>>,
}

impl Hasher {
    /// At this cost.
    #[must_use]
    pub fn new(cost: Cost, clock: Arc<dyn Clock>) -> Self {
        Self { cost, clock, places: Arc::new(Semaphore::new(AT_ONCE)), decoy: Arc::new(OnceCell::new()) }
    }

    /// A password as it is kept.
    pub async fn hash(&self, password: &Password) -> Stored {
        let mut salt = [0; SALT_BYTES];
        self.clock.fill_random(&mut salt);
        let hash = self.run(self.cost, password, salt.to_vec()).await;
        let hash = hash.expect("our own cost is within Argon2's bounds");
        Stored { cost: self.cost, salt: hex::encode(salt), hash: hex::encode(*hash) }
    }

    /// Whether `password` is the one that `stored` was made from. Takes the same time where nothing is stored.
    pub async fn verify(&self, password: &Password, stored: Option<&Stored>) -> Verdict {
        let compared = match stored {
            Some(stored) => stored,
            None => self.decoy.get_or_init(|| self.hash_of_nobody()).await,
        };
        let cost = compared.cost;
        let bounded = cost.memory_kib <= MEMORY_KIB_MAX && password.is_bounded();
        let (Ok(salt), true) = (hex::decode(&compared.salt), bounded) else { return Verdict::Wrong };
        let Some(hash) = self.run(cost, password, salt).await else { return Verdict::Wrong };
        let same: bool = hex::encode(*hash).as_bytes().ct_eq(compared.hash.as_bytes()).into();
        match (stored, same) {
            (Some(_), true) if cost != self.cost => Verdict::Right(Some(self.hash(password).await)),
            (Some(_), true) => Verdict::Right(None),
            _ => Verdict::Wrong,
        }
    }

    async fn hash_of_nobody(&self) -> Stored {
        let mut random = Zeroizing::new([0; 32]);
        self.clock.fill_random(&mut *random);
        self.hash(&Password(hex::encode(*random))).await
    }

    async fn run(
        &self,
        cost: Cost,
        password: &Password,
        salt: Vec<u8>,
    ) -> Option<Zeroizing<[u8; HASH_BYTES]>> {
        let _place = self.places.acquire().await.expect("it is never closed");
        let text = Zeroizing::new(password.reveal().as_bytes().to_vec());
        let work = tokio::task::spawn_blocking(move || cost.hash(&text, &salt));
        work.await.expect("hashing does not panic")
    }
}

#[cfg(test)]
mod tests {
    use scorpius_core::{ManualClock, UnixMillis};

    use super::*;

    fn hasher(cost: Cost) -> Hasher {
        Hasher::new(cost, Arc::new(ManualClock::at(UnixMillis(1))))
    }

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[test]
    fn a_password_has_a_length_and_is_not_known_to_others() {
        let check = |text: &str, beside| password(text).check(&["ada@example.com"], beside);
        assert_eq!(check("fourteen chars", false), Err(Unfit::Short(15)));
        assert_eq!(check("fourteen chars", true), Ok(()));
        assert_eq!(check("seven77", true), Err(Unfit::Short(8)));
        assert_eq!(check("fifteen chars ok", false), Ok(()));
        // Characters are counted, not bytes, and 64 of them are welcome.
        assert_eq!(check("ß2ß4ß6ß8ß0ßaßcßeßg", false), Ok(()));
        assert_eq!(check(&"a quick brown fox ".repeat(14)[..64], false), Ok(()));
        assert_eq!(check(&format!("{}x", "ab1 cd2 ".repeat(32)), false), Err(Unfit::Long));
        assert!(matches!(check("passwordpassword", false), Err(Unfit::Known(_))));
        assert_eq!(format!("{:?}", password("hunter2")), "Password(…)");
    }

    #[test]
    fn no_cost_below_the_standard_s_is_taken() {
        for (memory, passes, fine) in [
            (46 * 1_024, 1, true),
            (46 * 1_024 - 1, 1, false),
            (19 * 1_024, 2, true),
            (19 * 1_024 - 1, 2, false),
            (12 * 1_024, 3, true),
            (12 * 1_024 - 1, 9, false),
            (1 << 20, 0, false),
            ((1 << 20) + 1, 1, false),
        ] {
            assert_eq!(Cost::new(memory, passes).is_some(), fine, "{memory} KiB, {passes} passes");
        }
        assert_eq!(Cost::new(19 * 1_024, 2), Some(Cost::default()));
    }

    #[test]
    fn the_library_is_argon2id_of_rfc_9106() {
        // RFC 9106, section 5.3, has secret and associated data, which we do not use: of these the library
        // is told here only.
        let params = argon2::ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(argon2::AssociatedData::new(&[4; 12]).expect("12 bytes"))
            .build()
            .expect("parameters");
        let argon =
            Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params).expect("a secret");
        let mut tag = [0; 32];
        argon.hash_password_into(&[1; 32], &[2; 16], &mut tag).expect("a hash");
        assert_eq!(hex::encode(tag), "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
    }

    #[tokio::test]
    async fn a_password_at_the_real_cost_is_known_again_and_no_other() {
        let hasher = hasher(Cost::default());
        let stored = hasher.hash(&password("correct horse battery staple")).await;
        assert_eq!(
            hasher.verify(&password("correct horse battery staple"), Some(&stored)).await,
            Verdict::Right(None)
        );
        assert_eq!(
            hasher.verify(&password("correct horse battery stable"), Some(&stored)).await,
            Verdict::Wrong
        );
        assert_eq!(hasher.verify(&password("correct horse battery staple"), None).await, Verdict::Wrong);
        let json = serde_json::to_value(&stored).expect("JSON");
        assert_eq!((json["memory_kib"].as_u64(), json["passes"].as_u64()), (Some(19_456), Some(2)));
        let other = hasher.hash(&password("correct horse battery staple")).await;
        assert!(other.salt != stored.salt && other.hash != stored.hash);
    }

    #[tokio::test]
    async fn a_password_of_another_cost_is_hashed_again_once_it_is_typed() {
        let dearer = Cost { memory_kib: 128, passes: 2 };
        let (old, new) = (hasher(Cost::FLOOR), hasher(dearer));
        let stored = old.hash(&password("correct horse battery staple")).await;
        assert_eq!(new.verify(&password("wrong"), Some(&stored)).await, Verdict::Wrong);
        let Verdict::Right(Some(again)) =
            new.verify(&password("correct horse battery staple"), Some(&stored)).await
        else {
            panic!("to be kept anew")
        };
        assert_eq!(again.cost, dearer);
        assert_eq!(
            new.verify(&password("correct horse battery staple"), Some(&again)).await,
            Verdict::Right(None)
        );
    }

    #[tokio::test]
    async fn a_damaged_record_is_no_password() {
        let hasher = hasher(Cost::FLOOR);
        let stored = hasher.hash(&password("a")).await;
        for bad in [
            Stored { salt: "x".to_owned(), ..stored.clone() },
            Stored { salt: String::new(), ..stored.clone() },
            Stored { hash: String::new(), ..stored.clone() },
            Stored { cost: Cost { memory_kib: u32::MAX, passes: 1 }, ..stored.clone() },
            Stored { cost: Cost { memory_kib: 64, passes: 0 }, ..stored.clone() },
        ] {
            assert_eq!(hasher.verify(&password("a"), Some(&bad)).await, Verdict::Wrong, "{bad:?}");
        }
    }
}

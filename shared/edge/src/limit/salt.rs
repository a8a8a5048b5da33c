//! Pseudonyms of addresses for a day: nobody who reads the counters learns an address, and with the day's salt goes
//! the last way to try them all.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use scorpius_core::{Clock, Key, Record, Store, StoreError};
use sha2::{Digest, Sha256};

const DAY_S: u64 = 86_400;
/// 252 random bits, as numbers: what `add` can make under a condition.
const PARTS: [&str; 4] = ["a", "b", "c", "d"];
const MADE: &str = "made";
/// Bytes of a pseudonym: enough to tell addresses apart.
const PSEUDONYM_BYTES: usize = 12;

/// The salt of the day, as this process knows it.
#[derive(Default)]
pub(super) struct Salts {
    known: Mutex<Option<(u64, [i64; 4])>>,
}

impl Salts {
    /// What `network` is called today.
    ///
    /// # Errors
    /// What the store says.
    pub(super) async fn pseudonym(
        &self,
        network: &str,
        store: &dyn Store,
        clock: &dyn Clock,
    ) -> Result<String, StoreError> {
        let mut hash = Sha256::new();
        for part in self.today(store, clock).await? {
            hash.update(part.to_be_bytes());
        }
        hash.update(party(network));
        Ok(hex::encode(&hash.finalize()[..PSEUDONYM_BYTES]))
    }

    async fn today(&self, store: &dyn Store, clock: &dyn Clock) -> Result<[i64; 4], StoreError> {
        let day = clock.now().as_s() / DAY_S;
        if let Some((known, salt)) = *self.known.lock().unwrap_or_else(PoisonError::into_inner)
            && known == day
        {
            return Ok(salt);
        }
        let at = Key::new("counter#rate-salt", format!("{day:08}"));
        let salt = match store.get(&at).await? {
            Some(record) => of(&record),
            None => made(store, clock, &at).await?,
        };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((day, salt));
        Ok(salt)
    }
}

/// Makes the day's salt, or reads that of whoever was first: only one `add` finds that none was made.
async fn made(store: &dyn Store, clock: &dyn Clock, at: &Key) -> Result<[i64; 4], StoreError> {
    let drawn = PARTS.map(|name| {
        let mut random = [0; 8];
        clock.fill_random(&mut random);
        // 63 bits, so that no sum overflows.
        (name, i64::from_be_bytes(random) >> 1)
    });
    let mut deltas = drawn.to_vec();
    deltas.push((MADE, 1));
    let expires_at = Some(clock.now().plus_s(2 * DAY_S));
    match store.add(at, &deltas, Some((MADE, 1)), expires_at).await {
        Ok(_) => Ok(drawn.map(|(_, part)| part)),
        Err(StoreError::Conflict { .. }) => store.get(at).await?.as_ref().map(of).ok_or(StoreError::Busy),
        Err(error) => Err(error),
    }
}

fn of(record: &Record) -> [i64; 4] {
    PARTS.map(|name| record.attributes.int(name))
}

/// Whose an address is: with IPv6 a customer has 64 bits to change at will.
fn party(network: &str) -> Vec<u8> {
    match network.parse() {
        Ok(IpAddr::V4(address)) => address.octets().to_vec(),
        Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.octets().to_vec(),
            None => address.octets()[..8].to_vec(),
        },
        Err(_) => network.as_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_customer_are_one_party() {
        assert_eq!(party("2001:db8:1:2::1"), party("2001:db8:1:2:ffff::9"));
        assert_ne!(party("2001:db8:1:2::1"), party("2001:db8:1:3::1"));
        assert_ne!(party("192.0.2.1"), party("192.0.2.2"));
        assert_eq!(party("::ffff:192.0.2.1"), party("192.0.2.1"));
        assert_eq!(party("unknown"), b"unknown");
    }
}

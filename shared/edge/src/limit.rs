//! Rate limits: who may ask how often, held by all processes together.
//!
//! ```text
//! Caller ─> quotas (tenant, key, person | address) ─> a permit of each, from this process's lease ─> door
//!                                                       └─ none left: `add` of a block under the limit, or 429
//! ```
//!
//! Windows are the clock's own minutes and hours. Over two halves of neighbouring windows up to twice a minute's
//! limit may be let through; within a window never more than the limit.

mod fields;
mod lease;
mod salt;
mod tiers;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use futures::lock::Mutex as AsyncMutex;
use scorpius_core::{Clock, Store, StoreError, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::principal::{Caller, Principal};
use lease::{Lease, Quota};
use salt::Salts;

pub use fields::Standing;
pub use tiers::{NotATier, Rate, Rates, Tier};

const MINUTE_S: u32 = 60;
const HOUR_S: u32 = 3_600;
/// Leases that a process keeps. Past it those of past windows go, and then all: unused permits are lost.
const LEASES_MAX: usize = 10_000;

/// What a caller's records say about limits, as the authorizer passes it on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// The tenant's tier; absent is what the platform gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Requests a minute of the key that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_minute: Option<NonZeroU32>,
}

impl Allowance {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What the platform gives to those of whom no record says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// To a tenant without a tier.
    pub tier: Tier,
    /// Requests a minute to each address whose callers are not known; `None` is as many as come.
    pub address_minute: Option<NonZeroU32>,
}

impl Defaults {
    /// Nobody is limited, save by their own records.
    pub const UNLIMITED: Self = Self { tier: Tier::Unlimited, address_minute: None };
}

/// Counts requests. One for each process.
pub struct Limiter {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    defaults: Defaults,
    leases: Mutex<HashMap<(&'static str, String), Cell>>,
    salts: Salts,
}

#[derive(Clone)]
struct Cell {
    window_s: u32,
    /// Whoever finds no permit leases, and the others wait for that one.
    lease: Arc<AsyncMutex<Lease>>,
}

impl Limiter {
    /// On the counters of `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, defaults: Defaults) -> Self {
        Self { store, clock, defaults, leases: Mutex::default(), salts: Salts::default() }
    }

    /// What it counts in.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Takes a permit of every quota that `caller`, who asks from the address `network`, stands under. Where one is
    /// used up, none is taken: `Standing::check` says so.
    ///
    /// # Errors
    /// What the store says: nobody is let through uncounted.
    pub async fn admit(&self, caller: &Caller, network: &str) -> Result<Standing, StoreError> {
        let quotas = self.quotas(caller, network).await?;
        let now = self.clock.now();
        let taken = join_all(quotas.iter().map(|quota| self.take(quota, now))).await;
        let mut rests = taken.into_iter().collect::<Result<Vec<_>, _>>()?;
        if rests.contains(&None) {
            for (quota, rest) in quotas.iter().zip(&mut rests) {
                let Some(rest) = rest else { continue };
                self.cell(quota).lease.lock().await.give_back(quota, now);
                *rest += 1;
            }
        }
        Ok(Standing::of(&quotas, &rests, now))
    }

    async fn take(&self, quota: &Quota, now: UnixMillis) -> Result<Option<u32>, StoreError> {
        let cell = self.cell(quota);
        let mut lease = cell.lease.lock().await;
        lease.take(quota, &*self.store, now).await
    }

    fn cell(&self, quota: &Quota) -> Cell {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        if leases.len() >= LEASES_MAX {
            let now = self.clock.now();
            leases.retain(|_, cell| {
                cell.lease.try_lock().is_none_or(|lease| lease.is_current(cell.window_s, now))
            });
            if leases.len() >= LEASES_MAX {
                leases.clear();
            }
        }
        let new = || Cell { window_s: quota.window_s, lease: Arc::default() };
        leases.entry((quota.name, quota.of.clone())).or_insert_with(new).clone()
    }

    async fn quotas(&self, caller: &Caller, network: &str) -> Result<Vec<Quota>, StoreError> {
        match caller {
            Caller::Known(principal) => Ok(of_principal(principal, self.defaults.tier)),
            Caller::Anonymous(_) => match self.defaults.address_minute {
                None => Ok(Vec::new()),
                Some(limit) => {
                    let of = self.salts.pseudonym(network, &*self.store, &*self.clock).await?;
                    Ok(vec![Quota { name: "address", of, limit: limit.get(), window_s: MINUTE_S }])
                }
            },
        }
    }
}

/// What a known caller stands under; counted for the tenant, so that no key and no person helps to more.
fn of_principal(principal: &Principal, default: Tier) -> Vec<Quota> {
    let rates = principal.allowance.tier.unwrap_or(default).rates();
    let tenant = principal.tenant.as_str();
    let subject = || format!("{tenant}#{}", principal.subject);
    let is_person = principal.sign_in.is_some();
    let person = |rate: Option<NonZeroU32>| rate.filter(|_| is_person);
    let key = principal.allowance.key_minute.filter(|_| !is_person);
    let asked = [
        ("tenant-minute", tenant.to_owned(), rates.tenant.minute, MINUTE_S),
        ("tenant-hour", tenant.to_owned(), rates.tenant.hour, HOUR_S),
        ("user-minute", subject(), person(rates.user.minute), MINUTE_S),
        ("user-hour", subject(), person(rates.user.hour), HOUR_S),
        ("key-minute", subject(), key, MINUTE_S),
    ];
    let quota = |(name, of, limit, window_s): (_, _, Option<NonZeroU32>, _)| {
        Some(Quota { name, of, limit: limit?.get(), window_s })
    };
    asked.into_iter().filter_map(quota).collect()
}

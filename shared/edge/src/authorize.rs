//! Whether a known caller may do an action: the question, and the port that answers it.
//!
//! ```text
//! serve ──> Authorize (the tenant as a whole) ──> door ──> Judge (the record that it loaded) ──> answer
//! ```

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use scorpius_core::{StoreError, TenantId, UnixMillis};

use crate::operation::Access;
use crate::principal::Principal;
use crate::problem::{FORBIDDEN, Problem};

/// What a thing is, as policies name its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everything of a tenant: what an operation is about before its door has read anything.
    Tenant,
    /// A scan and its report.
    Scan,
    /// A verdict.
    Verdict,
    /// A webhook and its deliveries.
    Webhook,
    /// An API key.
    ApiKey,
    /// A wallet under guard, with its lists.
    Wallet,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Tenant, Self::Scan, Self::Verdict, Self::Webhook, Self::ApiKey, Self::Wallet];

    /// The entity type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tenant => "Tenant",
            Self::Scan => "Scan",
            Self::Verdict => "Verdict",
            Self::Webhook => "Webhook",
            Self::ApiKey => "ApiKey",
            Self::Wallet => "Wallet",
        }
    }
}

/// What an action is to be done to.
#[derive(Clone, Copy, Debug)]
pub struct Thing<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its id; a tenant's own for `Kind::Tenant`.
    pub id: &'a str,
    /// Whose data it is.
    pub tenant: &'a TenantId,
    /// The subject that made it, where that is kept.
    pub owner: Option<&'a str>,
    /// How much harm its disclosure does, 0 to 4, where that is kept.
    pub sensitivity: Option<u8>,
}

impl<'a> Thing<'a> {
    /// Something of `tenant` of which nothing more is known.
    #[must_use]
    pub fn new(kind: Kind, id: &'a str, tenant: &'a TenantId) -> Self {
        Self { kind, id, tenant, owner: None, sensitivity: None }
    }

    /// Everything of `tenant`.
    #[must_use]
    pub fn whole(tenant: &'a TenantId) -> Self {
        Self::new(Kind::Tenant, tenant.as_str(), tenant)
    }

    /// Made by `subject`.
    #[must_use]
    pub fn owned_by(mut self, subject: &'a str) -> Self {
        self.owner = Some(subject);
        self
    }

    /// Of this sensitivity.
    #[must_use]
    pub fn sensitive(mut self, level: Option<u8>) -> Self {
        self.sensitivity = level;
        self
    }
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// `<capability>:<verb>`.
    pub action: &'a str,
    /// About what.
    pub thing: Thing<'a>,
    /// When.
    pub now: UnixMillis,
    /// The caller's address as the gateway saw it; empty when it did not say.
    pub network: &'a str,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub allowed: bool,
    /// The policies that decided, by id, in order: those that permit, or those that forbid. Empty when none
    /// permits.
    pub policies: Vec<String>,
}

/// Decides. Made real by Cedar policies (`shared/identity/policy`) and, for the tests of single rooms, by the
/// table of roles alone (`RoleTable`).
#[async_trait]
pub trait Authorize: Send + Sync {
    /// Whether `question` is allowed by the policies of the principal's tenant, in the version that came with
    /// the principal. What cannot be decided is an error, never an allowance.
    async fn decide(&self, question: &Question<'_>) -> Result<Decision, StoreError>;
}

/// What the roles give, and nothing besides: no tenant's own policies, no attributes.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoleTable;

impl RoleTable {
    /// As a door takes it.
    #[must_use]
    pub fn shared() -> Arc<dyn Authorize> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Authorize for RoleTable {
    async fn decide(&self, question: &Question<'_>) -> Result<Decision, StoreError> {
        let allowed =
            question.principal.tenant == *question.thing.tenant && question.principal.may(question.action);
        Ok(Decision { allowed, policies: Vec::new() })
    }
}

/// For functions whose operations are all public: whoever asks anyway is refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Nobody {
    /// As a door takes it.
    #[must_use]
    pub fn shared() -> Arc<dyn Authorize> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Authorize for Nobody {
    async fn decide(&self, _: &Question<'_>) -> Result<Decision, StoreError> {
        Ok(Decision { allowed: false, policies: Vec::new() })
    }
}

/// Why somebody who is known may not: the permission that is missing, or the policies that forbid.
#[must_use]
pub fn refusal(action: &str, decision: &Decision) -> Problem {
    match decision.policies.is_empty() {
        true => FORBIDDEN.because(format_args!("this needs the permission `{action}`")),
        false => FORBIDDEN.because(format_args!(
            "`{action}` is refused by the policy `{}`",
            decision.policies.join("`, `")
        )),
    }
}

/// The tenant as a whole may be used so.
const OPEN: u8 = 0;
/// It may not, and a policy may still permit the single thing.
const PENDING: u8 = 1;
/// The door asked about what it loaded, and may go on.
const ALLOWED: u8 = 2;
/// The door asked, and may not.
const REFUSED: u8 = 3;

/// How a door asks about the record that it loaded; and how `serve` knows that it did.
#[derive(Clone)]
pub struct Judge {
    gate: Option<Arc<dyn Authorize>>,
    action: &'static str,
    state: Arc<AtomicU8>,
    /// By which policies the last refusal was; none where nothing permitted it.
    refused_by: Arc<Mutex<Option<Vec<String>>>>,
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Judge({}, {})", self.action, self.state.load(Ordering::Relaxed))
    }
}

impl Judge {
    /// For one request for what `access` takes.
    pub(crate) fn before(gate: &Arc<dyn Authorize>, access: Access) -> Self {
        match access {
            Access::Public => Self::absent(),
            Access::Action(action) => Self { gate: Some(Arc::clone(gate)), action, ..Self::absent() },
        }
    }

    /// For requests that come to a door without `serve`, as in tests of one room: everything is allowed.
    #[must_use]
    pub fn absent() -> Self {
        Self { gate: None, action: "", state: Arc::new(AtomicU8::new(OPEN)), refused_by: Arc::default() }
    }

    /// Asks about the tenant as a whole; `pending` when a single thing could be permitted all the same.
    pub(crate) async fn begin(&self, question: Question<'_>, pending: bool) -> Result<Decision, Problem> {
        let decision = self.decide(question).await?;
        let state = if !decision.allowed && pending { PENDING } else { OPEN };
        self.state.store(state, Ordering::Relaxed);
        Ok(decision)
    }

    /// Whether nothing but single things may be permitted, and none was.
    pub(crate) fn is_pending(&self) -> bool {
        self.state.load(Ordering::Relaxed) == PENDING
    }

    /// Whether the door asked.
    pub(crate) fn was_asked(&self) -> bool {
        matches!(self.state.load(Ordering::Relaxed), ALLOWED | REFUSED)
    }

    pub(crate) async fn ask(&self, question: Question<'_>) -> Result<Decision, Problem> {
        let decision = self.decide(question).await?;
        if self.gate.is_some() {
            let state = if decision.allowed { ALLOWED } else { REFUSED };
            self.state.store(state, Ordering::Relaxed);
        }
        Ok(decision)
    }

    async fn decide(&self, question: Question<'_>) -> Result<Decision, Problem> {
        let Some(gate) = &self.gate else { return Ok(Decision { allowed: true, policies: Vec::new() }) };
        let decision = gate.decide(&Question { action: self.action, ..question }).await?;
        let by = (!decision.allowed).then(|| decision.policies.clone());
        *self.refused_by.lock().unwrap_or_else(PoisonError::into_inner) = by;
        Ok(decision)
    }

    /// What it is for; empty where everybody may.
    pub(crate) fn action(&self) -> &'static str {
        self.action
    }

    /// The policies that forbade what was asked last, none where nothing permitted it; `None` where it was allowed.
    pub(crate) fn refused_by(&self) -> Option<Vec<String>> {
        self.refused_by.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn refusal(&self, decision: &Decision) -> Problem {
        refusal(self.action, decision)
    }
}

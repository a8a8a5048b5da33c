//! Sessions on a real store, under many at once.

use std::sync::Arc;

use scorpius_core::store::OUTBOX_PARTITIONS;
use scorpius_core::{Actor, CommitId, Condition, Event, Fact, ListQuery, ManualClock, Write, new_id};
use scorpius_edge::{Assurance, Factor, Role};
use scorpius_local::{FileKeys, SqliteStore};

use super::*;
use crate::access::Verifier;
use crate::facts::{RefreshTokenReused, SessionEnded, SessionStarted, SessionsEnded, TokenRefreshed};
use crate::gate::{Method, Who, may_issue};
use crate::opaque::{OpaqueToken, Purpose};
use crate::session::EndReason;
use crate::tenant::TenantStatus;
use crate::user::UserStatus;

const NOW: UnixMillis = UnixMillis(1_795_254_040_000);
const AGENT: &str = "browser/1.0";

struct World {
    sessions: Sessions,
    clock: Arc<ManualClock>,
    tenant: Tenant,
    user: User,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let folder = tempfile::tempdir().expect("a folder");
        let tenant = Tenant::new(TenantId::new(&*clock), "a", false, &*clock);
        let user = User {
            id: new_id("usr", &*clock),
            tenant: tenant.id.clone(),
            email: "ada@example.com".to_owned(),
            name: "Ada".to_owned(),
            roles: vec![Role::Security],
            status: UserStatus::Active,
            second_factor: false,
            sessions_from: UnixMillis(0),
            created_at: NOW,
            created_by: "key_1".to_owned(),
            events: 1,
        };
        let sessions = Sessions {
            store: Arc::new(SqliteStore::in_memory(clock.clone()).expect("a store")),
            keys: Arc::new(FileKeys::open(folder.path(), clock.clone()).expect("keys")),
            clock: clock.clone(),
            settings: IdentitySettings { issuer: "https://a.example".to_owned(), audience: "a".to_owned() },
            limits: SessionLimits::default(),
        };
        let world = Self { sessions, clock, tenant, user, _folder: folder };
        world.put().await;
        world
    }

    /// Stores user and tenant as they are here.
    async fn put(&self) {
        let writes = [
            Write::put(Tenant::at(&self.tenant.id), &self.tenant, Condition::Always),
            Write::put(User::at(&self.tenant.id, &self.user.id), &self.user, Condition::Always),
        ];
        self.sessions.store.commit(CommitId::new(&*self.clock), &writes).await.expect("a commit");
    }

    async fn sign_in(&self) -> Granted {
        self.sign_in_with(false, None).await
    }

    async fn sign_in_with(&self, cookies: bool, dpop_jkt: Option<&str>) -> Granted {
        let who = Who::User { user: Some(&self.user), locked_until: None };
        let permit = may_issue(Some(&self.tenant), who, Method::SignIn, self.clock.now()).expect("leave");
        let how = Beginning {
            acr: Assurance::Aal1,
            amr: &[Factor::Pwd],
            network: "192.0.2.7",
            agent: AGENT,
            cookies,
            dpop_jkt: dpop_jkt.map(str::to_owned),
            new_device: false,
        };
        let actor = Actor::request(self.user.id.clone(), None);
        let granted = self.sessions.begin(&permit, &self.user, how, &actor, Vec::new()).await;
        granted.expect("a session")
    }

    async fn refresh(&self, token: &str) -> Result<Granted, RotateError> {
        self.refresh_as(token, AGENT).await
    }

    async fn refresh_as(&self, token: &str, agent: &str) -> Result<Granted, RotateError> {
        let actor = Actor::request("anonymous", None);
        let presented = Presented {
            token,
            agent,
            actor: &actor,
            network: "192.0.2.7",
            csrf: None,
            in_cookie: false,
            dpop_jkt: None,
        };
        self.sessions.rotate(presented).await
    }

    async fn live(&self) -> usize {
        let now = self.clock.now();
        self.sessions.page(&self.user, 200, None, now).await.expect("a page").0.len()
    }

    async fn events<F: Fact>(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for shard in 0..OUTBOX_PARTITIONS {
            let query = ListQuery::all(format!("outbox#{shard}"));
            for record in self.sessions.store.list(&query).await.expect("a list").records {
                let event: Event = record.document().expect("an event");
                if event.kind == F::TYPE {
                    events.push(event);
                }
            }
        }
        events
    }
}

#[tokio::test]
async fn fifty_refreshes_at_once_leave_one_session_and_nobody_signed_out() {
    let world = Arc::new(World::new().await);
    let first = world.sign_in().await;
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (world, token) = (world.clone(), first.refresh_token.to_string());
            tokio::spawn(async move { world.refresh(&token).await })
        })
        .collect();
    let mut granted = Vec::new();
    for task in tasks {
        granted.push(task.await.expect("no panic").expect("everybody is answered"));
    }
    assert!(granted.iter().all(|granted| granted.session.id == first.session.id), "one session");
    assert_eq!(world.live().await, 1);
    let tokens: std::collections::BTreeSet<_> =
        granted.iter().map(|granted| granted.refresh_token.to_string()).collect();
    assert_eq!(tokens.len(), 50, "and no token is given out twice");
    let told = world.events::<TokenRefreshed>().await;
    let retried = told.iter().filter(|event| event.data["retried"] == true).count();
    assert_eq!((told.len(), retried), (50, 49));
    // Whichever answer each page kept, it goes on.
    world.clock.advance_ms(600_000);
    for token in tokens {
        world.refresh(&token).await.expect("it is the first use of this one");
    }
    assert!(world.events::<RefreshTokenReused>().await.is_empty());
}

#[tokio::test]
async fn a_used_token_that_comes_after_the_grace_ends_the_session_and_alerts() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let second = world.refresh(&first.refresh_token).await.expect("the first use");
    world.clock.advance_ms(30_001);
    assert!(matches!(world.refresh(&first.refresh_token).await, Err(RotateError::Reused)));
    assert!(matches!(world.refresh(&second.refresh_token).await, Err(RotateError::Invalid)));
    assert_eq!(world.live().await, 0);
    let alerts = world.events::<RefreshTokenReused>().await;
    let [alert] = alerts.as_slice() else { panic!("one alert, not {}", alerts.len()) };
    assert_eq!(alert.data["severity"], "high");
    assert_eq!(alert.actor, world.user.id);
    assert_eq!(alert.strength.as_deref(), Some("aal1"));
    assert_eq!(alert.network, Some(world.tenant.network_tag("192.0.2.7")));
    let ended = world.events::<SessionEnded>().await;
    assert_eq!((ended.len(), &ended[0].data["reason"]), (1, &serde_json::json!("token_reused")));
    assert_eq!((alert.sequence, ended[0].sequence), (2, 3), "numbers of one aggregate rise");
}

#[tokio::test]
async fn a_used_token_in_another_program_ends_the_session_also_within_the_grace() {
    let world = World::new().await;
    let first = world.sign_in().await;
    world.refresh(&first.refresh_token).await.expect("the first use");
    assert!(matches!(world.refresh_as(&first.refresh_token, "curl").await, Err(RotateError::Reused)));
    assert_eq!(world.live().await, 0);
}

#[tokio::test]
async fn the_grace_is_counted_from_the_first_use_and_does_not_move() {
    let world = World::new().await;
    let first = world.sign_in().await;
    world.refresh(&first.refresh_token).await.expect("the first use");
    for _ in 0..3 {
        world.clock.advance_ms(10_000);
        world.refresh(&first.refresh_token).await.expect("a retry");
    }
    world.clock.advance_ms(1);
    assert!(matches!(world.refresh(&first.refresh_token).await, Err(RotateError::Reused)));
}

#[tokio::test]
async fn a_made_up_token_ends_nobody_s_session() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let made_up = OpaqueToken::generate(
        Purpose::Refresh,
        &world.tenant.id,
        &world.user.id,
        &first.session.id,
        &*world.clock,
    );
    for text in [made_up.reveal(), "", "scr_", first.access_token.as_str()] {
        assert!(matches!(world.refresh(text).await, Err(RotateError::Invalid)));
    }
    assert_eq!(world.live().await, 1);
    world.refresh(&first.refresh_token).await.expect("it goes on");
}

#[tokio::test]
async fn no_refresh_moves_the_end_of_a_session() {
    let world = World::new().await;
    let mut token = world.sign_in().await.refresh_token;
    for hours in (6..24).step_by(6) {
        world.clock.advance_ms(6 * 3_600_000);
        let granted = world.refresh(&token).await.expect("it is used in time");
        assert_eq!(granted.session.ends_at, NOW.plus_s(86_400), "after {hours} hours");
        token = granted.refresh_token;
    }
    world.clock.advance_ms(6 * 3_600_000 - 60_000);
    let last = world.refresh(&token).await.expect("a minute before the end");
    assert_eq!(last.claims.exp, NOW.plus_s(86_400).as_s(), "a token ends with its session");
    world.clock.advance_ms(60_000);
    assert!(matches!(world.refresh(&last.refresh_token).await, Err(RotateError::Invalid)));
    assert_eq!(world.live().await, 0);
}

#[tokio::test]
async fn a_session_that_is_not_used_in_time_is_over() {
    let world = World::new().await;
    let first = world.sign_in().await;
    world.clock.advance_ms(12 * 3_600_000);
    assert!(matches!(world.refresh(&first.refresh_token).await, Err(RotateError::Expired)));
}

#[tokio::test]
async fn whoever_is_shut_out_cannot_refresh() {
    let mut world = World::new().await;
    let first = world.sign_in().await;
    world.user.status = UserStatus::Disabled;
    world.put().await;
    assert!(matches!(world.refresh(&first.refresh_token).await, Err(RotateError::Refused(_))));
    world.user.status = UserStatus::Active;
    for status in [TenantStatus::Suspended, TenantStatus::Deleted] {
        world.tenant.status = status;
        world.put().await;
        assert!(matches!(world.refresh(&first.refresh_token).await, Err(RotateError::Refused(_))));
    }
    world.tenant.status = TenantStatus::Active;
    world.put().await;
    world.refresh(&first.refresh_token).await.expect("nothing was used up meanwhile");
}

#[tokio::test]
async fn one_session_or_all_of_a_user_can_be_ended() {
    let world = World::new().await;
    let actor = Actor::request(world.user.id.clone(), None);
    let (one, two, three) = (world.sign_in().await, world.sign_in().await, world.sign_in().await);
    let (tenant, user) = (&world.tenant.id, world.user.id.as_str());
    for _ in 0..2 {
        let ended = world.sessions.end(tenant, user, &one.session.id, EndReason::SignedOut, &actor).await;
        ended.expect("again is fine");
    }
    assert!(matches!(world.refresh(&one.refresh_token).await, Err(RotateError::Invalid)));
    world.refresh(&two.refresh_token).await.expect("it is another session");
    let nobody = world.sessions.end(tenant, "usr_1", &two.session.id, EndReason::Revoked, &actor).await;
    assert!(matches!(nobody, Err(EndError::Unknown)));
    world.sessions.end_all(tenant, user, &actor).await.expect("they end");
    assert!(matches!(world.refresh(&three.refresh_token).await, Err(RotateError::Invalid)));
    let user = world.sessions.standing(tenant, user).await.expect("a user").user.expect("a user").0;
    let now = world.clock.now();
    assert!(world.sessions.page(&user, 200, None, now).await.expect("a page").0.is_empty());
    assert_eq!(world.events::<SessionEnded>().await.len(), 1);
    assert_eq!(world.events::<SessionsEnded>().await.len(), 1);
}

#[tokio::test]
async fn the_oldest_session_ends_when_there_is_one_too_many() {
    let mut world = World::new().await;
    world.sessions.limits.of_user_max = 2;
    let first = world.sign_in().await;
    world.clock.advance_ms(1);
    let second = world.sign_in().await;
    world.clock.advance_ms(1);
    world.sign_in().await;
    assert_eq!(world.live().await, 2);
    assert!(matches!(world.refresh(&first.refresh_token).await, Err(RotateError::Invalid)));
    world.refresh(&second.refresh_token).await.expect("it is not the oldest");
    let ended = world.events::<SessionEnded>().await;
    assert_eq!(ended[0].data["reason"], "displaced");
    assert_eq!(world.events::<SessionStarted>().await.len(), 3);
}

#[tokio::test]
async fn a_cookie_counts_only_with_what_the_page_can_read() {
    let world = World::new().await;
    let first = world.sign_in_with(true, None).await;
    let csrf = first.csrf_token.as_deref().expect("a cookie session has one").to_string();
    let actor = Actor::request("anonymous", None);
    let present = |csrf| Presented {
        token: &first.refresh_token,
        agent: AGENT,
        actor: &actor,
        network: "192.0.2.7",
        csrf,
        in_cookie: true,
        dpop_jkt: None,
    };
    for wrong in [None, Some(""), Some("0"), first.session.csrf_sha256.as_deref()] {
        let refused = world.sessions.rotate(present(wrong)).await;
        assert!(matches!(refused, Err(RotateError::NoCsrfToken)), "{wrong:?}");
    }
    world.sessions.rotate(present(Some(&csrf))).await.expect("the page shows its intent");
}

#[tokio::test]
async fn a_bound_session_refreshes_with_its_key_only() {
    let world = World::new().await;
    let first = world.sign_in_with(false, Some("thumbprint")).await;
    assert!(matches!(world.refresh(&first.refresh_token).await, Err(RotateError::NoProof)));
    let actor = Actor::request("anonymous", None);
    let present = |jkt| Presented {
        token: &first.refresh_token,
        agent: AGENT,
        actor: &actor,
        network: "192.0.2.7",
        csrf: None,
        in_cookie: false,
        dpop_jkt: jkt,
    };
    assert!(matches!(world.sessions.rotate(present(Some("another"))).await, Err(RotateError::NoProof)));
    world.sessions.rotate(present(Some("thumbprint"))).await.expect("it is proved");
}

#[tokio::test]
async fn an_access_token_says_how_its_person_signed_in() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let verifier = Verifier::current(&*world.sessions.keys, &world.sessions.settings).await.expect("keys");
    let claims = verifier.verify(&first.access_token, NOW).expect("it counts");
    let sign_in = claims.sign_in().expect("a person's token");
    assert_eq!((sign_in.session.as_str(), sign_in.acr), (first.session.id.as_str(), Assurance::Aal1));
    assert_eq!((sign_in.amr, sign_in.at), (vec![Factor::Pwd], NOW));
    assert_eq!((claims.sub.as_str(), claims.client_id.as_str()), (world.user.id.as_str(), "scorpius"));
    assert!(!format!("{first:?}").contains(first.refresh_token.as_str()));
}

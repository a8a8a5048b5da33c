//! Who may do what: every route of the manifest, for every role and kind of credential.

use scorpius_core::{Condition, Write, new_id};
use scorpius_edge::gateway::{AuthorizerAnswerContext, AuthorizerContext, AuthorizerEvent, HttpEvent};
use scorpius_edge::manifest::{Manifest, Trigger};
use scorpius_edge::serve::Door;
use scorpius_edge::{Access, Operation, Response, Role, serve};

use crate::keys::{ApiKey, creation};
use crate::secret::{ApiSecret, KeyKind};
use crate::testing::{NOW, World};

/// Each action, the roles that may do it, and a permission that does not cover it. Typed by hand:
/// it is what `Role::may` is held to.
const MAY: [(&str, &[Role], &str); 32] = [
    // Of people only; keys are what this table tries.
    ("account:own", &[], ""),
    ("admin:read", &[Role::Operator], "risk:read"),
    ("admin:write", &[Role::Operator], "risk:read"),
    ("audit:erase", &[Role::Admin], "audit:read"),
    ("audit:hold", &[Role::Admin], "audit:read"),
    ("audit:read", &[Role::Admin, Role::Security, Role::Auditor], "risk:*"),
    ("audit:separate", &[Role::Admin], "audit:read"),
    ("config:read", &[Role::Admin, Role::Security, Role::Auditor], "config:write"),
    ("config:write", &[Role::Admin], "config:read"),
    ("detector:read", &[Role::Admin, Role::Security, Role::Auditor, Role::Viewer], "detector:write"),
    ("detector:write", &[Role::Admin, Role::Security], "detector:read"),
    ("elevation:approve", &[Role::Admin, Role::Security], "elevation:read"),
    ("elevation:read", &[Role::Admin, Role::Security, Role::Auditor], "elevation:write"),
    ("elevation:write", &[Role::Admin, Role::Security], "elevation:read"),
    ("key:read", &[Role::Admin, Role::Auditor], "key:write"),
    ("key:write", &[Role::Admin], "key:read"),
    ("policy:read", &[Role::Admin, Role::Auditor], "policy:write"),
    ("policy:write", &[Role::Admin], "policy:read"),
    ("risk:read", &[Role::Admin, Role::Security, Role::Auditor, Role::Viewer], "risk:score"),
    ("risk:score", &[Role::Admin, Role::Security], "risk:read"),
    ("role:delegate", &[Role::Admin, Role::Security], "risk:read"),
    ("scan:read", &[Role::Admin, Role::Security, Role::Auditor, Role::Viewer], "scan:write"),
    ("scan:write", &[Role::Admin, Role::Security], "scan:read"),
    ("tenant:export", &[Role::Admin], "user:read"),
    ("token:create", &Role::ALL, ""),
    ("token:introspect", &[Role::Admin], "risk:read"),
    ("user:read", &[Role::Admin, Role::Auditor], "user:write"),
    ("user:write", &[Role::Admin], "user:read"),
    ("wallet:read", &[Role::Admin, Role::Security, Role::Auditor, Role::Viewer], "wallet:write"),
    ("wallet:write", &[Role::Admin, Role::Security], "wallet:read"),
    ("webhook:read", &[Role::Admin, Role::Security, Role::Auditor], "webhook:write"),
    ("webhook:write", &[Role::Admin, Role::Security], "webhook:read"),
];

/// A key with these rights, made by nobody: the doors would not give all of them.
async fn key(world: &World, role: Role, permission: Option<&str>, revoked: bool) -> String {
    let tenant = &world.first.tenant;
    let id = new_id("key", &*world.clock);
    let secret = ApiSecret::generate(KeyKind::Live, tenant, &id, &*world.clock);
    let key = ApiKey {
        id: id.clone(),
        tenant: tenant.clone(),
        name: "a".to_owned(),
        kind: KeyKind::Live,
        sha256: hex::encode(secret.hash()),
        roles: vec![role],
        permissions: permission.map(|permission| vec![permission.to_owned()]),
        rate_limit: None,
        expires_at: None,
        created_at: NOW,
        created_by: "system:test".to_owned(),
        shown_to: None,
        revoked_at: revoked.then_some(NOW),
        rotated_at: None,
        previous: None,
        signing: None,
        events: 1,
    };
    let [put, _] = creation(&key);
    world
        .commit(&[put, Write::Check { key: ApiKey::at(tenant, "none"), condition: Condition::Absent }])
        .await;
    secret.reveal().to_owned()
}

/// The status that the door behind `operation` answers whoever sends `credential`.
async fn status(world: &World, operation: &Operation, credential: Option<&str>) -> u16 {
    let headers: std::collections::BTreeMap<_, _> =
        credential.map(|key| ("x-api-key".to_owned(), key.to_owned())).into_iter().collect();
    let asked = AuthorizerEvent { headers: headers.clone(), ..AuthorizerEvent::default() };
    let said = super::handle(&world.authorizer(), asked).await.expect("the store answers");
    let mut event = HttpEvent { route_key: operation.route.to_owned(), headers, ..HttpEvent::default() };
    let lambda = AuthorizerAnswerContext { caller: said.context.caller };
    event.request_context.authorizer = Some(AuthorizerContext { lambda });
    let operations = [operation.clone()];
    let door = Door {
        function: "table",
        operations: &operations,
        gate: scorpius_edge::authorize::RoleTable::shared(),
        clock: &*world.clock,
        limiter: None,
        signatures: None,
    };
    let let_in = |_| std::future::ready(Response::new(http::StatusCode::OK));
    serve(&door, event, std::future::pending(), let_in).await.status_code
}

#[tokio::test]
async fn every_route_lets_in_exactly_those_who_may() {
    let world = World::new().await;
    let manifest: Manifest =
        serde_json::from_str(include_str!("../../../../infra/stack.json")).expect("the manifest");
    let mut routes = Vec::new();
    for function in manifest.functions.into_values() {
        if let Trigger::Http(http) = function.trigger {
            routes.extend(http);
        }
    }
    let mut checked = 0;
    for (route, action) in routes {
        // Operations have constant names; a test's few live as long as the test.
        let (route, action): (&'static str, &'static str) = (route.leak(), action.leak());
        if action == "public" {
            let operation = Operation::new(route, "x", "x", Access::Public);
            assert_eq!(status(&world, &operation, None).await, 200, "{route}");
            assert_eq!(status(&world, &operation, Some("sk_live_x")).await, 200, "{route}");
            continue;
        }
        let operation = Operation::new(route, "x", "x", Access::Action(action));
        let (_, roles, elsewhere) =
            MAY.into_iter().find(|(known, ..)| *known == action).expect("say here who may do it");
        assert_eq!(status(&world, &operation, None).await, 401, "{route} anonymous");
        assert_eq!(status(&world, &operation, Some("sk_live_x")).await, 401, "{route} nonsense");
        for role in Role::ALL {
            let may = if roles.contains(&role) { 200 } else { 403 };
            let not = if elsewhere.is_empty() { may } else { 403 };
            let whole = format!("{}:*", action.split(':').next().expect("a capability"));
            for (permission, expected) in [
                (None, may),
                (Some(action), may),
                (Some(whole.as_str()), may),
                (Some(elsewhere), not),
                (Some("*"), not),
            ] {
                let credential = key(&world, role, permission, false).await;
                let said = status(&world, &operation, Some(&credential)).await;
                assert_eq!(said, expected, "{route} {role:?} {permission:?}");
                checked += 1;
            }
            let revoked = key(&world, role, None, true).await;
            assert_eq!(status(&world, &operation, Some(&revoked)).await, 401, "{route} {role:?} revoked");
        }
    }
    assert!(checked >= 500, "{checked}");
}

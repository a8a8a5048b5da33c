//! Every operation for every kind of caller. Who may is one row of `matrix.json` an operation: roles, or
//! `known` for whoever has a credential, `people` for whoever signed in, `public` for everyone.

use std::collections::{BTreeMap, BTreeSet};

use scorpius_edge::{Access, HttpAnswer, Role};
use serde_json::Value;

use super::callers::{Headers, by_key, by_token, cut_down, disabled, key, person, stale};
use super::{request, targets};
use crate::bad_input::Target;
use crate::desk::Desk;
use crate::{say, tree};

/// What a caller is let do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    /// The door answers, whatever it answers.
    LetIn,
    /// 401: nobody knows who that is, or what they hold does not count.
    Unknown,
    /// 403: it is known who that is, and they may not.
    Refused,
    /// 404: what is asked about is not there for them.
    Blind,
}

fn rows() -> BTreeMap<String, BTreeSet<String>> {
    serde_json::from_str(&tree::read("tests/suite/authorization/matrix.json")).expect("rows of names")
}

/// What the gate says to whoever is nobody. A door may say 401 for reasons of its own.
const GATE: [&str; 5] = [
    "send `X-API-Key` or `Authorization: Bearer`",
    "the credential is not valid",
    "the credential has expired",
    "the credential was revoked",
    "a cookie counts only together with its `X-CSRF-Token`",
];

/// How the gate, and not the door behind it, answered.
fn seen(answer: &HttpAnswer) -> Is {
    let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or_default();
    match (answer.status_code, problem["code"].as_str().unwrap_or_default()) {
        (401, "unauthenticated") if GATE.contains(&detail) => Is::Unknown,
        (403, _) if detail.starts_with("this needs the permission") => Is::Refused,
        (403, _) if detail.contains("is refused by the polic") => Is::Refused,
        (404, _) => Is::Blind,
        _ => Is::LetIn,
    }
}

/// One row, put to the test.
struct Row<'a> {
    desk: &'a Desk,
    target: &'a Target,
    may: &'a BTreeSet<String>,
    asked: usize,
    wrong: Vec<String>,
}

impl Row<'_> {
    async fn check(&mut self, who: &str, headers: Headers, expected: Is) {
        let answer = self.desk.host.ask(request(self.target, &self.target.path, &headers)).await;
        self.asked += 1;
        let seen = seen(&answer);
        // Once let in, a thing may be gone: an earlier caller may have removed it.
        let fine = seen == expected || (expected == Is::LetIn && seen == Is::Blind);
        if !fine {
            let id = self.target.operation.id;
            self.wrong.push(format!("{id}: {who}: {seen:?}, not {expected:?}: {}", answer.body));
        }
    }

    fn of(&self, known: bool, people: bool, role: Option<Role>) -> Is {
        let named = |name: &str| self.may.contains(name);
        let role = role.is_some_and(|role| named(role.name()));
        match named("public") || (known && (role || named("known") || (people && named("people")))) {
            true => Is::LetIn,
            false if known => Is::Refused,
            false => Is::Unknown,
        }
    }
}

/// A scope that does not cover `action`.
fn elsewhere(action: &str) -> &'static str {
    if action.starts_with("risk:") { "scan:read" } else { "risk:read" }
}

async fn check(row: &mut Row<'_>, keys: &BTreeMap<&'static str, String>, cut: &str, foreign: &str) {
    let desk = row.desk;
    let nobody = row.of(false, false, None);
    row.check("nobody", Vec::new(), nobody).await;
    row.check("nonsense", by_key("sk_live_x"), nobody).await;
    for role in Role::ALL {
        let expected = row.of(true, false, Some(role));
        row.check(&format!("a key of {role:?}"), by_key(&keys[role.name()]), expected).await;
        if role == Role::Operator {
            continue;
        }
        let expected = row.of(true, true, Some(role));
        let headers = person(desk, role).await;
        row.check(&format!("a person who is {role:?}"), headers, expected).await;
        row.check(&format!("a disabled {role:?}"), disabled(desk, role).await, nobody).await;
    }
    for headers in stale(desk).await {
        row.check("a token that does not count any more", headers, nobody).await;
    }
    scopes(row, cut).await;
    let open = row.of(false, false, None) == Is::LetIn;
    let about_a_thing = row.target.operation.path().contains("{id}");
    let expected = match row.of(true, false, Some(Role::Admin)) {
        Is::LetIn if about_a_thing && !open => Is::Blind,
        other => other,
    };
    row.check("another tenant's administrator", by_key(foreign), expected).await;
}

/// A key with every role that may, cut down to the action, to all of its capability, and to something else.
async fn scopes(row: &mut Row<'_>, cut: &str) {
    let Access::Action(action) = row.target.operation.access else { return };
    let mut roles = Role::ALL.into_iter().filter(|role| row.may.contains(role.name()));
    let Some(role) = roles.next() else { return };
    let whole = format!("{}:*", action.split(':').next().expect("a capability"));
    for (scope, expected) in [
        (action, Is::LetIn),
        (whole.as_str(), Is::LetIn),
        (elsewhere(action), Is::Refused),
        ("*", Is::Refused),
        ("*:*", Is::Refused),
    ] {
        cut_down(row.desk, cut, role, scope).await;
        row.check(&format!("a key cut down to `{scope}`"), by_key(cut), expected).await;
    }
}

#[tokio::test]
async fn every_operation_lets_in_exactly_those_whom_its_row_names() {
    let desk = Desk::open().await;
    let (rows, targets) = (rows(), targets(&desk).await);
    let known: BTreeSet<_> = targets.iter().map(|target| target.operation.id.to_owned()).collect();
    let named: BTreeSet<_> = rows.keys().cloned().collect();
    let missing: Vec<_> = known.difference(&named).collect();
    assert!(missing.is_empty(), "no row in tests/suite/authorization/matrix.json for {missing:?}");
    let left_over: Vec<_> = named.difference(&known).collect();
    assert!(left_over.is_empty(), "rows of no operation: {left_over:?}");

    let mut keys = BTreeMap::new();
    for role in Role::ALL {
        keys.insert(role.name(), key(&desk, role, None).await);
    }
    let (cut, foreign) = (key(&desk, Role::Admin, None).await, desk.second_tenant().await);
    let (mut asked, mut wrong) = (0, Vec::new());
    for target in &targets {
        let may = &rows[target.operation.id];
        let mut row = Row { desk: &desk, target, may, asked: 0, wrong: Vec::new() };
        check(&mut row, &keys, &cut, &foreign).await;
        asked += row.asked;
        wrong.append(&mut row.wrong);
    }
    say(&format!("authorization: {asked} requests to {} operations", targets.len()));
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(asked > targets.len() * 15);
}

/// A token's time runs out between two requests, with a minute of grace for clocks that differ.
#[tokio::test]
async fn a_token_counts_for_its_ten_minutes_and_not_longer() {
    let desk = Desk::open().await;
    let token = desk.post("/v1/auth/token", &serde_json::json!({})).await;
    let headers = by_token(token.text("access_token"));
    for (later_ms, expected) in [(0, 200), (599_000, 200), (62_000, 401)] {
        desk.clock.advance_ms(later_ms);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(desk.ask("GET", "/v1/scans", &headers, b"").await.status, expected, "{later_ms}");
    }
}

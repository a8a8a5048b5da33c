//! Paths, queries, credentials and headers that are wrong, each for one known reason.

use scorpius_edge::Access;
use scorpius_edge::principal::{EXCHANGE, OWN_ACCOUNT};

use super::case::{Case, Target};
use super::dice::Dice;

/// A way to break a request without touching its body.
pub(crate) type Break = fn(&Target, &mut Dice, &mut Case);

/// For every operation.
pub(crate) const ANY: [(&str, Break); 3] = [
    ("headers over the limit", large_headers),
    ("URL over the limit", large_url),
    ("body over the limit", large_body),
];

/// For operations that need a credential.
pub(crate) const CLOSED: [(&str, Break); 4] = [
    ("no credential", no_credential),
    ("bad key", bad_key),
    ("bad token", bad_token),
    ("two credentials", two_credentials),
];

/// For operations that may be asked again.
pub(crate) const ONCE: [(&str, Break); 1] = [("bad idempotency key", bad_idempotency_key)];

/// For operations about one thing.
pub(crate) const OPEN_PATH: [(&str, Break); 1] = [("no such thing", bad_id)];

/// For lists.
pub(crate) const PAGED: [(&str, Break); 2] = [("bad limit", bad_limit), ("bad cursor", bad_cursor)];

/// For operations with a parameter that must be there.
pub(crate) const ASKING: [(&str, Break); 2] =
    [("missing parameter", missing_parameter), ("bad parameter", bad_parameter)];

fn large_headers(_: &Target, dice: &mut Dice, case: &mut Case) {
    let (name, length) = (format!("x-{}", dice.below(1_000)), 6_000 + dice.below(60_000));
    match dice.one_in(2) {
        true => case.headers.push((name, "a".repeat(length))),
        false => case.headers.extend((0..length / 50).map(|n| (format!("x-{n:03}"), "a".repeat(50)))),
    }
    case.allowed = &[413];
}

fn large_url(_: &Target, dice: &mut Dice, case: &mut Case) {
    case.query = format!("{}&a={}", case.query, "%20".repeat(1_400 + dice.below(3_000)));
    case.allowed = &[413];
}

fn large_body(target: &Target, dice: &mut Dice, case: &mut Case) {
    // Carrying megabytes is slow; one in twenty is enough.
    if !dice.one_in(20) {
        return large_headers(target, dice, case);
    }
    case.body = vec![dice.pick(b" {[a\"\0\xff"); 4_000_001 + dice.below(3)];
    case.allowed = &[413];
}

fn no_credential(_: &Target, _: &mut Dice, case: &mut Case) {
    case.headers.retain(|(name, _)| name != "X-API-Key" && name != "Authorization");
    case.allowed = &[401];
}

fn bad_key(target: &Target, dice: &mut Dice, case: &mut Case) {
    let key = case.headers[0].1.clone();
    no_credential(target, dice, case);
    let at = dice.below(key.len());
    let mistyped: String = key.chars().enumerate().map(|(i, c)| if i == at { '!' } else { c }).collect();
    let noise = String::from_utf8_lossy(&dice.bytes(0, 120)).into_owned();
    let bad = [
        mistyped,
        key[..at].to_owned(),
        format!("{key} "),
        key.to_uppercase(),
        format!("{key},{key}"),
        noise,
    ];
    case.headers.push(("x-api-key".to_owned(), dice.pick(&bad)));
}

fn bad_token(target: &Target, dice: &mut Dice, case: &mut Case) {
    let key = case.headers[0].1.clone();
    no_credential(target, dice, case);
    let noise = String::from_utf8_lossy(&dice.bytes(0, 200)).into_owned();
    let bad = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {key}"),
        format!("Basic {key}"),
        "Bearer eyJhbGciOiJub25lIn0.e30.".to_owned(),
        "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6IngifQ.e30.AAAA".to_owned(),
        format!("Bearer {}", ".".repeat(dice.below(2_000))),
        format!("Bearer {noise}"),
        noise,
    ];
    case.headers.push(("Authorization".to_owned(), dice.pick(&bad)));
}

fn two_credentials(_: &Target, dice: &mut Dice, case: &mut Case) {
    let name = dice.pick(&["authorization", "x-api-key", "X-Api-Key", "AUTHORIZATION"]);
    case.headers.push((name.to_owned(), format!("Bearer {}", dice.throw())));
    case.allowed = &[401];
}

fn bad_idempotency_key(_: &Target, dice: &mut Dice, case: &mut Case) {
    let bad = ["", " ", "a b", "\t", "é", "\u{0}", "a\nb", "\u{7f}", &"a".repeat(101), &"a".repeat(5_000)];
    case.headers.push(("Idempotency-Key".to_owned(), dice.pick(&bad).to_owned()));
}

fn bad_id(target: &Target, dice: &mut Dice, case: &mut Case) {
    let hex: String = dice.bytes(16, 16).iter().map(|byte| format!("{byte:02x}")).collect();
    let real =
        target.path.split('/').find(|segment| !target.operation.path().contains(*segment)).unwrap_or("x");
    let (prefix, digits) = real.split_once('_').unwrap_or((real, "x"));
    let bad = [
        format!("{prefix}_{hex}"),
        format!("{prefix}_"),
        prefix.to_owned(),
        format!("{prefix}{digits}"),
        format!("xxx_{digits}"),
        format!("{real}0"),
        format!("{real}%00"),
        format!("{real}%20"),
        format!("%20{real}"),
        format!("{real}%2F..%2F{real}"),
        real.to_uppercase(),
        real[..real.len() - 1].to_owned(),
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd".to_owned(),
        "..".to_owned(),
        "%00".to_owned(),
        "%ff%fe".to_owned(),
        "%".to_owned(),
        "%zz".to_owned(),
        "'%20or%201=1%20--".to_owned(),
        "{id}".to_owned(),
        "*".to_owned(),
        "%F0%9F%A6%82".to_owned(),
        "a".repeat(1 + dice.below(3_000)),
    ];
    // Cutting a name without prefix can leave the name itself.
    let bad: Vec<_> = bad.into_iter().filter(|id| id != real).collect();
    case.path = target.path.replace(real, &dice.pick(&bad));
    case.allowed = &[400, 404];
}

fn bad_limit(_: &Target, dice: &mut Dice, case: &mut Case) {
    let bad = [
        "0",
        "201",
        "-1",
        "",
        "abc",
        "1.5",
        "1e2",
        "0x10",
        "%31%20",
        "１",
        "99999999999999999999",
        "5&limit=6",
        "null",
        "true",
        "%00",
        "%ff",
    ];
    case.query = format!("limit={}", dice.pick(&bad));
}

fn bad_cursor(_: &Target, dice: &mut Dice, case: &mut Case) {
    let noise: String = dice.bytes(0, 60).iter().map(|byte| format!("%{byte:02x}")).collect();
    let bad = [
        "",
        "a",
        "AAAA",
        "null",
        "../..",
        "%00",
        "%ff",
        "AAAAAAAAAAAA",
        "e30",
        "e30=",
        "AAAAAAAAAAA&cursor=b",
    ];
    let cursor = if dice.one_in(3) { noise.as_str() } else { dice.pick(&bad) };
    case.query = format!("cursor={cursor}");
}

fn missing_parameter(_: &Target, _: &mut Dice, case: &mut Case) {
    case.query.clear();
}

fn bad_parameter(target: &Target, dice: &mut Dice, case: &mut Case) {
    let noise: String = dice.bytes(0, 60).iter().map(|byte| format!("%{byte:02x}")).collect();
    let bad = ["", "x", "evt_", "evt_1", "%00", "%ff", "evt_%2e%2e", "*", noise.as_str()];
    let names: Vec<_> = target.operation.query.iter().filter(|parameter| parameter.required).collect();
    case.query = format!("{}={}", dice.pick(&names).name, dice.pick(&bad));
    case.allowed = &[400, 404];
}

/// A key that is real and may not do this; `None` where every key may.
pub(crate) fn too_weak<'k>(target: &Target, weak: &'k [(&'static str, String)]) -> Option<&'k str> {
    match target.operation.access {
        // A key is none of a person's credentials, however strong.
        Access::Public | Access::Action(EXCHANGE | OWN_ACCOUNT) => None,
        Access::Action(action) => {
            weak.iter().find(|(permission, _)| *permission != action).map(|(_, key)| key.as_str())
        }
    }
}

/// Headers that are odd and change nothing.
pub(crate) fn odd(dice: &mut Dice) -> (String, String) {
    let odd = [
        ("Accept", "application/xml;q=0.1, */*;q=0"),
        ("Accept-Encoding", "identity;q=0, *;q=0"),
        ("Content-Length", "-1"),
        ("Content-Length", "99999999999999999999"),
        ("Transfer-Encoding", "chunked, identity"),
        ("Content-Encoding", "gzip"),
        ("Expect", "100-continue"),
        ("Host", "evil.example:99999"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Original-URL", "/v1/admin/queues"),
        ("X-Request-Id", "a\r\nset-cookie: a=b"),
        ("X-Request-Id", "req_\u{1F982}"),
        ("Traceparent", "00-00000000000000000000000000000000-0000000000000000-00"),
        ("Traceparent", "garbage"),
        ("Cookie", "a=b; a=c; ; =; \u{0}"),
        ("Origin", "null"),
        ("Origin", "https://evil.example"),
        ("If-Match", "W/\"*\", \"unterminated"),
        ("Range", "bytes=0-0,-1"),
        ("Upgrade", "websocket"),
        ("", ""),
        ("é", "é"),
        ("__proto__", "x"),
    ];
    let (name, value) = dice.pick(&odd);
    ((*name).to_owned(), (*value).to_owned())
}

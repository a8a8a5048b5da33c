//! What the start of a function costs: instructions from its first to the end of its first answer, as
//! valgrind counts them. Unlike milliseconds they are the same on a busy machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::measures::{Start, budgets};
use super::runtime_api::{Heard, RuntimeApi};
use super::zips::zips;
use crate::aws::tools::{found, say};
use crate::tree;

/// How long a start may take under valgrind.
const PATIENCE: Duration = Duration::from_secs(300);

/// Everything that any function reads at its start; nothing of it exists.
const SETTINGS: [(&str, &str); 40] = [
    ("ANCHORS", "anchors"),
    ("AUDIENCE", "scorpius"),
    ("AWS_ACCESS_KEY_ID", "stub"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_FUNCTION_NAME", "stub"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "stub"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "stub"),
    ("AWS_REGION", "eu-west-1"),
    ("AWS_SECRET_ACCESS_KEY", "stub"),
    ("BUCKET", "blobs"),
    ("BUS", "bus"),
    ("FEEDS", "[]"),
    ("ISSUER", "https://scorpius.example"),
    ("KEY_LEDGER", "ledger"),
    ("KEY_TOKEN", "token"),
    ("KEY_WRAP", "wrap"),
    ("LIMIT_ADDRESS_MINUTE", "300"),
    ("LIMIT_TIER", "unlimited"),
    ("LOG_ORIGIN", "scorpius.example/ledger"),
    ("MAIL_FROM", "scorpius@example.com"),
    ("PATH", "/usr/bin:/bin"),
    ("QUEUE_AUDIT", "http://127.0.0.1:1/audit"),
    ("QUEUE_AUDIT_DEAD", "http://127.0.0.1:1/audit-dead"),
    ("QUEUE_DELIVER", "http://127.0.0.1:1/deliver"),
    ("QUEUE_DELIVER_DEAD", "http://127.0.0.1:1/deliver-dead"),
    ("QUEUE_MAIL", "http://127.0.0.1:1/mail"),
    ("QUEUE_MAIL_DEAD", "http://127.0.0.1:1/mail-dead"),
    ("QUEUE_NOTIFY", "http://127.0.0.1:1/notify"),
    ("QUEUE_NOTIFY_DEAD", "http://127.0.0.1:1/notify-dead"),
    ("QUEUE_SCAN", "http://127.0.0.1:1/scan"),
    ("QUEUE_SCAN_DEAD", "http://127.0.0.1:1/scan-dead"),
    ("QUEUE_SCAN_HIGH", "http://127.0.0.1:1/scan-high"),
    ("QUEUE_SCAN_HIGH_DEAD", "http://127.0.0.1:1/scan-high-dead"),
    ("QUEUE_SCAN_LOW", "http://127.0.0.1:1/scan-low"),
    ("QUEUE_SCAN_LOW_DEAD", "http://127.0.0.1:1/scan-low-dead"),
    ("TABLE_COUNTERS", "counters"),
    ("TABLE_OUTBOX", "outbox"),
    ("TABLE_RECORDS", "records"),
    (
        "WITNESS_POLICY",
        "witness w1 witness.example/w1+04ddef65+BDyllhqzdbh1ymA0REVkSoiL6OUyqAXEHpGG3WRZVbGI https://witness.example\nquorum w1\n",
    ),
];

/// Runs `program` under valgrind, with further settings, until it has answered one event; answers what
/// valgrind said.
fn counted(program: &Path, event: String, further: &[(&str, &str)]) -> (Output, Vec<Heard>) {
    let stub = RuntimeApi::with(event);
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("valgrind");
    command
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", folder.path().join("out").display()))
        .arg(program)
        .env_clear()
        .envs(SETTINGS)
        .envs(further.iter().copied())
        .env("AWS_LAMBDA_RUNTIME_API", stub.address.to_string())
        .env("AWS_ENDPOINT_URL", format!("http://{}", stub.address))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("valgrind starts");
    let begun = Instant::now();
    while child.try_wait().expect("a child can be asked").is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().expect("it is ours to kill");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    (child.wait_with_output().expect("it ended"), stub.heard())
}

/// `==4711== Collected : 5161169`.
fn instructions(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}

/// More than a tenth over the budget: so much differs between processors and versions of the compiler.
fn too_many(function: &str, budget: u64, counted: u64) -> Option<String> {
    (counted > budget + budget / 10)
        .then(|| format!("{function}: {counted} instructions, and its budget is {budget}"))
}

/// Why the start is not as `wanted` says.
fn wrong(wanted: &Start, said: &str, heard: &[Heard]) -> Option<String> {
    let Start { function, status, calls, .. } = wanted;
    let called = heard.iter().filter(|what| matches!(what, Heard::Call(_))).count();
    let answer = heard.iter().find_map(|what| match what {
        Heard::Answer(answer) => serde_json::from_str::<serde_json::Value>(answer).ok(),
        Heard::Next | Heard::Call(_) | Heard::Error(_) => None,
    });
    let answer = answer.unwrap_or_default();
    let answered = match status {
        Some(status) => answer["statusCode"] == *status,
        None => answer["isAuthorized"] == true,
    };
    if !answered || called != *calls {
        return Some(format!("{function} did other work than is counted: {heard:?}; {said}"));
    }
    let Some(counted) = instructions(said) else { return Some(format!("{function}: no count in {said}")) };
    say(&format!("{function}: {counted} instructions to its first answer, budget {}", wanted.instructions));
    too_many(function, wanted.instructions, counted)
}

#[test]
fn a_function_starts_within_its_budget_of_instructions() {
    let valgrind = Command::new("valgrind").arg("--version").output().map_err(|error| error.to_string());
    let (Some(_), Some(zips)) = (found("valgrind", valgrind), zips()) else { return };
    let mut found = Vec::new();
    for wanted in budgets().starts {
        let event = tree::read(&format!("events/{}/{}", wanted.function, wanted.event));
        let (said, heard) = counted(&zips.program(&wanted.function), event, &[]);
        found.extend(wrong(&wanted, &String::from_utf8_lossy(&said.stderr), &heard));
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// The system's roots, which took most of a start before they were left out.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
/// So many of them are enough to be noticed.
const PLANTED: usize = 40;

#[test]
fn a_start_that_reads_the_system_s_roots_again_is_over_its_budget() {
    let valgrind = Command::new("valgrind").arg("--version").output().map_err(|error| error.to_string());
    let roots = std::fs::read_to_string(SYSTEM_ROOTS).map_err(|error| format!("{SYSTEM_ROOTS}: {error}"));
    let Some(_) = found("valgrind", valgrind) else { return };
    let (Some(roots), Some(zips)) = (found("the system's roots", roots), zips()) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let some: String = roots.split_inclusive("-----END CERTIFICATE-----\n").take(PLANTED).collect();
    let file = folder.path().join("roots.pem");
    std::fs::write(&file, some).expect("a file");
    let budgets = budgets();
    let wanted = budgets.starts.iter().find(|start| start.calls > 0).expect("one start calls AWS");
    let event = tree::read(&format!("events/{}/{}", wanted.function, wanted.event));
    let planted = [("SSL_CERT_FILE", file.to_str().expect("a path is text"))];
    let (said, heard) = counted(&zips.program(&wanted.function), event, &planted);
    let found = wrong(wanted, &String::from_utf8_lossy(&said.stderr), &heard);
    assert!(found.as_deref().is_some_and(|found| found.contains("and its budget is")), "{found:?}");
}

/// One start: from the program's own start to its asking for work, and to the end of its first answer if it is handed
/// an event.
struct Timed {
    init: Duration,
    answer: Option<Duration>,
}

/// Starts `program` once.
fn timed(program: &Path, event: Option<&str>) -> Result<Timed, String> {
    let stub = RuntimeApi::with(event.unwrap_or("{}").to_owned());
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(SETTINGS)
        .env("AWS_LAMBDA_RUNTIME_API", stub.address.to_string())
        .env("AWS_ENDPOINT_URL", format!("http://{}", stub.address))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut found = Timed { init: Duration::ZERO, answer: None };
    let ended = loop {
        match stub.next(PATIENCE) {
            Some(Heard::Next) if found.init.is_zero() => {
                found.init = begun.elapsed();
                if event.is_none() {
                    break Ok(());
                }
            }
            Some(Heard::Answer(_)) => {
                found.answer = Some(begun.elapsed());
                break Ok(());
            }
            Some(Heard::Call(_)) => {}
            other => break Err(format!("{other:?}")),
        }
    };
    child.kill().expect("it is ours to kill");
    let said = child.wait_with_output().expect("it ended");
    ended.map(|()| found).map_err(|heard| format!("{heard}: {}", String::from_utf8_lossy(&said.stderr)))
}

/// The least and the one in the middle, in milliseconds.
fn least_and_median(times: &[Duration]) -> (f64, f64) {
    let mut sorted: Vec<_> = times.iter().map(|time| time.as_secs_f64() * 1_000.0).collect();
    sorted.sort_by(f64::total_cmp);
    (sorted[0], sorted[sorted.len() / 2])
}

/// Starts each function `SCORPIUS_STARTS` times, once unless it is set, and says how long it took; beside an empty function of
/// `lambda_http` where `SCORPIUS_EMPTY_FUNCTION` names one's program. Times are shown and not judged: instructions are.
#[test]
fn every_function_starts_with_its_settings_and_asks_for_work() {
    let Some(zips) = zips() else { return };
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<usize>().ok());
    let starts = number("SCORPIUS_STARTS").unwrap_or(1).max(1);
    let mut programs: Vec<_> = std::env::var_os("SCORPIUS_EMPTY_FUNCTION")
        .map(|path| ("an empty function".to_owned(), PathBuf::from(path)))
        .into_iter()
        .collect();
    let functions = scorpius::doors::manifest().functions;
    programs.extend(functions.keys().map(|function| (function.clone(), zips.program(function))));
    // In turns, so that what else the machine does falls on all alike.
    let mut times = vec![Vec::with_capacity(starts); programs.len()];
    for _ in 0..starts {
        for ((name, program), times) in programs.iter().zip(&mut times) {
            let timed = timed(program, None).unwrap_or_else(|heard| panic!("{name} does not start: {heard}"));
            times.push(timed.init);
        }
    }
    for ((name, program), times) in programs.iter().zip(&times) {
        let bytes = std::fs::metadata(program).expect("it was just started").len();
        let (least, median) = least_and_median(times);
        say(&format!("| `{name}` | {:.2} | {least:.2} | {median:.2} |", bytes as f64 / 1e6));
    }
}

/// The same up to the first answer to a request that makes one call: `POST` to `risk-score`, the authorizer before it, and
/// the empty function.
#[test]
fn a_function_answers_its_first_request() {
    let Some(zips) = zips() else { return };
    let starts = std::env::var("SCORPIUS_STARTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1).max(1);
    let event = tree::read("events/risk-score/address.json");
    let mut programs = vec![
        ("risk-score".to_owned(), zips.program("risk-score"), event.clone()),
        ("authorizer".to_owned(), zips.program("authorizer"), tree::read("events/authorizer/api-key.json")),
    ];
    programs.extend(
        std::env::var_os("SCORPIUS_EMPTY_FUNCTION")
            .map(|path| ("an empty function".to_owned(), path.into(), event)),
    );
    let mut times = vec![Vec::with_capacity(starts); programs.len()];
    for _ in 0..starts {
        for ((name, program, event), times) in programs.iter().zip(&mut times) {
            let timed = timed(program, Some(event)).unwrap_or_else(|heard| panic!("{name}: {heard}"));
            times.push(timed.answer.expect("it answered"));
        }
    }
    for ((name, ..), times) in programs.iter().zip(&times) {
        let (least, median) = least_and_median(times);
        say(&format!(
            "{name}: first answer, with one call on the way, {least:.2} ms at least, {median:.2} ms in the middle"
        ));
    }
}

#[test]
fn a_start_that_costs_too_much_or_does_other_work_is_found() {
    let wanted = Start {
        function: "health".to_owned(),
        event: "live.json".to_owned(),
        status: Some(200),
        calls: 0,
        instructions: 1_000,
    };
    let answer = || Heard::Answer(r#"{"statusCode": 200}"#.to_owned());
    let said = |count: u64| format!("==1== Events    : Ir\n==1== Collected : {count}\n");
    assert_eq!(wrong(&wanted, &said(1_100), &[Heard::Next, answer(), Heard::Next]), None);
    let over = wrong(&wanted, &said(1_101), &[Heard::Next, answer()]);
    assert_eq!(over.as_deref(), Some("health: 1101 instructions, and its budget is 1000"));
    assert!(wrong(&wanted, "killed", &[Heard::Next, answer()]).is_some(), "no count");
    assert!(wrong(&wanted, &said(10), &[Heard::Next]).is_some(), "no answer");
    let called = Heard::Call("DynamoDB_20120810.GetItem".to_owned());
    assert!(wrong(&wanted, &said(10), &[called, answer()]).is_some(), "a call more");
    let failed = Heard::Answer(r#"{"statusCode": 500}"#.to_owned());
    assert!(wrong(&wanted, &said(10), &[failed]).is_some(), "another status");
    let authorizer = Start { status: None, ..wanted };
    let refused = || Heard::Answer(r#"{"isAuthorized": false}"#.to_owned());
    let through = || Heard::Answer(r#"{"isAuthorized": true}"#.to_owned());
    assert!(wrong(&authorizer, &said(10), &[refused()]).is_some(), "an authorizer that lets nobody through");
    assert_eq!(wrong(&authorizer, &said(10), &[through()]), None);
}

//! `dev` applied to an emulator, with stand-ins for the functions that tell what they were called with: whether
//! what is declared leads from a request to its function, by the authorizer and by the alias.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::permissions::Difference;
use super::state::planned_permissions;
use super::{Deployment, deployed, difference};
use crate::aws::tools::{ministack, run};
use crate::say;

/// A function's program: as authorizer it says who asks, otherwise it answers with what it was given.
const ECHO: &str = r##"#!/usr/bin/env python3
import json, os, urllib.request as http
base = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
while True:
    with http.urlopen(f"{base}/next") as asked:
        name, event = asked.headers["Lambda-Runtime-Aws-Request-Id"], json.load(asked)
    if event.get("type") == "REQUEST":
        said = {"isAuthorized": True, "context": {"caller": "somebody"}}
    else:
        event["function"] = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        event["settings"] = sorted(os.environ)
        said = {"statusCode": 200, "body": json.dumps(event)}
    http.urlopen(http.Request(f"{base}/{name}/response", data=json.dumps(said).encode(), method="POST")).close()
"##;

/// Python's `zipfile` keeps who may run a file only when it is told.
const ZIP: &str = "
import sys, zipfile
program = open(sys.argv[1]).read()
for path in sys.argv[2:]:
    with zipfile.ZipFile(path, 'w') as made:
        entry = zipfile.ZipInfo('bootstrap')
        entry.external_attr = 0o755 << 16
        made.writestr(entry, program)
";

fn stand_ins(folder: &Path) {
    let program = folder.join("bootstrap.py");
    std::fs::write(&program, ECHO).expect("a file");
    let manifest = scorpius::doors::manifest();
    let zips = manifest.functions.keys().map(|it| folder.join(format!("{it}.zip")));
    run(Command::new("python3").args(["-c", ZIP]).arg(&program).args(zips)).expect("python3 makes zips");
}

/// The body of `GET url`, which must be answered with 200.
fn get(url: &str) -> Value {
    let (host, path) = url.strip_prefix("http://").and_then(|it| it.split_once('/')).expect("a loopback URL");
    let mut stream = TcpStream::connect(host).expect("the emulator listens");
    let head = format!("GET /{path} HTTP/1.0\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("the emulator reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the emulator answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.0 200"), "{answer}");
    let json = body.find('{').zip(body.rfind('}')).map_or(body, |(first, last)| &body[first..=last]);
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn a_request_goes_by_the_authorizer_to_the_function_of_its_route() {
    let Some(emulator) = ministack() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    stand_ins(folder.path());
    let Some(stack) = deployed(folder.path(), &emulator) else { return };
    for line in &stack.made_up {
        say(line);
    }
    a_route_is_followed(&stack);
    // Stand-ins call nothing.
    assert!(!stack.calls.exists());
    assert_eq!(difference(&stack.state, ""), Difference::default());
    assert!(planned_permissions(&stack.state).values().all(|of_one| !of_one.is_empty()));
}

fn a_route_is_followed(stack: &Deployment) {
    assert!(stack.state.all("aws_lambda_function").count() > 10);

    let told = get(&format!("{}/v1/verdicts/vrd_1?x=1", stack.api_url));
    assert_eq!(told["routeKey"], "GET /v1/verdicts/{id}");
    assert_eq!(told["pathParameters"]["id"], "vrd_1");
    assert_eq!(told["rawQueryString"], "x=1");
    assert_eq!(told["requestContext"]["authorizer"]["lambda"]["caller"], "somebody");
    assert_eq!(told["function"], stack.outputs["names"]["value"]["functions"]["risk-score"]);
    let settings = told["settings"].as_array().expect("a list");
    for setting in ["TABLE_RECORDS", "BUCKET", "SCORPIUS_RECORD_CALLS"] {
        assert!(settings.contains(&setting.into()), "{setting} is not set: {settings:?}");
    }
}

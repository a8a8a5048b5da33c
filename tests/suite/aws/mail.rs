//! `SesMail` on ministack, which keeps what it was given.

use std::io::{Read, Write};
use std::net::TcpStream;

use scorpius_core::{Letter, Mail, MailError, SystemClock, new_id};
use serde_json::Value;

use super::emulated;

/// What the emulator answers to a request that needs no signature there.
fn ask(url: &str, method: &str, path: &str, body: &str) -> Value {
    let address = url.strip_prefix("http://").expect("an address");
    let mut connection = TcpStream::connect(address).expect("it listens");
    let scope = "Credential=emulator/20261121/eu-west-1/ses/aws4_request, SignedHeaders=host, Signature=0";
    let asked = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: AWS4-HMAC-SHA256 {scope}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(asked.as_bytes()).expect("it is sent");
    let mut said = String::new();
    connection.read_to_string(&mut said).expect("it answers");
    let body = said.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let (from, to) = (body.find('{').unwrap_or(0), body.rfind('}').map_or(0, |end| end + 1));
    serde_json::from_str(&body[from..to]).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_reaches_the_carrier_as_it_was_written() {
    let Some(world) = emulated().await else { return };
    let mail = world.aws.mail_from("scorpius@example.com".to_owned());
    let letter = Letter {
        id: new_id("let", &SystemClock),
        to: "ada@example.com".to_owned(),
        subject: "Scorpius: Grüße".to_owned(),
        text: "one\ntwo \u{1F982}\n".to_owned(),
    };
    // A sender that is not verified is refused for good.
    assert!(matches!(mail.send(&letter).await, Err(MailError::Refused(_))));
    ask(&world.url, "POST", "/v2/email/identities", r#"{"EmailIdentity": "scorpius@example.com"}"#);
    ask(&world.url, "POST", "/v2/email/identities", r#"{"EmailIdentity": "ada@example.com"}"#);
    mail.send(&letter).await.expect("it is taken");
    let given = ask(&world.url, "GET", "/_ministack/ses/messages", "").to_string();
    for part in ["scorpius@example.com", "ada@example.com", "Scorpius: Grüße", "one\\ntwo \u{1F982}\\n"] {
        assert!(given.contains(part), "`{part}` is not in {given}");
    }
}

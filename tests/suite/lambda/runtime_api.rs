//! Lambda's Runtime API and AWS behind one loopback port: hands one event to a function, and answers its
//! calls to AWS with an empty document.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long the function is said to have: counting instructions takes a hundred times as long as running them.
const DEADLINE: Duration = Duration::from_secs(120);
/// An Ed25519 key as KMS gives it out (RFC 8032, section 7.1, test 1): some functions ask for one before they start.
const PUBLIC_KEY: &str = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
/// Bytes of a body that is read.
const BODY_BYTES_MAX: usize = 10_000_000;

/// A stub for one process.
pub(crate) struct RuntimeApi {
    /// What `AWS_LAMBDA_RUNTIME_API` names.
    pub(crate) address: SocketAddr,
    heard: Receiver<Heard>,
}

/// What a function did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It asked for work: it has started, or is done with the event.
    Next,
    /// It called AWS: the target or the path.
    Call(String),
    /// Its answer to the event.
    Answer(String),
    /// It gave up.
    Error(String),
}

impl RuntimeApi {
    /// Hands `event` to whoever asks first, and ends the connection of whoever asks again.
    pub(crate) fn with(event: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let (sender, heard) = channel();
        let handed_out = Arc::new(AtomicBool::new(false));
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (sender, event, handed_out) = (sender.clone(), event.clone(), Arc::clone(&handed_out));
                std::thread::spawn(move || serve(connection, &event, &handed_out, &sender));
            }
        });
        Self { address, heard }
    }

    /// What is heard next, if it is heard in time.
    pub(crate) fn next(&self, patience: Duration) -> Option<Heard> {
        self.heard.recv_timeout(patience).ok()
    }

    /// What was heard so far, in order.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.try_iter().collect()
    }
}

struct Asked {
    method: String,
    path: String,
    target: Option<String>,
    body: String,
}

/// Requests of one connection, until the function closes it or asks for a second event.
fn serve(connection: TcpStream, event: &str, handed_out: &AtomicBool, heard: &Sender<Heard>) {
    let mut writer = connection.try_clone().expect("a socket can be cloned");
    let mut reader = BufReader::new(connection);
    while let Some(asked) = read(&mut reader) {
        let (what, answer) = match asked.path.rsplit('/').next() {
            Some("next") if handed_out.swap(true, Ordering::SeqCst) => {
                heard.send(Heard::Next).unwrap_or_default();
                return;
            }
            Some("next") => (Heard::Next, next(event)),
            Some("response") => (Heard::Answer(asked.body), accepted()),
            Some("error") => (Heard::Error(asked.body), accepted()),
            _ if asked.target.as_deref() == Some("TrentService.GetPublicKey") => {
                let answer = format!("{{\"PublicKey\": \"{PUBLIC_KEY}\"}}");
                let called = Heard::Call(asked.target.unwrap_or_default());
                (called, answered("200 OK", "application/x-amz-json-1.1", "", &answer))
            }
            _ => {
                let called = asked.target.unwrap_or(format!("{} {}", asked.method, asked.path));
                (Heard::Call(called), answered("200 OK", "application/x-amz-json-1.0", "", "{}"))
            }
        };
        // Nobody listens any more when the test is over.
        heard.send(what).unwrap_or_default();
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn next(event: &str) -> String {
    let deadline = SystemTime::now() + DEADLINE;
    let deadline_ms = deadline.duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let headers = format!(
        "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
         Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:000000000000:function:stub\r\n"
    );
    answered("200 OK", "application/json", &headers, event)
}

fn accepted() -> String {
    answered("202 Accepted", "application/json", "", "")
}

fn answered(status: &str, kind: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

/// One request; `None` at the end of the connection.
fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let first = line(reader)?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut chunked, mut target) = (0, false, None);
    loop {
        let header = line(reader)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "x-amz-target" => target = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = Vec::new();
    match chunked {
        false => take(reader, length, &mut body)?,
        true => loop {
            let size = usize::from_str_radix(line(reader)?.split(';').next()?, 16).ok()?;
            take(reader, size, &mut body)?;
            line(reader)?;
            if size == 0 {
                break;
            }
        },
    }
    Some(Asked { method, path, target, body: String::from_utf8(body).ok()? })
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    let read = reader.take(16_384).read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}

fn take(reader: &mut impl BufRead, length: usize, body: &mut Vec<u8>) -> Option<()> {
    let from = body.len();
    (from + length <= BODY_BYTES_MAX).then(|| body.resize(from + length, 0))?;
    reader.read_exact(&mut body[from..]).ok()
}

#[test]
fn requests_are_read_with_a_length_and_in_chunks() {
    let wire = b"POST /a HTTP/1.1\r\nContent-Length: 2\r\nX-Amz-Target: T.Get\r\n\r\nhi\
        POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
    let mut reader = BufReader::new(&wire[..]);
    let first = read(&mut reader).expect("a request");
    assert_eq!((&*first.path, &*first.body, first.target.as_deref()), ("/a", "hi", Some("T.Get")));
    let second = read(&mut reader).expect("a request");
    assert_eq!((&*second.method, &*second.path, &*second.body), ("POST", "/b", "abcde"));
    assert!(read(&mut reader).is_none());
}

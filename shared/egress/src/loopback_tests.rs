//! The guard against real sockets, and against resolvers that lie.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use scorpius_core::{Egress, EgressError, EgressRequest, EgressResponse};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto};

use crate::{AllowedTarget, EgressOptions, GuardedEgress, Resolve, TrustedRoot};

/// What the server does after the request's head and body came.
#[derive(Clone)]
enum Act {
    Say(Vec<u8>),
    /// Says this and then neither speaks nor hangs up.
    SayAndWait(Vec<u8>),
    /// Says the first and then the second without end.
    SayAndFlood(Vec<u8>, Vec<u8>),
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
    server_name: Mutex<Option<String>>,
}

impl Seen {
    fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic holds it").clone()
    }
}

async fn serve(act: Act, tls: Option<TlsAcceptor>) -> (SocketAddr, Arc<Seen>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let seen = Arc::new(Seen::default());
    let theirs = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            theirs.connections.fetch_add(1, Ordering::SeqCst);
            let (act, tls, seen) = (act.clone(), tls.clone(), Arc::clone(&theirs));
            tokio::spawn(async move {
                match tls {
                    None => talk(stream, act, &seen).await,
                    Some(acceptor) => {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        let name = stream.get_ref().1.server_name().map(str::to_owned);
                        *seen.server_name.lock().expect("no panic holds it") = name;
                        talk(stream, act, &seen).await;
                    }
                }
            });
        }
    });
    (address, seen)
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, act: Act, seen: &Seen) {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\nhello") {
        let mut chunk = [0; 1024];
        match stream.read(&mut chunk).await {
            Ok(length) if length > 0 => read.extend_from_slice(&chunk[..length]),
            _ => return,
        }
    }
    seen.requests.lock().expect("no panic holds it").push(String::from_utf8_lossy(&read).into_owned());
    // A client that hangs up early is what some of these tests are about.
    match act {
        Act::Say(bytes) => {
            stream.write_all(&bytes).await.unwrap_or_default();
            stream.shutdown().await.unwrap_or_default();
        }
        Act::SayAndWait(bytes) => {
            stream.write_all(&bytes).await.unwrap_or_default();
            stream.flush().await.unwrap_or_default();
            std::future::pending::<()>().await;
        }
        Act::SayAndFlood(head, rest) => {
            stream.write_all(&head).await.unwrap_or_default();
            while stream.write_all(&rest).await.is_ok() {}
        }
    }
}

fn ok(body: &str) -> Act {
    Act::Say(
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nX-Mark: Yes\r\n\r\n{body}", body.len())
            .into_bytes(),
    )
}

fn allowing(host: &str, port: u16) -> EgressOptions {
    EgressOptions { allow: vec![AllowedTarget { host: host.to_owned(), port }], ..EgressOptions::default() }
}

async fn ask(egress: &GuardedEgress, url: String) -> Result<EgressResponse, EgressError> {
    let request = EgressRequest {
        method: "POST",
        url,
        headers: vec![("x-a".to_owned(), "1".to_owned())],
        body: Bytes::from_static(b"hello"),
        deadline: Duration::from_millis(400),
        answer_bytes_max: 1_000,
    };
    egress.send(request).await
}

async fn ask_plainly(act: Act) -> (Result<EgressResponse, EgressError>, Arc<Seen>) {
    let (address, seen) = serve(act, None).await;
    let egress = GuardedEgress::new(allowing("127.0.0.1", address.port()));
    (ask(&egress, format!("http://{address}/hook?a=b#c")).await, seen)
}

/// Answers the first time with the first list, and with the last for ever.
struct Script {
    answers: Vec<Vec<SocketAddr>>,
    asked: AtomicUsize,
}

impl Script {
    fn of(answers: &[&[&str]]) -> Arc<Self> {
        let address = |text: &&str| text.parse().expect("an address");
        let answers = answers.iter().map(|list| list.iter().map(address).collect()).collect();
        Arc::new(Self { answers, asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Resolve for Script {
    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        Ok(self.answers[turn].clone())
    }
}

#[tokio::test]
async fn an_answer_comes_back_as_it_was_sent() {
    let (answer, seen) = ask_plainly(ok("fine")).await;
    let answer = answer.expect("answered");
    assert_eq!((answer.status, answer.body.as_ref()), (200, b"fine".as_slice()));
    assert!(answer.headers.contains(&("x-mark".to_owned(), "Yes".to_owned())));
    let request = &seen.requests()[0];
    assert!(request.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("content-length: 5\r\n") && request.contains("x-a: 1\r\n"), "{request}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (goal, goal_seen) = serve(ok("secret"), None).await;
    let moved = format!("HTTP/1.1 307 Moved\r\nlocation: http://{goal}/\r\ncontent-length: 0\r\n\r\n");
    let (address, _) = serve(Act::Say(moved.into_bytes()), None).await;
    let mut options = allowing("127.0.0.1", address.port());
    options.allow.push(AllowedTarget { host: "127.0.0.1".to_owned(), port: goal.port() });
    let answer = ask(&GuardedEgress::new(options), format!("http://{address}/")).await.expect("answered");
    assert_eq!(answer.status, 307);
    assert_eq!(goal_seen.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn one_deadline_is_over_the_head_and_the_body() {
    for said in ["", "HTTP/1.1 200 OK\r\nx-slow: ", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
        let (answer, _) = ask_plainly(Act::SayAndWait(said.into())).await;
        assert!(matches!(answer, Err(EgressError::TimedOut)), "{said}: {answer:?}");
    }
}

#[tokio::test]
async fn one_deadline_is_over_resolution_and_tls_too() {
    struct Never;
    #[async_trait]
    impl Resolve for Never {
        async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
            std::future::pending().await
        }
    }
    let egress = GuardedEgress::with_resolver(EgressOptions::default(), Arc::new(Never));
    let answer = ask(&egress, "https://hook.example/".to_owned()).await;
    assert!(matches!(answer, Err(EgressError::TimedOut)), "{answer:?}");

    // A server that speaks no TLS waits for the end of a request that never comes.
    let (address, _) = serve(ok(""), None).await;
    let egress = GuardedEgress::new(allowing("127.0.0.1", address.port()));
    let answer = ask(&egress, format!("https://{address}/")).await;
    assert!(matches!(answer, Err(EgressError::TimedOut)), "{answer:?}");
}

#[tokio::test]
async fn an_answer_longer_than_asked_for_is_an_error() {
    let heads = [
        "HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
    ];
    for head in heads {
        let (answer, _) = ask_plainly(Act::SayAndFlood(head.into(), vec![b'a'; 4096])).await;
        assert!(answer.is_err() && !matches!(answer, Err(EgressError::TimedOut)), "{head}: {answer:?}");
    }
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let (answer, _) = ask_plainly(Act::SayAndFlood(chunked.into(), b"3\r\nabc\r\n".to_vec())).await;
    assert!(matches!(answer, Err(EgressError::TooLong)), "{answer:?}");
    let (answer, _) = ask_plainly(ok(&"a".repeat(1_000))).await;
    assert_eq!(answer.expect("exactly as long as asked for").body.len(), 1_000);
}

#[tokio::test]
async fn an_answer_s_head_has_limits() {
    let one_header = b"x-a: 0123456789\r\n".to_vec();
    let (answer, _) = ask_plainly(Act::SayAndFlood("HTTP/1.1 200 OK\r\n".into(), one_header)).await;
    assert!(matches!(answer, Err(EgressError::TooLong)), "{answer:?}");
    let (answer, _) =
        ask_plainly(Act::SayAndFlood("HTTP/1.1 200 OK\r\nx-a: ".into(), b"aaaaaaaa".to_vec())).await;
    assert!(matches!(answer, Err(EgressError::TooLong)), "{answer:?}");
}

#[tokio::test]
async fn a_broken_answer_is_an_error() {
    for said in [
        "",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let (answer, _) = ask_plainly(Act::Say(said.into())).await;
        assert!(matches!(answer, Err(EgressError::Port(_))), "{said}: {answer:?}");
    }
}

#[tokio::test]
async fn a_name_with_one_address_that_is_not_public_is_refused() {
    let lists: [&[&str]; 5] = [
        &["127.0.0.1:443"],
        &["8.8.8.8:443", "10.0.0.1:443"],
        &["8.8.8.8:443", "[::ffff:127.0.0.1]:443"],
        &["[2606:4700::1111]:443", "[fe80::1]:443"],
        &["169.254.169.254:443"],
    ];
    for list in lists {
        let egress = GuardedEgress::with_resolver(EgressOptions::default(), Script::of(&[list]));
        let answer = ask(&egress, "https://hook.example/".to_owned()).await;
        assert!(matches!(answer, Err(EgressError::Blocked { .. })), "{list:?}: {answer:?}");
    }
    let egress = GuardedEgress::with_resolver(EgressOptions::default(), Script::of(&[&[]]));
    let answer = ask(&egress, "https://hook.example/".to_owned()).await;
    assert!(matches!(answer, Err(EgressError::Port(_))), "{answer:?}");
}

#[tokio::test]
async fn a_name_is_resolved_once_a_request_and_vetted_each_time() {
    let (address, seen) = serve(ok("fine"), None).await;
    let good = address.to_string();
    let script = Script::of(&[&[&good], &["169.254.169.254:80"]]);
    let egress = GuardedEgress::with_resolver(
        allowing("hook.example", address.port()),
        Arc::clone(&script) as Arc<dyn Resolve>,
    );
    let url = format!("http://hook.example:{}/", address.port());
    assert_eq!(ask(&egress, url.clone()).await.expect("the address that was vetted").status, 200);
    assert_eq!(script.asked.load(Ordering::SeqCst), 1);
    assert!(seen.requests()[0].contains(&format!("host: hook.example:{}\r\n", address.port())));

    let answer = ask(&egress, url).await;
    assert!(matches!(answer, Err(EgressError::Blocked { .. })), "{answer:?}");
    assert_eq!(seen.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_dead_address_leaves_time_for_the_next() {
    let (address, _) = serve(ok("fine"), None).await;
    let dead = format!("127.0.0.2:{}", address.port());
    let script = Script::of(&[&[&dead, &address.to_string()]]);
    let egress = GuardedEgress::with_resolver(allowing("hook.example", address.port()), script);
    let answer = ask(&egress, format!("http://hook.example:{}/", address.port())).await;
    assert_eq!(answer.expect("the second address").status, 200);
}

struct Authority {
    acceptor: TlsAcceptor,
    root: TrustedRoot,
}

fn certified(name: &str) -> Authority {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let certificate = made.cert.der().clone();
    let root = TrustedRoot::from_der(&certificate).expect("a certificate");
    let key = made.signing_key.serialize_der().try_into().expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("suites")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a pair");
    Authority { acceptor: TlsAcceptor::from(Arc::new(config)), root }
}

async fn ask_over_tls(certified_name: &str, trust: bool) -> (Result<EgressResponse, EgressError>, Arc<Seen>) {
    let Authority { acceptor, root } = certified(certified_name);
    let (address, seen) = serve(ok("fine"), Some(acceptor)).await;
    let mut options = allowing("hook.example", address.port());
    if trust {
        options.roots.push(root);
    }
    let egress = GuardedEgress::with_resolver(options, Script::of(&[&[&address.to_string()]]));
    (ask(&egress, format!("https://hook.example:{}/", address.port())).await, seen)
}

#[tokio::test]
async fn tls_is_for_the_name_while_the_connection_is_to_the_vetted_address() {
    let (answer, seen) = ask_over_tls("hook.example", true).await;
    assert_eq!(answer.expect("answered").body.as_ref(), b"fine");
    assert_eq!(seen.server_name.lock().expect("no panic holds it").as_deref(), Some("hook.example"));
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_for_the_name() {
    for (name, trust) in [("hook.example", false), ("other.example", true)] {
        let (answer, seen) = ask_over_tls(name, trust).await;
        assert!(matches!(answer, Err(EgressError::Port(_))), "{name}: {answer:?}");
        assert!(seen.requests().is_empty());
    }
}

#[test]
fn only_a_certificate_is_a_root() {
    assert!(TrustedRoot::from_der(b"").is_err());
    assert!(TrustedRoot::from_der(b"-----BEGIN CERTIFICATE-----").is_err());
}

//! Load at a steady rate: asks for verdicts on addresses at set moments, whether or not earlier answers have come, and counts each
//! time from the moment at which its request was due. A host that stands still for a while is seen in all requests of that while.
//!
//! `SCORPIUS_API_KEY=… cargo run --release -p scorpius --example steady -- 127.0.0.1:8480 RATE SECONDS [CONNECTIONS]`; loopback alone.

use std::error::Error;
use std::io::{Write as _, stdout};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::try_join_all;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, Receiver, Sender};

type Fault = Box<dyn Error + Send + Sync>;

const RATE_MAX: u64 = 100_000;
const SECONDS_MAX: u64 = 600;
const CONNECTIONS_MAX: usize = 256;

struct Asked {
    host: SocketAddr,
    key: String,
    rate: u64,
    seconds: u64,
    connections: usize,
}

impl Asked {
    fn read() -> Result<Self, Fault> {
        let mut words = std::env::args().skip(1);
        let mut word = |name: &str| words.next().ok_or_else(|| format!("{name} is missing"));
        let host: SocketAddr = word("the host's address")?.parse()?;
        let (rate, seconds) = (word("the rate")?.parse()?, word("the number of seconds")?.parse()?);
        let connections = word("connections").map_or(Ok(8), |text| text.parse())?;
        if !host.ip().is_loopback() {
            return Err("only a host on loopback".into());
        }
        if !(1..=RATE_MAX).contains(&rate)
            || !(1..=SECONDS_MAX).contains(&seconds)
            || !(1..=CONNECTIONS_MAX).contains(&connections)
        {
            return Err("out of bounds".into());
        }
        Ok(Self { host, key: std::env::var("SCORPIUS_API_KEY")?, rate, seconds, connections })
    }
}

/// A request's number and the moment at which it is due.
type Due = (u64, Instant);

/// Names the moments; ends when nobody takes them any more.
fn pace(rate: u64, count: u64, to: &Sender<Due>) {
    let begin = Instant::now();
    for number in 0..count {
        let due = begin + Duration::from_nanos(number * 1_000_000_000 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.blocking_send((number, due)).is_err() {
            return;
        }
    }
}

async fn connect(host: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Fault> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Asks whatever is due, one after the other; the time of each in microseconds.
async fn ask(asked: &Asked, due: &Mutex<Receiver<Due>>) -> Result<Vec<u64>, Fault> {
    let mut sender = connect(asked.host).await?;
    let mut times = Vec::new();
    loop {
        let Some((number, moment)) = due.lock().await.recv().await else { return Ok(times) };
        let body = format!(r#"{{"chain":"eip155:1","address":"0x5cede000{number:032x}"}}"#);
        let request = Request::post("/v1/risk/address")
            .header(header::HOST, asked.host.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .header("X-API-Key", &asked.key)
            .body(Full::from(body))?;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        answer.into_body().collect().await?;
        if status != StatusCode::OK {
            return Err(format!("answered {status}").into());
        }
        times.push(u64::try_from(moment.elapsed().as_micros())?);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fault> {
    let asked = Asked::read()?;
    let count = asked.rate * asked.seconds;
    // Whoever is due and not asked yet waits here, and its time runs.
    let (to, from) = mpsc::channel(usize::try_from(count)?);
    let due = Arc::new(Mutex::new(from));
    let (rate, begin) = (asked.rate, Instant::now());
    let pacer = std::thread::spawn(move || pace(rate, count, &to));
    let times = try_join_all((0..asked.connections).map(|_| ask(&asked, &due))).await?;
    let took = begin.elapsed();
    pacer.join().map_err(|_| "the pacer ended early")?;
    let mut times = times.concat();
    times.sort_unstable();
    let of = |share: usize| {
        let micros =
            times.get((times.len() * share / 1_000).min(times.len() - 1)).copied().unwrap_or_default();
        Duration::from_micros(micros)
    };
    let done = f64::from(u32::try_from(times.len())?) / took.as_secs_f64();
    writeln!(
        stdout(),
        "{} asked at {rate}/s over {} connections, {done:.0}/s done; from when each was due: p50 {:?}, p90 {:?}, p99 {:?}, longest {:?}",
        times.len(),
        asked.connections,
        of(500),
        of(900),
        of(990),
        of(1_000),
    )?;
    Ok(())
}

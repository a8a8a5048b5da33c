//! One request and one answer on a connection that is already vetted.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use scorpius_core::{EgressError, EgressRequest, EgressResponse};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use url::Host;

use crate::guard::failed;
use crate::target::Target;

/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 32_768;
/// Header lines of an answer, and of a request.
const HEADERS_MAX: usize = 100;

// RFC 9110, section 7.6.1, and what frames the message or names the host: ours to write.
const OURS: [HeaderName; 10] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
];

/// A request that cannot be put on the wire: a fault of whoever made it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not a method of HTTP.
    #[error("not a method: `{0}`")]
    Method(String),
    /// Its name or value has characters that a header cannot carry.
    #[error("not a header: `{0}`")]
    Header(String),
    /// It frames the message, belongs to the connection or names the host.
    #[error("the header `{0}` is not for callers")]
    OwnHeader(String),
    /// More than 100.
    #[error("{0} headers")]
    TooManyHeaders(usize),
}

/// What is sent; nothing of it can end a line early, since `http`'s types hold no CR or LF.
pub(crate) fn message(target: &Target, request: &EgressRequest) -> Result<Request<Full<Bytes>>, EgressError> {
    build(target, request).map_err(failed)
}

fn build(target: &Target, request: &EgressRequest) -> Result<Request<Full<Bytes>>, RequestError> {
    let method = Method::from_bytes(request.method.as_bytes())
        .ok()
        .filter(|method| *method != Method::CONNECT)
        .ok_or_else(|| RequestError::Method(request.method.chars().take(20).collect()))?;
    if request.headers.len() > HEADERS_MAX {
        return Err(RequestError::TooManyHeaders(request.headers.len()));
    }
    let mut message = Request::new(Full::new(request.body.clone()));
    *message.method_mut() = method;
    *message.uri_mut() = target.path.parse().map_err(|_| RequestError::Header("path".to_owned()))?;
    let headers = message.headers_mut();
    let host =
        HeaderValue::from_str(&target.authority).map_err(|_| RequestError::Header("host".to_owned()))?;
    headers.insert(header::HOST, host);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in &request.headers {
        let shown = || name.chars().take(60).collect::<String>();
        let (Ok(parsed), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) else {
            return Err(RequestError::Header(shown()));
        };
        let unofficial = matches!(parsed.as_str(), "keep-alive" | "proxy-connection");
        if unofficial || OURS.contains(&parsed) {
            return Err(RequestError::OwnHeader(shown()));
        }
        headers.append(parsed, value);
    }
    Ok(message)
}

/// TLS for the name in the URL, whatever the address.
pub(crate) async fn handshake(
    config: &Arc<ClientConfig>,
    target: &Target,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, EgressError> {
    let name = match &target.host {
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(failed)?,
        Host::Ipv4(address) => ServerName::IpAddress((*address).into()),
        Host::Ipv6(address) => ServerName::IpAddress((*address).into()),
    };
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(failed)
}

/// Sends `message` and reads the answer. The connection lives as long as this call.
pub(crate) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    message: Request<Full<Bytes>>,
    answer_bytes_max: usize,
) -> Result<EgressResponse, EgressError> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let answer = async move {
        let response = sender.send_request(message).await.map_err(broken)?;
        read(response, answer_bytes_max).await
    };
    let (mut answer, mut connection) = (std::pin::pin!(answer), std::pin::pin!(connection));
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // What was read before the connection ended still waits for the reader; a failure reaches it too.
        _ended = &mut connection => answer.await,
    }
}

async fn read(response: http::Response<Incoming>, max: usize) -> Result<EgressResponse, EgressError> {
    let (head, mut body) = response.into_parts();
    let too_long = |length: u64| usize::try_from(length).map_or(true, |length| length > max);
    if too_long(body.size_hint().lower()) {
        return Err(EgressError::TooLong);
    }
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if read.len() + data.len() > max {
            return Err(EgressError::TooLong);
        }
        read.extend_from_slice(&data);
    }
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    Ok(EgressResponse { status: head.status.as_u16(), headers, body: read.freeze() })
}

fn broken(error: hyper::Error) -> EgressError {
    if error.is_parse_too_large() { EgressError::TooLong } else { failed(error) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::guard::EgressOptions;

    fn request(method: &'static str, name: &str, value: &str) -> EgressRequest {
        EgressRequest {
            method,
            url: "https://example.com:8443/a?b".to_owned(),
            headers: vec![(name.to_owned(), value.to_owned())],
            body: Bytes::from_static(b"x"),
            deadline: Duration::from_secs(1),
            answer_bytes_max: 1,
        }
    }

    fn built(request: &EgressRequest) -> Result<Request<Full<Bytes>>, RequestError> {
        let target = Target::parse(&request.url, &EgressOptions::default()).expect("passes");
        build(&target, request)
    }

    #[test]
    fn a_request_names_the_host_of_the_url() {
        let message = built(&request("POST", "X-A", "1")).expect("built");
        assert_eq!(message.headers()["host"], "example.com:8443");
        assert_eq!(message.headers()["x-a"], "1");
        assert_eq!(message.uri(), "/a?b");
    }

    #[test]
    fn callers_cannot_frame_the_message_or_end_a_line() {
        for name in [
            "Host",
            "content-length",
            "Connection",
            "Transfer-Encoding",
            "te",
            "trailer",
            "upgrade",
            "expect",
            "keep-alive",
            "proxy-connection",
            "proxy-authorization",
        ] {
            assert_eq!(
                built(&request("GET", name, "x")).expect_err(name),
                RequestError::OwnHeader(name.to_owned())
            );
        }
        for (name, value) in [("a", "b\r\nc: d"), ("a\r\nb", "c"), ("a", "b\0"), ("", "b"), ("a b", "c")] {
            assert_eq!(
                built(&request("GET", name, value)).expect_err(name),
                RequestError::Header(name.to_owned())
            );
        }
        for method in ["", "G ET", "GET\r\n", "CONNECT"] {
            assert!(matches!(built(&request(method, "a", "b")), Err(RequestError::Method(_))), "{method}");
        }
        let mut many = request("GET", "a", "b");
        many.headers = vec![("a".to_owned(), "b".to_owned()); 101];
        assert_eq!(built(&many).expect_err("too many"), RequestError::TooManyHeaders(101));
    }

    proptest! {
        #[test]
        fn no_header_carries_a_line_end(name in any::<String>(), value in any::<String>()) {
            if let Ok(message) = built(&request("GET", &name, &value)) {
                for (name, value) in message.headers() {
                    let line = [name.as_str().as_bytes(), value.as_bytes()].concat();
                    prop_assert!(!line.contains(&b'\r') && !line.contains(&b'\n'));
                }
            }
        }
    }
}

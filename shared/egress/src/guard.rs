//! The guard itself: options, the order of the steps, one deadline over all of them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scorpius_core::{Egress, EgressError, EgressRequest, EgressResponse, PortError};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, TrustAnchor};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::resolve::{Resolve, SystemResolver};
use crate::target::{Target, vet};
use crate::wire;

/// Addresses of one name that are vetted and, in order, tried.
const ADDRESSES_MAX: usize = 32;
/// How long one address may take to answer, so that a dead one leaves time for the next.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// A target that the operator vouches for: it may be private and speak plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedTarget {
    /// A name or an address as URLs write it: `127.0.0.1`, `[::1]`, `hooks.internal`.
    pub host: String,
    /// Exactly this one.
    pub port: u16,
}

/// A certificate that is trusted beside the public roots.
#[derive(Clone, Debug)]
pub struct TrustedRoot(TrustAnchor<'static>);

/// Bytes that are no X.509 certificate.
#[derive(Debug, thiserror::Error)]
#[error("not an X.509 certificate in DER")]
pub struct NotACertificate(#[source] Box<dyn std::error::Error + Send + Sync>);

impl TrustedRoot {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_der(der: &[u8]) -> Result<Self, NotACertificate> {
        let mut store = RootCertStore::empty();
        store.add(CertificateDer::from(der)).map_err(|error| NotACertificate(Box::new(error)))?;
        store.roots.pop().map(Self).ok_or_else(|| NotACertificate("empty".into()))
    }
}

/// What the operator may widen. The default is the public Internet over HTTPS.
#[derive(Clone, Debug, Default)]
pub struct EgressOptions {
    /// Exact host and port pairs that may be private or plain HTTP. Metadata services stay blocked.
    pub allow: Vec<AllowedTarget>,
    /// Ports of public hosts, beside 443 and 8443.
    pub ports: Vec<u16>,
    /// Beside the roots of the web.
    pub roots: Vec<TrustedRoot>,
}

/// `Egress` over HTTP/1.1 with TLS 1.2 or 1.3. One connection per request.
pub struct GuardedEgress {
    options: EgressOptions,
    tls: Arc<ClientConfig>,
    resolver: Arc<dyn Resolve>,
}

impl GuardedEgress {
    /// Asks the machine's resolver.
    #[must_use]
    pub fn new(options: EgressOptions) -> Self {
        Self::with_resolver(options, Arc::new(SystemResolver))
    }

    /// Asks `resolver`.
    ///
    /// # Panics
    /// Never: ring offers the suites of TLS 1.2 and 1.3.
    #[must_use]
    pub fn with_resolver(options: EgressOptions, resolver: Arc<dyn Resolve>) -> Self {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.roots.extend(options.roots.iter().map(|root| root.0.clone()));
        let mut tls = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring offers the suites of TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { options, tls: Arc::new(tls), resolver }
    }

    async fn exchange(&self, target: Target, request: EgressRequest) -> Result<EgressResponse, EgressError> {
        let message = wire::message(&target, &request)?;
        let stream = connect(&self.vetted(&target).await?).await?;
        if target.tls {
            let stream = wire::handshake(&self.tls, &target, stream).await?;
            wire::exchange(stream, message, request.answer_bytes_max).await
        } else {
            wire::exchange(stream, message, request.answer_bytes_max).await
        }
    }

    /// Every address of the target; none unless all of them may be called.
    async fn vetted(&self, target: &Target) -> Result<Vec<SocketAddr>, EgressError> {
        if let Some(address) = target.address() {
            return Ok(vec![SocketAddr::new(address, target.port)]);
        }
        let found = self.resolver.resolve(&target.host.to_string(), target.port).await.map_err(failed)?;
        if found.is_empty() || found.len() > ADDRESSES_MAX {
            return Err(failed(io::Error::other(format!("the name has {} addresses", found.len()))));
        }
        for address in &found {
            vet(address.ip(), target.allowed)?;
        }
        // The resolver names addresses; the port is the one that was checked.
        Ok(found.into_iter().map(|address| SocketAddr::new(address.ip(), target.port)).collect())
    }
}

#[async_trait]
impl Egress for GuardedEgress {
    async fn send(&self, request: EgressRequest) -> Result<EgressResponse, EgressError> {
        let target = Target::parse(&request.url, &self.options)?;
        let deadline = request.deadline;
        match tokio::time::timeout(deadline, self.exchange(target, request)).await {
            Ok(result) => result,
            Err(_) => Err(EgressError::TimedOut),
        }
    }

    fn check_url(&self, url: &str) -> Result<(), EgressError> {
        Target::parse(url, &self.options).map(|_| ())
    }
}

/// The first of `addresses` that accepts.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, EgressError> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match tokio::time::timeout(CONNECT_MAX, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(failed)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::from(io::ErrorKind::TimedOut),
        }
    }
    Err(failed(last))
}

pub(crate) fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EgressError {
    EgressError::Port(PortError::new("egress", source))
}

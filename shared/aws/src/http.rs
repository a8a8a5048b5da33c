//! The HTTP client that all AWS clients of a process share.

use std::env;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// Amazon Trust Services, which signs for AWS's hosts. A system's 140 roots take thirty times as long to read.
const AMAZON_ROOTS: &str = include_str!("roots.pem");
/// Where a system keeps other roots; what they name is trusted instead of Amazon's.
const OWN_ROOTS: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// One client, with one pool of connections: TLS by ring, made at the first call.
pub(crate) fn client() -> SharedHttpClient {
    let own = OWN_ROOTS.iter().any(|name| env::var_os(name).is_some());
    let trust = match own {
        true => TrustStore::default(),
        false => TrustStore::empty().with_pem_certificate(AMAZON_ROOTS),
    };
    let tls = TlsContext::builder().with_trust_store(trust).build();
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    SharedHttpClient::new(AtFirstCall(
        builder.tls_context(tls.expect("a trust store is all it has")).build_https(),
    ))
}

/// The SDK makes a connector for each client when the client is made, only to check that it can. This
/// leaves that out: the start of a function then costs no TLS.
#[derive(Debug)]
struct AtFirstCall(SharedHttpClient);

impl HttpClient for AtFirstCall {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use scorpius_core::SystemClock;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::Aws;

    /// Each certificate of the file with the digest that stands above it.
    fn roots() -> Vec<(String, Vec<u8>)> {
        let mut roots = Vec::new();
        let mut said = String::new();
        let mut body: Option<String> = None;
        for line in AMAZON_ROOTS.lines() {
            match line {
                "-----BEGIN CERTIFICATE-----" => body = Some(String::new()),
                "-----END CERTIFICATE-----" => {
                    let base64 = body.take().expect("it began");
                    let der =
                        base64::engine::Engine::decode(&base64::engine::general_purpose::STANDARD, base64);
                    roots.push((std::mem::take(&mut said), der.expect("Base64")));
                }
                _ => match &mut body {
                    Some(body) => body.push_str(line),
                    None => said = line.strip_prefix("sha256 ").unwrap_or(&said).to_owned(),
                },
            }
        }
        roots
    }

    #[test]
    fn each_root_is_the_one_that_its_digest_names() {
        let roots = roots();
        assert_eq!(roots.len(), 5);
        for (said, der) in roots {
            assert_eq!(hex::encode(Sha256::digest(der)), said);
        }
    }

    /// Roots that cannot be read would stop the process at its first call.
    #[tokio::test]
    async fn the_roots_can_be_read_and_a_call_fails_by_itself() {
        let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("https://{}", nobody.local_addr().expect("it listens"));
        drop(nobody);
        let aws = Aws::emulated(&url, Arc::new(SystemClock));
        let failed = aws.kms().list_keys().send().await.expect_err("nobody listens");
        let said = scorpius_core::error::chain(&failed);
        assert!(said.contains("refused"), "{said}");
    }
}

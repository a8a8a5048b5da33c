//! Metadata for clients that find their way by themselves: RFC 8414 and RFC 9728.

use schemars::JsonSchema;
use scorpius_edge::Response;
use serde::Serialize;

use super::published;
use crate::access::ALGORITHM;
use crate::dpop;
use crate::settings::IdentitySettings;

/// RFC 8414, section 2.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AuthorizationServer {
    /// As in `iss`.
    pub issuer: String,
    /// Exchanges an API key.
    pub token_endpoint: String,
    /// The keys of access tokens.
    pub jwks_uri: String,
    /// RFC 7009, with a JSON body.
    pub revocation_endpoint: String,
    /// RFC 7662, with a JSON body.
    pub introspection_endpoint: String,
    /// There is no authorization endpoint, so there are none.
    pub response_types_supported: Vec<String>,
    /// What tokens can be had for.
    pub grant_types_supported: Vec<String>,
    /// How a client is known.
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// What proofs of possession may be signed with (RFC 9449, section 5.1).
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// The description of all doors.
    pub service_documentation: String,
}

/// RFC 9728, section 2.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProtectedResource {
    /// As in `aud`.
    pub resource: String,
    /// Who issues what it takes.
    pub authorization_servers: Vec<String>,
    /// Only in the header.
    pub bearer_methods_supported: Vec<String>,
    /// What access tokens are signed with.
    pub resource_signing_alg_values_supported: Vec<String>,
    /// The description of all doors.
    pub resource_documentation: String,
}

pub(super) fn authorization_server(settings: &IdentitySettings) -> Response {
    let at = |path: &str| format!("{}{path}", settings.issuer.trim_end_matches('/'));
    published(&AuthorizationServer {
        issuer: settings.issuer.clone(),
        token_endpoint: at("/v1/auth/token"),
        jwks_uri: at("/.well-known/jwks.json"),
        revocation_endpoint: at("/v1/auth/revoke"),
        introspection_endpoint: at("/v1/auth/introspect"),
        response_types_supported: Vec::new(),
        grant_types_supported: vec!["refresh_token".to_owned()],
        token_endpoint_auth_methods_supported: vec!["none".to_owned()],
        dpop_signing_alg_values_supported: dpop::ALGORITHMS.map(|one| one.as_str().to_owned()).to_vec(),
        service_documentation: at("/openapi.json"),
    })
}

pub(super) fn protected_resource(settings: &IdentitySettings) -> Response {
    let base = settings.issuer.trim_end_matches('/');
    published(&ProtectedResource {
        resource: settings.audience.clone(),
        authorization_servers: vec![settings.issuer.clone()],
        bearer_methods_supported: vec!["header".to_owned()],
        resource_signing_alg_values_supported: vec![ALGORITHM.to_owned()],
        resource_documentation: format!("{base}/openapi.json"),
    })
}

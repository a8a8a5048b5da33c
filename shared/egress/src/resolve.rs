//! From a name to addresses.

use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;

/// Looks a name up. The guard asks once per request and vets every address of the answer.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of `host`, each with `port`.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The machine's own resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

//! A contract on a chain.

use std::error::Error;
use std::sync::Arc;

use scorpius_core::SystemClock;
use scorpius_scan::deployed::{Deployed, DeployedAt};
use scorpius_scan::proxy::ProxyKind;

use crate::commands::runtime;
use crate::host::chain;

/// The code that runs at `address`, read from `node`: `<EIP-155 id>=<URL>`.
pub(super) fn read(address: &str, node: &str) -> Result<(Vec<u8>, DeployedAt), Box<dyn Error>> {
    let (id, _) = node.split_once('=').ok_or("`--chain` is an EIP-155 number, `=` and a URL")?;
    let deployed = Deployed { chain: format!("eip155:{id}"), address: address.to_owned() };
    let chain = chain(node, Arc::new(SystemClock))?;
    let (code, at) = runtime()?.block_on(deployed.read(chain.as_deref()))?;
    Ok((code.as_bytes().to_vec(), at))
}

/// For people: what was followed to the code.
pub(super) fn explain(at: &DeployedAt) -> Vec<String> {
    let mut lines = vec![format!("{} on {} at block {}", at.address, at.chain, at.block_number)];
    for proxy in &at.proxies {
        let admin =
            proxy.admin.as_ref().map(|admin| format!(", which {admin} may replace")).unwrap_or_default();
        let kind = serde_json::to_value(proxy.kind).ok();
        let kind = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or_default();
        let named = match (proxy.kind, &proxy.implementation) {
            (_, Some(named)) => format!(", which names {named}"),
            (ProxyKind::Erc1967Beacon, None) => {
                ", which names none: the proxy's own code is scanned".to_owned()
            }
            (_, None) => String::new(),
        };
        lines.push(format!("  runs the code of {} ({kind}{admin}){named}", proxy.points_to));
    }
    lines
}

//! Which URLs may be called: everything that can be said before a name is resolved.

use std::net::IpAddr;

use scorpius_core::EgressError;
use url::{Host, Position, Url};

use crate::address::{Reach, reach};
use crate::guard::EgressOptions;

/// Bytes of a URL. Browsers and proxies agree on about this much.
const URL_BYTES_MAX: usize = 2_048;
/// Ports of HTTPS that need no permission.
const PORTS: [u16; 2] = [443, 8443];
/// Names that mean this machine or this network (RFC 6761, 6762, 8375, 9476; ICANN's `internal`).
const LOCAL_SUFFIXES: [&str; 10] =
    ["alt", "arpa", "corp", "home", "internal", "invalid", "lan", "local", "localdomain", "localhost"];

/// A URL that passed the rules.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) host: Host<String>,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    /// Named by the operator: may be private, though never a metadata service.
    pub(crate) allowed: bool,
    /// `Host` header: the port only where it is not the scheme's own.
    pub(crate) authority: String,
    /// Path and query, as sent in the request line.
    pub(crate) path: String,
}

impl Target {
    /// Reads `text` and holds it to the rules.
    pub(crate) fn parse(text: &str, options: &EgressOptions) -> Result<Self, EgressError> {
        if text.len() > URL_BYTES_MAX {
            return Err(blocked("the URL is longer than 2,048 bytes"));
        }
        // The parser drops tabs and line ends, and reads `\` as `/`: what it would repair is refused.
        if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
            return Err(blocked("the URL has a character that must be percent-encoded"));
        }
        let url = Url::parse(text).map_err(|_| blocked("not an absolute URL"))?;
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(blocked("the URL names no host"));
        };
        let (host, written) = (host.to_owned(), host.to_string());
        check_spelling(text, &url, &written)?;

        let allowed =
            options.allow.iter().any(|it| it.port == port && it.host.eq_ignore_ascii_case(&written));
        let tls = match url.scheme() {
            "https" => true,
            "http" if allowed => false,
            _ => return Err(blocked("only https may be called")),
        };
        if !allowed {
            check_host(&host)?;
            if !PORTS.contains(&port) && !options.ports.contains(&port) {
                return Err(blocked("the port is not one that may be called"));
            }
        }
        if let Some(address) = address_of(&host) {
            vet(address, allowed)?;
        }
        let authority = url.port().map_or_else(|| written.clone(), |port| format!("{written}:{port}"));
        let path = url[Position::BeforePath..Position::AfterQuery].to_owned();
        Ok(Self { host, port, tls, allowed, authority, path })
    }

    /// The address, where the URL has one instead of a name.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        address_of(&self.host)
    }
}

/// Refuses `address` unless it is global, or private and `allowed`.
pub(crate) fn vet(address: IpAddr, allowed: bool) -> Result<(), EgressError> {
    match (reach(address), allowed) {
        (Reach::Global, _) | (Reach::Special, true) => Ok(()),
        (Reach::Special, false) => Err(blocked("the address is not on the public Internet")),
        (Reach::Metadata, _) => Err(blocked("the address may be a metadata service")),
    }
}

fn address_of(host: &Host<String>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(IpAddr::V4(*address)),
        Host::Ipv6(address) => Some(IpAddr::V6(*address)),
    }
}

/// The host must stand in the text as the parser reads it, so that `0x7f.1`, `2130706433`, `0177.0.0.1`,
/// `127.1` or `%31` cannot mean an address to us and a name to somebody else.
fn check_spelling(text: &str, url: &Url, host: &str) -> Result<(), EgressError> {
    let after_scheme = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') || !url.username().is_empty() || url.password().is_some() {
        return Err(blocked("the URL carries a user name or password"));
    }
    let rest = authority.get(..host.len()).filter(|written| written.eq_ignore_ascii_case(host));
    let port = rest.map(|_| &authority[host.len()..]);
    match port {
        Some(port) if port.is_empty() || port.starts_with(':') => Ok(()),
        _ => Err(blocked("the host is not written in its usual form")),
    }
}

fn check_host(host: &Host<String>) -> Result<(), EgressError> {
    let Host::Domain(name) = host else { return Ok(()) };
    let last = name.rsplit('.').next().unwrap_or_default();
    let public = name.contains('.') && !last.is_empty() && !LOCAL_SUFFIXES.contains(&last);
    if public { Ok(()) } else { Err(blocked("the host is not a public name")) }
}

pub(crate) fn blocked(reason: &'static str) -> EgressError {
    EgressError::Blocked { reason }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::guard::AllowedTarget;

    fn options() -> EgressOptions {
        EgressOptions {
            allow: vec![
                AllowedTarget { host: "127.0.0.1".to_owned(), port: 8080 },
                AllowedTarget { host: "[::1]".to_owned(), port: 8080 },
                AllowedTarget { host: "hooks.internal".to_owned(), port: 443 },
                AllowedTarget { host: "169.254.169.254".to_owned(), port: 80 },
            ],
            ports: vec![9443],
            ..EgressOptions::default()
        }
    }

    #[track_caller]
    fn passes(url: &str) {
        assert!(Target::parse(url, &options()).is_ok(), "{url}");
    }

    #[track_caller]
    fn refused(url: &str, expected: &str) {
        match Target::parse(url, &options()) {
            Err(EgressError::Blocked { reason }) => assert!(reason.contains(expected), "{url}: {reason}"),
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn public_https_urls_pass() {
        passes("https://example.com");
        passes("https://example.com/");
        passes("https://EXAMPLE.com:8443/a?b=c#d");
        passes("https://example.com:443/");
        passes("https://example.com:9443/");
        passes("https://xn--bcher-kva.example.org/%F0%9F%A6%82");
        passes("https://8.8.8.8/");
        passes("https://[2606:4700::1111]/");
    }

    #[test]
    fn only_an_allowed_target_may_be_http_or_private() {
        passes("http://127.0.0.1:8080/hook");
        passes("http://[::1]:8080/hook");
        passes("https://127.0.0.1:8080/hook");
        passes("https://hooks.internal/");
        refused("http://127.0.0.1:8081/", "https");
        refused("http://127.0.0.2:8080/", "https");
        refused("http://example.com/", "https");
        refused("https://hooks.internal:8443/", "public name");
    }

    #[test]
    fn a_metadata_service_stays_blocked_even_when_it_is_allowed() {
        refused("http://169.254.169.254/latest/meta-data/", "metadata");
        refused("https://169.254.169.254/", "metadata");
        refused("https://[fd00:ec2::254]/", "metadata");
        refused("https://[::ffff:a9fe:a9fe]/", "metadata");
    }

    #[test]
    fn other_schemes_ports_and_user_names_are_refused() {
        for url in
            ["ftp://example.com/", "file:///etc/passwd", "gopher://example.com:443/", "javascript:alert(1)"]
        {
            assert!(Target::parse(url, &options()).is_err(), "{url}");
        }
        for url in ["https://example.com:80/", "https://example.com:22/", "https://example.com:6379/"] {
            refused(url, "port");
        }
        for url in [
            "https://a@example.com/",
            "https://a:b@example.com/",
            "https://@example.com/",
            "https://:@example.com/",
        ] {
            refused(url, "user name");
        }
    }

    #[test]
    fn an_address_has_one_spelling() {
        for url in [
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://017700000001/",
            "https://127.1/",
            "https://127.0.1/",
            "https://127.0.0.1./",
            "https://134744072/",
            "https://8.8.2056/",
            "https://%38.8.8.8/",
            "https://exa%6dple.com/",
            "https://[0:0:0:0:0:0:0:1]/",
            "https://[::ffff:8.8.8.8]/",
        ] {
            refused(url, "usual form");
        }
        refused("https://１２７.0.0.1/", "percent-encoded");
        refused("https://127。0。0。1/", "percent-encoded");
    }

    #[test]
    fn what_the_parser_would_repair_is_refused() {
        for url in [
            "https://exa\tmple.com/",
            "https://example.com/\n",
            " https://example.com/",
            "https://example.com\\@evil.com/",
        ] {
            refused(url, "percent-encoded");
        }
        refused("https:example.com", "usual form");
        refused("https:/example.com", "usual form");
        refused("https:///example.com", "usual form");
        refused("", "absolute");
        refused("/hook", "absolute");
        refused(&format!("https://example.com/{}", "a".repeat(2_048)), "longer");
    }

    #[test]
    fn names_of_this_machine_and_this_network_are_refused() {
        for url in [
            "https://localhost/",
            "https://a.localhost/",
            "https://metadata/",
            "https://metadata.google.internal/",
            "https://printer.local/",
            "https://router.lan/",
            "https://1.0.0.127.in-addr.arpa/",
            "https://example.com./",
        ] {
            refused(url, "public name");
        }
    }

    #[test]
    fn special_addresses_are_refused_before_anything_is_resolved() {
        for url in [
            "https://127.0.0.1/",
            "https://10.0.0.1/",
            "https://0.0.0.0/",
            "https://[::1]/",
            "https://[fc00::1]/",
        ] {
            refused(url, "public Internet");
        }
    }

    #[test]
    fn what_is_sent_leaves_the_fragment_out() {
        let target = Target::parse("https://example.com:8443/a/../b?c=d#e", &options()).expect("passes");
        assert_eq!(target.path, "/b?c=d");
        assert_eq!(target.authority, "example.com:8443");
        let target = Target::parse("https://Example.com:443", &options()).expect("passes");
        assert_eq!((target.path.as_str(), target.authority.as_str()), ("/", "example.com"));
    }

    fn spellings(address: Ipv4Addr) -> Vec<String> {
        let [a, b, c, d] = address.octets();
        let whole = u32::from(address);
        vec![
            format!("{whole}"),
            format!("0x{whole:x}"),
            format!("0{whole:o}"),
            format!("{a}.{}", whole & 0x00ff_ffff),
            format!("{a}.{b}.{}", whole & 0xffff),
            format!("0x{a:x}.0x{b:x}.{c}.{d}"),
            format!("{a}.{b}.{c}.0x{d:x}"),
            format!("0{a:o}.{b}.{c}.{d}"),
        ]
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in any::<String>()) {
            drop(Target::parse(&text, &options()));
            drop(Target::parse(&format!("https://{text}"), &options()));
        }

        #[test]
        fn odd_spellings_of_an_address_never_pass(bits: u32) {
            let address = Ipv4Addr::from(bits);
            for host in spellings(address) {
                if host != address.to_string() {
                    prop_assert!(Target::parse(&format!("https://{host}/"), &options()).is_err(), "{}", host);
                }
            }
        }

        #[test]
        fn what_passes_is_called_by_the_host_that_was_written(host in "[a-z0-9.:@%\\[\\]-]{1,30}", path in "[ -~]{0,20}") {
            let text = format!("https://{host}{path}");
            if let Ok(target) = Target::parse(&text, &options()) {
                let rest = text["https://".len()..].to_ascii_lowercase();
                prop_assert!(rest.starts_with(&target.host.to_string()));
                prop_assert!(target.path.starts_with('/'));
            }
        }
    }
}

//! Which addresses belong to the public Internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// How an address may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// A unicast address of the public Internet.
    Global,
    /// Set apart for another use: this machine, this network, documents, tunnels, many receivers.
    Special,
    /// Answers with the credentials of the machine that asks.
    Metadata,
}

// IANA IPv4 Special-Purpose Address Registry; multicast from RFC 5771.
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),       // This network.
    v4(10, 0, 0, 0, 8),      // Private.
    v4(100, 64, 0, 0, 10),   // Carrier-grade NAT.
    v4(127, 0, 0, 0, 8),     // Loopback.
    v4(169, 254, 0, 0, 16),  // Link-local.
    v4(172, 16, 0, 0, 12),   // Private.
    v4(192, 0, 0, 0, 24),    // IETF protocol assignments.
    v4(192, 0, 2, 0, 24),    // Documentation.
    v4(192, 88, 99, 0, 24),  // 6to4 relays.
    v4(192, 168, 0, 0, 16),  // Private.
    v4(198, 18, 0, 0, 15),   // Benchmarks.
    v4(198, 51, 100, 0, 24), // Documentation.
    v4(203, 0, 113, 0, 24),  // Documentation.
    v4(224, 0, 0, 0, 4),     // Multicast.
    v4(240, 0, 0, 0, 4),     // Reserved, and broadcast.
];

// RFC 4291, section 2.4, as IANA delegates it: global unicast is 2000::/3, all else is special.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

// IANA IPv6 Special-Purpose Address Registry, as far as it is inside 2000::/3.
const SPECIAL_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // IETF protocol assignments: Teredo, benchmarks, ORCHID.
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // Documentation.
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4.
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // Documentation.
];

// All of link-local: EC2 is at 169.254.169.254, ECS at .170.2, EKS at .170.23, others beside them.
const METADATA_V4: [Ipv4Net; 3] = [
    v4(169, 254, 0, 0, 16),
    v4(168, 63, 129, 16, 32),   // Azure.
    v4(100, 100, 100, 200, 32), // Alibaba Cloud.
];

const METADATA_V6: [Ipv6Net; 3] = [
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32), // EC2 at ::254, EKS at ::23.
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), // Google Cloud.
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),     // Link-local, where IPv4's services are mirrored.
];

/// Judges `address` and every IPv4 address that is written into it.
pub(crate) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    if METADATA_V4.iter().any(|net| net.contains(&address)) {
        Reach::Metadata
    } else if SPECIAL_V4.iter().any(|net| net.contains(&address)) {
        Reach::Special
    } else {
        Reach::Global
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let inner_is_metadata = embedded_v4(address).is_some_and(|inner| reach_v4(inner) == Reach::Metadata);
    if inner_is_metadata || METADATA_V6.iter().any(|net| net.contains(&address)) {
        Reach::Metadata
    } else if !GLOBAL_V6.contains(&address) || SPECIAL_V6.iter().any(|net| net.contains(&address)) {
        Reach::Special
    } else {
        Reach::Global
    }
}

/// The IPv4 address that a translator or tunnel would send this to.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let pair = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // IPv4-compatible, IPv4-mapped (RFC 4291), IPv4-translated (RFC 2765).
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        // NAT64, well-known (RFC 6052) and local-use (RFC 8215).
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        // 6to4 (RFC 3056).
        | [0x2002, high, low, ..] => Some(pair(high, low)),
        // Teredo (RFC 4380) inverts the client's bits.
        [0x2001, 0, _, _, _, _, high, low] => Some(pair(!high, !low)),
        _ => None,
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(s: [u16; 8], bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(address: &str, expected: Reach) {
        assert_eq!(reach(address.parse().expect("an address")), expected, "{address}");
    }

    #[test]
    fn addresses_of_the_public_internet_are_global() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:200::1",
        ] {
            check(address, Reach::Global);
        }
    }

    #[test]
    fn special_ipv4_addresses_are_refused() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.171",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.255",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            check(address, Reach::Special);
        }
    }

    #[test]
    fn special_ipv6_addresses_are_refused() {
        for address in [
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
            "4000::1",
        ] {
            check(address, Reach::Special);
        }
    }

    #[test]
    fn metadata_services_are_known_in_every_spelling() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.0.1",
            "168.63.129.16",
            "100.100.100.200",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fe80::a9fe:a9fe",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "2001:0:1:2:3:4:5601:5601",
        ] {
            check(address, Reach::Metadata);
        }
    }

    proptest! {
        #[test]
        fn no_ipv6_address_that_carries_an_ipv4_address_is_global(bits: u32) {
            let inner = Ipv4Addr::from(bits);
            for address in [inner.to_ipv6_mapped(), inner.to_ipv6_compatible()] {
                prop_assert_ne!(reach(IpAddr::V6(address)), Reach::Global);
            }
        }

        #[test]
        fn what_the_standard_library_calls_private_is_never_global(bits: u32) {
            let address = Ipv4Addr::from(bits);
            let local = address.is_private() || address.is_loopback() || address.is_link_local()
                || address.is_multicast() || address.is_documentation() || address.is_broadcast()
                || address.is_unspecified();
            prop_assert!(!local || reach(IpAddr::V4(address)) != Reach::Global);
        }
    }
}

//! Classifies addresses: public, or private, local or special.

use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;

/// The ranges that are not public: the registries of special-purpose addresses (RFC 6890 and its
/// successors), multicast, and the address of one cloud's service for its own machines.
static NOT_PUBLIC: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    let ranges = [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "::1/128",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ];
    let parse = |range: &str| range.parse().expect("the ranges above are ranges");
    ranges.map(parse).to_vec()
});

/// Returns whether an address is on the public internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    let address = match address.to_canonical() {
        // An address that embeds another one is as public as the embedded one: for translated
        // addresses (RFC 6052, 2.1), and for the old form (RFC 4291, 2.5.5.1).
        IpAddr::V6(v6)
            if v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0]
                || (v6.segments()[..6] == [0; 6] && v6.segments()[6] != 0) =>
        {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4([a, b, c, d].into())
        }
        other @ (IpAddr::V4(_) | IpAddr::V6(_)) => other,
    };
    !NOT_PUBLIC.iter().any(|range| range.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_public() {
        let check = |text: &str, expect: bool| {
            assert_eq!(is_public(text.parse().expect(text)), expect, "{text}");
        };
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            check(public, true);
        }
        for private in [
            "127.0.0.1",
            "127.255.255.255",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2002:7f00:1::",
        ] {
            check(private, false);
        }
    }
}

//! Classifies addresses: public, or private, local or special.

use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::pattern::HostPattern;

/// The ranges that are not public: the registries of special-purpose addresses (RFC 6890 and its
/// successors), multicast, and the address of one cloud's service for its own machines.
// process-wide: it is a constant that has to be computed.
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

/// Returns whether an address is one of the public internet.
fn is_public(address: IpAddr) -> bool {
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

/// A range of addresses: `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressRange(IpNet);

impl AddressRange {
    /// Returns whether an address is in the range.
    #[must_use]
    pub fn contains(&self, address: std::net::IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl TryFrom<String> for AddressRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let one = text.parse().map(|address: std::net::IpAddr| address.into());
        one.or_else(|_| text.parse().map(|net: IpNet| net.trunc()))
            .map(Self)
            .map_err(|_| {
                format!("`{text}` is not a range of addresses: write `10.0.0.0/8`, or one address")
            })
    }
}

impl std::str::FromStr for AddressRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::try_from(text.to_owned())
    }
}

impl From<AddressRange> for String {
    fn from(range: AddressRange) -> Self {
        if range.0.prefix_len() == range.0.max_prefix_len() {
            range.0.addr().to_string()
        } else {
            range.0.to_string()
        }
    }
}

/// The addresses that a name may resolve to, of those that are not public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    pub(super) named: Vec<AddressRange>,
    /// Whether the host was granted by its address, or is this machine by its name.
    pub(super) host: HostPattern,
}

impl Addresses {
    /// Returns the public addresses, and those in some ranges. The host of a URL changes nothing:
    /// an address that is not public needs a range, even if the URL has the address itself.
    #[must_use]
    pub fn public_and(ranges: Vec<AddressRange>) -> Self {
        Self {
            named: ranges,
            host: HostPattern::Any,
        }
    }

    /// Returns whether a connection to an address to which the name resolved is allowed. Public
    /// addresses are allowed, and those that the operator named.
    #[must_use]
    pub fn allow(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_named = match &self.host {
            HostPattern::Address(named) => named.to_canonical() == address,
            HostPattern::Name(name) => name == "localhost" && address.is_loopback(),
            HostPattern::EndsWith(_) | HostPattern::Any => false,
        };
        is_named || is_public(address) || self.named.iter().any(|range| range.contains(address))
    }
}

pub(super) fn one_address(address: IpAddr) -> Vec<AddressRange> {
    let range = AddressRange::try_from(address.to_canonical().to_string());
    range.into_iter().collect()
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

    #[test]
    fn address_that_is_not_public_needs_a_range() {
        let check = |ranges: &[&str], address: &str, expect: bool| {
            let parsed = ranges.iter().map(|range| range.parse().expect(range));
            let allowed = Addresses::public_and(parsed.collect());
            let found = allowed.allow(address.parse().expect(address));
            assert_eq!(found, expect, "{ranges:?} {address}");
        };
        check(&[], "1.1.1.1", true);
        check(&[], "127.0.0.1", false);
        check(&["127.0.0.1"], "127.0.0.1", true);
        check(&["127.0.0.1"], "::ffff:127.0.0.1", true);
        check(&["127.0.0.1"], "127.0.0.2", false);
        check(&["10.0.0.0/8", "fd00::/8"], "10.1.2.3", true);
        check(&["10.0.0.0/8", "fd00::/8"], "fd00::1", true);
        check(&["10.0.0.0/8", "fd00::/8"], "169.254.169.254", false);
    }
}

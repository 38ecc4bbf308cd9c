//! Ranges of addresses, as CIDR writes them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

use super::Invalid;

/// One address or a range of them. IPv4-mapped IPv6 is IPv4 (RFC 4291, section 2.5.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IpRange(IpNet);

impl IpRange {
    /// Whether `address` lies in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether what may be used from these alone may be used from `address`; from anywhere if there are none.
    pub fn allow(ranges: &[Self], address: IpAddr) -> bool {
        ranges.is_empty() || ranges.iter().any(|range| range.contains(address))
    }
}

/// How many bits of an IPv4-mapped address come before the IPv4 ones.
const MAPPED: u8 = 96;

fn canonical(net: IpNet) -> IpNet {
    let net = net.trunc();
    match (net, net.addr().to_canonical()) {
        (IpNet::V6(v6), IpAddr::V4(v4)) => v6
            .prefix_len()
            .checked_sub(MAPPED)
            .and_then(|prefix| Ipv4Net::new(Ipv4Addr::from(v4.octets()), prefix).ok())
            .map_or(net, IpNet::V4),
        _ => net,
    }
}

impl FromStr for IpRange {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let net = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse::<IpNet>());
        let wrong = || Invalid::new("must be an address or a range, such as 203.0.113.7 or 2001:db8::/32");
        net.map(canonical).map(Self).map_err(|_| wrong())
    }
}

impl TryFrom<String> for IpRange {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<IpRange> for String {
    fn from(range: IpRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_range_is_an_ipv4_range() {
        let address: IpAddr = "127.0.0.1".parse().expect("an address");
        for (text, shown) in [
            ("::ffff:127.0.0.0/104", "127.0.0.0/8"),
            ("::ffff:127.0.0.1", "127.0.0.1"),
            ("127.0.0.1/8", "127.0.0.0/8"),
            ("::/0", "::/0"),
        ] {
            let range: IpRange = text.parse().expect("a range");
            assert_eq!(range.to_string(), shown);
            assert_eq!(range.contains(address), text != "::/0");
            assert!(!range.contains("203.0.113.7".parse().expect("an address")));
        }
        assert!("127.0.0.1/33".parse::<IpRange>().is_err());
    }
}

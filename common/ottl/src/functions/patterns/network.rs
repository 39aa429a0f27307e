//! IP networks in CIDR form.

use std::net::IpAddr;

/// A network: the bits of its address that count, and how many these are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Network {
    address: IpAddr,
    length: u32,
}

/// How long the prefix `::ffff:0:0` is.
const MAPPED_BITS: u32 = 96;

impl Network {
    /// `10.0.0.0/8`; bits of the address behind the prefix do not count.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let length: u32 = length.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if length > most {
            return None;
        }
        // IPv4 written as IPv6 is IPv4, unless the prefix ends before it says so.
        match address {
            IpAddr::V6(mapped) if length >= MAPPED_BITS && mapped.to_ipv4_mapped().is_some() => {
                Some(Self { address: address.to_canonical(), length: length - MAPPED_BITS })
            }
            _ => Some(Self { address, length }),
        }
    }

    /// Whether the address is in it. An IPv4 address written as IPv6 counts as IPv4.
    pub(super) fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differs = own.to_bits() ^ other.to_bits();
                differs.leading_zeros() >= self.length
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differs = own.to_bits() ^ other.to_bits();
                differs.leading_zeros() >= self.length
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_addresses() {
        for (network, address, expect) in [
            ("10.0.0.0/8", "10.1.2.3", Some(true)),
            ("10.0.0.5/8", "10.1.2.3", Some(true)),
            ("10.0.0.0/8", "11.1.2.3", Some(false)),
            ("0.0.0.0/0", "1.2.3.4", Some(true)),
            ("10.0.0.0/8", "::ffff:10.1.2.3", Some(true)),
            ("fd00::/8", "fd12::1", Some(true)),
            ("::/0", "1.2.3.4", Some(false)),
            ("::ffff:0:0/96", "1.2.3.4", Some(true)),
            ("::ffff:1.2.0.0/112", "::ffff:1.2.3.4", Some(true)),
            ("::ffff:1.2.0.0/112", "1.3.3.4", Some(false)),
            ("::ffff:1.2.0.0/90", "1.2.3.4", Some(false)),
            ("::ffff:0:0/96", "::1", Some(false)),
            ("10.0.0.0/33", "10.0.0.1", None),
            ("10.0.0.0", "10.0.0.1", None),
            ("10.0.0.0/+8", "10.0.0.1", None),
        ] {
            let address = address.parse().unwrap();
            let found = Network::parse(network).map(|network| network.contains(address));
            assert_eq!(found, expect, "{network} {address}");
        }
    }
}

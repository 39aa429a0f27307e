//! Ports that are never limited (contract.md section 1): a limit there would cut off the way in, or
//! the telemetry that shows what the limit does.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};

use components::config::client::is_loopback;
use components::config::quantity::Address;

/// SSH.
const SSH: u16 = 22;

/// Why ports are protected.
#[derive(Clone, Debug, Default)]
pub struct Protected {
    /// `limits.protected`.
    pub configured: Vec<u16>,
    /// The agent's own listeners.
    pub listening: Vec<u16>,
    /// Endpoints of exporters on this host.
    pub exporting: Vec<u16>,
}

impl Protected {
    /// Why a port is protected, if it is.
    pub fn reason(&self, port: u16) -> Option<&'static str> {
        if port == SSH {
            return Some("it is SSH's");
        }
        let lists = [
            (&self.listening, "the agent listens there"),
            (&self.configured, "limits.protected names it"),
            (&self.exporting, "an exporter sends there"),
        ];
        lists.into_iter().find(|(ports, _)| ports.contains(&port)).map(|(_, reason)| reason)
    }
}

/// Whether an endpoint is on this host: loopback, or an address that this host has. Looks names up.
pub fn is_here(address: &Address) -> bool {
    if is_loopback(&address.host) {
        return true;
    }
    let found = (address.host.as_str(), address.port).to_socket_addrs();
    found.is_ok_and(|mut found| found.any(|address| is_own(address.ip())))
}

/// Only an address of this host can be bound to.
fn is_own(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind(SocketAddr::new(ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_named() {
        let protected =
            Protected { configured: vec![5432], listening: vec![4317], exporting: vec![14317] };
        assert_eq!(protected.reason(22), Some("it is SSH's"));
        assert_eq!(protected.reason(4317), Some("the agent listens there"));
        assert_eq!(protected.reason(5432), Some("limits.protected names it"));
        assert_eq!(protected.reason(14317), Some("an exporter sends there"));
        assert_eq!(protected.reason(8080), None);
    }

    #[test]
    fn this_host_is_known_by_its_addresses() {
        let check = |host: &str, expect| {
            let address = Address { host: host.to_owned(), port: 4317 };
            assert_eq!(is_here(&address), expect, "{host}");
        };
        check("localhost", true);
        check("127.0.0.5", true);
        check("::1", true);
        check("192.0.2.1", false);
    }
}

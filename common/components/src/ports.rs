//! The ports of the process. A socket lives as long as a component holds it; a component that is
//! rebuilt finds the socket of its predecessor still open, so that a reload never closes a port.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Mutex, Weak};

use crate::config::quantity::Address;

/// Sockets that are open, by address.
#[derive(Debug, Default)]
pub struct Ports {
    open: Mutex<HashMap<Key, Open>>,
}

/// An address as written; port 0 is another port for each owner.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key(Address, Option<String>);

#[derive(Debug)]
struct Open {
    socket: Weak<TcpListener>,
    owner: String,
    /// Whether a component of the configuration being built has it.
    claimed: bool,
}

impl Ports {
    /// Begins a new configuration, in which the owners that `keeps` names keep their ports.
    pub(crate) fn begin(&self, keeps: impl Fn(&str) -> bool) {
        let mut open = self.lock();
        open.retain(|_, port| port.socket.strong_count() > 0);
        open.values_mut().for_each(|port| port.claimed = keeps(&port.owner));
    }

    /// A listening socket for `owner` (`otlp/grpc`), non-blocking; the error says what is wrong
    /// with the address.
    pub fn bind(&self, owner: &str, address: &Address) -> Result<Arc<TcpListener>, String> {
        let own = (address.port == 0).then(|| owner.to_owned());
        let key = Key(address.clone(), own);
        let mut open = self.lock();
        if let Some(port) = open.get_mut(&key)
            && let Some(socket) = port.socket.upgrade()
        {
            if port.claimed {
                return Err(format!("{address} is taken by {} already", port.owner));
            }
            port.claimed = true;
            owner.clone_into(&mut port.owner);
            return Ok(socket);
        }
        let socket = Arc::new(listen(address)?);
        let (owner, claimed) = (owner.to_owned(), true);
        open.insert(key, Open { socket: Arc::downgrade(&socket), owner, claimed });
        Ok(socket)
    }

    /// Every port that is open now.
    pub fn listening(&self) -> Vec<u16> {
        let open = self.lock();
        let sockets = open.values().filter_map(|port| port.socket.upgrade());
        sockets.filter_map(|socket| socket.local_addr().ok()).map(|at| at.port()).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Open>> {
        self.open.lock().expect("no code path panics while it holds the ports")
    }
}

fn listen(address: &Address) -> Result<TcpListener, String> {
    let said = |error: std::io::Error| format!("cannot listen on {address}: {error}");
    let candidates = candidates(address).map_err(said)?;
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for candidate in candidates {
        match TcpListener::bind(candidate) {
            Ok(socket) => {
                socket.set_nonblocking(true).map_err(said)?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(said(last))
}

/// The addresses a name stands for, IPv4 first, as Go listens; an empty host is every interface.
fn candidates(address: &Address) -> std::io::Result<Vec<SocketAddr>> {
    if address.host.is_empty() {
        let any = [std::net::Ipv6Addr::UNSPECIFIED.into(), std::net::Ipv4Addr::UNSPECIFIED.into()];
        return Ok(any.map(|ip: std::net::IpAddr| SocketAddr::new(ip, address.port)).to_vec());
    }
    let found = (address.host.as_str(), address.port).to_socket_addrs()?;
    let mut found: Vec<SocketAddr> = found.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Address {
        Address { host: "127.0.0.1".to_owned(), port }
    }

    #[test]
    fn a_port_has_one_owner_and_outlives_a_rebuild() {
        let ports = Ports::default();
        let free = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = free.local_addr().expect("a bound socket has an address").port();
        drop(free);
        let first = ports.bind("otlp/http", &address(port)).expect("free");
        let taken = ports.bind("otlp/2/http", &address(port)).expect_err("taken");
        assert_eq!(taken, format!("127.0.0.1:{port} is taken by otlp/http already"));
        ports.begin(|owner| owner == "otlp/http");
        assert!(ports.bind("otlp/2/http", &address(port)).is_err(), "kept");
        ports.begin(|_| false);
        let second = ports.bind("otlp/2/http", &address(port)).expect("handed on");
        assert!(Arc::ptr_eq(&first, &second));
        drop((first, second));
        ports.begin(|_| true);
        assert!(ports.lock().is_empty(), "closed with its last holder");
    }

    #[test]
    fn port_zero_is_another_port_for_each() {
        let ports = Ports::default();
        let first = ports.bind("a", &address(0)).expect("free");
        let second = ports.bind("b", &address(0)).expect("free");
        assert_ne!(first.local_addr().expect("bound"), second.local_addr().expect("bound"));
    }

    #[test]
    fn what_cannot_be_bound_says_so() {
        let ports = Ports::default();
        let other = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = other.local_addr().expect("a bound socket has an address").port();
        let error = ports.bind("x", &address(port)).expect_err("somebody has it");
        assert!(error.starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")), "{error}");
        let nowhere = Address { host: "nowhere.invalid".to_owned(), port: 1 };
        assert!(ports.bind("x", &nowhere).is_err());
    }
}

//! The ports of the process. A socket lives as long as a component holds it; a component that is
//! rebuilt finds the socket of its predecessor still open, so that a reload never closes a port. The
//! same holds from process to process: open sockets can be handed over, and are bound by who inherits
//! them as if they were new; connections that wait in them do not notice.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use crate::config::quantity::Address;

/// How long a process that has handed its ports over takes to let go of one that is to be opened
/// another way, on all addresses rather than on loopback for example.
const LET_GO_WITHIN: Duration = Duration::from_secs(10);
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// Sockets that are open, by address.
#[derive(Debug, Default)]
pub struct Ports {
    open: Mutex<HashMap<Key, Open>>,
    /// Of a process before this one, by owner, until somebody binds them.
    inherited: Mutex<Vec<(String, TcpListener)>>,
    handed_over: AtomicBool,
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
        let socket = Arc::new(self.open(owner, address)?);
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

    /// Another handle of every socket that is open, with its owner, for a process that takes over.
    pub fn hand_over(&self) -> io::Result<Vec<(String, TcpListener)>> {
        self.handed_over.store(true, Ordering::Release);
        let open = self.lock();
        let sockets = open.values().filter_map(|port| Some((&port.owner, port.socket.upgrade()?)));
        sockets.map(|(owner, socket)| Ok((owner.clone(), socket.try_clone()?))).collect()
    }

    /// Whether another process has the sockets too.
    pub fn are_handed_over(&self) -> bool {
        self.handed_over.load(Ordering::Acquire)
    }

    /// Sockets that the process before has handed over.
    pub fn inherit(&self, sockets: Vec<(String, TcpListener)>) {
        self.inherited().extend(sockets);
    }

    /// Closes what was inherited and nobody has bound; their addresses.
    pub fn disinherit(&self) -> Vec<SocketAddr> {
        let left = std::mem::take(&mut *self.inherited());
        left.iter().filter_map(|(_, socket)| socket.local_addr().ok()).collect()
    }

    /// The inherited socket for this, else a new one.
    fn open(&self, owner: &str, address: &Address) -> Result<TcpListener, String> {
        let said = |error: io::Error| format!("cannot listen on {address}: {error}");
        let candidates = candidates(address).map_err(said)?;
        if let Some(socket) = self.take(owner, &candidates) {
            socket.set_nonblocking(true).map_err(said)?;
            return Ok(socket);
        }
        let given_up = self.close_inherited(address.port);
        let begun = Instant::now();
        loop {
            match listen(&candidates) {
                Err(error)
                    if given_up
                        && error.kind() == io::ErrorKind::AddrInUse
                        && begun.elapsed() < LET_GO_WITHIN =>
                {
                    std::thread::sleep(BETWEEN_TRIES);
                }
                opened => return opened.map_err(said),
            }
        }
    }

    /// Takes the inherited socket that is bound to one of these; a port 0 is known by its owner.
    fn take(&self, owner: &str, candidates: &[SocketAddr]) -> Option<TcpListener> {
        let mut inherited = self.inherited();
        let is_meant = |(of, socket): &(String, TcpListener)| {
            let Ok(bound) = socket.local_addr() else { return false };
            candidates.iter().any(|wanted| match wanted.port() {
                0 => of == owner && is_same_host(wanted.ip(), bound.ip()),
                _ => *wanted == bound,
            })
        };
        let found = inherited.iter().position(is_meant)?;
        Some(inherited.swap_remove(found).1)
    }

    /// Lets go of what is inherited on a port; whether there was anything.
    fn close_inherited(&self, port: u16) -> bool {
        let mut inherited = self.inherited();
        let before = inherited.len();
        inherited.retain(|(_, socket)| socket.local_addr().is_ok_and(|at| at.port() != port));
        inherited.len() < before
    }

    fn inherited(&self) -> std::sync::MutexGuard<'_, Vec<(String, TcpListener)>> {
        self.inherited.lock().expect("no code path panics while it holds the sockets")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Open>> {
        self.open.lock().expect("no code path panics while it holds the ports")
    }
}

/// Interfaces that are all alike count as one, whatever the family.
fn is_same_host(one: IpAddr, other: IpAddr) -> bool {
    one == other || (one.is_unspecified() && other.is_unspecified())
}

/// A listening socket on the first of these that can be had.
fn listen(candidates: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for candidate in candidates {
        match TcpListener::bind(candidate) {
            Ok(socket) => {
                socket.set_nonblocking(true)?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
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

    /// The port of a listener that another process had, with a connection that waits in it.
    fn heir_of(owner: &str, listener: &TcpListener) -> Ports {
        let ports = Ports::default();
        let socket = listener.try_clone().expect("a handle is left");
        ports.inherit(vec![(owner.to_owned(), socket)]);
        ports
    }

    #[test]
    fn an_inherited_port_is_bound_with_who_waits_in_it() {
        let before = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let bound = before.local_addr().expect("a bound socket has an address");
        // By its address, whoever has it now; a port that the kernel chose by its owner.
        for (owner, port) in [("otlp/2/grpc", bound.port()), ("otlp/grpc", 0)] {
            let ports = heir_of("otlp/grpc", &before);
            let _waiting = std::net::TcpStream::connect(bound).expect("it listens");
            let socket = ports.bind(owner, &address(port)).expect("inherited");
            assert_eq!(socket.local_addr().expect("bound"), bound);
            let accepted = std::iter::from_fn(|| Some(socket.accept()));
            let accepted = accepted.take(100).find(Result::is_ok);
            assert!(accepted.is_some(), "the connection is there");
            assert!(ports.disinherit().is_empty());
        }
        let ports = heir_of("otlp/grpc", &before);
        let other = ports.bind("otlp/http", &address(0)).expect("free");
        assert_ne!(other.local_addr().expect("bound"), bound);
        assert_eq!(ports.disinherit(), [bound]);
    }

    #[test]
    fn an_inherited_port_can_be_opened_another_way() {
        let before = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = before.local_addr().expect("a bound socket has an address").port();
        let ports = heir_of("otlp/grpc", &before);
        let leaving = std::thread::spawn(move || drop(before));
        let everywhere = Address { host: String::new(), port };
        let socket = ports.bind("otlp/grpc", &everywhere).expect("let go");
        assert!(socket.local_addr().expect("bound").ip().is_unspecified());
        leaving.join().expect("dropping does not panic");
    }

    #[test]
    fn what_is_handed_over_is_open_twice() {
        let ports = Ports::default();
        let socket = ports.bind("otlp/grpc", &address(0)).expect("free");
        assert!(!ports.are_handed_over());
        let handed = ports.hand_over().expect("handles are left");
        assert!(ports.are_handed_over());
        let at = |socket: &TcpListener| socket.local_addr().expect("bound");
        assert_eq!((handed[0].0.as_str(), at(&handed[0].1)), ("otlp/grpc", at(&socket)));
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

//! Load on a port and what of it arrives: connections begun without waiting, packets, and servers
//! that note when they accepted.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, connect, socket,
};

use crate::PATIENCE;
use crate::host::Namespace;

/// Connections that are open at a time: at 2000/s each is given up well before its first SYN is
/// sent again.
const OPEN_MAX: usize = 600;
/// How often a thread that waits looks whether it should end.
const LOOK_MS: u16 = 20;

/// Something that runs until it is ended.
struct Running<T> {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<T>,
}

impl<T> Running<T> {
    fn end(self) -> T {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// A load at a steady rate; what is late is caught up.
pub struct Load(Running<u64>);

impl Load {
    /// Begins connections.
    pub fn connections(from: &Namespace, to: SocketAddr, per_second: u32) -> Self {
        let mut open = VecDeque::new();
        Self::start(from, per_second, move || {
            open.extend(begin(to));
            if open.len() > OPEN_MAX {
                open.pop_front();
            }
        })
    }

    /// Sends packets of one byte.
    ///
    /// # Panics
    /// When there is no socket to be had.
    pub fn packets(from: &Namespace, to: SocketAddr, per_second: u32) -> Self {
        let socket = from.enter(|| packet_socket(to));
        Self::start(from, per_second, move || {
            // A wire that is gone for a while is part of what is tested.
            let _ = socket.send_to(&[1], to);
        })
    }

    fn start(from: &Namespace, per_second: u32, mut one: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = from.spawn(move || {
            let begun = Instant::now();
            let mut count = 0;
            while !told.load(Ordering::Relaxed) {
                let due = begun + Duration::from_secs(1) * count / per_second;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                one();
                count += 1;
            }
            u64::from(count)
        });
        Self(Running { stop, thread })
    }

    /// Ends it; how many there were.
    pub fn end(self) -> u64 {
        self.0.end()
    }
}

/// Begins a connection and waits for nothing.
fn begin(to: SocketAddr) -> Option<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(family, SockType::Stream, flags, SockProtocol::Tcp).ok()?;
    let _ = connect(socket.as_raw_fd(), &SockaddrStorage::from(to));
    Some(socket)
}

fn packet_socket(to: SocketAddr) -> UdpSocket {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    UdpSocket::bind(any).expect("a namespace has free ports")
}

/// A server that accepts and closes, and notes when.
pub struct Acceptor(Running<Vec<Instant>>);

impl Acceptor {
    /// Listens in the namespace of the calling thread.
    ///
    /// # Panics
    /// When the port is taken.
    pub fn start(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("the port is free");
        listener.set_nonblocking(true).expect("a listener need not block");
        Self(note(move || wait_readable(&listener) && listener.accept().is_ok()))
    }

    /// Ends it; when each connection was accepted.
    pub fn end(self) -> Vec<Instant> {
        self.0.end()
    }
}

/// A socket that notes when packets come.
pub struct Receiver(Running<Vec<Instant>>);

impl Receiver {
    /// Receives in the namespace of the calling thread.
    ///
    /// # Panics
    /// When the port is taken.
    pub fn start(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).expect("the port is free");
        socket.set_nonblocking(true).expect("a socket need not block");
        Self(note(move || wait_readable(&socket) && socket.recv(&mut [0; 8]).is_ok()))
    }

    /// Ends it once nothing more waits; when each packet was received.
    pub fn end(self) -> Vec<Instant> {
        self.0.end()
    }
}

fn wait_readable(socket: &impl AsFd) -> bool {
    let mut descriptors = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    poll(&mut descriptors, PollTimeout::from(LOOK_MS)).is_ok_and(|ready| ready > 0)
}

/// Notes the time of every success until there is none and it was told to end.
fn note(mut next: impl FnMut() -> bool + Send + 'static) -> Running<Vec<Instant>> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    let thread = std::thread::spawn(move || {
        let mut noted = Vec::new();
        loop {
            let ending = told.load(Ordering::Relaxed);
            if next() {
                noted.push(Instant::now());
            } else if ending {
                return noted;
            }
        }
    });
    Running { stop, thread }
}

/// How many of `count` packets sent at once from `from` arrive at a port of the calling thread's
/// namespace.
///
/// # Panics
/// When a packet to an open port beside it does not arrive either.
pub fn arrivals(from: &Namespace, to: SocketAddr, count: usize) -> usize {
    let socket = UdpSocket::bind(to).expect("the port is free");
    let fence = UdpSocket::bind((to.ip(), 0)).expect("there is a free port");
    let behind = fence.local_addr().expect("a bound socket has an address");
    fence.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    socket.set_nonblocking(true).expect("a socket need not block");
    from.enter(|| {
        let sender = packet_socket(to);
        for _ in 0..count {
            sender.send_to(&[1], to).expect("the wire is up");
        }
        sender.send_to(&[2], behind).expect("the wire is up");
    });
    fence.recv(&mut [0; 8]).expect("what came last has arrived");
    std::iter::from_fn(|| socket.recv(&mut [0; 8]).ok()).count()
}

/// How many of these were at or after `from` and before `to`.
pub fn between(noted: &[Instant], from: Instant, to: Instant) -> usize {
    noted.iter().filter(|&&time| from <= time && time < to).count()
}

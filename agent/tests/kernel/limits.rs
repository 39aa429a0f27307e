//! Limits on real traffic: the rate at accept, and the end of a lease.

use super::lab::{HOST, PATIENCE, accept, limit, run, wire};
use medulla_agent::kernel::{LimitTable, Protocol, Unit};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, socket};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PORT: u16 = 8080;
const MINUTE: Duration = Duration::from_secs(60);

/// Begins a connection and waits for nothing.
fn begin() -> Option<OwnedFd> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None).ok()?;
    let _ = connect(socket.as_raw_fd(), &SockaddrIn::new(10, 77, 0, 1, PORT));
    Some(socket)
}

/// Begins 2000 connections a second, and gives each up before its SYN is sent again.
fn overload(stop: &AtomicBool) {
    let begun = Instant::now();
    let mut open = VecDeque::new();
    for count in 0.. {
        let due = begun + Duration::from_micros(500) * count;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        open.extend(begin());
        if open.len() > 600 {
            open.pop_front();
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

#[test]
fn a_hundred_connections_a_second_at_accept() {
    run(|lab| {
        let (mut session, mut maps) = lab.open();
        let stop = Arc::new(AtomicBool::new(false));
        let (told, ready) = (Arc::clone(&stop), Arc::new(AtomicBool::new(false)));
        let go = Arc::clone(&ready);
        let peer = lab.peer(move || {
            while !go.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            overload(&told);
        });
        session.attach(&wire()).unwrap();
        // A burst of a second lets the sender be held up without a loss that is not the limiter's.
        let limit = limit(Protocol::Tcp, PORT, 100, 100);
        maps.write(&limit, MINUTE, true).unwrap();
        let listener = TcpListener::bind((HOST, PORT)).unwrap();
        ready.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        let (from, to) = (Duration::from_secs(2), Duration::from_secs(6));
        let (mut counted, mut accepted) = (0u64, 0u64);
        while begun.elapsed() < to {
            drop(accept(&listener));
            accepted += 1;
            counted += u64::from((from..to).contains(&begun.elapsed()));
        }
        stop.store(true, Ordering::Relaxed);
        peer.join().unwrap();
        let verdicts = maps.verdicts(limit.target).unwrap();
        println!("accepted {counted} in 4 s at 100/s; {verdicts:?}");
        assert!((396..=404).contains(&counted), "{counted}");
        assert!(verdicts.passed >= accepted && verdicts.dropped > 10 * counted);
        session.unpin().unwrap();
    });
}

#[test]
fn a_lease_ends_by_itself() {
    run(|lab| {
        let (mut session, mut maps) = lab.open();
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let peer = lab.peer(move || {
            let socket = UdpSocket::bind("10.77.0.2:0").unwrap();
            while !told.load(Ordering::Relaxed) {
                // Nobody may be listening yet.
                let _ = socket.send_to(&[1], (HOST, PORT));
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        session.attach(&wire()).unwrap();
        let socket = UdpSocket::bind((HOST, PORT)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.recv(&mut [0; 8]).unwrap();
        let lease = Duration::from_millis(700);
        maps.write(&limit(Protocol::Udp, PORT, 1, 1), lease, true).unwrap();
        // The agent is gone; only the kernel knows of the limit.
        drop(maps);
        let begun = Instant::now();
        let mut last = begun;
        let silence = loop {
            socket.recv(&mut [0; 8]).unwrap();
            let gap = last.elapsed();
            last = Instant::now();
            if gap > Duration::from_millis(300) {
                break begun.elapsed();
            }
        };
        stop.store(true, Ordering::Relaxed);
        peer.join().unwrap();
        println!("a lease of {lease:?} ended after {silence:?}");
        assert!(silence >= lease && silence <= lease + Duration::from_millis(250), "{silence:?}");
        session.unpin().unwrap();
    });
}

#[test]
fn an_aggregate_counts_as_its_segments() {
    run(|lab| {
        const BYTES: usize = 10_000_000;
        let (mut session, mut maps) = lab.open();
        let listener = TcpListener::bind(("0.0.0.0", PORT)).unwrap();
        let (attached, wait) = std::sync::mpsc::channel::<()>();
        let peer = lab.peer(move || {
            wait.recv().unwrap();
            TcpStream::connect((HOST, PORT)).unwrap().write_all(&vec![1; BYTES]).unwrap();
        });
        session.attach(&wire()).unwrap();
        let mut limit = limit(Protocol::Tcp, PORT, 10_000_000, 1 << 24);
        limit.unit = Unit::Packets;
        maps.write(&limit, MINUTE, true).unwrap();
        attached.send(()).unwrap();
        let mut received = Vec::new();
        accept(&listener).read_to_end(&mut received).unwrap();
        peer.join().unwrap();
        let passed = usize::try_from(maps.verdicts(limit.target).unwrap().passed).unwrap();
        // A segment carries 1448 bytes with time stamps; a few carry none or little.
        let full = BYTES / 1448;
        println!("{BYTES} bytes came as {passed} segments, at least {full}");
        assert_eq!(received.len(), BYTES);
        assert!((full..full + full / 10).contains(&passed), "{passed} of {full}");
        session.unpin().unwrap();
    });
}

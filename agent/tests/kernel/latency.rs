//! Latency of a real server, as the kernel and as its client see it.

use super::lab::{HOST, accept, interface, run, wire};
use medulla_agent::kernel::Latency;
use medulla_agent::kernel::maps::{Maps, Sampling};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Answers every request of one connection after a while.
fn serve(listener: &TcpListener, think: Duration) {
    let mut stream = accept(listener);
    stream.set_nodelay(true).unwrap();
    let mut request = [0; 64];
    while stream.read(&mut request).is_ok_and(|length| length > 0) {
        std::thread::sleep(think);
        stream.write_all(&[1; 2000]).unwrap();
    }
}

/// Asks so often; the mean time to the first byte of an answer.
fn ask(host: &str, port: u16, count: u32) -> Duration {
    let mut stream = TcpStream::connect((host, port)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answer = [0; 2000];
    let mut sum = Duration::ZERO;
    for _ in 0..count {
        let begun = Instant::now();
        stream.write_all(&[1; 64]).unwrap();
        stream.read_exact(&mut answer[..1]).unwrap();
        sum += begun.elapsed();
        stream.read_exact(&mut answer[1..]).unwrap();
    }
    sum / count
}

fn check(maps: &Maps, port: u16, count: u32, client: Duration) {
    let seen = maps.read_latency(port).unwrap().unwrap();
    let expected = Latency { requests: count.into(), ..seen };
    assert_eq!((seen.requests, seen.answered), (expected.requests, expected.requests));
    assert_eq!((seen.connections, seen.in_flight(), seen.abandoned), (1, 0, 0));
    assert_eq!(seen.zeros + seen.buckets.iter().sum::<u64>(), u64::from(count));
    let kernel = Duration::from_nanos(seen.sum_ns / u64::from(count));
    println!("port {port}: {count} requests, client {client:?}, kernel {kernel:?}");
    let difference = client.abs_diff(kernel);
    assert!(difference <= client / 10 + Duration::from_micros(500), "{client:?} {kernel:?}");
}

/// Ports, their server's think time and how often it is asked.
const SERVICES: [(u16, u64, u32); 3] = [(8000, 0, 500), (8005, 5, 100), (8050, 50, 20)];

#[test]
fn counts_and_means_equal_the_clients() {
    run(|lab| {
        let (mut session, mut maps) = lab.open();
        for (port, think_ms, _) in SERVICES {
            maps.watch(port, Sampling::default()).unwrap();
            // Before the address exists, so that the peer finds it open.
            let listener = TcpListener::bind(("0.0.0.0", port)).unwrap();
            std::thread::spawn(move || serve(&listener, Duration::from_millis(think_ms)));
        }
        let (attached, wait) = std::sync::mpsc::channel::<()>();
        let peer = lab.peer(move || {
            wait.recv().unwrap();
            SERVICES.map(|(port, _, count)| ask(HOST, port, count))
        });
        session.attach(&wire()).unwrap();
        attached.send(()).unwrap();
        let means = peer.join().unwrap();
        for ((port, _, count), mean) in SERVICES.into_iter().zip(means) {
            check(&maps, port, count, mean);
        }
        session.unpin().unwrap();
    });
}

#[test]
fn loopback_counts_once() {
    run(|lab| {
        let (mut session, mut maps) = lab.open();
        session.attach(&interface("lo")).unwrap();
        let (port, count) = (9000, 200);
        maps.watch(port, Sampling::default()).unwrap();
        let listener = TcpListener::bind(("::1", port)).unwrap();
        let server = std::thread::spawn(move || serve(&listener, Duration::from_millis(1)));
        let mean = ask("::1", port, count);
        server.join().unwrap();
        check(&maps, port, count, mean);
        session.unpin().unwrap();
    });
}

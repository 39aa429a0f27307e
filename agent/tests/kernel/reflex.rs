//! The kernel reflex: armed by the program itself, on single frames and on a real server.

use super::frames::{ACK, Segment, from, ipv4, syn, tcp};
use super::lab::{HOST, PATIENCE, limit, run, wire};
use kernel_abi::names;
use medulla_agent::kernel::maps::{Maps, Sampling};
use medulla_agent::kernel::reflex::{Arm, Happened};
use medulla_agent::kernel::trial::Trial;
use medulla_agent::kernel::{LimitTable, Protocol, Unit};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const PORT: u16 = 8080;
const MINUTE: Duration = Duration::from_secs(60);
const TCP: u8 = 6;
/// An answer that is slow on any machine, emulated ones too.
const SLOW: Duration = Duration::from_millis(200);

fn arm() -> Arm {
    Arm {
        port: PORT,
        unit: Unit::Connections,
        rate_per_hour: 3600,
        burst: 1,
        lease: Duration::from_secs(30),
        floor: Duration::from_millis(50),
        deviations: 6,
        need: 3,
        of: 5,
        samples_min: 64,
        in_flight_min: 2,
        requests_per_s_min: u32::MAX,
        cooldown: Duration::from_secs(60),
        arms_per_hour_max: 6,
        dry_run: false,
        vetoed: false,
        generation: 42,
    }
}

/// Requests and answers of so many connections at once, each answered after a while.
fn exchanges(trial: &mut Trial, sequence: u32, count: u16, think: Duration) {
    let segment =
        |source, destination| Segment { source, destination, sequence, flags: ACK, payload: 50 };
    for client in 1..=count {
        let there = ipv4(TCP, 0, 0, &tcp(segment(client, PORT)));
        trial.run(names::INGRESS, &there, 1).unwrap();
    }
    std::thread::sleep(think);
    for client in 1..=count {
        let mut back = from(ipv4(TCP, 0, 0, &tcp(segment(PORT, client))), [10, 0, 0, 1]);
        back[30..34].copy_from_slice(&[10, 0, 0, 2]);
        trial.run(names::EGRESS, &back, 1).unwrap();
    }
}

fn warm(trial: &mut Trial, maps: &Maps) -> u32 {
    let mut sequence = 1000;
    while maps.armed(PORT).unwrap().unwrap().samples < 100 {
        sequence += 100;
        exchanges(trial, sequence, 4, Duration::from_micros(200));
    }
    sequence
}

fn opens(trial: &mut Trial) -> u8 {
    let frame = ipv4(TCP, 0, 0, &syn(PORT));
    (0..5).map(|_| u8::from(!trial.run(names::INGRESS, &frame, 1).unwrap().dropped)).sum()
}

#[test]
fn slow_answers_begin_the_lease_and_user_space_has_the_last_word() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        assert!(maps.arm(&arm()).is_err(), "nobody watches the port");
        maps.watch(PORT, Sampling::default()).unwrap();
        maps.arm(&arm()).unwrap();
        let sequence = warm(&mut trial, &maps);
        assert_eq!((opens(&mut trial), maps.next_event()), (5, None));
        exchanges(&mut trial, sequence + 100, 4, SLOW);
        let event = maps.next_event().unwrap();
        assert_eq!((event.happened, event.port, event.generation), (Happened::Armed, PORT, 42));
        assert!(event.sample > event.threshold && event.threshold >= Duration::from_millis(50));
        assert!(event.in_flight >= 2 && event.breaches == 3 && event.age < PATIENCE, "{event:?}");
        let armed = maps.armed(PORT).unwrap().unwrap();
        assert!(armed.lease.unwrap() > Duration::from_secs(25) && armed.arms == 1, "{armed:?}");
        assert_eq!(opens(&mut trial), 1);
        assert_eq!(maps.armed(PORT).unwrap().unwrap().verdicts.dropped, 4);
        // The same rule again changes nothing of that.
        maps.arm(&arm()).unwrap();
        assert_eq!(opens(&mut trial), 0);
        // An operator's limit overrules it, a rule's does not.
        let wide = limit(Protocol::Tcp, PORT, 1000, 100);
        maps.write(&wide, MINUTE, true).unwrap();
        assert_eq!(opens(&mut trial), 5);
        maps.write(&wide, MINUTE, false).unwrap();
        assert_eq!(opens(&mut trial), 0);
        maps.clear(wide.target).unwrap();
        assert!(maps.veto(PORT, true).unwrap());
        assert_eq!(opens(&mut trial), 5);
        assert!(maps.veto(PORT, false).unwrap());
        maps.set_kill(true).unwrap();
        assert_eq!(opens(&mut trial), 5);
        maps.set_kill(false).unwrap();
        maps.arm(&Arm { dry_run: true, ..arm() }).unwrap();
        assert_eq!(opens(&mut trial), 5);
        assert!(maps.disarm(PORT).unwrap() && !maps.disarm(PORT).unwrap());
        assert_eq!((maps.armed(PORT).unwrap(), maps.next_event()), (None, None));
    });
}

#[test]
fn a_lease_of_the_kernel_ends_and_is_told() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        maps.watch(PORT, Sampling::default()).unwrap();
        let lease = Duration::from_millis(300);
        maps.arm(&Arm { lease, ..arm() }).unwrap();
        let sequence = warm(&mut trial, &maps);
        exchanges(&mut trial, sequence + 100, 4, SLOW);
        assert_eq!(maps.next_event().unwrap().happened, Happened::Armed);
        let begun = Instant::now();
        while maps.armed(PORT).unwrap().unwrap().lease.is_some() {
            std::thread::sleep(Duration::from_millis(5));
            assert!(begun.elapsed() < PATIENCE);
        }
        // A tick may be open between the two clocks.
        while opens(&mut trial) < 5 {
            assert!(begun.elapsed() < PATIENCE);
        }
        // The cool-down holds; the end is told with the next sample.
        exchanges(&mut trial, sequence + 200, 4, SLOW);
        assert_eq!(maps.next_event().unwrap().happened, Happened::Ended);
        assert_eq!((opens(&mut trial), maps.next_event()), (5, None));
    });
}

/// Answers each connection's requests after the common time.
fn serve(listener: &TcpListener, think_us: &Arc<AtomicU64>) {
    for stream in listener.incoming() {
        let think_us = Arc::clone(think_us);
        std::thread::spawn(move || {
            let mut stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut request = [0; 64];
            while stream.read(&mut request).is_ok_and(|length| length > 0) {
                std::thread::sleep(Duration::from_micros(think_us.load(Ordering::Relaxed)));
                if stream.write_all(b"fine").is_err() {
                    return;
                }
            }
        });
    }
}

/// Asks over and over on a connection of its own.
fn ask(stop: &AtomicBool) {
    let mut stream = TcpStream::connect((HOST, PORT)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answer = [0; 4];
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(&[1; 64]).unwrap();
        stream.read_exact(&mut answer).unwrap();
    }
}

#[test]
fn a_slow_service_is_limited_without_user_space() {
    run(|lab| {
        let (mut session, mut maps) = lab.open();
        let listener = TcpListener::bind(("0.0.0.0", PORT)).unwrap();
        let (stop, think_us) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(1000)));
        let think = Arc::clone(&think_us);
        std::thread::spawn(move || serve(&listener, &think));
        let told = Arc::clone(&stop);
        let (attached, wait) = std::sync::mpsc::channel::<()>();
        let peer = lab.peer(move || {
            wait.recv().unwrap();
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| ask(&told));
                }
            });
        });
        session.attach(&wire()).unwrap();
        maps.watch(PORT, Sampling::default()).unwrap();
        let rule = Arm { floor: Duration::from_millis(100), need: 3, of: 8, ..arm() };
        maps.arm(&rule).unwrap();
        attached.send(()).unwrap();
        let begun = Instant::now();
        while maps.armed(PORT).unwrap().unwrap().samples < 500 {
            std::thread::sleep(Duration::from_millis(5));
            assert!(begun.elapsed() < PATIENCE);
        }
        assert_eq!(maps.armed(PORT).unwrap().unwrap().arms, 0);
        think_us.store(150_000, Ordering::Relaxed);
        let begun = Instant::now();
        let event = loop {
            if let Some(event) = maps.next_event() {
                break event;
            }
            assert!(begun.elapsed() < PATIENCE);
            std::thread::yield_now();
        };
        println!("slow at 0 ms, armed after {:?}, told {:?} later", begun.elapsed(), event.age);
        assert_eq!(event.happened, Happened::Armed);
        stop.store(true, Ordering::Relaxed);
        peer.join().unwrap();
        session.unpin().unwrap();
    });
}

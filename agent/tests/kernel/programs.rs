//! The programs on single frames: what is limited, what passes, what is counted, what it costs.

use super::frames::{ACK, FIN, RST, SYN, Segment, ipv4, ipv6, syn, tcp, udp};
use super::lab::{limit, run};
use kernel_abi::{histogram, names};
use medulla_agent::kernel::maps::{Maps, Sampling};
use medulla_agent::kernel::trial::Trial;
use medulla_agent::kernel::{LimitTable, Protocol, Target, Unit};
use std::time::Duration;

const PORT: u16 = 8080;
const MINUTE: Duration = Duration::from_secs(60);
const TCP: u8 = 6;
const UDP: u8 = 17;

fn verdict(trial: &mut Trial, frame: &[u8]) -> bool {
    !trial.run(names::INGRESS, frame, 1).unwrap().dropped
}

/// Sends each frame twice at a limit of one: the second is dropped if the frame is limited.
fn check(trial: &mut Trial, maps: &mut Maps, protocol: Protocol, frame: &[u8], limited: bool) {
    let limit = limit(protocol, PORT, 1, 1);
    maps.write(&limit, MINUTE, true).unwrap();
    let passed = [verdict(trial, frame), verdict(trial, frame)];
    assert_eq!(passed, [true, !limited], "{frame:02x?}");
    let verdicts = maps.verdicts(limit.target).unwrap();
    let counted = u64::from(limited);
    assert_eq!((verdicts.passed, verdicts.dropped), (counted, counted), "{frame:02x?}");
    assert!(maps.clear(limit.target).unwrap());
    assert!(verdict(trial, frame));
}

#[test]
fn frames_are_limited_by_destination_port_alone() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        let mut check = |protocol, frame: &[u8], limited| {
            check(&mut trial, &mut maps, protocol, frame, limited)
        };
        let ack =
            tcp(Segment { source: PORT, destination: PORT, sequence: 9, flags: ACK, payload: 5 });
        let syn_ack = tcp(Segment {
            source: 40_000,
            destination: PORT,
            sequence: 9,
            flags: SYN | ACK,
            payload: 0,
        });
        check(Protocol::Tcp, &ipv4(TCP, 0, 0, &syn(PORT)), true);
        check(Protocol::Tcp, &ipv4(TCP, 10, 0x4000, &syn(PORT)), true);
        check(Protocol::Tcp, &ipv6(TCP, &syn(PORT)), true);
        check(Protocol::Tcp, &ipv4(TCP, 0, 0, &syn(PORT + 1)), false);
        check(Protocol::Tcp, &ipv4(TCP, 0, 0, &ack), false);
        check(Protocol::Tcp, &ipv4(TCP, 0, 0, &syn_ack), false);
        check(Protocol::Tcp, &ipv4(UDP, 0, 0, &udp(PORT)), false);
        check(Protocol::Udp, &ipv4(UDP, 0, 0, &udp(PORT)), true);
        // The first fragment has the ports.
        check(Protocol::Udp, &ipv4(UDP, 0, 0x2000, &udp(PORT)), true);
        check(Protocol::Udp, &ipv6(UDP, &udp(PORT)), true);
        check(Protocol::Udp, &ipv4(TCP, 0, 0, &syn(PORT)), false);
    });
}

#[test]
fn links_without_an_ethernet_header() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        maps.write(&limit(Protocol::Udp, PORT, 1, 1), MINUTE, true).unwrap();
        maps.write(&limit(Protocol::Tcp, PORT, 1, 1), MINUTE, true).unwrap();
        // A sender in 8.0.0.0/16 or 8...:86dd::, since the run takes its address for an EtherType.
        let mut packets = [ipv4(UDP, 0, 0, &udp(PORT)), ipv6(TCP, &syn(PORT))];
        packets[0][26..28].copy_from_slice(&[8, 0]);
        packets[1][26..28].copy_from_slice(&[0x86, 0xdd]);
        for packet in packets {
            let mut run = || trial.run(names::INGRESS_BARE, &packet[14..], 1).unwrap().dropped;
            assert_eq!([run(), run()], [false, true], "{packet:02x?}");
        }
    });
}

#[test]
fn what_cannot_be_looked_into_passes_and_is_counted() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        maps.write(&limit(Protocol::Udp, PORT, 1, 1), MINUTE, true).unwrap();
        let mut pass = |frame: &[u8]| {
            assert!(verdict(&mut trial, frame) && verdict(&mut trial, frame), "{frame:02x?}");
        };
        pass(&ipv4(UDP, 0, 0x00b9, &udp(PORT)));
        // Hop-by-hop options before UDP.
        let extension = [&[UDP, 0, 1, 4, 0, 0, 0, 0], &udp(PORT)[..]].concat();
        pass(&ipv6(0, &extension));
        pass(&ipv6(44, &extension));
        pass(&ipv4(UDP, 0, 0, &udp(PORT)[..4]));
        let mut short_header = ipv4(UDP, 0, 0, &udp(PORT));
        short_header[14] = 0x44;
        pass(&short_header);
        // Not ours to look into: ICMP, ARP.
        pass(&ipv4(1, 0, 0, &[0; 8]));
        pass(&[&[2; 12][..], &[8, 6], &[0; 28]].concat());
        let unseen = maps.unseen().unwrap();
        assert_eq!((unseen.fragments, unseen.extensions, unseen.malformed), (2, 4, 4));
    });
}

#[test]
fn dry_run_kill_switch_and_lease() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        let frame = ipv4(UDP, 0, 0, &udp(PORT));
        let strict = limit(Protocol::Udp, PORT, 1, 1);
        let mut dry = strict;
        dry.dry_run = true;
        let counts = |maps: &Maps| {
            let verdicts = maps.verdicts(strict.target).unwrap();
            (verdicts.passed, verdicts.dropped, verdicts.expired)
        };
        maps.write(&dry, MINUTE, true).unwrap();
        assert!(verdict(&mut trial, &frame) && verdict(&mut trial, &frame));
        assert_eq!(counts(&maps), (1, 1, 0));
        maps.write(&strict, MINUTE, true).unwrap();
        assert!(!verdict(&mut trial, &frame));
        maps.set_dry_run(true).unwrap();
        assert!(verdict(&mut trial, &frame));
        maps.set_dry_run(false).unwrap();
        assert_eq!(counts(&maps), (1, 3, 0));
        maps.set_kill(true).unwrap();
        assert!(maps.is_killed().unwrap() && verdict(&mut trial, &frame));
        maps.set_kill(false).unwrap();
        assert_eq!(counts(&maps), (1, 3, 0));
        assert!(!verdict(&mut trial, &frame));
        maps.write(&strict, Duration::ZERO, true).unwrap();
        std::thread::sleep(Duration::from_millis(30));
        assert!(verdict(&mut trial, &frame));
        assert_eq!(counts(&maps), (1, 4, 1));
        assert_eq!(maps.read(strict.target).unwrap().unwrap().remaining, Duration::ZERO);
    });
}

#[test]
fn jiffies_follow_the_clock() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        let frame = ipv4(UDP, 0, 0, &udp(PORT));
        for lease_ms in [300, 700] {
            let lease = Duration::from_millis(lease_ms);
            let limit = limit(Protocol::Udp, PORT, 1, 1);
            let begun = std::time::Instant::now();
            maps.write(&limit, lease, true).unwrap();
            verdict(&mut trial, &frame);
            while !verdict(&mut trial, &frame) {
                std::thread::yield_now();
            }
            let lasted = begun.elapsed();
            assert!(lasted >= lease, "{lasted:?}");
            assert!(lasted <= lease + Duration::from_millis(50), "{lasted:?}");
            assert!(maps.clear(limit.target).unwrap());
        }
    });
}

#[test]
fn exchanges_by_sequence_number() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        maps.watch(PORT, Sampling::default()).unwrap();
        let client =
            Segment { source: 40_000, destination: PORT, sequence: 0, flags: 0, payload: 0 };
        let server = Segment { source: PORT, destination: 40_000, ..client };
        let mut send = |segment: Segment, sequence: u32, flags: u8, payload: usize| {
            let is_request = segment.destination == PORT;
            let body = tcp(Segment { sequence, flags, payload, ..segment });
            let mut frame = ipv4(TCP, 0, 0, &body);
            if !is_request {
                // Back the way it came.
                frame[26..34].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
            }
            let program = if is_request { names::INGRESS } else { names::EGRESS };
            trial.run(program, &frame, 1).unwrap();
        };
        // Sequence numbers that wrap in the middle; a SYN, its data and an answer, all sent twice.
        let (begin, answer) = (u32::MAX - 3, 100);
        for _ in 0..2 {
            send(client, begin, SYN, 0);
        }
        for _ in 0..2 {
            send(client, begin.wrapping_add(1), ACK, 10);
        }
        for _ in 0..2 {
            send(server, answer, ACK, 50);
        }
        // A keep-alive probe of one old byte, a second request, an answer in two pieces.
        send(client, begin.wrapping_add(10), ACK, 1);
        send(client, begin.wrapping_add(11), ACK, 10);
        send(server, answer, ACK, 50);
        send(server, answer + 50, ACK, 50);
        send(server, answer + 100, ACK, 50);
        // A third that is never answered.
        send(client, begin.wrapping_add(21), ACK, 10);
        let seen = maps.read_latency(PORT).unwrap().unwrap();
        assert_eq!((seen.connections, seen.requests, seen.answered), (1, 3, 2));
        assert_eq!(seen.in_flight(), 1);
        send(client, begin.wrapping_add(31), RST | ACK, 0);
        // Another connection from the same port, closed by the server.
        send(client, 7, SYN, 0);
        send(client, 8, ACK, 10);
        send(server, 1, ACK | FIN, 10);
        send(client, 18, ACK, 0);
        let seen = maps.read_latency(PORT).unwrap().unwrap();
        assert_eq!((seen.connections, seen.requests, seen.answered), (2, 4, 3));
        assert_eq!((seen.abandoned, seen.in_flight()), (1, 0));
        assert_eq!(seen.zeros + seen.buckets.iter().sum::<u64>(), 3);
        assert!(maps.unwatch(PORT).unwrap());
        assert_eq!(maps.read_latency(PORT).unwrap(), None);
    });
}

/// The least of several means: what the program costs when nobody disturbs it.
fn cost_ns(trial: &mut Trial, name: &'static str, frame: &[u8]) -> u128 {
    let one = |_| trial.run(name, frame, 200_000).unwrap().per_packet.as_nanos();
    (0..9).map(one).min().unwrap()
}

#[test]
fn nanoseconds_per_packet() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        let (frame, data) = (
            ipv4(UDP, 0, 0, &udp(PORT)),
            Segment { source: 40_000, destination: PORT, sequence: 1, flags: ACK, payload: 10 },
        );
        let empty = cost_ns(&mut trial, names::EMPTY, &frame);
        let none = cost_ns(&mut trial, names::INGRESS, &frame);
        let mut fast = limit(Protocol::Udp, PORT, 10_000_000, 1 << 24);
        maps.write(&fast, MINUTE, true).unwrap();
        let passed = cost_ns(&mut trial, names::INGRESS, &frame);
        fast.rate_per_hour = 3600;
        fast.burst = 1;
        maps.write(&fast, MINUTE, true).unwrap();
        let dropped = cost_ns(&mut trial, names::INGRESS, &frame);
        maps.write(&fast, Duration::ZERO, true).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let expired = cost_ns(&mut trial, names::INGRESS, &frame);
        maps.watch(PORT, Sampling::default()).unwrap();
        let data = ipv4(TCP, 0, 0, &tcp(data));
        let watched = cost_ns(&mut trial, names::INGRESS, &data);
        let unwatched = cost_ns(&mut trial, names::EGRESS, &data);
        println!(
            "ns per packet: empty {empty}, over it: no rule {}, passed {}, dropped {}, expired {}, \
             watched data {}, egress elsewhere {}",
            none.saturating_sub(empty),
            passed.saturating_sub(empty),
            dropped.saturating_sub(empty),
            expired.saturating_sub(empty),
            watched.saturating_sub(empty),
            unwatched.saturating_sub(empty),
        );
        // The benchmark holds tight bounds on a quiet machine; these catch a wrong instruction.
        assert!(none < empty + 40 && passed < empty + 200, "{none} {passed}");
    });
}

#[test]
fn a_limit_that_changes_begins_afresh_and_a_renewed_one_does_not() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        let frame = ipv4(UDP, 0, 0, &udp(PORT));
        let first = limit(Protocol::Udp, PORT, 1, 1);
        maps.write(&first, MINUTE, true).unwrap();
        assert!(verdict(&mut trial, &frame) && !verdict(&mut trial, &frame));
        maps.write(&first, MINUTE, true).unwrap();
        assert!(!verdict(&mut trial, &frame));
        let other = limit(Protocol::Udp, PORT, 1, 2);
        maps.write(&other, MINUTE, true).unwrap();
        assert!(verdict(&mut trial, &frame) && verdict(&mut trial, &frame));
        assert!(!verdict(&mut trial, &frame));
        let read = maps.read(first.target).unwrap().unwrap();
        assert_eq!(read.limit, other);
        assert!(read.remaining > MINUTE - Duration::from_secs(2));
        assert_eq!(maps.written().unwrap().len(), 1);
    });
}

#[test]
fn slots_run_out_with_an_error() {
    run(|_| {
        let (_trial, mut maps) = Trial::new().unwrap();
        for port in 1..256 {
            maps.write(&limit(Protocol::Tcp, port, 1, 1), MINUTE, true).unwrap();
        }
        let one_more = limit(Protocol::Tcp, 300, 1, 1);
        assert!(maps.write(&one_more, MINUTE, true).is_err());
        let free = Target { protocol: Protocol::Tcp, port: 5 };
        assert!(maps.clear(free).unwrap());
        maps.write(&one_more, MINUTE, true).unwrap();
        assert_eq!(maps.read(one_more.target).unwrap().unwrap().limit.unit, Unit::Connections);
        assert_eq!(maps.written().unwrap().len(), 255);
        assert!(histogram::slot(1_000_000).is_some());
    });
}

//! Limits in bytes and by source, and what answers say of themselves, on single frames.

use super::frames::{ACK, RST, Segment, from, ipv4, ipv6, syn, tcp, udp, with_payload};
use super::lab::{limit, run};
use kernel_abi::names;
use medulla_agent::kernel::maps::Sampling;
use medulla_agent::kernel::trial::Trial;
use medulla_agent::kernel::{LimitTable, Protocol, Unit};
use std::time::Duration;

const PORT: u16 = 8080;
const MINUTE: Duration = Duration::from_secs(60);
const TCP: u8 = 6;
const UDP: u8 = 17;

#[test]
fn bytes_count_from_the_link_header_on() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        let frame = ipv4(UDP, 0, 0, &udp(PORT));
        let length = u64::try_from(frame.len()).unwrap();
        let mut bytes = limit(Protocol::Udp, PORT, 1, 1000);
        bytes.unit = Unit::Bytes;
        maps.write(&bytes, MINUTE, true).unwrap();
        let mut passed = 0;
        while !trial.run(names::INGRESS, &frame, 1).unwrap().dropped {
            passed += 1;
        }
        let verdicts = maps.verdicts(bytes.target).unwrap();
        assert_eq!((verdicts.passed, verdicts.dropped), (passed * length, length));
        assert_eq!(passed, 1000 / length);
        assert_eq!(maps.read(bytes.target).unwrap().unwrap().limit, bytes);
    });
}

#[test]
fn every_source_has_the_whole_rate() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        let mut each = limit(Protocol::Tcp, PORT, 1, 2);
        each.per_source = true;
        maps.write(&each, MINUTE, true).unwrap();
        let mut passes = |frame: &[u8]| {
            let mut once = || u8::from(!trial.run(names::INGRESS, frame, 1).unwrap().dropped);
            (0..4).map(|_| once()).sum::<u8>()
        };
        let frame = ipv4(TCP, 0, 0, &syn(PORT));
        for host in 1..200 {
            assert_eq!(passes(&from(frame.clone(), [192, 0, 2, host])), 2, "{host}");
        }
        assert_eq!(passes(&from(frame.clone(), [192, 0, 2, 7])), 0);
        // One host has a whole /64; its neighbour has another.
        let mut six = ipv6(TCP, &syn(PORT));
        assert_eq!(passes(&six), 2);
        six[36] ^= 1;
        assert_eq!(passes(&six), 0);
        six[25] ^= 1;
        assert_eq!(passes(&six), 2);
        // The same limit again keeps the sources' states; another rate begins afresh.
        maps.write(&each, MINUTE, true).unwrap();
        assert_eq!(passes(&from(frame.clone(), [192, 0, 2, 7])), 0);
        each.rate_per_hour = 7200;
        maps.write(&each, MINUTE, true).unwrap();
        assert_eq!(passes(&from(frame, [192, 0, 2, 7])), 2);
    });
}

#[test]
fn answers_tell_their_status_and_segments_their_fate() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        maps.watch(PORT, Sampling { tls: false, http_status: true }).unwrap();
        let mut sequence = 1000;
        let mut exchange = |answer: &[u8]| {
            sequence += 100;
            let there = tcp(Segment {
                source: 40_000,
                destination: PORT,
                sequence,
                flags: ACK,
                payload: 50,
            });
            let back = tcp(Segment {
                source: PORT,
                destination: 40_000,
                sequence,
                flags: ACK,
                payload: answer.len(),
            });
            let back = with_payload(ipv4(TCP, 0, 0, &back), answer);
            // The other side of a connection has the addresses the other way round.
            let mut back = from(back, [10, 0, 0, 1]);
            back[30..34].copy_from_slice(&[10, 0, 0, 2]);
            trial.run(names::INGRESS, &ipv4(TCP, 0, 0, &there), 1).unwrap();
            trial.run(names::EGRESS, &back, 1).unwrap();
            // The same again, as if it had been lost.
            trial.run(names::EGRESS, &back, 1).unwrap();
        };
        for answer in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.0 204 No Content\r\n",
            "HTTP/1.1 503 Busy\r\n\r\n",
            "HTTP/1.1 100 Continue",
            "HTTP/2.0 500 what",
            "HTTP/1.1 999 what",
            "HTTP/1.1 404",
            "short",
        ] {
            exchange(answer.as_bytes());
        }
        let reset =
            tcp(Segment { source: 40_000, destination: PORT, sequence: 1, flags: RST, payload: 0 });
        trial.run(names::INGRESS, &ipv4(TCP, 0, 0, &reset), 1).unwrap();
        let seen = maps.read_latency(PORT).unwrap().unwrap();
        assert_eq!((seen.requests, seen.answered), (8, 8));
        assert_eq!(seen.statuses, [1, 2, 0, 1, 1]);
        assert_eq!((seen.retransmits, seen.resets), (8, 1));
    });
}

/// The frame of an answer to a request from port 40,000.
fn answer(sequence: u32) -> Vec<u8> {
    let segment = Segment { source: PORT, destination: 40_000, sequence, flags: ACK, payload: 60 };
    let mut frame = from(ipv4(TCP, 0, 0, &tcp(segment)), [10, 0, 0, 1]);
    frame[30..34].copy_from_slice(&[10, 0, 0, 2]);
    frame
}

#[test]
fn an_answer_that_nobody_asked_for_is_a_lost_sample_once() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        maps.watch(PORT, Sampling::default()).unwrap();
        trial.run(names::EGRESS, &answer(100), 1).unwrap();
        trial.run(names::EGRESS, &answer(160), 1).unwrap();
        let seen = maps.read_latency(PORT).unwrap().unwrap();
        assert_eq!((seen.answered, seen.lost), (0, 1));
        // Half the space of sequence numbers away from anything that a new entry might begin with.
        let sequence = u32::MAX / 4 * 3;
        let segment =
            Segment { source: 40_000, destination: PORT, sequence, flags: ACK, payload: 50 };
        trial.run(names::INGRESS, &ipv4(TCP, 0, 0, &tcp(segment)), 1).unwrap();
        trial.run(names::EGRESS, &answer(220), 1).unwrap();
        let seen = maps.read_latency(PORT).unwrap().unwrap();
        assert_eq!((seen.requests, seen.answered, seen.lost), (1, 1, 1));
    });
}

#[test]
fn the_oldest_open_request_has_an_age() {
    run(|_| {
        let (mut trial, mut maps) = Trial::new().unwrap();
        maps.watch(PORT, Sampling::default()).unwrap();
        assert!(maps.connections().oldest_open().unwrap().is_empty());
        let mut request = |source, wait_ms| {
            let segment =
                tcp(Segment { source, destination: PORT, sequence: 9, flags: ACK, payload: 50 });
            trial.run(names::INGRESS, &ipv4(TCP, 0, 0, &segment), 1).unwrap();
            std::thread::sleep(Duration::from_millis(wait_ms));
        };
        request(1, 30);
        request(2, 10);
        let oldest = maps.connections().oldest_open().unwrap();
        assert_eq!(oldest.keys().collect::<Vec<_>>(), [&PORT]);
        assert!((Duration::from_millis(40)..Duration::from_secs(5)).contains(&oldest[&PORT]));
    });
}

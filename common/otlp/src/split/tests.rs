//! Pieces against prost: together they read as the request does, record by record, and each keeps its limit.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest as Logs;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest as Metrics;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Traces;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::testing::scramble::{Choices, scramble};
use crate::testing::{logs, metrics, traces};
use crate::wire::{put_bytes, put_message, put_uint};

/// What can be told apart: each record with everything around it, and what is empty.
fn leaves<T: std::fmt::Debug>(around: &str, children: &[T], mut leaf: impl FnMut(&T, &str)) {
    for child in children {
        leaf(child, around);
    }
}

fn leaves_of(signal: Signal, request: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    match signal {
        Signal::Traces => {
            for mut resource in Traces::decode(request).expect("sound").resource_spans {
                let scopes = std::mem::take(&mut resource.scope_spans);
                leaves(&format!("{resource:?}"), &scopes, |scope, around| {
                    let bare = scopes_bare(scope, |scope| std::mem::take(&mut scope.spans));
                    push(&mut out, &format!("{around} {:?}", bare.0), &bare.1);
                });
            }
        }
        Signal::Logs => {
            for mut resource in Logs::decode(request).expect("sound").resource_logs {
                let scopes = std::mem::take(&mut resource.scope_logs);
                leaves(&format!("{resource:?}"), &scopes, |scope, around| {
                    let bare = scopes_bare(scope, |scope| std::mem::take(&mut scope.log_records));
                    push(&mut out, &format!("{around} {:?}", bare.0), &bare.1);
                });
            }
        }
        _ => {
            for mut resource in Metrics::decode(request).expect("sound").resource_metrics {
                let scopes = std::mem::take(&mut resource.scope_metrics);
                leaves(&format!("{resource:?}"), &scopes, |scope, around| {
                    let bare = scopes_bare(scope, |scope| std::mem::take(&mut scope.metrics));
                    let around = format!("{around} {:?}", bare.0);
                    leaves(&around, &bare.1, |metric, around| {
                        let (bare, points) = points(metric.clone());
                        push(&mut out, &format!("{around} {bare:?}"), &points);
                    });
                });
            }
        }
    }
    out
}

fn scopes_bare<S: Clone, R>(scope: &S, take: impl Fn(&mut S) -> Vec<R>) -> (S, Vec<R>) {
    let mut scope = scope.clone();
    let records = take(&mut scope);
    (scope, records)
}

fn push<T: std::fmt::Debug>(out: &mut Vec<String>, around: &str, records: &[T]) {
    out.extend(records.iter().map(|record| format!("{around} {record:?}")));
}

fn points(mut metric: Metric) -> (Metric, Vec<String>) {
    fn take<P: std::fmt::Debug>(points: &mut Vec<P>) -> Vec<String> {
        points.drain(..).map(|point| format!("{point:?}")).collect()
    }
    let points = match metric.data.as_mut() {
        Some(Data::Gauge(data)) => take(&mut data.data_points),
        Some(Data::Sum(data)) => take(&mut data.data_points),
        Some(Data::Histogram(data)) => take(&mut data.data_points),
        Some(Data::ExponentialHistogram(data)) => take(&mut data.data_points),
        Some(Data::Summary(data)) => take(&mut data.data_points),
        None => Vec::new(),
    };
    (metric, points)
}

fn cut(signal: Signal, request: &Bytes, limit: Limit) -> Vec<Piece> {
    let mut pieces = Vec::new();
    split::<Malformed>(signal, request, std::iter::repeat(limit), |piece| {
        pieces.push(piece);
        Ok(())
    })
    .expect("sound");
    pieces
}

fn check_pieces(signal: Signal, request: &Bytes, limit: Limit) {
    let pieces = cut(signal, request, limit);
    for piece in &pieces {
        let records = check::check(signal, &piece.body).expect("sound").records;
        assert_eq!(records, piece.records);
        assert!(records <= limit.records.max(1), "{records} records");
        assert!(piece.body.len() <= limit.bytes || records <= 1, "{} bytes", piece.body.len());
    }
    let merged: Vec<u8> = pieces.iter().flat_map(|piece| piece.body.iter().copied()).collect();
    assert_eq!(leaves_of(signal, &merged), leaves_of(signal, request));
    if limit.bytes == usize::MAX && pieces.len() > 1 {
        let all_but_last = &pieces[..pieces.len() - 1];
        assert!(all_but_last.iter().all(|piece| piece.records == limit.records), "each is full");
    }
}

fn check_resources(signal: Signal, request: &[u8]) {
    let mut merged = Vec::new();
    by_resource::<Malformed>(signal, request, |piece| {
        assert_eq!(check::check(signal, &piece.body).expect("sound").records, piece.records);
        let mut count = 0;
        let mut fields = Fields::new(&piece.body);
        while fields.next_of(RESOURCES).expect("sound").is_some() {
            count += 1;
        }
        assert_eq!(count, 1);
        merged.extend_from_slice(&piece.body);
        Ok(())
    })
    .expect("sound");
    assert_eq!(leaves_of(signal, &merged), leaves_of(signal, request));
}

fn check_request(signal: Signal, request: &[u8], limit: Limit, seed: u64) {
    let scrambled = scramble(signal, request, &mut Choices::new(seed));
    for request in [Bytes::copy_from_slice(request), Bytes::from(scrambled)] {
        check_pieces(signal, &request, Limit::records(limit.records));
        check_pieces(signal, &request, Limit::bytes(limit.bytes));
        check_pieces(signal, &request, limit);
        check_resources(signal, &request);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn pieces_of_traces_are_the_request(
        request in traces(), records in 1u64..6, bytes in 1usize..400, seed: u64,
    ) {
        let limit = Limit { records, bytes };
        check_request(Signal::Traces, &request.encode_to_vec(), limit, seed);
    }

    #[test]
    fn pieces_of_logs_are_the_request(
        request in logs(), records in 1u64..6, bytes in 1usize..400, seed: u64,
    ) {
        let limit = Limit { records, bytes };
        check_request(Signal::Logs, &request.encode_to_vec(), limit, seed);
    }

    #[test]
    fn pieces_of_metrics_are_the_request(
        request in metrics(), records in 1u64..6, bytes in 1usize..400, seed: u64,
    ) {
        let limit = Limit { records, bytes };
        check_request(Signal::Metrics, &request.encode_to_vec(), limit, seed);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        for signal in Signal::ALL {
            let limits = std::iter::repeat(Limit { records: 2, bytes: 20 });
            let _ = split::<Malformed>(signal, &bytes, limits, |_| Ok(()));
            let _ = by_resource::<Malformed>(signal, &bytes, |_| Ok(()));
        }
    }
}

/// A request of one scope with these records and unknown fields on every level.
fn request(records: &[&[u8]]) -> Bytes {
    let mut request = Vec::new();
    put_uint(&mut request, 99, 1);
    put_message(&mut request, 1, |resource| {
        put_bytes(resource, 3, b"schema");
        put_message(resource, 2, |scope| {
            records.iter().for_each(|record| put_bytes(scope, 2, record));
            put_uint(scope, 77, 3);
        });
        put_uint(resource, 88, 2);
    });
    Bytes::from(request)
}

#[test]
fn unknown_fields_stay_around_the_records_of_each_piece() {
    let whole = request(&[b"\x2a\x01a", b"\x2a\x01b", b"\x2a\x01c"]);
    let pieces = cut(Signal::Traces, &whole, Limit::records(2));
    let sorted = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes.sort_unstable();
        bytes
    };
    let expect = [(request(&[b"\x2a\x01a", b"\x2a\x01b"]), 2), (request(&[b"\x2a\x01c"]), 1)];
    assert_eq!(pieces.len(), expect.len());
    for (piece, (body, records)) in pieces.iter().zip(expect) {
        assert_eq!((sorted(&piece.body), piece.records), (sorted(&body), records));
    }
}

#[test]
fn what_fits_is_the_same_bytes() {
    let whole = request(&[b"\x2a\x01a", b"\x2a\x01b"]);
    let pieces = cut(Signal::Logs, &whole, Limit { records: 2, bytes: whole.len() });
    assert_eq!(pieces, [Piece { body: whole.clone(), records: 2 }]);
    assert_eq!(pieces[0].body.as_ptr(), whole.as_ptr());
}

#[test]
fn each_piece_has_its_own_limit_and_the_last_one_none() {
    let whole = request(&[&b"\x2a\x01a"[..]; 10]);
    let mut records = Vec::new();
    let limits = [1, 4].map(Limit::records);
    split::<Malformed>(Signal::Traces, &whole, limits, |piece| {
        records.push(piece.records);
        Ok(())
    })
    .expect("sound");
    assert_eq!(records, [1, 4, 5]);
}

#[test]
fn the_walk_ends_with_the_error_of_who_takes_the_pieces() {
    #[derive(Debug, PartialEq)]
    struct Full;
    impl From<Malformed> for Full {
        fn from(_: Malformed) -> Self {
            unreachable!("the request is sound")
        }
    }
    let whole = request(&[&b"\x2a\x01a"[..]; 10]);
    let mut taken = 0;
    let result = split(Signal::Traces, &whole, std::iter::repeat(Limit::records(2)), |_| {
        taken += 1;
        if taken == 2 { Err(Full) } else { Ok(()) }
    });
    assert_eq!((result, taken), (Err(Full), 2));
}

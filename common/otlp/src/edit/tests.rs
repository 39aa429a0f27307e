//! The walk against prost: what is done to bytes is done to owned messages, and must read the same.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest as Logs;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest as Metrics;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Traces;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric, metric, number_data_point};
use proptest::prelude::*;
use prost::Message;

use super::fields;
use super::*;
use crate::check;
use crate::testing::scramble::{Choices, scramble};
use crate::testing::{logs, metrics, traces};
use crate::wire::put_bytes;

/// A visitor from a closure.
struct With<F>(F);

impl<F: FnMut(At<'_>, &mut Changes) -> Verdict> Visitor for With<F> {
    type Error = Malformed;

    fn visit(&mut self, at: At<'_>, changes: &mut Changes) -> Result<Verdict, Malformed> {
        Ok((self.0)(at, changes))
    }
}

fn route(signal: Signal, levels: &[Level]) -> Route {
    Route::visiting(signal, levels)
}

/// Walks, and checks that every form of the result is the same.
fn walked(
    route: &Route,
    request: &[u8],
    visit: impl FnMut(At<'_>, &mut Changes) -> Verdict,
) -> (Vec<u8>, Summary) {
    let mut editor = Editor::default();
    let summary = editor.run(route, request, &mut With(visit)).expect("sound");
    let mut out = Vec::new();
    editor.write(request, &mut out);
    assert_eq!(editor.bytes(), out.len() as u64);
    let request = Bytes::copy_from_slice(request);
    assert_eq!(editor.body(&request), out);
    assert_eq!(editor.pieces(&request).concat(), out);
    assert!(summary.is_changed || out == request, "unchanged is unchanged");
    (out, summary)
}

fn renamed(message: &[u8], number: u32, name: &str) -> Vec<u8> {
    let (mut field, mut out) = (Vec::new(), Vec::new());
    put_bytes(&mut field, number, name.as_bytes());
    fields::replace(message, &[number], &field, &mut out).expect("sound");
    out
}

/// Something that may or may not happen to the n-th message.
struct Mask(u64, usize);

impl Mask {
    fn next(&mut self) -> bool {
        self.1 += 1;
        self.0 >> (self.1 % 61) & 1 == 1
    }
}

fn all_exemplars(metric: &mut Metric, keep: &mut impl FnMut(&Exemplar) -> bool) {
    use metric::Data::{ExponentialHistogram, Gauge, Histogram, Sum, Summary};
    match metric.data.as_mut() {
        Some(Gauge(data)) => {
            data.data_points.iter_mut().for_each(|p| p.exemplars.retain(&mut *keep))
        }
        Some(Sum(data)) => data.data_points.iter_mut().for_each(|p| p.exemplars.retain(&mut *keep)),
        Some(Histogram(data)) => {
            data.data_points.iter_mut().for_each(|p| p.exemplars.retain(&mut *keep));
        }
        Some(ExponentialHistogram(data)) => {
            data.data_points.iter_mut().for_each(|p| p.exemplars.retain(&mut *keep));
        }
        Some(Summary(_)) | None => {}
    }
}

/// Drops points by mask, and says whether any is left.
fn retain_points(metric: &mut Metric, mask: &mut Mask) -> bool {
    use metric::Data::{ExponentialHistogram, Gauge, Histogram, Sum, Summary};
    match metric.data.as_mut() {
        Some(Gauge(data)) => data.data_points.retain(|_| !mask.next()),
        Some(Sum(data)) => data.data_points.retain(|_| !mask.next()),
        Some(Histogram(data)) => data.data_points.retain(|_| !mask.next()),
        Some(ExponentialHistogram(data)) => data.data_points.retain(|_| !mask.next()),
        Some(Summary(data)) => data.data_points.retain(|_| !mask.next()),
        None => return true,
    }
    points(metric) > 0
}

fn points(metric: &Metric) -> usize {
    use metric::Data::{ExponentialHistogram, Gauge, Histogram, Sum, Summary};
    match metric.data.as_ref() {
        Some(Gauge(data)) => data.data_points.len(),
        Some(Sum(data)) => data.data_points.len(),
        Some(Histogram(data)) => data.data_points.len(),
        Some(ExponentialHistogram(data)) => data.data_points.len(),
        Some(Summary(data)) => data.data_points.len(),
        None => 0,
    }
}

fn records(signal: Signal, request: &[u8]) -> u64 {
    check(signal, request).expect("sound").records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn what_nobody_changes_is_the_same_slice(request in metrics(), seed: u64) {
        let request = scramble(Signal::Metrics, &request.encode_to_vec(), &mut Choices::new(seed));
        let mut route = route(Signal::Metrics, &Level::ALL);
        route.writes = Levels::of(&Level::ALL);
        let mut editor = Editor::default();
        let mut keep = With(|_: At<'_>, _: &mut Changes| Verdict::Keep);
        let summary = editor.run(&route, &request, &mut keep).expect("sound");
        prop_assert_eq!(summary, Summary::default());
        let request = Bytes::from(request);
        let body = editor.body(&request);
        prop_assert_eq!(body.as_ptr(), request.as_ptr());
        prop_assert_eq!(body.len(), request.len());
    }

    #[test]
    fn dropped_spans_and_events(request in traces(), seed: u64, bits: u64) {
        let bytes = scramble(Signal::Traces, &request.encode_to_vec(), &mut Choices::new(seed));
        let mut route = route(Signal::Traces, &[Level::Record, Level::Child]);
        route.prunes = Levels::of(&[Level::Resource, Level::Scope]);
        let (mut spans, mut events) = (Mask(bits, 0), Mask(bits.reverse_bits(), 0));
        let (out, summary) = walked(&route, &bytes, |at, _| {
            let mask = if at.level == Level::Record { &mut spans } else { &mut events };
            if mask.next() { Verdict::Drop } else { Verdict::Keep }
        });
        let mut expected = request;
        let (mut spans, mut events) = (Mask(bits, 0), Mask(bits.reverse_bits(), 0));
        for resource in &mut expected.resource_spans {
            for scope in &mut resource.scope_spans {
                scope.spans.retain_mut(|span| {
                    let keep = !spans.next();
                    if keep {
                        span.events.retain(|_| !events.next());
                    }
                    keep
                });
            }
            resource.scope_spans.retain(|scope| !scope.spans.is_empty());
        }
        expected.resource_spans.retain(|resource| !resource.scope_spans.is_empty());
        prop_assert_eq!(Traces::decode(&out[..]).expect("sound"), expected);
        let gone = records(Signal::Traces, &bytes) - records(Signal::Traces, &out);
        prop_assert_eq!(summary.dropped, gone);
    }

    #[test]
    fn dropped_points_and_exemplars(request in metrics(), seed: u64, bits: u64) {
        let bytes = scramble(Signal::Metrics, &request.encode_to_vec(), &mut Choices::new(seed));
        let mut points_route = route(Signal::Metrics, &[Level::Child]);
        points_route.prunes = Levels::of(&[Level::Resource, Level::Scope, Level::Record]);
        points_route.writes = Levels::of(&[Level::Record]);
        let mut mask = Mask(bits, 0);
        let (out, summary) = walked(&points_route, &bytes, |_, _| {
            if mask.next() { Verdict::Drop } else { Verdict::Keep }
        });
        let mut expected = request.clone();
        let mut mask = Mask(bits, 0);
        for resource in &mut expected.resource_metrics {
            for scope in &mut resource.scope_metrics {
                scope.metrics.retain_mut(|metric| retain_points(metric, &mut mask));
            }
            resource.scope_metrics.retain(|scope| !scope.metrics.is_empty());
        }
        expected.resource_metrics.retain(|resource| !resource.scope_metrics.is_empty());
        prop_assert_eq!(Metrics::decode(&out[..]).expect("sound"), expected);
        let gone = records(Signal::Metrics, &bytes) - records(Signal::Metrics, &out);
        prop_assert_eq!(summary.dropped, gone);

        let mut mask = Mask(bits, 0);
        let (out, _) = walked(&route(Signal::Metrics, &[Level::Leaf]), &bytes, |_, _| {
            if mask.next() { Verdict::Drop } else { Verdict::Keep }
        });
        let mut expected = request;
        let mut mask = Mask(bits, 0);
        for resource in &mut expected.resource_metrics {
            for scope in &mut resource.scope_metrics {
                for metric in &mut scope.metrics {
                    all_exemplars(metric, &mut |_| !mask.next());
                }
            }
        }
        prop_assert_eq!(Metrics::decode(&out[..]).expect("sound"), expected);
    }

    #[test]
    fn records_rename_themselves_and_what_is_around_them(request in logs(), seed: u64, bits: u64) {
        let bytes = scramble(Signal::Logs, &request.encode_to_vec(), &mut Choices::new(seed));
        let mut route = route(Signal::Logs, &[Level::Record]);
        route.writes = Levels::of(&[Level::Resource, Level::Scope]);
        let mut mask = Mask(bits, 0);
        let (out, _) = walked(&route, &bytes, |at, changes| {
            if mask.next() {
                changes.replace(Level::Record, &renamed(at.message(), 12, "new"));
            }
            if mask.next() {
                changes.replace(Level::Scope, &renamed(at.message_of(Level::Scope), 3, "scope schema"));
            }
            if mask.next() {
                changes.replace(Level::Resource, &renamed(at.message_of(Level::Resource), 3, "schema"));
            }
            Verdict::Keep
        });
        let mut expected = request;
        let mut mask = Mask(bits, 0);
        for resource in &mut expected.resource_logs {
            for scope in &mut resource.scope_logs {
                for record in &mut scope.log_records {
                    if mask.next() {
                        record.event_name = "new".into();
                    }
                    if mask.next() {
                        scope.schema_url = "scope schema".into();
                    }
                    if mask.next() {
                        resource.schema_url = "schema".into();
                    }
                }
            }
        }
        prop_assert_eq!(Logs::decode(&out[..]).expect("sound"), expected);
    }

    #[test]
    fn points_rename_themselves_and_their_metric(request in metrics(), seed: u64, bits: u64) {
        let bytes = scramble(Signal::Metrics, &request.encode_to_vec(), &mut Choices::new(seed));
        let mut route = route(Signal::Metrics, &[Level::Record, Level::Child]);
        route.writes = Levels::of(&[Level::Record]);
        let (mut metrics, mut points) = (Mask(bits, 0), Mask(bits.reverse_bits(), 0));
        let (out, _) = walked(&route, &bytes, |at, changes| {
            if at.level == Level::Record {
                if metrics.next() {
                    changes.replace(Level::Record, &renamed(at.message(), 2, "described"));
                }
                return Verdict::Keep;
            }
            assert!(at.data.is_some());
            if points.next() {
                changes.replace(Level::Record, &renamed(at.message_of(Level::Record), 1, "by point"));
            }
            if matches!(at.data, Some(Data::Gauge | Data::Sum)) && points.next() {
                let mut out = Vec::new();
                fields::replace(at.message(), &[4, 6], &[0x31, 7, 0, 0, 0, 0, 0, 0, 0], &mut out)
                    .expect("sound");
                changes.replace(Level::Child, &out);
            }
            Verdict::Keep
        });
        let mut expected = request;
        let (mut metrics, mut masked) = (Mask(bits, 0), Mask(bits.reverse_bits(), 0));
        for resource in &mut expected.resource_metrics {
            for metric in resource.scope_metrics.iter_mut().flat_map(|scope| &mut scope.metrics) {
                if metrics.next() {
                    metric.description = "described".into();
                }
                rename_by_points(metric, &mut masked);
            }
        }
        prop_assert_eq!(Metrics::decode(&out[..]).expect("sound"), expected);
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        bits: u64,
    ) {
        for signal in Signal::ALL {
            let mut route = route(signal, &Level::ALL);
            route.writes = Levels::of(&Level::ALL);
            route.prunes = Levels::of(&Level::ALL);
            let mut mask = Mask(bits, 0);
            let mut visitor = With(|at: At<'_>, changes: &mut Changes| {
                if mask.next() {
                    changes.replace(at.level, &[]);
                }
                if mask.next() { Verdict::Drop } else { Verdict::Keep }
            });
            let mut editor = Editor::default();
            if editor.run(&route, &bytes, &mut visitor).is_ok() {
                let mut out = Vec::new();
                editor.write(&bytes, &mut out);
                prop_assert_eq!(out.len() as u64, editor.bytes());
            }
        }
    }
}

fn rename_by_points(metric: &mut Metric, mask: &mut Mask) {
    use metric::Data::{Gauge, Sum};
    let Metric { name, data, .. } = metric;
    let mut rename = |mask: &mut Mask| {
        if mask.next() {
            *name = "by point".into();
        }
    };
    let mut number = |point: &mut opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| {
        rename(mask);
        if mask.next() {
            point.value = Some(number_data_point::Value::AsInt(7));
        }
    };
    match data {
        Some(Gauge(data)) => data.data_points.iter_mut().for_each(&mut number),
        Some(Sum(data)) => data.data_points.iter_mut().for_each(&mut number),
        _ => {
            for _ in 0..points(metric) {
                if mask.next() {
                    metric.name = "by point".into();
                }
            }
        }
    }
}

fn one_metric(data: &[(u32, usize)]) -> Vec<u8> {
    let mut metric = Vec::new();
    put_bytes(&mut metric, 1, b"m");
    for (number, points) in data {
        let mut inner = Vec::new();
        (0..*points).for_each(|_| put_bytes(&mut inner, 1, &[]));
        put_bytes(&mut metric, *number, &inner);
    }
    let mut out = metric;
    for number in [2, 2, 1] {
        let mut outer = Vec::new();
        put_bytes(&mut outer, number, &out);
        out = outer;
    }
    out
}

#[test]
fn of_a_metric_with_data_twice_the_last_kind_counts() {
    let check = |data: &[(u32, usize)], expect: u64| {
        let request = one_metric(data);
        let mut seen = 0;
        let route = route(Signal::Metrics, &[Level::Child]);
        let (_, summary) = walked(&route, &request, |_, _| {
            seen += 1;
            Verdict::Drop
        });
        assert_eq!((seen, summary.dropped), (expect, expect), "{data:?}");
        assert_eq!(records(Signal::Metrics, &request), expect);
    };
    check(&[(5, 2), (5, 1)], 3);
    check(&[(5, 2), (9, 1)], 1);
    check(&[(5, 2), (9, 1), (5, 1)], 1);
    check(&[(5, 1), (7, 0)], 0);
}

#[test]
fn appended_siblings_are_visited_and_bounded() {
    let request = one_metric(&[(5, 1)]);
    let route = route(Signal::Metrics, &[Level::Record]);
    let (out, _) = walked(&route, &request, |at, changes| {
        if fields::last(at.message(), 1) == Ok(Some(crate::wire::Value::Bytes(b"m"))) {
            changes.append(renamed(at.message(), 1, "copy")).expect("the first");
        } else {
            changes.replace(Level::Record, &renamed(at.message(), 3, "seen"));
        }
        Verdict::Keep
    });
    let out = Metrics::decode(&out[..]).expect("sound");
    let metrics = &out.resource_metrics[0].scope_metrics[0].metrics;
    let seen = metrics.iter().map(|metric| (metric.name.as_str(), metric.unit.as_str()));
    assert_eq!(seen.collect::<Vec<_>>(), [("m", ""), ("copy", "seen")]);

    let mut appended = 0;
    walked(&route, &request, |at, changes| {
        appended += usize::from(changes.append(at.message().to_vec()).is_ok());
        Verdict::Keep
    });
    assert_eq!(appended, MAX_GENERATIONS as usize);
}

#[test]
fn a_record_that_cannot_be_walked_stays_if_that_is_no_error() {
    struct Patient(usize);
    impl Visitor for Patient {
        type Error = Malformed;
        fn visit(&mut self, _: At<'_>, _: &mut Changes) -> Result<Verdict, Malformed> {
            Ok(Verdict::Drop)
        }
        fn malformed(&mut self) -> Result<(), Malformed> {
            self.0 += 1;
            Ok(())
        }
    }
    let mut scope = Vec::new();
    put_bytes(&mut scope, 2, &[0x5a, 0, 0x5a, 9]);
    put_bytes(&mut scope, 2, &[0x5a, 0]);
    let (mut resource, mut request) = (Vec::new(), Vec::new());
    put_bytes(&mut resource, 2, &scope);
    put_bytes(&mut request, 1, &resource);
    let mut editor = Editor::default();
    let mut visitor = Patient(0);
    editor.run(&route(Signal::Traces, &[Level::Child]), &request, &mut visitor).expect("patient");
    let mut out = Vec::new();
    editor.write(&request, &mut out);
    assert_eq!(visitor.0, 1);
    assert_eq!(out, [0x0a, 10, 0x12, 8, 0x12, 4, 0x5a, 0, 0x5a, 9, 0x12, 0]);
}

#[test]
fn profiles_pass() {
    let (out, _) = walked(&route(Signal::Profiles, &Level::ALL), &[0x0a, 0], |_, _| Verdict::Drop);
    assert_eq!(out, [0x0a, 0]);
}

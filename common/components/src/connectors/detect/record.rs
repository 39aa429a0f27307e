//! An opened alarm as an OTLP log record (contract section 4).

use detect::{Direction, Verdict};
use otlp::wire::{put_bytes, put_fixed64, put_message, put_uint, put_varint};

/// OTLP: SEVERITY_NUMBER_WARN.
const WARN: u64 = 13;
const SCOPE: &str = "medulla.detect";
const EVENT: &str = "medulla.anomaly";

/// An alarm that opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alarm<'a> {
    pub(super) series: &'a str,
    /// The resource as it stood in the request.
    pub(super) resource: &'a [u8],
    pub(super) time_ns: u64,
    pub(super) observed_ns: u64,
    pub(super) value: f64,
    pub(super) verdict: Verdict,
    pub(super) id: &'a str,
    pub(super) node: &'a str,
    pub(super) sequence: u64,
}

/// Appends the alarm to a logs request: `ResourceLogs` with one record.
pub(super) fn put(out: &mut Vec<u8>, alarm: &Alarm<'_>) {
    put_message(out, 1, |out| {
        put_bytes(out, 1, alarm.resource);
        put_message(out, 2, |out| {
            put_message(out, 1, |out| put_bytes(out, 1, SCOPE.as_bytes()));
            put_message(out, 2, |out| record(out, alarm));
        });
    });
}

fn record(out: &mut Vec<u8>, alarm: &Alarm<'_>) {
    let reason = reason(alarm);
    put_fixed64(out, 1, alarm.time_ns);
    put_uint(out, 2, WARN);
    put_bytes(out, 3, b"WARN");
    let body = format!("{}: {reason}", alarm.series);
    put_message(out, 5, |out| put_bytes(out, 1, body.as_bytes()));
    text(out, "event.name", EVENT);
    text(out, "medulla.event.id", alarm.id);
    text(out, "medulla.node.id", alarm.node);
    whole(out, "medulla.node.seq", alarm.sequence);
    text(out, "medulla.series", alarm.series);
    number(out, "medulla.score", alarm.verdict.score);
    number(out, "medulla.baseline", alarm.verdict.baseline);
    text(out, "medulla.reason", &reason);
    put_fixed64(out, 11, alarm.observed_ns);
    put_bytes(out, 12, EVENT.as_bytes());
}

fn reason(alarm: &Alarm<'_>) -> String {
    let side = match alarm.verdict.direction {
        Direction::Up => "above",
        Direction::Down => "below",
    };
    let Verdict { score, baseline, statistic, .. } = alarm.verdict;
    format!(
        "{} is {side} usual, value {:.6}, baseline {baseline:.6}, score {score:.2}",
        statistic.name(),
        alarm.value,
    )
}

fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    attribute(out, key, |out| put_bytes(out, 1, value.as_bytes()));
}

fn whole(out: &mut Vec<u8>, key: &str, value: u64) {
    // A member of a oneof is written even when it is the default.
    attribute(out, key, |out| {
        put_varint(out, 3 << 3);
        put_varint(out, value);
    });
}

fn number(out: &mut Vec<u8>, key: &str, value: f64) {
    attribute(out, key, |out| {
        put_varint(out, 4 << 3 | 1);
        out.extend(value.to_bits().to_le_bytes());
    });
}

/// OTLP: KeyValue in the attributes of a log record.
fn attribute(out: &mut Vec<u8>, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
    put_message(out, 6, |out| {
        put_bytes(out, 1, key.as_bytes());
        put_message(out, 2, value);
    });
}

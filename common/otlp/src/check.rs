//! The one look at a request that every record pays for: is the framing sound, and how many records
//! are there?
//!
//! The walk goes from the request over resources and scopes to the boundaries of the records (for
//! metrics, of the data points), and no further: what is inside a record is looked at by whoever
//! reads it. Texts are not checked for UTF-8. Unknown fields are fine on every level. Depth is
//! fixed by the format, and each byte is looked at no more than once per level.

use crate::Signal;
use crate::json::unpack;
use crate::level::Level;
use crate::schema::{self, Kind, MAX_DEPTH, Message, Row, Rule};
use crate::wire::{Fields, Malformed, Value};

/// What a request holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Spans, metric points, log records, or profiles.
    pub records: u64,
}

/// Walks the framing of an export request.
pub fn check(signal: Signal, request: &[u8]) -> Result<Tally, Malformed> {
    let records = match signal {
        Signal::Metrics => {
            sum(request, 1, |resource| sum(resource, 2, |scope| sum(scope, 2, points)))
        }
        _ => sum(request, 1, |resource| sum(resource, 2, count)),
    }?;
    Ok(Tally { records })
}

/// Walks every known message of an export request: wire types, UTF-8, nesting up to [`MAX_DEPTH`].
/// For those who read records. Of profiles only the framing is known.
pub fn check_deep(signal: Signal, request: &[u8]) -> Result<Tally, Malformed> {
    if let Some(message) = schema::request(signal) {
        walk(message, request, MAX_DEPTH)?;
    }
    check(signal, request)
}

/// Records in a message of a request that stands at `level`.
pub(crate) fn records(signal: Signal, level: Level, message: &[u8]) -> Result<u64, Malformed> {
    match (signal, level) {
        (Signal::Metrics, Level::Resource) => sum(message, 2, |scope| sum(scope, 2, points)),
        (Signal::Metrics, Level::Scope) => sum(message, 2, points),
        (Signal::Metrics, Level::Record) => points(message),
        (Signal::Metrics, Level::Child) => Ok(1),
        (_, Level::Resource) => sum(message, 2, count),
        (_, Level::Scope) => count(message),
        (_, Level::Record) => Ok(1),
        (_, Level::Child | Level::Leaf) => Ok(0),
    }
}

fn walk(message: &Message, bytes: &[u8], depth: usize) -> Result<(), Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.try_next()? {
        if let Some(row) = message.fields.iter().find(|row| row.number == field.number) {
            walk_field(row, field.value, depth)?;
        }
    }
    Ok(())
}

fn walk_field(row: &Row, value: Value<'_>, depth: usize) -> Result<(), Malformed> {
    match (row.kind, value) {
        (Kind::Message(message), Value::Bytes(inner)) => walk(message, inner, depth),
        (Kind::Text, Value::Bytes(text)) => {
            std::str::from_utf8(text).map(|_| ()).map_err(|_| Malformed)
        }
        (Kind::Bytes | Kind::Id, Value::Bytes(_)) => Ok(()),
        (Kind::Message(_) | Kind::Text | Kind::Bytes | Kind::Id, _) => Err(Malformed),
        (kind, Value::Bytes(packed)) if row.rule == Rule::Repeated => walk_packed(kind, packed),
        (Kind::Fixed64 | Kind::Sfixed64 | Kind::Double, Value::Fixed64(_))
        | (Kind::Fixed32, Value::Fixed32(_)) => Ok(()),
        (Kind::Fixed64 | Kind::Sfixed64 | Kind::Double | Kind::Fixed32, _) => Err(Malformed),
        (_, Value::Varint(_)) => Ok(()),
        _ => Err(Malformed),
    }
}

fn walk_packed(kind: Kind, packed: &[u8]) -> Result<(), Malformed> {
    let mut rest = packed;
    while !rest.is_empty() {
        (_, rest) = unpack(kind, rest)?;
    }
    Ok(())
}

/// Field numbers of a metric's kinds of data: gauge, sum, histogram, exponential histogram, summary.
pub(crate) const METRIC_DATA: [u32; 5] = [5, 7, 9, 10, 11];

/// The data points of a metric. Of a `oneof` the last one written counts.
fn points(metric: &[u8]) -> Result<u64, Malformed> {
    let mut points = 0;
    let mut last = 0;
    let mut fields = Fields::new(metric);
    while let Some(field) = fields.try_next()? {
        let Value::Bytes(data) = field.value else { continue };
        if METRIC_DATA.contains(&field.number) {
            let here = repeated(data, 1)?;
            // The same kind written again is merged, another kind replaces it.
            points = if last == field.number { points + here } else { here };
            last = field.number;
        }
    }
    Ok(points)
}

/// The records of a scope.
fn count(scope: &[u8]) -> Result<u64, Malformed> {
    repeated(scope, 2)
}

/// How often the message field `number` stands in `message`.
fn repeated(message: &[u8], number: u32) -> Result<u64, Malformed> {
    sum(message, number, |_| Ok(1))
}

/// The sum of `weigh` over the message fields `number` of `message`.
fn sum(
    message: &[u8],
    number: u32,
    mut weigh: impl FnMut(&[u8]) -> Result<u64, Malformed>,
) -> Result<u64, Malformed> {
    let mut total = 0;
    let mut fields = Fields::new(message);
    while let Some(field) = fields.try_next()? {
        if field.number == number {
            let Value::Bytes(inner) = field.value else { return Err(Malformed) };
            total += weigh(inner)?;
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::put_bytes;

    fn nested(levels: &[u32], leaves: usize) -> Vec<u8> {
        let Some((&number, rest)) = levels.split_first() else { return vec![0x78, 1] };
        let mut out = Vec::new();
        for _ in 0..if rest.is_empty() { leaves } else { 1 } {
            put_bytes(&mut out, number, &nested(rest, leaves));
        }
        out
    }

    #[test]
    fn records_are_counted_per_signal() {
        let check = |signal, body: &[u8], records| {
            assert_eq!(check(signal, body), Ok(Tally { records }), "{signal}");
        };
        check(Signal::Traces, &nested(&[1, 2, 2], 5), 5);
        check(Signal::Logs, &nested(&[1, 2, 2], 3), 3);
        check(Signal::Metrics, &nested(&[1, 2, 2, 9, 1], 4), 4);
        check(Signal::Metrics, &nested(&[1, 2, 2, 12, 1], 4), 0);
        check(Signal::Profiles, &nested(&[1, 2, 2], 2), 2);
        check(Signal::Traces, &[], 0);
    }

    #[test]
    fn a_cut_anywhere_above_a_record_is_found() {
        let body = nested(&[1, 2, 2], 3);
        for end in 1..body.len() {
            assert_eq!(super::check(Signal::Traces, &body[..end]), Err(Malformed), "at {end}");
        }
    }
}

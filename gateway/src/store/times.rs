//! When log records and metric points are from.

use otlp::edit::Data;
use otlp::wire::{Fields, Value};
use otlp::{Malformed, Signal};

use super::index::signed;

/// The time of a log record or a point, in nanoseconds since 1970; 0 if it does not say.
pub(super) fn of_record(signal: Signal, record: &[u8]) -> Result<u64, Malformed> {
    // OTLP: a log record without a time is from when it was observed.
    let (number, fallback) = match signal {
        Signal::Logs => (1, 11),
        _ => (3, 3),
    };
    let (mut time, mut observed) = (0, 0);
    let mut fields = Fields::new(record);
    while let Some(field) = fields.try_next()? {
        match (field.number, field.value) {
            (it, Value::Fixed64(ns)) if it == number => time = ns,
            (it, Value::Fixed64(ns)) if it == fallback => observed = ns,
            _ => {}
        }
    }
    Ok(if time == 0 { observed } else { time })
}

/// First and last time of a request's records; those that do not say are from `received_ns`.
pub(super) fn of_request(
    signal: Signal,
    request: &[u8],
    received_ns: i64,
) -> Result<Option<(i64, i64)>, Malformed> {
    let mut times: Option<(i64, i64)> = None;
    each_record(request, way_to(signal), &mut |record| {
        let time = match of_record(signal, record)? {
            0 => received_ns,
            ns => signed(ns),
        };
        let (min, max) = times.unwrap_or((time, time));
        times = Some((min.min(time), max.max(time)));
        Ok(())
    })?;
    Ok(times)
}

/// The numbers of the fields, level by level, that lead to the records.
fn way_to(signal: Signal) -> &'static [&'static [u32]] {
    const DATA: [u32; 5] = [
        Data::Gauge.number(),
        Data::Sum.number(),
        Data::Histogram.number(),
        Data::ExponentialHistogram.number(),
        Data::Summary.number(),
    ];
    match signal {
        Signal::Metrics => &[&[1], &[2], &[2], &DATA, &[1]],
        _ => &[&[1], &[2], &[2]],
    }
}

fn each_record(
    message: &[u8],
    way: &[&[u32]],
    see: &mut impl FnMut(&[u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let Some((numbers, way)) = way.split_first() else { return see(message) };
    let mut fields = Fields::new(message);
    while let Some(field) = fields.try_next()? {
        if let Value::Bytes(inner) = field.value
            && numbers.contains(&field.number)
        {
            each_record(inner, way, see)?;
        }
    }
    Ok(())
}

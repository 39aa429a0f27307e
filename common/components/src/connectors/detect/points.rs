//! The values in a metrics request, read where they stand: every point of a watched metric as a series
//! and a reading.
//!
//! Gauges and sums give their number, histograms of both kinds their sum and count. Summaries have no
//! level of their own and are left out.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use otlp::wire::{Fields, Malformed, Value};

/// OTLP: AGGREGATION_TEMPORALITY_CUMULATIVE.
const CUMULATIVE: u64 = 2;
/// OTLP: DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK.
const NO_VALUE: u64 = 1;
/// A series' name is cut after this many bytes; the rest still tells series apart.
const NAME_BYTES_MAX: usize = 512;

/// What a point says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reading {
    /// The value itself.
    Level(f64),
    /// A total since the start: its growth per second counts.
    Total(f64),
    /// What was added since `start_ns`.
    Added { value: f64, start_ns: u64 },
    /// Sum and count since the start: the mean of what was added counts.
    TotalMean { sum: f64, count: f64 },
}

/// A point of a series.
#[derive(Clone, Debug)]
pub(super) struct Point<'a> {
    /// `METRIC{key=value,...}`.
    pub(super) name: &'a str,
    /// Tells series of the same name apart by their resource.
    pub(super) identity: u64,
    /// The resource as it stands.
    pub(super) resource: &'a [u8],
    pub(super) time_ns: u64,
    pub(super) reading: Reading,
}

/// Calls `each` for every point of a metric that `watches` names.
pub(super) fn walk(
    request: &[u8],
    watches: impl Fn(&str) -> bool,
    mut each: impl FnMut(&Point<'_>),
) -> Result<(), Malformed> {
    let mut name = String::new();
    for_messages(request, 1, |group| {
        let mut resource: &[u8] = &[];
        for_messages(group, 1, |bytes| {
            resource = bytes;
            Ok(())
        })?;
        for_messages(group, 2, |scope| {
            for_messages(scope, 2, |metric| {
                let metric = Metric::read(metric)?;
                if watches(metric.name) {
                    metric.points(resource, &mut name, &mut each)?;
                }
                Ok(())
            })
        })
    })
}

/// A metric and where its points are.
struct Metric<'a> {
    name: &'a str,
    /// The field of `Metric` that holds the data: 5 gauge, 7 sum, 9 and 10 histograms.
    kind: u32,
    data: &'a [u8],
    cumulative: bool,
    monotonic: bool,
}

impl<'a> Metric<'a> {
    fn read(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut metric = Self { name: "", kind: 0, data: &[], cumulative: false, monotonic: false };
        let mut fields = Fields::new(message);
        while let Some(field) = fields.try_next()? {
            match (field.number, field.value) {
                (1, Value::Bytes(name)) => {
                    metric.name = std::str::from_utf8(name).map_err(|_| Malformed)?;
                }
                (5 | 7 | 9 | 10, Value::Bytes(data)) => {
                    (metric.kind, metric.data) = (field.number, data);
                }
                _ => {}
            }
        }
        metric.aggregation()?;
        Ok(metric)
    }

    fn aggregation(&mut self) -> Result<(), Malformed> {
        let mut fields = Fields::new(self.data);
        while let Some(field) = fields.try_next()? {
            match (field.number, field.value) {
                (2, Value::Varint(temporality)) => self.cumulative = temporality == CUMULATIVE,
                (3, Value::Varint(monotonic)) => self.monotonic = monotonic != 0,
                _ => {}
            }
        }
        Ok(())
    }

    fn points(
        &self,
        resource: &[u8],
        name: &mut String,
        each: &mut impl FnMut(&Point<'_>),
    ) -> Result<(), Malformed> {
        for_messages(self.data, 1, |message| {
            let raw = Raw::read(message, self.kind)?;
            let Some(reading) = self.reading(&raw) else { return Ok(()) };
            let identity = raw.describe(self.name, resource, name)?;
            each(&Point { name, identity, resource, time_ns: raw.time_ns, reading });
            Ok(())
        })
    }

    fn reading(&self, raw: &Raw<'_>) -> Option<Reading> {
        if raw.flags & NO_VALUE != 0 {
            return None;
        }
        match (self.kind, self.cumulative) {
            (5, _) => raw.number.map(Reading::Level),
            (7, true) if self.monotonic => raw.number.map(Reading::Total),
            (7, true) => raw.number.map(Reading::Level),
            (7, false) => raw.number.map(|value| Reading::Added { value, start_ns: raw.start_ns }),
            (9 | 10, true) => raw.sum.map(|sum| Reading::TotalMean { sum, count: raw.count }),
            (9 | 10, false) => {
                raw.sum.filter(|_| raw.count > 0.0).map(|sum| Reading::Level(sum / raw.count))
            }
            _ => None,
        }
    }
}

/// A point's fields.
#[derive(Default)]
struct Raw<'a> {
    message: &'a [u8],
    attributes_field: u32,
    start_ns: u64,
    time_ns: u64,
    number: Option<f64>,
    sum: Option<f64>,
    count: f64,
    flags: u64,
}

impl<'a> Raw<'a> {
    fn read(message: &'a [u8], kind: u32) -> Result<Self, Malformed> {
        let attributes_field = match kind {
            9 => 9,
            10 => 1,
            _ => 7,
        };
        let mut raw = Self { message, attributes_field, ..Self::default() };
        let mut fields = Fields::new(message);
        while let Some(field) = fields.try_next()? {
            raw.take(kind, field.number, field.value);
        }
        Ok(raw)
    }

    fn take(&mut self, kind: u32, number: u32, value: Value<'_>) {
        let is_number = kind == 5 || kind == 7;
        match (number, value) {
            (2, Value::Fixed64(start)) => self.start_ns = start,
            (3, Value::Fixed64(time)) => self.time_ns = time,
            (4, Value::Fixed64(bits)) if is_number => self.number = Some(f64::from_bits(bits)),
            (6, Value::Fixed64(bits)) if is_number => {
                self.number = Some(bits.cast_signed() as f64);
            }
            (4, Value::Fixed64(count)) => self.count = count as f64,
            (5, Value::Fixed64(bits)) => self.sum = Some(f64::from_bits(bits)),
            (8, Value::Varint(flags)) if is_number => self.flags = flags,
            (10, Value::Varint(flags)) => self.flags = flags,
            _ => {}
        }
    }

    /// Writes the series' name and returns its identity.
    fn describe(&self, metric: &str, resource: &[u8], name: &mut String) -> Result<u64, Malformed> {
        let mut pairs = Vec::new();
        for_messages(self.message, self.attributes_field, |attribute| {
            pairs.push(key_value(attribute)?);
            Ok(())
        })?;
        pairs.sort_unstable();
        let mut hasher = DefaultHasher::new();
        (metric, resource, &pairs).hash(&mut hasher);
        write_name(name, metric, &pairs);
        Ok(hasher.finish())
    }
}

fn write_name(name: &mut String, metric: &str, pairs: &[(&str, String)]) {
    name.clear();
    name.push_str(metric);
    for (index, (key, value)) in pairs.iter().enumerate() {
        name.push(if index == 0 { '{' } else { ',' });
        let _ = write!(name, "{key}={value}");
    }
    if !pairs.is_empty() {
        name.push('}');
    }
    let end = name.floor_char_boundary(NAME_BYTES_MAX);
    name.truncate(end);
}

/// A `KeyValue` with a scalar written out; other values are empty.
fn key_value(message: &[u8]) -> Result<(&str, String), Malformed> {
    let (mut key, mut text) = ("", String::new());
    let mut fields = Fields::new(message);
    while let Some(field) = fields.try_next()? {
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => key = std::str::from_utf8(bytes).map_err(|_| Malformed)?,
            (2, Value::Bytes(any)) => text = scalar(any)?,
            _ => {}
        }
    }
    Ok((key, text))
}

fn scalar(any: &[u8]) -> Result<String, Malformed> {
    let mut text = String::new();
    let mut fields = Fields::new(any);
    while let Some(field) = fields.try_next()? {
        text = match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            (2, Value::Varint(value)) => (value != 0).to_string(),
            (3, Value::Varint(value)) => value.cast_signed().to_string(),
            (4, Value::Fixed64(bits)) => f64::from_bits(bits).to_string(),
            _ => continue,
        };
    }
    Ok(text)
}

/// Calls `each` for every message in field `number`.
fn for_messages<'a>(
    message: &'a [u8],
    number: u32,
    mut each: impl FnMut(&'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut fields = Fields::new(message);
    while let Some(field) = fields.try_next()? {
        if let (true, Value::Bytes(bytes)) = (field.number == number, field.value) {
            each(bytes)?;
        }
    }
    Ok(())
}

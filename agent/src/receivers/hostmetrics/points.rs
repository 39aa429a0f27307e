//! Points of one resource: taken one by one, combined as the user chose, written as OTLP.

use std::collections::BTreeMap;

use otlp::wire::{put_bytes, put_fixed64, put_message, put_uint};

use super::super::attribute::{Value, put_attribute};
use super::metric::{Choice, Combine, Data, Metric};

/// OTLP: AggregationTemporality.
const CUMULATIVE: u64 = 2;
/// The semantic conventions that the Collector's scrapers follow.
const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.9.0";

/// A value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int(i64),
    Double(f64),
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

/// What the points of a metric with the same attributes came to.
#[derive(Clone, Copy, Debug)]
struct Point {
    value: Number,
    count: u32,
}

/// The points so far, by the values of the attributes that are kept.
pub(super) struct Points<'a> {
    metrics: &'static [Metric],
    choices: &'a [Choice],
    series: Vec<BTreeMap<Vec<String>, Point>>,
}

/// What a batch of points belongs to.
pub(super) struct Origin<'a> {
    pub(super) scope: &'a str,
    pub(super) resource: &'a [(&'static str, Value<'a>)],
    /// Since when sums count.
    pub(super) start_ns: u64,
    pub(super) now_ns: u64,
}

impl<'a> Points<'a> {
    /// None yet.
    pub(super) fn new(metrics: &'static [Metric], choices: &'a [Choice]) -> Self {
        Self { metrics, choices, series: vec![BTreeMap::new(); metrics.len()] }
    }

    fn index(&self, metric: &Metric) -> usize {
        let found = self.metrics.iter().position(|known| known.name == metric.name);
        found.expect("a scraper lists its metrics")
    }

    /// Whether a metric is made.
    pub(super) fn wants(&self, metric: &Metric) -> bool {
        self.choices[self.index(metric)].enabled
    }

    /// Whether a metric is made and keeps an attribute.
    pub(super) fn keeps(&self, metric: &Metric, key: &str) -> bool {
        let choice = &self.choices[self.index(metric)];
        choice.enabled && choice.kept.iter().any(|index| metric.attributes[*index].key == key)
    }

    /// Adds a point with a value for each attribute of the metric. What is not a number is left out.
    pub(super) fn add(&mut self, metric: &Metric, attributes: &[&str], value: Number) {
        debug_assert_eq!(metric.attributes.len(), attributes.len(), "{}", metric.name);
        let index = self.index(metric);
        let choice = &self.choices[index];
        if !choice.enabled || matches!(value, Number::Double(value) if !value.is_finite()) {
            return;
        }
        let key = choice.kept.iter().map(|kept| attributes[*kept].to_owned()).collect();
        let new = Point { value, count: 1 };
        let points = self.series[index].entry(key);
        points.and_modify(|point| point.join(value, choice.combine)).or_insert(new);
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.series.iter().map(BTreeMap::len).sum()
    }

    /// Forgets them.
    pub(super) fn clear(&mut self) {
        self.series.iter_mut().for_each(BTreeMap::clear);
    }

    /// OTLP: ResourceMetrics.
    pub(super) fn encode(&self, origin: &Origin<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        put_message(&mut out, 1, |out| {
            let attributes = origin.resource.iter();
            attributes.for_each(|(key, value)| put_attribute(out, 1, key, *value));
        });
        put_message(&mut out, 2, |out| {
            put_message(out, 1, |out| {
                put_bytes(out, 1, origin.scope.as_bytes());
                put_bytes(out, 2, env!("CARGO_PKG_VERSION").as_bytes());
            });
            for (index, points) in self.series.iter().enumerate() {
                if !points.is_empty() {
                    put_message(out, 2, |out| self.put_metric(out, index, origin));
                }
            }
        });
        put_bytes(&mut out, 3, SCHEMA_URL.as_bytes());
        out
    }

    fn put_metric(&self, out: &mut Vec<u8>, index: usize, origin: &Origin<'_>) {
        let (metric, choice) = (&self.metrics[index], &self.choices[index]);
        put_bytes(out, 1, metric.name.as_bytes());
        put_bytes(out, 2, metric.description.as_bytes());
        put_bytes(out, 3, metric.unit.as_bytes());
        let points = |out: &mut Vec<u8>| {
            for (key, point) in &self.series[index] {
                put_message(out, 1, |out| {
                    for (attribute, value) in choice.kept.iter().zip(key) {
                        let name = metric.attributes[*attribute].key;
                        put_attribute(out, 7, name, Value::Text(value));
                    }
                    put_fixed64(out, 2, origin.start_ns);
                    put_fixed64(out, 3, origin.now_ns);
                    put_number(out, point.result(choice.combine));
                });
            }
        };
        match metric.data {
            Data::Gauge => put_message(out, 5, points),
            Data::Sum | Data::Counter => put_message(out, 7, |out| {
                points(out);
                put_uint(out, 2, CUMULATIVE);
                put_uint(out, 3, u64::from(metric.data == Data::Counter));
            }),
        }
    }

    /// Each point as a line of text: `system.cpu.time{state=user} 1.5`.
    #[cfg(test)]
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (index, points) in self.series.iter().enumerate() {
            let (metric, choice) = (&self.metrics[index], &self.choices[index]);
            for (key, point) in points {
                let pairs = choice.kept.iter().zip(key);
                let pairs =
                    pairs.map(|(at, value)| format!("{}={value}", metric.attributes[*at].key));
                let attributes = pairs.collect::<Vec<_>>().join(",");
                let value = match point.result(choice.combine) {
                    Number::Int(value) => value.to_string(),
                    Number::Double(value) => format!("{value:?}"),
                };
                lines.push(format!("{}{{{attributes}}} {value}", metric.name));
            }
        }
        lines
    }
}

impl Point {
    fn join(&mut self, value: Number, how: Combine) {
        self.count = self.count.saturating_add(1);
        self.value = match (self.value, value) {
            (Number::Int(a), Number::Int(b)) => Number::Int(match how {
                Combine::Sum | Combine::Average => a.saturating_add(b),
                Combine::Least => a.min(b),
                Combine::Most => a.max(b),
            }),
            (a, b) => Number::Double(match how {
                Combine::Sum | Combine::Average => a.as_f64() + b.as_f64(),
                Combine::Least => a.as_f64().min(b.as_f64()),
                Combine::Most => a.as_f64().max(b.as_f64()),
            }),
        };
    }

    fn result(&self, how: Combine) -> Number {
        match (how, self.value) {
            (Combine::Average, Number::Int(sum)) => Number::Int(sum / i64::from(self.count)),
            (Combine::Average, Number::Double(sum)) => Number::Double(sum / f64::from(self.count)),
            (_, value) => value,
        }
    }
}

impl Number {
    fn as_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Double(value) => value,
        }
    }
}

/// OTLP: NumberDataPoint.value.
fn put_number(out: &mut Vec<u8>, number: Number) {
    match number {
        Number::Double(value) => put_fixed64(out, 4, value.to_bits()),
        Number::Int(value) => put_fixed64(out, 6, value.cast_unsigned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::metric::{off, on};
    use super::*;

    const TIME: Metric = Metric::counter(("time", "s"), &[off("cpu"), on("state")], "Time.");
    const SHARE: Metric = Metric::gauge(("share", "1"), &[on("cpu")], "Share.").opt_in();
    const METRICS: &[Metric] = &[TIME, SHARE];

    fn choice(kept: &[usize], combine: Combine) -> Choice {
        Choice { enabled: true, kept: kept.to_vec(), combine }
    }

    fn check(time: Choice, expect: &[&str]) {
        let choices = [time, Choice { enabled: false, ..choice(&[], Combine::Average) }];
        let mut points = Points::new(METRICS, &choices);
        points.add(&TIME, &["0", "user"], 4_u64.into());
        points.add(&TIME, &["0", "idle"], 1.5.into());
        points.add(&TIME, &["1", "user"], 3_u64.into());
        points.add(&TIME, &["1", "idle"], f64::NAN.into());
        points.add(&SHARE, &["1"], 1.0.into());
        assert_eq!(points.lines(), expect);
        assert_eq!(points.count(), expect.len());
        points.clear();
        assert_eq!(points.count(), 0);
    }

    #[test]
    fn points_that_differ_in_what_is_left_out_are_combined() {
        check(choice(&[1], Combine::Sum), &["time{state=idle} 1.5", "time{state=user} 7"]);
        check(choice(&[1], Combine::Average), &["time{state=idle} 1.5", "time{state=user} 3"]);
        check(choice(&[1], Combine::Least), &["time{state=idle} 1.5", "time{state=user} 3"]);
        check(choice(&[0], Combine::Most), &["time{cpu=0} 4.0", "time{cpu=1} 3"]);
        check(choice(&[], Combine::Sum), &["time{} 8.5"]);
        let both =
            ["time{cpu=0,state=idle} 1.5", "time{cpu=0,state=user} 4", "time{cpu=1,state=user} 3"];
        check(choice(&[0, 1], Combine::Sum), &both);
    }

    #[test]
    fn a_count_that_does_not_fit_stays_at_the_largest() {
        let choices = [choice(&[], Combine::Sum), choice(&[], Combine::Sum)];
        let mut points = Points::new(METRICS, &choices);
        points.add(&TIME, &["0", "user"], u64::MAX.into());
        points.add(&TIME, &["1", "user"], u64::MAX.into());
        assert_eq!(points.lines(), [format!("time{{}} {}", i64::MAX)]);
    }
}

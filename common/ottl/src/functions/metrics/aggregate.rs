//! Fewer attributes, fewer points.
//!
//! Points that agree in their remaining attributes, their time (and, in deltas, their start) and, for histograms,
//! their shape and flags become one. Numbers are put together as the function says, distributions are added up, but for
//! those that counted nothing. As in the reference, the metric's metadata is lost.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use super::group;
use super::message::{
    AggregationTemporality, ExponentialHistogramDataPoint, HistogramDataPoint, Metric,
    NumberDataPoint, decode, replaced,
};
use super::number::{Aggregation, merged};
use crate::RunError;
use crate::function::{Args, Blame, Change, Changed, Unfit};

mod numbers;

/// `aggregate_on_attributes(function, attributes)`: only the listed attributes stay; without a list all do.
pub(super) fn on_attributes(args: &Args<'_>) -> Result<Change, Unfit> {
    let aggregation = Aggregation::named(args.opt_str(0).unwrap_or("")).of_argument(0)?;
    let kept = match args.has(1) {
        true => Some(args.strs(1).of_argument(1)?),
        false => None,
    };
    Ok(Box::new(move |bytes, _| {
        let keeps = |key: &[u8]| {
            kept.as_ref().is_none_or(|kept| kept.iter().any(|it| it.as_bytes() == key))
        };
        if let Some(record) = numbers::on_attributes(bytes, aggregation, keeps)? {
            return Ok(Changed { record: Some(record), appended: Vec::new() });
        }
        let mut metric = decode(bytes)?;
        if let Some(Data::Summary(_)) = metric.data {
            return Err(RunError::new("summaries cannot be aggregated"));
        }
        Ok(aggregate(&mut metric, aggregation, |attributes| {
            if let Some(kept) = &kept {
                attributes.retain(|attribute| kept.contains(&attribute.key));
            }
        }))
    }))
}

/// `aggregate_on_attribute_value(function, attribute, values, new_value)`: the listed values become the new one.
pub(super) fn on_attribute_value(args: &Args<'_>) -> Result<Change, Unfit> {
    let aggregation = Aggregation::named(args.opt_str(0).unwrap_or("")).of_argument(0)?;
    let key = args.opt_str(1).unwrap_or("").to_owned();
    let values = args.strs(2).of_argument(2)?;
    let new_value = args.opt_str(3).unwrap_or("").to_owned();
    Ok(Box::new(move |bytes, _| {
        let mut metric = decode(bytes)?;
        Ok(aggregate(&mut metric, aggregation, |attributes| {
            let found = attributes.iter_mut().find(|attribute| attribute.key == key);
            let Some(KeyValue {
                value: Some(AnyValue { value: Some(Value::StringValue(text)) }),
                ..
            }) = found
            else {
                return;
            };
            if values.contains(text) {
                new_value.clone_into(text);
            }
        }))
    }))
}

fn aggregate(
    metric: &mut Metric,
    aggregation: Aggregation,
    edit: impl Fn(&mut Vec<KeyValue>),
) -> Changed {
    macro_rules! regroup {
        ($points:expr, $key:expr, $merge:expr) => {{
            let mut points = std::mem::take($points);
            points.iter_mut().for_each(|point| edit(&mut point.attributes));
            *$points = group::by(points, $key).into_iter().filter_map($merge).collect();
        }};
    }
    match &mut metric.data {
        None => return Changed::default(),
        // Only `aggregate_on_attribute_value` comes here with one, and empties it, as in the reference.
        Some(Data::Summary(data)) => data.data_points.clear(),
        Some(Data::Gauge(data)) => {
            regroup!(&mut data.data_points, |point, key| number_key(point, false, key), |group| {
                number(group, aggregation)
            });
        }
        Some(Data::Sum(data)) => {
            let delta = is_delta(data.aggregation_temporality);
            regroup!(&mut data.data_points, |point, key| number_key(point, delta, key), |group| {
                number(group, aggregation)
            });
        }
        Some(Data::Histogram(data)) => {
            let delta = is_delta(data.aggregation_temporality);
            regroup!(
                &mut data.data_points,
                |point, key| histogram_key(point, delta, key),
                histogram
            );
        }
        Some(Data::ExponentialHistogram(data)) => {
            let delta = is_delta(data.aggregation_temporality);
            regroup!(
                &mut data.data_points,
                |point, key| exponential_key(point, delta, key),
                exponential
            );
        }
    }
    metric.metadata.clear();
    replaced(metric)
}

fn is_delta(temporality: i32) -> bool {
    temporality == AggregationTemporality::Delta as i32
}

fn number_key(point: &NumberDataPoint, delta: bool, key: &mut Vec<u8>) {
    time_key(&point.attributes, point.time_unix_nano, point.start_time_unix_nano, delta, key);
}

fn time_key(attributes: &[KeyValue], time_ns: u64, start_ns: u64, delta: bool, key: &mut Vec<u8>) {
    group::write_attributes(attributes, key);
    key.extend(time_ns.to_le_bytes());
    key.extend(if delta { start_ns } else { 0 }.to_le_bytes());
}

fn histogram_key(point: &HistogramDataPoint, delta: bool, key: &mut Vec<u8>) {
    time_key(&point.attributes, point.time_unix_nano, point.start_time_unix_nano, delta, key);
    key.extend([u8::from(point.min.is_some()), u8::from(point.max.is_some())]);
    key.extend(point.flags.to_le_bytes());
    key.extend(point.bucket_counts.len().to_le_bytes());
    key.extend(point.explicit_bounds.iter().flat_map(|bound| bound.to_le_bytes()));
}

fn exponential_key(point: &ExponentialHistogramDataPoint, delta: bool, key: &mut Vec<u8>) {
    time_key(&point.attributes, point.time_unix_nano, point.start_time_unix_nano, delta, key);
    key.extend([u8::from(point.min.is_some()), u8::from(point.max.is_some())]);
    key.extend(point.flags.to_le_bytes());
    key.extend(point.scale.to_le_bytes());
    key.extend(point.zero_threshold.to_le_bytes());
    for buckets in [&point.positive, &point.negative].into_iter().flatten() {
        key.extend(buckets.offset.to_le_bytes());
        key.extend(buckets.bucket_counts.len().to_le_bytes());
    }
}

fn number(mut group: Vec<NumberDataPoint>, aggregation: Aggregation) -> Option<NumberDataPoint> {
    let values: Vec<_> = group.iter().map(|point| point.value).collect();
    let value = merged(&values, aggregation);
    let start_ns = group.iter().map(|point| point.start_time_unix_nano).min()?;
    let mut rest = group.drain(1..).flat_map(|point| point.exemplars).collect();
    let mut first = group.pop()?;
    first.value = value;
    first.start_time_unix_nano = start_ns;
    first.exemplars.append(&mut rest);
    Some(first)
}

fn histogram(group: Vec<HistogramDataPoint>) -> Option<HistogramDataPoint> {
    group.into_iter().reduce(|mut into, mut from| {
        if from.count == 0 {
            return into;
        }
        into.count = into.count.wrapping_add(from.count);
        into.sum = added(into.sum, from.sum);
        into.min = either(into.min, from.min, f64::min);
        into.max = either(into.max, from.max, f64::max);
        into.start_time_unix_nano = into.start_time_unix_nano.min(from.start_time_unix_nano);
        add(&mut into.bucket_counts, &from.bucket_counts);
        into.exemplars.append(&mut from.exemplars);
        into
    })
}

fn exponential(group: Vec<ExponentialHistogramDataPoint>) -> Option<ExponentialHistogramDataPoint> {
    group.into_iter().reduce(|mut into, mut from| {
        if from.count == 0 {
            return into;
        }
        into.count = into.count.wrapping_add(from.count);
        into.zero_count = into.zero_count.wrapping_add(from.zero_count);
        into.sum = added(into.sum, from.sum);
        into.min = either(into.min, from.min, f64::min);
        into.max = either(into.max, from.max, f64::max);
        into.start_time_unix_nano = into.start_time_unix_nano.min(from.start_time_unix_nano);
        add_buckets(&mut into.positive, from.positive);
        add_buckets(&mut into.negative, from.negative);
        into.exemplars.append(&mut from.exemplars);
        into
    })
}

fn add_buckets(into: &mut Option<Buckets>, from: Option<Buckets>) {
    match (into, from) {
        (Some(into), Some(from)) => add(&mut into.bucket_counts, &from.bucket_counts),
        (into @ None, from) => *into = from,
        (Some(_), None) => {}
    }
}

fn add(into: &mut [u64], from: &[u64]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into = into.wrapping_add(*from);
    }
}

fn added(left: Option<f64>, right: Option<f64>) -> Option<f64> {
    either(left, right, |left, right| left + right)
}

fn either(left: Option<f64>, right: Option<f64>, both: fn(f64, f64) -> f64) -> Option<f64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(both(left, right)),
        (left, right) => left.or(right),
    }
}

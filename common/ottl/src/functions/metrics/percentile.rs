//! Percentiles of distributions, estimated from their buckets.
//!
//! The rank is the smallest whole number of values that reach the percentile. Inside a bucket values are taken to lie
//! evenly: linearly for explicit bounds, logarithmically for exponential ones.

use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use super::message::{
    ExponentialHistogramDataPoint, Gauge, HistogramDataPoint, NumberDataPoint, appended, decode,
    derived, number_data_point::Value,
};
use crate::function::{Args, Blame, Change, Changed, Unfit};
use crate::json;

/// `extract_percentile_metric(percentile, suffix)`; points without values have no percentile.
pub(super) fn prepare(args: &Args<'_>) -> Result<Change, Unfit> {
    let percentile = args.double(0).of_argument(0)?;
    if !(percentile > 0.0 && percentile < 100.0) {
        let message = format!("the percentile {percentile} is not between 0 and 100");
        return Err(Unfit::argument(0, message));
    }
    let name = json::double_text(percentile);
    let suffix = args.opt_str(1).filter(|suffix| !suffix.is_empty());
    let suffix = suffix.map_or_else(|| format!("_p{name}"), str::to_owned);
    Ok(Box::new(move |bytes, _| {
        let mut metric = decode(bytes)?;
        let data_points = match &metric.data {
            Some(Data::Histogram(data)) => {
                let point = |point: &HistogramDataPoint| histogram_point(point, percentile);
                data.data_points.iter().filter_map(point).collect()
            }
            Some(Data::ExponentialHistogram(data)) => {
                let point =
                    |point: &ExponentialHistogramDataPoint| exponential_point(point, percentile);
                data.data_points.iter().filter_map(point).collect()
            }
            _ => Vec::new(),
        };
        if data_points.is_empty() {
            return Ok(Changed::default());
        }
        metric.description = format!("{} (p{name})", metric.description);
        Ok(appended(&derived(&metric, &suffix, Data::Gauge(Gauge { data_points }))))
    }))
}

fn histogram_point(point: &HistogramDataPoint, percentile: f64) -> Option<NumberDataPoint> {
    Some(NumberDataPoint {
        attributes: point.attributes.clone(),
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        value: Some(Value::AsDouble(of_histogram(point, percentile)?)),
        ..NumberDataPoint::default()
    })
}

fn exponential_point(
    point: &ExponentialHistogramDataPoint,
    percentile: f64,
) -> Option<NumberDataPoint> {
    Some(NumberDataPoint {
        attributes: point.attributes.clone(),
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        value: Some(Value::AsDouble(of_exponential(point, percentile)?)),
        ..NumberDataPoint::default()
    })
}

/// How many of `count` values are at or below the percentile.
fn rank(count: u64, percentile: f64) -> u64 {
    ((percentile / 100.0 * count as f64).ceil() as u64).clamp(1, count)
}

/// The bucket of the value of that rank: its index and how far inside the value is, above 0 and up to 1.
fn locate(counts: impl IntoIterator<Item = u64>, mut rank: u64) -> Result<(usize, f64), u64> {
    for (index, count) in counts.into_iter().enumerate() {
        if rank <= count {
            return Ok((index, rank as f64 / count as f64));
        }
        rank -= count;
    }
    Err(rank)
}

fn of_histogram(point: &HistogramDataPoint, percentile: f64) -> Option<f64> {
    let total = point.bucket_counts.iter().fold(0u64, |sum, count| sum.saturating_add(*count));
    if total == 0 {
        return None;
    }
    let (index, inside) =
        locate(point.bucket_counts.iter().copied(), rank(total, percentile)).ok()?;
    let bounds = &point.explicit_bounds;
    let upper = bounds.get(index).copied().or(point.max).or(bounds.last().copied())?;
    let lower = match index {
        0 => point.min.unwrap_or(upper.min(0.0)),
        _ => *bounds.get(index - 1)?,
    };
    Some(lower + inside * (upper - lower))
}

fn of_exponential(point: &ExponentialHistogramDataPoint, percentile: f64) -> Option<f64> {
    let empty = Buckets::default();
    let negative = point.negative.as_ref().unwrap_or(&empty);
    let positive = point.positive.as_ref().unwrap_or(&empty);
    let counts = negative.bucket_counts.iter().chain(&positive.bucket_counts);
    let total = counts.fold(point.zero_count, |sum, count| sum.saturating_add(*count));
    if total == 0 {
        return None;
    }
    // The most negative values first, so negative buckets are passed backwards.
    let last = negative.bucket_counts.len();
    let rest = match locate(negative.bucket_counts.iter().rev().copied(), rank(total, percentile)) {
        Ok((back, inside)) => {
            return Some(-within(negative.offset, last - 1 - back, 1.0 - inside, point.scale));
        }
        Err(rest) => rest,
    };
    if rest <= point.zero_count {
        return Some(0.0);
    }
    let (index, inside) =
        locate(positive.bucket_counts.iter().copied(), rest - point.zero_count).ok()?;
    Some(within(positive.offset, index, inside, point.scale))
}

/// The value that lies so far inside a bucket.
fn within(offset: i32, index: usize, inside: f64, scale: i32) -> f64 {
    let width = std::f64::consts::LN_2 * 2f64.powi(-scale);
    let lower = (f64::from(offset) + index as f64) * width;
    lower.exp() * (inside * width).exp()
}

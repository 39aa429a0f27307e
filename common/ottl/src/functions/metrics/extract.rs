//! Sums and counts of distributions as metrics of their own.

use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use super::message::{
    AggregationTemporality, Metric, NumberDataPoint, Sum, appended, decode, derived, kind,
    number_data_point::Value,
};
use crate::RunError;
use crate::function::{Args, Blame, Change, Changed, Unfit};

/// `extract_sum_metric(monotonic, suffix)`. Points without a sum have none here either.
pub(super) fn sum(args: &Args<'_>) -> Result<Change, Unfit> {
    let (monotonic, suffix) = options(args, "_sum")?;
    Ok(Box::new(move |bytes, _| {
        let metric = decode(bytes)?;
        let (points, temporality) = distribution(&metric, |stats| stats.sum.map(Value::AsDouble))?;
        Ok(as_metric(&metric, &suffix, points, temporality, monotonic))
    }))
}

/// `extract_count_metric(monotonic, suffix)`.
pub(super) fn count(args: &Args<'_>) -> Result<Change, Unfit> {
    let (monotonic, suffix) = options(args, "_count")?;
    Ok(Box::new(move |bytes, _| {
        let mut metric = decode(bytes)?;
        "1".clone_into(&mut metric.unit);
        let count = |stats: &Stats| Some(Value::AsInt(stats.count.cast_signed()));
        let (points, temporality) = distribution(&metric, count)?;
        Ok(as_metric(&metric, &suffix, points, temporality, monotonic))
    }))
}

fn options(args: &Args<'_>, suffix: &str) -> Result<(bool, String), Unfit> {
    let monotonic = args.bool(0).of_argument(0)?;
    Ok((monotonic, args.opt_str(1).unwrap_or(suffix).to_owned()))
}

fn as_metric(
    source: &Metric,
    suffix: &str,
    data_points: Vec<NumberDataPoint>,
    aggregation_temporality: i32,
    is_monotonic: bool,
) -> Changed {
    if data_points.is_empty() {
        return Changed::default();
    }
    let sum = Sum { data_points, aggregation_temporality, is_monotonic };
    appended(&derived(source, suffix, Data::Sum(sum)))
}

/// What all points of distributions have.
struct Stats {
    count: u64,
    sum: Option<f64>,
}

/// The points of a distribution as numbers, and its temporality.
fn distribution(
    metric: &Metric,
    pick: impl Fn(&Stats) -> Option<Value>,
) -> Result<(Vec<NumberDataPoint>, i32), RunError> {
    macro_rules! numbers {
        ($points:expr, $sum:expr) => {
            $points
                .iter()
                .filter_map(|point| {
                    let value = pick(&Stats { count: point.count, sum: $sum(point.sum) })?;
                    Some(NumberDataPoint {
                        attributes: point.attributes.clone(),
                        start_time_unix_nano: point.start_time_unix_nano,
                        time_unix_nano: point.time_unix_nano,
                        value: Some(value),
                        ..NumberDataPoint::default()
                    })
                })
                .collect()
        };
    }
    let (points, temporality) = match &metric.data {
        Some(Data::Histogram(data)) => {
            (numbers!(data.data_points, |sum| sum), data.aggregation_temporality)
        }
        Some(Data::ExponentialHistogram(data)) => {
            (numbers!(data.data_points, |sum| sum), data.aggregation_temporality)
        }
        Some(Data::Summary(data)) => {
            (numbers!(data.data_points, Some), AggregationTemporality::Cumulative as i32)
        }
        _ => return Err(RunError::new(format!("{} has neither sum nor count", kind(metric)))),
    };
    if temporality == AggregationTemporality::Unspecified as i32 {
        let message = format!("{} without a temporality cannot become a sum", kind(metric));
        return Err(RunError::new(message));
    }
    Ok((points, temporality))
}

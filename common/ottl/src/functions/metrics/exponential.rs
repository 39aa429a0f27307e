//! Exponential histograms with explicit bounds.
//!
//! A bucket whose range holds none of the bounds goes to the bucket of the largest bound below it. One that holds
//! bounds overlaps several buckets: `upper` takes the second of them, `midpoint` the one of its middle, `uniform`
//! divides its values evenly, `random` (also for an empty name) at random. Negative values are left out, and zeros unless the first
//! bound is 0; the last bucket has no values above its bound told apart. All as the reference does it.

use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use super::message::{
    ExponentialHistogramDataPoint, Histogram, HistogramDataPoint, decode, replaced,
};
use crate::RunError;
use crate::function::{Args, Blame, Change, Changed, Unfit};
use crate::value::Value;

#[derive(Clone, Copy)]
enum Distribution {
    Upper,
    Midpoint,
    Uniform,
    Random,
}

/// `convert_exponential_histogram_to_histogram(distribution, bounds)`.
pub(super) fn prepare(args: &Args<'_>) -> Result<Change, Unfit> {
    let distribution = match args.opt_str(0).unwrap_or("") {
        "upper" => Distribution::Upper,
        "midpoint" => Distribution::Midpoint,
        "uniform" => Distribution::Uniform,
        "random" | "" => Distribution::Random,
        other => {
            let message =
                format!("unknown distribution {other:?}: upper, midpoint, uniform or random");
            return Err(Unfit::argument(0, message));
        }
    };
    let bounds = bounds(args)?;
    Ok(Box::new(move |bytes, _| {
        let mut metric = decode(bytes)?;
        let Some(Data::ExponentialHistogram(data)) = metric.data else {
            return Ok(Changed::default());
        };
        let point = |point| explicit(point, &bounds, distribution);
        metric.data = Some(Data::Histogram(Histogram {
            data_points: data.data_points.into_iter().map(point).collect(),
            aggregation_temporality: data.aggregation_temporality,
        }));
        Ok(replaced(&metric))
    }))
}

fn bounds(args: &Args<'_>) -> Result<Vec<f64>, Unfit> {
    let items = args.items(1).of_argument(1)?;
    let bound = |item| match item {
        Value::Double(bound) => Ok(bound),
        other => Err(RunError::of_type("a double as bound", other.kind())),
    };
    let bounds = items.into_iter().map(bound).collect::<Result<Vec<_>, _>>().of_argument(1)?;
    if bounds.is_empty() { Err(Unfit::argument(1, "there are no bounds")) } else { Ok(bounds) }
}

fn explicit(
    point: ExponentialHistogramDataPoint,
    bounds: &[f64],
    distribution: Distribution,
) -> HistogramDataPoint {
    HistogramDataPoint {
        bucket_counts: counts(&point, bounds, distribution),
        explicit_bounds: bounds.to_vec(),
        attributes: point.attributes,
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        count: point.count,
        sum: point.sum,
        exemplars: point.exemplars,
        flags: 0,
        min: Some(point.min.unwrap_or(0.0)),
        max: Some(point.max.unwrap_or(0.0)),
    }
}

fn counts(
    point: &ExponentialHistogramDataPoint,
    bounds: &[f64],
    distribution: Distribution,
) -> Vec<u64> {
    let mut counts = vec![0u64; bounds.len()];
    if bounds[0] == 0.0 {
        counts[0] = point.zero_count;
    }
    let Some(positive) = &point.positive else { return counts };
    let width = std::f64::consts::LN_2 * 2f64.powi(-point.scale);
    let mut random = Random(point.time_unix_nano | 1);
    for (index, count) in positive.bucket_counts.iter().enumerate().filter(|(_, count)| **count > 0)
    {
        let lower = f64::from(positive.offset) + index as f64;
        let (lower, upper) = ((lower * width).exp(), ((lower + 1.0) * width).exp());
        spread(&mut counts, *count, (lower, upper), bounds, distribution, &mut random);
    }
    counts
}

fn spread(
    counts: &mut [u64],
    count: u64,
    (lower, upper): (f64, f64),
    bounds: &[f64],
    distribution: Distribution,
    random: &mut Random,
) {
    let holds = |bound: &f64| lower <= *bound && *bound < upper;
    let Some(first) = bounds.iter().position(holds).filter(|first| first + 1 < bounds.len()) else {
        let below = bounds.iter().rposition(|bound| *bound < lower).unwrap_or(0);
        counts[below] = counts[below].wrapping_add(count);
        return;
    };
    let held = bounds[first..].iter().take_while(|bound| holds(bound)).count();
    let overlapped = &mut counts[first..bounds.len().min(first + held + 1)];
    match distribution {
        Distribution::Upper => overlapped[1] = overlapped[1].wrapping_add(count),
        Distribution::Midpoint => {
            let middle = f64::midpoint(lower, upper);
            let passed = bounds[first..].iter().take_while(|bound| **bound < middle).count();
            let index = passed.min(overlapped.len() - 1);
            overlapped[index] = overlapped[index].wrapping_add(count);
        }
        Distribution::Uniform => evenly(overlapped, count),
        Distribution::Random => randomly(overlapped, count, random),
    }
}

/// What cannot be divided goes to the first ones.
fn evenly(counts: &mut [u64], count: u64) {
    let buckets = counts.len() as u64;
    for (index, into) in counts.iter_mut().enumerate() {
        let more = u64::from((index as u64) < count % buckets);
        *into = into.wrapping_add(count / buckets + more);
    }
}

/// Each takes a random share of what is left, the last one the rest.
fn randomly(counts: &mut [u64], count: u64, random: &mut Random) {
    let mut left = count;
    let Some((last, others)) = counts.split_last_mut() else { return };
    for into in others {
        let share = random.below(left);
        *into = into.wrapping_add(share);
        left -= share;
    }
    *last = last.wrapping_add(left);
}

/// xorshift64: the same point is always divided in the same way.
struct Random(u64);

impl Random {
    /// From 0 to `max`, ends included.
    fn below(&mut self, max: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        match max.checked_add(1) {
            Some(values) => self.0 % values,
            None => self.0,
        }
    }
}

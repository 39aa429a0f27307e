//! Fewer buckets in histograms.

use otlp::Malformed;
use otlp::edit::fields;
use prost::Message;

use super::message::HistogramDataPoint;
use crate::RunError;
use crate::function::{Args, Blame, Change, Changed, Unfit};
use crate::value::Value;

/// How near a bound must be to the one that is to go.
const BOUND_EPSILON: f64 = 1e-12;

#[derive(Clone, Copy)]
enum Method {
    /// The bound of that value goes, and its two buckets become one.
    RemoveBound,
    /// At most so many buckets stay; neighbours become one, from the lowest pair up, as often as needed.
    Limit,
}

/// `merge_histogram_buckets(target_value, method)`.
pub(super) fn prepare(args: &Args<'_>) -> Result<Change, Unfit> {
    let method = match args.opt_str(1).unwrap_or("remove_explicit_bound") {
        "remove_explicit_bound" => Method::RemoveBound,
        "limit_buckets" => Method::Limit,
        other => {
            let message =
                format!("unknown method {other:?}: remove_explicit_bound or limit_buckets");
            return Err(Unfit::argument(1, message));
        }
    };
    if args.has(0) {
        target(args, method).of_argument(0)?;
    }
    Ok(Box::new(move |bytes, args| {
        let target = target(args, method)?;
        let record = merged(bytes, target, method)
            .map_err(|_| RunError::new("the histogram point cannot be read"))?;
        Ok(Changed { record, appended: Vec::new() })
    }))
}

/// OTLP: `bucket_counts` and `explicit_bounds` of `HistogramDataPoint`.
const BUCKETS: [u32; 2] = [6, 7];

/// The point with fewer buckets, and all else as it was; nothing if they stay.
fn merged(bytes: &[u8], target: f64, method: Method) -> Result<Option<Vec<u8>>, Malformed> {
    let mut point = HistogramDataPoint::decode(bytes).map_err(|_| Malformed)?;
    if !merge(&mut point, target, method) {
        return Ok(None);
    }
    let HistogramDataPoint { bucket_counts, explicit_bounds, .. } = point;
    let buckets = HistogramDataPoint { bucket_counts, explicit_bounds, ..Default::default() };
    let mut out = Vec::new();
    fields::replace(bytes, &BUCKETS, &buckets.encode_to_vec(), &mut out)?;
    Ok(Some(out))
}

fn target(args: &Args<'_>, method: Method) -> Result<f64, RunError> {
    if let Value::Nil = args.peek(0) {
        return Err(RunError::new("the target value is nil"));
    }
    let target = args.double(0)?;
    match method {
        Method::Limit if target < 1.0 || target.fract() != 0.0 => {
            Err(RunError::new(format!("{target} is no number of buckets")))
        }
        _ => Ok(target),
    }
}

fn merge(point: &mut HistogramDataPoint, target: f64, method: Method) -> bool {
    let bounds = point.explicit_bounds.len();
    if bounds == 0 || point.bucket_counts.len() != bounds + 1 {
        return false;
    }
    match method {
        Method::RemoveBound => {
            let found =
                point.explicit_bounds.iter().position(|b| (b - target).abs() < BOUND_EPSILON);
            found.inspect(|index| remove(point, *index)).is_some()
        }
        Method::Limit => limit(point, target),
    }
}

fn remove(point: &mut HistogramDataPoint, index: usize) {
    point.explicit_bounds.remove(index);
    let merged = point.bucket_counts.remove(index + 1);
    point.bucket_counts[index] = point.bucket_counts[index].wrapping_add(merged);
}

fn limit(point: &mut HistogramDataPoint, buckets_max: f64) -> bool {
    if point.bucket_counts.len() as f64 <= buckets_max {
        return false;
    }
    let buckets_max = buckets_max as usize;
    while point.bucket_counts.len() > buckets_max {
        let pairs = (point.bucket_counts.len() / 2).min(point.bucket_counts.len() - buckets_max);
        halve(point, pairs);
    }
    true
}

/// Makes one bucket of each of the lowest pairs.
fn halve(point: &mut HistogramDataPoint, pairs: usize) {
    let (paired, rest) = point.bucket_counts.split_at(2 * pairs);
    let merged = paired.chunks(2).map(|pair| pair[0].wrapping_add(pair[1]));
    point.bucket_counts = merged.chain(rest.iter().copied()).collect();
    let mut index = 0;
    point.explicit_bounds.retain(|_| {
        index += 1;
        index > 2 * pairs || index % 2 == 0
    });
}

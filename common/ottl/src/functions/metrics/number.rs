//! Numbers of points, and how many of them become one.

use super::message::number_data_point::Value;
use crate::number::truncated;

/// How points become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregation {
    Sum,
    Mean,
    Min,
    Max,
    Median,
    Count,
}

impl Aggregation {
    /// The one of that name.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        Ok(match name {
            "sum" => Self::Sum,
            "mean" => Self::Mean,
            "min" => Self::Min,
            "max" => Self::Max,
            "median" => Self::Median,
            "count" => Self::Count,
            _ => {
                let names = "sum, mean, min, max, median or count";
                return Err(format!("unknown aggregation {name:?}: {names}"));
            }
        })
    }
}

/// The value of points that become one. The first one decides whether it is whole. A single point stays as it is.
pub(super) fn merged(values: &[Option<Value>], aggregation: Aggregation) -> Option<Value> {
    let first = (*values.first()?)?;
    if values.len() == 1 {
        return Some(first);
    }
    Some(match first {
        Value::AsInt(_) => Value::AsInt(whole(values, aggregation)),
        Value::AsDouble(_) => Value::AsDouble(double(values, aggregation)),
    })
}

/// Doubles among whole numbers count as 0, except in a median, where they are cut off: the reference's rule.
fn whole(values: &[Option<Value>], aggregation: Aggregation) -> i64 {
    let plain = values.iter().map(|value| match value {
        Some(Value::AsInt(value)) => *value,
        _ => 0,
    });
    match aggregation {
        Aggregation::Sum => plain.fold(0, i64::wrapping_add),
        Aggregation::Mean => plain.fold(0, i64::wrapping_add) / values.len() as i64,
        Aggregation::Min => plain.min().unwrap_or(0),
        Aggregation::Max => plain.max().unwrap_or(0),
        Aggregation::Count => values.len() as i64,
        Aggregation::Median => {
            let mut all: Vec<i64> = values.iter().map(cut).collect();
            all.sort_unstable();
            let middle = all.len() / 2;
            if all.len() % 2 == 1 {
                all[middle]
            } else {
                all[middle - 1].wrapping_add(all[middle]) / 2
            }
        }
    }
}

fn cut(value: &Option<Value>) -> i64 {
    match value {
        Some(Value::AsInt(value)) => *value,
        Some(Value::AsDouble(value)) => truncated(*value),
        None => 0,
    }
}

fn double(values: &[Option<Value>], aggregation: Aggregation) -> f64 {
    let mut all: Vec<f64> = values.iter().map(exact).collect();
    match aggregation {
        Aggregation::Sum => all.iter().sum(),
        Aggregation::Mean => all.iter().sum::<f64>() / all.len() as f64,
        Aggregation::Min => all.iter().copied().fold(f64::INFINITY, minimum),
        Aggregation::Max => all.iter().copied().fold(f64::NEG_INFINITY, |l, r| -minimum(-l, -r)),
        Aggregation::Count => all.len() as f64,
        Aggregation::Median => {
            // Go sorts what is not a number to the front.
            all.sort_by(|l, r| r.is_nan().cmp(&l.is_nan()).then_with(|| l.total_cmp(r)));
            let middle = all.len() / 2;
            if all.len() % 2 == 1 { all[middle] } else { (all[middle - 1] + all[middle]) / 2.0 }
        }
    }
}

/// What is not a number wins.
fn minimum(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() { f64::NAN } else { left.min(right) }
}

fn exact(value: &Option<Value>) -> f64 {
    match value {
        Some(Value::AsInt(value)) => *value as f64,
        Some(Value::AsDouble(value)) => *value,
        None => 0.0,
    }
}

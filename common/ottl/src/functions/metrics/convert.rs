//! Sums into gauges and back.

use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use super::message::{Gauge, Sum, decode, replaced, temporality};
use crate::function::{Args, Blame, Change, Changed, Unfit};

/// `convert_sum_to_gauge()`.
pub(super) fn sum_to_gauge(_: &Args<'_>) -> Result<Change, Unfit> {
    Ok(Box::new(|bytes, _| {
        let mut metric = decode(bytes)?;
        let Some(Data::Sum(sum)) = metric.data else { return Ok(Changed::default()) };
        metric.data = Some(Data::Gauge(Gauge { data_points: sum.data_points }));
        Ok(replaced(&metric))
    }))
}

/// `convert_gauge_to_sum(temporality, monotonic)`.
pub(super) fn gauge_to_sum(args: &Args<'_>) -> Result<Change, Unfit> {
    let aggregation_temporality = temporality(args.opt_str(0).unwrap_or("")).of_argument(0)?;
    let is_monotonic = args.bool(1).of_argument(1)?;
    Ok(Box::new(move |bytes, _| {
        let mut metric = decode(bytes)?;
        let Some(Data::Gauge(gauge)) = metric.data else { return Ok(Changed::default()) };
        let data_points = gauge.data_points;
        metric.data = Some(Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic }));
        Ok(replaced(&metric))
    }))
}

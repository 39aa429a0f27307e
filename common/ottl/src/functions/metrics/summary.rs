//! Summaries into sums and gauges.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use super::message::{
    Gauge, NumberDataPoint, Sum, SummaryDataPoint, appended, decode, derived,
    number_data_point::Value, temporality,
};
use crate::function::{Args, Blame, Change, Changed, Unfit};

/// `convert_summary_sum_val_to_sum(temporality, monotonic, suffix)`.
pub(super) fn sum(args: &Args<'_>) -> Result<Change, Unfit> {
    to_sum(args, "_sum", |point| Value::AsDouble(point.sum))
}

/// `convert_summary_count_val_to_sum(temporality, monotonic, suffix)`.
pub(super) fn count(args: &Args<'_>) -> Result<Change, Unfit> {
    to_sum(args, "_count", |point| Value::AsInt(point.count.cast_signed()))
}

/// All points of the summary become a new metric, however often it is called: once a point, as in the reference.
fn to_sum(
    args: &Args<'_>,
    suffix: &str,
    pick: fn(&SummaryDataPoint) -> Value,
) -> Result<Change, Unfit> {
    let aggregation_temporality = temporality(args.opt_str(0).unwrap_or("")).of_argument(0)?;
    let is_monotonic = args.bool(1).of_argument(1)?;
    let suffix = args.opt_str(2).unwrap_or(suffix).to_owned();
    Ok(Box::new(move |bytes, _| {
        let metric = decode(bytes)?;
        let Some(Data::Summary(summary)) = &metric.data else { return Ok(Changed::default()) };
        let number = |point| NumberDataPoint { value: Some(pick(point)), ..like(point) };
        let data_points = summary.data_points.iter().map(number).collect();
        let sum = Sum { data_points, aggregation_temporality, is_monotonic };
        Ok(appended(&derived(&metric, &suffix, Data::Sum(sum))))
    }))
}

/// `convert_summary_quantile_val_to_gauge(attribute_key, suffix)`: a point for each quantile of each point.
pub(super) fn quantiles(args: &Args<'_>) -> Result<Change, Unfit> {
    let key = args.opt_str(0).unwrap_or("quantile").to_owned();
    let suffix = args.opt_str(1).unwrap_or(".quantiles").to_owned();
    Ok(Box::new(move |bytes, _| {
        let metric = decode(bytes)?;
        let Some(Data::Summary(summary)) = &metric.data else { return Ok(Changed::default()) };
        let data_points = summary.data_points.iter().flat_map(|point| quantiles_of(point, &key));
        let gauge = Gauge { data_points: data_points.collect() };
        Ok(appended(&derived(&metric, &suffix, Data::Gauge(gauge))))
    }))
}

fn quantiles_of<'p>(
    point: &'p SummaryDataPoint,
    key: &'p str,
) -> impl Iterator<Item = NumberDataPoint> + 'p {
    point.quantile_values.iter().map(move |at| {
        let mut number = like(point);
        number.value = Some(Value::AsDouble(at.value));
        let quantile = any_value::Value::DoubleValue(at.quantile);
        let quantile = Some(AnyValue { value: Some(quantile) });
        match number.attributes.iter_mut().find(|attribute| attribute.key == key) {
            Some(attribute) => attribute.value = quantile,
            None => number.attributes.push(KeyValue {
                key: key.to_owned(),
                value: quantile,
                ..KeyValue::default()
            }),
        }
        number
    })
}

/// A number at the same time, of the same attributes.
fn like(point: &SummaryDataPoint) -> NumberDataPoint {
    NumberDataPoint {
        attributes: point.attributes.clone(),
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        ..NumberDataPoint::default()
    }
}

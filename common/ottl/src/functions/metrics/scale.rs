//! Metrics in another unit. Of exemplars only those of histograms are scaled, as in the reference.

use opentelemetry_proto::tonic::metrics::v1::{Exemplar, exemplar, metric::Data};

use super::message::{
    HistogramDataPoint, Metric, NumberDataPoint, SummaryDataPoint, decode, kind, number_data_point,
    replaced,
};
use crate::RunError;
use crate::function::{Args, Blame, Change, Unfit};
use crate::number::truncated;

/// `scale_metric(multiplier, unit)`. Whole numbers stay whole: their product is cut off.
pub(super) fn prepare(args: &Args<'_>) -> Result<Change, Unfit> {
    let factor = args.double(0).of_argument(0)?;
    Ok(Box::new(move |bytes, args| {
        let mut metric = decode(bytes)?;
        scale(&mut metric, factor)?;
        if args.has(1) {
            args.str(1)?.clone_into(&mut metric.unit);
        }
        Ok(replaced(&metric))
    }))
}

fn scale(metric: &mut Metric, factor: f64) -> Result<(), RunError> {
    match &mut metric.data {
        Some(Data::Gauge(data)) => data.data_points.iter_mut().for_each(|p| number(p, factor)),
        Some(Data::Sum(data)) => data.data_points.iter_mut().for_each(|p| number(p, factor)),
        Some(Data::Histogram(data)) => {
            data.data_points.iter_mut().for_each(|p| histogram(p, factor))
        }
        Some(Data::Summary(data)) => data.data_points.iter_mut().for_each(|p| summary(p, factor)),
        Some(Data::ExponentialHistogram(_)) | None => {
            return Err(RunError::new(format!("{} cannot be scaled", kind(metric))));
        }
    }
    Ok(())
}

fn number(point: &mut NumberDataPoint, factor: f64) {
    match &mut point.value {
        Some(number_data_point::Value::AsInt(value)) => *value = truncated(*value as f64 * factor),
        Some(number_data_point::Value::AsDouble(value)) => *value *= factor,
        None => {}
    }
}

fn histogram(point: &mut HistogramDataPoint, factor: f64) {
    let stats = [&mut point.sum, &mut point.min, &mut point.max];
    let stats = stats.into_iter().flatten();
    stats.chain(&mut point.explicit_bounds).for_each(|value| *value *= factor);
    point.exemplars.iter_mut().for_each(|one| exemplar(one, factor));
}

fn summary(point: &mut SummaryDataPoint, factor: f64) {
    point.sum *= factor;
    point.quantile_values.iter_mut().for_each(|at| at.value *= factor);
}

fn exemplar(exemplar: &mut Exemplar, factor: f64) {
    match &mut exemplar.value {
        Some(exemplar::Value::AsInt(value)) => *value = truncated(*value as f64 * factor),
        Some(exemplar::Value::AsDouble(value)) => *value *= factor,
        None => {}
    }
}

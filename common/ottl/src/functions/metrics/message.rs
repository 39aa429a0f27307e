//! Metrics, owned, in and out of their bytes.

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
pub(super) use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, Sum, SummaryDataPoint, number_data_point,
};
use prost::Message;

use crate::RunError;
use crate::function::Changed;

/// The metric that these bytes are.
pub(super) fn decode(bytes: &[u8]) -> Result<Metric, RunError> {
    Metric::decode(bytes).map_err(|error| RunError::new(format!("the metric: {error}")))
}

/// The metric took this form.
pub(super) fn replaced(metric: &Metric) -> Changed {
    Changed { record: Some(metric.encode_to_vec()), appended: Vec::new() }
}

/// A new metric stands beside the old one.
pub(super) fn appended(metric: &Metric) -> Changed {
    Changed { record: None, appended: vec![metric.encode_to_vec()] }
}

/// A metric of the same description and unit, named after `source`.
pub(super) fn derived(source: &Metric, suffix: &str, data: Data) -> Metric {
    Metric {
        name: format!("{}{suffix}", source.name),
        description: source.description.clone(),
        unit: source.unit.clone(),
        metadata: Vec::new(),
        data: Some(data),
    }
}

/// The number of a temporality by its name in statements.
pub(super) fn temporality(name: &str) -> Result<i32, String> {
    match name {
        "delta" => Ok(AggregationTemporality::Delta as i32),
        "cumulative" => Ok(AggregationTemporality::Cumulative as i32),
        _ => Err(format!("unknown temporality {name:?}: delta or cumulative")),
    }
}

/// What the metric is, as errors name it.
pub(super) fn kind(metric: &Metric) -> &'static str {
    match metric.data {
        None => "a metric without data",
        Some(Data::Gauge(_)) => "a gauge",
        Some(Data::Sum(_)) => "a sum",
        Some(Data::Histogram(_)) => "a histogram",
        Some(Data::ExponentialHistogram(_)) => "an exponential histogram",
        Some(Data::Summary(_)) => "a summary",
    }
}

//! Questions about the attributes of a metric's points.

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use super::message::{Metric, decode};
use crate::RunError;
use crate::function::Args;
use crate::value::Value;

/// `HasAttrKeyOnDatapoint(key)`: whether any point has the attribute.
pub(super) fn has_key<'a>(bytes: &[u8], args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let (metric, key) = (decode(bytes)?, args.str(0)?);
    let found = attributes(&metric)?.into_iter().any(|attributes| find(attributes, key).is_some());
    Ok(Value::Bool(found))
}

/// `HasAttrOnDatapoint(key, value)`: whether the first point that has the attribute has it with that text.
pub(super) fn has_value<'a>(bytes: &[u8], args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let (metric, key, expected) = (decode(bytes)?, args.str(0)?, args.str(1)?);
    let first = attributes(&metric)?.into_iter().find_map(|attributes| find(attributes, key));
    let value = first.and_then(|attribute| attribute.value.as_ref()?.value.as_ref());
    let equal = match value {
        Some(any_value::Value::StringValue(text)) => text == expected,
        _ => first.is_some() && expected.is_empty(),
    };
    Ok(Value::Bool(equal))
}

fn find<'m>(attributes: &'m [KeyValue], key: &str) -> Option<&'m KeyValue> {
    attributes.iter().find(|attribute| attribute.key == key)
}

fn attributes(metric: &Metric) -> Result<Vec<&[KeyValue]>, RunError> {
    macro_rules! all {
        ($points:expr) => {
            $points.iter().map(|point| point.attributes.as_slice()).collect()
        };
    }
    match &metric.data {
        Some(Data::Gauge(data)) => Ok(all!(data.data_points)),
        Some(Data::Sum(data)) => Ok(all!(data.data_points)),
        Some(Data::Histogram(data)) => Ok(all!(data.data_points)),
        Some(Data::ExponentialHistogram(data)) => Ok(all!(data.data_points)),
        Some(Data::Summary(data)) => Ok(all!(data.data_points)),
        None => Err(RunError::new("a metric without data")),
    }
}

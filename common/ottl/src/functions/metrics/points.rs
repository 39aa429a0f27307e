//! Questions about the attributes of a metric's points.

use otlp::Malformed;
use otlp::view::{Any, Attributes, Data, MetricView, View};

use crate::RunError;
use crate::function::Args;
use crate::value::Value;

/// `HasAttrKeyOnDatapoint(key)`: whether any point has the attribute.
pub(super) fn has_key<'a>(bytes: &[u8], args: &Args<'a>) -> Result<Value<'a>, RunError> {
    Ok(Value::Bool(first(bytes, args.str(0)?)?.is_some()))
}

/// `HasAttrOnDatapoint(key, value)`: whether the first point that has the attribute has it with that text.
pub(super) fn has_value<'a>(bytes: &[u8], args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let expected = args.str(1)?;
    Ok(Value::Bool(match first(bytes, args.str(0)?)? {
        Some(Any::Text(text)) => text == expected,
        Some(_) => expected.is_empty(),
        None => false,
    }))
}

/// The attribute of the first point that has it.
fn first<'m>(metric: &'m [u8], key: &str) -> Result<Option<Any<'m>>, RunError> {
    let found = match MetricView::view(metric)?.data()? {
        Data::Gauge(data) | Data::Sum(data) => {
            find(data.number_points().map(|point| point.map(|it| it.attributes())), key)
        }
        Data::Histogram(data) => {
            find(data.histogram_points().map(|point| point.map(|it| it.attributes())), key)
        }
        Data::ExponentialHistogram(data) => {
            find(data.exponential_points().map(|point| point.map(|it| it.attributes())), key)
        }
        Data::Summary(data) => {
            find(data.summary_points().map(|point| point.map(|it| it.attributes())), key)
        }
        Data::Empty => return Err(RunError::new("a metric without data")),
    };
    Ok(found?)
}

fn find<'m>(
    points: impl Iterator<Item = Result<Attributes<'m>, Malformed>>,
    key: &str,
) -> Result<Option<Any<'m>>, Malformed> {
    for attributes in points {
        if let Some(value) = attributes?.find(key)? {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

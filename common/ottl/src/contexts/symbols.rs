//! Enum symbols.

use super::Otlp;

const SPAN: &[(&str, i64)] = &[
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
    ("STATUS_CODE_UNSET", 0),
    ("STATUS_CODE_OK", 1),
    ("STATUS_CODE_ERROR", 2),
];

/// The types are numbered as the Collector does it, not by their fields in OTLP.
const METRIC: &[(&str, i64)] = &[
    ("AGGREGATION_TEMPORALITY_UNSPECIFIED", 0),
    ("AGGREGATION_TEMPORALITY_DELTA", 1),
    ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
    ("METRIC_DATA_TYPE_NONE", 0),
    ("METRIC_DATA_TYPE_GAUGE", 1),
    ("METRIC_DATA_TYPE_SUM", 2),
    ("METRIC_DATA_TYPE_HISTOGRAM", 3),
    ("METRIC_DATA_TYPE_EXPONENTIAL_HISTOGRAM", 4),
    ("METRIC_DATA_TYPE_SUMMARY", 5),
];

const POINT: &[(&str, i64)] = &[("FLAG_NONE", 0), ("FLAG_NO_RECORDED_VALUE", 1)];

/// The number of a symbol in a context.
pub(super) fn number(context: Otlp, symbol: &str) -> Option<i64> {
    match context {
        Otlp::Span | Otlp::SpanEvent | Otlp::SpanLink => find(SPAN, symbol),
        Otlp::Metric => find(METRIC, symbol),
        Otlp::DataPoint => find(METRIC, symbol).or_else(|| find(POINT, symbol)),
        Otlp::Log => severity(symbol),
        Otlp::Resource | Otlp::Scope | Otlp::Exemplar => None,
    }
}

fn find(table: &[(&str, i64)], symbol: &str) -> Option<i64> {
    table.iter().find(|(name, _)| *name == symbol).map(|(_, number)| *number)
}

/// `SEVERITY_NUMBER_INFO3`: four steps in each of six ranges.
fn severity(symbol: &str) -> Option<i64> {
    const RANGES: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    let name = symbol.strip_prefix("SEVERITY_NUMBER_")?;
    if name == "UNSPECIFIED" {
        return Some(0);
    }
    let step = match name.as_bytes().last() {
        Some(digit @ b'2'..=b'4') => i64::from(digit - b'0'),
        _ => 1,
    };
    let range = if step > 1 { &name[..name.len() - 1] } else { name };
    let index = RANGES.iter().position(|known| *known == range)?;
    Some(index as i64 * 4 + step)
}

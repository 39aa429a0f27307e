//! What only metrics have: conversion, extraction, aggregation.
//!
//! These functions see the whole metric, `merge_histogram_buckets` its own point. Only what they need is decoded,
//! and a metric that a function does not apply to stays as it is, byte for byte; one that changes is written anew
//! from what this OTLP knows.

use crate::function::Kind::{
    DoubleLike, LiteralBool, LiteralDouble, LiteralDoubles, LiteralStr, LiteralStrs, Str,
};
use crate::function::{Body, Definition, Param, optional, required};

mod aggregate;
mod buckets;
mod convert;
mod copy;
mod exponential;
mod extract;
mod group;
mod message;
mod number;
mod percentile;
mod points;
mod scale;
mod summary;

const SUFFIX: Param = optional("suffix", LiteralStr);
const AGGREGATION: Param = required("aggregation_function", LiteralStr);
const EXTRACT: &[Param] = &[required("monotonic", LiteralBool), SUFFIX];
const OF_SUMMARY: &[Param] =
    &[required("string_agg_temp", LiteralStr), required("monotonic", LiteralBool), SUFFIX];

/// Functions of the metric context.
pub const METRIC: &[Definition] = &[
    define("convert_sum_to_gauge", &[], Body::Record(convert::sum_to_gauge)),
    define(
        "convert_gauge_to_sum",
        &[required("string_agg_temp", LiteralStr), required("monotonic", LiteralBool)],
        Body::Record(convert::gauge_to_sum),
    ),
    define("extract_sum_metric", EXTRACT, Body::Record(extract::sum)),
    define("extract_count_metric", EXTRACT, Body::Record(extract::count)),
    define(
        "extract_percentile_metric",
        &[required("percentile", LiteralDouble), SUFFIX],
        Body::Record(percentile::prepare),
    ),
    define(
        "copy_metric",
        &[optional("name", Str), optional("description", Str), optional("unit", Str)],
        Body::Record(copy::prepare),
    ),
    define(
        "scale_metric",
        &[required("multiplier", LiteralDouble), optional("unit", Str)],
        Body::Record(scale::prepare),
    ),
    define(
        "aggregate_on_attributes",
        &[AGGREGATION, optional("attributes", LiteralStrs)],
        Body::Record(aggregate::on_attributes),
    ),
    define(
        "aggregate_on_attribute_value",
        &[
            AGGREGATION,
            required("attribute", LiteralStr),
            required("values", LiteralStrs),
            required("new_value", LiteralStr),
        ],
        Body::Record(aggregate::on_attribute_value),
    ),
    define(
        "convert_exponential_histogram_to_histogram",
        &[required("distribution_fn", LiteralStr), required("explicit_bounds", LiteralDoubles)],
        Body::Record(exponential::prepare),
    ),
    define(
        "convert_summary_quantile_val_to_gauge",
        &[optional("attribute_key", LiteralStr), SUFFIX],
        Body::Record(summary::quantiles),
    ),
];

/// Functions of the datapoint context.
pub const DATAPOINT: &[Definition] = &[
    define("convert_summary_sum_val_to_sum", OF_SUMMARY, Body::Record(summary::sum)),
    define("convert_summary_count_val_to_sum", OF_SUMMARY, Body::Record(summary::count)),
    define(
        "merge_histogram_buckets",
        &[required("target_value", DoubleLike), optional("method", LiteralStr)],
        Body::HistogramPoint(buckets::prepare),
    ),
];

/// Functions that only conditions over metrics have.
pub const FILTER: &[Definition] = &[
    define(
        "HasAttrKeyOnDatapoint",
        &[required("key", LiteralStr)],
        Body::OfRecord(points::has_key),
    ),
    define(
        "HasAttrOnDatapoint",
        &[required("key", LiteralStr), required("expected_val", LiteralStr)],
        Body::OfRecord(points::has_value),
    ),
];

const fn define(name: &'static str, params: &'static [Param], body: Body) -> Definition {
    Definition { name, params, body }
}

#[cfg(test)]
mod tests;

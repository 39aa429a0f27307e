//! The connector `spanmetrics`, with the Collector's keys and defaults.
//!
//! `dimensions_cache_size` and `metric_timestamp_cache_size` are read and change nothing: a series
//! here is its own cache. Unlike there, a limit of 0 is not "no limit" but [`SERIES_MAX`].

use std::collections::HashSet;
use std::time::Duration;

use super::error::{Code, quote};
use super::section::{Field, Section};

/// Most series of one metric of one resource.
pub const SERIES_MAX: usize = 20_000;
/// Most additional dimensions of a metric.
pub const DIMENSIONS_MAX: usize = 64;
/// Most bounds of an explicit histogram.
pub const BOUNDS_MAX: usize = 200;
/// Most buckets of an exponential histogram.
pub const BUCKETS_MAX: usize = 1024;
/// Most exemplars of a point.
pub const EXEMPLARS_MAX: usize = 100;
/// Most resources that are kept apart.
pub const RESOURCES_MAX: usize = 10_000;

/// Settings of the connector `spanmetrics`.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanMetrics {
    /// What every metric is divided by besides the built-in dimensions.
    pub dimensions: Vec<Dimension>,
    /// More of them for `calls`.
    pub calls_dimensions: Vec<Dimension>,
    /// Built-in dimensions that are left out.
    pub excluded: Vec<String>,
    /// The histogram of durations, unless it is switched off.
    pub histogram: Option<Histogram>,
    /// Exemplars per point; zero for none.
    pub exemplars: usize,
    /// The dimensions of `events`, if events are counted.
    pub events: Option<Vec<Dimension>>,
    /// Scopes whose name and version become dimensions.
    pub scopes: Vec<String>,
    /// Whether metrics carry the attributes of the spans' resource.
    pub resource_attributes: bool,
    /// The attributes that tell resources apart; empty means all.
    pub resource_keys: Vec<String>,
    /// Resources that are kept apart at most.
    pub resources_max: usize,
    /// Whether points say what happened since the last ones.
    pub delta: bool,
    /// How often metrics leave.
    pub flush_interval: Duration,
    /// How long a series without spans is kept; zero means for ever.
    pub expiration: Duration,
    /// What the names of the metrics begin with.
    pub namespace: String,
    /// Series of one metric of one resource at most.
    pub series_max: usize,
}

/// An attribute of the span, else of the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dimension {
    /// Its key.
    pub name: String,
    /// Its value where there is none; without it the dimension is left out.
    pub default: Option<String>,
}

/// How durations are counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Milliseconds or seconds.
    pub unit: Unit,
    /// By which buckets.
    pub buckets: Buckets,
    /// More dimensions for `duration`.
    pub dimensions: Vec<Dimension>,
}

/// The unit of durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `ms`
    Milliseconds,
    /// `s`
    Seconds,
}

impl Unit {
    /// UCUM.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
        }
    }

    /// Nanoseconds in one.
    pub fn ns(self) -> f64 {
        match self {
            Self::Milliseconds => 1e6,
            Self::Seconds => 1e9,
        }
    }
}

/// The buckets of a histogram.
#[derive(Clone, Debug, PartialEq)]
pub enum Buckets {
    /// Upper bounds in the histogram's unit, growing.
    Explicit(Vec<f64>),
    /// As many as this, of a width that follows the values.
    Exponential(usize),
}

/// The Collector's bounds.
const BOUNDS_MS: [u64; 16] =
    [2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000];
const BUILT_IN: [&str; 4] = ["service.name", "span.name", "span.kind", "status.code"];
const TEMPORALITIES: &[(&str, bool)] =
    &[("AGGREGATION_TEMPORALITY_CUMULATIVE", false), ("AGGREGATION_TEMPORALITY_DELTA", true)];

impl SpanMetrics {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        for unneeded in ["dimensions_cache_size", "metric_timestamp_cache_size"] {
            section.u64_in(unneeded, 1000, 1..=u64::MAX);
        }
        let exemplars = section.sub("exemplars");
        let count = size(&exemplars, "max_per_data_point", 5, 1, EXEMPLARS_MAX);
        let series_max = size(section, "aggregation_cardinality_limit", 0, 0, SERIES_MAX);
        let (dimensions, calls) = ("dimensions", "calls_dimensions");
        Self {
            dimensions: read_dimensions(section, dimensions),
            calls_dimensions: read_dimensions(section, calls),
            excluded: section.strings("exclude_dimensions"),
            histogram: read_histogram(&section.sub("histogram")),
            exemplars: if exemplars.bool("enabled", false) { count } else { 0 },
            events: read_events(&section.sub("events")),
            scopes: section.strings("include_instrumentation_scope"),
            resource_attributes: section.bool("add_resource_attributes", true),
            resource_keys: section.strings("resource_metrics_key_attributes"),
            resources_max: size(section, "resource_metrics_cache_size", 1000, 1, RESOURCES_MAX),
            delta: section.one_of("aggregation_temporality", false, TEMPORALITIES),
            flush_interval: section.duration_in(
                "metrics_flush_interval",
                Duration::from_secs(60),
                Duration::from_millis(10)..=Duration::from_secs(86_400),
            ),
            expiration: section.duration("metrics_expiration", Duration::ZERO),
            namespace: section.string("namespace", "traces.span.metrics"),
            series_max: if series_max == 0 { SERIES_MAX } else { series_max },
        }
    }
}

fn size(section: &Section<'_>, key: &'static str, default: u64, min: u64, max: usize) -> usize {
    let size = section.u64_in(key, default, min..=max as u64);
    usize::try_from(size).unwrap_or(max)
}

fn read_dimensions(section: &Section<'_>, key: &'static str) -> Vec<Dimension> {
    let fields = section.list(key);
    if fields.len() > DIMENSIONS_MAX {
        let message = format!("{} dimensions, expected at most {DIMENSIONS_MAX}", fields.len());
        section.error(key, Code::TooLarge, message);
    }
    let mut seen: HashSet<String> = BUILT_IN.iter().map(|name| (*name).to_owned()).collect();
    fields.iter().filter_map(|field| read_dimension(field, &mut seen)).collect()
}

fn read_dimension(field: &Field<'_>, seen: &mut HashSet<String>) -> Option<Dimension> {
    let section = field.section();
    let default = section.opt_string("default");
    let name = section.required_string("name")?;
    if !seen.insert(name.clone()) {
        let message = format!("{}, expected a dimension that is not there already", quote(&name));
        section.error("name", Code::BadValue, message);
    }
    Some(Dimension { name, default })
}

fn read_events(section: &Section<'_>) -> Option<Vec<Dimension>> {
    let dimensions = read_dimensions(section, "dimensions");
    if !section.bool("enabled", false) {
        return None;
    }
    if dimensions.is_empty() {
        section.missing("dimensions", "at least one dimension of events");
    }
    Some(dimensions)
}

fn read_histogram(section: &Section<'_>) -> Option<Histogram> {
    let units = [("ms", Unit::Milliseconds), ("s", Unit::Seconds)];
    let unit = section.one_of("unit", Unit::Milliseconds, &units);
    let dimensions = read_dimensions(section, "dimensions");
    let explicit = read_bounds(&section.sub("explicit"), unit);
    let exponential = size(&section.sub("exponential"), "max_size", 160, 2, BUCKETS_MAX);
    let buckets = match (section.has("explicit"), section.has("exponential")) {
        (true, true) => {
            let message = "explicit is there too, expected one of the two";
            section.error("exponential", Code::BadValue, message);
            Buckets::Explicit(explicit)
        }
        (false, true) => Buckets::Exponential(exponential),
        _ => Buckets::Explicit(explicit),
    };
    (!section.bool("disable", false)).then_some(Histogram { unit, buckets, dimensions })
}

fn read_bounds(section: &Section<'_>, unit: Unit) -> Vec<f64> {
    if section.field("buckets").is_none() {
        return BOUNDS_MS.iter().map(|ms| *ms as f64 * 1e6 / unit.ns()).collect();
    }
    let fields = section.list("buckets");
    let duration = |field: &Field<'_>| field.duration_in(Duration::ZERO..=Duration::MAX);
    let bounds: Vec<Duration> = fields.iter().filter_map(duration).collect();
    if bounds.len() > BOUNDS_MAX {
        let message = format!("{} buckets, expected at most {BOUNDS_MAX}", bounds.len());
        section.error("buckets", Code::TooLarge, message);
    }
    if !bounds.is_sorted_by(|one, next| one < next) {
        let message = "bounds that do not grow, expected each above the one before";
        section.error("buckets", Code::BadValue, message);
    }
    bounds.iter().map(|bound| bound.as_nanos() as f64 / unit.ns()).collect()
}

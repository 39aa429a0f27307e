//! A metric as the Collector documents it, and what a configuration makes of it.
//!
//! Each scraper lists its metrics as constants. A user chooses per metric whether it is made, which of
//! its attributes it keeps, and how points that only differ in the others are combined (the
//! Collector's re-aggregation).

use components::config::{Code, Section};

/// One metric.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) unit: &'static str,
    pub(super) data: Data,
    pub(super) attributes: &'static [Attribute],
    enabled: bool,
}

/// What its points are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// A value as it is now.
    Gauge,
    /// A cumulative sum that goes up and down.
    Sum,
    /// A cumulative sum that only grows.
    Counter,
}

/// An attribute of its points.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) key: &'static str,
    by_default: bool,
}

/// An attribute that is kept unless a user says otherwise.
pub(super) const fn on(key: &'static str) -> Attribute {
    Attribute { key, by_default: true }
}

/// An attribute that is kept if a user asks for it.
pub(super) const fn off(key: &'static str) -> Attribute {
    Attribute { key, by_default: false }
}

impl Metric {
    const fn new(
        data: Data,
        (name, unit): (&'static str, &'static str),
        attributes: &'static [Attribute],
        description: &'static str,
    ) -> Self {
        Self { name, description, unit, data, attributes, enabled: true }
    }

    /// A gauge that is made by default; the pair is its name and unit.
    pub(super) const fn gauge(
        name_and_unit: (&'static str, &'static str),
        attributes: &'static [Attribute],
        description: &'static str,
    ) -> Self {
        Self::new(Data::Gauge, name_and_unit, attributes, description)
    }

    /// A sum.
    pub(super) const fn sum(
        name_and_unit: (&'static str, &'static str),
        attributes: &'static [Attribute],
        description: &'static str,
    ) -> Self {
        Self::new(Data::Sum, name_and_unit, attributes, description)
    }

    /// A counter.
    pub(super) const fn counter(
        name_and_unit: (&'static str, &'static str),
        attributes: &'static [Attribute],
        description: &'static str,
    ) -> Self {
        Self::new(Data::Counter, name_and_unit, attributes, description)
    }

    /// The same, made only if a user asks for it.
    pub(super) const fn opt_in(self) -> Self {
        Self { enabled: false, ..self }
    }
}

/// How points become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Combine {
    Sum,
    Average,
    Least,
    Most,
}

const COMBINE: &[(&str, Combine)] = &[
    ("sum", Combine::Sum),
    ("avg", Combine::Average),
    ("min", Combine::Least),
    ("max", Combine::Most),
];

/// What a user chose for a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) enabled: bool,
    /// Which attributes are kept, as indexes into [`Metric::attributes`].
    pub(super) kept: Vec<usize>,
    pub(super) combine: Combine,
}

impl Choice {
    /// Reads what is written of each of `metrics` under the key `metrics` of a scraper.
    pub(super) fn read_all(scraper: &Section<'_>, metrics: &'static [Metric]) -> Vec<Self> {
        let section = scraper.sub("metrics");
        metrics.iter().map(|metric| Self::read(&section.sub(metric.name), metric)).collect()
    }

    fn read(section: &Section<'_>, metric: &'static Metric) -> Self {
        let enabled = section.bool("enabled", metric.enabled);
        let combine = match metric.data {
            Data::Gauge => Combine::Average,
            Data::Sum | Data::Counter => Combine::Sum,
        };
        // Where nothing can be left out there is nothing to combine.
        let (kept, combine) = match metric.attributes {
            [] => (Vec::new(), combine),
            _ => (kept(section, metric), section.one_of("aggregation_strategy", combine, COMBINE)),
        };
        Self { enabled, kept, combine }
    }
}

fn kept(section: &Section<'_>, metric: &'static Metric) -> Vec<usize> {
    let attributes = metric.attributes.iter().enumerate();
    if section.field("attributes").is_none() {
        return attributes.filter(|(_, a)| a.by_default).map(|(index, _)| index).collect();
    }
    let names: Vec<(&str, usize)> = attributes.map(|(index, a)| (a.key, index)).collect();
    let listed = section.list("attributes");
    let mut kept: Vec<usize> = listed.iter().filter_map(|field| field.one_of(&names)).collect();
    kept.sort_unstable();
    if kept.windows(2).any(|pair| pair[0] == pair[1]) {
        section.error("attributes", Code::BadValue, "an attribute is listed twice");
        kept.dedup();
    }
    kept
}

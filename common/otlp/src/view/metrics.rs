//! Metrics and the kinds of their data.

use super::cursor::{Cursor, each, last};
use super::points::{ExponentialPointView, HistogramPointView, NumberPointView, SummaryPointView};
use super::{Attributes, Messages, View, int32, text, uint64};
use crate::check::METRIC_DATA;
use crate::wire::{Fields, Malformed};

/// A metric. Absent fields read as the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetricView<'a> {
    /// Its name.
    pub name: &'a str,
    /// For people.
    pub description: &'a str,
    /// UCUM.
    pub unit: &'a str,
    /// The metric as it stands.
    pub message: &'a [u8],
}

impl<'a> View<'a> for MetricView<'a> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut metric = Self { message, ..Self::default() };
        each(message, |field| {
            match field.number {
                1 => metric.name = text(field.value)?,
                2 => metric.description = text(field.value)?,
                3 => metric.unit = text(field.value)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(metric)
    }
}

/// The points of a metric, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data<'a> {
    /// None, or of a kind that we do not know.
    Empty,
    /// Values of a moment.
    Gauge(DataView<'a>),
    /// Values that add up.
    Sum(DataView<'a>),
    /// Distributions over buckets with bounds.
    Histogram(DataView<'a>),
    /// Distributions over buckets of a scale.
    ExponentialHistogram(DataView<'a>),
    /// Quantiles made by the sender.
    Summary(DataView<'a>),
}

impl<'a> MetricView<'a> {
    /// What it measured. Of the `oneof` the last kind counts, and its occurrences are one message.
    pub fn data(&self) -> Result<Data<'a>, Malformed> {
        let mut fields = Fields::new(self.message);
        let (mut kind, mut begin) = (0, 0);
        loop {
            let before = self.message.len() - fields.bytes_left();
            let Some(field) = fields.try_next()? else { break };
            if METRIC_DATA.contains(&field.number) {
                super::bytes(field.value)?;
                if field.number != kind {
                    (kind, begin) = (field.number, before);
                }
            }
        }
        let view = DataView { message: &self.message[begin..], kind };
        Ok(match kind {
            5 => Data::Gauge(view),
            7 => Data::Sum(view),
            9 => Data::Histogram(view),
            10 => Data::ExponentialHistogram(view),
            11 => Data::Summary(view),
            _ => Data::Empty,
        })
    }

    /// What is known of it beside its data.
    pub fn metadata(&self) -> Attributes<'a> {
        Attributes::of(self.message, 12)
    }
}

/// The data of a metric, of the kind that [`Data`] says: the readers of other kinds find what makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataView<'a> {
    /// The metric from the first field of this kind on.
    message: &'a [u8],
    kind: u32,
}

impl<'a> DataView<'a> {
    /// The points of a gauge or sum.
    pub fn number_points(&self) -> Messages<'a, NumberPointView<'a>> {
        self.points()
    }

    /// The points of a histogram.
    pub fn histogram_points(&self) -> Messages<'a, HistogramPointView<'a>> {
        self.points()
    }

    /// The points of an exponential histogram.
    pub fn exponential_points(&self) -> Messages<'a, ExponentialPointView<'a>> {
        self.points()
    }

    /// The points of a summary.
    pub fn summary_points(&self) -> Messages<'a, SummaryPointView<'a>> {
        self.points()
    }

    fn points<T>(&self) -> Messages<'a, T> {
        Messages::within(self.message, self.kind, 1)
    }

    /// `AggregationTemporality` of a sum or histogram, as a number.
    pub fn temporality(&self) -> Result<i32, Malformed> {
        self.last(2)?.map_or(Ok(0), int32)
    }

    /// Whether a sum only grows.
    pub fn is_monotonic(&self) -> Result<bool, Malformed> {
        Ok(self.last(3)?.map_or(Ok(0), uint64)? != 0)
    }

    fn last(&self, number: u32) -> Result<Option<crate::wire::Value<'a>>, Malformed> {
        let mut found = None;
        let mut pieces = Cursor::of(self.message, self.kind);
        while let Some(piece) = pieces.try_next()? {
            found = last(piece, number)?.or(found);
        }
        Ok(found)
    }
}

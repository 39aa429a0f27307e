//! Points of metrics: numbers, histograms, summaries, and the exemplars of them.

use super::cursor::{each, last, last_within};
use super::numbers::{Fixed, Numbers, Varint};
use super::{Attributes, Messages, View, bytes, double, fixed64, sint32, uint32};
use crate::wire::{Field, Malformed, Value};

/// A value of a point or exemplar.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum NumberValue {
    /// None was recorded.
    #[default]
    Empty,
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
}

/// When a point was made, and its flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Since when it counts, nanoseconds since 1970.
    pub start_ns: u64,
    /// When, nanoseconds since 1970.
    pub time_ns: u64,
    /// `DataPointFlags`.
    pub flags: u32,
}

impl Moment {
    /// Takes a field of any kind of point; `flags` is the number that differs.
    fn take(&mut self, field: Field<'_>, flags: u32) -> Result<(), Malformed> {
        match field.number {
            2 => self.start_ns = fixed64(field.value)?,
            3 => self.time_ns = fixed64(field.value)?,
            number if number == flags => self.flags = uint32(field.value)?,
            _ => {}
        }
        Ok(())
    }
}

/// Sum, least and largest of a distribution, where they were recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extent {
    /// How many values.
    pub count: u64,
    /// All of them.
    pub sum: Option<f64>,
    /// The least.
    pub min: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

impl Extent {
    fn take(&mut self, field: Field<'_>, min: u32) -> Result<(), Malformed> {
        match field.number {
            4 => self.count = fixed64(field.value)?,
            5 => self.sum = Some(double(field.value)?),
            number if number == min => self.min = Some(double(field.value)?),
            number if number == min + 1 => self.max = Some(double(field.value)?),
            _ => {}
        }
        Ok(())
    }
}

/// A point of a gauge or sum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NumberPointView<'a> {
    /// When, and its flags.
    pub moment: Moment,
    /// What was measured.
    pub value: NumberValue,
    /// The point as it stands.
    pub message: &'a [u8],
}

impl<'a> View<'a> for NumberPointView<'a> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut point = Self { message, ..Self::default() };
        each(message, |field| {
            match field.number {
                4 => point.value = NumberValue::Double(double(field.value)?),
                6 => point.value = int(field.value)?,
                _ => point.moment.take(field, 8)?,
            }
            Ok(())
        })?;
        Ok(point)
    }
}

/// `sfixed64`.
fn int(value: Value<'_>) -> Result<NumberValue, Malformed> {
    fixed64(value).map(|bits| NumberValue::Int(bits.cast_signed()))
}

impl<'a> NumberPointView<'a> {
    /// Its attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.message, 7)
    }

    /// Measurements that went into it.
    pub fn exemplars(&self) -> Messages<'a, ExemplarView<'a>> {
        Messages::of(self.message, 5)
    }
}

/// A point of a histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HistogramPointView<'a> {
    /// When, and its flags.
    pub moment: Moment,
    /// How much there is of what.
    pub extent: Extent,
    /// The point as it stands.
    pub message: &'a [u8],
}

impl<'a> View<'a> for HistogramPointView<'a> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut point = Self { message, ..Self::default() };
        each(message, |field| {
            point.moment.take(field, 10)?;
            point.extent.take(field, 11)
        })?;
        Ok(point)
    }
}

impl<'a> HistogramPointView<'a> {
    /// Its attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.message, 9)
    }

    /// Values in each bucket.
    pub fn bucket_counts(&self) -> Numbers<'a, Fixed> {
        Numbers::of(self.message, 6)
    }

    /// The upper bounds of the buckets but the last.
    pub fn explicit_bounds(&self) -> Numbers<'a, f64> {
        Numbers::of(self.message, 7)
    }

    /// Measurements that went into it.
    pub fn exemplars(&self) -> Messages<'a, ExemplarView<'a>> {
        Messages::of(self.message, 8)
    }
}

const POSITIVE: u32 = 8;
const NEGATIVE: u32 = 9;

/// A point of an exponential histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ExponentialPointView<'a> {
    /// When, and its flags.
    pub moment: Moment,
    /// How much there is of what.
    pub extent: Extent,
    /// Buckets grow by 2 to the power of 2 to the power of minus this.
    pub scale: i32,
    /// Values too close to zero for a bucket.
    pub zero_count: u64,
    /// How close that is.
    pub zero_threshold: f64,
    /// The point as it stands.
    pub message: &'a [u8],
}

impl<'a> View<'a> for ExponentialPointView<'a> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut point = Self { message, ..Self::default() };
        each(message, |field| {
            match field.number {
                6 => point.scale = sint32(field.value)?,
                7 => point.zero_count = fixed64(field.value)?,
                14 => point.zero_threshold = double(field.value)?,
                _ => {}
            }
            point.moment.take(field, 10)?;
            point.extent.take(field, 12)
        })?;
        Ok(point)
    }
}

impl<'a> ExponentialPointView<'a> {
    /// Its attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.message, 1)
    }

    /// The buckets above zero, if there are any.
    pub fn positive(&self) -> Result<Option<BucketsView<'a>>, Malformed> {
        self.buckets(POSITIVE)
    }

    /// The buckets below zero, if there are any.
    pub fn negative(&self) -> Result<Option<BucketsView<'a>>, Malformed> {
        self.buckets(NEGATIVE)
    }

    fn buckets(&self, number: u32) -> Result<Option<BucketsView<'a>>, Malformed> {
        let Some(value) = last(self.message, number)? else { return Ok(None) };
        bytes(value)?;
        let offset = last_within(self.message, number, 1)?.map_or(Ok(0), sint32)?;
        Ok(Some(BucketsView { offset, message: self.message, number }))
    }

    /// Measurements that went into it.
    pub fn exemplars(&self) -> Messages<'a, ExemplarView<'a>> {
        Messages::of(self.message, 11)
    }
}

/// Buckets of an exponential histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketsView<'a> {
    /// The index of the first one.
    pub offset: i32,
    message: &'a [u8],
    number: u32,
}

impl<'a> BucketsView<'a> {
    /// Values in each bucket.
    pub fn counts(&self) -> Numbers<'a, Varint> {
        Numbers::within(self.message, self.number, 2)
    }
}

/// A point of a summary.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SummaryPointView<'a> {
    /// When, and its flags.
    pub moment: Moment,
    /// How many values.
    pub count: u64,
    /// All of them.
    pub sum: f64,
    /// The point as it stands.
    pub message: &'a [u8],
}

impl<'a> View<'a> for SummaryPointView<'a> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut point = Self { message, ..Self::default() };
        each(message, |field| {
            match field.number {
                4 => point.count = fixed64(field.value)?,
                5 => point.sum = double(field.value)?,
                _ => point.moment.take(field, 8)?,
            }
            Ok(())
        })?;
        Ok(point)
    }
}

impl<'a> SummaryPointView<'a> {
    /// Its attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.message, 7)
    }

    /// Its quantiles.
    pub fn quantiles(&self) -> Messages<'a, QuantileView> {
        Messages::of(self.message, 6)
    }
}

/// A quantile of a summary.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QuantileView {
    /// Which, 0 to 1.
    pub quantile: f64,
    /// Its value.
    pub value: f64,
}

impl<'a> View<'a> for QuantileView {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut quantile = Self::default();
        each(message, |field| {
            match field.number {
                1 => quantile.quantile = double(field.value)?,
                2 => quantile.value = double(field.value)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(quantile)
    }
}

/// A measurement that went into a point.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ExemplarView<'a> {
    /// When, nanoseconds since 1970.
    pub time_ns: u64,
    /// What was measured.
    pub value: NumberValue,
    /// 8 bytes, if it is valid.
    pub span_id: &'a [u8],
    /// 16 bytes, if it is valid.
    pub trace_id: &'a [u8],
    /// The exemplar as it stands.
    pub message: &'a [u8],
}

impl<'a> View<'a> for ExemplarView<'a> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut exemplar = Self { message, ..Self::default() };
        each(message, |field| {
            match field.number {
                2 => exemplar.time_ns = fixed64(field.value)?,
                3 => exemplar.value = NumberValue::Double(double(field.value)?),
                4 => exemplar.span_id = bytes(field.value)?,
                5 => exemplar.trace_id = bytes(field.value)?,
                6 => exemplar.value = int(field.value)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(exemplar)
    }
}

impl<'a> ExemplarView<'a> {
    /// The attributes that the point does not have.
    pub fn filtered_attributes(&self) -> Attributes<'a> {
        Attributes::of(self.message, 7)
    }
}

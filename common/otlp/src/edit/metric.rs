//! The one level that is nested deeper: the points of a metric stand in a message of their own, one
//! member of a oneof.

use std::borrow::Cow;

use crate::wire::{Fields, Malformed, Value, put_bytes};

/// The kinds of data that a metric can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// `Gauge` of number points.
    Gauge,
    /// `Sum` of number points.
    Sum,
    /// `Histogram` with explicit bounds.
    Histogram,
    /// `ExponentialHistogram`.
    ExponentialHistogram,
    /// `Summary`.
    Summary,
}

/// Data of a metric: the kind, and the message that holds the points.
pub type DataMessage<'a> = (Data, Cow<'a, [u8]>);

impl Data {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::Gauge, Self::Sum, Self::Histogram, Self::ExponentialHistogram, Self::Summary];

    /// Its field in `Metric`.
    pub const fn number(self) -> u32 {
        match self {
            Self::Gauge => 5,
            Self::Sum => 7,
            Self::Histogram => 9,
            Self::ExponentialHistogram => 10,
            Self::Summary => 11,
        }
    }

    /// The kind in field `number` of `Metric`.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|data| data.number() == number)
    }

    /// The field of a point that holds exemplars.
    pub const fn exemplars(self) -> Option<u32> {
        match self {
            Self::Gauge | Self::Sum => Some(5),
            Self::Histogram => Some(8),
            Self::ExponentialHistogram => Some(11),
            Self::Summary => None,
        }
    }

    /// The kind of data of a metric and its message. Of the oneof the last one written counts; the
    /// same kind written again behind itself is one message.
    pub fn of_metric(metric: &[u8]) -> Result<Option<DataMessage<'_>>, Malformed> {
        let mut found: Option<DataMessage<'_>> = None;
        let mut fields = Fields::new(metric);
        while let Some(field) = fields.try_next()? {
            let Some(kind) = Self::from_number(field.number) else { continue };
            let Value::Bytes(inner) = field.value else { return Err(Malformed) };
            match &mut found {
                Some((last, data)) if *last == kind => data.to_mut().extend_from_slice(inner),
                _ => found = Some((kind, Cow::Borrowed(inner))),
            }
        }
        Ok(found)
    }
}

/// A metric in which data was written more than once, with only what counts of it.
pub(super) fn normalised(metric: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    let mut written = 0;
    let mut out = Vec::new();
    let mut fields = Fields::new(metric);
    while let Some(field) = fields.try_next()? {
        written += u32::from(Data::from_number(field.number).is_some());
    }
    if written < 2 {
        return Ok(None);
    }
    let mut fields = Fields::new(metric);
    while let Some(field) = fields.try_next()? {
        if Data::from_number(field.number).is_none() {
            out.extend_from_slice(field.raw);
        }
    }
    if let Some((kind, data)) = Data::of_metric(metric)? {
        put_bytes(&mut out, kind.number(), &data);
    }
    Ok(Some(out))
}

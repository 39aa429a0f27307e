//! Borrowed views over requests: resources, scopes, records and what is in them, where they stand.
//!
//! A view is a slice and the scalars that everybody asks for, read in one pass; whatever repeats, and what hardly
//! anybody asks for, is read when it is asked for. Nothing is allocated. As in proto3 the last occurrence of a scalar
//! counts, and the occurrences of a singular message are one message: their fields are read as if written behind
//! each other. Bytes that prost would refuse are [`Malformed`] when the view comes to them, not earlier.
//!
//! Every field of OTLP 1.11 has its reader, but for the string indices that only profiles may use. Profiles
//! themselves (OTLP status: Development) have no views.

use std::marker::PhantomData;

use crate::wire::{Malformed, Value};

mod attributes;
mod cursor;
mod logs;
mod metrics;
mod numbers;
mod points;
mod select;
mod traces;

pub use attributes::{Any, Attribute, Attributes, Items, Nested, Values};
pub use logs::LogView;
pub use metrics::{Data, DataView, MetricView};
pub use numbers::{Fixed, Number, Numbers, Varint};
pub use points::{
    BucketsView, ExemplarView, ExponentialPointView, Extent, HistogramPointView, Moment,
    NumberPointView, NumberValue, QuantileView, SummaryPointView,
};
pub use select::select_spans;
pub use traces::{EventView, LinkView, SpanView};

use cursor::{Cursor, last, last_within};

/// Field numbers of requests, and of the messages of resources and scopes; the same for all signals.
const RESOURCES: u32 = 1;
const RESOURCE: u32 = 1;
const SCOPES: u32 = 2;
const SCOPE: u32 = 1;
const RECORDS: u32 = 2;
const SCHEMA_URL: u32 = 3;

/// The resources of a trace request.
pub fn resources(request: &[u8]) -> Messages<'_, ResourceView<'_>> {
    Messages::of(request, RESOURCES)
}

/// The resources of a log request.
pub fn log_resources(request: &[u8]) -> Messages<'_, ResourceView<'_, LogView<'_>>> {
    Messages::of(request, RESOURCES)
}

/// The resources of a metrics request.
pub fn metric_resources(request: &[u8]) -> Messages<'_, ResourceView<'_, MetricView<'_>>> {
    Messages::of(request, RESOURCES)
}

/// A message that can be viewed.
pub trait View<'a>: Sized {
    /// The view over a message's bytes.
    fn view(message: &'a [u8]) -> Result<Self, Malformed>;
}

/// The messages in a repeated field, in order. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Messages<'a, T> {
    cursor: Cursor<'a>,
    view: PhantomData<fn() -> T>,
}

impl<'a, T> Messages<'a, T> {
    fn of(message: &'a [u8], number: u32) -> Self {
        Self { cursor: Cursor::of(message, number), view: PhantomData }
    }

    /// Those in field `number` of every message in field `holder` of `message`.
    fn within(message: &'a [u8], holder: u32, number: u32) -> Self {
        Self { cursor: Cursor::within(message, holder, number), view: PhantomData }
    }
}

impl<'a, T: View<'a>> Iterator for Messages<'a, T> {
    type Item = Result<T, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.cursor.next_or_end()?.and_then(T::view);
        if found.is_err() {
            self.cursor = Cursor::nothing();
        }
        Some(found)
    }
}

/// `ResourceSpans`, `ResourceLogs` or `ResourceMetrics`: a resource and what it recorded.
#[derive(Clone, Copy, Debug)]
pub struct ResourceView<'a, R = SpanView<'a>> {
    message: &'a [u8],
    records: PhantomData<fn() -> R>,
}

impl<'a, R> View<'a> for ResourceView<'a, R> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        Ok(Self { message, records: PhantomData })
    }
}

impl<'a, R> ResourceView<'a, R> {
    /// Its scopes.
    pub fn scopes(&self) -> Messages<'a, ScopeView<'a, R>> {
        Messages::of(self.message, SCOPES)
    }

    /// Whether it has a resource, be it an empty one.
    pub fn has_resource(&self) -> Result<bool, Malformed> {
        Ok(last(self.message, RESOURCE)?.is_some())
    }

    /// The resource's attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::within(self.message, RESOURCE, 1)
    }

    /// How many attributes of the resource its sender left out.
    pub fn dropped_attributes(&self) -> Result<u32, Malformed> {
        uint32_or_zero(last_within(self.message, RESOURCE, 2)?)
    }

    /// The entities that the resource is made of.
    pub fn entities(&self) -> Messages<'a, EntityView<'a>> {
        Messages::within(self.message, RESOURCE, 3)
    }

    /// The schema of the resource.
    pub fn schema_url(&self) -> Result<&'a str, Malformed> {
        text_or_empty(last(self.message, SCHEMA_URL)?)
    }

    /// The resource attribute `service.name`, if it is a text.
    pub fn service_name(&self) -> Result<Option<&'a str>, Malformed> {
        match self.attributes().find("service.name")? {
            Some(Any::Text(name)) => Ok(Some(name)),
            _ => Ok(None),
        }
    }
}

/// A part of a resource with an identity of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntityView<'a> {
    /// The schema of its keys.
    pub schema_url: &'a str,
    /// What it is, such as `service`.
    pub kind: &'a str,
    message: &'a [u8],
}

impl<'a> View<'a> for EntityView<'a> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        let schema_url = text_or_empty(last(message, 1)?)?;
        Ok(Self { schema_url, kind: text_or_empty(last(message, 2)?)?, message })
    }
}

impl<'a> EntityView<'a> {
    /// The keys of the attributes that identify it.
    pub fn id_keys(&self) -> Messages<'a, &'a str> {
        Messages::of(self.message, 3)
    }

    /// The keys of the attributes that describe it.
    pub fn description_keys(&self) -> Messages<'a, &'a str> {
        Messages::of(self.message, 4)
    }
}

impl<'a> View<'a> for &'a str {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        text(Value::Bytes(message))
    }
}

/// `ScopeSpans`, `ScopeLogs` or `ScopeMetrics`: a scope and its records.
#[derive(Clone, Copy, Debug)]
pub struct ScopeView<'a, R = SpanView<'a>> {
    message: &'a [u8],
    records: PhantomData<fn() -> R>,
}

impl<'a, R> View<'a> for ScopeView<'a, R> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        Ok(Self { message, records: PhantomData })
    }
}

impl<'a, R> ScopeView<'a, R> {
    /// Its records.
    pub fn records(&self) -> Messages<'a, R> {
        Messages::of(self.message, RECORDS)
    }

    /// Whether it has a scope, be it an empty one.
    pub fn has_scope(&self) -> Result<bool, Malformed> {
        Ok(last(self.message, SCOPE)?.is_some())
    }

    /// The scope's name.
    pub fn name(&self) -> Result<&'a str, Malformed> {
        text_or_empty(last_within(self.message, SCOPE, 1)?)
    }

    /// The scope's version.
    pub fn version(&self) -> Result<&'a str, Malformed> {
        text_or_empty(last_within(self.message, SCOPE, 2)?)
    }

    /// The scope's attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::within(self.message, SCOPE, 3)
    }

    /// How many attributes of the scope its sender left out.
    pub fn dropped_attributes(&self) -> Result<u32, Malformed> {
        uint32_or_zero(last_within(self.message, SCOPE, 4)?)
    }

    /// The schema of the records.
    pub fn schema_url(&self) -> Result<&'a str, Malformed> {
        text_or_empty(last(self.message, SCHEMA_URL)?)
    }
}

impl<'a> ScopeView<'a> {
    /// Its spans.
    pub fn spans(&self) -> Messages<'a, SpanView<'a>> {
        self.records()
    }
}

fn bytes(value: Value<'_>) -> Result<&[u8], Malformed> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(Malformed),
    }
}

fn text(value: Value<'_>) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes(value)?).map_err(|_| Malformed)
}

fn text_or_empty(value: Option<Value<'_>>) -> Result<&str, Malformed> {
    value.map_or(Ok(""), text)
}

fn fixed64(value: Value<'_>) -> Result<u64, Malformed> {
    match value {
        Value::Fixed64(number) => Ok(number),
        _ => Err(Malformed),
    }
}

fn double(value: Value<'_>) -> Result<f64, Malformed> {
    fixed64(value).map(f64::from_bits)
}

fn fixed32(value: Value<'_>) -> Result<u32, Malformed> {
    match value {
        Value::Fixed32(number) => Ok(number),
        _ => Err(Malformed),
    }
}

fn uint64(value: Value<'_>) -> Result<u64, Malformed> {
    match value {
        Value::Varint(number) => Ok(number),
        _ => Err(Malformed),
    }
}

/// Protobuf: 32 bits are the low half of the varint.
fn uint32(value: Value<'_>) -> Result<u32, Malformed> {
    uint64(value).map(|number| number as u32)
}

fn uint32_or_zero(value: Option<Value<'_>>) -> Result<u32, Malformed> {
    value.map_or(Ok(0), uint32)
}

/// An `int32` or enum.
fn int32(value: Value<'_>) -> Result<i32, Malformed> {
    uint32(value).map(u32::cast_signed)
}

/// A zigzag number.
fn sint32(value: Value<'_>) -> Result<i32, Malformed> {
    uint32(value).map(|number| (number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

#[cfg(test)]
mod owned;
#[cfg(test)]
mod tests;

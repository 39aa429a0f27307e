//! Borrowed views over a trace request: its resources, scopes and spans where they stand.
//!
//! A view is a slice and, for a span, the few fields that everybody asks for, read in one pass.
//! Nothing is allocated. As in proto3 the last occurrence of a scalar counts, and the occurrences
//! of a singular message are one message: their fields are read as if written behind each other.
//! Bytes that prost would refuse are [`Malformed`] when the view comes to them, not earlier.
//!
//! Left out until somebody needs them: views of metrics and logs, links, and nested values.

use std::marker::PhantomData;

use crate::wire::{Field, Fields, Malformed, Value};

mod attributes;
mod select;

pub use attributes::{Any, Attribute, Attributes};
pub use select::select_spans;

/// Field numbers of `ExportTraceServiceRequest`, `ResourceSpans` and `ScopeSpans`.
const RESOURCE_SPANS: u32 = 1;
const RESOURCE: u32 = 1;
const SCOPE_SPANS: u32 = 2;
const SCOPE: u32 = 1;
const SPANS: u32 = 2;

/// The resources of a trace request.
pub fn resources(request: &[u8]) -> Messages<'_, ResourceView<'_>> {
    Messages::of(request, RESOURCE_SPANS)
}

/// A message that can be viewed.
pub trait View<'a>: Sized {
    /// The view over a message's bytes.
    fn view(message: &'a [u8]) -> Result<Self, Malformed>;
}

/// The messages in a repeated field, in order. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Messages<'a, T> {
    fields: Fields<'a>,
    number: u32,
    view: PhantomData<fn() -> T>,
}

impl<'a, T> Messages<'a, T> {
    fn of(message: &'a [u8], number: u32) -> Self {
        Self { fields: Fields::new(message), number, view: PhantomData }
    }
}

impl<'a, T: View<'a>> Iterator for Messages<'a, T> {
    type Item = Result<T, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = next_message(&mut self.fields, self.number).transpose()?.and_then(T::view);
        if found.is_err() {
            self.fields = Fields::new(&[]);
        }
        Some(found)
    }
}

/// The next message in field `number`.
fn next_message<'a>(fields: &mut Fields<'a>, number: u32) -> Result<Option<&'a [u8]>, Malformed> {
    while let Some(field) = fields.try_next()? {
        if field.number == number {
            return bytes(field.value).map(Some);
        }
    }
    Ok(None)
}

/// `ResourceSpans`: a resource and what it recorded.
#[derive(Clone, Copy, Debug)]
pub struct ResourceView<'a> {
    message: &'a [u8],
}

impl<'a> View<'a> for ResourceView<'a> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        Ok(Self { message })
    }
}

impl<'a> ResourceView<'a> {
    /// Its scopes.
    pub fn scopes(&self) -> Messages<'a, ScopeView<'a>> {
        Messages::of(self.message, SCOPE_SPANS)
    }

    /// The resource's attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::within(self.message, RESOURCE, 1)
    }

    /// The resource attribute `service.name`, if it is a text.
    pub fn service_name(&self) -> Result<Option<&'a str>, Malformed> {
        match self.attributes().find("service.name")? {
            Some(Any::Text(name)) => Ok(Some(name)),
            _ => Ok(None),
        }
    }
}

/// `ScopeSpans`: a scope and its spans.
#[derive(Clone, Copy, Debug)]
pub struct ScopeView<'a> {
    message: &'a [u8],
}

impl<'a> View<'a> for ScopeView<'a> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        Ok(Self { message })
    }
}

impl<'a> ScopeView<'a> {
    /// Its spans.
    pub fn spans(&self) -> Messages<'a, SpanView<'a>> {
        Messages::of(self.message, SPANS)
    }

    /// The scope's attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::within(self.message, SCOPE, 3)
    }
}

/// A span. Absent fields read as the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanView<'a> {
    /// 16 bytes, if it is valid.
    pub trace_id: &'a [u8],
    /// 8 bytes, if it is valid.
    pub span_id: &'a [u8],
    /// 8 bytes, or empty for a root.
    pub parent_span_id: &'a [u8],
    /// The operation.
    pub name: &'a str,
    /// `SpanKind` as a number.
    pub kind: i32,
    /// Begin, nanoseconds since 1970.
    pub start_ns: u64,
    /// End, nanoseconds since 1970.
    pub end_ns: u64,
    /// The span as it stands.
    pub message: &'a [u8],
}

impl<'a> View<'a> for SpanView<'a> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut span = Self { message, ..Self::default() };
        let mut fields = Fields::new(message);
        while let Some(field) = fields.try_next()? {
            span.take(field)?;
        }
        Ok(span)
    }
}

impl<'a> SpanView<'a> {
    #[inline]
    fn take(&mut self, field: Field<'a>) -> Result<(), Malformed> {
        match field.number {
            1 => self.trace_id = bytes(field.value)?,
            2 => self.span_id = bytes(field.value)?,
            4 => self.parent_span_id = bytes(field.value)?,
            5 => self.name = text(field.value)?,
            6 => self.kind = int32(field.value)?,
            7 => self.start_ns = fixed64(field.value)?,
            8 => self.end_ns = fixed64(field.value)?,
            _ => {}
        }
        Ok(())
    }

    /// How long it took; zero for a span that ends before it begins.
    pub fn duration_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }

    /// Its attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.message, 9)
    }

    /// The attributes of all its events, one event after the other.
    pub fn event_attributes(&self) -> Attributes<'a> {
        Attributes::within(self.message, 11, 3)
    }

    /// `Status.code` as a number.
    pub fn status_code(&self) -> Result<i32, Malformed> {
        let mut code = 0;
        let mut fields = Fields::new(self.message);
        while let Some(status) = next_message(&mut fields, 15)? {
            let mut status = Fields::new(status);
            while let Some(field) = status.try_next()? {
                if field.number == 3 {
                    code = int32(field.value)?;
                }
            }
        }
        Ok(code)
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

fn fixed64(value: Value<'_>) -> Result<u64, Malformed> {
    match value {
        Value::Fixed64(number) => Ok(number),
        _ => Err(Malformed),
    }
}

/// Protobuf: an `int32` or enum is the low half of the varint.
fn int32(value: Value<'_>) -> Result<i32, Malformed> {
    match value {
        Value::Varint(number) => Ok((number as u32).cast_signed()),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests;

//! Spans, their events and links.

use super::cursor::{each, last, last_within};
use super::{
    Attributes, Messages, View, bytes, fixed32, fixed64, int32, text, text_or_empty, uint32_or_zero,
};
use crate::wire::{Field, Malformed};

const EVENTS: u32 = 11;
const LINKS: u32 = 13;
const STATUS: u32 = 15;

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
        each(message, |field| span.take(field))?;
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

    /// W3C `tracestate`.
    pub fn trace_state(&self) -> Result<&'a str, Malformed> {
        text_or_empty(last(self.message, 3)?)
    }

    /// `SpanFlags`: the W3C trace flags, and whether the parent is remote.
    pub fn flags(&self) -> Result<u32, Malformed> {
        last(self.message, 16)?.map_or(Ok(0), fixed32)
    }

    /// Its attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.message, 9)
    }

    /// How many attributes its sender left out.
    pub fn dropped_attributes(&self) -> Result<u32, Malformed> {
        uint32_or_zero(last(self.message, 10)?)
    }

    /// Its events.
    pub fn events(&self) -> Messages<'a, EventView<'a>> {
        Messages::of(self.message, EVENTS)
    }

    /// The attributes of all its events, one event after the other.
    pub fn event_attributes(&self) -> Attributes<'a> {
        Attributes::within(self.message, EVENTS, 3)
    }

    /// How many events its sender left out.
    pub fn dropped_events(&self) -> Result<u32, Malformed> {
        uint32_or_zero(last(self.message, 12)?)
    }

    /// Its links.
    pub fn links(&self) -> Messages<'a, LinkView<'a>> {
        Messages::of(self.message, LINKS)
    }

    /// How many links its sender left out.
    pub fn dropped_links(&self) -> Result<u32, Malformed> {
        uint32_or_zero(last(self.message, 14)?)
    }

    /// Whether it has a status, be it an empty one.
    pub fn has_status(&self) -> Result<bool, Malformed> {
        Ok(last(self.message, STATUS)?.is_some())
    }

    /// `Status.code` as a number.
    pub fn status_code(&self) -> Result<i32, Malformed> {
        last_within(self.message, STATUS, 3)?.map_or(Ok(0), int32)
    }

    /// `Status.message`, for people.
    pub fn status_message(&self) -> Result<&'a str, Malformed> {
        text_or_empty(last_within(self.message, STATUS, 2)?)
    }
}

/// An event of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventView<'a> {
    /// When, nanoseconds since 1970.
    pub time_ns: u64,
    /// What happened.
    pub name: &'a str,
    /// How many attributes its sender left out.
    pub dropped_attributes: u32,
    /// The event as it stands.
    pub message: &'a [u8],
}

impl<'a> View<'a> for EventView<'a> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut event = Self { message, ..Self::default() };
        each(message, |field| {
            match field.number {
                1 => event.time_ns = fixed64(field.value)?,
                2 => event.name = text(field.value)?,
                4 => event.dropped_attributes = super::uint32(field.value)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(event)
    }
}

impl<'a> EventView<'a> {
    /// Its attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.message, 3)
    }
}

/// A link from a span to another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkView<'a> {
    /// 16 bytes, if it is valid.
    pub trace_id: &'a [u8],
    /// 8 bytes, if it is valid.
    pub span_id: &'a [u8],
    /// W3C `tracestate`.
    pub trace_state: &'a str,
    /// `SpanFlags`.
    pub flags: u32,
    /// How many attributes its sender left out.
    pub dropped_attributes: u32,
    /// The link as it stands.
    pub message: &'a [u8],
}

impl<'a> View<'a> for LinkView<'a> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut link = Self { message, ..Self::default() };
        each(message, |field| {
            match field.number {
                1 => link.trace_id = bytes(field.value)?,
                2 => link.span_id = bytes(field.value)?,
                3 => link.trace_state = text(field.value)?,
                5 => link.dropped_attributes = super::uint32(field.value)?,
                6 => link.flags = fixed32(field.value)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(link)
    }
}

impl<'a> LinkView<'a> {
    /// Its attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.message, 4)
    }
}

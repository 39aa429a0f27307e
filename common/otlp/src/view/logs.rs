//! Log records.

use super::attributes::slot;
use super::cursor::each;
use super::{Any, Attributes, View, bytes, fixed32, fixed64, int32, text, uint32};
use crate::wire::{Field, Malformed};

const BODY: u32 = 5;

/// A log record. Absent fields read as the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogView<'a> {
    /// When it happened, nanoseconds since 1970.
    pub time_ns: u64,
    /// When it was seen first, nanoseconds since 1970.
    pub observed_ns: u64,
    /// `SeverityNumber` as a number.
    pub severity_number: i32,
    /// The severity as its source calls it.
    pub severity_text: &'a str,
    /// `LogRecordFlags`: the W3C trace flags.
    pub flags: u32,
    /// 16 bytes, if it is valid.
    pub trace_id: &'a [u8],
    /// 8 bytes, if it is valid.
    pub span_id: &'a [u8],
    /// The kind of event, if it is one.
    pub event_name: &'a str,
    /// How many attributes its sender left out.
    pub dropped_attributes: u32,
    /// The record as it stands.
    pub message: &'a [u8],
}

impl<'a> View<'a> for LogView<'a> {
    fn view(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut record = Self { message, ..Self::default() };
        each(message, |field| record.take(field))?;
        Ok(record)
    }
}

impl<'a> LogView<'a> {
    fn take(&mut self, field: Field<'a>) -> Result<(), Malformed> {
        match field.number {
            1 => self.time_ns = fixed64(field.value)?,
            2 => self.severity_number = int32(field.value)?,
            3 => self.severity_text = text(field.value)?,
            7 => self.dropped_attributes = uint32(field.value)?,
            8 => self.flags = fixed32(field.value)?,
            9 => self.trace_id = bytes(field.value)?,
            10 => self.span_id = bytes(field.value)?,
            11 => self.observed_ns = fixed64(field.value)?,
            12 => self.event_name = text(field.value)?,
            _ => {}
        }
        Ok(())
    }

    /// What it says; nothing if it has no body.
    pub fn body(&self) -> Result<Option<Any<'a>>, Malformed> {
        slot(self.message, BODY)
    }

    /// Its attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.message, 6)
    }
}

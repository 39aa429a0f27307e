//! Cutting a request into smaller ones, by records and bytes or by resource, on raw slices.
//!
//! What is around the records (the resource and scope, schema URLs, unknown fields of any level) is repeated
//! around the records of each piece; a record itself is never looked into. Metrics count by points, so a
//! metric may be cut between its points, and each piece of it says its name, unit and temporality. The
//! pieces together, merged by concatenation, hold the records of the request in their order.
//!
//! A piece is filled greedily, to the last record that fits; what fits whole is one slice. A record that is larger
//! than the limit by itself is a piece by itself, so that nothing is lost. Of a metric that is cut, data of a
//! `oneof` that was overwritten later stays behind: nobody can read it.

use bytes::Bytes;

use crate::Signal;
use crate::check::{self, METRIC_DATA};
use crate::edit::fields::{bytes, others};
use crate::level::Level;
use crate::wire::{Fields, Malformed, Value, field_bytes, put_varint};

/// How large a piece may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Spans, metric points, log records or profiles.
    pub records: u64,
    /// The request, uncompressed.
    pub bytes: usize,
}

impl Limit {
    /// As large as it likes.
    pub const NONE: Self = Self { records: u64::MAX, bytes: usize::MAX };

    /// At most so many records.
    pub const fn records(records: u64) -> Self {
        Self { records, ..Self::NONE }
    }

    /// At most so many bytes.
    pub const fn bytes(bytes: usize) -> Self {
        Self { bytes, ..Self::NONE }
    }
}

/// A request of its own with some of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The request; the very bytes of the whole where nothing had to be cut.
    pub body: Bytes,
    /// Records in it.
    pub records: u64,
}

/// Cuts a request. The n-th piece keeps the n-th limit; behind the last limit there is none. Pieces are
/// handed out one by one, since together they can be much larger than the request: its envelopes are repeated.
/// An error of `emit` ends the walk.
pub fn split<E: From<Malformed>>(
    signal: Signal,
    request: &Bytes,
    limits: impl IntoIterator<Item = Limit>,
    emit: impl FnMut(Piece) -> Result<(), E>,
) -> Result<(), E> {
    let mut limits = limits.into_iter();
    let limit = limits.next().unwrap_or(Limit::NONE);
    let mut cutter = Cutter { signal, limit, limits, emit, open: Vec::new(), records: 0 };
    let records = check::check(signal, request)?.records;
    if records <= limit.records && request.len() <= limit.bytes {
        return (cutter.emit)(Piece { body: request.clone(), records });
    }
    cutter.begin(0, request, RESOURCES)?;
    cutter.walk(request, RESOURCES, Level::Resource)?;
    cutter.cut()
}

/// A request for each resource, in order, with what stands beside the resources.
pub fn by_resource<E: From<Malformed>>(
    signal: Signal,
    request: &[u8],
    mut emit: impl FnMut(Piece) -> Result<(), E>,
) -> Result<(), E> {
    let around = without(request, RESOURCES)?;
    let mut fields = Fields::new(request);
    while let Some(field) = fields.next_of(RESOURCES)? {
        let records = check::records(signal, Level::Resource, bytes(field.value)?)?;
        let body = Bytes::from([&around[..], field.raw].concat());
        emit(Piece { body, records })?;
    }
    Ok(())
}

/// Fields of a request, a resource's and a scope's message, and of a metric's data; the same for all signals.
const RESOURCES: u32 = 1;
const INNER: u32 = 2;
const POINTS: u32 = 1;

/// A message that is being copied: what is around its children, and the children so far.
struct Open {
    number: u32,
    around: Vec<u8>,
    children: Vec<u8>,
}

impl Open {
    fn bytes(&self) -> usize {
        self.around.len() + self.children.len()
    }
}

struct Cutter<L, F> {
    signal: Signal,
    limit: Limit,
    limits: L,
    emit: F,
    /// The outermost, the request, first.
    open: Vec<Open>,
    /// In the piece that is being filled.
    records: u64,
}

impl<L, F, E> Cutter<L, F>
where
    L: Iterator<Item = Limit>,
    F: FnMut(Piece) -> Result<(), E>,
    E: From<Malformed>,
{
    /// Copies the children in field `number` of `message`, which stand at `level`.
    fn walk(&mut self, message: &[u8], number: u32, level: Level) -> Result<(), E> {
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_of(number)? {
            let child = bytes(field.value)?;
            let records = check::records(self.signal, level, child)?;
            if records <= 1 || self.has_room(records, field.raw.len()) {
                self.take(field.raw, records)?;
            } else {
                self.divide(number, child, level)?;
            }
        }
        Ok(())
    }

    /// Copies a message child by child; it has at least two records, so it is none itself.
    fn divide(&mut self, number: u32, message: &[u8], level: Level) -> Result<(), E> {
        match level {
            Level::Resource => {
                self.begin(number, message, INNER)?;
                self.walk(message, INNER, Level::Scope)?;
            }
            Level::Scope => {
                self.begin(number, message, INNER)?;
                self.walk(message, INNER, Level::Record)?;
            }
            _ => return self.divide_metric(number, message),
        }
        self.end();
        Ok(())
    }

    fn divide_metric(&mut self, number: u32, metric: &[u8]) -> Result<(), E> {
        let (kind, data) = data_of(metric)?;
        self.open.push(Open { number, around: around_data(metric)?, children: Vec::new() });
        let around: Vec<Vec<u8>> =
            data.iter().map(|data| without(data, POINTS)).collect::<Result<_, _>>()?;
        self.open.push(Open { number: kind, around: around.concat(), children: Vec::new() });
        for data in data {
            self.walk(data, POINTS, Level::Child)?;
        }
        self.end();
        self.end();
        Ok(())
    }

    fn begin(&mut self, number: u32, message: &[u8], children: u32) -> Result<(), Malformed> {
        let around = without(message, children)?;
        self.open.push(Open { number, around, children: Vec::new() });
        Ok(())
    }

    /// Puts the innermost message among the children of the one around it, if anything is in it.
    fn end(&mut self) {
        let done = self.open.pop().expect("every end has a begin");
        if let Some(outer) = self.open.last_mut()
            && !done.children.is_empty()
        {
            put_head(&mut outer.children, done.number, done.bytes());
            outer.children.extend_from_slice(&done.around);
            outer.children.extend_from_slice(&done.children);
        }
    }

    fn has_room(&self, records: u64, bytes: usize) -> bool {
        self.records + records <= self.limit.records && self.bytes_with(bytes) <= self.limit.bytes
    }

    /// The piece's size with so many bytes more in the innermost message.
    fn bytes_with(&self, more: usize) -> usize {
        let inner = self.open.iter().skip(1).rev();
        let inner = inner.fold(more, |inner, open| field_bytes(inner + open.bytes()));
        inner + self.open.first().map_or(0, Open::bytes)
    }

    /// Puts a field into the innermost message, of the next piece if this one has no room.
    fn take(&mut self, raw: &[u8], records: u64) -> Result<(), E> {
        if !self.is_empty() && !self.has_room(records, raw.len()) {
            self.cut()?;
        }
        let inner = self.open.last_mut().expect("the request is open");
        inner.children.extend_from_slice(raw);
        self.records += records;
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.open.iter().all(|open| open.children.is_empty())
    }

    /// Hands out the piece, if anything is in it; the next one begins with the same messages open.
    fn cut(&mut self) -> Result<(), E> {
        if self.is_empty() {
            return Ok(());
        }
        let body = Bytes::from(self.body());
        self.open.iter_mut().for_each(|open| open.children.clear());
        let records = std::mem::take(&mut self.records);
        self.limit = self.limits.next().unwrap_or(Limit::NONE);
        (self.emit)(Piece { body, records })
    }

    /// The open messages as they stand; those behind the last that has children are left out.
    fn body(&self) -> Vec<u8> {
        let last = self.open.iter().rposition(|open| !open.children.is_empty()).unwrap_or(0);
        let mut sizes = Vec::with_capacity(last + 1);
        let mut inner = 0;
        for open in self.open[..=last].iter().rev() {
            let size = open.bytes() + inner;
            sizes.push(size);
            inner = field_bytes(size);
        }
        let mut body = Vec::with_capacity(inner);
        for (depth, (open, size)) in self.open.iter().zip(sizes.into_iter().rev()).enumerate() {
            if depth > 0 {
                put_head(&mut body, open.number, size);
            }
            body.extend_from_slice(&open.around);
            body.extend_from_slice(&open.children);
        }
        body
    }
}

/// The data of a metric that counts: of a `oneof` the last kind, whose occurrences are one message.
fn data_of(metric: &[u8]) -> Result<(u32, Vec<&[u8]>), Malformed> {
    let (mut kind, mut data) = (0, Vec::new());
    let mut fields = Fields::new(metric);
    while let Some(field) = fields.try_next()? {
        let Value::Bytes(message) = field.value else { continue };
        if METRIC_DATA.contains(&field.number) {
            if field.number != kind {
                data.clear();
            }
            kind = field.number;
            data.push(message);
        }
    }
    Ok((kind, data))
}

/// The fields of a metric but its data.
fn around_data(metric: &[u8]) -> Result<Vec<u8>, Malformed> {
    rest(metric, |number| METRIC_DATA.contains(&number))
}

/// The fields of a message but those in `number`.
pub(crate) fn without(message: &[u8], number: u32) -> Result<Vec<u8>, Malformed> {
    rest(message, |other| other == number)
}

fn rest(message: &[u8], is_left_out: impl Fn(u32) -> bool) -> Result<Vec<u8>, Malformed> {
    let mut rest = Vec::new();
    others(message, is_left_out, |raw| rest.extend_from_slice(raw))?;
    Ok(rest)
}

/// Appends the tag and length of a message field.
pub(crate) fn put_head(out: &mut Vec<u8>, number: u32, length: usize) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, length as u64);
}

#[cfg(test)]
mod tests;

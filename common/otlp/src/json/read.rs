//! OTLP/JSON, read into protobuf bytes.
//!
//! OTLP: JSON encoding, and proto3's JSON mapping where OTLP is silent. One pass over the text, one
//! walk over the tables of `schema`, no tree in between. Read are: keys in lowerCamelCase and as the
//! proto files spell them; numbers as numbers or texts, `1e3` and `1.0` for whole ones; ids as
//! hexadecimal; other bytes as base64 of either alphabet, padded or not; NaN and the infinities as
//! texts; `null` as absent. Enums are numbers only, as OTLP insists. Unknown fields are skipped. Of a
//! key that stands twice the last counts, lists and messages are continued: what protobuf does.
//!
//! Where senders err often and a loss would be worse, we are milder than proto3: half a surrogate
//! pair (a text cut in JavaScript) reads as U+FFFD, and a `null` in a list of values is an empty value.
//!
//! Limits: [`MAX_DEPTH`] messages deep, unknown values [`scan::MAX_SKIP_DEPTH`], and as many bytes
//! as the caller allows: `0,` in a list of doubles becomes eight bytes.

use crate::Signal;
use crate::schema::{self, Kind, MAX_DEPTH, Message, Row, Rule};
use crate::wire::{put_bytes, put_varint};

mod binary;
mod error;
mod number;
mod scan;

pub use error::{ReadError, Reason};

use error::{Fault, Step};
use scan::Scanner;

/// Appends the export request that `json` says, as protobuf of at most `max_bytes`.
///
/// After an error the end of `out` is undefined. Profiles have no JSON form here.
pub fn read_request(
    signal: Signal,
    json: &[u8],
    max_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let message = schema::request(signal).ok_or_else(ReadError::no_form)?;
    read_document(message, json, max_bytes, out)
}

/// Appends the one message that `json` says.
pub(crate) fn read_document(
    message: &'static Message,
    json: &[u8],
    max_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    if let Err(error) = std::str::from_utf8(json) {
        return Err(ReadError::new(json, Fault::new(error.valid_up_to(), Reason::NotUtf8)));
    }
    let end_max = out.len().saturating_add(max_bytes);
    let mut reader = Reader { scan: Scanner::new(json), out, end_max };
    let read = reader.message(message, MAX_DEPTH).and_then(|()| reader.scan.end());
    read.map_err(|fault| ReadError::new(json, fault))
}

struct Reader<'a, 'o> {
    scan: Scanner<'a>,
    out: &'o mut Vec<u8>,
    /// How long `out` may become.
    end_max: usize,
}

impl Reader<'_, '_> {
    fn message(&mut self, message: &'static Message, depth: usize) -> Result<(), Fault> {
        let depth = depth.checked_sub(1).ok_or_else(|| self.scan.fault(Reason::TooDeep))?;
        self.scan.open(b'{', "an object")?;
        let (mut seen, mut next) = (0u32, 0);
        while let Some(key) = self.scan.next_key()? {
            let Some(index) = find(message, &key, next) else {
                self.scan.skip_value()?;
                continue;
            };
            let row = &message.fields[index];
            let is_first = seen >> index & 1 == 0;
            self.field(row, is_first, depth).map_err(|fault| fault.within(Step::Key(row.name)))?;
            seen |= 1 << index;
            next = index + 1;
        }
        Ok(())
    }

    fn field(&mut self, row: &'static Row, is_first: bool, depth: usize) -> Result<(), Fault> {
        if self.scan.take_null()? {
            return Ok(());
        }
        match (row.rule, row.kind) {
            (Rule::Repeated, Kind::Message(message)) => {
                self.list(|reader| reader.item(row.number, message, depth))
            }
            (Rule::Repeated, Kind::Text | Kind::Bytes | Kind::Id) => {
                self.list(|reader| reader.scalar(row).map(|_| ()))
            }
            (Rule::Repeated, kind) => self.delimited(row.number, |reader| {
                reader.list(|reader| reader.payload(kind).map(|_| ()))
            }),
            (_, Kind::Message(message)) => {
                self.delimited(row.number, |reader| reader.message(message, depth))
            }
            (rule, _) => {
                let mark = self.out.len();
                let is_default = self.scalar(row)?;
                // A default after another value of the same key must be written to count.
                if is_default && is_first && matches!(rule, Rule::Single | Rule::Always) {
                    self.out.truncate(mark);
                }
                Ok(())
            }
        }
    }

    /// A message in a list.
    fn item(&mut self, number: u32, message: &'static Message, depth: usize) -> Result<(), Fault> {
        let may_be_null = std::ptr::eq(message, &raw const schema::ANY_VALUE);
        if may_be_null && self.scan.take_null()? {
            put_bytes(self.out, number, &[]);
            return self.check_size();
        }
        self.delimited(number, |reader| reader.message(message, depth))
    }

    fn list(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        self.scan.open(b'[', "a list")?;
        let mut index = 0;
        while self.scan.next_item()? {
            item(self).map_err(|fault| fault.within(Step::Index(index)))?;
            index += 1;
        }
        Ok(())
    }

    /// Tag, length, and what `write` appends. One byte is kept for the length, since most of what
    /// stands in a request is short; longer contents move once per level.
    fn delimited(
        &mut self,
        number: u32,
        write: impl FnOnce(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        put_varint(self.out, u64::from(number) << 3 | 2);
        let start = self.out.len();
        self.out.push(0);
        write(self)?;
        let mut length = self.out.len() - start - 1;
        if length < 0x80 {
            self.out[start] = length as u8;
            return self.check_size();
        }
        let mut varint = [0; 10];
        let mut count = 0;
        while length >= 0x80 {
            varint[count] = length as u8 | 0x80;
            length >>= 7;
            count += 1;
        }
        varint[count] = length as u8;
        self.out.splice(start..=start, varint[..=count].iter().copied());
        self.check_size()
    }

    /// A scalar with its tag; says whether it is the default.
    fn scalar(&mut self, row: &Row) -> Result<bool, Fault> {
        if let Kind::Text = row.kind {
            let text = self.scan.text("a text")?;
            put_bytes(self.out, row.number, &text);
            self.check_size()?;
            return Ok(text.is_empty());
        }
        if let Kind::Bytes | Kind::Id = row.kind {
            let mark = self.out.len();
            self.delimited(row.number, |reader| reader.binary(row.kind))?;
            return Ok(self.out[mark..].ends_with(&[0]) && self.out.len() - mark <= 2);
        }
        let wire_type = match row.kind {
            Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => 1,
            Kind::Fixed32 => 5,
            _ => 0,
        };
        put_varint(self.out, u64::from(row.number) << 3 | wire_type);
        self.payload(row.kind)
    }

    /// A number or boolean without its tag; says whether it is the default.
    fn payload(&mut self, kind: Kind) -> Result<bool, Fault> {
        let is_default = match kind {
            Kind::Bool => {
                let value = self.scan.boolean()?;
                self.out.push(u8::from(value));
                !value
            }
            Kind::Double => {
                let value = number::double(&mut self.scan)?;
                self.out.extend_from_slice(&value.to_le_bytes());
                value.to_bits() == 0
            }
            _ => self.integer(kind)?,
        };
        self.check_size().map(|()| is_default)
    }

    fn integer(&mut self, kind: Kind) -> Result<bool, Fault> {
        let value = number::integer(&mut self.scan, kind)?;
        match kind {
            Kind::Fixed64 | Kind::Sfixed64 => {
                self.out.extend_from_slice(&(value as u64).to_le_bytes());
            }
            Kind::Fixed32 => self.out.extend_from_slice(&(value as u32).to_le_bytes()),
            Kind::Sint32 => put_varint(self.out, u64::from(zigzag(value as i32))),
            // Negative ones take ten bytes, sign included: protobuf's way.
            _ => put_varint(self.out, value as u64),
        }
        Ok(value == 0)
    }

    fn binary(&mut self, kind: Kind) -> Result<(), Fault> {
        let start = self.scan.start();
        let expected = if matches!(kind, Kind::Id) { "hexadecimal" } else { "base64" };
        let text = self.scan.text(expected)?;
        let is_sound = match kind {
            Kind::Id => binary::hex(&text, self.out),
            _ => binary::base64(&text, self.out),
        };
        if is_sound { Ok(()) } else { Err(self.scan.unexpected(start, expected)) }
    }

    fn check_size(&self) -> Result<(), Fault> {
        if self.out.len() > self.end_max {
            return Err(self.scan.fault(Reason::TooLarge));
        }
        Ok(())
    }
}

fn zigzag(value: i32) -> u32 {
    (value << 1 ^ value >> 31).cast_unsigned()
}

/// The field of that name. Writers keep the order of the tables, so the search begins at `next`.
fn find(message: &Message, key: &[u8], next: usize) -> Option<usize> {
    let count = message.fields.len();
    let indexes = || (next..count).chain(0..next.min(count));
    indexes()
        .find(|&index| message.fields[index].name.as_bytes() == key)
        .or_else(|| indexes().find(|&index| is_proto_name(key, message.fields[index].name)))
}

/// Whether `key` is how the proto files spell `name`: `trace_id` for `traceId`.
fn is_proto_name(key: &[u8], name: &str) -> bool {
    let mut key = key.iter();
    let spelled = name.bytes().all(|wanted| match key.next() {
        Some(b'_') => key.next().is_some_and(|letter| letter.to_ascii_uppercase() == wanted),
        Some(&letter) => letter == wanted && !wanted.is_ascii_uppercase(),
        None => false,
    });
    spelled && key.next().is_none()
}

#[cfg(test)]
mod tests;

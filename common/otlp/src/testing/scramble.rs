//! The same message written as hardly anybody writes it: fields in odd order, unknown fields between
//! them, singular messages in pieces, scalars twice, repeated numbers unpacked.

use crate::Signal;
use crate::json::unpack;
use crate::schema::{self, Kind, Message, Row, Rule};
use crate::wire::{Fields, Value, put_bytes, put_varint};

/// A generator of choices, good enough for tests.
pub(crate) struct Choices(u64);

impl Choices {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Whether something happens, once in `n`.
    pub(crate) fn once_in(&mut self, n: u64) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.is_multiple_of(n)
    }
}

/// Rewrites a request so that prost reads the same from it.
pub(crate) fn scramble(signal: Signal, request: &[u8], choices: &mut Choices) -> Vec<u8> {
    message(schema::request(signal).expect("a signal with views"), request, choices)
}

fn message(schema: &Message, bytes: &[u8], choices: &mut Choices) -> Vec<u8> {
    let mut written: Vec<(u32, Vec<u8>)> = Vec::new();
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.try_next().expect("sound") {
        let row = schema.fields.iter().find(|row| row.number == field.number);
        let row = row.expect("prost writes what the schema knows");
        for new in rewritten(row, field.value, field.raw, choices) {
            written.push((order_group(schema, row), new));
        }
        if choices.once_in(6) {
            written.push((0, unknown()));
        }
    }
    // Fields of one number, and members of one oneof, must stay in their order.
    for index in 1..written.len() {
        if written[index - 1].0 != written[index].0 && choices.once_in(2) {
            written.swap(index - 1, index);
        }
    }
    written.into_iter().flat_map(|(_, bytes)| bytes).collect()
}

/// Fields with the same number here keep their order.
fn order_group(schema: &Message, row: &Row) -> u32 {
    let is_member = |row: &&Row| row.rule == Rule::OneOf;
    let first = schema.fields.iter().find(is_member).map_or(0, |row| row.number);
    if row.rule == Rule::OneOf { first } else { row.number }
}

fn unknown() -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, 1000, b"unknown");
    out
}

fn rewritten(row: &Row, value: Value<'_>, raw: &[u8], choices: &mut Choices) -> Vec<Vec<u8>> {
    match (row.kind, value) {
        (Kind::Message(inner), Value::Bytes(bytes)) => {
            let inner = message(inner, bytes, choices);
            let is_one = row.rule != Rule::Repeated;
            if is_one && choices.once_in(3) {
                pieces(row.number, &inner)
            } else {
                vec![field(row.number, &inner)]
            }
        }
        (_, Value::Bytes(packed)) if row.rule == Rule::Repeated && is_number(row.kind) => {
            unpacked(row, packed)
        }
        _ if row.rule == Rule::Repeated || !choices.once_in(5) => vec![raw.to_vec()],
        // An earlier scalar does not count.
        _ => vec![raw.to_vec(), raw.to_vec()],
    }
}

fn is_number(kind: Kind) -> bool {
    !matches!(kind, Kind::Text | Kind::Bytes | Kind::Id | Kind::Message(_))
}

fn unpacked(row: &Row, packed: &[u8]) -> Vec<Vec<u8>> {
    let wire_type = if matches!(row.kind, Kind::Uint64) { 0 } else { 1 };
    let mut fields = Vec::new();
    let mut rest = packed;
    while !rest.is_empty() {
        let (_, after) = unpack(row.kind, rest).expect("sound");
        let mut out = Vec::new();
        put_varint(&mut out, u64::from(row.number) << 3 | wire_type);
        out.extend_from_slice(&rest[..rest.len() - after.len()]);
        fields.push(out);
        rest = after;
    }
    fields
}

/// One message in two fields of the same number.
fn pieces(number: u32, message: &[u8]) -> Vec<Vec<u8>> {
    let mut fields = Fields::new(message);
    let first = fields.try_next().expect("sound").map_or(0, |field| field.raw.len());
    vec![field(number, &message[..first]), field(number, &message[first..])]
}

fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, number, bytes);
    out
}

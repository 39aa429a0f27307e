//! Attributes and times as OTLP bytes, for the metrics that the host's receivers write.

use otlp::wire::{put_bytes, put_message, put_varint};

/// The value of an attribute.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Int(i64),
}

#[cfg(test)]
impl std::fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Int(int) => write!(f, "{int}"),
        }
    }
}

/// OTLP: KeyValue, as the field `number` of a message.
pub(super) fn put_attribute(out: &mut Vec<u8>, number: u32, key: &str, value: Value<'_>) {
    put_message(out, number, |out| {
        put_bytes(out, 1, key.as_bytes());
        put_message(out, 2, |out| match value {
            Value::Text(text) => put_bytes(out, 1, text.as_bytes()),
            Value::Int(int) => {
                // A member of a oneof is written even when it is the default.
                put_varint(out, 3 << 3);
                put_varint(out, int.cast_unsigned());
            }
        });
    });
}

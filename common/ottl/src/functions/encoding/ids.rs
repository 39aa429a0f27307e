//! Trace, span and profile ids from bytes or hexadecimal, and new UUIDs.

use uuid::{NoContext, Timestamp, Uuid};

use crate::function::{Args, Blame, Call, Unfit};
use crate::{RunError, Value};

const NS_PER_S: i128 = 1_000_000_000;

pub(super) fn trace_id(args: &Args<'_>) -> Result<Call, Unfit> {
    prepared(args, |bytes| id(bytes).map(Value::TraceId))
}

pub(super) fn span_id(args: &Args<'_>) -> Result<Call, Unfit> {
    prepared(args, |bytes| id(bytes).map(Value::SpanId))
}

pub(super) fn profile_id(args: &Args<'_>) -> Result<Call, Unfit> {
    prepared(args, |bytes| id(bytes).map(Value::ProfileId))
}

/// A constant id is checked when the statement is loaded.
fn prepared(
    args: &Args<'_>,
    read: fn(&[u8]) -> Result<Value<'static>, RunError>,
) -> Result<Call, Unfit> {
    if args.has(0) {
        read(args.bytes(0).unwrap_or_default()).of_argument(0)?;
    }
    Ok(Box::new(move |args| read(args.bytes(0)?)))
}

/// `N` bytes, or twice as many hexadecimal digits.
fn id<const N: usize>(bytes: &[u8]) -> Result<[u8; N], RunError> {
    if let Ok(id) = bytes.try_into() {
        return Ok(id);
    }
    if bytes.len() != 2 * N {
        let message = format!("an id has {N} bytes or {} digits, not {}", 2 * N, bytes.len());
        return Err(RunError::new(message));
    }
    let mut id = [0; N];
    for (byte, digits) in id.iter_mut().zip(bytes.chunks(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let pair = digit(digits[0]).zip(digit(digits[1]));
        let (high, low) = pair.ok_or_else(|| RunError::new("an id is hexadecimal"))?;
        *byte = (high * 16 + low) as u8;
    }
    Ok(id)
}

/// A random UUID (version 4).
pub(super) fn uuid<'a>(_: &Args<'a>) -> Result<Value<'a>, RunError> {
    Ok(Value::text(Uuid::new_v4().to_string()))
}

/// A UUID that begins with the time (version 7).
pub(super) fn uuid_v7<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let Ok(now) = args.now() else { return Ok(Value::text(Uuid::now_v7().to_string())) };
    let seconds = u64::try_from(now.at_ns.div_euclid(NS_PER_S)).unwrap_or_default();
    let nanoseconds = now.at_ns.rem_euclid(NS_PER_S) as u32;
    let time = Timestamp::from_unix(NoContext, seconds, nanoseconds);
    Ok(Value::text(Uuid::new_v7(time).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_bytes_or_digits() {
        assert_eq!(id::<2>(b"\x01\xff").unwrap(), [1, 255]);
        assert_eq!(id::<2>(b"01Ff").unwrap(), [1, 255]);
        for bad in [&b""[..], b"1", b"01F", b"01Fg", b"01 f"] {
            assert!(id::<2>(bad).is_err());
        }
    }
}

//! What is computed from numbers.

use crate::RunError;
use crate::function::Kind::Any;
use crate::function::{Args, Body, Definition, required};
use crate::number;
use crate::value::Value;

/// The family.
pub(super) const ALL: &[Definition] =
    &[Definition { name: "Log", params: &[required("target", Any)], body: Body::Plain(log) }];

/// `Log(value)`: the natural logarithm of a number, of a text that is one, or of a bool (1 or 0).
fn log<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let number = match args.peek(0) {
        Value::Int(number) => *number as f64,
        Value::Double(number) => *number,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Str(text) => number::parse_double(text)
            .ok_or_else(|| RunError::new(format!("{text:?} is not a number")))?,
        other => return Err(RunError::of_type("number", other.kind())),
    };
    if number > 0.0 {
        return Ok(Value::Double(number.ln()));
    }
    Err(RunError::new(format!("{number} has no logarithm: it is not above zero")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::testing::{call, int, text};

    #[test]
    fn logarithms_are_of_what_is_above_zero() {
        for (value, expect) in [
            (int(1), Some(0.0)),
            (text("9223372036854775808"), Some(43.668_272_375_276_55)),
            (Value::Bool(true), Some(0.0)),
            (int(0), None),
            (Value::Double(-0.25), None),
            (Value::Double(f64::NAN), None),
            (text(" 5"), None),
            (Value::Bool(false), None),
            (Value::Nil, None),
        ] {
            let found = call(ALL, "Log", vec![value.clone()]).ok();
            let found = found.and_then(|value| value.into_any().ok());
            assert_eq!(found, expect.map(crate::Any::Double), "{value:?}");
        }
    }
}

//! What is computed from numbers.

use crate::RunError;
use crate::function::Kind::DoubleLike;
use crate::function::{Args, Body, Definition, required};
use crate::value::Value;

/// The family.
pub(super) const ALL: &[Definition] = &[Definition {
    name: "Log",
    params: &[required("target", DoubleLike)],
    body: Body::Plain(log),
}];

/// `Log(value)`: the natural logarithm of a number, of a text that is one, or of a bool (1 or 0).
fn log<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let number = args.double(0)?;
    if number > 0.0 {
        return Ok(Value::Double(number.ln()));
    }
    Err(RunError::new(format!("{number} has no logarithm: it is not above zero")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::testing::call;

    #[test]
    fn logarithms_are_of_what_is_above_zero() {
        for (value, expect) in [
            (1.0, Some(0.0)),
            (9_223_372_036_854_775_808.0, Some(43.668_272_375_276_55)),
            (1e-308, Some(-709.196_208_642_166_1)),
            (0.0, None),
            (-0.25, None),
            (f64::NAN, None),
        ] {
            let found = call(ALL, "Log", vec![Value::Double(value)]).ok();
            let found = found.and_then(|value| value.into_any().ok());
            assert_eq!(found, expect.map(crate::Any::Double), "{value:?}");
        }
    }
}

//! `Sort`: numbers by size, anything else by its text.

use std::cmp::Ordering;

use crate::function::{Args, Call, Unfit};
use crate::{RunError, Value, json};

/// How a list is sorted.
enum By {
    /// Whole numbers only.
    Int,
    /// Numbers, some of them doubles.
    Double,
    /// Texts, bools and nothing among them.
    Text,
    /// Lists and bytes have no order.
    Nothing,
}

/// Prepares the call: the order is `asc` or `desc`.
pub(super) fn sort(args: &Args<'_>) -> Result<Call, Unfit> {
    let is_descending = match args.opt_str(1) {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(other) => {
            let message = format!("the order is \"asc\" or \"desc\", not {other:?}");
            return Err(Unfit::argument(1, message));
        }
    };
    Ok(Box::new(move |args| {
        let is_slice = matches!(args.peek(0), Value::Slice(_));
        let mut items = args.items(0)?;
        let by = kind(&items, is_slice)?;
        sort_by(&mut items, &by, is_descending);
        Ok(Value::List(items))
    }))
}

fn kind(items: &[Value<'_>], is_slice: bool) -> Result<By, RunError> {
    let mut has_double = false;
    let mut has_text = false;
    let mut has_other = false;
    for item in items {
        match item {
            Value::Int(_) => {}
            Value::Double(_) => has_double = true,
            Value::Str(_) | Value::Bool(_) | Value::Nil => has_text = true,
            // A literal list may hold only what OTLP has without maps; an OTLP list anything.
            Value::Bytes(_) | Value::Slice(_) | Value::List(_) => has_other = true,
            Value::Map(_) if is_slice => has_other = true,
            other => return Err(RunError::of_type("a list of simple values", other.kind())),
        }
    }
    Ok(match (has_other, has_text, has_double) {
        (true, _, _) => By::Nothing,
        (_, true, _) => By::Text,
        (_, _, true) => By::Double,
        _ => By::Int,
    })
}

fn sort_by(items: &mut Vec<Value<'_>>, by: &By, is_descending: bool) {
    let turned = |order: Ordering| if is_descending { order.reverse() } else { order };
    match by {
        By::Nothing => {}
        By::Int => items.sort_by(|left, right| turned(int(left).cmp(&int(right)))),
        By::Double => items.sort_by(|left, right| turned(doubles(double(left), double(right)))),
        By::Text => {
            let taken = std::mem::take(items).into_iter();
            let mut keyed: Vec<_> = taken.map(|item| (text(&item), item)).collect();
            keyed.sort_by(|left, right| turned(left.0.cmp(&right.0)));
            items.extend(keyed.into_iter().map(|(_, item)| item));
        }
    }
}

/// NaN is less than all.
fn doubles(left: f64, right: f64) -> Ordering {
    let by_nan = right.is_nan().cmp(&left.is_nan());
    left.partial_cmp(&right).unwrap_or(by_nan)
}

fn int(value: &Value<'_>) -> i64 {
    if let Value::Int(number) = value { *number } else { 0 }
}

fn double(value: &Value<'_>) -> f64 {
    match value {
        Value::Double(number) => *number,
        other => int(other) as f64,
    }
}

/// Nil is before all texts.
fn text(value: &Value<'_>) -> String {
    match value {
        Value::Str(text) => text.clone().into_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => json::double_text(*number),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::Argument;

    #[test]
    fn numbers_by_size_and_the_rest_by_text() {
        let check = |items: Vec<Value<'static>>, order: &'static str, expect: &str| {
            let order = Argument::Value(Value::text(order));
            let args = Args::new([Argument::Value(Value::List(items)), order], None);
            let sorted = sort(&args).unwrap()(&args).unwrap();
            assert_eq!(json::like(&sorted).unwrap(), expect);
        };
        let mixed = || vec![Value::Bool(true), Value::Int(1), Value::text("x"), Value::Double(2.5)];
        check(mixed(), "asc", r#"[1,2.5,true,"x"]"#);
        check(mixed(), "desc", r#"["x",true,2.5,1]"#);
        check(vec![Value::Int(10), Value::Int(9)], "asc", "[9,10]");
        check(vec![Value::text("10"), Value::text("9")], "asc", r#"["10","9"]"#);
        check(vec![Value::Int(2), Value::Double(1.5), Value::Int(-1)], "desc", "[2,1.5,-1]");
        check(vec![Value::text("a"), Value::Nil], "asc", r#"[null,"a"]"#);
    }

    #[test]
    fn nan_is_first() {
        let mut items = vec![Value::Double(1.0), Value::Double(f64::NAN), Value::Double(-1.0)];
        sort_by(&mut items, &By::Double, false);
        assert!(double(&items[0]).is_nan());
    }
}

//! Arithmetic (reference/ottl.md section 7).
//!
//! Whole numbers wrap, as the reference's do; any double makes it double. Division by zero fails, by 0.0
//! too. Times and durations add and subtract.

use crate::ast::Operator;
use crate::value::Time;
use crate::{RunError, Value};

/// `left op right`
pub fn compute(
    left: &Value<'_>,
    op: Operator,
    right: &Value<'_>,
) -> Result<Value<'static>, RunError> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => whole(*left, op, *right).map(Value::Int),
        (Value::Time(_) | Value::Duration(_), _) | (_, Value::Time(_) | Value::Duration(_)) => {
            temporal(left, op, right)
        }
        _ => real(number(left)?, op, number(right)?).map(Value::Double),
    }
}

/// `-value`
pub fn negate(value: &Value<'_>) -> Result<Value<'static>, RunError> {
    match value {
        Value::Int(value) => Ok(Value::Int(value.wrapping_neg())),
        Value::Double(value) => Ok(Value::Double(-value)),
        other => Err(RunError::of_type("a number", other.kind())),
    }
}

fn number(value: &Value<'_>) -> Result<f64, RunError> {
    match value {
        Value::Int(value) => Ok(*value as f64),
        Value::Double(value) => Ok(*value),
        other => Err(RunError::of_type("a number", other.kind())),
    }
}

fn whole(left: i64, op: Operator, right: i64) -> Result<i64, RunError> {
    match op {
        Operator::Add => Ok(left.wrapping_add(right)),
        Operator::Subtract => Ok(left.wrapping_sub(right)),
        Operator::Multiply => Ok(left.wrapping_mul(right)),
        Operator::Divide if right == 0 => Err(RunError::new("division by zero")),
        Operator::Divide => Ok(left.wrapping_div(right)),
    }
}

fn real(left: f64, op: Operator, right: f64) -> Result<f64, RunError> {
    match op {
        Operator::Add => Ok(left + right),
        Operator::Subtract => Ok(left - right),
        Operator::Multiply => Ok(left * right),
        Operator::Divide if right == 0.0 => Err(RunError::new("division by zero")),
        Operator::Divide => Ok(left / right),
    }
}

fn temporal(left: &Value<'_>, op: Operator, right: &Value<'_>) -> Result<Value<'static>, RunError> {
    use Operator::{Add, Subtract};
    match (left, op, right) {
        (Value::Time(left), Subtract, Value::Time(right)) => {
            Ok(Value::Duration(saturated(left.at_ns - right.at_ns)))
        }
        (Value::Time(time), Add, Value::Duration(by))
        | (Value::Duration(by), Add, Value::Time(time)) => Ok(moved(time, i128::from(*by))),
        (Value::Time(time), Subtract, Value::Duration(by)) => Ok(moved(time, -i128::from(*by))),
        (Value::Duration(left), Add, Value::Duration(right)) => {
            Ok(Value::Duration(left.wrapping_add(*right)))
        }
        (Value::Duration(left), Subtract, Value::Duration(right)) => {
            Ok(Value::Duration(left.wrapping_sub(*right)))
        }
        _ => {
            let found = format!("{} and {}", left.kind(), right.kind());
            Err(RunError::of_type("operands that add or subtract", &found))
        }
    }
}

/// A duration holds 292 years; what is longer is as long as it can be.
fn saturated(duration_ns: i128) -> i64 {
    let most = if duration_ns < 0 { i64::MIN } else { i64::MAX };
    i64::try_from(duration_ns).unwrap_or(most)
}

fn moved(time: &Time, by_ns: i128) -> Value<'static> {
    Value::Time(Time { at_ns: time.at_ns + by_ns, zone: time.zone.clone() })
}

//! The arguments of a call, converted as the parameters say.
//!
//! Indices are those of the parameters (for editors, without the target). An optional parameter that was
//! left out is absent; so is, while a function is prepared, every argument that is not constant.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::RunError;
use crate::value::{Map, Time, Value};

/// Most parameters a function has; so a call keeps its arguments on the stack.
pub const MAX_PARAMS: usize = 8;

/// One argument.
#[derive(Default)]
pub enum Argument<'a> {
    /// Left out.
    #[default]
    Absent,
    /// Given, but not constant, while the function is prepared.
    Later,
    /// Converted to the parameter's kind.
    Value(Value<'a>),
    /// The same, part of the plan.
    Const(&'a Value<'static>),
    /// A converter of one argument.
    Function(&'a (dyn Fn(Value<'a>) -> Result<Value<'a>, RunError> + 'a)),
    /// A lambda, called with as many values as it has formals.
    Lambda(&'a LambdaFn<'a>),
    /// One expression or a list of them, each evaluated when the function asks for it.
    Lazy(&'a LazyFn<'a>),
}

/// Calls a lambda.
pub type LambdaFn<'a> = dyn for<'v> Fn(&[Value<'v>]) -> Result<Value<'a>, RunError> + 'a;

/// Evaluates the expression of that index; nothing after the last one.
pub type LazyFn<'a> = dyn Fn(usize) -> Option<Result<Value<'a>, RunError>> + 'a;

/// The arguments of one call.
pub struct Args<'a> {
    arguments: SmallVec<[Argument<'a>; MAX_PARAMS]>,
    now: Option<&'a Time>,
}

impl<'a> Args<'a> {
    /// Arguments in the order of the parameters, at most [`MAX_PARAMS`]; `now` is the clock, if the caller has one.
    pub fn new(arguments: impl IntoIterator<Item = Argument<'a>>, now: Option<&'a Time>) -> Self {
        Self { arguments: arguments.into_iter().collect(), now }
    }

    /// No arguments yet.
    #[inline]
    pub(crate) fn empty(now: Option<&'a Time>) -> Self {
        Self { arguments: SmallVec::new(), now }
    }

    /// The argument of the next parameter.
    #[inline]
    pub(crate) fn push(&mut self, argument: Argument<'a>) {
        self.arguments.push(argument);
    }

    /// The time of the evaluation.
    pub fn now(&self) -> Result<Time, RunError> {
        self.now.cloned().ok_or_else(|| RunError::new("there is no clock here"))
    }

    /// Whether the argument has a value (nil is one): it is given, and constant while the function is prepared.
    pub fn has(&self, index: usize) -> bool {
        !matches!(self.arguments.get(index), None | Some(Argument::Absent | Argument::Later))
    }

    /// Whether the argument is given, constant or not.
    pub fn is_given(&self, index: usize) -> bool {
        !matches!(self.arguments.get(index), None | Some(Argument::Absent))
    }

    /// Any value; nil when it is absent.
    pub fn value(&self, index: usize) -> Value<'a> {
        match self.arguments.get(index) {
            Some(Argument::Value(value)) => value.clone(),
            Some(Argument::Const(value)) => value.by_ref(),
            _ => Value::Nil,
        }
    }

    /// Any value, borrowed.
    pub fn peek(&self, index: usize) -> &Value<'a> {
        match self.arguments.get(index) {
            Some(Argument::Value(value)) => value,
            Some(Argument::Const(value)) => value,
            _ => &Value::Nil,
        }
    }

    /// A text.
    pub fn str(&self, index: usize) -> Result<&str, RunError> {
        match self.peek(index) {
            Value::Str(text) => Ok(text),
            other => Err(RunError::of_type("string", other.kind())),
        }
    }

    /// A text that may be borrowed from the record.
    pub fn text(&self, index: usize) -> Result<Cow<'a, str>, RunError> {
        match self.value(index) {
            Value::Str(text) => Ok(text),
            other => Err(RunError::of_type("string", other.kind())),
        }
    }

    /// A text, or `None` when it is absent or nil.
    pub fn opt_str(&self, index: usize) -> Option<&str> {
        self.str(index).ok()
    }

    /// A whole number.
    pub fn int(&self, index: usize) -> Result<i64, RunError> {
        match self.peek(index) {
            Value::Int(number) => Ok(*number),
            other => Err(RunError::of_type("int", other.kind())),
        }
    }

    /// A double.
    pub fn double(&self, index: usize) -> Result<f64, RunError> {
        match self.peek(index) {
            Value::Double(number) => Ok(*number),
            other => Err(RunError::of_type("double", other.kind())),
        }
    }

    /// A bool.
    pub fn bool(&self, index: usize) -> Result<bool, RunError> {
        match self.peek(index) {
            Value::Bool(value) => Ok(*value),
            other => Err(RunError::of_type("bool", other.kind())),
        }
    }

    /// Bytes.
    pub fn bytes(&self, index: usize) -> Result<&[u8], RunError> {
        match self.peek(index) {
            Value::Bytes(bytes) => Ok(bytes),
            other => Err(RunError::of_type("bytes", other.kind())),
        }
    }

    /// A time.
    pub fn time(&self, index: usize) -> Result<&Time, RunError> {
        match self.peek(index) {
            Value::Time(time) => Ok(time),
            other => Err(RunError::of_type("time", other.kind())),
        }
    }

    /// A duration in nanoseconds.
    pub fn duration(&self, index: usize) -> Result<i64, RunError> {
        match self.peek(index) {
            Value::Duration(nanoseconds) => Ok(*nanoseconds),
            other => Err(RunError::of_type("duration", other.kind())),
        }
    }

    /// A map.
    pub fn map(&self, index: usize) -> Result<&Map, RunError> {
        match self.peek(index) {
            Value::Map(map) => Ok(map),
            other => Err(RunError::of_type("map", other.kind())),
        }
    }

    /// The items of a list of either kind.
    pub fn items(&self, index: usize) -> Result<Vec<Value<'a>>, RunError> {
        match self.value(index) {
            Value::List(items) => Ok(items),
            Value::Slice(Cow::Borrowed(items)) => {
                Ok(items.iter().map(|item| item.value()).collect())
            }
            Value::Slice(Cow::Owned(items)) => Ok(items.into_iter().map(Value::from).collect()),
            other => Err(RunError::of_type("list", other.kind())),
        }
    }

    /// The texts of a list of texts; empty when it is absent.
    pub fn strs(&self, index: usize) -> Result<Vec<String>, RunError> {
        if !self.has(index) {
            return Ok(Vec::new());
        }
        let text = |item: Value<'a>| match item {
            Value::Str(text) => Ok(text.into_owned()),
            other => Err(RunError::of_type("string", other.kind())),
        };
        self.items(index)?.into_iter().map(text).collect()
    }

    /// A converter, applied to `value`; `None` when there is none.
    pub fn apply(&self, index: usize, value: Value<'a>) -> Option<Result<Value<'a>, RunError>> {
        match self.arguments.get(index) {
            Some(Argument::Function(function)) => Some(function(value)),
            _ => None,
        }
    }

    /// A lambda, called with as many values as the parameter's [`Kind::Lambda`](super::Kind::Lambda) says.
    pub fn call(&self, index: usize, values: &[Value<'_>]) -> Result<Value<'a>, RunError> {
        match self.arguments.get(index) {
            Some(Argument::Lambda(lambda)) => lambda(values),
            _ => Err(RunError::new("a lambda is missing")),
        }
    }

    /// A lambda whose value must be a bool.
    pub fn test(&self, index: usize, values: &[Value<'_>]) -> Result<bool, RunError> {
        match self.call(index, values)? {
            Value::Bool(value) => Ok(value),
            other => Err(RunError::of_type("bool", other.kind())),
        }
    }

    /// Evaluates a [`Kind::Lazy`](super::Kind::Lazy) argument (`nth` is 0), or the item `nth` of a
    /// [`Kind::LazyItems`](super::Kind::LazyItems) argument; `None` after the last one.
    pub fn lazy(&self, index: usize, nth: usize) -> Option<Result<Value<'a>, RunError>> {
        match self.arguments.get(index) {
            Some(Argument::Lazy(evaluate)) => evaluate(nth),
            _ => None,
        }
    }
}

//! A plan as text: what is left of a statement after binding, for people who want to know what runs.
//!
//! Paths are shown with their context, constants as they were folded, conversions behind `as`.

use std::fmt::{Display, Formatter, Result};

use crate::ast::{Comparison, Operator};
use crate::compile::{Condition, Expression, Statement};
use crate::context::Context;
use crate::function::Kind;
use crate::plan::{Action, Cond, Expr, Given, KeyExpr, LambdaBody, LevelSet, Place};
use crate::{Value, json};

impl<C: Context> Display for Statement<C> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "statement {}", self.text())?;
        writeln!(f, "  do    {}", self.action)?;
        match &self.condition {
            Some(condition) => writeln!(f, "  where {condition}")?,
            None => writeln!(f, "  where true")?,
        }
        let (reads, writes) = (self.uses().reads, self.uses().writes);
        write!(f, "  reads {}, writes {}", self.levels.of(reads), self.levels.of(writes))
    }
}

impl<C: Context> Display for Condition<C> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "condition {}", self.text())?;
        writeln!(f, "  holds {}", self.condition)?;
        write!(f, "  reads {}", self.levels.of(self.uses().reads))
    }
}

impl<C: Context> Display for Expression<C> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "value {}", self.text())?;
        writeln!(f, "  is    {}", self.expr)?;
        write!(f, "  reads {}", self.levels.of(self.uses().reads))
    }
}

/// What the levels of a context are called, the outermost first.
#[derive(Clone, Copy)]
pub(crate) struct LevelNames(pub(crate) &'static [&'static str]);

impl LevelNames {
    pub(crate) fn name(self, level: u8) -> &'static str {
        self.0.get(usize::from(level)).copied().unwrap_or("record")
    }

    /// The levels of a set in words.
    pub(crate) fn of(self, set: LevelSet) -> String {
        let levels = (0..=LevelSet::INNERMOST).filter(|level| set.has(*level));
        let names: Vec<&str> = levels.map(|level| self.name(level)).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(" and ") }
    }
}

impl<C: Context> Display for Action<C> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let given = match self {
            Self::Edit { name, target, given, .. } => {
                write!(f, "{name} {target}")?;
                given
            }
            Self::Change { name, given, .. } | Self::ChangePoint { name, given, .. } => {
                write!(f, "{name} the record")?;
                given
            }
        };
        if given.is_empty() {
            return Ok(());
        }
        f.write_str(" with ")?;
        list(f, given)
    }
}

impl<C: Context> Display for Place<C> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Path(path) => f.write_str(&path.text),
            Self::Cache(found) => write!(f, "cache").and_then(|()| keys(f, found)),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

impl<C: Context> Display for Cond<C> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Const(value) => write!(f, "{value}"),
            Self::And(terms) => joined(f, terms, " and "),
            Self::Or(terms) => joined(f, terms, " or "),
            Self::Not(inner) => write!(f, "not {inner}"),
            Self::Compare(it) => write!(f, "{} {} {}", it.left, comparison(it.op), it.right),
            Self::Truth(value) => write!(f, "{value}"),
        }
    }
}

impl<C: Context> Display for Expr<C> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Const(value) => constant(f, value),
            Self::Path(path) => f.write_str(&path.text),
            Self::Local(local) => {
                write!(f, "formal {}.{}", local.depth, local.index)?;
                keys(f, &local.keys)
            }
            Self::Cache(found) => write!(f, "cache").and_then(|()| keys(f, found)),
            Self::Call(call) => {
                write!(f, "{}", call.definition.name)?;
                f.write_str("(")?;
                list(f, &call.given)?;
                f.write_str(")")?;
                keys(f, &call.keys)
            }
            Self::List(items) => {
                f.write_str("[")?;
                list(f, items)?;
                f.write_str("]")
            }
            Self::Map(entries) => {
                f.write_str("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{key:?}: {value}")?;
                }
                f.write_str("}")
            }
            Self::Math(math) => {
                write!(f, "{}{}", "(".repeat(math.rest.len()), math.first)?;
                math.rest.iter().try_for_each(|(op, term)| write!(f, " {} {term})", sign(*op)))
            }
            Self::Negate(inner) => write!(f, "-{inner}"),
        }
    }
}

impl<C: Context> Display for Given<C> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Absent => f.write_str("default"),
            Self::Const(value) | Self::Folded(value) => constant(f, value),
            Self::Value(value, Kind::Any) => write!(f, "{value}"),
            Self::Value(value, kind) => write!(f, "{value} as {}", kind.name()),
            Self::Function(function) => f.write_str(function.name),
            Self::Lambda(lambda) => {
                write!(f, "lambda of {}: ", lambda.arity)?;
                match &lambda.body {
                    LambdaBody::Value(value) => write!(f, "{value}"),
                    LambdaBody::Test(condition) => write!(f, "{condition}"),
                }
            }
            Self::Lazy(items) => {
                f.write_str("lazily [")?;
                list(f, items)?;
                f.write_str("]")
            }
        }
    }
}

fn keys<C: Context>(f: &mut Formatter<'_>, keys: &[KeyExpr<C>]) -> Result {
    keys.iter().try_for_each(|key| match key {
        KeyExpr::Str(key) => write!(f, "[{key:?}]"),
        KeyExpr::Int(index) => write!(f, "[{index}]"),
        KeyExpr::Dynamic(key) => write!(f, "[{key}]"),
    })
}

fn list<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> Result {
    items.iter().enumerate().try_for_each(|(index, item)| {
        let comma = if index > 0 { ", " } else { "" };
        write!(f, "{comma}{item}")
    })
}

fn joined<C: Context>(f: &mut Formatter<'_>, terms: &[Cond<C>], word: &str) -> Result {
    f.write_str("(")?;
    for (index, term) in terms.iter().enumerate() {
        let word = if index > 0 { word } else { "" };
        write!(f, "{word}{term}")?;
    }
    f.write_str(")")
}

fn constant(f: &mut Formatter<'_>, value: &Value<'_>) -> Result {
    match value {
        Value::Nil => f.write_str("nil"),
        Value::Double(value) => write!(f, "{value:?}"),
        Value::Bytes(bytes) => write!(f, "0x{}", json::hex(bytes)),
        Value::Str(text) => write!(f, "{text:?}"),
        other => f.write_str(&json::like(other).unwrap_or_else(|error| error.to_string())),
    }
}

fn comparison(op: Comparison) -> &'static str {
    match op {
        Comparison::Equal => "==",
        Comparison::NotEqual => "!=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

fn sign(op: Operator) -> char {
    match op {
        Operator::Add => '+',
        Operator::Subtract => '-',
        Operator::Multiply => '*',
        Operator::Divide => '/',
    }
}

//! Runs XPath over a document.
//!
//! Selections are in document order without repetition. Work is bounded: a path that looks at too many nodes fails.

use std::cell::Cell;

use super::document::{Document, Kind, ROOT, local};
use super::number;
use super::path::{Expr, From, Step, parse};
use crate::RunError;

/// Most nodes that one evaluation looks at.
pub(super) const STEPS_MAX: usize = 2_000_000;

/// What a path selects; the order is the document's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Selected {
    Node(usize),
    /// The attribute of that index of an element.
    Attribute(usize, usize),
}

impl Selected {
    /// The name of an element or attribute.
    pub(super) fn name(self, document: &Document) -> Option<&str> {
        match (self, &document.nodes[self.id()].kind) {
            (Self::Node(_), Kind::Element { name, .. }) => Some(name),
            (Self::Attribute(_, index), Kind::Element { attributes, .. }) => {
                attributes.get(index).map(|(name, _)| name.as_str())
            }
            _ => None,
        }
    }

    fn id(self) -> usize {
        match self {
            Self::Node(id) | Self::Attribute(id, _) => id,
        }
    }

    /// Attributes stand behind their element and before its children.
    fn order(self) -> (usize, usize) {
        match self {
            Self::Node(id) => (id, 0),
            Self::Attribute(id, index) => (id, index + 1),
        }
    }

    fn text(self, document: &Document) -> String {
        match (self, &document.nodes[self.id()].kind) {
            (Self::Attribute(_, index), Kind::Element { attributes, .. }) => {
                attributes.get(index).map_or_else(String::new, |(_, value)| value.clone())
            }
            (_, Kind::Comment(text) | Kind::Instruction(text)) => text.clone(),
            _ => document.text(self.id()),
        }
    }
}

/// A compiled path.
pub(super) struct Path(Expr);

impl Path {
    /// Refuses what is no XPath.
    pub(super) fn parse(source: &str) -> Result<Self, String> {
        if source.trim().is_empty() {
            return Err("the XPath is empty".to_owned());
        }
        parse(source).map(Self).map_err(|error| format!("invalid XPath {source:?}: {error}"))
    }

    /// What it selects; nothing where it computes something else than nodes.
    pub(super) fn select(&self, document: &Document) -> Result<Vec<Selected>, RunError> {
        let run = Run { document, steps_left: Cell::new(STEPS_MAX) };
        let context = Context { node: Selected::Node(ROOT), position: 1, size: 1 };
        match run.value(&self.0, context)? {
            Value::Nodes(nodes) => Ok(nodes),
            _ => Ok(Vec::new()),
        }
    }
}

#[derive(Clone, Copy)]
struct Context {
    node: Selected,
    position: usize,
    size: usize,
}

enum Value {
    Nodes(Vec<Selected>),
    Text(String),
    Number(f64),
    Bool(bool),
}

struct Run<'d> {
    document: &'d Document,
    steps_left: Cell<usize>,
}

impl Run<'_> {
    fn spend(&self, steps: usize) -> Result<(), RunError> {
        let left = self.steps_left.get().checked_sub(steps);
        let left = left.ok_or_else(|| {
            RunError::new(format!("the XPath looks at more than {STEPS_MAX} nodes"))
        })?;
        self.steps_left.set(left);
        Ok(())
    }

    fn value(&self, expr: &Expr, context: Context) -> Result<Value, RunError> {
        self.spend(1)?;
        Ok(match expr {
            Expr::Text(text) => Value::Text(text.clone()),
            Expr::Number(number) => Value::Number(*number),
            Expr::Negative(inner) => Value::Number(-self.number(&self.value(inner, context)?)?),
            Expr::Binary(sign, left, right) => self.binary(sign, left, right, context)?,
            Expr::Call(name, args) => self.call(name, args, context)?,
            Expr::Union(paths) => {
                let mut nodes = Vec::new();
                for path in paths {
                    nodes.extend(self.nodes(path, context)?);
                }
                Value::Nodes(sorted(nodes))
            }
            Expr::Path { from, steps } => Value::Nodes(self.path(from, steps, context)?),
        })
    }

    fn nodes(&self, expr: &Expr, context: Context) -> Result<Vec<Selected>, RunError> {
        match self.value(expr, context)? {
            Value::Nodes(nodes) => Ok(nodes),
            _ => Ok(Vec::new()),
        }
    }

    fn path(
        &self,
        from: &From,
        steps: &[Step],
        context: Context,
    ) -> Result<Vec<Selected>, RunError> {
        let mut nodes = match from {
            From::Root => vec![Selected::Node(ROOT)],
            From::Context => vec![context.node],
            From::Expr(expr, predicates) => self.filter(self.nodes(expr, context)?, predicates)?,
        };
        for step in steps {
            let mut next = Vec::new();
            for node in nodes {
                let reached = step.axis.of(self.document, node);
                self.spend(reached.len())?;
                let taken = reached.into_iter().filter(|one| step.test.takes(self.document, *one));
                next.extend(self.filter(taken.collect(), &step.predicates)?);
            }
            nodes = sorted(next);
        }
        Ok(nodes)
    }

    fn filter(
        &self,
        mut nodes: Vec<Selected>,
        predicates: &[Expr],
    ) -> Result<Vec<Selected>, RunError> {
        for predicate in predicates {
            let size = nodes.len();
            let mut kept = Vec::new();
            for (index, node) in nodes.into_iter().enumerate() {
                let position = index + 1;
                let value = self.value(predicate, Context { node, position, size })?;
                let keep = match value {
                    Value::Number(number) => number == position as f64,
                    other => self.bool(&other),
                };
                if keep {
                    kept.push(node);
                }
            }
            nodes = kept;
        }
        Ok(nodes)
    }

    fn binary(
        &self,
        sign: &str,
        left: &Expr,
        right: &Expr,
        context: Context,
    ) -> Result<Value, RunError> {
        let left = self.value(left, context)?;
        match sign {
            "or" if self.bool(&left) => return Ok(Value::Bool(true)),
            "and" if !self.bool(&left) => return Ok(Value::Bool(false)),
            _ => {}
        }
        let right = self.value(right, context)?;
        if matches!(sign, "or" | "and") {
            return Ok(Value::Bool(self.bool(&right)));
        }
        if matches!(sign, "=" | "!=" | "<" | "<=" | ">" | ">=") {
            return self.compare(sign, &left, &right).map(Value::Bool);
        }
        let (left, right) = (self.number(&left)?, self.number(&right)?);
        Ok(Value::Number(match sign {
            "+" => left + right,
            "-" => left - right,
            "*" => left * right,
            "div" => left / right,
            _ => left % right,
        }))
    }

    /// A selection compares true when any of its nodes does.
    fn compare(&self, sign: &str, left: &Value, right: &Value) -> Result<bool, RunError> {
        for left in self.each(left)? {
            for right in self.each(right)? {
                self.spend(1)?;
                if self.compare_single(sign, &left, &right)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn each(&self, value: &Value) -> Result<Vec<Value>, RunError> {
        Ok(match value {
            Value::Nodes(nodes) => {
                let texts = nodes.iter().map(|node| self.node_text(*node).map(Value::Text));
                texts.collect::<Result<_, _>>()?
            }
            Value::Text(text) => vec![Value::Text(text.clone())],
            Value::Number(number) => vec![Value::Number(*number)],
            Value::Bool(value) => vec![Value::Bool(*value)],
        })
    }

    fn compare_single(&self, sign: &str, left: &Value, right: &Value) -> Result<bool, RunError> {
        let is_equality = matches!(sign, "=" | "!=");
        let equal = match (left, right) {
            _ if !is_equality => false,
            (Value::Bool(_), _) | (_, Value::Bool(_)) => self.bool(left) == self.bool(right),
            (Value::Text(left), Value::Text(right)) => left == right,
            _ => self.number(left)? == self.number(right)?,
        };
        if is_equality {
            return Ok(equal == (sign == "="));
        }
        let (left, right) = (self.number(left)?, self.number(right)?);
        Ok(match sign {
            "<" => left < right,
            "<=" => left <= right,
            ">" => left > right,
            _ => left >= right,
        })
    }

    fn bool(&self, value: &Value) -> bool {
        match value {
            Value::Nodes(nodes) => !nodes.is_empty(),
            Value::Text(text) => !text.is_empty(),
            Value::Number(number) => *number != 0.0 && !number.is_nan(),
            Value::Bool(value) => *value,
        }
    }

    fn number(&self, value: &Value) -> Result<f64, RunError> {
        Ok(match value {
            Value::Number(number) => *number,
            Value::Bool(value) => f64::from(u8::from(*value)),
            other => number::parse(&self.text(other)?),
        })
    }

    fn text(&self, value: &Value) -> Result<String, RunError> {
        Ok(match value {
            Value::Nodes(nodes) => match nodes.first() {
                Some(node) => self.node_text(*node)?,
                None => String::new(),
            },
            Value::Text(text) => text.clone(),
            Value::Number(number) => number::text(*number),
            Value::Bool(value) => value.to_string(),
        })
    }

    /// Texts cost what they are long, so that comparing documents with themselves ends.
    fn node_text(&self, node: Selected) -> Result<String, RunError> {
        let text = node.text(self.document);
        self.spend(1 + text.len() / 64)?;
        Ok(text)
    }

    fn call(&self, name: &str, args: &[Expr], context: Context) -> Result<Value, RunError> {
        let values =
            args.iter().map(|arg| self.value(arg, context)).collect::<Result<Vec<_>, _>>()?;
        let own = Value::Nodes(vec![context.node]);
        let first = values.first().unwrap_or(&own);
        let text = |index: usize| {
            values.get(index).map_or_else(|| Ok(String::new()), |value| self.text(value))
        };
        Ok(match name {
            "position" => Value::Number(context.position as f64),
            "last" => Value::Number(context.size as f64),
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "not" => Value::Bool(!self.bool(first)),
            "boolean" => Value::Bool(self.bool(first)),
            "number" => Value::Number(self.number(first)?),
            "floor" => Value::Number(self.number(first)?.floor()),
            "ceiling" => Value::Number(self.number(first)?.ceil()),
            "round" => Value::Number(number::round(self.number(first)?)),
            "count" | "sum" | "name" | "local-name" => self.call_on_nodes(name, first)?,
            "string" => Value::Text(self.text(first)?),
            "string-length" => Value::Number(self.text(first)?.chars().count() as f64),
            "normalize-space" => {
                let text = self.text(first)?;
                Value::Text(text.split_whitespace().collect::<Vec<_>>().join(" "))
            }
            "contains" => Value::Bool(text(0)?.contains(&text(1)?)),
            "starts-with" => Value::Bool(text(0)?.starts_with(&text(1)?)),
            "ends-with" => Value::Bool(text(0)?.ends_with(&text(1)?)),
            "concat" => {
                let texts = values.iter().map(|value| self.text(value));
                Value::Text(texts.collect::<Result<String, _>>()?)
            }
            "substring-before" => Value::Text(split(&text(0)?, &text(1)?).0),
            "substring-after" => Value::Text(split(&text(0)?, &text(1)?).1),
            "substring" => {
                let start = self.number(&values[1])?;
                let len = values.get(2).map(|value| self.number(value)).transpose()?;
                Value::Text(substring(&text(0)?, start, len))
            }
            "translate" => Value::Text(translate(&text(0)?, &text(1)?, &text(2)?)),
            other => return Err(RunError::new(format!("unknown function {other} of XPath"))),
        })
    }

    fn call_on_nodes(&self, name: &str, value: &Value) -> Result<Value, RunError> {
        let nodes = match value {
            Value::Nodes(nodes) => nodes.as_slice(),
            _ => &[],
        };
        let first = nodes.first().and_then(|node| node.name(self.document)).unwrap_or("");
        Ok(match name {
            "count" => Value::Number(nodes.len() as f64),
            "name" => Value::Text(first.to_owned()),
            "local-name" => Value::Text(local(first).to_owned()),
            _ => {
                let mut sum = 0.0;
                for node in nodes {
                    sum += number::parse(&self.node_text(*node)?);
                }
                Value::Number(sum)
            }
        })
    }
}

/// Functions with the least and the most of their arguments.
const FUNCTIONS: &[(&str, usize, usize)] = &[
    ("position", 0, 0),
    ("last", 0, 0),
    ("true", 0, 0),
    ("false", 0, 0),
    ("not", 1, 1),
    ("boolean", 1, 1),
    ("number", 0, 1),
    ("floor", 1, 1),
    ("ceiling", 1, 1),
    ("round", 1, 1),
    ("count", 1, 1),
    ("sum", 1, 1),
    ("name", 0, 1),
    ("local-name", 0, 1),
    ("string", 0, 1),
    ("string-length", 0, 1),
    ("normalize-space", 0, 1),
    ("contains", 2, 2),
    ("starts-with", 2, 2),
    ("ends-with", 2, 2),
    ("concat", 2, 64),
    ("substring-before", 2, 2),
    ("substring-after", 2, 2),
    ("substring", 2, 3),
    ("translate", 3, 3),
];

/// Refuses a call that can never run.
pub(super) fn check_call(name: &str, given: usize) -> Result<(), String> {
    let function = FUNCTIONS.iter().find(|(known, ..)| *known == name);
    let (_, least, most) = function.ok_or_else(|| format!("unknown function {name}"))?;
    if (*least..=*most).contains(&given) {
        Ok(())
    } else {
        Err(format!("{given} arguments for {name}"))
    }
}

fn sorted(mut nodes: Vec<Selected>) -> Vec<Selected> {
    nodes.sort_unstable_by_key(|node| node.order());
    nodes.dedup();
    nodes
}

fn split(text: &str, mark: &str) -> (String, String) {
    let parts = text.split_once(mark);
    parts.map_or_else(Default::default, |(before, after)| (before.to_owned(), after.to_owned()))
}

/// Positions count from 1 and are rounded.
fn substring(text: &str, start: f64, len: Option<f64>) -> String {
    let start = number::round(start);
    let end = len.map_or(f64::INFINITY, |len| start + number::round(len));
    let numbered = text.chars().enumerate().map(|(index, char)| ((index + 1) as f64, char));
    numbered
        .filter(|(position, _)| *position >= start && *position < end)
        .map(|(_, char)| char)
        .collect()
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let to: Vec<char> = to.chars().collect();
    let replace = |char: char| match from.chars().position(|one| one == char) {
        Some(index) => to.get(index).copied(),
        None => Some(char),
    };
    text.chars().filter_map(replace).collect()
}

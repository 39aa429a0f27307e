//! `${env:NAME}`, `${env:NAME:-default}`, `${NAME}`, `${file:PATH}`, `${yaml:TEXT}` and `$$`.
//!
//! As in the Collector: expansion works on the tree, not on the text; a value that is one reference
//! and nothing else takes the YAML type of what it names, be it a mapping; a reference inside a
//! longer text gives its text; what was fetched is expanded in turn; `$$` is one `$`; mapping keys
//! are left alone; a variable that is not set is nothing, with a warning. Differences: the end of
//! line that closes a file with a single text in it is dropped, and `${NAME:-default}` works too.
//!
//! Limits: references within references [`MAX_NESTED`] deep, [`MAX_REFERENCES`] in all, and the
//! result as heavy and deep as any parsed tree.

use super::error::{Code, Report, quote};
use super::value::{self, MAX_DEPTH, MAX_WEIGHT, Map, NODE_WEIGHT, Node, Origin, Scalar, Value};

/// Deepest chain of fetched texts that contain references themselves.
const MAX_NESTED: usize = 100;
/// Most references of one configuration.
const MAX_REFERENCES: usize = 10_000;

/// Where texts come from, so that tests need neither files nor an environment.
pub trait Sources {
    /// An environment variable, `None` if it is not set.
    fn variable(&self, name: &str) -> Option<String>;
    /// A file as text, or why it cannot be read.
    fn file(&self, path: &str) -> Result<String, String>;
}

/// Expands every reference of a tree. What cannot be expanded is reported and
/// becomes [`Node::Failed`].
pub fn expand(value: Value, sources: &dyn Sources, report: &Report) -> Value {
    let mut expander = Expander { sources, report, references: 0, weight: 0, stopped: false };
    expander.value(value, &Place { path: String::new(), nested: 0, depth: 0 })
}

struct Expander<'a> {
    sources: &'a dyn Sources,
    report: &'a Report,
    references: usize,
    weight: usize,
    stopped: bool,
}

#[derive(Clone)]
struct Place {
    path: String,
    nested: usize,
    depth: usize,
}

/// A scalar's text with its references replaced, or the one reference that it is.
enum Expanded {
    Text(String),
    Whole(String),
}

impl Expander<'_> {
    fn value(&mut self, value: Value, place: &Place) -> Value {
        let origin = value.origin;
        if !self.charge(NODE_WEIGHT, origin, place) {
            return Value::failed(origin);
        }
        let node = match value.node {
            Node::Scalar(scalar) => return self.scalar(scalar, origin, place),
            _ if place.depth >= MAX_DEPTH => {
                self.stop(origin, place, format!("nested deeper than {MAX_DEPTH}"));
                return Value::failed(origin);
            }
            Node::Seq(items) => {
                let items = items.into_iter().enumerate();
                Node::Seq(items.map(|(i, item)| self.value(item, &place.item(i))).collect())
            }
            Node::Map(map) => Node::Map(self.map(map, place)),
            Node::Failed => Node::Failed,
        };
        Value { node, origin }
    }

    fn map(&mut self, map: Map, place: &Place) -> Map {
        let expand = |(key, value): (String, Value)| {
            let value = self.value(value, &place.key(&key));
            (key, value)
        };
        map.into_entries().into_iter().map(expand).collect()
    }

    fn scalar(&mut self, scalar: Scalar, origin: Origin, place: &Place) -> Value {
        if !scalar.text.contains('$') {
            self.charge(scalar.text.len(), origin, place);
            return Value { node: Node::Scalar(scalar), origin };
        }
        match self.text(&scalar.text, origin, place) {
            None => Value::failed(origin),
            Some(Expanded::Text(text)) => Value::text(text, origin),
            Some(Expanded::Whole(reference)) => self.whole(&reference, origin, place),
        }
    }

    // One pass with a stack of open references; an inner one is replaced before its outer is read.
    fn text(&mut self, text: &str, origin: Origin, place: &Place) -> Option<Expanded> {
        let mut open: Vec<String> = Vec::new();
        let mut done = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (taken, after) = rest.split_at(token_len(rest, c));
            rest = after;
            match taken {
                "${" => open.push(String::new()),
                "}" if !open.is_empty() => {
                    let reference = open.pop().unwrap_or_default();
                    if open.is_empty() && done.is_empty() && rest.is_empty() {
                        return Some(Expanded::Whole(reference));
                    }
                    let fetched = self.inline(&reference, origin, place)?;
                    open.last_mut().unwrap_or(&mut done).push_str(&fetched);
                }
                "$$" => open.last_mut().unwrap_or(&mut done).push('$'),
                other => open.last_mut().unwrap_or(&mut done).push_str(other),
            }
        }
        open.iter().for_each(|unclosed| done.extend(["${", unclosed]));
        self.charge(done.len(), origin, place).then_some(Expanded::Text(done))
    }

    fn whole(&mut self, reference: &str, origin: Origin, place: &Place) -> Value {
        let Some((text, place)) = self.fetch(reference, origin, place) else {
            return Value::failed(origin);
        };
        let fetched = fetched_value(text, origin);
        self.value(fetched, &place)
    }

    fn inline(&mut self, reference: &str, origin: Origin, place: &Place) -> Option<String> {
        let (text, place) = self.fetch(reference, origin, place)?;
        if !matches!(fetched_value(text.clone(), origin).node, Node::Scalar(_)) {
            let message = format!("a mapping or list from ${{{reference}}} inside a text");
            self.report.error(origin, &place.path, Code::Expansion, message);
            return None;
        }
        match self.text(&text, origin, &place)? {
            Expanded::Text(text) => Some(text),
            Expanded::Whole(reference) => self.inline(&reference, origin, &place),
        }
    }

    fn fetch(&mut self, reference: &str, origin: Origin, place: &Place) -> Option<(String, Place)> {
        self.references += 1;
        if place.nested >= MAX_NESTED {
            self.stop(origin, place, format!("references nested deeper than {MAX_NESTED}"));
        } else if self.references > MAX_REFERENCES {
            self.stop(origin, place, format!("more than {MAX_REFERENCES} references"));
        }
        if self.stopped {
            return None;
        }
        let text = self.lookup(reference, origin, place);
        let text = text.map_err(|message| {
            self.report.error(origin, &place.path, Code::Expansion, message);
        });
        let text = text.ok().filter(|text| self.charge(text.len(), origin, place))?;
        Some((text, Place { nested: place.nested + 1, ..place.clone() }))
    }

    fn lookup(&self, reference: &str, origin: Origin, place: &Place) -> Result<String, String> {
        match split_scheme(reference) {
            Some(("env", name)) => self.variable(name, origin, place),
            Some(("yaml", text)) => Ok(text.to_owned()),
            Some(("file", path)) => {
                let text = self.sources.file(path);
                text.map_err(|why| format!("file {}: {why}", quote(path)))
            }
            Some((scheme, rest)) if !rest.starts_with('-') => {
                Err(format!("scheme {}, expected one of env, file, yaml", quote(scheme)))
            }
            _ => self.variable(reference, origin, place),
        }
    }

    fn variable(&self, text: &str, origin: Origin, place: &Place) -> Result<String, String> {
        let (name, default) = match text.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (text, None),
        };
        if !is_variable_name(name) {
            return Err(format!("{}, expected a variable's name", quote(name)));
        }
        let found = self.sources.variable(name).or_else(|| default.map(str::to_owned));
        Ok(found.unwrap_or_else(|| {
            let message = format!("variable {name} is not set, taken as nothing");
            self.report.warn(origin, &place.path, Code::UnsetVariable, message);
            String::new()
        }))
    }

    fn charge(&mut self, weight: usize, origin: Origin, place: &Place) -> bool {
        self.weight = self.weight.saturating_add(weight);
        if self.weight > MAX_WEIGHT {
            self.stop(origin, place, "more values than a configuration may have".to_owned());
        }
        !self.stopped
    }

    // Said once: whatever follows would only repeat it.
    fn stop(&mut self, origin: Origin, place: &Place, message: String) {
        if !std::mem::replace(&mut self.stopped, true) {
            self.report.error(origin, &place.path, Code::TooLarge, message);
        }
    }
}

impl Place {
    fn key(&self, key: &str) -> Self {
        let path = value::join(&self.path, key);
        Self { path, nested: self.nested, depth: self.depth + 1 }
    }

    fn item(&self, index: usize) -> Self {
        let path = format!("{}[{index}]", self.path);
        Self { path, nested: self.nested, depth: self.depth + 1 }
    }
}

fn token_len(rest: &str, first: char) -> usize {
    if rest.starts_with("$$") || rest.starts_with("${") { 2 } else { first.len_utf8() }
}

/// What a fetched text is: a text that YAML reads as a text, or not at all, stays as it is.
fn fetched_value(text: String, origin: Origin) -> Value {
    let parsed = value::parse(&text, origin.file, &Report::default());
    match parsed.map(|value| value.node) {
        Some(Node::Scalar(scalar)) if !matches!(scalar.core(), value::Core::Str(_)) => {
            Value { node: Node::Scalar(scalar), origin }
        }
        Some(Node::Scalar(_)) | None => Value::text(without_line_end(text), origin),
        Some(node) => relocated(node, origin),
    }
}

// Messages name the file where the reference stands; its own lines mean nothing there.
fn relocated(node: Node, origin: Origin) -> Value {
    let node = match node {
        Node::Failed | Node::Scalar(_) => node,
        Node::Seq(items) => {
            Node::Seq(items.into_iter().map(|item| relocated(item.node, origin)).collect())
        }
        Node::Map(map) => {
            let entries = map.into_entries().into_iter();
            Node::Map(entries.map(|(key, value)| (key, relocated(value.node, origin))).collect())
        }
    };
    Value { node, origin }
}

fn without_line_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

/// Splits `scheme:rest`; a scheme has at least two characters, so that `C:` is none.
pub(super) fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let letter = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let valid = |b: u8| b.is_ascii_alphanumeric() || b"+.-".contains(&b);
    (letter && scheme.len() > 1 && scheme.bytes().all(valid)).then_some((scheme, rest))
}

fn is_variable_name(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(first) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests;

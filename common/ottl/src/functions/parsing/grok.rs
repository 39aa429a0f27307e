//! Grok: patterns made of named patterns.
//!
//! `%{NAME}`, `%{NAME:alias}` and `%{NAME:alias:type}` stand for the pattern of that name; what it matched goes under the
//! alias, or under the name unless only aliases are wanted. The names are those of the call itself, of [`table`] (the
//! reference's complete set) and of the crate `grok` (what its patterns look around is left out: our engine has no
//! lookaround). What is no such reference is an ordinary pattern, whose named groups are captures too, `___` in their names
//! standing for a point. A type holds for all captures of its name. Expansion is bounded by [`DEPTH_MAX`] and
//! [`EXPANDED_MAX_BYTES`].

use std::collections::HashMap;

use regex::Regex;

use super::entries::Entries;
use crate::RunError;
use crate::coerce;
use crate::function::{Args, Blame, Call, Unfit};
use crate::pattern;
use crate::value::{Any, Map, Value};

mod table;

/// Deepest nesting of named patterns; it also ends definitions that name themselves.
const DEPTH_MAX: usize = 24;
/// Longest pattern after expansion.
const EXPANDED_MAX_BYTES: usize = 128 << 10;

/// `ExtractGrokPatterns(text, pattern, named_captures_only, pattern_definitions)`.
pub(super) fn prepare(args: &Args<'_>) -> Result<Call, Unfit> {
    let named_only = args.has(2) && args.bool(2).of_argument(2)?;
    let mut own = HashMap::new();
    for (index, definition) in args.strs(3).of_argument(3)?.into_iter().enumerate() {
        let (name, source) = definition.split_once('=').ok_or_else(|| {
            let message = format!("the definition {definition:?} is not of the form NAME=pattern");
            Unfit::item(3, index, message)
        })?;
        if name.contains(':') {
            return Err(Unfit::item(3, index, format!("the name {name:?} holds a colon")));
        }
        own.insert(name.to_owned(), source.to_owned());
    }
    if !args.has(1) {
        return Ok(Box::new(move |args| {
            let grok = Grok::new(args.str(1)?, named_only, &own).map_err(RunError::new)?;
            grok.extract(args.str(0)?)
        }));
    }
    let grok = Grok::new(args.str(1).of_argument(1)?, named_only, &own).of_argument(1)?;
    Ok(Box::new(move |args| grok.extract(args.str(0)?)))
}

/// What a capture becomes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Type {
    Text,
    Int,
    Double,
    Bool,
    /// Of no such name: what it captures fails.
    Unknown,
}

struct Grok {
    regex: Regex,
    captures: Vec<(String, Type)>,
}

/// The names of our groups: captures are told by their place, since several may have one name.
const GROUP: &str = "c";

impl Grok {
    fn new(source: &str, named_only: bool, own: &HashMap<String, String>) -> Result<Self, String> {
        let mut expansion = Expansion { own, named_only, out: String::new(), captures: Vec::new() };
        expansion.expand(source, 0)?;
        let captures = expansion.typed();
        let out = expansion.out;
        let regex =
            pattern::compile(&out).map_err(|error| format!("the pattern {source:?}: {error}"))?;
        if named_only && captures.is_empty() {
            return Err(format!("the pattern {source:?} names no capture"));
        }
        Ok(Self { regex, captures })
    }

    /// Of captures of one name the last one that matched something counts.
    fn extract<'a>(&self, text: &str) -> Result<Value<'a>, RunError> {
        let Some(found) = self.regex.captures(text) else { return Ok(Value::map(Map::new())) };
        let mut entries = Entries::default();
        for (group, matched) in self.regex.capture_names().zip(found.iter()) {
            let (Some(group), Some(matched)) = (group, matched) else { continue };
            let index = group.strip_prefix(GROUP).and_then(|index| index.parse::<usize>().ok());
            let capture = index.and_then(|index| self.captures.get(index));
            if let Some((name, kind)) = capture.filter(|_| !matched.is_empty()) {
                entries.put(name.as_str(), kind.value(matched.as_str())?);
            }
        }
        Ok(Value::map(entries.finish()))
    }
}

impl Type {
    fn named(name: &str) -> Self {
        match name {
            "int" | "long" => Self::Int,
            "float" | "double" => Self::Double,
            "bool" | "boolean" => Self::Bool,
            "string" => Self::Text,
            _ => Self::Unknown,
        }
    }

    fn value(self, text: &str) -> Result<Any, RunError> {
        let value = match self {
            Self::Text => Some(Any::from(text)),
            Self::Int => text.parse::<i64>().ok().map(Any::Int),
            Self::Double => text.parse::<f64>().ok().map(Any::Double),
            Self::Bool => coerce::bool_text(text).map(Any::Bool),
            Self::Unknown => {
                let names = "int, long, float, double, bool, boolean, string";
                return Err(RunError::new(format!("a capture's type is none of {names}")));
            }
        };
        value.ok_or_else(|| RunError::new(format!("{text:?} is no value of the capture's type")))
    }
}

struct Expansion<'d> {
    own: &'d HashMap<String, String>,
    named_only: bool,
    out: String,
    captures: Vec<(String, Option<Type>)>,
}

impl Expansion<'_> {
    fn expand(&mut self, source: &str, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("named patterns nested deeper than {DEPTH_MAX}"));
        }
        let mut rest = source;
        while let Some(at) = rest.find("%{") {
            self.plain(&rest[..at])?;
            match Reference::parse(&rest[at..]) {
                Some((reference, after)) => {
                    self.refer(&reference, depth)?;
                    rest = after;
                }
                None => {
                    self.push("%\\{")?;
                    rest = &rest[at + 2..];
                }
            }
        }
        self.plain(rest)
    }

    /// A piece of an ordinary pattern, its named groups made captures of ours.
    fn plain(&mut self, text: &str) -> Result<(), String> {
        let (mut from, mut is_class) = (0, false);
        let mut at = 0;
        while let Some(byte) = text.as_bytes().get(at) {
            match byte {
                b'\\' => at += 1,
                b'[' => is_class = true,
                b']' => is_class = false,
                b'(' if !is_class => {
                    if let Some((name, len)) = group_name(&text[at..]) {
                        self.push(&text[from..at])?;
                        self.open(&name.replace("___", "."), None)?;
                        from = at + len;
                        at = from - 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.push(&text[from..])
    }

    /// Opens a group that captures.
    fn open(&mut self, name: &str, kind: Option<Type>) -> Result<(), String> {
        let group = format!("(?P<{GROUP}{}>", self.captures.len());
        self.captures.push((name.to_owned(), kind));
        self.push(&group)
    }

    /// The captures, each with the type that its name has anywhere.
    fn typed(&self) -> Vec<(String, Type)> {
        let known: HashMap<&str, Type> = self
            .captures
            .iter()
            .filter_map(|(name, kind)| kind.map(|kind| (name.as_str(), kind)))
            .collect();
        let kind = |name: &str| known.get(name).copied().unwrap_or(Type::Text);
        self.captures.iter().map(|(name, _)| (name.clone(), kind(name))).collect()
    }

    fn push(&mut self, text: &str) -> Result<(), String> {
        self.out.push_str(text);
        if self.out.len() > EXPANDED_MAX_BYTES {
            return Err(format!("the expanded pattern is longer than {EXPANDED_MAX_BYTES} bytes"));
        }
        Ok(())
    }

    fn refer(&mut self, reference: &Reference<'_>, depth: usize) -> Result<(), String> {
        let source = self.definition(reference.name)?;
        match reference.alias {
            None if self.named_only => self.push("(?:")?,
            alias => self.open(alias.unwrap_or(reference.name), reference.kind)?,
        }
        self.expand(&source, depth + 1)?;
        self.push(")")
    }

    fn definition(&self, name: &str) -> Result<String, String> {
        if let Some(own) = self.own.get(name).filter(|_| !name.is_empty()) {
            return Ok(own.clone());
        }
        if let Some(source) = table::find(name) {
            return Ok(source);
        }
        let found = grok::patterns().iter().find(|(known, _)| *known == name);
        let (_, source) = found.ok_or_else(|| format!("unknown pattern {name:?}"))?;
        Ok(without_lookaround(source))
    }
}

/// `%{NAME:alias:type}`.
struct Reference<'s> {
    name: &'s str,
    alias: Option<&'s str>,
    kind: Option<Type>,
}

impl<'s> Reference<'s> {
    /// The reference that a text begins with, and what is behind it.
    fn parse(text: &'s str) -> Option<(Self, &'s str)> {
        let (inner, after) = text.strip_prefix("%{")?.split_once('}')?;
        let mut parts = inner.split(':');
        let (name, alias, kind) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let fits = is_word(name, "") && alias.is_none_or(|alias| is_word(alias, ".@-"));
        if !fits || parts.next().is_some() || !kind.is_none_or(|kind| is_word(kind, "")) {
            return None;
        }
        Some((Self { name, alias, kind: kind.map(Type::named) }, after))
    }
}

/// The name of the group that a text begins with, and how long its head is.
fn group_name(text: &str) -> Option<(&str, usize)> {
    let (head, rest) =
        ["(?P<", "(?<"].iter().find_map(|head| Some((head, text.strip_prefix(head)?)))?;
    let (name, _) = rest.split_once('>')?;
    is_word(name, "").then_some((name, head.len() + name.len() + 1))
}

fn is_word(text: &str, more: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || more.contains(c);
    !text.is_empty() && text.chars().all(is_part)
}

/// Takes lookaround out of a pattern and makes atomic groups ordinary ones.
fn without_lookaround(source: &str) -> String {
    const LOOKAROUND: [&str; 4] = ["(?<!", "(?<=", "(?!", "(?="];
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        if LOOKAROUND.iter().any(|start| rest.starts_with(start)) {
            rest = &rest[group_len(rest)..];
        } else if let Some(after) = rest.strip_prefix("(?>") {
            out.push_str("(?:");
            rest = after;
        } else {
            let escaped =
                if first == '\\' { rest[1..].chars().next().map_or(0, char::len_utf8) } else { 0 };
            let len = first.len_utf8() + escaped;
            out.push_str(&rest[..len]);
            rest = &rest[len..];
        }
    }
    out
}

/// How long the group is that `text` begins with.
fn group_len(text: &str) -> usize {
    let (mut depth, mut escaped, mut in_class) = (0usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'(' if !in_class => depth += 1,
            b')' if !in_class => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests;

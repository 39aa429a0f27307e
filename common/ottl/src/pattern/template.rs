//! What a match is replaced with: Go's `$1`, `${name}` and `$$`.

use regex::Captures;

use super::translate::{REPEATED_NAMES_MAX, repeated_name};

/// A replacement, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Number(usize),
    Name(String),
}

impl Template {
    /// Takes a replacement apart. A `$` that begins no reference means itself.
    pub fn parse(mut text: &str) -> Self {
        let mut parts = Vec::new();
        while let Some((before, rest)) = text.split_once('$') {
            push(&mut parts, before);
            if let Some(rest) = rest.strip_prefix('$') {
                push(&mut parts, "$");
                text = rest;
            } else if let Some((name, rest)) = reference(rest) {
                parts.push(group(name));
                text = rest;
            } else {
                push(&mut parts, "$");
                text = rest;
            }
        }
        push(&mut parts, text);
        Self { parts }
    }

    /// The replacement, if it is the same for every match.
    pub fn literal(&self) -> Option<&str> {
        match &self.parts[..] {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends what the match makes of the replacement. Groups that do not exist are empty.
    pub fn expand(&self, captures: &Captures<'_>, out: &mut String) {
        for part in &self.parts {
            let found = match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Number(number) => captures.get(*number).map(|group| group.as_str()),
                Part::Name(name) => named(captures, name),
            };
            out.push_str(found.unwrap_or_default());
        }
    }
}

/// What the first group of that name has found that found anything.
fn named<'c>(captures: &'c Captures<'_>, name: &str) -> Option<&'c str> {
    let found = captures.name(name).or_else(|| {
        (1..REPEATED_NAMES_MAX).find_map(|before| captures.name(&repeated_name(name, before)))
    });
    found.map(|group| group.as_str())
}

fn push(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(last)) => last.push_str(text),
        _ if text.is_empty() => {}
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

/// The name behind a `$`, and what follows.
fn reference(rest: &str) -> Option<(&str, &str)> {
    let (body, is_braced) = match rest.strip_prefix('{') {
        Some(body) => (body, true),
        None => (rest, false),
    };
    let is_word = |character: char| character == '_' || character.is_alphanumeric();
    let end = body.find(|character| !is_word(character)).unwrap_or(body.len());
    let (name, after) = body.split_at(end);
    let after = if is_braced { after.strip_prefix('}')? } else { after };
    (!name.is_empty()).then_some((name, after))
}

fn group(name: &str) -> Part {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    let has_zero = name.len() > 1 && name.starts_with('0');
    match name.parse() {
        Ok(number) if is_number && !has_zero => Part::Number(number),
        // Names that begin with a digit are translated with a mark.
        _ if name.starts_with(|first: char| first.is_ascii_digit()) => {
            Part::Name(format!("_{name}"))
        }
        _ => Part::Name(name.to_owned()),
    }
}

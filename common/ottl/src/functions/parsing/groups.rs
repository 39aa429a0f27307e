//! The named groups of a pattern as a map.
//!
//! A name may repeat, and the last group of that name counts; our engine refuses that, so groups are numbered in
//! the pattern it sees and the names are kept here.

use regex::Regex;

use super::entries::Entries;
use crate::RunError;
use crate::function::{Args, Blame, Call, Unfit};
use crate::pattern;
use crate::value::{Map, Value};

/// A pattern with the names of its groups, and where it counts them.
struct Groups {
    regex: Regex,
    names: Vec<(String, usize)>,
}

/// `ExtractPatterns(text, pattern)`.
pub(super) fn prepare(args: &Args<'_>) -> Result<Call, Unfit> {
    if !args.has(1) {
        return Ok(Box::new(|args| {
            let groups = Groups::new(args.str(1)?).map_err(RunError::new)?;
            groups.extract(args.str(0)?)
        }));
    }
    let groups = Groups::new(args.str(1).of_argument(1)?).of_argument(1)?;
    Ok(Box::new(move |args| groups.extract(args.str(0)?)))
}

impl Groups {
    fn new(source: &str) -> Result<Self, String> {
        // What is wrong is said about the pattern as it was written, unless a name repeats.
        let (numbered, names) = number(source);
        let regex = pattern::compile(&numbered)?;
        let place = |index| {
            let wanted = group_name(index);
            regex.capture_names().position(|name| name == Some(&wanted)).unwrap_or(usize::MAX)
        };
        let names = names.into_iter().enumerate().map(|(index, name)| (name, place(index)));
        Ok(Self { names: names.collect(), regex })
    }

    fn extract<'a>(&self, text: &str) -> Result<Value<'a>, RunError> {
        if self.names.is_empty() {
            return Err(RunError::new("the pattern has no named group"));
        }
        let Some(found) = self.regex.captures(text) else { return Ok(Value::map(Map::new())) };
        let mut entries = Entries::default();
        for (name, place) in &self.names {
            let group = found.get(*place).map_or("", |group| group.as_str());
            entries.put(name.as_str(), group);
        }
        Ok(Value::map(entries.finish()))
    }
}

fn group_name(index: usize) -> String {
    format!("g{index}")
}

/// The pattern with its groups numbered, and their names. Escapes and classes are copied as they are.
fn number(source: &str) -> (String, Vec<String>) {
    let mut names = Vec::new();
    let mut out = String::with_capacity(source.len());
    let mut in_class = false;
    let mut rest = source;
    while let Some(char) = rest.chars().next() {
        if let Some((name, after)) = group_start(rest).filter(|_| !in_class) {
            out.push_str(&format!("(?P<{}>", group_name(names.len())));
            names.push(name.to_owned());
            rest = after;
            continue;
        }
        let mut len = char.len_utf8();
        match char {
            '\\' if rest.starts_with("\\Q") => {
                len = rest.find("\\E").map_or(rest.len(), |end| end + 2)
            }
            '\\' => len += rest[1..].chars().next().map_or(0, char::len_utf8),
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
        out.push_str(&rest[..len]);
        rest = &rest[len..];
    }
    (out, names)
}

fn group_start(rest: &str) -> Option<(&str, &str)> {
    let after = rest.strip_prefix("(?P<").or_else(|| rest.strip_prefix("(?<"))?;
    let (name, after) = after.split_once('>')?;
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some((name, after))
}

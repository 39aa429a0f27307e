//! `a=1 b=2` into maps, and maps into that.

use super::entries::Entries;
use crate::RunError;
use crate::function::{Args, Blame, Call, Unfit};
use crate::json;
use crate::value::{Map, Value};

/// What stands between a key and its value, and between pairs.
struct Delimiters {
    inner: String,
    outer: String,
}

impl Delimiters {
    fn of(args: &Args<'_>) -> Result<Self, Unfit> {
        let inner = args.opt_str(1).unwrap_or("=").to_owned();
        let outer = args.opt_str(2).unwrap_or(" ").to_owned();
        if let Some(empty) = [&inner, &outer].into_iter().position(|text| text.is_empty()) {
            return Err(Unfit::argument(1 + empty, "a delimiter is empty"));
        }
        if inner == outer {
            let message = format!("pairs and their parts have the same delimiter {inner:?}");
            return Err(Unfit::argument(if args.is_given(2) { 2 } else { 1 }, message));
        }
        Ok(Self { inner, outer })
    }
}

/// `ParseKeyValue(text, delimiter, pair_delimiter)`.
pub(super) fn prepare_parse(args: &Args<'_>) -> Result<Call, Unfit> {
    let delimiters = Delimiters::of(args)?;
    Ok(Box::new(move |args| {
        let text = args.str(0)?;
        if text.is_empty() {
            return Err(RunError::new("an empty text has no pairs"));
        }
        let mut entries = Entries::default();
        for pair in split(text, &delimiters.outer)? {
            let Some((key, value)) = pair.split_once(&delimiters.inner) else {
                return Err(RunError::new(format!("{pair:?} has no {:?}", delimiters.inner)));
            };
            entries.put(key.trim(), value.trim());
        }
        Ok(Value::map(entries.finish()))
    }))
}

/// Splits where no quotes protect; the quotes go, and what a backslash protects stays, with it.
fn split(text: &str, delimiter: &str) -> Result<Vec<String>, RunError> {
    let mut pairs = Vec::new();
    let mut pair = String::new();
    let mut quote = None;
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        if char == '\\' {
            let len = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
            pair.push_str(&rest[..len]);
            rest = &rest[len..];
            continue;
        }
        if quote.is_none() && rest.starts_with(delimiter) {
            rest = &rest[delimiter.len()..];
            if !pair.is_empty() {
                pairs.push(std::mem::take(&mut pair));
            }
            continue;
        }
        rest = &rest[char.len_utf8()..];
        match quote {
            None if matches!(char, '"' | '\'') => quote = Some(char),
            Some(open) if open == char => quote = None,
            _ => pair.push(char),
        }
    }
    if quote.is_some() {
        return Err(RunError::new("a quoted text has no end"));
    }
    if !pair.is_empty() {
        pairs.push(pair);
    }
    Ok(pairs)
}

/// `ToKeyValueString(map, delimiter, pair_delimiter, sort_output)`.
pub(super) fn prepare_write(args: &Args<'_>) -> Result<Call, Unfit> {
    let delimiters = Delimiters::of(args)?;
    let sorted = args.has(3) && args.bool(3).of_argument(3)?;
    Ok(Box::new(move |args| Ok(Value::text(write(args.map(0)?, &delimiters, sorted)))))
}

fn write(map: &Map, delimiters: &Delimiters, sorted: bool) -> String {
    let mut entries: Vec<_> = map.entries.iter().collect();
    if sorted {
        entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    }
    let pairs: Vec<String> = entries
        .into_iter()
        .map(|(key, value)| {
            let (key, value) =
                (quoted(key, delimiters), quoted(&json::as_string(value), delimiters));
            format!("{key}{}{value}", delimiters.inner)
        })
        .collect();
    pairs.join(&delimiters.outer)
}

fn quoted(text: &str, delimiters: &Delimiters) -> String {
    let escaped = text.replace('"', "\\\"");
    if escaped.contains(&delimiters.inner) || escaped.contains(&delimiters.outer) {
        format!("\"{escaped}\"")
    } else {
        escaped
    }
}

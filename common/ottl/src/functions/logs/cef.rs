//! Common Event Format: `CEF:0|vendor|product|version|class|name|severity|key=value ...`
//!
//! In the header `\|` and `\\` are escapes; in the extensions `\=`, `\\`, `\n` and `\r` are. A value goes on up to the
//! next word that is followed by `=`.

use crate::RunError;
use crate::function::Args;
use crate::functions::parsing::entries::Entries;
use crate::value::{Map, Value};

const HEADER: [&str; 7] = [
    "cef.version",
    "cef.device_vendor",
    "cef.device_product",
    "cef.device_version",
    "cef.device_event_class_id",
    "cef.name",
    "cef.severity",
];

/// `ParseCEF(text)`.
pub(super) fn call<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let text = args.str(0)?;
    // Syslog may stand in front.
    let at = text.find("CEF:").ok_or_else(|| RunError::new("no CEF: in the text"))?;
    let mut rest = &text[at + "CEF:".len()..];
    let mut map = Map::new();
    for (index, name) in HEADER.iter().enumerate() {
        let Some((field, after)) = header_field(rest) else {
            return Err(RunError::new(format!("CEF has {} fields, not {index}", HEADER.len())));
        };
        let is_last = index + 1 == HEADER.len();
        if after.is_none() && !is_last {
            return Err(RunError::new(format!("CEF ends behind its field {name}")));
        }
        map.entries.push(((*name).to_owned(), field.into()));
        rest = after.unwrap_or("");
    }
    map.entries.push(("cef.extensions".to_owned(), extensions(rest).into()));
    Ok(Value::map(map))
}

/// The field up to the next bar, and what is behind the bar if there is one.
fn header_field(text: &str) -> Option<(String, Option<&str>)> {
    let mut field = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '|' => return Some((field, Some(&text[at + 1..]))),
            '\\' => match chars.next() {
                Some((_, escaped @ ('|' | '\\'))) => field.push(escaped),
                Some((_, other)) => field.extend(['\\', other]),
                None => field.push('\\'),
            },
            _ => field.push(char),
        }
    }
    Some((field, None))
}

fn extensions(text: &str) -> Map {
    let mut entries = Entries::default();
    let mut rest = text.trim();
    while let Some((key, after)) = rest.split_once('=') {
        let end = value_end(after);
        entries.put(key.trim(), unescaped(after[..end].trim()));
        rest = &after[end..];
    }
    entries.finish()
}

/// Where the next `key=` begins: its key is the word before the next bare `=`.
fn value_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'=' => return text[..at].trim_end().rfind(' ').unwrap_or(text.len()),
            _ => at += 1,
        }
    }
    text.len()
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some(escaped @ ('=' | '\\')) => out.push(escaped),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

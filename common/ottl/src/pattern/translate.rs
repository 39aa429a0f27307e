//! The walk over an RE2 pattern that rewrites it for Rust's engine.

use super::{MAX_REPEAT, class};

/// Reads a pattern character by character.
pub(super) struct Reader<'p> {
    rest: &'p str,
}

impl<'p> Reader<'p> {
    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    /// Takes `prefix` if it stands next.
    pub(super) fn take(&mut self, prefix: &str) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes the text before `end`, and `end`.
    pub(super) fn until(&mut self, end: &str) -> Option<&'p str> {
        let (text, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(text)
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'p str {
        self.rest
    }
}

/// How often a group's name may be there.
pub(super) const REPEATED_NAMES_MAX: usize = 16;

/// The name of a group that has so many of its name before it: our engine takes each name once. No name in a pattern
/// holds a point.
pub(super) fn repeated_name(name: &str, before: usize) -> String {
    if before == 0 { name.to_owned() } else { format!("{name}.{before}") }
}

/// The pattern in the dialect of Rust's engine.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut reader = Reader { rest: pattern };
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut was_repeat = false;
    let mut names = Vec::new();
    while let Some(next) = reader.next() {
        let mut is_repeat = false;
        match next {
            '\\' => escape(&mut reader, &mut out)?,
            '[' => class::bracket(&mut reader, &mut out)?,
            '(' => group(&mut reader, &mut names, &mut out)?,
            '*' | '+' | '?' => {
                out.push(next);
                is_repeat = true;
            }
            '{' => match counted(reader.rest())? {
                Some((count, length)) => {
                    out.push_str(&count);
                    reader.rest = &reader.rest[length..];
                    is_repeat = true;
                }
                None => out.push_str("\\{"),
            },
            '^' | '$' | '.' | '|' | ')' => out.push(next),
            other => literal(&mut out, other),
        }
        if is_repeat {
            if was_repeat {
                return Err("invalid nested repetition operator".to_owned());
            }
            if reader.take("?") {
                out.push('?');
            }
        }
        was_repeat = is_repeat;
    }
    Ok(out)
}

/// A character that means itself, in brackets too.
pub(super) fn literal(out: &mut String, character: char) {
    if character.is_ascii_control() {
        out.push_str(&format!("\\x{{{:x}}}", u32::from(character)));
    } else {
        out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    }
}

/// `n}`, `n,}` or `n,m}` behind `{`: as it is written, and its length. Anything else is literal.
fn counted(rest: &str) -> Result<Option<(String, usize)>, String> {
    let Some((body, _)) = rest.split_once('}') else { return Ok(None) };
    let (low, high) = body.split_once(',').unwrap_or((body, body));
    let is_number = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'))
    };
    if !is_number(low) || !(high.is_empty() || is_number(high)) {
        return Ok(None);
    }
    let too_many = || format!("invalid repeat count {{{body}}}");
    let bound = |text: &str| {
        text.parse::<u32>().ok().filter(|count| *count <= MAX_REPEAT).ok_or_else(too_many)
    };
    let least = bound(low)?;
    if !high.is_empty() && bound(high)? < least {
        return Err(too_many());
    }
    Ok(Some((format!("{{{body}}}"), body.len() + 1)))
}

/// What stands behind a backslash, outside of brackets.
fn escape(reader: &mut Reader<'_>, out: &mut String) -> Result<(), String> {
    let Some(next) = reader.peek() else { return Err("trailing backslash".to_owned()) };
    match next {
        'A' => out.push_str("\\A"),
        'z' => out.push_str("\\z"),
        'b' => out.push_str("(?-u:\\b)"),
        'B' => out.push_str("(?-u:\\B)"),
        'Q' => {
            reader.next();
            return quoted(reader, out);
        }
        'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P' => return class::named(reader, out),
        _ => {
            let character = class::escaped(reader)?;
            literal(out, character);
            return Ok(());
        }
    }
    reader.next();
    Ok(())
}

/// `\Q..\E`: everything between means itself; without an end, the rest does.
fn quoted(reader: &mut Reader<'_>, out: &mut String) -> Result<(), String> {
    let text = reader.until("\\E").unwrap_or_else(|| std::mem::take(&mut reader.rest));
    text.chars().for_each(|character| literal(out, character));
    Ok(())
}

/// What stands behind an opening parenthesis. A name may repeat; see [`repeated_name`].
fn group<'p>(
    reader: &mut Reader<'p>,
    names: &mut Vec<&'p str>,
    out: &mut String,
) -> Result<(), String> {
    out.push('(');
    if !reader.take("?") {
        return Ok(());
    }
    if reader.take("P<") || reader.take("<") {
        let name = reader.until(">").ok_or("a group's name does not end")?;
        let is_word = |character: char| character == '_' || character.is_ascii_alphanumeric();
        if name.is_empty() || !name.chars().all(is_word) {
            return Err(format!("invalid group name {name:?}"));
        }
        let mark = if name.starts_with(|first: char| first.is_ascii_digit()) { "_" } else { "" };
        let before = names.iter().filter(|known| **known == name).count();
        if before >= REPEATED_NAMES_MAX {
            return Err(format!("the group name {name:?} more than {before} times"));
        }
        names.push(name);
        out.push_str(&format!("?P<{}>", repeated_name(&format!("{mark}{name}"), before)));
        return Ok(());
    }
    flags(reader, out)
}

/// `i`, `m`, `s` and `U`, switched on and behind `-` off, for a group or for the rest.
fn flags(reader: &mut Reader<'_>, out: &mut String) -> Result<(), String> {
    let mut text = String::new();
    loop {
        match reader.next() {
            Some(flag @ ('i' | 'm' | 's' | 'U')) => text.push(flag),
            Some('-') if !text.contains('-') => text.push('-'),
            Some(_) if text.ends_with('-') => break,
            Some(':') => {
                out.push_str(&format!("?{text}:"));
                return Ok(());
            }
            Some(')') => {
                // Flags for nothing are an empty group.
                let end = if text.is_empty() { "?:)".to_owned() } else { format!("?{text})") };
                out.push_str(&end);
                return Ok(());
            }
            _ => break,
        }
    }
    Err("invalid or unsupported Perl syntax behind \"(?\"".to_owned())
}

//! Globs as `gobwas/glob` reads them without separators, which the reference uses to match whole values.
//!
//! `*` and `**` are any text, `?` is any character, `[abc]`, `[a-z]` and `[!..]` are one of a set (a list or
//! a single range, not both), `{a,b}` is one of several globs, and a backslash takes the next character
//! literally. Everything matches as a whole. A glob becomes a regular expression, so it runs in linear time.

use std::iter::Peekable;
use std::str::Chars;

use regex::Regex;

use crate::pattern;

/// The deepest nesting of braces.
pub const MAX_DEPTH: usize = 64;

/// Compiles a glob.
pub fn compile(glob: &str) -> Result<Regex, String> {
    let mut out = String::from("(?s)\\A(?:");
    let mut depth = 0;
    let mut rest = glob.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '[' => set(&mut rest, &mut out)?,
            '{' if depth == MAX_DEPTH => return Err("braces are nested too deep".to_owned()),
            '{' => {
                depth += 1;
                out.push_str("(?:");
            }
            ',' if depth > 0 => out.push('|'),
            '}' if depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            '\\' => {
                if let Some(character) = rest.next() {
                    literal(&mut out, character);
                }
            }
            other => literal(&mut out, other),
        }
    }
    // A brace that is never closed ends with the text.
    out.extend(std::iter::repeat_n(')', depth));
    out.push_str(")\\z");
    pattern::build(&out)
}

fn literal(out: &mut String, character: char) {
    out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
}

/// A set, behind the opening bracket.
fn set(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    const OPEN: &str = "a set of characters does not end";
    out.push('[');
    if rest.next_if_eq(&'!').is_some() {
        out.push('^');
    }
    let first = rest.next().ok_or(OPEN)?;
    if rest.next_if_eq(&'-').is_some() {
        let last = rest.next().ok_or(OPEN)?;
        if last < first {
            return Err(format!("the range {first}-{last} is empty"));
        }
        literal(out, first);
        out.push('-');
        literal(out, last);
        rest.next_if_eq(&']').ok_or("a range stands alone in its brackets")?;
    } else {
        list(first, rest, out).ok_or(OPEN)?;
    }
    out.push(']');
    Ok(())
}

/// The characters of a list, to the closing bracket. An empty list is none.
fn list(first: char, rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    let mut next = first;
    let mut count = 0;
    while next != ']' {
        let character = if next == '\\' { rest.next()? } else { next };
        literal(out, character);
        count += 1;
        next = rest.next()?;
    }
    (count > 0).then_some(())
}

#[cfg(test)]
mod tests {
    use super::compile;

    #[test]
    fn globs_match_as_a_whole() {
        for (glob, text, expect) in [
            ("hello*", "hello world", true),
            ("hello", "hello world", false),
            ("a/*", "a/b/c", true),
            ("h**o", "hello", true),
            ("?ello", "h\u{e9}llo", false),
            ("h?llo", "h\u{e9}llo", true),
            ("[a-z]ello", "hello", true),
            ("[!h]ELLO", "HELLO", true),
            ("[^h]ELLO", "HELLO", false),
            ("[^h]ELLO", "^ELLO", true),
            ("[abc-z]", "-", true),
            ("{h,H}{ello,ELLO}", "HELLO", true),
            ("{a,b", "b", true),
            ("a\\/b.c", "a/b.c", true),
            ("\\*", "x", false),
            ("a,b}", "a,b}", true),
            ("", "", true),
            ("*", "a\nb", true),
        ] {
            assert_eq!(compile(glob).unwrap().is_match(text), expect, "{glob} on {text}");
        }
    }

    #[test]
    fn sets_must_end_and_hold_something() {
        for glob in ["[", "[]", "[a", "[z-a]", "[a-zA]", "[a\\", &"{".repeat(65)] {
            assert!(compile(glob).is_err(), "{glob}");
        }
    }
}

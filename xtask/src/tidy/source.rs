//! Rust source with its comments and literals blanked, so that braces and words can be counted.
//!
//! A scanner over the lexical grammar and not a parser: the rules ask only for functions, test
//! modules and attributes, and a parser's spans would cost a dependency for that. The mask keeps
//! every newline, so line numbers hold. Left out: macros that build unbalanced braces.

use std::ops::Range;

/// The text with comments, strings and characters replaced by blanks; same lines, same length.
pub(crate) fn mask(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut masked = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        if end > at {
            blank(&mut masked[at..end]);
            at = end;
        } else {
            at += 1;
        }
    }
    masked
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// Where the comment or literal that starts at `at` ends; `at` itself when none starts there.
fn literal_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    match rest {
        [b'/', b'/', ..] => at + line_comment(rest),
        [b'/', b'*', ..] => at + block_comment(rest),
        [b'"', ..] => at + string(rest),
        [b'\'', ..] => at + character(rest),
        [b'r', b'"' | b'#', ..] if !follows_word(bytes, at) => at + raw_string(rest),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !follows_word(bytes, at) => {
            let length = raw_string(&rest[1..]);
            at + if length == 0 { 0 } else { 1 + length }
        }
        _ => at,
    }
}

fn follows_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && is_word(bytes[at - 1])
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn line_comment(rest: &[u8]) -> usize {
    rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A character literal's length, 0 for a lifetime. Both start with a quote; a literal closes after
/// one character or one escape.
fn character(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        let close = rest.iter().skip(3).position(|byte| *byte == b'\'');
        return close.map_or(0, |position| position + 4);
    }
    let width = match rest.get(1) {
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(0xc0..) => 2,
        _ => 1,
    };
    if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
}

/// A raw string's length from its `r` on, 0 for a raw identifier.
fn raw_string(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = 2 + hashes;
    let found = rest[body..].windows(close.len()).position(|window| window == close);
    found.map_or(rest.len(), |position| body + position + close.len())
}

/// A function's name and the bytes from its `fn` to its closing brace, or to its semicolon.
#[derive(Debug, PartialEq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
}

/// All functions of a masked text, outer ones before those inside them.
pub(crate) fn functions(masked: &[u8]) -> Vec<Function> {
    let starts = (0..masked.len()).filter(|at| is_keyword_fn(masked, *at));
    starts.filter_map(|at| function(masked, at)).collect()
}

fn is_keyword_fn(masked: &[u8], at: usize) -> bool {
    masked[at..].starts_with(b"fn ") && !follows_word(masked, at)
}

fn function(masked: &[u8], at: usize) -> Option<Function> {
    let name: Vec<u8> =
        masked[at + 3..].iter().copied().take_while(|byte| is_word(*byte)).collect();
    if name.is_empty() {
        return None;
    }
    let end = block_end(masked, at);
    Some(Function { name: String::from_utf8_lossy(&name).into_owned(), span: at..end })
}

/// Modules under `#[cfg(test)]`, from the attribute to the closing brace or the semicolon.
pub(crate) fn test_modules(masked: &[u8]) -> Vec<Range<usize>> {
    const MARK: &[u8] = b"#[cfg(test)]";
    let starts = (0..masked.len()).filter(|at| masked[*at..].starts_with(MARK));
    starts.map(|at| at..block_end(masked, at + MARK.len())).collect()
}

/// The end of the first block after `at`, or of the first semicolon outside brackets.
fn block_end(masked: &[u8], at: usize) -> usize {
    let mut brackets = 0_usize;
    let mut braces = 0_usize;
    for (index, byte) in masked.iter().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b'{' => braces += 1,
            b'}' if braces == 1 => return index + 1,
            b'}' => braces = braces.saturating_sub(1),
            b';' if braces == 0 && brackets == 0 => return index + 1,
            _ => {}
        }
    }
    masked.len()
}

/// The line of a byte, counted from 1.
pub(crate) fn line(masked: &[u8], at: usize) -> usize {
    1 + masked[..at].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        String::from_utf8(mask(text)).unwrap()
    }

    #[test]
    fn comments_and_literals_become_blanks() {
        let table = [
            ("a // }\nb", "a     \nb"),
            ("a /* { /* } */ { */ b", "a                   b"),
            (r#"f("}\"}")"#, "f(      )"),
            ("x = '}';", "x =    ;"),
            (r"x = '\''; y", "x =     ; y"),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
            ("r#\"{\"}\"# z", "         z"),
            ("br\"{\" z", "      z"),
            ("r#type {", "r#type {"),
            ("\"open", "     "),
        ];
        for (input, expect) in table {
            assert_eq!(masked(input), expect, "{input}");
        }
    }

    #[test]
    fn functions_are_found_with_their_bodies() {
        let text = "fn a(x: [u8; 2]) -> u8 {\n    fn b() {}\n    0\n}\ntrait T { fn c(); }\n";
        let masked = mask(text);
        let found: Vec<(String, usize, usize)> = functions(&masked)
            .into_iter()
            .map(|f| (f.name, line(&masked, f.span.start), line(&masked, f.span.end - 1)))
            .collect();
        let expect = [("a".to_owned(), 1, 4), ("b".to_owned(), 2, 2), ("c".to_owned(), 5, 5)];
        assert_eq!(found, expect);
        assert_eq!(functions(&mask("type F = fn (u8);")), []);
    }

    #[test]
    fn test_modules_end_with_their_brace_or_semicolon() {
        let text = "a\n#[cfg(test)]\nmod tests;\nb\n#[cfg(test)]\nmod t { fn x() {} }\nc\n";
        let found: Vec<&str> =
            test_modules(&mask(text)).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["#[cfg(test)]\nmod tests;", "#[cfg(test)]\nmod t { fn x() {} }"]);
    }
}

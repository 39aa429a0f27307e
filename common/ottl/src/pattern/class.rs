//! Character classes of RE2: in brackets, behind a backslash, by name.

use super::translate::{Reader, literal};

const POSIX: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// `[..]`, behind the opening bracket.
pub(super) fn bracket(reader: &mut Reader<'_>, out: &mut String) -> Result<(), String> {
    out.push('[');
    if reader.take("^") {
        out.push('^');
    }
    let mut is_first = true;
    loop {
        match reader.peek() {
            None => return Err("missing closing ]".to_owned()),
            Some(']') if !is_first => break,
            _ => item(reader, out)?,
        }
        is_first = false;
    }
    reader.next();
    out.push(']');
    Ok(())
}

/// One item: a named class, a character or a range.
fn item(reader: &mut Reader<'_>, out: &mut String) -> Result<(), String> {
    if reader.rest().starts_with("[:") && reader.rest().contains(":]") {
        return posix(reader, out);
    }
    if reader.rest().starts_with('\\') {
        let kind = reader.rest()[1..].chars().next();
        if matches!(kind, Some('d' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P')) {
            reader.next();
            return named(reader, out);
        }
    }
    let low = single(reader)?;
    let is_range = reader.rest().starts_with('-') && !reader.rest().starts_with("-]");
    literal(out, low);
    if is_range && reader.rest().len() > 1 {
        reader.next();
        let high = single(reader)?;
        if high < low {
            return Err(format!("invalid character class range {low}-{high}"));
        }
        out.push('-');
        literal(out, high);
    }
    Ok(())
}

fn single(reader: &mut Reader<'_>) -> Result<char, String> {
    match reader.next() {
        Some('\\') => escaped(reader),
        Some(character) => Ok(character),
        None => Err("missing closing ]".to_owned()),
    }
}

/// `[:name:]`.
fn posix(reader: &mut Reader<'_>, out: &mut String) -> Result<(), String> {
    reader.take("[:");
    let name = reader.until(":]").unwrap_or_default();
    if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Err(format!("invalid character class range [:{name}:]"));
    }
    out.push_str(&format!("[:{name}:]"));
    Ok(())
}

/// `d`, `w`, `s`, `p` and their complements, behind the backslash.
pub(super) fn named(reader: &mut Reader<'_>, out: &mut String) -> Result<(), String> {
    match reader.next() {
        Some('d') => out.push_str("[0-9]"),
        Some('D') => out.push_str("[^0-9]"),
        Some('s') => out.push_str("[\\t\\n\\x0c\\r ]"),
        Some('S') => out.push_str("[^\\t\\n\\x0c\\r ]"),
        Some('w') => out.push_str("[0-9A-Za-z_]"),
        Some('W') => out.push_str("[^0-9A-Za-z_]"),
        Some(sign) => unicode(sign == 'P', reader, out)?,
        None => {}
    }
    Ok(())
}

/// `\pN`, `\p{Greek}`, `\p{^Greek}`.
fn unicode(is_negated: bool, reader: &mut Reader<'_>, out: &mut String) -> Result<(), String> {
    let invalid = || "invalid character class range \\p".to_owned();
    let letter;
    let name = if reader.take("{") {
        reader.until("}").ok_or_else(invalid)?
    } else {
        letter = reader.next().ok_or_else(invalid)?.to_string();
        &letter
    };
    let (name, is_negated) = match name.strip_prefix('^') {
        Some(name) => (name, !is_negated),
        None => (name, is_negated),
    };
    if name.is_empty() || !name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_') {
        return Err(invalid());
    }
    let sign = if is_negated { 'P' } else { 'p' };
    out.push_str(&format!("\\{sign}{{{name}}}"));
    Ok(())
}

/// The character that an escape stands for, behind the backslash.
pub(super) fn escaped(reader: &mut Reader<'_>) -> Result<char, String> {
    let invalid = |what: char| format!("invalid escape sequence \\{what}");
    let Some(next) = reader.next() else { return Err("trailing backslash".to_owned()) };
    match next {
        'a' => Ok('\u{7}'),
        'f' => Ok('\u{c}'),
        'n' => Ok('\n'),
        'r' => Ok('\r'),
        't' => Ok('\t'),
        'v' => Ok('\u{b}'),
        'x' => hexadecimal(reader).ok_or_else(|| invalid('x')),
        '0'..='7' => octal(next, reader).ok_or_else(|| invalid(next)),
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => Ok(other),
        other => Err(invalid(other)),
    }
}

/// `\xHH` or `\x{H..}`.
fn hexadecimal(reader: &mut Reader<'_>) -> Option<char> {
    let digits = if reader.take("{") {
        reader.until("}")?.to_owned()
    } else {
        [reader.next()?, reader.next()?].iter().collect()
    };
    let is_hexadecimal = digits.chars().all(|digit| digit.is_ascii_hexdigit());
    let code = u32::from_str_radix(&digits, 16).ok().filter(|_| is_hexadecimal)?;
    char::from_u32(code)
}

/// Up to three octal digits; one alone that is not 0 would be a reference to a group.
fn octal(first: char, reader: &mut Reader<'_>) -> Option<char> {
    let is_octal = |digit: Option<char>| digit.is_some_and(|digit| ('0'..='7').contains(&digit));
    if first != '0' && !is_octal(reader.peek()) {
        return None;
    }
    let mut code = first.to_digit(8)?;
    for _ in 0..2 {
        if is_octal(reader.peek()) {
            code = code * 8 + reader.next()?.to_digit(8)?;
        }
    }
    char::from_u32(code)
}

//! Texts and characters in quotes, as Go writes them.

/// A quoted text; in backquotes where that is asked for and can be.
pub(super) fn text(content: &str, prefers_raw: bool, is_ascii: bool) -> String {
    let is_raw = |character: char| {
        character != '`'
            && character != '\u{feff}'
            && (character == '\t' || !character.is_control())
    };
    if prefers_raw && content.chars().all(is_raw) {
        return format!("`{content}`");
    }
    let mut out = String::from("\"");
    content.chars().for_each(|character| escaped(&mut out, character, '"', is_ascii));
    out.push('"');
    out
}

/// A quoted character.
pub(super) fn character(character: char, is_ascii: bool) -> String {
    let mut out = String::from("'");
    escaped(&mut out, character, '\'', is_ascii);
    out.push('\'');
    out
}

fn escaped(out: &mut String, character: char, quote: char, is_ascii: bool) {
    let code = u32::from(character);
    match character {
        '\\' => out.push_str("\\\\"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        _ if character == quote => {
            out.push('\\');
            out.push(quote);
        }
        _ if is_printable(character) && (character.is_ascii() || !is_ascii) => out.push(character),
        _ if code < 0x80 => out.push_str(&format!("\\x{code:02x}")),
        _ if code < 0x1_0000 => out.push_str(&format!("\\u{code:04x}")),
        _ => out.push_str(&format!("\\U{code:08x}")),
    }
}

/// Not a control character, and no blank but the space.
fn is_printable(character: char) -> bool {
    character == ' ' || !(character.is_control() || character.is_whitespace())
}

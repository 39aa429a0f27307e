//! Letter case. Snake and camel case follow the reference's: ASCII letters only, acronyms are one word.

/// Lower case, character by character.
pub(super) fn lower(text: &str) -> String {
    // Only the dotted capital I becomes two characters, of which the reference keeps the first.
    text.chars().filter_map(|character| character.to_lowercase().next()).collect()
}

/// Upper case, character by character: what would become several stays as it is.
pub(super) fn upper(text: &str) -> String {
    text.chars().map(capital).collect()
}

fn capital(character: char) -> char {
    let mut capitals = character.to_uppercase();
    match (capitals.next(), capitals.next()) {
        (Some(capital), None) => capital,
        _ => titled(character).unwrap_or(character),
    }
}

/// Greek letters with an iota below have a capital of their own that stands 8 or 9 code points later.
fn titled(character: char) -> Option<char> {
    let code = u32::from(character);
    match code {
        0x1f80..=0x1f87 | 0x1f90..=0x1f97 | 0x1fa0..=0x1fa7 => char::from_u32(code + 8),
        0x1fb3 | 0x1fc3 | 0x1ff3 => char::from_u32(code + 9),
        _ => None,
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'_' | b'-' | b'.')
}

/// `snake_case`: an underscore for each separator, and where the kind of letter changes.
pub(super) fn snake(text: &str) -> String {
    let bytes = text.trim().as_bytes();
    let mut out = Vec::with_capacity(bytes.len() + 8);
    for (index, byte) in bytes.iter().copied().enumerate() {
        let next = bytes.get(index + 1).copied().unwrap_or_default();
        let lowered = byte.to_ascii_lowercase();
        if changes(byte, next) {
            let was_capital = index > 0 && bytes[index - 1].is_ascii_uppercase();
            if byte.is_ascii_uppercase() && next.is_ascii_lowercase() && was_capital {
                out.push(b'_');
            }
            out.push(lowered);
            if !byte.is_ascii_uppercase() || next.is_ascii_digit() {
                out.push(b'_');
            }
        } else {
            out.push(if is_separator(byte) { b'_' } else { lowered });
        }
    }
    super::repaired(&out)
}

/// Whether a word or a number ends between two letters, or a capital begins a word.
fn changes(byte: u8, next: u8) -> bool {
    (byte.is_ascii_uppercase() && (next.is_ascii_lowercase() || next.is_ascii_digit()))
        || (byte.is_ascii_lowercase() && (next.is_ascii_uppercase() || next.is_ascii_digit()))
        || (byte.is_ascii_digit() && next.is_ascii_alphabetic())
}

/// `CamelCase`: a capital after each separator and digit; anything but ASCII letters and digits is left out.
pub(super) fn camel(text: &str) -> String {
    let text = text.trim();
    // The reference's only acronym.
    let text = if text == "ID" { "id" } else { text };
    let mut out = String::with_capacity(text.len());
    let mut starts_word = true;
    let mut was_capital = false;
    for byte in text.bytes() {
        let is_letter = byte.is_ascii_alphabetic();
        let cased = match byte {
            _ if starts_word => byte.to_ascii_uppercase(),
            _ if was_capital => byte.to_ascii_lowercase(),
            _ => byte,
        };
        was_capital = byte.is_ascii_uppercase();
        if is_letter || byte.is_ascii_digit() {
            out.push(char::from(cased));
        }
        starts_word = byte.is_ascii_digit() || (!is_letter && is_separator(byte));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_as_the_reference_finds_them() {
        for (text, expect_snake, expect_camel) in [
            ("JSONData", "json_data", "Jsondata"),
            ("getURLPath", "get_url_path", "GetUrlpath"),
            ("HTTP2Server", "http_2_server", "Http2Server"),
            ("UserIDs", "user_i_ds", "UserIds"),
            ("with  spaces", "with__spaces", "WithSpaces"),
            ("v1.2.3", "v_1_2_3", "V123"),
            ("__a__b__", "__a__b__", "AB"),
            ("SCREAMING_SNAKE", "screaming_snake", "ScreamingSnake"),
            ("ABCdef", "ab_cdef", "Abcdef"),
            ("\u{fc}n\u{ef}code_Gr\u{f6}\u{df}e", "\u{fc}n\u{ef}code_gr\u{f6}\u{df}e", "ncodeGre"),
            ("ID", "id", "Id"),
            (" lead", "lead", "Lead"),
            ("", "", ""),
        ] {
            assert_eq!(snake(text), expect_snake);
            assert_eq!(camel(text), expect_camel);
        }
    }

    #[test]
    fn characters_keep_their_number() {
        assert_eq!(
            lower("\u{130} \u{3a3} \u{391}\u{3a3} \u{1e9e}"),
            "i \u{3c3} \u{3b1}\u{3c3} \u{df}"
        );
        assert_eq!(
            upper("\u{df} \u{149} \u{1f80} \u{1fb3} \u{e9}"),
            "\u{df} \u{149} \u{1f88} \u{1fbc} \u{c9}"
        );
    }
}

//! A text in double quotes, with the escapes of Go's interpreted string literals.

use super::Mistake;

/// Reads the string at the start of `text`: what it says, and its length with the quotes.
pub(super) fn read(text: &str) -> Result<(String, usize), Mistake> {
    let mut bytes = Vec::new();
    let mut rest = text.char_indices().skip(1);
    while let Some((at, character)) = rest.next() {
        match character {
            '"' => return Ok((valid(bytes), at + 1)),
            '\n' => return Err((at, "a line ends within a text; write `\\n`".to_owned())),
            '\\' => {
                let after = text.get(at + 1..).unwrap_or("");
                let length = escape(after, &mut bytes).map_err(|message| (at, message))?;
                // The escape is ASCII, so bytes are characters.
                for _ in 0..length {
                    rest.next();
                }
            }
            _ => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err((0, "a text without its closing quote".to_owned()))
}

/// Resolves the escape after a backslash and returns its length.
fn escape(text: &str, out: &mut Vec<u8>) -> Result<usize, String> {
    let Some(kind) = text.chars().next() else {
        return Err("a text ends within an escape".to_owned());
    };
    let simple = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        '"' => b'"',
        'x' => return number(text, 1, 2, 16, kind).map(|value| byte(value, 3, out)),
        '0'..='7' => {
            let value = number(text, 0, 3, 8, kind)?;
            if value > 255 {
                return Err(format!("\\{} is no byte", &text[..3]));
            }
            return Ok(byte(value, 3, out));
        }
        'u' => return character(number(text, 1, 4, 16, kind)?, 5, out),
        'U' => return character(number(text, 1, 8, 16, kind)?, 9, out),
        other => {
            return Err(format!(
                "unknown escape `\\{other}`; a backslash itself is written `\\\\`"
            ));
        }
    };
    out.push(simple);
    Ok(1)
}

fn number(text: &str, from: usize, digits: usize, radix: u32, kind: char) -> Result<u32, String> {
    let wrong = || format!("the escape `\\{kind}` needs {digits} digits");
    let digits = text.get(from..from + digits).ok_or_else(wrong)?;
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(wrong());
    }
    u32::from_str_radix(digits, radix).map_err(|_| wrong())
}

/// The reference takes a byte's number for that of a character.
fn byte(value: u32, length: usize, out: &mut Vec<u8>) -> usize {
    let character = char::from(value as u8);
    out.extend_from_slice(character.encode_utf8(&mut [0; 2]).as_bytes());
    length
}

fn character(value: u32, length: usize, out: &mut Vec<u8>) -> Result<usize, String> {
    let character = char::from_u32(value).ok_or_else(|| format!("{value:#x} is no character"))?;
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(length)
}

fn valid(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("only whole characters are written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_go() {
        let read = |text: &str| read(text).map(|(text, _)| text).map_err(|(at, _)| at);
        assert_eq!(
            read(r#""a\t\"\\\x41\101\u00e9\U0001F600" tail"#),
            Ok("a\t\"\\AA\u{e9}\u{1F600}".to_owned())
        );
        assert_eq!(read("\"\u{e9}\\n\u{e9}\""), Ok("\u{e9}\n\u{e9}".to_owned()));
        for (bad, at) in [
            (r#""\d""#, 1),
            (r#""a\'""#, 2),
            (r#""\x4""#, 1),
            (r#""\ud800""#, 1),
            ("\"a\nb\"", 2),
            ("\"a", 0),
            ("\"\\", 1),
            (r#""\400""#, 1),
        ] {
            assert_eq!(read(bad), Err(at), "{bad}");
        }
    }
}

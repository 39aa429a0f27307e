//! Bytes written as texts: hexadecimal and base64. `false` means that the text is neither.

/// Appends what a text of hexadecimal digits says, upper or lower case.
pub(super) fn hex(text: &[u8], out: &mut Vec<u8>) -> bool {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(16) as u8;
    let (pairs, rest) = text.as_chunks::<2>();
    for &[high, low] in pairs {
        let (high, low) = (digit(high), digit(low));
        if high > 15 || low > 15 {
            return false;
        }
        out.push(high << 4 | low);
    }
    rest.is_empty()
}

/// Appends what a base64 text says, in the standard or the URL alphabet, padded or not.
pub(super) fn base64(text: &[u8], out: &mut Vec<u8>) -> bool {
    let text = without_padding(text);
    for chunk in text.chunks(4) {
        let mut word = 0u32;
        for &letter in chunk {
            let Some(value) = letter_value(letter) else { return false };
            word = word << 6 | u32::from(value);
        }
        // A lone letter holds six bits, which is no byte.
        if chunk.len() == 1 {
            return false;
        }
        word <<= 6 * (4 - chunk.len());
        let bytes = word.to_be_bytes();
        out.extend_from_slice(&bytes[1..chunk.len()]);
    }
    true
}

/// Padding is what makes the length a multiple of four; other equals signs are bad letters.
fn without_padding(text: &[u8]) -> &[u8] {
    match text {
        [inner @ .., b'=', b'='] | [inner @ .., b'='] if text.len().is_multiple_of(4) => inner,
        _ => text,
    }
}

fn letter_value(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

//! Texts in gRPC headers: percent-encoded messages, base64 details.

use bytes::Bytes;

/// Longest `grpc-message` that is read or written, in bytes before encoding.
pub(super) const MAX_MESSAGE_BYTES: usize = 1024;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// gRPC over HTTP: `grpc-message`, percent-encoding of everything but printable ASCII and `%`.
pub fn encode_message(message: &str) -> String {
    let mut out = String::new();
    for byte in message.bytes().take(MAX_MESSAGE_BYTES) {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            _ => {
                out.push('%');
                out.push(hex(byte >> 4));
                out.push(hex(byte & 15));
            }
        }
    }
    out
}

/// The text of a `grpc-message`; what is not valid stays as it is.
pub fn decode_message(encoded: &[u8]) -> String {
    let mut bytes = Vec::new();
    let mut rest = encoded;
    while let Some((&first, after)) = rest.split_first() {
        if bytes.len() == MAX_MESSAGE_BYTES {
            break;
        }
        let escaped = (first == b'%').then(|| after.split_at_checked(2)).flatten();
        match escaped.and_then(|(digits, after)| Some((byte_of(digits)?, after))) {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Standard base64 without padding, as gRPC writes `-bin` headers.
pub fn to_base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte));
        let word = word << (8 * (3 - chunk.len()));
        for index in 0..=chunk.len() {
            let six = word >> (18 - 6 * index) & 63;
            out.push(char::from(ALPHABET[six as usize]));
        }
    }
    out
}

/// Standard base64 with or without padding; `None` if it is none.
pub fn from_base64(text: &[u8]) -> Option<Bytes> {
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for chunk in text.chunks(4) {
        if chunk.len() == 1 {
            return None;
        }
        let mut word = 0u32;
        for &letter in chunk {
            let six = ALPHABET.iter().position(|&known| known == letter)?;
            word = word << 6 | u32::try_from(six).ok()?;
        }
        word <<= 6 * (4 - chunk.len());
        out.extend_from_slice(&word.to_be_bytes()[1..chunk.len()]);
    }
    Some(Bytes::from(out))
}

fn hex(nibble: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(nibble)])
}

fn byte_of(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(digits[0])? << 4 | digit(digits[1])?)
}

//! Text into tokens.
//!
//! Names are one token each, though the reference spells them from several: `Is Match` is not
//! `IsMatch` here. A number has no sign; the parser knows unary plus and minus. Strings follow Go's
//! escapes, and a text of a thing that earlier drafts of the language had gets an error that names
//! today's form.

use crate::{Class, LoadError};

mod string;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// `0x0aff`
    Bytes(Vec<u8>),
    /// `1.5`, `.5`, `1.e3`
    Double(f64),
    /// `15`
    Int(i64),
    /// `"text"`, its escapes resolved
    Str(String),
    /// A name, a keyword or an enum symbol.
    Name(String),
    /// `==`, `+`, `(` and the like.
    Sign(&'static str),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(_) => f.write_str("bytes"),
            Self::Double(value) => write!(f, "{value:?}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Str(text) => write!(f, "{text:?}"),
            Self::Name(name) => write!(f, "`{name}`"),
            Self::Sign(sign) => write!(f, "`{sign}`"),
        }
    }
}

/// A token and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spanned {
    /// What it is.
    pub(crate) token: Token,
    /// Its first byte in the text.
    pub(crate) offset: usize,
}

/// Longest text of a statement or condition.
pub(crate) const MAX_TEXT_BYTES: usize = 1 << 20;

/// Longer signs first.
const SIGNS: &[&str] = &[
    "==", "!=", ">=", "<=", "=>", ">", "<", "=", "+", "-", "/", "*", "(", ")", "{", "}", ":", ",",
    ".", "[", "]", "_",
];

/// The tokens of a text.
pub(crate) fn lex(text: &str) -> Result<Vec<Spanned>, LoadError> {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("a text of {} bytes, at most {MAX_TEXT_BYTES} are read", text.len());
        return Err(LoadError::new(Class::Parse, 0, message));
    }
    let mut tokens = Vec::new();
    let mut offset = 0;
    while let Some(first) = text[offset..].chars().next() {
        if first.is_ascii_whitespace() {
            offset += 1;
            continue;
        }
        let (token, length) = token(&text[offset..])
            .map_err(|(at, message)| LoadError::new(Class::Parse, offset + at, message))?;
        tokens.push(Spanned { token, offset });
        offset += length;
    }
    Ok(tokens)
}

/// An offset and what is wrong there.
type Mistake = (usize, String);

/// The token at the start of `text` and its length.
fn token(text: &str) -> Result<(Token, usize), Mistake> {
    let first = text.bytes().next().unwrap_or(0);
    match first {
        b'"' => string::read(text).map(|(text, length)| (Token::Str(text), length)),
        b'a'..=b'z' | b'A'..=b'Z' => {
            let length = run(text, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
            Ok((Token::Name(text[..length].to_owned()), length))
        }
        b'0'..=b'9' => number(text),
        b'.' if text[1..].starts_with(|next: char| next.is_ascii_digit()) => number(text),
        _ => sign(text),
    }
}

fn sign(text: &str) -> Result<(Token, usize), Mistake> {
    if let Some(sign) = SIGNS.iter().find(|sign| text.starts_with(**sign)) {
        return Ok((Token::Sign(sign), sign.len()));
    }
    let found = text.chars().next().unwrap_or_default();
    let hint = match found {
        '&' => "; write `and`",
        '|' => "; write `or`",
        '!' if text.starts_with("!~") => "; write `not IsMatch(value, \"pattern\")`",
        '!' => "; write `not` or `!=`",
        '\'' | '`' | '\u{2018}'..='\u{201f}' => "; texts stand in double quotes",
        '~' => "; write `IsMatch(value, \"pattern\")`",
        ';' => "; a statement stands alone",
        '%' => "; arithmetic has `+`, `-`, `*` and `/`",
        '#' => "; the language has no comments",
        _ => "",
    };
    Err((0, format!("unexpected character {found:?}{hint}")))
}

fn number(text: &str) -> Result<(Token, usize), Mistake> {
    if let Some(digits) = text.strip_prefix("0x") {
        let length = run(digits, |byte| byte.is_ascii_hexdigit());
        if length > 0 {
            return hexadecimal(&digits[..length]).map(|bytes| (Token::Bytes(bytes), length + 2));
        }
    }
    let whole = run(text, |byte| byte.is_ascii_digit());
    let Some(rest) = text[whole..].strip_prefix('.') else {
        let message = |_| (0, format!("{} is no whole number of 64 bits", &text[..whole]));
        return whole_number(&text[..whole]).map(|it| (Token::Int(it), whole)).map_err(message);
    };
    let mut length = whole + 1 + run(rest, |byte| byte.is_ascii_digit());
    length += exponent(&text[length..]);
    let message = || (0, format!("{} is no number", &text[..length]));
    let value: f64 = text[..length].parse().map_err(|_| message())?;
    if value.is_finite() { Ok((Token::Double(value), length)) } else { Err(message()) }
}

/// As in Go, digits behind a zero are octal.
fn whole_number(digits: &str) -> Result<i64, std::num::ParseIntError> {
    match digits.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => i64::from_str_radix(octal, 8),
        _ => digits.parse(),
    }
}

/// The length of an exponent, 0 where there is none.
fn exponent(text: &str) -> usize {
    let Some(rest) = text.strip_prefix(['e', 'E']) else { return 0 };
    let sign = usize::from(rest.starts_with(['+', '-']));
    match run(&rest[sign..], |byte| byte.is_ascii_digit()) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

fn hexadecimal(digits: &str) -> Result<Vec<u8>, Mistake> {
    if digits.len() % 2 == 1 {
        return Err((0, format!("0x{digits} has an odd number of digits")));
    }
    let pair = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16);
    let bytes: Result<Vec<u8>, _> = (0..digits.len()).step_by(2).map(pair).collect();
    bytes.map_err(|_| (0, format!("0x{digits} is not hexadecimal")))
}

/// How many bytes at the start pass.
fn run(text: &str, passes: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| passes(*byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        lex(text).unwrap().into_iter().map(|spanned| spanned.token).collect()
    }

    #[test]
    fn numbers_have_no_sign_and_a_double_needs_a_dot() {
        use Token::{Double, Int, Name, Sign};
        assert_eq!(
            tokens("1. .5 1.e3 1.5e-2"),
            [Double(1.0), Double(0.5), Double(1e3), Double(0.015)]
        );
        assert_eq!(tokens("1e5"), [Int(1), Name("e5".into())]);
        assert_eq!(tokens("1.e"), [Double(1.0), Name("e".into())]);
        assert_eq!(tokens("a-1"), [Name("a".into()), Sign("-"), Int(1)]);
        assert_eq!(tokens("0x0aFF"), [Token::Bytes(vec![0x0a, 0xff])]);
        assert_eq!(tokens("0 00 010 0777"), [Int(0), Int(0), Int(8), Int(511)]);
        assert!(lex("9223372036854775808").is_err());
        assert!(lex("08").is_err());
        assert!(lex("0xabc").is_err());
    }

    #[test]
    fn what_earlier_drafts_had_is_named() {
        let message = |text| lex(text).unwrap_err().message;
        assert!(message("a && b").contains("`and`"));
        assert!(message("a || b").contains("`or`"));
        assert!(message("a == 'b'").contains("double quotes"));
        assert_eq!(lex("a &").unwrap_err().offset, 2);
    }
}

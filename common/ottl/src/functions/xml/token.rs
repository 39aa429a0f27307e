//! The tokens of XPath 1.0.

/// A token. Names are told from operators by what stands before them, as the standard says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name, maybe with a prefix; `*` and `p:*` too.
    Name(String),
    /// A quoted text.
    Text(String),
    /// A number.
    Number(f64),
    /// `/`, `//`, `..`, `=`, `and` and so on.
    Sign(&'static str),
}

/// Longer signs first.
const SIGNS: &[&str] = &[
    "//", "::", "..", "!=", "<=", ">=", "/", "(", ")", "[", "]", ".", "@", ",", "|", "+", "-", "=",
    "<", ">",
];
const WORDS: &[&str] = &["and", "or", "div", "mod"];

/// The tokens of a path.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, len) = if matches!(first, '"' | '\'') {
            quoted(rest, first)?
        } else if number_len(rest) > 0 {
            let len = number_len(rest);
            let number =
                rest[..len].parse().map_err(|_| format!("{:?} is no number", &rest[..len]))?;
            (Token::Number(number), len)
        } else if first == '*' {
            (
                if is_operand(tokens.last()) {
                    Token::Sign("*")
                } else {
                    Token::Name("*".to_owned())
                },
                1,
            )
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            name(rest, tokens.last())?
        };
        tokens.push(token);
        rest = rest[len..].trim_start();
    }
    Ok(tokens)
}

fn quoted(rest: &str, quote: char) -> Result<(Token, usize), String> {
    let end = rest[1..].find(quote).ok_or("a quoted text has no end")?;
    Ok((Token::Text(rest[1..=end].to_owned()), end + 2))
}

fn number_len(rest: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(rest);
    let fraction = rest[whole..].strip_prefix('.').map(digits);
    match (whole, fraction) {
        (0, None | Some(0)) => 0,
        (whole, None) => whole,
        (whole, Some(fraction)) => whole + 1 + fraction,
    }
}

fn name(rest: &str, before: Option<&Token>) -> Result<(Token, usize), String> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut len = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
    if len == 0 {
        let found = rest.chars().next().unwrap_or(' ');
        return Err(format!("unexpected {found:?} in an XPath"));
    }
    if let Some(after) = rest[len..].strip_prefix(':').filter(|after| !after.starts_with(':')) {
        let local = if after.starts_with('*') {
            1
        } else {
            after.find(|c: char| !is_part(c)).unwrap_or(after.len())
        };
        len += 1 + local;
    }
    let word = WORDS.iter().find(|word| **word == &rest[..len] && is_operand(before));
    Ok((word.map_or_else(|| Token::Name(rest[..len].to_owned()), |word| Token::Sign(word)), len))
}

/// Whether an operand may end with this token, so that an operator follows.
fn is_operand(token: Option<&Token>) -> bool {
    match token {
        None => false,
        Some(Token::Sign(sign)) => matches!(*sign, ")" | "]" | "." | ".."),
        Some(_) => true,
    }
}

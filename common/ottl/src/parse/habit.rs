//! What people write from habit, and today's form of it: added to the message where such a thing stands.

use crate::lex::{Spanned, Token};

/// Words, as they are written elsewhere, and what is written here.
const WORDS: &[(&[&str], &str)] = &[
    (&["AND", "And"], "`and`"),
    (&["OR", "Or"], "`or`"),
    (&["NOT", "Not"], "`not`"),
    (&["WHERE", "Where", "if", "IF", "when", "WHEN", "unless"], "`where`"),
    (&["TRUE", "True"], "`true`"),
    (&["FALSE", "False"], "`false`"),
    (NOTHING, NIL),
    (&["is", "IS"], "`==` or `!=`, and `nil` for nothing"),
    (&["eq", "equals"], "`==`"),
    (&["matches", "MATCHES", "like", "LIKE"], "`IsMatch(value, \"pattern\")`"),
    (
        &["contains", "CONTAINS", "in", "IN"],
        "`ContainsValue(list, value)`, or `IsMatch(text, \"pattern\")`",
    ),
];

const NOTHING: &[&str] = &["null", "NULL", "Null", "None", "none", "Nil", "NIL", "undefined"];
const NIL: &str = "`nil`";

/// Today's form of a word, if it is a habit.
pub(crate) fn word(name: &str) -> Option<&'static str> {
    WORDS.iter().find(|(words, _)| words.contains(&name)).map(|(_, form)| *form)
}

/// The hint for what stands at `next`.
pub(super) fn hint(tokens: &[Spanned], next: usize) -> Option<String> {
    word_at(tokens, next)
        .map(|form| format!("write {form}"))
        .or_else(|| sign(tokens, next).map(str::to_owned))
}

/// Today's form of the word at `next`, or of the one in capitals that was read as a symbol right before.
fn word_at(tokens: &[Spanned], next: usize) -> Option<&'static str> {
    let name = |index: usize| match tokens.get(index).map(|spanned| &spanned.token) {
        Some(Token::Name(name)) => Some(name.as_str()),
        _ => None,
    };
    let before = next.checked_sub(1).and_then(name);
    let symbol = before.filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase()));
    name(next).and_then(word).or_else(|| symbol.and_then(word))
}

fn sign(tokens: &[Spanned], next: usize) -> Option<&'static str> {
    let token = |index: usize| tokens.get(index).map(|spanned| &spanned.token);
    let found = token(next);
    let before = next.checked_sub(1).and_then(token);
    match (before, found) {
        (Some(Token::Sign("==")), Some(Token::Sign("=" | "=="))) => Some("write `==`"),
        (Some(Token::Sign("<")), Some(Token::Sign(">"))) => Some("write `!=`"),
        (_, Some(Token::Sign("="))) => Some("write `==` to compare, `set(path, value)` to set"),
        (Some(Token::Int(_)), Some(Token::Name(name))) if is_exponent(name) => {
            Some("a double has a point: 1.0e5")
        }
        (Some(Token::Sign("+")), Some(Token::Str(_))) => {
            Some("texts are joined by `Concat([a, b], \"\")`")
        }
        (Some(Token::Sign("/")), Some(Token::Sign("/"))) => Some("the language has no comments"),
        (_, Some(Token::Sign("/"))) if token(next + 1) == Some(&Token::Sign("/")) => {
            Some("the language has no comments")
        }
        (_, Some(Token::Sign(">"))) => {
            Some("write `action where condition`, not `condition > action`")
        }
        _ => None,
    }
}

fn is_exponent(name: &str) -> bool {
    name.strip_prefix(['e', 'E']).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The hint for a statement that does not begin with a call: a condition in front of its action, or an assignment.
pub(super) fn beginning(tokens: &[Spanned]) -> Option<&'static str> {
    let calls = |at: usize| {
        let token = |index: usize| tokens.get(index).map(|spanned| &spanned.token);
        matches!((token(at), token(at + 1)), (Some(Token::Name(_)), Some(Token::Sign("("))))
    };
    tokens.iter().enumerate().find_map(|(at, spanned)| match &spanned.token {
        Token::Sign(">") if calls(at + 1) => {
            Some("write `action where condition`, not `condition > action`")
        }
        Token::Sign("=") => Some("write `set(path, value)`, not `path = value`"),
        _ => None,
    })
}

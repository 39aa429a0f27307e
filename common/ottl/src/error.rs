//! What can be wrong with a text, and what can go wrong with a record.

use std::fmt;

/// The longest message: texts of statements and records stand in messages, and may be long.
const MESSAGE_MAX_BYTES: usize = 1000;

/// Cuts a message that is too long.
fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_MAX_BYTES {
        message.truncate(message.floor_char_boundary(MESSAGE_MAX_BYTES));
        message.push_str("...");
    }
    message
}

/// Why a text cannot be loaded. It is a configuration error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// Which kind of mistake it is.
    pub class: Class,
    /// Where, as an offset in bytes into the text.
    pub offset: usize,
    /// What was found and what was expected.
    pub message: String,
}

/// The kinds of mistakes that `medulla-gateway ottl` tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The text is not OTTL.
    Parse,
    /// A value of a type that can never fit.
    Type,
    /// No function of that name here.
    UnknownFunction,
    /// No path of that name here.
    UnknownPath,
    /// No enum symbol of that name here.
    UnknownEnum,
    /// Too many arguments, too few, or unknown ones.
    Arity,
    /// A literal that its function cannot work with.
    Literal,
}

impl Class {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Type => "type",
            Self::UnknownFunction => "unknown_function",
            Self::UnknownPath => "unknown_path",
            Self::UnknownEnum => "unknown_enum",
            Self::Arity => "arity",
            Self::Literal => "literal",
        }
    }
}

impl LoadError {
    /// A mistake at `offset`.
    pub fn new(class: Class, offset: usize, message: impl Into<String>) -> Self {
        Self { class, offset, message: cut(message.into()) }
    }

    /// Line and column in `text`, both from 1, columns in characters.
    pub fn position(&self, text: &str) -> (usize, usize) {
        let before = text.get(..self.offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.name(), self.message)
    }
}

impl std::error::Error for LoadError {}

/// Why a statement failed on a record. Boxed, so that results stay small where nothing fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunError(Box<Failure>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    message: String,
    is_type: bool,
}

impl RunError {
    /// A failure that is not about types.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Failure { message: cut(message.into()), is_type: false }))
    }

    /// A value of another type than expected: what the `Is*` converters answer with false.
    pub fn of_type(expected: &str, found: &str) -> Self {
        let message = format!("expected {expected}, found {found}");
        Self(Box::new(Failure { message, is_type: true }))
    }

    /// Whether a type was not the expected one.
    pub fn is_type(&self) -> bool {
        self.0.is_type
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for RunError {}

impl From<otlp::Malformed> for RunError {
    fn from(malformed: otlp::Malformed) -> Self {
        Self::new(malformed.to_string())
    }
}

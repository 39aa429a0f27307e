//! Where a JSON text stops being OTLP, and why.

use std::fmt;

/// The text is not the message it claims to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The way to the value, as in `resourceSpans[0].scopeSpans[2].spans`; empty at the top.
    pub path: String,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Something else should stand here.
    Expected {
        /// What should.
        expected: &'static str,
        /// The beginning of what does.
        found: String,
    },
    /// Messages or unknown values nest too deep.
    TooDeep,
    /// The message would take more bytes than allowed.
    TooLarge,
    /// JSON is UTF-8.
    NotUtf8,
    /// The signal has no JSON form.
    NoForm,
}

impl ReadError {
    pub(super) fn new(json: &[u8], fault: Fault) -> Self {
        let before = &json[..fault.offset.min(json.len())];
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        // Bytes that begin a character: all but those that continue one.
        let characters = before[line_start..].iter().filter(|&&byte| byte & 0xc0 != 0x80);
        Self {
            line: 1 + before.iter().filter(|&&byte| byte == b'\n').count(),
            column: 1 + characters.count(),
            path: path(&fault.steps),
            reason: fault.reason,
        }
    }

    pub(super) fn no_form() -> Self {
        Self { line: 1, column: 1, path: String::new(), reason: Reason::NoForm }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        self.reason.fmt(f)
    }
}

impl std::error::Error for ReadError {}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expected { expected, found } if found.is_empty() => {
                write!(f, "expected {expected}, found the end")
            }
            Self::Expected { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::TooDeep => f.write_str("nested too deep"),
            Self::TooLarge => f.write_str("the message is too large"),
            Self::NotUtf8 => f.write_str("not UTF-8"),
            Self::NoForm => f.write_str("this signal has no JSON form"),
        }
    }
}

/// An error on its way up.
#[derive(Debug)]
pub(super) struct Fault {
    offset: usize,
    reason: Reason,
    /// Innermost first.
    steps: Vec<Step>,
}

/// One step of the way to a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Key(&'static str),
    Index(usize),
}

impl Fault {
    #[cold]
    pub(super) fn new(offset: usize, reason: Reason) -> Self {
        Self { offset, reason, steps: Vec::new() }
    }

    #[cold]
    pub(super) fn within(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps.iter().rev() {
        match step {
            Step::Key(name) if path.is_empty() => path.push_str(name),
            Step::Key(name) => path.extend([".", name]),
            Step::Index(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

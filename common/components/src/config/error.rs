//! Configuration errors: every one found in a pass, each with its file and YAML path.
//!
//! A user who repairs a configuration wants the whole list, so nothing here stops at the first
//! error: readers report into a [`Report`] and go on with the default. The report uses a cell
//! because sections of one tree, all alive at once, write into it.
//!
//! Limits: at most [`MAX_ERRORS`] are kept, the last of which says so; messages quote at most
//! [`MAX_QUOTE_CHARS`] characters of the input.

use std::cell::RefCell;
use std::fmt;

/// Longest piece of the input that a message repeats.
pub const MAX_QUOTE_CHARS: usize = 80;

/// Most errors of one load, and most warnings.
pub const MAX_ERRORS: usize = 1000;

/// What kind of error it is. The names are part of the outside behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A file could not be read.
    Unreadable,
    /// The text is not YAML, or YAML of a kind that no configuration needs.
    YamlSyntax,
    /// A mapping has the same key twice.
    DuplicateKey,
    /// A size, depth or count is beyond what the parser accepts.
    TooLarge,
    /// A `${...}` reference could not be expanded.
    Expansion,
    /// A key that the section does not have.
    UnknownKey,
    /// A component that does not exist.
    UnknownComponent,
    /// A component or key that exists in the dialect but not in this version or program.
    NotBuiltIn,
    /// A list where a number is wanted, and so on.
    WrongType,
    /// A number, size or duration outside its bounds.
    OutOfRange,
    /// A text of the right type that says nothing valid.
    BadValue,
    /// A required key is absent.
    Missing,
    /// A pipeline or the service names a component that is not configured.
    UndefinedReference,
    /// A component in a pipeline whose signal it does not carry.
    UnsupportedSignal,
    /// Connectors that lead back to where they began.
    Cycle,
    /// Warning: a component is configured and not used.
    Unused,
    /// Warning: an environment variable is not set.
    UnsetVariable,
}

impl Code {
    /// The stable name, as printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::YamlSyntax => "yaml_syntax",
            Self::DuplicateKey => "duplicate_key",
            Self::TooLarge => "too_large",
            Self::Expansion => "expansion",
            Self::UnknownKey => "unknown_key",
            Self::UnknownComponent => "unknown_component",
            Self::NotBuiltIn => "not_built_in",
            Self::WrongType => "wrong_type",
            Self::OutOfRange => "out_of_range",
            Self::BadValue => "bad_value",
            Self::Missing => "missing",
            Self::UndefinedReference => "undefined_reference",
            Self::UnsupportedSignal => "unsupported_signal",
            Self::Cycle => "cycle",
            Self::Unused => "unused",
            Self::UnsetVariable => "unset_variable",
        }
    }
}

/// Where a value was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin {
    /// Number of the file in the [`Report`].
    pub file: u16,
    /// Line, from 1.
    pub line: u32,
}

/// One error or warning, displayed as `FILE: YAML.PATH: CODE: MESSAGE[; did you mean NAME?]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file as given on the command line.
    pub file: String,
    /// Where in the tree, such as `receivers.otlp.protocols.grpc.endpoint`; `(document)` for the
    /// whole.
    pub path: String,
    /// The class of the error.
    pub code: Code,
    /// What was found and what was expected.
    pub message: String,
    /// The nearest valid name.
    pub suggestion: Option<String>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "(document)" } else { &self.path };
        let line = format!("{}: {path}: {}: {}", self.file, self.code.as_str(), self.message);
        write_line(f, &line)?;
        match &self.suggestion {
            Some(name) => write_line(f, &format!("; did you mean {name}?")),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Collects errors and warnings of one load.
#[derive(Debug, Default)]
pub struct Report {
    files: RefCell<Vec<String>>,
    errors: RefCell<Vec<Error>>,
    warnings: RefCell<Vec<Error>>,
}

impl Report {
    /// Registers a file name and returns its number for [`Origin::file`].
    pub fn add_file(&self, name: &str) -> u16 {
        let mut files = self.files.borrow_mut();
        files.push(name.to_owned());
        u16::try_from(files.len() - 1).unwrap_or(u16::MAX)
    }

    /// Adds an error.
    pub fn error(&self, origin: Origin, path: &str, code: Code, message: impl Into<String>) {
        self.suggest(origin, path, code, message, None);
    }

    /// Adds an error with the nearest valid name.
    pub fn suggest(
        &self,
        origin: Origin,
        path: &str,
        code: Code,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        let error = self.entry(origin, path, code, message.into(), suggestion);
        push_bounded(&mut self.errors.borrow_mut(), error);
    }

    /// Adds a warning: the configuration is used, but the operator should know.
    pub fn warn(&self, origin: Origin, path: &str, code: Code, message: impl Into<String>) {
        let warning = self.entry(origin, path, code, message.into(), None);
        push_bounded(&mut self.warnings.borrow_mut(), warning);
    }

    /// Whether further errors would be left out.
    pub fn is_full(&self) -> bool {
        self.errors.borrow().len() > MAX_ERRORS
    }

    /// Ends the collection: errors, then warnings, each in the order of their finding.
    pub fn into_parts(self) -> (Vec<Error>, Vec<Error>) {
        (self.errors.into_inner(), self.warnings.into_inner())
    }

    fn entry(
        &self,
        origin: Origin,
        path: &str,
        code: Code,
        message: String,
        suggestion: Option<String>,
    ) -> Error {
        let files = self.files.borrow();
        let file = files.get(usize::from(origin.file)).map_or("(unknown)", String::as_str);
        Error { file: file.to_owned(), path: path.to_owned(), code, message, suggestion }
    }
}

fn push_bounded(list: &mut Vec<Error>, error: Error) {
    if list.len() == MAX_ERRORS {
        let (code, suggestion) = (Code::TooLarge, None);
        let message = format!("more than {MAX_ERRORS} errors, the rest is left out");
        list.push(Error { path: String::new(), code, message, suggestion, ..error });
    } else if list.len() < MAX_ERRORS {
        list.push(error);
    }
}

/// Quotes a piece of the input for a message, shortened.
pub fn quote(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(MAX_QUOTE_CHARS).collect();
    let ellipsis = if chars.next().is_some() { "..." } else { "" };
    format!("\"{head}{ellipsis}\"")
}

// The promise of one line per error must hold for any input, so control characters are escaped.
fn write_line(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| match c.is_control() {
        true => write!(f, "{}", c.escape_default()),
        false => write!(f, "{c}"),
    })
}

//! Regular expressions as the reference writes them (RE2), on an engine that runs in linear time.
//!
//! Go's classes (`\d`, `\w`, `\s`, `\b`) are those of ASCII, it knows `\Q..\E`, and it takes `{` and some
//! other signs literally where Rust's engine does not; so a pattern is translated before it is compiled. What
//! RE2 refuses is refused. The compiled form is bounded by [`MAX_COMPILED_BYTES`]; a group whose name
//! begins with a digit gets `_` in front of it.

use std::borrow::Cow;

use regex::{Regex, RegexBuilder};

use crate::RunError;
use crate::function::{Args, Blame, Unfit};

mod class;
mod template;
mod translate;

pub use template::Template;

/// The most memory that a compiled pattern may take.
pub const MAX_COMPILED_BYTES: usize = 4 << 20;

/// The most a piece may be repeated by `{n,m}`, as in RE2.
pub const MAX_REPEAT: u32 = 1000;

/// Compiles an RE2 pattern.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    build(&translate::translate(pattern)?)
}

/// Compiles a pattern in the engine's own dialect, under the same bound.
pub(crate) fn build(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(MAX_COMPILED_BYTES).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(bytes) => format!("it takes more than {bytes} bytes"),
        // Its last line says what is wrong; the ones before draw it.
        other => {
            let message = other.to_string();
            message.rsplit("error: ").next().unwrap_or(&message).trim_end().to_owned()
        }
    })
}

/// A pattern that a function is given: compiled once where it is constant, for each record where not.
pub(crate) struct Pattern {
    index: usize,
    compile: fn(&str) -> Result<Regex, String>,
    constant: Option<Regex>,
}

impl Pattern {
    /// The RE2 pattern in the argument `index` of a function that is being prepared.
    pub(crate) fn regex(args: &Args<'_>, index: usize) -> Result<Self, Unfit> {
        Self::prepare(args, index, compile)
    }

    /// The same for a glob.
    pub(crate) fn glob(args: &Args<'_>, index: usize) -> Result<Self, Unfit> {
        Self::prepare(args, index, crate::glob::compile)
    }

    fn prepare(
        args: &Args<'_>,
        index: usize,
        compile: fn(&str) -> Result<Regex, String>,
    ) -> Result<Self, Unfit> {
        let constant = args.opt_str(index).map(|text| checked(compile, text)).transpose();
        Ok(Self { index, compile, constant: constant.of_argument(index)? })
    }

    /// The compiled pattern for one call.
    pub(crate) fn get(&self, args: &Args<'_>) -> Result<Cow<'_, Regex>, RunError> {
        match &self.constant {
            Some(regex) => Ok(Cow::Borrowed(regex)),
            None => {
                let compiled = checked(self.compile, args.str(self.index)?);
                compiled.map(Cow::Owned).map_err(RunError::new)
            }
        }
    }
}

fn checked(compile: fn(&str) -> Result<Regex, String>, text: &str) -> Result<Regex, String> {
    compile(text).map_err(|error| format!("the pattern {text:?} is not valid: {error}"))
}

#[cfg(test)]
mod tests;

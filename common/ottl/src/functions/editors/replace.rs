//! Editors that replace texts, or parts of them.
//!
//! All of them end in the same three parameters: the replacement, a converter applied to it, and a format
//! for what the converter gives. The format must hold `%s` and no other verb; it is looked at only when
//! something is replaced with a converter.

use std::borrow::Cow;
use std::ops::Range;

use regex::Regex;

use crate::context::{Entry, Keep};
use crate::function::{Args, Edit, Kind, Param, Unfit, optional, required};
use crate::functions::collections::merged;
use crate::functions::text::sprintf;
use crate::pattern::{Pattern, Template};
use crate::rewrite::Each;
use crate::value::Any;
use crate::{RunError, Value, bound};

const REPLACEMENT: Param = required("replacement", Kind::Str);
const FUNCTION: Param = optional("function", Kind::Function);
const FORMAT: Param = optional("replacement_format", Kind::Any);

/// The parameters of the editors of one text.
pub(super) const ONE: &[Param] = &[
    required("target", Kind::Target),
    required("pattern", Kind::Str),
    REPLACEMENT,
    FUNCTION,
    FORMAT,
];

/// The parameters of `replace_all_matches`.
pub(super) const ALL_MATCHES: &[Param] = &[
    required("target", Kind::MapTarget),
    required("pattern", Kind::Str),
    REPLACEMENT,
    FUNCTION,
    FORMAT,
];

/// The parameters of `replace_all_patterns`.
pub(super) const ALL_PATTERNS: &[Param] = &[
    required("target", Kind::MapTarget),
    required("mode", Kind::LiteralStr),
    required("pattern", Kind::Str),
    REPLACEMENT,
    FUNCTION,
    FORMAT,
];

/// What matches are replaced with; its converter and its format are the next arguments.
struct Replacement {
    index: usize,
    constant: Option<Template>,
}

impl Replacement {
    fn prepare(args: &Args<'_>, index: usize) -> Result<Self, Unfit> {
        if args.has(index + 2) && !matches!(args.peek(index + 2), Value::Str(_)) {
            let message = format!("the format is a {}", args.peek(index + 2).kind());
            return Err(Unfit::argument(index + 2, message));
        }
        Ok(Self { index, constant: args.opt_str(index).map(Template::parse) })
    }

    fn template(&self, args: &Args<'_>) -> Result<Cow<'_, Template>, RunError> {
        match &self.constant {
            Some(template) => Ok(Cow::Borrowed(template)),
            None => Ok(Cow::Owned(Template::parse(args.str(self.index)?))),
        }
    }

    /// What stands for a whole text. A converter is asked even where nothing comes to be replaced, as in the reference.
    fn whole(&self, args: &Args<'_>) -> Result<String, RunError> {
        self.converted(args, args.str(self.index)?.to_owned())
    }

    /// `text` through the converter and the format, or as it is without a converter.
    fn converted(&self, args: &Args<'_>, text: String) -> Result<String, RunError> {
        if !args.has(self.index + 1) {
            return Ok(text);
        }
        let value = args.apply(self.index + 1, Value::text(text)).unwrap_or(Ok(Value::Nil))?;
        let Value::Str(text) = value else { return Err(RunError::of_type("string", value.kind())) };
        if !args.has(self.index + 2) {
            return Ok(text.into_owned());
        }
        let format = args.str(self.index + 2)?;
        if !format.contains("%s") || format.replace("%s", "").contains('%') {
            let message = format!("the format {format:?} must hold %s and no other verb");
            return Err(RunError::new(message));
        }
        Ok(sprintf(format, &[Value::Str(text)]))
    }

    /// The text with every match replaced; nothing where none is found.
    fn apply(
        &self,
        args: &Args<'_>,
        regex: &Regex,
        text: &str,
    ) -> Result<Option<String>, RunError> {
        let template = self.template(args)?;
        match template.literal() {
            Some(literal) => {
                let matches = regex.find_iter(text).map(|it| (it.range(), literal.to_owned()));
                self.replaced(args, text, matches)
            }
            None => {
                let matches = regex.captures_iter(text).map(|captures| {
                    let mut expanded = String::new();
                    template.expand(&captures, &mut expanded);
                    (captures.get_match().range(), expanded)
                });
                self.replaced(args, text, matches)
            }
        }
    }

    /// The text with these ranges replaced, each by its own text; nothing where there are none.
    fn replaced(
        &self,
        args: &Args<'_>,
        text: &str,
        matches: impl Iterator<Item = (Range<usize>, String)>,
    ) -> Result<Option<String>, RunError> {
        let mut made: Option<String> = None;
        let mut end = 0;
        for (range, replacement) in matches {
            let made = made.get_or_insert_with(|| String::with_capacity(text.len()));
            made.push_str(&text[end..range.start]);
            end = range.end;
            made.push_str(&self.converted(args, replacement)?);
            if bound::is_over(made.len()) {
                break;
            }
        }
        Ok(made.map(|made| made + &text[end..]))
    }
}

pub(super) fn replace_pattern(args: &Args<'_>) -> Result<Edit, Unfit> {
    let pattern = Pattern::regex(args, 0)?;
    let replacement = Replacement::prepare(args, 1)?;
    Ok(Box::new(move |target, args| {
        let Value::Str(text) = target.get()? else { return Ok(()) };
        match replacement.apply(args, &*pattern.get(args)?, &text)? {
            Some(made) => target.set(&Value::text(made)),
            None => Ok(()),
        }
    }))
}

/// A text that matches the glob as a whole is replaced.
pub(super) fn replace_match(args: &Args<'_>) -> Result<Edit, Unfit> {
    let pattern = Pattern::glob(args, 0)?;
    let replacement = Replacement::prepare(args, 1)?;
    Ok(Box::new(move |target, args| {
        let (value, made) = (target.get()?, replacement.whole(args)?);
        match value {
            Value::Str(text) if pattern.get(args)?.is_match(&text) => {
                target.set(&Value::text(made))
            }
            _ => Ok(()),
        }
    }))
}

/// Each value of the map that matches the glob as a whole is replaced.
pub(super) fn replace_all_matches(args: &Args<'_>) -> Result<Edit, Unfit> {
    let pattern = Pattern::glob(args, 0)?;
    let replacement = Replacement::prepare(args, 1)?;
    Ok(Box::new(move |target, args| {
        let (glob, made) = (pattern.get(args)?, replacement.whole(args)?);
        target.rewrite(&mut Each(|entry: &Entry<'_>| match entry.value()? {
            Value::Str(text) if glob.is_match(&text) => Ok(Some(Any::Str(made.clone()))),
            _ => Ok(None),
        }))
    }))
}

pub(super) fn replace_all_patterns(args: &Args<'_>) -> Result<Edit, Unfit> {
    let pattern = Pattern::regex(args, 1)?;
    let replacement = Replacement::prepare(args, 2)?;
    match args.opt_str(0).unwrap_or_default() {
        "value" => Ok(Box::new(move |target, args| {
            let regex = pattern.get(args)?;
            target.rewrite(&mut Each(|entry: &Entry<'_>| {
                let Value::Str(text) = entry.value()? else { return Ok(None) };
                // A converter that fails leaves its value.
                Ok(replacement.apply(args, &regex, &text).unwrap_or(None).map(Any::Str))
            }))
        })),
        "key" => Ok(Box::new(move |target, args| {
            let regex = pattern.get(args)?;
            let mut is_changed = false;
            target.retain(Keep::Test(&mut |key| {
                is_changed |= regex.is_match(super::keys::text(key)?);
                Ok(true)
            }))?;
            if !is_changed {
                return Ok(());
            }
            let entries = target.map()?.entries.into_iter();
            let renamed = entries.filter_map(|(key, value)| {
                match replacement.apply(args, &regex, &key) {
                    Ok(made) => Some((made.unwrap_or(key), value)),
                    // A converter that fails drops its entry.
                    Err(_) => None,
                }
            });
            target.set(&Value::map(merged(renamed)))
        })),
        other => {
            let message = format!("the mode is \"key\" or \"value\", not {other:?}");
            Err(Unfit::argument(0, message))
        }
    }
}

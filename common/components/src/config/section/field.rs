//! One value at a path, and its typed readings. Each reports what it does not accept.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Section, names};
use crate::config::error::{Code, Report, quote};
use crate::config::quantity::{self, Address, Malformed, Rate};
use crate::config::suggest::nearest;
use crate::config::value::{Core, Node, Scalar, Value, core_of};

/// A value that is being read.
#[derive(Clone)]
pub struct Field<'a> {
    value: &'a Value,
    path: String,
    report: &'a Report,
}

impl<'a> Field<'a> {
    /// A value at a path.
    pub fn new(value: &'a Value, path: String, report: &'a Report) -> Self {
        Self { value, path, report }
    }

    /// The value as it is.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// Where it is.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The report that errors here go to.
    pub fn report(&self) -> &'a Report {
        self.report
    }

    /// Reports an error here.
    pub fn error(&self, code: Code, message: impl Into<String>) {
        self.report.error(self.value.origin, &self.path, code, message);
    }

    /// Reports an error here with the nearest valid name.
    pub fn suggest(&self, code: Code, message: impl Into<String>, suggestion: Option<String>) {
        self.report.suggest(self.value.origin, &self.path, code, message, suggestion);
    }

    /// As a mapping.
    pub fn section(&self) -> Section<'a> {
        Section::new(self.value, self.path.clone(), self.report)
    }

    /// As a list.
    pub fn list(&self) -> Vec<Field<'a>> {
        let Node::Seq(items) = &self.value.node else {
            return self.wrong_type("a list").unwrap_or_default();
        };
        let path = |index| format!("{}[{index}]", self.path);
        let item = |(index, value)| Self::new(value, path(index), self.report);
        items.iter().enumerate().map(item).collect()
    }

    /// As a text; plain numbers and booleans as they were written.
    pub fn string(&self) -> Option<String> {
        Some(self.scalar("a text")?.text.clone())
    }

    /// As a boolean.
    pub fn bool(&self) -> Option<bool> {
        match core_of(&self.scalar("true or false")?.text) {
            Core::Bool(value) => Some(value),
            _ => self.wrong_type("true or false"),
        }
    }

    /// As a whole number within `range`.
    pub fn u64_in(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let Core::Int(number) = core_of(&self.scalar("a whole number")?.text) else {
            return self.wrong_type("a whole number");
        };
        let number = u64::try_from(number).ok().filter(|number| range.contains(number));
        number.or_else(|| self.out_of_range(&range_text(&range, u64::MAX)))
    }

    /// As a whole number within `range`, which may be below zero.
    pub fn i64_in(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let Core::Int(number) = core_of(&self.scalar("a whole number")?.text) else {
            return self.wrong_type("a whole number");
        };
        let expected = || match (range.start(), range.end()) {
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        };
        range.contains(&number).then_some(number).or_else(|| self.out_of_range(&expected()))
    }

    /// As a number within `range`.
    pub fn f64_in(&self, range: RangeInclusive<f64>) -> Option<f64> {
        let number = match core_of(&self.scalar("a number")?.text) {
            #[expect(clippy::cast_precision_loss, reason = "a number of a configuration is small")]
            Core::Int(number) => number as f64,
            Core::Float(number) => number,
            _ => return self.wrong_type("a number"),
        };
        let expected = || format!("{} to {}", range.start(), range.end());
        range.contains(&number).then_some(number).or_else(|| self.out_of_range(&expected()))
    }

    /// As a duration within `range`.
    pub fn duration_in(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let form = "a duration such as 200ms or 1h30m";
        match quantity::duration(&self.scalar(form)?.text) {
            Ok(duration) if range.contains(&duration) => Some(duration),
            Ok(_) if *range.end() == Duration::MAX => {
                self.out_of_range(&format!("at least {:?}", range.start()))
            }
            Ok(_) => self.out_of_range(&format!("{:?} to {:?}", range.start(), range.end())),
            Err(Malformed::Negative) => self.out_of_range("zero or more"),
            Err(malformed) => self.malformed(malformed, form),
        }
    }

    /// As a size in bytes within `range`.
    pub fn bytes_in(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let form = "a size such as 64MiB";
        match quantity::bytes(&self.scalar(form)?.text) {
            Ok(bytes) if range.contains(&bytes) => Some(bytes),
            Ok(_) => self.out_of_range(&format!("{} bytes", range_text(&range, u64::MAX))),
            Err(malformed) => self.malformed(malformed, form),
        }
    }

    /// As a rate.
    pub fn rate(&self) -> Option<Rate> {
        let form = "a rate such as 100/s or 6/h";
        match quantity::rate(&self.scalar(form)?.text) {
            Ok(rate) => Some(rate),
            Err(malformed) => self.malformed(malformed, form),
        }
    }

    /// As an address, `host:port`.
    pub fn address(&self) -> Option<Address> {
        let form = "an address such as localhost:4317";
        match quantity::address(&self.scalar(form)?.text) {
            Ok(address) => Some(address),
            Err(malformed) => self.malformed(malformed, form),
        }
    }

    /// As one of a closed set of names, in any case, as the Collector reads levels.
    pub fn one_of<T: Copy>(&self, set: &[(&str, T)]) -> Option<T> {
        let allowed: Vec<&str> = set.iter().map(|(name, _)| *name).collect();
        let text = &self.scalar(&names(&allowed))?.text;
        let found = set.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        found.map(|(_, value)| *value).or_else(|| self.not_among(text, &allowed))
    }

    /// As one of a closed set of names, of which `planned` ones are not built in yet.
    pub fn one_built_of<T: Copy>(&self, set: &[(&str, T)], planned: &[&str]) -> Option<T> {
        let text = match &self.value.node {
            Node::Scalar(scalar) => scalar.text.as_str(),
            _ => "",
        };
        if !planned.contains(&text) {
            return self.one_of(set);
        }
        let built: Vec<&str> = set.iter().map(|(name, _)| *name).collect();
        let message = format!("{} is not built in yet, expected {}", quote(text), names(&built));
        self.error(Code::NotBuiltIn, message);
        None
    }

    fn not_among<T>(&self, text: &str, allowed: &[&str]) -> Option<T> {
        let message = format!("{}, expected {}", quote(text), names(allowed));
        let suggestion = nearest(text, allowed.iter().copied());
        self.suggest(Code::BadValue, message, suggestion);
        None
    }

    fn scalar(&self, expected: &str) -> Option<&'a Scalar> {
        match &self.value.node {
            Node::Scalar(scalar) => Some(scalar),
            _ => self.wrong_type(expected),
        }
    }

    fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        if self.value.is_failed() {
            return None;
        }
        let message = format!("{}, expected {expected}", self.value.describe());
        self.error(Code::WrongType, message);
        None
    }

    fn out_of_range<T>(&self, expected: &str) -> Option<T> {
        let message = format!("{}, expected {expected}", self.value.describe());
        self.error(Code::OutOfRange, message);
        None
    }

    fn malformed<T>(&self, malformed: Malformed, expected: &str) -> Option<T> {
        if malformed == Malformed::TooLarge {
            return self.out_of_range(expected);
        }
        let message = format!("{}, expected {expected}", self.value.describe());
        self.error(Code::BadValue, message);
        None
    }
}

fn range_text(range: &RangeInclusive<u64>, open_end: u64) -> String {
    match *range.end() == open_end {
        true => format!("at least {}", range.start()),
        false => format!("{} to {}", range.start(), range.end()),
    }
}

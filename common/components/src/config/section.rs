//! Typed reading of a mapping, with every error collected.
//!
//! A [`Section`] is a mapping at a path. Each reading names its key, its default and its bounds,
//! and returns a value whatever happens: a bad one is reported and the default returned, so one
//! pass finds everything. When the section is dropped, keys that nobody asked for are unknown.
//! That is in `Drop` because a forgotten call would silently accept misspelt keys.
//!
//! A null counts as absent, as in the Collector. A plain number or boolean is accepted where a text
//! is wanted, and a text that spells a number where a number is wanted, since `${env:...}`
//! inside a longer text always gives a text.

use std::cell::{Cell, RefCell};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::error::{Code, Report};
use super::quantity::{self, Address, Rate};
use super::suggest::nearest;
use super::value::{Map, Node, Origin, Value};

mod field;

pub use field::Field;

/// A mapping that is being read.
pub struct Section<'a> {
    map: Option<&'a Map>,
    origin: Origin,
    path: String,
    report: &'a Report,
    known: RefCell<Vec<&'static str>>,
    open: Cell<bool>,
    failed: bool,
}

impl<'a> Section<'a> {
    /// Begins to read `value` at `path`. Null reads as an empty mapping, anything else is reported.
    pub fn new(value: &'a Value, path: impl Into<String>, report: &'a Report) -> Self {
        let path = path.into();
        let map = value.as_map();
        if map.is_none() && !value.is_null() && !value.is_failed() {
            let message = format!("{}, expected a mapping", value.describe());
            report.error(value.origin, &path, Code::WrongType, message);
        }
        let (known, open) = Default::default();
        Self {
            map,
            origin: value.origin,
            path,
            report,
            known,
            open,
            failed: map.is_none() && !value.is_null(),
        }
    }

    fn empty(&self, path: String) -> Self {
        let (known, open) = Default::default();
        Self { map: None, path, known, open, ..*self }
    }

    /// Whether nothing is written in it.
    pub fn is_empty(&self) -> bool {
        self.map.is_none_or(|map| map.iter().next().is_none())
    }

    /// The path of this section.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The report that this section writes to.
    pub fn report(&self) -> &'a Report {
        self.report
    }

    /// The value of a key, if it is there and not null.
    pub fn field(&self, key: &'static str) -> Option<Field<'a>> {
        self.field_or_null(key).filter(|field| !field.value().is_null())
    }

    /// Whether a key is written, be it null: `protocols: {grpc:}` switches gRPC on.
    pub fn has(&self, key: &'static str) -> bool {
        self.field_or_null(key).is_some()
    }

    /// A nested section, empty when absent.
    pub fn sub(&self, key: &'static str) -> Section<'a> {
        match self.field(key) {
            Some(field) => field.section(),
            None => self.empty(self.path_of(key)),
        }
    }

    /// A text.
    pub fn string(&self, key: &'static str, default: &str) -> String {
        self.opt_string(key).unwrap_or_else(|| default.to_owned())
    }

    /// A text that may be absent.
    pub fn opt_string(&self, key: &'static str) -> Option<String> {
        self.field(key).and_then(|field| field.string())
    }

    /// A text that must be there and not empty; absence is reported.
    pub fn required_string(&self, key: &'static str) -> Option<String> {
        let text = self.field(key).map(|field| field.string());
        match &text {
            Some(Some(text)) if text.is_empty() => self.missing(key, "a non-empty text"),
            None => self.missing(key, "a text"),
            _ => {}
        }
        text.flatten().filter(|text| !text.is_empty())
    }

    /// A boolean.
    pub fn bool(&self, key: &'static str, default: bool) -> bool {
        self.field(key).and_then(|field| field.bool()).unwrap_or(default)
    }

    /// A whole number within `range`.
    pub fn u64_in(&self, key: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        self.field(key).and_then(|field| field.u64_in(range)).unwrap_or(default)
    }

    /// A whole number within `range`, which may be below zero.
    pub fn i64_in(&self, key: &'static str, default: i64, range: RangeInclusive<i64>) -> i64 {
        self.field(key).and_then(|field| field.i64_in(range)).unwrap_or(default)
    }

    /// A number within `range`.
    pub fn f64_in(&self, key: &'static str, default: f64, range: RangeInclusive<f64>) -> f64 {
        self.field(key).and_then(|field| field.f64_in(range)).unwrap_or(default)
    }

    /// A duration such as `200ms`, not negative.
    pub fn duration(&self, key: &'static str, default: Duration) -> Duration {
        self.duration_in(key, default, Duration::ZERO..=Duration::MAX)
    }

    /// A duration within `range`.
    pub fn duration_in(
        &self,
        key: &'static str,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        self.field(key).and_then(|field| field.duration_in(range)).unwrap_or(default)
    }

    /// A size in bytes such as `64MiB`, within `range`.
    pub fn bytes(&self, key: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        self.field(key).and_then(|field| field.bytes_in(range)).unwrap_or(default)
    }

    /// A rate such as `200/s`.
    pub fn rate(&self, key: &'static str, default: Rate) -> Rate {
        self.field(key).and_then(|field| field.rate()).unwrap_or(default)
    }

    /// An address to listen on. `default` is written by us and valid.
    pub fn address(&self, key: &'static str, default: &str) -> Address {
        let written = self.field(key).and_then(|field| field.address());
        written.unwrap_or_else(|| quantity::address(default).expect("a default address is valid"))
    }

    /// One of a closed set of names.
    pub fn one_of<T: Copy>(&self, key: &'static str, default: T, names: &[(&str, T)]) -> T {
        self.field(key).and_then(|field| field.one_of(names)).unwrap_or(default)
    }

    /// One of a closed set of names, of which `planned` ones exist but are not built in yet.
    pub fn one_built_of<T: Copy>(
        &self,
        key: &'static str,
        default: T,
        names: &[(&str, T)],
        planned: &[&str],
    ) -> T {
        self.field(key).and_then(|field| field.one_built_of(names, planned)).unwrap_or(default)
    }

    /// A list; empty when absent.
    pub fn list(&self, key: &'static str) -> Vec<Field<'a>> {
        self.field(key).map(|field| field.list()).unwrap_or_default()
    }

    /// A list of texts; empty when absent.
    pub fn strings(&self, key: &'static str) -> Vec<String> {
        self.list(key).iter().filter_map(Field::string).collect()
    }

    /// Every entry of this section as a field, for mappings whose keys the user chooses.
    pub fn entries(&self) -> Vec<(&'a str, Field<'a>)> {
        self.open.set(true);
        let entries = self.map.into_iter().flat_map(Map::iter);
        entries.map(|(key, value)| (key, self.field_at(self.path_of(key), value))).collect()
    }

    /// Keys of the dialect that this version does not have: an error where they are used.
    pub fn not_built_yet(&self, keys: &[&'static str]) {
        for field in keys.iter().filter_map(|key| self.field(key)) {
            field.error(Code::NotBuiltIn, "not built in yet");
        }
    }

    /// Reports that a required key is absent, unless there is an error for what stands there.
    pub fn missing(&self, key: &'static str, expected: &str) {
        let reported = |value: &Value| match &value.node {
            Node::Failed => true,
            Node::Scalar(scalar) => !scalar.text.is_empty(),
            Node::Seq(_) | Node::Map(_) => false,
        };
        if !self.failed && !self.field(key).is_some_and(|field| reported(field.value())) {
            let message = format!("nothing found, expected {expected}");
            self.error(key, Code::Missing, message);
        }
    }

    /// Reports an error at a key of this section.
    pub fn error(&self, key: &'static str, code: Code, message: impl Into<String>) {
        let origin = self.field_or_null(key).map_or(self.origin, |field| field.value().origin);
        self.report.error(origin, &self.path_of(key), code, message);
    }

    /// Warns at a key of this section.
    pub fn warn(&self, key: &'static str, code: Code, message: impl Into<String>) {
        let origin = self.field_or_null(key).map_or(self.origin, |field| field.value().origin);
        self.report.warn(origin, &self.path_of(key), code, message);
    }

    fn field_or_null(&self, key: &'static str) -> Option<Field<'a>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        let value = self.map.and_then(|map| map.get(key))?;
        Some(self.field_at(self.path_of(key), value))
    }

    fn field_at(&self, path: String, value: &'a Value) -> Field<'a> {
        Field::new(value, path, self.report)
    }

    fn path_of(&self, key: &str) -> String {
        super::value::join(&self.path, key)
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        if self.open.get() {
            return;
        }
        let known = self.known.borrow();
        let map = self.map.into_iter().flat_map(Map::iter);
        for (key, value) in map.filter(|(key, _)| !known.contains(key)) {
            if self.report.is_full() {
                return;
            }
            let suggestion = nearest(key, known.iter().copied());
            let message = format!("unknown key, expected {}", names(&known));
            let path = self.path_of(key);
            self.report.suggest(value.origin, &path, Code::UnknownKey, message, suggestion);
        }
    }
}

/// `one of a, b, c`, sorted.
pub(crate) fn names(names: &[&str]) -> String {
    let mut sorted: Vec<&str> = names.iter().copied().filter(|name| !name.is_empty()).collect();
    sorted.sort_unstable();
    match sorted.as_slice() {
        [] => "no keys".to_owned(),
        [one] => (*one).to_owned(),
        many => format!("one of {}", many.join(", ")),
    }
}

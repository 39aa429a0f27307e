//! The actions of the processors `attributes` and `resource`, with the Collector's keys.

use otlp::Signal;
use ottl::contexts::Otlp;
use ottl::value::{Any, Map};
use ottl::{Condition, LoadError};
use regex::Regex;

use super::error::{Code, quote};
use super::matching::left_out_of_each;
use super::section::{Field, Section};
use super::value::{Core, Node, Value};

/// Most actions of a processor.
const MAX_ACTIONS: usize = 1024;

/// What is done with an attribute.
#[derive(Clone, Debug)]
pub enum Action {
    /// Sets a value, where the key is already there, is not yet, or in either case.
    Set {
        /// Which attribute.
        key: String,
        /// What it becomes: the first of them that is there; nothing happens if none is.
        sources: Vec<Source>,
        /// Whether it may be added.
        adds: bool,
        /// Whether it may be replaced.
        replaces: bool,
    },
    /// Takes attributes out.
    Delete(Keys),
    /// Replaces values by their SHA-256 in hexadecimal.
    Hash(Keys),
    /// Sets what the named groups of a pattern find in a text.
    Extract {
        /// Which attribute holds the text.
        key: String,
        /// Its groups are all named.
        pattern: Regex,
    },
    /// Changes the type; a value that cannot be converted stays.
    Convert {
        /// Which attribute.
        key: String,
        /// To what.
        to: Type,
    },
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The configuration.
    Value(Any),
    /// Another attribute.
    Attribute(String),
    /// A request header kept by `include_metadata`, lower case.
    Header(String),
    /// The address of the nearest peer; the empty text where there is none, as in the Collector.
    Client,
}

/// Which attributes.
#[derive(Clone, Debug)]
pub struct Keys {
    /// This one.
    pub key: Option<String>,
    /// Those whose key matches.
    pub pattern: Option<Regex>,
}

/// Types that values convert to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Type {
    Int,
    Double,
    String,
}

/// Settings of the processor `attributes`.
#[derive(Clone, Debug)]
pub struct Attributes {
    /// What is done, in this order.
    pub actions: Vec<Action>,
    /// Conditions of what is left alone.
    left_out: Vec<(Signal, String)>,
}

impl Attributes {
    /// Reads the section and tries its conditions.
    pub fn read(section: &Section<'_>) -> Self {
        let settings =
            Self { actions: read(section, "actions"), left_out: left_out_of_each(section) };
        let compiled = settings.left_out.iter().map(|(signal, text)| compile_for(*signal, text));
        if let Some(error) = compiled.filter_map(Result::err).next() {
            let key = if section.has("include") { "include" } else { "exclude" };
            section.error(key, Code::BadValue, error.to_string());
        }
        settings
    }

    /// The condition of the records of a signal that are left alone.
    pub fn left_out(&self, signal: Signal) -> Option<Condition<Otlp>> {
        let (_, text) = self.left_out.iter().find(|(of, _)| *of == signal)?;
        compile_for(signal, text).ok()
    }
}

fn compile_for(signal: Signal, text: &str) -> Result<Condition<Otlp>, LoadError> {
    let context = match signal {
        Signal::Traces => Otlp::Span,
        Signal::Metrics => Otlp::DataPoint,
        _ => Otlp::Log,
    };
    super::ottl::condition(text, context)
}

/// Reads the processor `resource`.
pub fn read_resource(section: &Section<'_>) -> Vec<Action> {
    read(section, "attributes")
}

fn read(section: &Section<'_>, key: &'static str) -> Vec<Action> {
    let list = section.list(key);
    if list.is_empty() {
        section.missing(key, "at least one action");
    }
    if list.len() > MAX_ACTIONS {
        let message = format!("{}, expected at most {MAX_ACTIONS}", list.len());
        section.error(key, Code::TooLarge, message);
        return Vec::new();
    }
    list.iter().filter_map(action).collect()
}

#[derive(Clone, Copy)]
enum Verb {
    Insert,
    Update,
    Upsert,
    Delete,
    Hash,
    Extract,
    Convert,
}

const VERBS: &[(&str, Verb)] = &[
    ("insert", Verb::Insert),
    ("update", Verb::Update),
    ("upsert", Verb::Upsert),
    ("delete", Verb::Delete),
    ("hash", Verb::Hash),
    ("extract", Verb::Extract),
    ("convert", Verb::Convert),
];

fn action(field: &Field<'_>) -> Option<Action> {
    let section = field.section();
    let key = section.opt_string("key").filter(|key| !key.is_empty());
    let Some(verb) = section.field("action").map(|field| field.one_of(VERBS)) else {
        section.missing("action", "insert, update, upsert, delete, hash, extract or convert");
        // Which keys it has the action says.
        let _ = section.entries();
        return None;
    };
    let verb = verb?;
    unused(&section, verb);
    match verb {
        Verb::Insert => set(&section, key, true, false),
        Verb::Update => set(&section, key, false, true),
        Verb::Upsert => set(&section, key, true, true),
        Verb::Delete => keys(&section, key).map(Action::Delete),
        Verb::Hash => keys(&section, key).map(Action::Hash),
        Verb::Extract => extract(&section, key),
        Verb::Convert => convert(&section, key),
    }
}

/// Keys that the action does not read are an error where they are one in the Collector; elsewhere a warning.
fn unused(section: &Section<'_>, verb: Verb) {
    const SOURCES: [&str; 3] = ["value", "from_attribute", "from_context"];
    let (refused, ignored): (&[&'static str], &[&'static str]) = match verb {
        Verb::Insert | Verb::Update | Verb::Upsert => (&["pattern", "converted_type"], &[]),
        Verb::Delete | Verb::Hash => {
            (&["value", "from_attribute", "converted_type"], &["from_context", "default_value"])
        }
        Verb::Extract => (&["converted_type"], &["default_value"]),
        Verb::Convert => (&["pattern"], &["default_value"]),
    };
    let takes_none = matches!(verb, Verb::Extract | Verb::Convert);
    let sources = SOURCES.iter().filter(|_| takes_none);
    for key in sources.chain(refused).filter(|key| is_written(section, key)) {
        section.error(key, Code::BadValue, "this action does not use it, expected nothing");
    }
    for key in ignored.iter().filter(|key| is_written(section, key)) {
        section.warn(key, Code::Unused, "this action does not use it");
    }
}

/// An empty text counts as nothing, except as a value.
fn is_written(section: &Section<'_>, key: &'static str) -> bool {
    section.field(key).is_some_and(|field| match &field.value().node {
        Node::Scalar(scalar) => key == "value" || !scalar.text.is_empty(),
        _ => true,
    })
}

fn named(section: &Section<'_>, key: Option<String>) -> Option<String> {
    if key.is_none() {
        section.missing("key", "the key of an attribute");
    }
    key
}

fn set(section: &Section<'_>, key: Option<String>, adds: bool, replaces: bool) -> Option<Action> {
    let key = named(section, key);
    let text = |key| section.opt_string(key).filter(|text| !text.is_empty());
    let value = |key| Some(Source::Value(any(section.field(key)?.value())));
    let (attribute, context) = (text("from_attribute"), text("from_context"));
    let sources = [
        value("value"),
        attribute.map(Source::Attribute),
        context.as_deref().map(|context| from_context(section, context)),
    ];
    let mut sources: Vec<Source> = sources.into_iter().flatten().collect();
    if sources.len() > 1 {
        let message = "more than one source, expected one of value, from_attribute, from_context";
        section.error("value", Code::BadValue, message);
    }
    sources.extend(value("default_value"));
    if sources.is_empty() {
        section.missing("value", "value, from_attribute, from_context or default_value");
    }
    Some(Action::Set { key: key?, sources, adds, replaces })
}

fn from_context(section: &Section<'_>, context: &str) -> Source {
    if context == "client.address" {
        return Source::Client;
    }
    if context.starts_with("auth.") {
        let message = "not built in yet, expected client.address or metadata.NAME";
        section.error("from_context", Code::NotBuiltIn, message);
    }
    let name = context.strip_prefix("metadata.").unwrap_or(context);
    Source::Header(name.to_ascii_lowercase())
}

fn keys(section: &Section<'_>, key: Option<String>) -> Option<Keys> {
    let pattern = pattern(section);
    if key.is_none() && !is_written(section, "pattern") {
        section.missing("key", "a key or a pattern");
    }
    Some(Keys { key, pattern })
}

fn pattern(section: &Section<'_>) -> Option<Regex> {
    let text = section.opt_string("pattern").filter(|text| !text.is_empty())?;
    let compiled = ottl::pattern::compile(&text);
    let report =
        |error| section.error("pattern", Code::BadValue, format!("{}: {error}", quote(&text)));
    compiled.map_err(report).ok()
}

fn extract(section: &Section<'_>, key: Option<String>) -> Option<Action> {
    let (key, pattern) = (named(section, key), pattern(section));
    if !is_written(section, "pattern") {
        section.missing("pattern", "a regular expression with named groups");
    }
    let pattern = pattern?;
    let mut groups = pattern.capture_names().skip(1).peekable();
    if groups.peek().is_none() || groups.any(|name| name.is_none()) {
        let message = "expected named groups only, at least one, such as (?P<user>.*)";
        section.error("pattern", Code::BadValue, message);
    }
    Some(Action::Extract { key: key?, pattern })
}

fn convert(section: &Section<'_>, key: Option<String>) -> Option<Action> {
    let types = [("int", Type::Int), ("double", Type::Double), ("string", Type::String)];
    let key = named(section, key);
    let Some(field) = section.field("converted_type") else {
        section.missing("converted_type", "int, double or string");
        return None;
    };
    Some(Action::Convert { key: key?, to: field.one_of(&types)? })
}

/// A YAML value as OTLP has it.
fn any(value: &Value) -> Any {
    match &value.node {
        Node::Failed => Any::Empty,
        Node::Seq(items) => Any::Slice(items.iter().map(any).collect()),
        Node::Map(map) => {
            Any::Map(map.iter().map(|(key, value)| (key, any(value))).collect::<Map>())
        }
        Node::Scalar(scalar) => match scalar.core() {
            Core::Null => Any::Empty,
            Core::Bool(value) => Any::Bool(value),
            Core::Int(value) => Any::Int(value),
            Core::Float(value) => Any::Double(value),
            Core::Str(text) => Any::Str(text.to_owned()),
        },
    }
}

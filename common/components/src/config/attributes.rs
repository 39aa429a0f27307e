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
        /// What it becomes.
        source: Source,
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
    /// Another attribute; nothing happens if it is absent.
    Attribute(String),
    /// A request header kept by `include_metadata`, lower case; nothing happens if it is absent.
    Header(String),
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

/// Keys that the action does not read are an error, as in the Collector.
fn unused(section: &Section<'_>, verb: Verb) {
    let sources = ["value", "from_attribute", "from_context"];
    let others: &[&'static str] = match verb {
        Verb::Insert | Verb::Update | Verb::Upsert => &["pattern", "converted_type"],
        Verb::Delete | Verb::Hash | Verb::Extract => &["converted_type"],
        Verb::Convert => &["pattern"],
    };
    let reads_sources = matches!(verb, Verb::Insert | Verb::Update | Verb::Upsert);
    let unread = sources.iter().filter(|_| !reads_sources).chain(others);
    for key in unread.filter(|key| section.field(key).is_some()) {
        section.error(key, Code::BadValue, "this action does not use it, expected nothing");
    }
}

fn named(section: &Section<'_>, key: Option<String>) -> Option<String> {
    if key.is_none() {
        section.missing("key", "the key of an attribute");
    }
    key
}

fn set(section: &Section<'_>, key: Option<String>, adds: bool, replaces: bool) -> Option<Action> {
    let value = section.field("value").map(|field| any(field.value()));
    let attribute = section.opt_string("from_attribute").filter(|key| !key.is_empty());
    let context = section.opt_string("from_context").filter(|key| !key.is_empty());
    let key = named(section, key);
    let sources = [
        value.map(Source::Value),
        attribute.map(Source::Attribute),
        context.and_then(|context| header(section, &context)),
    ];
    let mut sources = sources.into_iter().flatten();
    let source = sources.next();
    match (&source, sources.next()) {
        (None, _) if section.field("from_context").is_none() => {
            section.missing("value", "value, from_attribute or from_context");
        }
        (Some(_), Some(_)) => {
            let message =
                "more than one source, expected one of value, from_attribute, from_context";
            section.error("value", Code::BadValue, message);
        }
        _ => {}
    }
    Some(Action::Set { key: key?, source: source?, adds, replaces })
}

fn header(section: &Section<'_>, context: &str) -> Option<Source> {
    if context == "client.address" || context.starts_with("auth.") {
        section.error("from_context", Code::NotBuiltIn, "not built in yet, expected metadata.NAME");
        return None;
    }
    let name = context.strip_prefix("metadata.").unwrap_or(context);
    Some(Source::Header(name.to_ascii_lowercase()))
}

fn keys(section: &Section<'_>, key: Option<String>) -> Option<Keys> {
    let pattern = pattern(section);
    if key.is_none() && section.field("pattern").is_none() {
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
    if section.field("pattern").is_none() {
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

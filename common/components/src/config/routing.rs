//! The connector `routing`, with the Collector's keys and defaults.

use std::borrow::Cow;

use ottl::contexts::Otlp;
use ottl::program::ErrorMode;
use ottl::program::route::{Form, rule};

use super::error::{Code, quote};
use super::ottl::error_mode;
use super::section::{Field, Section};

/// Most rows of a table.
const MAX_ROWS: usize = 1024;

/// Settings of the connector `routing`.
#[derive(Clone, Debug, PartialEq)]
pub struct Routing {
    /// In the order of trying.
    pub table: Vec<Row>,
    /// Where goes what no row takes; what has nowhere to go is dropped.
    pub default_pipelines: Vec<String>,
    /// What a condition that fails means.
    pub error_mode: ErrorMode,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it looks at.
    pub context: RowContext,
    /// What must hold.
    pub condition: RowCondition,
    /// Where what it takes goes.
    pub pipelines: Vec<String>,
    /// Whether the rows behind it see what it took, too.
    pub copies: bool,
    /// The YAML path, for errors.
    pub path: String,
}

/// What must hold for a row to take something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowCondition {
    /// A header of the request is, or is not, this.
    Header {
        /// As it is written.
        text: String,
        /// In lower case.
        name: String,
        /// What it is compared with.
        value: String,
        /// Whether it must be equal, or another one.
        equals: bool,
    },
    /// OTTL over the records of the context.
    Record {
        /// How `text` is to be read.
        form: Form,
        /// As it is written; it loads.
        text: String,
    },
}

impl RowCondition {
    /// What the Collector tells rows of one context apart by: a condition is short for the statement that routes by it.
    fn written(&self) -> Cow<'_, str> {
        match self {
            Self::Header { text, .. } | Self::Record { form: Form::Statement, text } => text.into(),
            Self::Record { form: Form::Condition, text } => format!("route() where {text}").into(),
        }
    }
}

/// What a row looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowContext {
    /// The headers of the request, kept by `include_metadata`.
    Request,
    /// The records of a context, one by one.
    Records(Otlp),
}

/// Those that can be written, and none, which leaves it to the paths.
const CONTEXTS: &[(&str, Option<RowContext>)] = &[
    ("", None),
    ("request", Some(RowContext::Request)),
    ("resource", Some(RowContext::Records(Otlp::Resource))),
    ("span", Some(RowContext::Records(Otlp::Span))),
    ("metric", Some(RowContext::Records(Otlp::Metric))),
    ("datapoint", Some(RowContext::Records(Otlp::DataPoint))),
    ("log", Some(RowContext::Records(Otlp::Log))),
];

impl Routing {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        let rows = section.list("table");
        if rows.is_empty() {
            section.missing("table", "at least one row");
        }
        if rows.len() > MAX_ROWS {
            let message = format!("{}, expected at most {MAX_ROWS}", rows.len());
            section.error("table", Code::TooLarge, message);
        }
        if section.has("match_once") {
            let message = "gone since 0.120: a row with action copy lets the rows behind it see \
                           what it took";
            section.error("match_once", Code::BadValue, message);
        }
        let mut table: Vec<Row> = Vec::new();
        for field in rows.iter().take(MAX_ROWS) {
            table.extend(row(field, &table));
        }
        Self {
            table,
            default_pipelines: section.strings("default_pipelines"),
            error_mode: error_mode(section, ErrorMode::Propagate),
        }
    }

    /// Whether a row looks at the request.
    pub fn looks_at_requests(&self) -> bool {
        self.table.iter().any(|row| row.context == RowContext::Request)
    }

    /// Every pipeline that it names, with the YAML path below the section.
    pub fn named_pipelines(&self) -> impl Iterator<Item = &str> {
        let rows = self.table.iter().flat_map(|row| &row.pipelines);
        rows.chain(&self.default_pipelines).map(String::as_str)
    }
}

/// A row; none if it is wrong, or says what one of `before` says already.
fn row(field: &Field<'_>, before: &[Row]) -> Option<Row> {
    let section = field.section();
    let context = section.one_of("context", None, CONTEXTS);
    let pipelines = section.strings("pipelines");
    if pipelines.is_empty() {
        section.missing("pipelines", "at least one pipeline");
    }
    let copies = section.one_of("action", false, &[("", false), ("move", false), ("copy", true)]);
    let (key, form, text) = text(&section)?;
    let (context, condition) = match context {
        Some(RowContext::Request) if form == Form::Statement => {
            let message = "a statement, expected a condition on request[\"header\"]";
            section.error(key, Code::BadValue, message);
            return None;
        }
        Some(RowContext::Request) => (RowContext::Request, header(&section, &text)?),
        Some(RowContext::Records(context)) => record(&section, key, form, text, Some(context)),
        None => record(&section, key, form, text, None),
    };
    let written = condition.written();
    let is_same = |other: &&Row| other.context == context && other.condition.written() == written;
    if let Some(same) = before.iter().find(is_same) {
        // As in the Collector.
        let message = format!("the same as {}, and so without effect", same.path);
        section.report().warn(field.value().origin, section.path(), Code::Unused, message);
        return None;
    }
    Some(Row { context, condition, pipelines, copies, path: section.path().to_owned() })
}

/// What a row is made of: exactly one of the two ways to write it.
fn text(section: &Section<'_>) -> Option<(&'static str, Form, String)> {
    let written = |key| section.opt_string(key).filter(|text| !text.is_empty());
    match (written("condition"), written("statement")) {
        (Some(text), None) => Some(("condition", Form::Condition, text)),
        (None, Some(text)) => Some(("statement", Form::Statement, text)),
        (Some(_), Some(_)) => {
            let message = "both condition and statement, expected one of them";
            section.error("statement", Code::BadValue, message);
            None
        }
        (None, None) => {
            section.missing("condition", "a condition such as attributes[\"tenant\"] == \"a\"");
            None
        }
    }
}

/// A text that is wrong is reported, and the row read on: its pipelines may be wrong, too.
fn record(
    section: &Section<'_>,
    key: &'static str,
    form: Form,
    text: String,
    context: Option<Otlp>,
) -> (RowContext, RowCondition) {
    let found = match rule(form, &text, context) {
        Ok(rule) => rule.context,
        Err(error) => {
            let (line, column) = error.position(&text);
            let message = format!("{} at {line}:{column}: {error}", quote(&text));
            section.error(key, Code::BadValue, message);
            context.unwrap_or(Otlp::Resource)
        }
    };
    (RowContext::Records(found), RowCondition::Record { form, text })
}

/// The Collector's small grammar for headers: `request["name"] == "value"`, or `!=`.
fn header(section: &Section<'_>, text: &str) -> Option<RowCondition> {
    let parse = || {
        let rest = text.trim().strip_prefix("request[\"")?;
        let (name, rest) = rest.split_once("\"]")?;
        let rest = rest.trim_start();
        let (equals, rest) = match rest.strip_prefix("==") {
            Some(rest) => (true, rest),
            None => (false, rest.strip_prefix("!=")?),
        };
        let value = rest.trim().strip_prefix('"')?.strip_suffix('"')?.to_owned();
        let (text, name) = (text.to_owned(), name.to_ascii_lowercase());
        Some(RowCondition::Header { text, name, value, equals })
    };
    let found = parse();
    if found.is_none() {
        let message = format!("{}, expected request[\"header\"] == \"value\" or !=", quote(text));
        section.error("condition", Code::BadValue, message);
    }
    found
}

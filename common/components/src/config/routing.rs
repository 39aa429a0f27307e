//! The connector `routing`, with the Collector's keys and defaults.

use ottl::contexts::Otlp;
use ottl::program::ErrorMode;
use ottl::{Compiler, Condition, Functions, LoadError, Purpose};

use super::error::{Code, quote};
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
    /// Nothing.
    Always,
    /// A header of the request is, or is not, this.
    Header {
        /// In lower case.
        name: String,
        /// What it is compared with.
        value: String,
        /// Whether it must be equal, or another one.
        equals: bool,
    },
    /// OTTL over the records of the context.
    Record(String),
}

/// What a row looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowContext {
    /// The headers of the request, kept by `include_metadata`.
    Request,
    /// The records of a context, one by one.
    Records(Otlp),
}

const CONTEXTS: &[(&str, RowContext)] = &[
    ("request", RowContext::Request),
    ("resource", RowContext::Records(Otlp::Resource)),
    ("span", RowContext::Records(Otlp::Span)),
    ("metric", RowContext::Records(Otlp::Metric)),
    ("datapoint", RowContext::Records(Otlp::DataPoint)),
    ("log", RowContext::Records(Otlp::Log)),
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
        let modes = [
            ("propagate", ErrorMode::Propagate),
            ("ignore", ErrorMode::Ignore),
            ("silent", ErrorMode::Silent),
        ];
        Self {
            table: rows.iter().take(MAX_ROWS).filter_map(row).collect(),
            default_pipelines: section.strings("default_pipelines"),
            error_mode: section.one_of("error_mode", ErrorMode::Propagate, &modes),
        }
    }

    /// Every pipeline that it names, with the YAML path below the section.
    pub fn named_pipelines(&self) -> impl Iterator<Item = &str> {
        let rows = self.table.iter().flat_map(|row| &row.pipelines);
        rows.chain(&self.default_pipelines).map(String::as_str)
    }
}

fn row(field: &Field<'_>) -> Option<Row> {
    let section = field.section();
    let context = section.one_of("context", RowContext::Records(Otlp::Resource), CONTEXTS);
    let (condition, statement) = (section.opt_string("condition"), section.opt_string("statement"));
    let condition = match (condition, statement) {
        (Some(condition), None) => Some(condition),
        (None, Some(statement)) => condition_of(&section, &statement)?,
        (Some(_), Some(_)) => {
            let message = "both condition and statement, expected one of them";
            section.error("statement", Code::BadValue, message);
            return None;
        }
        (None, None) => {
            section.missing("condition", "a condition such as attributes[\"tenant\"] == \"a\"");
            return None;
        }
    };
    let pipelines = section.strings("pipelines");
    if pipelines.is_empty() {
        section.missing("pipelines", "at least one pipeline");
    }
    let condition = match (condition, context) {
        (None, _) => RowCondition::Always,
        (Some(text), RowContext::Request) => header(&section, &text)?,
        (Some(text), RowContext::Records(context)) => {
            check_condition(&section, &text, context);
            RowCondition::Record(text)
        }
    };
    let copies = section.one_of("action", false, &[("move", false), ("copy", true)]);
    Some(Row { context, condition, pipelines, copies, path: section.path().to_owned() })
}

/// The condition of `route() where condition`.
fn condition_of(section: &Section<'_>, statement: &str) -> Option<Option<String>> {
    let text = statement.trim();
    let rest = text.strip_prefix("route").map(str::trim_start);
    let rest = rest.and_then(|rest| rest.strip_prefix('(')).map(str::trim_start);
    let Some(rest) = rest.and_then(|rest| rest.strip_prefix(')')).map(str::trim) else {
        let message = format!("{}, expected route() where CONDITION", quote(text));
        section.error("statement", Code::NotBuiltIn, message);
        return None;
    };
    match rest.strip_prefix("where") {
        None if rest.is_empty() => Some(None),
        Some(condition) => Some(Some(condition.trim().to_owned())),
        None => {
            let message = format!("{}, expected route() where CONDITION", quote(text));
            section.error("statement", Code::BadValue, message);
            None
        }
    }
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
        Some(RowCondition::Header { name: name.to_ascii_lowercase(), value, equals })
    };
    let found = parse();
    if found.is_none() {
        let message = format!("{}, expected request[\"header\"] == \"value\" or !=", quote(text));
        section.error("condition", Code::BadValue, message);
    }
    found
}

/// Reports what is wrong with a condition.
fn check_condition(section: &Section<'_>, text: &str, context: Otlp) {
    if let Err(error) = compile(text, context) {
        let (line, column) = error.position(text);
        let message = format!("{} at {line}:{column}: {error}", quote(text));
        section.error("condition", Code::BadValue, message);
    }
}

/// Compiles the condition of a row; paths may have the context's name in front.
pub fn compile(text: &str, context: Otlp) -> Result<Condition<Otlp>, LoadError> {
    let functions = Functions::new(&context, Purpose::Filter, false);
    let compiler = Compiler { context: &context, functions: &functions, needs_prefix: false };
    compiler.condition(text)
}

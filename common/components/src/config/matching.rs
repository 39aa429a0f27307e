//! The keys `include` and `exclude` of older Collector configurations, as one OTTL condition: that of
//! the records which are left out.
//!
//! Kinds of properties are joined by `and`, the items of a list by `or`, attributes by `and` (the Collector's
//! `filterconfig`). `include` leaves out what it does not match, `exclude` what it does.

use otlp::Signal;

use super::error::{Code, Report};
use super::section::{Field, Section};
use super::value::{Core, Node, Origin};

/// Where the properties stand, and so how they are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Under a signal of the processor `filter`.
    Filter,
    /// Under a processor that serves every signal, and under `spans` of `filter`.
    Any,
}

/// How texts are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Strict,
    Regexp,
}

const KINDS: &[&str] = &[
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

/// The condition of what is left out; absent without the keys, or if they say nothing.
pub(super) fn left_out(section: &Section<'_>, signal: Signal, dialect: Dialect) -> Option<String> {
    conditions(section, signal, dialect, section.report())
}

/// The condition of what is left out of each signal that has one.
pub(super) fn left_out_of_each(section: &Section<'_>) -> Vec<(Signal, String)> {
    // Mistakes are told once.
    let quiet = Report::default();
    let reports = [section.report(), &quiet, &quiet];
    let signals = [Signal::Traces, Signal::Metrics, Signal::Logs].into_iter().zip(reports);
    let read =
        |(signal, report)| Some((signal, conditions(section, signal, Dialect::Any, report)?));
    signals.filter_map(read).collect()
}

fn conditions(
    section: &Section<'_>,
    signal: Signal,
    dialect: Dialect,
    report: &Report,
) -> Option<String> {
    let read = |key| {
        let field = section.field(key)?;
        let section = Section::new(field.value(), field.path(), report);
        Properties { section, signal, dialect }.condition(field.value().origin)
    };
    let include = read("include").map(|condition| format!("not ({condition})"));
    let exclude = read("exclude").map(|condition| format!("({condition})"));
    join([include, exclude].into_iter().flatten().collect(), " or ")
}

const PROPERTIES: &[&str] = &[
    "services",
    "span_names",
    "span_kinds",
    "log_bodies",
    "log_severity_texts",
    "log_severity_number",
    "metric_names",
    "attributes",
    "libraries",
    "resources",
];

/// Those of them that are compared as `match_type` says.
const TEXTUAL: &[&str] = &[
    "services",
    "span_names",
    "span_kinds",
    "log_bodies",
    "log_severity_texts",
    "metric_names",
    "attributes",
    "libraries",
    "resources",
];

/// The signals whose records have a property of this name.
fn owners(key: &str) -> &'static [Signal] {
    match key {
        "services" | "span_names" | "span_kinds" => &[Signal::Traces],
        "log_bodies" | "log_severity_texts" | "log_severity_number" => &[Signal::Logs],
        "metric_names" => &[Signal::Metrics],
        "attributes" | "libraries" => &[Signal::Traces, Signal::Logs],
        _ => &[Signal::Traces, Signal::Logs, Signal::Metrics],
    }
}

struct Properties<'a> {
    section: Section<'a>,
    signal: Signal,
    dialect: Dialect,
}

impl<'a> Properties<'a> {
    fn condition(&self, origin: Origin) -> Option<String> {
        let how = self.how()?;
        self.section.not_built_yet(&["expressions"]);
        // Its cache is an optimisation of theirs.
        let _ = self.section.sub("regexp").entries();
        let conditions = match self.dialect {
            Dialect::Filter => self.of_filter(how),
            Dialect::Any => self.of_any(how),
        };
        if self.dialect == Dialect::Any && !PROPERTIES.iter().any(|key| self.section.has(key)) {
            let message = format!("no property, expected one of {}", PROPERTIES.join(", "));
            self.section.report().error(origin, self.section.path(), Code::BadValue, message);
        }
        join(conditions, " and ")
    }

    fn how(&self) -> Option<Match> {
        let Some(field) = self.section.field("match_type") else {
            let texts = self.textual().iter().any(|key| self.section.has(key));
            if texts {
                self.section.missing("match_type", "strict or regexp");
            }
            return (!texts).then_some(Match::Strict);
        };
        if self.signal == Signal::Metrics && field.string().as_deref() == Some("expr") {
            self.section.not_built_yet(&["match_type"]);
            return None;
        }
        field.one_of(&[("strict", Match::Strict), ("regexp", Match::Regexp)])
    }

    /// The properties that are compared as `match_type` says.
    fn textual(&self) -> &'static [&'static str] {
        match (self.dialect, self.signal) {
            (Dialect::Any, _) => TEXTUAL,
            (Dialect::Filter, Signal::Metrics) => &["metric_names", "resource_attributes"],
            _ => &["resource_attributes", "record_attributes", "severity_texts", "bodies"],
        }
    }

    fn of_filter(&self, how: Match) -> Vec<String> {
        let resources = self.attributes("resource_attributes", "resource.attributes", how);
        let own = match self.signal {
            Signal::Metrics => vec![self.texts("metric_names", "metric.name", how)],
            _ => vec![
                self.attributes("record_attributes", "log.attributes", how),
                self.texts("severity_texts", "log.severity_text", how),
                self.severity("severity_number"),
                self.bodies("bodies", how),
            ],
        };
        own.into_iter().chain([resources]).flatten().collect()
    }

    fn of_any(&self, how: Match) -> Vec<String> {
        let attributes = match self.signal {
            Signal::Traces => "span.attributes",
            _ => "log.attributes",
        };
        let read = |key: &'static str| match key {
            "services" => self.texts(key, "resource.attributes[\"service.name\"]", how),
            "span_names" => self.texts(key, "span.name", how),
            "span_kinds" => self.kinds(key, how),
            "log_bodies" => self.bodies(key, how),
            "log_severity_texts" => self.texts(key, "log.severity_text", how),
            "log_severity_number" => self.severity(key),
            "metric_names" => self.texts(key, "metric.name", how),
            "attributes" => self.attributes(key, attributes, how),
            "libraries" => self.libraries(key, how),
            _ => self.attributes(key, "resource.attributes", how),
        };
        // What only other signals have says nothing about this one; it is read all the same, for its mistakes.
        let read = |key: &&'static str| read(key).filter(|_| owners(key).contains(&self.signal));
        PROPERTIES.iter().filter_map(read).collect()
    }

    /// One of these texts.
    fn texts(&self, key: &'static str, path: &str, how: Match) -> Option<String> {
        let texts = self.section.strings(key);
        one_of(texts.iter().map(|text| is(path, text, how)).collect())
    }

    fn kinds(&self, key: &'static str, how: Match) -> Option<String> {
        for field in self.section.list(key) {
            let kind = field.string().unwrap_or_default();
            if how == Match::Strict && !KINDS.contains(&kind.as_str()) {
                field.error(Code::BadValue, format!("expected one of {}", KINDS.join(", ")));
            }
        }
        self.texts(key, "span.kind.deprecated_string", how)
    }

    /// A body that is a text, and one of these.
    fn bodies(&self, key: &'static str, how: Match) -> Option<String> {
        let bodies = self.texts(key, "log.body", how)?;
        Some(format!("(IsString(log.body) and {bodies})"))
    }

    fn severity(&self, key: &'static str) -> Option<String> {
        let field = self.section.field(key)?;
        let section = field.section();
        let least = section.field("min").map_or(Some(0), |min| severity(&min))?;
        let undefined = section.bool("match_undefined", false);
        let number = "log.severity_number";
        let defined = format!("({number} != 0 and {number} >= {least})");
        Some(if undefined { format!("({number} == 0 or {defined})") } else { defined })
    }

    /// All of these attributes.
    fn attributes(&self, key: &'static str, path: &str, how: Match) -> Option<String> {
        let items = self.section.list(key);
        let conditions = items.iter().filter_map(|item| attribute(item, path, how)).collect();
        join(conditions, " and ")
    }

    /// One of these scopes.
    fn libraries(&self, key: &'static str, how: Match) -> Option<String> {
        let items = self.section.list(key);
        let scope = |item: &Field<'_>| {
            let section = item.section();
            let name = is("scope.name", &section.required_string("name")?, how);
            let version = section.opt_string("version");
            let version = version.map(|version| is("scope.version", &version, how));
            Some(match version {
                Some(version) => format!("({name} and {version})"),
                None => name,
            })
        };
        one_of(items.iter().filter_map(scope).collect())
    }
}

fn attribute(item: &Field<'_>, path: &str, how: Match) -> Option<String> {
    let section = item.section();
    let path = format!("{path}[{}]", literal(&section.required_string("key")?));
    let Some(value) = section.field("value") else { return Some(format!("{path} != nil")) };
    if how == Match::Regexp {
        return Some(is(&path, &value.string()?, how));
    }
    let Node::Scalar(scalar) = &value.value().node else {
        value.error(Code::WrongType, "expected a text, a number or a boolean");
        return None;
    };
    Some(match scalar.core() {
        Core::Null => format!("{path} != nil"),
        Core::Bool(truth) => format!("{path} == {truth}"),
        Core::Int(number) => format!("{path} == {number}"),
        Core::Float(number) => format!("{path} == {number:?}"),
        Core::Str(text) => is(&path, text, how),
    })
}

/// A short name or a number of the log data model, 1 to 24.
fn severity(field: &Field<'_>) -> Option<u32> {
    const NAMES: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    let text = field.string()?.to_ascii_uppercase();
    let name = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits: Option<u32> = text[name.len()..].parse().ok();
    let base = NAMES.iter().position(|known| *known == name).and_then(|at| u32::try_from(at).ok());
    match (base, digits) {
        _ if text.is_empty() => Some(0),
        (Some(base), None) if text.len() == name.len() => Some(base * 4 + 1),
        (Some(base), Some(step @ 2..=4)) => Some(base * 4 + step),
        (None, Some(number @ 1..=24)) if name.is_empty() => Some(number),
        _ => {
            field.error(Code::BadValue, "expected a severity such as WARN, ERROR2 or 17");
            None
        }
    }
}

fn is(path: &str, text: &str, how: Match) -> String {
    match how {
        Match::Strict => format!("{path} == {}", literal(text)),
        Match::Regexp => format!("({path} != nil and IsMatch({path}, {}))", literal(text)),
    }
}

/// A text as OTTL writes it.
fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn one_of(conditions: Vec<String>) -> Option<String> {
    let many = conditions.len() > 1;
    let joined = join(conditions, " or ")?;
    Some(if many { format!("({joined})") } else { joined })
}

fn join(conditions: Vec<String>, with: &str) -> Option<String> {
    (!conditions.is_empty()).then(|| conditions.join(with))
}

#[cfg(test)]
mod tests;

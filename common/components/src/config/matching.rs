//! The keys `include` and `exclude` of older Collector configurations, as one OTTL condition: that of
//! the records which are left out.
//!
//! Kinds of properties are joined by `and`, the items of a list by `or`, attributes by `and` (the Collector's
//! `filterconfig`). `include` leaves out what it does not match, `exclude` what it does.
//!
//! | where we differ from the Collector on purpose | |
//! |---|---|
//! | several `libraries` | one of them must match, as is documented; there all must |
//! | `resources` for the metrics of `attributes` | are looked at; there they are read and forgotten |
//! | an attribute that is compared with a list or a map | is an error |
//! | an attribute whose value is empty | counts as absent; there it is enough where none is asked for |

use otlp::Signal;
use ottl::pattern;

use super::error::{Code, Report};
use super::section::{Field, Section};
use super::value::{Core, Node, Origin, Value};

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
        let Some(field) = section.field(key) else { return Vec::new() };
        let section = Section::new(field.value(), field.path(), report);
        Properties { section, signal, dialect }.conditions(field.value().origin)
    };
    // The filter for metrics looks at resources first and at names then: what either excludes goes.
    let either = dialect == Dialect::Filter && signal == Signal::Metrics;
    let include = join(read("include"), " and ").map(|condition| format!("not ({condition})"));
    let exclude = join(read("exclude"), if either { " or " } else { " and " });
    let exclude = exclude.map(|condition| format!("({condition})"));
    join([include, exclude].into_iter().flatten().collect(), " or ")
}

/// Where `include` and `exclude` name what records of a signal do not have, an error in the Collector.
pub(super) fn foreign(section: &Section<'_>, signal: Signal) -> Vec<(Origin, String)> {
    let mut found = Vec::new();
    for field in ["include", "exclude"].into_iter().filter_map(|key| section.field(key)) {
        let quiet = Report::default();
        let inner = Section::new(field.value(), field.path(), &quiet);
        let named = PROPERTIES.iter().filter(|key| !owners(key).contains(&signal));
        let named = named.filter(|key| is_written(&inner, key)).filter_map(|key| inner.field(key));
        found.extend(named.map(|field| (field.value().origin, field.path().to_owned())));
    }
    found
}

/// Whether something stands there, and is no empty list.
fn is_written(section: &Section<'_>, key: &'static str) -> bool {
    section.field(key).is_some_and(|field| !field.value().is_empty_list())
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

impl Properties<'_> {
    fn conditions(&self, origin: Origin) -> Vec<String> {
        if (self.dialect, self.signal) != (Dialect::Filter, Signal::Logs) {
            // Its cache is an optimisation of theirs.
            let _ = self.section.sub("regexp").entries();
        }
        let Some(how) = self.how() else { return Vec::new() };
        let conditions = match self.dialect {
            Dialect::Filter => self.of_filter(how),
            Dialect::Any => self.of_any(how),
        };
        let is_empty = !PROPERTIES.iter().any(|key| is_written(&self.section, key));
        if self.dialect == Dialect::Any && is_empty {
            let message = format!("no property, expected one of {}", PROPERTIES.join(", "));
            self.section.report().error(origin, self.section.path(), Code::BadValue, message);
        }
        conditions
    }

    fn how(&self) -> Option<Match> {
        let takes_expressions = (self.dialect, self.signal) == (Dialect::Filter, Signal::Metrics);
        let has_expressions = takes_expressions && is_written(&self.section, "expressions");
        let compares = self.compares();
        let Some(field) = self.section.field("match_type") else {
            if compares {
                self.section.missing("match_type", "strict or regexp");
            }
            return (!compares).then_some(Match::Strict);
        };
        if takes_expressions && field.string().as_deref() == Some("expr") {
            if has_expressions || compares {
                self.section.not_built_yet(&["match_type"]);
            }
            return None;
        }
        field.one_of(&[("strict", Match::Strict), ("regexp", Match::Regexp)])
    }

    /// Whether anything is compared as `match_type` says; an attribute without value need only be there.
    fn compares(&self) -> bool {
        let has_value = |item: &Value| match &item.node {
            Node::Map(map) => map.get("name").or(map.get("value")).is_some_and(|v| !v.is_null()),
            _ => true,
        };
        let compares = |key: &&&'static str| match self.section.field(key) {
            Some(field) => match &field.value().node {
                Node::Seq(items) => items.iter().any(has_value),
                _ => true,
            },
            None => false,
        };
        // Each is asked for, so that none counts as unknown.
        self.textual().iter().filter(compares).count() > 0
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
                self.texts("bodies", "log.body.string", how),
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
            "services" => self.services(key, how),
            "span_names" => self.texts(key, "span.name", how),
            "span_kinds" => self.kinds(key, how),
            "log_bodies" => self.texts(key, "log.body.string", how),
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

    /// One of these services; those without a name have the Collector's.
    fn services(&self, key: &'static str, how: Match) -> Option<String> {
        const PATH: &str = "resource.attributes[\"service.name\"]";
        const TEXT: &str = "String(resource.attributes[\"service.name\"])";
        const NAMELESS: &str = "<nil-service-name>";
        let means_nameless = |text: &String| match how {
            Match::Strict => text == NAMELESS,
            Match::Regexp => pattern::compile(text).is_ok_and(|text| text.is_match(NAMELESS)),
        };
        let texts = self.section.strings(key);
        let nameless = texts.iter().any(means_nameless).then(|| format!("{PATH} == nil"));
        one_of(texts.iter().map(|text| is(TEXT, text, how)).chain(nameless).collect())
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

    fn severity(&self, key: &'static str) -> Option<String> {
        let field = self.section.field(key)?;
        let section = field.section();
        let min = section.field("min");
        let least = match self.dialect {
            Dialect::Filter => min.map_or(Some(0), |min| severity(&min))?,
            Dialect::Any => min.map_or(Some(0), |min| min.u64_in(0..=i32::MAX as u64))?,
        };
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
            let name = is("scope.name", &section.string("name", ""), how);
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

/// As the Collector compares: by type too, and patterns only with what is no list, map or bytes.
fn attribute(item: &Field<'_>, path: &str, how: Match) -> Option<String> {
    let section = item.section();
    let path = format!("{path}[{}]", literal(&section.required_string("key")?));
    let Some(value) = section.field("value") else { return Some(format!("{path} != nil")) };
    let scalar = match &value.value().node {
        Node::Scalar(scalar) => Some(scalar.core()),
        _ => None,
    };
    Some(match (scalar, how) {
        (Some(Core::Str(text)), Match::Strict) => is(&path, text, how),
        (Some(Core::Str(text)), Match::Regexp) => {
            let types = ["String", "Bool", "Int", "Double"].map(|of| format!("Is{of}({path})"));
            format!("(({}) and IsMatch({path}, {}))", types.join(" or "), literal(text))
        }
        (Some(Core::Null), _) => format!("{path} != nil"),
        (Some(Core::Bool(truth)), Match::Strict) => format!("{path} == {truth}"),
        (Some(Core::Int(number)), Match::Strict) => {
            format!("(IsInt({path}) and {path} == {number})")
        }
        (Some(Core::Float(number)), Match::Strict) => {
            format!("(IsDouble({path}) and {path} == {number:?})")
        }
        (_, Match::Regexp) => {
            value.error(Code::WrongType, "expected a text, since match_type is regexp");
            return None;
        }
        (None, Match::Strict) => {
            value.error(Code::WrongType, "expected a text, a number or a boolean");
            return None;
        }
    })
}

/// A short name or a number of the log data model, 1 to 24.
fn severity(field: &Field<'_>) -> Option<u64> {
    const NAMES: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    let text = field.string()?.to_ascii_uppercase();
    let name = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits: Option<u64> = text[name.len()..].parse().ok();
    let base = NAMES.iter().position(|known| *known == name).map(|at| at as u64);
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

//! The processor `filter`, with the Collector's keys: sections by level, and lists of conditions
//! whose context is inferred.

use otlp::Signal;
use ottl::Program;
use ottl::program::{Entry, ErrorMode, filter};

use super::error::Code;
use super::matching::{Dialect, left_out};
use super::ottl::{LAMBDAS, Place, context, error_mode, report, sources, texts};
use super::section::{Field, Section};

/// The keys of a signal: the section by level with its levels and their contexts, and the list.
struct Keys {
    signal: Signal,
    section: &'static str,
    levels: &'static [(&'static str, &'static str)],
    list: &'static str,
}

const KEYS: [Keys; 3] = [
    Keys {
        signal: Signal::Traces,
        section: "traces",
        levels: &[("resource", "resource"), ("span", "span"), ("spanevent", "spanevent")],
        list: "trace_conditions",
    },
    Keys {
        signal: Signal::Metrics,
        section: "metrics",
        levels: &[("resource", "resource"), ("metric", "metric"), ("datapoint", "datapoint")],
        list: "metric_conditions",
    },
    Keys {
        signal: Signal::Logs,
        section: "logs",
        levels: &[("resource", "resource"), ("log_record", "log")],
        list: "log_conditions",
    },
];

/// Settings of the processor `filter`.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    programs: Vec<(Signal, Program)>,
}

impl Filter {
    /// Reads the section and compiles every condition.
    pub fn read(section: &Section<'_>) -> Self {
        let mode = error_mode(section, ErrorMode::default());
        section.not_built_yet(&["profiles", "profile_conditions"]);
        let program = |keys: &Keys| Some((keys.signal, program(section, keys, mode)?));
        Self { programs: KEYS.iter().filter_map(program).collect() }
    }

    /// The conditions for a signal, if there are any.
    pub fn program(&self, signal: Signal) -> Option<&Program> {
        self.programs.iter().find(|(of, _)| *of == signal).map(|(_, program)| program)
    }
}

fn program(section: &Section<'_>, keys: &Keys, mode: ErrorMode) -> Option<Program> {
    let (by_level, list) = (section.field(keys.section), section.list(keys.list));
    let mut entries = spans(section, keys, mode);
    if (by_level.is_some() || !entries.is_empty()) && !list.is_empty() {
        let message = format!("both {} and {}, expected one of them", keys.section, keys.list);
        section.error(keys.list, Code::BadValue, message);
        return None;
    }
    match by_level {
        Some(field) => {
            let inner = field.section();
            entries.extend(levels(&inner, keys, mode));
            if keys.signal != Signal::Traces {
                entries.extend(matching(&inner, field, keys, Dialect::Filter, mode));
            }
        }
        None if !list.is_empty() => entries.extend(conditions(list, mode)?),
        None if entries.is_empty() => return None,
        None => {}
    }
    let entries: (Vec<Entry>, Vec<Place<'_>>) = entries.into_iter().unzip();
    match filter(keys.signal, &entries.0, LAMBDAS) {
        Ok(program) => Some(program),
        Err(mistakes) => {
            report(&mistakes, &entries.1);
            None
        }
    }
}

/// The section `spans`: `include` and `exclude` for traces, older than `traces`.
fn spans<'a>(section: &Section<'a>, keys: &Keys, mode: ErrorMode) -> Vec<(Entry, Place<'a>)> {
    let field = (keys.signal == Signal::Traces).then(|| section.field("spans")).flatten();
    let read = |field: Field<'a>| matching(&field.section(), field, keys, Dialect::Any, mode);
    field.and_then(read).into_iter().collect()
}

/// The condition that `include` and `exclude` make.
fn matching<'a>(
    section: &Section<'a>,
    group: Field<'a>,
    keys: &Keys,
    dialect: Dialect,
    error_mode: ErrorMode,
) -> Option<(Entry, Place<'a>)> {
    let condition = left_out(section, keys.signal, dialect)?;
    let context = match keys.signal {
        Signal::Traces => "span",
        Signal::Metrics => "metric",
        _ => "log",
    };
    let context = Some(context.to_owned());
    let entry = Entry { context, conditions: vec![condition], error_mode };
    Some((entry, Place { group, texts: Vec::new() }))
}

/// A list of conditions for each level.
fn levels<'a>(section: &Section<'a>, keys: &Keys, mode: ErrorMode) -> Vec<(Entry, Place<'a>)> {
    let level = |(key, context): &(&'static str, &'static str)| {
        let group = section.field(key)?;
        let texts = texts(group.list());
        let context = Some((*context).to_owned());
        let entry = Entry { context, conditions: sources(&texts), error_mode: mode };
        Some((entry, Place { group, texts }))
    };
    keys.levels.iter().filter_map(level).collect()
}

/// Texts, each of which is for the context that its paths name, or groups of them; a mixture is
/// reported.
fn conditions(items: Vec<Field<'_>>, mode: ErrorMode) -> Option<Vec<(Entry, Place<'_>)>> {
    let maps = items.iter().filter(|item| item.value().as_map().is_some()).count();
    if maps != 0 && maps != items.len() {
        let odd = items.iter().find(|item| item.value().as_map().is_none()).unwrap_or(&items[0]);
        odd.error(Code::WrongType, "a text, expected a group as the others are");
        return None;
    }
    let entries = items.into_iter();
    Some(match maps {
        0 => entries.filter_map(|item| text(item, mode)).collect(),
        _ => entries.map(|item| group(item, mode)).collect(),
    })
}

fn text(item: Field<'_>, error_mode: ErrorMode) -> Option<(Entry, Place<'_>)> {
    let condition = item.string()?;
    let entry = Entry { context: None, conditions: vec![condition], error_mode };
    Some((entry, Place { group: item, texts: Vec::new() }))
}

fn group(item: Field<'_>, mode: ErrorMode) -> (Entry, Place<'_>) {
    let section = item.section();
    let conditions = texts(section.list("conditions"));
    let entry = Entry {
        context: context(&section),
        conditions: sources(&conditions),
        error_mode: error_mode(&section, mode),
    };
    (entry, Place { group: item, texts: conditions })
}

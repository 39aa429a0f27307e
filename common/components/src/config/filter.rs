//! The processor `filter`, with the Collector's keys: sections by level, and lists of conditions
//! whose context is inferred.

use otlp::Signal;
use ottl::Program;
use ottl::program::{Entry, ErrorMode, filter};

use super::error::{Code, Report};
use super::matching::{Dialect, foreign, left_out};
use super::ottl::{LAMBDAS, Place, context, error_mode, groups, report, sources, texts};
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

/// The oldest way to write conditions, by signal but for traces.
const OLDEST: [&str; 2] = ["include", "exclude"];

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
    let entries = match by_level {
        _ if !list.is_empty() => {
            refuse_older(section, keys);
            let flat = |conditions| Entry { context: None, conditions, error_mode: mode };
            groups(list, flat, |item| group(item, mode))?
        }
        Some(field) => sections(section, &field, keys, mode),
        None => spans(section, keys, mode),
    };
    if entries.is_empty() {
        return None;
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

/// Older ways to write conditions, beside the list, as the Collector refuses them; only `spans` it overlooks.
fn refuse_older(section: &Section<'_>, keys: &Keys) {
    if keys.signal == Signal::Traces && section.field("spans").is_some() {
        section.warn("spans", Code::Unused, format!("without effect beside {}", keys.list));
    }
    let Some(field) = section.field(keys.section) else { return };
    let quiet = Report::default();
    let inner = Section::new(field.value(), field.path(), &quiet);
    let levels = keys.levels.iter().map(|(key, _)| *key).chain(OLDEST);
    if levels.filter(|key| inner.field(key).is_some()).count() > 0 {
        let message = format!("both {} and {}, expected one of them", keys.section, keys.list);
        section.error(keys.list, Code::BadValue, message);
    }
}

/// What stands under a signal: conditions by level, or the older `include` and `exclude`.
fn sections<'a>(
    section: &Section<'a>,
    field: &Field<'a>,
    keys: &Keys,
    mode: ErrorMode,
) -> Vec<(Entry, Place<'a>)> {
    let inner = field.section();
    let mut entries = levels(&inner, keys, mode);
    let has_levels = !entries.is_empty();
    let (older, has_older) = match keys.signal {
        Signal::Traces => {
            let spans_section = section.sub("spans");
            (spans(section, keys, mode), has_oldest(&spans_section))
        }
        _ => {
            // Its cache is an optimisation of theirs.
            let _ = (keys.signal == Signal::Metrics).then(|| inner.sub("regexp").entries());
            let older = matching(&inner, field.clone(), keys, Dialect::Filter, mode);
            (older.into_iter().collect(), has_oldest(&inner))
        }
    };
    if has_levels && has_older {
        let levels: Vec<&str> = keys.levels.iter().map(|(key, _)| *key).collect();
        let older = if keys.signal == Signal::Traces { "spans" } else { "include or exclude" };
        let message = format!("beside {older}, expected one of the two ({})", levels.join(", "));
        field.error(Code::BadValue, message);
    }
    entries.extend(older);
    entries
}

fn has_oldest(section: &Section<'_>) -> bool {
    OLDEST.iter().filter(|key| section.field(key).is_some()).count() > 0
}

/// The section `spans`: `include` and `exclude` for traces, older than `traces`.
fn spans<'a>(section: &Section<'a>, keys: &Keys, mode: ErrorMode) -> Vec<(Entry, Place<'a>)> {
    let field = (keys.signal == Signal::Traces).then(|| section.field("spans")).flatten();
    let Some(field) = field else { return Vec::new() };
    let inner = field.section();
    for (origin, path) in foreign(&inner, keys.signal) {
        section.report().error(origin, &path, Code::UnsupportedSignal, "no property of spans");
    }
    matching(&inner, field, keys, Dialect::Any, mode).into_iter().collect()
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

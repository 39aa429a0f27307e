//! The processor `transform`, with the Collector's keys: flat lists of statements and groups.

use otlp::Signal;
use ottl::Program;
use ottl::program::{ErrorMode, Group, transform};

use super::error::Code;
use super::ottl::{LAMBDAS, Place, context, error_mode, groups, report, sources, texts};
use super::section::{Field, Section};

/// The keys of the statements, by signal.
const KEYS: [(&str, Signal); 3] = [
    ("trace_statements", Signal::Traces),
    ("metric_statements", Signal::Metrics),
    ("log_statements", Signal::Logs),
];

/// Settings of the processor `transform`.
#[derive(Clone, Debug, Default)]
pub struct Transform {
    programs: Vec<(Signal, Program)>,
}

impl Transform {
    /// Reads the section and compiles every statement.
    pub fn read(section: &Section<'_>) -> Self {
        let mode = error_mode(section, ErrorMode::default());
        section.not_built_yet(&["profile_statements"]);
        let flattened = section.bool("flatten_data", false);
        let program = |(key, signal)| {
            let program = program(section.list(key), signal, mode, flattened)?;
            Some((signal, program))
        };
        Self { programs: KEYS.into_iter().filter_map(program).collect() }
    }

    /// The statements for a signal, if there are any.
    pub fn program(&self, signal: Signal) -> Option<&Program> {
        self.programs.iter().find(|(of, _)| *of == signal).map(|(_, program)| program)
    }
}

fn program(
    items: Vec<Field<'_>>,
    signal: Signal,
    mode: ErrorMode,
    flattened: bool,
) -> Option<Program> {
    let flat = |statements| Group { statements, error_mode: mode, ..Group::default() };
    let found = groups(items, flat, |item| group(item, mode))?;
    let (mut groups, places): (Vec<Group>, Vec<Place<'_>>) = found.into_iter().unzip();
    groups.iter_mut().for_each(|group| group.flattened = flattened);
    match transform(signal, &groups, LAMBDAS) {
        Ok(program) => Some(program),
        Err(mistakes) => {
            report(&mistakes, &places);
            None
        }
    }
}

fn group(item: Field<'_>, mode: ErrorMode) -> (Group, Place<'_>) {
    let section = item.section();
    if section.is_empty() {
        item.error(Code::Missing, "an empty group, expected statements");
    }
    let conditions = texts(section.list("conditions"));
    let statements = texts(section.list("statements"));
    let group = Group {
        context: context(&section),
        conditions: sources(&conditions),
        statements: sources(&statements),
        error_mode: error_mode(&section, mode),
        shared_cache: section.bool("shared_cache", false),
        flattened: false,
    };
    let texts = conditions.into_iter().chain(statements).collect();
    (group, Place { group: item, texts })
}

#[cfg(test)]
mod tests;

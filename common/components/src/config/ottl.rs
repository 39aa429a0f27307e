//! What the sections of `transform` and `filter` have in common: error modes, texts, and mistakes
//! in them, each reported at its item with line and column.

use ottl::contexts::Otlp;
use ottl::program::{ErrorMode, Mistake};
use ottl::{Compiler, Condition, Functions, LoadError, Purpose};

use super::error::Code;
use super::section::{Field, Section};

/// The names of the error modes.
const ERROR_MODES: &[(&str, ErrorMode)] = &[
    ("propagate", ErrorMode::Propagate),
    ("ignore", ErrorMode::Ignore),
    ("silent", ErrorMode::Silent),
];

/// Whether lambdas may be used. In the Collector they are behind an alpha gate, so that nothing that runs
/// there means something else here.
pub(super) const LAMBDAS: bool = true;

/// The key `error_mode`; as in the Collector an empty text is the default.
pub(super) fn error_mode(section: &Section<'_>, default: ErrorMode) -> ErrorMode {
    match section.field("error_mode") {
        Some(field) if !is_empty_text(&field) => field.one_of(ERROR_MODES).unwrap_or(default),
        _ => default,
    }
}

fn is_empty_text(field: &Field<'_>) -> bool {
    field.string().is_some_and(|text| text.is_empty())
}

/// Compiles a condition; paths may have the context's name in front.
pub(super) fn condition(text: &str, context: Otlp) -> Result<Condition<Otlp>, LoadError> {
    let functions = Functions::new(&context, Purpose::Filter, false);
    let compiler = Compiler { context: &context, functions: &functions, needs_prefix: false };
    compiler.condition(text)
}

/// A group of texts with the places they were read from.
pub(super) struct Place<'a> {
    /// The group.
    pub(super) group: Field<'a>,
    /// Its texts.
    pub(super) texts: Vec<(String, Field<'a>)>,
}

/// The texts of a list, with their places.
pub(super) fn texts<'a>(items: Vec<Field<'a>>) -> Vec<(String, Field<'a>)> {
    items.into_iter().filter_map(|item| Some((item.string()?, item))).collect()
}

/// The texts alone.
pub(super) fn sources(texts: &[(String, Field<'_>)]) -> Vec<String> {
    texts.iter().map(|(text, _)| text.clone()).collect()
}

/// The groups of a list: all of its texts as one, or its items; a mixture is reported. `None` if there is none.
pub(super) fn groups<'a, G>(
    items: Vec<Field<'a>>,
    flat: impl FnOnce(Vec<String>) -> G,
    group: impl FnMut(Field<'a>) -> (G, Place<'a>),
) -> Option<Vec<(G, Place<'a>)>> {
    let first = items.first()?.clone();
    let is_map = |item: &Field<'_>| item.value().as_map().is_some();
    if !items.iter().any(is_map) {
        let texts = texts(items);
        return Some(vec![(flat(sources(&texts)), Place { group: first, texts })]);
    }
    if let Some(odd) = items.iter().find(|item| !is_map(item)) {
        odd.error(Code::WrongType, "a text, expected a group as the others are");
        return None;
    }
    Some(items.into_iter().map(group).collect())
}

/// The optional key `context` of a group.
pub(super) fn context(section: &Section<'_>) -> Option<String> {
    section.opt_string("context").filter(|name| !name.is_empty())
}

/// Reports mistakes where they stand.
pub(super) fn report(mistakes: &[Mistake], places: &[Place<'_>]) {
    for mistake in mistakes {
        let place = &places[mistake.group];
        let Some(text) = &mistake.text else {
            place.group.error(Code::BadValue, mistake.error.to_string());
            continue;
        };
        let (line, column) = mistake.error.position(text);
        let field = place.texts.iter().find(|(known, _)| known == text);
        let field = field.map_or(&place.group, |(_, field)| field);
        field.error(Code::BadValue, format!("at {line}:{column}: {}", mistake.error));
    }
}

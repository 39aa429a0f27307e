//! Which context texts are for, and what they compile to.

use otlp::Signal;
use ottl::contexts::Otlp;
use ottl::{Compiler, Functions, LevelSet, LoadError, Purpose};

use super::texts::Text;
use super::{Arguments, Stop};

/// What kind of text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Statement,
    Condition,
    Value,
}

impl Role {
    pub(super) fn of(arguments: &Arguments) -> Self {
        match arguments {
            Arguments { condition: Some(_), .. } => Self::Condition,
            Arguments { values, .. } if !values.is_empty() => Self::Value,
            _ => Self::Statement,
        }
    }

    const fn purpose(self) -> Purpose {
        match self {
            Self::Condition => Purpose::Filter,
            Self::Statement | Self::Value => Purpose::Transform,
        }
    }
}

/// A text compiled: how it reads, and whether it touches anything.
struct Compiled {
    shown: String,
    touches: bool,
}

/// The context of the texts: the one that is named, or the outermost one that all paths spell out,
/// or that of the records.
pub(super) fn context(arguments: &Arguments, signal: Signal, texts: &[Text]) -> Result<Otlp, Stop> {
    let contexts = contexts(signal);
    if let Some(named) = arguments.context {
        if contexts.contains(&named) {
            return Ok(named);
        }
        let names: Vec<&str> = contexts.iter().map(|context| context.title()).collect();
        let (name, names) = (named.title(), names.join(", "));
        return Err(Stop::usage(format!("--context {name}: {signal} have {names}")));
    }
    let role = Role::of(arguments);
    let spelt = |context: &&Otlp| {
        let all = texts.iter().map(|text| compile(**context, role, true, &text.source));
        let all: Result<Vec<Compiled>, LoadError> = all.collect();
        all.is_ok_and(|all| all.iter().any(|text| text.touches))
    };
    if let Some(context) = contexts.iter().find(spelt) {
        return Ok(*context);
    }
    let loads = |context: &&Otlp| {
        texts.iter().all(|text| compile(**context, role, false, &text.source).is_ok())
    };
    let records = records(signal);
    Ok(records.iter().find(loads).copied().unwrap_or(records[0]))
}

/// The contexts of a signal, outermost first.
fn contexts(signal: Signal) -> &'static [Otlp] {
    use Otlp::{DataPoint, Exemplar, Log, Metric, Resource, Scope, Span, SpanEvent, SpanLink};
    match signal {
        Signal::Metrics => &[Resource, Scope, Metric, DataPoint, Exemplar],
        Signal::Logs => &[Resource, Scope, Log],
        _ => &[Resource, Scope, Span, SpanEvent, SpanLink],
    }
}

/// What texts without a context's name are for, in the order of trying.
fn records(signal: Signal) -> &'static [Otlp] {
    match signal {
        Signal::Metrics => &[Otlp::DataPoint, Otlp::Metric],
        Signal::Logs => &[Otlp::Log],
        _ => &[Otlp::Span],
    }
}

/// The plans of texts as people read them; else all mistakes.
pub(super) fn explain(context: Otlp, role: Role, texts: &[Text]) -> Result<String, Stop> {
    let mut shown = format!("context {}\n", context.title());
    for text in checked(context, role, texts)? {
        shown.push_str(text.shown.trim_end());
        shown.push('\n');
    }
    Ok(shown)
}

/// Compiles all texts, or says what is wrong with each.
pub(super) fn check(context: Otlp, role: Role, texts: &[Text]) -> Result<(), Stop> {
    checked(context, role, texts).map(|_| ())
}

fn checked(context: Otlp, role: Role, texts: &[Text]) -> Result<Vec<Compiled>, Stop> {
    let (mut all, mut mistakes) = (Vec::new(), Vec::new());
    for text in texts {
        match compile(context, role, false, &text.source) {
            Ok(compiled) => all.push(compiled),
            Err(error) => mistakes.push(text.mistake(&error)),
        }
    }
    if mistakes.is_empty() { Ok(all) } else { Err(Stop::Usage(mistakes)) }
}

fn compile(
    context: Otlp,
    role: Role,
    needs_prefix: bool,
    source: &str,
) -> Result<Compiled, LoadError> {
    let functions = Functions::new(&context, role.purpose(), true);
    let compiler = Compiler { context: &context, functions: &functions, needs_prefix };
    let compiled = |shown: String, levels: &[LevelSet]| {
        let touches = levels.iter().any(|set| set.innermost().is_some());
        Compiled { shown, touches }
    };
    Ok(match role {
        Role::Statement => {
            let statement = compiler.statement(source)?;
            let uses = statement.uses();
            compiled(statement.to_string(), &[uses.reads, uses.writes])
        }
        Role::Condition => {
            let condition = compiler.condition(source)?;
            compiled(condition.to_string(), &[condition.uses().reads])
        }
        Role::Value => {
            let expression = compiler.expression(source)?;
            compiled(expression.to_string(), &[expression.uses().reads])
        }
    })
}

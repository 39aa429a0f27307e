//! From the texts of a configuration to a program.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use otlp::Signal;

use super::step::{Line, Step, Work};
use super::{ErrorMode, Program, fuse};
use crate::ast::{Condition, Statement};
use crate::bind::Functions;
use crate::compile::Compiler;
use crate::context::{Context, Purpose};
use crate::contexts::Otlp;
use crate::infer::{Candidate, Needs};
use crate::{Class, LoadError, parse};

/// A group of statements as it is configured.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The context, if it is named; then paths need no prefix.
    pub context: Option<String>,
    /// Any of them must hold, if there are any.
    pub conditions: Vec<String>,
    /// In the order of running.
    pub statements: Vec<String>,
    /// What happens to failures.
    pub error_mode: ErrorMode,
    /// Whether the cache outlives a record, but not the request (the reference's goes on to the next one). Groups of
    /// one context that say so share one.
    pub shared_cache: bool,
    /// Whether each record has a resource and scope of its own while the groups run, all that say so together;
    /// afterwards records stand together where these are equal. For logs only.
    pub flattened: bool,
}

/// Conditions that drop, as they are configured.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The context, if it is named; then paths need no prefix. Else each condition is for the one that its paths name.
    pub context: Option<String>,
    /// Any of them drops the record.
    pub conditions: Vec<String>,
    /// What happens to failures.
    pub error_mode: ErrorMode,
}

/// What is wrong with a configuration.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// The index of the group or entry.
    pub group: usize,
    /// The text, if one alone is to blame.
    pub text: Option<String>,
    /// What is wrong with it.
    pub error: LoadError,
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.text {
            Some(text) => {
                let (line, column) = self.error.position(text);
                write!(f, "{text:?} at {line}:{column}: {}", self.error)
            }
            None => self.error.fmt(f),
        }
    }
}

impl std::error::Error for Mistake {}

/// Compiles groups of statements. All mistakes are reported.
pub fn transform(signal: Signal, groups: &[Group], lambdas: bool) -> Result<Program, Vec<Mistake>> {
    Builder::new(signal, Purpose::Transform, lambdas).groups(groups)
}

/// Compiles conditions that drop records. Entries run one after the other, and in each the conditions of the outer
/// levels first.
pub fn filter(signal: Signal, entries: &[Entry], lambdas: bool) -> Result<Program, Vec<Mistake>> {
    let builder = Builder::new(signal, Purpose::Filter, lambdas);
    let mut mistakes = Vec::new();
    let mut steps = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        match builder.entry(entry) {
            Ok(found) => steps.extend(found.into_iter().map(Arc::new)),
            Err(found) => mistakes.extend(found.into_iter().map(|it| it.in_group(index))),
        }
    }
    builder.program(steps, mistakes)
}

/// Programs that share a walk do not share a cache.
static NEXT_CACHE: AtomicU64 = AtomicU64::new(0);

/// A mistake that does not know its group yet.
struct Found {
    text: Option<String>,
    error: LoadError,
}

impl Found {
    fn in_group(self, group: usize) -> Mistake {
        Mistake { group, text: self.text, error: self.error }
    }

    /// The same about a text, if it is about none yet.
    fn about(self, text: &str) -> Self {
        Self { text: self.text.or_else(|| Some(text.to_owned())), ..self }
    }

    fn in_text(text: &str, error: LoadError) -> Self {
        Self { text: Some(text.to_owned()), error }
    }

    fn of_group(class: Class, message: String) -> Vec<Self> {
        vec![Self { text: None, error: LoadError::new(class, 0, message) }]
    }
}

pub(super) struct Builder {
    signal: Signal,
    /// The number of the cache that groups share, and of the request that they flatten together.
    cache: u64,
    candidates: Vec<Candidate<Otlp>>,
    /// The same for conditions of groups: as in the Collector they may call what a filter may.
    of_conditions: Vec<Candidate<Otlp>>,
}

/// Texts and their trees.
type Parsed<'t, T> = Vec<(&'t str, T)>;

impl Builder {
    pub(super) fn new(signal: Signal, purpose: Purpose, lambdas: bool) -> Self {
        let contexts = Otlp::ALL.into_iter().filter(|context| {
            let is_leaf = matches!(context, Otlp::Exemplar | Otlp::SpanLink);
            context.is_in(signal) && !(purpose == Purpose::Filter && is_leaf)
        });
        let candidates = |purpose: Purpose| {
            let functions = |context: &Otlp| Functions::new(context, purpose, lambdas);
            let candidate = |context| Candidate { context, functions: functions(&context) };
            contexts.clone().map(candidate).collect()
        };
        let (of_conditions, candidates) = (candidates(Purpose::Filter), candidates(purpose));
        Self { signal, cache: 0, candidates, of_conditions }
    }

    /// Groups of statements, which share a cache if they say so. All mistakes are reported.
    pub(super) fn groups(mut self, groups: &[Group]) -> Result<Program, Vec<Mistake>> {
        self.cache = NEXT_CACHE.fetch_add(1, Ordering::Relaxed);
        let mut mistakes = Vec::new();
        let mut steps = Vec::new();
        for (index, group) in groups.iter().enumerate() {
            match self.group(group) {
                // A group of a named context may do nothing.
                Ok(step) if step.lines() == 0 => {}
                Ok(step) => steps.push(step),
                Err(found) => mistakes.extend(found.into_iter().map(|it| it.in_group(index))),
            }
        }
        // Who writes nothing around records cannot tell the difference.
        if !steps.iter().any(Step::writes_around) {
            steps.iter_mut().for_each(|step| step.flattened = None);
        }
        self.program(steps.into_iter().map(Arc::new).collect(), mistakes)
    }

    fn program(
        &self,
        steps: Vec<Arc<Step>>,
        mistakes: Vec<Mistake>,
    ) -> Result<Program, Vec<Mistake>> {
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Program { signal: self.signal, walks: fuse::walks(self.signal, steps) })
    }

    fn group(&self, group: &Group) -> Result<Step, Vec<Found>> {
        let (conditions, mut mistakes) = parsed(&group.conditions, parse::condition);
        let (statements, more) = parsed(&group.statements, parse::statement);
        mistakes.extend(more);
        let mut needs = Needs::default();
        conditions.iter().for_each(|(_, tree)| needs.condition(tree));
        statements.iter().for_each(|(_, tree)| needs.statement(tree));
        let candidate = self.candidate(group.context.as_deref(), &needs, &mut mistakes)?;
        let compiler = compiler(candidate, group.context.is_some());
        let of_conditions = self.of_conditions.iter().find(|it| it.context == candidate.context);
        let functions = &of_conditions.unwrap_or(candidate).functions;
        let (conditions, more) = bound_conditions(&Compiler { functions, ..compiler }, conditions);
        mistakes.extend(more);
        let (statements, more) = bound_statements(&compiler, statements);
        mistakes.extend(more);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Step {
            context: candidate.context,
            error_mode: group.error_mode,
            shared_cache: group.shared_cache.then_some((self.cache, candidate.context)),
            flattened: (group.flattened && self.signal == Signal::Logs).then_some(self.cache),
            conditions,
            work: Work::Edit(statements),
        })
    }

    /// A step for each context that an entry has conditions for, those of the outer levels first.
    fn entry(&self, entry: &Entry) -> Result<Vec<Step>, Vec<Found>> {
        let Entry { context, conditions, error_mode } = entry;
        if context.is_some() {
            return Ok(vec![self.drop(context.as_deref(), conditions, *error_mode)?]);
        }
        let (mut steps, mut mistakes): (Vec<Step>, Vec<Found>) = (Vec::new(), Vec::new());
        for text in conditions {
            match self.drop(None, std::slice::from_ref(text), *error_mode) {
                Ok(step) => match steps.iter_mut().find(|it| it.context == step.context) {
                    Some(same) => same.conditions.extend(step.conditions),
                    None => steps.push(step),
                },
                Err(found) => mistakes.extend(found.into_iter().map(|it| it.about(text))),
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        if steps.is_empty() {
            // Without any condition it still removes resources in which nothing is.
            steps.push(Step::drop(Otlp::Resource, *error_mode, Vec::new()));
        }
        steps.sort_by_key(Step::level);
        Ok(steps)
    }

    fn drop(
        &self,
        context: Option<&str>,
        conditions: &[String],
        error_mode: ErrorMode,
    ) -> Result<Step, Vec<Found>> {
        let (conditions, mut mistakes) = parsed(conditions, parse::condition);
        let mut needs = Needs::default();
        conditions.iter().for_each(|(_, tree)| needs.condition(tree));
        let candidate = self.candidate(context, &needs, &mut mistakes)?;
        let compiler = compiler(candidate, context.is_some());
        let (conditions, more) = bound_conditions(&compiler, conditions);
        mistakes.extend(more);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Step::drop(candidate.context, error_mode, conditions))
    }

    /// The context that is named, or that the texts are for. Without one the mistakes found before are all
    /// that can be said, if there are any.
    fn candidate(
        &self,
        name: Option<&str>,
        needs: &Needs,
        mistakes: &mut Vec<Found>,
    ) -> Result<&Candidate<Otlp>, Vec<Found>> {
        let Some(name) = name else {
            return match needs.infer(&self.candidates) {
                Ok(index) => Ok(&self.candidates[index]),
                Err(_) if !mistakes.is_empty() => Err(std::mem::take(mistakes)),
                Err(message) => Err(Found::of_group(Class::UnknownPath, message)),
            };
        };
        let named = self.candidates.iter().find(|it| it.context.name().eq_ignore_ascii_case(name));
        named.ok_or_else(|| {
            let message = format!("{} have no context {name}", self.signal.name());
            Found::of_group(Class::UnknownPath, message)
        })
    }
}

fn compiler(candidate: &Candidate<Otlp>, is_named: bool) -> Compiler<'_, Otlp> {
    Compiler {
        context: &candidate.context,
        functions: &candidate.functions,
        needs_prefix: !is_named,
    }
}

fn parsed<T>(
    texts: &[String],
    parse: impl Fn(&str) -> Result<T, LoadError>,
) -> (Parsed<'_, T>, Vec<Found>) {
    all(texts.iter().map(|text| match parse(text) {
        Ok(tree) => Ok((text.as_str(), tree)),
        Err(error) => Err(Found::in_text(text, error)),
    }))
}

fn bound_conditions(
    compiler: &Compiler<'_, Otlp>,
    trees: Parsed<'_, Condition>,
) -> (Vec<Line<crate::Condition<Otlp>>>, Vec<Found>) {
    let level = Context::level(compiler.context);
    all(trees.iter().map(|(text, tree)| match compiler.condition_of(tree, text) {
        Ok(plan) => Ok(Line::condition(plan, level)),
        Err(error) => Err(Found::in_text(text, error)),
    }))
}

fn bound_statements(
    compiler: &Compiler<'_, Otlp>,
    trees: Parsed<'_, Statement>,
) -> (Vec<Line<crate::Statement<Otlp>>>, Vec<Found>) {
    let level = Context::level(compiler.context);
    all(trees.iter().map(|(text, tree)| match compiler.statement_of(tree, text) {
        Ok(plan) => Ok(Line::statement(plan, level)),
        Err(error) => Err(Found::in_text(text, error)),
    }))
}

/// All that is good, and all that is not.
fn all<T>(results: impl Iterator<Item = Result<T, Found>>) -> (Vec<T>, Vec<Found>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(found) => bad.push(found),
        }
    }
    (good, bad)
}

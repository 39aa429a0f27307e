//! Calls: which function, which arguments go to which parameter.

use super::Binder;
use crate::ast::{self, Argument, Call, Given as Written};
use crate::context::Context;
use crate::function::{Args, Argument as Passed, Body, Definition, Kind, MAX_PARAMS, Param, Unfit};
use crate::nearest::did_you_mean;
use crate::plan::{Action, CallExpr, Callable, EditBody, Expr, Given, LevelSet, Place};
use crate::{Class, LoadError, Value};

impl<C: Context> Binder<'_, C> {
    /// The editor of a statement.
    pub(crate) fn action(&mut self, call: &Call) -> Result<Action<C>, LoadError> {
        let definition = self.function(call)?;
        let matched = matched(definition, call)?;
        let mut target = Place::Nothing;
        let (mut given, mut written) = (Vec::new(), Vec::new());
        for (param, argument) in definition.params.iter().zip(matched) {
            match (param.kind, argument) {
                (Kind::Target | Kind::MapTarget, Some(argument)) => {
                    target = self.target(argument)?
                }
                (_, argument) => {
                    given.push(self.argument(param, argument)?);
                    written.push(argument);
                }
            }
        }
        let refused = |unfit| refused(call, &written, unfit);
        let name = definition.name;
        Ok(match definition.body {
            Body::Editor(body) => Action::Edit { name, target, given, body: EditBody::Plain(body) },
            Body::PreparedEditor(prepare) => {
                let body = EditBody::Prepared(prepared(&given, prepare).map_err(refused)?);
                Action::Edit { name, target, given, body }
            }
            Body::Record(prepare) => {
                let change = prepared(&given, prepare).map_err(refused)?;
                let level = self.context.level();
                self.uses.reads.add(level);
                self.uses.writes.add(level);
                self.uses.is_bound = true;
                self.uses.whole_record = true;
                Action::Change { name, given, change }
            }
            Body::HistogramPoint(prepare) => {
                let change = prepared(&given, prepare).map_err(refused)?;
                let level = self.context.level();
                self.uses.reads.add(level);
                self.uses.writes.add(level);
                self.uses.is_bound = true;
                Action::ChangePoint { name, given, change }
            }
            Body::Plain(_) | Body::Prepared(_) | Body::OfRecord(_) => {
                return Err(unknown(call, "is no editor"));
            }
        })
    }

    fn target(&mut self, argument: &Argument) -> Result<Place<C>, LoadError> {
        match &argument.given {
            Written::Value(crate::ast::Expr::Path(path)) => self.place(path),
            _ => Err(LoadError::new(Class::Type, argument.value_offset, "expected a path to edit")),
        }
    }

    /// A converter's call.
    pub(super) fn converter(&mut self, call: &Call) -> Result<Expr<C>, LoadError> {
        let definition = self.function(call)?;
        let outside = std::mem::take(&mut self.uses);
        let mut given = Vec::new();
        let matched = matched(definition, call)?;
        for (param, argument) in definition.params.iter().zip(matched) {
            given.push(self.argument(param, argument)?);
        }
        let body = self.callable(definition, &given, call, &matched)?;
        // Without a path among its arguments it may give another value each time.
        self.uses.is_bound |= self.uses.reads == LevelSet::default() && !is_pure(definition);
        self.uses.whole_record |= matches!(definition.body, Body::OfRecord(_));
        self.uses.is_bound |= self.uses.whole_record;
        self.uses.add(outside);
        let keys = self.keys(&call.keys)?;
        if let Some(value) = folded(definition, &body, &given).filter(|_| keys.is_empty()) {
            return Ok(Expr::Const(value));
        }
        let calls_back = given.iter().any(|it| matches!(it, Given::Lambda(_) | Given::Lazy(_)));
        Ok(Expr::Call(Box::new(CallExpr { definition, body, given, calls_back, keys })))
    }

    /// The body, prepared with what is constant.
    pub(super) fn callable(
        &self,
        definition: &'static Definition,
        given: &[Given<C>],
        call: &Call,
        written: &[Option<&Argument>],
    ) -> Result<Callable, LoadError> {
        match definition.body {
            Body::Plain(body) => Ok(Callable::Plain(body)),
            Body::OfRecord(body) => Ok(Callable::OfRecord(body)),
            Body::Prepared(prepare) => prepared(given, prepare)
                .map(Callable::Prepared)
                .map_err(|unfit| refused(call, written, unfit)),
            _ => Err(unknown(call, "is an editor and has no value")),
        }
    }

    fn function(&self, call: &Call) -> Result<&'static Definition, LoadError> {
        self.functions.get(&call.name).ok_or_else(|| unknown(call, &self.hint(&call.name)))
    }

    /// What is wrong with a name.
    fn hint(&self, name: &str) -> String {
        if name == "drop" {
            return "is no function; conditions of the filter processor drop records".to_owned();
        }
        let context = self.context.name();
        let near = did_you_mean(name, &self.functions.names());
        format!("is no function of the context {context}{near}")
    }
}

/// Functions whose value depends on their arguments alone even when these name no path.
fn is_pure(definition: &Definition) -> bool {
    !definition.params.is_empty()
}

fn unknown(call: &Call, problem: &str) -> LoadError {
    LoadError::new(Class::UnknownFunction, call.offset, format!("{} {problem}", call.name))
}

/// The error stands where the argument that is to blame does, or its item; `written` are those of the parameters that
/// the function counts.
fn refused(call: &Call, written: &[Option<&Argument>], unfit: Unfit) -> LoadError {
    let argument = |index: usize| written.get(index).copied().flatten();
    let place = unfit.place.and_then(|(index, item)| place_of(argument(index)?, item));
    let message = format!("{}: {}", call.name, unfit.message);
    LoadError::new(Class::Literal, place.unwrap_or(call.offset), message)
}

fn place_of(argument: &Argument, item: Option<usize>) -> Option<usize> {
    match (&argument.given, item) {
        (Written::Value(ast::Expr::List(items)), Some(item)) => Some(items.get(item)?.offset),
        _ => Some(argument.value_offset),
    }
}

/// A body, prepared with what is constant. A computed constant that it cannot take is the record's failure, as if
/// nobody had computed it; a literal is refused.
fn prepared<C: Context, T>(
    given: &[Given<C>],
    prepare: impl Fn(&Args<'_>) -> Result<T, Unfit>,
) -> Result<T, Unfit> {
    let is_folded = |given: &Given<C>| matches!(given, Given::Folded(_));
    match prepare(&constants(given, true)) {
        Err(_) if given.iter().any(is_folded) => prepare(&constants(given, false)),
        made => made,
    }
}

/// The value of a call that has the same one for each record. What fails without a record or a clock does so,
/// or does not, for each record.
fn folded<C: Context>(
    definition: &Definition,
    body: &Callable,
    given: &[Given<C>],
) -> Option<Value<'static>> {
    let is_constant =
        |given: &Given<C>| matches!(given, Given::Const(_) | Given::Folded(_) | Given::Absent);
    let is_ready = is_pure(definition) && given.iter().all(is_constant);
    let args = is_ready.then(|| constants(given, true))?;
    let value = body.run(&args).ok()?;
    Some(value.into_owned())
}

/// What is constant (computed constants only `with_folded`), and nothing in the place of the rest.
fn constants<C: Context>(given: &[Given<C>], with_folded: bool) -> Args<'_> {
    let passed = given.iter().map(|given| match given {
        Given::Const(value) => Passed::Const(value),
        Given::Folded(value) if with_folded => Passed::Const(value),
        Given::Absent => Passed::Absent,
        _ => Passed::Later,
    });
    Args::new(passed, None)
}

/// The argument of each parameter.
fn matched<'c>(
    definition: &Definition,
    call: &'c Call,
) -> Result<[Option<&'c Argument>; MAX_PARAMS], LoadError> {
    let params = definition.params;
    let mut slots = [None; MAX_PARAMS];
    // As in the reference, a function without parameters ignores what it is given.
    if params.is_empty() {
        return Ok(slots);
    }
    for (position, argument) in call.arguments.iter().enumerate() {
        let index = match &argument.name {
            Some(name) => params.iter().position(|param| is_called(param, name)),
            None => Some(position).filter(|position| *position < params.len()),
        };
        let Some(index) = index else { return Err(superfluous(definition, argument)) };
        if slots[index].replace(argument).is_some() {
            let message = format!("{} is given twice", params[index].name);
            return Err(LoadError::new(Class::Arity, argument.offset, message));
        }
    }
    let missing = params.iter().zip(slots).find(|(param, slot)| !param.optional && slot.is_none());
    match missing {
        None => Ok(slots),
        Some((param, _)) => {
            let message = format!("{} needs the argument {}", definition.name, param.name);
            Err(LoadError::new(Class::Arity, call.offset, message))
        }
    }
}

fn superfluous(definition: &Definition, argument: &Argument) -> LoadError {
    let name = definition.name;
    let known: Vec<&str> = definition.params.iter().map(|param| param.name).collect();
    let message = match &argument.name {
        Some(argument) => {
            format!("{name} has no parameter {argument}; it has {}", known.join(", "))
        }
        None => {
            format!(
                "{name} takes at most {} arguments: {}",
                definition.params.len(),
                known.join(", ")
            )
        }
    };
    LoadError::new(Class::Arity, argument.offset, message)
}

/// Names meet in camel case: `pair_delimiter` is also `pairDelimiter`.
fn is_called(param: &Param, name: &str) -> bool {
    camel(param.name) == camel(name)
}

fn camel(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    name.split('_').map(word).collect()
}

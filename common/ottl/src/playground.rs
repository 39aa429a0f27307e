//! Texts run one by one over a request, for people and for tests: what came out for each record.
//!
//! Nothing here is made for speed; the data plane runs [`Program`](crate::Program)s. A statement runs for all records of its
//! context in the order of the request, each with an empty cache.

use bumpalo::Bump;
use bytes::Bytes;
use otlp::edit::{At, Changes, Editor, Level, Levels, Route, Verdict, Visitor};
use otlp::{Malformed, Signal};

use crate::compile::{Compiler, Condition, Expression, Statement};
use crate::contexts::{Otlp, Record, Request, Scratch};
use crate::eval::Frame;
use crate::value::Time;
use crate::{Functions, LoadError, Purpose, RunError, Value};

mod show;

pub use show::any_value;

/// Where texts run.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What the request holds.
    pub signal: Signal,
    /// The records.
    pub context: Otlp,
    /// Whether lambdas are on.
    pub lambdas: bool,
    /// Whether the walk stops at the first failure.
    pub stops: bool,
    /// The clock.
    pub now: Time,
}

/// A failure of a text on a record.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The index of the record in its context.
    pub record: usize,
    /// The index of the text.
    pub statement: usize,
    /// What went wrong.
    pub error: RunError,
}

/// Why nothing ran to the end.
#[derive(Clone, Debug)]
pub enum Problem {
    /// A text cannot be loaded: its index and why.
    Load(usize, LoadError),
    /// The request is none.
    Malformed,
}

/// The request after statements, and what failed.
pub type Edited = (Bytes, Vec<Failed>);

/// The values of an expression, record by record.
pub type Values = Vec<Result<Value<'static>, RunError>>;

/// The verdicts of a condition, record by record.
pub type Verdicts = Vec<Result<bool, RunError>>;

impl Setting {
    /// Runs statements in order for each record.
    pub fn statements(&self, texts: &[&str], body: &Bytes) -> Result<Edited, Problem> {
        let functions = Functions::new(&self.context, Purpose::Transform, self.lambdas);
        let compiler = self.compiler(&functions);
        let load = |(index, text): (usize, &&str)| {
            compiler.statement(text).map_err(|error| Problem::Load(index, error))
        };
        let plans: Vec<_> = texts.iter().enumerate().map(load).collect::<Result<_, _>>()?;
        let mut found = Found::default();
        let (editor, _) = self.walk(body, &Work::Statements(&plans), &mut found)?;
        Ok((editor.body(body), found.failures))
    }

    /// Evaluates a condition for each record; nothing where it failed.
    pub fn condition(&self, text: &str, body: &Bytes) -> Result<Vec<Option<bool>>, Problem> {
        Ok(self.verdicts(text, body)?.into_iter().map(Result::ok).collect())
    }

    /// Evaluates a condition for each record, and says why it failed where it did.
    pub fn verdicts(&self, text: &str, body: &Bytes) -> Result<Verdicts, Problem> {
        let functions = Functions::new(&self.context, Purpose::Filter, self.lambdas);
        let plan = self.compiler(&functions).condition(text);
        let plan = plan.map_err(|error| Problem::Load(0, error))?;
        let mut found = Found::default();
        self.walk(body, &Work::Condition(&plan), &mut found)?;
        Ok(found.conditions)
    }

    /// Evaluates an expression for each record.
    pub fn values(&self, text: &str, body: &Bytes) -> Result<Values, Problem> {
        let functions = Functions::new(&self.context, Purpose::Transform, self.lambdas);
        let plan = self.compiler(&functions).expression(text);
        let plan = plan.map_err(|error| Problem::Load(0, error))?;
        let mut found = Found::default();
        self.walk(body, &Work::Value(&plan), &mut found)?;
        Ok(found.values)
    }

    fn compiler<'c>(&'c self, functions: &'c Functions) -> Compiler<'c, Otlp> {
        Compiler { context: &self.context, functions, needs_prefix: false }
    }

    fn walk(
        &self,
        body: &Bytes,
        work: &Work<'_>,
        found: &mut Found,
    ) -> Result<(Editor, bool), Problem> {
        let level = self.context.level();
        let around: Vec<Level> = Level::ALL.into_iter().filter(|it| *it < level).collect();
        let route = Route {
            reads: Levels::of(&around),
            writes: Levels::of(&around).with(level),
            wholes: Levels::of(&around),
            links: self.context == Otlp::SpanLink,
            ..Route::visiting(self.signal, &[level])
        };
        let mut editor = Editor::default();
        let request = Request::default();
        let mut each = Each { work, found, request: &request, setting: self, stopped: false };
        let walked = editor.run(&route, body, &mut each);
        let stopped = each.stopped;
        walked.map(|_| (editor, stopped)).map_err(|Malformed| Problem::Malformed)
    }
}

enum Work<'w> {
    Statements(&'w [Statement<Otlp>]),
    Condition(&'w Condition<Otlp>),
    Value(&'w Expression<Otlp>),
}

#[derive(Default)]
struct Found {
    records: usize,
    failures: Vec<Failed>,
    conditions: Verdicts,
    values: Values,
}

struct Each<'e> {
    work: &'e Work<'e>,
    found: &'e mut Found,
    request: &'e Request,
    setting: &'e Setting,
    /// Whether a failure stopped it: what comes after is left as it is.
    stopped: bool,
}

impl Visitor for Each<'_> {
    type Error = Malformed;

    fn visit(&mut self, at: At<'_>, changes: &mut Changes) -> Result<Verdict, Malformed> {
        if !self.stopped {
            let arena = Bump::new();
            let mut scratch = Scratch::default();
            let record = Record::new(&at, self.request, &mut scratch);
            let mut frame = Frame::new(record, &arena, Some(&self.setting.now));
            match self.work {
                Work::Statements(plans) => {
                    for (index, plan) in plans.iter().enumerate() {
                        let failed = plan.run(&mut frame).err();
                        let record = self.found.records;
                        self.found.failures.extend(failed.map(|error| {
                            self.stopped = self.setting.stops;
                            Failed { record, statement: index, error }
                        }));
                        if self.stopped {
                            break;
                        }
                    }
                }
                Work::Condition(plan) => self.found.conditions.push(plan.holds(&frame)),
                Work::Value(plan) => {
                    self.found.values.push(plan.value(&frame).map(Value::into_owned));
                }
            }
            frame.record.finish(changes);
            self.found.records += 1;
        }
        Ok(Verdict::Keep)
    }
}

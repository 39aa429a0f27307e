//! What a function is: its name, its parameters and its body.
//!
//! The binder (`check`) looks a call's function up, matches the arguments to the parameters, checks
//! and converts literals when the statement is loaded, and calls [`Body::Prepared`] once. At run time the
//! arguments are evaluated from left to right, converted as their [`Kind`] says (a failure fails the
//! call), and handed to the body as [`Args`]. So a body never meets an argument of a wrong type.

use crate::RunError;
use crate::context::{Keep, Rewrite};
use crate::value::{Map, Value};

mod args;
mod unfit;

pub use args::{Args, Argument, LambdaFn, LazyFn, MAX_PARAMS};
pub(crate) use unfit::Blame;
pub use unfit::Unfit;

/// A function that statements can call.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Editors start with a lower case letter, converters with an upper case one.
    pub name: &'static str,
    /// Required parameters first.
    pub params: &'static [Param],
    /// What it does.
    pub body: Body,
}

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// In snake case; callers may also write it in camel case.
    pub name: &'static str,
    /// What it accepts.
    pub kind: Kind,
    /// Whether it can be left out.
    pub optional: bool,
}

/// A parameter that must be given.
pub const fn required(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, optional: false }
}

/// A parameter that may be left out.
pub const fn optional(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, optional: true }
}

/// What a parameter accepts. Unless it says literal, any expression is accepted and converted for
/// each record; a literal that can never be converted is refused when the statement is loaded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Any value, nil too.
    Any,
    /// Exactly a text.
    Str,
    /// Exactly a whole number.
    Int,
    /// Exactly a double.
    Double,
    /// Exactly a bool.
    Bool,
    /// Exactly a time.
    Time,
    /// Exactly a duration.
    Duration,
    /// A map.
    Map,
    /// An OTLP slice or a list that the language made.
    List,
    /// A text, or what has one (reference/ottl.md section 5: StringLike); nil stays nil.
    StrLike,
    /// IntLike; nil stays nil.
    IntLike,
    /// FloatLike; nil stays nil.
    DoubleLike,
    /// BoolLike; nil stays nil.
    BoolLike,
    /// ByteSliceLike; nil becomes no bytes.
    BytesLike,
    /// A literal text.
    LiteralStr,
    /// A literal whole number, without a sign.
    LiteralInt,
    /// A literal double (a whole number is none).
    LiteralDouble,
    /// A literal bool.
    LiteralBool,
    /// A literal list of literal texts.
    LiteralStrs,
    /// A literal list of literal doubles.
    LiteralDoubles,
    /// A map literal, of any values.
    LiteralMap,
    /// A list literal, each item converted as the inner kind says.
    Items(&'static Kind),
    /// A list literal whose items are evaluated one by one, as the function asks for them ([`Args::lazy`]).
    LazyItems,
    /// Any expression, evaluated only if the function asks for it ([`Args::lazy`]).
    Lazy,
    /// `(k, v) => ...` with that many formals, called by [`Args::call`].
    Lambda(usize),
    /// An enum symbol.
    Enum,
    /// The bare name of a converter of one argument, such as `SHA256`.
    Function,
    /// Editors only, as first parameter: a path.
    Target,
    /// Editors only, as first parameter: a path that holds a map.
    MapTarget,
}

/// What a converter computes.
pub type Call =
    Box<dyn for<'a> Fn(&Args<'a>) -> Result<Value<'a>, RunError> + Send + Sync + 'static>;

/// What an editor does to its target.
pub type Edit = Box<
    dyn for<'a> Fn(&mut dyn Target<'a>, &Args<'a>) -> Result<(), RunError> + Send + Sync + 'static,
>;

/// What a function over a whole record (a metric, a span) makes of it.
pub type Change =
    Box<dyn Fn(&[u8], &Args<'_>) -> Result<Changed, RunError> + Send + Sync + 'static>;

/// A record after a [`Change`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changed {
    /// The record's new bytes, where it changed.
    pub record: Option<Vec<u8>>,
    /// New siblings, at the end of the list the record is in.
    pub appended: Vec<Vec<u8>>,
}

/// What a function does.
#[derive(Clone, Copy)]
pub enum Body {
    /// A converter that needs no preparation.
    Plain(for<'a> fn(&Args<'a>) -> Result<Value<'a>, RunError>),
    /// A converter made when the statement is loaded: compile and check what is constant there. The
    /// [`Args`] hold the arguments that are constant, and nothing in the place of the others.
    Prepared(fn(&Args<'_>) -> Result<Call, Unfit>),
    /// An editor that needs no preparation. Its target is not among the [`Args`]: parameter 1 is
    /// argument 0.
    Editor(for<'a> fn(&mut dyn Target<'a>, &Args<'a>) -> Result<(), RunError>),
    /// An editor made when the statement is loaded.
    PreparedEditor(fn(&Args<'_>) -> Result<Edit, Unfit>),
    /// An editor over the metric or span as a whole, made when the statement is loaded.
    Record(fn(&Args<'_>) -> Result<Change, Unfit>),
    /// An editor over the histogram point that the record is, made when the statement is loaded; over other
    /// points it does nothing.
    HistogramPoint(fn(&Args<'_>) -> Result<Change, Unfit>),
    /// A converter over the bytes of the span or metric as a whole, which are argument 0.
    OfRecord(for<'a> fn(&[u8], &Args<'a>) -> Result<Value<'a>, RunError>),
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Prepared(_) => "Prepared",
            Self::Editor(_) => "Editor",
            Self::PreparedEditor(_) => "PreparedEditor",
            Self::Record(_) => "Record",
            Self::HistogramPoint(_) => "HistogramPoint",
            Self::OfRecord(_) => "OfRecord",
        })
    }
}

/// What an editor edits: a path of a record, its keys evaluated.
pub trait Target<'a> {
    /// What stands there now.
    fn get(&self) -> Result<Value<'a>, RunError>;

    /// Puts a value there. A map replaces a map as a whole.
    fn set(&mut self, value: &Value<'_>) -> Result<(), RunError>;

    /// Keeps some entries of a map. Nil or no map is a type error.
    fn retain(&mut self, keep: Keep<'_>) -> Result<(), RunError> {
        let mut map = self.map()?;
        if map.retain(keep)? { self.set(&Value::map(map)) } else { Ok(()) }
    }

    /// Rewrites a map. Nil or no map is a type error.
    fn rewrite(&mut self, rewrite: &mut dyn Rewrite) -> Result<(), RunError> {
        self.rewrite_whole(rewrite)
    }

    /// [`rewrite`](Self::rewrite) of a map that is taken out and set again.
    fn rewrite_whole(&mut self, rewrite: &mut dyn Rewrite) -> Result<(), RunError> {
        let mut map = self.map()?;
        if map.rewrite(rewrite)? { self.set(&Value::map(map)) } else { Ok(()) }
    }

    /// Takes the first entry under `key` out of a map. Nil or no map is a type error.
    fn remove(&mut self, key: &str) -> Result<(), RunError> {
        let mut map = self.map()?;
        if map.remove(key).is_some() { self.set(&Value::map(map)) } else { Ok(()) }
    }

    /// The map that stands there, to change and [`set`](Self::set) again.
    fn map(&self) -> Result<Map, RunError> {
        match self.get()? {
            Value::Map(map) => Ok(map.into_owned()),
            other => Err(RunError::of_type("map", other.kind())),
        }
    }
}

//! A compiled text: what is evaluated for each record.
//!
//! Names are gone: paths are in the form of their context, functions are pointers, formals of lambdas are
//! positions in scopes, constants are computed. Reading a path of one literal key allocates nothing.

use crate::ast::{Comparison, Operator};
use crate::context::Context;
use crate::function::{Args, Call, Change, Definition, Edit, Kind, Target};
use crate::{RunError, Value};

/// Something with a value.
pub(crate) enum Expr<C: Context> {
    Const(Value<'static>),
    Path(PathExpr<C>),
    Local(LocalExpr<C>),
    /// The cache, with the keys behind it.
    Cache(Vec<KeyExpr<C>>),
    Call(Box<CallExpr<C>>),
    List(Vec<Expr<C>>),
    Map(Vec<(Box<str>, Expr<C>)>),
    Math(Box<MathExpr<C>>),
    Negate(Box<Expr<C>>),
}

/// A path of the context.
pub(crate) struct PathExpr<C: Context> {
    pub(crate) path: C::Path,
    pub(crate) keys: Vec<KeyExpr<C>>,
    /// As it was written, for `explain`.
    pub(crate) text: Box<str>,
}

/// A formal of a lambda.
pub(crate) struct LocalExpr<C: Context> {
    /// How many scopes further out.
    pub(crate) depth: usize,
    /// Which formal of that scope.
    pub(crate) index: usize,
    pub(crate) keys: Vec<KeyExpr<C>>,
}

/// A key in brackets.
pub(crate) enum KeyExpr<C: Context> {
    Str(Box<str>),
    Int(i64),
    Dynamic(Expr<C>),
}

/// `first op term op term`, from left to right.
pub(crate) struct MathExpr<C: Context> {
    pub(crate) first: Expr<C>,
    pub(crate) rest: Vec<(Operator, Expr<C>)>,
}

/// A converter's call.
pub(crate) struct CallExpr<C: Context> {
    pub(crate) definition: &'static Definition,
    pub(crate) body: Callable,
    pub(crate) given: Vec<Given<C>>,
    /// Whether arguments are evaluated by the function itself.
    pub(crate) calls_back: bool,
    pub(crate) keys: Vec<KeyExpr<C>>,
}

/// What a converter runs.
pub(crate) enum Callable {
    Plain(for<'x> fn(&Args<'x>) -> Result<Value<'x>, RunError>),
    Prepared(Call),
    OfRecord(for<'x> fn(&[u8], &Args<'x>) -> Result<Value<'x>, RunError>),
}

/// An argument.
pub(crate) enum Given<C: Context> {
    Absent,
    /// A literal, converted already.
    Const(Value<'static>),
    /// What constants came to, converted already.
    Folded(Value<'static>),
    Value(Expr<C>, &'static Kind),
    Function(FunctionRef),
    Lambda(LambdaExpr<C>),
    Lazy(Vec<Expr<C>>),
}

/// A converter of one argument that is given by name.
pub(crate) struct FunctionRef {
    pub(crate) name: &'static str,
    pub(crate) body: Callable,
    pub(crate) kind: &'static Kind,
}

/// `(k, v) => body`
pub(crate) struct LambdaExpr<C: Context> {
    pub(crate) arity: usize,
    pub(crate) body: LambdaBody<C>,
}

/// What a lambda returns.
pub(crate) enum LambdaBody<C: Context> {
    Value(Expr<C>),
    Test(Cond<C>),
}

/// Something true or false.
pub(crate) enum Cond<C: Context> {
    Const(bool),
    And(Vec<Cond<C>>),
    Or(Vec<Cond<C>>),
    Not(Box<Cond<C>>),
    Compare(Box<CompareExpr<C>>),
    /// A value that must be a bool.
    Truth(Expr<C>),
}

/// `left op right`
pub(crate) struct CompareExpr<C: Context> {
    pub(crate) left: Expr<C>,
    pub(crate) op: Comparison,
    pub(crate) right: Expr<C>,
}

/// What a statement does.
pub(crate) enum Action<C: Context> {
    Edit {
        name: &'static str,
        target: Place<C>,
        given: Vec<Given<C>>,
        body: EditBody,
    },
    Change {
        name: &'static str,
        given: Vec<Given<C>>,
        change: Change,
    },
    /// The same for the histogram point that the record is; other points stay.
    ChangePoint {
        name: &'static str,
        given: Vec<Given<C>>,
        change: Change,
    },
}

/// What an editor runs.
pub(crate) enum EditBody {
    Plain(for<'x> fn(&mut dyn Target<'x>, &Args<'x>) -> Result<(), RunError>),
    Prepared(Edit),
}

/// What an editor edits.
pub(crate) enum Place<C: Context> {
    Path(PathExpr<C>),
    Cache(Vec<KeyExpr<C>>),
    /// The editor has no target.
    Nothing,
}

/// The levels that something reads or writes, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelSet(u32);

impl LevelSet {
    /// The innermost level that is told from the others; what lies deeper counts as this one.
    pub const INNERMOST: u8 = 31;

    /// Adds a level.
    pub fn add(&mut self, level: u8) {
        self.0 |= 1 << level.min(Self::INNERMOST);
    }

    /// Adds those of another set.
    pub fn add_all(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether a level is in both.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the level is in it.
    pub fn has(self, level: u8) -> bool {
        self.0 & 1 << level.min(Self::INNERMOST) != 0
    }

    /// The innermost level, if there is any.
    pub fn innermost(self) -> Option<u8> {
        u8::try_from(31u32.checked_sub(self.0.leading_zeros())?).ok()
    }
}

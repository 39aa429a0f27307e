//! A text as a tree: what was written, before anybody knows what it means.
//!
//! Offsets are bytes in the text, for errors.

/// `editor(...) where condition`
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What is done.
    pub editor: Call,
    /// When; always if absent.
    pub condition: Option<Condition>,
}

/// Something true or false.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// All, from left to right.
    And(Vec<Condition>),
    /// Any, from left to right.
    Or(Vec<Condition>),
    /// The opposite.
    Not(Box<Condition>),
    /// A comparison.
    Compare(Expr, Comparison, Expr),
    /// `true` or `false`.
    Bool(bool),
    /// A converter that returns a bool.
    Call(Call),
    /// A formal of a lambda that holds a bool.
    Path(Path),
}

/// How values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// Something with a value.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Expr {
    Nil,
    Bool(bool),
    Int(i64),
    Double(f64),
    Str(String),
    Bytes(Vec<u8>),
    /// A symbol and its offset.
    Enum(String, usize),
    Path(Path),
    Call(Call),
    List(Vec<Item>),
    Map(Vec<(String, Expr)>),
    /// Operands of one precedence from left to right. A chain is no tree, so that a long one is not a deep one.
    Math(Box<Expr>, Vec<(Operator, Expr)>),
    /// `-x`; `+x` is `x`.
    Negate(Box<Expr>),
    /// `( math )`: a value that is no literal any more.
    Group(Box<Expr>),
}

/// An item of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it is.
    pub value: Expr,
    /// Where it starts.
    pub offset: usize,
}

/// `context.field["key"].field`
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// At least one. Whether the first one is a context is for the binder to say.
    pub segments: Vec<Segment>,
    /// Where it starts.
    pub offset: usize,
}

impl Path {
    /// The names with dots between them.
    pub fn dotted(&self) -> String {
        let names: Vec<&str> = self.segments.iter().map(|segment| segment.name.as_str()).collect();
        names.join(".")
    }
}

/// A name of a path and its keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// In lower case.
    pub name: String,
    /// What stands in brackets behind it.
    pub keys: Vec<Expr>,
}

/// A call of an editor or converter.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function.
    pub name: String,
    /// In the order of writing, positional ones first.
    pub arguments: Vec<Argument>,
    /// What stands in brackets behind a converter.
    pub keys: Vec<Expr>,
    /// Where it starts.
    pub offset: usize,
}

/// An argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// For `name=value`.
    pub name: Option<String>,
    /// What is given.
    pub given: Given,
    /// Where it starts, with its name if it has one.
    pub offset: usize,
    /// Where what is given starts.
    pub value_offset: usize,
}

/// What an argument is.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Given {
    Value(Expr),
    /// A bare name such as `SHA256`.
    Function(String),
    Lambda(Lambda),
}

/// `(k, v) => body`
#[derive(Clone, Debug, PartialEq)]
pub struct Lambda {
    /// Names; `_` binds nothing.
    pub formals: Vec<String>,
    /// What it returns.
    pub body: Body,
}

/// What a lambda returns.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Body {
    Value(Box<Expr>),
    Condition(Box<Condition>),
}

/// Whether an expression is a literal, as the reference sees it: what is computed is none, even of literals.
pub(crate) fn is_literal(tree: &Expr) -> bool {
    match tree {
        Expr::Path(_) | Expr::Call(_) | Expr::Math(..) => false,
        Expr::List(items) => items.iter().all(|item| is_literal(&item.value)),
        Expr::Map(entries) => entries.iter().all(|(_, value)| is_literal(value)),
        Expr::Negate(inner) => matches!(**inner, Expr::Int(_) | Expr::Double(_)),
        Expr::Group(inner) => is_literal(inner),
        _ => true,
    }
}

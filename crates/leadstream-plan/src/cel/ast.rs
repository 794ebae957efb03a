//! The tree of a parsed condition, with the bytes of the text that each part covers.

use crate::yaml::Span;

/// One part of a condition.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its bytes in the condition's text.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a part of a condition is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number, whole or not, signed or not.
    Number(f64),
    /// A text.
    Text(String),
    /// A bytes literal, which plans do not know.
    Bytes,
    /// A name that stands by itself.
    Name(String),
    /// `of.field`.
    Select(Box<Node>, Field),
    /// `of[index]`.
    Index(Box<Node>, Box<Node>),
    /// `name(arguments)` or `receiver.name(arguments)`.
    Call(Call),
    /// `[a, b]`.
    List(Vec<Node>),
    /// `{..}` or `Type{..}`, which plans do not know.
    Map,
    /// `!a`.
    Not(Box<Node>),
    /// `-a`.
    Negate(Box<Node>),
    /// `a && b && c`, as long as it goes.
    And(Vec<Node>),
    /// `a || b || c`, as long as it goes.
    Or(Vec<Node>),
    /// A comparison, calculation or `in`.
    Binary(Operator, Box<[Node; 2]>),
    /// `condition ? then : otherwise`.
    If(Box<[Node; 3]>),
}

/// The name of a field, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// The name.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) span: Span,
}

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The function, and where its name stands.
    pub(crate) function: Field,
    /// What stands before the dot.
    pub(crate) receiver: Option<Box<Node>>,
    /// What stands in the parentheses.
    pub(crate) arguments: Vec<Node>,
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

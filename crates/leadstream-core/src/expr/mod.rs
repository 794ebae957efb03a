//! Conditions and computed points: the compiled form of CEL texts and what they may look at.
//!
//! `leadstream-plan` parses and type-checks CEL and lowers it to [`Expr`]; here it is only evaluated. All numbers are binary64 (S8), there
//! is no clock, and evaluation never panics: what has no value is an [`EvalError`], which means "no firing" (S9).

mod eval;
mod visit;

use std::sync::Arc;

use crate::event::Value;
use crate::id::Name;
use crate::time::Span;

pub use eval::{EvalError, Evaluated};

/// A compiled condition or computation.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A literal.
    Literal(Literal),
    /// `[a, b, c]` of literals; only as the right side of `in`.
    List(Arc<[Literal]>),
    /// `event.<property>`; `event.type` and `event.name` are spelled so too.
    Event(Name),
    /// `event.type`.
    EventType,
    /// `has(event.<property>)`.
    HasEvent(Name),
    /// `contact.<attribute>`, consent among them.
    Contact(Name),
    /// `has(contact.<attribute>)`.
    HasContact(Name),
    /// `contact.id`.
    ContactId,
    /// `"tag" in contact.tags`, the tag computed.
    InTags(Box<Expr>),
    /// `size(contact.tags)`.
    TagCount,
    /// `count(fact, window)` (S12).
    Count(FactRef, Span),
    /// `ever(fact)` (S12).
    Ever(FactRef),
    /// `score("plan:id" | "tag:x" | "global" | "stage:id")`: in pre, at t (S59).
    Score(ScoreRef),
    /// `level("plan", "subject")` of pre (S59).
    Level(LevelRef),
    /// Negation of a truth value.
    Not(Box<Expr>),
    /// Negation of a number.
    Negate(Box<Expr>),
    /// `&&`, absorbing errors as CEL does: false wins over an error.
    And(Arc<[Expr]>),
    /// `||`, absorbing errors as CEL does: true wins over an error.
    Or(Arc<[Expr]>),
    /// `condition ? a : b`.
    If(Box<[Expr; 3]>),
    /// A comparison.
    Compare(Comparison, Box<[Expr; 2]>),
    /// `a in [..]`.
    InList(Box<Expr>, Arc<[Literal]>),
    /// Arithmetic on numbers, correctly rounded; `+` also joins texts.
    Arithmetic(Arithmetic, Box<[Expr; 2]>),
    /// A text test with a receiver and an argument.
    Text(TextTest, Box<[Expr; 2]>),
    /// `text.matches(pattern)` with a literal pattern.
    Matches(Box<Expr>, Pattern),
    /// `size(text)` in Unicode code points.
    Size(Box<Expr>),
    /// `text.lowerAscii()`.
    Lower(Box<Expr>),
    /// `double(x)`: a number from a number or a text.
    ToNumber(Box<Expr>),
    /// `int(x)`: a whole number from a number, cut toward zero, or from a text.
    ToWhole(Box<Expr>),
    /// `string(x)`.
    ToText(Box<Expr>),
}

/// A literal value.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// Any number.
    Number(f64),
    /// A text.
    Text(Arc<str>),
}

impl Literal {
    /// The literal as a value.
    pub fn value(&self) -> Value<'_> {
        match self {
            Literal::Null => Value::Null,
            Literal::Bool(value) => Value::Bool(*value),
            Literal::Number(value) => Value::Number(*value),
            Literal::Text(value) => Value::Text(value),
        }
    }
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
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
}

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
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

/// A test of a text by a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// `a.startsWith(b)`
    StartsWith,
    /// `a.endsWith(b)`
    EndsWith,
    /// `a.contains(b)`
    Contains,
}

/// A regular expression compiled at load; equal when its text is.
#[derive(Clone, Debug)]
pub struct Pattern(pub Arc<regex_lite::Regex>);

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// Which fact a condition counts: an index into the facts of its plan ([`crate::plan::Plan::facts`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactRef(pub u16);

/// Which score a condition or a threshold reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScoreRef {
    /// The clamped plan score: engagement and fit (S23); `None` is the plan that asks.
    Plan(Option<Arc<str>>),
    /// The engagement of the plan that asks.
    Engagement,
    /// The fit of the plan that asks.
    Fit,
    /// The global score (S24).
    Global,
    /// The score of a tag (S25).
    Tag(Arc<str>),
    /// The stage score (S26); `None` is the plan that asks.
    Stage(Option<Arc<str>>),
}

/// Which level a condition reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelRef {
    /// The plan, `None` for the plan that asks.
    pub plan: Option<Arc<str>>,
    /// The subject.
    pub subject: LevelSubject,
}

/// The subjects whose level a condition can read (S59).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LevelSubject {
    /// `qualify`: bool.
    Qualify,
    /// `stage`: text or null.
    Stage,
    /// `tag:x`: bool.
    Tag(Arc<str>),
    /// `band`: text.
    Band,
    /// `grade`: text or null.
    Grade,
    /// `route`: the owner, text or null.
    Route,
    /// `action:x`: how often it was counted, a number.
    Action(Arc<str>),
}

/// What a condition may look at. Implemented by the fold over the state just before the step, and the event of the step.
pub trait Scope {
    /// A property of the event; `None` when absent or when there is no event.
    fn event(&self, property: Name) -> Option<Value<'_>>;
    /// The type of the event.
    fn event_type(&self) -> Option<&str>;
    /// The present value of an attribute.
    fn attribute(&self, attribute: Name) -> Option<Value<'_>>;
    /// The contact's id.
    fn contact_id(&self) -> &str;
    /// Whether the contact carries a tag.
    fn has_tag(&self, tag: &str) -> bool;
    /// How many tags the contact carries.
    fn tag_count(&self) -> usize;
    /// How many events match a fact within the window that ends with this event (S12).
    fn count(&self, fact: FactRef, window: Span) -> u64;
    /// Whether any event ever matched a fact (S12).
    fn ever(&self, fact: FactRef) -> bool;
    /// A score in points, as a number.
    fn score(&self, score: &ScoreRef) -> f64;
    /// A level: a truth value, a text, or null.
    fn level(&self, level: &LevelRef) -> Value<'_>;
}

//! Evaluation of compiled conditions and computed points (S8, S9).
//!
//! Owns what an expression means; never looks at anything but the expression and its [`Scope`], never panics, and allocates only where a
//! text is made (`+` on texts, `lowerAscii`, `string`), so that a condition costs no allocation. What has no value is an [`EvalError`].
//!
//! Choices where CEL leaves room, all for values whose type is known only when an event comes (`dyn` in CEL):
//! - There is one kind of number, binary64. `int(x)` cuts toward zero and refuses what lies outside 64 bits; `%` has the sign of its left side.
//! - `==` and `!=` between different types are `false` and `true`, as in CEL; an absent field is an error on either side, not null.
//! - `<` and its kin compare two numbers, two texts (by code point) or two truth values; anything else is an error.
//! - Arithmetic whose result is not finite is an error at once, also inside a comparison: S9 counts infinity as no value.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::event::Value;
use crate::expr::{Arithmetic, Comparison, Expr, Literal, Scope, TextTest};
use crate::points::Points;

/// Why an expression has no value. A rule whose condition or points end so does not fire, and that is counted (S9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// A property of the event or an attribute of the contact is absent; guard it with `has()`.
    #[error("a field that the expression reads is absent")]
    MissingField,
    /// An operator or function met a value of another type than it works on.
    #[error("a value has another type than the expression needs")]
    WrongType,
    /// Division by zero, or a number that binary64 cannot hold.
    #[error("the calculation has no finite result")]
    NotFinite,
    /// A text that is no number was converted to one, or a number outside 64 bits to a whole one.
    #[error("the value cannot be converted to a number")]
    NotConvertible,
    /// The result is more than a million points either way.
    #[error("the result is outside -1000000..=1000000 points")]
    TooManyPoints,
}

impl EvalError {
    /// A word for it, as figures have it.
    pub fn as_str(self) -> &'static str {
        match self {
            EvalError::MissingField => "missing_field",
            EvalError::WrongType => "wrong_type",
            EvalError::NotFinite => "not_finite",
            EvalError::NotConvertible => "not_convertible",
            EvalError::TooManyPoints => "too_many_points",
        }
    }
}

/// What an expression evaluates to: a [`Value`] whose text may have been made on the way.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluated<'a> {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// A text.
    Text(Cow<'a, str>),
}

impl Evaluated<'_> {
    /// The result as a plain value, borrowed.
    pub fn value(&self) -> Value<'_> {
        match self {
            Evaluated::Null => Value::Null,
            Evaluated::Bool(value) => Value::Bool(*value),
            Evaluated::Number(value) => Value::Number(*value),
            Evaluated::Text(value) => Value::Text(value),
        }
    }
}

impl<'a> From<Value<'a>> for Evaluated<'a> {
    fn from(value: Value<'a>) -> Evaluated<'a> {
        match value {
            Value::Null => Evaluated::Null,
            Value::Bool(value) => Evaluated::Bool(value),
            Value::Number(value) => Evaluated::Number(value),
            Value::Text(value) => Evaluated::Text(Cow::Borrowed(value)),
        }
    }
}

type Outcome<T> = Result<T, EvalError>;

impl Expr {
    /// The value of the expression in a scope.
    pub fn eval<'a, S: Scope>(&'a self, scope: &'a S) -> Outcome<Evaluated<'a>> {
        match self {
            Expr::Literal(literal) => Ok(literal.value().into()),
            Expr::Event(property) => scope.event(*property).map(Evaluated::from).ok_or(EvalError::MissingField),
            Expr::EventType => scope.event_type().map(text).ok_or(EvalError::MissingField),
            Expr::Contact(name) => scope.attribute(*name).map(Evaluated::from).ok_or(EvalError::MissingField),
            Expr::ContactId => Ok(text(scope.contact_id())),
            Expr::TagCount => Ok(Evaluated::Number(scope.tag_count() as f64)),
            Expr::Count(fact, window) => Ok(Evaluated::Number(scope.count(*fact, *window) as f64)),
            Expr::Score(score) => finite(scope.score(score)),
            Expr::Level(level) => Ok(scope.level(level).into()),
            Expr::Negate(operand) => Ok(Evaluated::Number(-operand.eval_number(scope)?)),
            Expr::If(parts) => {
                let [condition, then, otherwise] = parts.as_ref();
                if condition.eval_bool(scope)? { then.eval(scope) } else { otherwise.eval(scope) }
            }
            Expr::Arithmetic(operator, operands) => {
                let [left, right] = operands.as_ref();
                calculate(*operator, left.eval(scope)?, right.eval(scope)?)
            }
            Expr::Size(operand) => match operand.eval(scope)? {
                Evaluated::Text(text) => Ok(Evaluated::Number(text.chars().count() as f64)),
                _ => Err(EvalError::WrongType),
            },
            Expr::Lower(operand) => match operand.eval(scope)? {
                Evaluated::Text(text) => Ok(Evaluated::Text(lower(text))),
                _ => Err(EvalError::WrongType),
            },
            Expr::ToNumber(operand) => to_number(&operand.eval(scope)?),
            Expr::ToWhole(operand) => to_whole(&operand.eval(scope)?),
            Expr::ToText(operand) => to_text(operand.eval(scope)?),
            // A list is only ever the right side of `in`; by itself it is no value that anything could take.
            Expr::List(_) => Err(EvalError::WrongType),
            Expr::HasEvent(_)
            | Expr::HasContact(_)
            | Expr::InTags(_)
            | Expr::Ever(_)
            | Expr::Not(_)
            | Expr::And(_)
            | Expr::Or(_)
            | Expr::Compare(..)
            | Expr::InList(..)
            | Expr::Text(..)
            | Expr::Matches(..) => self.eval_bool(scope).map(Evaluated::Bool),
        }
    }

    /// The truth value of the expression; anything else is an error.
    pub fn eval_bool<S: Scope>(&self, scope: &S) -> Outcome<bool> {
        match self {
            Expr::HasEvent(property) => Ok(scope.event(*property).is_some()),
            Expr::HasContact(name) => Ok(scope.attribute(*name).is_some()),
            Expr::InTags(tag) => match tag.eval(scope)? {
                Evaluated::Text(tag) => Ok(scope.has_tag(&tag)),
                _ => Ok(false),
            },
            Expr::Ever(fact) => Ok(scope.ever(*fact)),
            Expr::Not(operand) => Ok(!operand.eval_bool(scope)?),
            Expr::And(operands) => absorb(operands, scope, false),
            Expr::Or(operands) => absorb(operands, scope, true),
            Expr::Compare(operator, operands) => {
                let [left, right] = operands.as_ref();
                compare(*operator, &left.eval(scope)?, &right.eval(scope)?)
            }
            Expr::InList(operand, list) => {
                let value = operand.eval(scope)?;
                Ok(list.iter().any(|literal| equal(&value, literal)))
            }
            Expr::Text(test, operands) => {
                let [receiver, argument] = operands.as_ref();
                match (receiver.eval(scope)?, argument.eval(scope)?) {
                    (Evaluated::Text(receiver), Evaluated::Text(argument)) => Ok(match test {
                        TextTest::StartsWith => receiver.starts_with(&*argument),
                        TextTest::EndsWith => receiver.ends_with(&*argument),
                        TextTest::Contains => receiver.contains(&*argument),
                    }),
                    _ => Err(EvalError::WrongType),
                }
            }
            Expr::Matches(operand, pattern) => match operand.eval(scope)? {
                Evaluated::Text(text) => Ok(pattern.0.is_match(&text)),
                _ => Err(EvalError::WrongType),
            },
            _ => match self.eval(scope)? {
                Evaluated::Bool(value) => Ok(value),
                _ => Err(EvalError::WrongType),
            },
        }
    }

    /// The number that the expression is; anything else is an error.
    pub fn eval_number<S: Scope>(&self, scope: &S) -> Outcome<f64> {
        match self.eval(scope)? {
            Evaluated::Number(value) => Ok(value),
            _ => Err(EvalError::WrongType),
        }
    }

    /// The points that the expression is: `rnd(1000 r)` of an exact product, at most a million either way (S8, S9).
    pub fn eval_points<S: Scope>(&self, scope: &S) -> Outcome<Points> {
        Points::from_number(self.eval_number(scope)?).ok_or(EvalError::TooManyPoints)
    }
}

/// `&&` (decided by false) and `||` (decided by true): the deciding value wins over an error on either side, else the first error stands.
fn absorb<S: Scope>(operands: &[Expr], scope: &S, deciding: bool) -> Outcome<bool> {
    let mut first_error = None;
    for operand in operands {
        match operand.eval_bool(scope) {
            Ok(value) if value == deciding => return Ok(deciding),
            Ok(_) => {}
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    first_error.map_or(Ok(!deciding), Err)
}

fn text(text: &str) -> Evaluated<'_> {
    Evaluated::Text(Cow::Borrowed(text))
}

fn finite<'a>(number: f64) -> Outcome<Evaluated<'a>> {
    if number.is_finite() { Ok(Evaluated::Number(number)) } else { Err(EvalError::NotFinite) }
}

fn equal(value: &Evaluated<'_>, literal: &Literal) -> bool {
    value.value() == literal.value()
}

fn compare(operator: Comparison, left: &Evaluated<'_>, right: &Evaluated<'_>) -> Outcome<bool> {
    let (left, right) = (left.value(), right.value());
    let order = match (operator, left, right) {
        (Comparison::Equal, ..) => return Ok(left == right),
        (Comparison::NotEqual, ..) => return Ok(left != right),
        (_, Value::Number(left), Value::Number(right)) => left.partial_cmp(&right).ok_or(EvalError::NotFinite)?,
        (_, Value::Text(left), Value::Text(right)) => left.cmp(right),
        (_, Value::Bool(left), Value::Bool(right)) => left.cmp(&right),
        _ => return Err(EvalError::WrongType),
    };
    Ok(match operator {
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::GreaterOrEqual => order != Ordering::Less,
        Comparison::Equal => order == Ordering::Equal,
        Comparison::NotEqual => order != Ordering::Equal,
    })
}

fn calculate<'a>(operator: Arithmetic, left: Evaluated<'a>, right: Evaluated<'a>) -> Outcome<Evaluated<'a>> {
    match (operator, left, right) {
        (Arithmetic::Add, Evaluated::Text(left), Evaluated::Text(right)) => Ok(Evaluated::Text(left + right)),
        (_, Evaluated::Number(left), Evaluated::Number(right)) => finite(match operator {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            // Zero below gives NaN or an infinity, which `finite` refuses.
            Arithmetic::Divide => left / right,
            Arithmetic::Remainder => left % right,
        }),
        _ => Err(EvalError::WrongType),
    }
}

fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let mut owned = text.into_owned();
        owned.make_ascii_lowercase();
        return Cow::Owned(owned);
    }
    text
}

fn to_number<'a>(value: &Evaluated<'_>) -> Outcome<Evaluated<'a>> {
    match value {
        Evaluated::Number(number) => Ok(Evaluated::Number(*number)),
        // Rust also reads "inf" and "nan" as numbers; neither is a value here.
        Evaluated::Text(text) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Evaluated::Number(number)),
            _ => Err(EvalError::NotConvertible),
        },
        _ => Err(EvalError::WrongType),
    }
}

/// 2^63: `int(x)` of CEL is a 64-bit number.
const WHOLE_END: f64 = 9_223_372_036_854_775_808.0;

fn to_whole<'a>(value: &Evaluated<'_>) -> Outcome<Evaluated<'a>> {
    match value {
        Evaluated::Number(number) if (-WHOLE_END..WHOLE_END).contains(number) => Ok(Evaluated::Number(number.trunc())),
        Evaluated::Number(_) => Err(EvalError::NotConvertible),
        Evaluated::Text(text) => match text.parse::<i64>() {
            Ok(number) => Ok(Evaluated::Number(number as f64)),
            Err(_) => Err(EvalError::NotConvertible),
        },
        _ => Err(EvalError::WrongType),
    }
}

fn to_text(value: Evaluated<'_>) -> Outcome<Evaluated<'_>> {
    match value {
        Evaluated::Text(_) => Ok(value),
        // The shortest decimals that read back as the same number; whole numbers without a point.
        Evaluated::Number(number) => Ok(Evaluated::Text(Cow::Owned(number.to_string()))),
        Evaluated::Bool(value) => Ok(text(if value { "true" } else { "false" })),
        Evaluated::Null => Err(EvalError::WrongType),
    }
}

#[cfg(test)]
#[path = "eval_tests.rs"]
mod tests;

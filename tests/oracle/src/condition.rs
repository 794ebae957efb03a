//! Conditions and point expressions: CEL's syntax, evaluated by walking its tree with the numbers of clause S8 and the names of S59.
//!
//! Never reads a clock. Invariants: each number is a finite binary64; an error is absorbed by `&&` and `||` only; a construct that is
//! not supported is refused when the expression is read, so that evaluation errors are only those of clause S9.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, SelectExpr, operators};
use cel::parser::Parser;

use crate::event::Scalar;

/// A value of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Null: a level that nobody holds.
    Null,
    /// A boolean.
    Bool(bool),
    /// A finite binary64.
    Number(f64),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Value>),
}

impl From<&Scalar> for Value {
    fn from(scalar: &Scalar) -> Value {
        match scalar {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(*value),
            Scalar::Number(value) => Value::Number(*value),
            Scalar::Text(text) => Value::Text(text.clone()),
        }
    }
}

/// The expression has no value: missing field, division by zero, a number that is not finite, a type that does not fit (S9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoValue;

/// Why an expression cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ExpressionError {
    /// Not CEL.
    #[error("not an expression: {source_text}: {reason}")]
    Syntax {
        /// The expression.
        source_text: String,
        /// What the parser said.
        reason: String,
    },
    /// CEL, but not a construct that plans may use.
    #[error("unsupported in {source_text}: {construct}")]
    Unsupported {
        /// The expression.
        source_text: String,
        /// The construct.
        construct: String,
    },
}

/// What the names of an expression mean where it is evaluated (S59). None or an error: not available there.
pub trait Names {
    /// `contact.<field>`.
    fn contact(&self, field: &str) -> Option<Value>;
    /// `event.<field>`.
    fn event(&self, field: &str) -> Option<Value>;
    /// `ever(fact)`, `ever(type, prefix)`.
    fn ever(&self, fact: &str, prefix: Option<&str>) -> Result<bool, NoValue>;
    /// `count(fact, window)`, `count(type, prefix, window)`.
    fn count(&self, fact: &str, prefix: Option<&str>, window_ms: i64) -> Result<u32, NoValue>;
    /// `level(plan, subject)`.
    fn level(&self, plan: &str, subject: &str) -> Result<Value, NoValue>;
    /// `score(name)`, in points.
    fn score(&self, name: &str) -> Result<f64, NoValue>;
}

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    tree: IdedExpr,
}

impl Expression {
    /// Parses an expression and refuses constructs that plans may not use.
    pub fn parse(source: &str) -> Result<Expression, ExpressionError> {
        let tree = Parser::new()
            .parse(source)
            .map_err(|error| ExpressionError::Syntax { source_text: source.to_owned(), reason: error.to_string() })?;
        supported(&tree)
            .map_err(|construct| ExpressionError::Unsupported { source_text: source.to_owned(), construct })?;
        Ok(Expression { tree })
    }

    /// The value of the expression.
    pub fn value(&self, names: &dyn Names) -> Result<Value, NoValue> {
        evaluate(&self.tree, names)
    }

    /// Whether the condition holds; an error or another type than a boolean is false.
    pub fn holds(&self, names: &dyn Names) -> bool {
        self.value(names) == Ok(Value::Bool(true))
    }
}

/// Names the first construct of the tree that plans may not use.
fn supported(tree: &IdedExpr) -> Result<(), String> {
    match &tree.expr {
        Expr::Literal(LiteralValue::Bytes(_)) => Err("bytes".to_owned()),
        Expr::Literal(_) => Ok(()),
        Expr::List(list) => list.elements.iter().try_for_each(supported),
        Expr::Select(select) => match field_path(select) {
            Some((root, _)) if root == "event" || root == "contact" => Ok(()),
            Some((root, _)) => Err(format!("the name {root}")),
            None => Err("a field of an expression".to_owned()),
        },
        Expr::Call(call) => {
            let known = FUNCTIONS.contains(&call.func_name.as_str());
            if !known {
                return Err(call.func_name.clone());
            }
            call.target.as_deref().map_or(Ok(()), supported)?;
            call.args.iter().try_for_each(supported)
        }
        Expr::Ident(name) => Err(format!("the name {name}")),
        _ => Err("a macro, map or message".to_owned()),
    }
}

/// The operators and functions that an expression may use.
const FUNCTIONS: [&str; 25] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::IN,
    "size",
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "ever",
    "count",
    "level",
    "score",
];

/// `event.a.b` as ("event", "a.b"): nested fields are flattened with dots.
fn field_path(select: &SelectExpr) -> Option<(&str, String)> {
    match &select.operand.expr {
        Expr::Ident(root) => Some((root, select.field.clone())),
        Expr::Select(inner) if !inner.test => {
            let (root, path) = field_path(inner)?;
            Some((root, format!("{path}.{}", select.field)))
        }
        _ => None,
    }
}

fn evaluate(tree: &IdedExpr, names: &dyn Names) -> Result<Value, NoValue> {
    match &tree.expr {
        Expr::Literal(literal) => literal_value(literal),
        Expr::List(list) => {
            Ok(Value::List(list.elements.iter().map(|e| evaluate(e, names)).collect::<Result<_, _>>()?))
        }
        Expr::Select(select) => {
            let (root, field) = field_path(select).ok_or(NoValue)?;
            let value = if root == "event" { names.event(&field) } else { names.contact(&field) };
            let value = value.filter(|value| *value != Value::Null);
            if select.test { Ok(Value::Bool(value.is_some())) } else { value.ok_or(NoValue) }
        }
        Expr::Call(call) => evaluate_call(call, names),
        _ => Err(NoValue),
    }
}

fn literal_value(literal: &LiteralValue) -> Result<Value, NoValue> {
    Ok(match literal {
        LiteralValue::Boolean(value) => Value::Bool(*value.inner()),
        LiteralValue::Double(value) => finite(*value.inner())?,
        LiteralValue::Int(value) => Value::Number(*value.inner() as f64),
        LiteralValue::UInt(value) => Value::Number(*value.inner() as f64),
        LiteralValue::String(text) => Value::Text(text.inner().to_owned()),
        LiteralValue::Null => Value::Null,
        LiteralValue::Bytes(_) => return Err(NoValue),
    })
}

fn finite(number: f64) -> Result<Value, NoValue> {
    if number.is_finite() { Ok(Value::Number(number)) } else { Err(NoValue) }
}

fn evaluate_call(call: &CallExpr, names: &dyn Names) -> Result<Value, NoValue> {
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::LOGICAL_AND, operands) => decided_by(false, operands, names),
        (operators::LOGICAL_OR, operands) => decided_by(true, operands, names),
        (operators::CONDITIONAL, [condition, then, otherwise]) => match evaluate(condition, names)? {
            Value::Bool(true) => evaluate(then, names),
            Value::Bool(false) => evaluate(otherwise, names),
            _ => Err(NoValue),
        },
        (function, arguments) => {
            let target = call.target.as_deref();
            let values: Vec<Value> =
                target.into_iter().chain(arguments).map(|a| evaluate(a, names)).collect::<Result<_, _>>()?;
            apply(function, &values, names)
        }
    }
}

/// `&&` is decided by a false operand and `||` by a true one, whatever the other operands are; else an error stays an error (S9).
fn decided_by(decisive: bool, operands: &[IdedExpr], names: &dyn Names) -> Result<Value, NoValue> {
    let values: Vec<_> = operands.iter().map(|operand| evaluate(operand, names)).collect();
    if values.contains(&Ok(Value::Bool(decisive))) {
        return Ok(Value::Bool(decisive));
    }
    let all_plain = values.iter().all(|value| *value == Ok(Value::Bool(!decisive)));
    if all_plain { Ok(Value::Bool(!decisive)) } else { Err(NoValue) }
}

fn apply(function: &str, values: &[Value], names: &dyn Names) -> Result<Value, NoValue> {
    use Value::{Bool, List, Number, Text};
    match (function, values) {
        (operators::LOGICAL_NOT, [Bool(value)]) => Ok(Bool(!value)),
        (operators::NEGATE, [Number(value)]) => finite(-value),
        (operators::ADD, [Number(left), Number(right)]) => finite(left + right),
        (operators::ADD, [Text(left), Text(right)]) => Ok(Text(format!("{left}{right}"))),
        (operators::ADD, [List(left), List(right)]) => Ok(List([&left[..], &right[..]].concat())),
        (operators::SUBSTRACT, [Number(left), Number(right)]) => finite(left - right),
        (operators::MULTIPLY, [Number(left), Number(right)]) => finite(left * right),
        // x/0 is NaN or an infinity, and so an error.
        (operators::DIVIDE, [Number(left), Number(right)]) => finite(left / right),
        (operators::EQUALS, [left, right]) => Ok(Bool(left == right)),
        (operators::NOT_EQUALS, [left, right]) => Ok(Bool(left != right)),
        (operators::LESS, [left, right]) => Ok(Bool(compare(left, right)?.is_lt())),
        (operators::LESS_EQUALS, [left, right]) => Ok(Bool(compare(left, right)?.is_le())),
        (operators::GREATER, [left, right]) => Ok(Bool(compare(left, right)?.is_gt())),
        (operators::GREATER_EQUALS, [left, right]) => Ok(Bool(compare(left, right)?.is_ge())),
        (operators::IN, [value, List(list)]) => Ok(Bool(list.contains(value))),
        ("size", [Text(text)]) => finite(text.chars().count() as f64),
        ("size", [List(list)]) => finite(list.len() as f64),
        ("startsWith", [Text(text), Text(part)]) => Ok(Bool(text.starts_with(part))),
        ("endsWith", [Text(text), Text(part)]) => Ok(Bool(text.ends_with(part))),
        ("contains", [Text(text), Text(part)]) => Ok(Bool(text.contains(part))),
        ("matches", [Text(text), Text(pattern)]) => {
            Ok(Bool(regex::Regex::new(pattern).map_err(|_| NoValue)?.is_match(text)))
        }
        _ => apply_own(function, values, names),
    }
}

/// Leadstream's own functions.
fn apply_own(function: &str, values: &[Value], names: &dyn Names) -> Result<Value, NoValue> {
    use Value::{Bool, Text};
    match (function, values) {
        ("ever", [Text(fact)]) => names.ever(fact, None).map(Bool),
        ("ever", [Text(fact), Text(prefix)]) => names.ever(fact, Some(prefix)).map(Bool),
        ("count", [Text(fact), Text(window)]) => {
            let window_ms = crate::calendar::parse_duration(window).ok_or(NoValue)?;
            names.count(fact, None, window_ms).map(|count| Value::Number(f64::from(count)))
        }
        ("count", [Text(fact), Text(prefix), Text(window)]) => {
            let window_ms = crate::calendar::parse_duration(window).ok_or(NoValue)?;
            names.count(fact, Some(prefix), window_ms).map(|count| Value::Number(f64::from(count)))
        }
        ("level", [Text(plan), Text(subject)]) => names.level(plan, subject),
        ("score", [Text(name)]) => finite(names.score(name)?),
        _ => Err(NoValue),
    }
}

fn compare(left: &Value, right: &Value) -> Result<std::cmp::Ordering, NoValue> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.partial_cmp(right).ok_or(NoValue),
        (Value::Text(left), Value::Text(right)) => Ok(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Ok(left.cmp(right)),
        _ => Err(NoValue),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event with `value` 250 and `name` "a", a contact with `age` 30; one fact of type "x"; level and score of everything fixed.
    struct Fixture;

    impl Names for Fixture {
        fn contact(&self, field: &str) -> Option<Value> {
            (field == "age" || field == "address.number").then_some(Value::Number(30.0))
        }
        fn event(&self, field: &str) -> Option<Value> {
            match field {
                "value" => Some(Value::Number(250.0)),
                "name" => Some(Value::Text("a".into())),
                _ => None,
            }
        }
        fn ever(&self, fact: &str, _: Option<&str>) -> Result<bool, NoValue> {
            Ok(fact == "x")
        }
        fn count(&self, fact: &str, _: Option<&str>, window_ms: i64) -> Result<u32, NoValue> {
            Ok(u32::from(fact == "x" && window_ms == 7 * 86_400_000))
        }
        fn level(&self, _: &str, subject: &str) -> Result<Value, NoValue> {
            if subject == "stage" { Ok(Value::Null) } else { Err(NoValue) }
        }
        fn score(&self, _: &str) -> Result<f64, NoValue> {
            Ok(1.5)
        }
    }

    fn value(source: &str) -> Result<Value, NoValue> {
        Expression::parse(source).unwrap().value(&Fixture)
    }

    fn holds(source: &str) -> bool {
        Expression::parse(source).unwrap().holds(&Fixture)
    }

    #[test]
    fn s8_every_number_is_binary64() {
        assert_eq!(value("event.value / 100"), Ok(Value::Number(2.5)));
        assert_eq!(value("250 / 100"), Ok(Value::Number(2.5)));
        assert_eq!(value("-7 / 2"), Ok(Value::Number(-3.5)));
        assert!(holds("1 == 1.0 && 30 <= contact.age && contact.age in [30, 31]"));
        assert_eq!(value("9007199254740993 - 9007199254740992"), Ok(Value::Number(0.0)));
    }

    #[test]
    fn s9_missing_fields_division_by_zero_and_wrong_types_have_no_value() {
        for source in
            ["event.missing", "1 / 0", "0 / 0", "1e308 * 10", "event.name + 1", "event.name < 1", "!event.value"]
        {
            assert_eq!(value(source), Err(NoValue), "{source}");
        }
        assert!(!holds("event.value")); // a number is no condition
    }

    #[test]
    fn s9_and_and_or_absorb_errors_from_either_side() {
        assert_eq!(value("false && event.missing > 1"), Ok(Value::Bool(false)));
        assert_eq!(value("event.missing > 1 && false"), Ok(Value::Bool(false)));
        assert_eq!(value("event.missing > 1 || true"), Ok(Value::Bool(true)));
        assert_eq!(value("event.missing > 1 || false"), Err(NoValue));
        assert_eq!(value("true && event.missing > 1"), Err(NoValue));
        assert_eq!(value("event.missing > 1 ? 1 : 2"), Err(NoValue));
        assert_eq!(value("event.missing > 1 || event.other > 1 || true"), Ok(Value::Bool(true)));
    }

    #[test]
    fn s2_has_is_false_for_an_absent_field_and_no_error() {
        assert!(holds("!has(event.phone) && has(event.value) && has(contact.age)"));
        assert!(holds("has(contact.address.number) && !has(contact.address.street)"));
    }

    #[test]
    fn s59_own_functions_take_facts_windows_levels_and_scores() {
        assert!(holds("ever(\"x\") && !ever(\"y\") && count(\"x\", \"7d\") == 1 && count(\"x\", \"1d\") == 0"));
        assert!(holds("level(\"\", \"stage\") == null && score(\"global\") == 1.5"));
        assert_eq!(value("level(\"\", \"unknown\")"), Err(NoValue));
        assert!(holds("event.name.startsWith(\"a\") && \"abc\".matches(\"^a.c$\") && size(\"é\") == 1"));
    }

    #[test]
    fn constructs_that_plans_may_not_use_are_refused_when_read() {
        for source in ["now()", "foo", "foo.bar", "[1].all(x, x > 0)", "{\"a\": 1}", "b\"x\"", "1 % 2", "1 +"] {
            assert!(Expression::parse(source).is_err(), "{source}");
        }
    }
}

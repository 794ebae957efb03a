//! Expressions of a mapping: CEL over one record.
//!
//! Most are nothing but a field (`record.user.id`) or a constant, and those are walked directly; only the others go through the
//! interpreter of the `cel` crate. All numbers of a record are binary64, and so is a whole number that stands in arithmetic or a comparison:
//! `record.price * 2` means what it says (S8). What is wrong with an expression is told by [`check_expression`], before any record is there.

mod check;
#[cfg(test)]
mod check_tests;
mod failure;
mod kinds;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr, LiteralValue, operators};
use cel::objects::Key;
use cel::{Context, ExecutionError, IdedExpr, Program, Value as Cel};
use serde_json::{Number, Value as Tree};

pub use check::{Purpose, check_expression};

use crate::record::InputRecord;
use crate::scalar::{EXACT_MAX, Scalar};

/// The names that expressions can use.
const INPUTS: [&str; 4] = ["record", "key", "topic", "line"];

/// The input that a misspelt name was probably meant to be.
fn closest_input(name: &str) -> Option<&'static str> {
    INPUTS.into_iter().find(|input| is_near(&name.to_lowercase(), input))
}

/// Whether one word may be a misspelling of the other.
fn is_near(word: &str, known: &str) -> bool {
    strsim::damerau_levenshtein(word, known) <= (known.len() / 3).max(1)
}

/// What expressions can name.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    /// `record`: the record's value.
    pub(crate) record: &'a Tree,
    /// `key`: the record's key as text.
    pub(crate) key: Option<&'a str>,
    /// `topic`.
    pub(crate) topic: &'a str,
    /// `line`: the line of the file.
    pub(crate) line: Option<u64>,
}

impl<'a> Inputs<'a> {
    /// What a record says about itself; its value has still to be given. A key that is no text is none.
    pub(crate) fn of(record: &InputRecord<'a>) -> Inputs<'a> {
        let key = record.key.and_then(|key| std::str::from_utf8(key).ok());
        Inputs { record: &Tree::Null, key, topic: record.topic, line: record.line }
    }
}

/// What came of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome<'a> {
    /// A value; an object or array is [`Scalar::Composite`].
    Value(Scalar<'a>),
    /// The record lacks a field that the expression names.
    Missing,
    /// Anything else, in words.
    Failed(String),
}

/// A compiled expression.
pub(crate) struct Expression(Form);

enum Form {
    /// `record.a.b`, `record["a"].b`.
    Path(Vec<String>),
    Constant(Scalar<'static>),
    Cel {
        expression: Box<IdedExpr>,
        context: Context<'static, 'static>,
        names: Names,
        /// The fields of the record that it names; none where it may name any.
        fields: Option<Vec<String>>,
    },
}

/// Which of the inputs an expression names, so that no other is copied for it.
#[derive(Clone, Copy, Default)]
struct Names {
    record: bool,
    key: bool,
    topic: bool,
    line: bool,
}

impl Expression {
    /// Compiles an expression; the error says what is wrong with its text.
    pub(crate) fn compile(text: &str) -> Result<Expression, String> {
        let program = Program::compile(text).map_err(|error| error.to_string())?;
        let mut names = Names::default();
        note_names(program.expression(), &mut Vec::new(), &mut names)?;
        let mut expression = program.expression().clone();
        if let Some(path) = path_of(&expression.expr) {
            return Ok(Expression(Form::Path(path)));
        }
        if let Some(constant) = constant_of(&expression.expr) {
            return Ok(Expression(Form::Constant(constant)));
        }
        make_numbers_binary64(&mut expression);
        let mut fields = Vec::new();
        let fields = names_only_fields(&expression, &mut fields).then_some(fields);
        Ok(Expression(Form::Cel { expression: Box::new(expression), context: Context::default(), names, fields }))
    }

    /// Evaluates over a record.
    pub(crate) fn evaluate<'a>(&'a self, inputs: &Inputs<'a>) -> Outcome<'a> {
        match &self.0 {
            Form::Path(path) => match path.iter().try_fold(inputs.record, |tree, name| tree.get(name)) {
                Some(tree) => Outcome::Value(scalar_of_tree(tree)),
                None => Outcome::Missing,
            },
            Form::Constant(constant) => Outcome::Value(constant.clone()),
            Form::Cel { expression, context, names, fields } => {
                let mut scope = context.new_inner_scope();
                if names.record {
                    scope.add_variable_from_value("record", cel_of_fields(inputs.record, fields.as_deref()));
                }
                if names.key {
                    scope.add_variable_from_value("key", inputs.key.map_or(Cel::Null, cel_text));
                }
                if names.topic {
                    scope.add_variable_from_value("topic", cel_text(inputs.topic));
                }
                if names.line {
                    scope
                        .add_variable_from_value("line", inputs.line.map_or(Cel::Null, |line| Cel::Float(line as f64)));
                }
                match Cel::resolve(expression, &scope) {
                    Ok(value) => Outcome::Value(scalar_of_cel(value)),
                    Err(ExecutionError::NoSuchKey(_)) => Outcome::Missing,
                    Err(error) => Outcome::Failed(failure::in_words(&error)),
                }
            }
        }
    }

    /// The tree that a path leads to; none for any other expression.
    pub(crate) fn tree<'a>(&self, record: &'a Tree) -> Option<&'a Tree> {
        match &self.0 {
            Form::Path(path) => path.iter().try_fold(record, |tree, name| tree.get(name)),
            _ => None,
        }
    }
}

fn path_of(expression: &Expr) -> Option<Vec<String>> {
    match expression {
        Expr::Ident(name) if name == "record" => Some(Vec::new()),
        Expr::Select(select) if !select.test => {
            let mut path = path_of(&select.operand.expr)?;
            path.push(select.field.clone());
            Some(path)
        }
        Expr::Call(call) if call.func_name == operators::INDEX && call.target.is_none() && call.args.len() == 2 => {
            let Expr::Literal(LiteralValue::String(name)) = &call.args[1].expr else { return None };
            let mut path = path_of(&call.args[0].expr)?;
            path.push(name.inner().to_owned());
            Some(path)
        }
        _ => None,
    }
}

fn constant_of(expression: &Expr) -> Option<Scalar<'static>> {
    let Expr::Literal(literal) = expression else { return None };
    Some(match literal {
        LiteralValue::String(text) => Scalar::Text(Cow::Owned(text.inner().to_owned())),
        LiteralValue::Boolean(value) => Scalar::Bool(*value.inner()),
        LiteralValue::Double(value) => Scalar::Number(*value.inner()),
        LiteralValue::Int(value) => Scalar::Integer(*value.inner()),
        LiteralValue::UInt(value) => Scalar::Large(*value.inner()),
        LiteralValue::Null => Scalar::Absent,
        LiteralValue::Bytes(_) => Scalar::Composite,
    })
}

/// Operators whose whole-number operands become binary64.
const ARITHMETIC: &[&str] = &[
    operators::ADD,
    operators::SUBSTRACT,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::LESS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
    operators::EQUALS,
    operators::NOT_EQUALS,
];

fn make_numbers_binary64(expression: &mut IdedExpr) {
    match &mut expression.expr {
        Expr::Call(call) => {
            let is_arithmetic = ARITHMETIC.contains(&call.func_name.as_str());
            for argument in call.target.iter_mut().map(|target| &mut **target).chain(&mut call.args) {
                match &argument.expr {
                    Expr::Literal(LiteralValue::Int(number)) if is_arithmetic => {
                        argument.expr = Expr::Literal(LiteralValue::Double((*number.inner() as f64).into()));
                    }
                    _ => make_numbers_binary64(argument),
                }
            }
        }
        Expr::Select(select) => make_numbers_binary64(&mut select.operand),
        Expr::List(list) => list.elements.iter_mut().for_each(make_numbers_binary64),
        Expr::Comprehension(comprehension) => {
            make_numbers_binary64(&mut comprehension.iter_range);
            make_numbers_binary64(&mut comprehension.loop_step);
            make_numbers_binary64(&mut comprehension.result);
        }
        _ => {}
    }
}

pub(crate) fn scalar_of_tree(tree: &Tree) -> Scalar<'_> {
    match tree {
        Tree::Null => Scalar::Absent,
        Tree::Bool(value) => Scalar::Bool(*value),
        Tree::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Scalar::Integer(number),
            (None, Some(number)) => Scalar::Large(number),
            (None, None) => Scalar::Number(number.as_f64().unwrap_or(f64::NAN)),
        },
        Tree::String(text) => Scalar::Text(Cow::Borrowed(text)),
        Tree::Array(_) | Tree::Object(_) => Scalar::Composite,
    }
}

fn cel_text(text: &str) -> Cel {
    Cel::String(Arc::new(text.to_owned()))
}

/// Notes which inputs an expression names; the error tells a name that is none. What a macro such as `exists` binds is no input.
fn note_names<'e>(expression: &'e IdedExpr, bound: &mut Vec<&'e str>, names: &mut Names) -> Result<(), String> {
    match &expression.expr {
        Expr::Ident(name) if bound.contains(&name.as_str()) => Ok(()),
        Expr::Ident(name) => {
            match name.as_str() {
                "record" => names.record = true,
                "key" => names.key = true,
                "topic" => names.topic = true,
                "line" => names.line = true,
                other => {
                    return Err(format!(
                        "`{other}` is not known here; an expression can name record, key, topic and line"
                    ));
                }
            }
            Ok(())
        }
        Expr::Select(select) => note_names(&select.operand, bound, names),
        Expr::Call(call) => {
            let mut parts = call.target.iter().map(|target| &**target).chain(&call.args);
            parts.try_for_each(|part| note_names(part, bound, names))
        }
        Expr::List(list) => list.elements.iter().try_for_each(|element| note_names(element, bound, names)),
        Expr::Comprehension(comprehension) => {
            note_names(&comprehension.iter_range, bound, names)?;
            note_names(&comprehension.accu_init, bound, names)?;
            let outer = bound.len();
            bound.extend([comprehension.iter_var.as_str(), comprehension.accu_var.as_str()]);
            bound.extend(comprehension.iter_var2.as_deref());
            for part in [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result] {
                note_names(part, bound, names)?;
            }
            bound.truncate(outer);
            Ok(())
        }
        Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => {
                note_names(&entry.key, bound, names)?;
                note_names(&entry.value, bound, names)
            }
            EntryExpr::StructField(field) => note_names(&field.value, bound, names),
        }),
        Expr::Literal(_) => Ok(()),
        Expr::Struct(_) | Expr::Unspecified => Err("an expression cannot build messages".to_owned()),
    }
}

/// Whether an expression names the record only by fields of it; collects them. What is not named is not copied for the interpreter.
fn names_only_fields(expression: &IdedExpr, fields: &mut Vec<String>) -> bool {
    match &expression.expr {
        Expr::Ident(name) => name != "record",
        Expr::Select(select) => match &select.operand.expr {
            Expr::Ident(name) if name == "record" => {
                fields.push(select.field.clone());
                true
            }
            _ => names_only_fields(&select.operand, fields),
        },
        Expr::Call(call) => {
            call.target.iter().map(|target| &**target).chain(&call.args).all(|part| names_only_fields(part, fields))
        }
        Expr::List(list) => list.elements.iter().all(|element| names_only_fields(element, fields)),
        Expr::Literal(_) => true,
        _ => false,
    }
}

fn cel_of_fields(record: &Tree, fields: Option<&[String]>) -> Cel {
    match (record, fields) {
        (Tree::Object(members), Some(fields)) => {
            let named = fields.iter().filter_map(|name| Some((name, members.get(name)?)));
            let named: HashMap<Key, Cel> =
                named.map(|(name, tree)| (Key::String(Arc::new(name.clone())), cel_of_tree(tree))).collect();
            Cel::Map(named.into())
        }
        _ => cel_of_tree(record),
    }
}

fn cel_of_tree(tree: &Tree) -> Cel {
    match tree {
        Tree::Null => Cel::Null,
        Tree::Bool(value) => Cel::Bool(*value),
        Tree::Number(number) => cel_of_number(number),
        Tree::String(text) => cel_text(text),
        Tree::Array(items) => Cel::List(Arc::new(items.iter().map(cel_of_tree).collect())),
        Tree::Object(members) => {
            let members: HashMap<Key, Cel> =
                members.iter().map(|(name, tree)| (Key::String(Arc::new(name.clone())), cel_of_tree(tree))).collect();
            Cel::Map(members.into())
        }
    }
}

/// Numbers are binary64 (S8). A whole number that is none stays what it is: as an id it keeps all its digits, and arithmetic refuses it.
fn cel_of_number(number: &Number) -> Cel {
    match (number.as_i64(), number.as_u64()) {
        (Some(whole), _) if whole.unsigned_abs() > EXACT_MAX => Cel::Int(whole),
        (None, Some(whole)) => Cel::UInt(whole),
        _ => Cel::Float(number.as_f64().unwrap_or(f64::NAN)),
    }
}

fn scalar_of_cel(value: Cel) -> Scalar<'static> {
    match value {
        Cel::Null => Scalar::Absent,
        Cel::Bool(value) => Scalar::Bool(value),
        Cel::Int(number) => Scalar::Integer(number),
        Cel::UInt(number) => i64::try_from(number).map_or(Scalar::Large(number), Scalar::Integer),
        Cel::Float(number) => Scalar::Number(number),
        Cel::String(text) => Scalar::Text(Cow::Owned(Arc::unwrap_or_clone(text))),
        _ => Scalar::Composite,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn evaluate(text: &str, record: &Tree) -> Outcome<'static> {
        let expression = Expression::compile(text).unwrap();
        match expression.evaluate(&Inputs { record, key: Some("k"), topic: "t", line: Some(7) }) {
            Outcome::Value(Scalar::Text(text)) => Outcome::Value(Scalar::Text(Cow::Owned(text.into_owned()))),
            Outcome::Value(Scalar::Integer(number)) => Outcome::Value(Scalar::Integer(number)),
            Outcome::Value(Scalar::Number(number)) => Outcome::Value(Scalar::Number(number)),
            Outcome::Value(Scalar::Bool(value)) => Outcome::Value(Scalar::Bool(value)),
            Outcome::Value(Scalar::Absent) => Outcome::Value(Scalar::Absent),
            Outcome::Value(_) => Outcome::Value(Scalar::Composite),
            Outcome::Missing => Outcome::Missing,
            Outcome::Failed(reason) => Outcome::Failed(reason),
        }
    }

    fn text(text: &str) -> Outcome<'static> {
        Outcome::Value(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    #[test]
    fn fields_are_walked_and_the_rest_is_interpreted() {
        let record = json!({"user": {"id": "u1", "the name": "Ana"}, "price": 19.5, "quantity": 3, "code": "C12"});
        assert_eq!(evaluate("record.user.id", &record), text("u1"));
        assert_eq!(evaluate("record.user['the name']", &record), text("Ana"));
        assert_eq!(evaluate("record.user", &record), Outcome::Value(Scalar::Composite));
        assert_eq!(evaluate("'page_viewed'", &record), text("page_viewed"));
        assert_eq!(evaluate("record.price * record.quantity", &record), Outcome::Value(Scalar::Number(58.5)));
        assert_eq!(evaluate("record.quantity * 2 - 1", &record), Outcome::Value(Scalar::Number(5.0)));
        assert_eq!(evaluate("record.quantity > 2", &record), Outcome::Value(Scalar::Bool(true)));
        assert_eq!(evaluate("record.code.startsWith('C') ? 'cancelled' : 'ordered'", &record), text("cancelled"));
        assert_eq!(evaluate("'x' + key + topic", &record), text("xkt"));
        assert_eq!(evaluate("line", &record), Outcome::Value(Scalar::Number(7.0)));
        assert_eq!(evaluate("[1, 2][1]", &record), Outcome::Value(Scalar::Integer(2)));
        assert_eq!(evaluate("has(record.user.phone)", &record), Outcome::Value(Scalar::Bool(false)));
        assert_eq!(evaluate("size(record)", &record), Outcome::Value(Scalar::Integer(4)));
        assert_eq!(evaluate("record['quantity'] + 1", &record), Outcome::Value(Scalar::Number(4.0)));
        assert_eq!(
            evaluate("[3, 4].exists(n, double(n) == record.quantity)", &record),
            Outcome::Value(Scalar::Bool(true))
        );
        assert_eq!(evaluate("double('2.5') * record.quantity", &record), Outcome::Value(Scalar::Number(7.5)));
    }

    #[test]
    fn a_missing_field_is_told_from_a_failure() {
        let record = json!({"user": "u1"});
        assert_eq!(evaluate("record.person", &record), Outcome::Missing);
        assert_eq!(evaluate("record.user.id.x", &record), Outcome::Missing);
        assert_eq!(evaluate("record.person + 'x'", &record), Outcome::Missing);
        assert!(matches!(evaluate("double(record.user)", &record), Outcome::Failed(_)));
    }

    #[test]
    fn a_whole_number_that_no_binary64_holds_keeps_its_digits_or_is_refused() {
        let record = json!({"id": 1_234_567_890_123_456_789_u64, "large": u64::MAX, "least": i64::MIN, "exact": 9_007_199_254_740_992_u64});
        assert_eq!(evaluate("'c' + string(record.id)", &record), text("c1234567890123456789"));
        assert_eq!(evaluate("string(record.large)", &record), text("18446744073709551615"));
        assert_eq!(evaluate("string(record.least)", &record), text("-9223372036854775808"));
        assert_eq!(evaluate("string(record.exact)", &record), text("9007199254740992"));
        assert!(matches!(evaluate("record.id * 2", &record), Outcome::Failed(_)));
    }

    #[test]
    fn why_an_expression_failed_never_quotes_the_record() {
        let record = json!({"mail": "secret@x.example", "n": 4711, "list": ["secret"], "none": null});
        let failing = [
            "record.mail + record.n",
            "record.mail < record.n",
            "double(record.mail)",
            "int(record.mail)",
            "record.mail.mail",
            "record.list[record.mail]",
            "record.list[4711]",
            "record.mail.size().startsWith(record.mail)",
            "record.n.startsWith(record.mail)",
            "record.mail.matches(record.mail + '(')",
            "timestamp(record.mail)",
            "record.n / 0 > 'x'",
            "-record.mail",
        ];
        for expression in failing {
            match evaluate(expression, &record) {
                Outcome::Failed(reason) => {
                    assert!(!reason.contains("secret") && !reason.contains("4711"), "{expression}: {reason}");
                    assert!(!reason.is_empty());
                }
                Outcome::Missing => {}
                Outcome::Value(value) => panic!("{expression} gives {value:?}"),
            }
        }
    }

    #[test]
    fn mistakes_in_an_expression_are_told_when_it_is_compiled() {
        let mistake = |text: &str| Expression::compile(text).err().unwrap();
        assert!(mistake("event.id").contains("`event` is not known here"), "{}", mistake("event.id"));
        assert!(!mistake("record.").is_empty());
        assert!(!mistake("").is_empty());
    }
}

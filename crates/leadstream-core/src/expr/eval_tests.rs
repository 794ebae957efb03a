//! Tests of evaluation: one table of expressions per law, over a scope with known contents.

use std::sync::Arc;

use super::*;
use crate::event::Properties;
use crate::expr::{FactRef, LevelRef, LevelSubject, Pattern, ScoreRef};
use crate::id::Name;
use crate::time::Span;

struct Known {
    event: Properties,
    contact: Properties,
}

impl Scope for Known {
    fn event(&self, property: Name) -> Option<Value<'_>> {
        self.event.get(property)
    }
    fn event_type(&self) -> Option<&str> {
        Some("page_viewed")
    }
    fn attribute(&self, attribute: Name) -> Option<Value<'_>> {
        self.contact.get(attribute)
    }
    fn contact_id(&self) -> &str {
        "c1"
    }
    fn has_tag(&self, tag: &str) -> bool {
        tag == "vip"
    }
    fn tag_count(&self) -> usize {
        1
    }
    fn count(&self, fact: FactRef, _: Span) -> u64 {
        u64::from(fact.0)
    }
    fn ever(&self, fact: FactRef) -> bool {
        fact.0 > 0
    }
    fn score(&self, score: &ScoreRef) -> f64 {
        if *score == ScoreRef::Global { 12.5 } else { 0.0 }
    }
    fn level(&self, level: &LevelRef) -> Value<'_> {
        if level.subject == LevelSubject::Stage { Value::Text("lead") } else { Value::Bool(true) }
    }
}

fn scope() -> Known {
    let mut known = Known { event: Properties::new(), contact: Properties::new() };
    known.event.set("value", Value::Number(250.0));
    known.event.set("path", Value::Text("/shoes/Red"));
    known.event.set("amount", Value::Text("12.7"));
    known.contact.set("age", Value::Number(30.0));
    known.contact.set("consent", Value::Bool(true));
    known
}

fn number(value: f64) -> Expr {
    Expr::Literal(Literal::Number(value))
}
fn literal(value: &str) -> Expr {
    Expr::Literal(Literal::Text(Arc::from(value)))
}
fn truth(value: bool) -> Expr {
    Expr::Literal(Literal::Bool(value))
}
fn event(name: &str) -> Expr {
    Expr::Event(Name::of(name))
}
fn pair(left: Expr, right: Expr) -> Box<[Expr; 2]> {
    Box::new([left, right])
}
fn compare_as(operator: Comparison, left: Expr, right: Expr) -> Expr {
    Expr::Compare(operator, pair(left, right))
}
fn calculate_as(operator: Arithmetic, left: Expr, right: Expr) -> Expr {
    Expr::Arithmetic(operator, pair(left, right))
}
fn missing() -> Expr {
    event("absent")
}

#[track_caller]
fn check(expression: &Expr, expected: Result<Value<'_>, EvalError>) {
    let scope = scope();
    let found = expression.eval(&scope);
    assert_eq!(found.as_ref().map(Evaluated::value).map_err(|error| *error), expected, "{expression:?}");
}

#[test]
fn numbers_are_binary64_and_division_keeps_fractions_s8() {
    check(&calculate_as(Arithmetic::Divide, event("value"), number(100.0)), Ok(Value::Number(2.5)));
    check(&calculate_as(Arithmetic::Remainder, number(-7.0), number(4.0)), Ok(Value::Number(-3.0)));
    check(&Expr::Negate(Box::new(event("value"))), Ok(Value::Number(-250.0)));
}

#[test]
fn what_is_not_finite_is_an_error_also_inside_a_comparison_s9() {
    let overflow = calculate_as(Arithmetic::Multiply, number(1e308), number(10.0));
    for expression in [
        calculate_as(Arithmetic::Divide, number(1.0), number(0.0)),
        calculate_as(Arithmetic::Divide, number(0.0), number(0.0)),
        calculate_as(Arithmetic::Remainder, number(1.0), number(0.0)),
        compare_as(Comparison::Greater, overflow, number(5.0)),
    ] {
        check(&expression, Err(EvalError::NotFinite));
    }
}

#[test]
fn and_and_or_absorb_errors_on_either_side_s9() {
    let and = |operands: [Expr; 2]| Expr::And(Arc::from(operands));
    let or = |operands: [Expr; 2]| Expr::Or(Arc::from(operands));
    check(&and([missing(), truth(false)]), Ok(Value::Bool(false)));
    check(&and([truth(false), missing()]), Ok(Value::Bool(false)));
    check(&and([missing(), truth(true)]), Err(EvalError::MissingField));
    check(&or([missing(), truth(true)]), Ok(Value::Bool(true)));
    check(&or([truth(false), missing()]), Err(EvalError::MissingField));
    check(&or([number(1.0), truth(false)]), Err(EvalError::WrongType));
    check(&or([truth(false), truth(false)]), Ok(Value::Bool(false)));
}

#[test]
fn has_is_false_for_what_is_absent_and_reading_it_is_an_error_s2_s9() {
    check(&Expr::HasEvent(Name::of("absent")), Ok(Value::Bool(false)));
    check(&Expr::HasEvent(Name::of("value")), Ok(Value::Bool(true)));
    check(&Expr::HasContact(Name::of("city")), Ok(Value::Bool(false)));
    check(&Expr::Contact(Name::of("city")), Err(EvalError::MissingField));
    check(&compare_as(Comparison::NotEqual, missing(), number(1.0)), Err(EvalError::MissingField));
}

#[test]
fn different_types_are_unequal_and_have_no_order() {
    check(&compare_as(Comparison::Equal, event("value"), literal("250")), Ok(Value::Bool(false)));
    check(&compare_as(Comparison::NotEqual, event("value"), literal("250")), Ok(Value::Bool(true)));
    check(&compare_as(Comparison::Less, event("value"), literal("250")), Err(EvalError::WrongType));
    check(&compare_as(Comparison::Less, literal("Zoo"), literal("ape")), Ok(Value::Bool(true)));
    check(&compare_as(Comparison::GreaterOrEqual, Expr::Contact(Name::of("age")), number(30.0)), Ok(Value::Bool(true)));
}

#[test]
fn lists_and_tags_hold_what_equals() {
    let cities: Arc<[Literal]> = Arc::from([Literal::Number(250.0), Literal::Text(Arc::from("x"))]);
    check(&Expr::InList(Box::new(event("value")), cities.clone()), Ok(Value::Bool(true)));
    check(&Expr::InList(Box::new(event("path")), cities.clone()), Ok(Value::Bool(false)));
    check(&Expr::InList(Box::new(missing()), cities), Err(EvalError::MissingField));
    check(&Expr::InTags(Box::new(literal("vip"))), Ok(Value::Bool(true)));
    check(&Expr::InTags(Box::new(number(1.0))), Ok(Value::Bool(false)));
    check(&Expr::List(Arc::from([Literal::Null])), Err(EvalError::WrongType));
}

#[test]
fn texts_are_tested_joined_and_converted() {
    let test = |test, argument| Expr::Text(test, pair(event("path"), literal(argument)));
    check(&test(TextTest::StartsWith, "/shoes/"), Ok(Value::Bool(true)));
    check(&test(TextTest::EndsWith, "red"), Ok(Value::Bool(false)));
    check(&test(TextTest::Contains, "oes/R"), Ok(Value::Bool(true)));
    check(&Expr::Text(TextTest::Contains, pair(event("value"), literal("2"))), Err(EvalError::WrongType));
    let pattern = Pattern(Arc::new(regex_lite::Regex::new("R.d$").unwrap()));
    check(&Expr::Matches(Box::new(event("path")), pattern), Ok(Value::Bool(true)));
    check(&Expr::Lower(Box::new(event("path"))), Ok(Value::Text("/shoes/red")));
    check(&Expr::Size(Box::new(literal("Kraków"))), Ok(Value::Number(6.0)));
    check(&calculate_as(Arithmetic::Add, literal("a"), literal("b")), Ok(Value::Text("ab")));
    check(&calculate_as(Arithmetic::Add, literal("a"), number(1.0)), Err(EvalError::WrongType));
    check(&Expr::ToText(Box::new(event("value"))), Ok(Value::Text("250")));
    check(&Expr::ToText(Box::new(truth(true))), Ok(Value::Text("true")));
}

#[test]
fn numbers_are_made_of_texts_that_are_numbers_only() {
    check(&Expr::ToNumber(Box::new(event("amount"))), Ok(Value::Number(12.7)));
    check(&Expr::ToWhole(Box::new(number(-2.7))), Ok(Value::Number(-2.0)));
    for expression in [
        Expr::ToNumber(Box::new(literal("inf"))),
        Expr::ToNumber(Box::new(literal("NaN"))),
        Expr::ToNumber(Box::new(literal("12 zł"))),
        Expr::ToWhole(Box::new(event("amount"))),
        Expr::ToWhole(Box::new(number(1e19))),
    ] {
        check(&expression, Err(EvalError::NotConvertible));
    }
    check(&Expr::ToNumber(Box::new(truth(true))), Err(EvalError::WrongType));
}

#[test]
fn the_contact_its_history_its_scores_and_levels_are_read_s59() {
    let level = |subject| Expr::Level(LevelRef { plan: None, subject });
    check(&Expr::EventType, Ok(Value::Text("page_viewed")));
    check(&Expr::ContactId, Ok(Value::Text("c1")));
    check(&Expr::TagCount, Ok(Value::Number(1.0)));
    check(&Expr::Count(FactRef(3), Span::days(7)), Ok(Value::Number(3.0)));
    check(&Expr::Ever(FactRef(0)), Ok(Value::Bool(false)));
    check(&Expr::Score(ScoreRef::Global), Ok(Value::Number(12.5)));
    check(&level(LevelSubject::Stage), Ok(Value::Text("lead")));
    check(&level(LevelSubject::Qualify), Ok(Value::Bool(true)));
}

#[test]
fn only_the_chosen_side_of_a_choice_is_evaluated() {
    let choose = |condition, then, otherwise| Expr::If(Box::new([condition, then, otherwise]));
    check(&choose(truth(true), number(1.0), missing()), Ok(Value::Number(1.0)));
    check(&choose(truth(false), missing(), number(2.0)), Ok(Value::Number(2.0)));
    check(&choose(missing(), number(1.0), number(2.0)), Err(EvalError::MissingField));
}

#[test]
fn conditions_must_be_truth_values_and_points_numbers_in_range_s9() {
    let scope = scope();
    assert_eq!(number(1.0).eval_bool(&scope), Err(EvalError::WrongType));
    assert_eq!(Expr::Not(Box::new(number(1.0))).eval_bool(&scope), Err(EvalError::WrongType));
    assert_eq!(Expr::Not(Box::new(truth(false))).eval_bool(&scope), Ok(true));
    assert_eq!(number(2.5).eval_points(&scope), Ok(Points::from_thousandths(2500)));
    assert_eq!(literal("2.5").eval_points(&scope), Err(EvalError::WrongType));
    assert_eq!(number(1_000_001.0).eval_points(&scope), Err(EvalError::TooManyPoints));
    assert_eq!(missing().eval_points(&scope), Err(EvalError::MissingField));
}

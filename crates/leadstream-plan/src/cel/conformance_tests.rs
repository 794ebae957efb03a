//! Conditions against the `cel` crate: what we parse it parses, and a condition means the same to both.
//!
//! Compared where the two languages agree by design: numbers are written with a point, since CEL's whole numbers are a type of their own and
//! ours are not (S8).

use std::collections::HashMap;

use leadstream_core::event::{Properties, Value};
use leadstream_core::expr::{Evaluated, Expr, FactRef, LevelRef, Scope, ScoreRef};
use leadstream_core::id::Name;
use leadstream_core::time::Span;
use proptest::prelude::*;

use super::{Checker, Facts, Place, parse};
use crate::catalogue::Catalogue;
use crate::compile::Environment;
use crate::sink::Sink;

/// Compiles a condition; nothing where it has mistakes.
fn compiled(text: &str) -> Option<Expr> {
    let mut environment = Environment {
        plan_id: "p".into(),
        has: crate::compile::Has::default(),
        horizon: Span::days(400),
        catalogue: Catalogue::new(&[], None),
        facts: Facts::default(),
        references: Vec::new(),
    };
    let mut found = Vec::new();
    let mut sink = Sink::new("p.yaml", text, &mut found);
    let node = parse(text).ok()?;
    let scalar = (&(0..text.len()), text);
    Checker { environment: &mut environment, sink: &mut sink, scalar, place: Place::Rule }
        .lower(&node)
        .map(|(expr, _)| expr)
}

struct EventOnly(Properties);

impl Scope for EventOnly {
    fn event(&self, property: Name) -> Option<Value<'_>> {
        self.0.get(property)
    }
    fn event_type(&self) -> Option<&str> {
        Some("page_viewed")
    }
    fn attribute(&self, _: Name) -> Option<Value<'_>> {
        None
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
    fn count(&self, _: FactRef, _: Span) -> u64 {
        0
    }
    fn ever(&self, _: FactRef) -> bool {
        false
    }
    fn score(&self, _: &ScoreRef) -> f64 {
        0.0
    }
    fn level(&self, _: &LevelRef) -> Value<'_> {
        Value::Null
    }
}

/// A result that both can have; all errors are one.
#[derive(Debug, PartialEq)]
enum Outcome {
    Bool(bool),
    Number(f64),
    Text(String),
    Other,
    Error,
}

fn ours(expr: &Expr, properties: &Properties) -> Outcome {
    match expr.eval(&EventOnly(properties.clone())) {
        Ok(Evaluated::Bool(value)) => Outcome::Bool(value),
        Ok(Evaluated::Number(value)) => Outcome::Number(value),
        Ok(Evaluated::Text(value)) => Outcome::Text(value.into_owned()),
        Ok(Evaluated::Null) => Outcome::Other,
        Err(_) => Outcome::Error,
    }
}

fn theirs(text: &str, properties: &Properties) -> Outcome {
    let program = cel::Program::compile(text).unwrap();
    let mut event: HashMap<String, cel::Value> = HashMap::new();
    for (_, name, value) in properties.iter() {
        let value = match value {
            Value::Bool(value) => cel::Value::Bool(value),
            Value::Number(value) => cel::Value::Float(value),
            Value::Text(value) => cel::Value::from(value),
            Value::Null => cel::Value::Null,
        };
        event.insert(name.to_owned(), value);
    }
    event.insert("type".to_owned(), cel::Value::from("page_viewed"));
    let contact = HashMap::from([
        ("id".to_owned(), cel::Value::from("c1")),
        ("tags".to_owned(), cel::Value::from(vec![cel::Value::from("vip")])),
    ]);
    let mut context = cel::Context::default();
    context.add_variable_from_value("event", event);
    context.add_variable_from_value("contact", contact);
    match program.execute(&context) {
        Ok(cel::Value::Bool(value)) => Outcome::Bool(value),
        Ok(cel::Value::Float(value)) if value.is_finite() => Outcome::Number(value),
        // S9: what is not finite is no value.
        Ok(cel::Value::Float(_)) => Outcome::Error,
        Ok(cel::Value::String(value)) => Outcome::Text(value.to_string()),
        Ok(_) => Outcome::Other,
        Err(_) => Outcome::Error,
    }
}

fn any_literal() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "1.0",
        "-2.5",
        "0.0",
        "3e2",
        "\"a\"",
        "'ab'",
        "\"Kraków\"",
        "r\"\\d\"",
        "\"\\u0105\\n\"",
        "true",
        "false",
    ])
    .prop_map(str::to_owned)
}

fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any_literal(),
        prop::sample::select(vec!["event.p", "event.q", "event[\"p\"]", "event.type", "contact.id"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["+", "-", "*"]), inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            // Never by zero: that is an infinity to the crate, and no value to us (S9).
            inner.clone().prop_map(|value| format!("({value} / 4.0)")),
            inner.clone().prop_map(|value| format!("-({value})")),
            (inner.clone(), inner).prop_map(|(then, other)| format!("(event.p == 1.0 ? {then} : {other})")),
        ]
    })
}

fn any_condition() -> impl Strategy<Value = String> {
    let comparison = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        (any_value(), comparison, any_value()).prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
        (any_value(), any_literal(), any_literal())
            .prop_map(|(value, one, other)| format!("{value} in [{one}, {other}]")),
        (any_value(), prop::sample::select(vec!["startsWith", "endsWith", "contains"]), any_value())
            .prop_map(|(value, test, argument)| format!("{value}.{test}({argument})")),
        prop::sample::select(vec![
            "has(event.p)",
            "has(event.q)",
            "\"vip\" in contact.tags",
            "event.q in contact.tags",
            "event.p"
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("{left} && {right}")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} || {right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("{left} || {right}")),
            inner.clone().prop_map(|condition| format!("!({condition})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(one, then, other)| format!("(({one}) ? {then} : {other})")),
        ]
    })
}

fn any_property() -> impl Strategy<Value = Option<String>> {
    prop::option::of(
        prop::sample::select(vec!["1", "2.5", "-0", "true", "a", "ab", "vip", "Kraków"]).prop_map(str::to_owned),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_condition_means_to_us_what_it_means_to_the_cel_crate(text in any_condition(), p in any_property(), q in any_property()) {
        let mut properties = Properties::new();
        for (name, value) in [("p", p), ("q", q)] {
            match value.as_deref() {
                None => {}
                Some("true") => properties.set(name, Value::Bool(true)),
                Some(value) => match value.parse() {
                    Ok(number) => properties.set(name, Value::Number(number)),
                    Err(_) => properties.set(name, Value::Text(value)),
                },
            }
        }
        prop_assert!(parse(&text).is_ok(), "we parse what CEL is: {text}");
        // What cannot have the right type is refused at load, where the crate would only fail later.
        if let Some(expr) = compiled(&text) {
            prop_assert_eq!(ours(&expr, &properties), theirs(&text, &properties), "{} with {:?}", text, properties);
        }
    }

    #[test]
    fn what_we_parse_the_cel_crate_parses_too(text in "[abrxu12.()\"'!&|=<>+*/%?:,\\[\\] -]{0,16}") {
        if parse(&text).is_ok() {
            prop_assert!(cel::Program::compile(&text).is_ok(), "{}", text);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,40}", tail in "[a-z.(\"'\\\\ux0-9]{0,12}") {
        let _ = parse(&text);
        let _ = parse(&tail);
    }
}

#[test]
fn nothing_nests_or_chains_deep_enough_to_exhaust_the_stack() {
    for text in [
        "(".repeat(5_000),
        "!".repeat(5_000),
        "-".repeat(5_000),
        "[".repeat(5_000),
        "a?".repeat(5_000),
        "{".repeat(5_000),
    ] {
        assert!(parse(&text).is_err());
    }
    assert!(parse(&vec!["1.0"; 5_000].join(" + ")).is_err());
    assert!(parse(&format!("a{}", ".b".repeat(5_000))).is_err());
    assert!(parse(&format!("a{}", "[1]".repeat(5_000))).is_err());
    // Alternatives are one level, however many there are.
    assert!(parse(&vec!["event.p == 1.0"; 300].join(" || ")).is_ok());
}

//! Tests of the set and its index: each kind of guard by example, and the law of the index against evaluating every rule.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::event::{Properties, Term, Value};
use crate::expr::{Comparison, Expr, FactRef, LevelRef, Literal, Scope, ScoreRef, TextTest};
use crate::id::{Name, PlanVersion};
use crate::plan::Rule;
use crate::points::Points;
use crate::time::Span;

fn rule(id: &str, trigger: Trigger, when: Option<Expr>) -> Rule {
    Rule { when, ..Rule::new("p", id, trigger, Points::whole(1)) }
}

fn on(types: &[&str], when: Option<Expr>) -> Rule {
    rule("r", Trigger::Event(types.iter().map(|name| Term::new(name)).collect()), when)
}

fn plan(id: &str, rules: Vec<Rule>) -> Plan {
    Plan::new(id, PlanVersion::of(id), rules)
}

fn event(event_type: &str, properties: &[(&str, Value<'_>)]) -> Event {
    let mut event = Event { event_type: Term::new(event_type), ..Event::default() };
    properties.iter().for_each(|(name, value)| event.properties.set(name, *value));
    event
}

fn found(set: &PlanSet, event: &Event) -> Vec<(u16, u32)> {
    let mut candidates = vec![Candidate { plan: 9, rule: 9 }];
    set.candidates(event, &mut candidates);
    candidates.iter().map(|candidate| (candidate.plan, candidate.rule)).collect()
}

fn text(value: &str) -> Literal {
    Literal::Text(Arc::from(value))
}
fn equals(property: &str, literal: Literal) -> Expr {
    Expr::Compare(Comparison::Equal, Box::new([Expr::Event(Name::of(property)), Expr::Literal(literal)]))
}
fn starts(property: &str, prefix: &str) -> Expr {
    Expr::Text(TextTest::StartsWith, Box::new([Expr::Event(Name::of(property)), Expr::Literal(text(prefix))]))
}
fn within(property: &str, literals: Vec<Literal>) -> Expr {
    Expr::InList(Box::new(Expr::Event(Name::of(property))), Arc::from(literals))
}

#[test]
fn plans_are_in_the_order_of_their_ids_and_rules_in_file_order_s7() {
    let set = PlanSet::new(vec![
        plan("b", vec![on(&["page_viewed"], None)]),
        plan("a", vec![on(&["page_viewed"], Some(starts("path", "/"))), on(&["page_viewed"], None)]),
    ]);
    assert_eq!(set.plans().iter().map(|plan| plan.id.as_ref()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((set.position("b"), set.position("c")), (Some(1), None));
    assert_eq!(found(&set, &event("page_viewed", &[("path", Value::Text("/x"))])), [(0, 0), (0, 1), (1, 0)]);
}

#[test]
fn idle_rules_are_listed_and_are_no_candidates_s14() {
    let idle = Trigger::Idle { idle: Span::days(30), every: None, times: 1 };
    let set = PlanSet::new(vec![plan("a", vec![on(&["x", "x"], None), rule("away", idle, None)])]);
    assert_eq!(set.idle_rules(0), [1]);
    assert_eq!(set.idle_rules(7), [0u32; 0]);
    assert_eq!(found(&set, &event("x", &[])), [(0, 0)]);
    assert_eq!(found(&set, &event("y", &[])), []);
}

#[test]
fn a_rule_is_met_only_where_its_guard_holds() {
    let set = PlanSet::new(vec![plan(
        "a",
        vec![
            on(&["x"], Some(equals("email_id", text("e1")))),
            on(&["x"], Some(within("value", vec![Literal::Number(1.0), Literal::Number(0.0), Literal::Number(1.0)]))),
            on(&["x"], Some(starts("path", "/shoes/"))),
            on(&["x"], Some(Expr::Or(Arc::from([equals("a", Literal::Bool(true)), starts("path", "/s")])))),
            on(&["x"], Some(Expr::Or(Arc::from([equals("a", Literal::Bool(true)), Expr::HasContact(Name::of("b"))])))),
            on(&["x"], Some(within("value", Vec::new()))),
        ],
    )]);
    assert_eq!(found(&set, &event("x", &[])), [(0, 4)]);
    assert_eq!(found(&set, &event("x", &[("email_id", Value::Text("e1"))])), [(0, 0), (0, 4)]);
    assert_eq!(
        found(&set, &event("x", &[("email_id", Value::Text("e2")), ("a", Value::Bool(true))])),
        [(0, 3), (0, 4)]
    );
    assert_eq!(found(&set, &event("x", &[("value", Value::Number(-0.0))])), [(0, 1), (0, 4)]);
    let both =
        event("x", &[("path", Value::Text("/shoes/1")), ("a", Value::Bool(true)), ("value", Value::Number(1.0))]);
    assert_eq!(found(&set, &both), [(0, 1), (0, 2), (0, 3), (0, 4)]);
}

#[test]
fn the_guard_that_fewest_rules_share_is_taken() {
    let both = |path: &str| Expr::And(Arc::from([equals("category", text("shoes")), starts("path", path)]));
    let rules = (0..100).map(|number| on(&["x"], Some(both(&format!("/shoes/{number}/"))))).collect();
    let set = PlanSet::new(vec![plan("a", rules)]);
    let event = event("x", &[("category", Value::Text("shoes")), ("path", Value::Text("/shoes/42/red"))]);
    assert_eq!(found(&set, &event), [(0, 42)]);
}

/// A scope of nothing but an event.
struct EventOnly<'a>(&'a Properties);

impl Scope for EventOnly<'_> {
    fn event(&self, property: Name) -> Option<Value<'_>> {
        self.0.get(property)
    }
    fn event_type(&self) -> Option<&str> {
        None
    }
    fn attribute(&self, _: Name) -> Option<Value<'_>> {
        None
    }
    fn contact_id(&self) -> &str {
        ""
    }
    fn has_tag(&self, _: &str) -> bool {
        false
    }
    fn tag_count(&self) -> usize {
        0
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

fn any_literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        prop_oneof![Just(0.0), Just(-0.0), Just(1.0), Just(2.5)].prop_map(Literal::Number),
        "[ab]{0,3}".prop_map(|value| text(&value)),
    ]
}

fn any_condition() -> impl Strategy<Value = Expr> {
    let property = || prop_oneof![Just("p"), Just("q")];
    let leaf = prop_oneof![
        (property(), any_literal()).prop_map(|(property, literal)| equals(property, literal)),
        (property(), prop::collection::vec(any_literal(), 0..3)).prop_map(|(property, list)| within(property, list)),
        (property(), "[ab]{0,3}").prop_map(|(property, prefix)| starts(property, &prefix)),
        property().prop_map(|property| Expr::HasEvent(Name::of(property))),
        any::<bool>().prop_map(|value| Expr::Literal(Literal::Bool(value))),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| Expr::And(Arc::from(parts))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| Expr::Or(Arc::from(parts))),
            inner.prop_map(|part| Expr::Not(Box::new(part))),
        ]
    })
}

proptest! {
    #[test]
    fn every_rule_whose_type_matches_and_whose_condition_is_true_is_a_candidate(
        rules in prop::collection::vec((prop::option::of(any_condition()), any::<bool>()), 0..20),
        values in (prop::option::of(any_literal()), prop::option::of(any_literal()), any::<bool>()),
    ) {
        let compiled = rules.into_iter().map(|(when, other)| on(if other { &["y", "x"] } else { &["x"] }, when)).collect();
        let set = PlanSet::new(vec![plan("a", compiled)]);
        let mut event = event(if values.2 { "x" } else { "y" }, &[("r", Value::Null), ("s", Value::Null)]);
        for (name, literal) in [("p", &values.0), ("q", &values.1)] {
            if let Some(literal) = literal {
                event.properties.set(name, literal.value());
            }
        }
        let candidates = found(&set, &event);
        prop_assert!(candidates.windows(2).all(|pair| pair[0] < pair[1]), "in order, each once: {candidates:?}");
        let scope = EventOnly(&event.properties);
        for (place, rule) in (0u32..).zip(&set.plans()[0].rules) {
            let Trigger::Event(types) = &rule.trigger else { continue };
            let matches = types.iter().any(|term| term.name() == event.event_type.name());
            let fires = matches && rule.when.as_ref().is_none_or(|when| when.eval_bool(&scope) == Ok(true));
            prop_assert!(!fires || candidates.contains(&(0, place)), "{:?} was missed", rule.when);
            prop_assert!(matches || !candidates.contains(&(0, place)), "another type was met");
        }
    }
}
